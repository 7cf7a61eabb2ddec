//! Where strings, arrays and objects end, found many bytes at a time.
//!
//! How strings are told from the rest without looking at one byte after the other is from Langdale and Lemire, "Parsing
//! Gigabytes of JSON per Second" (2019).

/// How many bytes are looked at in one step: as many as a word has bits.
const BLOCK_BYTES: usize = 64;
/// How many bytes an instruction compares.
const LANES: usize = 16;

/// Where something stands in a block, a bit for each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    quotes: u64,
    slashes: u64,
    /// Both kinds of brackets that open.
    opens: u64,
    /// Both kinds that close.
    closes: u64,
}

/// Returns where the array or object ends that a text begins with: behind the bracket that closes the first one. Brackets
/// of both kinds count alike.
pub(super) fn end_of_container(text: &[u8]) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if wide::is_possible() {
        // SAFETY: the processor was asked whether it has the instructions.
        return unsafe { wide::end_of_container(text) };
    }
    end_by(text, find)
}

#[inline(always)]
fn end_by(text: &[u8], find: impl Fn(&[u8; BLOCK_BYTES]) -> Marks) -> Option<usize> {
    let mut depth = 0;
    let mut strings = Strings::default();
    let (blocks, rest) = text.as_chunks();
    let mut last = [0; BLOCK_BYTES];
    last[..rest.len()].copy_from_slice(rest);
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let found = find(block);
        let inside = strings.inside(&found);
        let (opens, closes) = (found.opens & !inside, found.closes & !inside);
        if closes.count_ones() < depth {
            // However they are ordered, not all that is open is closed here.
            depth += opens.count_ones();
            depth -= closes.count_ones();
            continue;
        }
        let mut rest = opens | closes;
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            if opens >> place & 1 != 0 {
                depth += 1;
                continue;
            }
            depth -= 1;
            if depth == 0 {
                return Some(number * BLOCK_BYTES + place as usize + 1);
            }
        }
    }
    None
}

/// Finds the marks of a block.
fn find(block: &[u8; BLOCK_BYTES]) -> Marks {
    let mut marks = Marks::default();
    for (number, part) in block.as_chunks::<LANES>().0.iter().enumerate() {
        let found = lanes::find(part);
        let shift = number * LANES;
        marks.quotes |= u64::from(found.quotes) << shift;
        marks.slashes |= u64::from(found.slashes) << shift;
        marks.opens |= u64::from(found.opens) << shift;
        marks.closes |= u64::from(found.closes) << shift;
    }
    marks
}

/// Returns where the first quote or slash is.
pub(super) fn quote_or_slash(text: &[u8]) -> Option<usize> {
    let (parts, rest) = text.as_chunks::<LANES>();
    for (number, part) in parts.iter().enumerate() {
        let found = lanes::quotes_and_slashes(part);
        if found != 0 {
            return Some(number * LANES + found.trailing_zeros() as usize);
        }
    }
    let place = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(text.len() - rest.len() + place)
}

/// Whether the end of the last block was in a string, and behind a slash there.
#[derive(Default)]
struct Strings {
    /// All bits or none.
    in_string: u64,
    behind_slash: bool,
}

impl Strings {
    /// Tells which bytes of the next block are in strings. Of the quotes around one the first counts as in it.
    fn inside(&mut self, marks: &Marks) -> u64 {
        let quotes = marks.quotes & !self.escaped(marks.slashes);
        // Each bit becomes the parity of the quotes up to it.
        let mut parity = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            parity ^= parity << shift;
        }
        let inside = parity ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(inside >> 63);
        inside
    }

    /// Returns what stands behind a slash that does not stand behind one itself. Slashes are rare.
    fn escaped(&mut self, slashes: u64) -> u64 {
        let mut escaped = u64::from(self.behind_slash);
        self.behind_slash = false;
        let mut rest = slashes;
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            if escaped >> place & 1 != 0 {
                continue;
            }
            match place {
                63 => self.behind_slash = true,
                _ => escaped |= 2 << place,
            }
        }
        escaped
    }
}

/// The marks of sixteen bytes.
struct Found {
    quotes: u16,
    slashes: u16,
    opens: u16,
    closes: u16,
}

/// By instructions for a whole block at once (AVX-512).
#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{BLOCK_BYTES, Marks, end_by};
    use std::arch::x86_64::{__m512i, _mm512_cmpeq_epi8_mask, _mm512_loadu_si512, _mm512_or_si512, _mm512_set1_epi8};

    /// Says whether the processor has the instructions.
    pub(super) fn is_possible() -> bool {
        is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt")
    }

    #[target_feature(enable = "avx512bw,bmi1,popcnt")]
    pub(super) fn end_of_container(text: &[u8]) -> Option<usize> {
        end_by(text, |block| find(block))
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    pub(super) fn find(block: &[u8; BLOCK_BYTES]) -> Marks {
        // SAFETY: the pointer is to 64 bytes that may be read, and the instruction asks for no alignment.
        let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        // One bit tells a bracket of one kind from the same of the other.
        let folded = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        Marks { quotes: bits(bytes, b'"'), slashes: bits(bytes, b'\\'), opens: bits(folded, b'{'), closes: bits(folded, b'}') }
    }

    /// Returns where a byte stands.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn bits(bytes: __m512i, wanted: u8) -> u64 {
        _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(wanted.cast_signed()))
    }
}

/// By instructions for sixteen bytes at once.
#[cfg(target_arch = "x86_64")]
mod lanes {
    use super::{Found, LANES};
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};

    #[inline]
    pub(super) fn find(bytes: &[u8; LANES]) -> Found {
        // SAFETY: every processor of this kind has the instructions.
        unsafe { find_all(bytes) }
    }

    #[inline]
    pub(super) fn quotes_and_slashes(bytes: &[u8; LANES]) -> u16 {
        // SAFETY: every processor of this kind has the instructions.
        unsafe { find_two(bytes) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn find_all(bytes: &[u8; LANES]) -> Found {
        let bytes = load(bytes);
        // One bit tells a bracket of one kind from the same of the other.
        let folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        Found { quotes: bits(bytes, b'"'), slashes: bits(bytes, b'\\'), opens: bits(folded, b'{'), closes: bits(folded, b'}') }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn find_two(bytes: &[u8; LANES]) -> u16 {
        let bytes = load(bytes);
        bits(bytes, b'"') | bits(bytes, b'\\')
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(bytes: &[u8; LANES]) -> __m128i {
        // SAFETY: the pointer is to sixteen bytes that may be read, and the instruction asks for no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    /// Returns where a byte stands.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn bits(bytes: __m128i, wanted: u8) -> u16 {
        // There is a bit for each of the sixteen bytes.
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted.cast_signed()))) as u16
    }
}

/// The same, one byte after the other.
#[cfg(any(not(target_arch = "x86_64"), test))]
mod bytewise {
    use super::{Found, LANES};

    pub(super) fn find(bytes: &[u8; LANES]) -> Found {
        let bits = |wanted: &[u8]| bytes.iter().rev().fold(0, |bits, byte| bits << 1 | u16::from(wanted.contains(byte)));
        Found { quotes: bits(b"\""), slashes: bits(b"\\"), opens: bits(b"{["), closes: bits(b"}]") }
    }

    pub(super) fn quotes_and_slashes(bytes: &[u8; LANES]) -> u16 {
        let found = find(bytes);
        found.quotes | found.slashes
    }
}

#[cfg(not(target_arch = "x86_64"))]
use bytewise as lanes;

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, LANES, Strings, bytewise, end_by, find, lanes, quote_or_slash};
    use proptest::prelude::*;

    #[test]
    fn each_byte_is_told_from_every_other_in_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..LANES {
                let mut bytes = [b'x'; LANES];
                bytes[place] = byte;
                let (one, other) = (lanes::find(&bytes), bytewise::find(&bytes));
                let parts = |found: &super::Found| [found.quotes, found.slashes, found.opens, found.closes];
                assert_eq!(parts(&one), parts(&other), "{byte} at {place}");
                assert_eq!(lanes::quotes_and_slashes(&bytes), bytewise::quotes_and_slashes(&bytes), "{byte} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        #[cfg(target_arch = "x86_64")]
        fn wide_steps_see_what_narrow_ones_see(block in prop::array::uniform32(any::<[u8; 2]>()), text in r#"[\["\\\]{}a]{0,300}"#) {
            let text = format!("{{{text}");
            if super::wide::is_possible() {
                let block: [u8; BLOCK_BYTES] = std::array::from_fn(|place| block[place / 2][place % 2]);
                // SAFETY: the processor was asked.
                let found = unsafe { (super::wide::find(&block), super::wide::end_of_container(text.as_bytes())) };
                prop_assert_eq!(found, (find(&block), end_by(text.as_bytes(), find)));
            }
        }

        #[test]
        fn strings_are_where_a_walk_finds_them(text in r#"["\\\[\]{}a]{0,300}"#) {
            let (mut in_string, mut behind_slash) = (false, false);
            let mut strings = Strings::default();
            for part in text.as_bytes().chunks(BLOCK_BYTES) {
                let mut block = [0; BLOCK_BYTES];
                block[..part.len()].copy_from_slice(part);
                let inside = strings.inside(&find(&block));
                for (place, byte) in part.iter().enumerate() {
                    let is_quote = *byte == b'"' && !behind_slash;
                    behind_slash = *byte == b'\\' && !behind_slash;
                    in_string ^= is_quote;
                    prop_assert_eq!(inside >> place & 1 != 0, in_string, "{} of {}", place, text);
                }
            }
            let first = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(quote_or_slash(text.as_bytes()), first);
            let late = format!("{}{text}", "x".repeat(40));
            prop_assert_eq!(quote_or_slash(late.as_bytes()), first.map(|first| first + 40));
        }
    }
}
