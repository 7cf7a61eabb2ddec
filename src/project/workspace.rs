//! Finds the projects that are installed together and reads what describes them.
//!
//! A workspace is a root and the projects below it that its globs name; they share one lockfile and one folder of slots.
//! A project on its own is a workspace of one, so nothing above has to tell the two apart. The globs stand in
//! `pnpm-workspace.yaml` (`packages`) or in the root's `package.json` (`workspaces`).

use super::error::{ProjectError, Result};
use super::stamp::{self, FileStamp};
use crate::package::json::without_bom;
use crate::package::manifest::{FieldError, Manifest, check_types, kind};
use crate::package::name::PackageName;
use crate::package::path::RelPath;
use globs::Globs;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod discover;
mod file;
mod globs;
mod root;

#[cfg(test)]
mod tests;

pub use file::WorkspaceFile;
pub(super) use file::parse_yaml;
pub use root::find_root;

/// The file that describes a project.
pub const MANIFEST: &str = "package.json";
/// The file that describes a workspace, and holds settings, as pnpm has it.
pub const WORKSPACE_FILE: &str = "pnpm-workspace.yaml";
/// The manifest of a root that has none.
const EMPTY: &[u8] = b"{}\n";
/// Fields of a manifest that only the root's has a say with.
const ROOT_FIELDS: [&str; 4] = ["pnpm", "overrides", "resolutions", "trustedDependencies"];

/// The projects that are installed together.
#[derive(Debug)]
pub struct Workspace {
    /// The folder that holds the lockfile and `node_modules`.
    pub root: PathBuf,
    /// The projects: first the root's own, then the others, sorted by path.
    pub projects: Vec<Project>,
    /// `pnpm-workspace.yaml` of the root; empty when there is none.
    pub file: WorkspaceFile,
    /// What was looked at to find the projects: folders, and manifests that are not there.
    pub looked_at: Vec<FileStamp>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// A project of a workspace.
#[derive(Debug)]
pub struct Project {
    /// Its folder relative to the root, with `/`; `.` is the root itself.
    pub path: String,
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// The text of its manifest, as it stands on disk; an empty one for a root without.
    pub text: Vec<u8>,
    /// All fields of its manifest.
    pub fields: Map<String, Value>,
    /// Its manifest, with checked types.
    pub manifest: Arc<Manifest>,
    /// The state of the manifest when it was read.
    pub stamp: FileStamp,
}

/// Something about a workspace that is probably not what the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A glob names a link that leads out of the workspace.
    LinkOutside {
        /// The link.
        link: PathBuf,
    },
    /// A manifest below the root has a field that only the root's has a say with.
    OnlyAtRoot {
        /// The manifest.
        manifest: PathBuf,
        /// The field.
        field: &'static str,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::LinkOutside { link } => {
                write!(out, "{} leads out of the workspace, so it is not taken for a project", link.display())
            }
            Warning::OnlyAtRoot { manifest, field } => {
                write!(out, "{}: `{field}` has no effect here; it belongs into the package.json at the root", manifest.display())
            }
        }
    }
}

impl Workspace {
    /// Reads the workspace whose root is `root`.
    pub fn load(root: &Path) -> Result<Workspace> {
        let file = WorkspaceFile::read(root)?;
        let own = match Project::read(root, ".") {
            Err(ProjectError::NoManifest { .. }) if file.names_projects() && is_absent(&root.join(MANIFEST)) => {
                Project::without_manifest(root)?
            }
            Err(ProjectError::NoManifest { .. }) if file.is_there() => {
                return Err(ProjectError::RootWithoutManifest { file: file.stamp.path });
            }
            read => read?,
        };
        let globs = Globs::read(&own.fields, &own.stamp.path, &file)?;
        let found = discover::discover(root, &globs)?;
        let mut projects = vec![own];
        for folder in &found.folders {
            projects.push(Project::read(root, folder)?);
        }
        check_unique(&projects)?;
        let mut warnings = found.warnings;
        warnings.extend(projects[1..].iter().flat_map(Project::fields_without_effect));
        Ok(Workspace { root: root.to_owned(), projects, file, looked_at: found.looked_at.into_values().collect(), warnings })
    }

    /// Returns the project at the root.
    pub fn root_project(&self) -> &Project {
        // `load` puts one there before anything else.
        &self.projects[0]
    }

    /// Returns the index of the project that a folder (absolute) lies in: the deepest one, or the root's own when it lies
    /// in none.
    pub fn project_at(&self, dir: &Path) -> usize {
        let real = fs::canonicalize(dir).ok();
        let root = fs::canonicalize(&self.root).ok();
        let below = dir.strip_prefix(&self.root).ok().or_else(|| real.as_deref()?.strip_prefix(root.as_deref()?).ok());
        let Some(below) = below else { return 0 };
        let holds = |(_, project): &(usize, &Project)| below.starts_with(&project.path);
        (0..).zip(&self.projects).filter(holds).max_by_key(|(_, project)| project.path.len()).map_or(0, |(index, _)| index)
    }

    /// Looks for the projects once more. Returns the stamps of what was looked at, as it is now; nothing when there are
    /// others than before.
    pub fn look_again(&self) -> Result<Option<Vec<FileStamp>>> {
        let own = self.root_project();
        let globs = Globs::read(&own.fields, &own.stamp.path, &self.file)?;
        let found = discover::discover(&self.root, &globs)?;
        let same = found.folders.iter().eq(self.projects[1..].iter().map(|project| &project.path));
        Ok(same.then(|| found.looked_at.into_values().collect()))
    }
}

fn is_absent(file: &Path) -> bool {
    matches!(file.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

impl Project {
    /// Returns its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.manifest.name.as_deref()
    }

    /// Returns the folder that stands for it in the `node_modules` of others, relative to the root, when that is not its
    /// own: `publishConfig.directory`, unless `publishConfig.linkDirectory` is false.
    pub fn published(&self) -> Result<Option<String>> {
        let Some(Value::Object(config)) = self.fields.get("publishConfig") else { return Ok(None) };
        let directory = match config.get("directory") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(directory)) => directory,
            Some(other) => return Err(wrong_type(&self.stamp.path, "publishConfig.directory", "a string", kind(other))),
        };
        if config.get("linkDirectory") == Some(&Value::Bool(false)) {
            return Ok(None);
        }
        let below = RelPath::normalise(directory)
            .map_err(|_| wrong_type(&self.stamp.path, "publishConfig.directory", "a folder below the project", "one elsewhere"))?;
        Ok(below.map(|below| if self.path == "." { below.to_string() } else { format!("{}/{below}", self.path) }))
    }

    /// Returns the dependencies that it gets copies of rather than links to, by alias (`dependenciesMeta.*.injected`).
    pub fn injected(&self) -> BTreeSet<String> {
        let meta = self.fields.get("dependenciesMeta").and_then(Value::as_object);
        let injected = meta.into_iter().flatten().filter(|(_, meta)| meta.get("injected") == Some(&Value::Bool(true)));
        injected.map(|(alias, _)| alias.clone()).collect()
    }

    /// Reads the manifest in `root/path`.
    fn read(root: &Path, path: &str) -> Result<Project> {
        let folder = if path == "." { root.to_owned() } else { root.join(path) };
        let (text, stamp) = stamp::read(&folder.join(MANIFEST))?;
        let text = text.ok_or_else(|| ProjectError::NoManifest { from: folder.clone() })?;
        let (fields, manifest) = parse_manifest(&text, &stamp.path)?;
        Ok(Project { path: path.to_owned(), folder, text, fields, manifest, stamp })
    }

    /// Stands for the root of a workspace that `pnpm-workspace.yaml` alone describes: it has nothing of its own.
    fn without_manifest(root: &Path) -> Result<Project> {
        let text = EMPTY.to_vec();
        let stamp = FileStamp { path: root.join(MANIFEST), stat: None };
        let (fields, manifest) = parse_manifest(&text, &stamp.path)?;
        Ok(Project { path: ".".to_owned(), folder: root.to_owned(), text, fields, manifest, stamp })
    }

    /// Takes another text for that of its manifest. The file is not touched.
    pub fn replace_text(&mut self, text: Vec<u8>) -> Result<()> {
        (self.fields, self.manifest) = parse_manifest(&text, &self.stamp.path)?;
        self.text = text;
        Ok(())
    }

    /// Names the fields that the root alone has a say with.
    fn fields_without_effect(&self) -> impl Iterator<Item = Warning> + use<'_> {
        let is_set = |field: &&str| match self.fields.get(*field) {
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(Value::Array(entries)) => !entries.is_empty(),
            _ => false,
        };
        ROOT_FIELDS.into_iter().filter(is_set).map(|field| Warning::OnlyAtRoot { manifest: self.stamp.path.clone(), field })
    }
}

fn parse_manifest(text: &[u8], path: &Path) -> Result<(Map<String, Value>, Arc<Manifest>)> {
    let value: Value = serde_json::from_slice(without_bom(text)).map_err(|error| json_error(path, &error))?;
    check_types(&value).map_err(|fault| ProjectError::Field { path: path.to_owned(), fault })?;
    let Value::Object(fields) = value else {
        return Err(wrong_type(path, MANIFEST, "an object", "something else"));
    };
    let manifest = Manifest::deserialize(&fields).map_err(|error| json_error(path, &error))?;
    check_names(&manifest, path)?;
    Ok((fields, Arc::new(manifest)))
}

/// Checks that no name stands for two projects: nobody could tell which of them is meant.
fn check_unique(projects: &[Project]) -> Result<()> {
    let mut known: FxHashMap<&str, &Project> = FxHashMap::default();
    for project in projects {
        if let Some(name) = project.name()
            && let Some(first) = known.insert(name, project)
        {
            let (first, second) = (first.stamp.path.clone(), project.stamp.path.clone());
            return Err(ProjectError::DuplicateName { name: name.to_owned(), first, second });
        }
    }
    Ok(())
}

/// Checks the names that dependencies are to be installed under, before anything is done for the first of them.
fn check_names(manifest: &Manifest, path: &Path) -> Result<()> {
    for (field, list) in [
        ("dependencies", &manifest.dependencies),
        ("devDependencies", &manifest.dev_dependencies),
        ("optionalDependencies", &manifest.optional_dependencies),
    ] {
        for alias in list.keys() {
            PackageName::parse(alias).map_err(|fault| ProjectError::Name { path: path.to_owned(), field, fault })?;
        }
    }
    Ok(())
}

fn json_error(path: &Path, error: &serde_json::Error) -> ProjectError {
    let text = error.to_string();
    let reason = text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]).to_owned();
    ProjectError::Json { path: path.to_owned(), line: error.line(), column: error.column(), reason }
}

/// Builds the error for a field of the wrong type.
pub(super) fn wrong_type(path: &Path, field: &str, expected: &'static str, found: &'static str) -> ProjectError {
    ProjectError::Field { path: path.to_owned(), fault: FieldError { field: field.to_owned(), expected, found } }
}
