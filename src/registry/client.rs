//! What the rest of deka sees of registries: ask for a packument or a tarball, and be called back.

use super::address;
use super::blank::Blank;
use super::cache;
use super::config::{Config, Freshness};
use super::download::{self, Arrival, LastChance};
use super::error::RegistryError;
use super::event::Event;
use super::ledger::Ledger;
use super::network::{Network, Request, Task};
use super::packuments::{self, Age, Answered};
use super::queue::Class;
use super::tarball::{Check, Limits, Sink, TarballError, Unpacked, unpack_bytes, unpack_stream};
use crate::package::integrity::Integrity;
use crate::package::name::PackageName;
use crate::pool::{Priority, Spawner};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use url::Url;

/// Talks to registries. Cheap to clone; nothing is started and no certificate is read before it is needed. A request
/// that was made is finished also when the client is dropped, as long as its pool lives.
#[derive(Clone)]
pub struct Client {
    network: Arc<Network>,
    /// The cache folder of each registry.
    folders: Arc<FxHashMap<Url, PathBuf>>,
    /// Registries that nothing is cached of.
    blank: Arc<Blank>,
}

/// A tarball that is wanted.
#[derive(Clone, Debug)]
pub struct TarballRequest {
    /// The package.
    pub name: PackageName,
    /// Its version; a text, since a tarball of some other place may have none that is valid.
    pub version: String,
    /// Where it is; when that is not said, where the package's registry keeps it.
    pub url: Option<String>,
    /// The hash that its bytes must have, if one is known.
    pub integrity: Option<Integrity>,
    /// The bytes that it is expected to unpack to, 0 when unknown: what is large goes first.
    pub weight_hint: u64,
}

impl Client {
    /// Makes a client whose answers are worked on by `pool`. It tells `events` what happens on the network.
    pub fn new(config: Config, pool: Spawner, events: impl Fn(Event<'_>) + Send + Sync + 'static) -> Client {
        let registries = std::iter::once(&config.default).chain(config.scopes.values());
        let folders: FxHashMap<_, _> = registries.map(|registry| (registry.clone(), cache::folder(&config, registry))).collect();
        let blank = Arc::new(Blank::among(folders.iter().map(|(registry, folder)| (registry, folder.as_path()))));
        Client { network: Arc::new(Network::new(config, pool, Box::new(events))), folders: Arc::new(folders), blank }
    }

    /// Gets packuments, from the cache or the network. `deliver` is called on the pool with [`Priority::Resolve`], once
    /// with all that are cached and once for each of the others. One job reads them all, so a few at a time are best.
    pub fn packuments(&self, names: Vec<PackageName>, age: Age, deliver: impl Fn(Vec<Answered>) + Send + Sync + 'static) {
        let deliver: packuments::Deliver = Arc::new(deliver);
        let may_ask = self.network.config.freshness != Freshness::Offline;
        let is_blank = |name: &PackageName| may_ask && self.blank.has_nothing_of(self.registry(name), name);
        let (unknown, names): (Vec<_>, Vec<_>) = names.into_iter().partition(is_blank);
        for name in unknown {
            let file = self.file(&name);
            packuments::ask(&self.network, name, file, None, Arc::clone(&deliver));
        }
        if names.is_empty() {
            return;
        }
        let client = self.clone();
        self.network.pool.spawn(Priority::Resolve, move || {
            let place = |name: PackageName| {
                let file = client.file(&name);
                (name, file)
            };
            packuments::get(&client.network, names.into_iter().map(place).collect(), age, &deliver);
        });
    }

    /// Returns which files of the cache hold the packuments that this client has answered with. Nothing unless there is
    /// one for each of these packages: what is not to be cached, was not found, or is still being written has none.
    pub fn ledger(&self, names: &[PackageName]) -> Option<Ledger> {
        Ledger::of(names, &self.network.noted())
    }

    /// Says whether this client would answer with the packuments of a ledger, without asking anybody.
    pub fn would_answer(&self, ledger: &Ledger) -> bool {
        let is_usable = match self.network.config.freshness {
            Freshness::Online => ledger.is_fresh(cache::now()),
            Freshness::Revalidate => false,
            Freshness::PreferOffline | Freshness::Offline => true,
        };
        is_usable && ledger.is_current(|name| self.folder(name))
    }

    fn file(&self, name: &PackageName) -> PathBuf {
        cache::file(&self.folder(name), name)
    }

    /// Returns the folder that caches a packument.
    fn folder(&self, name: &PackageName) -> Cow<'_, Path> {
        let registry = address::registry(&self.network.config, name);
        let known = self.folders.get(registry).map(|folder| Cow::Borrowed(folder.as_path()));
        known.unwrap_or_else(|| Cow::Owned(cache::folder(&self.network.config, registry)))
    }

    /// Downloads, checks and unpacks a tarball into a sink of `make_sink`; the sink is handed over only when all its
    /// bytes are right. When they were damaged on their way, they are fetched once more into a new sink. `deliver` is
    /// called once, on the pool with [`Priority::Import`] or, for a large tarball, on a thread of its own.
    pub fn tarball<S: Sink + 'static>(
        &self,
        request: TarballRequest,
        mut make_sink: impl FnMut(Check) -> S + Send + 'static,
        deliver: impl FnOnce(Result<(S, Unpacked), RegistryError>) + Send + 'static,
    ) {
        let subject = format!("{}@{}", request.name, request.version);
        let url = match self.address_of(&request, &subject) {
            Ok(url) => url,
            Err(error) => return self.network.pool.spawn(Priority::Import, move || deliver(Err(error))),
        };
        let (what, place, expected) = (subject.clone(), address::shown(&url), request.integrity);
        let limits = Limits::default();
        let together = Arc::clone(&self.network.together);
        let mut deliver = Some(deliver);
        let import = move |arrival: Arrival<'_>, last: LastChance| {
            let mut sink = None;
            let outcome = match arrival {
                Arrival::Failed(error) => Err(error),
                Arrival::Whole(body, sha512) => {
                    Ok(unpack_bytes(body, sha512, expected.as_ref(), &limits, sink.insert(make_sink(Check::First))))
                }
                Arrival::Stream(reader) => {
                    Ok(unpack_stream(reader, expected.as_ref(), &together, &limits, sink.insert(make_sink(Check::Last))))
                }
            };
            let outcome = match outcome {
                Ok(Err(damage @ TarballError::Read(_))) => return Some(damage),
                Ok(Err(damage)) if !last.0 && damage.is_damage() => return Some(damage),
                Ok(Err(source)) => Err(RegistryError::Tarball { subject: what.clone(), url: place.clone(), source }),
                Ok(Ok(unpacked)) => Ok(unpacked),
                Err(error) => Err(error),
            };
            if let Some(deliver) = deliver.take() {
                match (outcome, sink) {
                    (Ok(unpacked), Some(sink)) => deliver(Ok((sink, unpacked))),
                    (Err(error), _) => deliver(Err(error)),
                    (Ok(_), None) => {}
                }
            }
            None
        };
        let class = Class::of_tarball(request.weight_hint);
        let task = download::Task { import: Box::new(import), weight: request.weight_hint, refetched: false };
        let task = Task::Tarball(task);
        self.network.push(Request { subject, url, class, attempts: 0, started: Instant::now(), task });
    }

    /// Closes connections that are not in use, when nothing more will be asked, which takes some time for each. What is
    /// asked all the same comes over new ones.
    pub fn close_idle(&self) {
        self.network.transport.close_idle();
    }

    /// Returns where the registry of a package keeps the tarball of a version.
    pub fn tarball_url(&self, name: &PackageName, version: &str) -> Url {
        address::tarball(&self.network.config, name, version)
    }

    /// Returns the registry of a package.
    pub fn registry(&self, name: &PackageName) -> &Url {
        address::registry(&self.network.config, name)
    }

    fn address_of(&self, request: &TarballRequest, subject: &str) -> Result<Url, RegistryError> {
        let subject = || subject.to_owned();
        if self.network.config.freshness == Freshness::Offline {
            return Err(RegistryError::Offline { subject: subject() });
        }
        let Some(text) = &request.url else {
            return Ok(self.tarball_url(&request.name, &request.version));
        };
        let Ok(mut url) = Url::parse(text) else {
            let text = text.split(['?', '#', '@']).next().unwrap_or_default().escape_debug().to_string();
            return Err(RegistryError::Address { subject: subject(), url: text, reason: "it is not an address" });
        };
        // Some registries behind a proxy do not know that they are reached by https.
        let registry = self.registry(&request.name);
        let is_same_host = registry.host() == url.host() && registry.port().is_none() && url.port().is_none();
        if url.scheme() == "http" && registry.scheme() == "https" && is_same_host {
            // Cannot fail between these two schemes.
            let _ = url.set_scheme("https");
        }
        Ok(url)
    }
}
