//! What `deka exec` understands.

use super::several::Several;
use clap::Args;
use std::ffi::OsString;

/// Flags of `exec`. They stand before the command: everything after it is the command's.
#[derive(Clone, Debug, Default, Args)]
pub struct Exec {
    /// The command, of a dependency or on the PATH, and its arguments
    #[arg(value_name = "COMMAND [ARGUMENTS]", trailing_var_arg = true, required = true)]
    pub words: Vec<OsString>,
    /// Have a shell read the command
    #[arg(short = 'c', long)]
    pub shell_mode: bool,
    /// Leave node_modules as it is, even when it is out of date
    #[arg(long)]
    pub no_install: bool,
    /// How to run several.
    #[command(flatten)]
    pub several: Several,
}
