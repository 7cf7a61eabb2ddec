//! The client against a registry on the loopback: good answers, bad ones and none.

mod https;
mod packuments;
mod server;
mod tarballs;

use super::config::{Config, Freshness, Retry};
use super::{Age, Client, RegistryError};
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::pool::Pool;
use server::Server;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use url::Url;

/// Longer than any test should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client with its pool and its own cache.
struct Bench {
    config: Config,
    pool: Pool,
    _cache: TempDir,
}

impl Bench {
    fn new(registry: &Url) -> Bench {
        let cache = tempfile::tempdir().expect("a folder");
        let mut config = Config::new(registry.clone(), cache.path().to_owned());
        config.retry = Retry { count: 2, factor: 2, min: Duration::from_millis(5), max: Duration::from_millis(50) };
        config.timeout = Duration::from_secs(5);
        Bench { config, pool: Pool::new(2), _cache: cache }
    }

    fn client(&self) -> Client {
        Client::new(self.config.clone(), self.pool.spawner(), |_| {})
    }

    fn with(mut self, freshness: Freshness) -> Bench {
        self.config.freshness = freshness;
        self
    }

    /// Gets a packument with a client of its own, and waits until the cache is written.
    fn packument(&mut self, text: &str) -> Result<Arc<Packument>, RegistryError> {
        let (send, receive) = mpsc::channel();
        self.client().packuments(vec![name(text)], Age::Current, move |answers| {
            answers.into_iter().for_each(|(_, outcome)| send.send(outcome).expect("the test waits"));
        });
        let outcome = receive.recv_timeout(PATIENCE).expect("an outcome");
        assert!(receive.recv_timeout(PATIENCE).is_err(), "it is delivered once");
        // Dropping a pool waits for its jobs, writing the cache among them.
        self.pool = Pool::new(2);
        outcome
    }
}

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

fn versions(packument: &Packument) -> Vec<String> {
    (0..packument.len()).filter_map(|index| packument.version(index)).map(|version| version.to_string()).collect()
}

fn on_loopback(answer: impl Fn(&server::Asked) -> Vec<u8> + Send + Sync + 'static) -> (Server, Bench) {
    let server = Server::start(answer);
    let bench = Bench::new(&server.url);
    (server, bench)
}
