//! Runs scripts and programs one after the other, in deka's place.

use super::super::signals;
use super::stage::Stage;
use crate::error::{Code, Error};
use crate::project::workspace::Project;
use crate::scripts::environment::Variables;
use crate::scripts::foreground::FOREGROUND;
use crate::scripts::run::{Ended, SHELL};
use crate::scripts::select::Part;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::Command;

/// Runs a script of a project with what runs around it. `owner` stands before the command lines, where there are several
/// projects. Returns the exit status.
pub fn run_parts(stage: &Stage<'_>, project: &Project, parts: &[Part], owner: &str) -> Result<u8, Error> {
    for part in parts {
        let variables = stage.of_script(project, &part.event, &part.command);
        let owner = if owner.is_empty() { String::new() } else { format!("{owner} {}", part.event) };
        stage.context.reporter.command_line(&owner, &part.command.to_string_lossy());
        let shell = stage.settings.scripts.shell.as_deref().unwrap_or(Path::new(SHELL));
        let ended = in_foreground(&mut shell_command(shell, &part.command, &project.folder, &variables)).map_err(|source| {
            let message =
                format!("cannot run the `{}` script with {} in {}: {source}", part.event, shell.display(), project.folder.display());
            Error::new(Code::Script, message)
        })?;
        if !ended.is_success() {
            tell_failure(stage, &format!("the `{}` script of {}", part.event, name_of(project)), ended);
            return Ok(ended.exit_status());
        }
        if let Some(status) = interrupted().filter(|_| Some(part) != parts.last()) {
            return Ok(status);
        }
    }
    Ok(0)
}

/// Returns the command that has a shell read a command line.
pub fn shell_command(shell: &Path, line: &OsStr, folder: &Path, variables: &Variables) -> Command {
    program(shell, &["-c".into(), line.to_owned()], folder, variables)
}

/// Returns the command that runs a program with this environment and no other.
pub fn program(program: &Path, arguments: &[OsString], folder: &Path, variables: &Variables) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear().envs(variables);
    command
}

/// Runs a command in deka's place.
pub fn in_foreground(command: &mut Command) -> io::Result<Ended> {
    signals::watch();
    FOREGROUND.run(command)
}

/// Says that something failed, unless somebody has asked it to end.
pub fn tell_failure(stage: &Stage<'_>, what: &str, ended: Ended) {
    if FOREGROUND.heard().is_none() {
        stage.context.reporter.error(&Error::new(Code::Script, format!("{what} {ended}")));
    }
}

/// Returns the exit status for a signal that came while a program ran.
fn interrupted() -> Option<u8> {
    FOREGROUND.heard().map(|signal| Ended::Signal(signal.as_raw()).exit_status())
}

/// Returns what a project is called in messages: `name@version`, or its folder.
pub fn name_of(project: &Project) -> String {
    match (&project.manifest.name, &project.manifest.version) {
        (Some(name), Some(version)) => format!("{name}@{version}"),
        (Some(name), None) => name.clone(),
        (None, _) => project.folder.display().to_string(),
    }
}
