//! Peers: which contexts a package is needed in, and what each of its peers is there.
//!
//! A peer is a dependency that somebody further up brings. So one package may have to stand in the tree several times,
//! once for each combination of peers that it or anything below it sees. The steps:
//!
//! 1. **Needs** ([`needs`]). For every package the set of peer names that its subtree wants from outside: its own
//!    peers, and what its dependencies need and it does not provide itself. A package provides its dependencies, by
//!    alias, and itself, by name. The sets grow until nothing changes, so cycles do no harm.
//! 2. **Scopes.** Walking down from the projects, each instance is a [`Scope`] for its dependencies: a name means the
//!    instance's own dependency of that alias, else the instance itself if that is its name, else what the name meant for
//!    the instance. A project is the outermost scope: its dependencies, then those of the workspace's root, then the
//!    peers that were added for it. Since an instance keeps only the names that it needs, most packages need nothing,
//!    stand in one context and are visited once, and the work is bounded by the number of instances and their edges.
//! 3. **Names** ([`Contexts::place`]). A package in a scope is identified by its id and, in parentheses, the identities
//!    of what its needs mean there, sorted: pnpm's `depPath`. Equal identities are one instance. Peers may need each other
//!    in a circle. Such a group (a strongly connected component, found by Tarjan's algorithm, without recursion) is named
//!    together: each member lists the bare ids of the others and all that the group sees outside of it. An
//!    identity past [`SUFFIX_MAX`] bytes is replaced by a hash, which also keeps nested identities from growing without end.
//! 4. **Unmet peers** are collected for each project. [`super::hoist`] adds what can be added and starts again.
//! 5. **Deduplication** ([`dedupe`]): an instance that sees fewer peers than another of the same package, and no
//!    different ones, gives way to it.

mod dedupe;
mod needs;
mod place;

use super::error::ResolveError;
use super::prune::Pruned;
use super::request::Options;
use super::tree::{Link, NodeId, Outcome, Tree};
use crate::package::name::PackageName;
use crate::package::range::Range;
use crate::package::version::Version;
use needs::{Needs, Views};
use place::Bound;
use rustc_hash::{FxBuildHasher, FxHashMap};

/// The longest list of peers in an instance's path, in bytes. pnpm has the same limit.
const SUFFIX_MAX: usize = 1000;
/// How many instances are accepted. Real trees have some thousands; hostile ones could double with every package.
const INSTANCES_MAX: usize = 50_000;

/// Index of an instance while contexts are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct InstanceId(pub u32);

/// Where the names of peers get their meaning: a project or an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    Root(usize),
    Instance(InstanceId),
}

/// A package as something in a scope refers to it. Several pairs can be one instance.
type Pair = (NodeId, Scope);

/// What a dependency or a peer became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum To<'a> {
    Instance(InstanceId),
    Folder(&'a str),
}

/// A package in one context.
#[derive(Debug)]
pub(super) struct Instance<'a> {
    pub node: NodeId,
    /// Its identity.
    pub path: String,
    /// Its dependencies and its own peers.
    pub edges: Vec<Edge<'a>>,
    /// What it needs from outside, by the index of the name. What is missing is not among it.
    bound: Vec<(u32, To<'a>)>,
}

/// A dependency or peer of an instance.
#[derive(Clone, Debug)]
pub(super) struct Edge<'a> {
    pub alias: &'a PackageName,
    pub to: To<'a>,
    pub optional: bool,
}

/// A peer that is not as it was asked for.
#[derive(Clone, Debug)]
pub(super) struct Unmet<'a> {
    pub name: &'a PackageName,
    pub range: &'a str,
    pub optional: bool,
    /// The version that is there, if one is.
    pub found: Option<&'a str>,
}

/// All instances, and what leads to them.
pub(super) struct Contexts<'a> {
    tree: &'a Tree,
    options: &'a Options,
    views: Views<'a>,
    pub instances: Vec<Instance<'a>>,
    by_path: FxHashMap<String, InstanceId>,
    placed: FxHashMap<Pair, InstanceId>,
    /// The instances of packages that need nothing from outside, which are the same in every scope.
    placed_anywhere: Vec<Option<InstanceId>>,
    /// For each project, what its dependencies became, in the order of its links; nothing for what is left out.
    pub directs: Vec<Vec<Option<To<'a>>>>,
}

/// Finds the contexts that every package of the tree is needed in.
pub(super) fn resolve<'a>(tree: &'a Tree, pruned: &'a Pruned, options: &'a Options) -> Result<Contexts<'a>, ResolveError> {
    let mut contexts = Contexts {
        tree,
        options,
        views: Views::new(tree, pruned),
        instances: Vec::with_capacity(tree.nodes.len() + tree.nodes.len() / 4),
        by_path: FxHashMap::with_capacity_and_hasher(tree.nodes.len() + tree.nodes.len() / 4, FxBuildHasher),
        placed: FxHashMap::default(),
        placed_anywhere: vec![None; tree.nodes.len()],
        directs: Vec::with_capacity(tree.roots.len()),
    };
    for (index, root) in tree.roots.iter().enumerate() {
        let links = &tree.links[root.links.clone()];
        let directs = links.iter().map(|link| if pruned.keeps(link) { contexts.follow(link, Scope::Root(index)) } else { None });
        let directs = directs.collect();
        contexts.directs.push(directs);
    }
    // Placing an instance appends what it leads to, so this visits all of them, breadth first.
    let mut next = 0;
    while next < contexts.instances.len() {
        if next > INSTANCES_MAX {
            return Err(ResolveError::TooManyContexts { limit: INSTANCES_MAX });
        }
        contexts.expand(InstanceId(u32::try_from(next).unwrap_or(u32::MAX)));
        next += 1;
    }
    Ok(contexts)
}

impl<'a> Contexts<'a> {
    /// Merges instances that differ only in peers that some of them do not see.
    pub fn dedupe(&mut self) {
        dedupe::merge(&mut self.instances, &mut self.directs);
    }

    /// Returns an instance.
    pub fn instance(&self, id: InstanceId) -> &Instance<'a> {
        &self.instances[id.0 as usize]
    }

    /// Returns all instances.
    pub fn ids(&self) -> impl Iterator<Item = InstanceId> + use<> {
        (0..u32::try_from(self.instances.len()).unwrap_or(u32::MAX)).map(InstanceId)
    }

    /// Says of every instance whether it is one of some or leads to one; nothing when there are none.
    pub fn leading_to(&self, is_one: impl Fn(InstanceId) -> bool) -> Option<Vec<bool>> {
        let mut open: Vec<InstanceId> = self.ids().filter(|id| is_one(*id)).collect();
        if open.is_empty() {
            return None;
        }
        let mut dependents: Vec<Vec<InstanceId>> = vec![Vec::new(); self.instances.len()];
        for id in self.ids() {
            for below in self.instance(id).edges.iter().filter_map(|edge| edge.to.instance()) {
                dependents[below.0 as usize].push(id);
            }
        }
        let mut leads = vec![false; self.instances.len()];
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut leads[id.0 as usize], true) {
                open.extend(&dependents[id.0 as usize]);
            }
        }
        Some(leads)
    }

    /// Returns the instances that one project leads to by way of some, each once.
    pub fn reached_from(&self, root: usize, by_way_of: &[bool]) -> Vec<InstanceId> {
        self.reached(&self.directs[root..=root], |id| by_way_of[id.0 as usize])
    }

    /// Returns the instances that projects lead to, each once.
    pub fn reached_from_all(&self) -> Vec<InstanceId> {
        self.reached(&self.directs, |_| true)
    }

    fn reached(&self, directs: &[Vec<Option<To<'a>>>], follows: impl Fn(InstanceId) -> bool) -> Vec<InstanceId> {
        let mut seen = vec![false; self.instances.len()];
        let mut order = Vec::new();
        let starts = directs.iter().flatten().flatten();
        let mut open: Vec<InstanceId> = starts.filter_map(To::instance).collect();
        while let Some(id) = open.pop() {
            if follows(id) && !std::mem::replace(&mut seen[id.0 as usize], true) {
                order.push(id);
                open.extend(self.instance(id).edges.iter().filter_map(|edge| edge.to.instance()));
            }
        }
        order
    }

    /// Lists the peers of an instance that are missing or wrong.
    pub fn unmet(&self, by: InstanceId, ranges: &mut Ranges<'a>) -> Vec<Unmet<'a>> {
        let instance = self.instance(by);
        let mut unmet = Vec::new();
        for peer in &self.views.of(instance.node).peers {
            let bound = instance.bound.iter().find(|(name, _)| *name == peer.index).map(|(_, to)| *to);
            let found = match bound {
                None => None,
                // A folder is there on purpose, whatever version it has.
                Some(To::Folder(_)) => continue,
                Some(To::Instance(id)) => {
                    let version = self.tree.node(self.instance(id).node).package.version.as_str();
                    if ranges.admit(peer.range, version) {
                        continue;
                    }
                    Some(version)
                }
            };
            unmet.push(Unmet { name: peer.name, range: peer.range, optional: peer.optional, found });
        }
        unmet
    }

    fn follow(&mut self, link: &'a Link, scope: Scope) -> Option<To<'a>> {
        match &link.outcome {
            Outcome::Package(node) => Some(To::Instance(self.place((*node, scope)))),
            Outcome::Folder(path) => Some(To::Folder(path)),
            Outcome::Waiting(_) | Outcome::Failed(_) | Outcome::Removed => None,
        }
    }

    /// Finds the instances that the dependencies of an instance are, and links it to its own peers.
    fn expand(&mut self, id: InstanceId) {
        let node = self.instance(id).node;
        let links = self.views.of(node).links.len();
        let mut edges = Vec::with_capacity(links);
        for index in 0..links {
            let link = self.views.of(node).links[index];
            if let Some(to) = self.follow(link, Scope::Instance(id)) {
                edges.push(Edge { alias: &link.alias, to, optional: link.optional });
            }
        }
        let bound = &self.instance(id).bound;
        for peer in &self.views.of(node).peers {
            if let Ok(at) = bound.binary_search_by_key(&peer.index, |(name, _)| *name) {
                edges.push(Edge { alias: peer.name, to: bound[at].1, optional: peer.optional });
            }
        }
        edges.sort_by(|left, right| left.alias.cmp(right.alias));
        self.instances[id.0 as usize].edges = edges;
    }

    /// Returns what the name of a peer means in a scope.
    fn meaning(&self, name: u32, scope: Scope) -> Option<Bound<'a>> {
        match scope {
            Scope::Instance(id) => {
                let instance = self.instance(id);
                let Needs { provides, own_name, .. } = self.views.of(instance.node);
                if let Ok(at) = provides.binary_search_by_key(&name, |(provided, _)| *provided) {
                    return Bound::of(&provides[at].1.outcome, scope);
                }
                if *own_name == Some(name) {
                    return Some(Bound::Known(To::Instance(id)));
                }
                let at = instance.bound.binary_search_by_key(&name, |(bound, _)| *bound).ok()?;
                Some(Bound::Known(instance.bound[at].1))
            }
            Scope::Root(root) => self.meaning_in_project(name, root),
        }
    }

    fn meaning_in_project(&self, name: u32, root: usize) -> Option<Bound<'a>> {
        let name = self.views.name(name);
        let direct = |root: usize| {
            let links = &self.tree.links[self.tree.roots[root].links.clone()];
            let at = links.binary_search_by(|link| link.alias.cmp(name)).ok()?;
            if self.views.keeps(&links[at]) { Bound::of(&links[at].outcome, Scope::Root(root)) } else { None }
        };
        let of_workspace = || {
            let workspace_root = self.tree.roots.iter().position(|other| other.path == ".")?;
            (self.options.resolve_peers_from_workspace_root && workspace_root != root).then(|| direct(workspace_root))?
        };
        let added = || match self.tree.roots[root].providers.get(name) {
            Some(Some(node)) if !self.views.is_broken(*node) => Some(Bound::Pair((*node, Scope::Root(root)))),
            _ => None,
        };
        direct(root).or_else(of_workspace).or_else(added)
    }
}

impl To<'_> {
    /// Returns the instance that it is, unless it is a folder.
    pub fn instance(&self) -> Option<InstanceId> {
        match self {
            To::Instance(id) => Some(*id),
            To::Folder(_) => None,
        }
    }
}

/// The ranges of peers, each read once.
#[derive(Default)]
pub(super) struct Ranges<'a>(FxHashMap<&'a str, Option<Range>>);

impl<'a> Ranges<'a> {
    /// Returns the range that a text is; nothing when it is none, which then admits everything.
    pub fn read(&mut self, text: &'a str) -> Option<&Range> {
        let read = || Range::parse(text.strip_prefix("workspace:").unwrap_or(text));
        self.0.entry(text).or_insert_with(read).as_ref()
    }

    /// Says whether a version satisfies a peer. Prereleases count like any other version.
    pub fn admit(&mut self, text: &'a str, version: &str) -> bool {
        let Some(range) = self.read(text) else {
            return true;
        };
        Version::parse_loose(version).is_none_or(|version| range.contains_with_prereleases(&version))
    }
}
