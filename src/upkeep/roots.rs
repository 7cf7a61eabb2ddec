//! The roots of a store: its projects, and the packages and shared slots that each of them needs.
//!
//! A project needs what its `deka.lock` names (so that removing `node_modules` costs nothing) and what its
//! `node_modules` was built from (so that changing the lockfile does not pull files from under it). What cannot be read
//! is never taken for "needs nothing": such a root says so, and whoever deletes has to leave everything alone.

use crate::error::{Code, Error};
use crate::install::{self, Task, key_of, of_file, of_store};
use crate::layout::record::{FILE_NAME, Record};
use crate::lockfile;
use crate::package::name::PackageName;
use crate::project::env::Env;
use crate::project::settings::Flags;
use crate::project::workspace::{MANIFEST, Workspace};
use crate::resolve::graph::Source;
use crate::store::{PackageKey, Store};
use std::path::{Path, PathBuf};

/// A project that was installed from the store.
#[derive(Debug)]
pub struct Root {
    /// Its folder, absolute.
    pub project: PathBuf,
    /// The day of its last install, in days since 1970.
    pub used_day: i64,
    /// What it needs.
    pub needs: Needs,
}

/// What a project needs of the store.
#[derive(Debug)]
pub enum Needs {
    /// Nothing: its folder is not there, or holds no project any more.
    Gone,
    /// These packages.
    Known(Known),
    /// Nobody knows, because something of it could not be read.
    Unreadable(Error),
}

/// The packages of a project.
#[derive(Debug, Default)]
pub struct Known {
    /// What its lockfile names.
    pub locked: Vec<Locked>,
    /// What its `node_modules` was built from.
    pub slots: Vec<Installed>,
}

/// A package that a lockfile names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// What it is looked up by.
    pub key: PackageKey,
    /// Its name.
    pub name: PackageName,
    /// Its version; empty for what has none.
    pub version: String,
    /// Where its bytes come from.
    pub source: Source,
}

/// A slot that stands for a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// What its package is looked up by.
    pub key: PackageKey,
    /// The name of its package.
    pub package: PackageName,
    /// The name of the slot's folder.
    pub name: String,
    /// Whether it is one of the store's shared slots.
    pub shared: bool,
    /// Whether the files are the package's own, and not links to objects.
    pub private: bool,
    /// Where the files of the package stand.
    pub folder: PathBuf,
}

/// Reads what all projects of a store need. The environment is that of the user whose projects they are.
pub fn read(store: &Store, env: &Env) -> Result<Vec<Root>, Error> {
    let projects = store.projects().map_err(of_store)?;
    let root = |project: crate::store::Project| {
        let needs = if project.path.is_dir() { of_project(&project.path, store.root(), env) } else { missing(&project.path) };
        Root { used_day: project.used_day, needs, project: project.path }
    };
    Ok(projects.into_iter().map(root).collect())
}

/// Tells a folder that is gone from one that cannot be looked at.
fn missing(project: &Path) -> Needs {
    match std::fs::symlink_metadata(project) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Needs::Gone,
        Ok(_) => Needs::Gone,
        Err(error) => Needs::Unreadable(Error::new(Code::Io, format!("cannot look at {}: {error}", project.display()))),
    }
}

/// Reads what one project needs of the store in a folder.
pub fn of_project(project: &Path, store: &Path, env: &Env) -> Needs {
    match read_project(project, store, env) {
        Ok(Some(known)) => Needs::Known(known),
        Ok(None) => Needs::Gone,
        Err(error) => Needs::Unreadable(error),
    }
}

fn read_project(project: &Path, store: &Path, env: &Env) -> Result<Option<Known>, Error> {
    let manifest = crate::fs::read_if_there(&project.join(MANIFEST)).map_err(of_file)?;
    let lock = project.join(install::LOCKFILE);
    let lockfile = crate::fs::read_if_there(&lock).map_err(of_file)?;
    let own = slots_of(project, manifest.is_some(), env)?;
    let record = crate::fs::read_if_there(&own.join(FILE_NAME)).map_err(of_file)?;
    if manifest.is_none() && lockfile.is_none() && record.is_none() {
        return Ok(None);
    }
    let mut known = Known::default();
    if let Some(text) = lockfile {
        let read = lockfile::read(&text).map_err(|error| install::of_lockfile(&lock, error))?;
        let locked = |package: &crate::resolve::graph::Package| Locked {
            key: key_of(package),
            name: package.name.clone(),
            version: package.version.clone(),
            source: package.source.clone(),
        };
        known.locked = read.resolution.packages.iter().map(locked).collect();
    }
    if let Some(bytes) = record {
        let record = Record::decode(&bytes).ok_or_else(|| {
            let message = format!("{} is damaged, so what {} needs is not known", own.join(FILE_NAME).display(), project.display());
            Error::new(Code::Io, message).hint(format!("Run `deka install` in {}.", project.display()))
        })?;
        let shared = store.join(install::SHARED_SLOTS);
        known.slots = record
            .slots
            .into_iter()
            .map(|slot| Installed {
                folder: if slot.shared { &shared } else { &own }.join(&slot.name).join("node_modules").join(slot.package.as_str()),
                key: PackageKey::of_source(slot.content.clone()),
                package: slot.package.clone(),
                name: slot.name.clone(),
                shared: slot.shared,
                private: slot.private,
            })
            .collect();
    }
    Ok(Some(known))
}

/// Returns the folder of slots of a project, absolute.
fn slots_of(project: &Path, has_manifest: bool, env: &Env) -> Result<PathBuf, Error> {
    let workspace = if has_manifest { Some(Workspace::load(project).map_err(install::of_project)?) } else { None };
    let task = Task::new(project.to_owned(), env.clone(), Flags::default());
    let settings = install::load_settings(&task, workspace.as_ref())?;
    let (_, slots) = install::folders(&settings, project)?;
    Ok(project.join(slots.as_str()))
}
