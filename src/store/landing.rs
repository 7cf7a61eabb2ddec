//! Files that are written where they are wanted, and become objects from there.
//!
//! What a cold install writes is wanted twice, as an object and in a slot. Written to a temporary file, renamed and then
//! looked at and linked, a file costs three system calls more than it has to: here it is created in the slot, and the
//! object is a link to it, made when the bytes are whole. A link refuses to replace, as the rename does.
//!
//! A file belongs to whom the folder says that it was made in. So that no project decides who may read the store, there are
//! landings only where the two folders are alike.
//!
//! Nothing here insists. Whatever is not as expected — a path that comes twice, names that the file system takes for one,
//! an object that is wrong, no more links — makes the import go on without a landing; the slot is then filled by a
//! checkout like any other.

use super::checkout::{Target, WORTH_OPENING, make_folder, open_folder};
use super::id::ObjectId;
use super::mark::{Look, Mark};
use super::object::{Found, ObjectPath, Objects, mode};
use crate::fs::{Context, FsError};
use crate::package::path::RelPath;
use rustc_hash::FxHashSet;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// The folder of a package that is filled while the package is imported.
#[derive(Debug)]
pub struct Landing {
    folder: OwnedFd,
    /// The folders that were made in it.
    made: FxHashSet<Box<str>>,
    /// The one that the last file lies in.
    last: String,
    /// How far it was walked to that one since it became the last.
    steps: usize,
    /// A handle on it, once that is worth its price.
    inner: Option<OwnedFd>,
}

/// What decides whom a new file in a folder belongs to and who may read it, beside the process.
#[derive(PartialEq)]
struct Inherited {
    /// The group, where the folder hands it on.
    group: Option<u32>,
    /// Whether the folder hands on a list of who may do what.
    has_list: bool,
}

impl Inherited {
    fn of(folder: &Path) -> Option<Inherited> {
        let stat = rustix::fs::stat(folder).ok()?;
        let hands_on = Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID);
        // With no room for the answer, its length is told.
        let has_list = rustix::fs::getxattr(folder, "system.posix_acl_default", &mut [0_u8; 0]).is_ok();
        Some(Inherited { group: hands_on.then_some(stat.st_gid), has_list })
    }
}

/// Says whether a file that is made in one folder is as open to others as one that is made in the other. Lists are not
/// compared: they are rare, and where there are some the slower way is right.
pub(super) fn are_alike(one: &Path, other: &Path) -> bool {
    let (one, other) = (Inherited::of(one), Inherited::of(other));
    one.is_some_and(|one| !one.has_list && other == Some(one))
}

/// What is put somewhere.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub path: &'a RelPath,
    pub object: &'a ObjectId,
    pub executable: bool,
    pub size_bytes: u64,
}

impl Landing {
    /// Makes the folder, which is not there yet.
    pub fn make(target: Target<'_>) -> Result<Landing, FsError> {
        let folder = make_folder(target).at("create", target.path)?;
        Ok(Landing { folder, made: FxHashSet::default(), last: String::new(), steps: 0, inner: None })
    }

    /// Puts a file there, and into the store. Nothing means that the folder is of no use any more; the store has a right
    /// object or none then.
    pub(super) fn put(&mut self, objects: &Objects, piece: Piece<'_>, bytes: &[u8]) -> Option<Mark> {
        let Piece { object, executable, .. } = piece;
        if let Some(mark) = objects.remembered(object, executable) {
            return self.link(objects, piece, mark);
        }
        let path = ObjectPath::new(object, executable);
        if let Some(mark) = objects.standing(object, &path, executable, bytes).ok()? {
            objects.remember(object, executable, mark);
            return self.link(objects, piece, mark);
        }
        let (mark, adopted) = self.create(objects, piece, &path, bytes)?;
        if adopted {
            objects.remember(object, executable, mark);
            return Some(mark);
        }
        // Another thread or process was faster.
        let Ok(Found::Right(mark)) = objects.compare(&path, executable, bytes) else { return None };
        objects.remember(object, executable, mark);
        self.replace(objects, piece, mark)
    }

    /// Links an object there that has this mark.
    pub(super) fn link(&mut self, objects: &Objects, piece: Piece<'_>, mark: Mark) -> Option<Mark> {
        let (folder, name) = self.place(piece.path)?;
        let own = objects.own_folder();
        let from = own.as_ref().map_or_else(|| objects.folder(), |own| own.as_fd());
        let path = ObjectPath::new(piece.object, piece.executable);
        let look = Objects::look(from, &path).ok()?;
        if look.mark != mark || !look.fits(piece.size_bytes, piece.executable) {
            return None;
        }
        rustix::fs::linkat(from, path.as_c_str(), folder, name, AtFlags::empty()).ok().map(|()| mark)
    }

    /// Puts a link to an object in the place of a file.
    pub(super) fn replace(&mut self, objects: &Objects, piece: Piece<'_>, mark: Mark) -> Option<Mark> {
        let (folder, name) = self.place(piece.path)?;
        rustix::fs::unlinkat(folder, name, AtFlags::empty()).ok()?;
        self.link(objects, piece, mark)
    }

    /// Writes a file and gives it the name of its object; says whether it has got it.
    fn create(&mut self, objects: &Objects, piece: Piece<'_>, path: &ObjectPath, bytes: &[u8]) -> Option<(Mark, bool)> {
        let (folder, name) = self.place(piece.path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(folder, name, flags, mode(piece.executable)).ok()?);
        (&file).write_all(bytes).ok()?;
        let mark = Look::of(&rustix::fs::fstat(&file).ok()?).mark;
        drop(file);
        let own = objects.own_folder();
        let to = own.as_ref().map_or_else(|| objects.folder(), |own| own.as_fd());
        match rustix::fs::linkat(folder, name, to, path.as_c_str(), AtFlags::empty()) {
            Ok(()) => Some((mark, true)),
            Err(Errno::EXIST) => Some((mark, false)),
            Err(_) => None,
        }
    }

    /// Returns where a file belongs, as a folder and a way from there, with all folders on the way made.
    fn place<'a>(&'a mut self, path: &'a RelPath) -> Option<(BorrowedFd<'a>, &'a str)> {
        let Some((folder, name)) = path.as_str().rsplit_once('/') else { return Some((self.folder.as_fd(), path.as_str())) };
        if folder != self.last {
            let ends = folder.match_indices('/').map(|(end, _)| end).chain([folder.len()]);
            for part in ends.map(|end| &folder[..end]) {
                if !self.made.contains(part) {
                    rustix::fs::mkdirat(&self.folder, part, Mode::from_raw_mode(0o777)).ok()?;
                    self.made.insert(part.into());
                }
            }
            folder.clone_into(&mut self.last);
            (self.steps, self.inner) = (0, None);
        } else if self.inner.is_none() {
            self.steps += 1 + folder.bytes().filter(|byte| *byte == b'/').count();
            if self.steps >= WORTH_OPENING {
                self.inner = open_folder(self.folder.as_fd(), folder).ok();
            }
        }
        Some(self.inner.as_ref().map_or_else(|| (self.folder.as_fd(), path.as_str()), |inner| (inner.as_fd(), name)))
    }
}
