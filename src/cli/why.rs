//! What `deka why` understands.

use super::ls::{Depth, Lists};
use clap::Args;

/// Flags of `why`.
#[derive(Clone, Debug, Args)]
pub struct Why {
    /// Packages: names, globs (`@types/*`), names with a range (`lodash@<4.17.21`); `!` in front leaves out
    #[arg(required = true)]
    pub names: Vec<String>,
    /// Levels that are shown: a number, or `Infinity`
    #[arg(long, value_name = "LEVELS", default_value = "Infinity")]
    pub depth: Depth,
    /// Which lists of dependencies of the projects count
    #[command(flatten)]
    pub lists: Lists,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}
