//! BLAKE3 of several messages at once, with a chunk of any of them in each lane of vector registers.
//!
//! BLAKE3 cuts a message into chunks of one kibibyte, hashes each by itself, and joins what they come to in a binary tree.
//! The `blake3` crate fills the lanes of the processor with the chunks of one message. Most files of packages have only a
//! few, and most lanes stand idle. A package has many files, and their chunks can share the lanes: that is four times as
//! fast, where the processor has vectors of sixteen words that it can rotate (AVX-512).
//!
//! The names are those of the paper, "BLAKE3: one function, fast everywhere", whose sections are given: a chunk is made of
//! blocks, each of which turns one chaining value into the next, and a parent is one block of two chaining values.

#[cfg_attr(target_arch = "x86_64", path = "lanes/avx512.rs")]
#[cfg_attr(not(target_arch = "x86_64"), path = "lanes/absent.rs")]
mod vectors;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::ops::Range;
use vectors::Vectors;

/// How many chunks are hashed side by side.
const LANES: usize = 16;
/// The size of a block.
const BLOCK_BYTES: usize = 64;
/// The size of all chunks of a message but the last.
const CHUNK_BYTES: usize = 1024;
/// A message of this size fills the lanes alone, all but a few times, and the code of the crate for that is faster.
const LARGE_BYTES: usize = 4 * LANES * CHUNK_BYTES;

/// What the blocks so far have come to.
type Chain = [u32; 8];

/// The chaining value before the first block (table 1).
const START: Chain = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// What a block is for (table 3).
mod flag {
    pub const CHUNK_START: u32 = 1;
    pub const CHUNK_END: u32 = 1 << 1;
    pub const PARENT: u32 = 1 << 2;
    pub const ROOT: u32 = 1 << 3;
}

/// Blocks that are hashed one after the other: those of a chunk, or the one of a parent.
struct Run<'a> {
    /// All but the last.
    blocks: &'a [[u8; BLOCK_BYTES]],
    /// The last, with zeros behind its end.
    last: [u8; BLOCK_BYTES],
    /// How much of the last there is.
    last_bytes: u32,
    /// The number of the chunk in its message.
    counter: u32,
    /// The flags of the first block and those of the last, which are both those of a block that is alone.
    flags: (u32, u32),
    /// The number under which the outcome is asked for.
    outcome: usize,
}

/// Returns the BLAKE3 of each message.
pub(super) fn digests(messages: &[&[u8]]) -> Vec<[u8; 32]> {
    let alone = |message: &[u8]| *blake3::hash(message).as_bytes();
    let is_small = |message: &&[u8]| message.len() < LARGE_BYTES;
    let small_bytes: usize = messages.iter().copied().filter(is_small).map(|message| message.len().max(CHUNK_BYTES)).sum();
    // A chunk that is alone takes as long in a lane as sixteen do.
    let Some(vectors) = Vectors::detect().filter(|_| small_bytes > CHUNK_BYTES) else {
        return messages.iter().map(|message| alone(message)).collect();
    };
    let mut roots = roots(vectors, messages.iter().copied().filter(is_small)).into_iter();
    let mut digest = |message: &[u8]| match is_small(&message) {
        true => roots.next().as_ref().map_or_else(|| alone(message), bytes),
        false => alone(message),
    };
    messages.iter().map(|message| digest(message)).collect()
}

/// Returns what the root of each message comes to (§2.1).
fn roots<'a>(vectors: Vectors, messages: impl Iterator<Item = &'a [u8]>) -> Vec<Chain> {
    let (mut runs, mut trees) = (Vec::new(), Vec::new());
    for message in messages {
        let first = runs.len();
        put_chunks(message, &mut runs);
        trees.push(first..runs.len());
    }
    let mut chains = vec![START; runs.len()];
    // Lanes that begin together end together.
    runs.sort_by_key(|run| Reverse(run.blocks.len()));
    carry_out(vectors, &runs, &mut chains);
    // Each step joins neighbours; one that has none joins on a higher level. What a tree has come to stands at its front.
    let mut open: Vec<Range<usize>> = trees.iter().filter(|tree| tree.len() > 1).cloned().collect();
    while !open.is_empty() {
        let parents: Vec<Run<'_>> = open.iter().flat_map(|tree| parents(tree, &chains)).collect();
        let left_over: Vec<(usize, Chain)> = open.iter().filter_map(|tree| Some((left_over(tree)?, chains[tree.end - 1]))).collect();
        carry_out(vectors, &parents, &mut chains);
        left_over.into_iter().for_each(|(place, chain)| chains[place] = chain);
        open.iter_mut().for_each(|tree| tree.end = tree.start + tree.len().div_ceil(2));
        open.retain(|tree| tree.len() > 1);
    }
    trees.iter().map(|tree| chains[tree.start]).collect()
}

fn put_chunks<'a>(message: &'a [u8], runs: &mut Vec<Run<'a>>) {
    let is_alone = message.len() <= CHUNK_BYTES;
    let mut put = |counter: u32, chunk: &'a [u8]| {
        let (blocks, _) = chunk[..chunk.len().saturating_sub(1)].as_chunks();
        let end = &chunk[blocks.len() * BLOCK_BYTES..];
        let mut last = [0; BLOCK_BYTES];
        last[..end.len()].copy_from_slice(end);
        let flags = (flag::CHUNK_START, flag::CHUNK_END | if is_alone { flag::ROOT } else { 0 });
        runs.push(Run { blocks, last, last_bytes: end.len() as u32, counter, flags, outcome: runs.len() });
    };
    if message.is_empty() {
        put(0, message);
    }
    (0..).zip(message.chunks(CHUNK_BYTES)).for_each(|(counter, chunk)| put(counter, chunk));
}

/// Returns the parents of pairs of neighbours.
fn parents(tree: &Range<usize>, chains: &[Chain]) -> impl Iterator<Item = Run<'static>> {
    let (first, flags) = (tree.start, (flag::PARENT, if tree.len() == 2 { flag::ROOT } else { 0 }));
    chains[tree.clone()].as_chunks::<2>().0.iter().enumerate().map(move |(index, [left, right])| {
        let mut last = [0; BLOCK_BYTES];
        let (front, back) = last.split_at_mut(BLOCK_BYTES / 2);
        front.copy_from_slice(&bytes(left));
        back.copy_from_slice(&bytes(right));
        Run { blocks: &[], last, last_bytes: BLOCK_BYTES as u32, counter: 0, flags, outcome: first + index }
    })
}

/// Returns where the last goes on the next level when it has no neighbour.
fn left_over(tree: &Range<usize>) -> Option<usize> {
    (tree.len() % 2 == 1).then_some(tree.start + tree.len() / 2)
}

fn carry_out(vectors: Vectors, runs: &[Run<'_>], chains: &mut [Chain]) {
    for together in runs.chunks(LANES) {
        // Lanes without a run of their own do what the first one does, for nobody.
        let outcomes = vectors.compress(&std::array::from_fn(|lane| together.get(lane).unwrap_or(&together[0])));
        for (run, chain) in together.iter().zip(outcomes) {
            chains[run.outcome] = chain;
        }
    }
}

/// Returns a chaining value as bytes.
fn bytes(chain: &Chain) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(chain) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
