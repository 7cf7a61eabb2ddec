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

/// How long to wait before the exclusive lease is asked for once more.
const POLL: Duration = Duration::from_millis(20);

/// A lock that lasts until it is dropped.
pub(super) struct Lock {
    _file: OwnedFd,
}

/// Takes the shared lease, waiting for a gc to end. In a store that cannot be written, or on a file system without
/// locks, there is no gc to fear and no lease. The file is made only when `create` says so.
pub(super) fn lease(root: &Path, create: bool) -> Result<Option<Lock>> {
    take(&root.join(LEASE), FlockOperation::LockShared, create)
}

/// Takes the exclusive lease, for whoever deletes. It is asked for again and again instead of waited for, so that
/// `waits` hears at every turn how long it has taken so far.
pub(super) fn exclusive(root: &Path, waits: &mut dyn FnMut(Duration)) -> Result<Option<Lock>> {
    let start = Instant::now();
    loop {
        match take(&root.join(LEASE), FlockOperation::NonBlockingLockExclusive, true) {
            Err(error) if error.source.kind() == std::io::ErrorKind::WouldBlock => {}
            taken => return taken,
        }
        waits(start.elapsed());
        std::thread::sleep(POLL);
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
