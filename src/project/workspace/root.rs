//! Finds the root that a folder belongs to.

use super::globs::Globs;
use super::{MANIFEST, WORKSPACE_FILE, WorkspaceFile};
use crate::package::json::without_bom;
use crate::project::error::{ProjectError, Result};
use serde_json::{Map, Value};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Finds the root of the workspace that `from` (absolute) lies in: the nearest folder upward with a manifest is the
/// project, and the root is that of the workspace that has it among its projects, else the project itself. A folder
/// below a workspace that is none of its projects is a project of its own.
pub fn find_root(from: &Path, home: Option<&Path>) -> Result<PathBuf> {
    let project = find_project(from, home)?;
    if is_root(&project)? {
        return Ok(project);
    }
    let Ok(start) = fs::metadata(&project) else { return Ok(project) };
    for folder in reachable(&project, home, &start) {
        let globs = globs_of(folder)?;
        let below = project.strip_prefix(folder).ok().and_then(Path::to_str);
        if globs.is_some_and(|globs| below.is_some_and(|below| globs.admit(below))) {
            return Ok(folder.to_owned());
        }
    }
    Ok(project)
}

/// Finds the nearest folder upward that has a manifest, or names those that do. The search stays below the home folder, on one file system and
/// among folders of one owner: a manifest beyond those was not put there for this project.
fn find_project(from: &Path, home: Option<&Path>) -> Result<PathBuf> {
    let is_project = |folder: &Path| folder.join(MANIFEST).is_file() || folder.join(WORKSPACE_FILE).is_file();
    if is_project(from) {
        return Ok(from.to_owned());
    }
    let none = || ProjectError::NoManifest { from: from.to_owned() };
    let start = fs::metadata(from).map_err(|_| none())?;
    reachable(from, home, &start).find(|folder| is_project(folder)).map(Path::to_owned).ok_or_else(none)
}

/// Lists the folders above one, nearest first, as far as they are the same user's.
fn reachable<'a>(from: &'a Path, home: Option<&'a Path>, start: &Metadata) -> impl Iterator<Item = &'a Path> + use<'a> {
    let mark = (start.dev(), start.uid());
    from.ancestors().skip(1).take_while(move |folder| {
        let is_own = fs::metadata(folder).is_ok_and(|found| (found.dev(), found.uid()) == mark);
        is_own && !home.is_some_and(|home| home.starts_with(folder))
    })
}

/// Says whether a folder is the root of a workspace whatever stands above it.
fn is_root(folder: &Path) -> Result<bool> {
    Ok(folder.join(WORKSPACE_FILE).is_file() || fields_of(&folder.join(MANIFEST)).is_some_and(|fields| fields.contains_key("workspaces")))
}

/// Reads the globs of a folder; nothing when it names no projects.
fn globs_of(folder: &Path) -> Result<Option<Globs>> {
    let file = WorkspaceFile::read(folder)?;
    let manifest = folder.join(MANIFEST);
    let fields = fields_of(&manifest);
    if fields.is_none() && !file.is_there() {
        return Ok(None);
    }
    let globs = Globs::read(&fields.unwrap_or_default(), &manifest, &file)?;
    Ok(Some(globs).filter(|globs| !globs.is_empty()))
}

/// What a manifest says that speaks of workspaces.
const WORKSPACES: &[u8] = b"\"workspaces\"";

/// Reads a manifest that speaks of workspaces. One that cannot be read speaks of none: if it is of any concern, whoever
/// reads it for its dependencies will say so.
fn fields_of(manifest: &Path) -> Option<Map<String, Value>> {
    let text = fs::read(manifest).ok()?;
    // Nearly all manifests end here, and nothing of them has to be parsed. A faster search would first ask what the processor
    // can do, which on a virtual machine takes longer than reading a manifest does.
    let names_them = text.windows(WORKSPACES.len()).any(|window| window == WORKSPACES);
    if !names_them {
        return None;
    }
    match serde_json::from_slice(without_bom(&text)) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}
