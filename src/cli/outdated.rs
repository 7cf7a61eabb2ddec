//! What `deka outdated` understands.

use super::how::Network;
use super::ls::Lists;
use super::{Overrides, collected};
use clap::Args;

/// Flags of `outdated`.
#[derive(Clone, Debug, Args)]
pub struct Outdated {
    /// Only these packages: names, globs (`@types/*`); `!` in front leaves out
    pub names: Vec<String>,
    /// Which lists of dependencies
    #[command(flatten)]
    pub lists: Lists,
    /// Only what has a newer version that package.json admits
    #[arg(long)]
    pub compatible: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Say more of each package
    #[arg(long)]
    pub long: bool,
    /// Whether the network is asked.
    #[command(flatten)]
    pub network: Network,
    /// The registry to ask
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
}

impl Outdated {
    /// Returns the flags that are settings.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.network.overrides();
        overrides.extend(collected(&[], &[("registry", &self.registry)]));
        overrides
    }
}
