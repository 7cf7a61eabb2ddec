//! The projects of a store, sorted by how much is known of them.

use crate::error::Error;
use crate::project::env::Env;
use crate::store::{PackageKey, Store};
use crate::upkeep::roots::{self, Known, Needs, Root};
use serde::Serialize;

/// The projects of a store.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// Those whose needs are known.
    pub known: Vec<User>,
    /// How many are not there any more.
    pub gone: u64,
    /// Those of which nobody can say what they need.
    pub unreadable: Vec<Unreadable>,
}

/// A project whose needs are known.
#[derive(Debug)]
pub(super) struct User {
    /// Its folder, as text.
    pub project: String,
    /// What it needs.
    pub needs: Known,
}

/// A project of which nobody can say what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Its folder.
    pub project: String,
    /// What went wrong with it.
    pub reason: String,
}

impl Users {
    /// Reads the projects of a store. The environment is that of the user whose projects they are.
    pub fn read(store: &Store, env: &Env) -> Result<Users, Error> {
        let mut users = Users::default();
        for Root { project, needs, .. } in roots::read(store, env)? {
            let project = project.to_string_lossy().into_owned();
            match needs {
                Needs::Known(needs) => users.known.push(User { project, needs }),
                Needs::Gone => users.gone += 1,
                Needs::Unreadable(error) => users.unreadable.push(Unreadable { project, reason: error.message }),
            }
        }
        Ok(users)
    }
}

impl User {
    /// Returns the keys of everything that it needs; one may come twice.
    pub fn keys(&self) -> impl Iterator<Item = &PackageKey> {
        let locked = self.needs.locked.iter().map(|package| &package.key);
        locked.chain(self.needs.slots.iter().map(|slot| &slot.key))
    }
}
