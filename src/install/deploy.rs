//! Deploying: one project with what it needs, in a folder that stands on its own.
//!
//! The folder gets the files that the project's package has, a manifest and a lockfile of its own, and a `node_modules`
//! made from them. Versions are those of the workspace's lockfile: nothing is resolved, the tables of the resolution are
//! cut down and rewritten. What was linked from elsewhere (projects of the workspace, folders, local tarballs) is copied
//! into the folder first, as [`parts`] finds it, and installed from there; so no link leads out of it, it can be moved to
//! another machine, and `deka ci` works there.

mod manifest;
mod parts;
mod tables;
mod target;

use super::news::{Counters, Listener};
use super::{LOCKFILE, Outcome, Task, failure, resolving, run_with};
use crate::error::{Code, Error};
use crate::layout::join;
use crate::lockfile::{self, Lockfile};
use crate::project::packing;
use crate::project::settings::{Frozen, Settings, VirtualStore};
use crate::project::workspace::{MANIFEST, Workspace, find_root};
use crate::project::{builds, catalogs};
use crate::resolve::graph::Resolution;
use parts::{Kind, Part, Parts};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use target::Target;

/// What is to be deployed, and where to.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The project, by its index in the workspace.
    pub project: usize,
    /// The folder, absolute.
    pub target: PathBuf,
    /// Whether what is in the folder may be deleted.
    pub force: bool,
}

/// Deploys a project. Which of its dependencies come along is said by `settings`, those of the workspace; `task` is what
/// was asked of the workspace. When it fails, the folder is as empty as it was.
pub fn deploy(
    (workspace, settings): (&Workspace, Settings),
    deployment: &Deployment,
    task: &Task,
    told: (&Arc<Counters>, &Listener),
) -> Result<Outcome, Error> {
    let resolution = locked(workspace)?;
    let catalogs = catalogs::read(workspace).map_err(failure::of_project)?;
    let parts = Parts::gather(workspace, &resolution, deployment.project, (settings.groups, &catalogs))?;
    let target = Target::check(workspace, &deployment.target, task.env.home(), deployment.force)?;
    let files: Vec<_> = parts.all.iter().map(|part| files(part, &deployment.target)).collect::<Result<_, _>>()?;
    let auto_install_peers = settings.resolution.auto_install_peers;
    let resolution = tables::cut(&parts, &resolution, auto_install_peers)?;
    let builds = builds::read(workspace).map_err(failure::of_project)?;
    target.fill(|target| {
        for (part, files) in parts.all.iter().zip(&files) {
            target.copy(part, files, settings.layout.import_method)?;
        }
        for part in parts.all.iter().filter(|part| part.kind == Kind::Folder) {
            let builds = (part.place == parts::HERE).then_some(&builds);
            target.write(&join(&part.place, MANIFEST), &manifest::text(&part.rewritten, builds))?;
        }
        target.write(LOCKFILE, lockfile::write(lockfile_of(resolution, &settings).borrowed()).as_bytes())?;
        if find_root(&deployment.target, task.env.home()).map_err(failure::of_project)? != deployment.target {
            let message = format!("cannot deploy to {}: it would be a project of a workspace there", deployment.target.display());
            return Err(Error::new(Code::Usage, message).hint("Choose a folder that the globs of the workspace do not name."));
        }
        let task = Task { dir: deployment.target.clone(), selection: Default::default(), ..task.clone() };
        run_with(&task, settings_there(settings), told.0, told.1)
    })
}

/// Reads the lockfile of the workspace.
fn locked(workspace: &Workspace) -> Result<Resolution, Error> {
    let path = workspace.root.join(LOCKFILE);
    let Some(text) = crate::fs::read_if_there(&path).map_err(failure::of_file)? else {
        return Err(Error::new(Code::Lockfile, format!("there is no {}, and what is deployed is what it says", path.display()))
            .hint("Run `deka install` to write it."));
    };
    Ok(lockfile::read(&text).map_err(|error| failure::of_lockfile(&path, error))?.resolution)
}

/// Lists the files of a part that are deployed. What an earlier deployment left in the project's own folder is not.
fn files(part: &Part, target: &Path) -> Result<Vec<String>, Error> {
    if part.kind == Kind::Tarball {
        return Ok(Vec::new());
    }
    let found = packing::files(&part.from, &part.fields).map_err(failure::of_file)?;
    let found = found.into_iter().filter(|path| !part.from.join(path.as_str()).starts_with(target));
    Ok(found.map(|path| path.as_str().to_owned()).collect())
}

fn lockfile_of(resolution: Resolution, settings: &Settings) -> Lockfile {
    let options = resolving::options_of(settings);
    let settings = lockfile::Settings {
        auto_install_peers: options.auto_install_peers,
        dedupe_peer_dependents: options.dedupe_peer_dependents,
        resolve_peers_from_workspace_root: options.resolve_peers_from_workspace_root,
    };
    Lockfile { settings, resolution, ..Lockfile::default() }
}

/// Returns the settings to install with in the folder: those of the workspace, but for what would lead out of the folder,
/// and with a lockfile that is the answer.
fn settings_there(mut settings: Settings) -> Settings {
    settings.layout.virtual_store = VirtualStore::Project;
    settings.layout.virtual_store_dir = None;
    settings.lockfile.enabled = true;
    settings.lockfile.frozen = Frozen::Yes;
    settings.lockfile.only = false;
    settings
}
