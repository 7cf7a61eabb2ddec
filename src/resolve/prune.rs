//! What must be left out because it cannot be resolved, and whether that may be.
//!
//! A package is broken when a dependency that it cannot do without failed or is broken itself. A broken package is left
//! out where only optional dependencies lead to it; where a project cannot do without it, the resolution fails. This
//! is decided when everything is known, not as answers arrive, so that the same thing is reported every time.

use super::error::{Fault, ResolveError, Warning, Way};
use super::tree::{Link, NodeId, Outcome, Owner, Tree};
use std::collections::VecDeque;

/// Which packages cannot be used.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    broken: Vec<bool>,
}

/// Finds the packages that cannot be used; an error when a project needs one of them.
pub(super) fn prune(tree: &Tree) -> Result<Pruned, ResolveError> {
    let mut pruned = Pruned { broken: tree.nodes.iter().map(|node| node.fault.is_some()).collect() };
    if !pruned.is_needed(tree) {
        return Ok(pruned);
    }
    let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); tree.nodes.len()];
    let mut open: Vec<NodeId> = tree.ids().filter(|id| pruned.is_broken(*id)).collect();
    for link in tree.links.iter().filter(|link| !link.optional) {
        match (&link.outcome, link.owner) {
            (Outcome::Failed(_), Owner::Node(owner)) if !std::mem::replace(&mut pruned.broken[owner.0 as usize], true) => open.push(owner),
            (Outcome::Package(target), Owner::Node(owner)) => dependents[target.0 as usize].push(owner),
            _ => {}
        }
    }
    while let Some(id) = open.pop() {
        for &owner in &dependents[id.0 as usize] {
            if !std::mem::replace(&mut pruned.broken[owner.0 as usize], true) {
                open.push(owner);
            }
        }
    }
    let needed = Walk::new(tree, |link| !link.optional);
    match needed.first_fault() {
        Some((owner, about, fault)) => {
            let way = Way { trail: needed.trail_to(owner, &about), importer: needed.importer(owner) };
            Err(ResolveError::Dependency { way: Box::new(way), fault })
        }
        None => Ok(pruned),
    }
}

/// Describes the optional dependencies that are left out.
pub(super) fn warnings(tree: &Tree, pruned: &Pruned) -> Vec<Warning> {
    if !pruned.is_needed(tree) {
        return Vec::new();
    }
    let walk = Walk::kept(tree, pruned);
    let mut warnings = Vec::new();
    for owner in walk.order.iter().copied() {
        for link in walk.links_of(owner).iter().filter(|link| link.optional && !pruned.keeps(link)) {
            let trail = format!("{} > {}", walk.trail(owner), shown(link.alias.as_str(), &link.specifier));
            let reason = match &link.outcome {
                Outcome::Failed(fault) => fault.to_string(),
                Outcome::Package(id) => reason_below(tree, *id),
                _ => continue,
            };
            warnings.push(Warning::OptionalLeftOut { trail, reason });
        }
    }
    warnings
}

/// Says why a package is broken.
pub(super) fn reason_below(tree: &Tree, id: NodeId) -> String {
    let walk = Walk::from(tree, vec![Owner::Node(id)], |link| !link.optional);
    let described = |(owner, about, fault): (Owner, String, Fault)| format!("{fault} (needed by {})", walk.trail_to(owner, &about));
    walk.first_fault().map_or_else(String::new, described)
}

impl Pruned {
    /// Says whether anything failed at all. That nothing did is most often so, and quickly seen.
    fn is_needed(&self, tree: &Tree) -> bool {
        self.broken.contains(&true) || tree.links.iter().any(|link| matches!(link.outcome, Outcome::Failed(_)))
    }

    pub fn is_broken(&self, id: NodeId) -> bool {
        self.broken.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// Says whether a dependency is part of the answer.
    pub fn keeps(&self, link: &Link) -> bool {
        match &link.outcome {
            Outcome::Package(id) => !self.is_broken(*id),
            Outcome::Folder(_) => true,
            Outcome::Waiting(_) | Outcome::Failed(_) | Outcome::Removed => false,
        }
    }
}

/// A walk over the tree, breadth first and in the order of the manifests, that remembers how it came to each package.
struct Walk<'a> {
    tree: &'a Tree,
    order: Vec<Owner>,
    /// What was reached and not visited yet.
    open: VecDeque<Owner>,
    seen: Vec<bool>,
    came_from: Vec<Option<Owner>>,
}

impl<'a> Walk<'a> {
    fn new(tree: &'a Tree, follows: impl Fn(&Link) -> bool) -> Walk<'a> {
        Walk::from(tree, (0..tree.roots.len()).map(Owner::Root).collect(), follows)
    }

    /// Walks all that is part of the answer: what the projects depend on and, after it, the peers that were added for
    /// them. No dependency need lead to those.
    fn kept(tree: &'a Tree, pruned: &Pruned) -> Walk<'a> {
        let follows = |link: &Link| pruned.keeps(link);
        let mut walk = Walk::new(tree, follows);
        for (at, root) in tree.roots.iter().enumerate() {
            for id in root.providers.values().flatten().filter(|id| !pruned.is_broken(**id)) {
                walk.reach(*id, Owner::Root(at));
            }
        }
        walk.go_on(follows);
        walk
    }

    fn from(tree: &'a Tree, starts: Vec<Owner>, follows: impl Fn(&Link) -> bool) -> Walk<'a> {
        let mut walk = Walk {
            tree,
            order: Vec::new(),
            open: VecDeque::from(starts),
            seen: vec![false; tree.nodes.len()],
            came_from: vec![None; tree.nodes.len()],
        };
        for start in &walk.open {
            if let Owner::Node(id) = start {
                walk.seen[id.0 as usize] = true;
            }
        }
        walk.go_on(follows);
        walk
    }

    /// Visits everything that the open ends lead to.
    fn go_on(&mut self, follows: impl Fn(&Link) -> bool) {
        while let Some(owner) = self.open.pop_front() {
            self.order.push(owner);
            for link in self.links_of(owner).iter().filter(|link| follows(link)) {
                if let Outcome::Package(id) = link.outcome {
                    self.reach(id, owner);
                }
            }
        }
    }

    /// Comes to a package; only the first time counts.
    fn reach(&mut self, id: NodeId, from: Owner) {
        if !std::mem::replace(&mut self.seen[id.0 as usize], true) {
            self.came_from[id.0 as usize] = Some(from);
            self.open.push_back(Owner::Node(id));
        }
    }

    fn links_of(&self, owner: Owner) -> &'a [Link] {
        let links = match owner {
            Owner::Root(root) => &self.tree.roots[root].links,
            Owner::Node(id) => &self.tree.node(id).links,
        };
        &self.tree.links[links.clone()]
    }

    /// Returns the first thing that went wrong among what cannot be done without: who asked for it, what was asked for, and
    /// what is wrong.
    fn first_fault(&self) -> Option<(Owner, String, Fault)> {
        self.order.iter().find_map(|&owner| {
            let failed = self.links_of(owner).iter().filter(|link| !link.optional).find_map(|link| match &link.outcome {
                Outcome::Failed(fault) => Some((shown(link.alias.as_str(), &link.specifier), fault)),
                _ => None,
            });
            let own = || match owner {
                Owner::Node(id) => self.tree.node(id).fault.as_ref().map(|(about, fault)| (about.clone(), fault)),
                Owner::Root(_) => None,
            };
            own().or(failed).map(|(about, fault)| (owner, about, fault.clone()))
        })
    }

    fn trail_to(&self, owner: Owner, about: &str) -> String {
        format!("{} > {about}", self.trail(owner))
    }

    /// Returns the folder of the project that the way to something begins at.
    fn importer(&self, mut owner: Owner) -> String {
        loop {
            match owner {
                Owner::Root(root) => return self.tree.roots[root].path.clone(),
                Owner::Node(id) => match self.came_from[id.0 as usize] {
                    Some(above) => owner = above,
                    None => return ".".to_owned(),
                },
            }
        }
    }

    fn trail(&self, owner: Owner) -> String {
        let mut steps = Vec::new();
        let mut at = Some(owner);
        while let Some(owner) = at {
            match owner {
                Owner::Root(root) => {
                    steps.push(self.tree.roots[root].label.as_str());
                    at = None;
                }
                Owner::Node(id) => {
                    steps.push(&self.tree.node(id).package.id);
                    at = self.came_from[id.0 as usize];
                }
            }
        }
        steps.reverse();
        steps.join(" > ")
    }
}

/// Returns `alias@specifier` as errors show it.
pub(super) fn shown(alias: &str, specifier: &str) -> String {
    format!("{}@{}", alias.escape_debug(), specifier.escape_debug())
}
