//! Who uses a package: "are we affected by the bad release?"

use super::pattern::Pattern;
use super::users::{Unreadable, Users};
use crate::error::Error;
use crate::install::of_store;
use crate::package::version::Version;
use crate::project::env::Env;
use crate::store::{PackageKey, Store};
use serde::Serialize;
use std::collections::BTreeMap;

/// The packages that a pattern means, and who uses them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// The pattern.
    pub query: String,
    /// The packages, by name and version.
    pub matches: Vec<Match>,
    /// Projects that may use them too, for all that is known.
    pub unreadable: Vec<Unreadable>,
}

/// A package that a pattern means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Its name.
    pub name: String,
    /// Its version; empty for what has none.
    pub version: String,
    /// What the store knows it by: its integrity, or another text for what has none.
    pub key: String,
    /// Whether its files are in the store. A lockfile may name what is not, as for another platform.
    pub stored: bool,
    /// Who uses it, by path.
    pub users: Vec<Use>,
}

/// A project that uses a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Use {
    /// Its folder.
    pub project: String,
    /// Whether its lockfile names the package.
    pub locked: bool,
    /// The slots of its `node_modules` that hold the package.
    pub slots: Vec<String>,
}

impl Affected {
    /// Says how many uses there are.
    pub fn uses(&self) -> usize {
        self.matches.iter().map(|found| found.users.len()).sum()
    }

    /// The answer of a store that is not there.
    pub fn nobody(pattern: &Pattern) -> Affected {
        Affected { query: pattern.to_string(), matches: Vec::new(), unreadable: Vec::new() }
    }
}

/// Finds the packages that a pattern means, in the store and in the lockfiles of its projects, and who uses them. The
/// environment is that of the user whose projects they are.
pub fn affected(store: &Store, env: &Env, pattern: &Pattern) -> Result<Affected, Error> {
    let mut matches: BTreeMap<PackageKey, Match> = BTreeMap::new();
    for package in store.packages().map_err(of_store)? {
        if pattern.matches(package.name.as_str(), &package.version) {
            let (name, key) = (package.name.to_string(), package.key.to_string());
            matches.insert(package.key, Match { name, version: package.version, key, stored: true, users: Vec::new() });
        }
    }
    let users = Users::read(store, env)?;
    for user in &users.known {
        let mut uses: BTreeMap<&PackageKey, Use> = BTreeMap::new();
        let unused = || Use { project: user.project.clone(), ..Use::default() };
        for locked in &user.needs.locked {
            if pattern.matches(locked.name.as_str(), &locked.version) && !matches.contains_key(&locked.key) {
                let (name, version, key) = (locked.name.to_string(), locked.version.clone(), locked.key.to_string());
                matches.insert(locked.key.clone(), Match { name, version, key, ..Match::default() });
            }
            if matches.contains_key(&locked.key) {
                uses.entry(&locked.key).or_insert_with(unused).locked = true;
            }
        }
        for slot in user.needs.slots.iter().filter(|slot| matches.contains_key(&slot.key)) {
            uses.entry(&slot.key).or_insert_with(unused).slots.push(slot.name.clone());
        }
        for (key, found) in uses {
            matches.get_mut(key).into_iter().for_each(|package| package.users.push(found.clone()));
        }
    }
    let mut matches: Vec<Match> = matches.into_values().collect();
    let order =
        |package: &Match| (package.name.clone(), Version::parse_loose(&package.version), package.version.clone(), package.key.clone());
    matches.sort_by_cached_key(order);
    Ok(Affected { query: pattern.to_string(), matches, unreadable: users.unreadable })
}
