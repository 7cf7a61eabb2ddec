//! One pass over all packages of a store, on all threads.

use crate::store::{Listed, PackageKey, Store, StoreError, StoredPackage};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many packages a thread takes at once: enough for the index to be asked rarely, few enough that little waits in memory.
const BATCH: usize = 32;

/// Looks all packages up. Each is reduced on the thread that read it, so that a whole package is never kept, and what came
/// of it is taken one at a time, with the number of the package in the list, in no certain order. A package that went
/// meanwhile, or whose row cannot be read, is passed over.
pub(super) fn scan<T>(
    store: &Store,
    packages: &[Listed],
    reduce: impl Fn(StoredPackage) -> T + Sync,
    take: impl FnMut(usize, T) + Send,
) -> Result<(), StoreError> {
    let (next, take) = (AtomicUsize::new(0), Mutex::new(take));
    let work = || -> Result<(), StoreError> {
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(rest) = packages.get(start..).filter(|rest| !rest.is_empty()) else { return Ok(()) };
            let keys: Vec<PackageKey> = rest.iter().take(BATCH).map(|package| package.key.clone()).collect();
            let found = store.lookup(&keys)?;
            let reduced: Vec<Option<T>> = found.into_iter().map(|package| package.map(&reduce)).collect();
            let mut take = take.lock().unwrap_or_else(PoisonError::into_inner);
            for (index, value) in reduced.into_iter().enumerate() {
                value.into_iter().for_each(|value| take(start + index, value));
            }
        }
    };
    let helpers = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    std::thread::scope(|scope| {
        // Where no thread can be had, this one does it all.
        let start = |_| std::thread::Builder::new().name("scan".to_owned()).spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (0..helpers).filter_map(start).collect();
        let mut ended = work();
        for helper in helpers {
            ended = ended.and(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        ended
    })
}
