//! Checks packages against the machine: `os`, `cpu`, `libc` and `engines.node`.

use super::building;
use super::session::Session;
use crate::error::{Code, Error};
use crate::package::platform::Host;
use crate::package::range::Range;
use crate::package::version::Version;
use crate::project::node::node_version;
use crate::resolve::graph::{InstanceIndex, Resolution};
use rustc_hash::{FxHashMap, FxHashSet};

/// Returns the optional instances that do not fit this version of node and are left out. What is needed and does not
/// fit is warned about, or an error with `engine-strict`.
pub(super) fn check(session: &Session, resolution: &Resolution, host: &Host) -> Result<FxHashSet<InstanceIndex>, Error> {
    let mut skipped = FxHashSet::default();
    let node = node(session, resolution);
    let mut verdicts: FxHashMap<&str, bool> = FxHashMap::default();
    let direct: FxHashSet<InstanceIndex> = building::direct(resolution).collect();
    for (at, instance) in resolution.instances.iter().enumerate() {
        let Ok(at) = u32::try_from(at) else { break };
        let (index, package) = (InstanceIndex(at), resolution.package(instance.package));
        if !package.platform.admits(host) && !instance.optional {
            report(session, format!("{} is not meant for this machine ({})", package.id, wanted_platform(&package.platform)))?;
        }
        let (Some(node), Some(range)) = (&node, package.engines.get("node")) else { continue };
        let fits = *verdicts.entry(range).or_insert_with(|| Range::parse(range).is_none_or(|range| range.contains_with_prereleases(node)));
        match (fits, instance.optional) {
            (true, _) => {}
            (false, true) => {
                skipped.insert(index);
            }
            (false, false) => {
                let message = format!("{} wants node {range}, and this is node {node}", package.id);
                // Of packages deep in the tree nobody at hand can change the version.
                if direct.contains(&index) || session.settings.resolution.engine_strict {
                    report(session, message)?;
                } else {
                    session.trace(message);
                }
            }
        }
    }
    check_root(session, node.as_ref())?;
    Ok(skipped)
}

fn check_root(session: &Session, node: Option<&Version>) -> Result<(), Error> {
    let manifest = &session.workspace.root_project().manifest;
    let (Some(node), Some(range)) = (node, manifest.engines.get("node")) else { return Ok(()) };
    match Range::parse(range) {
        Some(parsed) if !parsed.contains_with_prereleases(node) => {
            report(session, format!("the project wants node {range}, and this is node {node}"))
        }
        _ => Ok(()),
    }
}

fn report(session: &Session, message: String) -> Result<(), Error> {
    if session.settings.resolution.engine_strict {
        return Err(Error::new(Code::Engine, message).hint("Use a version that fits, or leave out `engine-strict` to be warned only."));
    }
    session.warn(message);
    Ok(())
}

/// Returns the version of node, if anybody asks for one.
fn node(session: &Session, resolution: &Resolution) -> Option<Version> {
    let asked = resolution.packages.iter().any(|package| package.engines.contains_key("node"))
        || session.workspace.root_project().manifest.engines.contains_key("node");
    if !asked {
        return None;
    }
    let text = match &session.settings.resolution.node_version {
        Some(version) => Some(version.clone()),
        None => node_version(&session.task.env, &session.settings.cache_dir),
    };
    Version::parse(&text?)
}

fn wanted_platform(platform: &crate::package::platform::Platform) -> String {
    let lists = [("os", &platform.os), ("cpu", &platform.cpu), ("libc", &platform.libc)];
    let said: Vec<String> =
        lists.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("{name}: {}", list.join(", "))).collect();
    said.join("; ")
}
