//! The machine that turns answers into a resolution; see [`super`] for how it is driven and what it rests on.

use super::book::{Age, Book};
use super::demands::Demands;
use super::describe::{self, Identity, Rules};
use super::edges::{Ask, Place, Workspace};
use super::error::{Fault, ResolveError, Warning, Way};
use super::graph::{self, Group, PackageIndex, Resolution, Source};
use super::hoist::Hoist;
use super::overrides::{Overrides, Verdict};
use super::pick::{self, Preferred};
use super::pins::{Of, Pins};
use super::prune;
use super::request::{ByVersion, Chosen, External, Failure, ImporterRequest, Need, Options, Pinning, Registries, Request};
use super::tree::{Link, Node, NodeId, Outcome, Owner, Root, Tree};
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::package::spec::Want;
use crate::package::version::Version;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

mod recall;
mod settle;

/// A resolution under way.
pub struct Solver {
    overrides: Overrides,
    workspace: Workspace,
    pins: Pins,
    /// What the packages of the previous answer ask for, where that may be relied on.
    demands: Option<Demands>,
    /// The nodes of packages of the previous answer, by their place in it.
    made: Vec<Option<NodeId>>,
    /// Which of them projects lead to without their packument.
    direct: Vec<bool>,
    registries: Registries,
    options: Options,
    tree: Tree,
    books: FxHashMap<PackageName, Book>,
    externals: FxHashMap<Source, Shelf>,
    /// Nodes of what no registry keeps, by id.
    external_nodes: FxHashMap<String, NodeId>,
    /// Dependencies that were found and not looked at yet.
    queue: Vec<usize>,
    /// What is to be asked.
    needs: Vec<Need>,
    /// How many questions were asked and not answered.
    outstanding: usize,
    /// How many nodes were told of.
    told: usize,
    /// Peers that wait for their packument.
    hoists: Vec<Hoist>,
    warnings: Vec<Warning>,
    /// The nodes of the packages of the answer, in their order.
    order: Vec<NodeId>,
    settled: Option<Result<(Resolution, Vec<Warning>), ResolveError>>,
}

/// What is known of one tarball or folder.
#[derive(Default)]
struct Shelf {
    answer: Option<Result<External, Fault>>,
    waiting: Vec<usize>,
}

impl Solver {
    /// Reads what the projects ask for. Fails when an alias or an override is no good, before anything is fetched.
    pub fn new(request: Request) -> Result<Solver, ResolveError> {
        let mut overrides = Overrides::parse(&request.overrides)?;
        let workspace = Workspace::new(&request);
        // Where versions are to be shared, and where projects answer packages, what a dependency was says too little.
        let is_as_it_was = request.pinning != Pinning::Dedupe && request.options.by_version != ByVersion::Deep;
        let pins = request.pins.map(|previous| Pins::new(previous, request.pinning)).unwrap_or_default();
        let mut solver = Solver {
            warnings: std::mem::take(&mut overrides.warnings),
            overrides,
            workspace,
            demands: request.demands.filter(|_| is_as_it_was),
            made: vec![None; pins.len()],
            direct: vec![false; pins.len()],
            pins,
            registries: request.registries,
            options: request.options,
            tree: Tree::default(),
            books: FxHashMap::default(),
            externals: FxHashMap::default(),
            external_nodes: FxHashMap::default(),
            queue: Vec::new(),
            needs: Vec::new(),
            outstanding: 0,
            told: 0,
            hoists: Vec::new(),
            order: Vec::new(),
            settled: None,
        };
        let mut importers = request.importers;
        importers.sort_by(|left, right| left.path.cmp(&right.path));
        if let Some(pair) = importers.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(ResolveError::DuplicateImporter(pair[0].path.clone()));
        }
        for importer in &importers {
            solver.add_root(importer)?;
        }
        solver.start_queued();
        Ok(solver)
    }

    /// Returns what is asked for and was not asked for before. Each question comes once and waits for one answer.
    pub fn wants(&mut self) -> Vec<Need> {
        if self.outstanding == 0 && self.needs.is_empty() && self.settled.is_none() {
            self.settle();
        }
        self.outstanding += self.needs.len();
        std::mem::take(&mut self.needs)
    }

    /// Takes the answer to [`Need::Packument`] or [`Need::Remembered`]. One that was not asked for is ignored.
    pub fn packument(&mut self, name: &PackageName, answer: Result<Arc<Packument>, Failure>) {
        let Some(book) = self.books.get_mut(name).filter(|book| book.is_open()) else {
            return;
        };
        self.outstanding = self.outstanding.saturating_sub(1);
        book.take(answer.map_err(|failure| Fault::of_packument(name.as_str(), &failure)));
        let waiting = std::mem::take(&mut book.waiting);
        // What projects ask for comes first: the others prefer its versions.
        let (of_projects, of_packages): (Vec<usize>, Vec<usize>) =
            waiting.into_iter().partition(|link| matches!(self.tree.links[*link].owner, Owner::Root(_)));
        let mut direct = Vec::new();
        for link in of_projects {
            self.choose(link);
            if let Outcome::Package(node) = self.tree.links[link].outcome {
                direct.extend(Version::parse(&self.tree.node(node).package.version));
            }
        }
        if let Some(book) = self.books.get_mut(name) {
            book.add_direct(direct);
        }
        for link in of_packages {
            self.choose(link);
        }
        self.start_queued();
    }

    /// Takes the answer to [`Need::External`]. One that was not asked for is ignored.
    pub fn external(&mut self, source: &Source, answer: Result<External, Failure>) {
        let Some(shelf) = self.externals.get_mut(source).filter(|shelf| shelf.answer.is_none()) else {
            return;
        };
        self.outstanding = self.outstanding.saturating_sub(1);
        shelf.answer = Some(answer.map_err(|failure| Fault::of_external(place_of(source), &failure)));
        for link in std::mem::take(&mut shelf.waiting) {
            self.take_external(link);
        }
        self.start_queued();
    }

    /// Returns the packages that were chosen since the last call.
    pub fn chosen(&mut self) -> impl Iterator<Item = Chosen<'_>> {
        let pins = &self.pins;
        let fresh = &self.tree.nodes[std::mem::replace(&mut self.told, self.tree.nodes.len())..];
        fresh.iter().map(|Node { package, previous, optional, unpacked_size, .. }| {
            let is_new = previous.is_none() || pins.is_forgotten(&package.name);
            Chosen { package, unpacked_size: *unpacked_size, optional: *optional, is_new }
        })
    }

    /// Says whether there is nothing more to ask, so that [`Solver::finish`] has the answer.
    pub fn is_done(&self) -> bool {
        self.settled.is_some()
    }

    /// Returns the answer and what should be told with it. What was never answered counts as not found.
    pub fn finish(&mut self) -> Result<(Resolution, Vec<Warning>), ResolveError> {
        loop {
            if let Some(settled) = self.settled.take() {
                return settled;
            }
            let unanswered: Vec<PackageName> = self.books.iter().filter(|(_, book)| book.is_open()).map(|(name, _)| name.clone()).collect();
            let places: Vec<Source> =
                self.externals.iter().filter(|(_, shelf)| shelf.answer.is_none()).map(|(source, _)| source.clone()).collect();
            unanswered.iter().for_each(|name| self.packument(name, Err(Failure::NotFound)));
            places.iter().for_each(|source| self.external(source, Err(Failure::NotFound)));
            self.needs.clear();
            self.outstanding = 0;
            self.settle();
        }
    }

    fn rules(&self) -> Rules<'_> {
        Rules { overrides: &self.overrides, workspace: &self.workspace }
    }

    fn add_root(&mut self, importer: &ImporterRequest) -> Result<(), ResolveError> {
        let owner = Owner::Root(self.tree.roots.len());
        let manifest = &importer.manifest;
        let label = manifest.name.as_deref().unwrap_or(&importer.path).escape_debug().to_string();
        let identity = manifest.name.as_deref().map(|name| (name, manifest.version.as_deref().unwrap_or_default()));
        let previous = self.pins.project(&importer.path);
        let first = self.tree.links.len();
        let mut groups = Vec::new();
        for asked in graph::asked(manifest, self.options.auto_install_peers) {
            let verdict = self.overrides.verdict(identity, asked.alias, asked.specifier);
            let (alias, outcome) = match self.unchanged(previous, &asked).filter(|_| verdict == Verdict::Kept) {
                Some(pin) => (pin.alias.clone(), Outcome::Waiting(Ask::Previous(pin.index))),
                None => {
                    let alias = PackageName::parse(asked.alias).map_err(|error| ResolveError::Dependency {
                        way: Box::new(Way {
                            trail: format!("{label} > {}", prune::shown(asked.alias, asked.specifier)),
                            importer: importer.path.clone(),
                        }),
                        fault: Fault::Name(error),
                    })?;
                    let outcome = match verdict {
                        Verdict::Removed => Outcome::Removed,
                        verdict => {
                            let place = Place::project(importer, asked.alias);
                            describe::outcome(self.workspace.read(&alias, asked.specifier, verdict, place))
                        }
                    };
                    (alias, outcome)
                }
            };
            let optional = asked.group == Group::Optional;
            self.tree.links.push(Link { owner, alias, specifier: asked.specifier.to_owned(), optional, outcome });
            groups.push(asked.group);
        }
        let links = first..self.tree.links.len();
        self.queue.extend(links.clone());
        self.tree.roots.push(Root { path: importer.path.clone(), previous, label, links, groups, providers: BTreeMap::new() });
        Ok(())
    }

    fn start_queued(&mut self) {
        while let Some(link) = self.queue.pop() {
            match &self.tree.links[link].outcome {
                Outcome::Waiting(Ask::Previous(index)) => self.take_previous(link, *index),
                Outcome::Waiting(Ask::Registry { name, .. }) => {
                    let (name, kept) = (name.clone(), self.kept(link));
                    if let Some((index, _)) = kept.as_ref().filter(|(index, _)| self.knows(*index)) {
                        self.take_previous(link, *index);
                        continue;
                    }
                    let book = self.book(&name, if kept.is_some() { Age::Any } else { Age::Current });
                    if book.answer.is_some() { self.choose(link) } else { book.waiting.push(link) }
                }
                Outcome::Waiting(Ask::External(source)) => {
                    let source = source.clone();
                    let shelf = self.externals.entry(source.clone()).or_insert_with(|| {
                        self.needs.push(Need::External(source));
                        Shelf::default()
                    });
                    if shelf.answer.is_some() { self.take_external(link) } else { shelf.waiting.push(link) }
                }
                _ => {}
            }
        }
    }

    /// Returns what is known of a package, and asks for it the first time. What only has to be of any age is asked for
    /// again when more is wanted.
    fn book(&mut self, name: &PackageName, age: Age) -> &mut Book {
        self.books.entry(name.clone()).or_insert_with(|| {
            self.needs.push(if age == Age::Any { Need::Remembered(name.clone()) } else { Need::Packument(name.clone()) });
            Book { age, ..Book::default() }
        })
    }

    /// Asks again about a package of which only an answer of any age is known, for a new choice needs a current one. Returns
    /// whether that is still on its way.
    fn renews(&mut self, name: &PackageName) -> bool {
        let Some(book) = self.books.get_mut(name) else { return false };
        if book.age == Age::Any {
            book.age = Age::Renewing;
            self.needs.push(Need::Packument(name.clone()));
        }
        book.age == Age::Renewing
    }

    /// Chooses the version for a dependency whose packument is here.
    fn choose(&mut self, at: usize) {
        let link = &self.tree.links[at];
        let Outcome::Waiting(Ask::Registry { name, want }) = &link.outcome else {
            return;
        };
        let (name, want) = (name.clone(), want.clone());
        let is_of_project = matches!(link.owner, Owner::Root(_));
        let packument = match self.books.get(&name).and_then(|book| book.answer.clone()) {
            Some(Ok(packument)) => packument,
            Some(Err(fault)) => {
                self.tree.links[at].outcome = Outcome::Failed(fault);
                return;
            }
            None => return,
        };
        let pinned = self.kept(at).and_then(|(_, version)| packument.find(&version));
        if pinned.is_none() && self.renews(&name) {
            self.books.entry(name).or_default().waiting.push(at);
            return;
        }
        let Some(book) = self.books.get(&name) else { return };
        let text = match &want {
            Want::Range(range) => range.text(),
            Want::Tag(tag) => tag,
        };
        let optional = self.is_optional(at);
        let found = match (pinned, book.picks.get(text)) {
            (Some(index), _) => Ok(self.node_of_version(&packument, index, optional)),
            (None, Some(known)) if !is_of_project => known.clone(),
            (None, _) => {
                let direct = if is_of_project { Vec::new() } else { self.direct_versions(book, &name) };
                let pinned: Vec<Version> = self.pins.versions(&name).into_iter().map(|(version, _)| version).collect();
                let found = pick::pick(&packument, &want, Preferred { pinned: &pinned, direct: &direct });
                let found = found.map(|index| self.node_of_version(&packument, index, optional));
                if let (false, Some(book)) = (is_of_project, self.books.get_mut(&name)) {
                    book.picks.insert(text.to_owned(), found.clone());
                }
                found
            }
        };
        self.tree.links[at].outcome = match found {
            Ok(node) => Outcome::Package(node),
            Err(fault) => Outcome::Failed(fault),
        };
    }

    /// Returns what the previous lockfile has for one dependency, if it still does.
    fn kept(&self, at: usize) -> Option<(PackageIndex, Version)> {
        let link = &self.tree.links[at];
        let Outcome::Waiting(Ask::Registry { name, want }) = &link.outcome else { return None };
        let owner = match link.owner {
            Owner::Root(root) => Of::Project(self.tree.roots[root].previous?),
            Owner::Node(id) => Of::Package(self.tree.node(id).previous?),
        };
        let pin = self.pins.edge(owner, link.alias.as_str()).filter(|pin| pin.package.name == *name && self.pins.counts_for(want))?;
        let version = Version::parse(&pin.package.version)?;
        keeps(&version, pin.specifier, want, &link.specifier).then_some((pin.index, version))
    }

    /// Returns the node of one version of a package, and makes it the first time.
    fn node_of_version(&mut self, packument: &Packument, index: usize, optional: bool) -> NodeId {
        let name = &packument.name;
        if let Some(node) = self.books.get(name).and_then(|book| book.nodes.get(&index)) {
            return *node;
        }
        let version = packument.version(index).map(|version| version.to_string()).unwrap_or_default();
        let mut manifest = packument.manifest(index);
        let identity = Identity::of_version(name, version, &mut manifest.dist, &self.registries);
        let node = match self.pins.find(&identity.id()).and_then(|index| self.made[index.0 as usize]) {
            Some(node) => node,
            None => self.add_node(identity, manifest, optional),
        };
        self.book(name, Age::Current).nodes.insert(index, node);
        node
    }

    fn is_optional(&self, link: usize) -> bool {
        let link = &self.tree.links[link];
        link.optional || matches!(link.owner, Owner::Node(owner) if self.tree.node(owner).optional)
    }

    fn take_external(&mut self, at: usize) {
        let link = &self.tree.links[at];
        let Outcome::Waiting(Ask::External(source)) = &link.outcome else {
            return;
        };
        let outcome = match self.externals.get(source).and_then(|shelf| shelf.answer.clone()) {
            None => return,
            Some(Err(fault)) => Outcome::Failed(fault),
            Some(Ok(External { manifest, integrity })) => {
                let name = manifest.name.as_deref().and_then(|name| PackageName::parse(name).ok());
                let name = name.unwrap_or_else(|| link.alias.clone());
                let version = manifest.version.clone().unwrap_or_default();
                let identity = Identity { name, version, source: source.clone(), integrity };
                let id = identity.id();
                match self.external_nodes.get(&id) {
                    Some(node) => Outcome::Package(*node),
                    None => {
                        let node = self.add_node(identity, manifest, self.is_optional(at));
                        self.external_nodes.insert(id, node);
                        Outcome::Package(node)
                    }
                }
            }
        };
        self.tree.links[at].outcome = outcome;
    }

    fn add_node(&mut self, identity: Identity, mut manifest: Manifest, optional: bool) -> NodeId {
        let id = self.tree.next_id();
        let mut node = describe::node(identity, &mut manifest, self.rules());
        let links = describe::links(&mut node, Owner::Node(id), &manifest, self.rules());
        node.previous = self.pins.find(&node.package.id);
        let before = node.previous.map(|index| self.pins.package(index)).filter(|before| before.integrity.is_some());
        if let (Some(before), Source::Registry { .. }) = (before, &node.package.source) {
            // The bytes of a version never change. Where a registry says something else, or nothing, it is held to it.
            node.package.integrity.clone_from(&before.integrity);
        }
        node.optional = optional;
        self.put_node(node, links)
    }

    /// Puts a node and its dependencies into the tree.
    fn put_node(&mut self, mut node: Node, links: Vec<Link>) -> NodeId {
        let id = self.tree.next_id();
        let first = self.tree.links.len();
        self.tree.links.extend(links);
        node.links = first..self.tree.links.len();
        self.queue.extend(node.links.clone());
        if let Some(index) = node.previous {
            self.made[index.0 as usize] = Some(id);
        }
        self.tree.nodes.push(node);
        id
    }
}

/// Says whether the previous version still does, which a project asked for in the words `before`. A tag keeps what it once
/// stood for while the words are the same.
fn keeps(version: &Version, before: Option<&str>, want: &Want, specifier: &str) -> bool {
    let is_same_request = before.is_none_or(|before| before == specifier);
    match want {
        Want::Range(range) => range.contains(version) || (is_same_request && range.contains_with_prereleases(version)),
        Want::Tag(_) => is_same_request,
    }
}

pub(super) fn place_of(source: &Source) -> &str {
    match source {
        Source::Registry { .. } => "",
        Source::Tarball { url } => url,
        Source::LocalTarball { path } | Source::Folder { path } => path,
    }
}
