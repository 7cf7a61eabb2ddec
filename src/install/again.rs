//! Fetching packages again whose files in the store are damaged: the way of an install into the store, without the rest.

use super::fetch;
use super::news::{Counters, Event, Listener};
use super::source::Sources;
use super::supply::Order;
use super::{Task, failure, load_settings};
use crate::error::Error;
use crate::package::integrity::Integrity;
use crate::package::name::PackageName;
use crate::pool::{self, Pool};
use crate::project::workspace::Workspace;
use crate::resolve::graph::Source;
use crate::store::{PackageKey, Store};
use std::path::Path;
use std::sync::Arc;

/// A package that is to be fetched again.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    /// What it is looked up by: it has to be the same afterwards.
    pub key: PackageKey,
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Where its bytes come from.
    pub source: Source,
}

/// Fetches packages as an install of `project` would, with the settings and credentials that apply there. Returns what
/// could not be had; the rest is in the store, and its objects are as they should be.
pub(crate) fn fetch_again(
    project: &Path,
    (task, store): (&Task, &Arc<Store>),
    packages: Vec<Again>,
    listener: &Listener,
) -> Result<Vec<(Again, Error)>, Error> {
    let workspace = Workspace::load(project).ok();
    let task = Task { dir: project.to_owned(), ..task.clone() };
    let settings = Arc::new(load_settings(&task, workspace.as_ref())?);
    let pool = Pool::new(pool::processors());
    let told = (Arc::new(Counters::default()), Arc::clone(listener));
    let sources = Arc::new(Sources::new(project.to_owned(), Arc::clone(store), settings, task.env.clone(), pool.spawner(), told));
    let (sender, receiver) = crossbeam_channel::unbounded();
    for package in packages {
        let sender = sender.clone();
        fetch::fetch(&sources, &pool.spawner(), order(&package), move |_, outcome| {
            // The receiver lives until every sender is gone.
            let _ = sender.send((package, outcome));
        });
    }
    drop(sender);
    let mut failed = Vec::new();
    for (package, outcome) in receiver {
        let committed = outcome.and_then(|fetched| {
            fetched.warnings.into_iter().for_each(|warning| listener(Event::Warning(warning)));
            store.commit(&[fetched.package]).map_err(failure::of_store)
        });
        failed.extend(committed.err().map(|error| (package, error)));
    }
    Ok(failed)
}

fn order(package: &Again) -> Order {
    Order {
        id: format!("{}@{}", package.name, package.version),
        name: package.name.clone(),
        version: package.version.clone(),
        source: package.source.clone(),
        integrity: Integrity::parse(package.key.as_str()),
        unpacked_size: 0,
    }
}
