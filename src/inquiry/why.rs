//! Why a package is there: the answer to `deka why`.
//!
//! For each package that is meant, the tree is drawn the other way round: below it stands what depends on it, and below
//! that what depends on that, up to the projects, where a way ends. What depends on a package is shown once and marked
//! where it is met again, so the answer is never longer than the graph has edges, however many ways there are through it.

use super::graph::{Dependency, Graph, Node, admits};
use super::names::Names;
use super::subject::Subject;
use crate::package::version::Version;
use crate::project::settings::Groups;
use crate::resolve::graph::{Group, InstanceIndex};
use rustc_hash::{FxHashMap, FxHashSet};

/// The deepest level that is shown, whatever is asked for.
const DEPTH_MAX: usize = 500;

/// What is asked.
#[derive(Debug)]
pub struct Query<'a> {
    /// The packages that are meant.
    pub names: &'a Names,
    /// The projects that are asked about, by their index in the workspace.
    pub projects: &'a [usize],
    /// Which of their lists of dependencies count.
    pub groups: Groups,
    /// The levels that are shown; nothing for all of them.
    pub depth: Option<usize>,
}

/// A package that is there, and who needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its peers as the lockfile writes them, if it has any: `(react@19.1.0)`.
    pub context: String,
    /// What depends on it.
    pub dependents: Vec<Dependent>,
}

/// A row of the tree above a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// The level; 0 for what depends on the package itself.
    pub depth: usize,
    /// Its name; the path of a project that has none.
    pub name: String,
    /// Its version; empty for a project that has none.
    pub version: String,
    /// For a project: its path in the workspace and the list that it has the dependency in.
    pub project: Option<(String, Group)>,
    /// The name that it uses for the dependency, where that is another one.
    pub alias: Option<String>,
    /// Whether it has the dependency as a peer.
    pub is_peer: bool,
    /// Why nothing stands below it though something depends on it.
    pub ends: Option<End>,
}

/// Why a way is not followed further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was shown before.
    Shown,
    /// It is on the way already.
    Circular,
    /// So many levels were not asked for.
    Depth,
}

/// Finds what is meant and who needs it, sorted by name and version.
pub fn why(subject: &Subject, query: &Query<'_>) -> Vec<Found> {
    let graph = subject.graph();
    let projects: Vec<usize> = query.projects.iter().filter_map(|project| subject.importer_index(*project)).collect();
    let reached = graph.reached(&projects, |group| admits(query.groups, group));
    let asked: FxHashSet<usize> = projects.into_iter().collect();
    let dependents = graph.dependents(|node| reached.has(node));
    let mut walk = Walk { subject, graph, query, asked, dependents, shown: FxHashMap::default(), above: Vec::new(), rows: Vec::new() };
    let mut found: Vec<(Option<Version>, Found)> = Vec::new();
    for node in walk.meant() {
        let (name, version, context) = walk.describe(node);
        walk.above.push(node);
        walk.dependents_of(node, 0);
        walk.above.clear();
        let dependents = std::mem::take(&mut walk.rows);
        found.push((Version::parse_loose(&version), Found { name, version, context, dependents }));
    }
    found.sort_by(|(version, one), (other_version, other)| {
        (&one.name, version, &one.version, &one.context).cmp(&(&other.name, other_version, &other.version, &other.context))
    });
    found.into_iter().map(|(_, found)| found).collect()
}

struct Walk<'a> {
    subject: &'a Subject,
    graph: Graph<'a>,
    query: &'a Query<'a>,
    /// The importers that are asked about.
    asked: FxHashSet<usize>,
    dependents: FxHashMap<Node, Vec<(Node, Dependency<'a>)>>,
    /// How many levels above a node were shown.
    shown: FxHashMap<Node, usize>,
    /// The nodes from the package that is meant to the one at hand.
    above: Vec<Node>,
    rows: Vec<Dependent>,
}

impl<'a> Walk<'a> {
    /// Lists the nodes that are meant and that a project needs, by the order of the tables.
    fn meant(&self) -> Vec<Node> {
        let mut meant: Vec<Node> = self.dependents.keys().copied().filter(|node| self.is_meant(*node)).collect();
        meant.sort_unstable();
        meant
    }

    fn is_meant(&self, node: Node) -> bool {
        if matches!(node, Node::Package(index) if self.subject.is_left_out(index)) {
            return false;
        }
        let (name, version, _) = self.describe(node);
        let needed_by = self.dependents.get(&node).map(Vec::as_slice).unwrap_or_default();
        needed_by
            .iter()
            .any(|(from, dependency)| self.counts(*from, dependency) && self.query.names.admit(dependency.alias.as_str(), &name, &version))
    }

    /// Says whether a dependency leads anywhere for who asks.
    fn counts(&self, from: Node, dependency: &Dependency<'_>) -> bool {
        match from {
            Node::Package(_) => true,
            Node::Project(index) if self.asked.contains(&index) => admits(self.query.groups, dependency.group),
            Node::Project(_) => dependency.group != Group::Dev,
        }
    }

    fn dependents_of(&mut self, node: Node, depth: usize) {
        let needed_by = self.dependents.get(&node).cloned().unwrap_or_default();
        for (from, dependency) in needed_by {
            if self.counts(from, &dependency) {
                let row = self.row(from, node, &dependency, depth);
                self.rows.push(row);
                self.further(from, depth);
            }
        }
    }

    /// Adds what depends on the dependent that was added last, unless a way ends there.
    fn further(&mut self, node: Node, depth: usize) {
        let is_end = matches!(node, Node::Project(index) if self.asked.contains(&index));
        if is_end || !self.dependents.contains_key(&node) {
            return;
        }
        let room = self.query.depth.map_or(usize::MAX, |levels| levels.saturating_sub(depth + 1));
        let end = if self.above.contains(&node) {
            Some(End::Circular)
        } else if self.shown.get(&node).is_some_and(|before| *before >= room) {
            Some(End::Shown)
        } else if room == 0 || depth >= DEPTH_MAX {
            Some(End::Depth)
        } else {
            None
        };
        if let Some(row) = self.rows.last_mut().filter(|_| end.is_some()) {
            row.ends = end;
            return;
        }
        self.above.push(node);
        self.dependents_of(node, depth + 1);
        self.above.pop();
        self.shown.insert(node, room);
    }

    fn row(&self, from: Node, to: Node, dependency: &Dependency<'_>, depth: usize) -> Dependent {
        let (name, version, _) = self.describe(from);
        let (own, ..) = self.describe(to);
        let project = match from {
            Node::Project(index) => Some((self.graph.resolution.importers[index].path.clone(), dependency.group)),
            Node::Package(_) => None,
        };
        let alias = Some(dependency.alias.to_string()).filter(|alias| *alias != own);
        Dependent { depth, name, version, project, alias, is_peer: dependency.is_peer, ends: None }
    }

    /// Returns the name, version and peers of a node.
    fn describe(&self, node: Node) -> (String, String, String) {
        match node {
            Node::Package(index) => self.describe_package(index),
            Node::Project(index) => {
                let path = &self.graph.resolution.importers[index].path;
                let manifest = self.subject.project_at(path).map(|project| &self.subject.workspace.projects[project].manifest);
                let name = manifest.and_then(|manifest| manifest.name.clone()).unwrap_or_else(|| path.clone());
                (name, manifest.and_then(|manifest| manifest.version.clone()).unwrap_or_default(), String::new())
            }
        }
    }

    fn describe_package(&self, index: InstanceIndex) -> (String, String, String) {
        let (instance, package) = (self.graph.resolution.instance(index), self.graph.resolution.package_of(index));
        let context = instance.path.strip_prefix(&package.id).unwrap_or_default().to_owned();
        (package.name.to_string(), package.version.clone(), context)
    }
}
