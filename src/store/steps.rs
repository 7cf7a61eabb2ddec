//! Steps: bytes that are carried out one after the other, as they lie, rather than read into something else first.
//!
//! A text has its length before it and a NUL behind it, so that it goes to the kernel without being copied. Numbers are
//! little-endian. Who writes the steps says what they mean.

use std::ffi::CStr;

/// Steps that have still to be carried out.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a>(&'a [u8]);

impl<'a> Steps<'a> {
    /// Begins with the first step.
    pub fn new(bytes: &'a [u8]) -> Steps<'a> {
        Steps(bytes)
    }

    /// Says whether all have been carried out.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| *byte)
    }

    /// Takes some bytes.
    pub fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(array)
    }

    /// Takes a text.
    pub fn text(&mut self) -> Option<&'a CStr> {
        let length = u16::from_le_bytes(*self.array()?);
        let (text, rest) = self.0.split_at_checked(usize::from(length) + 1)?;
        self.0 = rest;
        CStr::from_bytes_with_nul(text).ok()
    }

    /// Takes a text that is a path below the folder that the step is about. Nothing leads out of it but a link that
    /// stands there.
    pub fn place(&mut self) -> Option<&'a CStr> {
        let place = self.text()?;
        let bytes = place.to_bytes();
        // Rare, so it is looked for before segments are.
        let has_dots = memchr::memchr_iter(b'.', bytes).any(|at| bytes.get(at + 1) == Some(&b'.'));
        let leads_out = bytes.starts_with(b"/") || has_dots && bytes.split(|byte| *byte == b'/').any(|segment| segment == b"..");
        (!bytes.is_empty() && !leads_out).then_some(place)
    }

    /// Takes steps that stand inside of these.
    pub fn part(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(u32::from_le_bytes(*self.array()?)).ok()?;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }
}

/// Adds a text to some steps. Nothing when it cannot stand in them: it is too long, or has a NUL.
pub fn put_text(steps: &mut Vec<u8>, text: &str) -> Option<()> {
    if text.as_bytes().contains(&0) {
        return None;
    }
    steps.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
    steps.extend_from_slice(text.as_bytes());
    steps.push(0);
    Some(())
}

/// Adds steps to some steps. Nothing when they are too long.
pub fn put_part(steps: &mut Vec<u8>, part: &[u8]) -> Option<()> {
    steps.extend_from_slice(&u32::try_from(part.len()).ok()?.to_le_bytes());
    steps.extend_from_slice(part);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{Steps, put_part, put_text};
    use proptest::prelude::*;

    #[test]
    fn what_was_put_in_comes_out_and_half_of_it_does_not() {
        let mut bytes = vec![7];
        put_text(&mut bytes, "a/b").expect("a text");
        put_part(&mut bytes, b"inner").expect("a part");
        let mut steps = Steps::new(&bytes);
        assert_eq!((steps.byte(), steps.text(), steps.part(), steps.is_done()), (Some(7), Some(c"a/b"), Some(&b"inner"[..]), true));
        for end in 0..bytes.len() {
            let mut steps = Steps::new(&bytes[..end]);
            assert!(steps.byte().is_none() || steps.text().is_none() || steps.part().is_none(), "cut off at {end}");
        }
        assert_eq!(put_text(&mut Vec::new(), "a\0b"), None);
        assert_eq!(put_text(&mut Vec::new(), &"x".repeat(70_000)), None);
    }

    #[test]
    fn a_place_stays_below_its_folder() {
        for (text, is_place) in [
            ("a", true),
            ("a/b..c", true),
            ("..a", true),
            ("a/...", true),
            ("..", false),
            ("a/../b", false),
            ("a/..", false),
            ("/a", false),
            ("", false),
        ] {
            let mut bytes = Vec::new();
            put_text(&mut bytes, text).expect("a text");
            assert_eq!(Steps::new(&bytes).place().is_some(), is_place, "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_that_nobody_wrote_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut steps = Steps::new(&bytes);
            while let Some(kind) = steps.byte() {
                let _ = if kind & 1 == 0 { steps.place().map(|_| ()) } else { steps.part().map(|_| ()) };
            }
        }
    }
}
