//! Writes the files that were changed in memory.

use crate::error::{Code, Error};
use crate::install::failure;
use crate::install::session::Session;
use crate::project::workspace::{WORKSPACE_FILE, Workspace};
use std::path::{Path, PathBuf};

/// Files that were written, with what stood there before.
#[derive(Default)]
#[must_use = "what was written has to be taken back when what belongs to it cannot be"]
pub(in crate::install) struct Written(Vec<(PathBuf, Option<Vec<u8>>)>);

/// A change that is to be written: the file, what stands there and what is to stand there.
type Change<'a> = (&'a Path, Option<&'a [u8]>, &'a [u8]);

/// Writes all files that were changed, or none. One that somebody else has changed since it was read is an error.
pub(in crate::install) fn write(session: &Session<'_>) -> Result<Written, Error> {
    let projects = &session.workspace.projects;
    let manifests = session.draft.before.iter().map(|(at, before)| -> Change<'_> {
        let project = &projects[*at];
        // The root of a workspace may have none.
        (&project.stamp.path, project.stamp.stat.as_ref().map(|_| &**before), &project.text)
    });
    let others = session.draft.rewrites.iter().map(|file| -> Change<'_> { (&file.path, file.before.as_deref(), &file.after) });
    let changes: Vec<Change<'_>> = manifests.chain(others).filter(|(_, before, after)| *before != Some(*after)).collect();
    for (path, before, _) in &changes {
        if crate::fs::read_if_there(path).map_err(failure::of_file)?.as_deref() != *before {
            let message = format!("{} was changed by somebody else while deka was working, and was left as it is", path.display());
            return Err(Error::new(Code::Manifest, message).hint("Run the command again."));
        }
    }
    let mut written = Written::default();
    for (path, before, after) in changes {
        if let Err(error) = crate::fs::write_atomic(path, after) {
            written.take_back();
            return Err(failure::of_file(error));
        }
        written.0.push((path.to_owned(), before.map(<[u8]>::to_vec)));
    }
    Ok(written)
}

/// Removes the drafts of files that an edit was writing when it was killed.
pub(in crate::install) fn remove_abandoned(workspace: &Workspace) {
    workspace.projects.iter().for_each(|project| crate::fs::remove_abandoned_beside(&project.stamp.path));
    crate::fs::remove_abandoned_beside(&workspace.root.join(WORKSPACE_FILE));
}

impl Written {
    /// Puts back what stood there before.
    pub fn take_back(self) {
        for (path, before) in self.0 {
            // There is an error to report already; this one could only say that the disk is still in trouble.
            let _ = match before {
                Some(before) => crate::fs::write_atomic(&path, &before),
                None => crate::fs::remove_file(&path),
            };
        }
    }

    /// Returns the paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().map(|(path, _)| path)
    }
}
