//! SHA-512 of several messages at once, one in each lane of vector registers.
//!
//! The rounds of one message wait for each other, so a processor that could do more stands idle. Messages do not: four side
//! by side take little longer than one. This pays from the second message on, and only where the processor rotates the words
//! of a vector in one step (AVX-512). Elsewhere nothing is gained; where processors have instructions for SHA-512 itself,
//! `ring` uses them.
//!
//! The names are those of FIPS 180-4: a message is padded to blocks, and each block turns one chaining value into the next.

#[cfg_attr(target_arch = "x86_64", path = "lanes/avx512.rs")]
#[cfg_attr(not(target_arch = "x86_64"), path = "lanes/absent.rs")]
mod vectors;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use vectors::Vectors;

/// How many messages are hashed side by side.
pub(super) const LANES: usize = 4;
/// The size of a block.
pub(super) const BLOCK_BYTES: usize = 128;
/// Where the length of the message stands in its last block.
const LENGTH_AT: usize = BLOCK_BYTES - size_of::<u128>();

/// What the blocks of a message so far have come to.
pub(super) type Chain = [u64; 8];

/// The chaining value before the first block (§5.3.5).
pub(super) const START: Chain = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// A processor that can do this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(Vectors);

/// Blocks of one message.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// What those before them came to.
    pub(super) chain: Chain,
    /// The blocks that are to be hashed, all of them whole.
    pub(super) blocks: &'a [u8],
}

impl Lanes {
    /// Finds out whether this processor can. The answer is remembered, but on a virtual machine the first question takes
    /// some tens of microseconds.
    pub(super) fn detect() -> Option<Lanes> {
        Vectors::detect().map(Lanes)
    }

    /// Returns the SHA-512 of each message, and what each of the parts comes to that are hashed beside them.
    pub(super) fn digests(self, messages: &[&[u8]], others: &[Part<'_>]) -> (Vec<[u8; 64]>, Vec<Chain>) {
        let split = |message: &[u8]| message.len() - message.len() % BLOCK_BYTES;
        let beginnings = messages.iter().map(|message| Part { chain: START, blocks: &message[..split(message)] });
        let mut chains = self.advance(others.iter().copied().chain(beginnings).collect());
        let ends: Vec<Vec<u8>> = messages.iter().map(|message| padded(&message[split(message)..], message.len() as u64)).collect();
        let ends = ends.iter().zip(chains.drain(others.len()..)).map(|(end, chain)| Part { chain, blocks: end });
        (self.advance(ends.collect()).iter().map(digest).collect(), chains)
    }

    /// Returns what all blocks of each part come to.
    fn advance(self, mut parts: Vec<Part<'_>>) -> Vec<Chain> {
        let mut waiting: Vec<&mut Part<'_>> = parts.iter_mut().filter(|part| part.blocks.len() >= BLOCK_BYTES).collect();
        // With the longest first, no lane is left alone for long at the end.
        waiting.sort_unstable_by_key(|part| Reverse(part.blocks.len()));
        let mut waiting = waiting.into_iter();
        let mut running: Vec<&mut Part<'_>> = waiting.by_ref().take(LANES).collect();
        while let Some(shortest) = running.iter().map(|part| part.blocks.len() / BLOCK_BYTES).min() {
            if let [alone] = running.as_mut_slice() {
                sha2::block_api::compress512(&mut alone.chain, alone.blocks.as_chunks().0);
                break;
            }
            self.step(&mut running, shortest * BLOCK_BYTES);
            running.retain(|part| part.blocks.len() >= BLOCK_BYTES);
            running.extend(waiting.by_ref().take(LANES - running.len()));
        }
        parts.iter().map(|part| part.chain).collect()
    }

    /// Hashes so many bytes of each of up to [`LANES`] parts.
    fn step(self, running: &mut [&mut Part<'_>], bytes: usize) {
        // Lanes without a message of their own do what the first one does, for nobody.
        let lane = |index: usize| running.get(index).unwrap_or(&running[0]);
        let mut chains: [Chain; LANES] = std::array::from_fn(|index| lane(index).chain);
        let blocks: [&[u8]; LANES] = std::array::from_fn(|index| &lane(index).blocks[..bytes]);
        self.0.compress(&mut chains, blocks);
        for (part, chain) in running.iter_mut().zip(chains) {
            part.chain = chain;
            part.blocks = &part.blocks[bytes..];
        }
    }
}

/// Returns the end of a message with what belongs behind it: a one bit, zeros, and its length in bits (§5.1.2).
pub(super) fn padded(end: &[u8], message_bytes: u64) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(end.len() + 2 * BLOCK_BYTES);
    blocks.extend_from_slice(end);
    blocks.push(0x80);
    let zeros = (LENGTH_AT + BLOCK_BYTES - blocks.len() % BLOCK_BYTES) % BLOCK_BYTES;
    blocks.resize(blocks.len() + zeros, 0);
    blocks.extend((u128::from(message_bytes) * 8).to_be_bytes());
    blocks
}

/// Returns what the chaining value behind the last block stands for.
pub(super) fn digest(chain: &Chain) -> [u8; 64] {
    let mut digest = [0; 64];
    for (bytes, word) in digest.chunks_exact_mut(8).zip(chain) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}
