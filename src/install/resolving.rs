//! Drives resolution: asks registries and folders for what the solver wants, and orders packages as they are chosen.

use super::fetch::{self, Fetched};
use super::news::Counters;
use super::session::Session;
use super::supply::{LOOKUP_BATCH, Order, Supply};
use super::{Message, failure};
use crate::error::Error;
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::package::platform::{Host, Platform};
use crate::pool::Priority;
use crate::project::settings::{LinkWorkspacePackages, Settings};
use crate::project::workspace::Project;
use crate::registry::{Age, Answered, RegistryError};
use crate::resolve::demands::Demands;
use crate::resolve::error::Warning;
use crate::resolve::graph::{Resolution, Source};
use crate::resolve::request::{ByVersion, Chosen, External, Failure, ImporterRequest, Need, Options, Request};
use crate::resolve::solve::Solver;
use crate::store::StoredPackage;
use crate::timings::{Happened, Timings, subject};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many packuments one job reads from the cache.
const PACKUMENT_BATCH: usize = 16;

/// The answer to a question of the solver.
pub(super) enum Answer {
    /// Packuments.
    Packuments(Vec<Answered>),
    /// Packuments that were asked for before the solver asked.
    Ahead(Vec<Answered>),
    /// What no registry keeps: it is fetched whole, since its manifest is inside.
    External(Source, Box<Result<Fetched, Error>>),
}

/// The packuments that were asked for ahead and that the solver has not asked for: nothing stands for one that is still on
/// its way. The solver takes one answer for each question, and what it has asked first may be an older one of the same
/// package; so it gets these when it asks for them, and not when they come.
struct Soon(BTreeMap<PackageName, Option<Result<Arc<Packument>, RegistryError>>>);

impl Soon {
    /// Keeps what the solver has not asked for; returns the rest.
    fn keep(&mut self, answers: Vec<Answered>) -> Vec<Answered> {
        let keep = |(name, answer)| match self.0.get_mut(&name) {
            Some(place) => {
                *place = Some(answer);
                None
            }
            None => Some((name, answer)),
        };
        answers.into_iter().filter_map(keep).collect()
    }
}

/// Which packages are fetched while resolution goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Early {
    /// None.
    Nothing,
    /// Those that the previous answer does not have.
    New,
    /// All.
    All,
}

impl Early {
    fn admits(self, chosen: &Chosen<'_>) -> bool {
        match self {
            Early::Nothing => false,
            Early::New => chosen.is_new,
            Early::All => true,
        }
    }
}

/// An answer.
pub(super) struct Resolved {
    pub resolution: Resolution,
    pub warnings: Vec<Warning>,
    /// What its packages ask for.
    pub demands: Demands,
    /// The packuments that were asked for. Nothing when something else was, too.
    pub asked: Option<Vec<PackageName>>,
}

/// Resolves what the projects ask for. `pins` is the previous answer, and `demands` what its packages ask for; packages for
/// other machines than `host`, and those that `early` does not name, are left for later.
pub(super) fn resolve(
    session: &Session,
    supply: &mut Supply,
    (pins, demands): (Option<Resolution>, Option<Demands>),
    early: Early,
    host: &Host,
) -> Result<Resolved, Error> {
    let pinning = session.draft.pinning(pins.as_ref())?;
    let request = Request { pins, pinning, demands, registries: session.sources.registries()?, ..request(session)? };
    let mut solver = Solver::new(request).map_err(failure::of_resolve)?;
    let mut externals: Vec<(Source, Arc<StoredPackage>)> = Vec::new();
    let mut orders = Vec::new();
    let timings = &session.counters.timings;
    let mut soon = Soon(session.draft.soon.iter().map(|name| (name.clone(), None)).collect());
    let (mut next, mut asked) = (Next::default(), Some(Vec::new()));
    let is_sure = |chosen: &Chosen<'_>| is_sure(&chosen.package.source, chosen.optional, &chosen.package.platform, host);
    let is_ordered = |chosen: &Chosen<'_>| early.admits(chosen) && is_sure(chosen);
    next.take(&mut solver, None, timings, is_ordered);
    loop {
        let Next { needs, chosen, orders: fresh } = std::mem::take(&mut next);
        note_asked(&mut asked, &needs);
        ask(session, needs, &mut soon)?;
        Counters::add(&session.counters.chosen, chosen);
        orders.extend(fresh);
        // A few packages are looked up together, unless there is nothing else to do.
        if orders.len() >= LOOKUP_BATCH || session.receiver.is_empty() || solver.is_done() {
            supply.order(orders.drain(..));
        }
        if solver.is_done() {
            break;
        }
        let mut answered = Vec::new();
        match session.receive()? {
            Message::Answer(Answer::Packuments(answers)) => answered = answers,
            Message::Answer(Answer::Ahead(answers)) => answered = soon.keep(answers),
            Message::Answer(Answer::External(source, outcome)) => {
                let answer = outcome.map(|fetched| {
                    externals.push((source.clone(), fetched.package));
                    External { manifest: fetched.manifest, integrity: fetched.integrity }
                });
                solver.external(&source, answer.map_err(|error| Failure::Fetch(Arc::new(error))));
                next.take(&mut solver, None, timings, is_ordered);
            }
            Message::Delivery(delivery) => {
                supply.take(delivery)?;
            }
            Message::Linked(_) => {}
        }
        for (name, answer) in answered {
            solver.packument(&name, answer.map_err(|error| of_registry(&error)));
            next.take(&mut solver, Some(&name), timings, is_ordered);
        }
    }
    let (resolution, warnings) = solver.finish().map_err(failure::of_resolve)?;
    let demands = solver.demands();
    if session.sources.store.began_empty() {
        // What it has of packuments is room for the tarballs, which are all still to be unpacked.
        session.spawner.spawn(Priority::Import, move || drop(solver));
    } else {
        // The process does not live much longer. To take the tree apart first costs a large project milliseconds.
        std::mem::forget(solver);
    }
    adopt(supply, &resolution, externals);
    Ok(Resolved { resolution, warnings, demands, asked })
}

/// Notes which packuments are asked for, until something else is.
fn note_asked(asked: &mut Option<Vec<PackageName>>, needs: &[Need]) {
    for need in needs {
        match (need, &mut *asked) {
            (Need::Packument(name) | Need::Remembered(name), Some(asked)) => asked.push(name.clone()),
            (Need::External(_), _) => *asked = None,
            (_, None) => {}
        }
    }
}

/// Hands over what was fetched to be resolved at all.
fn adopt(supply: &mut Supply, resolution: &Resolution, externals: Vec<(Source, Arc<StoredPackage>)>) {
    for (source, package) in externals {
        for known in resolution.packages.iter().filter(|known| known.source == source) {
            supply.adopt(known, Arc::clone(&package));
        }
    }
}

/// Asks about what an edit adds before anything else is known of the answer. The registry can take its time while the
/// lockfile is read.
pub(super) fn ask_ahead(session: &Session) -> Result<(), Error> {
    let names: Vec<PackageName> = session.draft.soon.iter().cloned().collect();
    for name in &names {
        // The answer may be here before the solver asks, and counts all the same.
        session.counters.timings.note(|| Happened::Wanted { name: name.to_string(), because: None });
    }
    ask_for_packuments(session, &names, Age::Current, Answer::Ahead)
}

/// What answers led to.
#[derive(Default)]
struct Next {
    needs: Vec<Need>,
    /// How many packages were chosen.
    chosen: u64,
    /// Those of them that are fetched early.
    orders: Vec<Order>,
}

impl Next {
    /// Takes what the solver asks and has chosen since the last time, `because` of the packument that it was given.
    fn take(&mut self, solver: &mut Solver, because: Option<&PackageName>, timings: &Timings, is_ordered: impl Fn(&Chosen<'_>) -> bool) {
        let needs = solver.wants();
        let because = || because.map(ToString::to_string);
        for need in &needs {
            if let Need::Packument(name) | Need::Remembered(name) = need {
                timings.note(|| Happened::Wanted { name: name.to_string(), because: because() });
            }
        }
        for chosen in solver.chosen() {
            let package = chosen.package;
            timings.note(|| Happened::Chosen { subject: subject(&package.name, &package.version), because: because() });
            self.chosen += 1;
            if is_ordered(&chosen) {
                self.orders.push(Order::of_chosen(&chosen));
            }
        }
        self.needs.extend(needs);
    }
}

/// Returns what the projects ask for, without what only resolving needs: the previous answer and the registries.
pub(super) fn request(session: &Session) -> Result<Request, Error> {
    let importer = |project: &Project| {
        let published = project.published().map_err(failure::of_project)?;
        let (path, manifest) = (project.path.clone(), Arc::clone(&project.manifest));
        Ok(ImporterRequest { path, manifest, published, injected: project.injected() })
    };
    Ok(Request {
        importers: session.workspace.projects.iter().map(importer).collect::<Result<_, Error>>()?,
        overrides: session.overrides.clone(),
        catalogs: session.catalogs.clone(),
        options: options(session),
        ..Request::default()
    })
}

pub(super) fn options(session: &Session) -> Options {
    options_of(&session.settings)
}

/// Returns the options that settings come to.
pub(super) fn options_of(settings: &Settings) -> Options {
    let settings = &settings.resolution;
    Options {
        auto_install_peers: settings.auto_install_peers,
        strict_peer_dependencies: settings.strict_peer_dependencies,
        dedupe_peer_dependents: settings.dedupe_peer_dependents,
        by_version: match settings.link_workspace_packages {
            LinkWorkspacePackages::Never => ByVersion::Never,
            LinkWorkspacePackages::OfProjects => ByVersion::OfProjects,
            LinkWorkspacePackages::Deep => ByVersion::Deep,
        },
        ..Options::default()
    }
}

/// Says whether a package can be fetched before the tree is planned. Folders and local tarballs wait until it is known
/// whether they are needed on this machine at all: they cost nothing. So do the dependencies of optional packages, since
/// what leads to them may be for other machines; what is optional and names this machine itself is worth the haste.
pub(super) fn is_sure(source: &Source, optional: bool, platform: &Platform, host: &Host) -> bool {
    let is_restricted = || [&platform.os, &platform.cpu, &platform.libc].iter().any(|list| !list.is_empty());
    matches!(source, Source::Registry { .. }) && (!optional || (is_restricted() && platform.admits(host)))
}

/// Asks all questions that there are at the moment.
fn ask(session: &Session, needs: Vec<Need>, soon: &mut Soon) -> Result<(), Error> {
    let (mut current, mut remembered) = (Vec::with_capacity(needs.len()), Vec::new());
    for need in needs {
        match need {
            Need::Packument(name) => match soon.0.remove(&name) {
                None => current.push(name),
                // It is on its way already.
                Some(None) => {}
                Some(Some(answer)) => {
                    // Cannot fail while the session holds the receiver.
                    let _ = session.sender.send(Message::Answer(Answer::Packuments(vec![(name, answer)])));
                }
            },
            Need::Remembered(name) => remembered.push(name),
            Need::External(source) => ask_for_external(session, source)?,
        }
    }
    ask_for_packuments(session, &current, Age::Current, Answer::Packuments)?;
    ask_for_packuments(session, &remembered, Age::Any, Answer::Packuments)
}

fn ask_for_packuments(session: &Session, names: &[PackageName], age: Age, answer: fn(Vec<Answered>) -> Answer) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let client = session.sources.client()?;
    let size = names.len().div_ceil(2).min(PACKUMENT_BATCH);
    for names in names.chunks(size) {
        let (sender, counters) = (session.sender.clone(), Arc::clone(&session.counters));
        client.packuments(names.to_vec(), age, move |answers| {
            for (name, _) in answers.iter().filter(|(_, answer)| answer.is_ok()) {
                counters.timings.note(|| Happened::Answered { name: name.to_string() });
            }
            // The receiver is gone only when the install has failed already.
            let _ = sender.send(Message::Answer(answer(answers)));
        });
    }
    Ok(())
}

fn ask_for_external(session: &Session, source: Source) -> Result<(), Error> {
    let sender = session.sender.clone();
    if let Some(fetched) = session.draft.take_fetched(&source) {
        // Cannot fail while the session holds the receiver.
        let _ = sender.send(Message::Answer(Answer::External(source, Box::new(Ok(fetched)))));
        return Ok(());
    }
    let name = fetch::placeholder_name(&source)?;
    let order = Order { id: place(&source).to_owned(), name, version: String::new(), source, integrity: None, unpacked_size: 0 };
    fetch::fetch(&session.sources, &session.spawner, order, move |order, outcome| {
        let _ = sender.send(Message::Answer(Answer::External(order.source, Box::new(outcome))));
    });
    Ok(())
}

fn place(source: &Source) -> &str {
    match source {
        Source::Registry { tarball } => tarball.as_deref().unwrap_or_default(),
        Source::Tarball { url } => url,
        Source::LocalTarball { path } | Source::Folder { path } => path,
    }
}

fn of_registry(error: &RegistryError) -> Failure {
    if error.is_not_found() { Failure::NotFound } else { Failure::Fetch(Arc::new(failure::of_registry(error))) }
}
