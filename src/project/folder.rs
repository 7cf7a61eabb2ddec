//! The folder inside `node_modules` that deka keeps its own files in.
//!
//! A repository can bring a `node_modules` of its own, with links planted where deka is going to write. So the folder is
//! opened by its handle, a link in its place is removed and not followed, and files are created relative to that handle.

use crate::fs::{Context, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The folder's name.
pub const NAME: &str = ".deka";

/// What a new folder may be; the process's umask takes its part.
const MODE: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);
const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Returns the folder's path.
pub fn path(modules_dir: &Path) -> PathBuf {
    modules_dir.join(NAME)
}

/// Opens the folder; creates it and what is missing between it and the project.
pub fn open_or_create(root: &Path, modules_dir: &Path) -> Result<OwnedFd> {
    make(root, &path(modules_dir))
}

/// Opens a folder of a project; creates it and what is missing on the way. The way to the project is the user's and may
/// lead through links; from there on none is followed.
pub fn make(root: &Path, folder: &Path) -> Result<OwnedFd> {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    let mut at = root.to_owned();
    let mut folder = openat(CWD, root, OPEN, Mode::empty()).at("open", root)?;
    for segment in below.components().map(|segment| segment.as_os_str()) {
        at.push(segment);
        folder = enter(folder.as_fd(), Path::new(segment)).at("open", &at)?;
    }
    Ok(folder)
}

/// Opens a folder inside of an open one and makes it where it is missing. A link or a file in its place is unlinked.
pub fn enter(above: BorrowedFd<'_>, name: &Path) -> rustix::io::Result<OwnedFd> {
    let open = || openat(above, name, OPEN | OFlags::NOFOLLOW, Mode::empty());
    match open() {
        Err(Errno::NOENT) => {}
        Err(Errno::LOOP | Errno::NOTDIR) => unlinkat(above, name, AtFlags::empty())?,
        other => return other,
    }
    match mkdirat(above, name, MODE) {
        // Only a folder may be found now; a link that appeared in between is an error, not a reason to go on.
        Ok(()) | Err(Errno::EXIST) => open(),
        Err(errno) => Err(errno),
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
        open_or_create(folder.path(), &modules).expect("a folder");
        assert!(fs::symlink_metadata(path(&modules)).expect("there").is_dir());
        assert!(elsewhere.is_dir());
        fs::remove_dir(path(&modules)).expect("a folder");
        fs::write(path(&modules), "a file").expect("a file");
        open_or_create(folder.path(), &modules).expect("a folder");
        open_or_create(folder.path(), &modules).expect("a folder");
    }

    #[test]
    fn a_link_above_it_is_not_followed_either() {
        let folder = tempfile::tempdir().expect("a folder");
        let (modules, elsewhere) = (folder.path().join("lib/node_modules"), folder.path().join("elsewhere"));
        fs::create_dir(&elsewhere).expect("a folder");
        std::os::unix::fs::symlink(&elsewhere, folder.path().join("lib")).expect("a link");
        open_or_create(folder.path(), &modules).expect("a folder");
        assert_eq!(fs::read_dir(&elsewhere).expect("a folder").count(), 0);
        assert!(path(&modules).is_dir());
    }

    #[test]
    fn everything_that_is_missing_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        open_or_create(folder.path(), &folder.path().join("a/node_modules")).expect("a folder");
        assert!(folder.path().join("a/node_modules/.deka").is_dir());
    }
}
