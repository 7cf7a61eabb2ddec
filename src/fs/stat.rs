//! What tells one content of a file from another.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
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
}
