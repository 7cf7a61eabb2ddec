//! The answer of resolution, as plain data.
//!
//! Three tables: [`Importer`]s are the projects that ask, [`Package`]s are the things that are fetched and stored once,
//! and [`Instance`]s are packages in one context of peers — what gets a slot in `node_modules/.deka`. Tables are sorted
//! by their key, and edges are indices into them, so two equal resolutions are equal values whatever order their
//! packuments arrived in. The lockfile is this value as text; the layout is planned from it.

use crate::package::integrity::Integrity;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::package::platform::Platform;
use std::collections::BTreeMap;

/// Everything that an install needs to know about which packages go where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The projects, sorted by path.
    pub importers: Vec<Importer>,
    /// The packages, sorted by `id`.
    pub packages: Vec<Package>,
    /// The packages in their contexts, sorted by `path`.
    pub instances: Vec<Instance>,
}

/// Index into [`Resolution::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageIndex(pub u32);

/// Index into [`Resolution::instances`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceIndex(pub u32);

/// A project that has dependencies of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Importer {
    /// Its folder relative to the root, with `/`; `.` is the root itself.
    pub path: String,
    /// Its direct dependencies, sorted by alias. An alias stands here once, under the strongest group that has it.
    pub dependencies: Vec<Direct>,
}

/// A direct dependency of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// The name it is installed under.
    pub alias: PackageName,
    /// What the manifest asks for, verbatim.
    pub specifier: String,
    /// Where in the manifest it stands.
    pub group: Group,
    /// What it became; nothing for an optional dependency that could not be resolved.
    pub target: Option<Target>,
}

/// The lists of dependencies in a project's manifest, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// `optionalDependencies`, which hide the same entry of `dependencies`.
    Optional,
    /// `dependencies`.
    Prod,
    /// `devDependencies`.
    Dev,
}

/// What an edge leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A package of the tree.
    Instance(InstanceIndex),
    /// A folder that is linked to where it stands (`link:`, a project of the workspace), relative to the root.
    Folder(String),
}

/// A thing that is fetched once and stored once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// `name@version`, or `name@` and the specifier for what no registry keeps (`name@file:x.tgz`).
    pub id: String,
    /// The name, as its source has it (not an alias).
    pub name: PackageName,
    /// The version. For what no registry keeps it is what its manifest says, empty when it says nothing.
    pub version: String,
    /// Where its bytes come from.
    pub source: Source,
    /// The hash of the tarball; absent for a folder, or when the registry has none.
    pub integrity: Option<Integrity>,
    /// Which machines it is for.
    pub platform: Platform,
    /// `engines`, as in its manifest (`node`, `npm`, …).
    pub engines: BTreeMap<String, String>,
    /// Its peers and their ranges.
    pub peers: BTreeMap<String, PeerRange>,
    /// The author's warning, if the version is deprecated.
    pub deprecated: Option<String>,
    /// Whether the tarball brings some of its dependencies itself.
    pub has_bundled: bool,
}

/// What a package asks of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRange {
    /// The range, verbatim.
    pub range: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// Where the bytes of a package come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The registry that its scope is configured for.
    Registry {
        /// The address of the tarball, when it is not where the registry's scheme puts it.
        tarball: Option<String>,
    },
    /// A tarball at an address that the manifest gives.
    Tarball {
        /// The address.
        url: String,
    },
    /// A tarball on this machine, relative to the root.
    LocalTarball {
        /// The file, with `/`; absolute when it lies outside of the root and was given so.
        path: String,
    },
    /// A folder on this machine whose files are copied, relative to the root.
    Folder {
        /// The folder, with `/`.
        path: String,
    },
}

/// A package in one context of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The package's id with its peers in parentheses, as pnpm writes it: `react-dom@19.1.0(react@19.1.0)`.
    pub path: String,
    /// The package.
    pub package: PackageIndex,
    /// Its dependencies and peers by alias, sorted. What lies inside its tarball is not among them.
    pub dependencies: Vec<Edge>,
    /// Reached by optional edges only: it may fail, and it is left out on machines it is not for.
    pub optional: bool,
    /// Reached from development dependencies only.
    pub dev: bool,
}

/// A dependency of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The name it is required by.
    pub alias: PackageName,
    /// Where it leads.
    pub target: Target,
    /// Whether it stands in `optionalDependencies`.
    pub optional: bool,
}

impl Resolution {
    /// Returns a package.
    pub fn package(&self, index: PackageIndex) -> &Package {
        &self.packages[index.0 as usize]
    }

    /// Returns an instance.
    pub fn instance(&self, index: InstanceIndex) -> &Instance {
        &self.instances[index.0 as usize]
    }

    /// Returns the package of an instance.
    pub fn package_of(&self, index: InstanceIndex) -> &Package {
        self.package(self.instance(index).package)
    }

    /// Sets `optional` and `dev` of every instance from the edges that lead to it.
    pub fn mark_reach(&mut self) {
        let is_required = |direct: &Direct| direct.group != Group::Optional;
        let required = self.reached(is_required, |edge| !edge.optional);
        let in_production = self.reached(|direct| direct.group != Group::Dev, |_| true);
        for (index, instance) in self.instances.iter_mut().enumerate() {
            instance.optional = !required[index];
            instance.dev = !in_production[index];
        }
    }

    /// Returns which instances some chosen direct dependencies lead to over some chosen edges.
    pub fn reached(&self, starts: impl Fn(&Direct) -> bool, follows: impl Fn(&Edge) -> bool) -> Vec<bool> {
        let mut seen = vec![false; self.instances.len()];
        let directs = self.importers.iter().flat_map(|importer| &importer.dependencies).filter(|direct| starts(direct));
        let mut open: Vec<InstanceIndex> = directs.filter_map(|direct| direct.target.as_ref().and_then(Target::instance)).collect();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut seen[index.0 as usize], true) {
                let edges = self.instance(index).dependencies.iter().filter(|edge| follows(edge));
                open.extend(edges.filter_map(|edge| edge.target.instance()));
            }
        }
        seen
    }
}

impl Target {
    /// Returns the instance that it is, unless it is a folder.
    pub fn instance(&self) -> Option<InstanceIndex> {
        match self {
            Target::Instance(index) => Some(*index),
            Target::Folder(_) => None,
        }
    }
}

/// An entry of a project's manifest that an install has to satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The name it is installed under, unchecked.
    pub alias: &'a str,
    /// The specifier, verbatim.
    pub specifier: &'a str,
    /// The strongest group that has the alias.
    pub group: Group,
}

/// Lists what a project asks for, sorted by alias. Its own required peers count as dependencies where peers are
/// installed automatically, unless another list has them.
pub fn asked(manifest: &Manifest, auto_install_peers: bool) -> Vec<Asked<'_>> {
    let peers = manifest.peer_dependencies.iter().filter(|(alias, _)| auto_install_peers && !manifest.optional_peers.contains(alias));
    let lists = [&manifest.optional_dependencies, &manifest.dependencies, &manifest.dev_dependencies];
    let groups = [Group::Optional, Group::Prod, Group::Dev];
    let strongest_first = lists.into_iter().zip(groups).flat_map(|(list, group)| list.iter().map(move |entry| (entry, group)));
    let all = strongest_first.chain(peers.map(|entry| (entry, Group::Prod)));
    let mut found: Vec<Asked<'_>> = all.map(|((alias, specifier), group)| Asked { alias, specifier, group }).collect();
    // Of equal ones the order stays, so the strongest comes first.
    found.sort_by(|left, right| left.alias.cmp(right.alias));
    found.dedup_by(|later, kept| later.alias == kept.alias);
    found
}
