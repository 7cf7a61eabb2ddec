//! Bundles: the packages of one lockfile, in one file.
//!
//! Whoever installs from a lockfile that this machine has seen needs the same packages as the time before, all of them. A bundle
//! holds them as they were found then, so that a warm install reads one file instead of a thousand rows. It is derived
//! data of the index, as the index is of the records: it can be deleted at any time, and one that is damaged counts as absent.
//!
//! Nothing rests on a bundle. It brings the marks of the objects along, and each object is looked at before it is
//! handed out, as ever: where a mark is out of date the object is hashed, and the bundle is dropped.

use super::error::StoreError;
use super::id::TreeId;
use super::mark::{self, Epoch};
use super::package::{PackageKey, StoredPackage};
use super::record::{SEAL_BYTES, digest, length_of, put_head, take_head, take_part};
use super::tree::Tree;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Name of the folder inside the store.
pub(super) const FOLDER: &str = "bundles";
/// What a bundle begins with; the last byte is the version of what follows.
const MAGIC: &[u8; 8] = b"dekabnd\x01";
/// How many bundles are kept, the latest.
const KEPT: usize = 32;

/// A bundle whose head was read.
pub struct Bundle {
    bytes: Bytes,
    parts: FxHashMap<PackageKey, Range<usize>>,
}

impl Bundle {
    /// Opens the bundle of a text; nothing when there is none that can be used.
    pub(super) fn open(root: &Path, text: &[u8]) -> Option<Bundle> {
        Bundle::read(Bytes::from(std::fs::read(path(root, text)).ok()?))
    }

    fn read(bytes: Bytes) -> Option<Bundle> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        // One digest over all of it: BLAKE3 is several times as fast on a long text as on many short ones.
        let (sealed, mut rest) = rest.split_first_chunk::<SEAL_BYTES>()?;
        if magic != MAGIC || digest(rest) != *sealed {
            return None;
        }
        let table = take_part(&mut rest)?;
        let (mut start, mut table, mut parts) = (bytes.len() - rest.len(), table, FxHashMap::default());
        while !table.is_empty() {
            let key = std::str::from_utf8(take_part(&mut table)?).ok()?;
            let (length, tail) = table.split_first_chunk::<4>()?;
            table = tail;
            let end = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            parts.insert(PackageKey::of_source(key.to_owned()), start..end);
            start = end;
        }
        (start == bytes.len()).then_some(Bundle { bytes, parts })
    }

    /// Reads a package; nothing when it is not there.
    pub fn package(&self, key: &PackageKey) -> Option<StoredPackage> {
        let range = self.parts.get(key)?;
        let whole = self.bytes.slice(range.clone());
        let mut rest = &*whole;
        let (found, name, version, facts) = take_head(&mut rest)?;
        let (id, tail) = rest.split_first_chunk::<32>()?;
        let tree_id = TreeId::from_bytes(*id);
        let mut rest = tail;
        let marks = whole.slice_ref(take_part(&mut rest)?);
        let tree = Tree::sealed(whole.slice_ref(rest))?;
        let (epoch, marks) = mark::decode(&tree_id, tree.len(), marks);
        (found == *key).then_some(StoredPackage { key: found, name, version, facts, tree_id, tree, marks, epoch })
    }
}

/// Says whether a file is a bundle as it was written.
pub(super) fn is_sound(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| Bundle::read(Bytes::from(bytes)).is_some())
}

/// Writes the bundle of a text, and removes old ones when there are too many.
pub(super) fn write(root: &Path, text: &[u8], packages: &[&StoredPackage], epoch: Epoch) -> Result<(), StoreError> {
    // What has to be hashed first is not worth remembering.
    if packages.iter().any(|package| package.epoch != epoch && package.epoch != Epoch::DURABLE) {
        return Ok(());
    }
    let folder = root.join(FOLDER);
    crate::fs::create_dir_all(&folder)?;
    crate::fs::write_atomic(&path(root, text), &encode(packages))?;
    prune(&folder);
    Ok(())
}

/// Removes the bundle of a text.
pub(super) fn remove(root: &Path, text: &[u8]) -> Result<(), StoreError> {
    Ok(crate::fs::remove_file(&path(root, text))?)
}

fn encode(packages: &[&StoredPackage]) -> Vec<u8> {
    let (mut table, mut body) = (Vec::new(), Vec::new());
    for package in packages {
        let start = body.len();
        put_head(&mut body, package);
        body.extend_from_slice(package.tree_id.as_bytes());
        put_part(&mut body, &mark::encode(&package.tree_id, package.epoch, &package.marks));
        body.extend_from_slice(package.tree.encoding());
        put_part(&mut table, package.key.as_str().as_bytes());
        table.extend_from_slice(&length_of(&body[start..]));
    }
    let mut bytes = Vec::with_capacity(MAGIC.len() + SEAL_BYTES + 4 + table.len() + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; SEAL_BYTES]);
    put_part(&mut bytes, &table);
    bytes.extend_from_slice(&body);
    let (head, sealed) = bytes.split_at_mut(MAGIC.len() + SEAL_BYTES);
    head[MAGIC.len()..].copy_from_slice(&digest(sealed));
    bytes
}

fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&length_of(part));
    out.extend_from_slice(part);
}

fn path(root: &Path, text: &[u8]) -> PathBuf {
    root.join(FOLDER).join(blake3::hash(text).to_hex().as_str())
}

/// Removes all but the latest. What cannot be removed stays: a later write or a gc gets it.
fn prune(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    if found.len() > KEPT {
        found.sort();
        for (_, path) in &found[..found.len() - KEPT] {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bundle, encode};
    use crate::package::facts::Facts;
    use crate::package::name::PackageName;
    use crate::package::path::RelPath;
    use crate::store::{Epoch, Mark, NewEntry, ObjectId, PackageKey, StoredPackage, Tree};
    use bytes::Bytes;

    fn package(key: &str, files: usize) -> StoredPackage {
        let entry = |index: usize| NewEntry {
            path: RelPath::parse(&format!("lib/{index}.js")).expect("a path"),
            object: ObjectId::of(&index.to_le_bytes()),
            executable: index == 1,
            size_bytes: 8,
        };
        let tree = Tree::new((0..files).map(entry).collect()).expect("no clash");
        StoredPackage {
            key: PackageKey::of_source(key.to_owned()),
            name: PackageName::parse("a").expect("a name"),
            version: "1.0.0".to_owned(),
            facts: Facts { node: ">=18".to_owned(), ..Facts::default() },
            tree_id: tree.id(),
            marks: (0..files as u64).map(|inode| Mark { inode, mtime_ns: -1 }).collect(),
            epoch: Epoch::DURABLE,
            tree,
        }
    }

    #[test]
    fn packages_come_back_as_they_were() {
        let packages = [package("one", 3), package("empty", 0)];
        let bundle = Bundle::read(encode(&packages.iter().collect::<Vec<_>>()).into()).expect("sound");
        let found = ["one", "empty", "other"].map(|key| bundle.package(&PackageKey::of_source(key.to_owned())));
        assert_eq!(found, [Some(packages[0].clone()), Some(packages[1].clone()), None]);
    }

    #[test]
    fn one_that_is_damaged_counts_as_absent() {
        let packages = [package("one", 2), package("two", 1)];
        let bytes = encode(&packages.iter().collect::<Vec<_>>());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Bundle::read(Bytes::from(damaged)).is_none(), "at {at}");
            assert!(Bundle::read(Bytes::copy_from_slice(&bytes[..at])).is_none(), "cut off at {at}");
        }
    }
}
