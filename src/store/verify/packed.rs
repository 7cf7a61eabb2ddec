//! Looking at the packs: an object that stands only there is not missing, and a pack that is damaged is found before
//! somebody needs what it holds.
//!
//! The packs are opened anew for each look. None of them goes meanwhile, for a packing and a gc need the exclusive lease.

use super::shard::Shard;
use super::{Checks, Counts, Fault, Finding, ObjectName, threads};
use crate::store::Store;
use crate::store::id::ObjectId;
use crate::store::pack::{Pack, PackError, Packs, Place};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::PathBuf;

/// What was found in the packs.
#[derive(Debug, Default)]
pub struct Packed {
    /// Objects that a tree names and that stand, right, only in a pack.
    pub objects: u64,
    /// Packs that cannot be opened, or have objects that are wrong; sorted by path.
    pub faults: Vec<Finding>,
    /// Packs that a newer deka wrote, which were not looked at.
    pub newer: Vec<PathBuf>,
    /// Objects that no tree names, and their lengths.
    unknown: FxHashMap<ObjectId, u64>,
    /// Objects that some pack has right, of those that are missing, and their lengths.
    right: FxHashMap<ObjectId, u64>,
    /// The first pack that has them wrong, of those that are missing.
    wrong: FxHashMap<ObjectId, PathBuf>,
}

impl Packed {
    /// Looks for what the walk has missed, and unless only some packages are asked for at everything else in the packs
    /// too. What a pack has is no fault of the folders any more; what it has wrong is another fault.
    pub fn look(store: &Store, checks: &Checks, shards: &mut [Shard]) -> Packed {
        let (packs, mut found) = (Packs::open(store.root()), Packed::default());
        let missing: FxHashSet<ObjectId> = shards.iter().flat_map(|shard| &shard.faults).filter_map(|(fault, _)| missing(fault)).collect();
        for pack in packs.list() {
            found.look_into(pack, checks, &missing, shards);
        }
        for error in packs.broken() {
            found.add_broken(error);
        }
        found.faults.sort_by(|one, other| one.path.cmp(&other.path));
        shards.iter_mut().for_each(|shard| found.judge_again(shard));
        found
    }

    /// Adds what the packs hold to what was counted in the folders.
    pub fn count(&self, counts: &mut Counts) {
        counts.packed = self.objects;
        counts.unknown_objects += self.unknown.len() as u64;
        counts.unknown_bytes += self.unknown.values().sum::<u64>();
    }

    fn look_into(&mut self, pack: &Pack, checks: &Checks, missing: &FxHashSet<ObjectId>, shards: &[Shard]) {
        let is_whole = checks.only.is_none();
        let places: Vec<Place> = pack.places().filter(|place| is_whole || missing.contains(&place.object)).collect();
        let is_drawn = |place: &&Place| checks.sample.is_none_or(|sample| sample.draws(&place.object));
        let wrong = pack.wrong_of(places.iter().filter(is_drawn).copied().collect(), threads());
        let wrong: FxHashSet<ObjectId> = wrong.iter().map(|place| place.object).collect();
        for place in &places {
            if missing.contains(&place.object) {
                if wrong.contains(&place.object) {
                    self.wrong.entry(place.object).or_insert_with(|| pack.path().to_owned());
                } else {
                    self.right.insert(place.object, place.size_bytes);
                }
            } else if !shards[usize::from(place.object.as_bytes()[0])].names_either(&place.object) {
                self.unknown.insert(place.object, place.size_bytes);
            }
        }
        if !wrong.is_empty() {
            let reason = format!("{} of its {} objects are not what their names say", wrong.len(), pack.len());
            self.faults.push(Finding { fault: Fault::Pack(reason), path: pack.path().to_owned(), packages: Vec::new() });
        }
    }

    fn add_broken(&mut self, error: &PackError) {
        let (reason, path) = match error {
            PackError::Newer { path } => return self.newer.push(path.clone()),
            PackError::Damaged { path, reason } => ((*reason).to_owned(), path.clone()),
            PackError::Io(error) => (error.to_string(), error.path.clone()),
        };
        self.faults.push(Finding { fault: Fault::Pack(reason), path, packages: Vec::new() });
    }

    /// Drops the faults of objects that a pack has, and says of those it has wrong where that is.
    fn judge_again(&mut self, shard: &mut Shard) {
        let faults = std::mem::take(&mut shard.faults);
        shard.faults.reserve(faults.len());
        for (fault, path) in faults {
            let Fault::Missing(name) = fault else {
                shard.faults.push((fault, path));
                continue;
            };
            if self.right.get(&name.object) == Some(&name.size_bytes) {
                self.objects += 1;
            } else {
                shard.faults.push(match self.wrong.get(&name.object) {
                    Some(pack) => (Fault::Packed(name), pack.clone()),
                    None => (fault, path),
                });
            }
        }
    }
}

impl Store {
    /// Hashes what the packs have of an object, and says whether one of them has it right.
    pub(super) fn has_packed(&self, name: &ObjectName) -> bool {
        let places = self.packs().list().iter().filter_map(|pack| Some((pack, pack.find(&name.object)?)));
        let mut places = places.filter(|(_, place)| place.size_bytes == name.size_bytes);
        places.any(|(pack, place)| pack.wrong_among(vec![place]).is_empty())
    }
}

fn missing(fault: &Fault) -> Option<ObjectId> {
    if let Fault::Missing(name) = fault { Some(name.object) } else { None }
}
