//! Moving what nobody has used for long into packs.
//!
//! A package is cold when no project that needs it was installed for some days, and it came into the store before that. Its
//! objects are cold when no other package that is still warm has them. Those that a project has a link to stay loose all
//! the same: packing them would free nothing.

use super::roots::{self, Needs, Root};
use crate::error::Error;
use crate::install::of_store;
use crate::project::env::Env;
use crate::store::{Cold, Listed, ObjectId, PackageKey, Packed, Packing, Store, StoreError, StoredPackage};
use rustc_hash::{FxHashMap, FxHashSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many packages are looked up at once.
const BATCH: usize = 256;

/// What is to be packed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// For how many days a package has to have been unused; with 0 all are cold.
    pub older_than_days: i64,
    /// How objects are packed.
    pub packing: Packing,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// How many packages are cold.
    pub packages: u64,
    /// What was packed of them.
    pub packed: Packed,
    /// Projects of which nobody knows what they need. Nothing is lost to them: what was packed comes back when it is wanted.
    pub unreadable: Vec<Error>,
}

/// Packs what is cold. The store is opened for deleting, unless this is a dry run. `progress` hears of the bytes of each
/// file that is packed.
pub fn run(store: &Store, env: &Env, request: &Request, progress: &(dyn Fn(u64) + Sync)) -> Result<Outcome, Error> {
    let roots = roots::read(store, env)?;
    let last_uses = last_uses(&roots);
    let newest_day = today().saturating_sub(request.older_than_days);
    let is_cold = |package: &Listed| {
        let by_projects = last_uses.get(&package.key).copied().unwrap_or(0);
        by_projects.max(package.used_day).max(package.added_s.div_euclid(86_400)) <= newest_day
    };
    let (mut cold, warm): (Vec<Listed>, Vec<Listed>) = store.packages().map_err(of_store)?.into_iter().partition(is_cold);
    cold.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    let objects = objects(store, &cold, &warm).map_err(of_store)?;
    let packed = store.pack(&objects, request.packing, progress).map_err(of_store)?;
    let unreadable = roots.into_iter().filter_map(|root| match root.needs {
        Needs::Unreadable(error) => Some(error),
        Needs::Gone | Needs::Known(_) => None,
    });
    Ok(Outcome { packages: cold.len() as u64, packed, unreadable: unreadable.collect() })
}

/// Returns the last day on which a project that needs a package was installed, for each that is needed.
fn last_uses(roots: &[Root]) -> FxHashMap<&PackageKey, i64> {
    let mut days = FxHashMap::default();
    for root in roots {
        let Needs::Known(known) = &root.needs else { continue };
        let keys = known.locked.iter().map(|locked| &locked.key).chain(known.slots.iter().map(|slot| &slot.key));
        for key in keys {
            let day = days.entry(key).or_insert(root.used_day);
            *day = root.used_day.max(*day);
        }
    }
    days
}

/// Lists the objects of cold packages that no warm one has, each once, in the order in which they should lie in a pack:
/// the versions of a package together, in them the files of one kind, and the same file of all versions side by side.
fn objects(store: &Store, cold: &[Listed], warm: &[Listed]) -> Result<Vec<Cold>, StoreError> {
    let mut seen: FxHashSet<(ObjectId, bool)> = FxHashSet::default();
    for package in warm.chunks(BATCH).map(|batch| look_up(store, batch)) {
        seen.extend(package?.iter().flat_map(|package| package.tree.entries()).map(|entry| (entry.object, entry.executable)));
    }
    let mut objects = Vec::new();
    for versions in cold.chunk_by(|one, other| one.name == other.name) {
        let versions = look_up(store, versions)?;
        let mut files: Vec<_> = versions.iter().flat_map(|package| package.tree.entries()).collect();
        files.sort_by_key(|file| (kind(file.path), file.path));
        let new = files.into_iter().filter(|file| seen.insert((file.object, file.executable)));
        objects.extend(new.map(|file| Cold { object: file.object, executable: file.executable, size_bytes: file.size_bytes }));
    }
    Ok(objects)
}

fn look_up(store: &Store, packages: &[Listed]) -> Result<Vec<StoredPackage>, StoreError> {
    let keys: Vec<PackageKey> = packages.iter().map(|package| package.key.clone()).collect();
    // A package whose row is damaged and has no record is nobody's any more.
    Ok(store.lookup(&keys)?.into_iter().flatten().collect())
}

/// Returns what the name of a file ends with.
fn kind(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// Returns the present day in days since 1970.
fn today() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400).cast_signed()
}
