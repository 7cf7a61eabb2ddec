//! Threads that open files for themselves alone.
//!
//! The threads of a process share one table of open files, and pay for that: each use of an open file is counted, each file
//! that is opened takes a lock, and when the table grows the kernel waits until all of them have taken note. Threads that do
//! nothing but open, make and link files, and show none of them to each other, can do without.

use super::apart;
use std::thread::Builder;

/// Does the same work on so many threads at once, and waits for them; here, where no thread can be had. Each has a table of
/// open files of its own, if the system lets it, and is told whether it has. What is open when this is called can be used by
/// all. What one of them opens it must close again, and must not hand to others.
pub fn side_by_side(threads: usize, work: impl Fn(bool) + Sync) {
    let started = std::thread::scope(|scope| {
        let (from, work) = (apart::processor(), &work);
        let start = |index: &usize| {
            // This thread only waits, so that the last one may have its processor.
            let leaves = index + 1 < threads;
            let begin = move || {
                if leaves {
                    apart::leave(from);
                }
                work(own_table());
            };
            let started = Builder::new().name(format!("alone-{index}")).spawn_scoped(scope, begin).is_ok();
            std::thread::yield_now();
            started
        };
        (0..threads).filter(start).count()
    });
    if started == 0 {
        work(false);
    }
}

/// Gives this thread a table of open files of its own, with all that is open now. Says whether it has one; other systems
/// have no such thing, and containers may forbid it.
#[cfg(target_os = "linux")]
fn own_table() -> bool {
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    // SAFETY: what is open now stays open under its number in both tables, and what this thread opens from now on it shows
    // to nobody, nor does it get to see what others open: `side_by_side` asks that of its callers.
    unsafe { unshare_unsafe(UnshareFlags::FILES) }.is_ok()
}

#[cfg(not(target_os = "linux"))]
fn own_table() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::side_by_side;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, Mutex};

    #[test]
    fn what_was_open_can_be_used_and_what_a_thread_opens_is_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "content").expect("a file");
        let before = File::open(&path).expect("a file");
        let (meeting, links) = (Barrier::new(3), Mutex::new(Vec::new()));
        side_by_side(3, |is_alone| {
            let mut text = String::new();
            (&before).read_to_string(&mut text).expect("it is open");
            let own = folder.path().join(format!("{:?}", std::thread::current().id()));
            let file = File::create(&own).expect("a file");
            // All are open at the same time, so that the first one's table would have them all if it were shared.
            meeting.wait();
            // This is the table of the process's first thread.
            let seen = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).is_ok_and(|link| link == own);
            links.lock().expect("no panic").push((is_alone, seen));
            meeting.wait();
        });
        let links = links.into_inner().expect("no panic");
        assert_eq!(links.len(), 3);
        assert!(links.iter().all(|(is_alone, seen)| is_alone != seen), "{links:?}");
    }

    #[test]
    fn as_many_threads_work_as_were_asked_for() {
        let count = AtomicUsize::new(0);
        side_by_side(4, |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.into_inner(), 4);
    }
}
