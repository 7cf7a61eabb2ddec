//! `deka prune`: what stands in `node_modules` and is not deka's goes too.

use super::Edit;
use crate::error::Error;
use crate::install::failure;
use crate::install::session::Session;
use crate::layout::plan::Wanted;
use std::collections::BTreeSet;
use std::path::Path;

/// Removes packages from the modules folders of projects that no plan has, and returns their names. What begins with a dot
/// is no package.
pub(in crate::install) fn prune(session: &Session<'_>, wanted: &Wanted) -> Result<Vec<String>, Error> {
    let mut pruned = Vec::new();
    if !matches!(session.task.edit, Some(Edit::Prune)) {
        return Ok(pruned);
    }
    for importer in &wanted.importers {
        let kept: BTreeSet<&str> = importer.links.iter().chain(&importer.hoisted).map(|link| link.alias.as_str()).collect();
        let folder = session.workspace.root.join(&importer.path).join(session.places.modules_dir.as_str());
        for name in names(&folder) {
            let inside: Vec<String> = match name.starts_with('@') {
                true => names(&folder.join(&name)).into_iter().map(|inner| format!("{name}/{inner}")).collect(),
                false => vec![name.clone()],
            };
            for package in inside.into_iter().filter(|package| !kept.contains(package.as_str())) {
                crate::fs::remove_all(&folder.join(&package)).map_err(failure::of_file)?;
                pruned.push(package);
            }
            if name.starts_with('@') {
                // Only an empty one goes.
                let _ = std::fs::remove_dir(folder.join(&name));
            }
        }
    }
    Ok(pruned)
}

fn names(folder: &Path) -> Vec<String> {
    let is_folder = std::fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir());
    let entries = std::fs::read_dir(folder).into_iter().filter(|_| is_folder).flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| !name.starts_with('.')).collect()
}
