//! Tarballs: from the bytes of a `.tgz` to the files of a package.
//!
//! Nothing here writes to disk. Each file of the archive is handed to a [`Sink`], and whoever owns the sink decides what
//! a file becomes. The bytes come from strangers, so this is where the rules stand: regular files only, paths that cannot
//! leave the package, one leading component stripped as npm does, and limits on everything that a small archive could
//! make large.
//!
//! There are two ways through, with one outcome. [`unpack_bytes`] has the whole body: it checks the integrity first,
//! inflates it in one piece and hands out slices of that. [`unpack_stream`] has a reader: it hashes, inflates and hands
//! out files as bytes arrive, in bounded memory, and says at the end whether any of it may be used.

mod deflate;
mod entries;
mod error;
mod gathered;
mod gzip;
mod inflate;
mod paths;
mod records;
mod stream;
mod tar;
mod window;

#[cfg(test)]
mod tests;

pub use error::TarballError;
pub(crate) use inflate::{Inflated, with_inflated};
pub use stream::unpack_stream;

use crate::package::integrity::{Algorithm, Integrity};
use crate::package::path::RelPath;
use std::io::BufRead;

/// Takes the files of a package, one after the other.
///
/// An archive may hold a path twice: the later file replaces the earlier one, and so the later call must replace what
/// the earlier call left.
pub trait Sink {
    /// Why a file could not be taken.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Takes one file. `executable` says whether any of its execute bits is set; no other bit of its mode counts.
    fn file(&mut self, path: &RelPath, executable: bool, content: Content<'_>) -> Result<(), Self::Error>;

    /// Takes some files of which all bytes are there, as if they came one after the other. For sinks that gain something
    /// by seeing several at once.
    fn files(&mut self, files: Vec<WholeFile<'_>>) -> Result<(), Self::Error> {
        files.iter().try_for_each(|file| self.file(&file.path, file.executable, Content::Whole(file.bytes)))
    }
}

/// A file of which all bytes are there.
#[derive(Clone, Debug)]
pub struct WholeFile<'a> {
    /// Where it belongs in the package.
    pub path: RelPath,
    /// Whether any of its execute bits is set.
    pub executable: bool,
    /// Its content.
    pub bytes: &'a [u8],
}

/// When the integrity of an archive is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Before a sink sees the first file.
    First,
    /// When it has seen the last.
    Last,
}

/// The bytes of one file.
pub enum Content<'a> {
    /// All of them.
    Whole(&'a [u8]),
    /// Too many to hold at once. The reader shows them where they were unpacked, and fails when the archive ends before
    /// `size` bytes.
    Stream {
        /// How many bytes the reader yields.
        size: u64,
        /// The bytes.
        reader: &'a mut dyn BufRead,
    },
}

/// How much of an archive is accepted.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most entries of any kind, and the most folders implied by their paths.
    pub entries: u64,
    /// The most unpacked bytes.
    pub unpacked_bytes: u64,
    /// The ratio of unpacked to packed bytes from which on an archive counts as a bomb.
    pub ratio: u64,
    /// The unpacked bytes below which no ratio is suspicious.
    pub ratio_from_bytes: u64,
    /// The most unpacked bytes that are inflated in one piece; what is larger is inflated as a stream.
    pub whole_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { entries: 200_000, unpacked_bytes: 8 << 30, ratio: 1000, ratio_from_bytes: 64 << 20, whole_bytes: 2 << 20 }
    }
}

/// What an archive turned out to be.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// The hash of the packed bytes: of the algorithm that was expected, SHA-512 when nothing was.
    pub integrity: Integrity,
    /// The files that the sink was given, a path that comes twice counted twice.
    pub files: u64,
    /// The bytes of those files.
    pub unpacked_bytes: u64,
    /// The bytes of the archive as it was sent.
    pub packed_bytes: u64,
    /// The entries that were left out.
    pub skipped: Skipped,
    /// Files whose path differs from that of an earlier file in nothing but case or Unicode form: on some file systems
    /// the two are one. At most twenty are named.
    pub clashes: Vec<RelPath>,
}

/// Counts of the entries that no package should have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Symbolic and hard links.
    pub links: u64,
    /// Devices and pipes.
    pub devices: u64,
    /// Kinds that nobody knows, and files that have no folder to strip.
    pub others: u64,
}

impl Skipped {
    /// Says whether something was left out.
    pub fn any(&self) -> bool {
        self.links + self.devices + self.others > 0
    }
}

/// Checks and unpacks an archive that is in memory: gzip with any number of members, or plain tar. `sha512` is its hash if
/// that is known already.
pub fn unpack_bytes<S: Sink>(
    body: &[u8],
    sha512: Option<[u8; 64]>,
    expected: Option<&Integrity>,
    limits: &Limits,
    sink: &mut S,
) -> Result<Unpacked, TarballError> {
    if body.is_empty() {
        return Err(TarballError::Empty);
    }
    let algorithm = algorithm_of(expected);
    let found = sha512.filter(|_| algorithm == Algorithm::Sha512).map(|sha512| Integrity::of_sha512(&sha512));
    let integrity = checked(expected, found.unwrap_or_else(|| algorithm.hash(body)))?;
    let mut files = entries::Files::new(limits, sink);
    if gzip::is_gzip(body) {
        let outcome = with_inflated(body, limits.whole_bytes, |inflated| match inflated {
            Inflated::Whole(tar) => Some(entries::unpack_slice(tar, &mut files)),
            Inflated::TooLarge => None,
            Inflated::Damaged(reason) => Some(Err(TarballError::Gzip { reason })),
        });
        match outcome {
            Some(outcome) => outcome?,
            None => stream::unpack_gzip(body, &mut files)?,
        }
    } else {
        entries::unpack_slice(body, &mut files)?;
    }
    files.finish(integrity, body.len() as u64)
}

/// Returns the algorithm of the hash that is to be found out: the expected one, or what packages have today.
fn algorithm_of(expected: Option<&Integrity>) -> Algorithm {
    expected.map_or(Algorithm::Sha512, Integrity::algorithm)
}

fn checked(expected: Option<&Integrity>, found: Integrity) -> Result<Integrity, TarballError> {
    match expected {
        Some(expected) if !expected.accepts(&found) => {
            Err(TarballError::Integrity { expected: Box::new(expected.clone()), found: Box::new(found) })
        }
        _ => Ok(found),
    }
}
