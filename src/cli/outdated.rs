//! What `deka outdated` understands.

use super::Overrides;
use super::ls::Lists;
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
    /// Use what is cached, and never the network
    #[arg(long, conflicts_with = "prefer_offline")]
    pub offline: bool,
    /// Use cached metadata however old it is; ask the network for what is missing
    #[arg(long)]
    pub prefer_offline: bool,
    /// The registry to ask
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
}

impl Outdated {
    /// Returns the flags that are settings.
    pub fn overrides(&self) -> Overrides {
        let flags = [("offline", self.offline), ("prefer-offline", self.prefer_offline)];
        let mut overrides: Overrides =
            flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name.to_owned(), "true".to_owned())).collect();
        overrides.extend(self.registry.as_ref().map(|url| ("registry".to_owned(), url.clone())));
        overrides
    }
}
