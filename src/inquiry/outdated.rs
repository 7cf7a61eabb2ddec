//! What of the direct dependencies is old: the answer to `deka outdated`.
//!
//! Three versions are compared: the *current* one is what stands in `node_modules`, or what is locked where nothing is
//! installed; the *wanted* one is what the specifier would come to if there were no lockfile; the *latest* one is what the
//! registry's tag of that name points at.

use super::graph::admits;
use super::names::Names;
use super::subject::Subject;
use crate::error::Error;
use crate::install::news::{Counters, Listener};
use crate::install::packuments;
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::package::spec::{Specifier, Want};
use crate::package::version::Version;
use crate::project::env::Env;
use crate::project::settings::Groups;
use crate::resolve::graph::{Asked, Group, Source, Target, asked};
use crate::resolve::pick::{Preferred, pick};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is asked.
#[derive(Debug)]
pub struct Query<'a> {
    /// The packages that are meant; all when nothing is named.
    pub names: &'a Names,
    /// The projects, by their index in the workspace.
    pub projects: &'a [usize],
    /// Which of their lists of dependencies count.
    pub groups: Groups,
}

/// What registries say of packages.
pub type Answers = BTreeMap<PackageName, Result<Arc<Packument>, Error>>;

/// A direct dependency that a registry keeps.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The project, by its index in the workspace.
    pub project: usize,
    /// The name that it is installed under.
    pub alias: String,
    /// The name that the registry knows.
    pub name: PackageName,
    /// The list that it stands in.
    pub group: Group,
    /// The version that there is; nothing when it is not installed.
    pub current: Option<String>,
    want: Want,
}

/// A direct dependency that is old, with everybody who has it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// The name that it is installed under.
    pub alias: String,
    /// The name that the registry knows.
    pub name: String,
    /// The list that it stands in.
    pub group: Group,
    /// The version that there is; nothing when it is not installed.
    pub current: Option<String>,
    /// The best version that the specifier admits, if there is one.
    pub wanted: Option<String>,
    /// The version that is called the latest, if there is one.
    pub latest: Option<String>,
    /// Whether the author warns of the current version.
    pub current_is_deprecated: bool,
    /// Whether the author warns of the latest version.
    pub latest_is_deprecated: bool,
    /// The projects that have it, by their index in the workspace.
    pub projects: Vec<usize>,
}

/// Lists the dependencies that registries are to be asked about.
pub fn candidates(subject: &Subject, query: &Query<'_>) -> Result<Vec<Candidate>, Error> {
    let mut found = Vec::new();
    for project in query.projects {
        let manifest = &subject.workspace.projects[*project].manifest;
        for asked in asked(manifest, false).iter().filter(|asked| admits(query.groups, asked.group)) {
            found.extend(candidate(subject, *project, asked));
        }
    }
    found.retain(|candidate| {
        let version = candidate.current.as_deref().unwrap_or_default();
        query.names.admit(&candidate.alias, candidate.name.as_str(), version)
    });
    Ok(found)
}

/// Returns a dependency if its versions are a registry's.
fn candidate(subject: &Subject, project: usize, asked: &Asked<'_>) -> Option<Candidate> {
    let alias = PackageName::parse(asked.alias).ok()?;
    let Specifier::Registry { name, want } = specifier(subject, &alias, asked.specifier)? else { return None };
    let importer = subject.importer(project);
    let direct = importer.and_then(|importer| importer.dependencies.iter().find(|direct| direct.alias == alias));
    let folder = &subject.workspace.projects[project].folder;
    let current = match direct.and_then(|direct| direct.target.as_ref()) {
        // A project of the workspace took its place.
        Some(Target::Folder(_)) => return None,
        Some(Target::Instance(index)) => {
            let package = subject.resolution.package_of(*index);
            if subject.is_left_out(*index) || !matches!(package.source, Source::Registry { .. }) {
                return None;
            }
            subject.standing.version_of(folder, asked.alias, package)
        }
        None => None,
    };
    Some(Candidate { project, alias: asked.alias.to_owned(), name, group: asked.group, current, want })
}

/// Asks registries about packages, all at the same time. Every name has an answer.
pub fn newest(subject: &Subject, env: &Env, names: BTreeSet<PackageName>, told: (&Arc<Counters>, &Listener)) -> Result<Answers, Error> {
    packuments(&subject.workspace.root, (&subject.settings, env), names, told)
}

/// What makes one row of the answer: the name, the package, the two versions, and the list.
type Row = (String, PackageName, Option<String>, Option<String>, Group);

/// Compares what there is with what registries have; with `compatible` only versions count that the specifiers admit.
/// Returns what is old, sorted by alias.
pub fn compare(candidates: Vec<Candidate>, packuments: &Answers, compatible: bool) -> Vec<Outdated> {
    let mut found: BTreeMap<Row, Outdated> = BTreeMap::new();
    for candidate in candidates {
        let Some(Ok(packument)) = packuments.get(&candidate.name) else { continue };
        let Some(outdated) = outdated(&candidate, packument, compatible) else { continue };
        let key = (candidate.alias, candidate.name, outdated.current.clone(), outdated.wanted.clone(), outdated.group);
        found.entry(key).or_insert(outdated).projects.push(candidate.project);
    }
    found.into_values().collect()
}

fn outdated(candidate: &Candidate, packument: &Packument, compatible: bool) -> Option<Outdated> {
    let shown = |index: Option<usize>| index.and_then(|index| packument.version(index));
    let wanted_at = pick(packument, &candidate.want, Preferred::default()).ok();
    let latest_at = packument.tagged("latest");
    let (wanted, latest) = (shown(wanted_at), shown(latest_at));
    let current = candidate.current.as_deref().and_then(Version::parse_loose);
    let is_deprecated = |index: Option<usize>| index.is_some_and(|index| packument.is_deprecated(index));
    let current_is_deprecated = is_deprecated(current.as_ref().and_then(|current| packument.find(current)));
    let is_newer = |version: &Option<Version>| match (version, &current) {
        (Some(version), Some(current)) => version > current,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let is_old = is_newer(&wanted) || (!compatible && (is_newer(&latest) || current_is_deprecated));
    is_old.then(|| Outdated {
        alias: candidate.alias.clone(),
        name: candidate.name.to_string(),
        group: candidate.group,
        current: candidate.current.clone(),
        wanted: wanted.map(|version| version.to_string()),
        latest: latest.map(|version| version.to_string()),
        current_is_deprecated,
        latest_is_deprecated: is_deprecated(latest_at),
        projects: Vec::new(),
    })
}

/// Returns the packages that registries are to be asked about.
pub fn names(candidates: &[Candidate]) -> BTreeSet<PackageName> {
    candidates.iter().map(|candidate| candidate.name.clone()).collect()
}

/// Reads a specifier, that of the catalog if it leads to one.
fn specifier(subject: &Subject, alias: &PackageName, text: &str) -> Option<Specifier> {
    match Specifier::parse(alias, text).ok()? {
        Specifier::Catalog(catalog) => {
            let entry = subject.catalog_entry(&catalog, alias.as_str())?;
            Specifier::parse(alias, &entry).ok().filter(|specifier| !matches!(specifier, Specifier::Catalog(_)))
        }
        specifier => Some(specifier),
    }
}
