//! Blueprints: a whole `node_modules`, as steps, in one file.
//!
//! Whoever installs from a lockfile that this machine has seen, with the same manifests and settings, builds what was
//! built the time before. A blueprint says how, so that nothing has to be parsed, planned or looked up: a head for whoever
//! wrote it, and parts that can be carried out on several threads. The store keeps the files and says whether they are as
//! they were written; what is in them it learns only as far as the files of packages go ([`super::load`]).
//!
//! A blueprint is derived data. It can be deleted at any time, and one that is damaged counts as absent. Nothing rests on
//! it: each object is looked at before it is handed out, as ever, and an install that meets anything unexpected drops
//! the blueprint and finds its own way.

use super::error::StoreError;
use super::mark::Epoch;
use super::record::{SEAL_BYTES, digest};
use super::steps::{Steps, put_part};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Name of the folder inside the store.
pub(super) const FOLDER: &str = "blueprints";
/// What a blueprint begins with; the last byte is the version of what follows.
const MAGIC: &[u8; 8] = b"dekabpr\x02";
/// Magic, seal of what follows up to the first part, the length of that.
const START_BYTES: usize = MAGIC.len() + SEAL_BYTES + 4;
/// How much is read at first: more than most heads have.
const FIRST_READ_BYTES: usize = 32 * 1024;
/// How many blueprints are kept, the latest.
const KEPT: usize = 32;

/// What a blueprint is found by: a hash of everything that decides how its `node_modules` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlueprintKey(pub [u8; 32]);

/// A blueprint whose head was read.
pub struct Blueprint {
    file: File,
    head: Vec<u8>,
    parts: Vec<Part>,
}

/// Where a part stands.
struct Part {
    start: u64,
    length: usize,
    seal: [u8; SEAL_BYTES],
}

impl Blueprint {
    /// Opens a blueprint; nothing when there is none that can be used in this boot.
    pub(super) fn open(root: &Path, key: BlueprintKey, epoch: Epoch) -> Option<Blueprint> {
        let (blueprint, written_in) = Blueprint::read(File::open(path(root, key)).ok()?)?;
        (written_in == epoch || written_in == Epoch::DURABLE).then_some(blueprint)
    }

    fn read(file: File) -> Option<(Blueprint, Epoch)> {
        let whole = file.metadata().ok()?.len();
        let mut bytes = vec![0; usize::try_from(whole).unwrap_or(usize::MAX).min(FIRST_READ_BYTES)];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let (start, _) = bytes.split_first_chunk::<START_BYTES>()?;
        let length = u32::from_le_bytes(*start.last_chunk()?);
        let end = usize::try_from(length).ok()?.checked_add(START_BYTES)?;
        if !start.starts_with(MAGIC) || end as u64 > whole {
            return None;
        }
        let seal: [u8; SEAL_BYTES] = *start[MAGIC.len()..].first_chunk()?;
        let read = bytes.len().min(end);
        bytes.resize(end, 0);
        file.read_exact_at(&mut bytes[read..], read as u64).ok()?;
        if digest(&bytes[START_BYTES..]) != seal {
            return None;
        }
        let mut steps = Steps::new(&bytes[START_BYTES..]);
        let epoch = Epoch(u64::from_le_bytes(*steps.array()?));
        let head = steps.part()?.to_vec();
        let (mut parts, mut start) = (Vec::new(), end as u64);
        while !steps.is_done() {
            let length = u32::from_le_bytes(*steps.array()?);
            parts.push(Part { start, length: usize::try_from(length).ok()?, seal: *steps.array()? });
            start += u64::from(length);
        }
        (start == whole).then_some((Blueprint { file, head, parts }, epoch))
    }

    /// Returns the head.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Returns the number of parts.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Reads a part into a buffer, which holds nothing else then. Nothing when it is not as it was written.
    pub fn read_part(&self, index: usize, buffer: &mut Vec<u8>) -> Option<()> {
        let part = self.parts.get(index)?;
        buffer.resize(part.length, 0);
        self.file.read_exact_at(buffer, part.start).ok()?;
        (digest(buffer) == part.seal).then_some(())
    }
}

/// Says whether a file is a blueprint as it was written.
pub(super) fn is_sound(path: &Path) -> bool {
    let Some((blueprint, _)) = File::open(path).ok().and_then(Blueprint::read) else { return false };
    let mut buffer = Vec::new();
    (0..blueprint.parts()).all(|index| blueprint.read_part(index, &mut buffer).is_some())
}

/// Writes a blueprint, and removes old ones when there are too many.
pub(super) fn write(root: &Path, key: BlueprintKey, epoch: Epoch, head: &[u8], parts: &[Vec<u8>]) -> Result<(), StoreError> {
    let Some(bytes) = encode(epoch, head, parts) else { return Ok(()) };
    let folder = root.join(FOLDER);
    crate::fs::create_dir_all(&folder)?;
    crate::fs::write_atomic(&path(root, key), &bytes)?;
    prune(&folder);
    Ok(())
}

/// Removes a blueprint.
pub(super) fn remove(root: &Path, key: BlueprintKey) -> Result<(), StoreError> {
    Ok(crate::fs::remove_file(&path(root, key))?)
}

/// Returns the bytes of a blueprint; nothing when it would be too large.
fn encode(epoch: Epoch, head: &[u8], parts: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut sealed = epoch.0.to_le_bytes().to_vec();
    put_part(&mut sealed, head)?;
    for part in parts {
        sealed.extend_from_slice(&u32::try_from(part.len()).ok()?.to_le_bytes());
        sealed.extend_from_slice(&digest(part));
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&digest(&sealed));
    put_part(&mut bytes, &sealed)?;
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Some(bytes)
}

fn path(root: &Path, key: BlueprintKey) -> PathBuf {
    root.join(FOLDER).join(blake3::Hash::from_bytes(key.0).to_hex().as_str())
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
    use super::{Blueprint, BlueprintKey, FIRST_READ_BYTES, encode, is_sound, path, write};
    use crate::store::Epoch;

    #[test]
    fn a_blueprint_comes_back_as_it_was_in_its_boot() {
        let store = tempfile::tempdir().expect("a folder");
        let (key, epoch) = (BlueprintKey([7; 32]), Epoch(5));
        let (head, parts) = (vec![1; FIRST_READ_BYTES], [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        write(store.path(), key, epoch, &head, &parts).expect("written");
        assert!(is_sound(&path(store.path(), key)));
        let blueprint = Blueprint::open(store.path(), key, epoch).expect("there");
        let mut buffer = Vec::new();
        let read: Vec<Vec<u8>> =
            (0..blueprint.parts()).filter_map(|index| blueprint.read_part(index, &mut buffer).map(|()| buffer.clone())).collect();
        assert_eq!((blueprint.head(), read.as_slice(), blueprint.read_part(3, &mut buffer)), (&head[..], &parts[..], None));
        assert!(Blueprint::open(store.path(), key, Epoch(6)).is_none(), "another boot");
        write(store.path(), key, Epoch::DURABLE, &head, &parts).expect("written");
        assert!(Blueprint::open(store.path(), key, Epoch(6)).is_some(), "read back from the disk in an earlier boot");
    }

    #[test]
    fn one_that_is_damaged_counts_as_absent() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let bytes = encode(Epoch(5), b"head", &[b"one".to_vec(), b"two".to_vec()]).expect("small");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, damaged).expect("written");
            assert!(!is_sound(&path), "at {at}");
            std::fs::write(&path, &bytes[..at]).expect("written");
            assert!(!is_sound(&path), "cut off at {at}");
        }
    }
}
