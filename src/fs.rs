//! File operations whose errors name the verb and the path.
//!
//! Everything in deka that touches the disk outside of the measured hot paths goes through here, so that a failure
//! always reads `cannot create …/node_modules/.deka: permission denied` and never just `permission denied`.

mod stat;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

pub use stat::Stat;

/// A failed operation on a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}: {source}", path.display())]
pub struct FsError {
    /// What was tried: `read`, `create`, `rename`, …
    pub verb: &'static str,
    /// What it was tried on.
    pub path: PathBuf,
    /// What the system answered.
    #[source]
    pub source: io::Error,
}

impl FsError {
    /// Says whether the file is not there.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, FsError>;

/// Attaches a verb and a path to an [`io::Result`].
pub trait Context<T> {
    /// Names what was tried on which path.
    fn at(self, verb: &'static str, path: &Path) -> Result<T>;

    /// As [`Context::at`], for work that is done thousands of times: the path is put together only when it is needed.
    fn at_path(self, verb: &'static str, path: impl FnOnce() -> PathBuf) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn at(self, verb: &'static str, path: &Path) -> Result<T> {
        self.at_path(verb, || path.to_owned())
    }

    fn at_path(self, verb: &'static str, path: impl FnOnce() -> PathBuf) -> Result<T> {
        self.map_err(|error| FsError { verb, path: path(), source: error.into() })
    }
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).at("read", path)
}

/// Reads a whole file; nothing when it is not there.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        other => other.map(Some).at("read", path),
    }
}

/// Creates a folder and what is missing above it.
pub fn create_dir_all(path: &Path) -> Result<()> {
    fs::create_dir_all(path).at("create", path)
}

/// Moves a file or folder; replaces a file that stands at the target.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).at("rename", from)
}

/// Removes a file or a symbolic link (never what it points to); fine when it is not there.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}

/// Removes whatever stands at a path: a folder with all it holds, a file, or a link without following it. Fine when
/// nothing is there.
pub fn remove_all(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(error) => Err(error).at("look at", path),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).at("remove", path),
        Ok(_) => remove_file(path),
    }
}

/// Writes a file so that a reader, or a crash at any moment, sees the old content or the new. The new bytes are written
/// beside it and renamed over it; a symbolic link at `path` is written through, not replaced.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let (mut target, mut old) = (path.to_owned(), fs::symlink_metadata(path).ok());
    if old.as_ref().is_some_and(fs::Metadata::is_symlink) {
        target = fs::canonicalize(path).unwrap_or(target);
        old = fs::metadata(&target).ok();
    }
    let beside = temporary_beside(&target);
    let written = File::create(&beside).at("create", &beside).and_then(|mut file| {
        file.write_all(bytes).at("write", &beside)?;
        if let Some(old) = old {
            file.set_permissions(old.permissions()).at("set the permissions of", &beside)?;
        }
        Ok(())
    });
    let moved = written.and_then(|()| rename(&beside, &target));
    if moved.is_err() {
        // The error that matters is the one above; a leftover is swept by the next `gc` or install.
        let _ = fs::remove_file(&beside);
    }
    moved
}

/// Takes `.` and `..` out of an absolute path without looking at the disk: what it names may not be there yet.
pub fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// Returns a name for a temporary file in the folder of `path` that no other process uses.
pub fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.tmp", unique_suffix()))
}

/// Removes temporary files beside a file that [`write_atomic`] left there when its process was killed. What cannot be
/// removed stays; it is in nobody's way.
pub fn remove_abandoned_beside(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return };
    let before = format!(".{name}.");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let suffix = found.to_str().and_then(|found| found.strip_prefix(&before)?.strip_suffix(".tmp"));
        // The suffix begins with the number of the process.
        let process = suffix.and_then(|suffix| i32::from_str_radix(suffix.split('-').next()?, 16).ok());
        if let Some(process) = process.and_then(rustix::process::Pid::from_raw)
            && rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns letters that differ between any two calls, in this process or another.
pub fn unique_suffix() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    format!("{:x}-{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed), nanos)
}
