//! Quotes, slashes and brackets of a text, found many bytes at a time.
//!
//! How strings are told from the rest without looking at one byte after the other is from Langdale and Lemire, "Parsing
//! Gigabytes of JSON per Second" (2019).

/// How many bytes are looked at in one step: as many as a word has bits.
pub(super) const BLOCK_BYTES: usize = 64;
/// How many bytes an instruction compares.
const LANES: usize = 16;

/// Where something stands in a block, a bit for each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    quotes: u64,
    slashes: u64,
    /// Both kinds of brackets that open.
    pub(super) opens: u64,
    /// Both kinds that close.
    pub(super) closes: u64,
}

/// Finds the marks of a block. One that is shorter than the others ends with nothing.
pub(super) fn find(block: &[u8]) -> Marks {
    if let Some(whole) = block.first_chunk() {
        return find_in(whole);
    }
    let mut padded = [0; BLOCK_BYTES];
    padded[..block.len()].copy_from_slice(block);
    find_in(&padded)
}

fn find_in(block: &[u8; BLOCK_BYTES]) -> Marks {
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
pub(super) struct Strings {
    /// All bits or none.
    in_string: u64,
    behind_slash: bool,
}

impl Strings {
    /// Tells which bytes of the next block are in strings. Of the quotes around one the first counts as in it.
    pub(super) fn inside(&mut self, marks: &Marks) -> u64 {
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
    use super::{BLOCK_BYTES, LANES, Strings, bytewise, find, lanes, quote_or_slash};
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
        fn strings_are_where_a_walk_finds_them(text in r#"["\\\[\]{}a]{0,300}"#) {
            let (mut in_string, mut behind_slash) = (false, false);
            let mut strings = Strings::default();
            for block in text.as_bytes().chunks(BLOCK_BYTES) {
                let inside = strings.inside(&find(block));
                for (place, byte) in block.iter().enumerate() {
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
