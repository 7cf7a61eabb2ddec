//! Keeps two installs of one project apart.
//!
//! The lock is advisory and belongs to the open file, so it ends with its process however that ends. The file stays, and
//! holds the number of the process that has the lock, for the message to whoever waits. Only an install that comes to
//! nothing takes it away again, with the folders that hold nothing else ([`ProjectLock::undo`]). Whoever waits for the
//! lock notices that, and makes another file.

use super::folder;
use crate::fs::{Context, Result};
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lock's name in deka's folder.
pub const NAME: &str = "lock";

/// How long a wait is before it is mentioned.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// How often a folder may disappear in the middle of the work before that is an error.
const GONE_MAX: u32 = 1000;

/// The right to change a project's `node_modules`; it ends when the value is dropped.
#[derive(Debug)]
pub struct ProjectLock {
    _file: File,
    folder: OwnedFd,
    /// The folders that go with it when they are empty, innermost first: those that it stands in, and those that were
    /// made for it. The first are not remembered as made, for somebody who waits may have to take over.
    passing: Vec<PathBuf>,
}

impl ProjectLock {
    /// Lets go of the lock and takes it away with its folders, as far as nothing else stands there.
    pub fn undo(self) {
        let is_alone = Dir::read_from(&self.folder).is_ok_and(|entries| {
            let mut names = entries.flatten().map(|entry| entry.file_name().to_bytes().to_vec());
            names.all(|name| [&b"."[..], b"..", NAME.as_bytes()].contains(&&*name))
        });
        // The file goes while the lock is held: nobody else can have the lock and lose it. Nothing here has to succeed,
        // for what is left is only a lock and empty folders.
        if is_alone && unlinkat(&self.folder, NAME, AtFlags::empty()).is_ok() {
            self.passing.iter().all(|folder| std::fs::remove_dir(folder).is_ok());
        }
    }
}

/// What came of one try.
#[derive(Debug)]
pub enum Attempt {
    /// The lock is held now.
    Held(ProjectLock),
    /// Somebody else has it.
    Busy {
        /// Their process, if they have written it down yet.
        holder: Option<u32>,
    },
}

/// Tries once. An error means that no lock can be had at all (a read-only disk, no permission, a file system without
/// locks), which is something else than [`Attempt::Busy`].
pub fn try_lock(root: &Path, modules_dir: &Path) -> Result<Attempt> {
    let path = folder::path(modules_dir).join(NAME);
    let mut gone = 0;
    loop {
        let passing = passing(root, modules_dir);
        let opened = folder::open_or_create(root, modules_dir).and_then(|folder| Ok((open(&folder).at("open", &path)?, folder)));
        let (mut file, folder) = match opened {
            Ok((file, folder)) => (File::from(file), folder),
            // Another install has just taken its folder away.
            Err(error) if error.is_not_found() && gone < GONE_MAX => {
                gone += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if is_still_there(&folder, &file) => {
                write_holder(&mut file).at("write", &path)?;
                return Ok(Attempt::Held(ProjectLock { _file: file, folder, passing }));
            }
            // The file was removed with its folder while it was being locked: that lock keeps nobody out.
            Ok(()) | Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) => return Ok(Attempt::Busy { holder: read_holder(&mut file) }),
            Err(errno) => return Err(errno).at("lock", &path),
        }
    }
}

/// Takes the lock, waiting as long as it takes. After a second of waiting `on_wait` is told once who has it.
pub fn lock(root: &Path, modules_dir: &Path, on_wait: impl FnOnce(Option<u32>)) -> Result<ProjectLock> {
    let start = Instant::now();
    let mut on_wait = Some(on_wait);
    let mut pause = PAUSE_MIN;
    loop {
        let holder = match try_lock(root, modules_dir)? {
            Attempt::Held(lock) => return Ok(lock),
            Attempt::Busy { holder } => holder,
        };
        if start.elapsed() >= PATIENCE
            && let Some(on_wait) = on_wait.take()
        {
            on_wait(holder);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Returns deka's folder, the modules folder, and the folders above it in the project that are not there yet.
fn passing(root: &Path, modules_dir: &Path) -> Vec<PathBuf> {
    let above = modules_dir.ancestors().skip(1).take_while(|folder| *folder != root);
    let missing = above.take_while(|folder| std::fs::symlink_metadata(folder).is_err()).map(Path::to_owned);
    [folder::path(modules_dir), modules_dir.to_owned()].into_iter().chain(missing).collect()
}

fn open(folder: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    match openat(folder, NAME, flags, mode) {
        // A planted link: it goes, what it points at stays.
        Err(Errno::LOOP) => {
            unlinkat(folder, NAME, AtFlags::empty())?;
            openat(folder, NAME, flags, mode)
        }
        other => other,
    }
}

fn is_still_there(folder: &OwnedFd, file: &File) -> bool {
    let (Ok(own), Ok(named)) = (fstat(file.as_fd()), statat(folder, NAME, AtFlags::SYMLINK_NOFOLLOW)) else { return false };
    (own.st_dev, own.st_ino) == (named.st_dev, named.st_ino)
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(std::process::id().to_string().as_bytes())
}

fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Attempt, lock, try_lock};
    use crate::project::folder;
    use std::fs;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_second_install_is_told_who_is_first_and_follows() {
        let folder = tempfile::tempdir().expect("a folder");
        let modules = folder.path().join("node_modules");
        let held = lock(folder.path(), &modules, |_| panic!("nobody has it")).expect("a lock");
        match try_lock(folder.path(), &modules).expect("an answer") {
            Attempt::Busy { holder } => assert_eq!(holder, Some(std::process::id())),
            Attempt::Held(_) => panic!("two hold the lock"),
        }
        let (send, told) = mpsc::channel();
        std::thread::scope(|scope| {
            let (root, modules) = (folder.path(), &modules);
            let second = scope.spawn(move || lock(root, modules, move |holder| send.send(holder).expect("a listener")));
            assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(Some(std::process::id())));
            drop(held);
            second.join().expect("no panic").expect("a lock");
        });
        assert!(matches!(try_lock(folder.path(), &modules), Ok(Attempt::Held(_))));
    }

    #[test]
    fn a_lock_whose_file_is_gone_keeps_nobody_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let modules = folder.path().join("node_modules");
        let _old = lock(folder.path(), &modules, |_| ()).expect("a lock");
        fs::remove_dir_all(&modules).expect("a folder");
        assert!(matches!(try_lock(folder.path(), &modules), Ok(Attempt::Held(_))));
    }

    #[test]
    fn a_planted_link_is_not_written_through() {
        let outer = tempfile::tempdir().expect("a folder");
        let modules = outer.path().join("node_modules");
        let victim = outer.path().join("victim");
        fs::write(&victim, "mine").expect("a file");
        fs::create_dir_all(folder::path(&modules)).expect("a folder");
        std::os::unix::fs::symlink(&victim, folder::path(&modules).join("lock")).expect("a link");
        let _held = lock(outer.path(), &modules, |_| ()).expect("a lock");
        assert_eq!(fs::read(&victim).expect("a file"), b"mine");
    }

    #[test]
    fn undone_it_leaves_what_was_there_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let modules = folder.path().join("lib/node_modules");
        lock(folder.path(), &modules, |_| ()).expect("a lock").undo();
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        fs::create_dir_all(modules.join("a")).expect("a folder");
        lock(folder.path(), &modules, |_| ()).expect("a lock").undo();
        assert!(modules.join("a").is_dir() && !folder::path(&modules).exists());
        let held = lock(folder.path(), &modules, |_| ()).expect("a lock");
        fs::write(folder::path(&modules).join("record"), "").expect("a file");
        held.undo();
        assert!(folder::path(&modules).join("record").exists());
        lock(folder.path(), &modules, |_| ()).expect("a lock").undo();
        assert!(folder::path(&modules).join("record").exists());
    }

    #[test]
    fn installs_that_come_to_nothing_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, modules) = (folder.path(), folder.path().join("node_modules"));
        let holders = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let held = lock(root, &modules, |_| ()).expect("a lock");
                        assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0, "two hold the lock");
                        holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        held.undo();
                    }
                });
            }
        });
        assert!(!modules.exists(), "the last one takes it away");
    }

    #[test]
    fn no_lock_at_all_is_an_error_and_not_a_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a file");
        assert!(try_lock(&file, &file.join("node_modules")).is_err());
    }
}
