//! How files get from the store into a project: sharing blocks, sharing the inode, or copying.

use crate::fs::{Context, FsError};
use rustix::fs::{AtFlags, CWD};
use std::path::Path;

/// What a user asks for (`package-import-method`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The fastest that works: hard links, else reflinks (two subvolumes of btrfs share blocks, but no inodes), else
    /// copies. A reflink makes an inode: with reflinks a warm install takes twice as long on btrfs, three times on XFS.
    #[default]
    Auto,
    /// Reflinks.
    Reflink,
    /// Hard links.
    Hardlink,
    /// Copies.
    Copy,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A file of its own that shares its blocks with the object until one of them changes.
    Reflink,
    /// The object itself, under a second name. An edit in the project is an edit in the store.
    Hardlink,
    /// A file of its own.
    Copy,
}

impl Method {
    /// Returns the method for a package that may write to its own files, as those with allowed scripts do.
    pub fn private(self) -> Method {
        match self {
            Method::Hardlink => Method::Copy,
            other => other,
        }
    }
}

/// Tries out what works between a file of the store and a folder of the project. What is asked for but does not work
/// becomes [`Method::Copy`].
pub(super) fn probe(sample: &Path, folder: &Path, wanted: Wanted) -> Result<Method, FsError> {
    let reflinks = || trial(folder, |target| reflink_copy::reflink(sample, target));
    let links = || trial(folder, |target| rustix::fs::linkat(CWD, sample, CWD, target, AtFlags::empty()).map_err(std::io::Error::from));
    // A folder that is not there would look like one that nothing can be linked to.
    std::fs::metadata(folder).at("look at", folder)?;
    Ok(match wanted {
        Wanted::Auto | Wanted::Hardlink if links() => Method::Hardlink,
        Wanted::Auto | Wanted::Reflink if reflinks() => Method::Reflink,
        _ => Method::Copy,
    })
}

/// Makes a file in the folder and removes it again; says whether that worked.
fn trial(folder: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> bool {
    let target = folder.join(format!(".deka-probe-{}", crate::fs::unique_suffix()));
    let made = make(&target).is_ok();
    if made {
        // A leftover is an empty file; the next install of this project removes what it does not know.
        let _ = std::fs::remove_file(&target);
    }
    made
}
