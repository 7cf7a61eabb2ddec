//! What `deka dlx` understands.

use super::Overrides;
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
    /// Use what is stored and cached, and never the network
    #[arg(long, conflicts_with = "prefer_offline")]
    pub offline: bool,
    /// Use cached metadata however old it is; ask the network for what is missing
    #[arg(long)]
    pub prefer_offline: bool,
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
        let flags = [("offline", self.offline), ("prefer-offline", self.prefer_offline)];
        let values = [("store-dir", &self.store_dir), ("registry", &self.registry)];
        let mut overrides = Overrides::new();
        overrides.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name.to_owned(), "true".to_owned())));
        overrides.extend(values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
        overrides
    }
}
