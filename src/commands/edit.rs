//! `deka add`, `remove`, `update`, `dedupe` and `prune`.

mod interactive;

use super::{Context, install};
use crate::cli;
use crate::cli::Overrides;
use crate::cli::edit::{Add, Dedupe, Prune, Remove, Save, Update};
use crate::cli::how::How;
use crate::error::{Code, Error};
use crate::install::edit::{self, Edit};
use crate::project::edit::List;
use interactive::Answer;

/// The exit status of somebody who was asked and left, as with Ctrl-C.
const LEFT: u8 = 130;

/// Adds packages.
pub fn add(context: &Context, arguments: &Add) -> Result<(), Error> {
    let list = list(arguments.save_prod, arguments.save_dev, arguments.save.save_optional);
    run_add(context, arguments.packages.clone(), list, (&arguments.save, &arguments.how))
}

/// Adds packages that were named behind `deka install`.
pub fn add_by_install(context: &Context, arguments: &cli::Install) -> Result<(), Error> {
    let list = list(arguments.lists.prod, arguments.lists.dev, arguments.save.save_optional);
    run_add(context, arguments.packages.clone(), list, (&arguments.save, &arguments.how))
}

fn run_add(context: &Context, packages: Vec<String>, list: Option<List>, (save, how): (&Save, &How)) -> Result<(), Error> {
    let add = edit::Add {
        packages,
        list,
        peer: save.save_peer,
        catalog: save.catalog.clone().or_else(|| save.save_catalog_name.clone()),
        workspace: save.workspace,
        to_root: save.ignore_workspace_root_check,
    };
    install::edit(context, Edit::Add(add), how, save.overrides())
}

/// Removes packages.
pub fn remove(context: &Context, arguments: &Remove) -> Result<(), Error> {
    let list = list(arguments.save_prod, arguments.save_dev, arguments.save_optional);
    let remove = edit::Remove { names: arguments.names.clone(), list };
    install::edit(context, Edit::Remove(remove), &arguments.how, Overrides::new())
}

/// Updates packages. Returns the exit status.
pub fn update(context: &Context, arguments: &Update) -> Result<u8, Error> {
    let patterns = match arguments.interactive {
        false => arguments.names.clone(),
        true => match interactive::ask(context, arguments)? {
            Answer::Update(names) => names,
            Answer::Nothing(sentence) => {
                context.reporter.note(sentence);
                return Ok(0);
            }
            Answer::Leave => return Ok(LEFT),
        },
    };
    let mut lists = match (arguments.prod, arguments.dev) {
        (true, false) => vec![List::Prod, List::Optional],
        (false, true) => vec![List::Dev],
        _ => vec![List::Prod, List::Dev, List::Optional],
    };
    lists.retain(|list| *list != List::Optional || !arguments.no_optional);
    let update = edit::Update {
        patterns,
        latest: arguments.latest,
        lists,
        depth: arguments.depth.as_deref().map(depth).transpose()?.flatten(),
        no_save: arguments.no_save,
    };
    install::edit(context, Edit::Update(update), &arguments.how, Overrides::new()).map(|()| 0)
}

fn depth(text: &str) -> Result<Option<usize>, Error> {
    if text.eq_ignore_ascii_case("infinity") {
        return Ok(None);
    }
    let wrong = |_| Error::new(Code::Usage, format!("`--depth` must be a number or `Infinity`, but it is `{}`", text.escape_debug()));
    text.parse().map(Some).map_err(wrong)
}

/// Uses as few versions as possible.
pub fn dedupe(context: &Context, arguments: &Dedupe) -> Result<(), Error> {
    install::edit(context, Edit::Dedupe { check: arguments.check }, &arguments.how, Overrides::new())
}

/// Removes what the lockfile does not have.
pub fn prune(context: &Context, arguments: &Prune) -> Result<(), Error> {
    let mut flags = Overrides::new();
    if arguments.prod {
        flags.insert("prod".to_owned(), "true".to_owned());
    }
    if arguments.no_optional {
        flags.insert("optional".to_owned(), "false".to_owned());
    }
    install::edit(context, Edit::Prune, &arguments.how, flags)
}

fn list(prod: bool, dev: bool, optional: bool) -> Option<List> {
    [(prod, List::Prod), (dev, List::Dev), (optional, List::Optional)].into_iter().find(|(asked, _)| *asked).map(|(_, list)| list)
}
