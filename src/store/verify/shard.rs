//! Looking one of the 256 folders of objects through.

use super::wanted::Wanted;
use super::{Checks, Fault, Leftover, ObjectName, Progress, Sample, examine};
use crate::fs::{Context, FsError};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::id::ObjectId;
use crate::store::object::{ObjectPath, TEMPORARY};
use std::fs::DirEntry;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// A folder of objects: what should be in it, and what was found.
pub struct Shard {
    /// The first byte of the objects' names.
    pub number: u8,
    /// What trees name, sorted.
    pub wanted: Vec<Wanted>,
    /// A run that was cut off has looked through it: only these are looked at again, which were wrong then.
    pub suspects: Option<Vec<ObjectName>>,
    /// What is wrong, and where.
    pub faults: Vec<(Fault, PathBuf)>,
    /// Files that are no objects.
    pub leftovers: Vec<Leftover>,
    /// Objects hashed.
    pub hashed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that no tree names.
    pub unknown: u64,
    /// Their bytes.
    pub unknown_bytes: u64,
}

impl Shard {
    /// Starts with nothing.
    pub fn new(number: u8) -> Shard {
        let (wanted, suspects, faults, leftovers) = (Vec::new(), None, Vec::new(), Vec::new());
        Shard { number, wanted, suspects, faults, leftovers, hashed: 0, bytes: 0, unknown: 0, unknown_bytes: 0 }
    }

    /// Returns how many objects have to be looked at.
    pub fn waiting(&self) -> usize {
        self.suspects.as_ref().map_or(self.wanted.len(), Vec::len)
    }

    /// Returns the name of the folder.
    pub fn folder(&self) -> String {
        format!("{:02x}", self.number)
    }

    /// Says whether a tree names an object or its executable variant.
    pub fn names_either(&self, object: &ObjectId) -> bool {
        self.names(object, false) || self.names(object, true)
    }

    fn names(&self, object: &ObjectId, executable: bool) -> bool {
        let key = |wanted: &Wanted| (wanted.name.object, wanted.name.executable);
        self.wanted.binary_search_by_key(&(*object, executable), key).is_ok()
    }
}

/// A walk through the folders; shared by its threads.
pub struct Walk<'a> {
    /// The store.
    pub store: &'a Store,
    /// What is asked for.
    pub checks: &'a Checks,
    /// Where it is told how far the work is.
    pub progress: &'a Progress,
}

impl Walk<'_> {
    /// Looks at everything in a folder.
    pub fn look_through(&self, shard: &mut Shard, buffer: &mut [u8]) -> Result<(), StoreError> {
        let mut wanted = std::mem::take(&mut shard.wanted);
        for wanted in &mut wanted {
            if shard.suspects.as_ref().is_none_or(|suspects| suspects.contains(&wanted.name)) {
                self.look_at(shard, wanted, buffer)?;
            }
        }
        shard.wanted = wanted;
        if self.checks.only.is_none() { self.look_around(shard) } else { Ok(()) }
    }

    fn look_at(&self, shard: &mut Shard, wanted: &mut Wanted, buffer: &mut [u8]) -> Result<(), StoreError> {
        let (objects, name) = (&self.store.objects, wanted.name);
        let hash = self.checks.sample.is_none_or(|sample| sample.draws(&name.object));
        let path = || objects.path_of(&ObjectPath::new(&name.object, name.executable));
        let failed = |error| StoreError::Io(FsError { verb: "look at", path: path(), source: error });
        let mut found = examine::examine(objects, &name, hash, buffer).map_err(failed)?;
        if found.is_err() {
            // An install may have been replacing it at that moment.
            found = examine::examine(objects, &name, true, buffer).map_err(failed)?;
        }
        wanted.seen = true;
        self.progress.objects.fetch_add(1, Ordering::Relaxed);
        if hash {
            shard.hashed += 1;
            shard.bytes += name.size_bytes;
            self.progress.bytes.fetch_add(name.size_bytes, Ordering::Relaxed);
        }
        match found {
            Ok(mark) if hash => wanted.mark = mark,
            Ok(_) => {}
            Err(fault) => shard.faults.push((fault, path())),
        }
        Ok(())
    }

    /// Counts what stands in a folder and is not named by any tree.
    fn look_around(&self, shard: &mut Shard) -> Result<(), StoreError> {
        let folder = self.store.objects.path().join(shard.folder());
        let entries = match std::fs::read_dir(&folder) {
            // Its objects have been reported one by one.
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(()),
            entries => entries.at("read", &folder)?,
        };
        for entry in entries {
            self.place(shard, &entry.at("read", &folder)?);
        }
        shard.leftovers.sort();
        Ok(())
    }

    fn place(&self, shard: &mut Shard, entry: &DirEntry) {
        let name = entry.file_name();
        let parsed = name.to_str().and_then(|name| parse(shard.number, name));
        if parsed.is_some_and(|(object, executable)| shard.names(&object, executable)) {
            return;
        }
        // What is gone by now was somebody's draft.
        let Ok(found) = entry.metadata() else { return };
        if parsed.is_some() && found.is_file() {
            shard.unknown += 1;
            shard.unknown_bytes += found.len();
            return;
        }
        let is_draft = name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes());
        shard.leftovers.push(Leftover { path: entry.path(), size_bytes: found.len(), is_draft });
    }
}

impl Sample {
    /// Says whether an object is hashed.
    pub fn draws(&self, object: &ObjectId) -> bool {
        let digest = blake3::Hasher::new().update(&self.seed.to_le_bytes()).update(object.as_bytes()).finalize();
        let word = digest.as_bytes().first_chunk().map_or(0, |start| u64::from_le_bytes(*start));
        (word as f64) < self.share * u64::MAX as f64
    }
}

/// Reads the name of a file in a folder of objects: 62 digits, and `-x` when it is executable.
pub fn parse(shard: u8, name: &str) -> Option<(ObjectId, bool)> {
    let (digits, executable) = name.strip_suffix("-x").map_or((name, false), |digits| (digits, true));
    if digits.len() != 62 || digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    let whole = format!("{shard:02x}{digits}");
    blake3::Hash::from_hex(whole).ok().map(|hash| (ObjectId::from_bytes(*hash.as_bytes()), executable))
}
