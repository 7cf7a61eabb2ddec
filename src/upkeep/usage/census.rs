//! Which objects the packages of a store hold.
//!
//! A store has a million of them, so each package keeps numbers of four bytes, and the names are forgotten once every
//! object has its number.

use super::scan::scan;
use crate::package::name::PackageName;
use crate::store::{ObjectId, PackageKey, Store, StoreError};
use rustc_hash::FxHashMap;

/// The packages of a store and their objects, as numbers.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// The packages, sorted by key.
    pub packages: Vec<Held>,
    /// The length of each object in bytes.
    pub sizes_bytes: Vec<u64>,
    numbers: FxHashMap<PackageKey, u32>,
}

/// A package and its files.
#[derive(Debug)]
pub(super) struct Held {
    /// The name under which it was resolved.
    pub name: PackageName,
    /// The version that was resolved.
    pub version: String,
    /// The object of each file: a place in [`Census::sizes_bytes`]. Files with the same bytes and mode have the same one.
    pub files: Box<[u32]>,
}

impl Census {
    /// Counts everything in a store.
    pub fn take(store: &Store) -> Result<Census, StoreError> {
        let listed = store.packages()?;
        let mut objects: FxHashMap<(ObjectId, bool), u32> = FxHashMap::default();
        let mut sizes_bytes = Vec::new();
        let mut files: Vec<Box<[u32]>> = std::iter::repeat_with(Box::default).take(listed.len()).collect();
        let entries = |package: crate::store::StoredPackage| -> Vec<((ObjectId, bool), u64)> {
            package.tree.entries().map(|entry| ((entry.object, entry.executable), entry.size_bytes)).collect()
        };
        scan(store, &listed, entries, |index, entries| {
            let number = |(object, size_bytes)| {
                *objects.entry(object).or_insert_with(|| {
                    sizes_bytes.push(size_bytes);
                    (sizes_bytes.len() - 1) as u32
                })
            };
            files[index] = entries.into_iter().map(number).collect();
        })?;
        let numbers = listed.iter().zip(0..).map(|(package, number)| (package.key.clone(), number)).collect();
        let held = |(package, files): (crate::store::Listed, _)| Held { name: package.name, version: package.version, files };
        Ok(Census { packages: listed.into_iter().zip(files).map(held).collect(), sizes_bytes, numbers })
    }

    /// Returns the number of a package, if it is in the store.
    pub fn number(&self, key: &PackageKey) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// Returns the length of all files of a package together, were each of them a file of its own.
    pub fn size_bytes(&self, package: u32) -> u64 {
        self.packages[package as usize].files.iter().map(|object| self.sizes_bytes[*object as usize]).sum()
    }
}
