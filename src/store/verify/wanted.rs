//! Which objects the trees name, folder by folder, and what is learnt of them.

use super::shard::Shard;
use super::{Counts, ObjectName};
use crate::store::Store;
use crate::store::checkout::Learnt;
use crate::store::id::TreeId;
use crate::store::mark::{Epoch, Mark, Marks};
use crate::store::package::StoredPackage;
use crate::store::tree::Entry;
use rustc_hash::FxHashSet;

/// An object that some tree names.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Which one.
    pub name: ObjectName,
    /// What a stat showed when it was hashed and right; [`Mark::UNKNOWN`] until then.
    pub mark: Mark,
    /// Whether it was looked at.
    pub seen: bool,
}

impl Wanted {
    /// Returns the object of an entry.
    pub fn name_of(entry: &Entry<'_>) -> ObjectName {
        ObjectName { object: entry.object, executable: entry.executable, size_bytes: entry.size_bytes }
    }
}

/// Sorts what some packages need into the 256 folders, each object once.
pub fn shards(packages: &[StoredPackage]) -> Vec<Shard> {
    let mut shards: Vec<Shard> = (0..=255).map(Shard::new).collect();
    let mut seen: FxHashSet<TreeId> = FxHashSet::default();
    for package in packages.iter().filter(|package| seen.insert(package.tree_id)) {
        for entry in package.tree.entries() {
            let wanted = Wanted { name: Wanted::name_of(&entry), mark: Mark::UNKNOWN, seen: false };
            shards[usize::from(entry.object.as_bytes()[0])].wanted.push(wanted);
        }
    }
    for shard in &mut shards {
        shard.wanted.sort_unstable_by_key(|wanted| wanted.name);
        shard.wanted.dedup_by_key(|wanted| wanted.name);
        shard.wanted.shrink_to_fit();
    }
    shards
}

/// Counts what was looked at, and compares the marks of the index with what was seen.
pub fn sum_up(store: &Store, packages: &[StoredPackage], shards: &[Shard]) -> (Counts, Vec<Learnt>) {
    let mut counts = Counts { packages: packages.len() as u64, ..Counts::default() };
    for shard in shards {
        counts.objects += shard.wanted.iter().filter(|wanted| wanted.seen).count() as u64;
        counts.hashed += shard.hashed;
        counts.bytes += shard.bytes;
        counts.unknown_objects += shard.unknown;
        counts.unknown_bytes += shard.unknown_bytes;
    }
    let mut learnt = Vec::new();
    let mut stale: FxHashSet<TreeId> = FxHashSet::default();
    let mut trees: FxHashSet<TreeId> = FxHashSet::default();
    for package in packages {
        if trees.insert(package.tree_id)
            && let Some((is_stale, marks)) = learn(store, package, shards)
        {
            stale.extend(is_stale.then_some(package.tree_id));
            learnt.push(marks);
        }
        counts.stale_marks += u64::from(stale.contains(&package.tree_id));
    }
    counts.trees = trees.len() as u64;
    (counts, learnt)
}

/// Returns the marks of a tree that should be written, and whether those that stand there would have the objects hashed
/// again in this boot. Nothing when some object was not hashed or is wrong, or when the marks are as they should be.
fn learn(store: &Store, package: &StoredPackage, shards: &[Shard]) -> Option<(bool, Learnt)> {
    let seen: Marks = package.tree.entries().map(|entry| mark_of(shards, &Wanted::name_of(&entry))).collect::<Option<_>>()?;
    let is_stale = seen != package.marks;
    // As at a checkout: what still is the inode of an earlier boot was read back from the disk.
    let epoch = match () {
        () if is_stale => store.epoch,
        () if package.epoch == store.epoch || package.epoch == Epoch::DURABLE => return None,
        () => Epoch::DURABLE,
    };
    Some((is_stale, Learnt { tree: package.tree_id, epoch, marks: seen }))
}

fn mark_of(shards: &[Shard], name: &ObjectName) -> Option<Mark> {
    let wanted = &shards[usize::from(name.object.as_bytes()[0])].wanted;
    let index = wanted.binary_search_by_key(name, |wanted| wanted.name).ok()?;
    Some(wanted[index].mark).filter(|mark| *mark != Mark::UNKNOWN)
}
