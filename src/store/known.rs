//! The objects that this process has put into the store itself.
//!
//! Packages share many files — licences, helpers, whole builds — and a cold install would write and compare each of them
//! again and again. What this process wrote or compared a moment ago is not looked at a second time; whoever hands it
//! out later looks at its stat all the same.

use super::id::ObjectId;
use super::mark::Mark;
use rustc_hash::FxHashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many locks share the work, so that threads rarely wait for each other.
const SHARDS: usize = 16;

/// Marks of objects, by name and mode.
pub(super) struct Known([Mutex<FxHashMap<(ObjectId, bool), Mark>>; SHARDS]);

impl Known {
    /// Starts with nothing.
    pub fn new() -> Known {
        Known(std::array::from_fn(|_| Mutex::default()))
    }

    /// Returns the mark of an object that was noted.
    pub fn get(&self, object: &ObjectId, executable: bool) -> Option<Mark> {
        self.shard(object).get(&(*object, executable)).copied()
    }

    /// Notes an object that is there and right.
    pub fn note(&self, object: &ObjectId, executable: bool, mark: Mark) {
        self.shard(object).insert((*object, executable), mark);
    }

    /// Forgets an object that is about to be replaced.
    pub fn forget(&self, object: &ObjectId, executable: bool) {
        self.shard(object).remove(&(*object, executable));
    }

    fn shard(&self, object: &ObjectId) -> MutexGuard<'_, FxHashMap<(ObjectId, bool), Mark>> {
        let index = usize::from(object.as_bytes()[0]) % SHARDS;
        // Nothing that can panic happens under the lock.
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
