//! A folder of links, held open.
//!
//! Whatever a repository ships may lie in `node_modules` before an install: links that lead out of the project, files
//! where folders belong. So folders are opened one segment at a time without following links, a link in the way is
//! unlinked, and all work goes through the open handle.

use super::Places;
use super::record::LinkText;
use super::warning::Warning;
use crate::fs::{Context, FsError, Result};
use crate::project::folder::enter;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

const OPEN: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);
/// Where what stands in the way of a direct dependency is moved to.
const IGNORED: &str = ".ignored";

/// An open folder, and the one folder of a scope in it that was used last.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
    scope: Option<(String, OwnedFd)>,
}

impl Folder {
    /// Opens a folder that the user chose; links on the way are theirs and are followed. Made if it is not there.
    pub fn open_trusted(path: &Path) -> Result<Folder> {
        match Folder::open_existing(path) {
            Err(error) if error.is_not_found() => {
                crate::fs::create_dir_all(path)?;
                Folder::open_existing(path)
            }
            other => other,
        }
    }

    fn open_existing(path: &Path) -> Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let handle = rustix::fs::open(path, flags, Mode::empty()).at("open", path)?;
        Ok(Folder::new(handle, path.to_owned()))
    }

    fn new(handle: OwnedFd, path: PathBuf) -> Folder {
        Folder { handle, path, scope: None }
    }

    /// Returns where the folder is, for messages and for callers that need a path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open handle.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Says whether the folder still has its name.
    pub fn is_there(&self) -> bool {
        self.path.is_dir()
    }

    /// Opens a folder below this one, segment by segment. What is not there is made, and a link or a file that stands in
    /// the way is unlinked.
    pub fn make(&self, below: &str) -> Result<Folder> {
        let mut folder: Option<Folder> = None;
        for segment in below.split('/') {
            let above = folder.as_ref().unwrap_or(self);
            let handle = enter(above.handle(), Path::new(segment)).at("open", &above.path.join(segment))?;
            folder = Some(Folder::new(handle, above.path.join(segment)));
        }
        folder.ok_or_else(|| FsError { verb: "open", path: self.path.clone(), source: Errno::NOENT.into() })
    }

    /// Opens a folder below this one if it is there and no link leads to it.
    pub fn open(&self, below: &str) -> Option<Folder> {
        let mut folder: Option<Folder> = None;
        for segment in below.split('/') {
            let above = folder.as_ref().unwrap_or(self);
            let handle = rustix::fs::openat(above.handle(), segment, OPEN, Mode::empty()).ok()?;
            folder = Some(Folder::new(handle, above.path.join(segment)));
        }
        folder
    }

    /// Sets a link. One that says the same stays; another one is replaced in one step, by way of `aside`; anything else
    /// that stands there is moved to `.ignored` beside it and told of. Returns whether the disk was changed.
    pub fn put_link(&mut self, link: &LinkText, aside: &Folder, warnings: &mut Vec<Warning>) -> Result<bool> {
        let (place, text) = (link.0.as_str(), link.1.as_str());
        let path = self.path.join(place);
        let (above, name) = self.above(place)?;
        match rustix::fs::symlinkat(text, above, name) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno).at("link", &path),
        }
        match rustix::fs::readlinkat(above, name, Vec::new()) {
            Ok(found) if found.as_bytes() == text.as_bytes() => return Ok(false),
            Ok(_) => replace_link(above, name, text, aside).at("replace", &path)?,
            Err(Errno::INVAL) => {
                self.move_aside(place)?;
                warnings.push(Warning::MovedAside { path: path.clone() });
                let (above, name) = self.above(place)?;
                rustix::fs::symlinkat(text, above, name).at("link", &path)?;
            }
            Err(errno) => return Err(errno).at("read the link", &path),
        }
        Ok(true)
    }

    /// Moves what stands at a place to the same place below `.ignored`, and out with what was moved there before.
    fn move_aside(&mut self, place: &str) -> Result<()> {
        let mut ignored = self.make(IGNORED)?;
        crate::fs::remove_all(&ignored.path.join(place))?;
        let path = self.path.join(place);
        let (to, name) = ignored.above(place)?;
        let (from, _) = self.above(place)?;
        rustix::fs::renameat(from, name, to, name).at("move aside", &path)
    }

    /// Removes a link if it says what it is known to say; anything else there is somebody else's.
    pub fn drop_link(&mut self, place: &str, text: &str) -> Result<bool> {
        if !self.has_link(place, text) {
            return Ok(false);
        }
        let path = self.path.join(place);
        let (above, name) = self.above(place)?;
        rustix::fs::unlinkat(above, name, AtFlags::empty()).at("remove", &path)?;
        if let Some((scope, _)) = place.split_once('/') {
            self.scope = None;
            // Fails while the folder holds anything, which is as it should be.
            let _ = rustix::fs::unlinkat(&self.handle, scope, AtFlags::REMOVEDIR);
        }
        Ok(true)
    }

    /// Says whether a link with this text stands at a place.
    pub fn has_link(&self, place: &str, text: &str) -> bool {
        // A scope that is a link would be followed here, to no harm: nothing is written.
        rustix::fs::readlinkat(&self.handle, place, Vec::new()).is_ok_and(|found| found.as_bytes() == text.as_bytes())
    }

    /// Lists the folder: each name and whether it is a folder (and no link to one).
    pub fn list(&self) -> Result<Vec<(String, bool)>> {
        let entries = Dir::read_from(&self.handle).at("list", &self.path)?;
        let mut list = Vec::new();
        for entry in entries {
            let entry = entry.at("list", &self.path)?;
            // A name that is no text is not one that deka made.
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                let folder = match entry.file_type() {
                    FileType::Unknown => self.is_folder(name),
                    found => found == FileType::Directory,
                };
                list.push((name.to_owned(), folder));
            }
        }
        Ok(list)
    }

    /// Says whether a folder stands at a path below this one; a link to a folder is none.
    pub fn is_folder(&self, below: &str) -> bool {
        let found = rustix::fs::statat(&self.handle, below, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Directory)
    }

    /// The folder that an entry stands in, and the entry's name there: its scope's, made when it is missing. Places with
    /// more segments (a link inside of a package) lead through folders that deka made.
    fn above<'a>(&'a mut self, place: &'a str) -> Result<(BorrowedFd<'a>, &'a str)> {
        let Some((folder, name)) = place.rsplit_once('/') else {
            return Ok((self.handle.as_fd(), place));
        };
        if self.scope.as_ref().is_none_or(|(open, _)| open != folder) {
            let handle = self.make(folder)?.handle;
            self.scope = Some((folder.to_owned(), handle));
        }
        Ok((self.scope.as_ref().map_or(self.handle.as_fd(), |(_, handle)| handle.as_fd()), name))
    }
}

/// Opens the folder of links at a path relative to the root, if it is there. The way to a project is the user's and may
/// lead through links; from there on none is followed.
pub fn of_links(places: &Places, path: &str) -> Option<Folder> {
    let (project, below) = split(places, path)?;
    Folder::open_existing(&places.root.join(project)).ok()?.open(below)
}

/// As [`of_links`], but makes what is missing.
pub fn make_of_links(places: &Places, path: &str) -> Result<Folder> {
    let (project, below) = split(places, path).unwrap_or(("", path));
    Folder::open_trusted(&places.root.join(project))?.make(below)
}

/// Splits the path of a folder of links into the project's and the rest.
fn split<'a>(places: &'a Places, path: &'a str) -> Option<(&'a str, &'a str)> {
    if path.strip_prefix(places.virtual_dir.as_str()).is_some_and(|rest| rest.starts_with('/')) {
        return Some(("", path));
    }
    let project = path.strip_suffix(places.modules_dir.as_str())?;
    (project.is_empty() || project.ends_with('/')).then(|| (project, &path[project.len()..]))
}

fn replace_link(above: BorrowedFd<'_>, name: &str, text: &str, aside: &Folder) -> rustix::io::Result<()> {
    // Made where a kill leaves it to be swept, since nobody would know it for deka's here.
    let spare = crate::fs::unique_suffix();
    rustix::fs::symlinkat(text, aside.handle(), &*spare)?;
    match rustix::fs::renameat(aside.handle(), &*spare, above, name) {
        // The project's folder is on another file system than the slots.
        Err(Errno::XDEV) => {
            rustix::fs::unlinkat(above, name, AtFlags::empty())?;
            rustix::fs::symlinkat(text, above, name)
        }
        done => done,
    }
}
