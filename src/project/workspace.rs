//! Finds the project that a folder belongs to and reads what describes it.
//!
//! The root is the nearest folder upward that has a `package.json`. The search stays below the home folder, on one file
//! system and among folders of one owner: a manifest beyond those was not put there for this project. For now a project
//! is a workspace of one; the type has a list so that nothing above has to change when there are more.

use super::error::{ProjectError, Result};
use super::stamp::{self, FileStamp};
use crate::package::json::without_bom;
use crate::package::manifest::{FieldError, Manifest, check_types};
use crate::package::name::PackageName;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// The file that describes a project.
pub const MANIFEST: &str = "package.json";
/// The file that describes a workspace, and holds settings, as pnpm has it.
pub const WORKSPACE_FILE: &str = "pnpm-workspace.yaml";
/// The most values that it may hold.
const YAML_NODES_MAX: usize = 20_000;

/// The projects that are installed together.
#[derive(Debug)]
pub struct Workspace {
    /// The folder that holds the lockfile and `node_modules`.
    pub root: PathBuf,
    /// The projects; the first is the root's own.
    pub projects: Vec<Project>,
    /// `pnpm-workspace.yaml` of the root; empty when there is none.
    pub file: WorkspaceFile,
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
    /// The text of its manifest, as it stands on disk.
    pub text: Vec<u8>,
    /// All fields of its manifest.
    pub fields: Map<String, Value>,
    /// Its manifest, with checked types.
    pub manifest: Manifest,
    /// The state of the manifest when it was read.
    pub stamp: FileStamp,
}

/// `pnpm-workspace.yaml`.
#[derive(Debug)]
pub struct WorkspaceFile {
    /// All its keys.
    pub fields: Map<String, Value>,
    /// The state of the file when it was read, or its absence.
    pub stamp: FileStamp,
}

/// Something about a workspace that is probably not what the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The manifest or the workspace file names further projects, which are not installed.
    ProjectsLeftOut {
        /// The file that names them.
        named_in: PathBuf,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::ProjectsLeftOut { named_in } => {
                write!(out, "{} names further projects of a workspace; only the project at its root is installed", named_in.display())
            }
        }
    }
}

impl Workspace {
    /// Reads the project whose root is `root`.
    pub fn load(root: &Path) -> Result<Workspace> {
        let file = WorkspaceFile::read(root)?;
        let project = Project::read(root, ".")?;
        let mut warnings = Vec::new();
        for (fields, key, path) in [(&project.fields, "workspaces", &project.stamp.path), (&file.fields, "packages", &file.stamp.path)] {
            if names_projects(fields.get(key)) {
                warnings.push(Warning::ProjectsLeftOut { named_in: path.clone() });
            }
        }
        Ok(Workspace { root: root.to_owned(), projects: vec![project], file, warnings })
    }

    /// Returns the project at the root.
    pub fn root_project(&self) -> &Project {
        // `load` puts one there before anything else.
        &self.projects[0]
    }
}

/// Finds the root of the project that `from` (absolute) belongs to.
pub fn find_root(from: &Path, home: Option<&Path>) -> Result<PathBuf> {
    if from.join(MANIFEST).is_file() {
        return Ok(from.to_owned());
    }
    let none = || ProjectError::NoManifest { from: from.to_owned() };
    let start = fs::metadata(from).map_err(|_| none())?;
    for folder in from.ancestors().skip(1) {
        let foreign = fs::metadata(folder).map_or(true, |found| (found.dev(), found.uid()) != (start.dev(), start.uid()));
        if foreign || home.is_some_and(|home| home.starts_with(folder)) {
            break;
        }
        if folder.join(MANIFEST).is_file() {
            return Ok(folder.to_owned());
        }
    }
    Err(none())
}

impl Project {
    /// Reads the manifest in `root/path`.
    fn read(root: &Path, path: &str) -> Result<Project> {
        let folder = if path == "." { root.to_owned() } else { root.join(path) };
        let (text, stamp) = stamp::read(&folder.join(MANIFEST))?;
        let text = text.ok_or_else(|| ProjectError::NoManifest { from: folder.clone() })?;
        let (fields, manifest) = parse_manifest(&text, &stamp.path)?;
        Ok(Project { path: path.to_owned(), folder, text, fields, manifest, stamp })
    }

    /// Takes another text for that of its manifest. The file is not touched.
    pub fn replace_text(&mut self, text: Vec<u8>) -> Result<()> {
        (self.fields, self.manifest) = parse_manifest(&text, &self.stamp.path)?;
        self.text = text;
        Ok(())
    }
}

fn parse_manifest(text: &[u8], path: &Path) -> Result<(Map<String, Value>, Manifest)> {
    let value: Value = serde_json::from_slice(without_bom(text)).map_err(|error| json_error(path, &error))?;
    check_types(&value).map_err(|fault| ProjectError::Field { path: path.to_owned(), fault })?;
    let Value::Object(fields) = value else {
        return Err(wrong_type(path, MANIFEST, "an object", "something else"));
    };
    let manifest = Manifest::deserialize(&fields).map_err(|error| json_error(path, &error))?;
    check_names(&manifest, path)?;
    Ok((fields, manifest))
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

impl WorkspaceFile {
    fn read(root: &Path) -> Result<WorkspaceFile> {
        let (text, stamp) = stamp::read(&root.join(WORKSPACE_FILE))?;
        let fields = match text.as_deref().map(without_bom) {
            None => Map::new(),
            Some(text) => parse_yaml(text, &stamp.path)?,
        };
        Ok(WorkspaceFile { fields, stamp })
    }
}

fn parse_yaml(text: &[u8], path: &Path) -> Result<Map<String, Value>> {
    let wrong = |reason: String| ProjectError::Yaml { path: path.to_owned(), reason };
    let text = std::str::from_utf8(text).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Map::new());
    }
    // References inside the file could make a few lines stand for millions of values.
    let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_nodes: YAML_NODES_MAX }, with_snippet: false };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(wrong("it holds no keys at its top level".to_owned())),
        Err(error) => Err(wrong(error.to_string().trim_start_matches("error: ").to_owned())),
    }
}

fn names_projects(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(globs)) => globs.iter().any(|glob| !matches!(glob.as_str(), None | Some("." | "./"))),
        Some(Value::Object(fields)) => names_projects(fields.get("packages")),
        _ => false,
    }
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
