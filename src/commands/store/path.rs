//! `deka store path`

use crate::cli::store::Where;
use crate::commands::Context;
use crate::error::Error;

/// Prints where the store is.
pub(super) fn run(context: &Context, place: &Where) -> Result<(), Error> {
    let settings = super::settings(context, place)?;
    context.reporter.data(&settings.store_dir.display().to_string());
    Ok(())
}
