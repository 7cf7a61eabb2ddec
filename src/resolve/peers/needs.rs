//! Which peers each package needs from outside: its own, and those that its dependencies pass on.

use crate::package::name::PackageName;
use crate::resolve::prune::Pruned;
use crate::resolve::tree::{Link, NodeId, Outcome, Tree};
use rustc_hash::FxHashMap;

/// What the search for contexts has to know of a package.
#[derive(Debug, Default)]
pub(super) struct Needs<'a> {
    /// Its dependencies that are part of the answer, sorted by alias.
    pub links: Vec<&'a Link>,
    /// Those of them whose alias is the name of a peer of somebody, by the index of the name.
    pub provides: Vec<(u32, &'a Link)>,
    /// The index of its own name, if that is the name of a peer of somebody.
    pub own_name: Option<u32>,
    /// Its own peers, sorted by name.
    pub peers: Vec<Peer<'a>>,
    /// What its subtree needs from outside, as sorted indices of names.
    pub needs: Vec<u32>,
}

/// A peer that a package asks for.
#[derive(Debug)]
pub(super) struct Peer<'a> {
    pub index: u32,
    pub name: &'a PackageName,
    pub range: &'a str,
    pub optional: bool,
}

/// The needs of all packages.
pub(super) struct Views<'a> {
    pruned: &'a Pruned,
    /// The names of all peers, sorted, so that their indices do not depend on the order of arrival.
    names: Vec<&'a PackageName>,
    views: Vec<Needs<'a>>,
}

impl<'a> Views<'a> {
    pub fn new(tree: &'a Tree, pruned: &'a Pruned) -> Views<'a> {
        let mut names: Vec<&PackageName> = tree.nodes.iter().flat_map(|node| &node.peer_names).collect();
        names.sort_unstable();
        names.dedup();
        let indices: FxHashMap<&PackageName, u32> = names.iter().copied().zip(0..).collect();
        let views = tree.ids().map(|id| view(tree, pruned, &indices, id)).collect();
        let mut views = Views { pruned, names, views };
        views.spread();
        views
    }

    pub fn of(&self, id: NodeId) -> &Needs<'a> {
        &self.views[id.0 as usize]
    }

    pub fn name(&self, index: u32) -> &'a PackageName {
        self.names[index as usize]
    }

    pub fn keeps(&self, link: &Link) -> bool {
        self.pruned.keeps(link)
    }

    pub fn is_broken(&self, id: NodeId) -> bool {
        self.pruned.is_broken(id)
    }

    /// Passes needs on from dependencies to dependents until nothing changes.
    fn spread(&mut self) {
        let words = self.names.len().div_ceil(64);
        if words == 0 {
            return;
        }
        let count = self.views.len();
        let mut needs = vec![0u64; count * words];
        let mut passed_on = vec![u64::MAX; count * words];
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (at, view) in self.views.iter().enumerate() {
            for peer in &view.peers {
                set(&mut needs[at * words..], peer.index);
            }
            for index in view.provides.iter().map(|(index, _)| *index).chain(view.own_name) {
                passed_on[at * words + index as usize / 64] &= !(1 << (index % 64));
            }
            for link in &view.links {
                if let Outcome::Package(target) = link.outcome {
                    dependents[target.0 as usize].push(at);
                }
            }
        }
        let mut waiting = vec![true; count];
        let mut open: Vec<usize> = (0..count).collect();
        while let Some(at) = open.pop() {
            waiting[at] = false;
            for &dependent in &dependents[at] {
                let mut grown = false;
                for word in 0..words {
                    let added = needs[at * words + word] & passed_on[dependent * words + word] & !needs[dependent * words + word];
                    needs[dependent * words + word] |= added;
                    grown |= added != 0;
                }
                if grown && !std::mem::replace(&mut waiting[dependent], true) {
                    open.push(dependent);
                }
            }
        }
        for (at, view) in self.views.iter_mut().enumerate() {
            let bits = &needs[at * words..(at + 1) * words];
            view.needs = (0..).take(self.names.len()).filter(|index| bits[*index as usize / 64] >> (index % 64) & 1 == 1).collect();
        }
    }
}

fn set(bits: &mut [u64], index: u32) {
    bits[index as usize / 64] |= 1 << (index % 64);
}

fn view<'a>(tree: &'a Tree, pruned: &Pruned, indices: &FxHashMap<&PackageName, u32>, id: NodeId) -> Needs<'a> {
    if pruned.is_broken(id) {
        return Needs::default();
    }
    let node = tree.node(id);
    let links: Vec<&Link> = tree.links[node.links.clone()].iter().filter(|link| pruned.keeps(link)).collect();
    let mut provides: Vec<(u32, &Link)> = links.iter().filter_map(|link| Some((*indices.get(&link.alias)?, *link))).collect();
    provides.sort_unstable_by_key(|(index, _)| *index);
    let peers = node.peer_names.iter().filter_map(|name| {
        let asked = node.package.peers.get(name.as_str())?;
        Some(Peer { index: *indices.get(name)?, name, range: &asked.range, optional: asked.optional })
    });
    Needs { provides, own_name: indices.get(&node.package.name).copied(), peers: peers.collect(), links, needs: Vec::new() }
}
