//! Names of instances: which packages in which scopes are one and the same.

use super::{Contexts, Instance, InstanceId, Pair, SUFFIX_MAX, Scope, To};
use crate::resolve::tree::{NodeId, Outcome};
use rustc_hash::FxHashMap;

/// What the name of a peer means, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound<'a> {
    Known(To<'a>),
    /// A package in a scope that may not be placed yet.
    Pair(Pair),
}

/// The peers that a pair needs and finds.
type Bindings<'a> = Vec<(u32, Bound<'a>)>;

/// A pair whose peers are being placed.
struct Visit<'a> {
    pair: Pair,
    bindings: Bindings<'a>,
    /// How many of the bindings were followed.
    followed: usize,
    /// When the visit began, and the earliest open visit that it leads back to.
    began: usize,
    lowest: usize,
}

impl<'a> Bound<'a> {
    pub fn of(outcome: &'a Outcome, scope: Scope) -> Option<Bound<'a>> {
        match outcome {
            Outcome::Package(node) => Some(Bound::Pair((*node, scope))),
            Outcome::Folder(path) => Some(Bound::Known(To::Folder(path))),
            Outcome::Waiting(_) | Outcome::Failed(_) | Outcome::Removed => None,
        }
    }
}

impl<'a> Contexts<'a> {
    /// Returns the instance that a package is in a scope. Walks the peers that it needs, depth first, and names each
    /// group of pairs that need each other as soon as all that it leads to is named.
    pub(super) fn place(&mut self, start: Pair) -> InstanceId {
        if let Some(id) = self.placed_as(&start) {
            return id;
        }
        let node = start.0;
        if self.views.of(node).needs.is_empty() {
            let path = self.tree.node(node).package.id.clone();
            let (id, _) = self.named(node, path);
            self.placed_anywhere[node.0 as usize] = Some(id);
            return id;
        }
        let mut began: FxHashMap<Pair, usize> = FxHashMap::default();
        let mut open: Vec<(Pair, Bindings<'a>)> = Vec::new();
        let mut visits = vec![self.visit(start, &mut began)];
        while let Some(visit) = visits.last_mut() {
            if let Some((_, bound)) = visit.bindings.get(visit.followed) {
                visit.followed += 1;
                match bound {
                    Bound::Pair(pair) if self.placed_as(pair).is_none() => match began.get(pair) {
                        Some(at) => visit.lowest = visit.lowest.min(*at),
                        None => {
                            let pair = *pair;
                            let next = self.visit(pair, &mut began);
                            visits.push(next);
                        }
                    },
                    _ => {}
                }
                continue;
            }
            // Every visit that began later and is still open belongs to this one's group, if this one heads a group.
            let Some(visit) = visits.pop() else { break };
            if let Some(parent) = visits.last_mut() {
                parent.lowest = parent.lowest.min(visit.lowest);
            }
            open.push((visit.pair, visit.bindings));
            if visit.lowest == visit.began {
                let first = open.iter().rposition(|(pair, _)| began[pair] < visit.began).map_or(0, |at| at + 1);
                let group = open.split_off(first);
                self.name_group(group);
            }
        }
        self.placed[&start]
    }

    /// Returns the instance that a pair is, if it is placed.
    fn placed_as(&self, pair: &Pair) -> Option<InstanceId> {
        self.placed_anywhere[pair.0.0 as usize].or_else(|| self.placed.get(pair).copied())
    }

    /// Returns the instance of a name, and whether it had to be made.
    fn named(&mut self, node: NodeId, path: String) -> (InstanceId, bool) {
        if let Some(known) = self.by_path.get(&path) {
            return (*known, false);
        }
        let next = InstanceId(u32::try_from(self.instances.len()).unwrap_or(u32::MAX));
        self.by_path.insert(path.clone(), next);
        self.instances.push(Instance { node, path, edges: Vec::new(), bound: Vec::new() });
        (next, true)
    }

    fn visit(&self, pair: Pair, began: &mut FxHashMap<Pair, usize>) -> Visit<'a> {
        let (node, scope) = pair;
        let needs = &self.views.of(node).needs;
        let bindings = needs.iter().filter_map(|&name| Some((name, self.meaning(name, scope)?))).collect();
        let at = began.len();
        began.insert(pair, at);
        Visit { pair, bindings, followed: 0, began: at, lowest: at }
    }

    /// Names pairs that need each other, or a single one; all else that they need is placed.
    fn name_group(&mut self, group: Vec<(Pair, Bindings<'a>)>) {
        let tree = self.tree;
        let mut parts: Vec<String> = Vec::new();
        for (name, bound) in group.iter().flat_map(|(_, bindings)| bindings) {
            let (package, identity) = match bound {
                Bound::Known(To::Folder(path)) => (None, format!("{}@link:{path}", self.views.name(*name))),
                Bound::Known(To::Instance(id)) => (Some(self.instance(*id).node), self.instance(*id).path.clone()),
                Bound::Pair(pair) => match self.placed_as(pair) {
                    Some(id) => (Some(pair.0), self.instance(id).path.clone()),
                    // A member of the group itself, cut short because its full identity would have no end.
                    None => (Some(pair.0), tree.node(pair.0).package.id.clone()),
                },
            };
            // Under an alias the package alone does not say which peer it stands for.
            let is_alias = package.is_some_and(|node| tree.node(node).package.name != *self.views.name(*name));
            parts.push(if is_alias { format!("{}:{identity}", self.views.name(*name)) } else { identity });
        }
        parts.sort_unstable();
        parts.dedup();
        let mut made: Vec<(InstanceId, Bindings<'a>)> = Vec::new();
        for (pair, bindings) in group {
            let id = &tree.node(pair.0).package.id;
            let needs_itself = bindings.iter().any(|(_, bound)| matches!(bound, Bound::Pair(other) if *other == pair));
            let path = path(id, parts.iter().filter(|part| needs_itself || *part != id));
            let (instance, is_new) = self.named(pair.0, path);
            if is_new {
                made.push((instance, bindings));
            }
            self.placed.insert(pair, instance);
        }
        for (id, bindings) in made {
            let known = |bound: Bound<'a>| match bound {
                Bound::Known(to) => to,
                // Each of them was placed on the way here.
                Bound::Pair(pair) => To::Instance(self.placed_as(&pair).unwrap_or(id)),
            };
            let bound = bindings.into_iter().map(|(name, bound)| (name, known(bound))).collect();
            self.instances[id.0 as usize].bound = bound;
        }
    }
}

/// Returns an id with the identities of its peers in parentheses, or with their hash where they would be too long.
fn path<'p>(id: &str, parts: impl Iterator<Item = &'p String>) -> String {
    let mut path = id.to_owned();
    for part in parts {
        path.push('(');
        path.push_str(part);
        path.push(')');
    }
    if path.len() - id.len() > SUFFIX_MAX {
        let hash = blake3::hash(&path.as_bytes()[id.len()..]).to_hex();
        path.truncate(id.len());
        path.push('(');
        path.push_str(&hash[..32]);
        path.push(')');
    }
    path
}
