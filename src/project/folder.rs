//! The folder inside `node_modules` that deka keeps its own files in.
//!
//! A repository can bring a `node_modules` of its own, with links planted where deka is going to write. So the folder is
//! opened by its handle, a link in its place is removed and not followed, and files are created relative to that handle.

use crate::fs::{self, Context, FsError, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The folder's name.
pub const NAME: &str = ".deka";

const MODE_OF_FOLDERS: Mode = Mode::from_raw_mode(0o777);

/// Returns the folder's path.
pub fn path(modules_dir: &Path) -> PathBuf {
    modules_dir.join(NAME)
}

/// Opens the folder; creates it and what is above it where they are missing.
pub fn open_or_create(modules_dir: &Path) -> Result<OwnedFd> {
    let path = path(modules_dir);
    loop {
        match open(&path) {
            Ok(folder) => return Ok(folder),
            Err(Errno::NOENT) => {
                fs::create_dir_all(modules_dir)?;
                match mkdirat(CWD, &path, MODE_OF_FOLDERS) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno).at("create", &path),
                }
                // Only a folder may be found now; a link that appeared in between is an error, not a reason to go on.
                return open(&path).at("open", &path);
            }
            Err(Errno::LOOP | Errno::NOTDIR) if !is_folder(&path) => remove(&path)?,
            Err(errno) => return Err(FsError { verb: "open", path, source: errno.into() }),
        }
    }
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn remove(path: &Path) -> Result<()> {
    match unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno).at("remove", path),
    }
}

#[cfg(test)]
mod tests {
    use super::{open_or_create, path};
    use std::fs;

    #[test]
    fn a_planted_link_is_removed_and_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (modules, elsewhere) = (folder.path().join("node_modules"), folder.path().join("elsewhere"));
        fs::create_dir(&elsewhere).expect("a folder");
        fs::create_dir(&modules).expect("a folder");
        std::os::unix::fs::symlink(&elsewhere, path(&modules)).expect("a link");
        open_or_create(&modules).expect("a folder");
        assert!(fs::symlink_metadata(path(&modules)).expect("there").is_dir());
        assert!(elsewhere.is_dir());
        fs::remove_dir(path(&modules)).expect("a folder");
        fs::write(path(&modules), "a file").expect("a file");
        open_or_create(&modules).expect("a folder");
        open_or_create(&modules).expect("a folder");
    }

    #[test]
    fn everything_that_is_missing_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        open_or_create(&folder.path().join("a/node_modules")).expect("a folder");
        assert!(folder.path().join("a/node_modules/.deka").is_dir());
    }
}
