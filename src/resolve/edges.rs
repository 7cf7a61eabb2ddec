//! From the text of a dependency to the question that answers it.
//!
//! Whether a specifier may be used depends on where it stands. Paths on this machine are for manifests that lie on it:
//! a project's, or that of a folder a project points at. What a registry or a tarball brings must not reach out to them.

use super::error::Fault;
use super::graph::{PackageIndex, Source};
use super::overrides::Verdict;
use super::request::{ByVersion, ImporterRequest, Request};
use crate::package::name::PackageName;
use crate::package::range::Range;
use crate::package::spec::{OfWorkspace, SpecError, Specifier, Want};
use crate::package::version::Version;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// What has to be known before a dependency is resolved.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// A version of a registry's package.
    Registry { name: PackageName, want: Want },
    /// Nothing: it is this package of the previous answer, whose demands are known.
    Previous(PackageIndex),
    /// The manifest of something that no registry keeps.
    External(Source),
    /// Nothing: it is a folder that is linked to.
    Folder(String),
}

/// Where a specifier stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// In a manifest on this machine, in that folder. A project may get a copy of another one instead of a link.
    Local { folder: &'a str, is_project: bool, injects: bool },
    /// In a manifest that came from elsewhere.
    Remote,
}

impl<'a> Place<'a> {
    /// The place of one dependency of a project.
    pub fn project(importer: &'a ImporterRequest, alias: &str) -> Place<'a> {
        Place::Local { folder: &importer.path, is_project: true, injects: importer.injected.contains(alias) }
    }
}

/// What the workspace offers to specifiers.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    projects: Vec<Project>,
    by_name: FxHashMap<String, usize>,
    by_path: FxHashMap<String, usize>,
    by_version: ByVersion,
    catalogs: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug)]
struct Project {
    path: String,
    version: Option<Version>,
    /// The folder that stands for it.
    published: String,
}

impl Workspace {
    pub fn new(request: &Request) -> Workspace {
        let project = |importer: &ImporterRequest| Project {
            path: importer.path.clone(),
            version: importer.manifest.version.as_deref().and_then(Version::parse_loose),
            published: importer.published.clone().unwrap_or_else(|| importer.path.clone()),
        };
        let importers = || (0..).zip(&request.importers);
        Workspace {
            projects: request.importers.iter().map(project).collect(),
            by_name: importers().filter_map(|(index, importer)| Some((importer.manifest.name.clone()?, index))).collect(),
            by_path: importers().map(|(index, importer)| (importer.path.clone(), index)).collect(),
            by_version: request.options.by_version,
            catalogs: request.catalogs.clone(),
        }
    }

    /// Says whether a folder is that of a project, be it the one that stands for it.
    pub fn has_project(&self, folder: &str) -> bool {
        self.by_path.contains_key(folder) || self.projects.iter().any(|project| project.published == folder)
    }

    /// Reads a dependency. What an override put in place stands, so to speak, in the root project.
    pub fn read(&self, alias: &PackageName, specifier: &str, verdict: Verdict<'_>, place: Place<'_>) -> Result<Ask, Fault> {
        match verdict {
            Verdict::Replaced(replacement) => {
                let injects = matches!(place, Place::Local { injects: true, .. });
                self.ask(alias, replacement, Place::Local { folder: ".", is_project: true, injects })
            }
            Verdict::Kept | Verdict::Removed => self.ask(alias, specifier, place),
        }
    }

    fn ask(&self, alias: &PackageName, text: &str, place: Place<'_>) -> Result<Ask, Fault> {
        let only_in_projects = || Fault::OnlyInProjects { alias: alias.to_string(), specifier: shown(text) };
        let is_project = matches!(place, Place::Local { is_project: true, .. });
        match Specifier::parse(alias, text).map_err(|error| spec_fault(alias, error))? {
            Specifier::Registry { name, want } => Ok(match self.by_version(&name, &want, is_project) {
                Some(project) => local(project, place),
                None => Ask::Registry { name, want },
            }),
            Specifier::Tarball(url) => Ok(Ask::External(Source::Tarball { url })),
            Specifier::Git(_) => Err(Fault::Git { alias: alias.to_string(), specifier: shown(text) }),
            Specifier::Workspace(_) | Specifier::Catalog(_) if !is_project => Err(only_in_projects()),
            Specifier::Workspace(target) => self.project(alias, &target, place).map(|project| local(project, place)),
            Specifier::Catalog(catalog) => self.ask(alias, self.catalog_entry(alias, &catalog)?, place),
            Specifier::File(path) => {
                let Place::Local { folder, .. } = place else {
                    return Err(only_in_projects());
                };
                let path = join(alias, folder, &path)?;
                let is_tarball = [".tgz", ".tar.gz", ".tar"].iter().any(|end| path.ends_with(end));
                Ok(Ask::External(if is_tarball { Source::LocalTarball { path } } else { Source::Folder { path } }))
            }
            Specifier::Link(path) => match place {
                Place::Local { folder, .. } => join(alias, folder, &path).map(Ask::Folder),
                Place::Remote => Err(only_in_projects()),
            },
        }
    }

    fn catalog_entry(&self, alias: &PackageName, catalog: &str) -> Result<&str, Fault> {
        let catalog = if catalog.is_empty() { "default" } else { catalog };
        let entry = self.catalogs.get(catalog).and_then(|entries| entries.get(alias.as_str()));
        // An entry that leads to a catalog again could lead in circles.
        match entry.filter(|entry| !entry.trim_start().starts_with("catalog:")) {
            Some(entry) => Ok(entry),
            None => Err(Fault::Catalog { alias: alias.to_string(), catalog: shown(catalog) }),
        }
    }

    /// Finds the project that answers a range of its name, where that is wanted.
    fn by_version(&self, name: &PackageName, want: &Want, is_project: bool) -> Option<&Project> {
        let applies = match self.by_version {
            ByVersion::Never => false,
            ByVersion::OfProjects => is_project,
            ByVersion::Deep => true,
        };
        let project = &self.projects[*self.by_name.get(name.as_str()).filter(|_| applies)?];
        match want {
            Want::Range(range) => project.version.as_ref().filter(|version| range.contains_with_prereleases(version)).map(|_| project),
            Want::Tag(_) => None,
        }
    }

    /// Finds the project that `workspace:` means: a path, a name with a range, or a range of the alias itself.
    fn project(&self, alias: &PackageName, target: &str, place: Place<'_>) -> Result<&Project, Fault> {
        let fault =
            |reason: String| Fault::Workspace { alias: alias.to_string(), specifier: shown(&format!("workspace:{target}")), reason };
        let (name, want) = match (OfWorkspace::parse(alias.as_str(), target), place) {
            (OfWorkspace::Path(path), Place::Local { folder, .. }) => {
                let found = self.by_path.get(&join(alias, folder, path)?).map(|index| &self.projects[*index]);
                return found.ok_or_else(|| fault("no project of the workspace is there".to_owned()));
            }
            (OfWorkspace::Path(_), Place::Remote) => return Err(fault("a path has no meaning there".to_owned())),
            (OfWorkspace::Named { name, want }, _) => (name, want),
        };
        let Some(project) = self.by_name.get(name).map(|index| &self.projects[*index]) else {
            return Err(fault(format!("the workspace has no project `{}`", shown(name))));
        };
        if OfWorkspace::is_any(want) {
            return Ok(project);
        }
        let manifest = if project.path == "." { "package.json".to_owned() } else { format!("{}/package.json", shown(&project.path)) };
        let range = Range::parse(want).ok_or_else(|| fault("that is no version range".to_owned()))?;
        match &project.version {
            Some(version) if range.contains_with_prereleases(version) => Ok(project),
            Some(version) => Err(fault(format!("the project has version {version} ({manifest})"))),
            None => Err(fault(format!("the project has no version ({manifest})"))),
        }
    }
}

/// What a project becomes: a link to the folder that stands for it, or a copy of it.
fn local(project: &Project, place: Place<'_>) -> Ask {
    let folder = project.published.clone();
    match place {
        Place::Local { injects: true, .. } => Ask::External(Source::Folder { path: folder }),
        _ => Ask::Folder(folder),
    }
}

fn spec_fault(alias: &PackageName, error: SpecError) -> Fault {
    match error {
        SpecError::Name(error) => Fault::Name(error),
        SpecError::Unknown(_) => Fault::Specifier { alias: alias.to_string(), reason: error.to_string() },
    }
}

/// Joins a path to the folder of the manifest that it stands in, both relative to the root unless absolute.
fn join(alias: &PackageName, folder: &str, path: &str) -> Result<String, Fault> {
    let fault = |reason: &str| Err(Fault::Specifier { alias: alias.to_string(), reason: format!("the path `{}` {reason}", shown(path)) });
    if path.contains('\0') {
        return fault("holds a NUL byte");
    }
    if path == "~" || path.starts_with("~/") {
        return fault("starts at a home directory; give it relative to the project");
    }
    let path = path.strip_prefix("//").map_or(path, |_| path.trim_start_matches('/'));
    let is_absolute = path.starts_with('/');
    let joined = if is_absolute { path.to_owned() } else { format!("{folder}/{path}") };
    let is_absolute = is_absolute || folder.starts_with('/');
    let mut segments: Vec<&str> = Vec::new();
    for segment in joined.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.last().is_some_and(|last| *last != "..") => {
                segments.pop();
            }
            ".." if is_absolute => {}
            segment => segments.push(segment),
        }
    }
    let relative = segments.join("/");
    Ok(match (is_absolute, relative.is_empty()) {
        (true, _) => format!("/{relative}"),
        (false, true) => ".".to_owned(),
        (false, false) => relative,
    })
}

fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::join;
    use crate::package::name::PackageName;

    #[test]
    fn paths_are_relative_to_the_root() {
        let alias = PackageName::parse("a").expect("a name");
        for (folder, path, want) in [
            (".", "./x", "x"),
            (".", "../x", "../x"),
            ("packages/a", "../b/./c", "packages/b/c"),
            ("packages/a", "../../../x", "../x"),
            ("..", "x", "../x"),
            (".", ".", "."),
            ("a", "..", "."),
            ("a", "/b/../../c", "/c"),
            ("/a/b", "../c", "/a/c"),
        ] {
            assert_eq!(join(&alias, folder, path).expect("a path"), want, "{path} in {folder}");
        }
        assert!(join(&alias, ".", "~/x").is_err());
        assert!(join(&alias, ".", "x\0y").is_err());
    }
}
