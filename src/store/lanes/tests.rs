use super::{CHUNK_BYTES, LARGE_BYTES, digests};
use proptest::prelude::*;

fn message(seed: usize, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 31 + index / 251 + seed * 7) as u8).collect()
}

fn assert_like_the_crate(lengths: &[usize]) {
    let messages: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(seed, bytes)| message(seed, *bytes)).collect();
    let digests = digests(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(digests.len(), messages.len());
    for (message, digest) in messages.iter().zip(digests) {
        assert_eq!(blake3::Hash::from_bytes(digest), blake3::hash(message), "a message of {} bytes", message.len());
    }
}

#[test]
fn every_length_around_the_ends_of_blocks_and_chunks() {
    if super::Vectors::detect().is_none() {
        eprintln!("this processor hashes one message at a time: only that is tested");
    }
    assert_like_the_crate(&[]);
    assert_like_the_crate(&[5]);
    assert_like_the_crate(&(0..3 * CHUNK_BYTES).collect::<Vec<_>>());
    let around = |chunks: usize| (chunks * CHUNK_BYTES - 2)..(chunks * CHUNK_BYTES + 3);
    assert_like_the_crate(&(1..20).flat_map(around).collect::<Vec<_>>());
    // Trees of every shape, each with only one other message beside it.
    (1..=LARGE_BYTES / CHUNK_BYTES).for_each(|chunks| assert_like_the_crate(&[chunks * CHUNK_BYTES - 1, 0]));
}

proptest! {
    #[test]
    fn messages_of_any_lengths_together(
        lengths in prop::collection::vec(prop_oneof![0usize..200, 0usize..5_000, 0usize..2 * LARGE_BYTES], 0..40)
    ) {
        assert_like_the_crate(&lengths);
    }
}
