//! Looking at a store without using it: whether there is one, how large its own files are, how an object is.

use super::id::ObjectId;
use super::object::{Found, ObjectPath, Objects};
use super::{Store, StoreError};
use std::path::Path;

/// Name of the folder of packs.
const PACKS: &str = "packs";

/// What a store takes besides its objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Length of the index and its log.
    pub index_bytes: u64,
    /// How many packs there are.
    pub packs: u64,
    /// Length of all packs.
    pub packs_bytes: u64,
}

/// How an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Its bytes and its mode are as they should be.
    Right,
    /// Its bytes are right, but it can be executed where it should not, or the reverse.
    WrongMode,
    /// Its bytes are wrong, or it is no file.
    Damaged,
    /// There is no file under its name.
    Missing,
}

impl Store {
    /// Says whether there is a store in a folder. [`Store::open`] makes one where there is none.
    pub fn is_there(root: &Path) -> bool {
        Objects::are_there(root)
    }

    /// Says whether [`Store::projects`] has those that older versions have noted in the index. One that cannot be used where
    /// it lies, in a store that cannot be written, is made again in memory, and no record speaks of projects.
    pub fn knows_projects(&self) -> bool {
        !self.index.is_in_memory()
    }

    /// Measures what a store takes besides its objects. What cannot be looked at counts for nothing.
    pub fn footprint(&self) -> Footprint {
        let length = |end: &str| std::fs::metadata(self.root.join(format!("index.db{end}"))).map_or(0, |found| found.len());
        let mut footprint = Footprint { index_bytes: length("") + length("-wal"), ..Footprint::default() };
        let packs = std::fs::read_dir(self.root.join(PACKS)).into_iter().flatten().filter_map(Result::ok);
        // A name with a dot in front is a file that is being written.
        for pack in packs.filter(|pack| !pack.file_name().as_encoded_bytes().starts_with(b".")) {
            if let Some(found) = pack.metadata().ok().filter(std::fs::Metadata::is_file) {
                footprint.packs += 1;
                footprint.packs_bytes += found.len();
            }
        }
        footprint
    }

    /// Hashes an object of this length.
    pub fn examine(&self, object: &ObjectId, executable: bool, size_bytes: u64) -> Result<Health, StoreError> {
        let found = self.objects.inspect(&ObjectPath::new(object, executable), object, executable, size_bytes)?;
        Ok(match found {
            Found::Right(_) => Health::Right,
            Found::WrongMode => Health::WrongMode,
            Found::Wrong => Health::Damaged,
            Found::Missing => Health::Missing,
        })
    }
}
