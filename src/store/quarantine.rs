//! Versions that must not be installed on this machine.
//!
//! They stand in a plain file of the store, which is only there when there are any, and not in the index, which may be lost
//! at any time. The file is sealed: one that was cut off or edited is an error, and never a shorter list.

use super::error::{StoreError, explain};
use super::{Store, lock};
use crate::fs::Context;
use crate::package::name::PackageName;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Name of the file inside the store.
const FILE: &str = "quarantine";
/// First words of the file; the seal of what follows the line stands behind them.
const HEAD: &str = "deka quarantine 1 ";

/// The versions that must not be installed, with the reason for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine(BTreeMap<(PackageName, String), String>);

impl Quarantine {
    /// Returns the path of the file in a store, whether it is there or not.
    pub fn path(store: &Path) -> PathBuf {
        store.join(FILE)
    }

    /// Reads the quarantine of the store in a folder; it is empty when there is no file.
    pub fn read(store: &Path) -> Result<Quarantine, StoreError> {
        let path = Quarantine::path(store);
        let Some(bytes) = crate::fs::read_if_there(&path)? else { return Ok(Quarantine::default()) };
        std::str::from_utf8(&bytes).ok().and_then(decode).ok_or(StoreError::Quarantine { path })
    }

    /// Says why a version must not be installed; the reason may be empty.
    pub fn reason(&self, name: &PackageName, version: &str) -> Option<&str> {
        // Most projects have no version in it, so a copy for the search does not matter.
        self.0.get(&(name.clone(), version.to_owned())).map(String::as_str)
    }

    /// Adds a version, or gives it another reason. Of the reason one line is kept.
    pub fn add(&mut self, name: &PackageName, version: &str, reason: &str) {
        let reason: String = reason.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        self.0.insert((name.clone(), version.to_owned()), reason);
    }

    /// Removes a version; says whether it was in it.
    pub fn remove(&mut self, name: &PackageName, version: &str) -> bool {
        self.0.remove(&(name.clone(), version.to_owned())).is_some()
    }

    /// Returns name, version and reason of each, sorted.
    pub fn entries(&self) -> impl Iterator<Item = (&PackageName, &str, &str)> {
        self.0.iter().map(|((name, version), reason)| (name, version.as_str(), reason.as_str()))
    }

    /// Says whether nothing is forbidden.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn encode(&self) -> String {
        let mut lines = String::new();
        for (name, version, reason) in self.entries() {
            // Writing to a text does not fail.
            let _ = writeln!(lines, "{name} {version} {reason}");
        }
        format!("{HEAD}{}\n{lines}", blake3::hash(lines.as_bytes()).to_hex())
    }
}

fn decode(text: &str) -> Option<Quarantine> {
    let (seal, lines) = text.strip_prefix(HEAD)?.split_once('\n')?;
    if seal != blake3::hash(lines.as_bytes()).to_hex().as_str() {
        return None;
    }
    let entry = |line: &str| {
        let (name, rest) = line.split_once(' ')?;
        let (version, reason) = rest.split_once(' ')?;
        Some(((PackageName::parse(name).ok()?, version.to_owned()), reason.to_owned()))
    };
    lines.lines().map(entry).collect::<Option<_>>().map(Quarantine)
}

impl Store {
    /// Changes the quarantine, and returns it with what the change returned. Others that change it wait meanwhile.
    pub fn change_quarantine<T>(&self, change: impl FnOnce(&mut Quarantine) -> T) -> Result<(Quarantine, T), StoreError> {
        self.must_be_writable()?;
        let _lock = lock::rebuild(&self.root).map_err(explain)?;
        let mut quarantine = Quarantine::read(&self.root)?;
        let outcome = change(&mut quarantine);
        let path = Quarantine::path(&self.root);
        if quarantine.is_empty() {
            crate::fs::remove_file(&path).map_err(explain)?;
        } else {
            crate::fs::write_atomic(&path, quarantine.encode().as_bytes()).map_err(explain)?;
            // It is rare, and must not be lost.
            std::fs::File::open(&path).and_then(|file| file.sync_all()).at("synchronise", &path)?;
        }
        Ok((quarantine, outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::{Quarantine, decode};
    use crate::package::name::PackageName;

    #[test]
    fn no_damage_makes_the_list_shorter() {
        let name = |text| PackageName::parse(text).expect("a name");
        let mut quarantine = Quarantine::default();
        quarantine.add(&name("@scope/a"), "1.0.0-rc.1", " steals\nkeys ");
        quarantine.add(&name("b"), "2.0.0", "");
        let text = quarantine.encode();
        assert_eq!(decode(&text), Some(quarantine.clone()));
        assert_eq!(quarantine.reason(&name("@scope/a"), "1.0.0-rc.1"), Some("steals keys"));
        assert_eq!((quarantine.reason(&name("b"), "2.0.0"), quarantine.reason(&name("b"), "2.0.1")), (Some(""), None));
        for at in 0..text.len() {
            assert_eq!(decode(&text[..at]), None, "cut off at {at}");
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(std::str::from_utf8(&bytes).ok().and_then(decode), None, "flipped at {at}");
        }
        assert!(quarantine.remove(&name("b"), "2.0.0") && !quarantine.remove(&name("b"), "2.0.0"));
    }
}
