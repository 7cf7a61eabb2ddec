//! The command line: what was typed, as types. No I/O happens here.
//!
//! Flags that are settings end up, under the setting's own name, in [`Overrides`]; `project::settings` weighs them
//! against the environment and the files.

pub mod deploy;
pub mod dlx;
pub mod edit;
pub mod exec;
pub mod how;
pub mod ls;
pub mod outdated;
mod quick;
pub mod run;
pub mod selection;
pub mod several;
pub mod store;
pub mod why;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Settings given as flags: the setting's name in kebab-case and its value.
pub type Overrides = BTreeMap<String, String>;

/// Puts flags that were set and values that were given under the names of their settings.
fn collected(flags: &[(&str, bool)], values: &[(&str, &Option<String>)]) -> Overrides {
    let set = flags.iter().filter(|(_, set)| *set).map(|(name, _)| ((*name).to_owned(), "true".to_owned()));
    let given = values.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.as_ref()?.clone())));
    set.chain(given).collect()
}

/// Installs npm packages from a content-addressable store.
#[derive(Debug, Parser)]
#[command(name = "deka", version, about, max_term_width = 100, disable_help_subcommand = true, propagate_version = true)]
#[command(after_help = "Run `deka <COMMAND> --help` for the flags of a command.")]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub common: Common,
    /// Which projects of a workspace.
    #[command(flatten)]
    pub selection: selection::Selection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the arguments of this program. What they ask to be told, or what is wrong with them, is said here, and the
    /// program ends.
    pub fn of_program() -> Cli {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        quick::read(&arguments).unwrap_or_else(|| Cli::parse_from(arguments))
    }
}

/// Flags of every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Common {
    /// Run as if started in this folder
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How to say what happens
    #[arg(long, global = true, value_enum, value_name = "STYLE")]
    pub reporter: Option<ReporterStyle>,
    /// Say nothing but errors (the same as --reporter=silent)
    #[arg(short, long, global = true)]
    pub silent: bool,
    /// Show no progress line
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Trace what is done and how long it takes (also DEKA_DEBUG=1)
    #[arg(long, global = true)]
    pub log: bool,
}

/// The styles of `--reporter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReporterStyle {
    /// A progress line on a terminal, plain lines elsewhere
    Default,
    /// Plain lines only
    AppendOnly,
    /// One JSON object a line
    Ndjson,
    /// Nothing but errors
    Silent,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install what package.json asks for
    #[command(visible_alias = "i")]
    Install(Install),
    /// Install exactly what the lockfile says, into a node_modules made anew
    #[command(visible_alias = "clean-install")]
    Ci(Install),
    /// List what projects depend on
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    /// Say who needs a package; exit status 1 when nobody does
    #[command(visible_alias = "explain")]
    Why(why::Why),
    /// List direct dependencies that have newer versions; exit status 1 when there are any
    Outdated(outdated::Outdated),
    /// Put one project with what it needs into a folder that stands on its own
    Deploy(deploy::Deploy),
    /// Run a script of package.json; `deka <SCRIPT>` does the same where no command has that name
    #[command(visible_alias = "run-script")]
    Run(run::Run),
    /// Run a command of a dependency, or any other
    Exec(exec::Exec),
    /// Run a command of a package that is not installed
    #[command(visible_alias = "x")]
    Dlx(dlx::Dlx),
    /// Add packages to package.json and install them
    Add(edit::Add),
    /// Remove packages from package.json and node_modules
    #[command(visible_alias = "rm", aliases = ["uninstall", "un", "r"])]
    Remove(edit::Remove),
    /// Bring packages up to date, within their ranges or beyond
    #[command(visible_alias = "up", alias = "upgrade")]
    Update(edit::Update),
    /// Use as few versions of packages as their ranges allow
    #[command(alias = "ddp")]
    Dedupe(edit::Dedupe),
    /// Remove from node_modules what the lockfile does not have
    Prune(edit::Prune),
    /// Look after the store
    #[command(subcommand)]
    Store(store::Store),
    /// A script, called without `run`, and its arguments.
    #[command(external_subcommand)]
    Script(Vec<OsString>),
}

/// Flags of `install` and `ci`.
#[derive(Clone, Debug, Default, Args)]
pub struct Install {
    /// Fail when the lockfile would have to change (the default where CI is set)
    #[arg(long, overrides_with = "no_frozen_lockfile")]
    pub frozen_lockfile: bool,
    /// Let the lockfile change, even where CI is set
    #[arg(long, overrides_with = "frozen_lockfile")]
    pub no_frozen_lockfile: bool,
    /// Which lists of dependencies.
    #[command(flatten)]
    pub lists: ls::Lists,
    /// Flags that say how.
    #[command(flatten)]
    pub how: how::How,
    /// Packages to add, as with `deka add`
    #[arg(value_name = "PACKAGES")]
    pub packages: Vec<String>,
    /// Where added packages go.
    #[command(flatten)]
    pub save: edit::Save,
}

impl Install {
    /// Returns the flags that are settings.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.how.overrides();
        overrides.extend(collected(&[("prod", self.lists.prod), ("dev", self.lists.dev)], &[]));
        if self.lists.no_optional {
            overrides.insert("optional".to_owned(), "false".to_owned());
        }
        if self.frozen_lockfile || self.no_frozen_lockfile {
            overrides.insert("frozen-lockfile".to_owned(), self.frozen_lockfile.to_string());
        }
        overrides
    }
}

#[cfg(test)]
mod tests {
    use super::{Cli, Command};
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_without_a_value_is_a_setting_that_exists() {
        let typed = ["deka", "i", "-P", "--lockfile-only", "--ignore-scripts", "--prefer-offline", "--force", "--verify", "--no-optional"];
        let cli = Cli::try_parse_from(typed).expect("valid arguments");
        let Command::Install(install) = cli.command else { panic!("install") };
        let overrides = install.overrides();
        let names: Vec<&str> = overrides.keys().map(String::as_str).collect();
        assert_eq!(names, ["force", "ignore-scripts", "lockfile-only", "optional", "prefer-offline", "prod", "verify"]);
        assert!(names.iter().all(|name| crate::project::settings::table::find(name).is_some()));
    }

    #[test]
    fn projects_are_selected_before_and_behind_the_command() {
        for typed in
            ["deka -r --filter web -F @a/*... -w install", "deka install --recursive --filter=web --filter @a/*... --workspace-root"]
        {
            let cli = Cli::try_parse_from(typed.split(' ')).expect("valid arguments");
            let selection = cli.selection;
            assert_eq!(selection.filters, ["web", "@a/*..."]);
            assert!(selection.recursive && selection.workspace_root && !selection.fail_if_no_match);
        }
    }

    #[test]
    fn flags_become_settings() {
        let typed = ["deka", "i", "--offline", "--store-dir", "/s", "--no-frozen-lockfile", "--no-optional", "-C", "/p"];
        let cli = Cli::try_parse_from(typed).expect("valid arguments");
        let Command::Install(install) = cli.command else { panic!("install") };
        let overrides: Vec<(String, String)> = install.overrides().into_iter().collect();
        let shown: Vec<String> = overrides.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["frozen-lockfile=false", "offline=true", "optional=false", "store-dir=/s"]);
    }
}
