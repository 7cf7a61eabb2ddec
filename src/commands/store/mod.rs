//! `deka store …`: one file per command.

mod gc;
mod pack;
mod path;
mod quarantine;
mod verify;

use super::Context;
use crate::cli::Overrides;
use crate::cli::store::{Store, Where};
use crate::error::Error;
use crate::install::{Task, load_settings};
use crate::project::settings::{Flags, Settings};
use crate::project::workspace::{Workspace, find_root};

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Store) -> Result<(), Error> {
    match command {
        Store::Pack(arguments) => pack::run(context, arguments),
        Store::Path(place) => path::run(context, place),
        Store::Gc(arguments) => gc::run(context, arguments),
        Store::Quarantine(arguments) => quarantine::run(context, arguments),
        Store::Verify(arguments) => verify::run(context, arguments),
    }
}

/// Reads the settings that apply here. Outside of a project there are the user's own.
fn settings(context: &Context, place: &Where) -> Result<Settings, Error> {
    let overrides: Overrides = place.store_dir.iter().map(|dir| ("store-dir".to_owned(), dir.clone())).collect();
    let task = Task { dir: context.dir.clone(), env: context.env.clone(), flags: Flags(overrides), clean: false };
    let workspace = find_root(&context.dir, context.env.home()).and_then(|root| Workspace::load(&root)).ok();
    load_settings(&task, workspace.as_ref())
}
