//! Putting the files of a package into a folder.
//!
//! This is the whole of a warm install, so the loop over the files makes two system calls each and allocates nothing: a
//! stat that tells whether the object is as its writer left it, and the link. Both are relative to open folders. Folders
//! are made on the way: in a sorted tree everything below a folder stands together, so a folder is new exactly when the
//! path before did not lie in it.
//!
//! An object that does not look as it should is hashed first. If its bytes are right its mark is learnt anew (the
//! store was copied, restored, touched); if not, it is not handed out, and the caller fetches the package again.

use super::Store;
use super::error::{CheckoutError, Damage, StoreError, explain};
use super::id::TreeId;
use super::mark::{Epoch, Mark};
use super::method::Method;
use super::object::{Found, ObjectPath, Objects, mode};
use super::package::StoredPackage;
use super::tree::Entry;
use super::verify::{ObjectName, damaged};
use crate::fs::{Context, FsError};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// How a package is put somewhere.
#[derive(Clone, Copy, Debug)]
pub struct CheckoutOptions {
    /// What to do with each file.
    pub method: Method,
    /// Whether to hash every object, whatever its stat says.
    pub verify: bool,
}

/// What a checkout did besides.
#[derive(Debug, Default)]
pub struct Checkout {
    /// The method did not work for some files, which were copied.
    pub copied_instead: bool,
    /// New marks, for [`Store::commit_marks`].
    pub learnt: Option<Learnt>,
}

/// The marks of a tree whose objects were hashed and found right.
#[derive(Clone, Debug)]
pub struct Learnt {
    pub(super) tree: TreeId,
    pub(super) epoch: Epoch,
    pub(super) marks: Vec<Mark>,
}

/// With fewer files than this, opening the folder of objects once more costs more than it saves.
const WORTH_A_HANDLE: usize = 12;

/// One checkout on its way.
struct Work<'a> {
    store: &'a Store,
    package: &'a StoredPackage,
    into: &'a Path,
    folder: OwnedFd,
    /// A handle of the folder of objects that no other thread uses.
    own_objects: Option<OwnedFd>,
    method: Method,
    copied_instead: bool,
    /// The marks, once one of them is not what the index has.
    learnt: Option<Vec<Mark>>,
    damaged: Vec<Damage>,
}

/// Puts the files of a package into a folder that is not there yet.
pub(super) fn checkout(store: &Store, package: &StoredPackage, into: &Path, options: CheckoutOptions) -> Result<Checkout, CheckoutError> {
    let folder = make_folder(into)?;
    let method = options.method;
    let own_objects = (package.tree.len() >= WORTH_A_HANDLE).then(|| store.objects.own_folder()).flatten();
    let mut work = Work { store, package, into, folder, own_objects, method, copied_instead: false, learnt: None, damaged: Vec::new() };
    let trusted = package.epoch == store.epoch || package.epoch == Epoch::DURABLE;
    let mut folder_before = "";
    for (index, entry) in package.tree.entries().enumerate() {
        let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder != folder_before {
            work.make_folders(folder, folder_before)?;
            folder_before = folder;
        }
        let path = ObjectPath::new(&entry.object, entry.executable);
        let mark = package.marks.get(index).copied().unwrap_or(Mark::UNKNOWN);
        let seen = Objects::look(work.objects_folder(), &path);
        let unchanged = seen.is_ok_and(|look| look.mark == mark && look.fits(entry.size_bytes, entry.executable));
        if unchanged && trusted && !options.verify || work.check(index, &entry, &path)? {
            work.place(index, &entry, &path)?;
        }
    }
    work.finish(trusted)
}

fn make_folder(into: &Path) -> Result<OwnedFd, CheckoutError> {
    rustix::fs::mkdir(into, Mode::from_raw_mode(0o777)).at("create", into).map_err(explain)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(into, flags, Mode::empty()).at("open", into)?)
}

impl Work<'_> {
    fn objects_folder(&self) -> BorrowedFd<'_> {
        self.own_objects.as_ref().map_or_else(|| self.store.objects.folder(), AsFd::as_fd)
    }

    /// Makes the folders above a file that the file before did not lie in.
    fn make_folders(&self, folder: &str, before: &str) -> Result<(), StoreError> {
        let inner = folder.match_indices('/').map(|(at, _)| at);
        let last = (!folder.is_empty()).then_some(folder.len());
        for end in inner.chain(last) {
            let part = &folder[..end];
            let is_there = before.strip_prefix(part).is_some_and(|tail| tail.is_empty() || tail.starts_with('/'));
            if !is_there {
                match rustix::fs::mkdirat(&self.folder, part, Mode::from_raw_mode(0o777)) {
                    // Two names that this file system takes for one.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno).at("create", &self.into.join(part)).map_err(explain),
                }
            }
        }
        Ok(())
    }

    /// Hashes an object. Says whether it can be used, and remembers its mark if that is new.
    fn check(&mut self, index: usize, entry: &Entry<'_>, path: &ObjectPath) -> Result<bool, StoreError> {
        let objects = &self.store.objects;
        let mark = match objects.inspect(path, &entry.object, entry.executable, entry.size_bytes)? {
            Found::Right(mark) => mark,
            Found::WrongMode if self.store.is_writable() => objects.renew(path, &entry.object, entry.executable)?,
            found => {
                let missing = matches!(found, Found::Missing);
                if !missing && self.store.is_writable() {
                    // Projects may have a link to it. An install that cannot note that heals all the same.
                    let name = ObjectName { object: entry.object, executable: entry.executable, size_bytes: entry.size_bytes };
                    let _ = damaged::note(&self.store.root, &name);
                }
                // The next import looks at it again and replaces it.
                objects.forget(&entry.object, entry.executable);
                self.damaged.push(Damage { path: entry.path.to_owned(), object: objects.path_of(path), missing });
                return Ok(false);
            }
        };
        self.learn(index, mark);
        Ok(true)
    }

    fn learn(&mut self, index: usize, mark: Mark) {
        if self.package.marks.get(index) != Some(&mark) {
            let learnt = self.learnt.get_or_insert_with(|| self.package.marks.clone());
            if let Some(known) = learnt.get_mut(index) {
                *known = mark;
            }
        }
    }

    fn place(&mut self, index: usize, entry: &Entry<'_>, path: &ObjectPath) -> Result<(), StoreError> {
        // When something is damaged the folder is of no use; the rest is only checked.
        if !self.damaged.is_empty() {
            return Ok(());
        }
        match self.method {
            Method::Hardlink => self.link(index, entry, path),
            Method::Reflink => {
                let source = self.store.objects.path_of(path);
                match reflink_copy::reflink(&source, self.into.join(entry.path)) {
                    Ok(()) => Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Err(FsError { verb: "reflink", path: source, source: error }.into())
                    }
                    Err(_) => self.copy_from_now_on(entry, path),
                }
            }
            Method::Copy => self.copy(entry, path),
        }
    }

    fn link(&mut self, index: usize, entry: &Entry<'_>, path: &ObjectPath) -> Result<(), StoreError> {
        let objects = &self.store.objects;
        let link = || rustix::fs::linkat(self.objects_folder(), path.as_c_str(), &self.folder, entry.path, AtFlags::empty());
        match link() {
            Ok(()) => Ok(()),
            // The inode has all the links it can have. A new one takes its place in the store.
            Err(Errno::MLINK) if self.store.is_writable() => {
                let mark = objects.renew(path, &entry.object, entry.executable)?;
                link().at("link", &objects.path_of(path))?;
                self.learn(index, mark);
                Ok(())
            }
            Err(Errno::MLINK) => self.copy(entry, path),
            // Another file system, one without links, or an object of another user, which the kernel may protect.
            Err(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => self.copy_from_now_on(entry, path),
            Err(errno) => Err(errno).at("link a file of the store to", &self.target(entry)).map_err(explain),
        }
    }

    fn copy_from_now_on(&mut self, entry: &Entry<'_>, path: &ObjectPath) -> Result<(), StoreError> {
        self.method = Method::Copy;
        self.copied_instead = true;
        self.copy(entry, path)
    }

    fn copy(&self, entry: &Entry<'_>, path: &ObjectPath) -> Result<(), StoreError> {
        let objects = &self.store.objects;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source = rustix::fs::openat(objects.folder(), path.as_c_str(), flags, Mode::empty());
        let mut source = File::from(source.at("open", &objects.path_of(path))?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let target = rustix::fs::openat(&self.folder, entry.path, flags, mode(entry.executable));
        let mut target = File::from(target.at("create", &self.target(entry)).map_err(explain)?);
        io::copy(&mut source, &mut target).at("copy a file of the store to", &self.target(entry)).map_err(explain)?;
        Ok(())
    }

    fn target(&self, entry: &Entry<'_>) -> PathBuf {
        self.into.join(entry.path)
    }

    fn finish(self, trusted: bool) -> Result<Checkout, CheckoutError> {
        if !self.damaged.is_empty() {
            return Err(CheckoutError::Damaged { objects: self.damaged });
        }
        // Objects of an earlier boot that are still the same inodes were read back from the disk just now, so they are on
        // it. Any other inode may be younger than that, and this boot vouches for it.
        let learnt = match self.learnt {
            Some(marks) => Some((self.store.epoch, marks)),
            None if !trusted => Some((Epoch::DURABLE, self.package.marks.clone())),
            None => None,
        };
        let learnt = learnt.map(|(epoch, marks)| Learnt { tree: self.package.tree_id, epoch, marks });
        Ok(Checkout { copied_instead: self.copied_instead, learnt })
    }
}
