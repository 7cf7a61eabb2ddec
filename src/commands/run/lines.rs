//! Cuts what a script writes into lines, so that those of several scripts do not run into one another.

/// The longest line that is waited for, in bytes.
const LENGTH_MAX: usize = 1 << 16;

/// The beginning of a line that has not come to its end.
#[derive(Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Takes more output, and passes on the lines that are whole with it.
    pub fn add(&mut self, bytes: &[u8], mut say: impl FnMut(&[u8])) {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.0.extend_from_slice(&bytes[..whole]);
        if whole > 0 {
            say(&self.0);
            self.0.clear();
        }
        self.0.extend_from_slice(&bytes[whole..]);
        if self.0.len() > LENGTH_MAX {
            // What has no end is passed on in parts: a name in its middle is better than all of it in memory.
            say(&self.0);
            self.0.clear();
        }
    }

    /// Passes on what is left when no more comes.
    pub fn end(&mut self, say: impl FnOnce(&[u8])) {
        let rest = std::mem::take(&mut self.0);
        if !rest.is_empty() {
            say(&rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LENGTH_MAX, Lines};

    #[test]
    fn only_whole_lines_are_passed_on_until_the_end() {
        let mut said: Vec<String> = Vec::new();
        let mut lines = Lines::default();
        for part in ["a", "b\nc\nd", "", "e\n", "f"] {
            lines.add(part.as_bytes(), |line| said.push(String::from_utf8_lossy(line).into_owned()));
        }
        lines.end(|line| said.push(String::from_utf8_lossy(line).into_owned()));
        lines.end(|_| unreachable!("nothing is left"));
        assert_eq!(said, ["ab\nc\n", "de\n", "f"]);
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let (mut lines, mut said) = (Lines::default(), 0);
        for _ in 0..10 {
            lines.add(&vec![b'x'; LENGTH_MAX / 2 + 1], |part| said += part.len());
        }
        lines.end(|rest| said += rest.len());
        assert_eq!(said, 10 * (LENGTH_MAX / 2 + 1));
        assert!(lines.0.capacity() < 4 * LENGTH_MAX);
    }
}
