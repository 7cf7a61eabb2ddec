//! Threads for work that keeps a processor busy: parsing, hashing, inflating, linking.
//!
//! Jobs wait in one queue and the most urgent runs first: what unlocks more work (a packument) before what only
//! finishes some (a tarball). Whoever drops a pool waits until its queue has run dry; the threads end by themselves.
//!
//! The few largest pieces of work have threads of their own, since they wait in the middle of it. They are the pool's
//! guests: it leaves a processor to each while it is at work. What takes longest would otherwise get the smallest share,
//! and be all that is left in the end.

mod alone;
mod apart;

pub use alone::side_by_side;

use crate::memory;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How urgent a job is; later ones in this list go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Finishes a part of the work: linking files.
    Link,
    /// Brings a package into the store.
    Import,
    /// Unlocks further work: a packument.
    Resolve,
}

/// From so many processors on it is worth finding out how much of them this process may use.
const MANY: usize = 3;

/// Returns how many threads keep the processors busy that this process may use.
pub fn processors() -> usize {
    // The limits of control groups stand in files, and to find and read those takes twenty system calls.
    #[cfg(target_os = "linux")]
    if let Ok(allowed) = rustix::thread::sched_getaffinity(None)
        && (1..MANY).contains(&(allowed.count() as usize))
    {
        return allowed.count() as usize;
    }
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Does one thing on a thread of its own while the other is done here.
pub fn beside<A: Send, B>(aside: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let from = apart::processor();
        let aside = scope.spawn(move || {
            apart::leave(from);
            aside()
        });
        std::thread::yield_now();
        let here = here();
        (aside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
    })
}

/// A number of threads that run jobs. Each is started when a job would have to wait for it: to start them all takes longer
/// than a small install that has nothing to fetch.
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    threads: usize,
    queue: Mutex<Queue>,
    /// There is a job, or there will be none any more.
    changed: Condvar,
    /// The queue has run dry after it was closed.
    dry: Condvar,
}

struct Queue {
    jobs: BinaryHeap<Job>,
    count: u64,
    /// How many threads there are.
    started: usize,
    /// How many threads run a job.
    busy: usize,
    /// How many threads that are not the pool's keep a processor busy.
    guests: usize,
    closed: bool,
}

impl Queue {
    fn is_dry(&self) -> bool {
        self.jobs.is_empty() && self.busy == 0
    }

    /// Takes the most urgent job, if it may run now: one that others wait for always may, and the rest where a processor
    /// is left for it.
    fn take(&mut self, threads: usize) -> Option<Job> {
        let is_urgent = self.jobs.peek()?.priority == Priority::Resolve;
        if is_urgent || self.busy + self.guests < threads { self.jobs.pop() } else { None }
    }
}

struct Job {
    priority: Priority,
    /// A second order among equals: larger first.
    weight: u64,
    /// Earlier jobs first among what is equal otherwise.
    number: u64,
    run: Box<dyn FnOnce() + Send>,
}

/// A handle that adds jobs to a pool; the pool may be gone by then, and the job with it.
#[derive(Clone)]
pub struct Spawner(Arc<Shared>);

impl Pool {
    /// Makes a pool of up to `threads` threads (at least one).
    pub fn new(threads: usize) -> Pool {
        let queue = Mutex::new(Queue { jobs: BinaryHeap::new(), count: 0, started: 0, busy: 0, guests: 0, closed: false });
        Pool { shared: Arc::new(Shared { threads: threads.max(1), queue, changed: Condvar::new(), dry: Condvar::new() }) }
    }

    /// Returns a handle that adds jobs.
    pub fn spawner(&self) -> Spawner {
        Spawner(Arc::clone(&self.shared))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        self.shared.changed.notify_all();
        // Nothing is at stake in how the threads end, and the process that waits for them is about to end itself.
        while queue.started > 0 && !queue.is_dry() {
            queue = self.shared.dry.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Spawner {
    /// Returns how many threads the pool was made with.
    pub fn threads(&self) -> usize {
        self.0.threads
    }

    /// Has the pool leave a processor to the calling thread, until the guest is dropped.
    pub fn guest(&self) -> Guest {
        self.0.lock().guests += 1;
        Guest(Arc::clone(&self.0))
    }

    /// Adds a job.
    pub fn spawn(&self, priority: Priority, run: impl FnOnce() + Send + 'static) {
        self.spawn_weighted(priority, 0, run);
    }

    /// Adds a job that goes before lighter ones of the same priority: what takes longest should not start last.
    pub fn spawn_weighted(&self, priority: Priority, weight: u64, run: impl FnOnce() + Send + 'static) {
        let mut queue = self.0.lock();
        if queue.closed && queue.is_dry() {
            return;
        }
        // Threads that were told of a job and have not woken up yet do not count for another one.
        let is_short = queue.jobs.len() >= queue.started - queue.busy;
        if is_short && queue.started < self.0.threads && start(&self.0, queue.started) {
            queue.started += 1;
        }
        if queue.started == 0 {
            // The system has no thread left. Better here than never.
            drop(queue);
            return run();
        }
        queue.count += 1;
        let job = Job { priority, weight, number: queue.count, run: Box::new(run) };
        queue.jobs.push(job);
        // A thread that is busy looks at the queue before it waits, and to wake nobody is a system call too.
        let is_awaited = queue.started > queue.busy;
        drop(queue);
        if is_awaited {
            self.0.changed.notify_one();
        }
    }
}

/// A thread outside of the pool that keeps a processor busy.
pub struct Guest(Arc<Shared>);

impl Guest {
    /// Waits for something, and lets the pool have the processor meanwhile.
    pub fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.0.leave();
        let answer = wait();
        self.0.lock().guests += 1;
        answer
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Shared {
    fn leave(&self) {
        let mut queue = self.lock();
        queue.guests -= 1;
        let is_awaited = !queue.jobs.is_empty() && queue.started > queue.busy;
        drop(queue);
        if is_awaited {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Jobs run outside of the lock, so a panic cannot leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the process when a job panics: whoever waits for the job's answer would wait for ever.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// What a thread takes at times in a large install, in bytes.
const HEAP_BYTES: usize = 16 << 20;

/// Starts a thread; says whether that worked.
fn start(shared: &Arc<Shared>, index: usize) -> bool {
    let shared = Arc::clone(shared);
    let work = move || {
        memory::reserve(HEAP_BYTES);
        run(&shared);
    };
    apart::start(format!("work-{index}"), work).is_ok()
}

fn run(shared: &Shared) {
    let _guard = AbortOnPanic;
    let mut queue = shared.lock();
    loop {
        if let Some(job) = queue.take(shared.threads) {
            queue.busy += 1;
            drop(queue);
            (job.run)();
            queue = shared.lock();
            queue.busy -= 1;
            if queue.closed && queue.is_dry() {
                shared.dry.notify_all();
                shared.changed.notify_all();
            }
        } else if queue.closed && queue.jobs.is_empty() {
            return;
        } else {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Job) -> std::cmp::Ordering {
        let key = |job: &Job| (job.priority, job.weight, std::cmp::Reverse(job.number));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Job) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Job {}

#[cfg(test)]
mod tests {
    use super::{Pool, Priority};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    #[test]
    fn threads_are_started_when_jobs_would_wait() {
        let pool = Pool::new(3);
        assert_eq!(pool.shared.lock().started, 0);
        let spawner = pool.spawner();
        let (send, receive) = mpsc::channel();
        // Each waits for all of them, so that they end only if all run at once.
        let all = Arc::new(std::sync::Barrier::new(3));
        for _ in 0..3 {
            let (all, send) = (Arc::clone(&all), send.clone());
            spawner.spawn(Priority::Link, move || {
                all.wait();
                send.send(()).expect("the test receives");
            });
        }
        assert_eq!(receive.iter().take(3).count(), 3);
        assert_eq!(pool.shared.lock().started, 3);
        drop(pool);
        spawner.spawn(Priority::Link, move || send.send(()).expect("nobody gets this far"));
        assert_eq!(receive.iter().count(), 0, "a pool that is gone runs nothing");
    }

    #[test]
    fn without_any_thread_jobs_run_where_they_are_added() {
        let mut pool = Pool::new(1);
        Arc::get_mut(&mut pool.shared).expect("nobody else has it").threads = 0;
        let (send, receive) = mpsc::channel();
        pool.spawner().spawn(Priority::Import, move || send.send(std::thread::current().id()).expect("the test receives"));
        assert_eq!(receive.try_recv(), Ok(std::thread::current().id()));
    }

    #[test]
    fn a_processor_is_left_to_a_guest_unless_something_is_urgent() {
        let pool = Pool::new(2);
        let spawner = pool.spawner();
        let (send, receive) = mpsc::channel();
        let add = |priority, name| {
            let send = send.clone();
            spawner.spawn(priority, move || send.send(name).expect("the test receives"));
        };
        let next = || receive.recv_timeout(Duration::from_secs(10));
        let guests = [spawner.guest(), spawner.guest()];
        add(Priority::Import, "import");
        add(Priority::Resolve, "resolve");
        assert_eq!(next(), Ok("resolve"));
        assert_eq!(receive.recv_timeout(Duration::from_millis(50)), Err(mpsc::RecvTimeoutError::Timeout));
        assert_eq!(guests[0].wait(next), Ok("import"));
        add(Priority::Link, "link");
        drop(guests);
        assert_eq!(next(), Ok("link"));
    }

    #[test]
    fn a_pool_is_not_gone_before_its_guests_have_let_its_jobs_run() {
        let pool = Pool::new(1);
        let guest = pool.spawner().guest();
        let (send, receive) = mpsc::channel();
        pool.spawner().spawn(Priority::Link, move || send.send(()).expect("the test receives"));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                drop(guest);
            });
            drop(pool);
        });
        assert_eq!(receive.try_recv(), Ok(()));
    }

    #[test]
    fn the_most_urgent_job_runs_first_and_all_have_run_when_the_pool_is_gone() {
        let (send, receive) = mpsc::channel();
        let (start, started) = mpsc::channel::<()>();
        let pool = Pool::new(1);
        let spawner = pool.spawner();
        let (begin, begun) = mpsc::channel::<()>();
        spawner.spawn(Priority::Link, move || {
            begin.send(()).expect("the test receives");
            started.recv().expect("the test sends");
        });
        begun.recv().expect("the job begins before there are more urgent ones");
        for (priority, weight, name) in [
            (Priority::Link, 0, "link"),
            (Priority::Import, 1, "light"),
            (Priority::Import, 9, "heavy"),
            (Priority::Resolve, 0, "first"),
            (Priority::Resolve, 0, "second"),
        ] {
            let send = send.clone();
            spawner.spawn_weighted(priority, weight, move || send.send(name).expect("the test receives"));
        }
        start.send(()).expect("the job waits");
        drop(pool);
        drop(send);
        assert_eq!(receive.iter().collect::<Vec<_>>(), ["first", "second", "heavy", "light", "link"]);
    }
}
