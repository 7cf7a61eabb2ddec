//! Connections that wait for their next question.

use super::connection::Connection;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a connection is kept. What stands between may have forgotten it after some minutes, without a word.
const KEPT: Duration = Duration::from_secs(60);

/// Connections by where they lead: an address up to its path. The last one in is the first one out, so that those that
/// are not needed any more grow old.
#[derive(Default)]
pub(super) struct Idle(Mutex<FxHashMap<Arc<str>, Vec<Waiting>>>);

struct Waiting {
    connection: Connection,
    since: Instant,
}

impl Idle {
    /// Takes a connection to this place. The server may have closed it meanwhile.
    pub(super) fn take(&self, place: &str) -> Option<Connection> {
        let mut places = self.lock();
        let waiting = places.get_mut(place)?;
        let last = waiting.pop()?;
        if last.since.elapsed() < KEPT {
            return Some(last.connection);
        }
        // The others have waited longer.
        waiting.clear();
        None
    }

    /// Keeps a connection on which everything was answered and read.
    pub(super) fn put(&self, connection: Connection) {
        let place = Arc::clone(connection.place());
        self.lock().entry(place).or_default().push(Waiting { connection, since: Instant::now() });
    }

    /// Closes all connections that wait.
    pub(super) fn clear(&self) {
        let places = std::mem::take(&mut *self.lock());
        // Others can go on while they are closed.
        drop(places);
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<Arc<str>, Vec<Waiting>>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
