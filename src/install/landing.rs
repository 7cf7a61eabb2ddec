//! Where the files of packages that are still fetched are going to be.
//!
//! Whoever imports a package may put its files into the project on their way: once the layout is planned into the slot that
//! waits for them, and before that into a folder aside, where the build will find them. A build must be able to end at
//! any moment, with nobody at work in its folders. So a berth only asks to be let in, from one file to the next.

use crate::layout::apply::Builder;
use crate::layout::aside::Aside;
use crate::layout::landing::Spot;
use crate::package::name::PackageName;
use crate::registry::tarball::Check;
use crate::store::{Landing, Store};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The places that can be landed in now.
#[derive(Default)]
pub(super) struct Landings(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Whoever is at work in a folder has a share of it.
    pass: Arc<Pass>,
    ahead: Ahead,
    builder: Option<Arc<Builder>>,
    /// One slot for each package that is waited for, by the package's id.
    slots: FxHashMap<String, usize>,
    /// The packages that landed before there were slots: by their ids, what they are called there.
    landed: FxHashMap<String, (PackageName, String)>,
}

/// The right to be at work in a folder.
#[derive(Default)]
struct Pass;

/// Where packages land that come before there is a plan.
#[derive(Default)]
enum Ahead {
    #[default]
    Nowhere,
    /// In a folder that is made when the first one comes.
    OnceAsked(Make),
    In(Arc<Aside>),
}

/// Makes a folder, if that is possible.
type Make = Box<dyn FnOnce() -> Option<Arc<Aside>> + Send>;

impl Landings {
    /// Lets imports land in a folder from now on, which `make` makes when it is needed.
    pub fn begin(&self, make: impl FnOnce() -> Option<Arc<Aside>> + Send + 'static) {
        self.lock().ahead = Ahead::OnceAsked(Box::new(make));
    }

    /// Makes no folder any more if nothing has landed so far. What stands in the project is about to be looked at.
    pub fn settle(&self) {
        let mut state = self.lock();
        if matches!(state.ahead, Ahead::OnceAsked(_)) {
            state.ahead = Ahead::Nowhere;
        }
    }

    /// Returns the folder that packages have landed in, for the builder, whose it is once it is open. Until then more may
    /// come.
    pub fn folder(&self) -> Option<Arc<Aside>> {
        match &self.lock().ahead {
            Ahead::In(aside) => Some(Arc::clone(aside)),
            Ahead::Nowhere | Ahead::OnceAsked(_) => None,
        }
    }

    /// Lets imports of these packages land in these slots from now on, and in no others.
    pub fn open(&self, builder: &Arc<Builder>, store: &Store, slots: impl IntoIterator<Item = (String, usize)>) {
        let mut state = self.lock();
        state.ahead = Ahead::Nowhere;
        let landed = std::mem::take(&mut state.landed);
        if !builder.has_landings(store) {
            return;
        }
        state.slots = slots.into_iter().collect();
        for (id, (package, name)) in landed {
            if let Some(slot) = state.slots.remove(&id) {
                builder.adopt(slot, &package, name);
            }
        }
        state.builder = Some(Arc::clone(builder));
    }

    /// Returns the place for a package, once, depending on when its bytes are checked.
    pub fn berth(&self, id: &str, package: &PackageName, check: Check) -> Option<(Berth, Landing)> {
        let mut state = self.lock();
        let pass = Arc::clone(&state.pass);
        let (place, landing) = match &state.builder {
            Some(builder) => {
                let builder = Arc::clone(builder);
                let slot = state.slots.remove(id)?;
                drop(state);
                let (landing, spot) = builder.land(slot, check == Check::First)?;
                (Place::Slot(slot, spot), landing)
            }
            None => {
                let aside = state.ahead.folder()?;
                drop(state);
                let (landing, name) = aside.land(package)?;
                (Place::Ahead(package.clone(), name), landing)
            }
        };
        let (landings, pass) = (Arc::clone(&self.0), Arc::downgrade(&pass));
        Some((Berth { landings, pass, id: id.to_owned(), place }, landing))
    }

    /// Lets nobody in any more, and waits until nobody is at work. A folder that no builder opened is removed.
    pub fn close(&self) {
        let State { mut pass, ahead, .. } = std::mem::take(&mut *self.lock());
        while let Err(shared) = Arc::try_unwrap(pass) {
            pass = shared;
            std::thread::yield_now();
        }
        if let Ahead::In(aside) = ahead {
            // What stays is swept by the next install.
            let _ = aside.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing that can panic happens under the lock.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ahead {
    fn folder(&mut self) -> Option<Arc<Aside>> {
        let folder = match std::mem::take(self) {
            Ahead::Nowhere => None,
            Ahead::OnceAsked(make) => make(),
            Ahead::In(aside) => Some(aside),
        };
        *self = folder.clone().map_or(Ahead::Nowhere, Ahead::In);
        folder
    }
}

/// A place that somebody lands in.
pub(super) struct Berth {
    landings: Arc<Mutex<State>>,
    pass: Weak<Pass>,
    /// The package's id.
    id: String,
    place: Place,
}

enum Place {
    /// A slot that waits for the package.
    Slot(usize, Spot),
    /// A folder of this name, before there are slots.
    Ahead(PackageName, String),
}

impl Berth {
    /// Keeps the folder where it is for the next file, as long as the answer is held; nothing once the build has ended.
    pub fn hold(&self) -> Option<impl Sized + use<>> {
        self.pass.upgrade()
    }

    /// Says that all files are there.
    pub fn landed(self) {
        let Some(pass) = self.pass.upgrade() else { return };
        let mut state = lock(&self.landings);
        // While this waited for the lock the build may have ended, and what is open now is another one.
        if !Arc::ptr_eq(&state.pass, &pass) {
            return;
        }
        match (state.builder.clone(), self.place) {
            (Some(builder), Place::Slot(slot, spot)) => builder.landed(slot, spot),
            (Some(builder), Place::Ahead(package, name)) => {
                if let Some(slot) = state.slots.remove(&self.id) {
                    builder.adopt(slot, &package, name);
                }
            }
            (None, Place::Ahead(package, name)) => drop(state.landed.insert(self.id, (package, name))),
            // Slots come and go with their builder.
            (None, Place::Slot(..)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Berth, Landings, Place};
    use crate::package::name::PackageName;
    use std::sync::Arc;

    fn berth(landings: &Landings) -> Berth {
        let place = Place::Ahead(PackageName::parse("a").expect("a name"), "0".to_owned());
        let pass = Arc::downgrade(&landings.lock().pass);
        Berth { landings: Arc::clone(&landings.0), pass, id: "a@1.0.0".to_owned(), place }
    }

    #[test]
    fn what_has_landed_waits_for_the_build_and_ends_with_it() {
        let landings = Landings::default();
        let late = berth(&landings);
        berth(&landings).landed();
        assert_eq!(landings.lock().landed["a@1.0.0"].1, "0");
        landings.close();
        assert!(late.hold().is_none());
        late.landed();
        assert!(landings.lock().landed.is_empty());
    }

    #[test]
    fn what_lands_as_the_build_ends_is_not_taken_for_the_next_one() {
        let landings = Landings::default();
        let berth = berth(&landings);
        std::thread::scope(|scope| {
            let mut state = landings.lock();
            let landing = scope.spawn(|| berth.landed());
            // It has its pass, and waits for the lock.
            while Arc::strong_count(&state.pass) == 1 {
                std::thread::yield_now();
            }
            // What `close` begins with.
            drop(std::mem::take(&mut *state));
            drop(state);
            landing.join().expect("it ends");
        });
        assert!(landings.lock().landed.is_empty());
    }
}
