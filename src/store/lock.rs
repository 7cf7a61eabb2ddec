//! The lease that says that someone uses the store.
//!
//! An install holds a shared lease on the file `lock` for as long as its store is open, so that whoever deletes, who
//! takes the exclusive one, never deletes under it. Reading and adding need no more than that: objects appear by rename,
//! the index has its own locks. The kernel lets go of a lease when its process ends, however it ends.
//!
//! Nobody goes first. A gc that made new installs wait behind it would never end when one of them was started by a
//! script of an install that the gc waits for. So it looks again and again for a moment without installs.

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
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Short, because moments without installs are.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Whom somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A process that deletes from the store; its number, if it has been written down.
    ForCleaning {
        /// The number of the process.
        process: Option<u32>,
    },
    /// Installs, or whatever else has the store open.
    ForUsers,
}

impl std::fmt::Display for Wait {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wait::ForCleaning { process: Some(process) } => write!(out, "waiting for a gc of the store, process {process}"),
            Wait::ForCleaning { process: None } => out.write_str("waiting for a gc of the store"),
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

/// A lock that lasts until it is dropped.
pub(super) struct Lock {
    file: OwnedFd,
    /// Whether the number of this process stands in the file.
    named: bool,
}

impl Lock {
    /// Writes the number of this process into the file, for those who wait.
    pub fn name(&mut self) {
        // What stands there is no more than a help for people.
        let text = std::process::id().to_string();
        self.named = rustix::fs::ftruncate(&self.file, 0).is_ok() && rustix::io::pwrite(&self.file, text.as_bytes(), 0).is_ok();
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.named {
            let _ = rustix::fs::ftruncate(&self.file, 0);
        }
    }
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

/// Takes the shared lease, waiting for a gc to end; after a second `on_wait` is told. In a store that cannot be written,
/// or on a file system without locks, there is no gc to fear and no lease. The file is made only when `create` says so.
pub(super) fn lease(root: &Path, create: bool, on_wait: &dyn Fn(Wait)) -> Result<Option<Lock>> {
    let path = root.join(LEASE);
    let Some(file) = open(&path, create)? else { return Ok(None) };
    let wait = |file: &OwnedFd| on_wait(Wait::ForCleaning { process: holder(file) });
    let taken = poll(&file, FlockOperation::NonBlockingLockShared, Some(&wait)).at("lock", &path)?;
    Ok((taken == Taken::Held).then_some(Lock { file, named: false }))
}

/// Takes the lease that keeps everybody else out.
pub(super) fn exclusive(root: &Path, patience: Patience<'_>) -> Result<Exclusive> {
    let path = root.join(LEASE);
    let Some(file) = open(&path, true)? else { return Ok(Exclusive::Impossible) };
    let told = |_: &OwnedFd| {
        if let Patience::Wait(on_wait) = patience {
            on_wait(Wait::ForUsers);
        }
    };
    let wait: Option<&dyn Fn(&OwnedFd)> = if matches!(patience, Patience::None) { None } else { Some(&told) };
    Ok(match poll(&file, FlockOperation::NonBlockingLockExclusive, wait).at("lock", &path)? {
        Taken::Held => Exclusive::Held(Lock { file, named: false }),
        Taken::Busy => Exclusive::Busy,
        Taken::Impossible => Exclusive::Impossible,
    })
}

/// Takes the lock for making the index. Whoever has it needs it for as long as it takes to read all records at most.
pub(super) fn rebuild(root: &Path) -> Result<Option<Lock>> {
    let path = root.join(REBUILD);
    let Some(file) = open(&path, true)? else { return Ok(None) };
    let taken = poll(&file, FlockOperation::LockExclusive, None).at("lock", &path)?;
    Ok((taken == Taken::Held).then_some(Lock { file, named: false }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Held,
    Busy,
    Impossible,
}

/// Takes a lock by trying; without `on_wait` it tries once (and waits in the kernel when the operation does).
fn poll(file: &OwnedFd, operation: FlockOperation, on_wait: Option<&dyn Fn(&OwnedFd)>) -> rustix::io::Result<Taken> {
    let mut waiting: Option<(Instant, bool)> = None;
    let mut pause = PAUSE_MIN;
    loop {
        match rustix::fs::flock(file, operation) {
            Ok(()) => return Ok(Taken::Held),
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => {}
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK) => return Ok(Taken::Impossible),
            Err(errno) => return Err(errno),
        }
        let Some(on_wait) = on_wait else { return Ok(Taken::Busy) };
        let (since, told) = waiting.get_or_insert_with(|| (Instant::now(), false));
        if !*told && since.elapsed() >= PATIENCE {
            *told = true;
            on_wait(file);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn holder(file: &OwnedFd) -> Option<u32> {
    let mut text = [0; 16];
    let length = rustix::io::pread(file, &mut text, 0).ok()?;
    std::str::from_utf8(text.get(..length)?).ok()?.parse().ok()
}

/// Opens the file of a lock; nothing when there is none and none can be made.
fn open(path: &Path, create: bool) -> Result<Option<OwnedFd>> {
    let open = |flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o644));
    let made = if create { open(OFlags::RDWR | OFlags::CREATE) } else { Err(Errno::ROFS) };
    let file = match made {
        Err(Errno::ROFS | Errno::ACCESS | Errno::PERM) => match open(OFlags::RDONLY) {
            Err(Errno::NOENT | Errno::ACCESS) => return Ok(None),
            opened => opened,
        },
        made => made,
    };
    file.map(Some).at("open", path)
}
