//! Which projects of a workspace a command is for.

use clap::Args;

/// The flags that select projects. They can stand before the command as well as behind it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Workspace")]
pub struct Selection {
    /// Only these projects: a name, `@scope/*`, `./folder`, `{glob}`, `[since]`, `web...`, `...ui`, `!not` (may be repeated)
    #[arg(short = 'F', long = "filter", global = true, value_name = "PROJECTS", allow_hyphen_values = false)]
    pub filters: Vec<String>,
    /// All projects of the workspace
    #[arg(short, long, global = true)]
    pub recursive: bool,
    /// The project at the root of the workspace
    #[arg(short, long, global = true)]
    pub workspace_root: bool,
    /// Fail when no project matches the filters
    #[arg(long, global = true)]
    pub fail_if_no_match: bool,
}
