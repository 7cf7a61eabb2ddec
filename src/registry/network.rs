//! The network thread: it sends what the queue lets go, and hands what comes back to the pool.
//!
//! One thread with an event loop serves all connections. It never parses, hashes or inflates; a body goes to the pool as
//! it came. The thread starts with the first request, and ends when the client and all requests are gone.

use super::arrived::Arrived;
use super::config::Config;
use super::download;
use super::error::RegistryError;
use super::event::Event;
use super::ledger::Entry;
use super::queue::{Class, Held, Queue};
use super::retry::{self, Health};
use super::transport::{Failure, Transport};
use super::{address, packuments};
use crate::memory;
use crate::package::integrity::Together;
use crate::package::name::PackageName;
use crate::pool::Spawner;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use url::Url;

/// What the bodies of a large install take at times, in bytes; they are allocated by the network thread.
const HEAP_BYTES: usize = 48 << 20;

/// All that is shared between requests.
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) transport: Transport,
    pub(super) pool: Spawner,
    pub(super) events: Box<dyn Fn(Event<'_>) + Send + Sync>,
    /// Tarballs that are here at the same time are hashed side by side.
    pub(super) together: Arc<Together>,
    pub(super) arrived: Arrived,
    /// The cached files that answers came from or went to.
    noted: Mutex<FxHashMap<PackageName, Entry>>,
    state: Mutex<State>,
    runtime: OnceLock<Result<Runtime, String>>,
}

struct State {
    queue: Queue<Request>,
    health: Health,
}

/// A handle on the event loop; the loop ends when the sender is dropped.
struct Runtime {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

/// One thing to fetch.
pub(super) struct Request {
    /// The package, with its version for a tarball.
    pub(super) subject: String,
    pub(super) url: Url,
    pub(super) class: Class,
    /// How often it was tried.
    pub(super) attempts: u32,
    pub(super) started: Instant,
    pub(super) task: Task,
}

/// What to do with the answer.
pub(super) enum Task {
    Packument(packuments::Task),
    Tarball(download::Task),
}

impl Network {
    pub(super) fn new(config: Config, pool: Spawner, events: Box<dyn Fn(Event<'_>) + Send + Sync>) -> Network {
        let state = State { queue: Queue::new(), health: Health::default() };
        let (noted, state) = (Mutex::default(), Mutex::new(state));
        Network {
            config,
            transport: Transport::default(),
            pool,
            events,
            together: Arc::default(),
            arrived: Arrived::default(),
            noted,
            state,
            runtime: OnceLock::new(),
        }
    }

    /// Notes which files of the cache answers came from, or went to.
    pub(super) fn note(&self, entries: impl IntoIterator<Item = (PackageName, Entry)>) {
        self.noted().extend(entries);
    }

    /// Returns what was noted so far.
    pub(super) fn noted(&self) -> MutexGuard<'_, FxHashMap<PackageName, Entry>> {
        // Nothing panics under the lock.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request and sends what may be sent.
    pub(super) fn push(self: &Arc<Network>, request: Request) {
        self.lock().queue.push(request.class, request);
        self.pump();
    }

    fn pump(self: &Arc<Network>) {
        loop {
            let concurrency = self.config.concurrency.unwrap_or_else(|| self.transport.distance.concurrency());
            let next = self.lock().queue.pop(concurrency);
            let Some((request, held)) = next else { return };
            let slot = Slot { network: Arc::clone(self), held };
            match self.runtime.get_or_init(start) {
                Ok(runtime) => drop(runtime.handle.spawn(run(request, slot))),
                Err(reason) => {
                    drop(slot);
                    self.fail(request, RegistryError::Setup { reason: reason.clone() });
                }
            }
        }
    }

    /// Notes that an origin answered.
    pub(super) fn answered(&self, url: &Url) {
        let health = &mut self.lock().health;
        if !health.is_good() {
            health.answered(&address::origin(url));
        }
    }

    /// Returns which origin an address has and what it ended with, if it is down.
    fn down(&self, url: &Url) -> Option<(String, String)> {
        let health = &self.lock().health;
        if health.is_good() {
            return None;
        }
        let origin = address::origin(url);
        let cause = health.down(&origin)?.to_owned();
        Some((origin, cause))
    }

    /// Decides what becomes of a request that failed.
    pub(super) fn failed(self: &Arc<Network>, mut request: Request, failure: Failure) {
        let (cause, asked) = match failure {
            Failure::Final(error) => {
                self.answered(&request.url);
                return self.fail(request, error);
            }
            Failure::Passing { cause, wait } => (cause, wait),
        };
        request.attempts += 1;
        let last = request.attempts > self.config.retry.count;
        let origin = address::origin(&request.url);
        let is_down = {
            let mut state = self.lock();
            state.health.failed(&origin, &cause, last);
            state.health.down(&origin).is_some()
        };
        if last || is_down {
            let (subject, url) = (request.subject.clone(), address::shown(&request.url));
            let error = RegistryError::Unreachable { subject, url, attempts: request.attempts, cause };
            return self.fail(request, error);
        }
        let wait = asked.unwrap_or_else(|| retry::wait(&self.config.retry, request.attempts));
        if retry::is_too_long(&self.config.retry, wait) {
            let error = RegistryError::Throttled { subject: request.subject.clone(), url: address::shown(&request.url), wait };
            return self.fail(request, error);
        }
        (self.events)(Event::Retry { subject: &request.subject, cause: &cause, wait });
        self.push_later(request, wait);
    }

    /// The request holds nothing while it waits.
    fn push_later(self: &Arc<Network>, request: Request, wait: Duration) {
        let network = Arc::clone(self);
        if let Some(Ok(runtime)) = self.runtime.get() {
            runtime.handle.spawn(async move {
                tokio::time::sleep(wait).await;
                network.push(request);
            });
        }
    }

    fn fail(&self, request: Request, error: RegistryError) {
        (self.events)(Event::Ended { subject: &request.subject, elapsed: request.started.elapsed(), bytes: 0, failed: true });
        match request.task {
            Task::Packument(task) => task.fail(self, error),
            Task::Tarball(task) => task.fail(self, error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request holds while it is under way; given back when it is dropped.
pub(super) struct Slot {
    network: Arc<Network>,
    held: Held,
}

impl Slot {
    pub(super) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Says whether the body may be unpacked while it arrives.
    pub(super) fn has_stream(&self) -> bool {
        self.held.stream
    }

    /// Corrects the bytes that are held once they are known.
    pub(super) fn reserve(&mut self, bytes: u64) {
        self.network.lock().queue.reserve(&mut self.held, bytes);
    }

    /// Makes room for other requests; what is held in memory, and the stream, stay held.
    pub(super) fn body_is_here(&mut self) {
        let request = std::mem::take(&mut self.held.request);
        self.network.lock().queue.give_back(Held { request, stream: false, bytes: 0 });
        self.network.pump();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.network.lock().queue.give_back(std::mem::take(&mut self.held));
        self.network.pump();
    }
}

async fn run(request: Request, slot: Slot) {
    let network = Arc::clone(slot.network());
    if let Some((origin, cause)) = network.down(&request.url) {
        drop(slot);
        let subject = request.subject.clone();
        return network.fail(request, RegistryError::Down { subject, origin, cause });
    }
    (network.events)(Event::Started { subject: &request.subject, attempt: request.attempts });
    match &request.task {
        Task::Packument(_) => packuments::fetch(request, slot).await,
        Task::Tarball(_) => download::fetch(request, slot).await,
    }
}

fn start() -> Result<Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let body = move || {
        memory::reserve(HEAP_BYTES);
        // The sender is never used, only dropped.
        let _ = runtime.block_on(stopped);
        runtime.shutdown_background();
    };
    std::thread::Builder::new().name("network".to_owned()).spawn(body).map_err(|error| error.to_string())?;
    Ok(Runtime { handle, _stop: stop })
}
