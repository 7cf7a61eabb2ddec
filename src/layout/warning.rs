//! What a person should know of a `node_modules` that was built all the same.

use std::fmt;
use std::path::PathBuf;

/// Something that was decided or left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A package names a command whose file it does not have; there is no link for it.
    CommandWithoutFile {
        /// The package.
        package: String,
        /// The command.
        command: String,
        /// The missing file.
        file: String,
    },
    /// Two packages have a command of one name.
    CommandTwice {
        /// The folder that has one `.bin`, relative to the root.
        folder: String,
        /// The command.
        command: String,
        /// The package whose command is linked.
        winner: String,
        /// The package whose command is not.
        loser: String,
    },
    /// Something that deka did not make stood where a dependency belongs; it was moved to `.ignored`.
    MovedAside {
        /// Where it stood.
        path: PathBuf,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::CommandWithoutFile { package, command, file } => {
                write!(out, "`{package}` has a command `{command}`, but not its file {}", file.escape_debug())
            }
            Warning::CommandTwice { folder, command, winner, loser } => {
                write!(out, "`{winner}` and `{loser}` both have a command `{command}`; {folder}/.bin has that of `{winner}`")
            }
            Warning::MovedAside { path } => {
                write!(out, "{} was not installed by deka and is now in `.ignored`", path.display())
            }
        }
    }
}
