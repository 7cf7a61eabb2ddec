//! What the index and the records say, and where they disagree.

use super::{Fault, Finding, Holder};
use crate::store::error::StoreError;
use crate::store::package::{PackageKey, StoredPackage};
use crate::store::rows::{self, Surveyed};
use crate::store::{Store, record};
use rustc_hash::{FxHashMap, FxHashSet};

/// The packages of a store.
pub struct Catalogue {
    /// Those whose row is sound, sorted by key.
    pub packages: Vec<StoredPackage>,
    /// Rows and records that are wrong.
    pub faults: Vec<Finding>,
    /// Packages that only a record knows, sorted by key.
    pub unindexed: Vec<StoredPackage>,
}

impl Catalogue {
    /// Reads all rows and then all records: an install writes the record first, so what has a row has a record.
    pub fn read(store: &Store, only: Option<&[PackageKey]>) -> Result<Catalogue, StoreError> {
        let is_asked_for = {
            let only: Option<FxHashSet<&PackageKey>> = only.map(|keys| keys.iter().collect());
            move |key: &PackageKey| only.as_ref().is_none_or(|only| only.contains(key))
        };
        let rows = store.index.with(|connection| rows::survey(connection))?;
        let mut records: FxHashMap<PackageKey, StoredPackage> = FxHashMap::default();
        for package in record::read_all(&store.root)? {
            if is_asked_for(&package.key) {
                records.insert(package.key.clone(), package);
            }
        }
        let mut found = Catalogue { packages: Vec::new(), faults: Vec::new(), unindexed: Vec::new() };
        for row in rows {
            let (known, key) = (records.remove(&row.key), row.key.clone());
            if is_asked_for(&key) {
                found.add(store, row, known.as_ref());
            }
        }
        found.unindexed = unindexed(store, records)?;
        Ok(found)
    }

    /// Takes a row and the last record with the same key.
    fn add(&mut self, store: &Store, row: Surveyed, recorded: Option<&StoredPackage>) {
        let Some(package) = row.package else {
            // A record is sealed, and so the better witness of what the row was.
            let (name, version) = recorded.map_or((row.name, row.version), |known| (known.name.to_string(), known.version.clone()));
            let holder = Holder { name, version, key: row.key, files: Vec::new() };
            let path = store.index.path().to_owned();
            return self.faults.push(Finding { fault: Fault::Row(row.raw_key), path, packages: vec![holder] });
        };
        if recorded.is_none_or(|known| record::seal(known) != record::seal(&package)) {
            let (name, version) = (package.name.to_string(), package.version.clone());
            let holder = Holder { name, version, key: package.key.clone(), files: Vec::new() };
            let path = record::folder(&store.root);
            self.faults.push(Finding { fault: Fault::Record(package.key.clone()), path, packages: vec![holder] });
        }
        self.packages.push(package);
    }
}

/// Returns the packages without a row, less those that got theirs since the rows were read.
fn unindexed(store: &Store, records: FxHashMap<PackageKey, StoredPackage>) -> Result<Vec<StoredPackage>, StoreError> {
    let mut packages: Vec<StoredPackage> = records.into_values().collect();
    packages.sort_by(|one, other| one.key.cmp(&other.key));
    let keys: Vec<PackageKey> = packages.iter().map(|package| package.key.clone()).collect();
    let answers = store.index.read(|connection| rows::look_up(connection, &keys))?;
    let mut absent = answers.iter().map(|answer| matches!(answer, rows::Answer::Absent));
    packages.retain(|_| absent.next().unwrap_or_default());
    Ok(packages)
}
