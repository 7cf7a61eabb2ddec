//! Building: slots are filled aside and renamed into place.
//!
//! A [`Builder`] is begun before the packages are there and fed from any thread as they come. A slot costs two folders,
//! its files, its links and one rename, all relative to folders that are held open; nothing is looked at first. Where
//! nothing stands yet there is nothing to protect, and a slot is filled where it belongs: renaming a folder into another
//! one takes a lock of the whole file system.
//!
//! A shared slot stays aside until the end, because it may be published only after everything that it links to.
//!
//! An install that cannot go on is abandoned: what was built goes, what was moved out of the way comes back.

use super::aside::{ASIDE, Aside, make_folders, remove_abandoned, unfinished_in};
use super::diff::Work;
use super::folder::Folder;
use super::landing::{Landed, Spot};
use super::plan::Wanted;
use super::record::{Command, FILE_NAME};
use super::warning::Warning;
use super::{LayoutError, Places, bins};
use crate::fs::{Context, unique_suffix};
use crate::store::{Checkout, CheckoutOptions, Method, Store, StoredPackage, Target};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The folder of unfinished work among the shared slots.
pub(crate) const UNFINISHED: &str = "unfinished";
/// What a new folder may be; the process's umask takes its part.
pub(super) const MODE: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// What a builder is begun with.
#[derive(Debug)]
pub struct Job {
    /// The plan.
    pub wanted: Arc<Wanted>,
    /// What is to be done.
    pub work: Work,
    /// Where.
    pub places: Places,
    /// How files are put into slots.
    pub checkout: CheckoutOptions,
    /// The commands of folders that are linked to where they stand, by their path in the plan.
    pub folder_commands: BTreeMap<String, Vec<Command>>,
}

/// An install of slots and links that is under way.
#[derive(Debug)]
pub struct Builder {
    pub(super) job: Job,
    /// The folder of slots.
    pub(super) slots: Folder,
    pub(super) aside: Arc<Aside>,
    /// Whether slots are filled where they belong. So it is when nothing stands in `node_modules`: nobody looks at a slot
    /// before there is a link to it, and no install believes one that is in no record.
    pub(super) in_place: bool,
    /// The folder of links that was filled before the end.
    pub(super) linked_ahead: OnceLock<String>,
    /// The folder of shared slots and where they wait, when slots are shared.
    pub(super) shared: Option<(Folder, Aside)>,
    /// What was built, parallel to the slots of the plan.
    pub(super) built: Vec<OnceLock<Built>>,
    /// Slots that were filled as their packages were imported.
    pub(super) landed: Mutex<Landed>,
    pub(super) warnings: Mutex<Vec<Warning>>,
}

/// A slot and what became of it.
pub type BuildResult = (usize, Result<Checkout, LayoutError>);

/// A slot that was built.
#[derive(Debug)]
pub(super) struct Built {
    pub commands: Vec<Command>,
    pub place: Place,
}

/// Where a slot was built; nothing of it is there for one that was built in its place.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The name of its folder aside, where a shared slot waits.
    pub aside: String,
    /// The name aside of what stood in its place before.
    displaced: Option<String>,
}

/// Replaces the record, in one step and without following a link that stands there.
pub(super) fn write_record(slots: &Folder, record: &[u8]) -> Result<(), LayoutError> {
    let path = slots.path().join(FILE_NAME);
    let beside = format!("{ASIDE}{}", unique_suffix());
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(slots.handle(), &*beside, flags, Mode::from_raw_mode(0o644)).at("create", &path)?;
    std::fs::File::from(file).write_all(record).at("write", &path)?;
    Ok(rustix::fs::renameat(slots.handle(), &*beside, slots.handle(), FILE_NAME).at("write", &path)?)
}

impl Builder {
    /// Makes the folders and cuts the record down to what stays. Slots can be built from then on. `aside` is what packages
    /// have landed in before there was a plan, if any have.
    pub fn begin(job: Job, aside: Option<Arc<Aside>>) -> Result<Builder, LayoutError> {
        let slots = Folder::open_trusted(&job.places.root)?.make(job.places.virtual_dir.as_str())?;
        let stood = job.work.sweep || job.work.recorded;
        if stood {
            remove_abandoned(&slots, &job.work.abandoned)?;
        }
        let aside = aside.map_or_else(|| Aside::make(&slots).map(Arc::new), Ok)?;
        if stood {
            // For `abandon`. Where it cannot be linked the next install makes do with what is kept.
            let _ = rustix::fs::linkat(slots.handle(), FILE_NAME, aside.folder.handle(), FILE_NAME, AtFlags::empty());
            if let Err(error) = write_record(&slots, &job.work.keep.encode()) {
                let _ = aside.clear();
                return Err(error);
            }
        }
        let builds_shared = job.work.build.iter().any(|slot| job.wanted.slots[*slot].shared);
        let shared = match &job.places.shared {
            Some(shared) if builds_shared => {
                let folder = Folder::open_trusted(Path::new(shared))?;
                let unfinished = folder.make(UNFINISHED)?;
                remove_abandoned(&unfinished, &unfinished_in(&unfinished.list()?))?;
                let aside = Aside::make(&unfinished)?;
                Some((folder, aside))
            }
            _ => None,
        };
        let built = job.wanted.slots.iter().map(|_| OnceLock::new()).collect();
        let (in_place, linked_ahead, landed, warnings) = (!stood, OnceLock::new(), Mutex::default(), Mutex::default());
        Ok(Builder { job, slots, aside, in_place, linked_ahead, shared, built, landed, warnings })
    }

    /// Returns the plan.
    pub fn wanted(&self) -> &Wanted {
        &self.job.wanted
    }

    /// Returns what is to be done.
    pub fn work(&self) -> &Work {
        &self.job.work
    }

    /// Builds one slot from its package. After an error nothing of the slot is in place, and it can be built again.
    /// Objects of the store that turn out to be damaged are an error of the kind [`CheckoutError::Damaged`].
    ///
    /// [`CheckoutError::Damaged`]: crate::store::CheckoutError::Damaged
    pub fn build(&self, slot: usize, store: &Store, package: &StoredPackage) -> Result<Checkout, LayoutError> {
        let planned = &self.job.wanted.slots[slot];
        // A link is whole or not there; a copy that is cut off is a wrong file.
        let method = if planned.private { self.job.checkout.method.private() } else { self.job.checkout.method };
        let landed = self.take_landed(slot);
        let is_filled = landed == Some(Spot::InPlace);
        if is_filled || landed.is_none() && self.in_place && !planned.shared && method == Method::Hardlink {
            let built = if is_filled {
                self.link(slot, &self.slots, &format!("{}/node_modules", planned.name)).map(|()| Checkout::default())
            } else {
                if self.was_begun(slot) {
                    self.set_aside(slot);
                }
                self.fill(slot, &self.slots, &planned.name, store, package)
            };
            if built.is_err() {
                self.set_aside(slot);
            }
            let checkout = built?;
            self.note(slot, package, Place::default());
            return Ok(checkout);
        }
        let aside = self.aside_of(slot);
        let (name, checkout) = match landed {
            Some(Spot::Aside(name)) => {
                self.link(slot, &aside.folder, &format!("{name}/node_modules"))?;
                (name, Checkout::default())
            }
            Some(Spot::InPlace) | None => {
                let name = aside.fresh();
                let checkout = self.fill(slot, &aside.folder, &name, store, package)?;
                (name, checkout)
            }
        };
        let displaced = if planned.shared { None } else { self.move_into_place(aside, &name, &self.slots, &planned.name)? };
        self.note(slot, package, Place { aside: name, displaced });
        Ok(checkout)
    }

    /// Moves away what was begun in the place of a slot. Should it not go, then the error that counts comes from elsewhere.
    fn set_aside(&self, slot: usize) {
        let name = &*self.job.wanted.slots[slot].name;
        let _ = rustix::fs::renameat(self.slots.handle(), name, self.aside.folder.handle(), self.aside.fresh());
    }

    /// Makes the folder of a slot with its files and its links.
    fn fill(&self, slot: usize, above: &Folder, name: &str, store: &Store, package: &StoredPackage) -> Result<Checkout, LayoutError> {
        let planned = &self.job.wanted.slots[slot];
        let modules = format!("{name}/node_modules");
        make_folders(above, name, &modules, planned.package_name.scope())?;
        let method = if planned.private { self.job.checkout.method.private() } else { self.job.checkout.method };
        let below = format!("{modules}/{}", planned.package_name);
        let target = Target { above: above.handle(), below: Path::new(&below), path: &above.path().join(&below) };
        let checkout = store.checkout(package, target, CheckoutOptions { method, ..self.job.checkout })?;
        self.link(slot, above, &modules)?;
        Ok(checkout)
    }

    /// Notes that a slot is built.
    fn note(&self, slot: usize, package: &StoredPackage, place: Place) {
        let name = self.job.wanted.slots[slot].package_name.as_str();
        let has = |(_, file): &Command| package.tree.entries().any(|entry| entry.path == file.as_str());
        let (commands, mut warnings) = bins::with_files(name, &package.facts.bins, has);
        if !warnings.is_empty() {
            self.warnings().append(&mut warnings);
        }
        // A slot that is built twice is the same slot: the first answer stands.
        let _ = self.built[slot].set(Built { commands, place });
    }

    /// Takes back what was built, for an install that cannot be finished: the slots that stood there before stand again,
    /// all links are as they were, and so is the record.
    pub fn abandon(self) -> Result<(), LayoutError> {
        let (slots, aside) = (self.slots.handle(), self.aside.folder.handle());
        for (slot, (planned, built)) in self.job.wanted.slots.iter().zip(&self.built).enumerate() {
            if built.get().is_none() && self.was_begun(slot) {
                self.set_aside(slot);
            }
            let Some(built) = built.get().filter(|_| !planned.shared) else { continue };
            let path = self.slots.path().join(&planned.name);
            rustix::fs::renameat(slots, &*planned.name, aside, self.aside.fresh()).at("remove", &path)?;
            if let Some(displaced) = &built.place.displaced {
                rustix::fs::renameat(aside, &**displaced, slots, &*planned.name).at("put back", &path)?;
            }
        }
        if self.in_place {
            // The hidden hoist, as far as it was linked ahead. Before this install there was none.
            match rustix::fs::renameat(slots, "node_modules", aside, self.aside.fresh()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => Err(errno).at("remove", &self.slots.path().join("node_modules"))?,
            }
        }
        match rustix::fs::renameat(aside, FILE_NAME, slots, FILE_NAME) {
            // The one that stands there says what stayed; where there was none it is not needed either.
            Err(Errno::NOENT) if self.job.work.recorded => {}
            Err(Errno::NOENT) => crate::fs::remove_file(&self.slots.path().join(FILE_NAME))?,
            Ok(()) => {}
            Err(errno) => Err(errno).at("put back", &self.slots.path().join(FILE_NAME))?,
        }
        self.clear()
    }

    /// Removes the folders of unfinished work with all that is left in them.
    pub(super) fn clear(&self) -> Result<(), LayoutError> {
        if let Some((_, aside)) = &self.shared {
            aside.clear()?;
        }
        self.aside.clear()
    }

    /// Builds many slots on some threads, those with the most files first. The results are in no order.
    pub fn build_all(&self, store: &Store, packages: &[(usize, &StoredPackage)], threads: usize) -> Vec<BuildResult> {
        let mut order: Vec<&(usize, &StoredPackage)> = packages.iter().collect();
        order.sort_by_key(|(_, package)| Reverse(package.tree.len()));
        let next = AtomicUsize::new(0);
        let run = || {
            let mut results = Vec::new();
            while let Some((slot, package)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                results.push((*slot, self.build(*slot, store, package)));
            }
            results
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(order.len())).map(|_| scope.spawn(run)).collect();
            let mut results = run();
            for other in others {
                match other.join() {
                    Ok(more) => results.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            results
        })
    }

    /// Sets the links of a slot that was just made, where nobody else writes.
    fn link(&self, slot: usize, above: &Folder, modules: &str) -> Result<(), LayoutError> {
        let slot = &self.job.wanted.slots[slot];
        let (mut at, mut scope) = (format!("{modules}/"), String::new());
        let start = at.len();
        for link in &slot.links {
            at.truncate(start);
            slot.push_place_of(link, &mut at);
            if let Some((folder, _)) = at[start..].rsplit_once('/')
                && folder != scope
            {
                // One folder, but for a link inside of a package with a scope.
                let ends = folder.match_indices('/').map(|(end, _)| end).chain([folder.len()]);
                for below in ends.map(|end| &at[..start + end]) {
                    match rustix::fs::mkdirat(above.handle(), below, MODE) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => Err(errno).at("create", &above.path().join(below))?,
                    }
                }
                folder.clone_into(&mut scope);
            }
            rustix::fs::symlinkat(&*link.text, above.handle(), &*at).at_path("link", || above.path().join(&at))?;
        }
        Ok(())
    }

    /// Renames a folder from aside to its place. What stands there goes aside; the name that it has there is returned.
    pub(super) fn move_into_place(&self, aside: &Aside, name: &str, to: &Folder, slot: &str) -> Result<Option<String>, LayoutError> {
        let rename = || rustix::fs::renameat(aside.folder.handle(), name, to.handle(), slot);
        let path = to.path().join(slot);
        match rename() {
            Ok(()) => return Ok(None),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            Err(errno) => Err(errno).at("rename into place", &path)?,
        }
        let displaced = aside.fresh();
        rustix::fs::renameat(to.handle(), slot, aside.folder.handle(), &*displaced).at("move aside", &path)?;
        match rename() {
            Ok(()) => Ok(Some(displaced)),
            Err(errno) => {
                // It came from there a moment ago. Should it not go back, then the next install builds it anew.
                let _ = rustix::fs::renameat(aside.folder.handle(), &*displaced, to.handle(), slot);
                Ok(Err(errno).at("rename into place", &path)?)
            }
        }
    }

    pub(super) fn warnings(&self) -> MutexGuard<'_, Vec<Warning>> {
        // Only pushes happen under the lock.
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
