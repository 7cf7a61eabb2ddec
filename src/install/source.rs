//! Where packages come from in one install: the store, the project's folder, and the registries.

use super::landing::Landings;
use super::news::{Counters, Listener};
use super::upstream::Upstream;
use crate::error::Error;
use crate::package::name::PackageName;
use crate::pool::Spawner;
use crate::project::env::Env;
use crate::project::settings::Settings;
use crate::registry::Client;
use crate::resolve::request::Registries;
use crate::store::Store;
use crate::timings::Timings;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that bytes and packuments are had from.
pub(super) struct Sources {
    /// The root of the project; local tarballs and folders are relative to it.
    pub root: PathBuf,
    /// The store.
    pub store: Arc<Store>,
    /// Where packages go from there, as far as that is known.
    pub landings: Landings,
    upstream: Upstream,
}

impl Sources {
    pub fn new(
        root: PathBuf,
        store: Arc<Store>,
        settings: Arc<Settings>,
        env: Env,
        spawner: Spawner,
        told: (Arc<Counters>, Listener),
    ) -> Sources {
        Sources { upstream: Upstream::new(root.clone(), settings, env, spawner, told), root, store, landings: Landings::default() }
    }

    /// Returns the registry client.
    pub fn client(&self) -> Result<&Client, Error> {
        self.upstream.client()
    }

    /// Returns the registries as resolution needs them.
    pub fn registries(&self) -> Result<Registries, Error> {
        self.upstream.registries()
    }

    /// Says whether a tarball would come without encryption though the registry of its package has it.
    pub fn loses_encryption(&self, name: &PackageName, tarball: &str) -> Result<bool, Error> {
        self.upstream.loses_encryption(name, tarball)
    }

    /// Closes connections that are not in use.
    pub fn close_idle(&self) {
        self.upstream.close_idle();
    }

    /// Returns where it is noted when things happen.
    pub fn timings(&self) -> &Timings {
        self.upstream.timings()
    }
}
