//! Loads: the files of one package as steps, ready to be put into a project.
//!
//! A checkout walks a tree and decides, file by file, which folders to make and what to compare. For a package that was
//! put into a project once, all of that is known: the load says it, and holds the marks of the objects. Every object is
//! looked at all the same, once in an install, whichever of its packages comes first. Whatever is not as the load says ends
//! the install, and nothing that was built by then is used; [`super::Store::checkout`] then finds out what happened, and
//! mends it.

use super::checkout::{WORTH_OPENING, open_folder};
use super::id::ObjectId;
use super::mark::Mark;
use super::object::{ObjectPath, Objects};
use super::package::StoredPackage;
use super::reach::Reach;
use super::steps::{Steps, put_text};
use super::tree::Entry;
use rustc_hash::FxHashSet;
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// Make a folder: its place in the package.
const FOLDER: u8 = 1;
/// Open a folder, in which the files that follow lie: its place in the package.
const INSIDE: u8 = 2;
/// The files that follow lie in the folder of the package, or their places lead to where they lie.
const OUTSIDE: u8 = 3;
/// Link a file: whether it is executable, object, length, inode, time of the last change, and the place.
const FILE: u8 = 4;
/// Link a file whose object a [`FILE`] of the same install looks at: whether it is executable, object, and the place.
const SAME: u8 = 5;

/// Something that was not as an earlier install left it.
#[derive(Debug, thiserror::Error)]
pub enum Surprise {
    /// The steps are not steps.
    #[error("it cannot be read")]
    Unreadable,
    /// An object was touched, replaced or removed.
    #[error("{} is not as it was", .0.display())]
    Object(PathBuf),
    /// A folder could not be opened.
    #[error("{0}")]
    Folder(String),
    /// The kernel refused.
    #[error("cannot {verb} {place}: {errno}")]
    Refused {
        /// What was tried.
        verb: &'static str,
        /// On what.
        place: String,
        /// Why not.
        errno: Errno,
    },
}

impl Surprise {
    /// Says that the kernel refused something.
    pub fn refused(verb: &'static str, place: impl AsRef<std::ffi::CStr>) -> impl FnOnce(Errno) -> Surprise {
        move |errno| Surprise::Refused { verb, place: place.as_ref().to_string_lossy().into_owned(), errno }
    }
}

/// What a package needs, as steps. Each list of files can be put in place by itself, once the folders are there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loads {
    /// The folders in the package.
    pub folders: Vec<u8>,
    /// Its files, and how many they are.
    pub files: Vec<(Vec<u8>, usize)>,
}

/// The objects that the loads of one install look at.
#[derive(Debug, Default)]
pub struct Looked(FxHashSet<(ObjectId, bool)>);

impl Loads {
    /// Makes the loads of a package, none with more than so many files. Objects are looked at once in an install: what is
    /// in `looked` is not again, and the others are there afterwards. Nothing when one of the paths cannot be written down.
    pub fn of(package: &StoredPackage, files_max: usize, looked: &mut Looked) -> Option<Loads> {
        let entries: Vec<_> = package.tree.entries().collect();
        let folder_of = |path: &str| path.rsplit_once('/').map_or(0, |(folder, _)| folder.len());
        let mut loads = Loads::default();
        let (mut before, mut index) = ("", 0);
        while let Some(first) = entries.get(index) {
            if loads.files.last().is_none_or(|(_, count)| *count >= files_max) {
                loads.files.push((Vec::new(), 0));
            }
            let (steps, files) = loads.files.last_mut()?;
            let folder = &first.path[..folder_of(first.path)];
            let together = entries[index..].iter().take_while(|entry| &entry.path[..folder_of(entry.path)] == folder).count();
            let count = together.min(files_max - *files);
            put_folders(&mut loads.folders, folder, before)?;
            let way = 1 + folder.bytes().filter(|byte| *byte == b'/').count();
            let inside = !folder.is_empty() && count * way >= WORTH_OPENING;
            if inside {
                steps.push(INSIDE);
                put_text(steps, folder)?;
            }
            for (index, entry) in (index..).zip(&entries[index..index + count]) {
                let mark = looked.0.insert((entry.object, entry.executable)).then(|| package.marks.get(index));
                put_file(steps, entry, mark, if inside { folder.len() + 1 } else { 0 })?;
            }
            if inside {
                steps.push(OUTSIDE);
            }
            *files += count;
            (before, index) = (folder, index + count);
        }
        Some(loads)
    }
}

/// Has a file linked; its place begins at `start` of its path. With a mark it is looked at before.
fn put_file(steps: &mut Vec<u8>, entry: &Entry<'_>, mark: Option<Mark>, start: usize) -> Option<()> {
    steps.extend_from_slice(&[if mark.is_some() { FILE } else { SAME }, u8::from(entry.executable)]);
    steps.extend_from_slice(entry.object.as_bytes());
    if let Some(mark) = mark {
        steps.extend_from_slice(&entry.size_bytes.to_le_bytes());
        steps.extend_from_slice(&mark.inode.to_le_bytes());
        steps.extend_from_slice(&mark.mtime_ns.to_le_bytes());
    }
    put_text(steps, &entry.path[start..])
}

/// Has the folders made that lead to a file and that the file before did not lie in.
fn put_folders(steps: &mut Vec<u8>, folder: &str, before: &str) -> Option<()> {
    let ends = folder.match_indices('/').map(|(at, _)| at).chain((!folder.is_empty()).then_some(folder.len()));
    for part in ends.map(|end| &folder[..end]) {
        if before.strip_prefix(part).is_none_or(|tail| !tail.is_empty() && !tail.starts_with('/')) {
            steps.push(FOLDER);
            put_text(steps, part)?;
        }
    }
    Some(())
}

impl Reach<'_> {
    /// Carries out one of the [`Loads`] of a package in the open folder of the package. Files become hard links. After a
    /// surprise some of it may be there.
    pub fn put(&mut self, load: &[u8], package: BorrowedFd<'_>) -> Result<(), Surprise> {
        let mut inside: Option<OwnedFd> = None;
        let mut steps = Steps::new(load);
        while let Some(kind) = steps.byte() {
            match kind {
                FOLDER => {
                    let place = steps.place().ok_or(Surprise::Unreadable)?;
                    match rustix::fs::mkdirat(package, place, Mode::from_raw_mode(0o777)) {
                        // The files of a folder are not all in one place of the list: others of it may lie in between.
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(Surprise::refused("create", place)(errno)),
                    }
                }
                INSIDE => {
                    let place = steps.place().ok_or(Surprise::Unreadable)?;
                    inside = Some(open_folder(package, place).map_err(Surprise::refused("open", place))?);
                }
                OUTSIDE => inside = None,
                FILE | SAME => {
                    let file = File::take(&mut steps, kind == FILE).ok_or(Surprise::Unreadable)?;
                    self.link(&file, inside.as_ref().map_or(package, OwnedFd::as_fd))?;
                }
                _ => return Err(Surprise::Unreadable),
            }
        }
        Ok(())
    }

    fn link(&mut self, file: &File<'_>, folder: BorrowedFd<'_>) -> Result<(), Surprise> {
        let path = ObjectPath::new(&file.object, file.executable);
        let (above, below) = self.way_to(&file.object, &path);
        if let Some((size_bytes, mark)) = file.look {
            let seen = Objects::look_at(above, below);
            if !seen.is_ok_and(|look| look.mark == mark && look.fits(size_bytes, file.executable)) {
                return Err(Surprise::Object(self.objects().path_of(&path)));
            }
        }
        rustix::fs::linkat(above, below, folder, file.place, AtFlags::empty()).map_err(Surprise::refused("link", file.place))
    }
}

/// A file, as a step has it.
struct File<'a> {
    executable: bool,
    object: ObjectId,
    /// What its object looked like; nothing where another step looks at it.
    look: Option<(u64, Mark)>,
    place: &'a CStr,
}

impl<'a> File<'a> {
    fn take(steps: &mut Steps<'a>, has_look: bool) -> Option<File<'a>> {
        let executable = steps.byte()? == 1;
        let object = ObjectId::from_bytes(*steps.array()?);
        let mut number = || steps.array().map(|bytes| u64::from_le_bytes(*bytes));
        let look = if has_look { Some((number()?, Mark { inode: number()?, mtime_ns: number()?.cast_signed() })) } else { None };
        Some(File { executable, object, look, place: steps.place()? })
    }
}
