//! What the questions are asked about: a workspace, its lockfile, and what stands in its `node_modules`.

use super::graph::Graph;
use super::standing::Standing;
use crate::error::{Code, Error};
use crate::install::{self, of_file, of_project};
use crate::lockfile;
use crate::package::platform::Host;
use crate::project::catalogs::{self, Catalogs};
use crate::project::host::host;
use crate::project::settings::Settings;
use crate::project::workspace::Workspace;
use crate::resolve::graph::{Importer, InstanceIndex, Resolution};
use std::path::PathBuf;

/// A workspace and what is known of its dependencies.
#[derive(Debug)]
pub struct Subject {
    /// The projects.
    pub workspace: Workspace,
    /// The settings that apply.
    pub settings: Settings,
    /// What the lockfile says; nothing when there is none.
    pub resolution: Resolution,
    /// Whether there is a lockfile.
    pub is_locked: bool,
    /// The machine that packages are installed for.
    pub host: Host,
    catalogs: Catalogs,
    /// What stands in `node_modules`.
    pub(super) standing: Standing,
}

impl Subject {
    /// Reads what is known of a workspace. Nothing on disk is changed.
    pub fn read(workspace: Workspace, settings: Settings) -> Result<Subject, Error> {
        let path = workspace.root.join(install::LOCKFILE);
        let text = if settings.lockfile.enabled { crate::fs::read_if_there(&path).map_err(of_file)? } else { None };
        let locked = text.map(|text| lockfile::read(&text)).transpose().map_err(|error| install::of_lockfile(&path, error))?;
        let is_locked = locked.is_some();
        let resolution = locked.map(|locked| locked.resolution).unwrap_or_default();
        let standing = Standing::read(&settings, &workspace.root)?;
        let catalogs = catalogs::read(&workspace).map_err(of_project)?;
        let host = host(&settings.architectures);
        Ok(Subject { workspace, settings, resolution, is_locked, host, catalogs, standing })
    }

    /// Returns the graph of projects and packages.
    pub fn graph(&self) -> Graph<'_> {
        Graph::new(&self.resolution)
    }

    /// Returns what the lockfile says of a project, by its index in the workspace.
    pub fn importer(&self, project: usize) -> Option<&Importer> {
        let path = self.workspace.projects[project].path.as_str();
        self.resolution.importers.iter().find(|importer| importer.path == path)
    }

    /// Returns the index in the workspace of the project at a path.
    pub fn project_at(&self, path: &str) -> Option<usize> {
        self.workspace.projects.iter().position(|project| project.path == path)
    }

    /// Returns the index in the lockfile of a project of the workspace.
    pub(super) fn importer_index(&self, project: usize) -> Option<usize> {
        let path = self.workspace.projects[project].path.as_str();
        self.resolution.importers.iter().position(|importer| importer.path == path)
    }

    /// Says whether a package is left out on this machine.
    pub(super) fn is_left_out(&self, index: InstanceIndex) -> bool {
        self.resolution.instance(index).optional && !self.resolution.package_of(index).platform.admits(&self.host)
    }

    /// Returns where a direct dependency of a project is linked.
    pub fn place_of(&self, project: usize, alias: &str) -> PathBuf {
        self.standing.place_of(&self.workspace.projects[project].folder, alias)
    }

    /// Returns the author's warning of the locked version of a direct dependency, if there is one.
    pub fn warning_of(&self, project: usize, alias: &str) -> Option<&str> {
        let direct = self.importer(project)?.dependencies.iter().find(|direct| direct.alias.as_str() == alias)?;
        let index = direct.target.as_ref()?.instance()?;
        self.resolution.package_of(index).deprecated.as_deref()
    }

    /// Returns what an entry of a catalog says.
    pub(super) fn catalog_entry(&self, catalog: &str, alias: &str) -> Option<String> {
        let catalog = if catalog.is_empty() { catalogs::DEFAULT } else { catalog };
        self.catalogs.get(catalog)?.get(alias).cloned()
    }

    /// Says in sentences how `node_modules` differs from what is locked; nothing when it does not.
    pub fn differences(&self) -> Vec<String> {
        if !self.is_locked {
            return vec!["there is no deka.lock, so only what package.json asks for is known; `deka install` writes it".to_owned()];
        }
        self.standing.differences(self)
    }

    /// Fails where an answer would be made of nothing.
    pub fn require_lockfile(&self) -> Result<(), Error> {
        if self.is_locked {
            return Ok(());
        }
        let path = self.workspace.root.join(install::LOCKFILE);
        Err(Error::new(Code::Lockfile, format!("there is no {}, so it is not known what depends on what", path.display()))
            .hint("Run `deka install` to resolve the dependencies and to write it."))
    }
}
