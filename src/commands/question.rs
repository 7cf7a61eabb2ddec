//! What the commands share that ask about dependencies: `ls`, `why`, `outdated`.

use super::Context;
use super::selecting::{Selected, selected};
use crate::cli::Overrides;
use crate::cli::ls::Lists;
use crate::error::{Code, Error};
use crate::inquiry::names::{Names, NamesError};
use crate::inquiry::subject::Subject;
use crate::project::settings::{Flags, Groups};

/// What a question is about when nobody selects projects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The project at hand.
    Project,
    /// The project at hand, but at the root of a workspace all of it.
    Workspace,
}

/// Reads what the question is about. Returns the projects that are meant, too, by their index in the workspace; with none
/// of them there is nothing to ask.
pub(super) fn subject(context: &Context, flags: Overrides, reach: Reach) -> Result<(Subject, Vec<usize>), Error> {
    let Selected { workspace, settings, mut indices, .. } = selected(context, Flags(flags))?;
    if reach == Reach::Workspace && !context.selection.is_given() && indices == [0] {
        indices = (0..workspace.projects.len()).collect();
    }
    let subject = Subject::read(workspace, settings)?;
    subject.differences().iter().for_each(|difference| context.reporter.warning(difference));
    Ok((subject, indices))
}

/// Reads which packages are meant.
pub(super) fn names(typed: &[String]) -> Result<Names, Error> {
    let hint = "Packages are named as `name`, `name@range` or `@scope/*`.";
    Names::parse(typed).map_err(|error: NamesError| Error::wrap(Code::Usage, &error).hint(hint))
}

/// Returns the lists of dependencies that are meant.
pub(super) fn groups(lists: &Lists) -> Groups {
    Groups { prod: !lists.dev, dev: !lists.prod, optional: !lists.no_optional && !lists.dev }
}
