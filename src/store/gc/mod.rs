//! Deleting what nobody needs.
//!
//! A gc is a plan and its execution. [`plan`] reads: what the projects need comes from above as [`Roots`], the index says
//! which objects each package holds ([`ledger`]), [`marking`] decides which packages stay, [`holdings`] which objects that
//! keeps, and [`walk`] what stands on the disk besides. A [`Plan`] is a value that can be printed instead of executed.
//!
//! It is executed in the reverse of the order in which an install writes: [`forget`] takes roots and rows out of the index
//! in one transaction and then the records, the caller removes shared slots, and [`sweep`] unlinks objects. Whatever
//! moment it ends at, what is left is something that nobody refers to, and the next gc finds it.
//!
//! All of it happens under the exclusive lease, from before the roots are read: nobody adds anything in between.
//!
//! There is no table of objects. The names that all trees hold are put into one sorted list for each of the 256 folders,
//! with the rank of the best package that holds each; then every folder is listed once and held against its list. Nothing
//! is looked at but what goes.

mod holdings;
mod ledger;
mod marking;
mod records;
mod sweep;
mod walk;

pub use sweep::{Swept, forget, shrink, sweep};

use super::error::StoreError;
use super::id::ObjectId;
use super::package::PackageKey;
use super::{Store, StoredPackage};
use holdings::Holdings;
use ledger::Row;
use marking::{DEAD, PINNED, Rank};
use records::RecordFile;
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How old what a dead process left has to be before it goes.
const LEFTOVER_AGE_S: u64 = 60 * 60;
/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// What the projects of a machine need of a store.
#[derive(Debug, Default)]
pub struct Roots {
    /// The packages that any project needs.
    pub packages: FxHashMap<PackageKey, Need>,
    /// Projects that are no more, to be forgotten.
    pub forgotten: Vec<PathBuf>,
    /// How many links to an inode are going to be removed elsewhere, so that it is known whose bytes become free.
    pub links_going: FxHashMap<u64, u64>,
}

/// Who needs a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The latest day on which a project that needs it was installed, in days since 1970.
    pub used_day: i64,
    /// Whether it stands in the tree of a project, and is not only named by a lockfile.
    pub installed: bool,
}

/// How much may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time, in seconds since 1970.
    pub now_s: i64,
    /// What is younger stays although nobody needs it.
    pub grace_s: u64,
    /// What was not used for longer goes, even if a lockfile names it.
    pub max_age_s: Option<u64>,
    /// How many bytes of objects may stay. What was used longest ago goes first, even if a lockfile names it.
    pub max_size_bytes: Option<u64>,
}

impl Limits {
    /// Returns limits that let everything go that nobody needs, but for what is younger than the grace period.
    pub fn new(grace_s: u64) -> Limits {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed());
        Limits { now_s, grace_s, max_age_s: None, max_size_bytes: None }
    }

    /// Returns the day of the present, in days since 1970.
    pub fn today(&self) -> i64 {
        self.now_s.div_euclid(DAY_S.cast_signed())
    }

    /// Says whether a time, in seconds since 1970, lies further back than an age. A time in the future never does.
    pub fn is_older(&self, time_s: i64, age_s: u64) -> bool {
        time_s <= self.now_s && self.now_s.abs_diff(time_s) >= age_s
    }

    /// Returns the last second of a day that can have been used, in seconds since 1970: for today that is now.
    pub fn end_of(&self, day: i64) -> i64 {
        let end_s = day.saturating_add(1).saturating_mul(DAY_S.cast_signed()).saturating_sub(1);
        if day == self.today() { self.now_s } else { end_s }
    }
}

/// A number of files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub files: u64,
    /// Their length together. Of what goes, only the bytes that no other link keeps on the disk.
    pub bytes: u64,
}

impl Count {
    /// Adds a file.
    pub fn add(&mut self, bytes: u64) {
        self.add_all(Count { files: 1, bytes });
    }

    /// Adds another count.
    pub fn add_all(&mut self, other: Count) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// An object: the bytes of its name, and whether it is executable (1) or not (0).
type ObjectName = [u8; 33];

/// The objects of one of the 256 folders that go.
#[derive(Debug, Default)]
struct Shard {
    number: u8,
    objects: Vec<ObjectName>,
    /// Names of files that a dead process left.
    leftovers: Vec<String>,
}

/// What is to be deleted from a store.
#[derive(Debug, Default)]
pub struct Plan {
    /// The packages that go.
    pub packages: Vec<PackageKey>,
    /// The projects that are forgotten.
    pub projects: Vec<PathBuf>,
    /// The last use of packages that stay, where the index does not have it yet.
    used: Vec<(PackageKey, i64)>,
    records: Vec<RecordFile>,
    shards: Vec<Shard>,
    leftovers: Vec<PathBuf>,
    holdings: Holdings,
    /// The rank of the last package that stays.
    last: Rank,
    /// The objects that go.
    pub objects: Count,
    /// The files of records that go, and the bytes that go of others.
    pub record_files: Count,
    /// What dead processes left.
    pub temporary: Count,
    /// How many packages stay.
    pub kept_packages: u64,
    /// The objects that stay.
    pub kept_objects: Count,
    /// By how many bytes the objects that cannot go are more than what was allowed.
    pub over_bytes: u64,
    /// The packages whose list of files is damaged everywhere. As long as there are any, no object that is not known to
    /// be garbage goes.
    pub damaged: Vec<PackageKey>,
}

/// Returns how many bytes the objects of all packages have. A fraction of what a plan costs: nothing on the disk is listed.
pub fn held_bytes(store: &Store) -> Result<u64, StoreError> {
    store.index.with(|connection| {
        let mut holdings = Holdings::default();
        ledger::trees(connection, |_, tree| holdings.add(tree, PINNED))?;
        holdings.finish();
        Ok(holdings.bytes())
    })
}

/// Finds out what of a store goes. Writes nothing.
pub fn plan(store: &Store, roots: &Roots, limits: &Limits) -> Result<Plan, StoreError> {
    let rows = store.index.with(|connection| ledger::packages(connection))?;
    let ranks = marking::rank(&rows, &roots.packages, limits);
    let (mut holdings, damaged) = hold(store, &rows, &ranks)?;
    holdings.finish();
    let (last, over_bytes) = limits.max_size_bytes.map_or((DEAD - 1, 0), |budget| holdings.last_within(budget));
    let stays: Vec<bool> = ranks.iter().map(|rank| *rank <= last).collect();
    let split = |stay: bool| rows.iter().zip(&stays).filter(move |(_, stays)| **stays == stay).map(|(row, _)| row);
    let found = walk::objects(store, &holdings, last, damaged.is_empty(), roots, limits)?;
    let live: FxHashSet<&PackageKey> = split(true).map(|row| &row.key).collect();
    let dead: FxHashSet<&PackageKey> = split(false).map(|row| &row.key).collect();
    let (records, record_files) = records::plan(&store.root, &live, &dead, limits)?;
    let (leftovers, mut temporary) = walk::leftovers(&store.root, limits)?;
    temporary.add_all(found.temporary);
    Ok(Plan {
        packages: split(false).map(|row| row.key.clone()).collect(),
        projects: roots.forgotten.clone(),
        used: split(true).filter_map(|row| newer_use(row, &roots.packages, limits)).collect(),
        records,
        shards: found.shards,
        leftovers,
        objects: found.going,
        record_files,
        temporary,
        kept_packages: live.len() as u64,
        kept_objects: found.staying,
        over_bytes,
        holdings,
        last,
        damaged,
    })
}

impl Plan {
    /// Says whether a package that stays has an object, or may have it.
    pub fn keeps(&self, object: &ObjectId, executable: bool) -> bool {
        let held = self.holdings.find(&holdings::name_of(object.as_bytes(), executable));
        held.is_some_and(|(rank, _)| rank <= self.last) || !self.damaged.is_empty()
    }
}

/// Lists the objects that packages hold. Where the index has no sound tree the record is asked; packages that have
/// none there either are returned.
fn hold(store: &Store, rows: &[Row], ranks: &[Rank]) -> Result<(Holdings, Vec<PackageKey>), StoreError> {
    let mut best: FxHashMap<i64, Rank> = FxHashMap::default();
    for (row, rank) in rows.iter().zip(ranks) {
        best.entry(row.tree).and_modify(|best| *best = (*best).min(*rank)).or_insert(*rank);
    }
    let (mut holdings, sound) = store.index.with(|connection| {
        let (mut holdings, mut sound) = (Holdings::default(), FxHashSet::default());
        ledger::trees(connection, |number, tree| {
            if let Some(rank) = best.get(&number) {
                holdings.add(tree, *rank);
                sound.insert(number);
            }
        })?;
        Ok((holdings, sound))
    })?;
    let doubtful = rows.iter().zip(ranks).filter(|(row, rank)| **rank != DEAD && !sound.contains(&row.tree));
    let (keys, ranks): (Vec<PackageKey>, Vec<Rank>) = doubtful.map(|(row, rank)| (row.key.clone(), *rank)).unzip();
    if keys.is_empty() {
        return Ok((holdings, Vec::new()));
    }
    let mut damaged = Vec::new();
    for ((package, key), rank) in store.lookup(&keys)?.into_iter().zip(keys).zip(ranks) {
        match package {
            Some(StoredPackage { tree, .. }) => holdings.add(&tree, rank),
            None => damaged.push(key),
        }
    }
    Ok((holdings, damaged))
}

/// Returns the last use of a package when it is later than what the index has.
fn newer_use(row: &Row, needs: &FxHashMap<PackageKey, Need>, limits: &Limits) -> Option<(PackageKey, i64)> {
    let day = needs.get(&row.key)?.used_day.min(limits.today());
    (day > row.used_day).then(|| (row.key.clone(), day))
}

/// Returns the time of a file's last change, in seconds since 1970.
fn seconds(time: SystemTime) -> i64 {
    let seconds = |since: Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -seconds(before.duration()), seconds)
}
