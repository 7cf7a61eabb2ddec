//! What has to be copied for a project to stand on its own: itself, and whatever it needs from this machine.

use super::manifest;
use crate::error::{Code, Error};
use crate::install::failure;
use crate::layout::relative;
use crate::package::json::without_bom;
use crate::package::manifest::Manifest;
use crate::project::catalogs::Catalogs;
use crate::project::settings::Groups;
use crate::project::workspace::{MANIFEST, Workspace};
use crate::resolve::graph::{Group, InstanceIndex, PackageIndex, Resolution, Source, Target, asked};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The place of the project that is deployed.
pub(super) const HERE: &str = ".";
/// The folder for what it needs from this machine.
const OTHERS: &str = ".workspace";

/// What has to be copied.
pub(super) struct Parts {
    /// The project that is deployed, then all that it needs.
    pub all: Vec<Part>,
    /// The part that each path of the workspace is, by the path.
    pub by_path: BTreeMap<String, usize>,
    /// The instances that are needed.
    pub instances: BTreeSet<InstanceIndex>,
}

/// Something of this machine that is copied.
pub(super) struct Part {
    /// The folder or file, absolute.
    pub from: PathBuf,
    /// Where it goes, relative to the folder that is deployed to.
    pub place: String,
    /// What it is.
    pub kind: Kind,
    /// The fields of its manifest, as they are.
    pub fields: Map<String, Value>,
    /// Its manifest as it is deployed.
    pub rewritten: Map<String, Value>,
    /// The same, read.
    pub manifest: Manifest,
    /// What its dependencies became, by alias; those that were not resolved are not among them.
    pub targets: BTreeMap<String, Target>,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder with a manifest.
    Folder,
    /// A tarball.
    Tarball,
}

impl Parts {
    /// Finds all parts that a project needs, given by its index in the workspace. Of its own lists of dependencies `groups`
    /// come along, of the others' those that they need to run.
    pub fn gather(
        workspace: &Workspace,
        resolution: &Resolution,
        project: usize,
        (groups, catalogs): (Groups, &Catalogs),
    ) -> Result<Parts, Error> {
        let mut gathering = Gathering {
            workspace,
            resolution,
            parts: Parts { all: Vec::new(), by_path: BTreeMap::new(), instances: BTreeSet::new() },
            packages: BTreeSet::new(),
        };
        gathering.folder(&workspace.projects[project].path, HERE.to_owned(), groups)?;
        let mut next = 0;
        // What is found grows the list.
        while next < gathering.parts.all.len() {
            let targets: Vec<Target> = gathering.parts.all[next].targets.values().cloned().collect();
            for target in targets {
                gathering.target(&target)?;
            }
            next += 1;
        }
        let mut parts = gathering.parts;
        parts.rewrite(resolution, catalogs)?;
        Ok(parts)
    }

    /// Writes into all manifests where their dependencies stand now.
    fn rewrite(&mut self, resolution: &Resolution, catalogs: &Catalogs) -> Result<(), Error> {
        let places: Vec<String> = self.all.iter().map(|part| part.place.clone()).collect();
        for part in self.all.iter_mut().filter(|part| part.kind == Kind::Folder) {
            let place = |alias: &str| {
                let to = &places[*self.by_path.get(path_of(resolution, part.targets.get(alias)?)?)?];
                Some(format!("file:{}", relative(&part.place, to)))
            };
            manifest::rewrite(&mut part.rewritten, catalogs, place);
            part.manifest = Manifest::deserialize(&part.rewritten)
                .map_err(|error| Error::new(Code::Manifest, format!("{}: {error}", part.from.join(MANIFEST).display())))?;
        }
        Ok(())
    }
}

/// Returns the path on this machine that a dependency leads to, if it leads to one.
fn path_of<'a>(resolution: &'a Resolution, target: &'a Target) -> Option<&'a str> {
    match target {
        Target::Folder(path) => Some(path),
        Target::Instance(index) => match &resolution.package_of(*index).source {
            Source::Folder { path } | Source::LocalTarball { path } => Some(path),
            Source::Registry { .. } | Source::Tarball { .. } => None,
        },
    }
}

struct Gathering<'a> {
    workspace: &'a Workspace,
    resolution: &'a Resolution,
    parts: Parts,
    packages: BTreeSet<PackageIndex>,
}

impl Gathering<'_> {
    fn target(&mut self, target: &Target) -> Result<(), Error> {
        match target {
            Target::Folder(path) => self.other(path, Kind::Folder),
            Target::Instance(index) => self.instance(*index),
        }
    }

    /// Adds an instance and all that is below it.
    fn instance(&mut self, index: InstanceIndex) -> Result<(), Error> {
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            if !self.parts.instances.insert(index) {
                continue;
            }
            let instance = self.resolution.instance(index);
            if self.packages.insert(instance.package) {
                match &self.resolution.package(instance.package).source {
                    Source::Folder { path } => self.other(path, Kind::Folder)?,
                    Source::LocalTarball { path } => self.other(path, Kind::Tarball)?,
                    Source::Registry { .. } | Source::Tarball { .. } => {}
                }
            }
            for edge in &instance.dependencies {
                match &edge.target {
                    Target::Instance(index) => open.push(*index),
                    Target::Folder(path) => self.other(path, Kind::Folder)?,
                }
            }
        }
        Ok(())
    }

    /// Adds something that the project needs from elsewhere, unless it is known.
    fn other(&mut self, path: &str, kind: Kind) -> Result<(), Error> {
        if self.parts.by_path.contains_key(path) {
            return Ok(());
        }
        // What lies outside of the workspace gets a place inside, too.
        let inside: Vec<&str> =
            path.split('/').filter(|part| !matches!(*part, "" | ".")).map(|part| if part == ".." { "_" } else { part }).collect();
        let mut place = format!("{OTHERS}/{}", if inside.is_empty() { "root".to_owned() } else { inside.join("/") });
        while self.parts.all.iter().any(|part| part.place == place) {
            place.push('_');
        }
        match kind {
            Kind::Folder => self.folder(path, place, Groups { prod: true, dev: false, optional: true }),
            Kind::Tarball => {
                let part = Part {
                    from: self.workspace.root.join(path),
                    place,
                    kind,
                    fields: Map::new(),
                    rewritten: Map::new(),
                    manifest: Manifest::default(),
                    targets: BTreeMap::new(),
                };
                self.add(path, part);
                Ok(())
            }
        }
    }

    /// Adds a folder, be it a project or not.
    fn folder(&mut self, path: &str, place: String, groups: Groups) -> Result<(), Error> {
        let from = if path == HERE { self.workspace.root.clone() } else { self.workspace.root.join(path) };
        let project = self.workspace.projects.iter().find(|project| project.path == path);
        let fields = match project {
            Some(project) => project.fields.clone(),
            None => fields_of(&from)?,
        };
        let mut rewritten = fields.clone();
        manifest::cut(&mut rewritten, groups);
        let mut manifest = Manifest::deserialize(&rewritten)
            .map_err(|error| Error::new(Code::Manifest, format!("{}: {error}", from.join(MANIFEST).display())))?;
        // What the folder's own development dependencies bring as its peers is needed as well.
        let own = project.map(|project| project.manifest.clone()).unwrap_or_default();
        let targets = match project {
            Some(_) => self.targets(path, &manifest, &own)?,
            None => BTreeMap::new(),
        };
        manifest.name = manifest.name.or_else(|| path.rsplit('/').next().map(str::to_owned));
        self.add(path, Part { from, place, kind: Kind::Folder, fields, rewritten, manifest, targets });
        Ok(())
    }

    /// Returns what the dependencies of a project became, and its peers where its own lists have them.
    fn targets(&self, path: &str, manifest: &Manifest, own: &Manifest) -> Result<BTreeMap<String, Target>, Error> {
        let importer = self.resolution.importers.iter().find(|importer| importer.path == path);
        let stale = |alias: &str| {
            let message = format!("deka.lock does not have `{}` as {} asks for it", alias.escape_debug(), manifest_of(path));
            Error::new(Code::FrozenLockfile, message).hint("Run `deka install` to bring the lockfile up to date, then deploy again.")
        };
        let mut targets = BTreeMap::new();
        let needed: BTreeSet<&str> = asked(manifest, true).iter().map(|asked| asked.alias).collect();
        for asked in asked(own, true).iter().filter(|asked| needed.contains(asked.alias)) {
            let direct = importer.and_then(|importer| importer.dependencies.iter().find(|direct| direct.alias.as_str() == asked.alias));
            let is_peer_only =
                !manifest.dependencies.contains_key(asked.alias) && !manifest.optional_dependencies.contains_key(asked.alias);
            match direct {
                Some(direct) if direct.specifier == asked.specifier => {
                    targets.extend(direct.target.clone().map(|target| (asked.alias.to_owned(), target)));
                }
                None if is_peer_only && !manifest.dev_dependencies.contains_key(asked.alias) => {}
                None if asked.group == Group::Optional && importer.is_some() => {}
                _ => return Err(stale(asked.alias)),
            }
        }
        Ok(targets)
    }

    fn add(&mut self, path: &str, part: Part) {
        self.parts.by_path.insert(path.to_owned(), self.parts.all.len());
        self.parts.all.push(part);
    }
}

fn manifest_of(path: &str) -> String {
    if path == HERE { MANIFEST.to_owned() } else { format!("{path}/{MANIFEST}") }
}

/// Reads the manifest of a folder that is no project.
fn fields_of(folder: &Path) -> Result<Map<String, Value>, Error> {
    let path = folder.join(MANIFEST);
    let text = crate::fs::read(&path).map_err(failure::of_file)?;
    match serde_json::from_slice(without_bom(&text)) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Error::new(Code::Manifest, format!("{} must hold an object", path.display()))),
        Err(error) => Err(failure::of_manifest(&path, &error)),
    }
}
