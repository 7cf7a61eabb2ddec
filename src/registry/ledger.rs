//! A ledger: which files of the cache some packuments came from. What was made of them still holds while all of the files
//! are as they were, and to see that takes a `stat` of each and no reading.
//!
//! A file of the cache never changes its content under its number: other answers are written beside it and renamed, and
//! confirming one overwrites its times only (which changes the time of the last change, and so looks like another file).

use super::cache::{self, Times};
use crate::fs::Stat;
use crate::package::name::PackageName;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::hash_map::Entry as Place;
use std::fs::File;
use std::path::Path;

/// One file of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stat: Stat,
    pub(super) times: Times,
}

/// The files of some packuments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// When the last of them was asked for.
    asked: u64,
    /// Until when all of them are fresh.
    fresh_until: u64,
    files: Vec<(String, Stat)>,
}

impl Ledger {
    /// Takes the entries of these packages; nothing if one has none.
    pub(super) fn of(names: &[PackageName], noted: &FxHashMap<PackageName, Entry>) -> Option<Ledger> {
        let mut ledger = Ledger { asked: 0, fresh_until: u64::MAX, files: Vec::with_capacity(names.len()) };
        for name in names {
            let entry = noted.get(name)?;
            ledger.asked = ledger.asked.max(entry.times.asked);
            ledger.fresh_until = ledger.fresh_until.min(entry.times.fresh_until);
            ledger.files.push((name.to_string(), entry.stat));
        }
        Some(ledger)
    }

    /// Says whether all of them may be used unasked.
    pub(super) fn is_fresh(&self, now: u64) -> bool {
        Times { asked: self.asked, fresh_until: self.fresh_until }.is_fresh(now)
    }

    /// Says whether all files are as they were. `folder` says which one they are in.
    pub(super) fn is_current<'a>(&self, folder: impl Fn(&PackageName) -> Cow<'a, Path>) -> bool {
        let mut open: FxHashMap<Cow<'a, Path>, File> = FxHashMap::default();
        let mut is_current = |name: &str, stat: &Stat| {
            let name = PackageName::parse(name).ok()?;
            let folder = match open.entry(folder(&name)) {
                Place::Occupied(open) => open.into_mut(),
                Place::Vacant(place) => {
                    let folder = File::open(place.key()).ok()?;
                    place.insert(folder)
                }
            };
            Some(Stat::of_file_in(folder, &cache::file_name(&name))? == *stat)
        };
        self.files.iter().all(|(name, stat)| is_current(name, stat) == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Ledger, Times};
    use crate::fs::Stat;
    use crate::package::name::PackageName;
    use rustc_hash::FxHashMap;

    #[test]
    fn a_ledger_holds_while_all_of_its_files_are_fresh_and_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["a", "b", "c"].map(|name| PackageName::parse(name).expect("a name"));
        let place = |name: &PackageName| folder.path().join(name.as_str());
        let is_current = |ledger: &Ledger| ledger.is_current(|_| folder.path().into());
        let mut noted = FxHashMap::default();
        for (name, (asked, fresh_until)) in names.iter().take(2).zip([(10, 100), (20, 90)]) {
            std::fs::write(place(name), "one").expect("a file");
            let stat = Stat::of(&std::fs::metadata(place(name)).expect("a file"));
            noted.insert(name.clone(), Entry { stat, times: Times { asked, fresh_until } });
        }
        assert_eq!(Ledger::of(&names, &noted), None, "one of them has no file");
        let ledger = Ledger::of(&names[..2], &noted).expect("a ledger");
        assert_eq!([19, 20, 89, 90].map(|now| ledger.is_fresh(now)), [false, true, true, false]);
        assert!(is_current(&ledger));
        std::fs::write(folder.path().join("new"), "one").expect("a file");
        std::fs::rename(folder.path().join("new"), place(&names[1])).expect("a file");
        assert!(!is_current(&ledger), "another file, though it says the same");
        std::fs::remove_file(place(&names[1])).expect("a file");
        assert!(!is_current(&ledger));
    }
}
