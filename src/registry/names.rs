//! Addresses of hosts, looked up once for all connections.
//!
//! An install opens dozens of connections to one host within a few milliseconds. When each of them asks for itself, small
//! resolvers drop what they cannot answer at once, and the system asks again only after five seconds: most connections
//! would come when everything is fetched.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustc_hash::FxHashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long addresses are kept. A host that moves during a long install is found again; most installs ask once.
const KEPT: Duration = Duration::from_secs(60);

/// The addresses of a host, or why there are none.
type Answer = Result<Arc<[SocketAddr]>, Arc<str>>;
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Looks names up. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub(super) struct Names(Arc<Known>);

struct Known {
    hosts: Mutex<FxHashMap<String, Arc<Host>>>,
    look_up: Box<dyn Fn(String) -> Answering + Send + Sync>,
}

/// The last answer for one host and when it came. Who wants to ask holds the lock.
type Host = tokio::sync::Mutex<Option<(Instant, Answer)>>;

impl Default for Names {
    fn default() -> Names {
        Names::new(|name| Box::pin(ask_the_system(name)))
    }
}

async fn ask_the_system(name: String) -> Answer {
    match tokio::net::lookup_host((name, 0)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(error.to_string().into()),
    }
}

impl Names {
    fn new(look_up: impl Fn(String) -> Answering + Send + Sync + 'static) -> Names {
        Names(Arc::new(Known { hosts: Mutex::default(), look_up: Box::new(look_up) }))
    }

    async fn addresses(self, name: String) -> Answer {
        let since = Instant::now();
        let host = {
            let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(hosts.entry(name.clone()).or_default())
        };
        let mut last = host.lock().await;
        match &*last {
            Some((came, Ok(addresses))) if came.elapsed() < KEPT => return Ok(Arc::clone(addresses)),
            // A failure is for those who waited for it; whoever comes later asks again.
            Some((came, Err(reason))) if *came >= since => return Err(Arc::clone(reason)),
            _ => {}
        }
        let answer = (self.0.look_up)(name).await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.clone().addresses(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = addresses.await.map_err(|reason| reason.to_string())?;
            let all: Vec<SocketAddr> = addresses.to_vec();
            Ok(Box::new(all.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Names};
    use reqwest::dns::Resolve;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// Names that take their time, of which those in `.invalid` are not known; and how often they were asked for.
    fn slow() -> (Names, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let names = Names::new(move |name| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let known: Answer = Ok([SocketAddr::from(([127, 0, 0, 1], 0))].into());
                if name.ends_with(".invalid") { Err(format!("no such name, {number}").into()) } else { known }
            })
        });
        (names, asked)
    }

    /// Asks for a name many times at once; returns the addresses or the reason that each was told.
    fn ask(names: &Names, name: &str, times: usize) -> Vec<Result<Vec<SocketAddr>, String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let asked: Vec<_> = (0..times).map(|_| tokio::spawn(names.resolve(name.parse().expect("a name")))).collect();
            let mut answers = Vec::new();
            for answer in asked {
                answers.push(answer.await.expect("no panic").map(Iterator::collect).map_err(|error| error.to_string()));
            }
            answers
        })
    }

    #[test]
    fn a_name_is_looked_up_once_for_all_who_want_it() {
        let (names, asked) = slow();
        let here = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        assert_eq!(ask(&names, "registry.example", 64), vec![Ok(here.clone()); 64]);
        assert_eq!(ask(&names, "registry.example", 2), vec![Ok(here.clone()); 2]);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(ask(&names, "other.example", 1), vec![Ok(here)]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_failure_is_told_to_all_who_waited_and_not_kept() {
        let (names, asked) = slow();
        assert_eq!(ask(&names, "registry.invalid", 64), vec![Err("no such name, 0".to_owned()); 64]);
        assert_eq!(ask(&names, "registry.invalid", 1), vec![Err("no such name, 1".to_owned())]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_system_knows_the_loopback() {
        let found = ask(&Names::default(), "localhost", 3);
        assert!(
            found.iter().all(|found| found.as_ref().is_ok_and(|all| all.iter().any(|address| address.ip().is_loopback()))),
            "{found:?}"
        );
    }
}
