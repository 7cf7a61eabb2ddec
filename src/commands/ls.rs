//! `deka ls`

mod shown;

use super::Context;
use super::question::{self, Reach};
use crate::cli::Overrides;
use crate::cli::ls::{Depth, Ls};
use crate::error::{Code, Error};
use crate::inquiry::list::{Query, list};
use shown::Shown;

/// Prints what projects depend on.
pub(super) fn run(context: &Context, arguments: &Ls) -> Result<(), Error> {
    let names = question::names(&arguments.names)?;
    let (subject, projects) = question::subject(context, Overrides::new(), Reach::Workspace)?;
    let mut groups = question::groups(&arguments.lists);
    if arguments.depth == Depth::Projects {
        (groups.prod, groups.dev, groups.optional) = (false, false, false);
    }
    let query = Query {
        depth: match arguments.depth {
            Depth::Projects => Some(0),
            Depth::Levels(levels) => Some(levels),
            Depth::All => None,
        },
        groups,
        names: &names,
        only_projects: arguments.only_projects,
        with_paths: arguments.json || arguments.parseable || arguments.long,
    };
    let mut listings = list(&subject, &projects, &query);
    if !names.is_empty() {
        listings.retain(|listing| !listing.sections.is_empty());
    }
    let shown = Shown { subject: &subject, listings: &listings, long: arguments.long };
    if arguments.json {
        let text = serde_json::to_string_pretty(&shown.json()).map_err(|error| Error::wrap(Code::Internal, &error))?;
        context.reporter.data(&text);
    } else if arguments.parseable {
        shown.folders().iter().for_each(|line| context.reporter.data(line));
    } else {
        shown.lines().iter().for_each(|line| context.reporter.data(line));
    }
    Ok(())
}
