//! Shared slots that no project needs.
//!
//! A slot that stands proves that all below it stands too, so it is deleted before anything that it links to, by one rename
//! out of the way. The caller sees to it that no install runs meanwhile (it holds the store's exclusive lease).

use super::LayoutError;
use super::apply::UNFINISHED;
use super::aside::{ASIDE, remove_abandoned, unfinished_in};
use super::folder::Folder;
use crate::fs::{Context, Result, unique_suffix};
use rustc_hash::{FxHashMap, FxHashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The shared slots that go.
#[derive(Debug, Default)]
pub struct Unneeded {
    folder: PathBuf,
    /// Their names, each before those that it links to.
    pub slots: Vec<String>,
    /// How many files they have.
    pub files: u64,
    /// The bytes of those files that have no other link.
    pub bytes: u64,
    /// How many links they have to each inode that has others too.
    pub links: FxHashMap<u64, u64>,
    /// How many files of unfinished slots go.
    pub unfinished_files: u64,
    /// The bytes of those.
    pub unfinished_bytes: u64,
}

/// Finds the slots that nobody needs and that are old, and what unfinished installs left. A young slot may belong to
/// an install that ended before it was recorded, so it stays with everything that it links to.
pub fn unneeded(folder: &Path, needed: &FxHashSet<String>, is_old: impl Fn(SystemTime) -> bool) -> Result<Unneeded> {
    let mut found = Unneeded { folder: folder.to_owned(), ..Unneeded::default() };
    let mut going = FxHashSet::default();
    let mut young = Vec::new();
    for (name, path) in list(folder)? {
        if needed.contains(&name) || name == UNFINISHED {
            continue;
        }
        let changed = std::fs::symlink_metadata(&path).and_then(|found| found.modified()).at("look at", &path)?;
        if is_old(changed) {
            going.insert(name);
        } else {
            young.push(name);
        }
    }
    while let Some(name) = young.pop() {
        young.extend(links_of(&folder.join(name))?.into_iter().filter(|to| going.remove(to)));
    }
    found.slots = in_order(folder, &going)?;
    for name in &found.slots {
        measure(&folder.join(name), |inode, links, bytes| {
            found.files += 1;
            if links == 1 { found.bytes += bytes } else { *found.links.entry(inode).or_default() += 1 }
        });
    }
    for (_, path) in list(&folder.join(UNFINISHED))? {
        measure(&path, |_, _, bytes| {
            found.unfinished_files += 1;
            found.unfinished_bytes += bytes;
        });
    }
    Ok(found)
}

/// Removes them.
pub fn remove(unneeded: &Unneeded) -> std::result::Result<(), LayoutError> {
    let unfinished = unneeded.folder.join(UNFINISHED);
    if unneeded.slots.is_empty() && !unfinished.is_dir() {
        return Ok(());
    }
    let aside = unfinished.join(format!("{ASIDE}{}", unique_suffix()));
    crate::fs::create_dir_all(&aside)?;
    for (number, name) in unneeded.slots.iter().enumerate() {
        crate::fs::rename(&unneeded.folder.join(name), &aside.join(number.to_string()))?;
    }
    // What this gc has put aside is as abandoned as what others left.
    let unfinished = Folder::open_trusted(&unfinished)?;
    remove_abandoned(&unfinished, &unfinished_in(&unfinished.list()?))
}

/// Lists the folders in a folder that may not be there.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        entries => entries.at("list", folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("list", folder)?;
        let is_folder = entry.file_type().at("look at", &entry.path())?.is_dir();
        // A name that is no text is not one that deka made.
        if let Ok(name) = entry.file_name().into_string()
            && is_folder
        {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the names of the slots that a slot links to.
fn links_of(slot: &Path) -> Result<Vec<String>> {
    let modules = slot.join("node_modules");
    let scopes = list(&modules)?.into_iter().filter(|(name, _)| name.starts_with('@')).map(|(_, path)| path);
    let mut found = Vec::new();
    for folder in scopes.chain([modules.clone()]) {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.at("list", &folder)?,
        };
        for entry in entries {
            let path = entry.at("list", &folder)?.path();
            if let Ok(target) = std::fs::read_link(&path) {
                found.extend(slot_in(&target));
            }
        }
    }
    Ok(found)
}

/// Returns the name of the slot in the text of a link: `../../b@1.0.0_…/node_modules/b`.
fn slot_in(target: &Path) -> Option<String> {
    let mut before = None;
    for part in target.iter() {
        if part == "node_modules" {
            return before.and_then(std::ffi::OsStr::to_str).map(str::to_owned);
        }
        before = Some(part);
    }
    None
}

/// Sorts slots so that each stands before those that it links to; where they go in a circle, anyhow.
fn in_order(folder: &Path, slots: &FxHashSet<String>) -> Result<Vec<String>> {
    let mut names: Vec<&String> = slots.iter().collect();
    names.sort();
    let mut seen: FxHashSet<&String> = FxHashSet::default();
    let mut order = Vec::with_capacity(names.len());
    for start in names {
        if !seen.insert(start) {
            continue;
        }
        // Depth first, without recursion: a slot is done after all that it links to.
        let mut path = vec![(start, links_of(&folder.join(start))?)];
        while let Some((name, links)) = path.last_mut() {
            let name = *name;
            match links.pop().and_then(|link| slots.get(&link)).map(|link| (link, seen.insert(link))) {
                Some((link, true)) => path.push((link, links_of(&folder.join(link))?)),
                Some((_, false)) => {}
                None if links.is_empty() => {
                    order.push(name.clone());
                    path.pop();
                }
                None => {}
            }
        }
    }
    order.reverse();
    Ok(order)
}

/// Tells of each file in a folder its inode, its links and its length. What cannot be looked at is left out of the sum.
fn measure(folder: &Path, mut see: impl FnMut(u64, u64, u64)) {
    for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(std::result::Result::ok) {
        if let Ok(found) = entry.metadata()
            && found.is_file()
        {
            see(found.ino(), found.nlink(), found.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(folder: &Path, name: &str, links: &[&str]) {
        let modules = folder.join(name).join("node_modules/@scope");
        std::fs::create_dir_all(&modules).expect("a folder");
        for (number, link) in links.iter().enumerate() {
            let (place, up) = if number % 2 == 0 { (modules.join(link), "../../..") } else { (modules.join("..").join(link), "../..") };
            std::os::unix::fs::symlink(format!("{up}/{link}/node_modules/{link}"), place).expect("a link");
        }
    }

    fn set(names: &[&str]) -> FxHashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_slot_goes_before_what_it_links_to() {
        let folder = tempfile::tempdir().expect("a folder");
        slot(folder.path(), "a", &["c", "b", "d"]);
        slot(folder.path(), "b", &["d", "e"]);
        slot(folder.path(), "c", &["e", "b"]);
        slot(folder.path(), "d", &["needed"]);
        // A circle.
        slot(folder.path(), "e", &["f"]);
        slot(folder.path(), "f", &["e"]);
        slot(folder.path(), "needed", &[]);
        let found = unneeded(folder.path(), &set(&["needed"]), |_| true).expect("an answer");
        let place = |name: &str| found.slots.iter().position(|slot| slot == name).expect("it goes");
        assert_eq!(found.slots.len(), 6);
        for (one, other) in [("a", "b"), ("a", "c"), ("a", "d"), ("b", "d"), ("b", "e"), ("c", "e"), ("c", "b")] {
            assert!(place(one) < place(other), "{one} before {other}: {:?}", found.slots);
        }
        remove(&found).expect("they go");
        assert_eq!(list(folder.path()).expect("a folder").len(), 2, "what is needed, and an empty folder for unfinished work");
        assert_eq!(list(&folder.path().join(UNFINISHED)).expect("a folder"), []);
    }

    #[test]
    fn what_a_young_slot_links_to_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, links) in [("young", &["middle"][..]), ("middle", &["low"]), ("low", &[]), ("alone", &[])] {
            slot(folder.path(), name, links);
        }
        let old = SystemTime::UNIX_EPOCH;
        for name in ["middle", "low", "alone"] {
            std::fs::File::open(folder.path().join(name)).and_then(|file| file.set_modified(old)).expect("a time");
        }
        let found = unneeded(folder.path(), &set(&[]), |time| time == old).expect("an answer");
        assert_eq!(found.slots, ["alone"]);
    }
}
