//! What can be wrong with a tarball.

use crate::package::integrity::Integrity;
use crate::package::path::PathError;
use std::io;

/// Why an archive was not unpacked. What the sink was given until then must not be used.
#[derive(Debug, thiserror::Error)]
pub enum TarballError {
    /// Nothing was sent.
    #[error("the tarball is empty")]
    Empty,
    /// The archive ends before its first file.
    #[error("the tarball holds no files")]
    NoFiles,
    /// The bytes are not those that were promised.
    #[error("the tarball is not the expected one: its hash is {found}, not {expected}")]
    Integrity {
        /// What the lockfile or the registry says.
        expected: Box<Integrity>,
        /// What the bytes have.
        found: Box<Integrity>,
    },
    /// The bytes stopped coming.
    #[error("the tarball could not be read to its end: {0}")]
    Read(#[source] io::Error),
    /// The compression is damaged.
    #[error("the compression of the tarball is damaged: {reason}")]
    Gzip {
        /// What exactly.
        reason: String,
    },
    /// The archive inside the compression is damaged, or there is none.
    #[error("the tarball is not a readable archive: {reason}")]
    Archive {
        /// What exactly.
        reason: String,
    },
    /// The archive ends inside a file.
    #[error("the tarball ends inside `{entry}`")]
    Truncated {
        /// The file, with control characters escaped.
        entry: String,
    },
    /// A path that could leave the package, or that no file system takes.
    #[error("the tarball holds a path that is not allowed: {0}")]
    Path(#[from] PathError),
    /// A path that is not text.
    #[error("the tarball holds a path that is not UTF-8: `{entry}`")]
    NotUtf8 {
        /// The path, with what is not ASCII escaped.
        entry: String,
    },
    /// One path is a file and a folder.
    #[error("the tarball holds `{path}` both as a file and as a folder")]
    FileAndFolder {
        /// The path, with control characters escaped.
        path: String,
    },
    /// An entry whose content cannot be told in a way that all readers agree on.
    #[error("the tarball holds an entry that cannot be represented (`{entry}`): {reason}")]
    Unsupported {
        /// The entry, with control characters escaped.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Too many entries.
    #[error("the tarball holds more than {limit} entries")]
    TooManyEntries {
        /// The most that are accepted.
        limit: u64,
    },
    /// Too many bytes.
    #[error("the tarball unpacks to more than {limit} bytes")]
    TooLarge {
        /// The most that are accepted.
        limit: u64,
    },
    /// So few bytes that unpack to so many are meant to do harm.
    #[error("the tarball unpacks to more than {ratio} times its size and is taken for an attack")]
    Bomb {
        /// The ratio that was reached.
        ratio: u64,
    },
    /// The sink refused a file.
    #[error("{0}")]
    Sink(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TarballError {
    /// Says whether the bytes may have been damaged on their way, so that fetching them once more may help.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            TarballError::Empty
                | TarballError::NoFiles
                | TarballError::Integrity { .. }
                | TarballError::Read(_)
                | TarballError::Gzip { .. }
                | TarballError::Archive { .. }
                | TarballError::Truncated { .. }
        )
    }

    /// Takes out of an I/O error what a reader further down put into it; anything else comes from the archive.
    pub(super) fn from_io(error: io::Error) -> TarballError {
        match error.downcast::<TarballError>() {
            Ok(inner) => inner,
            Err(error) => TarballError::Archive { reason: error.to_string().escape_debug().to_string() },
        }
    }
}

impl From<TarballError> for io::Error {
    fn from(error: TarballError) -> io::Error {
        io::Error::other(error)
    }
}
