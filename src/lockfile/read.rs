//! Reading: everything is checked on the way into the graph.

use super::json::{self, Entries, File, Text, VersionOnly};
use super::keys::{Finder, identity, place};
use super::{Lockfile, LockfileError, Settings, VERSION};
use crate::package::integrity::Integrity;
use crate::package::name::PackageName;
use crate::package::path::RelPath;
use crate::package::platform::Platform;
use crate::package::version::Version;
use crate::resolve::graph::{
    Direct, Edge, Group, Importer, Instance, InstanceIndex, Package, PackageIndex, PeerRange, Resolution, Source, Target,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Reads a lockfile.
pub fn read(bytes: &[u8]) -> Result<Lockfile, LockfileError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // Checking the whole text once is quicker than checking each string of it.
    let file = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    };
    let file: File<'_> = file.map_err(|error| why_unreadable(bytes, error))?;
    if file.lockfile_version > VERSION {
        return Err(LockfileError::Newer { found: file.lockfile_version });
    }
    let json::Settings { auto_install_peers, dedupe_peer_dependents, resolve_peers_from_workspace_root } = file.settings;
    let settings = Settings { auto_install_peers, dedupe_peer_dependents, resolve_peers_from_workspace_root };
    let overrides = texts(file.overrides);
    let catalogs = file.catalogs.0.into_iter().map(|(name, entries)| (name.0.into_owned(), texts(entries))).collect();
    let mut reader = Reader {
        names: FxHashMap::default(),
        paths: file.snapshots.0.iter().zip(0..).map(|((path, _), at)| (path.as_ref(), InstanceIndex(at))).collect(),
        key: String::new(),
    };
    let mut packages = Vec::with_capacity(file.packages.0.len());
    for (id, entry) in file.packages.0 {
        packages.push(package(id.as_ref(), entry)?);
    }
    let mut finder = Finder::new(&packages);
    let mut instances = Vec::with_capacity(file.snapshots.0.len());
    for (path, entry) in &file.snapshots.0 {
        instances.push(reader.instance(path.as_ref(), entry, &mut finder)?);
    }
    let importers = file.importers.0.iter().map(|(path, entry)| reader.importer(path.as_ref(), entry)).collect::<Result<_, _>>()?;
    let mut resolution = Resolution { importers, packages, instances };
    check_reach(&resolution, &overrides)?;
    resolution.mark_reach();
    Ok(Lockfile { settings, overrides, catalogs, resolution })
}

/// Explains text that is no lockfile of this version.
fn why_unreadable(bytes: &[u8], error: serde_json::Error) -> LockfileError {
    let is_marker = |line: &[u8]| [&b"<<<<<<< "[..], b">>>>>>> "].iter().any(|marker| line.starts_with(marker)) || line == b"=======";
    if let Some(at) = bytes.split(|byte| *byte == b'\n').position(|line| is_marker(line.trim_ascii_end())) {
        return LockfileError::Conflict { line: at + 1 };
    }
    match serde_json::from_slice::<VersionOnly>(bytes).map(|file| file.lockfile_version.as_u64()) {
        Ok(Some(found)) if found > VERSION => LockfileError::Newer { found },
        Ok(None) => invalid("lockfileVersion", "is not the number of a version"),
        _ => LockfileError::Syntax(error),
    }
}

fn invalid(place: &str, reason: impl Into<String>) -> LockfileError {
    LockfileError::Invalid { place: place.escape_debug().to_string(), reason: reason.into() }
}

fn texts(entries: Entries<'_, Text<'_>>) -> BTreeMap<String, String> {
    entries.0.into_iter().map(|(key, value)| (key.0.into_owned(), value.0.into_owned())).collect()
}

fn package(id: &str, entry: json::Package<'_>) -> Result<Package, LockfileError> {
    let (name, rest) = identity(id).map_err(|reason| invalid(id, reason))?;
    let (version, source) = match place(rest) {
        Some(source) => (entry.version.map(|version| version.0.into_owned()).unwrap_or_default(), source),
        None if !Version::is_shown_as(rest) => return Err(invalid(id, "has no valid version")),
        None => (rest.to_owned(), Source::Registry { tarball: entry.tarball.map(|tarball| tarball.0.into_owned()) }),
    };
    if let Source::Registry { tarball: Some(tarball) } = &source
        && !tarball.starts_with("https://")
        && !tarball.starts_with("http://")
    {
        return Err(invalid(id, "has a tarball that is not at an http address"));
    }
    let peers = entry.peer_dependencies.0.into_iter().map(|(name, range)| {
        PackageName::parse(name.as_ref()).map_err(|error| invalid(id, format!("has a bad peer: {error}")))?;
        let optional = entry.optional_peers.iter().any(|optional| optional.as_ref() == name.as_ref());
        Ok((name.0.into_owned(), PeerRange { range: range.0.into_owned(), optional }))
    });
    Ok(Package {
        id: id.to_owned(),
        name,
        version,
        source,
        integrity: entry.integrity.and_then(|text| Integrity::parse(text.as_ref())),
        platform: Platform { os: entry.os, cpu: entry.cpu, libc: entry.libc },
        engines: texts(entry.engines),
        peers: peers.collect::<Result<_, _>>()?,
        deprecated: entry.deprecated,
        has_bundled: entry.has_bundled,
    })
}

/// Turns text into names and indices.
struct Reader<'a> {
    /// Names that were checked already.
    names: FxHashMap<&'a str, PackageName>,
    /// The instances by path.
    paths: FxHashMap<&'a str, InstanceIndex>,
    /// Room for a key, kept between look-ups.
    key: String,
}

impl<'a> Reader<'a> {
    fn instance(&mut self, path: &'a str, entry: &'a json::Snapshot<'a>, finder: &mut Finder<'_>) -> Result<Instance, LockfileError> {
        let package = match &entry.package {
            Some(id) => finder.find(id.as_ref()).filter(|_| path.starts_with(id.as_ref())),
            None => finder.find_by_key(path),
        };
        let package = package.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| invalid(path, "has no entry in `packages`"))?;
        let mut dependencies = Vec::with_capacity(entry.dependencies.0.len() + entry.optional_dependencies.0.len());
        for (entries, optional) in [(&entry.dependencies, false), (&entry.optional_dependencies, true)] {
            for (alias, reference) in &entries.0 {
                let (alias, target) = self.edge(path, alias.as_ref(), reference.as_ref())?;
                dependencies.push(Edge { alias, target, optional });
            }
        }
        dependencies.sort_by(|left, right| left.alias.cmp(&right.alias));
        match dependencies.windows(2).find(|pair| pair[0].alias == pair[1].alias) {
            Some(pair) => Err(invalid(path, format!("has the dependency `{}` twice", pair[0].alias))),
            None => Ok(Instance { path: path.to_owned(), package: PackageIndex(package), dependencies, optional: false, dev: false }),
        }
    }

    fn importer(&mut self, path: &'a str, entry: &'a json::Importer<'a>) -> Result<Importer, LockfileError> {
        if path != "." {
            RelPath::parse(path).map_err(|error| invalid(path, format!("is no project of the workspace: {}", error.reason)))?;
        }
        let groups =
            [(&entry.dependencies, Group::Prod), (&entry.dev_dependencies, Group::Dev), (&entry.optional_dependencies, Group::Optional)];
        let mut dependencies = Vec::new();
        for (entries, group) in groups {
            for (alias, direct) in &entries.0 {
                let (alias, target) = match &direct.version {
                    Some(reference) => self.edge(path, alias.as_ref(), reference.as_ref()).map(|(alias, target)| (alias, Some(target)))?,
                    None => (self.name(path, alias.as_ref())?, None),
                };
                dependencies.push(Direct { alias, specifier: direct.specifier.as_ref().to_owned(), group, target });
            }
        }
        dependencies.sort_by(|left, right| left.alias.cmp(&right.alias));
        match dependencies.windows(2).find(|pair| pair[0].alias == pair[1].alias) {
            Some(pair) => Err(invalid(path, format!("has the dependency `{}` twice", pair[0].alias))),
            None => Ok(Importer { path: path.to_owned(), dependencies }),
        }
    }

    fn name(&mut self, place: &str, name: &'a str) -> Result<PackageName, LockfileError> {
        if let Some(known) = self.names.get(name) {
            return Ok(known.clone());
        }
        let parsed = PackageName::parse(name).map_err(|error| invalid(place, format!("has a bad dependency: {error}")))?;
        self.names.insert(name, parsed.clone());
        Ok(parsed)
    }

    fn edge(&mut self, place: &str, alias: &'a str, reference: &str) -> Result<(PackageName, Target), LockfileError> {
        let name = self.name(place, alias)?;
        if let Some(path) = reference.strip_prefix("link:") {
            if path.contains('\0') {
                return Err(invalid(place, format!("links `{alias}` to a path with a NUL byte")));
            }
            return Ok((name, Target::Folder(path.to_owned())));
        }
        self.key.clear();
        self.key.push_str(alias);
        self.key.push('@');
        self.key.push_str(reference);
        let found = self.paths.get(self.key.as_str()).or_else(|| self.paths.get(reference));
        let missing = || invalid(place, format!("needs `{}`, which is not in `snapshots`", self.key.escape_debug()));
        found.map(|index| (name, Target::Instance(*index))).ok_or_else(missing)
    }
}

/// Packages that come from elsewhere must not reach out to this machine, unless an override says so.
fn check_reach(resolution: &Resolution, overrides: &BTreeMap<String, String>) -> Result<(), LockfileError> {
    let is_local_path = |text: &String| ["file:", "link:", "./", "../", "/"].iter().any(|start| text.starts_with(start));
    if overrides.values().any(is_local_path) {
        return Ok(());
    }
    let is_project = |path: &str| {
        let below =
            |importer: &Importer| path.strip_prefix(importer.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        path == "." || (RelPath::parse(path).is_ok() && resolution.importers.iter().any(below))
    };
    for instance in &resolution.instances {
        if matches!(resolution.package(instance.package).source, Source::Folder { .. }) {
            continue;
        }
        let declared = |edge: &&Edge| !resolution.package(instance.package).peers.contains_key(edge.alias.as_str());
        for edge in instance.dependencies.iter().filter(declared) {
            let is_local = match &edge.target {
                // A project of the workspace may answer anybody by its version.
                Target::Folder(path) => !is_project(path),
                Target::Instance(index) => {
                    matches!(resolution.package_of(*index).source, Source::Folder { .. } | Source::LocalTarball { .. })
                }
            };
            if is_local {
                return Err(invalid(&instance.path, format!("depends on a file of this machine: `{}`", edge.alias)));
            }
        }
    }
    Ok(())
}
