//! What an install came to.

use super::building::Built;
use super::edit::Written;
use super::session::Session;
use crate::layout::join;
use crate::layout::plan::{Folder, LinkTarget};
use crate::layout::survey::Survey;
use crate::resolve::graph::Resolution;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A direct dependency that came, went or changed: of the projects that were selected, else of the root, and of those that
/// were edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name it is installed under.
    pub alias: String,
    /// The version before, if it was there; empty for something that nobody has asked for.
    pub from: Option<String>,
    /// The version now, if it is there.
    pub to: Option<String>,
}

/// What an install did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Direct dependencies that changed, sorted by alias.
    pub changes: Vec<Change>,
    /// How many direct dependencies changed in projects that `changes` does not speak of.
    pub changed_elsewhere: u64,
    /// Files that the user keeps and that were edited, relative to the root.
    pub edited: Vec<String>,
    /// Packages that were put in place.
    pub installed: u64,
    /// Packages that were removed.
    pub removed: u64,
    /// Packages that came over the network.
    pub downloaded: u64,
    /// The size of their tarballs.
    pub downloaded_bytes: u64,
    /// Packages of the whole tree.
    pub total: u64,
    /// Nothing but the lockfile was written.
    pub lockfile_only: bool,
    /// The root of the workspace, when filters match none of its projects and so nothing was done.
    pub unmatched: Option<PathBuf>,
    /// The store, when it grew and must not hold more than so many bytes.
    pub budget: Option<(PathBuf, u64)>,
}

pub(super) fn outcome(
    session: &Session,
    resolution: &Resolution,
    (built, before, written): (&Built, &Survey, &Written),
    (pruned, fetched): (Vec<String>, (u64, u64)),
) -> Outcome {
    let (mut changes, changed_elsewhere) = changes(session, resolution, built, before);
    let removed = built.done.removed as u64 + pruned.len() as u64;
    changes.extend(pruned.into_iter().map(|alias| Change { alias, from: Some(String::new()), to: None }));
    changes.sort_by(|left, right| left.alias.cmp(&right.alias));
    // What changed in several projects is said once.
    changes.dedup();
    let edited = written.paths().map(|path| path.strip_prefix(&session.workspace.root).unwrap_or(path).display().to_string());
    Outcome {
        changes,
        changed_elsewhere,
        edited: edited.collect(),
        installed: built.done.built as u64,
        removed,
        downloaded: fetched.0,
        downloaded_bytes: fetched.1,
        total: built.wanted.slots.len() as u64,
        lockfile_only: false,
        unmatched: None,
        budget: session.settings.store_max_size_bytes.filter(|_| fetched.0 > 0).map(|bytes| (session.settings.store_dir.clone(), bytes)),
    }
}

/// The text of a link, and the version of what it leads to.
type Link = (String, String);

/// Lists what changed in the projects that the user has in mind, and counts what changed in the others.
fn changes(session: &Session, resolution: &Resolution, built: &Built, before: &Survey) -> (Vec<Change>, u64) {
    let mut told: BTreeSet<&str> = session.draft.changed(&session.workspace).collect();
    match &session.selected {
        Some(selected) => told.extend(selected.iter().map(|index| session.workspace.projects[*index].path.as_str())),
        None => told.extend(["."]),
    }
    let (mut changes, mut elsewhere) = (Vec::new(), 0);
    // What was not laid out has not changed.
    for importer in &built.wanted.importers {
        let found = changes_of(importer, session, resolution, built, before);
        match told.contains(importer.path.as_str()) {
            true => changes.extend(found),
            false => elsewhere += found.len() as u64,
        }
    }
    (changes, elsewhere)
}

/// Lists the direct dependencies of one project that changed.
fn changes_of(importer: &Folder, session: &Session, resolution: &Resolution, built: &Built, before: &Survey) -> Vec<Change> {
    let mut found: BTreeMap<&str, (Option<Link>, Option<Link>)> = BTreeMap::new();
    let modules = join(&importer.path, session.places.modules_dir.as_str());
    for folder in before.record.folders.iter().filter(|folder| folder.path == modules) {
        for (alias, text) in &folder.links {
            found.entry(alias).or_default().0 = Some((text.clone(), version_in(text)));
        }
    }
    for link in &importer.links {
        let version = match &link.to {
            LinkTarget::Slot(slot) => resolution.package(built.wanted.slots[*slot].package).version.clone(),
            LinkTarget::Folder(path) => format!("link:{path}"),
        };
        found.entry(link.alias.as_str()).or_default().1 = Some((link.text.clone(), version));
    }
    let is_hoisted = |alias: &str| importer.hoisted.iter().any(|link| link.alias.as_str() == alias);
    // The same link leads to the same version, and another link to the same version is nobody's concern.
    let differs = |from: &Option<Link>, to: &Option<Link>| match (from, to) {
        (Some((from, before)), Some((to, now))) => from != to && before != now,
        (from, to) => from != to,
    };
    let version = |link: Option<Link>| link.map(|(_, version)| version);
    found
        .into_iter()
        .filter(|(alias, (from, to))| differs(from, to) && !(to.is_none() && is_hoisted(alias)))
        .map(|(alias, (from, to))| Change { alias: alias.to_owned(), from: version(from), to: version(to) })
        .collect()
}

/// Reads the version of a package out of a link to its slot: `.deka/react@19.1.0_…/node_modules/react`.
fn version_in(text: &str) -> String {
    let slot = text.rsplit_once("/node_modules/").map_or(text, |(slot, _)| slot).rsplit('/').next().unwrap_or(text);
    match slot.get(1..).and_then(|rest| rest.split_once('@')) {
        Some((_, version)) => version.split('_').next().unwrap_or(version).to_owned(),
        None => format!("link:{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn a_link_tells_the_version_of_its_package() {
        for (text, version) in [
            (".deka/react@19.1.0/node_modules/react", "19.1.0"),
            (".deka/react-dom@19.1.0_react@19.1.0/node_modules/react-dom", "19.1.0"),
            ("../.deka/@types+node@20.1.0/node_modules/@types/node", "20.1.0"),
            ("../../../node_modules/.deka/a@2.0.0/node_modules/a", "2.0.0"),
            ("../elsewhere", "link:../elsewhere"),
        ] {
            assert_eq!(version_in(text), version, "{text}");
        }
    }
}
