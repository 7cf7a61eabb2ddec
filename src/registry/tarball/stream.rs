//! Unpacking while the bytes arrive, in memory that does not grow with the archive.
//!
//! What arrives is hashed and counted, unpacked into a window, bounded there, and walked through as tar; the content of files
//! goes from the window to the sink as it stands there. What reads the packed bytes has its errors travel up as an
//! `io::Error` that carries a [`TarballError`].

use super::deflate::Output;
use super::entries::{File, Files};
use super::error::TarballError;
use super::gathered::{Gathered, TOGETHER_BYTES};
use super::gzip::{self, Members, Room};
use super::tar::{Archive, BETWEEN_ENTRIES_BYTES, Walk};
use super::window::Window;
use super::{Content, Limits, Sink, Unpacked, algorithm_of, checked, paths};
use crate::package::integrity::{Hasher, Integrity, Together};
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

/// Files up to this size are shown whole to the sink.
const WHOLE_FILE_BYTES: usize = 1 << 20;
/// The most packed bytes that are taken at once, so that they are still in the cache when they are inflated, and the least
/// bytes of a large file that are shown at once.
const PIECE_BYTES: usize = 64 << 10;

/// Unpacks an archive from a reader and checks it: gzip with any number of members, or plain tar. The integrity is known
/// only at the end, so what the sink was given may be used only when this returns `Ok`. Streams that share `together` may
/// be hashed side by side.
pub fn unpack_stream<S: Sink>(
    reader: &mut dyn BufRead,
    expected: Option<&Integrity>,
    together: &Arc<Together>,
    limits: &Limits,
    sink: &mut S,
) -> Result<Unpacked, TarballError> {
    let packed_bytes = Cell::new(0);
    let hasher = Hasher::beside(algorithm_of(expected), together);
    let mut packed = Hashed { reader, hasher, hashed: 0, bytes: &packed_bytes };
    let mut files = Files::new(limits, sink);
    let outcome = unpack_any(&mut packed, &packed_bytes, &mut files);
    if let Err(error @ (TarballError::Sink(_) | TarballError::Read(_) | TarballError::Empty)) = outcome {
        return Err(error);
    }
    // Whatever was wrong inside, bytes that are not the promised ones are the better explanation.
    while packed.pass().map_err(TarballError::from_io)? != 0 {}
    let integrity = checked(expected, packed.hasher.finish())?;
    outcome?;
    files.finish(integrity, packed_bytes.get())
}

/// Unpacks a gzip body that is in memory and whose integrity is known, but that is too large to inflate in one piece.
pub(super) fn unpack_gzip<S: Sink>(mut body: &[u8], files: &mut Files<'_, S>) -> Result<(), TarballError> {
    let packed_bytes = Cell::new(body.len() as u64);
    gzip::with_decoder(|inflater| {
        let source = Source::Gzip(Members::new(&mut body, inflater));
        unpack_tar(Flow::new(source, &packed_bytes, files.limits), files)
    })
}

fn unpack_any<S: Sink>(packed: &mut dyn BufRead, packed_bytes: &Cell<u64>, files: &mut Files<'_, S>) -> Result<(), TarballError> {
    let mut magic = Vec::with_capacity(2);
    packed.take(2).read_to_end(&mut magic).map_err(TarballError::from_io)?;
    if magic.is_empty() {
        return Err(TarballError::Empty);
    }
    let is_gzip = gzip::is_gzip(&magic);
    let mut packed = magic.as_slice().chain(packed);
    gzip::with_decoder(|inflater| {
        let source = if is_gzip { Source::Gzip(Members::new(&mut packed, inflater)) } else { Source::Plain(&mut packed) };
        unpack_tar(Flow::new(source, packed_bytes, files.limits), files)
    })
}

fn unpack_tar<S: Sink>(mut flow: Flow<'_>, files: &mut Files<'_, S>) -> Result<(), TarballError> {
    let mut walk = Walk::new();
    let mut gathered = Gathered::default();
    while let Some(entry) = walk.next(&mut flow)? {
        let file = files.admit(&entry)?;
        let end = entry.start.saturating_add(entry.size);
        let Some(file) = file else {
            // What is left out may be larger than the window, which keeps what is gathered.
            flow.pass_gathered(&mut gathered, files)?;
            skip(&mut flow, end, entry.path())?;
            continue;
        };
        match usize::try_from(file.size).ok().filter(|size| *size <= WHOLE_FILE_BYTES) {
            Some(size) => flow.gather_file(file, size, &mut gathered, files)?,
            None => {
                flow.pass_gathered(&mut gathered, files)?;
                pass(&mut flow, &file, files)?;
                // The sink may not have wanted all.
                skip(&mut flow, end, entry.path())?;
            }
        }
    }
    flow.pass_gathered(&mut gathered, files)?;
    // The checksum of the last member stands behind everything, also behind what follows the end of the archive.
    flow.skip_to(u64::MAX).map(drop)
}

/// Goes on to the end of an entry.
fn skip(flow: &mut Flow<'_>, end: u64, entry: &[u8]) -> Result<(), TarballError> {
    let reached = flow.skip_to(end)?;
    if reached { Ok(()) } else { Err(TarballError::Truncated { entry: paths::shown(entry) }) }
}

fn truncated(file: &File) -> TarballError {
    TarballError::Truncated { entry: paths::shown(file.path.as_str().as_bytes()) }
}

/// Has the sink read a file that is too large to be shown whole.
fn pass<S: Sink>(flow: &mut Flow<'_>, file: &File, files: &mut Files<'_, S>) -> Result<(), TarballError> {
    let mut reader = FileReader { flow, left: file.size, fault: None };
    let taken = files.pass(file, Content::Stream { size: file.size, reader: &mut reader });
    // A sink that failed because its reader did is not to blame.
    match reader.fault {
        Some(Fault::Ended) => Err(truncated(file)),
        Some(Fault::Failed(error)) => Err(error),
        None => taken.map_err(|error| TarballError::Sink(error.into())),
    }
}

/// Hashes and counts what passes.
struct Hashed<'a> {
    reader: &'a mut dyn BufRead,
    hasher: Hasher,
    /// How much of what comes next was hashed when it was looked at.
    hashed: usize,
    bytes: &'a Cell<u64>,
}

impl Hashed<'_> {
    /// Takes a piece and returns its size.
    fn pass(&mut self) -> io::Result<usize> {
        let size = self.fill_buf()?.len();
        self.consume(size);
        Ok(size)
    }
}

impl BufRead for Hashed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while let Err(error) = self.reader.fill_buf() {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(TarballError::Read(error).into());
            }
        }
        let piece = self.reader.fill_buf()?;
        let piece = &piece[..piece.len().min(PIECE_BYTES)];
        let new = &piece[self.hashed.min(piece.len())..];
        self.hasher.update(new);
        self.bytes.set(self.bytes.get() + new.len() as u64);
        self.hashed = piece.len();
        Ok(piece)
    }

    fn consume(&mut self, count: usize) {
        self.hashed = self.hashed.saturating_sub(count);
        self.reader.consume(count);
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, into)
    }
}

fn read_buffered(reader: &mut dyn BufRead, into: &mut [u8]) -> io::Result<usize> {
    let ready = reader.fill_buf()?;
    let count = ready.len().min(into.len());
    into[..count].copy_from_slice(&ready[..count]);
    reader.consume(count);
    Ok(count)
}

/// Adds what a reader has ready to an output.
fn write_buffered(reader: &mut dyn BufRead, output: &mut Output<'_>) -> io::Result<usize> {
    let count = output.write(reader.fill_buf()?);
    reader.consume(count);
    Ok(count)
}

/// Where the bytes of the archive come from.
enum Source<'a> {
    Gzip(Members<'a, &'a mut dyn BufRead>),
    Plain(&'a mut dyn BufRead),
}

/// The unpacked archive as it passes by. Stops what unpacks to too much.
struct Flow<'a> {
    source: Source<'a>,
    window: Window,
    limits: &'a Limits,
    packed_bytes: &'a Cell<u64>,
    /// How much was unpacked.
    bytes: u64,
}

impl<'a> Flow<'a> {
    fn new(source: Source<'a>, packed_bytes: &'a Cell<u64>, limits: &'a Limits) -> Flow<'a> {
        // Long headers may stand before a file while others are held.
        let window = Window::new(WHOLE_FILE_BYTES + BETWEEN_ENTRIES_BYTES as usize);
        Flow { source, window, limits, packed_bytes, bytes: 0 }
    }

    /// Returns how much of the archive was read or skipped.
    fn position(&self) -> u64 {
        self.bytes - self.window.unread().len() as u64
    }

    /// Unpacks some more; says whether there was more.
    fn unpack(&mut self) -> Result<bool, TarballError> {
        let made = match &mut self.source {
            Source::Gzip(members) => members.unpack(&mut self.window),
            Source::Plain(reader) => self.window.unpack(|output| write_buffered(*reader, output)).1,
        };
        let made = made.map_err(TarballError::from_io)?;
        self.bytes += made as u64;
        if self.bytes > self.limits.unpacked_bytes {
            return Err(TarballError::TooLarge { limit: self.limits.unpacked_bytes });
        }
        let ratio = self.bytes / self.packed_bytes.get().max(1);
        if self.bytes > self.limits.ratio_from_bytes && ratio >= self.limits.ratio {
            return Err(TarballError::Bomb { ratio });
        }
        Ok(made != 0)
    }

    /// Unpacks until so many bytes can be read in one piece; says whether there are so many.
    fn gather(&mut self, count: usize) -> Result<bool, TarballError> {
        while self.window.unread().len() < count {
            if !self.unpack()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads a file into the window and keeps it there, until there are enough of them for the sink.
    fn gather_file<S: Sink>(
        &mut self,
        file: File,
        size: usize,
        gathered: &mut Gathered,
        files: &mut Files<'_, S>,
    ) -> Result<(), TarballError> {
        if self.window.held().len() + size > TOGETHER_BYTES {
            self.pass_gathered(gathered, files)?;
        }
        self.window.hold();
        if !self.gather(size)? {
            return Err(truncated(&file));
        }
        let start = self.window.held().len();
        self.window.consume(size);
        gathered.push(file, start..start + size);
        Ok(())
    }

    /// Gives the sink what it has not been given.
    fn pass_gathered<S: Sink>(&mut self, gathered: &mut Gathered, files: &mut Files<'_, S>) -> Result<(), TarballError> {
        gathered.pass(self.window.held(), files)?;
        self.window.let_go();
        Ok(())
    }
}

impl Archive for Flow<'_> {
    fn skip_to(&mut self, position: u64) -> Result<bool, TarballError> {
        loop {
            let left = position.saturating_sub(self.position());
            self.window.consume(usize::try_from(left).unwrap_or(usize::MAX));
            if self.position() >= position {
                return Ok(true);
            }
            if !self.unpack()? {
                return Ok(false);
            }
        }
    }

    fn read(&mut self, count: usize) -> Result<&[u8], TarballError> {
        self.gather(count)?;
        Ok(self.window.take(count))
    }
}

enum Fault {
    Ended,
    Failed(TarballError),
}

/// Reads one file, and fails where it should have gone on; remembers why.
struct FileReader<'a, 'b> {
    flow: &'a mut Flow<'b>,
    left: u64,
    fault: Option<Fault>,
}

impl BufRead for FileReader<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        // The network brings small pieces, and sinks are quickest with large ones.
        match self.flow.gather(left.min(PIECE_BYTES)) {
            Ok(true) => {
                let ready = self.flow.window.unread();
                Ok(&ready[..left.min(ready.len())])
            }
            Ok(false) => {
                self.fault = Some(Fault::Ended);
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Err(error) => {
                self.fault = Some(Fault::Failed(error));
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.flow.window.consume(count);
    }
}

impl Read for FileReader<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, into)
    }
}
