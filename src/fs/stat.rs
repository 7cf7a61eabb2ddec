//! What tells one content of a file from another.

use rustix::fs::{AtFlags, FileType, statat};
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The length in bytes.
    pub size: u64,
    /// When the content last changed, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// The number of the file.
    pub inode: u64,
}

impl Stat {
    /// Takes what counts of what the system says of a file.
    pub fn of(found: &Metadata) -> Stat {
        let mtime_ns = found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec());
        Stat { size: found.size(), mtime_ns, inode: found.ino() }
    }

    /// Looks at a plain file in an open folder; nothing when there is none. Of many files, this is the fast way.
    pub fn of_file_in(folder: impl AsFd, name: &str) -> Option<Stat> {
        let found = statat(folder, name, AtFlags::empty()).ok()?;
        // The width of these fields differs between platforms.
        #[allow(clippy::unnecessary_cast)]
        let mtime_ns = (found.st_mtime as i64).saturating_mul(1_000_000_000).saturating_add(found.st_mtime_nsec as i64);
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        is_file.then(|| Stat { size: u64::try_from(found.st_size).unwrap_or(0), mtime_ns, inode: found.st_ino })
    }
}
