//! The folder of objects: the bytes of files, each under the name of its content.
//!
//! A new object is written beside its final place and renamed there, so that it is seen whole or not at all; the rename
//! refuses to replace, which is also the check whether someone else was faster. Of the ways to do that, this one was
//! the fastest on tmpfs and ext4: a folder for temporary files takes a lock of the whole file system at each rename,
//! and a nameless file (`O_TMPFILE`) costs the same, but needs a kernel of 2024 without special rights. Where a slot waits
//! for the file, there is a way that is faster still: see [`super::landing`].
//!
//! Whoever brings the bytes of an object that is there already has them compared, so an import mends what is wrong. What
//! this process has put there itself is compared again only after a checkout has found it wrong (see [`super::known`]).
//! Nothing is repaired in place: projects may hold a link to it.

use super::error::{StoreError, explain};
use super::id::ObjectId;
use super::known::Known;
use super::mark::{Look, Mark};
use crate::fs::{Context, FsError};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::cell::RefCell;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Name of the folder inside the store.
const FOLDER: &str = "objects";
/// What temporary files begin with; no object does. A gc removes those of processes that are gone.
pub(super) const TEMPORARY: &str = ".new-";
/// How much is read or written at once.
const BUFFER_BYTES: usize = 128 * 1024;

/// What is known of one of the 256 folders.
mod shard {
    pub const UNKNOWN: u8 = 0;
    /// It was there: objects may stand in it.
    pub const OLD: u8 = 1;
    /// This process made it: most objects will be new.
    pub const NEW: u8 = 2;
}

/// The folder of objects, opened.
pub(super) struct Objects {
    /// No other that this process opens has it.
    number: u64,
    path: PathBuf,
    folder: OwnedFd,
    shards: [AtomicU8; 256],
    known: Known,
    /// Differs between any two processes that have the store open, on any machine.
    token: String,
    count: AtomicU64,
}

/// The path of an object inside of `objects`, ready for the kernel: `ab/cdef…`, with `-x` when it is executable.
pub(super) struct ObjectPath([u8; Self::LENGTH + 1]);

impl ObjectPath {
    /// Two digits, a slash, 62 digits, `-x`.
    const LENGTH: usize = 67;

    pub fn new(object: &ObjectId, executable: bool) -> ObjectPath {
        let mut path = [0; Self::LENGTH + 1];
        let digits = hex(object.as_bytes());
        path[..2].copy_from_slice(&digits[..2]);
        path[2] = b'/';
        path[3..Self::LENGTH - 2].copy_from_slice(&digits[2..]);
        if executable {
            path[Self::LENGTH - 2..Self::LENGTH].copy_from_slice(b"-x");
        }
        ObjectPath(path)
    }

    pub fn as_c_str(&self) -> &CStr {
        // The last byte is never written to.
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }

    /// Returns the name of the folder that it leads through, and the way from there on.
    pub fn split(&self) -> (&[u8], &CStr) {
        (&self.0[..2], CStr::from_bytes_until_nul(&self.0[3..]).unwrap_or_default())
    }

    fn as_str(&self) -> &str {
        self.as_c_str().to_str().unwrap_or_default()
    }
}

/// What stands under the name of an object.
pub(super) enum Found {
    /// The right bytes with the right mode.
    Right(Mark),
    /// The right bytes, but executable where it should not be, or the reverse.
    WrongMode,
    /// Something else.
    Wrong,
    /// Nothing.
    Missing,
}

impl Objects {
    /// Says whether a store has such a folder.
    pub fn are_there(root: &Path) -> bool {
        root.join(FOLDER).is_dir()
    }

    /// Opens the folder, and makes it when `create` says so.
    pub fn open(root: &Path, create: bool) -> Result<Objects, StoreError> {
        let path = root.join(FOLDER);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match rustix::fs::open(&path, flags, Mode::empty()) {
            Err(Errno::NOENT) if create => {
                crate::fs::create_dir_all(&path).map_err(explain)?;
                rustix::fs::open(&path, flags, Mode::empty())
            }
            opened => opened,
        };
        let mut token = [0; 8];
        getrandom::fill(&mut token).map_err(io::Error::other).at("draw a random name for", &path)?;
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Ok(Objects {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            folder: folder.at("open", &path)?,
            path,
            shards: [const { AtomicU8::new(shard::UNKNOWN) }; 256],
            known: Known::new(),
            token: format!("{:016x}", u64::from_le_bytes(token)),
            count: AtomicU64::new(0),
        })
    }

    /// Returns the whole path of an object, for messages and for what takes nothing else.
    pub fn path_of(&self, path: &ObjectPath) -> PathBuf {
        self.path.join(path.as_str())
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open folder, which [`ObjectPath`]s are relative to.
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Returns a handle of the folder that only this thread uses: the kernel counts the uses of a handle, and threads that
    /// count on one handle take the count's cache line from each other at every call. Where no more can be opened there is
    /// none.
    pub fn own_folder(&self) -> Option<Rc<OwnedFd>> {
        thread_local! {
            /// The handle that was opened last, and whose.
            static OWN: RefCell<Option<(u64, Rc<OwnedFd>)>> = const { RefCell::new(None) };
        }
        OWN.with_borrow_mut(|own| {
            if own.as_ref().is_none_or(|(number, _)| *number != self.number) {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let handle = rustix::fs::openat(&self.folder, ".", flags, Mode::empty()).ok()?;
                *own = Some((self.number, Rc::new(handle)));
            }
            own.as_ref().map(|(_, handle)| Rc::clone(handle))
        })
    }

    /// Looks at an object without opening it. `folder` is the folder of objects.
    pub fn look(folder: BorrowedFd<'_>, path: &ObjectPath) -> Result<Look, Errno> {
        Objects::look_at(folder, path.as_c_str())
    }

    /// The same, with the way to it from any folder.
    pub fn look_at(above: BorrowedFd<'_>, below: &CStr) -> Result<Look, Errno> {
        rustix::fs::statat(above, below, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Look::of(&stat))
    }

    /// Puts bytes under their name, unless they are there.
    pub fn put(&self, object: &ObjectId, executable: bool, bytes: &[u8]) -> Result<Mark, StoreError> {
        if let Some(mark) = self.remembered(object, executable) {
            return Ok(mark);
        }
        let mark = self.put_unknown(object, executable, bytes)?;
        self.remember(object, executable, mark);
        Ok(mark)
    }

    /// Returns the mark of an object that this process has put there.
    pub fn remembered(&self, object: &ObjectId, executable: bool) -> Option<Mark> {
        self.known.get(object, executable)
    }

    /// Remembers that an object is there and right.
    pub fn remember(&self, object: &ObjectId, executable: bool, mark: Mark) {
        self.known.note(object, executable, mark);
    }

    /// Forgets that this process has put an object there: it was found to be wrong since.
    pub fn forget(&self, object: &ObjectId, executable: bool) {
        self.known.forget(object, executable);
    }

    fn put_unknown(&self, object: &ObjectId, executable: bool, bytes: &[u8]) -> Result<Mark, StoreError> {
        let path = ObjectPath::new(object, executable);
        if let Some(mark) = self.standing(object, &path, executable, bytes)? {
            return Ok(mark);
        }
        let draft = self.draft(object.as_bytes()[0], executable)?;
        (&draft.file).write_all(bytes).map_err(|error| failed("write", self.path_of(&path), error))?;
        draft.publish(&path, |objects| objects.compare(&path, executable, bytes))
    }

    /// Returns the mark of an object that was there before this process came, if its bytes are right. Its folder is there
    /// afterwards.
    pub fn standing(&self, object: &ObjectId, path: &ObjectPath, executable: bool, bytes: &[u8]) -> Result<Option<Mark>, StoreError> {
        if self.enter(object)? == shard::OLD
            && let Found::Right(mark) = self.compare(path, executable, bytes)?
        {
            return Ok(Some(mark));
        }
        Ok(None)
    }

    /// Starts a file whose name is not known yet.
    pub fn draft_unnamed(&self, executable: bool) -> Result<Draft<'_>, StoreError> {
        self.enter_shard(0)?;
        self.draft(0, executable)
    }

    /// Starts a file whose name is known, beside its final place.
    pub fn draft_named(&self, object: &ObjectId, executable: bool) -> Result<Draft<'_>, StoreError> {
        self.enter(object)?;
        self.draft(object.as_bytes()[0], executable)
    }

    /// Puts a file under its name, unless the right one is there.
    pub fn publish(&self, draft: Draft<'_>, object: &ObjectId, executable: bool, size_bytes: u64) -> Result<Mark, StoreError> {
        self.enter(object)?;
        let path = ObjectPath::new(object, executable);
        draft.publish(&path, |objects| objects.inspect(&path, object, executable, size_bytes))
    }

    /// Puts a file under its name, whatever stands there.
    pub fn publish_over(&self, draft: Draft<'_>, object: &ObjectId, executable: bool) -> Result<Mark, StoreError> {
        self.known.forget(object, executable);
        self.enter(object)?;
        let mark = draft.mark()?;
        draft.replace(&ObjectPath::new(object, executable)).map(|()| mark)
    }

    /// Hashes what stands under the name of an object.
    pub fn inspect(&self, path: &ObjectPath, object: &ObjectId, executable: bool, size_bytes: u64) -> Result<Found, StoreError> {
        let (file, look) = match self.open_object(path)? {
            Ok(opened) => opened,
            Err(found) => return Ok(found),
        };
        if look.size_bytes != size_bytes {
            return Ok(Found::Wrong);
        }
        let mut hasher = blake3::Hasher::new();
        let read = with_buffer(|buffer| {
            loop {
                match (&file).read(buffer) {
                    Ok(0) => return Ok(()),
                    Ok(length) => hasher.update(&buffer[..length]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
            }
        });
        self.judge(path, read.map(|()| hasher.finalize().as_bytes() == object.as_bytes()), &look, executable)
    }

    /// Compares what stands under the name of an object with its bytes.
    pub fn compare(&self, path: &ObjectPath, executable: bool, bytes: &[u8]) -> Result<Found, StoreError> {
        let (file, look) = match self.open_object(path)? {
            Ok(opened) => opened,
            Err(found) => return Ok(found),
        };
        if look.size_bytes != bytes.len() as u64 {
            return Ok(Found::Wrong);
        }
        let equal = with_buffer(|buffer| {
            let mut rest = bytes;
            loop {
                match (&file).read(buffer) {
                    Ok(0) => return Ok(rest.is_empty()),
                    Ok(length) => match rest.strip_prefix(&buffer[..length]) {
                        Some(tail) => rest = tail,
                        None => return Ok(false),
                    },
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        });
        self.judge(path, equal, &look, executable)
    }

    fn judge(&self, path: &ObjectPath, equal: io::Result<bool>, look: &Look, executable: bool) -> Result<Found, StoreError> {
        Ok(match equal {
            Ok(true) if look.executable == executable => Found::Right(look.mark),
            Ok(true) => Found::WrongMode,
            Ok(false) => Found::Wrong,
            // A bad sector: the bytes are lost, and can be brought again.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) => Found::Wrong,
            Err(error) => return Err(FsError { verb: "read", path: self.path_of(path), source: error }.into()),
        })
    }

    /// Opens an object for reading; returns what was found instead when there is no plain file that can be read. A
    /// symbolic link is not followed and a pipe not waited for.
    fn open_object(&self, path: &ObjectPath) -> Result<Result<(File, Look), Found>, StoreError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.folder, path.as_c_str(), flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Err(Found::Missing)),
            Err(Errno::LOOP | Errno::NXIO | Errno::NOTDIR | Errno::ACCESS) => return Ok(Err(Found::Wrong)),
            Err(errno) => return Err(errno).at("open", &self.path_of(path)).map_err(StoreError::from),
        };
        let look = match rustix::fs::fstat(&file) {
            Ok(stat) => Look::of(&stat),
            Err(errno) => return Err(failed("look at", self.path_of(path), errno.into())),
        };
        Ok(if look.is_file { Ok((File::from(file), look)) } else { Err(Found::Wrong) })
    }

    /// Gives an object a new inode with the same bytes: its old one has as many links as the file system allows, or
    /// the wrong mode.
    pub fn renew(&self, path: &ObjectPath, object: &ObjectId, executable: bool) -> Result<Mark, StoreError> {
        self.known.forget(object, executable);
        let draft = self.copy_to_draft(path, object, executable)?;
        let mark = draft.mark()?;
        draft.replace(path)?;
        Ok(mark)
    }

    /// Makes the executable variant of an object out of the plain one.
    pub fn make_executable(&self, object: &ObjectId, size_bytes: u64) -> Result<Mark, StoreError> {
        let draft = self.copy_to_draft(&ObjectPath::new(object, false), object, true)?;
        self.publish(draft, object, true, size_bytes)
    }

    fn copy_to_draft(&self, from: &ObjectPath, object: &ObjectId, executable: bool) -> Result<Draft<'_>, StoreError> {
        let draft = self.draft(object.as_bytes()[0], executable)?;
        let Ok((mut source, _)) = self.open_object(from)? else {
            return Err(Errno::NOENT).at("read", &self.path_of(from)).map_err(StoreError::from);
        };
        io::copy(&mut source, &mut &draft.file).at("copy", &self.path_of(from)).map_err(explain)?;
        Ok(draft)
    }

    fn enter(&self, object: &ObjectId) -> Result<u8, StoreError> {
        self.enter_shard(object.as_bytes()[0])
    }

    /// Makes sure that one of the 256 folders is there; says whether it was.
    fn enter_shard(&self, number: u8) -> Result<u8, StoreError> {
        let known = &self.shards[usize::from(number)];
        let state = known.load(Ordering::Relaxed);
        if state != shard::UNKNOWN {
            return Ok(state);
        }
        let name = format!("{number:02x}");
        let state = match rustix::fs::mkdirat(&self.folder, name.as_str(), Mode::from_raw_mode(0o777)) {
            Ok(()) => shard::NEW,
            Err(Errno::EXIST) => shard::OLD,
            Err(errno) => return Err(errno).at("create", &self.path.join(name)).map_err(explain),
        };
        // Another thread may have made it a moment ago, and what it says is as good.
        known.store(state, Ordering::Relaxed);
        Ok(state)
    }

    fn draft(&self, shard: u8, executable: bool) -> Result<Draft<'_>, StoreError> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{shard:02x}/{TEMPORARY}{}-{count:x}", self.token);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, name.as_str(), flags, mode(executable));
        let file = file.map_err(|errno| failed("create", self.path.join(&name), errno.into()))?;
        Ok(Draft { objects: self, name, file: File::from(file), published: false })
    }
}

/// Writes bytes as hexadecimal digits. It runs for every file of every install, so there is no table and no branch in it:
/// the compiler then makes many digits at once.
fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    let digit = |value: u8| value + b'0' + u8::from(value > 9) * (b'a' - b'0' - 10);
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    digits
}

/// Makes the error of a step that every object takes, where a path is worth its allocation only once it is needed.
fn failed(verb: &'static str, path: PathBuf, source: io::Error) -> StoreError {
    explain(FsError { verb, path, source })
}

/// The mode of an object before the process's mask: what node's `fs` would give a file, or an executable one.
pub(super) fn mode(executable: bool) -> Mode {
    Mode::from_raw_mode(if executable { 0o755 } else { 0o644 })
}

/// A file that is being written. It is gone when it is dropped before it was published.
pub(super) struct Draft<'a> {
    objects: &'a Objects,
    name: String,
    pub file: File,
    published: bool,
}

impl Draft<'_> {
    fn mark(&self) -> Result<Mark, StoreError> {
        let stat = rustix::fs::fstat(&self.file).map_err(|errno| failed("look at", self.objects.path.join(&self.name), errno.into()))?;
        Ok(Look::of(&stat).mark)
    }

    /// Renames to the final name. If something stands there, `judge` says whether it may stay.
    fn publish(self, path: &ObjectPath, judge: impl FnOnce(&Objects) -> Result<Found, StoreError>) -> Result<Mark, StoreError> {
        let objects = self.objects;
        let mark = self.mark()?;
        let folder = objects.folder();
        match rustix::fs::renameat_with(folder, self.name.as_str(), folder, path.as_c_str(), RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.done();
                return Ok(mark);
            }
            Err(Errno::EXIST) => {}
            // The file system cannot refuse to replace. A link can, and where there are none a plain rename has to do.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                match rustix::fs::linkat(folder, self.name.as_str(), folder, path.as_c_str(), AtFlags::empty()) {
                    Ok(()) => return Ok(mark),
                    Err(Errno::EXIST) => {}
                    Err(_) => return self.replace(path).map(|()| mark),
                }
            }
            Err(errno) => return Err(errno).at("rename a new file to", &objects.path_of(path)).map_err(explain),
        }
        match judge(objects)? {
            Found::Right(found) => Ok(found),
            _ => self.replace(path).map(|()| mark),
        }
    }

    /// Renames to the final name and replaces what stands there.
    fn replace(self, path: &ObjectPath) -> Result<(), StoreError> {
        let objects = self.objects;
        let rename = || rustix::fs::renameat(&objects.folder, self.name.as_str(), &objects.folder, path.as_c_str());
        let renamed = match rename() {
            // No object is a folder: whatever put it there, it is in the way.
            Err(Errno::ISDIR | Errno::NOTEMPTY) => {
                crate::fs::remove_all(&objects.path_of(path))?;
                rename()
            }
            renamed => renamed,
        };
        renamed.map_err(|errno| failed("rename a new file to", objects.path_of(path), errno.into()))?;
        self.done();
        Ok(())
    }

    fn done(mut self) {
        self.published = true;
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed by the next gc.
            let _ = rustix::fs::unlinkat(&self.objects.folder, self.name.as_str(), AtFlags::empty());
        }
    }
}

fn with_buffer<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    thread_local! {
        static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_BYTES].into_boxed_slice());
    }
    BUFFER.with_borrow_mut(|buffer| work(buffer))
}

#[cfg(test)]
mod tests;
