//! A package in the store: whose bytes they are, which files it has, and what an install needs to know of it.

use super::id::TreeId;
use super::mark::{Epoch, Marks};
use super::tree::Tree;
use crate::package::facts::Facts;
use crate::package::integrity::Integrity;
use crate::package::name::PackageName;
use std::fmt;

/// What a package is looked up by: the integrity of its tarball, or the identity of a source that has none.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageKey(String);

impl PackageKey {
    /// Names a package by the integrity of its tarball.
    pub fn of_integrity(integrity: &Integrity) -> PackageKey {
        PackageKey(integrity.to_string())
    }

    /// Names a package by a text that changes whenever its content may: `file:…#<digest>`, a commit.
    pub fn of_source(identity: String) -> PackageKey {
        PackageKey(identity)
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for PackageKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

/// A package whose objects are in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPackage {
    /// What it is looked up by.
    pub key: PackageKey,
    /// The name under which it was resolved.
    pub name: PackageName,
    /// The version that was resolved.
    pub version: String,
    /// What an install needs to know of its manifest.
    pub facts: Facts,
    /// The name of `tree`.
    pub tree_id: TreeId,
    /// Its files.
    pub tree: Tree,
    /// What a stat should show of the object of each entry of `tree`, in the same order.
    pub marks: Marks,
    /// When the objects were written.
    pub epoch: Epoch,
}

/// A package of the index, without its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is looked up by.
    pub key: PackageKey,
    /// The name under which it was resolved.
    pub name: PackageName,
    /// The version that was resolved.
    pub version: String,
    /// When its row was written, in seconds since 1970.
    pub added_s: i64,
    /// The last day on which a gc knew of a project that needs it, in days since 1970; 0 when none did.
    pub used_day: i64,
}
