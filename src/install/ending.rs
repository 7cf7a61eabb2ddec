//! The last act of an install: writing down what `node_modules` was made from, so that the next one can tell that there
//! is nothing to do.

use super::building::Built;
use super::edit::Written;
use super::folder::{self, Contents};
use super::session::Session;
use super::{LOCKFILE, failure};
use crate::error::Error;
use crate::layout::plan::Folder;
use crate::project::boot::BootId;
use crate::project::stamp::FileStamp;
use crate::project::state::{LinkFolder, State};
use crate::resolve::graph::{Resolution, Source};

/// Writes the state file. `folders` is what was copied, `written` what was edited.
pub(super) fn write_state(
    session: &Session,
    resolution: &Resolution,
    (built, folders, written): (&Built, &Contents, &Written),
    quarantine: FileStamp,
) -> Result<(), Error> {
    let root = &session.workspace.root;
    let mut inputs = session.settings.inputs.clone();
    for path in written.paths() {
        inputs.files.iter_mut().filter(|stamp| stamp.path == *path).for_each(|stamp| *stamp = FileStamp::of_written(path));
    }
    inputs.files.push(FileStamp::of_written(&root.join(LOCKFILE)));
    inputs.files.push(quarantine);
    inputs.files.extend(resolution.packages.iter().filter_map(|package| match &package.source {
        Source::LocalTarball { path } => Some(FileStamp::take(&root.join(path))),
        _ => None,
    }));
    // The install itself has made folders among those that were looked at. What stands there is stamped once more, and
    // believed only where it is the same as before.
    let now = folder::look(root, resolution);
    let looked_at = session.workspace.look_again().map_err(failure::of_project)?;
    match looked_at.filter(|_| now.digests == folders.digests) {
        Some(looked_at) => inputs.files.extend(looked_at.into_iter().chain(now.stamps)),
        // That the root is not there is never true, so the next install looks.
        None => inputs.files.push(FileStamp { path: root.clone(), stat: None }),
    }
    let modules = session.places.modules_dir.as_str();
    let linked = |importer: &Folder| LinkFolder {
        path: if importer.path == "." { modules.to_owned() } else { format!("{}/{modules}", importer.path) },
        links: importer.links.iter().map(|link| link.alias.to_string()).collect(),
    };
    let wanted = &built.wanted;
    let state = State {
        root: root.clone(),
        inputs,
        store_dir: session.settings.store_dir.clone(),
        groups: session.settings.groups,
        only: if wanted.partial { wanted.importers.iter().map(|importer| importer.path.clone()).collect() } else { Vec::new() },
        linked: wanted.importers.iter().filter(|importer| !importer.links.is_empty()).map(linked).collect(),
        boot: BootId::current(),
        packages: u32::try_from(resolution.instances.len()).unwrap_or(u32::MAX),
    };
    state.write(&session.modules_dir()).map_err(failure::of_file)
}
