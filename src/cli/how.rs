//! Flags that say how an install goes about its work, whatever it was asked for.

use super::{Overrides, collected};
use clap::Args;

/// How packages are fetched and put in place.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How")]
pub struct How {
    /// Write the lockfile (and package.json, where it is to change) and nothing else
    #[arg(long)]
    pub lockfile_only: bool,
    /// Run no lifecycle scripts
    #[arg(long)]
    pub ignore_scripts: bool,
    /// Whether the network is asked.
    #[command(flatten)]
    pub network: Network,
    /// Do everything again: check cached metadata with the registry and build node_modules anew
    #[arg(short, long)]
    pub force: bool,
    /// Hash every file that is taken from the store
    #[arg(long)]
    pub verify: bool,
    /// Write a page that shows where the time went, deka-timings.html
    #[arg(long)]
    pub timings: bool,
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<String>,
    /// The registry to ask
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Where packages are laid out: in the project, or shared by all projects in the store
    #[arg(long, value_name = "WHERE", value_parser = ["project", "global"])]
    pub virtual_store: Option<String>,
    /// How files get from the store into the project
    #[arg(long, value_name = "METHOD", value_parser = ["auto", "reflink", "hardlink", "copy"])]
    pub package_import_method: Option<String>,
}

impl How {
    /// Returns them as settings.
    pub fn overrides(&self) -> Overrides {
        let flags = [
            ("lockfile-only", self.lockfile_only),
            ("ignore-scripts", self.ignore_scripts),
            ("force", self.force),
            ("verify", self.verify),
        ];
        let values = [
            ("store-dir", &self.store_dir),
            ("registry", &self.registry),
            ("virtual-store", &self.virtual_store),
            ("package-import-method", &self.package_import_method),
        ];
        let mut overrides = self.network.overrides();
        overrides.extend(collected(&flags, &values));
        overrides
    }
}

/// Whether the network is asked.
#[derive(Clone, Debug, Default, Args)]
pub struct Network {
    /// Use what is stored and cached, and never the network
    #[arg(long, conflicts_with = "prefer_offline")]
    pub offline: bool,
    /// Use cached metadata however old it is; ask the network for what is missing
    #[arg(long)]
    pub prefer_offline: bool,
}

impl Network {
    /// Returns them as settings.
    pub fn overrides(&self) -> Overrides {
        collected(&[("offline", self.offline), ("prefer-offline", self.prefer_offline)], &[])
    }
}
