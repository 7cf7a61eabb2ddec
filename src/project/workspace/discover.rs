//! Looks for the folders that the globs of a workspace name.
//!
//! Everything that was looked at leaves its stamp: folders that were listed, and manifests that were not there. A project
//! that comes or goes changes one of them, so the next install can tell without looking again.

use super::globs::{Glob, Globs, is_foreign};
use super::{MANIFEST, Warning};
use crate::fs::{Context, Result};
use crate::project::stamp::FileStamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The folders of projects, relative to the root with `/`, without the root itself.
    pub folders: BTreeSet<String>,
    /// What was looked at, by path.
    pub looked_at: BTreeMap<PathBuf, FileStamp>,
    /// Folders that a glob names and a link leads out of the workspace to.
    pub warnings: Vec<Warning>,
}

/// Looks for projects below a root.
pub(super) fn discover(root: &Path, globs: &Globs) -> Result<Found> {
    let mut search = Search { root: fs::canonicalize(root).at("open", root)?, globs, found: Found::default() };
    for glob in globs.wanted() {
        search.start(glob, root)?;
    }
    Ok(search.found)
}

struct Search<'a> {
    /// The root without links on the way to it.
    root: PathBuf,
    globs: &'a Globs,
    found: Found,
}

/// A folder that is looked at.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Where it stands, without links on the way to it.
    real: &'a Path,
    /// How the globs see it, relative to the root; empty for the root.
    named: &'a str,
    /// How many levels below it are of interest.
    depth: usize,
}

impl Search<'_> {
    fn start(&mut self, glob: &Glob, root: &Path) -> Result<()> {
        let base = root.join(&glob.base);
        match fs::canonicalize(&base) {
            Ok(real) if real.starts_with(&self.root) => {
                self.visit(Place { real: &real, named: &glob.base, depth: glob.depth }, glob.hidden)
            }
            Ok(_) => {
                self.found.warnings.push(Warning::LinkOutside { link: base });
                Ok(())
            }
            Err(_) => {
                self.note(&base);
                Ok(())
            }
        }
    }

    fn visit(&mut self, place: Place<'_>, hidden: bool) -> Result<()> {
        if !place.named.is_empty() && self.globs.admit(place.named) {
            self.take(place.real);
        }
        if place.depth == 0 || !place.real.is_dir() {
            return Ok(());
        }
        self.note(place.real);
        for entry in fs::read_dir(place.real).at("list", place.real)? {
            let entry = entry.at("list", place.real)?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !is_foreign(name) && (hidden || !name.starts_with('.'))) else { continue };
            let named = if place.named.is_empty() { name.to_owned() } else { format!("{}/{name}", place.named) };
            let kind = entry.file_type().at("look at", &entry.path())?;
            if kind.is_dir() {
                self.visit(Place { real: &entry.path(), named: &named, depth: place.depth - 1 }, hidden)?;
            } else if kind.is_symlink() && self.globs.admit(&named) {
                self.follow(&entry.path());
            }
        }
        Ok(())
    }

    /// Looks at what a link leads to, but not below it: a link inside of the workspace stands for the folder that it leads
    /// to, and one that leads out of it for nothing.
    fn follow(&mut self, link: &Path) {
        let Ok(real) = fs::canonicalize(link) else { return };
        if real.starts_with(&self.root) {
            self.take(&real);
        } else if real.join(MANIFEST).is_file() {
            self.found.warnings.push(Warning::LinkOutside { link: link.to_owned() });
        }
    }

    /// Notes a folder as a project if it holds a manifest.
    fn take(&mut self, real: &Path) {
        let manifest = real.join(MANIFEST);
        let below = real.strip_prefix(&self.root).ok().and_then(Path::to_str).filter(|below| !below.is_empty());
        match below.filter(|below| !below.split('/').any(is_foreign)) {
            Some(below) if manifest.is_file() => {
                self.found.folders.insert(below.to_owned());
            }
            Some(_) => self.note(&manifest),
            None => {}
        }
    }

    /// Takes the stamp of a path; it is taken before the path is read.
    fn note(&mut self, path: &Path) {
        if !self.found.looked_at.contains_key(path) {
            self.found.looked_at.insert(path.to_owned(), FileStamp::take(path));
        }
    }
}
