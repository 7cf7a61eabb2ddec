//! What all steps of one install share.

use super::ahead::Ahead;
use super::answers::Fresh;
use super::edit::Draft;
use super::locked::Foreseen;
use super::news::{Counters, Event, Listener};
use super::source::Sources;
use super::{Message, Task, failure};
use crate::error::{Code, Error};
use crate::layout::survey::Glance;
use crate::layout::{LayoutError, Places};
use crate::package::path::RelPath;
use crate::pool::Spawner;
use crate::project::catalogs::Catalogs;
use crate::project::graph::ProjectGraph;
use crate::project::settings::{Settings, VirtualStore};
use crate::project::workspace::Workspace;
use crossbeam_channel::{Receiver, Sender};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folder of shared slots, in the store.
pub(crate) const SHARED_SLOTS: &str = "slots";

/// One install, once its settings and manifests are read.
pub(super) struct Session<'a> {
    /// What was asked for.
    pub task: &'a Task,
    /// All settings.
    pub settings: Arc<Settings>,
    /// The projects.
    pub workspace: Workspace,
    /// Which projects depend on which, not counting what an edit changes: edits run no scripts of projects.
    pub graph: ProjectGraph,
    /// The projects that are installed, as indices; nothing for all of them.
    pub selected: Option<Vec<usize>>,
    /// Overrides, as selectors and what they put in place.
    pub overrides: Vec<(String, String)>,
    /// What the task changes in manifests.
    pub draft: Draft,
    /// The catalogs of the workspace.
    pub catalogs: Catalogs,
    /// Where `node_modules` is built.
    pub places: Places,
    /// Whether what stands in `node_modules` was written since the machine was started.
    pub written_in_this_boot: bool,
    /// Where packages come from.
    pub sources: Arc<Sources>,
    /// Work for the pool.
    pub spawner: Spawner,
    /// What the pool sends back.
    pub sender: Sender<Message>,
    /// The other end of that.
    pub receiver: Receiver<Message>,
    /// Progress.
    pub counters: Arc<Counters>,
    /// Where news go.
    pub listener: Listener,
    /// What was warned of so far.
    pub warned: Mutex<Vec<String>>,
    /// The lockfile's text and what it says, unless that is an error.
    pub foreseen: Foreseen,
    /// What stands in `node_modules`. Nobody else may have changed that when it is taken.
    pub seen: Ahead<Result<Option<Glance>, LayoutError>>,
    /// The answer of this install, to be kept at the end of it.
    pub fresh: Mutex<Option<Fresh>>,
}

impl Session<'_> {
    /// Waits for the next message of the pool.
    pub fn receive(&self) -> Result<Message, Error> {
        // Cannot fail while the session holds a sender itself.
        self.receiver.recv().map_err(|error| Error::new(Code::Internal, format!("the work on the pool ended early: {error}")))
    }

    /// Returns the paths of the projects that are laid out; nothing for all of them.
    pub fn scope(&self) -> Option<BTreeSet<String>> {
        let selected = self.selected.as_ref()?;
        Some(selected.iter().map(|index| self.workspace.projects[*index].path.clone()).collect())
    }

    pub fn warn(&self, warning: impl ToString) {
        let warning = warning.to_string();
        self.warnings().push(warning.clone());
        (self.listener)(Event::Warning(warning));
    }

    /// Returns what was warned of so far.
    pub fn warned(&self) -> Vec<String> {
        self.warnings().clone()
    }

    /// Returns the place of the answer.
    pub fn fresh(&self) -> MutexGuard<'_, Option<Fresh>> {
        // Nothing panics under the lock.
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn warnings(&self) -> MutexGuard<'_, Vec<String>> {
        // Only pushes happen under the lock.
        self.warned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn trace(&self, message: impl ToString) {
        (self.listener)(Event::Trace(message.to_string()));
    }

    pub fn stage(&self, name: &'static str, message: String) {
        (self.listener)(Event::Stage { name, message });
    }

    /// Returns the modules folder of the root, absolute.
    pub fn modules_dir(&self) -> PathBuf {
        self.workspace.root.join(self.places.modules_dir.as_str())
    }
}

/// Returns the folder of direct dependencies and the folder of slots, relative to the root of the project.
pub(crate) fn folders(settings: &Settings, root: &Path) -> Result<(RelPath, RelPath), Error> {
    let inside = |text: &str| {
        RelPath::parse(text)
            .map_err(|error| Error::new(Code::Settings, format!("`modules-dir` or `virtual-store-dir` cannot be used: {error}")))
    };
    let modules_dir = inside(&settings.layout.modules_dir)?;
    let virtual_dir = match &settings.layout.virtual_store_dir {
        None => inside(&format!("{modules_dir}/{}", crate::project::folder::NAME))?,
        Some(folder) => {
            let below = folder.strip_prefix(root).ok().and_then(|below| below.to_str());
            inside(below.ok_or_else(|| Error::new(Code::Settings, "`virtual-store-dir` must lie inside the project"))?)?
        }
    };
    Ok((modules_dir, virtual_dir))
}

/// Returns where the packages of a project are put.
pub(super) fn places(settings: &Settings, workspace: &Workspace) -> Result<Places, Error> {
    let (modules_dir, virtual_dir) = folders(settings, &workspace.root)?;
    let shared = match settings.layout.virtual_store {
        VirtualStore::Project => None,
        VirtualStore::Global => {
            let folder = settings.store_dir.join(SHARED_SLOTS);
            crate::fs::create_dir_all(&folder).map_err(failure::of_file)?;
            Some(folder.into_os_string().into_string().map_err(|_| Error::new(Code::Settings, "the path of the store is not UTF-8"))?)
        }
    };
    Ok(Places { root: workspace.root.clone(), modules_dir, virtual_dir, shared })
}
