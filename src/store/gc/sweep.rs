//! Executing a plan, in the order that [`super`] explains.

use super::{Count, Plan, Shard, ledger};
use crate::fs::{Context, Result};
use crate::store::error::{StoreError, explain};
use crate::store::id::ObjectId;
use crate::store::object::ObjectPath;
use crate::store::threads::{self, on_threads};
use crate::store::{Store, blueprint, index, projects};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// After how many objects the time is looked at.
const BATCH: usize = 256;

/// What became of the objects of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// All are gone.
    All,
    /// The time was up before all were gone. A later gc finds the rest.
    Part,
}

/// Takes projects and packages out of the index, and then their records. What dead processes left goes first: nobody
/// knows of it, and on a full disk the index needs the room.
pub fn forget(store: &Store, plan: &Plan) -> std::result::Result<(), StoreError> {
    store.must_be_writable()?;
    for path in &plan.leftovers {
        crate::fs::remove_all(path)?;
    }
    for shard in &plan.shards {
        for name in &shard.leftovers {
            unlink(store, &format!("{:02x}/{name}", shard.number))?;
        }
    }
    if !plan.packages.is_empty() {
        // They name packages that go, and those that stay are in the index too.
        crate::fs::remove_all(&store.root.join(blueprint::FOLDER))?;
    }
    store.index.with(|connection| ledger::forget(connection, plan))?;
    plan.projects.iter().try_for_each(|path| projects::forget(&store.root, path))?;
    plan.records.iter().try_for_each(|file| file.prune()).map_err(explain)
}

/// Unlinks the objects of a plan, until the deadline if there is one. Nothing may refer to them any more.
pub fn sweep(store: &Store, plan: &Plan, deadline: Option<Instant>) -> std::result::Result<Swept, StoreError> {
    let next = AtomicUsize::new(0);
    let results = on_threads(threads::count(), || {
        while let Some(shard) = plan.shards.get(next.fetch_add(1, Ordering::Relaxed)) {
            if sweep_shard(store, shard, deadline)? == Swept::Part {
                return Ok(Swept::Part);
            }
        }
        Ok(Swept::All)
    });
    let mut swept = Swept::All;
    for result in results {
        if result.map_err(explain)? == Swept::Part {
            swept = Swept::Part;
        }
    }
    Ok(swept)
}

fn sweep_shard(store: &Store, shard: &Shard, deadline: Option<Instant>) -> Result<Swept> {
    for batch in shard.objects.chunks(BATCH) {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(Swept::Part);
        }
        for name in batch {
            let Some((object, flag)) = name.split_first_chunk::<32>() else { continue };
            let path = ObjectPath::new(&ObjectId::from_bytes(*object), flag == [1]);
            match rustix::fs::unlinkat(store.objects.folder(), path.as_c_str(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno).at("remove", &store.objects.path_of(&path)),
            }
        }
    }
    Ok(Swept::All)
}

fn unlink(store: &Store, below: &str) -> Result<()> {
    match rustix::fs::unlinkat(store.objects.folder(), below, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno).at("remove", &store.root.join("objects").join(below)),
    }
}

/// Gives the pages of the index that hold nothing any more back to the file system; returns the bytes. On a disk that is
/// too full for that, the next gc does it.
pub fn shrink(store: &Store) -> std::result::Result<Count, StoreError> {
    let before = length(&store.root);
    match store.index.with(ledger::shrink) {
        Ok(()) | Err(StoreError::Full { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(Count { files: 0, bytes: before.saturating_sub(length(&store.root)) })
}

fn length(root: &Path) -> u64 {
    let of = |end: &str| std::fs::metadata(root.join(format!("{}{end}", index::FILE))).map_or(0, |found| found.len());
    of("") + of("-wal")
}
