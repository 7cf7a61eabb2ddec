//! What `deka store …` understands.

use clap::{Args, Subcommand};

/// The commands of `store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Print where the store is
    Path(Where),
}

/// Which store is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Where {
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<String>,
}
