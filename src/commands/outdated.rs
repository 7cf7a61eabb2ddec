//! `deka outdated`

mod shown;

use super::question::{self, Reach};
use super::{Context, install};
use crate::cli::outdated::Outdated;
use crate::error::{Code, Error};
use crate::inquiry::outdated::{Answers, Candidate, Query, candidates, compare, names, newest};
use crate::inquiry::subject::Subject;
use crate::install::news::{Counters, Listener};
use crate::report::Snapshot;
use shown::Shown;
use std::sync::Arc;

/// Prints which direct dependencies are old. Returns 0 when none is, 1 otherwise. What could not be found out is an error,
/// but not before the rest is printed.
pub(super) fn run(context: &Context, arguments: &Outdated) -> Result<u8, Error> {
    let wanted = question::names(&arguments.names)?;
    let (subject, projects) = question::subject(context, arguments.overrides(), Reach::Project)?;
    let (groups, compatible) = (question::groups(&arguments.lists), arguments.compatible);
    let asked = candidates(&subject, &Query { names: &wanted, projects: &projects, groups })?;
    let answers = ask(context, &subject, &asked)?;
    let outdated = compare(asked, &answers, compatible);
    let shown = Shown { subject: &subject, outdated: &outdated, with_projects: projects.len() > 1, long: arguments.long };
    if arguments.json {
        let text = serde_json::to_string_pretty(&shown.json()).map_err(|error| Error::wrap(Code::Internal, &error))?;
        context.reporter.data(&text);
    } else {
        shown.lines().iter().for_each(|line| context.reporter.data(line));
    }
    match answers.into_values().find_map(Result::err) {
        Some(error) => Err(error),
        None => Ok(if outdated.is_empty() { 0 } else { 1 }),
    }
}

/// Asks the registries, with a progress line.
pub(super) fn ask(context: &Context, subject: &Subject, asked: &[Candidate]) -> Result<Answers, Error> {
    let counters = Arc::new(Counters::default());
    let (reporter, started) = (Arc::clone(&context.reporter), context.started);
    let listener: Listener = Arc::new(move |event| install::tell(&reporter, started, event));
    let seen = Arc::clone(&counters);
    let line = context.reporter.progress(move || Snapshot {
        stage: "Asking for",
        noun: "package",
        done: Counters::read(&seen.fetched),
        total: Counters::read(&seen.chosen),
        bytes: Counters::read(&seen.bytes),
    });
    let answers = newest(subject, &context.env, names(asked), (&counters, &listener));
    drop(line);
    answers
}
