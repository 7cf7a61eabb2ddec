//! What the previous lockfile says, in the form in which choosing a version asks for it.

use super::graph::{Edge, InstanceIndex, Package, PackageIndex, Resolution, Source, Target};
use super::request::{Pinning, Refresh};
use crate::package::name::PackageName;
use crate::package::spec::Want;
use crate::package::version::Version;
use rustc_hash::FxHashSet;
use std::cell::OnceCell;

/// The versions of the previous answer. Its tables are sorted, so they are searched as they stand: of a large project most is
/// asked for once or never.
#[derive(Debug, Default)]
pub(super) struct Pins {
    previous: Resolution,
    /// One instance of each package. What a dependency became is the same in all of them, but for peers.
    instances: Vec<Option<InstanceIndex>>,
    /// The packages that are the peers of others; found out when they are asked for.
    peers: OnceCell<FxHashSet<PackageIndex>>,
    forgotten: Option<Forgotten>,
    /// Whether what one dependency became counts for tags only.
    is_deduping: bool,
}

/// Whose dependencies are asked for: a project or a package of the previous answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    /// Those of the project at this place among the importers.
    Project(usize),
    /// Those of a package.
    Package(PackageIndex),
}

/// What one dependency became.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pin<'a> {
    /// The name that it is installed under.
    pub alias: &'a PackageName,
    /// Where the package stands in the previous answer.
    pub index: PackageIndex,
    /// The package.
    pub package: &'a Package,
    /// What a project asked for then; nothing for the dependency of a package, whose manifest cannot change.
    pub specifier: Option<&'a str>,
}

impl Pins {
    pub fn new(previous: Resolution, pinning: Pinning) -> Pins {
        let is_deduping = pinning == Pinning::Dedupe;
        let forgotten = match pinning {
            Pinning::Refresh(refresh) => Some(Forgotten::new(&previous, refresh)),
            Pinning::Keep | Pinning::Dedupe => None,
        };
        let mut instances = vec![None; previous.packages.len()];
        for (at, instance) in (0..).map(InstanceIndex).zip(&previous.instances) {
            instances[instance.package.0 as usize] = Some(at);
        }
        Pins { previous, instances, peers: OnceCell::new(), forgotten, is_deduping }
    }

    /// Returns how many packages the previous answer has.
    pub fn len(&self) -> usize {
        self.previous.packages.len()
    }

    /// Returns a package of the previous answer.
    pub fn package(&self, index: PackageIndex) -> &Package {
        self.previous.package(index)
    }

    /// Finds a package by its id, be it one that is chosen anew.
    pub fn find(&self, id: &str) -> Option<PackageIndex> {
        let found = self.previous.packages.binary_search_by(|package| package.id.as_str().cmp(id)).ok()?;
        u32::try_from(found).ok().map(PackageIndex)
    }

    /// Finds a project by its path.
    pub fn project(&self, path: &str) -> Option<usize> {
        self.previous.importers.binary_search_by(|importer| importer.path.as_str().cmp(path)).ok()
    }

    /// Says whether a package is chosen anew wherever that can be.
    pub fn is_forgotten(&self, name: &PackageName) -> bool {
        self.forgotten.as_ref().is_some_and(|forgotten| forgotten.names.contains(name))
    }

    /// Returns the versions of a package that the lockfile has, highest first; none when the package is chosen anew.
    pub fn versions(&self, name: &PackageName) -> Vec<(Version, PackageIndex)> {
        if self.is_forgotten(name) { Vec::new() } else { self.all_versions(name) }
    }

    /// Returns all versions of a package that the lockfile has, highest first.
    pub fn all_versions(&self, name: &PackageName) -> Vec<(Version, PackageIndex)> {
        let packages = &self.previous.packages;
        let is_before = |package: &Package| {
            let (id, name) = (package.id.as_bytes(), name.as_str().as_bytes());
            id.iter().lt(name.iter().chain(b"@"))
        };
        let first = packages.partition_point(is_before);
        let own = (0..).map(PackageIndex).zip(packages).skip(first).take_while(|(_, package)| package.name == *name);
        let own = own.filter(|(_, package)| matches!(package.source, Source::Registry { .. }));
        let mut versions: Vec<_> = own.filter_map(|(index, package)| Some((Version::parse(&package.version)?, index))).collect();
        versions.sort_by(|left, right| right.0.cmp(&left.0));
        versions
    }

    /// Says whether a package was the peer of another.
    pub fn was_peer(&self, index: PackageIndex) -> bool {
        let find = || {
            let instances = self.previous.instances.iter().filter(|instance| !self.previous.package(instance.package).peers.is_empty());
            let edges = instances.flat_map(|instance| {
                let peers = &self.previous.package(instance.package).peers;
                instance.dependencies.iter().filter(|edge| peers.contains_key(edge.alias.as_str()))
            });
            edges.filter_map(|edge| Some(self.previous.instance(edge.target.instance()?).package)).collect()
        };
        self.peers.get_or_init(find).contains(&index)
    }

    /// Returns what a dependency became, unless it is to be chosen anew.
    pub fn edge(&self, owner: Of, alias: &str) -> Option<Pin<'_>> {
        let forgotten = self.forgotten.as_ref();
        match owner {
            Of::Project(at) => {
                let importer = &self.previous.importers[at];
                let found = importer.dependencies.binary_search_by(|direct| direct.alias.as_str().cmp(alias)).ok()?;
                let direct = &importer.dependencies[found];
                let pin = self.pin(&direct.alias, direct.target.as_ref()?, Some(&direct.specifier))?;
                forgotten.is_none_or(|forgotten| !forgotten.has_direct(&importer.path, pin)).then_some(pin)
            }
            Of::Package(index) => {
                let edges = &self.previous.instance((*self.instances.get(index.0 as usize)?)?).dependencies;
                let found = edges.binary_search_by(|edge| edge.alias.as_str().cmp(alias)).ok()?;
                let Edge { alias, target, .. } = &edges[found];
                let pin = self.pin(alias, target, None)?;
                forgotten.is_none_or(|forgotten| !forgotten.has_edge(index, pin)).then_some(pin)
            }
        }
    }

    /// Says whether it counts what one dependency became that asks for so much.
    pub fn counts_for(&self, want: &Want) -> bool {
        !self.is_deduping || matches!(want, Want::Tag(_))
    }

    fn pin<'a>(&'a self, alias: &'a PackageName, target: &Target, specifier: Option<&'a str>) -> Option<Pin<'a>> {
        let index = self.previous.instance(target.instance()?).package;
        let package = self.previous.package(index);
        matches!(package.source, Source::Registry { .. }).then_some(Pin { alias, index, package, specifier })
    }
}

/// What is chosen anew.
#[derive(Debug)]
struct Forgotten {
    refresh: Refresh,
    /// The packages whose dependencies it may concern.
    owners: FxHashSet<PackageIndex>,
    /// The names of what is really among those dependencies.
    names: FxHashSet<PackageName>,
}

impl Forgotten {
    fn new(previous: &Resolution, refresh: Refresh) -> Forgotten {
        let (mut owners, mut names) = (FxHashSet::default(), FxHashSet::default());
        let is_start = |path: &str, alias: &PackageName| refresh.directs.get(path).is_some_and(|aliases| aliases.contains(alias));
        let directs = previous
            .importers
            .iter()
            .flat_map(|importer| importer.dependencies.iter().filter(move |direct| is_start(&importer.path, &direct.alias)));
        let mut level: Vec<InstanceIndex> = directs.filter_map(|direct| direct.target.as_ref()?.instance()).collect();
        let mut seen = vec![false; previous.instances.len()];
        let mut depth = 0;
        while !level.is_empty() {
            let of_level = level.iter().map(|index| &previous.package_of(*index).name);
            names.extend(of_level.filter(|name| refresh.names.contains(*name)).cloned());
            depth += 1;
            if refresh.depth.is_some_and(|depth_max| depth > depth_max) {
                break;
            }
            level.retain(|index| !std::mem::replace(&mut seen[index.0 as usize], true));
            owners.extend(level.iter().map(|index| previous.instance(*index).package));
            let edges = level.iter().flat_map(|index| &previous.instance(*index).dependencies);
            level = edges.filter_map(|edge| edge.target.instance()).collect();
        }
        Forgotten { refresh, owners, names }
    }

    fn has_direct(&self, importer: &str, pin: Pin<'_>) -> bool {
        let is_start = self.refresh.directs.get(importer).is_some_and(|aliases| aliases.contains(pin.alias));
        is_start && self.refresh.names.contains(&pin.package.name)
    }

    fn has_edge(&self, owner: PackageIndex, pin: Pin<'_>) -> bool {
        self.refresh.names.contains(&pin.package.name) && self.owners.contains(&owner)
    }
}
