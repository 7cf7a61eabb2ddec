//! The entries of an archive: which of them are files of the package, and under what path.

use super::error::TarballError;
use super::gathered::{Gathered, TOGETHER_BYTES};
use super::paths::{self, Seen};
use super::tar::{Entry, Kind, Slice, Walk};
use super::{Content, Limits, Sink, Skipped, Unpacked, WholeFile};
use crate::package::integrity::Integrity;
use crate::package::path::RelPath;

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
    let (mut archive, mut walk) = (Slice::new(tar), Walk::new());
    let mut gathered = Gathered::default();
    while let Some(entry) = walk.next(&mut archive)? {
        let file = files.admit(&entry)?;
        let place = usize::try_from(entry.start).ok().zip(usize::try_from(entry.start.saturating_add(entry.size)).ok());
        let Some((start, end)) = place.filter(|(_, end)| *end <= tar.len()) else {
            return Err(TarballError::Truncated { entry: paths::shown(entry.path()) });
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
    pub(super) fn admit(&mut self, entry: &Entry<'_>) -> Result<Option<File>, TarballError> {
        self.entries += 1;
        if self.entries.max(self.seen.count()) > self.limits.entries {
            return Err(TarballError::TooManyEntries { limit: self.limits.entries });
        }
        let path = paths::stripped(entry.path())?;
        match entry.kind() {
            Kind::File if !entry.path().ends_with(b"/") => {}
            // Before there was a type for folders, a slash at the end made one.
            Kind::File | Kind::Folder => return Ok(None),
            Kind::Link => {
                self.skipped.links += 1;
                return Ok(None);
            }
            Kind::Device => {
                self.skipped.devices += 1;
                return Ok(None);
            }
            Kind::Other => {
                self.skipped.others += 1;
                return Ok(None);
            }
            Kind::Sparse => return Err(entry.unsupported("it is a sparse file")),
            Kind::Misplaced => return Err(entry.unsupported("a long name stands where the format has none")),
        }
        let Some(path) = path else {
            self.skipped.others += 1;
            return Ok(None);
        };
        self.seen.note(&path)?;
        self.files += 1;
        self.bytes = self.bytes.saturating_add(entry.size);
        if self.bytes > self.limits.unpacked_bytes {
            return Err(TarballError::TooLarge { limit: self.limits.unpacked_bytes });
        }
        Ok(Some(File { path, executable: entry.is_executable(), size: entry.size }))
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
