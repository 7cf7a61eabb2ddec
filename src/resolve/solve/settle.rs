//! The second phase: peers, and the packages that are added for them, until nothing changes.

use super::{Age, PackageIndex, Solver};
use crate::package::version::Version;
use crate::resolve::error::{ResolveError, Warning};
use crate::resolve::hoist::{self, Hoist};
use crate::resolve::{assemble, peers, pick, prune};

impl Solver {
    /// Looks at peers when nothing is outstanding. Ends with the answer or with new questions.
    pub(super) fn settle(&mut self) {
        loop {
            self.take_hoists();
            self.start_queued();
            if !self.needs.is_empty() {
                return;
            }
            match self.attempt() {
                Ok(Some(plan)) => {
                    for (root, name, node) in plan.present {
                        self.tree.roots[root].providers.insert(name, Some(node));
                    }
                    for hoist in plan.absent {
                        let pinned = self.pinned_for_all(&hoist);
                        if let Some(node) = pinned.as_ref().and_then(|(_, index)| self.recall(*index, false)) {
                            self.tree.roots[hoist.root].providers.insert(hoist.name, Some(node));
                            continue;
                        }
                        self.book(&hoist.name, if pinned.is_some() { Age::Any } else { Age::Current });
                        self.hoists.push(hoist);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    self.settled = Some(Err(error));
                    return;
                }
            }
            if !self.needs.is_empty() {
                return;
            }
        }
    }

    /// Resolves the peers of the tree as it stands. Returns what has to be added first, or settles.
    fn attempt(&mut self) -> Result<Option<hoist::Plan>, ResolveError> {
        let pruned = prune::prune(&self.tree)?;
        let mut contexts = peers::resolve(&self.tree, &pruned, &self.options)?;
        if self.options.auto_install_peers {
            let plan = hoist::plan(&self.tree, &contexts);
            if !plan.present.is_empty() || !plan.absent.is_empty() {
                return Ok(Some(plan));
            }
        }
        if self.options.dedupe_peer_dependents {
            contexts.dedupe();
        }
        let order = assemble::order(&contexts);
        let mut warnings = assemble::warnings(&self.tree, &contexts, &order);
        warnings.extend(prune::warnings(&self.tree, &pruned));
        // In what order peers were looked for must not show.
        self.warnings.sort_unstable();
        warnings.append(&mut self.warnings);
        for root in &self.tree.roots {
            for (name, node) in &root.providers {
                if let Some(node) = node.filter(|node| pruned.is_broken(*node)) {
                    let reason = prune::reason_below(&self.tree, node);
                    warnings.push(Warning::PeerUnavailable { importer: root.label.clone(), name: name.to_string(), reason });
                }
            }
        }
        let (of_peers, others): (Vec<Warning>, Vec<Warning>) = warnings.into_iter().partition(Warning::is_about_peers);
        if self.options.strict_peer_dependencies && !of_peers.is_empty() {
            return Err(ResolveError::Peers(of_peers));
        }
        let warnings = others.into_iter().chain(of_peers).collect();
        let (resolution, nodes) = assemble::assemble(&self.tree, &contexts, &order);
        self.settled = Some(Ok((resolution, warnings)));
        self.order = nodes;
        Ok(None)
    }

    /// Chooses versions for the missing peers whose packuments have arrived.
    fn take_hoists(&mut self) {
        for hoist in std::mem::take(&mut self.hoists) {
            let pinned = self.pinned_for_all(&hoist);
            let Hoist { root, name, ranges } = hoist;
            let answer = self.books.get(&name).and_then(|book| book.answer.clone());
            let packument = match answer {
                Some(Ok(packument)) => packument,
                failed => {
                    let reason = failed.and_then(Result::err).map_or_else(String::new, |fault| fault.to_string());
                    let importer = self.tree.roots[root].label.clone();
                    self.warnings.push(Warning::PeerUnavailable { importer, name: name.to_string(), reason });
                    self.tree.roots[root].providers.insert(name, None);
                    continue;
                }
            };
            let pinned = pinned.and_then(|(version, _)| packument.find(&version));
            if pinned.is_none() && self.renews(&name) {
                self.hoists.push(Hoist { root, name, ranges });
                continue;
            }
            let picked = pinned.or_else(|| pick::pick_for_all(&packument, &ranges));
            let node = picked.map(|index| self.node_of_version(&packument, index, false));
            if node.is_none() {
                let ranges = ranges.iter().map(|range| range.text().to_owned()).collect();
                let importer = self.tree.roots[root].label.clone();
                self.warnings.push(Warning::PeerConflict { importer, name: name.to_string(), ranges });
            }
            self.tree.roots[root].providers.insert(name, node);
        }
    }

    /// Returns the version of the previous answer that suits all who want a peer. One that was a peer goes first: the
    /// others may have come into the tree when the peer was there already.
    fn pinned_for_all(&self, hoist: &Hoist) -> Option<(Version, PackageIndex)> {
        let suits = |(version, _): &(Version, _)| hoist.ranges.iter().all(|range| range.contains_with_prereleases(version));
        let suiting = || self.pins.versions(&hoist.name).into_iter().filter(suits);
        suiting().find(|(_, index)| self.pins.was_peer(*index)).or_else(|| suiting().next())
    }
}
