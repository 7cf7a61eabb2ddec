//! What the previous lockfile says, in the form in which choosing a version asks for it.

use super::graph::{Direct, InstanceIndex, Resolution, Source, Target};
use super::request::{Pinning, Refresh};
use crate::package::name::PackageName;
use crate::package::spec::Want;
use crate::package::version::Version;
use rustc_hash::{FxHashMap, FxHashSet};

/// The versions of the previous answer.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// All versions of a package, highest first.
    versions: FxHashMap<PackageName, Vec<Version>>,
    /// What the dependencies of projects became, by the path of the project.
    of_projects: FxHashMap<String, Edges>,
    /// What the dependencies of packages became, by the id of the package.
    of_packages: FxHashMap<String, Edges>,
    /// Whether what one dependency became counts for tags only.
    is_deduping: bool,
}

/// What the dependencies of one owner became, by alias.
type Edges = FxHashMap<PackageName, Pin>;

/// Whose dependencies are asked for.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    /// Those of the project with this path.
    Project(&'a str),
    /// Those of the package with this id.
    Package(&'a str),
}

/// What one dependency became.
#[derive(Debug)]
pub(super) struct Pin {
    /// The package, by its own name.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// What a project asked for then; nothing for the dependency of a package, whose manifest cannot change.
    pub specifier: Option<String>,
}

impl Pins {
    pub fn new(previous: &Resolution, pinning: &Pinning) -> Pins {
        let mut pins = Pins { is_deduping: *pinning == Pinning::Dedupe, ..Pins::default() };
        let forgotten = match pinning {
            Pinning::Refresh(refresh) => Some(Forgotten::new(previous, refresh)),
            Pinning::Keep | Pinning::Dedupe => None,
        };
        for package in &previous.packages {
            if forgotten.as_ref().is_some_and(|forgotten| forgotten.names.contains(&package.name)) {
                continue;
            }
            if let (Source::Registry { .. }, Some(version)) = (&package.source, Version::parse(&package.version)) {
                pins.versions.entry(package.name.clone()).or_default().push(version);
            }
        }
        for versions in pins.versions.values_mut() {
            versions.sort_by(|left, right| right.cmp(left));
        }
        for importer in &previous.importers {
            let edges = pins.of_projects.entry(importer.path.clone()).or_default();
            for Direct { alias, specifier, target, .. } in &importer.dependencies {
                let pin = target.as_ref().and_then(|target| pin(previous, target, Some(specifier.clone())));
                let is_kept = |pin: &Pin| forgotten.as_ref().is_none_or(|forgotten| !forgotten.has_direct(&importer.path, alias, pin));
                let pin = pin.filter(is_kept);
                edges.extend(pin.map(|pin| (alias.clone(), pin)));
            }
        }
        for instance in &previous.instances {
            let owner = &previous.package(instance.package).id;
            let edges = pins.of_packages.entry(owner.clone()).or_default();
            for edge in &instance.dependencies {
                let pin = pin(previous, &edge.target, None);
                let pin = pin.filter(|pin| forgotten.as_ref().is_none_or(|forgotten| !forgotten.has_edge(owner, pin)));
                edges.extend(pin.map(|pin| (edge.alias.clone(), pin)));
            }
        }
        pins
    }

    /// Returns all versions of a package that the lockfile has, highest first.
    pub fn versions(&self, name: &PackageName) -> &[Version] {
        self.versions.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns what a dependency became.
    pub fn edge(&self, owner: Of<'_>, alias: &PackageName, want: &Want) -> Option<&Pin> {
        if self.is_deduping && matches!(want, Want::Range(_)) {
            return None;
        }
        let edges = match owner {
            Of::Project(path) => self.of_projects.get(path),
            Of::Package(id) => self.of_packages.get(id),
        };
        edges?.get(alias)
    }
}

/// What is chosen anew.
struct Forgotten<'a> {
    refresh: &'a Refresh,
    /// The ids of the packages whose dependencies it may concern.
    owners: FxHashSet<&'a str>,
    /// The names of what is really among those dependencies.
    names: FxHashSet<&'a PackageName>,
}

impl<'a> Forgotten<'a> {
    fn new(previous: &'a Resolution, refresh: &'a Refresh) -> Forgotten<'a> {
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
            names.extend(level.iter().map(|index| &previous.package_of(*index).name).filter(|name| refresh.names.contains(*name)));
            depth += 1;
            if refresh.depth.is_some_and(|depth_max| depth > depth_max) {
                break;
            }
            level.retain(|index| !std::mem::replace(&mut seen[index.0 as usize], true));
            owners.extend(level.iter().map(|index| previous.package_of(*index).id.as_str()));
            let edges = level.iter().flat_map(|index| &previous.instance(*index).dependencies);
            level = edges.filter_map(|edge| edge.target.instance()).collect();
        }
        Forgotten { refresh, owners, names }
    }

    fn has_direct(&self, importer: &str, alias: &PackageName, pin: &Pin) -> bool {
        let is_start = self.refresh.directs.get(importer).is_some_and(|aliases| aliases.contains(alias));
        is_start && self.refresh.names.contains(&pin.name)
    }

    fn has_edge(&self, owner: &str, pin: &Pin) -> bool {
        self.refresh.names.contains(&pin.name) && self.owners.contains(owner)
    }
}

fn pin(previous: &Resolution, target: &Target, specifier: Option<String>) -> Option<Pin> {
    let package = previous.package_of(target.instance()?);
    let version = Version::parse(&package.version)?;
    matches!(package.source, Source::Registry { .. }).then(|| Pin { name: package.name.clone(), version, specifier })
}
