//! A folder as text: sorted, one path a line, equal wherever equal things were installed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Prints what a folder holds: files (`*` behind executable ones), links with their targets, and empty folders. What
/// deka keeps for itself directly in `.deka` is left out.
pub fn print(folder: &Path) -> String {
    let mut lines = Vec::new();
    walk(folder, "", &mut |path, full, metadata| {
        if metadata.is_symlink() {
            lines.push(format!("{path} -> {}", fs::read_link(full).unwrap().display()));
        } else if metadata.is_file() && !is_bookkeeping(path) {
            lines.push(format!("{path}{}", if metadata.permissions().mode() & 0o111 == 0 { "" } else { "*" }));
        } else if metadata.is_dir() && fs::read_dir(full).unwrap().next().is_none() {
            lines.push(format!("{path}/"));
        }
    });
    lines.sort();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn is_bookkeeping(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    parts.next();
    parts.next() == Some(".deka")
}

/// Prints the content of every file as well.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    walk(folder, "", &mut |path, full, metadata| {
        if metadata.is_file() && !is_bookkeeping(path) {
            found.insert(path.to_owned(), fs::read(full).unwrap());
        }
    });
    found
}

/// What tells whether a file or folder was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    inode: u64,
    modified_ns: i64,
}

/// Returns the identity of every file, link and folder but for deka's bookkeeping. The times of folders are left out:
/// a neighbour may come and go.
pub fn identities(folder: &Path) -> BTreeMap<String, Identity> {
    let mut found = BTreeMap::new();
    walk(folder, "", &mut |path, _, metadata| {
        if !is_bookkeeping(path) {
            let modified_ns = if metadata.is_dir() { 0 } else { metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec() };
            found.insert(path.to_owned(), Identity { inode: metadata.ino(), modified_ns });
        }
    });
    found
}

/// Returns the paths of everything in a folder, sorted, folders with a slash.
pub fn paths(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    walk(folder, "", &mut |path, _, metadata| found.push(format!("{path}{}", if metadata.is_dir() { "/" } else { "" })));
    found.sort();
    found
}

fn walk(folder: &Path, prefix: &str, see: &mut dyn FnMut(&str, &Path, &fs::Metadata)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // What another process removes meanwhile is not there.
        let Ok(metadata) = entry.path().symlink_metadata() else { continue };
        see(&path, &entry.path(), &metadata);
        if metadata.is_dir() {
            walk(&entry.path(), &format!("{path}/"), see);
        }
    }
}
