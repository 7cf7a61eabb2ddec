//! From a manifest to a package of the tree and the dependencies that it asks for.

use super::edges::{Ask, Place, Workspace};
use super::error::Fault;
use super::graph::{Package, PeerRange, Source};
use super::overrides::{Overrides, Verdict};
use super::request::Registries;
use super::tree::{Link, Node, Outcome, Owner};
use crate::package::integrity::Integrity;
use crate::package::manifest::{Dist, Manifest};
use crate::package::name::PackageName;
use crate::package::platform::Platform;
use crate::package::range::Range;
use std::collections::BTreeMap;

/// Who a package is and where it comes from; the rest is in its manifest.
pub(super) struct Identity {
    pub name: PackageName,
    pub version: String,
    pub source: Source,
    pub integrity: Option<Integrity>,
}

/// What every manifest is read with.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub overrides: &'a Overrides,
    pub workspace: &'a Workspace,
}

impl Identity {
    /// Returns the identity of one version of a registry's package.
    pub fn of_version(name: &PackageName, version: String, dist: &mut Dist, registries: &Registries) -> Identity {
        let tarball = dist.tarball.take().filter(|url| !url.is_empty() && !registries.is_derivable(name, &version, url));
        Identity { name: name.clone(), version, source: Source::Registry { tarball }, integrity: dist.integrity.take() }
    }

    pub fn id(&self) -> String {
        match &self.source {
            Source::Registry { .. } => format!("{}@{}", self.name, self.version),
            Source::Tarball { url } => format!("{}@{url}", self.name),
            Source::LocalTarball { path } | Source::Folder { path } => format!("{}@file:{path}", self.name),
        }
    }
}

/// Makes the node of a package, without its dependencies.
pub(super) fn node(identity: Identity, manifest: &mut Manifest, rules: Rules<'_>) -> Node {
    let mut fault = None;
    let (peers, peer_names) = peers(&identity, manifest, rules, &mut fault);
    let package = Package {
        id: identity.id(),
        name: identity.name,
        version: identity.version,
        source: identity.source,
        integrity: identity.integrity,
        platform: Platform {
            os: std::mem::take(&mut manifest.os),
            cpu: std::mem::take(&mut manifest.cpu),
            libc: std::mem::take(&mut manifest.libc),
        },
        engines: std::mem::take(&mut manifest.engines),
        peers,
        deprecated: manifest.deprecated.take(),
        has_bundled: manifest.dependencies.keys().any(|name| manifest.bundles(name)),
    };
    let unpacked_size = manifest.dist.unpacked_size;
    Node { package, previous: None, peer_names, links: 0..0, fault, optional: false, unpacked_size }
}

/// Lists the dependencies of a package. One that has no valid name makes the package unusable (`node.fault`).
pub(super) fn links(node: &mut Node, owner: Owner, manifest: &Manifest, rules: Rules<'_>) -> Vec<Link> {
    let mut asked: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    asked.extend(manifest.dependencies.iter().map(|(alias, specifier)| (alias.as_str(), (specifier.as_str(), false))));
    asked.extend(manifest.optional_dependencies.iter().map(|(alias, specifier)| (alias.as_str(), (specifier.as_str(), true))));
    let place = match &node.package.source {
        // A copy of a project asks for what the project asks for.
        Source::Folder { path } => Place::Local { folder: path, is_project: rules.workspace.has_project(path), injects: false },
        Source::Registry { .. } | Source::Tarball { .. } | Source::LocalTarball { .. } => Place::Remote,
    };
    let parent = (node.package.name.as_str(), node.package.version.as_str());
    let mut links = Vec::with_capacity(asked.len());
    for (alias, (specifier, optional)) in asked {
        if manifest.bundles(alias) {
            continue;
        }
        match PackageName::parse(alias) {
            Ok(alias) => {
                let verdict = rules.overrides.verdict(Some(parent), alias.as_str(), specifier);
                if verdict != Verdict::Removed {
                    let outcome = outcome(rules.workspace.read(&alias, specifier, verdict, place));
                    links.push(Link { owner, alias, specifier: specifier.to_owned(), optional, outcome });
                }
            }
            Err(error) => {
                node.fault.get_or_insert((super::prune::shown(alias, specifier), Fault::Name(error)));
            }
        }
    }
    links
}

/// Returns what is known of a dependency before anything was asked.
pub(super) fn outcome(ask: Result<Ask, Fault>) -> Outcome {
    match ask {
        Ok(Ask::Folder(path)) => Outcome::Folder(path),
        Ok(ask) => Outcome::Waiting(ask),
        Err(fault) => Outcome::Failed(fault),
    }
}

/// Lists the peers of a package, less those that it depends on anyway.
fn peers(
    identity: &Identity,
    manifest: &Manifest,
    rules: Rules<'_>,
    fault: &mut Option<(String, Fault)>,
) -> (BTreeMap<String, PeerRange>, Vec<PackageName>) {
    let mut peers = BTreeMap::new();
    let mut names = Vec::new();
    let any = String::from("*");
    // A name in `peerDependenciesMeta` alone is an optional peer of any version, as for pnpm.
    let unlisted = manifest.optional_peers.iter().filter(|name| !manifest.peer_dependencies.contains_key(*name));
    let asked: BTreeMap<&String, &String> = manifest.peer_dependencies.iter().chain(unlisted.map(|name| (name, &any))).collect();
    for (name, range) in asked {
        if manifest.dependencies.contains_key(name) || manifest.optional_dependencies.contains_key(name) {
            continue;
        }
        let optional = manifest.optional_peers.contains(name);
        let name = match PackageName::parse(name) {
            Ok(name) => name,
            Err(error) => {
                fault.get_or_insert((super::prune::shown(name, range), Fault::Name(error)));
                continue;
            }
        };
        let range = match rules.overrides.verdict(Some((identity.name.as_str(), &identity.version)), name.as_str(), range) {
            Verdict::Removed => continue,
            Verdict::Replaced(replacement) if Range::parse(replacement).is_some() => replacement.to_owned(),
            Verdict::Replaced(_) | Verdict::Kept => range.clone(),
        };
        peers.insert(name.to_string(), PeerRange { range, optional });
        names.push(name);
    }
    (peers, names)
}
