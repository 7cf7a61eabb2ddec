//! `deka.lock`: the resolution as text, for people to review, to merge and to commit.
//!
//! ```json
//! {
//!   "lockfileVersion": 1,
//!   "settings": {"autoInstallPeers": true, …},
//!   "overrides": {"a@1": "1.2.3"},
//!   "catalogs": {"default": {"react": "^19.1.0"}},
//!   "importers": {
//!     ".": {
//!       "dependencies": {
//!         "next": {"specifier": "^15", "version": "15.5.4(react@19.1.0)"}
//!       }
//!     }
//!   },
//!   "packages": {
//!     "next@15.5.4": {"integrity": "sha512-…", "peerDependencies": {"react": "^19"}},
//!   },
//!   "snapshots": {
//!     "next@15.5.4(react@19.1.0)": {"dependencies": {"react": "19.1.0"}},
//!   }
//! }
//! ```
//!
//! Everything is sorted, and each package is one line in `packages` (what it is) and one in `snapshots` for each context
//! of peers (what it is linked to), so that two branches that add different packages merge without a conflict. An edge is the rest of its
//! target's path behind `alias@`; where the alias is not the name it is the whole path, and `link:` stands before a
//! folder. What can be derived is not written: whether a package is optional or for development only, the address of a tarball that
//! the registry's scheme gives, the package of a snapshot when its key says it. No path of this machine and no address
//! of a registry stands in it.
//!
//! A lockfile may come from a stranger's branch, so [`read`] trusts nothing: names, aliases and paths are
//! checked, keys that stand twice are errors, and a file of a newer version is refused, never rewritten.

pub mod freshness;
mod json;
mod keys;
mod read;
mod write;

use crate::resolve::graph::Resolution;
use std::collections::BTreeMap;

pub use read::read;
pub use write::write;

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u64 = 1;

/// What a lockfile holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    /// The settings that it was resolved with.
    pub settings: Settings,
    /// The overrides that it was resolved with, by selector.
    pub overrides: BTreeMap<String, String>,
    /// The entries of catalogs that it was resolved with: by catalog, then by dependency.
    pub catalogs: BTreeMap<String, BTreeMap<String, String>>,
    /// The answer.
    pub resolution: Resolution,
}

/// The same, while somebody else owns it.
#[derive(Clone, Copy, Debug)]
pub struct Borrowed<'a> {
    /// See [`Lockfile::settings`].
    pub settings: &'a Settings,
    /// See [`Lockfile::overrides`].
    pub overrides: &'a BTreeMap<String, String>,
    /// See [`Lockfile::catalogs`].
    pub catalogs: &'a BTreeMap<String, BTreeMap<String, String>>,
    /// See [`Lockfile::resolution`].
    pub resolution: &'a Resolution,
}

impl Lockfile {
    /// Lends everything.
    pub fn borrowed(&self) -> Borrowed<'_> {
        let Lockfile { settings, overrides, catalogs, resolution } = self;
        Borrowed { settings, overrides, catalogs, resolution }
    }
}

/// The settings that change a resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether missing required peers are installed.
    pub auto_install_peers: bool,
    /// Whether instances that differ only in peers that some do not see are merged.
    pub dedupe_peer_dependents: bool,
    /// Whether projects of a workspace see the dependencies of the root as peers.
    pub resolve_peers_from_workspace_root: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { auto_install_peers: true, dedupe_peer_dependents: true, resolve_peers_from_workspace_root: true }
    }
}

/// Why a lockfile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockfileError {
    /// Not JSON, or not of the shape that a lockfile has.
    #[error("the lockfile is damaged: {0}")]
    Syntax(#[source] serde_json::Error),
    /// A merge left its markers in the file.
    #[error("the lockfile has merge conflicts, the first at line {line}; take either side and install again to mend it")]
    Conflict {
        /// The line of the first marker, from 1.
        line: usize,
    },
    /// A later deka wrote it.
    #[error("the lockfile has version {found}, and this deka knows versions up to {VERSION}; a newer deka is needed")]
    Newer {
        /// The version that the file names.
        found: u64,
    },
    /// Something in it may not be there.
    #[error("the lockfile cannot be used: `{place}` {reason}")]
    Invalid {
        /// The entry, with control characters escaped.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Returns the hashes that a lockfile seems to name, found without reading it. They are good for looking ahead, and
/// nothing may follow from them: only [`read`] knows what a lockfile says.
pub fn glance(text: &[u8]) -> impl Iterator<Item = &str> {
    const BEFORE: &[u8] = b"\"integrity\": \"";
    memchr::memmem::find_iter(text, BEFORE).filter_map(|at| {
        let rest = &text[at + BEFORE.len()..];
        std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()
    })
}

#[cfg(test)]
mod tests;
