//! The projects of a workspace in one install: which of them are installed, and whether they fit together.

use super::news::{Event, Listener};
use super::{Task, of_project};
use crate::error::Error;
use crate::project::graph::ProjectGraph;
use crate::project::selection::select;
use crate::project::workspace::Workspace;

/// Returns the projects that are to be installed; nothing for all of them, which is what an install without filters does
/// wherever in the workspace it is called.
pub(super) fn selected(task: &Task, workspace: &Workspace, graph: &ProjectGraph) -> Result<Option<Vec<usize>>, Error> {
    if !task.selection.is_given() {
        return Ok(None);
    }
    let selected = select(workspace, graph, &task.selection, &task.dir).map_err(of_project)?;
    Ok(Some(selected).filter(|selected| selected.len() < workspace.projects.len()))
}

/// Returns the paths of the projects that are installed, sorted; empty for all of them.
pub(super) fn paths(workspace: &Workspace, selected: Option<&[usize]>) -> Vec<String> {
    let mut paths: Vec<String> = selected.unwrap_or_default().iter().map(|index| workspace.projects[*index].path.clone()).collect();
    paths.sort();
    paths
}

/// Warns of projects that depend on each other in circles. Where one of them gets a copy of another there is no copy that
/// would be right, and that is an error.
pub(super) fn check(workspace: &Workspace, graph: &ProjectGraph, listener: &Listener) -> Result<(), Error> {
    graph.check_copies(workspace).map_err(of_project)?;
    for cycle in graph.cycles() {
        let label = |index: &usize| {
            let project = &workspace.projects[*index];
            project.name().map_or_else(|| project.path.clone(), |name| format!("{name} ({})", project.path))
        };
        let names: Vec<String> = cycle.iter().map(label).collect();
        listener(Event::Warning(format!("these projects depend on each other in a circle: {}", names.join(", "))));
    }
    Ok(())
}
