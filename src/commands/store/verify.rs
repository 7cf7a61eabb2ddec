//! `deka store verify`

mod shown;

use crate::cli::store::verify::Verify;
use crate::commands::{Context, install};
use crate::error::{Code, Error};
use crate::install::news::Listener;
use crate::install::{Task, of_store};
use crate::project::settings::Flags;
use crate::project::workspace::find_root;
use crate::report::Snapshot;
use crate::store::verify::{Checks, Fault, Progress, Rebuilt, Sample};
use crate::store::{Mode, Store};
use crate::upkeep::repair::{self, Repaired};
use crate::upkeep::verify::{self, Report, Request};
use shown::Shown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Looks the store through and says what is wrong; ends with an error if something is, and stays so.
pub(super) fn run(context: &Context, arguments: &Verify) -> Result<(), Error> {
    let settings = super::settings(context, &arguments.place)?;
    let store = open(&settings.store_dir)?;
    let rebuilt = if arguments.rebuild_index { Some(store.rebuild_index().map_err(of_store)?) } else { None };
    let request = request(context, arguments)?;
    let started = Instant::now();
    let report = look(context, &store, &request)?;
    let took = started.elapsed();
    let repaired = if arguments.repair { Some(mend(context, arguments, &store, &request, &report)?) } else { None };
    let left = repaired.as_ref().map_or(report.faults(), |(_, left)| left.faults());
    let shown = Shown { root: store.root(), request: &request, report: &report, took, rebuilt, repaired: repaired.as_ref() };
    if arguments.json {
        context.reporter.data(&format!("{:#}", shown.json()));
    } else {
        shown.lines().iter().for_each(|line| context.reporter.data(line));
    }
    match left {
        0 => Ok(()),
        left => Err(unsound(left, arguments.repair)),
    }
}

/// Opens the store as an install does, so that an index that is lost or broken is made again on the way. No store is
/// made where there is none, least of all in a folder that is something else.
fn open(root: &Path) -> Result<Arc<Store>, Error> {
    if !["objects", "packages", "index.db"].iter().any(|part| root.join(part).exists()) {
        let message = format!("there is no store in {}", root.display());
        return Err(Error::new(Code::Usage, message).hint("An install makes it; `--store-dir <DIR>` names another one."));
    }
    Store::open(root, Mode::ReadWrite).map(Arc::new).map_err(of_store)
}

fn request(context: &Context, arguments: &Verify) -> Result<Request, Error> {
    let seed = arguments.seed.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| u64::from(since.subsec_nanos()))
    });
    let sample = arguments.sample.map(|share| Sample { share, seed });
    let project: Option<PathBuf> = match &arguments.project {
        None => None,
        Some(folder) => Some(
            find_root(&context.dir.join(folder).components().collect::<PathBuf>(), context.env.home())
                .map_err(crate::install::of_project)?,
        ),
    };
    Ok(Request { project, checks: Checks { only: None, sample, resume: arguments.resume } })
}

/// Looks the store through, with a progress line.
fn look(context: &Context, store: &Store, request: &Request) -> Result<Report, Error> {
    let progress = Arc::new(Progress::default());
    let seen = Arc::clone(&progress);
    let line = context.reporter.progress(move || Snapshot {
        stage: "Checking",
        noun: "object",
        done: seen.objects.load(Ordering::Relaxed),
        total: seen.of_objects.load(Ordering::Relaxed),
        bytes: seen.bytes.load(Ordering::Relaxed),
    });
    let report = verify::run(store, &context.env, request, &progress);
    drop(line);
    report
}

/// Mends what was found, and looks again at all that was wrong. Returns what was done and what is still wrong.
fn mend(
    context: &Context,
    arguments: &Verify,
    store: &Arc<Store>,
    request: &Request,
    report: &Report,
) -> Result<(Repaired, Report), Error> {
    let overrides = arguments.place.store_dir.iter().map(|dir| ("store-dir".to_owned(), dir.clone())).collect();
    let task = Task::new(context.dir.clone(), context.env.clone(), Flags(overrides));
    let (reporter, start) = (Arc::clone(&context.reporter), context.started);
    let listener: Listener = Arc::new(move |event| install::tell(&reporter, start, event));
    let repaired = repair::run(store, &task, report, &listener)?;
    let packages = report.findings.faults.iter().flat_map(|finding| &finding.packages).map(|holder| holder.key.clone());
    let packages = packages.chain(report.findings.unindexed.iter().map(|package| package.key.clone()));
    // A damaged pack concerns more than the packages of the faults.
    let is_whole = request.project.is_none() && report.findings.faults.iter().any(|finding| matches!(finding.fault, Fault::Pack(_)));
    let only = if is_whole { None } else { Some(packages.collect()) };
    let again = Request { project: request.project.clone(), checks: Checks { only, ..Checks::default() } };
    let left = verify::run(store, &context.env, &again, &Progress::default())?;
    store.commit_marks(&left.findings.learnt).map_err(of_store)?;
    Ok((repaired, left))
}

fn unsound(count: usize, repaired: bool) -> Error {
    let things = if count == 1 { "1 thing is".to_owned() } else { format!("{count} things are") };
    match repaired {
        false => Error::new(Code::Unsound, format!("{things} wrong with the store or the project"))
            .hint("Run `deka store verify` with `--repair` to mend it; nothing else was changed."),
        true => Error::new(Code::Unsound, format!("{things} still wrong with the store or the project"))
            .hint("What was damaged is not used any more. The next `deka install` of a project fetches what it needs."),
    }
}

/// What is shown of an index that was made anew.
fn rebuilt_line(rebuilt: &Rebuilt) -> String {
    let Rebuilt { packages, trees, projects, recorded } = rebuilt;
    let more = if *recorded == 0 { String::new() } else { format!("; {recorded} of them had no record and have one now") };
    format!("The index is made anew: {packages} packages, {trees} trees, {projects} projects{more}")
}
