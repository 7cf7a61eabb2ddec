//! What the commands share that ask about dependencies: `ls`, `why`, `outdated`.

use super::Context;
use crate::cli::Overrides;
use crate::cli::ls::Lists;
use crate::error::{Code, Error};
use crate::inquiry::names::{Names, NamesError};
use crate::inquiry::subject::Subject;
use crate::install::Task;
use crate::project::settings::{Flags, Groups};

/// Returns what an install with these flags would be asked to do; nothing of that is done.
pub(super) fn task(context: &Context, flags: Overrides) -> Task {
    Task { dir: context.dir.clone(), env: context.env.clone(), flags: Flags(flags), clean: false }
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

/// Says where the lockfile and `node_modules` do not go together.
pub(super) fn tell_differences(context: &Context, subject: &Subject) {
    subject.differences().iter().for_each(|difference| context.reporter.warning(difference));
}

/// Returns the projects that are asked about, by their index in the workspace.
pub(super) fn projects(_context: &Context, subject: &Subject) -> Vec<usize> {
    (0..subject.workspace.projects.len()).collect()
}
