//! `deka store …`

use super::Context;
use crate::cli::{Overrides, StorePath};
use crate::error::Error;
use crate::install::{Task, load_settings};
use crate::project::settings::Flags;
use crate::project::workspace::{Workspace, find_root};

/// Prints where the store is.
pub fn path(context: &Context, arguments: &StorePath) -> Result<(), Error> {
    let overrides: Overrides = arguments.store_dir.iter().map(|dir| ("store-dir".to_owned(), dir.clone())).collect();
    let task = Task { dir: context.dir.clone(), env: context.env.clone(), flags: Flags(overrides), clean: false };
    // Outside of a project there are the user's own settings.
    let workspace = find_root(&context.dir, context.env.home()).and_then(|root| Workspace::load(&root)).ok();
    let settings = load_settings(&task, workspace.as_ref())?;
    context.reporter.data(&settings.store_dir.display().to_string());
    Ok(())
}
