//! The folder that is deployed to: checked before anything is done to it, and emptied again when that fails.

use super::parts::{Kind, Part};
use crate::error::{Code, Error};
use crate::fs::{Context, FsError};
use crate::install::failure::of_file;
use crate::layout::join;
use crate::project::settings::ImportMethod;
use crate::project::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder that may be filled.
pub(super) struct Target<'a> {
    folder: &'a Path,
    /// Whether the folder itself is to be made.
    is_new: bool,
}

impl Target<'_> {
    /// Checks that a folder is new, or empty, or with `force` one that may be emptied.
    pub fn check<'a>(workspace: &Workspace, folder: &'a Path, home: Option<&Path>, force: bool) -> Result<Target<'a>, Error> {
        let refuse = |reason: &str| Err(Error::new(Code::Usage, format!("cannot deploy to {}: {reason}", folder.display())));
        let found = match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Target { folder, is_new: true }),
            found => found.at("look at", folder).map_err(of_file)?,
        };
        if !found.is_dir() {
            return refuse("it is not a folder");
        }
        let real = folder.canonicalize().at("look at", folder).map_err(of_file)?;
        let lies_in = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(&real));
        if home.is_some_and(lies_in) || workspace.projects.iter().any(|project| lies_in(&project.folder)) {
            return refuse("it holds a project of the workspace, or your home");
        }
        let is_empty = fs::read_dir(folder).at("read", folder).map_err(of_file)?.next().is_none();
        if !is_empty && !force {
            let error = Error::new(Code::Usage, format!("cannot deploy to {}: it is not empty", folder.display()));
            return Err(error.hint("With `--force` everything in it is deleted first."));
        }
        Ok(Target { folder, is_new: false })
    }

    /// Empties the folder and fills it. When that fails it is left empty, or not there if it was not.
    pub fn fill<T>(self, work: impl FnOnce(&Target<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.empty().map_err(of_file)?;
        crate::fs::create_dir_all(self.folder).map_err(of_file)?;
        let outcome = work(&self);
        if outcome.is_err() {
            // The error that is at hand says more than one of tidying up.
            let _ = if self.is_new { crate::fs::remove_all(self.folder) } else { self.empty() };
        }
        outcome
    }

    fn empty(&self) -> Result<(), FsError> {
        if self.is_new {
            return Ok(());
        }
        for entry in fs::read_dir(self.folder).at("read", self.folder)? {
            crate::fs::remove_all(&entry.at("read", self.folder)?.path())?;
        }
        Ok(())
    }

    /// Copies a part to its place. Its manifest is written later.
    pub fn copy(&self, part: &Part, files: &[String], method: ImportMethod) -> Result<(), Error> {
        if part.kind == Kind::Tarball {
            return self.copy_file(&part.from, &part.place, method);
        }
        for path in files.iter().filter(|path| *path != crate::project::workspace::MANIFEST) {
            self.copy_file(&part.from.join(path), &join(&part.place, path), method)?;
        }
        Ok(())
    }

    /// Copies a file. A link is made only where the settings name it: who edits what was deployed does not expect to edit
    /// the source.
    fn copy_file(&self, from: &Path, to: &str, method: ImportMethod) -> Result<(), Error> {
        let to = self.place(to)?;
        if method == ImportMethod::Hardlink && fs::hard_link(from, &to).is_ok() {
            return Ok(());
        }
        let copied = match method {
            ImportMethod::Copy => fs::copy(from, &to).map(drop),
            _ => reflink_copy::reflink_or_copy(from, &to).map(drop),
        };
        copied.at("copy to", &to).map_err(of_file)
    }

    /// Writes a file.
    pub fn write(&self, to: &str, bytes: &[u8]) -> Result<(), Error> {
        let to = self.place(to)?;
        fs::write(&to, bytes).at("write", &to).map_err(of_file)
    }

    /// Returns the path of a file, in a folder that is there.
    fn place(&self, to: &str) -> Result<PathBuf, Error> {
        let to = self.folder.join(to);
        if let Some(above) = to.parent() {
            crate::fs::create_dir_all(above).map_err(of_file)?;
        }
        Ok(to)
    }
}
