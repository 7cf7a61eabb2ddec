//! What stands in `node_modules`, held against what is locked.
//!
//! The record of the last install tells which packages were put in place; a look at the links of the direct dependencies
//! tells what became of them since. Neither is taken for more than it is: answers are about the lockfile, and where
//! `node_modules` holds something else, that is said.

use super::graph::{Node, admits};
use super::subject::Subject;
use crate::error::Error;
use crate::install::{folders, key_of, of_file};
use crate::layout::join;
use crate::layout::record::{FILE_NAME, Record};
use crate::package::manifest::Manifest;
use crate::project::settings::{Groups, Settings};
use crate::project::state::State;
use crate::resolve::graph::{Group, Instance, InstanceIndex, Package, Resolution, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the last install left.
#[derive(Debug)]
pub(super) struct Standing {
    modules_dir: String,
    installed: Option<Installed>,
}

#[derive(Debug)]
struct Installed {
    groups: Groups,
    record: Record,
}

impl Standing {
    pub(super) fn read(settings: &Settings, root: &Path) -> Result<Standing, Error> {
        let (modules_dir, slots) = folders(settings, root)?;
        let bytes = crate::fs::read_if_there(&root.join(slots.as_str()).join(FILE_NAME)).map_err(of_file)?;
        let everything = Groups { prod: true, dev: true, optional: true };
        let groups = || State::read(&root.join(modules_dir.as_str())).map_or(everything, |state| state.groups);
        let installed = bytes.as_deref().and_then(Record::decode).map(|record| Installed { groups: groups(), record });
        Ok(Standing { modules_dir: modules_dir.as_str().to_owned(), installed })
    }

    /// Says whether a list of dependencies was left out by the last install.
    pub(super) fn leaves_out(&self, group: Group) -> bool {
        self.installed.as_ref().is_some_and(|installed| !admits(installed.groups, group))
    }

    /// Returns where a direct dependency of a project is linked.
    pub(super) fn place_of(&self, project: &Path, alias: &str) -> PathBuf {
        project.join(&self.modules_dir).join(alias)
    }

    /// Says what of a direct dependency stands in `node_modules`, unless it is what is locked. Where nothing is installed
    /// at all, nothing is said of each dependency.
    pub(super) fn fault_of(&self, project: &Path, alias: &str, locked: &Package) -> Option<String> {
        self.installed.as_ref()?;
        let place = self.place_of(project, alias);
        if std::fs::read_link(&place).is_ok_and(|text| is_slot_of(&text.to_string_lossy(), locked)) && place.exists() {
            return None;
        }
        match version_at(&place) {
            None => Some("not installed".to_owned()),
            Some(version) if version == locked.version => None,
            Some(version) => Some(format!("node_modules has {version}")),
        }
    }

    /// Returns the version of a direct dependency that stands in `node_modules`; the locked one where nothing is installed
    /// at all.
    pub(super) fn version_of(&self, project: &Path, alias: &str, locked: &Package) -> Option<String> {
        let place = self.place_of(project, alias);
        match self.fault_of(project, alias, locked) {
            None => Some(locked.version.clone()),
            Some(_) => version_at(&place),
        }
    }

    pub(super) fn differences(&self, subject: &Subject) -> Vec<String> {
        let resolution = &subject.resolution;
        let Some(Installed { groups, record }) = &self.installed else {
            let nothing_wanted = resolution.instances.is_empty();
            let line = "nothing is installed; `deka install` puts in place what is locked".to_owned();
            return if nothing_wanted { Vec::new() } else { vec![line] };
        };
        let recorded: BTreeSet<&str> = record.folders.iter().map(|folder| folder.path.as_str()).collect();
        let has_folder = |path: &str| recorded.contains(join(path, &self.modules_dir).as_str());
        let importers = resolution.importers.iter().enumerate();
        let installed: Vec<usize> = importers.filter(|(_, importer)| has_folder(&importer.path)).map(|(index, _)| index).collect();
        let reached = subject.graph().reached(&installed, |group| admits(*groups, group));
        let instances = (0..).map(InstanceIndex).zip(&resolution.instances);
        let wanted = instances.filter(|(index, _)| reached.has(Node::Package(*index))).map(|(_, instance)| instance);
        let key = |instance: &Instance| key_of(resolution.package(instance.package)).as_str().to_owned();
        // An optional package may be missing for many good reasons.
        let (optional, required): (Vec<&Instance>, Vec<&Instance>) = wanted.partition(|instance| instance.optional);
        let required: BTreeSet<String> = required.into_iter().map(key).collect();
        let optional: BTreeSet<String> = optional.into_iter().map(key).collect();
        let stand: BTreeSet<&str> = record.slots.iter().map(|slot| without_digest(&slot.content, resolution)).collect();
        let missing = required.iter().filter(|key| !stand.contains(key.as_str())).count();
        let surplus = stand.iter().filter(|key| !required.contains(**key) && !optional.contains(**key)).count();
        sentence(missing, surplus).into_iter().collect()
    }
}

/// Returns what a slot was filled with, without the digest that tells one state of a copied folder from another.
fn without_digest<'a>(content: &'a str, resolution: &Resolution) -> &'a str {
    let is_folder =
        |id: &str| resolution.packages.iter().any(|package| package.id == id && matches!(package.source, Source::Folder { .. }));
    content.rsplit_once('#').map(|(id, _)| id).filter(|id| is_folder(id)).unwrap_or(content)
}

fn sentence(missing: usize, surplus: usize) -> Option<String> {
    let are = |count: usize| if count == 1 { "1 package is".to_owned() } else { format!("{count} packages are") };
    let what = match (missing, surplus) {
        (0, 0) => return None,
        (missing, 0) => format!("{} missing", are(missing)),
        (0, surplus) => format!("{} there that the lockfile does not have", are(surplus)),
        (missing, surplus) => format!("{} missing, and {} there that the lockfile does not have", are(missing), are(surplus)),
    };
    Some(format!("node_modules is not what deka.lock says: {what}; `deka install` mends that"))
}

/// Says whether a link leads to the slot of a package; no for the few slots whose names are shortened.
fn is_slot_of(text: &str, package: &Package) -> bool {
    let slot = text.rsplit_once("/node_modules/").map_or("", |(slot, _)| slot.rsplit('/').next().unwrap_or(slot));
    let rest = slot.strip_prefix(&package.name.as_str().replace('/', "+")).and_then(|rest| rest.strip_prefix('@'));
    let rest = rest.and_then(|rest| rest.strip_prefix(&package.version));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Reads the version of the package in a folder; empty when it has none.
fn version_at(folder: &Path) -> Option<String> {
    let text = std::fs::read(folder.join(crate::project::workspace::MANIFEST)).ok()?;
    Some(Manifest::parse(&text).ok()?.version.unwrap_or_default())
}
