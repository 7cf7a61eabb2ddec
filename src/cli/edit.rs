//! `deka add`, `remove`, `update`, `dedupe` and `prune`.

use super::Overrides;
use super::how::How;
use clap::Args;

/// Flags of `add`.
#[derive(Clone, Debug, Default, Args)]
pub struct Add {
    /// react, react@18, react@next, lib@npm:react@18, ./folder, file.tgz, https://…
    #[arg(value_name = "PACKAGES", required = true)]
    pub packages: Vec<String>,
    /// Put them into dependencies, where they go when nothing else is said
    #[arg(short = 'P', long, visible_alias = "prod", group = "list")]
    pub save_prod: bool,
    /// Put them into devDependencies
    #[arg(short = 'D', long, visible_alias = "dev", group = "list")]
    pub save_dev: bool,
    /// How they are saved.
    #[command(flatten)]
    pub save: Save,
    /// How they are installed.
    #[command(flatten)]
    pub how: How,
}

/// How added packages are saved, besides the lists that `install` has flags for too.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What is saved")]
pub struct Save {
    /// Put them into optionalDependencies
    #[arg(short = 'O', long, group = "list")]
    pub save_optional: bool,
    /// Put them into peerDependencies too; they go to devDependencies when nothing else is said
    #[arg(long, visible_alias = "peer")]
    pub save_peer: bool,
    /// Save the version that is chosen and no range
    #[arg(short = 'E', long)]
    pub save_exact: bool,
    /// Save the range in a catalog of the workspace (the one without a name, or `--catalog=name`)
    #[arg(long, visible_alias = "save-catalog", value_name = "CATALOG", num_args = 0..=1, require_equals = true, default_missing_value = "default")]
    pub catalog: Option<String>,
    /// The same, as pnpm has it.
    #[arg(long, value_name = "CATALOG", hide = true, conflicts_with = "catalog")]
    pub save_catalog_name: Option<String>,
    /// Take the projects of the workspace that have these names, and nothing from a registry
    #[arg(long)]
    pub workspace: bool,
    /// Add to the root of a workspace without being asked to by -w
    #[arg(short = 'W', long, hide = true)]
    pub ignore_workspace_root_check: bool,
    /// What to put before versions: ^ or ~
    #[arg(long, value_name = "PREFIX")]
    pub save_prefix: Option<String>,
    /// For those who type it by habit.
    #[arg(short = 'S', long = "save", hide = true)]
    pub always: bool,
}

impl Save {
    /// Returns them as settings.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = Overrides::new();
        if self.save_exact {
            overrides.insert("save-exact".to_owned(), "true".to_owned());
        }
        overrides.extend(self.save_prefix.iter().map(|prefix| ("save-prefix".to_owned(), prefix.clone())));
        overrides
    }
}

/// Flags of `remove`.
#[derive(Clone, Debug, Default, Args)]
pub struct Remove {
    /// Names of packages
    #[arg(value_name = "NAMES", required = true)]
    pub names: Vec<String>,
    /// Only from dependencies
    #[arg(short = 'P', long, group = "list")]
    pub save_prod: bool,
    /// Only from devDependencies
    #[arg(short = 'D', long, group = "list")]
    pub save_dev: bool,
    /// Only from optionalDependencies
    #[arg(short = 'O', long, group = "list")]
    pub save_optional: bool,
    /// How the rest is installed.
    #[command(flatten)]
    pub how: How,
}

/// Flags of `update`.
#[derive(Clone, Debug, Default, Args)]
pub struct Update {
    /// Names or globs of packages, anywhere in the tree; `!x` leaves x out. All of them if there is none
    #[arg(value_name = "NAMES")]
    pub names: Vec<String>,
    /// Go beyond the ranges of package.json, to the version tagged `latest`
    #[arg(short = 'L', long)]
    pub latest: bool,
    /// Choose at the terminal from what is old
    #[arg(short = 'i', long)]
    pub interactive: bool,
    /// Only what dependencies and optionalDependencies have
    #[arg(short = 'P', long, alias = "production")]
    pub prod: bool,
    /// Only what devDependencies has
    #[arg(short = 'D', long)]
    pub dev: bool,
    /// Not what optionalDependencies has
    #[arg(long)]
    pub no_optional: bool,
    /// How many steps below direct dependencies to go; 0 for these alone
    #[arg(long, value_name = "NUMBER")]
    pub depth: Option<String>,
    /// Leave package.json as it is
    #[arg(long, conflicts_with = "latest")]
    pub no_save: bool,
    /// How the result is installed.
    #[command(flatten)]
    pub how: How,
}

/// Flags of `dedupe`.
#[derive(Clone, Debug, Default, Args)]
pub struct Dedupe {
    /// Only say what would change, and fail if something would
    #[arg(long)]
    pub check: bool,
    /// How the result is installed.
    #[command(flatten)]
    pub how: How,
}

/// Flags of `prune`.
#[derive(Clone, Debug, Default, Args)]
pub struct Prune {
    /// Remove development dependencies too
    #[arg(short = 'P', long, alias = "production")]
    pub prod: bool,
    /// Remove optional dependencies too
    #[arg(long)]
    pub no_optional: bool,
    /// How the rest is installed.
    #[command(flatten)]
    pub how: How,
}
