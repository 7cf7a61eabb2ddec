//! Runs lifecycle scripts: those of allowed dependencies when their slots were built, and the project's own.
//!
//! The layout's record has slots whose scripts may run as unsettled until all scripts have succeeded. After an install
//! that was interrupted among them, or whose script failed, the next one builds these slots again.

use super::building::Built;
use super::news::{Event, Stage};
use super::session::Session;
use super::{failure, trail};
use crate::error::Error;
use crate::layout::finish;
use crate::package::manifest::Manifest;
use crate::project::builds;
use crate::project::workspace::Project;
use crate::resolve::graph::{InstanceIndex, Package, PackageIndex, Resolution, Source, Target};
use crate::scripts::environment::{self, Context, Owner};
use crate::scripts::gyp::{self, NodeGyp};
use crate::scripts::lifecycle::{self, Moment, Step};
use crate::scripts::order::run_in_order;
use crate::scripts::policy::{Decision, Identity, Policy};
use crate::scripts::run::{self, Groups, Script, ScriptError};
use crate::timings::{Happened, Part};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a project allows, and which packages of a resolution that concerns.
pub(super) struct Permissions {
    policy: Policy,
    /// Packages whose scripts may run.
    pub allowed: FxHashSet<PackageIndex>,
}

/// Reads what the project allows.
pub(super) fn permissions(session: &Session, resolution: &Resolution) -> Result<Permissions, Error> {
    let entries = builds::read(&session.workspace).map_err(failure::of_project)?;
    let policy = Policy::new(&entries.allowed, &entries.denied);
    let mut allowed = FxHashSet::default();
    if !session.settings.scripts.ignore && !entries.allowed.is_empty() {
        let indices = (0..).map(PackageIndex).zip(&resolution.packages);
        allowed.extend(indices.filter(|(_, package)| policy.decide(&identity(package)) == Decision::Allowed).map(|(index, _)| index));
    }
    Ok(Permissions { policy, allowed })
}

fn identity(package: &Package) -> Identity<'_> {
    let from_registry = matches!(package.source, Source::Registry { .. });
    Identity { name: package.name.as_str(), version: &package.version, id: &package.id, from_registry }
}

/// Names the packages whose scripts were not run because nobody has allowed them, sorted.
pub(super) fn skipped(session: &Session, resolution: &Resolution, built: &Built, permissions: &Permissions) -> Vec<String> {
    if session.settings.scripts.ignore {
        return Vec::new();
    }
    let with_scripts = built.facts.iter().filter(|(_, facts)| facts.has_install_script).map(|(index, _)| resolution.package(*index));
    let unknown = with_scripts.filter(|package| permissions.policy.decide(&identity(package)) == Decision::Unknown);
    let names: BTreeSet<&str> = unknown.map(|package| package.id.as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Everything that scripts have in common.
struct Stagehand<'a> {
    session: &'a Session<'a>,
    node: Option<PathBuf>,
    node_gyp: Option<NodeGyp>,
    program: PathBuf,
    groups: &'static Groups,
}

/// The scripts that run now, for whoever has to end them.
pub static RUNNING: Groups = Groups::new();

impl<'a> Stagehand<'a> {
    fn new(session: &'a Session<'a>) -> Stagehand<'a> {
        (session.listener)(Event::Scripts);
        let env = &session.task.env;
        let npm = env.find_program("npm").and_then(|npm| std::fs::canonicalize(npm).ok());
        Stagehand {
            session,
            node: env.find_program("node"),
            node_gyp: npm.as_deref().and_then(gyp::find),
            program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("deka")),
            groups: &RUNNING,
        }
    }

    /// Runs the steps of one package, one after the other.
    fn run(&self, folder: &Path, manifest: &Manifest, label: &str, steps: &[Step<'_>], is_root: bool) -> Result<(), ScriptError> {
        let settings = &self.session.settings;
        let root = &self.session.workspace.root;
        let context = Context {
            inherited: self.session.task.env.variables(),
            called_in: &self.session.task.dir,
            command: "install",
            program: &self.program,
            node: self.node.as_deref(),
            node_gyp: self.node_gyp.as_ref(),
            user_agent: &settings.network.user_agent,
            node_options: settings.scripts.node_options.as_deref(),
            secrets: &settings.secrets,
        };
        let bin_folders = environment::bin_folders(folder, root, self.session.places.modules_dir.as_str());
        let owner = Owner {
            name: manifest.name.as_deref().unwrap_or_default(),
            version: manifest.version.as_deref().unwrap_or_default(),
            manifest: &folder.join("package.json"),
            bin_folders: &bin_folders,
            engines: &manifest.engines,
            is_root,
        };
        for step in steps {
            let variables = environment::environment(&context, &owner, step.event, step.script.as_ref());
            let script = Script {
                package: label,
                event: step.event,
                command: step.script.as_ref(),
                folder,
                shell: settings.scripts.shell.as_deref(),
                variables: &variables,
            };
            let is_alone = is_root && self.session.workspace.projects.len() == 1;
            let name = if is_alone { step.event.to_owned() } else { format!("{label} {}", step.event) };
            self.session.trace(format!("{name}: {}", step.script));
            let mut lines = Lines { listener: &self.session.listener, name: &name, rest: Vec::new(), shown: is_root };
            let timings = &self.session.counters.timings;
            let began_us = timings.now_us();
            let ended = run::run(&script, self.groups, &mut |bytes| lines.add(bytes));
            timings.note(|| Happened::Step { part: Part::Scripts, label: name.clone(), began_us });
            lines.end();
            ended?;
        }
        Ok(())
    }
}

/// Cuts the output of a script into lines.
struct Lines<'a> {
    listener: &'a super::news::Listener,
    name: &'a str,
    rest: Vec<u8>,
    /// Whether it is shown as it comes; that of dependencies is shown when they fail.
    shown: bool,
}

impl Lines<'_> {
    fn add(&mut self, bytes: &[u8]) {
        if !self.shown {
            return;
        }
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.say(&line);
        }
    }

    fn end(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.say(&rest);
        }
    }

    fn say(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        (self.listener)(Event::Script { script: self.name.to_owned(), line });
    }
}

/// Runs the scripts of the dependencies that were built and are allowed to run some.
pub(super) fn run_dependencies(session: &Session, resolution: &Resolution, built: &Built) -> Result<(), Error> {
    let (wanted, slots) = (&built.wanted, &built.done.unsettled);
    if slots.is_empty() {
        return Ok(());
    }
    session.counters.enter(Stage::Building);
    let stagehand = Stagehand::new(session);
    let slot_of: FxHashMap<InstanceIndex, usize> = wanted.slots.iter().enumerate().map(|(at, slot)| (slot.instance, at)).collect();
    let dependencies: Vec<Vec<usize>> = wanted.slots.iter().map(|slot| dependencies(resolution, slot.instance, &slot_of)).collect();
    let failed = Mutex::new(None);
    run_in_order(&dependencies, slots, session.settings.scripts.concurrency, |at| {
        let slot = &wanted.slots[at];
        let folder = session.places.package_of(slot);
        let instance = resolution.instance(slot.instance);
        match run_dependency(&stagehand, &folder, &resolution.package(slot.package).id) {
            Err(error) if !instance.optional => {
                let error = failure::of_script(error);
                let trail = trail::to_package(resolution, slot.package);
                let error = Error { message: format!("{}\nneeded by {trail}", error.message), ..error };
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                return ControlFlow::Break(());
            }
            Err(error) => session.warn(format!("{error}; the package is optional, so the install goes on")),
            Ok(()) => {}
        }
        ControlFlow::Continue(())
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => finish::settle(&session.places).map_err(failure::of_layout),
    }
}

fn dependencies(resolution: &Resolution, instance: InstanceIndex, slot_of: &FxHashMap<InstanceIndex, usize>) -> Vec<usize> {
    let edges = resolution.instance(instance).dependencies.iter();
    edges
        .filter_map(|edge| match &edge.target {
            Target::Instance(index) => slot_of.get(index).copied(),
            Target::Folder(_) => None,
        })
        .collect()
}

fn run_dependency(stagehand: &Stagehand<'_>, folder: &Path, id: &str) -> Result<(), ScriptError> {
    let text = std::fs::read(folder.join("package.json")).unwrap_or_default();
    // What cannot be read has no scripts.
    let manifest = Manifest::parse(&text).unwrap_or_default();
    let steps = lifecycle::of_dependency(&manifest.scripts, folder.join("binding.gyp").exists());
    stagehand.run(folder, &manifest, id, &steps, false)
}

/// Returns the scripts that a project has for one moment.
fn steps_of(project: &Project, moment: Moment) -> Vec<Step<'_>> {
    lifecycle::of_root(&project.manifest.scripts, project.folder.join("binding.gyp").exists(), moment)
}

/// Returns the projects, as indices, that have scripts to be run at one moment.
fn with_steps(session: &Session, moment: Moment) -> Vec<usize> {
    if session.settings.scripts.ignore {
        return Vec::new();
    }
    let projects = &session.workspace.projects;
    let selected = session.selected.clone().unwrap_or_else(|| (0..projects.len()).collect());
    selected.into_iter().filter(|index| !steps_of(&projects[*index], moment).is_empty()).collect()
}

/// Says whether any project has scripts to be run at one moment.
pub(super) fn has_projects(session: &Session, moment: Moment) -> bool {
    !with_steps(session, moment).is_empty()
}

/// Runs the projects' own scripts of one moment, those of a project after those of the projects that it depends on.
pub(super) fn run_projects(session: &Session, moment: Moment) -> Result<(), Error> {
    let wanted = with_steps(session, moment);
    if wanted.is_empty() {
        return Ok(());
    }
    let projects = &session.workspace.projects;
    session.counters.enter(Stage::Building);
    let stagehand = Stagehand::new(session);
    let failed = Mutex::new(None);
    run_in_order(&session.graph.dependencies, &wanted, session.settings.scripts.concurrency, |index| {
        let project = &projects[index];
        let label = match (project.name(), project.path.as_str()) {
            (Some(name), _) => name,
            (None, ".") => "the project",
            (None, path) => path,
        };
        match stagehand.run(&project.folder, &project.manifest, label, &steps_of(project, moment), true) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure::of_script(error));
                ControlFlow::Break(())
            }
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
