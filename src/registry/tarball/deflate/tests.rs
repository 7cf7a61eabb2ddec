//! Held against another decoder, on data that is right and on data that is wrong.

use super::super::gzip::Room;
use super::super::window::Window;
use super::{Damage, Inflater, Output, ROOM_BYTES_MIN, Stop};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use proptest::prelude::*;

/// What a decoder made of its input.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The bytes, and how much input there was behind the stream.
    Whole(Vec<u8>, usize),
    /// There was too little input.
    Cut,
    Damaged,
}

/// Inflates in pieces of these sizes, over and over.
fn inflate(packed: &[u8], pieces: &[usize]) -> Outcome {
    inflate_with(&mut Inflater::new(), packed, pieces)
}

fn inflate_with(inflater: &mut Inflater, packed: &[u8], pieces: &[usize]) -> Outcome {
    let mut window = Window::new(0);
    inflater.reset();
    let (mut all, mut rest) = (Vec::new(), packed);
    for piece in pieces.iter().cycle() {
        let piece = (*piece).clamp(1, rest.len().max(1)).min(rest.len());
        let (made, outcome) = window.unpack(|output| inflater.inflate(&rest[..piece], output));
        all.extend_from_slice(made);
        let read = made.len();
        window.consume(read);
        let Ok((taken, stop)) = outcome else { return Outcome::Damaged };
        rest = &rest[taken..];
        match stop {
            Stop::End => return Outcome::Whole(all, rest.len()),
            Stop::Input => assert_eq!(taken, piece, "input was left"),
            Stop::Room => {}
        }
        if piece == 0 && stop == Stop::Input {
            return Outcome::Cut;
        }
    }
    unreachable!("the pieces never end")
}

/// Inflates as zlib does.
fn reference(packed: &[u8]) -> Outcome {
    let mut decoder = Decompress::new(false);
    let mut all = Vec::with_capacity(64 << 10);
    loop {
        let before = (decoder.total_in(), decoder.total_out());
        let rest = &packed[before.0 as usize..];
        match decoder.decompress_vec(rest, &mut all, FlushDecompress::None) {
            Err(_) => return Outcome::Damaged,
            Ok(Status::StreamEnd) => return Outcome::Whole(all, packed.len() - decoder.total_in() as usize),
            Ok(_) if all.len() == all.capacity() => all.reserve(64 << 10),
            Ok(_) if (decoder.total_in(), decoder.total_out()) == before => return Outcome::Cut,
            Ok(_) => {}
        }
    }
}

fn deflate(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() + bytes.len() / 8 + 1024);
    let mut encoder = Compress::new(Compression::new(level), false);
    assert_eq!(encoder.compress_vec(bytes, &mut packed, FlushCompress::Finish).expect("room"), Status::StreamEnd);
    packed
}

/// Packs with a code that was not made for the data.
fn deflate_fixed(bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.put(0b011, 3);
    bytes.iter().for_each(|byte| writer.fixed(u32::from(*byte)));
    writer.fixed(256);
    writer.done()
}

/// Writes bits.
#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    /// A number, lowest bit first.
    fn put(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).map(|bit| value >> bit & 1 == 1));
    }

    /// A codeword, highest bit first.
    fn codeword(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// A literal or length of the fixed code.
    fn fixed(&mut self, symbol: u32) {
        match symbol {
            0..144 => self.codeword(0x30 + symbol, 8),
            144..256 => self.codeword(0x190 + symbol - 144, 9),
            256..280 => self.codeword(symbol - 256, 7),
            _ => self.codeword(0xc0 + symbol - 280, 8),
        }
    }

    /// The head of a block whose codewords have these lengths.
    fn dynamic(&mut self, literals: &[u8], distances: &[u8]) {
        self.put(0b101, 3);
        self.put(literals.len() as u32 - 257, 5);
        self.put(distances.len() as u32 - 1, 5);
        // Every length up to 15 gets four bits, and there are no runs.
        self.put(19 - 4, 4);
        for symbol in super::LENGTH_ORDER {
            self.put(if symbol < 16 { 4 } else { 0 }, 3);
        }
        literals.iter().chain(distances).for_each(|length| self.codeword(u32::from(*length), 4));
    }

    fn done(self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at);
        self.0.chunks(8).map(byte).collect()
    }
}

/// Data as it comes: noise, text of few letters, and repetitions from near and far.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        (any::<u64>(), 1usize..4000, 1u16..=256).prop_map(|(seed, length, letters)| (seed, length, letters, 0)),
        (any::<u64>(), 1usize..6000, Just(1), 1usize..40_000).prop_map(|(seed, length, letters, back)| (seed, length, letters, back)),
        (any::<u64>(), 1usize..600, Just(1), 1usize..20).prop_map(|(seed, length, letters, back)| (seed, length, letters, back)),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| {
        let mut bytes: Vec<u8> = Vec::new();
        for (seed, length, letters, back) in parts {
            let mut state = seed | 1;
            for _ in 0..length {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let noise = ((state >> 40) % u64::from(letters)) as u8;
                bytes.push(if back == 0 { noise } else { bytes.len().checked_sub(back).map_or(noise, |from| bytes[from]) });
            }
        }
        bytes
    })
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![proptest::collection::vec(1usize..40, 1..8), proptest::collection::vec(1usize..5000, 1..8), Just(vec![usize::MAX]),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_packed_comes_out(bytes in data(), level in 0u32..=9, pieces in pieces(), behind in 0usize..20) {
        let packed = [deflate(&bytes, level), vec![0xa5; behind]].concat();
        prop_assert_eq!(inflate(&packed, &pieces), Outcome::Whole(bytes, behind));
    }

    #[test]
    fn what_libdeflate_packed_comes_out(bytes in data(), level in 1i32..=12, pieces in pieces()) {
        let level = libdeflater::CompressionLvl::new(level).expect("a level");
        let mut packed = vec![0; bytes.len() + 1024];
        let length = libdeflater::Compressor::new(level).deflate_compress(&bytes, &mut packed).expect("room");
        prop_assert_eq!(inflate(&packed[..length], &pieces), Outcome::Whole(bytes, 0));
    }

    #[test]
    fn nothing_is_written_beyond_the_limit(bytes in data(), level in 0u32..=9, limit in 0usize..60_000) {
        let mut room = vec![0xee; limit + 400];
        room.clear();
        let (_, stop) = Inflater::new().inflate(&deflate(&bytes, level), &mut Output::new(&mut room, 0, limit)).expect("deflate");
        prop_assert!(room.len() <= limit && bytes.starts_with(&room));
        let is_full = limit - room.len() < ROOM_BYTES_MIN;
        prop_assert!(is_full || stop == Stop::End && room == bytes);
        // SAFETY: all of it was written to when the vector was made.
        unsafe { room.set_len(limit + 400) };
        prop_assert!(room[limit..].iter().all(|byte| *byte == 0xee));
    }

    #[test]
    fn the_fixed_code_is_known(bytes in proptest::collection::vec(any::<u8>(), 0..3000), pieces in pieces()) {
        prop_assert_eq!(inflate(&deflate_fixed(&bytes), &pieces), Outcome::Whole(bytes, 0));
    }

    #[test]
    fn a_bent_stream_means_what_it_means_to_zlib(
        bytes in data(), level in 0u32..=9, pieces in pieces(), at in any::<prop::sample::Index>(), bits in 1u8..,
    ) {
        let mut packed = deflate(&bytes, level);
        let at = at.index(packed.len());
        packed[at] ^= bits;
        prop_assert_eq!(inflate(&packed, &pieces), reference(&packed));
    }

    #[test]
    fn rubbish_means_what_it_means_to_zlib(mut bytes in proptest::collection::vec(any::<u8>(), 1..600), kind in 0u8..3, pieces in pieces()) {
        // Most first bytes are refused at once.
        bytes[0] = bytes[0] & 0xf8 | kind << 1 | bytes[0] & 1;
        prop_assert_eq!(inflate(&bytes, &pieces), reference(&bytes));
    }

    #[test]
    fn descriptions_by_chance_mean_what_they_mean_to_zlib(
        lengths in proptest::collection::vec((0u8..=15, 1usize..60), 1..12), distances in proptest::collection::vec(0u8..=6, 1..=32),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut literals: Vec<u8> = lengths.iter().flat_map(|(length, times)| vec![*length; *times]).collect();
        literals.resize(literals.len().clamp(257, 288), 0);
        literals[256] = 7;
        let mut writer = Writer::default();
        writer.dynamic(&literals, &distances);
        let packed = [writer.done(), rest].concat();
        prop_assert_eq!(inflate(&packed, &[usize::MAX]), reference(&packed));
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_waits_for_more() {
    let bytes: Vec<u8> = (0..3000u32).flat_map(|number| (number * number % 977).to_le_bytes()).collect();
    for level in [0, 1, 9] {
        let packed = deflate(&bytes, level);
        for length in 0..packed.len() {
            assert_eq!(inflate(&packed[..length], &[usize::MAX]), Outcome::Cut, "{length} of {}", packed.len());
        }
    }
}

#[test]
fn one_decoder_takes_one_stream_after_the_other() {
    let mut inflater = Inflater::new();
    for packed in [deflate(b"abc", 9), vec![0x07], deflate_fixed(b"xyz"), deflate(&[7; 100_000], 6), deflate_fixed(b"")] {
        assert_eq!(inflate_with(&mut inflater, &packed, &[3]), reference(&packed));
    }
}

/// A block in the fixed code: `before` as literals, then a length symbol of no extra bits and a distance.
fn fixed_match(before: &[u8], length_symbol: u32, distance_symbol: u32, extra: (u32, u32)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.put(0b011, 3);
    before.iter().for_each(|byte| writer.fixed(u32::from(*byte)));
    writer.fixed(length_symbol);
    writer.codeword(distance_symbol, 5);
    writer.put(extra.0, extra.1);
    writer.fixed(256);
    // Enough that the fast loop has its turn.
    [writer.done(), vec![0; 100]].concat()
}

#[test]
fn matches_stay_within_the_stream() {
    assert_eq!(inflate(&fixed_match(b"ab", 257, 1, (0, 0)), &[usize::MAX]), Outcome::Whole(b"ababa".to_vec(), 100));
    for (length_symbol, distance_symbol) in [(257, 2), (257, 29), (257, 30), (257, 31), (286, 0), (287, 0)] {
        let packed = fixed_match(b"ab", length_symbol, distance_symbol, (0, 13));
        for pieces in [1, 7, usize::MAX] {
            assert_eq!(inflate(&packed, &[pieces]), Outcome::Damaged, "{length_symbol} {distance_symbol}");
        }
    }
}

#[test]
fn a_match_does_not_reach_into_the_stream_before() {
    let mut window = Window::new(0);
    window.unpack(|output| output.write(&[0; 1000]));
    window.begin_stream();
    let outcome = window.unpack(|output| Inflater::new().inflate(&fixed_match(b"ab", 257, 2, (0, 0)), output)).1;
    assert_eq!(outcome, Err(Damage));
}

#[test]
fn headers_that_make_no_sense_are_refused() {
    let lengths = |most: &[(usize, u8)], count: usize| {
        let mut lengths = vec![0; count];
        most.iter().for_each(|(symbol, length)| lengths[*symbol] = *length);
        lengths
    };
    let dynamic = |literals: &[u8], distances: &[u8], then: &[(u32, u32)]| {
        let mut writer = Writer::default();
        writer.dynamic(literals, distances);
        then.iter().for_each(|(value, count)| writer.codeword(*value, *count));
        inflate(&[writer.done(), vec![0; 40]].concat(), &[usize::MAX])
    };
    let (two, one) = (lengths(&[(65, 1), (256, 1)], 257), lengths(&[(256, 1)], 257));
    // A, then the end, with no distances or one.
    for distances in [&[0][..], &[1], &[0, 1]] {
        assert!(matches!(dynamic(&two, distances, &[(0, 1), (1, 1)]), Outcome::Whole(bytes, _) if bytes == b"A"));
    }
    assert!(matches!(dynamic(&one, &[0], &[(0, 1)]), Outcome::Whole(bytes, _) if bytes.is_empty()));
    assert_eq!(dynamic(&one, &[0], &[(1, 1)]), Outcome::Damaged, "a codeword that stands for nothing");
    assert_eq!(dynamic(&two, &[2], &[(0, 1), (1, 1)]), Outcome::Damaged, "a distance code with gaps");
    assert_eq!(dynamic(&two, &[1, 1, 1], &[(0, 1), (1, 1)]), Outcome::Damaged, "too many distances");
    assert_eq!(dynamic(&lengths(&[(65, 1), (66, 1), (256, 1)], 257), &[0], &[]), Outcome::Damaged, "too many literals");
    assert_eq!(dynamic(&lengths(&[(65, 2), (256, 2)], 257), &[0], &[]), Outcome::Damaged, "a literal code with gaps");
    assert_eq!(dynamic(&lengths(&[(65, 1), (66, 1)], 257), &[0], &[]), Outcome::Damaged, "a block without an end");
    assert_eq!(dynamic(&lengths(&[(65, 1), (256, 1)], 288), &[0], &[]), Outcome::Damaged, "too many symbols");
    assert_eq!(inflate(&[0b111, 0, 0], &[1]), Outcome::Damaged, "a block of no known kind");
    assert_eq!(inflate(&[1, 5, 0, 5, 0, 1, 2, 3, 4, 5], &[1]), Outcome::Damaged, "a stored block of two lengths");
}

#[test]
fn a_match_that_needs_a_missing_distance_is_refused() {
    let mut literals = vec![0; 258];
    (literals[65], literals[256], literals[257]) = (1, 2, 2);
    for (distances, codeword) in [(&[0][..], 0), (&[1], 1)] {
        let mut writer = Writer::default();
        writer.dynamic(&literals, distances);
        [(0, 1), (3, 2), (codeword, 1)].iter().for_each(|(value, count)| writer.codeword(*value, *count));
        let packed = [writer.done(), vec![0; 40]].concat();
        assert_eq!((inflate(&packed, &[usize::MAX]), reference(&packed)), (Outcome::Damaged, Outcome::Damaged));
    }
}

#[test]
fn stored_blocks_come_in_any_pieces() {
    let bytes: Vec<u8> = (0..70_000u32).map(|number| (number % 251) as u8).collect();
    let blocks = bytes.chunks(35_000).enumerate().map(|(index, block)| {
        let size = block.len() as u16;
        [&[u8::from(index == 1)], &size.to_le_bytes()[..], &(!size).to_le_bytes(), block].concat()
    });
    let packed = blocks.collect::<Vec<_>>().concat();
    for pieces in [[1, 3], [4, 5000], [usize::MAX; 2]] {
        assert_eq!(inflate(&packed, &pieces), Outcome::Whole(bytes.clone(), 0));
    }
}
