//! Taking objects out of packs, and moving a damaged pack away once nothing depends on it.
//!
//! A pack may be the only place of what no registry has any more. So one that is damaged goes only when each object of it
//! that a package needs stands somewhere else, and even then it is moved and not deleted.

use super::catalogue::Catalogue;
use super::{Fault, ObjectName, QUARANTINED, examine, threads, wanted};
use crate::fs::FsError;
use crate::store::Store;
use crate::store::error::{StoreError, explain};
use crate::store::id::ObjectId;
use crate::store::pack::{self, Cold, Pack, PackError, Packs, Place};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::{Path, PathBuf};

impl Store {
    /// Makes loose objects of packed ones, whatever stands under their names. Returns those that a pack had right.
    pub fn unpack(&self, names: &[ObjectName]) -> Result<FxHashSet<ObjectName>, StoreError> {
        self.must_be_writable()?;
        let wanted: Vec<Cold> = names.iter().map(cold).collect();
        let marks = pack::restore_over(self, &wanted)?;
        Ok(names.iter().filter(|name| marks.contains_key(&(name.object, name.executable))).copied().collect())
    }

    /// Moves a damaged pack to the damaged objects, after what it alone has was taken out of it. Returns where it is now;
    /// nothing when it stays, because a package needs something that stands nowhere else, or because it cannot be looked at.
    pub fn retire_pack(&self, path: &Path) -> Result<Option<PathBuf>, StoreError> {
        self.must_be_writable()?;
        let pack = match Pack::open(path) {
            Ok(pack) => Some(pack),
            Err(PackError::Damaged { .. }) => None,
            Err(_) => return Ok(None),
        };
        let packages = Catalogue::read(self, None)?.packages;
        // Without a table it may hold anything.
        let may_hold = |name: &ObjectName| pack.as_ref().is_none_or(|pack| pack.find(&name.object).is_some());
        let needed = wanted::shards(&packages).into_iter().flat_map(|shard| shard.wanted).map(|wanted| wanted.name);
        let needed: Vec<ObjectName> = needed.filter(may_hold).collect();
        let packs = Packs::open(self.root());
        let others: Vec<&Pack> = packs.list().iter().filter(|other| other.path() != path).collect();
        let hash = pack.is_some();
        let alone = self.nowhere_else(needed, &others, hash)?;
        self.unpack(&alone)?;
        if !self.nowhere_else(alone, &others, hash)?.is_empty() {
            return Ok(None);
        }
        // What no registry may have any more must be on the disk before its pack is out of use.
        rustix::fs::sync();
        let folder = self.root.join(QUARANTINED);
        crate::fs::create_dir_all(&folder).map_err(explain)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let target = folder.join(format!("{name}.{}", crate::fs::unique_suffix()));
        crate::fs::rename(path, &target)?;
        Ok(Some(target))
    }

    /// Leaves of some objects those that stand neither loose nor in one of the packs. With `hash` their bytes count;
    /// without it, what a stat and the tables say.
    fn nowhere_else(&self, mut names: Vec<ObjectName>, packs: &[&Pack], hash: bool) -> Result<Vec<ObjectName>, StoreError> {
        let (mut buffer, mut failure) = (examine::buffer(), None);
        names.retain(|name| match examine::examine(&self.objects, name, hash, &mut buffer) {
            Ok(found) => !matches!(found, Ok(_) | Err(Fault::Mode(..))),
            Err(error) => {
                failure.get_or_insert(FsError { verb: "look at", path: self.object_path(name), source: error });
                true
            }
        });
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        for pack in packs {
            let place =
                |name: &ObjectName| Some((name.object, pack.find(&name.object).filter(|place| place.size_bytes == name.size_bytes)?));
            let places: FxHashMap<ObjectId, Place> = names.iter().filter_map(place).collect();
            let wrong = if hash { pack.wrong_of(places.values().copied().collect(), threads()) } else { Vec::new() };
            let wrong: FxHashSet<ObjectId> = wrong.iter().map(|place| place.object).collect();
            names.retain(|name| !places.contains_key(&name.object) || wrong.contains(&name.object));
        }
        Ok(names)
    }
}

fn cold(name: &ObjectName) -> Cold {
    Cold { object: name.object, executable: name.executable, size_bytes: name.size_bytes }
}
