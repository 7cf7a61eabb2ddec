//! The projects of a workspace that something is to run in, and their order.

use super::super::{Context, selecting};
use super::stage::Stage;
use crate::cli::several::Several;
use crate::error::{Code, Error};
use crate::project::graph::ProjectGraph;
use crate::project::selection::{Selection, select};
use crate::project::workspace::{Project, Workspace};
use crate::scripts::jobs;
use crate::scripts::order;

/// Projects to run something in.
pub struct Selected<'a> {
    /// The workspace.
    workspace: &'a Workspace,
    graph: ProjectGraph,
    /// The projects that are meant, as indices into [`Workspace::projects`].
    pub indices: Vec<usize>,
}

/// Says whether a selection means projects in the plural, whose output needs names.
pub fn is_plural(selection: &Selection) -> bool {
    selection.recursive || !selection.filters.is_empty()
}

impl<'a> Selected<'a> {
    /// Selects projects as the command line says. That filters match none is said here.
    pub fn of(stage: &'a Stage<'_>) -> Result<Selected<'a>, Error> {
        let context = stage.context;
        let workspace = stage.workspace.as_ref().ok_or_else(|| Error::new(Code::Manifest, "there is no package.json"))?;
        let graph = ProjectGraph::read(workspace, stage.settings.resolution.link_workspace_packages);
        let mut indices = select(workspace, &graph, &context.selection, &context.dir).map_err(crate::install::of_project)?;
        if leaves_out_root(context) && indices.len() > 1 {
            indices.retain(|index| *index != 0);
        }
        if indices.is_empty() {
            selecting::none_matches(context, &workspace.root)?;
        }
        Ok(Selected { workspace, graph, indices })
    }

    /// Leaves out what comes before the project that `--resume-from` names.
    pub fn resume(&mut self, options: &Several) -> Result<(), Error> {
        let Some(name) = options.resume_from.as_deref() else { return Ok(()) };
        let is_meant = |index: &usize| self.project(*index).is_some_and(|project| project.name() == Some(name) || project.path == name);
        let Some(from) = self.indices.iter().copied().find(is_meant) else {
            return Err(Error::new(Code::Usage, format!("`{name}`, to resume from, is none of the selected projects")));
        };
        let places: Vec<usize> = (0..self.indices.len()).collect();
        let sequence = order::sequence(&self.order(&self.indices, options), &places);
        let later = sequence.into_iter().filter_map(|place| self.indices.get(place).copied()).skip_while(|index| *index != from);
        self.indices = later.collect();
        self.indices.sort_unstable();
        Ok(())
    }

    /// Returns the project of an index.
    pub fn project(&self, index: usize) -> Option<&'a Project> {
        self.workspace.projects.get(index)
    }

    /// Returns what each job waits for; `owners` are the projects of the jobs.
    pub fn order(&self, owners: &[usize], options: &Several) -> Vec<Vec<usize>> {
        if options.no_sort || options.parallel {
            return vec![Vec::new(); owners.len()];
        }
        match options.reverse {
            true => jobs::graph(&self.graph.dependents(), owners),
            false => jobs::graph(&self.graph.dependencies, owners),
        }
    }
}

/// Says whether the root's own project is left out: it mostly has the scripts that run those of all others. Whoever wants
/// it says so.
fn leaves_out_root(context: &Context) -> bool {
    let selection = &context.selection;
    !selection.workspace_root && is_plural(selection) && selection.filters.iter().all(|filter| filter.starts_with('!'))
}
