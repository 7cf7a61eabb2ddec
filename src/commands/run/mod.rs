//! `deka run`, and scripts that are called by their names alone.

mod fresh;
mod job;
mod lines;
mod listing;
mod selected;
mod several;
mod single;
mod stage;
mod summary;

use super::Context;
use crate::cli::{self, Cli};
use crate::error::{Code, Error};
use crate::project::error::ProjectError;
use crate::project::workspace::{Project, find_root};
use crate::scripts::jobs;
use crate::scripts::quote::with_arguments;
use crate::scripts::select::{self, Part, Selector};
use clap::CommandFactory;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

pub use fresh::bring_up_to_date;
pub use job::Job;
pub use selected::{Selected, is_plural};
pub use several::run as run_several;
pub use single::{in_foreground, program, shell_command};
pub use stage::Stage;

use job::name_of;

/// How alike two names have to be for one to be taken for a slip of the other, from 0 to 1.
const LIKENESS_MIN: f64 = 0.7;
/// How many names are offered.
const NEAR_MAX: usize = 3;
/// What `start` means where no script says it, if the file is there.
const SERVER: &str = "server.js";

/// Runs a script, or lists them. Returns the exit status.
pub fn run(context: &Context, arguments: &cli::run::Run) -> Result<u8, Error> {
    let stage = Stage::of_project(context)?;
    if is_plural(&context.selection) {
        return run_selected(&stage, arguments);
    }
    let project = project(&stage)?;
    let Some((name, rest)) = arguments.words.split_first() else {
        let lines = listing::lines(project);
        if lines.is_empty() {
            context.reporter.note(&format!("{} has no scripts", name_of(project)));
        } else {
            context.reporter.data(&lines.join("\n"));
        }
        return Ok(0);
    };
    let jobs = find(&stage, project, name, rest)?;
    if jobs.is_empty() {
        return if arguments.if_present { Ok(0) } else { Err(no_script(project, name)) };
    }
    bring_up_to_date(&stage, &[&project.path], arguments.no_install)?;
    match jobs.as_slice() {
        [job] if !arguments.several.stream => Ok(single::run(&stage, job)),
        jobs => several::run(&stage, jobs, &jobs::graph(&[], &vec![0; jobs.len()]), &arguments.several),
    }
}

/// Runs a script in those of the selected projects that have it.
fn run_selected(stage: &Stage<'_>, arguments: &cli::run::Run) -> Result<u8, Error> {
    let Some((name, rest)) = arguments.words.split_first() else {
        return Err(Error::new(Code::Usage, "which script is to run in the selected projects?")
            .hint("Run `deka run` in one of them to see the scripts that it has."));
    };
    let mut selected = Selected::of(stage)?;
    selected.resume(&arguments.several)?;
    let (mut jobs, mut owners) = (Vec::new(), Vec::new());
    for (index, project) in selected.indices.iter().filter_map(|index| Some((*index, selected.project(*index)?))) {
        let found = find(stage, project, name, rest)?.into_iter().filter(|job| !has_called(stage, job));
        jobs.extend(found);
        owners.resize(jobs.len(), index);
    }
    if jobs.is_empty() {
        let is_fine = arguments.if_present || selected.indices.is_empty();
        return if is_fine { Ok(0) } else { Err(no_script_at_all(&selected, name)) };
    }
    let paths: Vec<&str> = jobs.iter().map(|job| job.project.path.as_str()).collect();
    bring_up_to_date(stage, &paths, arguments.no_install)?;
    several::run(stage, &jobs, &selected.order(&owners, &arguments.several), &arguments.several)
}

/// Says whether a job is the very script that deka was called from: `"build": "deka -r run build"` at the root is not
/// meant to go round for ever.
fn has_called(stage: &Stage<'_>, job: &Job<'_>) -> bool {
    let env = &stage.context.env;
    env.get("npm_lifecycle_event").is_some_and(|event| event == job.name.as_str())
        && env.get("npm_package_json").is_some_and(|manifest| manifest == job.project.stamp.path)
}

/// Runs the script that was called without `run`.
pub fn shortcut(context: &Context, words: &[OsString]) -> Result<u8, Error> {
    let arguments = cli::run::Run { words: words.to_vec(), ..cli::run::Run::default() };
    let name = words.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    if matches!(find_root(&context.dir, context.env.home()), Err(ProjectError::NoManifest { .. })) {
        return Err(no_command(format!("deka has no command `{name}`, and here is no project with a script of that name"), &name, &[]));
    }
    run(context, &arguments).map_err(|error| {
        let stage = Stage::of_project(context).ok().filter(|_| error.code == Code::NoScript);
        let project = stage.as_ref().and_then(|stage| project(stage).ok());
        match project.map(|project| project.manifest.scripts.keys().map(String::as_str).collect::<Vec<&str>>()) {
            Some(scripts) => no_command(format!("there is no command and no script `{name}`"), &name, &scripts),
            None => error,
        }
    })
}

/// Returns the project that deka was called in.
fn project<'a>(stage: &'a Stage<'_>) -> Result<&'a Project, Error> {
    stage.project().ok_or_else(|| Error::new(Code::Manifest, "there is no package.json"))
}

/// Returns the jobs of a project that a name stands for; none when there is no such script.
fn find<'a>(stage: &Stage<'_>, project: &'a Project, name: &OsStr, arguments: &[OsString]) -> Result<Vec<Job<'a>>, Error> {
    let Some(name) = name.to_str() else { return Ok(Vec::new()) };
    let scripts = &project.manifest.scripts;
    let selector = Selector::parse(name).map_err(|error| Error::wrap(Code::Usage, &error))?;
    let chosen = selector.choose(scripts);
    let job = |name: &str, parts| Job { project, name: name.to_owned(), parts, is_script: true };
    if chosen.is_empty() && name == "start" && project.folder.join(SERVER).is_file() {
        let command = with_arguments(OsStr::new("node server.js"), arguments);
        return Ok(vec![job(name, vec![Part { event: name.to_owned(), command }])]);
    }
    let around = stage.settings.scripts.around;
    Ok(chosen.into_iter().filter_map(|name| Some(job(name, select::parts(scripts, name, arguments, around)?))).collect())
}

fn no_script(project: &Project, name: &OsStr) -> Error {
    let name = name.to_string_lossy();
    let error = Error::new(Code::NoScript, format!("{} has no script `{name}`", name_of(project)));
    match near(&name, project.manifest.scripts.keys().map(String::as_str)) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None => error.hint("Run `deka run` to see the scripts there are."),
    }
}

fn no_script_at_all(selected: &Selected<'_>, name: &OsStr) -> Error {
    let name = name.to_string_lossy();
    let projects: Vec<&Project> = selected.indices.iter().filter_map(|index| selected.project(*index)).collect();
    let error = Error::new(Code::NoScript, format!("none of the {} selected projects has a script `{name}`", projects.len()));
    let scripts: BTreeSet<&str> = projects.iter().flat_map(|project| project.manifest.scripts.keys().map(String::as_str)).collect();
    match near(&name, scripts.into_iter()) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None => error.hint("With `--if-present` that is fine."),
    }
}

/// The first word of the command line is neither a command of deka nor a script.
fn no_command(message: String, name: &str, scripts: &[&str]) -> Error {
    let error = Error::new(Code::NoCommand, message);
    let cli = Cli::command();
    // Aliases of one letter are near to anything that begins with it.
    let commands = cli.get_subcommands().flat_map(|command| command.get_name_and_visible_aliases()).filter(|name| name.len() > 1);
    match near(name, commands.chain(scripts.iter().copied())) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None => error.hint("Run `deka --help` to see the commands, and `deka run` to see the scripts there are."),
    }
}

/// Returns the names that are most like a mistyped one: `build` or `rebuild`.
fn near<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut near: Vec<(f64, &str)> =
        names.map(|name| (strsim::jaro(typed, name), name)).filter(|(likeness, _)| *likeness > LIKENESS_MIN).collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    near.truncate(NEAR_MAX);
    let names: Vec<String> = near.iter().map(|(_, name)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| names.join(" or "))
}
