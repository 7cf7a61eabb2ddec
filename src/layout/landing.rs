//! Slots that are filled while their packages are imported.
//!
//! Whoever imports a package asks for a landing, a folder that its files are put into as they come. When all of them are
//! there, building the slot is only a matter of its links. When something is in the way the slot is given up, and built
//! like any other. Only a slot that is filled where it belongs can be landed in.

use super::apply::{Builder, make_folders};
use crate::store::{Landing, Method, Target};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

/// How far a slot is.
#[derive(Debug, Default)]
pub(super) struct Stand(AtomicU8);

impl Stand {
    const EMPTY: u8 = 0;
    /// Somebody puts files into it, or did until it was abandoned.
    const BEGUN: u8 = 1;
    /// All files are there.
    const FILLED: u8 = 2;

    fn step(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Says whether all files are there; they are not to be counted on twice.
    pub fn take_filled(&self) -> bool {
        self.step(Self::FILLED, Self::EMPTY)
    }

    /// Says whether something of the slot stands there that nobody has built.
    pub fn is_left_over(&self) -> bool {
        self.0.load(Ordering::Acquire) != Self::EMPTY
    }
}

impl Builder {
    /// Says whether slots can be landed in at all.
    pub fn has_landings(&self) -> bool {
        self.in_place && self.job.checkout.method == Method::Hardlink && !self.job.checkout.verify
    }

    /// Makes the folder for the files of a slot's package. There is none for a slot that is filled in another way.
    pub fn land(&self, slot: usize) -> Option<Landing> {
        let planned = &self.job.wanted.slots[slot];
        if !self.has_landings() || planned.shared || planned.private || !self.stands[slot].step(Stand::EMPTY, Stand::BEGUN) {
            return None;
        }
        let modules = format!("{}/node_modules", planned.name);
        let below = format!("{modules}/{}", planned.package_name);
        let target = Target { above: self.slots.handle(), below: Path::new(&below), path: &self.slots.path().join(&below) };
        let landing = make_folders(&self.slots, &planned.name, &modules, planned.package_name.scope())
            .ok()
            .and_then(|()| Landing::make(target).ok());
        if landing.is_none() {
            self.give_up(slot);
        }
        landing
    }

    /// Takes a slot as filled: all files of its package are there, as a checkout would have put them.
    pub fn landed(&self, slot: usize) {
        self.stands[slot].step(Stand::BEGUN, Stand::FILLED);
    }

    /// Moves away what stands of a slot that was landed in, unless it is filled. It can be built as if nobody had.
    pub fn give_up(&self, slot: usize) {
        if self.stands[slot].0.load(Ordering::Acquire) == Stand::BEGUN {
            self.put_aside(slot);
            self.stands[slot].step(Stand::BEGUN, Stand::EMPTY);
        }
    }

    /// Moves what stands of a slot to where unfinished work is. Should it not go, then building says what is in the way.
    pub(super) fn put_aside(&self, slot: usize) {
        let name = &*self.job.wanted.slots[slot].name;
        let _ = rustix::fs::renameat(self.slots.handle(), name, self.aside.folder.handle(), self.aside.fresh());
    }
}
