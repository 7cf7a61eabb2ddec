//! The entries of a tar archive: which of them are files of the package, and under what path.
//!
//! The `tar` crate finds entries, long names and sizes. What it leaves open is decided here, always for the reading on
//! which a strict reader and npm agree: an archive that two tools could unpack differently is refused.

use super::error::TarballError;
use super::gathered::{Gathered, TOGETHER_BYTES};
use super::paths::{self, Seen};
use super::{Content, Limits, Sink, Skipped, Unpacked, WholeFile};
use crate::package::integrity::Integrity;
use crate::package::path::RelPath;
use std::io::{Cursor, Read};
use tar::{Archive, Entry, EntryType};

/// Hands the files of one archive to a sink and keeps count.
pub(super) struct Files<'a, S> {
    pub(super) limits: &'a Limits,
    sink: &'a mut S,
    seen: Seen,
    entries: u64,
    files: u64,
    bytes: u64,
    skipped: Skipped,
}

/// A file that an entry stands for.
pub(super) struct File {
    pub(super) path: RelPath,
    pub(super) executable: bool,
    pub(super) size: u64,
}

/// Unpacks an archive that is in memory; the sink sees slices of it.
pub(super) fn unpack_slice<S: Sink>(tar: &[u8], files: &mut Files<'_, S>) -> Result<(), TarballError> {
    let mut archive = Archive::new(Cursor::new(tar));
    let mut gathered = Gathered::default();
    for entry in archive.entries_with_seek().map_err(TarballError::from_io)? {
        let mut entry = entry.map_err(TarballError::from_io)?;
        let file = files.admit(&mut entry)?;
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let end = usize::try_from(entry.size()).ok().and_then(|size| start.checked_add(size));
        let Some(end) = end.filter(|end| *end <= tar.len()) else {
            return Err(TarballError::Truncated { entry: paths::shown(&entry.path_bytes()) });
        };
        if let Some(file) = file {
            gathered.push(file, start..end);
            if gathered.span() >= TOGETHER_BYTES {
                gathered.pass(tar, files)?;
            }
        }
    }
    gathered.pass(tar, files)
}

impl<'a, S: Sink> Files<'a, S> {
    pub(super) fn new(limits: &'a Limits, sink: &'a mut S) -> Files<'a, S> {
        Files { limits, sink, seen: Seen::default(), entries: 0, files: 0, bytes: 0, skipped: Skipped::default() }
    }

    /// Judges an entry: a file, nothing of interest, or an error.
    pub(super) fn admit<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<Option<File>, TarballError> {
        self.entries += 1;
        if self.entries.max(self.seen.count()) > self.limits.entries {
            return Err(TarballError::TooManyEntries { limit: self.limits.entries });
        }
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            check_global_header(entry)?;
            return Ok(None);
        }
        check_size_field(entry)?;
        check_extensions(entry)?;
        let raw = entry.path_bytes();
        let names_folder = raw.ends_with(b"/");
        let path = paths::stripped(&raw)?;
        drop(raw);
        match kind {
            EntryType::Regular | EntryType::Continuous if !names_folder => {}
            // Before there was a type for folders, a slash at the end made one.
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => return Ok(None),
            EntryType::Link | EntryType::Symlink => {
                self.skipped.links += 1;
                return Ok(None);
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                self.skipped.devices += 1;
                return Ok(None);
            }
            EntryType::GNUSparse => return Err(unsupported(entry, "it is a sparse file")),
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader => {
                return Err(unsupported(entry, "a long name stands where the format has none"));
            }
            _ => {
                self.skipped.others += 1;
                return Ok(None);
            }
        }
        let Some(path) = path else {
            self.skipped.others += 1;
            return Ok(None);
        };
        self.seen.note(&path)?;
        // A mode that cannot be read gives no right to be run.
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        let size = entry.size();
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.unpacked_bytes {
            return Err(TarballError::TooLarge { limit: self.limits.unpacked_bytes });
        }
        Ok(Some(File { path, executable, size }))
    }

    /// Gives a file to the sink.
    pub(super) fn pass(&mut self, file: &File, content: Content<'_>) -> Result<(), S::Error> {
        self.sink.file(&file.path, file.executable, content)
    }

    /// Gives several files to the sink.
    pub(super) fn pass_together(&mut self, together: Vec<WholeFile<'_>>) -> Result<(), TarballError> {
        self.sink.files(together).map_err(|error| TarballError::Sink(error.into()))
    }

    /// Sums up. An archive of nothing is none.
    pub(super) fn finish(self, integrity: Integrity, packed_bytes: u64) -> Result<Unpacked, TarballError> {
        if self.entries == 0 {
            return Err(TarballError::NoFiles);
        }
        Ok(Unpacked {
            integrity,
            files: self.files,
            unpacked_bytes: self.bytes,
            packed_bytes,
            skipped: self.skipped,
            clashes: self.seen.into_clashes(),
        })
    }
}

/// The extended fields that decide where an entry goes and how long it is; twice in one header they are a trap.
const DECIDING: [&[u8]; 2] = [b"path", b"size"];

/// Checks the extended header of one entry. A record that cannot be read could hide a size that others do see.
fn check_extensions<R: Read>(entry: &mut Entry<'_, R>) -> Result<(), TarballError> {
    if entry.header().entry_type().is_pax_local_extensions() {
        return Ok(());
    }
    let mut times = [0; DECIDING.len()];
    let mut fault = None;
    for record in entry.pax_extensions().map_err(TarballError::from_io)?.into_iter().flatten() {
        let Ok(record) = record else {
            fault = Some("its extended header is damaged");
            break;
        };
        let key = record.key_bytes();
        if let Some(index) = DECIDING.iter().position(|deciding| *deciding == key) {
            times[index] += 1;
        }
        if key.starts_with(b"GNU.sparse.") {
            fault = Some("it is a sparse file");
        } else if key == b"size" && record.value().ok().and_then(|size| size.parse::<u64>().ok()).is_none() {
            fault = Some("its size is no number");
        } else if times.iter().any(|times| *times > 1) {
            fault = Some("its extended header says the same thing twice");
        }
    }
    fault.map_or(Ok(()), |reason| Err(unsupported(entry, reason)))
}

/// A header for all entries to come may carry a comment, as archives of code forges do, and nothing that would move or
/// resize them.
fn check_global_header<R: Read>(entry: &mut Entry<'_, R>) -> Result<(), TarballError> {
    let mut moves = false;
    for record in entry.pax_extensions().map_err(TarballError::from_io)?.into_iter().flatten() {
        moves |= record.map_or(true, |record| {
            matches!(record.key_bytes(), b"path" | b"size" | b"linkpath") || record.key_bytes().starts_with(b"GNU.sparse.")
        });
    }
    if moves { Err(unsupported(entry, "a global header sets a path or size")) } else { Ok(()) }
}

/// A binary size field has room for more than 64 bits and for negative numbers.
fn check_size_field<R: Read>(entry: &Entry<'_, R>) -> Result<(), TarballError> {
    let field = &entry.header().as_bytes()[124..136];
    let binary = field[0] & 0x80 != 0;
    if binary && (field[0] != 0x80 || field[1..5].iter().any(|byte| *byte != 0)) {
        return Err(unsupported(entry, "its size is negative or absurd"));
    }
    Ok(())
}

fn unsupported<R: Read>(entry: &Entry<'_, R>, reason: &'static str) -> TarballError {
    TarballError::Unsupported { entry: paths::shown(&entry.path_bytes()), reason }
}
