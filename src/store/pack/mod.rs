//! Packs: what nobody has used for long, many objects to a file and compressed.
//!
//! A pack is a file in `packs/` that describes itself: zstd frames of about a megabyte with objects that are alike beside
//! each other, then a table that says where each object lies. A pack holds bytes only. Whether they are executable is for
//! the tree to say, so the plain and the executable variant of an object are one entry.
//!
//! The index knows nothing of packs. A checkout that finds an object missing looks for it here, and puts it back as it was
//! before it was packed; until then nobody reads a byte of them. [`cold`] moves objects into packs, [`restore`] brings
//! them back, [`sweep`] removes what no package has any more. `store-format.md` has the bytes.

mod cold;
mod error;
mod footer;
mod open;
mod restore;
mod sweep;
mod write;

pub use cold::{Cold, Packed, Packing};
pub use error::PackError;
pub use footer::Place;
pub use open::Pack;
pub(super) use restore::{extract, restore, restore_over};
pub use sweep::{IsLive, Share, Swept};

use super::id::ObjectId;
use crate::fs::Context;
use std::path::{Path, PathBuf};

/// Name of the folder inside the store.
pub(super) const FOLDER: &str = "packs";
/// What the names of packs end with.
const ENDING: &str = "pack";
/// What the names of unfinished packs end with.
const UNFINISHED: &str = "tmp";

/// The packs of a store, as they were when they were opened.
pub struct Packs {
    store: PathBuf,
    packs: Vec<Pack>,
    broken: Vec<PackError>,
}

impl Packs {
    /// Opens the packs of the store in a folder. One that cannot be used is kept in mind and otherwise passed over.
    pub fn open(store: &Path) -> Packs {
        let mut packs = Packs { store: store.to_owned(), packs: Vec::new(), broken: Vec::new() };
        let paths = match files(store, ENDING) {
            Ok(paths) => paths,
            Err(error) => {
                packs.broken.push(error);
                return packs;
            }
        };
        for path in paths {
            match Pack::open(&path) {
                Ok(pack) => packs.packs.push(pack),
                // A gc was faster, in a store without locks.
                Err(PackError::Io(error)) if error.is_not_found() => {}
                Err(error) => packs.broken.push(error),
            }
        }
        packs
    }

    /// Returns the packs that can be used, sorted by path.
    pub fn list(&self) -> &[Pack] {
        &self.packs
    }

    /// Says of each other pack why it cannot be used.
    pub fn broken(&self) -> &[PackError] {
        &self.broken
    }

    /// Says whether a pack claims to have an object; its bytes are not looked at.
    pub fn holds(&self, object: &ObjectId) -> bool {
        self.packs.iter().any(|pack| pack.find(object).is_some())
    }
}

/// Lists the files of the folder of packs with an ending, sorted; none where there is no folder.
fn files(store: &Path, ending: &str) -> Result<Vec<PathBuf>, PackError> {
    let folder = store.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("read", &folder)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.at("read", &folder)?.path();
        if path.extension().is_some_and(|found| found == ending) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Removes what packings that were interrupted have left. The caller keeps everybody else away from the store.
fn remove_unfinished(store: &Path) -> Result<(), PackError> {
    files(store, UNFINISHED)?.iter().try_for_each(|path| Ok(crate::fs::remove_file(path)?))
}
