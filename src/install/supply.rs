//! Brings packages into the store: looks them up, fetches what is missing, and makes it known in batches.
//!
//! A [`Supply`] is asked for packages while resolution still runs, so most downloads are under way before the last
//! version is chosen. It lives on the thread that drives the install; the work is done on the pool, and what comes of it
//! returns as a [`Delivery`] on the install's channel. An imported package counts as ready only when the index has it:
//! imports that end close to each other share one transaction.

use super::failure;
use super::fetch::{self, Fetched};
use super::news::{Counters, Event, Listener};
use super::source::Sources;
use crate::error::Error;
use crate::lockfile;
use crate::memory;
use crate::package::integrity::Integrity;
use crate::package::name::PackageName;
use crate::pool::{Priority, Spawner};
use crate::resolve::graph::{Package, Resolution, Source};
use crate::resolve::request::Chosen;
use crate::store::{PackageKey, StoredPackage};
use crate::timings::Part;
use crossbeam_channel::Sender;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many packages one job looks up.
pub(super) const LOOKUP_BATCH: usize = 24;
/// So many packages do not wait for the index until nothing else is to be done.
const COMMIT_BATCH: usize = 128;

/// A package that is wanted in the store.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// The id of the package in the resolution.
    pub id: String,
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Where its bytes come from.
    pub source: Source,
    /// The hash of its tarball, if one is known.
    pub integrity: Option<Integrity>,
    /// The bytes that it unpacks to, 0 when unknown: what is large is fetched first.
    pub unpacked_size: u64,
}

impl Order {
    /// Orders a package of a finished resolution.
    pub fn of_package(package: &Package) -> Order {
        Order {
            id: package.id.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            source: package.source.clone(),
            integrity: package.integrity.clone(),
            unpacked_size: 0,
        }
    }

    /// Orders a package that resolution has just chosen.
    pub fn of_chosen(chosen: &Chosen<'_>) -> Order {
        Order { unpacked_size: chosen.unpacked_size, ..Order::of_package(chosen.package) }
    }

    fn key(&self) -> Option<PackageKey> {
        self.integrity.as_ref().map(PackageKey::of_integrity)
    }
}

/// What the store has under some keys.
type Answers = Vec<(PackageKey, Option<Arc<StoredPackage>>)>;

/// Imported packages, by the ids that they were ordered under.
type Batch = Vec<(String, Arc<StoredPackage>)>;

/// What the pool sends back.
pub(super) enum Delivery {
    /// What the store had of packages that were expected.
    Foreseen(Result<Answers, Error>),
    /// What the store had, and what it did not.
    LookedUp { found: Batch, missing: Vec<Order>, failure: Option<Error> },
    /// A package was fetched and imported, or could not be.
    Fetched { order: Order, outcome: Box<Result<Fetched, Error>> },
    /// Imported packages are in the index.
    Committed { batch: Batch, failure: Option<Error> },
}

/// A package that was looked up before anybody asked for it.
enum Foreseen {
    /// The answer is on its way, and these wait for it.
    Asked(Vec<Order>),
    /// The answer.
    Known(Option<Arc<StoredPackage>>),
}

/// Packages on their way into the store.
pub(super) struct Supply {
    sources: Arc<Sources>,
    spawner: Spawner,
    sender: Sender<super::Message>,
    counters: Arc<Counters>,
    listener: Listener,
    asked: FxHashSet<String>,
    foreseen: FxHashMap<PackageKey, Foreseen>,
    ready: FxHashMap<String, Arc<StoredPackage>>,
    failed: FxHashMap<String, Error>,
    /// Imported, and waiting for a transaction.
    waiting: Arc<Mutex<Batch>>,
    /// How many jobs are going to write what waits, and whether one of them is urgent.
    commits: usize,
    hurries: bool,
    /// Packages that came over the network, and their packed bytes.
    pub fetched: (u64, u64),
}

impl Supply {
    pub fn new(
        sources: Arc<Sources>,
        spawner: Spawner,
        sender: Sender<super::Message>,
        counters: Arc<Counters>,
        listener: Listener,
    ) -> Supply {
        Supply {
            sources,
            spawner,
            sender,
            counters,
            listener,
            asked: FxHashSet::default(),
            foreseen: FxHashMap::default(),
            ready: FxHashMap::default(),
            failed: FxHashMap::default(),
            waiting: Arc::default(),
            commits: 0,
            hurries: false,
            fetched: (0, 0),
        }
    }

    /// Asks for packages of a finished resolution; those that were asked for before are passed over.
    pub fn order_packages<'a>(&mut self, packages: impl IntoIterator<Item = &'a Package>) {
        let fresh: Vec<Order> = packages.into_iter().filter(|package| !self.asked.contains(&package.id)).map(Order::of_package).collect();
        self.order(fresh);
    }

    /// Looks packages up that will probably be asked for, going by the text of a lockfile that nobody has understood yet.
    /// One that is not asked for costs a look-up and nothing else.
    pub fn foresee(&mut self, text: &[u8]) {
        if self.sources.store.began_empty() {
            return;
        }
        let keys: Vec<PackageKey> = lockfile::glance(text).map(|hash| PackageKey::of_source(hash.to_owned())).collect();
        self.foreseen.extend(keys.iter().map(|key| (key.clone(), Foreseen::Asked(Vec::new()))));
        let share = keys.len().div_ceil(self.spawner.threads()).max(LOOKUP_BATCH);
        for keys in keys.chunks(share) {
            let (sources, sender, keys) = (Arc::clone(&self.sources), self.sender.clone(), keys.to_vec());
            self.spawner.spawn(Priority::Import, move || {
                for keys in keys.chunks(LOOKUP_BATCH) {
                    let found = sources.store.lookup(keys).map_err(failure::of_store);
                    let answers =
                        found.map(|found| keys.iter().cloned().zip(found.into_iter().map(|package| package.map(Arc::new))).collect());
                    // The receiver is gone only when the install has failed already.
                    let _ = sender.send(super::Message::Delivery(Delivery::Foreseen(answers)));
                }
            });
        }
    }

    /// Asks for packages; those that were asked for before are passed over.
    pub fn order(&mut self, orders: impl IntoIterator<Item = Order>) {
        let mut fresh = Vec::new();
        for order in orders {
            if self.asked.insert(order.id.clone())
                && let Some(order) = self.take_foreseen(order)
            {
                fresh.push(order);
            }
        }
        if self.sources.store.began_empty() {
            return fresh.into_iter().for_each(|order| self.fetch(order));
        }
        let mut fresh = fresh.into_iter().peekable();
        while fresh.peek().is_some() {
            let batch: Vec<Order> = fresh.by_ref().take(LOOKUP_BATCH).collect();
            let (sources, sender) = (Arc::clone(&self.sources), self.sender.clone());
            self.spawner.spawn(Priority::Import, move || {
                // The receiver is gone only when the install has failed already.
                let _ = sender.send(super::Message::Delivery(look_up(&sources, batch)));
            });
        }
    }

    /// Serves an order from what was foreseen; gives it back when its package was not.
    fn take_foreseen(&mut self, order: Order) -> Option<Order> {
        let Some(foreseen) = order.key().and_then(|key| self.foreseen.get_mut(&key)) else { return Some(order) };
        match foreseen {
            Foreseen::Asked(waiting) => waiting.push(order),
            Foreseen::Known(Some(package)) => {
                self.ready.insert(order.id, Arc::clone(package));
            }
            Foreseen::Known(None) => self.fetch(order),
        }
        None
    }

    /// Takes the answer for a package that was foreseen. Returns the ids under which it became ready.
    fn foreseen(&mut self, key: PackageKey, answer: Option<Arc<StoredPackage>>) -> Vec<String> {
        let Some(Foreseen::Asked(waiting)) = self.foreseen.insert(key, Foreseen::Known(answer.clone())) else { return Vec::new() };
        let Some(package) = answer else {
            waiting.into_iter().for_each(|order| self.fetch(order));
            return Vec::new();
        };
        self.arrived(waiting.into_iter().map(|order| (order.id, Arc::clone(&package))).collect())
    }

    /// Fetches a package again, whose files in the store are damaged.
    pub fn replace(&mut self, order: Order) {
        self.ready.remove(&order.id);
        self.fetch(order);
    }

    /// Takes a package whose files came while its name was still unknown.
    pub fn adopt(&mut self, known: &Package, package: Arc<StoredPackage>) {
        self.asked.insert(known.id.clone());
        self.commit(Some((known.id.clone(), package)));
    }

    /// Returns a package that is ready.
    pub fn ready(&self, id: &str) -> Option<&Arc<StoredPackage>> {
        self.ready.get(id)
    }

    /// Returns all packages that are ready.
    pub fn into_ready(self) -> FxHashMap<String, Arc<StoredPackage>> {
        self.ready
    }

    /// Looks at all packages that are ready.
    pub fn packages(&self) -> impl Iterator<Item = &StoredPackage> {
        self.ready.values().map(Arc::as_ref)
    }

    /// Returns why a package cannot be had.
    pub fn failure(&self, id: &str) -> Option<&Error> {
        self.failed.get(id)
    }

    /// Takes what the pool sent and returns the ids of packages that became ready or failed by it.
    pub fn take(&mut self, delivery: Delivery) -> Result<Vec<String>, Error> {
        match delivery {
            Delivery::Foreseen(answers) => Ok(answers?.into_iter().flat_map(|(key, answer)| self.foreseen(key, answer)).collect()),
            Delivery::LookedUp { failure: Some(failure), .. } | Delivery::Committed { failure: Some(failure), .. } => Err(failure),
            Delivery::LookedUp { found, missing, failure: None } => {
                missing.into_iter().for_each(|order| self.fetch(order));
                Ok(self.arrived(found))
            }
            Delivery::Committed { batch, failure: None } => {
                self.commits -= 1;
                self.hurries = false;
                self.commit(None);
                Ok(self.arrived(batch))
            }
            Delivery::Fetched { order, outcome } => {
                let fetched = match *outcome {
                    Ok(fetched) => fetched,
                    Err(error) => {
                        self.failed.insert(order.id.clone(), error);
                        return Ok(vec![order.id]);
                    }
                };
                Counters::add(&self.counters.fetched, 1);
                if matches!(order.source, Source::Registry { .. } | Source::Tarball { .. }) {
                    self.fetched.0 += 1;
                    self.fetched.1 += fetched.packed_bytes;
                }
                fetched.warnings.into_iter().for_each(|warning| (self.listener)(Event::Warning(warning)));
                self.commit(Some((order.id, fetched.package)));
                Ok(Vec::new())
            }
        }
    }

    /// Has things tidied up beside what is left to do, if much was fetched: memory, the index, and connections.
    pub fn settle(&self) {
        if self.fetched.0 >= COMMIT_BATCH as u64 {
            self.spawner.spawn(Priority::Link, memory::give_back);
            let sources = Arc::clone(&self.sources);
            self.spawner.spawn(Priority::Link, move || {
                // What fails here is done when the store is closed.
                drop(sources.store.settle());
                sources.close_idle();
            });
        }
    }

    /// Writes the hashes of tarballs down that nobody gave one for. Returns whether there were any.
    pub fn fill_integrities(&self, resolution: &mut Resolution) -> bool {
        let mut learnt = false;
        let unknown = |package: &&mut Package| package.integrity.is_none() && !matches!(package.source, Source::Folder { .. });
        for package in resolution.packages.iter_mut().filter(unknown) {
            let stored = self.ready.get(&package.id);
            package.integrity = stored.and_then(|stored| Integrity::parse(stored.key.as_str()));
            learnt |= package.integrity.is_some();
        }
        learnt
    }

    fn arrived(&mut self, batch: Batch) -> Vec<String> {
        batch
            .into_iter()
            .map(|(id, package)| {
                self.ready.insert(id.clone(), package);
                id
            })
            .collect()
    }

    fn fetch(&mut self, order: Order) {
        Counters::add(&self.counters.to_fetch, 1);
        let sender = self.sender.clone();
        fetch::fetch(&self.sources, &self.spawner, order, move |order, outcome| {
            let _ = sender.send(super::Message::Delivery(Delivery::Fetched { order, outcome: Box::new(outcome) }));
        });
    }

    /// Has a package, and all that wait like it, written to the index. That is done when nothing more urgent is, which is
    /// what gathers a batch. Where many have gathered it is done at once: at the end there would be nothing else to do
    /// beside it, and an install that is killed before would have fetched them in vain.
    fn commit(&mut self, package: Option<(String, Arc<StoredPackage>)>) {
        let count = {
            let mut waiting = lock(&self.waiting);
            waiting.extend(package);
            waiting.len()
        };
        let hurries = count >= COMMIT_BATCH && !self.hurries;
        if count == 0 || (self.commits > 0 && !hurries) {
            return;
        }
        self.commits += 1;
        self.hurries |= hurries;
        let (sources, sender, waiting) = (Arc::clone(&self.sources), self.sender.clone(), Arc::clone(&self.waiting));
        self.spawner.spawn(if hurries { Priority::Resolve } else { Priority::Link }, move || {
            let batch = std::mem::take(&mut *lock(&waiting));
            let packages: Vec<Arc<StoredPackage>> = batch.iter().map(|(_, package)| Arc::clone(package)).collect();
            let step = sources.timings().step(Part::Import, "writing of the index");
            // Another job may have taken everything.
            let failure = if packages.is_empty() { None } else { sources.store.commit(&packages).err().map(failure::of_store) };
            drop(step);
            let _ = sender.send(super::Message::Delivery(Delivery::Committed { batch, failure }));
        });
    }
}

fn lock(waiting: &Mutex<Batch>) -> MutexGuard<'_, Batch> {
    // Nothing that can panic happens under the lock.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look_up(sources: &Sources, orders: Vec<Order>) -> Delivery {
    let (with_key, mut missing): (Vec<Order>, Vec<Order>) = orders.into_iter().partition(|order| order.key().is_some());
    let keys: Vec<PackageKey> = with_key.iter().filter_map(Order::key).collect();
    match sources.store.lookup(&keys) {
        Err(error) => Delivery::LookedUp { found: Vec::new(), missing: Vec::new(), failure: Some(failure::of_store(error)) },
        Ok(answers) => {
            let mut found = Vec::with_capacity(answers.len());
            for (order, answer) in with_key.into_iter().zip(answers) {
                match answer {
                    Some(package) => found.push((order.id, Arc::new(package))),
                    None => missing.push(order),
                }
            }
            Delivery::LookedUp { found, missing, failure: None }
        }
    }
}
