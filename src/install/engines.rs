//! Checks packages against the machine: `os`, `cpu`, `libc` and `engines.node`.

use super::session::Session;
use crate::error::{Code, Error};
use crate::layout::plan::Wanted;
use crate::package::platform::Host;
use crate::package::range::Range;
use crate::package::version::Version;
use crate::project::node::{self, node_version};
use crate::resolve::graph::{InstanceIndex, Resolution};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::thread::JoinHandle;

/// What does not suit this machine.
pub(super) struct Fit {
    /// Optional instances that do not fit this version of node; they are left out.
    pub skipped: FxHashSet<InstanceIndex>,
    /// Needed instances that do not fit, with what is to be said of their package.
    pub faults: Vec<(InstanceIndex, String)>,
}

/// The version of node, which may still have to be asked for.
pub(super) enum Node {
    /// The settings say it, or it was asked before.
    Set(String),
    /// It is being asked. The first time on a machine that means to start node, which takes as long as a small install.
    Asked(JoinHandle<Option<String>>),
    /// There was no thread to ask on.
    Unasked,
}

impl Node {
    /// Begins to find out.
    pub fn ask(session: &Session) -> Node {
        // A thread would have to wait for a processor, and whoever needs the answer for the thread.
        if let Some(version) = known_version(session) {
            return Node::Set(version);
        }
        let (env, cache_dir) = (session.task.env.clone(), session.settings.cache_dir.clone());
        let ask = move || node_version(&env, &cache_dir);
        std::thread::Builder::new().name("node-version".to_owned()).spawn(ask).map_or(Node::Unasked, Node::Asked)
    }

    fn version(self, session: &Session) -> Option<Version> {
        let text = match self {
            Node::Set(version) => Some(version),
            // A panic there is none of ours to report; engines go unchecked as if there were no node.
            Node::Asked(asked) => asked.join().ok().flatten(),
            Node::Unasked => node_version(&session.task.env, &session.settings.cache_dir),
        };
        Version::parse(&text?)
    }
}

/// Returns the version of node, if the settings say it or it was asked before.
pub(super) fn known_version(session: &Session) -> Option<String> {
    let set = session.settings.resolution.node_version.clone();
    set.or_else(|| node::known_version(&session.task.env, &session.settings.cache_dir))
}

/// Holds the whole tree against the machine and the version of node.
pub(super) fn check(session: &Session, resolution: &Resolution, host: &Host, node: Node) -> Result<Fit, Error> {
    let mut fit = Fit { skipped: FxHashSet::default(), faults: Vec::new() };
    let node = if asks_for_node(session, resolution) { node.version(session) } else { None };
    let mut verdicts: FxHashMap<&str, bool> = FxHashMap::default();
    for (index, instance) in (0..).map(InstanceIndex).zip(&resolution.instances) {
        let package = resolution.package(instance.package);
        if !package.platform.admits(host) && !instance.optional {
            let message = format!("{} is not meant for this machine ({})", package.id, wanted_platform(&package.platform));
            fit.faults.push((index, message));
        }
        let (Some(node), Some(range)) = (&node, package.engines.get("node")) else { continue };
        let fits = *verdicts.entry(range).or_insert_with(|| Range::parse(range).is_none_or(|range| range.contains_with_prereleases(node)));
        if fits {
            continue;
        }
        let message = format!("{} wants node {range}, and this is node {node}", package.id);
        if instance.optional {
            session.trace(format!("{message}; it is optional and left out"));
            fit.skipped.insert(index);
        } else {
            fit.faults.push((index, message));
        }
    }
    check_root(session, node.as_ref())?;
    Ok(fit)
}

/// Warns of what is going to be installed and does not fit, once for each package; an error with `engine-strict`.
pub(super) fn report(session: &Session, faults: Vec<(InstanceIndex, String)>, wanted: &Wanted) -> Result<(), Error> {
    if faults.is_empty() {
        return Ok(());
    }
    let installed: FxHashSet<InstanceIndex> = wanted.slots.iter().map(|slot| slot.instance).collect();
    let messages: BTreeSet<String> =
        faults.into_iter().filter(|(index, _)| installed.contains(index)).map(|(_, message)| message).collect();
    messages.into_iter().try_for_each(|message| say(session, message))
}

fn check_root(session: &Session, node: Option<&Version>) -> Result<(), Error> {
    let manifest = &session.workspace.root_project().manifest;
    let (Some(node), Some(range)) = (node, manifest.engines.get("node")) else { return Ok(()) };
    match Range::parse(range) {
        Some(parsed) if !parsed.contains_with_prereleases(node) => {
            say(session, format!("the project wants node {range}, and this is node {node}"))
        }
        _ => Ok(()),
    }
}

fn say(session: &Session, message: String) -> Result<(), Error> {
    if session.settings.resolution.engine_strict {
        return Err(Error::new(Code::Engine, message).hint("Use a version that fits, or leave out `engine-strict` to be warned only."));
    }
    session.warn(message);
    Ok(())
}

/// Says whether the version of node matters to anything that could be installed.
pub(super) fn asks_for_node(session: &Session, resolution: &Resolution) -> bool {
    resolution.packages.iter().any(|package| package.engines.contains_key("node"))
        || session.workspace.root_project().manifest.engines.contains_key("node")
}

fn wanted_platform(platform: &crate::package::platform::Platform) -> String {
    let lists = [("os", &platform.os), ("cpu", &platform.cpu), ("libc", &platform.libc)];
    let said: Vec<String> =
        lists.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("{name}: {}", list.join(", "))).collect();
    said.join("; ")
}
