//! A short way for the commands that may be over at once.
//!
//! To describe all commands with all their flags takes longer than an install that finds nothing to do. So where the first
//! word is one of these commands, the arguments are read by a description of that command alone. It is the same
//! description, and whatever it does not take goes to the whole command line, which also tells what is wrong.

use super::{Cli, Common, Install, edit, run, selection};
use clap::{Args, Command, FromArgMatches};
use std::ffi::OsString;

/// Reads the arguments of the program, its name first; nothing where that is for the whole command line.
pub(super) fn read(arguments: &[OsString]) -> Option<Cli> {
    // The one flag that is often typed in front of the command.
    let filters = arguments.get(1..)?.chunks(2).take_while(|pair| ["--filter", "-F"].iter().any(|flag| pair[0] == *flag)).count();
    let typed = arguments.get(1 + 2 * filters)?.to_str()?;
    let command = match typed {
        "add" => edit::Add::augment_args(Command::new("add")),
        "install" | "i" => Install::augment_args(Command::new("install").alias("i")),
        "ci" => Install::augment_args(Command::new("ci")),
        "run" => run::Run::augment_args(Command::new("run")),
        _ => return None,
    };
    let everywhere = selection::Selection::augment_args(Common::augment_args(Command::new("deka")));
    let matches = everywhere.subcommand(command).try_get_matches_from(arguments).ok()?;
    Cli::from_arg_matches(&matches).ok()
}

#[cfg(test)]
mod tests {
    use super::{Cli, read};
    use clap::Parser;
    use std::ffi::OsString;

    fn arguments(typed: &str) -> Vec<OsString> {
        typed.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn says_the_same_as_the_whole_command_line() {
        for typed in [
            "deka install",
            "deka i --frozen-lockfile --ignore-scripts -P",
            "deka i --reporter=silent -C sub react@19 -D",
            "deka install --filter web... -r --prefer-offline",
            "deka ci --virtual-store global --no-progress",
            "deka --filter web -F ./packages/* add react@19 -D --ignore-scripts",
            "deka add --save-exact a b --filter web",
            "deka run build --watch -- -x",
            "deka run -r --parallel build",
        ] {
            let quick = read(&arguments(typed)).unwrap_or_else(|| panic!("{typed}"));
            let whole = Cli::try_parse_from(arguments(typed)).expect(typed);
            assert_eq!(format!("{quick:?}"), format!("{whole:?}"), "{typed}");
        }
    }

    #[test]
    fn leaves_everything_else_to_it() {
        for typed in ["deka", "deka -C sub install", "deka ls", "deka build", "deka i --no-such-flag", "deka i --help", "deka ci --version"]
        {
            assert!(read(&arguments(typed)).is_none(), "{typed}");
        }
    }
}
