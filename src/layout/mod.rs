//! The virtual `node_modules`: what should stand there, what does, and how one becomes the other.
//!
//! Every instance of the resolution gets a *slot*, `node_modules/.deka/<slot>/node_modules/`, that holds the files of
//! its package and, beside them, links to the slots of its dependencies. A package therefore finds what it declares and
//! nothing else, and its files are on disk once. Projects get links to the slots of their direct dependencies. With a
//! global virtual store the slots stand in the store and are shared by all projects.
//!
//! An install goes through four values:
//!
//! 1. [`plan::plan`] turns a resolution into [`plan::Wanted`]. Pure.
//! 2. [`survey::survey`] reads what stands there: the record that the last install left, held against the disk.
//! 3. [`diff::diff`] compares the two and says what is to be done. Pure.
//! 4. [`apply::Builder`] does it. Slots are built on any thread in any order, as their packages reach the store, or are
//!    filled on the way there ([`apply::Builder::land`], and [`aside::Aside::ahead`] before there is a plan);
//!    [`apply::Builder::finish`] links them up, removes what is not wanted, and writes the new record.
//!
//! What holds at every instant: a slot is built aside and appears by one rename; links are set after the slots they
//! lead to and removed before them; the record never claims a slot that is not there (it is cut down to the slots that
//! stay before anything is changed, and completed at the end). An install that was killed is finished by the next one.
//!
//! Nothing is written through a link that someone planted: every folder below a project is opened without following
//! links, and a link that stands where a folder belongs is removed. Entries of `node_modules` that deka did not make are
//! left alone unless a direct dependency wants their place; then they are moved to `node_modules/.ignored`.
//!
//! Shared slots are named by a hash of their content and of all that is below them, so they are never changed. One is
//! published after everything that it links to (members of a circle in a row), and has to be deleted before any of it;
//! its presence then proves that all below it is there. They cannot have a hidden hoist: a package there finds what it
//! declares, and nothing else. Slots that depend on something of the project stay in the project, see [`closure`].
//!
//! The caller holds the project's lock from [`survey::survey`] to the end of [`apply::Builder::finish`].

pub mod apply;
pub mod aside;
mod bins;
pub mod blueprint;
mod closure;
pub mod diff;
pub mod finish;
mod folder;
mod hoist;
pub mod landing;
mod link;
pub use link::{join, relative};
pub mod plan;
pub mod record;
pub mod shared;
mod slot;
mod stay;
pub mod survey;
mod sweep;
#[cfg(test)]
mod testing;
pub mod warning;

use crate::fs::FsError;
use crate::package::path::RelPath;
use crate::store::CheckoutError;
use plan::Slot;
use std::path::PathBuf;

/// Why a layout could not be planned or built.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A hoist pattern is not a glob.
    #[error("the hoist pattern `{pattern}` cannot be read: {reason}")]
    Pattern {
        /// The pattern, as in the settings.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Files could not be taken from the store.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// An install was to be finished with a package missing.
    #[error("`{slot}` was not built")]
    Unbuilt {
        /// The name of its slot.
        slot: String,
    },
}

/// Where a project's packages are put.
#[derive(Clone, Debug)]
pub struct Places {
    /// The root of the project, absolute.
    pub root: PathBuf,
    /// The folder of direct dependencies in each project, relative to it: `node_modules`.
    pub modules_dir: RelPath,
    /// The folder of slots, relative to the root: `node_modules/.deka`.
    pub virtual_dir: RelPath,
    /// The folder of shared slots, absolute, when slots are shared. Text, because links say it.
    pub shared: Option<String>,
}

impl Places {
    /// Returns the `node_modules` inside of a slot. Its `.bin` has the commands that the package's scripts may use.
    pub fn modules_of(&self, slot: &Slot) -> PathBuf {
        let slots = match &self.shared {
            Some(shared) if slot.shared => PathBuf::from(shared),
            _ => self.root.join(self.virtual_dir.as_str()),
        };
        slots.join(&slot.name).join("node_modules")
    }

    /// Returns the folder of the package in a slot.
    pub fn package_of(&self, slot: &Slot) -> PathBuf {
        self.modules_of(slot).join(slot.package_name.as_str())
    }
}
