//! Projects and packages as one graph.
//!
//! The tables of a resolution keep the dependencies of projects and those of packages apart, and know the projects of a
//! workspace only as folders that are linked to. Here both are nodes, with one kind of edge between them.

use crate::package::name::PackageName;
use crate::project::settings::Groups;
use crate::resolve::graph::{Direct, Edge, Group, InstanceIndex, Resolution, Target};
use rustc_hash::FxHashMap;

/// A project or a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// A package in its context of peers.
    Package(InstanceIndex),
    /// A project, by its index among the importers of the lockfile.
    Project(usize),
}

/// What an edge leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim<'a> {
    /// A node.
    Node(Node),
    /// A folder that is no project, relative to the root.
    Folder(&'a str),
    /// Nothing: an optional dependency that could not be resolved.
    Nothing,
}

/// A dependency of a node.
#[derive(Clone, Copy, Debug)]
pub struct Dependency<'a> {
    /// The name it is installed under.
    pub alias: &'a PackageName,
    /// What it leads to.
    pub aim: Aim<'a>,
    /// The list that it stands in.
    pub group: Group,
    /// Whether it is a peer of the node.
    pub is_peer: bool,
}

/// The graph of a resolution.
#[derive(Debug)]
pub struct Graph<'a> {
    /// The tables.
    pub resolution: &'a Resolution,
    projects: FxHashMap<&'a str, usize>,
}

impl<'a> Graph<'a> {
    /// Makes the graph of a resolution.
    pub fn new(resolution: &'a Resolution) -> Graph<'a> {
        let projects = resolution.importers.iter().enumerate().map(|(index, importer)| (importer.path.as_str(), index)).collect();
        Graph { resolution, projects }
    }

    /// Lists the dependencies of a node, sorted by alias.
    pub fn dependencies(&self, node: Node) -> Vec<Dependency<'a>> {
        match node {
            Node::Project(index) => {
                let directs = self.resolution.importers[index].dependencies.iter();
                let dependency = |direct: &'a Direct| Dependency {
                    alias: &direct.alias,
                    aim: direct.target.as_ref().map_or(Aim::Nothing, |target| self.aim(target)),
                    group: direct.group,
                    is_peer: false,
                };
                directs.map(dependency).collect()
            }
            Node::Package(index) => {
                let resolution = self.resolution;
                let peers = &resolution.package_of(index).peers;
                let dependency = |edge: &'a Edge| Dependency {
                    alias: &edge.alias,
                    aim: self.aim(&edge.target),
                    group: if edge.optional { Group::Optional } else { Group::Prod },
                    is_peer: peers.contains_key(edge.alias.as_str()),
                };
                resolution.instance(index).dependencies.iter().map(dependency).collect()
            }
        }
    }

    /// Lists what depends on each node: the node that does, and under which name.
    pub fn dependents(&self, of: impl Fn(Node) -> bool) -> FxHashMap<Node, Vec<(Node, Dependency<'a>)>> {
        let mut found: FxHashMap<Node, Vec<(Node, Dependency<'a>)>> = FxHashMap::default();
        for from in self.nodes().filter(|node| of(*node)) {
            for dependency in self.dependencies(from) {
                if let Aim::Node(to) = dependency.aim {
                    found.entry(to).or_default().push((from, dependency));
                }
            }
        }
        found
    }

    /// Marks what some projects lead to, themselves included. From them only dependencies that are `admitted` count; what
    /// only develops another project leads nowhere from outside of it.
    pub fn reached(&self, projects: &[usize], admitted: impl Fn(Group) -> bool) -> Reached {
        let mut seen =
            Reached { packages: vec![false; self.resolution.instances.len()], projects: vec![false; self.resolution.importers.len()] };
        let mut open: Vec<Node> = projects.iter().map(|project| Node::Project(*project)).collect();
        while let Some(node) = open.pop() {
            if std::mem::replace(seen.flag(node), true) {
                continue;
            }
            let asked = matches!(node, Node::Project(index) if projects.contains(&index));
            for dependency in self.dependencies(node) {
                let counts = if asked { admitted(dependency.group) } else { dependency.group != Group::Dev };
                if let (Aim::Node(to), true) = (dependency.aim, counts) {
                    open.push(to);
                }
            }
        }
        seen
    }

    fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        let packages = (0..).take(self.resolution.instances.len()).map(|index| Node::Package(InstanceIndex(index)));
        packages.chain((0..self.resolution.importers.len()).map(Node::Project))
    }

    fn aim(&self, target: &'a Target) -> Aim<'a> {
        match target {
            Target::Instance(index) => Aim::Node(Node::Package(*index)),
            Target::Folder(path) => match self.projects.get(path.as_str()) {
                Some(index) => Aim::Node(Node::Project(*index)),
                None => Aim::Folder(path),
            },
        }
    }
}

/// A set of nodes.
#[derive(Clone, Debug)]
pub struct Reached {
    packages: Vec<bool>,
    projects: Vec<bool>,
}

impl Reached {
    /// Says whether a node is one of them.
    pub fn has(&self, node: Node) -> bool {
        match node {
            Node::Package(index) => self.packages[index.0 as usize],
            Node::Project(index) => self.projects[index],
        }
    }

    fn flag(&mut self, node: Node) -> &mut bool {
        match node {
            Node::Package(index) => &mut self.packages[index.0 as usize],
            Node::Project(index) => &mut self.projects[index],
        }
    }
}

/// Says whether a list of dependencies is one of those that are wanted.
pub(super) fn admits(groups: Groups, group: Group) -> bool {
    match group {
        Group::Prod => groups.prod,
        Group::Dev => groups.dev,
        Group::Optional => groups.optional,
    }
}
