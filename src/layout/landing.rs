//! Slots that are filled while their packages are imported.
//!
//! Whoever imports a package asks for a landing: a folder that its files are put into as they come. When all of them are
//! there and are known to be right, building the slot is a matter of its links, and of a rename when the folder stands
//! aside. When something is in the way the folder is left to whoever clears up, and the slot is built like any other.
//!
//! A package that comes before there is a plan has no slot to wait for it. It lands in a folder that the builder is begun
//! with later, and becomes the slot that turns out to be its own.

use super::Places;
use super::apply::Builder;
use super::aside::{Aside, make_folders};
use super::folder::Folder;
use crate::package::name::PackageName;
use crate::store::{CheckoutOptions, Landing, Method, Store, Target, Wanted};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};

/// Where a package lands.
#[derive(Debug, PartialEq, Eq)]
pub enum Spot {
    /// In the folder of this name, aside.
    Aside(String),
    /// In its slot.
    InPlace,
}

/// Slots that were filled as their packages were imported.
#[derive(Debug, Default)]
pub(super) struct Landed {
    /// Where their files are.
    spots: FxHashMap<usize, Spot>,
    /// Slots that were begun in their places, whatever became of them.
    begun: FxHashSet<usize>,
    /// How many there were.
    count: usize,
}

impl Aside {
    /// Makes a folder that packages can land in before there is a plan. There is none where the builder would have no
    /// landings either, and none that a plan in the making would take for something that was left behind.
    pub fn ahead(places: &Places, store: &Store, method: Wanted) -> Option<Arc<Aside>> {
        if places.shared.is_some() {
            return None;
        }
        // Where it is not there yet an install that fails would leave it behind. Usually the project's lock stands in it.
        let slots = Folder::open_trusted(&places.root).ok()?.open(places.virtual_dir.as_str())?;
        let aside = Aside::make(&slots).ok()?;
        let path = aside.folder.path();
        // The files that a probe needs are made in there, where nobody wonders about them.
        if aside.is_locked && store.takes_files_of(path) && store.probe(path, method).is_ok_and(|method| method == Method::Hardlink) {
            return Some(Arc::new(aside));
        }
        // What stays is swept by the next install.
        let _ = aside.clear();
        None
    }

    /// Begins a slot that has no name yet, for the files of a package, and returns what it is called in here.
    pub fn land(&self, package: &PackageName) -> Option<(Landing, String)> {
        let name = self.fresh();
        Some((land_in(&self.folder, &name, package)?, name))
    }
}

impl Builder {
    /// Says whether slots can be landed in at all: files are linked, and belong to the same people here as in the store.
    pub fn has_landings(&self, store: &Store) -> bool {
        let CheckoutOptions { method, verify } = self.job.checkout;
        let shared = self.shared.as_ref().map(|(_, aside)| aside);
        let mut asides = shared.into_iter().chain([&*self.aside]);
        method == Method::Hardlink && !verify && asides.all(|aside| store.takes_files_of(aside.folder.path()))
    }

    /// Makes a folder for the files of a slot's package, and says where it is: aside, unless they are known to be the right
    /// ones. There is none for a slot whose files are its own.
    pub fn land(&self, slot: usize, are_right: bool) -> Option<(Landing, Spot)> {
        let planned = &self.job.wanted.slots[slot];
        if planned.private {
            return None;
        }
        if are_right && self.in_place && !planned.shared {
            self.all_landed().begun.insert(slot);
            return Some((land_in(&self.slots, &planned.name, &planned.package_name)?, Spot::InPlace));
        }
        self.aside_of(slot).land(&planned.package_name).map(|(landing, name)| (landing, Spot::Aside(name)))
    }

    /// Takes a slot as filled: all files of its package are there as a checkout would have put them.
    pub fn landed(&self, slot: usize, spot: Spot) {
        let mut landed = self.all_landed();
        landed.spots.insert(slot, spot);
        landed.count += 1;
    }

    /// Takes a slot as filled by a package that landed before there was a plan, unless the slot cannot be had like that.
    pub fn adopt(&self, slot: usize, package: &PackageName, name: String) {
        let planned = &self.job.wanted.slots[slot];
        if !planned.private && !planned.shared && planned.package_name == *package {
            self.landed(slot, Spot::Aside(name));
        }
    }

    /// Returns how many slots were filled so far.
    pub fn landed_count(&self) -> usize {
        self.all_landed().count
    }

    /// Returns where a filled slot is. It counts once: who fails to build it fills it anew.
    pub(super) fn take_landed(&self, slot: usize) -> Option<Spot> {
        self.all_landed().spots.remove(&slot)
    }

    /// Says whether a landing has put something where a slot belongs.
    pub(super) fn was_begun(&self, slot: usize) -> bool {
        self.all_landed().begun.contains(&slot)
    }

    fn all_landed(&self) -> MutexGuard<'_, Landed> {
        // Nothing that can panic happens under the lock.
        self.landed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns where a slot is built when it is not built in its place.
    pub(super) fn aside_of(&self, slot: usize) -> &Aside {
        match &self.shared {
            Some((_, aside)) if self.job.wanted.slots[slot].shared => aside,
            _ => &self.aside,
        }
    }
}

/// Makes the folders of a slot, and begins to fill it.
fn land_in(above: &Folder, name: &str, package: &PackageName) -> Option<Landing> {
    let modules = format!("{name}/node_modules");
    make_folders(above, name, &modules, package.scope()).ok()?;
    let below = format!("{modules}/{package}");
    let target = Target { above: above.handle(), below: Path::new(&below), path: &above.path().join(&below) };
    Landing::make(target).ok()
}
