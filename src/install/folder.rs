//! Folders of this machine whose files are copied into the tree: what they hold, and whether that has changed.
//!
//! A copy follows its folder: every install looks at the size and the time of each file, and where one differs the copy is
//! made again. The stamps of all that was looked at go into the state file, so that an install with nothing to do can tell.

use crate::error::{Code, Error};
use crate::fs::unique_suffix;
use crate::project::stamp::{AGE_MIN, FileStamp};
use crate::resolve::graph::{PackageIndex, Resolution, Source};
use rustc_hash::FxHashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use walkdir::{DirEntry, WalkDir};

/// What is never part of a package: the dependencies of a folder, and what version control keeps in it.
const LEFT_OUT: [&str; 2] = ["node_modules", ".git"];

/// What the folders of a resolution hold.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What tells the files of a folder from what they were, by package.
    pub digests: FxHashMap<PackageIndex, String>,
    /// Everything that was looked at.
    pub stamps: Vec<FileStamp>,
}

/// Lists what a folder holds, in a fixed order, folders before what is in them.
pub(super) fn entries(folder: &Path) -> impl Iterator<Item = Result<DirEntry, Error>> + use<'_> {
    let is_part = |entry: &DirEntry| entry.depth() == 0 || !LEFT_OUT.iter().any(|name| entry.file_name() == OsStr::new(name));
    let failed = |error| Error::new(Code::Io, format!("cannot read the folder {}: {error}", folder.display()));
    WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_part).map(move |entry| entry.map_err(failed))
}

/// Looks at all folders of a resolution. One that is not there is passed over: whoever needs its files will say so.
pub(super) fn look(root: &Path, resolution: &Resolution) -> Contents {
    let mut contents = Contents::default();
    for (index, package) in (0..).map(PackageIndex).zip(&resolution.packages) {
        if let Source::Folder { path } = &package.source {
            let digest = look_at(&root.join(path), &mut contents.stamps);
            contents.digests.insert(index, digest);
        }
    }
    contents
}

/// Looks at one folder. Where a file was written a moment ago, its time may not tell the next content from this one, so
/// this waits for a few ticks of the clock; for a file that somebody goes on writing, no two answers are the same.
fn look_at(folder: &Path, stamps: &mut Vec<FileStamp>) -> String {
    let mut found = stat_all(folder);
    if found.iter().any(Found::is_young_file) {
        std::thread::sleep(AGE_MIN);
        found = stat_all(folder);
    }
    let mut hasher = blake3::Hasher::new();
    for Found { entry, stamp } in found {
        if let (true, Some(stat)) = (entry.file_type().is_file(), &stamp.stat) {
            let executable = entry.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
            hasher.update(entry.path().as_os_str().as_bytes());
            hasher.update(&[0, u8::from(executable)]);
            hasher.update(&stat.size.to_le_bytes());
            hasher.update(&stat.mtime_ns.to_le_bytes());
            hasher.update(&stat.inode.to_le_bytes());
            if stamp.is_young() {
                hasher.update(unique_suffix().as_bytes());
            }
        }
        stamps.push(stamp);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// A file or folder that a digest is made of.
struct Found {
    entry: DirEntry,
    stamp: FileStamp,
}

impl Found {
    fn is_young_file(&self) -> bool {
        self.entry.file_type().is_file() && self.stamp.is_young()
    }
}

fn stat_all(folder: &Path) -> Vec<Found> {
    let entries = entries(folder).map_while(Result::ok);
    let counts = |entry: &DirEntry| entry.file_type().is_file() || entry.file_type().is_dir();
    entries.filter(counts).map(|entry| Found { stamp: FileStamp::take(entry.path()), entry }).collect()
}

#[cfg(test)]
mod tests {
    use super::{AGE_MIN, look_at};
    use std::fs;

    #[test]
    fn a_folder_looks_the_same_until_somebody_writes_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let look = || look_at(folder.path(), &mut Vec::new());
        fs::write(folder.path().join("file"), "one").expect("a file");
        let young = look();
        assert_eq!(look(), young);
        std::thread::sleep(AGE_MIN * 2);
        assert_eq!(look(), young, "getting older is no change");
        fs::write(folder.path().join("file"), "two").expect("a file");
        let changed = look();
        assert_ne!(changed, young);
        fs::write(folder.path().join("file"), "six").expect("a file");
        assert_ne!(look(), changed, "one change right after another is seen too");
    }
}
