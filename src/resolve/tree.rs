//! What is known while resolution goes on: packages and the dependencies between them, before peers are looked at.

use super::edges::Ask;
use super::error::Fault;
use super::graph::{Group, Package, PackageIndex};
use crate::package::name::PackageName;
use std::collections::BTreeMap;
use std::ops::Range;

/// Index into [`Tree::nodes`]. Its value depends on the order of arrival and must not show in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeId(pub u32);

/// Projects, packages and dependencies.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The projects, sorted by path.
    pub roots: Vec<Root>,
    /// The packages.
    pub nodes: Vec<Node>,
    /// The dependencies. Those of one owner stand together, sorted by alias.
    pub links: Vec<Link>,
}

/// A project.
#[derive(Debug)]
pub(super) struct Root {
    pub path: String,
    /// Where it stands in the previous answer.
    pub previous: Option<usize>,
    /// How errors call it.
    pub label: String,
    /// Its dependencies.
    pub links: Range<usize>,
    /// The groups of its dependencies, in the same order.
    pub groups: Vec<Group>,
    /// The peers that were added for it; nothing for a peer that cannot be had.
    pub providers: BTreeMap<PackageName, Option<NodeId>>,
}

/// A package.
#[derive(Debug)]
pub(super) struct Node {
    pub package: Package,
    /// Where the same package stands in the previous answer.
    pub previous: Option<PackageIndex>,
    /// The names of its peers, checked, in the order of `package.peers`.
    pub peer_names: Vec<PackageName>,
    /// Its dependencies.
    pub links: Range<usize>,
    /// What makes its manifest unusable, with the dependency that it is about.
    pub fault: Option<(String, Fault)>,
    /// Whether the first way to it led over an optional dependency.
    pub optional: bool,
    /// The bytes that it unpacks to; 0 when nobody said.
    pub unpacked_size: u64,
}

/// A dependency.
#[derive(Debug)]
pub(super) struct Link {
    pub owner: Owner,
    pub alias: PackageName,
    /// What the manifest asks for, verbatim.
    pub specifier: String,
    pub optional: bool,
    pub outcome: Outcome,
}

/// Whose dependency it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Root(usize),
    Node(NodeId),
}

/// What became of a dependency so far.
#[derive(Debug)]
pub(super) enum Outcome {
    Waiting(Ask),
    Package(NodeId),
    Folder(String),
    Failed(Fault),
    /// An override took it out.
    Removed,
}

impl Tree {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Returns the id of the node that is added next.
    pub fn next_id(&self) -> NodeId {
        NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX))
    }

    /// Returns all nodes with their ids.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.next_id().0).map(NodeId)
    }
}
