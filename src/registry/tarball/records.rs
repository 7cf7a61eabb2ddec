//! The records of an extended header (pax): `length key=value`, each with a line of its own.
//!
//! npm splits them at the ends of lines and leaves out what it cannot read; a strict reader goes by their lengths. Records
//! on which the two could differ are refused.

/// What an extended header says that decides where the next entry goes and how long it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records<'a> {
    /// Its path.
    pub(super) path: Option<&'a [u8]>,
    /// The size of its content in bytes.
    pub(super) size: Option<u64>,
}

const SPARSE: &[u8] = b"GNU.sparse.";

impl<'a> Records<'a> {
    /// Reads the records of one entry, or says what is wrong with them.
    pub(super) fn of_entry(extended: &'a [u8]) -> Result<Records<'a>, &'static str> {
        let mut records = Records::default();
        for record in each(extended) {
            let (key, value) = record.ok_or("its extended header is damaged")?;
            let is_second = match key {
                b"path" => records.path.replace(value).is_some(),
                b"size" => records.size.replace(number(value).ok_or("its size is no number")?).is_some(),
                _ if key.starts_with(SPARSE) => return Err("it is a sparse file"),
                _ => false,
            };
            if is_second {
                return Err("its extended header says the same thing twice");
            }
        }
        Ok(records)
    }
}

/// Says whether a header for all entries to come would move or resize them. It may carry a comment, as archives of code
/// forges do.
pub(super) fn moves_entries(extended: &[u8]) -> bool {
    each(extended).any(|record| record.is_none_or(|(key, _)| matches!(key, b"path" | b"size" | b"linkpath") || key.starts_with(SPARSE)))
}

/// Returns each key with its value, and nothing for what is no record.
fn each(extended: &[u8]) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
    let lines = extended.strip_suffix(b"\n").unwrap_or(extended);
    lines.split(|byte| *byte == b'\n').filter(|_| !extended.is_empty()).map(|line| {
        let (length, record) = split_at(line, b' ')?;
        // The end of the line counts.
        if number(length)? != line.len() as u64 + 1 {
            return None;
        }
        split_at(record, b'=')
    })
}

fn split_at(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == separator)?;
    Some((&line[..at], &line[at + 1..]))
}

/// Reads a decimal number.
fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Records, moves_entries};

    #[test]
    fn lines_are_whole_and_as_long_as_they_say() {
        for (extended, path) in [
            (b"".as_slice(), None),
            (b"9 path=a\n", Some(b"a".as_slice())),
            (b"9 path=a", Some(b"a")),
            (b"9 path=a\n8 a=b c\n", Some(b"a")),
            (b"15 comment=a=b\n12 path=b=c\n", Some(b"b=c")),
        ] {
            let records = Records::of_entry(extended);
            assert_eq!(records.as_ref().map(|records| records.path), Ok(path), "{}", extended.escape_ascii());
            assert_eq!(moves_entries(extended), path.is_some(), "{}", extended.escape_ascii());
        }
        for bad in [
            b"\n".as_slice(),
            b"8 a=b c\n\n",
            b"\n8 a=b c\n",
            b"8 a=b c\n\n9 size=1\n",
            b"7 a=b c\n",
            b"9 a=b c\n",
            b"x a=b c\n",
            b"9 a=b c\0\0",
            b"+8 a=b c\n",
            b" a=b c\n",
            b"a=b\n",
            b"7 path\n",
        ] {
            assert_eq!(Records::of_entry(bad).err(), Some("its extended header is damaged"), "{}", bad.escape_ascii());
            assert!(moves_entries(bad), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn a_size_is_digits() {
        assert_eq!(Records::of_entry(b"11 size=12\n").map(|records| records.size), Ok(Some(12)));
        for bad in [b"9 size=x\n".as_slice(), b"11 size=+1\n", b"11 size= 1\n", b"8 size=\n", b"29 size=99999999999999999999\n"] {
            assert_eq!(Records::of_entry(bad).err(), Some("its size is no number"), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn what_decides_is_said_once() {
        for (twice, is_wrong) in [(b"9 path=a\n9 path=a\n", true), (b"9 size=1\n9 size=1\n", true), (b"9 name=a\n9 name=a\n", false)] {
            assert_eq!(Records::of_entry(twice).is_err(), is_wrong, "{}", twice.escape_ascii());
        }
    }
}
