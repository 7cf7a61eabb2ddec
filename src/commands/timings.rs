//! `--timings`: the page that shows where the time of an install went.

use super::Context;
use crate::error::{Code, Error};
use crate::install::edit::Edit;
use crate::install::{self, Task};
use crate::project::workspace::find_root;
use crate::report::Reporter;
use crate::timings::{self, Ending, FILE_NAME, Timings};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes the page into the root of the project, whatever came of the install, and returns where it is. Where there is
/// no project there is no page, and the install has said so.
pub fn write(
    context: &Context,
    task: &Task,
    timings: &Timings,
    outcome: &Result<install::Outcome, Error>,
) -> Option<Result<PathBuf, String>> {
    let root = find_root(&context.dir, context.env.home()).ok()?;
    Some(write_into(&root, task, timings, outcome))
}

fn write_into(root: &Path, task: &Task, timings: &Timings, outcome: &Result<install::Outcome, Error>) -> Result<PathBuf, String> {
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let page = timings::page(timings, &ending(task, name, outcome)).map_err(|error| error.to_string())?;
    let path = root.join(FILE_NAME);
    crate::fs::write_atomic(&path, page.as_bytes()).map_err(|error| error.to_string())?;
    Ok(path)
}

/// Says where the page is. Without one, the install is what it is.
pub fn tell(reporter: &Reporter, page: Result<PathBuf, String>) {
    match page {
        Ok(path) => reporter.note(&format!("where the time went: {}", path.display())),
        Err(error) => reporter.warning(&format!("the page of `--timings` could not be written: {error}")),
    }
}

fn ending(task: &Task, project: String, outcome: &Result<install::Outcome, Error>) -> Ending {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ending {
        command: command(task).to_owned(),
        project,
        version: env!("CARGO_PKG_VERSION"),
        outcome: match outcome {
            Err(_) => timings::Outcome::Failed,
            Ok(outcome) if outcome.lockfile_only => timings::Outcome::LockfileOnly,
            Ok(outcome) if outcome.installed == 0 && outcome.removed == 0 && outcome.changes.is_empty() => timings::Outcome::NothingToDo,
            Ok(_) => timings::Outcome::Installed,
        },
        error: outcome.as_ref().err().map(|error: &Error| Code::as_str(error.code)),
        in_tree: outcome.as_ref().ok().filter(|outcome| !outcome.lockfile_only).map(|outcome| outcome.total),
        threads: std::thread::available_parallelism().map_or(2, usize::from),
        ended_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
    }
}

fn command(task: &Task) -> &'static str {
    match &task.edit {
        None if task.clean => "deka ci",
        None => "deka install",
        Some(Edit::Add(_)) => "deka add",
        Some(Edit::Remove(_)) => "deka remove",
        Some(Edit::Update(_)) => "deka update",
        Some(Edit::Dedupe { .. }) => "deka dedupe",
        Some(Edit::Prune) => "deka prune",
    }
}
