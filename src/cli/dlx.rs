//! What `deka dlx` understands.

use super::how::Network;
use super::{Overrides, collected};
use clap::Args;
use std::ffi::OsString;

/// Flags of `dlx`. They stand before the command: everything after it is the command's.
#[derive(Clone, Debug, Default, Args)]
pub struct Dlx {
    /// The package, with a version or not, and the arguments of its command; with --package, the command itself
    #[arg(value_name = "PACKAGE [ARGUMENTS]", trailing_var_arg = true, required = true)]
    pub words: Vec<OsString>,
    /// A package to have for the command (can be repeated)
    #[arg(short, long, value_name = "PACKAGE")]
    pub package: Vec<String>,
    /// A package that may run its install scripts (can be repeated)
    #[arg(long, value_name = "NAME")]
    pub allow_build: Vec<String>,
    /// Have a shell read the command
    #[arg(short = 'c', long)]
    pub shell_mode: bool,
    /// Whether the network is asked.
    #[command(flatten)]
    pub network: Network,
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<String>,
    /// The registry to ask
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
}

impl Dlx {
    /// Returns the flags that are settings.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.network.overrides();
        overrides.extend(collected(&[], &[("store-dir", &self.store_dir), ("registry", &self.registry)]));
        overrides
    }
}
