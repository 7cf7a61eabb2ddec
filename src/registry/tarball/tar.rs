//! The tar format: entries of a header of 512 bytes and a content that fills whole blocks of as many.
//!
//! Read are ustar with its extended headers (POSIX, `pax`), GNU's long names, and the form before both. Some entries only
//! tell more of the next one; they are taken in here, and whoever walks sees the entries that stand for something. The
//! rules are those on which a strict reader and npm agree: an archive that the two could unpack differently is refused.

use super::error::TarballError;
use super::paths::shown;
use super::records::{Records, moves_entries};
use std::borrow::Cow;

const BLOCK_BYTES: usize = 512;
/// How much may stand between two entries, since all of it is collected in memory: extended headers and long names.
pub(super) const BETWEEN_ENTRIES_BYTES: u64 = 1 << 20;

/// An archive that is read from its beginning to its end.
pub(super) trait Archive {
    /// Goes on to a position, or to the end; says whether the position was reached.
    fn skip_to(&mut self, position: u64) -> Result<bool, TarballError>;

    /// Reads so many bytes in one piece, fewer only where the archive ends.
    fn read(&mut self, count: usize) -> Result<&[u8], TarballError>;
}

/// An archive that is in memory.
pub(super) struct Slice<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Slice<'_> {
    pub(super) fn new(bytes: &[u8]) -> Slice<'_> {
        Slice { bytes, at: 0 }
    }
}

impl Archive for Slice<'_> {
    fn skip_to(&mut self, position: u64) -> Result<bool, TarballError> {
        let wanted = usize::try_from(position).ok().filter(|wanted| *wanted <= self.bytes.len());
        self.at = wanted.unwrap_or(self.bytes.len());
        Ok(wanted.is_some())
    }

    fn read(&mut self, count: usize) -> Result<&[u8], TarballError> {
        let rest = &self.bytes[self.at..];
        let read = &rest[..count.min(rest.len())];
        self.at += read.len();
        Ok(read)
    }
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A symbolic or a hard link.
    Link,
    /// A device or a pipe.
    Device,
    Sparse,
    /// It should tell something of the next entry, but its header is of a form that knows no such entries.
    Misplaced,
    Other,
}

/// What an entry tells of the next one.
#[derive(Clone, Copy)]
enum Tells {
    LongName,
    LongLink,
    Extended,
    OfAll,
}

/// A header as it stands in the archive.
struct Header([u8; BLOCK_BYTES]);

impl Header {
    fn kind_byte(&self) -> u8 {
        self.0[156]
    }

    fn is_ustar(&self) -> bool {
        self.0[257..265] == *b"ustar\x0000"
    }

    fn is_gnu(&self) -> bool {
        self.0[257..265] == *b"ustar  \0"
    }

    fn tells(&self) -> Option<Tells> {
        let tells = match self.kind_byte() {
            b'g' => return Some(Tells::OfAll),
            b'L' => Tells::LongName,
            b'K' => Tells::LongLink,
            b'x' => Tells::Extended,
            _ => return None,
        };
        (self.is_ustar() || self.is_gnu()).then_some(tells)
    }

    fn kind(&self) -> Kind {
        match self.kind_byte() {
            0 | b'0' | b'7' => Kind::File,
            b'5' => Kind::Folder,
            b'1' | b'2' => Kind::Link,
            b'3' | b'4' | b'6' => Kind::Device,
            b'S' => Kind::Sparse,
            b'L' | b'K' | b'x' => Kind::Misplaced,
            _ => Kind::Other,
        }
    }

    /// The path, in ustar with the first part of it from a field of its own.
    fn path(&self) -> Cow<'_, [u8]> {
        let name = before_nul(&self.0[..100]);
        let prefix = before_nul(&self.0[345..500]);
        if prefix.is_empty() || !self.is_ustar() {
            return Cow::Borrowed(name);
        }
        Cow::Owned([prefix, name].join(&b'/'))
    }

    fn has_right_checksum(&self) -> bool {
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        // The field counts as if it held spaces.
        let found = sum(&self.0) - sum(&self.0[148..156]) + 8 * u32::from(b' ');
        octal(&self.0[148..156]) == Some(u64::from(found))
    }

    /// The size of the content, or what is wrong with the field.
    fn size(&self) -> Result<u64, &'static str> {
        let field = &self.0[124..136];
        if field[0] & 0x80 == 0 {
            return octal(field).ok_or("its size is no number");
        }
        // A binary field has room for more than 64 bits and for negative numbers.
        match field {
            [0x80, 0, 0, 0, 0, low @ ..] => Ok(low.iter().fold(0, |size, byte| size << 8 | u64::from(*byte))),
            _ => Err("its size is negative or absurd"),
        }
    }
}

fn before_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads an octal number: digits, with spaces around them and nothing that counts behind a NUL.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = before_nul(field).trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| match digit {
        // Twelve digits, the most that a field has, are 36 bits.
        b'0'..=b'7' => Some(number << 3 | u64::from(digit - b'0')),
        _ => None,
    })
}

/// Walks through an archive from entry to entry.
pub(super) struct Walk {
    header: Header,
    /// What the entries before this one told of it.
    told: Told,
    /// Where the next header stands.
    next: u64,
}

#[derive(Default)]
struct Told {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    extended: Option<Vec<u8>>,
}

impl Told {
    fn is_something(&self) -> bool {
        self.long_name.is_some() || self.long_link.is_some() || self.extended.is_some()
    }
}

/// An entry that stands for something. What it holds begins at `start` and takes `size` bytes.
pub(super) struct Entry<'a> {
    header: &'a Header,
    path: Cow<'a, [u8]>,
    pub(super) start: u64,
    pub(super) size: u64,
}

impl Entry<'_> {
    pub(super) fn kind(&self) -> Kind {
        self.header.kind()
    }

    /// Its path, as it stands in the archive.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Says whether somebody may run it. A mode that cannot be read gives no right.
    pub(super) fn is_executable(&self) -> bool {
        octal(&self.header.0[100..108]).is_some_and(|mode| mode & 0o111 != 0)
    }

    pub(super) fn unsupported(&self, reason: &'static str) -> TarballError {
        unsupported(&self.path, reason)
    }
}

fn unsupported(path: &[u8], reason: &'static str) -> TarballError {
    TarballError::Unsupported { entry: shown(path), reason }
}

impl Walk {
    pub(super) fn new() -> Walk {
        Walk { header: Header([0; BLOCK_BYTES]), told: Told::default(), next: 0 }
    }

    /// Goes on to the next entry; there is none at the end. Where the archive was read on in the meantime does not matter,
    /// as long as it was not read beyond the content of the last entry.
    pub(super) fn next(&mut self, archive: &mut impl Archive) -> Result<Option<Entry<'_>>, TarballError> {
        self.told = Told::default();
        let mut left = BETWEEN_ENTRIES_BYTES;
        loop {
            // An archive may end before the padding of its last file.
            archive.skip_to(self.next)?;
            if !self.read_header(archive)? {
                return if self.told.is_something() { Err(damaged("it ends before an entry that it has announced")) } else { Ok(None) };
            }
            let Some(tells) = self.header.tells() else { break };
            let (start, size) = self.place(None)?;
            left = left.checked_sub(size.saturating_add(start - self.next)).ok_or_else(|| damaged("a header is too long"))?;
            self.listen(tells, size, archive)?;
            self.next = behind(start, size)?;
        }
        self.entry().map(Some)
    }

    /// Reads a header; says whether there was one.
    fn read_header(&mut self, archive: &mut impl Archive) -> Result<bool, TarballError> {
        let block = archive.read(BLOCK_BYTES)?;
        if block.iter().all(|byte| *byte == 0) && matches!(block.len(), 0 | BLOCK_BYTES) {
            return Ok(false);
        }
        self.header.0 = *block.first_chunk().filter(|_| block.len() == BLOCK_BYTES).ok_or_else(|| damaged("it ends inside of a header"))?;
        if self.header.has_right_checksum() { Ok(true) } else { Err(damaged("the checksum of a header is wrong")) }
    }

    /// Returns where the content of the entry begins and how long it is.
    fn place(&self, extended: Option<u64>) -> Result<(u64, u64), TarballError> {
        let size = self.header.size().map_err(|reason| unsupported(&self.header.path(), reason))?;
        Ok((self.next + BLOCK_BYTES as u64, extended.unwrap_or(size)))
    }

    /// Takes in what an entry tells.
    fn listen(&mut self, tells: Tells, size: u64, archive: &mut impl Archive) -> Result<(), TarballError> {
        let text = usize::try_from(size).map_or(Ok([].as_slice()), |size| archive.read(size))?;
        if text.len() as u64 != size {
            return Err(damaged("it ends inside of a header"));
        }
        let (place, reason) = match tells {
            Tells::OfAll if moves_entries(text) => return Err(unsupported(&self.header.path(), "a global header sets a path or size")),
            Tells::OfAll => return Ok(()),
            Tells::LongName => (&mut self.told.long_name, "two long names are given for one entry"),
            Tells::LongLink => (&mut self.told.long_link, "two long link targets are given for one entry"),
            Tells::Extended => (&mut self.told.extended, "two extended headers are given for one entry"),
        };
        if place.replace(text.to_vec()).is_some() { Err(damaged(reason)) } else { Ok(()) }
    }

    fn entry(&mut self) -> Result<Entry<'_>, TarballError> {
        let records = Records::of_entry(self.told.extended.as_deref().unwrap_or_default());
        let long_name = self.told.long_name.as_deref().map(|name| name.strip_suffix(b"\0").unwrap_or(name));
        let in_records = records.as_ref().ok().and_then(|records| records.path);
        let path = long_name.or(in_records).map_or_else(|| self.header.path(), Cow::Borrowed);
        let records = records.map_err(|reason| unsupported(&path, reason))?;
        if long_name.is_some() && in_records.is_some() {
            return Err(unsupported(&path, "it has two long names"));
        }
        let (start, size) = self.place(records.size)?;
        self.next = behind(start, size)?;
        Ok(Entry { header: &self.header, path, start, size })
    }
}

/// Returns where the header behind a content stands.
fn behind(start: u64, size: u64) -> Result<u64, TarballError> {
    let blocks = size.checked_next_multiple_of(BLOCK_BYTES as u64);
    blocks.and_then(|size| start.checked_add(size)).ok_or_else(|| damaged("an entry is larger than any archive"))
}

fn damaged(reason: &str) -> TarballError {
    TarballError::Archive { reason: reason.to_owned() }
}
