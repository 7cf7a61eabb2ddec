//! Asks git which projects have changed since a commit.

use super::filter::Filter;
use crate::project::error::Result;
use crate::project::workspace::Workspace;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Returns the projects with a file that differs from what it was in a commit. A file belongs to the deepest project that
/// it lies in. Files that git does not know yet are no changes, as for pnpm.
pub(super) fn since(workspace: &Workspace, commit: &str, filter: &Filter) -> Result<BTreeSet<usize>> {
    if commit.starts_with('-') {
        return Err(filter.fault("a commit does not begin with a dash".to_owned()));
    }
    let asked = ["diff", "--name-only", "-z", "--no-ext-diff", "--no-textconv", "--relative", commit, "--", "."];
    let answer = Command::new("git")
        .arg("-C")
        .arg(&workspace.root)
        .args(asked)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| filter.fault(format!("git cannot be started: {error}")))?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr);
        return Err(filter.fault(format!("git cannot compare with that commit: {}", said.lines().next().unwrap_or("it does not say why"))));
    }
    let project_of: FxHashMap<&Path, usize> =
        (0..).zip(&workspace.projects).map(|(index, project)| (folder_of(&project.path), index)).collect();
    let files = answer.stdout.split(|byte| *byte == 0).filter(|file| !file.is_empty());
    Ok(files
        .filter_map(|file| Path::new(OsStr::from_bytes(file)).ancestors().skip(1).find_map(|folder| project_of.get(folder).copied()))
        .collect())
}

fn folder_of(path: &str) -> &Path {
    Path::new(if path == "." { "" } else { path })
}
