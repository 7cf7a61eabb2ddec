//! From the contexts to the tables of the answer: what is reached, sorted, with edges as indices.

use super::error::Warning;
use super::graph::{Direct, Edge, Importer, Instance, InstanceIndex, PackageIndex, Resolution, Target};
use super::peers::{Contexts, InstanceId, Ranges, To};
use super::tree::{NodeId, Tree};
use rustc_hash::FxHashMap;

/// Makes the answer, and lists the nodes of its packages. `order` is that of the instances, see [`order`].
pub(super) fn assemble(tree: &Tree, contexts: &Contexts<'_>, order: &[InstanceId]) -> (Resolution, Vec<NodeId>) {
    let mut instance_index = vec![InstanceIndex(u32::MAX); contexts.instances.len()];
    for (id, at) in order.iter().zip(0..) {
        instance_index[id.0 as usize] = InstanceIndex(at);
    }
    let target = |to: &To<'_>| match to {
        To::Instance(id) => Target::Instance(instance_index[id.0 as usize]),
        To::Folder(path) => Target::Folder((*path).to_owned()),
    };
    let mut nodes: Vec<_> = order.iter().map(|id| contexts.instance(*id).node).collect();
    nodes.sort_by(|left, right| tree.node(*left).package.id.cmp(&tree.node(*right).package.id));
    nodes.dedup();
    let package_index: FxHashMap<_, _> = nodes.iter().copied().zip((0..).map(PackageIndex)).collect();
    let instances = order.iter().map(|id| {
        let instance = contexts.instance(*id);
        let edges = instance.edges.iter();
        Instance {
            path: instance.path.clone(),
            package: package_index[&instance.node],
            dependencies: edges.map(|edge| Edge { alias: edge.alias.clone(), target: target(&edge.to), optional: edge.optional }).collect(),
            optional: false,
            dev: false,
        }
    });
    let importers = tree.roots.iter().zip(&contexts.directs).map(|(root, directs)| {
        let links = tree.links[root.links.clone()].iter().zip(&root.groups).zip(directs);
        let dependencies = links.map(|((link, group), to)| Direct {
            alias: link.alias.clone(),
            specifier: link.specifier.clone(),
            group: *group,
            target: to.as_ref().map(target),
        });
        Importer { path: root.path.clone(), dependencies: dependencies.collect() }
    });
    let mut resolution = Resolution {
        importers: importers.collect(),
        packages: nodes.iter().map(|node| tree.node(*node).package.clone()).collect(),
        instances: instances.collect(),
    };
    resolution.mark_reach();
    (resolution, nodes)
}

/// Describes what is wrong or missing among the peers, and the deprecated packages.
pub(super) fn warnings(tree: &Tree, contexts: &Contexts<'_>, order: &[InstanceId]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut ranges = Ranges::default();
    let mut direct: Vec<InstanceId> = contexts.directs.iter().flatten().flatten().filter_map(To::instance).collect();
    direct.sort_unstable();
    for &id in order {
        let instance = contexts.instance(id);
        let package = &tree.node(instance.node).package;
        if let Some(reason) = &package.deprecated {
            let direct = direct.binary_search(&id).is_ok();
            warnings.push(Warning::Deprecated { id: package.id.clone(), reason: reason.clone(), direct });
        }
        for peer in contexts.unmet(id, &mut ranges) {
            let (by, name, range) = (package.id.clone(), peer.name.to_string(), peer.range.to_owned());
            match peer.found {
                Some(found) => warnings.push(Warning::PeerWrong { by, name, range, found: found.to_owned() }),
                None if peer.optional => {}
                None => warnings.push(Warning::PeerMissing { by, name, range }),
            }
        }
    }
    warnings.sort_unstable();
    warnings.dedup();
    warnings
}

/// Lists the instances that projects lead to, sorted by path.
pub(super) fn order(contexts: &Contexts<'_>) -> Vec<InstanceId> {
    let mut order = contexts.reached_from_all();
    // No two instances have one path.
    order.sort_unstable_by(|left, right| contexts.instance(*left).path.cmp(&contexts.instance(*right).path));
    order
}
