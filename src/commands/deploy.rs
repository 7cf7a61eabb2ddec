//! `deka deploy`

use super::selecting::{Selected, selected};
use super::{Context, install};
use crate::cli::deploy::Deploy;
use crate::error::{Code, Error};
use crate::fs::without_dots;
use crate::install::news::{Counters, Listener};
use crate::install::{Deployment, Task, deploy};
use crate::project::selection::Selection;
use crate::project::settings::Flags;
use crate::project::workspace::Workspace;
use std::sync::Arc;

/// Deploys one project and says how it went.
pub(super) fn run(context: &Context, arguments: &Deploy) -> Result<(), Error> {
    let (filter, dir) = match arguments.places.as_slice() {
        [project, dir] => (Some(project), dir),
        [dir] => (None, dir),
        _ => return Err(Error::new(Code::Usage, "a folder to deploy to is needed")),
    };
    let selection = match filter {
        Some(_) if context.selection.is_given() => {
            return Err(Error::new(Code::Usage, "name the project either in front of the folder or with `--filter`"));
        }
        Some(project) => Selection { filters: vec![project.clone()], ..Selection::default() },
        None => context.selection.clone(),
    };
    let target = without_dots(&context.dir.join(dir));
    let context = &Context { selection, ..context.clone() };
    let flags = Flags(arguments.overrides());
    let Selected { workspace, settings, indices, .. } = selected(context, flags.clone())?;
    let project = single(&workspace, &indices)?;
    let name = workspace.projects[project].name().unwrap_or(&workspace.projects[project].path).to_owned();
    let task =
        Task { dir: context.dir.clone(), env: context.env.clone(), flags, selection: Selection::default(), clean: false, edit: None };
    let deployment = Deployment { project, target, force: arguments.force };
    let counters = Arc::new(Counters::default());
    let (reporter, started) = (Arc::clone(&context.reporter), context.started);
    let listener: Listener = Arc::new(move |event| install::tell(&reporter, started, event));
    let seen = Arc::clone(&counters);
    let line = context.reporter.progress(move || install::snapshot(&seen));
    let outcome = deploy((&workspace, settings), &deployment, &task, (&counters, &listener));
    drop(line);
    let packages = outcome?.total;
    let mut summary = crate::report::Summary::default();
    let packages = crate::report::text::count(packages, "package");
    summary.instead = Some(format!("{name} is deployed to {} with {packages}", deployment.target.display()));
    context.reporter.summary(&summary, context.started.elapsed());
    Ok(())
}

/// Returns the one project that is meant.
fn single(workspace: &Workspace, indices: &[usize]) -> Result<usize, Error> {
    let named = |index: &usize| workspace.projects[*index].name().unwrap_or(&workspace.projects[*index].path).to_owned();
    match indices {
        [project] => Ok(*project),
        [] => Err(Error::new(Code::Usage, "no project is meant, and one is to be deployed")
            .hint("Name it: `deka deploy <PROJECT> <DIR>`, or `deka --filter <PROJECT> deploy <DIR>`.")),
        several => {
            let names = several.iter().map(named).collect::<Vec<_>>().join(", ");
            Err(Error::new(Code::Usage, format!("only one project can be deployed, and these are meant: {names}")))
        }
    }
}
