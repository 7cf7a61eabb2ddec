//! A shelf: files of the user's cache that one install leaves for the next ones.
//!
//! A file is a magic whose digit is the version of the format, the CRC-32 of the rest, and the rest; one that is wrong
//! anywhere counts as absent. Only the newest few of a shelf are kept, and all of them can be removed at any time.

use crate::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How long a magic is.
const MAGIC: usize = 8;
/// How many bytes stand before the content.
const HEAD: usize = MAGIC + 4;
/// How many files are kept.
const KEPT: usize = 32;
/// The largest file. A lockfile with a hundred thousand packages comes to a fifth of that.
const BYTES_MAX: u64 = 128 << 20;

/// One kind of such files.
pub(super) struct Shelf {
    /// Its folder, below deka's in the user's cache.
    pub folder: &'static str,
    /// What its files begin with.
    pub magic: &'static [u8; MAGIC],
}

impl Shelf {
    /// Reads a file, if there is one.
    pub fn read(&self, cache_dir: &Path, name: &str) -> Option<Vec<u8>> {
        let path = cache_dir.join(self.folder).join(name);
        let is_small = std::fs::metadata(&path).is_ok_and(|found| found.len() <= BYTES_MAX);
        let mut bytes = std::fs::read(&path).ok().filter(|_| is_small)?;
        let (check, content) = bytes.strip_prefix(self.magic)?.split_first_chunk::<4>()?;
        if crc32fast::hash(content).to_le_bytes() != *check {
            return None;
        }
        bytes.drain(..HEAD);
        Some(bytes)
    }

    /// Writes a file whose content are these parts. A cache that cannot be written is no reason to fail.
    pub fn write(&self, cache_dir: &Path, name: &str, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        if (HEAD + length) as u64 > BYTES_MAX {
            return;
        }
        let mut bytes = Vec::with_capacity(HEAD + length);
        bytes.extend_from_slice(self.magic);
        bytes.extend_from_slice(&[0; 4]);
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        let check = crc32fast::hash(&bytes[HEAD..]).to_le_bytes();
        bytes[MAGIC..HEAD].copy_from_slice(&check);
        let folder = cache_dir.join(self.folder);
        if fs::create_dir_all(&folder).and_then(|()| fs::write_atomic(&folder.join(name), &bytes)).is_ok() {
            forget_oldest(&folder);
        }
    }
}

/// Removes what is too much, the oldest first.
fn forget_oldest(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let Some(surplus) = paths.len().checked_sub(KEPT).filter(|surplus| *surplus > 0) else { return };
    let written = |path: &PathBuf| std::fs::metadata(path).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut by_age: Vec<(SystemTime, PathBuf)> = paths.into_iter().map(|path| (written(&path), path)).collect();
    by_age.sort();
    for (_, path) in by_age.into_iter().take(surplus) {
        // Another install may have been faster.
        let _ = fs::remove_file(&path);
    }
}
