//! Package records: what the index knows, once more, in plain files.
//!
//! The index is derived data. Each commit leaves one file in `packages/`, named by the BLAKE3 of its bytes, with a
//! record of each package that the index did not hold before: key, name, version, facts and tree. From these the index
//! is made again when it is lost, without the network. A record carries its own length and digest, and a reader that
//! meets a damaged one goes on at the next, so a bad sector costs one package and not all.
//!
//! One file a commit, not one a package: a cold install writes 1,200 packages, and files are what costs.

use super::error::{StoreError, explain};
use super::mark::{Epoch, Marks};
use super::package::{PackageKey, StoredPackage};
use super::tree::Tree;
use crate::fs::{Context, Result as FsResult};
use crate::package::facts::Facts;
use crate::package::name::PackageName;
use bytes::Bytes;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Name of the folder inside the store.
pub(super) const FOLDER: &str = "packages";
/// What each record begins with; the last byte is the version of what follows.
const MAGIC: &[u8; 8] = b"dekapkg\x01";
/// Length of the part of the digest that is kept.
pub(super) const SEAL_BYTES: usize = 16;
/// Magic, length of the payload, digest of the payload.
const HEAD_BYTES: usize = MAGIC.len() + 4 + SEAL_BYTES;

/// Writes the records of some packages; none, no file.
pub(super) fn write(root: &Path, packages: &[&StoredPackage]) -> Result<(), StoreError> {
    if packages.is_empty() {
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(packages.iter().map(|package| 512 + package.tree.encoding().len()).sum());
    for package in packages {
        put(&mut bytes, package);
    }
    let folder = folder(root);
    crate::fs::create_dir_all(&folder).map_err(explain)?;
    crate::fs::write_atomic(&folder.join(blake3::hash(&bytes).to_hex().as_str()), &bytes).map_err(explain)
}

/// Reads all records, the latest of each package last. Their marks are unknown.
pub(super) fn read_all(root: &Path) -> FsResult<Vec<StoredPackage>> {
    let mut packages = Vec::new();
    for file in files(root)? {
        scan(&crate::fs::read(&file)?, |package, _| packages.push(package));
    }
    Ok(packages)
}

/// Finds the records in the bytes of a file, and says where each of them stands.
pub(super) fn scan(bytes: &[u8], mut see: impl FnMut(StoredPackage, Range<usize>)) {
    let mut start = 0;
    while let Some(found) = bytes[start..].windows(MAGIC.len()).position(|window| window == MAGIC) {
        start += found;
        match take(&bytes[start..]) {
            Some((package, length)) => {
                see(package, start..start + length);
                start += length;
            }
            None => start += MAGIC.len(),
        }
    }
}

/// Returns the folder with the records.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// The files with records, oldest first.
pub(super) fn files(root: &Path) -> FsResult<Vec<PathBuf>> {
    let folder = folder(root);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("read", &folder)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.at("read", &folder)?;
        // Names with a dot are drafts of a commit that was cut off.
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            let written = entry.metadata().and_then(|found| found.modified()).at("look at", &entry.path())?;
            files.push((written, entry.path()));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Returns the digest that seals what the index holds of a package: identity, facts and the name of the tree.
pub(super) fn seal(package: &StoredPackage) -> [u8; SEAL_BYTES] {
    let mut bytes = Vec::with_capacity(512);
    put_head(&mut bytes, package);
    bytes.extend_from_slice(package.tree_id.as_bytes());
    digest(&bytes)
}

fn put(out: &mut Vec<u8>, package: &StoredPackage) {
    let start = out.len();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[0; HEAD_BYTES - MAGIC.len()]);
    put_head(out, package);
    out.extend_from_slice(package.tree.encoding());
    let (head, payload) = out[start..].split_at_mut(HEAD_BYTES);
    head[8..12].copy_from_slice(&length_of(payload));
    head[12..].copy_from_slice(&digest(payload));
}

/// Writes what a package is, but for its files.
pub(super) fn put_head(out: &mut Vec<u8>, package: &StoredPackage) {
    let facts = package.facts.encode();
    for part in [package.key.as_str().as_bytes(), package.name.as_str().as_bytes(), package.version.as_bytes(), &facts] {
        out.extend_from_slice(&length_of(part));
        out.extend_from_slice(part);
    }
}

/// Reads the record at the start; returns its length too.
fn take(bytes: &[u8]) -> Option<(StoredPackage, usize)> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let (length, sealed) = head[MAGIC.len()..].split_first_chunk::<4>()?;
    let payload = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    if digest(payload) != sealed {
        return None;
    }
    let mut rest = payload;
    let (key, name, version, facts) = take_head(&mut rest)?;
    let tree = Tree::decode(Bytes::copy_from_slice(rest))?;
    let marks = Marks::unknown(tree.len());
    let package = StoredPackage { key, name, version, facts, tree_id: tree.id(), tree, marks, epoch: Epoch::UNKNOWN };
    Some((package, HEAD_BYTES + payload.len()))
}

/// Reads what [`put_head`] wrote.
pub(super) fn take_head(rest: &mut &[u8]) -> Option<(PackageKey, PackageName, String, Facts)> {
    let key = PackageKey::of_source(take_text(rest)?.to_owned());
    let name = PackageName::parse(take_text(rest)?).ok()?;
    let version = take_text(rest)?.to_owned();
    Some((key, name, version, Facts::decode(take_part(rest)?)?))
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_part(rest)?).ok()
}

/// Reads bytes that have their length before them.
pub(super) fn take_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (part, tail) = tail.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = tail;
    Some(part)
}

/// Returns the length that stands before some bytes.
pub(super) fn length_of(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Returns the seal of some bytes.
pub(super) fn digest(bytes: &[u8]) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&blake3::hash(bytes).as_bytes()[..SEAL_BYTES]);
    seal
}
