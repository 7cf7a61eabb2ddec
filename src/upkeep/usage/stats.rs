//! How much there is in a store, and what it saves.

use super::census::Census;
use super::users::{User, Users};
use crate::error::Error;
use crate::install::{SHARED_SLOTS, of_store};
use crate::layout::apply::UNFINISHED;
use crate::project::env::Env;
use crate::store::Store;
use crate::upkeep::roots::Installed;
use rustc_hash::FxHashSet;
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How much there is in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Different names of packages.
    pub packages: u64,
    /// Packages: name, version, and where the bytes came from.
    pub versions: u64,
    /// Files of all packages.
    pub files: u64,
    /// Length of all files, had each package its own.
    pub files_bytes: u64,
    /// Different files.
    pub objects: u64,
    /// Length of the different files.
    pub objects_bytes: u64,
    /// What it saves to keep equal files once.
    pub saved_by_deduplication_bytes: u64,
    /// Length of all files of packages that stand in projects, each counted wherever it stands.
    pub installed_bytes: u64,
    /// How much of that is links to objects, and takes nothing. Reflinks look like copies and are not counted.
    pub saved_by_linking_bytes: u64,
    /// The projects that were installed from here.
    pub projects: Projects,
    /// Slots that projects share.
    pub shared_slots: u64,
    /// Files that hold objects which nobody used for a while.
    pub packs: u64,
    /// Length of those.
    pub packs_bytes: u64,
    /// Length of the index.
    pub index_bytes: u64,
}

/// The projects of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Projects {
    /// Those whose needs are known.
    pub known: u64,
    /// Those that are not there any more.
    pub gone: u64,
    /// Those of which something could not be read.
    pub unreadable: u64,
}

/// Counts what is in a store. The environment is that of the user whose projects they are.
pub fn stats(store: &Store, env: &Env) -> Result<Stats, Error> {
    let census = Census::take(store).map_err(of_store)?;
    let users = Users::read(store, env)?;
    let all = || 0..census.packages.len() as u32;
    let names: FxHashSet<&str> = census.packages.iter().map(|package| package.name.as_str()).collect();
    let files_bytes: u64 = all().map(|package| census.size_bytes(package)).sum();
    let objects_bytes: u64 = census.sizes_bytes.iter().sum();
    let (installed_bytes, saved_by_linking_bytes) = installed(&census, &users.known);
    let footprint = store.footprint();
    Ok(Stats {
        packages: names.len() as u64,
        versions: census.packages.len() as u64,
        files: census.packages.iter().map(|package| package.files.len() as u64).sum(),
        files_bytes,
        objects: census.sizes_bytes.len() as u64,
        objects_bytes,
        saved_by_deduplication_bytes: files_bytes - objects_bytes,
        installed_bytes,
        saved_by_linking_bytes,
        projects: Projects { known: users.known.len() as u64, gone: users.gone, unreadable: users.unreadable.len() as u64 },
        shared_slots: shared_slots(store.root()),
        packs: footprint.packs,
        packs_bytes: footprint.packs_bytes,
        index_bytes: footprint.index_bytes,
    })
}

/// Returns the length of all that stands in projects, and how much of it is links.
fn installed(census: &Census, users: &[User]) -> (u64, u64) {
    let slots = users.iter().flat_map(|user| &user.needs.slots);
    slots.fold((0, 0), |(installed, linked), slot| {
        let size_bytes = census.number(&slot.key).map_or(0, |package| census.size_bytes(package));
        (installed + size_bytes, linked + if is_linked(slot) { size_bytes } else { 0 })
    })
}

/// Says whether the files of a slot are links. They all came the same way, and every package has a manifest.
fn is_linked(slot: &Installed) -> bool {
    !slot.private && std::fs::symlink_metadata(slot.folder.join("package.json")).is_ok_and(|found| found.is_file() && found.nlink() > 1)
}

fn shared_slots(store: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(store.join(SHARED_SLOTS)) else { return 0 };
    let is_slot = |entry: &std::fs::DirEntry| entry.file_name() != UNFINISHED && entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter_map(Result::ok).filter(is_slot).count() as u64
}
