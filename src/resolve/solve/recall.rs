//! What stays as it was: a package of the previous answer whose demands are known needs no packument.
//!
//! A lockfile has all of a package but its dependencies' own words, and those are in [`Demands`]. So a dependency that was
//! a package of the previous answer, and still may be, leads to a node that is made from these two. Whatever is chosen
//! anew (a dependency that is new or became nothing, a peer that nobody suits) takes the way of packuments, and comes to
//! the same node when it arrives at the same version.

use super::{Ask, Book, Demands, Link, Node, NodeId, Of, Outcome, Owner, PackageIndex, Solver, Verdict};
use crate::package::name::PackageName;
use crate::package::version::Version;
use crate::resolve::demands::Demand;
use crate::resolve::describe;
use crate::resolve::edges::Place;
use crate::resolve::error::Fault;
use crate::resolve::graph::{Asked, Source};
use crate::resolve::pins::Pin;
use crate::resolve::prune;
use crate::resolve::request::ByVersion;

impl Solver {
    /// Returns what the packages of the answer ask for; to be called when it was given.
    pub fn demands(&self) -> Demands {
        let demands_of = |id: &NodeId| {
            let node = self.tree.node(*id);
            let links = self.tree.links[node.links.clone()].iter();
            matches!(node.package.source, Source::Registry { .. }).then(|| links.map(demand))
        };
        Demands::collect(self.order.iter().map(demands_of))
    }

    /// Says whether it is known what a package of the previous answer asks for.
    pub(super) fn knows(&self, index: PackageIndex) -> bool {
        self.demands.as_ref().is_some_and(|demands| demands.knows(index))
    }

    /// Returns what a dependency of a project was, when nothing can have changed about it: the words are the same, and
    /// their meaning depends on nothing else. `project` is the place of the project in the previous answer.
    pub(super) fn unchanged(&self, project: Option<usize>, asked: &Asked<'_>) -> Option<Pin<'_>> {
        let is_plain = self.options.by_version == ByVersion::Never && !asked.specifier.contains(':');
        let pin = self.pins.edge(Of::Project(project.filter(|_| is_plain)?), asked.alias)?;
        (pin.specifier == Some(asked.specifier) && self.knows(pin.index)).then_some(pin)
    }

    /// Has a dependency lead to a package of the previous answer whose demands are known.
    pub(super) fn take_previous(&mut self, link: usize, index: PackageIndex) {
        let Some(node) = self.recall(index, self.is_optional(link)) else { return };
        if matches!(self.tree.links[link].owner, Owner::Root(_)) {
            self.direct[index.0 as usize] = true;
        }
        self.tree.links[link].outcome = Outcome::Package(node);
    }

    /// Returns the node of a package of the previous answer, if it is known what that asks for.
    pub(super) fn recall(&mut self, index: PackageIndex, optional: bool) -> Option<NodeId> {
        let demands = self.demands.as_ref()?.of(index)?;
        if let Some(node) = self.made[index.0 as usize] {
            return Some(node);
        }
        let owner = Owner::Node(self.tree.next_id());
        let package = self.pins.package(index).clone();
        let peer_names = package.peers.keys().filter_map(|name| PackageName::parse(name).ok()).collect();
        let mut node = Node { package, previous: Some(index), peer_names, links: 0..0, fault: None, optional, unpacked_size: 0 };
        let mut links = Vec::new();
        for Demand { alias, specifier, optional } in demands {
            let pin = self.pins.edge(Of::Package(index), alias).filter(|pin| self.knows(pin.index));
            if let Some(pin) = pin {
                let (alias, outcome) = (pin.alias.clone(), Outcome::Waiting(Ask::Previous(pin.index)));
                links.push(Link { owner, alias, specifier: specifier.to_owned(), optional, outcome });
                continue;
            }
            let alias = match PackageName::parse(alias) {
                Ok(alias) => alias,
                Err(error) => {
                    node.fault.get_or_insert((prune::shown(alias, specifier), Fault::Name(error)));
                    continue;
                }
            };
            let parent = Some((node.package.name.as_str(), node.package.version.as_str()));
            let verdict = self.overrides.verdict(parent, alias.as_str(), specifier);
            if verdict != Verdict::Removed {
                let outcome = describe::outcome(self.workspace.read(&alias, specifier, verdict, Place::Remote));
                links.push(Link { owner, alias, specifier: specifier.to_owned(), optional, outcome });
            }
        }
        Some(self.put_node(node, links))
    }

    /// Returns the versions of a package that projects depend on directly, highest first.
    pub(super) fn direct_versions(&self, book: &Book, name: &PackageName) -> Vec<Version> {
        let previous = self.pins.all_versions(name).into_iter().filter(|(_, index)| self.direct[index.0 as usize]);
        let mut versions: Vec<Version> = previous.map(|(version, _)| version).chain(book.direct.iter().cloned()).collect();
        versions.sort_by(|left, right| right.cmp(left));
        versions.dedup();
        versions
    }
}

fn demand(link: &Link) -> Demand<'_> {
    Demand { alias: link.alias.as_str(), specifier: &link.specifier, optional: link.optional }
}
