//! Runs jobs and programs one after the other, in deka's place.

use super::super::signals;
use super::job::{Failure, Job};
use super::stage::Stage;
use crate::scripts::environment::Variables;
use crate::scripts::foreground::FOREGROUND;
use crate::scripts::run::{Ended, SHELL};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::Command;

/// Runs a job and returns the exit status. What went wrong is said.
pub fn run(stage: &Stage<'_>, job: &Job<'_>) -> u8 {
    match attempt(stage, job, false) {
        Ok(()) => interrupted().unwrap_or(0),
        Err(failure) => {
            let status = failure.status;
            // Whoever has asked a script to end knows why it failed.
            if interrupted().is_none() {
                stage.context.reporter.error(&failure.into());
            }
            status
        }
    }
}

/// Runs the command lines of a job until one fails or somebody wants an end. They are `labelled` where there are several
/// projects.
pub fn attempt(stage: &Stage<'_>, job: &Job<'_>, labelled: bool) -> Result<(), Failure> {
    for part in &job.parts {
        let variables = job.variables(stage, part);
        let name = if labelled { job.label(part) } else { String::new() };
        stage.context.reporter.command_line(&name, &part.command.to_string_lossy());
        let shell = stage.settings.scripts.shell.as_deref().unwrap_or(Path::new(SHELL));
        let ended = in_foreground(&mut shell_command(shell, &part.command, &job.project.folder, &variables));
        match ended {
            Ok(ended) if ended.is_success() => {}
            Ok(ended) => return Err(job.failed(part, ended)),
            Err(error) => return Err(job.not_started(part, format_args!("{}: {error}", shell.display()))),
        }
        if interrupted().is_some() {
            break;
        }
    }
    Ok(())
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

/// Returns the exit status for a signal that came while a program ran.
pub fn interrupted() -> Option<u8> {
    FOREGROUND.heard().map(|signal| Ended::Signal(signal.as_raw()).exit_status())
}
