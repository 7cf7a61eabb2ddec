//! Looking a store through: objects against their names, trees against objects, rows against records.
//!
//! Every object that a tree names is read and hashed, by as many threads as there are processors, a folder of objects at
//! a time; what stands beside them is counted. Nothing is locked but the lease that every reader holds, so installs go
//! on, and what looks wrong is looked at a second time before it is reported: an install may have been mending it.
//!
//! What is missing in the folders is looked for in the packs, whose other objects are hashed as well.
//!
//! What comes of it is plain data ([`Findings`]). Faults are what an install would stumble over; leftovers, unknown
//! objects, stale marks and packages that only a record knows are not, and are told apart from them. Whose projects are
//! concerned, and what is to be done, is decided above the store; the tools for mending are in [`mend`].

mod catalogue;
pub(super) mod damaged;
mod examine;
mod leftovers;
mod mend;
mod packed;
mod retire;
mod shard;
mod state;
mod wanted;

pub use leftovers::Leftover;
pub(super) use mend::QUARANTINED;
pub use mend::{Rebuilt, Rows};

use super::Store;
use super::checkout::Learnt;
use super::error::StoreError;
use super::id::ObjectId;
use super::package::{PackageKey, StoredPackage};
use catalogue::Catalogue;
use packed::Packed;
use rustc_hash::{FxHashMap, FxHashSet};
use shard::{Shard, Walk};
use state::Ledger;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use wanted::Wanted;

/// What is to be looked at.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// Only these packages and their objects; without them the whole store.
    pub only: Option<Vec<PackageKey>>,
    /// Hash only a share of the objects. The others are looked at without opening them.
    pub sample: Option<Sample>,
    /// Go on where a run that was cut off had come to.
    pub resume: bool,
}

/// A share of all objects, drawn by chance but the same for the same seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Between 0 and 1.
    pub share: f64,
    /// What decides which ones.
    pub seed: u64,
}

/// An object, as trees name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// Its bytes.
    pub object: ObjectId,
    /// Whether it is the executable variant.
    pub executable: bool,
    /// Its length.
    pub size_bytes: u64,
}

/// How far the work is; read while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Objects looked at.
    pub objects: AtomicU64,
    /// Objects that have to be looked at.
    pub of_objects: AtomicU64,
    /// Bytes hashed.
    pub bytes: AtomicU64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// How much was looked at.
    pub counts: Counts,
    /// What is wrong: objects in the order of their names, then packs, rows and records in the order of their keys.
    pub faults: Vec<Finding>,
    /// What stands in the store and belongs to nothing.
    pub leftovers: Vec<Leftover>,
    /// Packages that have a record but no row: an install was cut off between the two. Later installs fetch them again.
    pub unindexed: Vec<StoredPackage>,
    /// Marks that are not what a stat shows, of trees whose objects were all hashed and right.
    pub learnt: Vec<Learnt>,
    /// The index was lost or broken, and has been made again when the store was opened.
    pub index_made_again: bool,
    /// Packs that a newer deka wrote; they were not looked at.
    pub newer_packs: Vec<PathBuf>,
    /// The folder of objects at which a run that was cut off is continued, of 256.
    pub resumed_at: Option<usize>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects that a tree names and that were looked at.
    pub objects: u64,
    /// Those of them that were hashed.
    pub hashed: u64,
    /// The bytes of those.
    pub bytes: u64,
    /// Distinct trees.
    pub trees: u64,
    /// Packages.
    pub packages: u64,
    /// Objects that a tree names and that stand only in a pack.
    pub packed: u64,
    /// Objects that no tree names; a gc removes them.
    pub unknown_objects: u64,
    /// The bytes of those.
    pub unknown_bytes: u64,
    /// Packages whose marks are not what a stat shows, though the bytes are right: they were hashed for nothing.
    pub stale_marks: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong with it.
    pub fault: Fault,
    /// Where it stands.
    pub path: PathBuf,
    /// The packages that it is part of, sorted by name and version.
    pub packages: Vec<Holder>,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An object is not there.
    Missing(ObjectName),
    /// An object has another length.
    Length(ObjectName, u64),
    /// An object has other bytes of the same length, whose hash this is.
    Bytes(ObjectName, ObjectId),
    /// An object cannot be read from the disk, or not by this user.
    Unreadable(ObjectName, String),
    /// Something else than a plain file stands under an object's name.
    NoFile(ObjectName, &'static str),
    /// An object has the right bytes and another mode.
    Mode(ObjectName, u32),
    /// An object is right, but was damaged once, and nobody has seen to the projects since: one of them may still have
    /// a link to the damaged file.
    Once(ObjectName),
    /// An object stands only in a pack, and has other bytes there.
    Packed(ObjectName),
    /// A pack is torn, cannot be read, or holds objects that are wrong; the text says which.
    Pack(String),
    /// The file of the index is damaged.
    Index,
    /// A row of the index, or its tree, is not what was written. The key, as far as it can be read, is its bytes.
    Row(Vec<u8>),
    /// The record of a package is missing or damaged: with the index it would be lost.
    Record(PackageKey),
}

impl Fault {
    /// Returns the object that is concerned, if it is one.
    pub fn object(&self) -> Option<ObjectName> {
        match self {
            Fault::Missing(name)
            | Fault::Length(name, _)
            | Fault::Bytes(name, _)
            | Fault::Unreadable(name, _)
            | Fault::NoFile(name, _)
            | Fault::Once(name)
            | Fault::Packed(name)
            | Fault::Mode(name, _) => Some(*name),
            Fault::Pack(_) | Fault::Index | Fault::Row(_) | Fault::Record(_) => None,
        }
    }
}

/// A package that something is part of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is looked up by.
    pub key: PackageKey,
    /// The files that are concerned, as paths inside of the package.
    pub files: Vec<String>,
}

impl Store {
    /// Looks the store through, or a part of it. Writes nothing but, now and then and only in a store that can be
    /// written, how far it has come; an end without an error removes that.
    pub fn verify(&self, checks: &Checks, progress: &Progress) -> Result<Findings, StoreError> {
        let sound = self.index.is_sound()?;
        let catalogue = Catalogue::read(self, checks.only.as_deref())?;
        let mut shards = wanted::shards(&catalogue.packages);
        let ledger = Ledger::begin(self, checks, &mut shards)?;
        progress.of_objects.store(shards.iter().map(|shard| shard.waiting() as u64).sum(), Ordering::Relaxed);
        let walk = Walk { store: self, checks, progress };
        walk_all(&walk, &ledger, &mut shards)?;
        let packed = Packed::look(self, checks, &mut shards);
        let mut found = Findings { index_made_again: self.index.was_made_again(), resumed_at: ledger.resumed_at, ..Findings::default() };
        let objects = shards.iter().flat_map(|shard| &shard.faults);
        found.faults.extend(objects.map(|(fault, path)| Finding { fault: fault.clone(), path: path.clone(), packages: Vec::new() }));
        self.add_damaged_once(&mut found.faults)?;
        name_holders(&catalogue.packages, &mut found.faults);
        // Another part of the store has it, or none any more.
        found.faults.retain(|finding| !matches!(finding.fault, Fault::Once(_)) || !finding.packages.is_empty());
        (found.counts, found.learnt) = wanted::sum_up(self, &catalogue.packages, &shards);
        packed.count(&mut found.counts);
        found.faults.extend(packed.faults);
        found.newer_packs = packed.newer;
        if !sound {
            found.faults.push(Finding { fault: Fault::Index, path: self.index.path().to_owned(), packages: Vec::new() });
        }
        found.faults.extend(catalogue.faults);
        found.unindexed = catalogue.unindexed;
        if checks.only.is_none() {
            found.leftovers = leftovers::find(self, &shards)?;
        }
        ledger.end()?;
        Ok(found)
    }

    /// Adds the objects that are right now but were not always.
    fn add_damaged_once(&self, faults: &mut Vec<Finding>) -> Result<(), StoreError> {
        let wrong: FxHashSet<ObjectName> = faults.iter().filter_map(|finding| finding.fault.object()).collect();
        let once = self.damaged_once()?.into_iter().filter(|name| !wrong.contains(name));
        faults.extend(once.map(|name| Finding { fault: Fault::Once(name), path: self.object_path(&name), packages: Vec::new() }));
        Ok(())
    }
}

/// Returns how many threads hash at once.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Looks all folders of objects through, on as many threads as there are processors.
fn walk_all(walk: &Walk<'_>, ledger: &Ledger, shards: &mut [Shard]) -> Result<(), StoreError> {
    let queue = Mutex::new(shards.iter_mut());
    let failure = Mutex::new(None);
    let work = || {
        let mut buffer = examine::buffer();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(shard) = next else { return };
            if let Err(error) = walk.look_through(shard, &mut buffer).and_then(|()| ledger.done(shard)) {
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads() {
            // Without another thread this one does it all.
            let _ = std::thread::Builder::new().name("verify".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Notes which packages hold the objects that are wrong. All trees are walked, but only when something is wrong.
fn name_holders(packages: &[StoredPackage], faults: &mut [Finding]) {
    if faults.is_empty() {
        return;
    }
    let places: FxHashMap<ObjectName, usize> =
        faults.iter().enumerate().filter_map(|(index, finding)| Some((finding.fault.object()?, index))).collect();
    for package in packages {
        let mut touched: Vec<(usize, String)> = Vec::new();
        for entry in package.tree.entries() {
            if let Some(index) = places.get(&Wanted::name_of(&entry)) {
                touched.push((*index, entry.path.to_owned()));
            }
        }
        touched.sort();
        for group in touched.chunk_by(|one, other| one.0 == other.0) {
            let files = group.iter().map(|(_, path)| path.clone()).collect();
            let (name, version) = (package.name.to_string(), package.version.clone());
            faults[group[0].0].packages.push(Holder { name, version, key: package.key.clone(), files });
        }
    }
    faults.iter_mut().for_each(|finding| finding.packages.sort());
}
