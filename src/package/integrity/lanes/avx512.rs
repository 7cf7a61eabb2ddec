//! The rounds of SHA-512 for four messages, with the 256-bit vectors of AVX-512.
//!
//! Wider vectors would hold eight messages and take 1.6 times as long, which pays only when there are more than six.

use super::{BLOCK_BYTES, Chain, LANES};
use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_loadu_si256, _mm256_permute2x128_si256, _mm256_ror_epi64 as rotate, _mm256_set_epi8,
    _mm256_set_epi64x, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi64 as shift, _mm256_storeu_si256,
    _mm256_ternarylogic_epi64, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64,
};

/// Proof that the processor has the instructions: only [`Vectors::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vectors(());

impl Vectors {
    pub(super) fn detect() -> Option<Vectors> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx2"))
            .then_some(Vectors(()))
    }

    /// Advances each chaining value by the blocks beside it, of which each has as many.
    pub(super) fn compress(self, chains: &mut [Chain; LANES], blocks: [&[u8]; LANES]) {
        // SAFETY: this value proves that the processor has what the function is compiled for.
        unsafe { compress(chains, blocks) }
    }
}

/// The constants of the 80 rounds: the first bits of the cube roots of the first 80 primes, behind the point (§4.2.3).
#[rustfmt::skip]
const ROUNDS: [u64; 80] = [
    0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
];

/// For three inputs, the truth tables of their sum without carry, of the choice that the first makes between the others, and
/// of their majority.
const PARITY: i32 = 0x96;
const CHOICE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

macro_rules! sum {
    ($first:expr $(, $more:expr)+) => {{
        let sum = $first;
        $(let sum = _mm256_add_epi64(sum, $more);)+
        sum
    }};
}

#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn compress(chains: &mut [Chain; LANES], blocks: [&[u8]; LANES]) {
    let mut state: [__m256i; 8] = std::array::from_fn(|word| vector(std::array::from_fn(|lane| chains[lane][word])));
    let [mut first, mut second, mut third, mut fourth] = blocks.map(|blocks| blocks.as_chunks().0.iter());
    while let (Some(first), Some(second), Some(third), Some(fourth)) = (first.next(), second.next(), third.next(), fourth.next()) {
        block(&mut state, [first, second, third, fourth]);
    }
    for (word, vector) in state.into_iter().enumerate() {
        for (chain, value) in chains.iter_mut().zip(words(vector)) {
            chain[word] = value;
        }
    }
}

/// Hashes one block of each message (§6.4.2).
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn block(state: &mut [__m256i; 8], blocks: [&[u8; BLOCK_BYTES]; LANES]) {
    let mut schedule = schedule(blocks);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (sixteen, constants) in ROUNDS.chunks_exact(16).enumerate() {
        for (index, constant) in constants.iter().enumerate() {
            if sixteen > 0 {
                let (fifteen_ago, two_ago) = (schedule[(index + 1) % 16], schedule[(index + 14) % 16]);
                schedule[index] = sum!(
                    schedule[index],
                    parity(rotate::<1>(fifteen_ago), rotate::<8>(fifteen_ago), shift::<7>(fifteen_ago)),
                    schedule[(index + 9) % 16],
                    parity(rotate::<19>(two_ago), rotate::<61>(two_ago), shift::<6>(two_ago))
                );
            }
            let constant = _mm256_set1_epi64x(constant.cast_signed());
            let choice = _mm256_ternarylogic_epi64::<CHOICE>(e, f, g);
            let majority = _mm256_ternarylogic_epi64::<MAJORITY>(a, b, c);
            let one = sum!(h, constant, schedule[index], choice, parity(rotate::<14>(e), rotate::<18>(e), rotate::<41>(e)));
            let two = sum!(majority, parity(rotate::<28>(a), rotate::<34>(a), rotate::<39>(a)));
            (h, g, f, e, d, c, b, a) = (g, f, e, sum!(d, one), c, b, a, sum!(one, two));
        }
    }
    for (word, change) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = sum!(*word, change);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn parity(first: __m256i, second: __m256i, third: __m256i) -> __m256i {
    _mm256_ternarylogic_epi64::<PARITY>(first, second, third)
}

/// Reads the sixteen words of a block of each message; each vector has the same word of all messages.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn schedule(blocks: [&[u8; BLOCK_BYTES]; LANES]) -> [__m256i; 16] {
    // The words are big endian.
    let reversed =
        _mm256_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    let mut schedule = [_mm256_setzero_si256(); 16];
    for quarter in 0..4 {
        let first = _mm256_shuffle_epi8(load(blocks[0], quarter), reversed);
        let second = _mm256_shuffle_epi8(load(blocks[1], quarter), reversed);
        let third = _mm256_shuffle_epi8(load(blocks[2], quarter), reversed);
        let fourth = _mm256_shuffle_epi8(load(blocks[3], quarter), reversed);
        let (even, odd) = (_mm256_unpacklo_epi64(first, second), _mm256_unpackhi_epi64(first, second));
        let (more_even, more_odd) = (_mm256_unpacklo_epi64(third, fourth), _mm256_unpackhi_epi64(third, fourth));
        schedule[4 * quarter] = _mm256_permute2x128_si256::<0x20>(even, more_even);
        schedule[4 * quarter + 1] = _mm256_permute2x128_si256::<0x20>(odd, more_odd);
        schedule[4 * quarter + 2] = _mm256_permute2x128_si256::<0x31>(even, more_even);
        schedule[4 * quarter + 3] = _mm256_permute2x128_si256::<0x31>(odd, more_odd);
    }
    schedule
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &[u8; BLOCK_BYTES], quarter: usize) -> __m256i {
    let bytes: &[u8; 32] = &block.as_chunks().0[quarter];
    // SAFETY: the pointer is to 32 bytes that may be read, and the instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn vector(words: [u64; LANES]) -> __m256i {
    let [first, second, third, fourth] = words.map(u64::cast_signed);
    _mm256_set_epi64x(fourth, third, second, first)
}

#[inline]
#[target_feature(enable = "avx2")]
fn words(vector: __m256i) -> [u64; LANES] {
    let mut words = [0; LANES];
    // SAFETY: the pointer is to 32 bytes that may be written, and the instruction asks for no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
    words
}
