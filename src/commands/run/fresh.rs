//! Brings `node_modules` up to date before a script needs it.
//!
//! Whether it is out of date is a question of a few stats. Flags of the last install are not repeated by whoever runs a
//! script, so only files are compared, and an install that has become necessary keeps to the lists of dependencies that
//! the last one had: what was installed for production stays so.

use super::super::install as install_command;
use super::stage::{Stage, is_inside_another};
use crate::error::{Code, Error};
use crate::install::{LOCKFILE, Outcome, Task};
use crate::project::folder;
use crate::project::selection::Selection;
use crate::project::settings::{Flags, Groups, Stale};
use crate::project::state::State;
use crate::project::workspace::{Project, Workspace};
use crate::timings::Timings;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Brings what projects (paths as in [`Project::path`]) find in their `node_modules` up to date, unless the user has said
/// otherwise.
pub fn bring_up_to_date(stage: &Stage<'_>, paths: &[&str], no_install: bool) -> Result<(), Error> {
    let wanted = stage.settings.scripts.stale;
    let Some(workspace) = stage.workspace.as_ref().filter(|_| !no_install && wanted != Stale::Ignore) else { return Ok(()) };
    // Whoever started the outer script has looked already, and may be in the middle of an install.
    if is_inside_another(&stage.context.env) {
        return Ok(());
    }
    let modules_dir = workspace.root.join(&stage.settings.layout.modules_dir);
    let state = State::read(&modules_dir);
    if state.as_ref().is_some_and(|state| covers(state, paths) && state.is_in_place(&workspace.root)) {
        return Ok(());
    }
    if state.is_none() && !is_ours(workspace, &modules_dir) {
        return Ok(());
    }
    let reporter = &stage.context.reporter;
    match wanted {
        Stale::Ignore => {}
        Stale::Warn => reporter.warning("node_modules is out of date; `deka install` brings it up to date"),
        Stale::Error => {
            return Err(Error::new(Code::Stale, "node_modules is out of date")
                .hint("Run `deka install`, or pass `--no-install` to go on all the same."));
        }
        Stale::Install => {
            let flags = state.as_ref().map(|state| flags_of(state.groups)).unwrap_or_default();
            let selection = state.as_ref().map(|state| selection_of(state, paths)).unwrap_or_default();
            let task = Task { dir: workspace.root.clone(), env: stage.context.env.clone(), flags, selection, clean: false, edit: None };
            let outcome = install_command::install_telling(stage.context, &task, install_command::ALLOW, &Timings::default())
                .map_err(|error| error.hint("This was an attempt to bring node_modules up to date; `--no-install` goes on without it."))?;
            if let Some(sentence) = sentence(&outcome) {
                reporter.note(&sentence);
            }
        }
    }
    Ok(())
}

/// Says whether the last install was for all of these projects.
fn covers(state: &State, paths: &[&str]) -> bool {
    state.only.is_empty() || paths.iter().all(|path| state.only.iter().any(|other| other == path))
}

/// Returns the projects that the last install was for, and those that are needed now.
fn selection_of(state: &State, paths: &[&str]) -> Selection {
    if state.only.is_empty() {
        return Selection::default();
    }
    let all: BTreeSet<&str> = state.only.iter().map(String::as_str).chain(paths.iter().copied()).collect();
    let workspace_root = all.contains(".");
    Selection {
        filters: all.into_iter().filter(|path| *path != ".").map(|path| format!("./{path}")).collect(),
        workspace_root,
        recursive: false,
    }
}

/// Says whether a `node_modules` without a state is deka's to fill: one that another program has made is not, and a
/// project that needs nothing needs no install.
fn is_ours(workspace: &Workspace, modules_dir: &Path) -> bool {
    let asks = |project: &Project| {
        let manifest = &project.manifest;
        [&manifest.dependencies, &manifest.dev_dependencies, &manifest.optional_dependencies].iter().any(|list| !list.is_empty())
    };
    let has_folder = folder::path(modules_dir).exists();
    let asked = workspace.root.join(LOCKFILE).exists() || workspace.projects.iter().any(asks);
    has_folder || (asked && !modules_dir.exists())
}

fn flags_of(groups: Groups) -> Flags {
    let only = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut flags = BTreeMap::new();
    match (groups.prod, groups.dev) {
        (true, false) => flags.extend([only("prod", "true")]),
        (false, true) => flags.extend([only("dev", "true")]),
        _ => {}
    }
    if !groups.optional && groups.prod {
        flags.extend([only("optional", "false")]);
    }
    Flags(flags)
}

fn sentence(outcome: &Outcome) -> Option<String> {
    let changed = outcome.installed + outcome.removed + outcome.changes.len() as u64;
    (changed > 0).then(|| {
        let packages = if outcome.installed == 1 { "package" } else { "packages" };
        format!("node_modules was out of date: {} {packages} installed, {} removed", outcome.installed, outcome.removed)
    })
}
