//! Where the files of packages that are still fetched are going to be.
//!
//! While a build waits for packages, whoever imports one may put its files into the slot at once. The build owns its
//! [`Builder`] and must be able to take it apart at any moment, so a berth only borrows it, from one file to the next.

use crate::layout::apply::Builder;
use crate::store::{Landing, Store};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The slots that can be landed in now.
#[derive(Default)]
pub(super) struct Landings(Mutex<Open>);

#[derive(Default)]
struct Open {
    builder: Weak<Builder>,
    /// One slot for each package, by the package's id.
    slots: FxHashMap<String, usize>,
}

impl Landings {
    /// Lets imports of these packages land in these slots from now on, and in no others.
    pub fn open(&self, builder: &Arc<Builder>, store: &Store, slots: impl IntoIterator<Item = (String, usize)>) {
        if builder.has_landings(store) {
            *self.lock() = Open { builder: Arc::downgrade(builder), slots: slots.into_iter().collect() };
        }
    }

    /// Returns the place for a package, once.
    pub fn berth(&self, id: &str) -> Option<(Berth, Landing)> {
        let (builder, slot) = {
            let mut open = self.lock();
            let slot = open.slots.remove(id)?;
            (open.builder.clone(), slot)
        };
        let (landing, name) = builder.upgrade()?.land(slot)?;
        Some((Berth { builder, slot, name }, landing))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing that can panic happens under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot that somebody lands in.
pub(super) struct Berth {
    builder: Weak<Builder>,
    slot: usize,
    /// What it is called where it is filled.
    name: String,
}

impl Berth {
    /// Keeps the builder where it is for the next file; nothing once the build has ended.
    pub fn hold(&self) -> Option<Arc<Builder>> {
        self.builder.upgrade()
    }

    /// Says that all files are there.
    pub fn landed(self) {
        if let Some(builder) = self.hold() {
            builder.landed(self.slot, self.name);
        }
    }
}
