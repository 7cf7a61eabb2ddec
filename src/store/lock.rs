//! The lease that says that someone uses the store.
//!
//! An install holds a shared lease on the file `lock` for as long as its store is open, so that a gc, which takes the
//! exclusive one, never deletes under it. Reading and adding need no more than that: objects appear by rename, the index
//! has its own locks. The kernel lets go of a lease when its process ends, however it ends.

use crate::fs::{Context, Result};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Name of the file inside the store.
pub(super) const LEASE: &str = "lock";
/// Name of the file that is locked while the index is created, migrated or made again.
pub(super) const REBUILD: &str = "index.lock";

/// How long a wait is before it is mentioned.
const PATIENCE: Duration = Duration::from_secs(1);
/// Short, because moments without installs are.
const PAUSE: Duration = Duration::from_millis(20);

/// Whom somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Installs, or whatever else has the store open.
    ForUsers,
}

impl std::fmt::Display for Wait {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wait::ForUsers => out.write_str("waiting for the installs that use the store"),
        }
    }
}

/// What to do when the store is in use.
#[derive(Clone, Copy)]
pub enum Patience<'a> {
    /// Wait as long as it takes; after a second say once for whom.
    Wait(&'a dyn Fn(Wait)),
    /// Leave it.
    None,
}

/// What came of a try to take the exclusive lease.
pub(super) enum Exclusive {
    /// It is held.
    Held(Lock),
    /// Somebody uses the store.
    Busy,
    /// The file system has no locks, or the store cannot be written.
    Impossible,
}

/// A lock that lasts until it is dropped.
pub(super) struct Lock {
    _file: OwnedFd,
}

/// Takes the shared lease, waiting for a gc to end. In a store that cannot be written, or on a file system without
/// locks, there is no gc to fear and no lease. The file is made only when `create` says so.
pub(super) fn lease(root: &Path, create: bool) -> Result<Option<Lock>> {
    take(&root.join(LEASE), FlockOperation::LockShared, create)
}

/// Takes the lease that keeps everybody else out, for whoever deletes; nothing where there are no locks.
pub(super) fn exclusive(root: &Path, patience: Patience<'_>) -> Result<Exclusive> {
    let (start, mut told) = (Instant::now(), false);
    loop {
        match take(&root.join(LEASE), FlockOperation::NonBlockingLockExclusive, true) {
            Err(error) if error.source.kind() == std::io::ErrorKind::WouldBlock => {}
            taken => return taken.map(|lock| lock.map_or(Exclusive::Impossible, Exclusive::Held)),
        }
        let Patience::Wait(on_wait) = patience else { return Ok(Exclusive::Busy) };
        if !told && start.elapsed() >= PATIENCE {
            told = true;
            on_wait(Wait::ForUsers);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Takes the lock for making the index.
pub(super) fn rebuild(root: &Path) -> Result<Option<Lock>> {
    take(&root.join(REBUILD), FlockOperation::LockExclusive, true)
}

fn take(path: &Path, operation: FlockOperation, create: bool) -> Result<Option<Lock>> {
    let open = |flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o644));
    let made = if create { open(OFlags::RDWR | OFlags::CREATE) } else { Err(Errno::ROFS) };
    let file = match made {
        Err(Errno::ROFS | Errno::ACCESS | Errno::PERM) => match open(OFlags::RDONLY) {
            Err(Errno::NOENT | Errno::ACCESS) => return Ok(None),
            opened => opened,
        },
        made => made,
    };
    let file = file.at("open", path)?;
    loop {
        match rustix::fs::flock(&file, operation) {
            Ok(()) => return Ok(Some(Lock { _file: file })),
            Err(Errno::INTR) => {}
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK) => return Ok(None),
            Err(errno) => return Err(errno).at("lock", path),
        }
    }
}
