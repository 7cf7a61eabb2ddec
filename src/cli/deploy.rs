//! What `deka deploy` understands.

use super::how::Network;
use super::{Overrides, collected};
use clap::Args;

/// Flags of `deploy`.
#[derive(Clone, Debug, Args)]
pub struct Deploy {
    /// The project (a name or `./folder`), and the folder to fill; the folder alone with `--filter` or inside of a project
    #[arg(required = true, num_args = 1..=2, value_names = ["PROJECT", "DIR"])]
    pub places: Vec<String>,
    /// Without development dependencies (the default)
    #[arg(short = 'P', long, alias = "production", conflicts_with_all = ["dev", "no_prod"])]
    pub prod: bool,
    /// Development dependencies only
    #[arg(short = 'D', long, conflicts_with = "no_prod")]
    pub dev: bool,
    /// With development dependencies as well
    #[arg(long)]
    pub no_prod: bool,
    /// Leave out optional dependencies
    #[arg(long)]
    pub no_optional: bool,
    /// Delete what is in the folder
    #[arg(short, long)]
    pub force: bool,
    /// Run no lifecycle scripts
    #[arg(long)]
    pub ignore_scripts: bool,
    /// Whether the network is asked.
    #[command(flatten)]
    pub network: Network,
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<String>,
    /// How files get into the folder
    #[arg(long, value_name = "METHOD", value_parser = ["auto", "reflink", "hardlink", "copy"])]
    pub package_import_method: Option<String>,
}

impl Deploy {
    /// Returns the flags that are settings.
    pub fn overrides(&self) -> Overrides {
        let flags = [("prod", !self.dev && !self.no_prod), ("dev", self.dev), ("ignore-scripts", self.ignore_scripts)];
        let values = [("store-dir", &self.store_dir), ("package-import-method", &self.package_import_method)];
        let mut overrides = self.network.overrides();
        overrides.extend(collected(&flags, &values));
        if self.no_optional {
            overrides.insert("optional".to_owned(), "false".to_owned());
        }
        overrides
    }
}
