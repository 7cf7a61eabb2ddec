//! What the programs that users run find around them: the project, the settings, the environment.

use super::super::Context;
use crate::error::Error;
use crate::install::{self, Task};
use crate::package::manifest::Manifest;
use crate::project::env::Env;
use crate::project::error::ProjectError;
use crate::project::selection::Selection;
use crate::project::settings::{Flags, Settings};
use crate::project::workspace::{Project, Workspace, find_root};
use crate::scripts::environment::{self, Owner, Variables};
use crate::scripts::gyp::{self, NodeGyp};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The surroundings of a run.
pub struct Stage<'a> {
    /// What every command gets.
    pub context: &'a Context,
    /// The workspace; nothing outside of any.
    pub workspace: Option<Workspace>,
    /// The settings of the command line.
    pub flags: Flags,
    /// All settings.
    pub settings: Settings,
    node: Option<PathBuf>,
    node_gyp: Option<NodeGyp>,
    program: PathBuf,
}

impl<'a> Stage<'a> {
    /// Reads the workspace that deka was called in, which has to be there, and the settings.
    pub fn of_project(context: &'a Context) -> Result<Stage<'a>, Error> {
        let root = find_root(&context.dir, context.env.home()).map_err(install::of_project)?;
        let workspace = Workspace::load(&root).map_err(install::of_project)?;
        Stage::new(context, Some(workspace), Flags::default())
    }

    /// Reads the workspace that deka was called in, if there is one, and the settings.
    pub fn anywhere(context: &'a Context, flags: Flags) -> Result<Stage<'a>, Error> {
        let workspace = match find_root(&context.dir, context.env.home()) {
            Ok(root) => Some(Workspace::load(&root).map_err(install::of_project)?),
            Err(ProjectError::NoManifest { .. }) => None,
            Err(error) => return Err(install::of_project(error)),
        };
        Stage::new(context, workspace, flags)
    }

    /// What is odd about manifests and settings is said when they are installed from, not each time a script runs.
    fn new(context: &'a Context, workspace: Option<Workspace>, flags: Flags) -> Result<Stage<'a>, Error> {
        let (dir, env, selection) = (context.dir.clone(), context.env.clone(), Selection::default());
        let task = Task { dir, env, flags: flags.clone(), selection, clean: false, edit: None };
        let settings = install::load_settings(&task, workspace.as_ref())?;
        let npm = context.env.find_program("npm").and_then(|npm| std::fs::canonicalize(npm).ok());
        Ok(Stage {
            context,
            workspace,
            flags,
            settings,
            node: context.env.find_program("node"),
            node_gyp: npm.as_deref().and_then(gyp::find),
            program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("deka")),
        })
    }

    /// Returns the project that is meant when none is selected: the one that deka was called in, or the root's own.
    pub fn project(&self) -> Option<&Project> {
        let workspace = self.workspace.as_ref()?;
        let index = if self.context.selection.workspace_root { 0 } else { workspace.project_at(&self.context.dir) };
        workspace.projects.get(index)
    }

    /// Returns the environment of a script of a project.
    pub fn of_script(&self, project: &Project, event: &str, command: &OsStr) -> Variables {
        let bin_folders = self.bin_folders(project);
        let manifest = project.stamp.path.as_path();
        environment::environment(&self.around("run-script"), &owner(&project.manifest, manifest, &bin_folders), event, command)
    }

    /// Returns the environment of a command that is run in a project.
    pub fn of_command(&self, project: &Project) -> Variables {
        self.of_program(&project.manifest, &project.stamp.path, &self.bin_folders(project))
    }

    /// Returns the environment of a program that finds the commands of these folders before all others.
    pub fn of_program(&self, manifest: &Manifest, path: &Path, bin_folders: &[PathBuf]) -> Variables {
        environment::surroundings(&self.around("exec"), &owner(manifest, path, bin_folders))
    }

    fn around(&self, command: &'static str) -> environment::Context<'_> {
        environment::Context {
            inherited: self.context.env.variables(),
            called_in: &self.context.dir,
            command,
            program: &self.program,
            node: self.node.as_deref(),
            node_gyp: self.node_gyp.as_ref(),
            user_agent: &self.settings.network.user_agent,
            node_options: self.settings.scripts.node_options.as_deref(),
            secrets: &self.settings.secrets,
        }
    }

    fn bin_folders(&self, project: &Project) -> Vec<PathBuf> {
        let root = self.workspace.as_ref().map_or(project.folder.as_path(), |workspace| &workspace.root);
        environment::bin_folders(&project.folder, root, &self.settings.layout.modules_dir)
    }
}

fn owner<'a>(manifest: &'a Manifest, path: &'a Path, bin_folders: &'a [PathBuf]) -> Owner<'a> {
    Owner {
        name: manifest.name.as_deref().unwrap_or_default(),
        version: manifest.version.as_deref().unwrap_or_default(),
        manifest: path,
        bin_folders,
        engines: &manifest.engines,
        is_root: true,
    }
}

/// Says whether deka was called by a script or a command that deka or another package manager runs.
pub fn is_inside_another(env: &Env) -> bool {
    env.get("npm_lifecycle_event").is_some() || env.get("npm_command").is_some()
}
