//! One row of a list: what stands there, and what is to be said of it.

use crate::inquiry::graph::{Aim, Graph, Node};
use crate::layout::relative;
use crate::package::range::Range;
use crate::package::version::Version;
use crate::resolve::graph::{InstanceIndex, Package, Source, Target};
use std::path::PathBuf;

/// A dependency in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The level; 0 for a direct dependency.
    pub depth: usize,
    /// The name that it is installed under.
    pub alias: String,
    /// Its own name.
    pub name: String,
    /// Its version, `link:` and a path for what is linked to, `file:` and the like for what no registry keeps. What is
    /// asked for where nothing is locked.
    pub version: String,
    /// What is to be said of it.
    pub marks: Vec<Mark>,
    /// Where it stands, if that was asked and it is there.
    pub path: Option<PathBuf>,
}

/// Something to be said of a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is a peer of what it stands below.
    Peer,
    /// What is below it was shown before.
    Shown,
    /// It is below itself.
    Circular,
    /// A peer that it needs is missing.
    UnmetPeer {
        /// The peer and the range that it asks for: `react@^19`.
        peer: String,
    },
    /// A peer has a version that it does not go with.
    WrongPeer {
        /// The peer and the range that it asks for.
        peer: String,
        /// The version that it gets.
        found: String,
    },
    /// The manifest asks for it, and the lockfile does not have it.
    NotLocked,
    /// The lockfile has it, and the manifest does not ask for it.
    NotAsked,
    /// The manifest asks for something else than it did when it was locked.
    Asked(String),
    /// What stands in `node_modules` is something else.
    Standing(String),
}

/// Describes a dependency of the project or package in the folder `from` (relative to the root), which is asked for with
/// a specifier, as far as that is known.
pub(super) fn row(graph: &Graph<'_>, (from, alias, specifier): (&str, &str, &str), aim: Aim<'_>, mut marks: Vec<Mark>) -> Row {
    let link = |path: &str| format!("link:{}", relative(from, path));
    let (name, version) = match aim {
        Aim::Node(Node::Package(index)) => {
            marks.extend(peers(graph, index));
            let package = graph.resolution.package_of(index);
            (package.name.to_string(), version_of(package).to_owned())
        }
        Aim::Node(Node::Project(index)) => (alias.to_owned(), link(&graph.resolution.importers[index].path)),
        Aim::Folder(path) => (alias.to_owned(), link(path)),
        Aim::Nothing => (alias.to_owned(), specifier.to_owned()),
    };
    Row { depth: 0, alias: alias.to_owned(), name, version, marks, path: None }
}

impl Row {
    /// Returns the version as it is shown behind the alias: with the name where that is another one.
    pub fn shown_version(&self) -> String {
        if self.alias == self.name { self.version.clone() } else { format!("npm:{}@{}", self.name, self.version) }
    }
}

/// Returns the version of a package, or where it comes from when no registry keeps it.
fn version_of(package: &Package) -> &str {
    match package.source {
        Source::Registry { .. } => &package.version,
        _ => package.id.strip_prefix(package.name.as_str()).and_then(|rest| rest.strip_prefix('@')).unwrap_or(&package.version),
    }
}

/// Says what is wrong with the peers of a package.
fn peers<'a>(graph: &'a Graph<'_>, index: InstanceIndex) -> impl Iterator<Item = Mark> + 'a {
    let resolution = graph.resolution;
    let edges = &resolution.instance(index).dependencies;
    resolution.package_of(index).peers.iter().filter_map(move |(name, peer)| {
        let shown = || format!("{name}@{}", peer.range);
        match edges.iter().find(|edge| edge.alias.as_str() == name) {
            None if peer.optional => None,
            None => Some(Mark::UnmetPeer { peer: shown() }),
            Some(edge) => {
                let found = match &edge.target {
                    Target::Instance(index) => &resolution.package_of(*index).version,
                    Target::Folder(_) => return None,
                };
                let (range, version) = (Range::parse(&peer.range)?, Version::parse_loose(found)?);
                let fits = range.contains_with_prereleases(&version);
                (!fits).then(|| Mark::WrongPeer { peer: shown(), found: found.clone() })
            }
        }
    })
}
