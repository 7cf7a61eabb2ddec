//! What can go wrong with the store, in words for the person who runs an install.

use super::id::TreeId;
use crate::fs::FsError;
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// A failed operation on the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Io(#[from] FsError),
    /// The disk, its inodes or a quota is used up.
    #[error("no space left to write {}: {free_bytes} bytes and {free_files} files are free there ({source})", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
        /// Bytes that this user may still write on that file system.
        free_bytes: u64,
        /// Files that this user may still create on that file system.
        free_files: u64,
        /// What the system answered.
        source: io::Error,
    },
    /// A newer deka wrote this store. Nothing was touched.
    #[error("the store index {} has version {found}, and this deka knows versions up to {known}: use a newer deka or another store", path.display())]
    Newer {
        /// The index.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is understood here.
        known: i64,
    },
    /// Another process held the index for longer than anyone should wait.
    #[error("the store index {} is busy: another process has been writing to it for more than {waited_s} seconds", path.display())]
    Busy {
        /// The index.
        path: PathBuf,
        /// How long this process waited.
        waited_s: u64,
    },
    /// The index could not be used, for a reason that making it again does not mend.
    #[error("cannot use the store index {}: {reason}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// Something has to be written, and the store is read-only.
    #[error("the store {} is read-only, and something new has to be written to it", path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// A tree is whole, and yet no list of files that could stand in a folder: nobody's accident.
    #[error("the tree {id} in the store is not a list of files")]
    Tree {
        /// Its name.
        id: TreeId,
    },
    /// Something is to be deleted, and nobody can be kept away meanwhile.
    #[error("the store {} cannot be locked, so nothing can be deleted from it safely: it is read-only, or its file system has no locks", path.display())]
    NoLease {
        /// The store.
        path: PathBuf,
    },
    /// The list of versions that must not be installed is not what deka wrote.
    #[error("the list of versions in quarantine, {}, is damaged or was edited: look at it, remove it, and quarantine again what should be", path.display())]
    Quarantine {
        /// The list.
        path: PathBuf,
    },
    /// Two files of one package cannot stand beside each other.
    #[error("the package has a file `{file}` and another one below it, `{below}`")]
    Clash {
        /// The path that is both file and folder.
        file: String,
        /// The path that needs it as a folder.
        below: String,
    },
    /// A pack is not as it should be.
    #[error(transparent)]
    Pack(super::pack::PackError),
    /// The source of a file broke off or failed.
    #[error("cannot read `{path}` of the package: {source}")]
    Source {
        /// Path inside the package.
        path: String,
        /// What its reader answered.
        source: io::Error,
    },
}

/// Why the files of a package could not be put somewhere.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// Objects are missing or wrong. Nothing of them was handed out; importing the package again mends the store.
    #[error("{} damaged or missing in the store{}", count(objects), first(objects))]
    Damaged {
        /// Each entry whose object cannot be used.
        objects: Vec<Damage>,
    },
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<FsError> for CheckoutError {
    fn from(error: FsError) -> CheckoutError {
        CheckoutError::Store(error.into())
    }
}

/// An entry whose object cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Path inside the package.
    pub path: String,
    /// Path of the object.
    pub object: PathBuf,
    /// Whether the object is not there at all.
    pub missing: bool,
}

fn count(objects: &[Damage]) -> String {
    match objects.len() {
        1 => "1 file is".to_owned(),
        many => format!("{many} files are"),
    }
}

fn first(objects: &[Damage]) -> String {
    match objects {
        [] => String::new(),
        [only] => format!(": `{}`", only.path),
        [first, ..] => format!(", the first is `{}`", first.path),
    }
}

/// Tells a full disk from other failures.
pub(super) fn explain(error: FsError) -> StoreError {
    let full = matches!(Errno::from_io_error(&error.source), Some(Errno::NOSPC | Errno::DQUOT));
    if !full {
        return StoreError::Io(error);
    }
    StoreError::full(error.path, error.source)
}

impl StoreError {
    /// Looks up how much is free at a path.
    pub(super) fn full(path: PathBuf, source: io::Error) -> StoreError {
        let (free_bytes, free_files) = free_at(&path);
        StoreError::Full { path, free_bytes, free_files, source }
    }
}

/// Free bytes and inodes on the file system of a path that may not exist.
fn free_at(path: &Path) -> (u64, u64) {
    path.ancestors()
        .find_map(|folder| rustix::fs::statvfs(folder).ok())
        .map_or((0, 0), |found| (found.f_bavail.saturating_mul(found.f_frsize), found.f_favail))
}

#[cfg(test)]
mod tests {
    use super::{CheckoutError, Damage, StoreError, explain};
    use crate::fs::FsError;
    use rustix::io::Errno;
    use std::path::PathBuf;

    #[test]
    fn a_full_disk_is_named_with_what_is_free() {
        let failed = |errno: Errno| explain(FsError { verb: "write", path: PathBuf::from("/tmp/not/there"), source: errno.into() });
        for errno in [Errno::NOSPC, Errno::DQUOT] {
            let error = failed(errno);
            assert!(matches!(error, StoreError::Full { .. }) && error.to_string().contains("/tmp/not/there"), "{error}");
        }
        assert!(matches!(failed(Errno::IO), StoreError::Io(_)));
    }

    #[test]
    fn damage_reads_well() {
        let damage = |path: &str| Damage { path: path.to_owned(), object: PathBuf::new(), missing: true };
        let text = |objects| CheckoutError::Damaged { objects }.to_string();
        assert_eq!(text(vec![damage("a")]), "1 file is damaged or missing in the store: `a`");
        assert_eq!(text(vec![damage("a"), damage("b")]), "2 files are damaged or missing in the store, the first is `a`");
    }
}
