//! What an install came to.

use super::building::Built;
use super::session::Session;
use crate::layout::plan::LinkTarget;
use crate::layout::survey::Survey;
use crate::resolve::graph::Resolution;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A direct dependency of the root, or of a project that was edited, that came, went or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name it is installed under.
    pub alias: String,
    /// The version before, if it was there.
    pub from: Option<String>,
    /// The version now, if it is there.
    pub to: Option<String>,
}

/// What an install did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Direct dependencies that changed, sorted by alias.
    pub changes: Vec<Change>,
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

pub(super) fn outcome(session: &Session, resolution: &Resolution, built: &Built, before: &Survey, fetched: (u64, u64)) -> Outcome {
    Outcome {
        changes: changes(session, resolution, built, before),
        installed: built.done.built as u64,
        removed: built.done.removed as u64,
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

fn changes(session: &Session, resolution: &Resolution, built: &Built, before: &Survey) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for project in std::iter::once(".").chain(session.draft.changed(&session.workspace).filter(|path| *path != ".")) {
        changes.extend(changes_of(project, session, resolution, built, before));
    }
    changes.sort_by(|left, right| left.alias.cmp(&right.alias));
    // What changed in several projects is said once.
    changes.dedup();
    changes
}

/// Lists the direct dependencies of one project that changed.
fn changes_of(project: &str, session: &Session, resolution: &Resolution, built: &Built, before: &Survey) -> Vec<Change> {
    let mut found: BTreeMap<String, (Option<Link>, Option<Link>)> = BTreeMap::new();
    let modules = match project {
        "." => session.places.modules_dir.to_string(),
        project => format!("{project}/{}", session.places.modules_dir),
    };
    for folder in before.record.folders.iter().filter(|folder| folder.path == modules) {
        for (alias, text) in &folder.links {
            found.entry(alias.clone()).or_default().0 = Some((text.clone(), version_in(text)));
        }
    }
    for importer in built.wanted.importers.iter().filter(|importer| importer.path == project) {
        for link in &importer.links {
            let version = match &link.to {
                LinkTarget::Slot(slot) => resolution.package(built.wanted.slots[*slot].package).version.clone(),
                LinkTarget::Folder(path) => format!("link:{path}"),
            };
            found.entry(link.alias.to_string()).or_default().1 = Some((link.text.clone(), version));
        }
    }
    let hoisted: Vec<String> =
        built.wanted.importers.iter().flat_map(|importer| &importer.hoisted).map(|link| link.alias.to_string()).collect();
    // The same link leads to the same version, and another link to the same version is nobody's concern.
    let differs = |from: &Option<Link>, to: &Option<Link>| match (from, to) {
        (Some((from, before)), Some((to, now))) => from != to && before != now,
        (from, to) => from != to,
    };
    found
        .into_iter()
        .filter(|(alias, (from, to))| differs(from, to) && !(to.is_none() && hoisted.contains(alias)))
        .map(|(alias, (from, to))| Change { alias, from: from.map(|(_, version)| version), to: to.map(|(_, version)| version) })
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
