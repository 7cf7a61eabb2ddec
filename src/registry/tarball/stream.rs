//! Unpacking while the bytes arrive, in memory that does not grow with the archive.
//!
//! The readers are stacked: what arrives is hashed and counted, inflated, bounded, and read as tar. An error from any
//! of them travels up as an `io::Error` that carries a [`TarballError`].

use super::entries::{File, Files};
use super::error::TarballError;
use super::{Content, Limits, Sink, Unpacked, checked, gzip, hasher_for, paths};
use crate::package::integrity::{Hasher, Integrity};
use std::cell::Cell;
use std::io::{self, BufReader, Read};
use tar::{Archive, Entry};

/// Files up to this size are read whole before the sink sees them.
const WHOLE_FILE_BYTES: u64 = 1 << 20;
/// How much may stand between two entries: extended headers with long names, and padding.
const BETWEEN_ENTRIES_BYTES: u64 = 1 << 20;
/// The piece in which packed bytes are read.
const PIECE_BYTES: usize = 64 << 10;

/// Unpacks an archive from a reader and checks it: gzip with any number of members, or plain tar. The integrity is known
/// only at the end, so what the sink was given may be used only when this returns `Ok`.
pub fn unpack_stream<S: Sink>(
    reader: &mut dyn Read,
    expected: Option<&Integrity>,
    limits: &Limits,
    sink: &mut S,
) -> Result<Unpacked, TarballError> {
    let packed_bytes = Cell::new(0);
    let mut packed = Hashed { reader, hasher: hasher_for(expected), bytes: &packed_bytes };
    let mut files = Files::new(limits, sink);
    let outcome = unpack_any(&mut packed, &packed_bytes, &mut files);
    if let Err(error @ (TarballError::Sink(_) | TarballError::Read(_) | TarballError::Empty)) = outcome {
        return Err(error);
    }
    // Whatever was wrong inside, bytes that are not the promised ones are the better explanation.
    io::copy(&mut packed, &mut io::sink()).map_err(TarballError::from_io)?;
    let integrity = checked(expected, packed.hasher.finish())?;
    outcome?;
    files.finish(integrity, packed_bytes.get())
}

/// Unpacks a gzip body that is in memory and whose integrity is known, but that is too large to inflate in one piece.
pub(super) fn unpack_gzip<S: Sink>(body: &[u8], packed_bytes: u64, limits: &Limits, files: &mut Files<'_, S>) -> Result<(), TarballError> {
    unpack_tar(Bounded::new(gzip::Members::new(body), &Cell::new(packed_bytes), limits, &Cell::new(0)), files)
}

fn unpack_any<S: Sink>(packed: &mut dyn Read, packed_bytes: &Cell<u64>, files: &mut Files<'_, S>) -> Result<(), TarballError> {
    let mut magic = Vec::with_capacity(2);
    packed.take(2).read_to_end(&mut magic).map_err(TarballError::from_io)?;
    if magic.is_empty() {
        return Err(TarballError::Empty);
    }
    let limits = files.limits;
    let allowance = Cell::new(0);
    let is_gzip = gzip::is_gzip(&magic);
    let packed = magic.as_slice().chain(packed);
    if is_gzip {
        let members = gzip::Members::new(BufReader::with_capacity(PIECE_BYTES, packed));
        unpack_tar(Bounded::new(members, packed_bytes, limits, &allowance), files)
    } else {
        unpack_tar(Bounded::new(BufReader::with_capacity(PIECE_BYTES, packed), packed_bytes, limits, &allowance), files)
    }
}

fn unpack_tar<R: Read, S: Sink>(mut tar: Bounded<'_, R>, files: &mut Files<'_, S>) -> Result<(), TarballError> {
    let allowance = tar.allowance;
    let mut buffer = Vec::new();
    let mut archive = Archive::new(&mut tar);
    let mut entries = archive.entries().map_err(TarballError::from_io)?;
    loop {
        allowance.set(BETWEEN_ENTRIES_BYTES);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(TarballError::from_io)?;
        allowance.set(entry.size());
        if let Some(file) = files.admit(&mut entry)? {
            pass(&mut entry, &file, &mut buffer, files)?;
        }
        // What is left of it, if it was skipped or the sink did not want all.
        io::copy(&mut entry, &mut io::sink()).map_err(TarballError::from_io)?;
    }
    // The checksum of the last member stands behind everything, also behind what follows the end of the archive.
    allowance.set(u64::MAX);
    io::copy(&mut tar, &mut io::sink()).map(drop).map_err(TarballError::from_io)
}

fn pass<R: Read, S: Sink>(
    entry: &mut Entry<'_, R>,
    file: &File,
    buffer: &mut Vec<u8>,
    files: &mut Files<'_, S>,
) -> Result<(), TarballError> {
    let truncated = || TarballError::Truncated { entry: paths::shown(file.path.as_str().as_bytes()) };
    if file.size <= WHOLE_FILE_BYTES {
        buffer.clear();
        entry.read_to_end(buffer).map_err(TarballError::from_io)?;
        if buffer.len() as u64 != file.size {
            return Err(truncated());
        }
        return files.pass(file, Content::Whole(buffer)).map_err(|error| TarballError::Sink(error.into()));
    }
    let mut exact = Exact { reader: entry, left: file.size, fault: None };
    let taken = files.pass(file, Content::Stream { size: file.size, reader: &mut exact });
    // A sink that failed because its reader did is not to blame.
    match exact.fault {
        Some(Fault::Ended) => Err(truncated()),
        Some(Fault::Failed(error)) => Err(TarballError::from_io(error)),
        None => taken.map_err(|error| TarballError::Sink(error.into())),
    }
}

/// Hashes and counts what passes.
struct Hashed<'a> {
    reader: &'a mut dyn Read,
    hasher: Hasher,
    bytes: &'a Cell<u64>,
}

impl Read for Hashed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(into) {
            Ok(read) => {
                self.hasher.update(&into[..read]);
                self.bytes.set(self.bytes.get() + read as u64);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(TarballError::Read(error).into()),
        }
    }
}

/// Stops what unpacks to too much, and headers that would be collected in memory without end.
struct Bounded<'a, R> {
    tar: R,
    limits: &'a Limits,
    packed_bytes: &'a Cell<u64>,
    bytes: u64,
    /// How much may be read before it is granted again.
    allowance: &'a Cell<u64>,
}

impl<'a, R> Bounded<'a, R> {
    fn new(tar: R, packed_bytes: &'a Cell<u64>, limits: &'a Limits, allowance: &'a Cell<u64>) -> Bounded<'a, R> {
        Bounded { tar, limits, packed_bytes, bytes: 0, allowance }
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.tar.read(into)?;
        self.bytes += read as u64;
        if self.bytes > self.limits.unpacked_bytes {
            return Err(TarballError::TooLarge { limit: self.limits.unpacked_bytes }.into());
        }
        let ratio = self.bytes / self.packed_bytes.get().max(1);
        if self.bytes > self.limits.ratio_from_bytes && ratio >= self.limits.ratio {
            return Err(TarballError::Bomb { ratio }.into());
        }
        let Some(left) = self.allowance.get().checked_sub(read as u64) else {
            return Err(TarballError::Archive { reason: "a header is too long".to_owned() }.into());
        };
        self.allowance.set(left);
        Ok(read)
    }
}

enum Fault {
    Ended,
    Failed(io::Error),
}

/// Reads one file, and fails where it should have gone on; remembers why.
struct Exact<'a, R> {
    reader: &'a mut R,
    left: u64,
    fault: Option<Fault>,
}

impl<R: Read> Read for Exact<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || into.is_empty() {
            return Ok(0);
        }
        match self.reader.read(into) {
            Ok(0) => {
                self.fault = Some(Fault::Ended);
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Ok(read) => {
                self.left = self.left.saturating_sub(read as u64);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.fault = Some(Fault::Failed(error));
                Err(kind.into())
            }
        }
    }
}
