//! What registries have now, for questions that install nothing.

use super::failure;
use super::news::{Counters, Listener};
use super::upstream::Upstream;
use crate::error::Error;
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::pool::{self, Pool};
use crate::project::env::Env;
use crate::project::settings::Settings;
use crate::registry::{Age, Answered, Client};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// How many packuments one job reads from the cache.
const BATCH: usize = 16;

/// Gets packuments as an install would, from the cache where the settings allow it, and all others at the same time.
/// Every name has an answer; `counters` hear how many there are and how many are here.
pub(crate) fn packuments(
    root: &Path,
    (settings, env): (&Settings, &Env),
    names: BTreeSet<PackageName>,
    (counters, listener): (&Arc<Counters>, &Listener),
) -> Result<BTreeMap<PackageName, Result<Arc<Packument>, Error>>, Error> {
    let mut found = BTreeMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let pool = Pool::new(pool::processors());
    let told = (Arc::clone(counters), Arc::clone(listener));
    let upstream = Upstream::new(root.to_owned(), Arc::new(settings.clone()), env.clone(), pool.spawner(), told);
    let client = upstream.client()?;
    Counters::add(&counters.chosen, names.len() as u64);
    for (name, answer) in ask(client, names) {
        Counters::add(&counters.fetched, 1);
        found.insert(name, answer.map_err(|error| failure::of_registry(&error)));
    }
    Ok(found)
}

/// Asks for packuments, all at the same time, and returns the answers as they come.
pub(super) fn ask(client: &Client, names: BTreeSet<PackageName>) -> impl Iterator<Item = Answered> + use<> {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let names: Vec<PackageName> = names.into_iter().collect();
    for names in names.chunks(BATCH) {
        let sender = sender.clone();
        client.packuments(names.to_vec(), Age::Current, move |answers| {
            // The receiver lives until every sender is gone.
            let _ = sender.send(answers);
        });
    }
    receiver.into_iter().flatten()
}
