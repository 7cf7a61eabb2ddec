//! `deka exec`.

use super::Context;
use super::run::{self, Stage};
use crate::cli;
use crate::error::{Code, Error};
use crate::project::env::Env;
use crate::project::settings::Flags;
use crate::scripts::environment::Variables;
use crate::scripts::run::{Ended, SHELL};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Runs a command of a dependency, or any other. Returns the exit status.
pub fn run(context: &Context, arguments: &cli::exec::Exec) -> Result<u8, Error> {
    let stage = Stage::anywhere(context, Flags::default())?;
    run::bring_up_to_date(&stage, arguments.no_install)?;
    let variables = match &stage.workspace {
        Some(workspace) => stage.of_command(workspace.root_project()),
        None => stage.of_program(&Default::default(), &context.dir.join("package.json"), &[]),
    };
    let ended = run_words(&stage, &arguments.words, arguments.shell_mode, variables)?;
    Ok(ended.exit_status())
}

/// Runs the words of a command line in the folder that deka was called in; in shell mode a shell puts them together.
pub(super) fn run_words(stage: &Stage<'_>, words: &[OsString], shell_mode: bool, mut variables: Variables) -> Result<Ended, Error> {
    let dir = &stage.context.dir;
    // The shell that called deka may stand elsewhere (`--dir`).
    variables.insert("PWD".into(), dir.into());
    let (name, rest) = words.split_first().ok_or_else(|| Error::new(Code::Usage, "a command is missing"))?;
    let mut command = if shell_mode {
        let shell = stage.settings.scripts.shell.as_deref().unwrap_or(Path::new(SHELL));
        run::shell_command(shell, &words.join(OsStr::new(" ")), dir, &variables)
    } else {
        run::program(&find(name, dir, &variables)?, rest, dir, &variables)
    };
    run::in_foreground(&mut command)
        .map_err(|error| Error::new(Code::Script, format!("cannot run `{}` in {}: {error}", name.to_string_lossy(), dir.display())))
}

/// Finds a program as a shell would: a path is taken as it is, a name is looked for on the `PATH` of the environment.
fn find(name: &OsStr, dir: &Path, variables: &Variables) -> Result<PathBuf, Error> {
    if name.as_bytes().contains(&b'/') {
        return Ok(dir.join(name));
    }
    let env: Env = variables.iter().collect();
    name.to_str().and_then(|name| env.find_program(name)).ok_or_else(|| {
        let message = format!("there is no command `{}`, neither of a dependency nor on the PATH", name.to_string_lossy());
        Error::new(Code::NoCommand, message).hint("Add the package that has it, or run it with `deka dlx` without adding it.")
    })
}
