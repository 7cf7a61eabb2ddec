//! What `deka ls` understands.

use clap::Args;
use std::str::FromStr;

/// Flags of `ls`.
#[derive(Clone, Debug, Args)]
pub struct Ls {
    /// Packages to look for: names, globs (`@types/*`), names with a range (`lodash@<4.17.21`); `!` in front leaves out
    pub names: Vec<String>,
    /// Levels below the direct dependencies: a number, `Infinity` for all, -1 for the projects alone
    #[arg(long, value_name = "LEVELS", default_value = "0", allow_hyphen_values = true)]
    pub depth: Depth,
    /// Which lists of dependencies
    #[command(flatten)]
    pub lists: Lists,
    /// Only dependencies that are projects of the workspace
    #[arg(long)]
    pub only_projects: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "parseable")]
    pub json: bool,
    /// Print one folder a line
    #[arg(long)]
    pub parseable: bool,
    /// Say more of each package
    #[arg(long)]
    pub long: bool,
}

/// Which lists of dependencies are meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Lists {
    /// Leave out development dependencies
    #[arg(short = 'P', long, alias = "production", conflicts_with = "dev")]
    pub prod: bool,
    /// Development dependencies only
    #[arg(short = 'D', long)]
    pub dev: bool,
    /// Leave out optional dependencies
    #[arg(long)]
    pub no_optional: bool,
}

/// How deep a tree is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The projects alone.
    Projects,
    /// So many levels below the direct dependencies.
    Levels(usize),
    /// All of it.
    All,
}

impl FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Depth, String> {
        match text {
            "-1" => Ok(Depth::Projects),
            _ if text.eq_ignore_ascii_case("infinity") => Ok(Depth::All),
            _ => text.parse().map(Depth::Levels).map_err(|_| "it is neither a number of levels nor `Infinity`".to_owned()),
        }
    }
}
