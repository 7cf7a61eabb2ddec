//! Which projects of a workspace a command means: `--filter` in pnpm's grammar, `--recursive`, `--workspace-root`.
//!
//! A filter names projects and may reach out from them along the graph:
//!
//! | filter | means |
//! | --- | --- |
//! | `web`, `@acme/*` | projects by name; a bare name also means the one scoped project that is called so |
//! | `./apps/web`, `{apps/**}` | projects by folder, relative to the current one |
//! | `[main]` | projects with files that git says have changed since a commit |
//! | `web...`, `web^...` | with all that it depends on; without itself |
//! | `...web`, `...^web` | with all that depend on it; without itself |
//! | `!web` | not this one |
//!
//! Name, folder and commit can stand together in this order and then have to hold all at once. Several filters add up;
//! those with `!` are taken out at the end, and where there are no others, out of all projects.

mod changed;
mod filter;

use super::error::Result;
use super::graph::ProjectGraph;
use super::workspace::Workspace;
use filter::Filter;
use std::collections::BTreeSet;
use std::path::Path;

/// What was asked for on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The filters, as typed.
    pub filters: Vec<String>,
    /// All projects.
    pub recursive: bool,
    /// The project at the root.
    pub workspace_root: bool,
}

impl Selection {
    /// Says whether anything was asked for. Without it a command means the project that the current folder lies in.
    pub fn is_given(&self) -> bool {
        !self.filters.is_empty() || self.recursive || self.workspace_root
    }
}

/// Returns the projects that are meant, as indices into [`Workspace::projects`], sorted. Without filters these are all
/// projects with `recursive`, the root's own with `workspace_root`, and else the one that `cwd` (absolute) lies in.
pub fn select(workspace: &Workspace, graph: &ProjectGraph, selection: &Selection, cwd: &Path) -> Result<Vec<usize>> {
    if selection.filters.is_empty() {
        return Ok(match (selection.recursive, selection.workspace_root) {
            (true, _) => (0..workspace.projects.len()).collect(),
            (false, true) => vec![0],
            (false, false) => vec![workspace.project_at(cwd)],
        });
    }
    let filters = selection.filters.iter().map(|text| Filter::parse(text)).collect::<Result<Vec<Filter>>>()?;
    let dependents = graph.dependents();
    let here = Here { workspace, dependencies: &graph.dependencies, dependents: &dependents, cwd };
    let mut selected = BTreeSet::new();
    if filters.iter().all(|filter| filter.excludes) {
        selected.extend(0..workspace.projects.len());
    }
    for filter in filters.iter().filter(|filter| !filter.excludes) {
        selected.extend(here.meant(filter)?);
    }
    if selection.workspace_root {
        selected.insert(0);
    }
    for filter in filters.iter().filter(|filter| filter.excludes) {
        for index in here.meant(filter)? {
            selected.remove(&index);
        }
    }
    Ok(selected.into_iter().collect())
}

/// What filters are read against.
struct Here<'a> {
    workspace: &'a Workspace,
    dependencies: &'a [Vec<usize>],
    dependents: &'a [Vec<usize>],
    cwd: &'a Path,
}

impl Here<'_> {
    /// Returns the projects that one filter means, whether it takes them in or out.
    fn meant(&self, filter: &Filter) -> Result<BTreeSet<usize>> {
        let named = self.named(filter)?;
        let mut meant = BTreeSet::new();
        if filter.dependencies {
            meant.extend(reach(self.dependencies, &named));
        }
        if filter.dependents {
            let above = reach(self.dependents, &named);
            if filter.dependencies {
                meant.extend(reach(self.dependencies, &above));
            }
            meant.extend(above);
        }
        match (filter.dependencies || filter.dependents, filter.without_itself) {
            (false, _) | (true, false) => meant.extend(named),
            (true, true) => named.iter().for_each(|index| {
                meant.remove(index);
            }),
        }
        Ok(meant)
    }

    /// Returns the projects that a filter names itself.
    fn named(&self, filter: &Filter) -> Result<BTreeSet<usize>> {
        let projects = &self.workspace.projects;
        let mut named: BTreeSet<usize> = (0..projects.len()).collect();
        if let Some(since) = &filter.since {
            named = changed::since(self.workspace, since, filter)?;
        }
        if let Some(folder) = &filter.folder {
            let folders = filter.folders(folder, self.workspace, self.cwd)?;
            named.retain(|index| folders.is_match(&projects[*index].path, filter.since.is_some()));
        }
        if let Some(name) = &filter.name {
            let matches = |pattern: &str| -> Result<BTreeSet<usize>> {
                let names = filter.names(pattern)?;
                Ok(named.iter().copied().filter(|index| projects[*index].name().is_some_and(|name| names.is_match(name))).collect())
            };
            let mut found = matches(name)?;
            if found.is_empty() && !name.starts_with('@') && !name.contains('/') {
                // A name without its scope will do where it can mean one project only.
                found = Some(matches(&format!("@*/{name}"))?).filter(|scoped| scoped.len() == 1).unwrap_or_default();
            }
            named = found;
        }
        Ok(named)
    }
}

/// Returns what some projects lead to over the edges of a graph. The projects themselves are in it only if others of it
/// lead to them.
fn reach(edges: &[Vec<usize>], from: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<usize> = from.iter().copied().collect();
    while let Some(index) = open.pop() {
        open.extend(edges[index].iter().copied().filter(|next| reached.insert(*next)));
    }
    reached
}

#[cfg(test)]
mod tests;
