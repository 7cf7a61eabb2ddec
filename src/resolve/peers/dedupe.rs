//! Merging instances of one package where one sees the same peers as the other and some more.
//!
//! It happens in workspaces: a project without `react` leads to the same library as one that has it, and the library
//! could do with `react` but need not. One slot serves both.

use super::{Edge, Instance, InstanceId, To};
use crate::resolve::tree::NodeId;
use rustc_hash::FxHashMap;

/// Redirects everything that leads to an instance with fewer peers to the one with most of them. What nothing leads to
/// afterwards stays where it is, unreached.
pub(super) fn merge(instances: &mut [Instance<'_>], directs: &mut [Vec<Option<To<'_>>>]) {
    let mut by_node: FxHashMap<NodeId, Vec<usize>> = FxHashMap::default();
    for (at, instance) in instances.iter().enumerate() {
        by_node.entry(instance.node).or_default().push(at);
    }
    let mut candidates: Vec<Vec<usize>> = by_node.into_values().filter(|group| group.len() > 1).collect();
    candidates.sort_unstable();
    loop {
        let mut replaced: FxHashMap<InstanceId, InstanceId> = FxHashMap::default();
        for group in &mut candidates {
            // Most peers first, so that each finds its best replacement before it; equal ones by name.
            group.sort_by(|left, right| {
                let (left, right) = (&instances[*left], &instances[*right]);
                right.bound.len().cmp(&left.bound.len()).then_with(|| left.path.cmp(&right.path))
            });
            let mut kept: Vec<usize> = Vec::with_capacity(group.len());
            for &at in group.iter() {
                match kept.iter().find(|other| covers(&instances[**other], &instances[at])) {
                    Some(&other) => {
                        replaced.insert(id(at), id(other));
                    }
                    None => kept.push(at),
                }
            }
            *group = kept;
        }
        if replaced.is_empty() {
            return;
        }
        // Instances that differed in what was merged may be equal now.
        let redirect = |to: &mut To<'_>| {
            if let To::Instance(id) = to {
                *id = *replaced.get(id).unwrap_or(id);
            }
        };
        for instance in instances.iter_mut() {
            instance.bound.iter_mut().for_each(|(_, to)| redirect(to));
            instance.edges.iter_mut().for_each(|Edge { to, .. }| redirect(to));
        }
        directs.iter_mut().flatten().flatten().for_each(redirect);
    }
}

/// Says whether `more` sees everything that `less` sees, and nothing else under the same name.
fn covers(more: &Instance<'_>, less: &Instance<'_>) -> bool {
    less.bound.iter().all(|bound| more.bound.binary_search(bound).is_ok())
}

fn id(at: usize) -> InstanceId {
    InstanceId(u32::try_from(at).unwrap_or(u32::MAX))
}
