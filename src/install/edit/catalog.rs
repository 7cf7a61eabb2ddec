//! Entries of catalogs that an edit changes.

use super::{Rewrite, Shared, chosen, open, range};
use crate::error::Error;
use crate::install::failure;
use crate::install::session::Session;
use crate::package::name::PackageName;
use crate::project::catalogs::{DEFAULT, PREFIX};
use crate::project::edit::catalogs;
use crate::project::workspace::{WORKSPACE_FILE, Workspace};
use crate::resolve::graph::Resolution;
use serde_json::Value;

/// Returns the specifier that asks for an entry of a catalog.
pub(super) fn specifier(catalog: &str) -> String {
    if catalog == DEFAULT { PREFIX.to_owned() } else { format!("{PREFIX}{catalog}") }
}

/// Writes the ranges of what was chosen into the catalogs in memory.
pub(super) fn save(session: &mut Session<'_>, resolution: &Resolution) -> Result<(), Error> {
    let workspace = &session.workspace;
    for ((_, alias), shared) in &mut session.draft.shared {
        if let Some(prefix) = &shared.prefix {
            let version = chosen(resolution, workspace, &workspace.projects[shared.project].path, alias)?;
            shared.specifier = range::specifier(prefix, &version);
        }
    }
    session.draft.overlay(&mut session.catalogs);
    Ok(())
}

/// Prepares the files that hold the catalogs. A file that cannot be edited is noticed here, before anything is built.
pub(super) fn rewrite(session: &mut Session<'_>) -> Result<(), Error> {
    let shared = std::mem::take(&mut session.draft.shared);
    if shared.is_empty() {
        return Ok(());
    }
    let path = session.workspace.root.join(WORKSPACE_FILE);
    let before = crate::fs::read_if_there(&path).map_err(failure::of_file)?;
    let mut after = before.clone();
    let manifest = open(session.workspace.root_project())?;
    for ((catalog, alias), Shared { specifier, .. }) in &shared {
        match home_in_manifest(&session.workspace, catalog, alias) {
            Some(home) => manifest.set_at(&home, alias.as_str(), specifier),
            None => {
                let text = after.as_deref().unwrap_or_default();
                after = Some(catalogs::set(text, &path, (catalog, alias.as_str()), specifier).map_err(failure::of_project)?);
            }
        }
    }
    session.draft.change(&mut session.workspace, 0, &manifest)?;
    if let Some(after) = after.filter(|after| Some(after) != before.as_ref()) {
        session.draft.rewrites.push(Rewrite { path, before, after });
    }
    Ok(())
}

/// Returns the keys that lead to a catalog in the root's manifest, if that is where the entry stands or belongs.
fn home_in_manifest<'a>(workspace: &Workspace, catalog: &'a str, alias: &PackageName) -> Option<Vec<&'a str>> {
    let file = &workspace.file.fields;
    let in_file = |keys: &[&str]| value(file, keys).and_then(|entries| entries.get(alias.as_str())).is_some();
    if in_file(&["catalogs", catalog]) || (catalog == DEFAULT && in_file(&["catalog"])) {
        return None;
    }
    let mut homes = vec![vec!["workspaces", "catalogs", catalog], vec!["catalogs", catalog]];
    if catalog == DEFAULT {
        homes.extend([vec!["workspaces", "catalog"], vec!["catalog"]]);
    }
    let fields = &workspace.root_project().fields;
    let there: Vec<Vec<&str>> = homes.into_iter().filter(|home| value(fields, home).is_some_and(Value::is_object)).collect();
    let has_entry = |home: &&Vec<&str>| value(fields, home).is_some_and(|entries| entries.get(alias.as_str()).is_some());
    there.iter().find(has_entry).or(there.first()).cloned().or_else(|| new_home(workspace, catalog))
}

/// Returns where a catalog is made, if that is in the root's manifest: where the workspace is described there too. Others
/// who read it there do not look into `pnpm-workspace.yaml`.
fn new_home<'a>(workspace: &Workspace, catalog: &'a str) -> Option<Vec<&'a str>> {
    let workspaces = workspace.root_project().fields.get("workspaces").filter(|_| !workspace.file.is_there())?;
    let mut home = if workspaces.is_object() { vec!["workspaces"] } else { Vec::new() };
    if catalog == DEFAULT {
        home.push("catalog")
    } else {
        home.extend(["catalogs", catalog])
    }
    Some(home)
}

fn value<'a>(fields: &'a serde_json::Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(fields.get(*first)?, |value, key| value.get(*key))
}
