//! What the previous lockfile says, in the form in which choosing a version asks for it.

use super::graph::{Direct, Resolution, Source, Target};
use crate::package::name::PackageName;
use crate::package::version::Version;
use rustc_hash::FxHashMap;

/// The versions of the previous answer.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// All versions of a package, highest first.
    versions: FxHashMap<PackageName, Vec<Version>>,
    /// What one dependency of one package or project became: by the owner's key, then by alias.
    edges: FxHashMap<String, FxHashMap<PackageName, Pin>>,
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
    pub fn new(previous: &Resolution) -> Pins {
        let mut pins = Pins::default();
        for package in &previous.packages {
            if let (Source::Registry { .. }, Some(version)) = (&package.source, Version::parse(&package.version)) {
                pins.versions.entry(package.name.clone()).or_default().push(version);
            }
        }
        for versions in pins.versions.values_mut() {
            versions.sort_by(|left, right| right.cmp(left));
        }
        for importer in &previous.importers {
            let edges = pins.edges.entry(importer_key(&importer.path)).or_default();
            for Direct { alias, specifier, target, .. } in &importer.dependencies {
                let pin = target.as_ref().and_then(|target| pin(previous, target, Some(specifier.clone())));
                edges.extend(pin.map(|pin| (alias.clone(), pin)));
            }
        }
        for instance in &previous.instances {
            let edges = pins.edges.entry(previous.package(instance.package).id.clone()).or_default();
            for edge in &instance.dependencies {
                edges.extend(pin(previous, &edge.target, None).map(|pin| (edge.alias.clone(), pin)));
            }
        }
        pins
    }

    /// Returns all versions of a package that the lockfile has, highest first.
    pub fn versions(&self, name: &PackageName) -> &[Version] {
        self.versions.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns what a dependency became; `owner` is a package's id or an [`importer_key`].
    pub fn edge(&self, owner: &str, alias: &PackageName) -> Option<&Pin> {
        self.edges.get(owner)?.get(alias)
    }
}

/// Returns the key of a project, which no package's id can equal.
pub(super) fn importer_key(path: &str) -> String {
    format!("/{path}")
}

fn pin(previous: &Resolution, target: &Target, specifier: Option<String>) -> Option<Pin> {
    let package = previous.package_of(target.instance()?);
    let version = Version::parse(&package.version)?;
    matches!(package.source, Source::Registry { .. }).then(|| Pin { name: package.name.clone(), version, specifier })
}
