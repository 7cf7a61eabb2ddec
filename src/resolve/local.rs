//! Whether a previous answer still leads to the folders that the projects ask for.
//!
//! What `workspace:` means, and which ranges a project answers, depends on the names and versions of other projects. Those
//! do not stand in the lockfile; they are looked up again, which takes no questions to anybody.

use super::describe;
use super::edges::{Ask, Place, Workspace};
use super::error::ResolveError;
use super::graph::{Importer, Resolution, Source, Target, asked};
use super::overrides::{Overrides, Verdict};
use super::request::{ImporterRequest, Request};
use super::tree::Outcome;
use crate::package::name::PackageName;

/// Returns the first dependency, as the folder of its project and its alias, that leads to a folder of this machine and
/// did not before, or the other way round. The request needs neither pins nor registries. Dependencies that are new or
/// have another specifier may be passed over.
pub fn moved(request: &Request, previous: &Resolution) -> Result<Option<(String, String)>, ResolveError> {
    let overrides = Overrides::parse(&request.overrides)?;
    let workspace = Workspace::new(request);
    for importer in &request.importers {
        let known = previous.importers.binary_search_by(|known| known.path.as_str().cmp(&importer.path));
        let Ok(known) = known.map(|at| &previous.importers[at]) else { continue };
        if let Some(alias) = moved_in(importer, known, previous, (&overrides, &workspace), request.options.auto_install_peers) {
            return Ok(Some((importer.path.clone(), alias)));
        }
    }
    Ok(None)
}

fn moved_in(
    importer: &ImporterRequest,
    known: &Importer,
    previous: &Resolution,
    (overrides, workspace): (&Overrides, &Workspace),
    auto_install_peers: bool,
) -> Option<String> {
    let manifest = &importer.manifest;
    let identity = manifest.name.as_deref().map(|name| (name, manifest.version.as_deref().unwrap_or_default()));
    let moved = asked(manifest, auto_install_peers).into_iter().find(|asked| {
        let before = known.dependencies.binary_search_by(|direct| direct.alias.as_str().cmp(asked.alias));
        let (Ok(before), Ok(alias)) = (before, PackageName::parse(asked.alias)) else { return false };
        let target = known.dependencies[before].target.as_ref();
        let verdict = overrides.verdict(identity, asked.alias, asked.specifier);
        if verdict == Verdict::Removed {
            return false;
        }
        let now = describe::outcome(workspace.read(&alias, asked.specifier, verdict, Place::project(importer, asked.alias)));
        !is_same(&now, target, previous)
    });
    moved.map(|asked| asked.alias.to_owned())
}

/// Says whether a dependency leads where it did, as far as that can be told without asking.
fn is_same(now: &Outcome, before: Option<&Target>, previous: &Resolution) -> bool {
    let copied = match before {
        Some(Target::Instance(index)) => match &previous.package_of(*index).source {
            Source::Folder { path } => Some(path),
            _ => None,
        },
        _ => None,
    };
    match now {
        Outcome::Folder(path) => before == Some(&Target::Folder(path.clone())),
        Outcome::Waiting(Ask::External(Source::Folder { path })) => copied == Some(path),
        Outcome::Failed(_) => before.is_none(),
        _ => copied.is_none() && !matches!(before, Some(Target::Folder(_))),
    }
}
