//! Which projects have a version that must not be installed any more.

use super::roots::{self, Needs};
use crate::error::Error;
use crate::install::of_store;
use crate::package::name::PackageName;
use crate::project::env::Env;
use crate::store::{PackageKey, Store};
use rustc_hash::FxHashSet;
use std::path::PathBuf;

/// A project that has a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// Its folder.
    pub project: PathBuf,
    /// Whether its lockfile names the version.
    pub locked: bool,
    /// Whether its `node_modules` holds the version.
    pub installed: bool,
}

/// The projects that have a version, and those of which nobody knows.
#[derive(Debug, Default)]
pub struct Found {
    /// Projects that have it, sorted by path.
    pub affected: Vec<Affected>,
    /// Why others could not be looked at.
    pub unreadable: Vec<Error>,
}

/// Finds the projects of a store that have a version.
pub fn affected(store: &Store, env: &Env, name: &PackageName, version: &str) -> Result<Found, Error> {
    let packages = store.packages().map_err(of_store)?;
    let stored = packages.into_iter().filter(|package| package.name == *name && package.version == version);
    let keys: FxHashSet<PackageKey> = stored.map(|package| package.key).collect();
    let mut found = Found::default();
    for root in roots::read(store, env)? {
        match root.needs {
            Needs::Gone => {}
            Needs::Unreadable(error) => found.unreadable.push(error),
            Needs::Known(known) => {
                let locked = known.locked.iter().any(|locked| locked.name == *name && locked.version == version);
                let installed = known.slots.iter().any(|slot| keys.contains(&slot.key));
                if locked || installed {
                    found.affected.push(Affected { project: root.project, locked, installed });
                }
            }
        }
    }
    Ok(found)
}
