//! `deka store …`

use super::Context;
use crate::cli::{Overrides, StorePath};
use crate::error::Error;
use crate::install::settings;

/// Prints where the store is.
pub fn path(context: &Context, arguments: &StorePath) -> Result<(), Error> {
    let overrides: Overrides = arguments.store_dir.iter().map(|dir| ("store-dir".to_owned(), dir.clone())).collect();
    let settings = settings(&context.dir, &context.environment, &overrides)?;
    context.reporter.data(&settings.store_dir.display().to_string());
    Ok(())
}
