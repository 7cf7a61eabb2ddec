//! How many requests are under way at once, unless somebody has said so.
//!
//! With 64 under way, a registry 50 ms away answers 1,280 requests a second at most, however fast the line is, and twice
//! as many packages can be unpacked meanwhile. So there are more the farther away it is.
//!
//! The distance is told by how long connecting takes at least. The kernel at the other end answers that, and whatever does
//! TLS there, but not what looks for packages: a registry that is merely slow to find them is not asked for more at once.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower_layer::Layer;
use tower_service::Service;

/// The most requests in flight to a registry nearby, up to 16 ms away.
const NEAR: u64 = 64;
/// The most requests in flight at all.
const FAR: u64 = 256;
/// Of the files that a process may open, one in so many may be a connection; 64 may be in any case.
const SHARE_OF_FILES: u64 = 4;
/// How many more there are for each millisecond: enough for 4,000 a second, since not all take the shortest time.
const EACH_MILLISECOND: u64 = 4;

/// How far away the nearest registry is.
#[derive(Clone, Debug)]
pub(super) struct Distance {
    /// The shortest way there and back so far, in microseconds.
    shortest: Arc<AtomicU64>,
    /// The most requests in flight, as far as open files allow.
    most: u64,
}

impl Default for Distance {
    fn default() -> Distance {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Distance::with(files.unwrap_or(u64::MAX))
    }
}

impl Distance {
    /// How many requests may ever be in flight.
    pub(super) const MOST: usize = FAR as usize;

    fn with(files: u64) -> Distance {
        Distance { shortest: Arc::new(AtomicU64::new(u64::MAX)), most: (files / SHARE_OF_FILES).clamp(NEAR, FAR) }
    }

    /// Returns how many requests may be in flight.
    pub(super) fn concurrency(&self) -> usize {
        let wanted = match self.shortest.load(Ordering::Relaxed) {
            u64::MAX => NEAR,
            micros => (micros.saturating_mul(EACH_MILLISECOND) / 1000).clamp(NEAR, self.most),
        };
        wanted as usize
    }

    /// Takes the time of each connection that a client makes. To connect, one goes there and back `trips` times.
    pub(super) fn of_connections(&self, trips: u32) -> Timing {
        Timing { distance: self.clone(), trips }
    }

    /// Notes how long it took to go there and back `trips` times.
    pub(super) fn note(&self, connecting: Duration, trips: u32) {
        let micros = u64::try_from((connecting / trips.max(1)).as_micros()).unwrap_or(u64::MAX);
        self.shortest.fetch_min(micros, Ordering::Relaxed);
    }
}

/// Puts a [`Timed`] around what makes connections.
#[derive(Clone)]
pub(super) struct Timing {
    distance: Distance,
    trips: u32,
}

impl<S> Layer<S> for Timing {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, timing: self.clone() }
    }
}

/// Notes how long it takes when something connects.
#[derive(Clone)]
pub(super) struct Timed<S> {
    inner: S,
    timing: Timing,
}

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let started = Instant::now();
        let Timing { distance, trips } = self.timing.clone();
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            distance.note(started.elapsed(), trips);
            Ok(connection)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_requests_for_a_registry_far_away() {
        let distance = Distance::with(1024);
        assert_eq!(distance.concurrency(), 64, "nobody knows yet");
        for (milliseconds, trips, expected) in [(4000, 1, 256), (150, 2, 256), (50, 1, 200), (60, 2, 120), (30, 2, 64), (90, 1, 64)] {
            distance.note(Duration::from_millis(milliseconds), trips);
            assert_eq!(distance.concurrency(), expected, "{milliseconds} ms");
        }
        for (files, expected) in [(100, 64), (512, 128), (u64::MAX, 256)] {
            let distance = Distance::with(files);
            distance.note(Duration::from_secs(1), 1);
            assert_eq!(distance.concurrency(), expected, "{files} files");
        }
    }

    /// Connects after a while, or not at all.
    struct Slow(Duration);

    impl Service<bool> for Slow {
        type Response = &'static str;
        type Error = &'static str;
        type Future = Pin<Box<dyn Future<Output = Result<&'static str, &'static str>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, works: bool) -> Self::Future {
            let time = self.0;
            Box::pin(async move {
                if !works {
                    return Err("refused");
                }
                tokio::time::sleep(time).await;
                Ok("a connection")
            })
        }
    }

    #[test]
    fn connections_that_are_made_are_timed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("an event loop");
        let distance = Distance::with(1024);
        let mut slow = distance.of_connections(2).layer(Slow(Duration::from_millis(60)));
        assert_eq!(runtime.block_on(slow.call(false)), Err("refused"));
        assert_eq!(distance.concurrency(), 64, "a refusal says nothing");
        assert_eq!(runtime.block_on(slow.call(true)), Ok("a connection"));
        assert!((120..=256).contains(&distance.concurrency()), "30 ms there and back, or a little more");
    }
}
