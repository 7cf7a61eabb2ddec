//! Installs again what was installed before: the same lockfile, manifests and settings, and nothing in `node_modules`.
//!
//! Whoever deletes `node_modules`, changes branches back and forth, or has another clone of a project wants a tree that
//! this machine has built already. The first install that finds everything in the store leaves a blueprint of it; the
//! next ones carry that out, and neither parse the lockfile nor ask the index. What a blueprint is found by
//! ([`key`]) has everything in it that could change the outcome, so there is nothing to decide. Should something on
//! disk not be as the blueprint says, then it is dropped and the install goes its usual way, as after one that was killed.

use super::answers::Answer;
use super::building::Built;
use super::crew::Crew;
use super::edit::Written;
use super::ending::{self, Installed};
use super::fingerprint::Fingerprint;
use super::news::{Event, Stage};
use super::session::Session;
use super::supply::Supply;
use super::{Outcome, engines, failure, locked, scripting, summary::Change};
use crate::error::Error;
use crate::layout::blueprint::{Phase, Site, draw};
use crate::layout::plan::LinkTarget;
use crate::package::platform::Host;
use crate::project::state::{self, LinkFolder};
use crate::resolve::graph::{Resolution, Source};
use crate::scripts::lifecycle::Moment;
use crate::store::{BlueprintKey, Method, StoredPackage, Surprise};
use crate::timings::Part;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Changes whenever the same inputs lead to another tree.
const FORMAT: u8 = 3;

/// What an install has to know besides the steps.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// The number of the part behind each phase.
    ends: [usize; Phase::ALL.len()],
    /// Slots of the store that have to stand.
    shared: Vec<String>,
    /// The version of node that packages were held against; nothing when none of them asks for one.
    node: Option<String>,
    /// Packages of the whole tree.
    total: u64,
    /// The same, as the state file counts them.
    instances: u32,
    /// The direct dependencies of the root and their versions.
    added: Vec<(String, String)>,
    /// The names of the links in the `node_modules` of projects.
    linked: Vec<(String, Vec<String>)>,
    /// What was warned of.
    warnings: Vec<String>,
    /// Packages whose scripts nobody has allowed.
    skipped: Vec<String>,
}

/// How an attempt ended.
pub(super) enum Attempt {
    /// Everything stands.
    Done(Outcome),
    /// It is to be installed in the usual way.
    Not {
        /// Whether the scripts ran that come before everything else.
        began: bool,
    },
}

/// Returns what the blueprint of an install is found by. Nothing for an install that has to look for itself.
pub(super) fn key(session: &Session, lockfile: &[u8], host: &Host) -> Option<BlueprintKey> {
    let settings = &session.settings;
    if settings.force || settings.verify || settings.lockfile.only || session.selected.is_some() || session.task.edit.is_some() {
        return None;
    }
    let mut inputs = Fingerprint::of_this_version();
    inputs.add(&[FORMAT]);
    inputs.add(lockfile);
    inputs.add_projects(&session.workspace);
    let others = (&settings.layout, &settings.groups, &settings.resolution, &settings.scripts, &settings.architectures);
    let registries = (&settings.registries.default, &settings.registries.scopes);
    let shared = &session.places.shared;
    inputs.add(format!("{others:?} {registries:?} {shared:?} {host:?} {:?}", session.workspace.file.fields).as_bytes());
    Some(BlueprintKey(*inputs.finish().as_bytes()))
}

/// Carries out the blueprint with this key, if there is one and nothing stands in the way. `answer` is what stands for the
/// lockfile where there is none; it is written with the rest.
pub(super) fn run(session: &Session, key: BlueprintKey, answer: Option<&Answer>) -> Result<Attempt, Error> {
    let not = Ok(Attempt::Not { began: false });
    let store = &session.sources.store;
    let Some(blueprint) = store.blueprint(key) else { return not };
    let Ok(head) = serde_json::from_slice::<Head>(blueprint.head()) else { return not };
    if head.node.is_some() && head.node != engines::known_version(session) {
        return not;
    }
    let Some(quarantine) = super::quarantined::is_empty(session)? else { return not };
    if session.task.clean {
        super::clean(session)?;
    }
    let projects = session.workspace.projects.iter().map(|project| project.path.as_str());
    let Some(site) = Site::open(&session.places, projects, &head.shared).map_err(failure::of_layout)? else { return not };
    state::forget(&session.modules_dir()).map_err(failure::of_file)?;
    scripting::run_projects(session, Moment::Before)?;
    session.trace("this was built before: its blueprint is carried out");
    let crew = Crew::new(session, site, blueprint, head.ends);
    let installed = match carry_out(session, &crew) {
        Ok(built) => built,
        Err(surprise) => {
            session.trace(format!("the blueprint is out of date: {surprise}"));
            // Should it stay, then the next install meets the same surprise.
            let _ = store.remove_blueprint(key);
            return Ok(Attempt::Not { began: true });
        }
    };
    answer.iter().for_each(|answer| answer.tell(session));
    head.warnings.iter().for_each(|warning| session.warn(warning));
    session.stage("fetched", "Fetched 0 packages (0 bytes)".to_owned());
    session.stage("linked", format!("Linked {installed} packages"));
    if let Some(answer) = answer {
        locked::put(session, &answer.lockfile)?;
    }
    scripting::run_projects(session, Moment::After)?;
    let linked: Vec<LinkFolder> = head.linked.into_iter().map(|(path, links)| LinkFolder { path, links }).collect();
    let elsewhere = linked.iter().filter(|folder| folder.path != session.places.modules_dir.as_str());
    let changed_elsewhere = elsewhere.map(|folder| folder.links.len() as u64).sum();
    ending::write(session, Installed { only: Vec::new(), linked, packages: head.instances }, vec![quarantine], &Written::default())?;
    store.register_project(&session.workspace.root).map_err(failure::of_store)?;
    if !head.skipped.is_empty() {
        (session.listener)(Event::SkippedScripts(head.skipped));
    }
    let changes = head.added.into_iter().map(|(alias, version)| Change { alias, from: None, to: Some(version) });
    let (changes, installed) = (changes.collect(), installed as u64);
    Ok(Attempt::Done(Outcome { changes, changed_elsewhere, installed, total: head.total, ..Outcome::default() }))
}

/// Builds everything, and returns how many slots there were to build.
fn carry_out(session: &Session, crew: &Crew) -> Result<usize, Surprise> {
    session.counters.enter(Stage::Linking);
    let built = crew.work_together(session, &[Phase::Folders, Phase::Slots, Phase::Files])?;
    session.trace("slots are done");
    crew.work_together(session, &[Phase::Projects])?;
    session.trace("projects are done");
    crew.finish()?;
    Ok(built)
}

/// Leaves a blueprint of what was just built, if the next install with this lockfile could do exactly the same.
pub(super) fn remember(
    session: &Session,
    (lockfile, host): (&[u8], &Host),
    (resolution, built, supply): (&Resolution, &Built, &Supply),
    (outcome, skipped): (&Outcome, &[String]),
) {
    let store = &session.sources.store;
    let is_project = |path: &str| session.workspace.projects.iter().any(|project| project.path == path);
    let links = || built.wanted.importers.iter().flat_map(|importer| importer.links.iter().map(move |link| (importer, link)));
    // What lies in folders of this machine is not in the key.
    let is_repeatable = (built.method == Method::Hardlink || built.done.built == 0)
        && !built.learnt
        && !built.left_out
        && supply.fetched.0 == 0
        && resolution.packages.iter().all(|package| matches!(package.source, Source::Registry { .. } | Source::Tarball { .. }))
        && links().all(|(_, link)| !matches!(&link.to, LinkTarget::Folder(path) if !is_project(path)));
    if !is_repeatable {
        return;
    }
    let Some(key) = key(session, lockfile, host) else { return };
    let asks_for_node = engines::asks_for_node(session, resolution);
    let node = engines::known_version(session).filter(|_| asks_for_node);
    if asks_for_node != node.is_some() {
        return;
    }
    let _step = session.counters.timings.step(Part::Rest, "a blueprint for the next time");
    let packages: FxHashMap<&str, &StoredPackage> = supply.packages().map(|package| (package.key.as_str(), package)).collect();
    let Some(drawing) = draw(&built.wanted, &session.places, |content| packages.get(content).copied()) else { return };
    let installed = Installed::of(session, resolution, built);
    let head = Head {
        ends: drawing.ends,
        shared: drawing.shared,
        node,
        total: outcome.total,
        instances: installed.packages,
        added: outcome.changes.iter().filter_map(|change| Some((change.alias.clone(), change.to.clone()?))).collect(),
        linked: installed.linked.into_iter().map(|folder| (folder.path, folder.links)).collect(),
        warnings: session.warned(),
        skipped: skipped.to_vec(),
    };
    let Ok(head) = serde_json::to_vec(&head) else { return };
    let packages: Vec<&StoredPackage> = packages.into_values().collect();
    // The install is done, and the next one does without.
    if let Err(error) = store.write_blueprint(key, &packages, &head, &drawing.parts) {
        session.trace(format!("no blueprint is left: {error}"));
    }
}
