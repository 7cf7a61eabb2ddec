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
use crate::timings::Part;

/// What was installed.
pub(super) struct Installed {
    /// The projects that it was done for; empty for all of them.
    pub only: Vec<String>,
    /// The links in the `node_modules` of projects.
    pub linked: Vec<LinkFolder>,
    /// How many packages there are.
    pub packages: u32,
}

impl Installed {
    /// Returns what a build has installed.
    pub fn of(session: &Session, resolution: &Resolution, built: &Built) -> Installed {
        let modules = session.places.modules_dir.as_str();
        let linked = |importer: &Folder| LinkFolder {
            path: if importer.path == "." { modules.to_owned() } else { format!("{}/{modules}", importer.path) },
            links: importer.links.iter().map(|link| link.alias.to_string()).collect(),
        };
        let wanted = &built.wanted;
        Installed {
            only: if wanted.partial { wanted.importers.iter().map(|importer| importer.path.clone()).collect() } else { Vec::new() },
            linked: wanted.importers.iter().filter(|importer| !importer.links.is_empty()).map(linked).collect(),
            packages: u32::try_from(resolution.instances.len()).unwrap_or(u32::MAX),
        }
    }
}

/// Writes the state file. `folders` is what was copied, `written` what was edited.
pub(super) fn write_state(
    session: &Session,
    resolution: &Resolution,
    (built, folders, written): (&Built, &Contents, &Written),
    quarantine: FileStamp,
) -> Result<(), Error> {
    let root = &session.workspace.root;
    let mut files = vec![quarantine];
    files.extend(resolution.packages.iter().filter_map(|package| match &package.source {
        Source::LocalTarball { path } => Some(FileStamp::take(&root.join(path))),
        _ => None,
    }));
    // The install itself has made folders among those that were looked at. What stands there is stamped once more, and
    // believed only where it is the same as before.
    let now = folder::look(root, resolution);
    files.extend(if now.digests == folders.digests { now.stamps } else { vec![never(session)] });
    write(session, Installed::of(session, resolution, built), files, written)
}

/// Writes the state file. `files` are what the install was made from besides manifests, settings and lockfile; `written`
/// is what was edited.
pub(super) fn write(session: &Session, installed: Installed, files: Vec<FileStamp>, written: &Written) -> Result<(), Error> {
    let _step = session.counters.timings.step(Part::Rest, "writing of the state");
    let root = &session.workspace.root;
    let mut inputs = session.settings.inputs.clone();
    for path in written.paths() {
        inputs.files.iter_mut().filter(|stamp| stamp.path == *path).for_each(|stamp| *stamp = FileStamp::of_written(path));
    }
    inputs.files.push(FileStamp::of_written(&root.join(LOCKFILE)));
    inputs.files.extend(files);
    let looked_at = session.workspace.look_again().map_err(failure::of_project)?;
    inputs.files.extend(looked_at.unwrap_or_else(|| vec![never(session)]));
    let Installed { only, linked, packages } = installed;
    let (store_dir, groups) = (session.settings.store_dir.clone(), session.settings.groups);
    let state = State { root: root.clone(), inputs, store_dir, groups, only, linked, boot: BootId::current(), packages };
    state.write(&session.modules_dir()).map_err(failure::of_file)
}

/// A stamp that is never right, so that the next install looks: it says that the root is not there.
fn never(session: &Session) -> FileStamp {
    FileStamp { path: session.workspace.root.clone(), stat: None }
}
