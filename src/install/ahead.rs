//! What will be needed soon, found out beside what has to be done first.
//!
//! It is only looked at: whatever comes of it is taken for what it was made from, or not at all, and who finds nothing
//! here does the work in its turn.

use crate::pool::{Priority, Spawner};
use crossbeam_channel::{Receiver, bounded};
use std::sync::{Mutex, PoisonError};

/// Something that is being found out. It can be taken once.
#[derive(Default)]
pub(super) struct Ahead<T>(Mutex<Option<Receiver<T>>>);

impl<T: Send + 'static> Ahead<T> {
    /// Nothing is found out ahead.
    pub fn nothing() -> Ahead<T> {
        Ahead(Mutex::new(None))
    }

    /// Begins on a thread of its own. Where none can be had there is nothing.
    pub fn on_thread(find: impl FnOnce() -> T + Send + 'static) -> Ahead<T> {
        let (sender, receiver) = bounded(1);
        // Cannot fail while the receiver lives, and nobody minds if it does not.
        let run = move || drop(sender.send(find()));
        Ahead(Mutex::new(std::thread::Builder::new().name("ahead".to_owned()).spawn(run).ok().map(|_| receiver)))
    }

    /// Begins on the pool.
    pub fn on_pool(spawner: &Spawner, find: impl FnOnce() -> T + Send + 'static) -> Ahead<T> {
        let (sender, receiver) = bounded(1);
        spawner.spawn(Priority::Resolve, move || drop(sender.send(find())));
        Ahead(Mutex::new(Some(receiver)))
    }

    /// Waits for what was found. Nothing when it was taken before, or never begun.
    pub fn take(&self) -> Option<T> {
        // Nothing panics under the lock.
        let receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        receiver.recv().ok()
    }
}
