//! Missing peers, and which packages a project gets for them.
//!
//! A required peer that nobody brings is added for the whole project, where everything below sees it, though the
//! project itself does not. If a version that suits all who ask is in the tree already, that is it; otherwise the
//! registry is asked for one. An optional peer is only provided when the tree has a suitable version anyway.

use super::graph::Source;
use super::peers::{Contexts, InstanceId, Ranges, Unmet};
use super::tree::{NodeId, Tree};
use crate::package::name::PackageName;
use crate::package::range::Range;
use crate::package::version::Version;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// A peer that the registry has to be asked for.
#[derive(Debug)]
pub(super) struct Hoist {
    pub root: usize,
    pub name: PackageName,
    pub ranges: Vec<Range>,
}

/// What is to be added.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Packages of the tree that a project provides from now on.
    pub present: Vec<(usize, PackageName, NodeId)>,
    /// Packages that are not in the tree yet.
    pub absent: Vec<Hoist>,
}

/// The ranges that a missing peer is asked for with.
#[derive(Default)]
struct Wanted<'a> {
    required: Vec<&'a str>,
    optional: Vec<&'a str>,
}

/// Finds the peers that can be added for the projects. Those that were looked for before are not looked for again.
pub(super) fn plan<'a>(tree: &'a Tree, contexts: &Contexts<'a>) -> Plan {
    let mut plan = Plan::default();
    let mut ranges = Ranges::default();
    let unmet: Vec<Vec<Unmet<'_>>> = contexts.ids().map(|id| absent(contexts, id, &mut ranges)).collect();
    let Some(leads) = contexts.leading_to(|id| !unmet[id.0 as usize].is_empty()) else {
        return plan;
    };
    let mut present = None;
    for (root, importer) in tree.roots.iter().enumerate() {
        let missing = missing(contexts, root, &unmet, &leads);
        for (name, wanted) in missing.into_iter().filter(|(name, _)| !importer.providers.contains_key(*name)) {
            let present: &FxHashMap<_, Vec<(Version, NodeId)>> = present.get_or_insert_with(|| present_versions(tree, contexts));
            let is_required = !wanted.required.is_empty();
            let texts = if is_required { wanted.required } else { wanted.optional };
            let mut read: Vec<Range> = texts.into_iter().filter_map(|text| ranges.read(text).cloned()).collect();
            read.sort_by(|left, right| left.text().cmp(right.text()));
            read.dedup();
            let suits = |(version, _): &&(Version, NodeId)| read.iter().all(|range| range.contains_with_prereleases(version));
            let found = present.get(name).and_then(|versions| versions.iter().filter(suits).max_by(|left, right| left.0.cmp(&right.0)));
            match found {
                Some((_, node)) => plan.present.push((root, name.clone(), *node)),
                None if is_required => plan.absent.push(Hoist { root, name: name.clone(), ranges: read }),
                None => {}
            }
        }
    }
    plan
}

/// Returns the peers of an instance that nobody brings.
fn absent<'a>(contexts: &Contexts<'a>, id: InstanceId, ranges: &mut Ranges<'a>) -> Vec<Unmet<'a>> {
    let mut unmet = contexts.unmet(id, ranges);
    unmet.retain(|peer| peer.found.is_none());
    unmet
}

/// Collects the missing peers of everything that a project leads to. `leads` says by which instances one comes to any.
fn missing<'a>(contexts: &Contexts<'a>, root: usize, unmet: &[Vec<Unmet<'a>>], leads: &[bool]) -> BTreeMap<&'a PackageName, Wanted<'a>> {
    let mut missing: BTreeMap<&PackageName, Wanted<'_>> = BTreeMap::new();
    for id in contexts.reached_from(root, leads) {
        for peer in &unmet[id.0 as usize] {
            let wanted = missing.entry(peer.name).or_default();
            if peer.optional { wanted.optional.push(peer.range) } else { wanted.required.push(peer.range) }
        }
    }
    missing
}

/// Lists the versions that the tree has of each package.
fn present_versions<'a>(tree: &'a Tree, contexts: &Contexts<'a>) -> FxHashMap<&'a PackageName, Vec<(Version, NodeId)>> {
    let mut present: FxHashMap<&PackageName, Vec<(Version, NodeId)>> = FxHashMap::default();
    for instance in &contexts.instances {
        let package = &tree.node(instance.node).package;
        if let (Source::Registry { .. }, Some(version)) = (&package.source, Version::parse(&package.version)) {
            present.entry(&package.name).or_default().push((version, instance.node));
        }
    }
    present
}
