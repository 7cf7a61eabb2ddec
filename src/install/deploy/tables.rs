//! The tables of a deployment, cut from those of the workspace.
//!
//! What was linked becomes a package of its own: a part that is copied is a folder package with one instance, whose
//! dependencies are those that the lockfile has for the project. Its peers are what the deployed project itself has, where
//! that fits, and else what the part had in the workspace.

use super::parts::{HERE, Kind, Part, Parts};
use crate::error::{Code, Error};
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::package::platform::Platform;
use crate::package::range::Range;
use crate::package::version::Version;
use crate::resolve::graph::{
    Direct, Edge, Group, Importer, Instance, InstanceIndex, Package, PackageIndex, PeerRange, Resolution, Source, Target, asked,
};
use std::collections::{BTreeMap, BTreeSet};

/// An instance that is going to be in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    /// One of the workspace's.
    Old(InstanceIndex),
    /// A part.
    Part(usize),
}

/// An instance whose edges have no indices yet.
struct Draft {
    path: String,
    id: String,
    edges: Vec<(PackageName, Kept, bool)>,
}

/// Cuts the tables down to what a deployment needs.
pub(super) fn cut(parts: &Parts, before: &Resolution, auto_install_peers: bool) -> Result<Resolution, Error> {
    let tables = Tables { parts, before };
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    let mut drafts: BTreeMap<Kept, Draft> = BTreeMap::new();
    for index in &parts.instances {
        let package = tables.package(before.instance(*index).package);
        drafts.insert(Kept::Old(*index), tables.old(*index, &package));
        packages.insert(package.id.clone(), package);
    }
    for (index, part) in parts.all.iter().enumerate().filter(|(_, part)| part.place != HERE && part.kind == Kind::Folder) {
        let package = tables.package_of_part(part)?;
        drafts.insert(Kept::Part(index), tables.part(part, &package)?);
        packages.insert(package.id.clone(), package);
    }
    tables.prune(&mut drafts, &mut packages);
    let packages: Vec<Package> = packages.into_values().collect();
    let mut kept: Vec<(&Kept, &Draft)> = drafts.iter().collect();
    kept.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
    let place: BTreeMap<Kept, InstanceIndex> = kept.iter().map(|(kept, _)| **kept).zip((0..).map(InstanceIndex)).collect();
    let instances = kept.iter().map(|(_, draft)| finish(draft, &packages, &place)).collect::<Result<_, _>>()?;
    let importer = tables.importer(auto_install_peers, &place)?;
    let mut resolution = Resolution { importers: vec![importer], packages, instances };
    resolution.mark_reach();
    Ok(resolution)
}

fn finish(draft: &Draft, packages: &[Package], place: &BTreeMap<Kept, InstanceIndex>) -> Result<Instance, Error> {
    let package = packages.binary_search_by(|package| package.id.as_str().cmp(&draft.id)).map_err(|_| lost(&draft.id))?;
    let edge = |(alias, to, optional): &(PackageName, Kept, bool)| {
        let target = Target::Instance(*place.get(to).ok_or_else(|| lost(alias.as_str()))?);
        Ok(Edge { alias: alias.clone(), target, optional: *optional })
    };
    Ok(Instance {
        path: draft.path.clone(),
        package: PackageIndex(u32::try_from(package).map_err(|_| lost(&draft.id))?),
        dependencies: draft.edges.iter().map(edge).collect::<Result<_, Error>>()?,
        optional: false,
        dev: false,
    })
}

fn lost(what: &str) -> Error {
    Error::new(Code::Internal, format!("`{}` was lost on the way into the deployment", what.escape_debug()))
}

struct Tables<'a> {
    parts: &'a Parts,
    before: &'a Resolution,
}

impl Tables<'_> {
    /// Returns a package of the workspace as it is in the deployment.
    fn package(&self, index: PackageIndex) -> Package {
        let mut package = self.before.package(index).clone();
        let place = match &mut package.source {
            Source::Folder { path } | Source::LocalTarball { path } => path,
            Source::Registry { .. } | Source::Tarball { .. } => return package,
        };
        if let Some(part) = self.parts.by_path.get(place.as_str()) {
            place.clone_from(&self.parts.all[*part].place);
            package.id = format!("{}@file:{place}", package.name);
        }
        package
    }

    fn old(&self, index: InstanceIndex, package: &Package) -> Draft {
        let instance = self.before.instance(index);
        let id = &self.before.package(instance.package).id;
        // The peers of an instance stand behind the id of its package.
        let context = instance.path.strip_prefix(id.as_str()).unwrap_or_default();
        let path = if *id == package.id { instance.path.clone() } else { format!("{}{context}", package.id) };
        let edge = |edge: &Edge| Some((edge.alias.clone(), self.kept(&edge.target)?, edge.optional));
        Draft { path, id: package.id.clone(), edges: instance.dependencies.iter().filter_map(edge).collect() }
    }

    fn kept(&self, target: &Target) -> Option<Kept> {
        match target {
            Target::Instance(index) => self.parts.instances.contains(index).then_some(Kept::Old(*index)),
            Target::Folder(path) => self.parts.by_path.get(path).copied().map(Kept::Part),
        }
    }

    fn package_of_part(&self, part: &Part) -> Result<Package, Error> {
        let manifest = &part.manifest;
        let name = PackageName::parse(manifest.name.as_deref().unwrap_or_default())
            .map_err(|error| Error::new(Code::Manifest, format!("{} cannot be deployed: {error}", part.from.display())))?;
        Ok(Package {
            id: format!("{name}@file:{}", part.place),
            name,
            version: manifest.version.clone().unwrap_or_default(),
            source: Source::Folder { path: part.place.clone() },
            integrity: None,
            platform: Platform { os: manifest.os.clone(), cpu: manifest.cpu.clone(), libc: manifest.libc.clone() },
            engines: manifest.engines.clone(),
            peers: peers(manifest),
            deprecated: None,
            has_bundled: false,
        })
    }

    fn part(&self, part: &Part, package: &Package) -> Result<Draft, Error> {
        let mut edges: BTreeMap<PackageName, (Kept, bool)> = BTreeMap::new();
        for asked in asked(&part.manifest, false) {
            if let Some(kept) = part.targets.get(asked.alias).and_then(|target| self.kept(target)) {
                let alias = PackageName::parse(asked.alias).map_err(|error| Error::wrap(Code::Manifest, &error))?;
                edges.insert(alias, (kept, asked.group == Group::Optional));
            }
        }
        for (name, peer) in &package.peers {
            let Ok(alias) = PackageName::parse(name) else { continue };
            if let Some(kept) = self.peer(part, name, &peer.range).filter(|_| !edges.contains_key(&alias)) {
                edges.insert(alias, (kept, false));
            }
        }
        let id = package.id.clone();
        Ok(Draft { path: id.clone(), id, edges: edges.into_iter().map(|(alias, (kept, optional))| (alias, kept, optional)).collect() })
    }

    /// Finds who is a peer of a part.
    fn peer(&self, part: &Part, name: &str, range: &str) -> Option<Kept> {
        let deployed = self.parts.all.first().and_then(|part| part.targets.get(name));
        let own = part.targets.get(name);
        let fits = |target: &&Target| match target {
            Target::Folder(_) => true,
            Target::Instance(index) => {
                let version = Version::parse_loose(&self.before.package_of(*index).version);
                let range = Range::parse(range);
                version.zip(range).is_some_and(|(version, range)| range.contains_with_prereleases(&version))
            }
        };
        self.kept(deployed.filter(fits).or(own).or(deployed)?)
    }

    /// Takes out what nothing leads to: peers that a part had in the workspace and has no use for any more.
    fn prune(&self, drafts: &mut BTreeMap<Kept, Draft>, packages: &mut BTreeMap<String, Package>) {
        let directs = self.parts.all.first().into_iter().flat_map(|part| part.targets.values());
        let mut open: Vec<Kept> = directs.filter_map(|target| self.kept(target)).collect();
        let mut seen = BTreeSet::new();
        while let Some(kept) = open.pop() {
            if seen.insert(kept) {
                open.extend(drafts.get(&kept).into_iter().flat_map(|draft| &draft.edges).map(|(_, to, _)| *to));
            }
        }
        drafts.retain(|kept, _| seen.contains(kept));
        let needed: BTreeSet<&str> = drafts.values().map(|draft| draft.id.as_str()).collect();
        packages.retain(|id, _| needed.contains(id.as_str()));
    }

    /// Returns the project that is deployed.
    fn importer(&self, auto_install_peers: bool, place: &BTreeMap<Kept, InstanceIndex>) -> Result<Importer, Error> {
        let Some(part) = self.parts.all.first() else { return Err(lost(HERE)) };
        let mut dependencies = Vec::new();
        for asked in asked(&part.manifest, auto_install_peers) {
            let alias = PackageName::parse(asked.alias).map_err(|error| Error::wrap(Code::Manifest, &error))?;
            let kept = part.targets.get(asked.alias).and_then(|target| self.kept(target));
            let target = kept.map(|kept| place.get(&kept).copied().map(Target::Instance).ok_or_else(|| lost(asked.alias))).transpose()?;
            if target.is_none() && asked.group != Group::Optional {
                continue;
            }
            dependencies.push(Direct { alias, specifier: asked.specifier.to_owned(), group: asked.group, target });
        }
        Ok(Importer { path: HERE.to_owned(), dependencies })
    }
}

fn peers(manifest: &Manifest) -> BTreeMap<String, PeerRange> {
    let peer = |(name, range): (&String, &String)| {
        (name.clone(), PeerRange { range: range.clone(), optional: manifest.optional_peers.contains(name) })
    };
    manifest.peer_dependencies.iter().map(peer).collect()
}
