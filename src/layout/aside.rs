//! Folders for unfinished work, among the slots that it will become.

use super::LayoutError;
use super::apply::MODE;
use super::folder::Folder;
use crate::fs::{Context, unique_suffix};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::sync::atomic::{AtomicU64, Ordering};

/// How names of folders for unfinished work begin.
pub(super) const ASIDE: &str = ".tmp-";

/// A folder for unfinished work. It is locked while its process lives, so that another can tell whether it is abandoned.
#[derive(Debug)]
pub struct Aside {
    pub(super) folder: Folder,
    /// Whether it is: some file systems cannot lock a folder.
    pub(super) is_locked: bool,
    count: AtomicU64,
}

impl Aside {
    pub(super) fn make(above: &Folder) -> Result<Aside, LayoutError> {
        loop {
            let name = format!("{ASIDE}{}", unique_suffix());
            let folder = match above.make(&name) {
                // Somebody who cleans up took it between its making and its opening.
                Err(error) if error.is_not_found() && above.is_there() => continue,
                made => made?,
            };
            // Before that it looked abandoned to whoever cleans up. Where it cannot be locked, only the project's own lock
            // keeps others away.
            let locked = rustix::fs::flock(folder.handle(), FlockOperation::NonBlockingLockExclusive);
            if locked != Err(Errno::WOULDBLOCK) && above.is_folder(&name) {
                return Ok(Aside { folder, is_locked: locked.is_ok(), count: AtomicU64::new(0) });
            }
        }
    }

    /// Returns a name that nothing else has in this folder.
    pub(super) fn fresh(&self) -> String {
        self.count.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// Removes the folder with what is left in it.
    pub fn clear(&self) -> Result<(), LayoutError> {
        Ok(crate::fs::remove_all(self.folder.path())?)
    }
}

/// Says whether a folder of unfinished work is one that nobody works in any more.
pub(super) fn is_abandoned(above: &Folder, name: &str) -> bool {
    let lock = |folder: Folder| rustix::fs::flock(folder.handle(), FlockOperation::NonBlockingLockExclusive);
    above.open(name).is_none_or(|folder| lock(folder) != Err(Errno::WOULDBLOCK))
}

/// Returns the folders of unfinished work among what a folder holds.
pub(super) fn unfinished_in(listed: &[(String, bool)]) -> Vec<String> {
    listed.iter().map(|(name, _)| name).filter(|name| name.starts_with(ASIDE)).cloned().collect()
}

/// Removes those folders of unfinished work whose process has ended.
pub(super) fn remove_abandoned(above: &Folder, names: &[String]) -> Result<(), LayoutError> {
    for name in names.iter().filter(|name| is_abandoned(above, name)) {
        crate::fs::remove_all(&above.path().join(name))?;
    }
    Ok(())
}

/// Makes the folders of a slot, but for its package's own.
pub(super) fn make_folders(above: &Folder, name: &str, modules: &str, scope: Option<&str>) -> Result<(), LayoutError> {
    let make = |below: &str| rustix::fs::mkdirat(above.handle(), below, MODE).at_path("create", || above.path().join(below));
    make(name)?;
    make(modules)?;
    if let Some(scope) = scope {
        make(&format!("{modules}/{scope}"))?;
    }
    Ok(())
}
