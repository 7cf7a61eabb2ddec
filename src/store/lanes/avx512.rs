//! The compression function of BLAKE3 for sixteen runs, with the 512-bit vectors of AVX-512.

use super::{BLOCK_BYTES, Chain, LANES, Run, START};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32 as add, _mm512_cmpeq_epi32_mask as equal, _mm512_cmpgt_epi32_mask as greater, _mm512_loadu_si512,
    _mm512_mask_mov_epi32, _mm512_mask_xor_epi32, _mm512_maskz_mov_epi32, _mm512_or_si512, _mm512_ror_epi32 as rotate, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64, _mm512_xor_si512 as xor,
};

/// Proof that the processor has the instructions: only [`Vectors::detect`] makes one.
#[derive(Clone, Copy)]
pub(super) struct Vectors(());

impl Vectors {
    pub(super) fn detect() -> Option<Vectors> {
        is_x86_feature_detected!("avx512f").then_some(Vectors(()))
    }

    /// Returns what each run comes to.
    pub(super) fn compress(self, runs: &[&Run<'_>; LANES]) -> [Chain; LANES] {
        // SAFETY: this value proves that the processor has what the function is compiled for.
        unsafe { compress(runs) }
    }
}

/// The order in which each of the seven rounds takes the words of a block: that of the round before, permuted (table 2).
const ORDERS: [[usize; 16]; 7] = {
    let permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
    let mut orders = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]; 7];
    let mut round = 1;
    while round < 7 {
        let mut word = 0;
        while word < 16 {
            orders[round][word] = orders[round - 1][permutation[word]];
            word += 1;
        }
        round += 1;
    }
    orders
};

#[target_feature(enable = "avx512f")]
fn compress(runs: &[&Run<'_>; LANES]) -> [Chain; LANES] {
    let of_each = |value: fn(&Run<'_>) -> u32| vector(&std::array::from_fn(|lane| value(runs[lane])));
    let counts = of_each(|run| run.blocks.len() as u32 + 1);
    let (first_flags, last_flags) = (of_each(|run| run.flags.0), of_each(|run| run.flags.1));
    let (last_bytes, counters) = (of_each(|run| run.last_bytes), of_each(|run| run.counter));
    let mut chain = START.map(|word| all(word));
    for index in 0..=runs.iter().map(|run| run.blocks.len()).max().unwrap_or(0) {
        let number = all(index as u32);
        let is_last = equal(counts, all(index as u32 + 1));
        let flags = if index == 0 { first_flags } else { _mm512_setzero_si512() };
        let flags = _mm512_or_si512(flags, _mm512_maskz_mov_epi32(is_last, last_flags));
        let bytes = _mm512_mask_mov_epi32(all(BLOCK_BYTES as u32), is_last, last_bytes);
        let words = words(runs.map(|run| run.blocks.get(index).unwrap_or(&run.last)));
        let [a, b, c, d, ..] = START.map(|word| all(word));
        let [e, f, g, h, i, j, k, l] = chain;
        let state = rounds([e, f, g, h, i, j, k, l, a, b, c, d, counters, _mm512_setzero_si512(), bytes, flags], &words);
        // A run that has ended stays as it is.
        let goes_on = greater(counts, number);
        for (word, value) in chain.iter_mut().enumerate() {
            *value = _mm512_mask_xor_epi32(*value, goes_on, state[word], state[word + 8]);
        }
    }
    let chain = chain.map(|vector| lanes(vector));
    std::array::from_fn(|lane| std::array::from_fn(|word| chain[word][lane]))
}

/// Mixes the words of a block into the state (§2.2).
#[inline]
#[target_feature(enable = "avx512f")]
fn rounds(mut state: [__m512i; 16], words: &[__m512i; 16]) -> [__m512i; 16] {
    macro_rules! mix {
        ($a:literal $b:literal $c:literal $d:literal, $one:expr, $two:expr) => {
            state[$a] = add(add(state[$a], state[$b]), words[$one]);
            state[$d] = rotate::<16>(xor(state[$d], state[$a]));
            state[$c] = add(state[$c], state[$d]);
            state[$b] = rotate::<12>(xor(state[$b], state[$c]));
            state[$a] = add(add(state[$a], state[$b]), words[$two]);
            state[$d] = rotate::<8>(xor(state[$d], state[$a]));
            state[$c] = add(state[$c], state[$d]);
            state[$b] = rotate::<7>(xor(state[$b], state[$c]));
        };
    }
    for order in &ORDERS {
        mix!(0 4 8 12, order[0], order[1]);
        mix!(1 5 9 13, order[2], order[3]);
        mix!(2 6 10 14, order[4], order[5]);
        mix!(3 7 11 15, order[6], order[7]);
        mix!(0 5 10 15, order[8], order[9]);
        mix!(1 6 11 12, order[10], order[11]);
        mix!(2 7 8 13, order[12], order[13]);
        mix!(3 4 9 14, order[14], order[15]);
    }
    state
}

/// Reads the sixteen words of a block of each run; each vector has the same word of all of them.
#[inline]
#[target_feature(enable = "avx512f")]
fn words(blocks: [&[u8; BLOCK_BYTES]; LANES]) -> [__m512i; 16] {
    let rows = blocks.map(|block| load(block));
    // Words, then pairs of them, then fours and eights change places between neighbours, each a step further apart.
    let mut pairs = rows;
    for row in (0..16).step_by(2) {
        pairs[row] = _mm512_unpacklo_epi32(rows[row], rows[row + 1]);
        pairs[row + 1] = _mm512_unpackhi_epi32(rows[row], rows[row + 1]);
    }
    let mut fours = pairs;
    for row in (0..16).step_by(4) {
        fours[row] = _mm512_unpacklo_epi64(pairs[row], pairs[row + 2]);
        fours[row + 1] = _mm512_unpackhi_epi64(pairs[row], pairs[row + 2]);
        fours[row + 2] = _mm512_unpacklo_epi64(pairs[row + 1], pairs[row + 3]);
        fours[row + 3] = _mm512_unpackhi_epi64(pairs[row + 1], pairs[row + 3]);
    }
    let mut eights = fours;
    for row in [0, 1, 2, 3, 8, 9, 10, 11] {
        eights[row] = _mm512_shuffle_i32x4::<0b10_00_10_00>(fours[row], fours[row + 4]);
        eights[row + 4] = _mm512_shuffle_i32x4::<0b11_01_11_01>(fours[row], fours[row + 4]);
    }
    let mut words = eights;
    for row in 0..8 {
        words[row] = _mm512_shuffle_i32x4::<0b10_00_10_00>(eights[row], eights[row + 8]);
        words[row + 8] = _mm512_shuffle_i32x4::<0b11_01_11_01>(eights[row], eights[row + 8]);
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &[u8; BLOCK_BYTES]) -> __m512i {
    // SAFETY: the pointer is to 64 bytes that may be read, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn vector(words: &[u32; LANES]) -> __m512i {
    // SAFETY: the pointer is to 64 bytes that may be read, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(vector: __m512i) -> [u32; LANES] {
    let mut words = [0; LANES];
    // SAFETY: the pointer is to 64 bytes that may be written, and the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
    words
}
