//! The projects that a command is for.

use super::Context;
use crate::error::{Code, Error};
use crate::install::{load_settings, of_project};
use crate::project::graph::ProjectGraph;
use crate::project::selection::select;
use crate::project::settings::{Flags, Settings};
use crate::project::workspace::{Workspace, find_root};
use std::path::Path;

/// A workspace and those of its projects that were selected on the command line.
pub(super) struct Selected {
    /// The workspace that the current folder lies in.
    pub workspace: Workspace,
    /// The settings that apply there.
    pub settings: Settings,
    /// The projects that are meant, as indices into [`Workspace::projects`], sorted.
    pub indices: Vec<usize>,
}

/// Finds the workspace that the current folder lies in and the projects that are meant. When filters match none, that is
/// said; it is a failure only with `--fail-if-no-match`.
pub(super) fn selected(context: &Context, flags: Flags) -> Result<Selected, Error> {
    let root = find_root(&context.dir, context.env.home()).map_err(of_project)?;
    let workspace = Workspace::load(&root).map_err(of_project)?;
    let settings = load_settings(&context.task(flags), Some(&workspace))?;
    let graph = ProjectGraph::read(&workspace, settings.resolution.link_workspace_packages);
    let indices = select(&workspace, &graph, &context.selection, &context.dir).map_err(of_project)?;
    if indices.is_empty() {
        none_matches(context, &workspace.root)?;
    }
    Ok(Selected { workspace, settings, indices })
}

/// Says that the filters match no project, in pnpm's words.
pub(super) fn none_matches(context: &Context, root: &Path) -> Result<(), Error> {
    let message = format!("No projects matched the filters in \"{}\"", root.display());
    if context.fail_if_no_match {
        return Err(Error::new(Code::NoMatch, message));
    }
    context.reporter.note(&message);
    Ok(())
}
