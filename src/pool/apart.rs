//! Starting a thread where it does not wait for whoever starts it.
//!
//! A new thread may be put on the processor of the one that starts it, and stay there for a few milliseconds while the
//! others sleep. Linux does so on virtual machines: it takes a virtual processor that the host has put to sleep for one
//! that the host is using for something else. A warm install has few milliseconds in all.

use std::io;
use std::thread::Builder;

/// Starts a thread. It moves to another processor first, should it find itself on that of this one.
pub(super) fn start(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let from = processor();
    let begin = move || {
        leave(from);
        run();
    };
    Builder::new().name(name).spawn(begin)?;
    // Where the thread is to leave this processor, it needs it for a moment.
    std::thread::yield_now();
    Ok(())
}

/// Returns the number of the processor that this thread is on.
#[cfg(target_os = "linux")]
pub(super) fn processor() -> usize {
    rustix::thread::sched_getcpu()
}

/// Moves this thread to another processor if it is on the one with this number, and there is another one for it. It may be
/// moved on from there as before.
#[cfg(target_os = "linux")]
pub(super) fn leave(processor: usize) {
    use rustix::thread::{sched_getaffinity, sched_setaffinity};
    if processor != self::processor() {
        return;
    }
    let Ok(all) = sched_getaffinity(None) else { return };
    let mut others = all;
    others.unset(processor);
    if others.count() > 0 && sched_setaffinity(None, &others).is_ok() {
        // Was allowed before, and at worst it stays away from one processor.
        let _ = sched_setaffinity(None, &all);
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn processor() -> usize {
    0
}

#[cfg(not(target_os = "linux"))]
pub(super) fn leave(_processor: usize) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{leave, processor, start};
    use rustix::thread::sched_getaffinity;
    use std::sync::mpsc::channel;

    #[test]
    fn a_thread_leaves_a_processor_and_may_still_come_back() {
        let allowed = |set: rustix::thread::CpuSet| (0..1024).filter(|number| set.is_set(*number)).collect::<Vec<_>>();
        let all = allowed(sched_getaffinity(None).expect("a set"));
        let (send, receive) = channel();
        start("apart".to_owned(), move || {
            leave(processor());
            send.send(allowed(sched_getaffinity(None).expect("a set"))).expect("the test receives");
        })
        .expect("a thread");
        assert_eq!(receive.recv().expect("an answer"), all);
    }
}
