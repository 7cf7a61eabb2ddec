//! The objects that this process has put into the store itself.
//!
//! Packages share many files — licences, helpers, whole builds — and a cold install would write and compare each of them
//! again and again. What this process wrote or compared a moment ago is not looked at a second time; whoever hands it
//! out later looks at its stat all the same.

use super::id::ObjectId;
use super::mark::Mark;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many locks share the work, so that threads rarely wait for each other.
const SHARDS: usize = 32;

/// Marks of objects, by name and mode.
pub(super) struct Known([Shard; SHARDS]);

/// Some of them, on cache lines of their own: threads that use different locks would wait for each other all the same.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Marks>);

/// Those of plain files, and those of executable ones. (A name and a flag in one key are 33 bytes, and to put them together
/// takes longer than to look them up.)
type Marks = [HashMap<Name, Mark, BuildHasherDefault<Digits>>; 2];

#[derive(PartialEq, Eq)]
struct Name(ObjectId);

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

/// The last digits of a name, which is a hash already.
#[derive(Default)]
struct Digits(u64);

impl Hasher for Digits {
    fn write(&mut self, name: &[u8]) {
        self.0 = name.last_chunk().map_or(0, |digits| u64::from_le_bytes(*digits));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Known {
    /// Starts with nothing.
    pub fn new() -> Known {
        Known(std::array::from_fn(|_| Shard::default()))
    }

    /// Returns the mark of an object that was noted.
    pub fn get(&self, object: &ObjectId, executable: bool) -> Option<Mark> {
        self.shard(object)[usize::from(executable)].get(&Name(*object)).copied()
    }

    /// Notes an object that is there and right.
    pub fn note(&self, object: &ObjectId, executable: bool, mark: Mark) {
        self.shard(object)[usize::from(executable)].insert(Name(*object), mark);
    }

    /// Forgets an object that is about to be replaced.
    pub fn forget(&self, object: &ObjectId, executable: bool) {
        self.shard(object)[usize::from(executable)].remove(&Name(*object));
    }

    fn shard(&self, object: &ObjectId) -> MutexGuard<'_, Marks> {
        let index = usize::from(object.as_bytes()[0]) % SHARDS;
        // Nothing that can panic happens under the lock.
        self.0[index].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
