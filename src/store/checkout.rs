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
use super::id::{ObjectId, TreeId};
use super::mark::{Epoch, Mark, Marks};
use super::method::Method;
use super::object::{Found, ObjectPath, Objects, mode};
use super::pack::{self, Cold};
use super::package::StoredPackage;
use super::tree::Entry;
use super::verify::{ObjectName, damaged};
use crate::fs::{Context, FsError};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How a package is put somewhere.
#[derive(Clone, Copy, Debug)]
pub struct CheckoutOptions {
    /// What to do with each file.
    pub method: Method,
    /// Whether to hash every object, whatever its stat says.
    pub verify: bool,
}

/// Where a package is put. The way there from the root may be long, and is not walked for each package.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// An open folder above it.
    pub above: BorrowedFd<'a>,
    /// The way from there; only its last segment is not there yet.
    pub below: &'a Path,
    /// The same place, for messages and for what takes nothing else.
    pub path: &'a Path,
}

impl<'a> From<&'a PathBuf> for Target<'a> {
    fn from(path: &'a PathBuf) -> Target<'a> {
        Target { above: rustix::fs::CWD, below: path, path }
    }
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
    pub(super) marks: Marks,
}

/// After as many steps from the package's folder down to files of one folder below it, that folder is opened.
pub(super) const WORTH_OPENING: usize = 12;

/// Files of up to as many bytes are copied by one read and one write. The kernel's own ways of copying take seven calls,
/// since they have to be tried one after the other.
const COPIED_WHOLE_BYTES: usize = 256 << 10;

/// One checkout on its way.
struct Work<'a> {
    store: &'a Store,
    package: &'a StoredPackage,
    into: &'a Path,
    folder: OwnedFd,
    /// The folder that the present file lies in, where it has been opened.
    inner: Option<OwnedFd>,
    /// A handle of the folder of objects that no other thread uses.
    own_objects: Option<Rc<OwnedFd>>,
    method: Method,
    copied_instead: bool,
    /// The marks, once one of them is not what the index has.
    learnt: Option<Vec<Mark>>,
    brought: Brought,
    damaged: Vec<Damage>,
    /// For bytes that are copied.
    buffer: Vec<u8>,
}

/// What came out of packs because it was missing.
#[derive(Default)]
struct Brought {
    /// Objects that were looked for, found or not.
    tried: FxHashSet<(ObjectId, bool)>,
    /// Objects that stand in the store again.
    marks: FxHashMap<(ObjectId, bool), Mark>,
    /// Files that went straight to their place, since the store cannot be written.
    files: FxHashSet<PathBuf>,
}

/// Puts the files of a package into a folder that is not there yet.
pub(super) fn checkout(
    store: &Store,
    package: &StoredPackage,
    target: Target<'_>,
    options: CheckoutOptions,
) -> Result<Checkout, CheckoutError> {
    let into = target.path;
    let folder = make_folder(target).at("create", into).map_err(explain)?;
    let method = options.method;
    let own_objects = store.objects.own_folder();
    let mut work = Work {
        store,
        package,
        into,
        folder,
        inner: None,
        own_objects,
        method,
        copied_instead: false,
        learnt: None,
        brought: Brought::default(),
        damaged: Vec::new(),
        buffer: Vec::new(),
    };
    let trusted = package.epoch == store.epoch || package.epoch == Epoch::DURABLE;
    let mut folder_before = "";
    let (mut count, mut steps) = (0, 0);
    for (index, entry) in package.tree.entries().enumerate() {
        let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder != folder_before {
            work.make_folders(folder, folder_before)?;
            work.inner = None;
            (folder_before, steps) = (folder, 0);
        } else if work.inner.is_none() && !folder.is_empty() {
            steps += 1 + folder.bytes().filter(|byte| *byte == b'/').count();
            if steps >= WORTH_OPENING {
                work.inner = open_folder(work.folder.as_fd(), folder).ok();
            }
        }
        let path = ObjectPath::new(&entry.object, entry.executable);
        let mark = package.marks.get(index);
        let seen = Objects::look(work.objects_folder(), &path);
        let unchanged = seen.is_ok_and(|look| look.mark == mark && look.fits(entry.size_bytes, entry.executable));
        if unchanged && trusted && !options.verify || work.check(index, &entry, &path)? {
            work.place(index, &entry, &path)?;
        }
        count += 1;
    }
    if count != package.tree.len() {
        return Err(StoreError::Tree { id: package.tree_id }.into());
    }
    work.finish(trusted)
}

pub(super) fn make_folder(Target { above, below, .. }: Target<'_>) -> rustix::io::Result<OwnedFd> {
    rustix::fs::mkdirat(above, below, Mode::from_raw_mode(0o777))?;
    open_folder(above, below)
}

/// Opens a folder, to reach what is in it.
pub(super) fn open_folder(above: BorrowedFd<'_>, below: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, below, flags, Mode::empty())
}

/// Copies a file whose size is known: a small one in one go, a large one by the kernel, which may share its blocks.
fn copy_bytes(mut source: File, mut target: File, size_bytes: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    match usize::try_from(size_bytes) {
        Ok(size) if size <= COPIED_WHOLE_BYTES => {
            buffer.resize(size, 0);
            source.read_exact(buffer)?;
            target.write_all(buffer)
        }
        _ => io::copy(&mut source, &mut target).map(drop),
    }
}

impl Work<'_> {
    fn objects_folder(&self) -> BorrowedFd<'_> {
        self.own_objects.as_ref().map_or_else(|| self.store.objects.folder(), |own| own.as_fd())
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
        if self.brought.files.contains(&self.target(entry)) {
            return Ok(false);
        }
        if let Some(mark) = self.brought_back(entry, path) {
            self.learn(index, mark);
            return Ok(true);
        }
        let objects = &self.store.objects;
        let mark = match objects.inspect(path, &entry.object, entry.executable, entry.size_bytes)? {
            Found::Right(mark) => mark,
            Found::WrongMode if self.store.is_writable() => objects.renew(path, &entry.object, entry.executable)?,
            found => {
                if self.bring_back(entry)? {
                    return self.check(index, entry, path);
                }
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

    /// Returns the mark of an object that was hashed when it came out of a pack, a moment ago.
    fn brought_back(&self, entry: &Entry<'_>, path: &ObjectPath) -> Option<Mark> {
        let mark = self.brought.marks.get(&(entry.object, entry.executable))?;
        let seen = Objects::look(self.objects_folder(), path).ok()?;
        (seen.mark == *mark && seen.fits(entry.size_bytes, entry.executable)).then_some(*mark)
    }

    /// Looks for an object in the packs, and the first time for whatever else of the package is missing. Says whether
    /// this one was found; it never is twice.
    fn bring_back(&mut self, entry: &Entry<'_>) -> Result<bool, StoreError> {
        let key = |entry: &Entry<'_>| (entry.object, entry.executable);
        if self.brought.tried.contains(&key(entry)) || self.store.packs().list().is_empty() {
            return Ok(false);
        }
        let first = self.brought.tried.is_empty();
        let is_wanted = |other: &Entry<'_>| {
            let path = ObjectPath::new(&other.object, other.executable);
            key(other) == key(entry) || first && Objects::look(self.objects_folder(), &path).is_err()
        };
        let wanted: Vec<Entry<'_>> = self.package.tree.entries().filter(is_wanted).collect();
        self.brought.tried.extend(wanted.iter().map(key));
        let cold = |entry: &Entry<'_>| Cold { object: entry.object, executable: entry.executable, size_bytes: entry.size_bytes };
        if self.store.is_writable() {
            let wanted: Vec<Cold> = wanted.iter().map(cold).collect();
            self.brought.marks.extend(pack::restore(self.store, &wanted)?);
            return Ok(self.brought.marks.contains_key(&key(entry)));
        }
        let wanted: Vec<(Cold, PathBuf)> = wanted.iter().map(|entry| (cold(entry), self.target(entry))).collect();
        self.brought.files.extend(pack::extract(self.store, &wanted)?);
        Ok(self.brought.files.contains(&self.target(entry)))
    }

    fn learn(&mut self, index: usize, mark: Mark) {
        if self.package.marks.get(index) != mark {
            let learnt = self.learnt.get_or_insert_with(|| self.package.marks.iter().collect());
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
        let (folder, name) = self.place_of(entry);
        let link = || rustix::fs::linkat(self.objects_folder(), path.as_c_str(), folder, name, AtFlags::empty());
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

    fn copy(&mut self, entry: &Entry<'_>, path: &ObjectPath) -> Result<(), StoreError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source = rustix::fs::openat(self.objects_folder(), path.as_c_str(), flags, Mode::empty());
        let source = File::from(source.at("open", &self.store.objects.path_of(path))?);
        let (folder, name) = self.place_of(entry);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let target = rustix::fs::openat(folder, name, flags, mode(entry.executable));
        let target = File::from(target.at("create", &self.target(entry)).map_err(explain)?);
        let copied = copy_bytes(source, target, entry.size_bytes, &mut self.buffer);
        copied.at("copy a file of the store to", &self.target(entry)).map_err(explain)
    }

    /// The nearest open folder above a file, and the way from there.
    fn place_of<'e>(&self, entry: &Entry<'e>) -> (BorrowedFd<'_>, &'e str) {
        match &self.inner {
            Some(inner) => (inner.as_fd(), entry.path.rsplit_once('/').map_or(entry.path, |(_, name)| name)),
            None => (self.folder.as_fd(), entry.path),
        }
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
            Some(marks) => Some((self.store.epoch, marks.into_iter().collect())),
            None if !trusted => Some((Epoch::DURABLE, self.package.marks.clone())),
            None => None,
        };
        let learnt = learnt.map(|(epoch, marks)| Learnt { tree: self.package.tree_id, epoch, marks });
        Ok(Checkout { copied_instead: self.copied_instead, learnt })
    }
}
