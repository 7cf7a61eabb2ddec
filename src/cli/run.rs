//! What `deka run` understands.

use super::several::Several;
use clap::Args;
use std::ffi::OsString;

/// Flags of `run`. They stand before the name of the script: everything after it is the script's.
#[derive(Clone, Debug, Default, Args)]
pub struct Run {
    /// The script, or `/expression/` for several, and its arguments; without it, the scripts are listed
    #[arg(value_name = "SCRIPT [ARGUMENTS]", trailing_var_arg = true)]
    pub words: Vec<OsString>,
    /// Do not complain when there is no such script
    #[arg(long)]
    pub if_present: bool,
    /// Leave node_modules as it is, even when it is out of date
    #[arg(long)]
    pub no_install: bool,
    /// How to run several.
    #[command(flatten)]
    pub several: Several,
}
