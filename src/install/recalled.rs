//! What the packages of a lockfile ask for, in the user's cache: resolution goes through them without their packuments.
//!
//! A file `demands-v1/<hash>` stands for one lockfile, and is named by a hash of its bytes and of what else decides what
//! the dependencies of packages become: overrides, catalogs where overrides may lead to them, and registries. It is
//! written with the lockfile, and whoever has another one, a fresh clone say, takes the way of packuments. A file is a
//! magic whose digit is the version of the format, the CRC-32 of the rest, and [`Demands::encoded`]; one that is wrong
//! anywhere counts as absent. Only the newest [`KEPT`] are kept, and all of them can be removed at any time.

use super::session::Session;
use crate::error::Error;
use crate::fs;
use crate::resolve::demands::Demands;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const MAGIC: &[u8; 8] = b"dekadm1\n";
/// How many bytes stand before the demands.
const HEAD: usize = MAGIC.len() + 4;
/// How many files are kept. Each is about an eighth of its lockfile.
const KEPT: usize = 32;
/// The largest file. A lockfile with a hundred thousand packages has a tenth of that.
const BYTES_MAX: u64 = 128 << 20;

/// Reads what the packages of a lockfile ask for, if that is known. `count` is how many packages it has.
pub(super) fn read(session: &Session, lockfile: &[u8], count: usize) -> Option<Demands> {
    if session.settings.force {
        // Everything is to be checked with the registry.
        return None;
    }
    let path = file(session, lockfile).ok()?;
    let is_small = std::fs::metadata(&path).is_ok_and(|found| found.len() <= BYTES_MAX);
    let mut bytes = std::fs::read(&path).ok().filter(|_| is_small)?;
    let rest = bytes.strip_prefix(MAGIC)?;
    let (check, block) = rest.split_first_chunk::<4>()?;
    if libdeflater::crc32(block).to_le_bytes() != *check {
        return None;
    }
    bytes.drain(..HEAD);
    Demands::decode(bytes, count)
}

/// Keeps what the packages of a lockfile ask for. A cache that cannot be written is no reason to fail.
pub(super) fn keep(session: &Session, lockfile: &[u8], demands: &Demands) {
    let Ok(path) = file(session, lockfile) else { return };
    let block = demands.encoded();
    if (HEAD + block.len()) as u64 > BYTES_MAX {
        return;
    }
    let mut bytes = Vec::with_capacity(HEAD + block.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&libdeflater::crc32(block).to_le_bytes());
    bytes.extend_from_slice(block);
    if let Some(folder) = path.parent()
        && fs::create_dir_all(folder).and_then(|()| fs::write_atomic(&path, &bytes)).is_ok()
    {
        forget_oldest(folder);
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

/// Returns the file for a lockfile.
fn file(session: &Session, lockfile: &[u8]) -> Result<PathBuf, Error> {
    let registries = session.sources.registries()?;
    let catalogs = (!session.overrides.is_empty()).then_some(&session.catalogs);
    let rules = format!("{:?}\n{:?}\n{:?}\n{catalogs:?}\n", registries.default, registries.scopes, session.overrides);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(rules.len() as u64).to_le_bytes()).update(rules.as_bytes()).update(lockfile);
    let name = hasher.finalize().to_hex();
    Ok(session.settings.cache_dir.join("demands-v1").join(name.as_str()))
}
