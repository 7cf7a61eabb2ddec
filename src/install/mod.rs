//! The pipeline: the one place that sees every stage.
//!
//! ```text
//! state says "nothing to do" ─────────────────────────────────────────────► done
//! manifests, settings, lockfile (an edit reads the lockfile and `node_modules` ahead)
//!   ├─ lockfile fits, or there is none and the answer of before still holds: blueprint ───► done
//!   ├─ the same without a blueprint┐
//!   └─ resolving ──► supply (early)│      from the lockfile and what is recalled of it
//!        resolution ◄──────────────┘
//!        ├─ scripting: the project's own `preinstall`
//!        ├─ building: plan, compare, supply the rest, build slots as packages arrive, finish
//!        ├─ deka.lock
//!        ├─ scripting: allowed dependencies, then the rest of the project's own
//!        └─ state file, registration in the store
//! ```
//!
//! One thread, the caller's, makes every decision. It hands work to the pool and receives what came of it on one
//! channel, so there is nothing to lock and the order of arrival cannot change the outcome. [`supply`] owns the way of
//! packages into the store, [`building`] the way from there into `node_modules`.

mod again;
mod ahead;
mod answers;
mod building;
mod crew;
mod deciding;
mod deploy;
pub mod edit;
mod ending;
mod engines;
mod failure;
mod fetch;
mod fingerprint;
mod folder;
mod landing;
mod latest;
mod locked;
pub mod news;
mod projects;
mod quarantined;
mod recalled;
mod replay;
mod resolving;
mod scripting;
mod session;
mod shelf;
mod source;
mod summary;
mod supply;
mod telling;
mod trail;
mod upstream;

pub(crate) use again::{Again, fetch_again};
pub(crate) use building::key_of;
pub use deploy::{Deployment, deploy};
pub(crate) use failure::{of_file, of_layout, of_lockfile, of_project, of_store};
pub(crate) use latest::packuments;
pub(crate) use locked::NAME as LOCKFILE;
pub use scripting::RUNNING;
pub(crate) use session::{SHARED_SLOTS, folders};
pub use summary::{Change, Outcome};

use crate::error::Error;
use crate::handles;
use crate::layout::record::FILE_NAME as RECORD;
use crate::layout::survey::{self, Survey};
use crate::package::platform::Host;
use crate::pool::{self, Pool};
use crate::project::env::Env;
use crate::project::graph::ProjectGraph;
use crate::project::selection::Selection;
use crate::project::settings::{Flags, Settings, Sources as SettingSources};
use crate::project::stamp::FileStamp;
use crate::project::state::{self, Now, State};
use crate::project::workspace::{Workspace, find_root};
use crate::project::{catalogs, host, lock, overrides};
use crate::resolve::graph::Resolution;
use crate::scripts::lifecycle::Moment;
use crate::store::{Mode, Store, Wait};
use crate::timings::{Happened, Part};
use ahead::Ahead;
use building::{Attempt, Built, Choice};
use deciding::{Decided, Learnt, Origin, decide};
use edit::{Desk, Edit, Written};
use locked::{Foreseen, Locked};
use news::{Counters, Event, Listener};
use session::Session;
use source::Sources;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use supply::Supply;

/// What an install is asked to do.
#[derive(Clone, Debug)]
pub struct Task {
    /// The folder that deka was called in, absolute.
    pub dir: PathBuf,
    /// The environment.
    pub env: Env,
    /// The command line.
    pub flags: Flags,
    /// Which projects of the workspace; all of them when nothing is asked for.
    pub selection: Selection,
    /// Whether `node_modules` is made from nothing (`deka ci`).
    pub clean: bool,
    /// What is to change in manifests first.
    pub edit: Option<Edit>,
}

impl Task {
    /// Returns the task to install what is asked for, in a folder, with an environment and a command line.
    pub fn new(dir: PathBuf, env: Env, flags: Flags) -> Task {
        Task { dir, env, flags, selection: Selection::default(), clean: false, edit: None }
    }
}

/// What the pool sends back to the thread that decides.
enum Message {
    /// The answer to a question of resolution.
    Answer(resolving::Answer),
    /// Packages on their way into the store.
    Delivery(supply::Delivery),
    /// Slots were built, or were not.
    Linked(Vec<(usize, building::Linked)>),
}

/// Installs. `counters` and `listener` hear how it goes.
pub fn run(task: &Task, counters: &Arc<Counters>, listener: &Listener) -> Result<Outcome, Error> {
    let root = find_root(&task.dir, task.env.home()).map_err(of_project)?;
    if !task.selection.is_given()
        && let Some(outcome) = nothing_to_do(task, (&root, &root.join("node_modules")), &[])
    {
        return Ok(outcome);
    }
    // Every edit goes through the lockfile, so it can be read beside the manifests.
    let foreseen = if task.edit.is_some() { locked::foresee(&root) } else { Ahead::nothing() };
    let asked = Asked::read(task, &root)?;
    let (workspace, settings) = (&asked.workspace, &asked.settings);
    if asked.selected.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Outcome { unmatched: Some(root), ..Outcome::default() });
    }
    let only = projects::paths(workspace, asked.selected.as_deref());
    let warnings = workspace.warnings.iter().map(ToString::to_string).chain(settings.warnings.iter().map(ToString::to_string));
    warnings.for_each(|warning| listener(Event::Warning(warning)));
    let modules_dir = root.join(&settings.layout.modules_dir);
    if let Some(outcome) = nothing_to_do(task, (&root, &modules_dir), &only) {
        return Ok(outcome);
    }
    projects::check(workspace, &asked.graph, listener)?;
    let lock = match settings.lockfile.only {
        true => None,
        false => Some(lock_project(&root, &modules_dir, listener)?),
    };
    // Whoever held the lock until now may have changed what was read before.
    let asked = if task.edit.is_some() && !is_as_read(workspace, settings) { Asked::read(task, &root)? } else { asked };
    let outcome = run_locked(task, (asked, foreseen), counters, listener);
    if let (Err(_), Some(lock)) = (&outcome, lock) {
        lock.undo();
    }
    outcome
}

/// Installs in a folder that is a project of its own, with settings that were read elsewhere.
fn run_with(task: &Task, settings: Settings, counters: &Arc<Counters>, listener: &Listener) -> Result<Outcome, Error> {
    let workspace = Workspace::load(&task.dir).map_err(of_project)?;
    let lock = lock_project(&task.dir, &task.dir.join(&settings.layout.modules_dir), listener)?;
    let graph = ProjectGraph::read(&workspace, settings.resolution.link_workspace_packages);
    let outcome = run_locked(task, (Asked { workspace, settings, graph, selected: None }, Ahead::nothing()), counters, listener);
    if outcome.is_err() {
        lock.undo();
    }
    outcome
}

/// What is installed, and how.
struct Asked {
    workspace: Workspace,
    settings: Settings,
    graph: ProjectGraph,
    /// The projects that are installed; nothing for all of them.
    selected: Option<Vec<usize>>,
}

impl Asked {
    fn read(task: &Task, root: &Path) -> Result<Asked, Error> {
        let workspace = Workspace::load(root).map_err(of_project)?;
        let settings = load_settings(task, Some(&workspace))?;
        let graph = ProjectGraph::read(&workspace, settings.resolution.link_workspace_packages);
        let selected = projects::selected(task, &workspace, &graph)?;
        Ok(Asked { workspace, settings, graph, selected })
    }
}

/// Installs while nobody else does.
fn run_locked(task: &Task, (asked, foreseen): (Asked, Foreseen), counters: &Arc<Counters>, listener: &Listener) -> Result<Outcome, Error> {
    let Asked { mut workspace, settings, graph, selected } = asked;
    let root = workspace.root.clone();
    let modules_dir = root.join(&settings.layout.modules_dir);
    let state = State::read(&modules_dir);
    if state.is_none() && has_record(&modules_dir) {
        // Whoever went before did not come to its end.
        edit::remove_abandoned(&workspace);
    }
    let written_in_this_boot = state.is_none_or(|state| state.boot.is_none() || state.written_in_this_boot());
    let places = session::places(&settings, &workspace)?;
    let on_wait = |wait: Wait| listener(Event::Note(wait.to_string()));
    // Opening the store may start a thread, the first one.
    handles::prepare();
    let store = Store::open_without_index(&settings.store_dir, Mode::ReadWrite, &on_wait).map_err(of_store)?;
    let pool = Pool::new(pool::processors());
    let (sender, receiver) = crossbeam_channel::unbounded();
    let (settings, told) = (Arc::new(settings), (Arc::clone(counters), Arc::clone(listener)));
    let sources = Arc::new(Sources::new(root, Arc::new(store), Arc::clone(&settings), task.env.clone(), pool.spawner(), told));
    let spawner = pool.spawner();
    // Until an edit is planned it changes nothing there. Before other installs scripts may run that do.
    let seen = match task.edit {
        Some(_) => {
            let places = places.clone();
            Ahead::on_pool(&spawner, move || survey::glance(&places))
        }
        None => Ahead::nothing(),
    };
    let opened = || Happened::Step { part: Part::Rest, label: "settings, manifests and the store".to_owned(), began_us: 0 };
    counters.timings.note(opened);
    let desk = Desk { task, settings: &settings, sources: &sources, spawner: &spawner, graph: &graph, listener };
    let draft = edit::draft(&mut workspace, &desk)?;
    let overrides = overrides::read(&workspace).map_err(of_project)?;
    let mut catalogs = catalogs::read(&workspace).map_err(of_project)?;
    draft.overlay(&mut catalogs);
    let mut session = Session {
        task,
        settings,
        workspace,
        graph,
        selected,
        overrides,
        draft,
        catalogs,
        places,
        written_in_this_boot,
        sources,
        spawner,
        sender,
        receiver,
        counters: Arc::clone(counters),
        listener: Arc::clone(listener),
        warned: Mutex::default(),
        foreseen,
        seen,
        fresh: Mutex::default(),
    };
    session.trace("settings, manifests and store are open");
    resolving::ask_ahead(&session)?;
    let outcome = install(&mut session);
    session.sources.landings.close();
    if outcome.is_err() {
        // What is still under way is of no use any more; the process ends without waiting for it.
        std::mem::forget(pool);
    } else if let Some(fresh) = session.fresh().take() {
        // Waits for the last packuments, which are written behind everything else.
        drop(pool);
        fresh.keep(&session.sources, &session.settings.cache_dir);
    }
    // Large, and of no use to a process that ends.
    std::mem::forget((session.workspace, session.graph, session.draft));
    outcome
}

/// Says whether something was built there before.
fn has_record(modules_dir: &Path) -> bool {
    crate::project::folder::path(modules_dir).join(RECORD).exists()
}

/// Says whether everything that settings and manifests were read from still is as it was.
fn is_as_read(workspace: &Workspace, settings: &Settings) -> bool {
    settings.inputs.files.iter().chain(&workspace.looked_at).all(FileStamp::is_current)
}

/// Reads the settings.
pub(crate) fn load_settings(task: &Task, workspace: Option<&Workspace>) -> Result<Settings, Error> {
    let sources = SettingSources { flags: &task.flags, env: &task.env, cwd: &task.dir, workspace };
    Settings::load(&sources).map_err(of_project)
}

/// Answers from the state file alone, if it can.
fn nothing_to_do(task: &Task, (root, modules_dir): (&Path, &Path), only: &[String]) -> Option<Outcome> {
    let asks_for_more = ["force", "verify", "lockfile-only"].iter().any(|flag| task.flags.0.contains_key(*flag));
    if task.clean || task.edit.is_some() || asks_for_more {
        return None;
    }
    let state = State::read(modules_dir)?;
    let now = Now { root, only, env: &task.env, flags: &task.flags };
    state.is_current(&now).then(|| Outcome { total: u64::from(state.packages), ..Outcome::default() })
}

fn lock_project(root: &Path, modules_dir: &Path, listener: &Listener) -> Result<lock::ProjectLock, Error> {
    let on_wait = |holder: Option<u32>| {
        let who = holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        listener(Event::Note(format!("waiting for {who}, which is installing this project")));
    };
    lock::lock(root, modules_dir, on_wait).map_err(failure::of_file)
}

fn install(session: &mut Session) -> Result<Outcome, Error> {
    let text = locked::read_text(session)?;
    let host = host::host(&session.settings.architectures);
    let from_nothing = session.task.clean || !has_record(&session.modules_dir());
    let answer = if text.is_none() { answers::recall(session) } else { None };
    let foreseen = text.as_deref().or(answer.as_ref().map(|answer| answer.lockfile.as_bytes()));
    let known = foreseen.filter(|_| from_nothing).and_then(|text| replay::key(session, text, &host));
    let began = match known.map(|key| replay::run(session, key, answer.as_ref())).transpose()? {
        Some(replay::Attempt::Done(outcome)) => return Ok(outcome),
        Some(replay::Attempt::Not { began }) => began,
        None => false,
    };
    session.sources.store.open_index().map_err(of_store)?;
    let (told, counters) = (Arc::clone(&session.listener), Arc::clone(&session.counters));
    let mut supply = Supply::new(Arc::clone(&session.sources), session.spawner.clone(), session.sender.clone(), counters, told);
    let node = engines::Node::ask(session);
    let Decided { locked, mut resolution, origin } = decide(session, &mut supply, (text, answer), &host, from_nothing)?;
    let session = &*session;
    let quarantine = quarantined::check(session, &resolution)?;
    if let Some(outcome) = without_tree(session, &locked, (&resolution, origin.learnt()))? {
        return Ok(outcome);
    }
    let fit = engines::check(session, &resolution, &host, node)?;
    state::forget(&session.modules_dir()).map_err(failure::of_file)?;
    let permissions = scripting::permissions(session, &resolution)?;
    // An edit runs the scripts of what it brings, and not those of projects.
    let is_edit = session.task.edit.is_some();
    if !began && !is_edit {
        scripting::run_projects(session, Moment::Before)?;
    }
    let folders = folder::look(&session.workspace.root, &resolution);
    let link = || build(session, &mut supply, &resolution, (&permissions, &folders), (&host, fit));
    // What was resolved is put into words while it is linked.
    let (text, built) = match &origin {
        Origin::Lockfile => (None, link()),
        Origin::Recalled(text) => (Some(text.clone()), link()),
        Origin::Resolved(_) => pool::beside(|| Some(locked::text(session, &resolution)), link),
    };
    let (built, before) = built?;
    report_built(session, &built, &supply);
    let learnt = supply.fill_integrities(&mut resolution);
    let text = if learnt { Some(locked::text(session, &resolution)) } else { text };
    if !is_edit {
        locked::write(session, &locked, (text.as_deref(), origin.learnt()))?;
    }
    scripting::run_dependencies(session, &resolution, &built)?;
    let (mut written, mut pruned) = (Written::default(), Vec::new());
    if is_edit {
        written = put_down(session, &locked, (text.as_deref(), origin.learnt()))?;
        pruned = edit::prune(session, &built.wanted)?;
    } else {
        scripting::run_projects(session, Moment::After)?;
    }
    ending::write_state(session, &resolution, (&built, &folders, &written), quarantine)?;
    session.sources.store.register_project(&session.workspace.root).map_err(of_store)?;
    let skipped = scripting::skipped(session, &resolution, &built, &permissions);
    let outcome = summary::outcome(session, &resolution, (&built, &before, &written), (pruned, supply.fetched));
    if let Some(text) = text.as_ref().map(String::as_bytes).or(locked.text.as_deref()).filter(|_| from_nothing) {
        replay::remember(session, (text, &host), (&resolution, &built, &supply), (&outcome, &skipped));
    }
    if !skipped.is_empty() {
        (session.listener)(Event::SkippedScripts(skipped));
    }
    // The process is about to end. To take all of this apart first costs a large project milliseconds.
    std::mem::forget((resolution, built, before, supply.into_ready()));
    Ok(outcome)
}

/// Ends an install that has nothing to do with `node_modules`: a check, or one that only writes what the user keeps.
fn without_tree(session: &Session, locked: &Locked, answer: (&Resolution, Option<&Learnt>)) -> Result<Option<Outcome>, Error> {
    let (resolution, learnt) = answer;
    if session.task.edit.as_ref().is_some_and(Edit::is_check) {
        return edit::check(session, locked, resolution).map(Some);
    }
    if session.settings.lockfile.only {
        let _ = put_down(session, locked, (Some(&locked::text(session, resolution)), learnt))?;
        return Ok(Some(Outcome { lockfile_only: true, ..Outcome::default() }));
    }
    Ok(None)
}

/// Writes what the user keeps: manifests that were edited and, right behind them, the lockfile. Both or neither.
fn put_down(session: &Session, locked: &Locked, answer: (Option<&str>, Option<&Learnt>)) -> Result<Written, Error> {
    let written = edit::write(session)?;
    match locked::write(session, locked, answer) {
        Ok(()) => Ok(written),
        Err(error) => {
            written.take_back();
            Err(error)
        }
    }
}

/// Plans and builds; again without those optional packages that turn out not to be had.
fn build(
    session: &Session,
    supply: &mut Supply,
    resolution: &Resolution,
    (permissions, folders): (&scripting::Permissions, &folder::Contents),
    (host, fit): (&Host, engines::Fit),
) -> Result<(Built, Survey), Error> {
    let trust = is_trusted(session);
    session.sources.landings.settle();
    let engines::Fit { mut skipped, mut faults } = fit;
    let mut left_out = false;
    loop {
        let choice = Choice { host, private: &permissions.allowed, skipped: &skipped, folders, trust };
        let planned = building::plan(session, resolution, &choice)?;
        session.trace(format!("{} slots are planned, {} of them have to be built", planned.wanted.slots.len(), planned.work.build.len()));
        engines::report(session, std::mem::take(&mut faults), &planned.wanted)?;
        let before = planned.before.clone();
        match building::build(session, supply, resolution, planned)? {
            Attempt::Built(built) => return Ok((Built { left_out, ..*built }, before)),
            Attempt::Without(instances, error) => {
                left_out = true;
                session.warn(format!("an optional package is left out: {}", error.message.replace('\n', ", ")));
                skipped.extend(instances);
            }
        }
    }
}

/// Says whether what stands in `node_modules` can be believed: not when everything is to be done again, and not when a
/// power failure may have emptied files that were written shortly before it.
fn is_trusted(session: &Session) -> bool {
    let again = session.settings.force || session.settings.verify || session.task.clean;
    !again && session.written_in_this_boot
}

/// Empties the `node_modules` of the projects that are installed, but for the lock that this install holds.
fn clean(session: &Session) -> Result<(), Error> {
    let modules = session.modules_dir();
    let own = crate::project::folder::path(&modules);
    for (folder, kept) in [(&modules, crate::project::folder::NAME), (&own, lock::NAME)] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten().filter(|entry| entry.file_name() != kept) {
            crate::fs::remove_all(&entry.path()).map_err(failure::of_file)?;
        }
    }
    for project in &session.workspace.projects[1..] {
        crate::fs::remove_all(&project.folder.join(session.places.modules_dir.as_str())).map_err(failure::of_file)?;
    }
    Ok(())
}

fn report_built(session: &Session, built: &Built, supply: &Supply) {
    let (count, bytes) = supply.fetched;
    session.stage("fetched", format!("Fetched {count} packages ({bytes} bytes)"));
    session.stage("linked", format!("Linked {} packages", built.done.built));
    built.done.warnings.iter().for_each(|warning| session.warn(warning));
    session.trace(format!("{} slots are built, {} were there, {} are removed", built.done.built, built.done.kept, built.done.removed));
}
