//! `deka install` and `deka ci`.

use super::selecting::none_matches;
use super::{Context, signals, timings};
use crate::cli;
use crate::cli::Overrides;
use crate::cli::how::How;
use crate::error::Error;
use crate::install::edit::Edit;
use crate::install::news::{Counters, Event, Stage};
use crate::install::{self, Outcome, Task};
use crate::project::settings::Flags;
use crate::report::{Change, Reporter, Snapshot, Summary, text};
use crate::timings::Timings;
use crate::upkeep::gc;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an install takes at most to make room in the store.
const ROOM_TIME: Duration = Duration::from_secs(2);

/// How to have the scripts of dependencies run.
pub(super) const ALLOW: &str =
    "To run the scripts of those you trust, add their names to `trustedDependencies` in package.json and install again.";

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// `deka install`.
    Install,
    /// `deka ci`.
    Ci,
}

/// Installs and says how it went.
pub fn run(context: &Context, arguments: &cli::Install, variant: Variant) -> Result<(), Error> {
    let clean = variant == Variant::Ci;
    perform(context, Task { clean, ..context.task(Flags(arguments.overrides())) }, arguments.how.timings)
}

/// Changes what is asked for, installs it, and says how it went. `more` are settings besides those of `how`.
pub fn edit(context: &Context, edit: Edit, how: &How, more: Overrides) -> Result<(), Error> {
    let mut flags = how.overrides();
    flags.extend(more);
    perform(context, Task { edit: Some(edit), ..context.task(Flags(flags)) }, how.timings)
}

/// Does the task and says how it went; `is_timed` asks for the page that shows where the time went.
fn perform(context: &Context, task: Task, is_timed: bool) -> Result<(), Error> {
    let timings = if is_timed { Timings::since(context.started) } else { Timings::default() };
    let outcome = install_telling(context, &task, ALLOW, &timings);
    let page = is_timed.then(|| timings::write(context, &task, &timings, &outcome)).flatten();
    let tell_page = || page.into_iter().for_each(|page| timings::tell(&context.reporter, page));
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            tell_page();
            return Err(error);
        }
    };
    if let Some(root) = &outcome.unmatched {
        tell_page();
        return none_matches(context, root);
    }
    let budget = outcome.budget.clone();
    context.reporter.summary(&summary(outcome), context.started.elapsed());
    tell_page();
    if let Some((store, budget_bytes)) = budget {
        make_room(context, &store, budget_bytes);
    }
    Ok(())
}

/// Installs, tells what happens meanwhile, and leaves it to the caller to say how it went. `allow` says what to do to have
/// the scripts of dependencies run, and `timings` is where it is noted when things happen.
pub(super) fn install_telling(context: &Context, task: &Task, allow: &'static str, timings: &Timings) -> Result<Outcome, Error> {
    let counters = Arc::new(Counters::timed(timings.clone()));
    let (reporter, started) = (Arc::clone(&context.reporter), context.started);
    let listener: install::news::Listener = Arc::new(move |event| match event {
        Event::SkippedScripts(packages) => {
            reporter.note(&format!("The install scripts of these packages were not run: {}.", packages.join(", ")));
            reporter.note(allow);
        }
        other => tell(&reporter, started, other),
    });
    let progress = {
        let counters = Arc::clone(&counters);
        context.reporter.progress(move || snapshot(&counters))
    };
    let outcome = install::run(task, &counters, &listener);
    drop(progress);
    outcome
}

/// Brings the store below its budget. The install is done whatever comes of it.
fn make_room(context: &Context, store: &Path, budget_bytes: u64) {
    let reporter = &context.reporter;
    match gc::keep_within(store, &context.env, budget_bytes, Instant::now() + ROOM_TIME) {
        Ok(None) => {}
        Ok(Some(report)) if report.unfinished => {
            reporter.note("the store is over its `store-max-size`, and the time to make room was up: `deka store gc` has more of it");
        }
        Ok(Some(report)) if report.over_bytes > 0 => {
            let over = text::bytes(report.over_bytes);
            reporter.note(&format!("the store is over its `store-max-size`: what stands in projects takes {over} more"));
        }
        Ok(Some(report)) => reporter.note(&format!("{} freed in the store, to keep `store-max-size`", text::bytes(report.freed.bytes()))),
        Err(error) => reporter.warning(&format!("the store is over its `store-max-size`, and cannot be made smaller: {error}")),
    }
}

pub(super) fn tell(reporter: &Reporter, started: Instant, event: Event) {
    match event {
        Event::Warning(message) => reporter.warning(&message),
        Event::Note(message) => reporter.note(&message),
        Event::SkippedScripts(packages) => reporter.note(&format!("Scripts that were not run: {}", packages.join(", "))),
        Event::Trace(message) => reporter.trace(started.elapsed(), &message),
        Event::Stage { name, message } => {
            reporter.stage(name, &message);
            reporter.trace(started.elapsed(), &message);
        }
        Event::Scripts => signals::watch(),
        Event::Script { script, line } => reporter.script_output(&script, &line),
    }
}

pub(super) fn snapshot(counters: &Counters) -> Snapshot {
    let bytes = Counters::read(&counters.bytes);
    let (stage, done, total) = match counters.stage() {
        Stage::Resolving => ("Resolving", Counters::read(&counters.fetched), Counters::read(&counters.chosen)),
        Stage::Fetching if Counters::read(&counters.fetched) < Counters::read(&counters.to_fetch) => {
            ("Fetching", Counters::read(&counters.fetched), Counters::read(&counters.to_fetch))
        }
        Stage::Fetching | Stage::Linking => ("Linking", Counters::read(&counters.linked), Counters::read(&counters.to_link)),
        Stage::Building => ("Running scripts,", Counters::read(&counters.linked), Counters::read(&counters.to_link)),
    };
    Snapshot { stage, noun: "package", done, total, bytes }
}

pub(super) fn summary(outcome: Outcome) -> Summary {
    let changes = outcome.changes.into_iter().map(|install::Change { alias, from, to }| Change { alias, from, to });
    Summary {
        changes: changes.collect(),
        changed_elsewhere: outcome.changed_elsewhere,
        edited: outcome.edited,
        installed: outcome.installed,
        removed: outcome.removed,
        downloaded: outcome.downloaded,
        downloaded_bytes: outcome.downloaded_bytes,
        total: outcome.total,
        instead: outcome.lockfile_only.then(|| "Lockfile written".to_owned()),
    }
}
