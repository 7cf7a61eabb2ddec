//! Changes of what projects ask for, made by the install that answers them.
//!
//! ```text
//! draft    the manifests change in memory: `deka add react` makes them ask for `latest`
//! pinning  what is not concerned keeps the version that the lockfile has
//!          (resolution, fetching and linking, as for any install)
//! save     the versions that were chosen give the ranges: `^19.1.0`
//! write    the manifests, and right behind them the lockfile
//! ```
//!
//! Nothing that the user keeps is written before everything is in place, scripts of dependencies included. An edit that
//! fails or is killed before that leaves manifests and lockfile as they were, and the next install makes `node_modules`
//! fit them again. One that is killed between the manifest and the lockfile leaves what the next install completes.

mod add;
mod catalog;
mod dedupe;
mod offers;
mod pattern;
mod place;
mod prune;
mod range;
mod remove;
mod typed;
mod update;
mod write;

pub use add::Add;
pub use remove::Remove;
pub use update::Update;

pub(super) use dedupe::check;
pub(super) use prune::prune;
pub(super) use write::{Written, remove_abandoned, write};

use super::fetch::Fetched;
use super::news::Listener;
use super::session::Session;
use super::source::Sources;
use super::{Task, failure};
use crate::error::{Code, Error};
use crate::package::name::PackageName;
use crate::package::version::Version;
use crate::pool::Spawner;
use crate::project::catalogs::{self, Catalogs};
use crate::project::edit::{Document, List};
use crate::project::graph::ProjectGraph;
use crate::project::overrides;
use crate::project::selection::select;
use crate::project::settings::Settings;
use crate::project::workspace::{Project, Workspace};
use crate::resolve::graph::{Resolution, Source, Target};
use crate::resolve::request::{Pinning, Refresh};
use crate::timings::Part;
use pattern::Patterns;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A change of what projects ask for.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Packages are added to manifests, or asked for differently.
    Add(Add),
    /// Packages are removed from manifests.
    Remove(Remove),
    /// Packages are brought up to date.
    Update(Update),
    /// As few versions as possible are used.
    Dedupe {
        /// Nothing is written; what would change is an error.
        check: bool,
    },
    /// `node_modules` gets rid of everything that the lockfile does not know.
    Prune,
}

impl Edit {
    /// Says whether the lockfile is the answer as it stands, and may not change.
    pub(super) fn is_frozen(&self) -> bool {
        matches!(self, Edit::Prune)
    }

    /// Says whether nothing may be written.
    pub(super) fn is_check(&self) -> bool {
        matches!(self, Edit::Dedupe { check: true })
    }
}

/// What an edit needs to know while it is drafted.
pub(super) struct Desk<'a> {
    pub task: &'a Task,
    pub settings: &'a Settings,
    pub sources: &'a Arc<Sources>,
    pub spawner: &'a Spawner,
    /// Which projects depended on which before the edit.
    pub graph: &'a ProjectGraph,
    pub listener: &'a Listener,
}

/// An edit under way.
#[derive(Default)]
pub(super) struct Draft {
    /// The projects whose manifests change, by index, with the text that stands on disk.
    before: BTreeMap<usize, Vec<u8>>,
    /// Ranges that are known when versions are.
    savings: Vec<Saving>,
    /// Entries of catalogs that change, by catalog and name.
    shared: BTreeMap<(String, PackageName), Shared>,
    /// Files that change besides manifests.
    rewrites: Vec<Rewrite>,
    anew: Anew,
    /// What had to be fetched to learn its name.
    fetched: Mutex<Vec<(Source, Fetched)>>,
    /// Packages of registries that resolution is bound to ask for.
    pub soon: BTreeSet<PackageName>,
}

/// What does not keep its version.
#[derive(Default)]
enum Anew {
    /// Everything does.
    #[default]
    Nothing,
    /// Packages by name, from some direct dependencies downwards.
    Matching {
        /// The direct dependencies, by the path of the project.
        directs: BTreeMap<String, BTreeSet<PackageName>>,
        /// The names.
        patterns: Patterns,
        /// How far down.
        depth: Option<usize>,
        /// Whether each name has to be that of something.
        is_known: bool,
    },
    /// Whatever another version of the lockfile suits.
    Together,
}

/// A range that is written when the version is known.
struct Saving {
    /// The project, by index.
    project: usize,
    /// The name it is installed under.
    alias: PackageName,
    /// The lists that it goes to.
    lists: Vec<List>,
    /// What stands before the version: `^`, `npm:react@~`.
    prefix: String,
}

/// An entry of a catalog that changes.
struct Shared {
    /// A project that asks for it, by index.
    project: usize,
    /// What the entry says while resolution goes on.
    specifier: String,
    /// What stands before the version when it is known; nothing when the entry stays as it is.
    prefix: Option<String>,
}

/// A file that changes.
struct Rewrite {
    path: PathBuf,
    /// What stands there; nothing when there is no such file.
    before: Option<Vec<u8>>,
    after: Vec<u8>,
}

/// Changes the manifests in memory as the task asks for.
pub(super) fn draft(workspace: &mut Workspace, desk: &Desk<'_>) -> Result<Draft, Error> {
    let _step = desk.task.edit.is_some().then(|| desk.sources.timings().step(Part::Resolve, "what the manifests are going to say"));
    match &desk.task.edit {
        None | Some(Edit::Prune) => Ok(Draft::default()),
        Some(Edit::Dedupe { .. }) => Ok(Draft { anew: Anew::Together, ..Draft::default() }),
        Some(Edit::Add(add)) => add::draft(add, workspace, desk),
        Some(Edit::Remove(remove)) => remove::draft(remove, workspace, desk),
        Some(Edit::Update(update)) => update::draft(update, workspace, desk),
    }
}

impl Draft {
    /// Changes the manifest of a project in memory.
    fn change(&mut self, workspace: &mut Workspace, project: usize, document: &Document) -> Result<(), Error> {
        let text = document.text().into_bytes();
        let changed = &mut workspace.projects[project];
        if text != changed.text {
            self.before.entry(project).or_insert_with(|| changed.text.clone());
            changed.replace_text(text).map_err(failure::of_project)?;
        }
        Ok(())
    }

    /// Adds the dependencies of all projects that ask for an entry of a catalog that changes.
    fn take_followers(&self, workspace: &Workspace, directs: &mut BTreeMap<String, BTreeSet<PackageName>>) {
        for project in &workspace.projects {
            let manifest = &project.manifest;
            let lists = [&manifest.dependencies, &manifest.dev_dependencies, &manifest.optional_dependencies];
            for (catalog, alias) in self.shared.keys() {
                let mut specifiers = lists.into_iter().filter_map(|list| list.get(alias.as_str()));
                if specifiers.any(|specifier| catalogs::asked(specifier) == Some(catalog)) {
                    directs.entry(project.path.clone()).or_default().insert(alias.clone());
                }
            }
        }
    }

    /// Returns how far the previous answer is kept.
    pub fn pinning(&self, previous: Option<&Resolution>) -> Result<Pinning, Error> {
        match (&self.anew, previous) {
            (Anew::Nothing, _) => Ok(Pinning::Keep),
            (Anew::Together, _) => Ok(Pinning::Dedupe),
            (Anew::Matching { directs, patterns, depth, is_known }, previous) => {
                let nothing = Resolution::default();
                let previous = previous.unwrap_or(&nothing);
                if *is_known {
                    check_known(previous, directs, patterns)?;
                }
                let names = names(previous, directs, patterns);
                Ok(Pinning::Refresh(Refresh { directs: directs.clone(), names, depth: *depth }))
            }
        }
    }

    /// Returns the paths of the projects whose manifests change.
    pub fn changed<'a>(&self, workspace: &'a Workspace) -> impl Iterator<Item = &'a str> {
        self.before.keys().map(|at| workspace.projects[*at].path.as_str())
    }

    /// Puts entries of catalogs over those that are there.
    pub fn overlay(&self, catalogs: &mut Catalogs) {
        for ((catalog, alias), shared) in &self.shared {
            catalogs.entry(catalog.clone()).or_default().insert(alias.to_string(), shared.specifier.clone());
        }
    }

    /// Returns what was fetched from a place already.
    pub fn take_fetched(&self, source: &Source) -> Option<Fetched> {
        let mut fetched = self.fetched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = fetched.iter().position(|(known, _)| known == source)?;
        Some(fetched.swap_remove(at).1)
    }
}

/// Finds the packages of the previous answer that patterns mean, by their own names or by those of direct dependencies.
fn names(previous: &Resolution, directs: &BTreeMap<String, BTreeSet<PackageName>>, patterns: &Patterns) -> BTreeSet<PackageName> {
    let all = previous.packages.iter().map(|package| &package.name);
    let mut names: BTreeSet<PackageName> = all.filter(|name| patterns.admit(name.as_str())).cloned().collect();
    for importer in &previous.importers {
        let Some(aliases) = directs.get(&importer.path) else { continue };
        let meant = importer.dependencies.iter().filter(|direct| aliases.contains(&direct.alias) && patterns.admit(direct.alias.as_str()));
        let targets = meant.filter_map(|direct| direct.target.as_ref()?.instance());
        names.extend(targets.map(|index| previous.package_of(index).name.clone()));
    }
    names
}

/// Refuses names that nothing has. A glob may well fit nothing today.
fn check_known(previous: &Resolution, directs: &BTreeMap<String, BTreeSet<PackageName>>, patterns: &Patterns) -> Result<(), Error> {
    let direct = directs.values().flatten().map(PackageName::as_str);
    let names = direct.chain(previous.packages.iter().map(|package| package.name.as_str()));
    let unknown = patterns.unmatched(names).into_iter().filter(|text| !text.contains(['*', '?', '[', '{']));
    let unknown: Vec<String> = unknown.map(|text| format!("`{}`", text.escape_debug())).collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(Error::new(Code::NotDependency, format!("{} cannot be updated: nothing depends on it", unknown.join(", ")))),
    }
}

/// Writes the ranges of what was chosen into the manifests in memory and into the answer.
pub(super) fn save(session: &mut Session<'_>, resolution: &mut Resolution) -> Result<(), Error> {
    catalog::save(session, resolution)?;
    let savings = std::mem::take(&mut session.draft.savings);
    let mut by_project: BTreeMap<usize, Vec<Saving>> = BTreeMap::new();
    for saving in savings {
        by_project.entry(saving.project).or_default().push(saving);
    }
    for (at, savings) in by_project {
        let project = &session.workspace.projects[at];
        let document = open(project)?;
        for saving in savings {
            let version = chosen(resolution, &session.workspace, &project.path, &saving.alias)?;
            let specifier = range::specifier(&saving.prefix, &version);
            saving.lists.iter().for_each(|list| document.set(*list, saving.alias.as_str(), &specifier));
            if let Some(direct) = direct_mut(resolution, &project.path, &saving.alias) {
                direct.specifier = specifier;
            }
        }
        session.draft.change(&mut session.workspace, at, &document)?;
    }
    catalog::rewrite(session)?;
    // An override may refer to what a project asks for.
    session.overrides = overrides::read(&session.workspace).map_err(failure::of_project)?;
    Ok(())
}

/// Returns the projects that an edit is for, by index.
fn selected(workspace: &Workspace, desk: &Desk<'_>) -> Result<Vec<usize>, Error> {
    select(workspace, desk.graph, &desk.task.selection, &desk.task.dir).map_err(failure::of_project)
}

/// Opens the manifest of a project for editing.
fn open(project: &Project) -> Result<Document, Error> {
    Document::parse(&project.text, &project.stamp.path).map_err(failure::of_project)
}

/// Returns the version that a direct dependency came to.
fn chosen(resolution: &Resolution, workspace: &Workspace, project: &str, alias: &PackageName) -> Result<String, Error> {
    let importer = resolution.importers.iter().find(|importer| importer.path == project);
    let direct = importer.and_then(|importer| importer.dependencies.iter().find(|direct| direct.alias == *alias));
    let version = match direct.and_then(|direct| direct.target.as_ref()) {
        Some(Target::Instance(index)) => Some(resolution.package_of(*index).version.clone()),
        Some(Target::Folder(path)) => {
            workspace.projects.iter().find(|project| project.path == *path).and_then(|project| project.manifest.version.clone())
        }
        None => None,
    };
    version.filter(|version| Version::parse(version).is_some()).ok_or_else(|| {
        Error::new(Code::Resolve, format!("`{alias}` could not be resolved, so there is no version to write into package.json"))
            .hint("Nothing was changed.")
    })
}

fn direct_mut<'a>(resolution: &'a mut Resolution, project: &str, alias: &PackageName) -> Option<&'a mut crate::resolve::graph::Direct> {
    let importer = resolution.importers.iter_mut().find(|importer| importer.path == project)?;
    importer.dependencies.iter_mut().find(|direct| direct.alias == *alias)
}
