//! `deka store …`: one file per command.

mod du;
mod gc;
mod pack;
mod path;
mod quarantine;
mod stats;
mod usages;
mod verify;
mod why;

use super::Context;
use crate::cli::Overrides;
use crate::cli::store::{Store, Where};
use crate::error::{Code, Error};
use crate::install::{Task, load_settings, of_store};
use crate::project::settings::{Flags, Settings};
use crate::project::workspace::{Workspace, find_root};
use crate::report::table::{Side, table};
use crate::store;
use crate::upkeep::usage::{Pattern, Unreadable};
use serde::Serialize;

/// Runs one of the commands. Returns the exit status of one that did its work.
pub(super) fn run(context: &Context, command: &Store) -> Result<u8, Error> {
    match command {
        Store::Path(place) => path::run(context, place).map(|()| 0),
        Store::Verify(asked) => verify::run(context, asked).map(|()| 0),
        Store::Gc(asked) => gc::run(context, asked).map(|()| 0),
        Store::Pack(asked) => pack::run(context, asked).map(|()| 0),
        Store::Quarantine(asked) => quarantine::run(context, asked).map(|()| 0),
        Store::Stats(asked) => stats::run(context, asked).map(|()| 0),
        Store::Du(asked) => du::run(context, asked).map(|()| 0),
        Store::Usages(asked) => usages::run(context, asked),
        Store::Why(asked) => why::run(context, asked),
    }
}

/// Reads the settings that apply here. Outside of a project there are the user's own.
fn settings(context: &Context, place: &Where) -> Result<Settings, Error> {
    let overrides: Overrides = place.store_dir.iter().map(|dir| ("store-dir".to_owned(), dir.clone())).collect();
    let task = Task::new(context.dir.clone(), context.env.clone(), Flags(overrides));
    let workspace = find_root(&context.dir, context.env.home()).and_then(|root| Workspace::load(&root)).ok();
    load_settings(&task, workspace.as_ref())
}

/// Opens the store that is asked. Nothing, and a word about it, when there is none: asking makes no store.
fn open(context: &Context, place: &Where) -> Result<Option<store::Store>, Error> {
    let folder = settings(context, place)?.store_dir;
    if store::Store::is_there(&folder) {
        let store = store::Store::open(&folder, store::Mode::ReadWrite).map_err(of_store)?;
        if !store.knows_projects() {
            let folder = folder.display();
            let reason = format!("the index of {folder} cannot be used and not be made again");
            context.reporter.warning(&format!("{reason}, so projects that an older deka has noted in it are not known"));
        }
        return Ok(Some(store));
    }
    context.reporter.note(&format!("There is no store in {}.", folder.display()));
    Ok(None)
}

/// Reads which packages are meant.
fn pattern(text: &str) -> Result<Pattern, Error> {
    let hint = "Packages are named as `name`, `name@range` or `@scope/*`.";
    Pattern::parse(text).map_err(|error| Error::wrap(Code::Usage, &error).hint(hint))
}

/// Prints an answer as JSON.
fn print_json(context: &Context, answer: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(answer).map_err(|error| Error::wrap(Code::Internal, &error))?;
    context.reporter.data(&text);
    Ok(())
}

/// Prints rows in columns.
fn print_table(context: &Context, sides: &[Side], rows: &[Vec<String>]) {
    table(sides, rows).iter().for_each(|line| context.reporter.data(line));
}

/// Names the projects that an answer leaves out.
fn warn_of(context: &Context, unreadable: &[Unreadable]) {
    for Unreadable { project, reason } in unreadable {
        context.reporter.warning(&format!("what {project} needs is not known: {reason}"));
    }
}
