//! Whether a lockfile still answers what the manifests ask.
//!
//! It does when the settings and overrides are the same, the projects are the same, and each project asks for the same
//! specifiers in the same groups. Nothing is resolved: the lockfile says what it was asked, word for word.

use super::{Lockfile, Settings};
use crate::package::manifest::Manifest;
use crate::resolve::graph::{Direct, Group, Importer, asked};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

type Catalogs = BTreeMap<String, BTreeMap<String, String>>;

/// What the manifests ask for today.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The projects: path and manifest, in any order.
    pub importers: &'a [(&'a str, &'a Manifest)],
    /// The overrides, by selector.
    pub overrides: &'a BTreeMap<String, String>,
    /// The entries of catalogs that are asked for.
    pub catalogs: &'a BTreeMap<String, BTreeMap<String, String>>,
    /// The settings.
    pub settings: &'a Settings,
}

/// The first thing that a lockfile does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A setting was another one.
    #[error("the setting `{name}` is {now} now")]
    Setting {
        /// Its name, as in the lockfile.
        name: &'static str,
        /// Its value.
        now: bool,
    },
    /// An override is new, gone or another one.
    #[error("the entry of `overrides` for `{selector}` was {before} and is {now} now", before = Quoted(.before), now = Quoted(.now))]
    Override {
        /// The selector.
        selector: String,
        /// What it was.
        before: Option<String>,
        /// What it is.
        now: Option<String>,
    },
    /// An entry of a catalog is new, gone or another one.
    #[error("`{alias}` in the catalog `{catalog}` was {before} and is {now} now", before = Quoted(.before), now = Quoted(.now))]
    Catalog {
        /// The catalog.
        catalog: String,
        /// The dependency.
        alias: String,
        /// What it was.
        before: Option<String>,
        /// What it is.
        now: Option<String>,
    },
    /// A project is new.
    #[error("the project `{0}` is not in the lockfile")]
    NewImporter(String),
    /// A project is gone.
    #[error("the project `{0}` is in the lockfile, but not in the workspace")]
    GoneImporter(String),
    /// A dependency is new, gone or another one.
    #[error("{manifest}: `{alias}` was {before} and is {now} now", manifest = Manifested(.importer), before = Quoted(.before), now = Quoted(.now))]
    Dependency {
        /// The project.
        importer: String,
        /// The dependency.
        alias: String,
        /// What was asked for.
        before: Option<String>,
        /// What is asked for.
        now: Option<String>,
    },
    /// A dependency moved to another group.
    #[error("{}: `{alias}` moved from {before} to {now}", Manifested(.importer))]
    Group {
        /// The project.
        importer: String,
        /// The dependency.
        alias: String,
        /// The list that it was in.
        before: &'static str,
        /// The list that it is in.
        now: &'static str,
    },
}

/// Compares a lockfile with what is asked for today; an error is the first difference.
pub fn check(lockfile: &Lockfile, asked: Asked<'_>) -> Result<(), Difference> {
    check_settings(&lockfile.settings, asked.settings)?;
    let selectors = lockfile.overrides.keys().chain(asked.overrides.keys());
    let changed = |selector: &&String| lockfile.overrides.get(*selector) != asked.overrides.get(*selector);
    if let Some(selector) = selectors.filter(changed).min() {
        let (before, now) = (lockfile.overrides.get(selector).cloned(), asked.overrides.get(selector).cloned());
        return Err(Difference::Override { selector: selector.clone(), before, now });
    }
    check_catalogs(&lockfile.catalogs, asked.catalogs)?;
    let locked: BTreeMap<&str, &Importer> =
        lockfile.resolution.importers.iter().map(|importer| (importer.path.as_str(), importer)).collect();
    for (path, manifest) in asked.importers {
        let importer = locked.get(path).ok_or_else(|| Difference::NewImporter((*path).to_owned()))?;
        check_importer(importer, manifest, asked.settings.auto_install_peers)?;
    }
    let known: BTreeSet<&str> = asked.importers.iter().map(|(path, _)| *path).collect();
    match lockfile.resolution.importers.iter().find(|importer| !known.contains(importer.path.as_str())) {
        Some(gone) => Err(Difference::GoneImporter(gone.path.clone())),
        None => Ok(()),
    }
}

fn check_catalogs(before: &Catalogs, now: &Catalogs) -> Result<(), Difference> {
    let entries = before.iter().chain(now).flat_map(|(catalog, entries)| entries.keys().map(move |alias| (catalog, alias)));
    let entry = |catalogs: &Catalogs, (catalog, alias): (&String, &String)| catalogs.get(catalog)?.get(alias).cloned();
    match entries.filter(|place| entry(before, *place) != entry(now, *place)).min() {
        Some(place) => {
            let (before, now) = (entry(before, place), entry(now, place));
            Err(Difference::Catalog { catalog: place.0.clone(), alias: place.1.clone(), before, now })
        }
        None => Ok(()),
    }
}

fn check_settings(before: &Settings, now: &Settings) -> Result<(), Difference> {
    let changed = [
        ("autoInstallPeers", before.auto_install_peers, now.auto_install_peers),
        ("dedupePeerDependents", before.dedupe_peer_dependents, now.dedupe_peer_dependents),
        ("resolvePeersFromWorkspaceRoot", before.resolve_peers_from_workspace_root, now.resolve_peers_from_workspace_root),
    ];
    match changed.into_iter().find(|(_, before, now)| before != now) {
        Some((name, _, now)) => Err(Difference::Setting { name, now }),
        None => Ok(()),
    }
}

fn check_importer(importer: &Importer, manifest: &Manifest, auto_install_peers: bool) -> Result<(), Difference> {
    let asked = asked(manifest, auto_install_peers);
    let difference = |alias: &str, before: Option<&str>, now: Option<&str>| Difference::Dependency {
        importer: importer.path.clone(),
        alias: alias.escape_debug().to_string(),
        before: before.map(str::to_owned),
        now: now.map(str::to_owned),
    };
    for now in &asked {
        let before = importer.dependencies.binary_search_by(|direct| direct.alias.as_str().cmp(now.alias));
        let Ok(Direct { specifier, group, .. }) = before.map(|at| &importer.dependencies[at]) else {
            return Err(difference(now.alias, None, Some(now.specifier)));
        };
        if specifier != now.specifier {
            return Err(difference(now.alias, Some(specifier), Some(now.specifier)));
        }
        if *group != now.group {
            let (importer, alias) = (importer.path.clone(), now.alias.to_owned());
            return Err(Difference::Group { importer, alias, before: list_name(*group), now: list_name(now.group) });
        }
    }
    let is_gone = |direct: &&Direct| asked.binary_search_by(|now| now.alias.cmp(direct.alias.as_str())).is_err();
    match importer.dependencies.iter().find(is_gone) {
        Some(direct) => Err(difference(direct.alias.as_str(), Some(&direct.specifier), None)),
        None => Ok(()),
    }
}

fn list_name(group: Group) -> &'static str {
    match group {
        Group::Optional => "optionalDependencies",
        Group::Prod => "dependencies",
        Group::Dev => "devDependencies",
    }
}

/// The manifest of a project, as seen from the root.
struct Manifested<'a>(&'a str);

impl fmt::Display for Manifested<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "." => out.write_str("package.json"),
            path => write!(out, "{}/package.json", path.escape_debug()),
        }
    }
}

/// A specifier as a sentence has it.
struct Quoted<'a>(&'a Option<String>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(out, "`{}`", text.escape_debug()),
            None => out.write_str("not there"),
        }
    }
}

#[cfg(test)]
mod tests;
