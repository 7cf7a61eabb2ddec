use super::{BLOCK_BYTES, LANES, Lanes};
use crate::package::integrity::Integrity;
use proptest::prelude::*;

/// Says what is not tested where the processor lacks the instructions.
fn lanes() -> Option<Lanes> {
    let lanes = Lanes::detect();
    if lanes.is_none() {
        eprintln!("this processor hashes one message at a time: nothing to test");
    }
    lanes
}

fn message(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

fn assert_like_ring(lanes: Lanes, messages: &[Vec<u8>]) {
    let digests = lanes.digests(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>(), &[]).0;
    assert_eq!(digests.len(), messages.len());
    for (message, digest) in messages.iter().zip(digests) {
        assert_eq!(Integrity::of_sha512(&digest), Integrity::of(message), "a message of {} bytes", message.len());
    }
}

#[test]
fn every_length_around_the_ends_of_blocks() {
    let Some(lanes) = lanes() else { return };
    for bytes in 0..4 * BLOCK_BYTES {
        assert_like_ring(lanes, &[message(bytes as u64, bytes)]);
    }
    let all: Vec<Vec<u8>> = (0..4 * BLOCK_BYTES).map(|bytes| message(bytes as u64, bytes)).collect();
    assert_like_ring(lanes, &all);
    assert_like_ring(lanes, &[]);
}

proptest! {
    #[test]
    fn messages_of_any_lengths_together(lengths in prop::collection::vec(prop_oneof![0usize..600, 0usize..40_000], 0..3 * LANES)) {
        if let Some(lanes) = lanes() {
            let messages: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(seed, bytes)| message(seed as u64, *bytes)).collect();
            assert_like_ring(lanes, &messages);
        }
    }
}
