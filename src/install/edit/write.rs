//! Writes the manifests that were changed in memory.

use crate::error::{Code, Error};
use crate::install::failure;
use crate::install::session::Session;
use std::path::PathBuf;

/// Manifests that were written, with what stood there before.
#[derive(Default)]
#[must_use = "what was written has to be taken back when what belongs to it cannot be"]
pub(in crate::install) struct Written(Vec<(PathBuf, Vec<u8>)>);

/// Writes all manifests that were changed, or none. One that somebody else has changed since it was read is an error.
pub(in crate::install) fn write(session: &Session<'_>) -> Result<Written, Error> {
    let projects = &session.workspace.projects;
    let changed = session.draft.before.iter().map(|(at, before)| (&projects[*at], before));
    let changed: Vec<_> = changed.filter(|(project, before)| project.text != **before).collect();
    for (project, before) in &changed {
        let path = &project.stamp.path;
        if crate::fs::read(path).map_err(failure::of_file)? != **before {
            let message = format!("{} was changed by somebody else while deka was working, and was left as it is", path.display());
            return Err(Error::new(Code::Manifest, message).hint("Run the command again."));
        }
    }
    let mut written = Written::default();
    for (project, before) in changed {
        let path = &project.stamp.path;
        if let Err(error) = crate::fs::write_atomic(path, &project.text) {
            written.take_back();
            return Err(failure::of_file(error));
        }
        written.0.push((path.clone(), before.clone()));
    }
    Ok(written)
}

impl Written {
    /// Puts back what stood there before.
    pub fn take_back(self) {
        for (path, before) in self.0 {
            // There is an error to report already; this one could only say that the disk is still in trouble.
            let _ = crate::fs::write_atomic(&path, &before);
        }
    }

    /// Returns the paths of the manifests.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().map(|(path, _)| path)
    }
}
