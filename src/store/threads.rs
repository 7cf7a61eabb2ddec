//! The same work on several threads at once.

/// Returns how many threads keep this machine busy.
pub(super) fn count() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Runs the same work on several threads, this one among them. Returns what it came to on each.
pub(super) fn on_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&work)).collect();
        let mut results = vec![work()];
        for other in others {
            match other.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}
