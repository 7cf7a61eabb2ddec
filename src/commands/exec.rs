//! `deka exec`.

use super::Context;
use super::run::{self, Job, Selected, Stage};
use crate::cli;
use crate::error::{Code, Error};
use crate::package::manifest::Manifest;
use crate::project::env::Env;
use crate::project::settings::Flags;
use crate::project::workspace::MANIFEST;
use crate::scripts::environment::Variables;
use crate::scripts::quote::with_arguments;
use crate::scripts::run::{Ended, SHELL};
use crate::scripts::select::Part;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Runs a command of a dependency, or any other. Returns the exit status.
pub fn run(context: &Context, arguments: &cli::exec::Exec) -> Result<u8, Error> {
    let stage = Stage::anywhere(context, Flags::default())?;
    if run::is_plural(&context.selection) {
        return run_selected(&stage, arguments);
    }
    let paths: Vec<&str> = stage.project().map(|project| project.path.as_str()).into_iter().collect();
    run::bring_up_to_date(&stage, &paths, arguments.no_install)?;
    let variables = match stage.project() {
        Some(project) => stage.of_command(project),
        None => stage.of_program(&Manifest::default(), &context.dir.join(MANIFEST), &[]),
    };
    let root = stage.workspace.as_ref().filter(|_| context.selection.workspace_root).map(|workspace| workspace.root.as_path());
    let ended = run_words(&stage, &arguments.words, arguments.shell_mode, root.unwrap_or(&context.dir), variables)?;
    Ok(ended.exit_status())
}

/// Runs a command in the folder of each selected project.
fn run_selected(stage: &Stage<'_>, arguments: &cli::exec::Exec) -> Result<u8, Error> {
    let mut selected = Selected::of(stage)?;
    selected.resume(&arguments.several)?;
    if selected.indices.is_empty() {
        return Ok(0);
    }
    let name = arguments.words.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let command = match arguments.shell_mode {
        true => arguments.words.join(OsStr::new(" ")),
        false => with_arguments(OsStr::new(""), &arguments.words),
    };
    let part = Part { event: name.clone(), command };
    let job = |project| Job { project, name: name.clone(), parts: vec![part.clone()], is_script: false };
    let jobs: Vec<Job<'_>> = selected.indices.iter().filter_map(|index| selected.project(*index)).map(job).collect();
    let paths: Vec<&str> = jobs.iter().map(|job| job.project.path.as_str()).collect();
    run::bring_up_to_date(stage, &paths, arguments.no_install)?;
    run::run_several(stage, &jobs, &selected.order(&selected.indices, &arguments.several), &arguments.several)
}

/// Runs the words of a command line in a folder; in shell mode a shell puts them together.
pub(super) fn run_words(
    stage: &Stage<'_>,
    words: &[OsString],
    shell_mode: bool,
    dir: &Path,
    mut variables: Variables,
) -> Result<Ended, Error> {
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
