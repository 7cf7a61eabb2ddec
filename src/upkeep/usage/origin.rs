//! Why an object is in the store: which packages hold it, and which projects use those.
//!
//! A file is known by the place where it stands, if that is in a slot of a project: then it can be told what should stand
//! there. Elsewhere it is known by its bytes, and if they are nobody's, by its inode: it may be a link to an object, edited.

use super::scan::scan;
use super::users::{Unreadable, User, Users};
use crate::error::{Code, Error};
use crate::install::of_store;
use crate::project::env::Env;
use crate::store::{Entry, Health, Mark, ObjectId, PackageKey, Store, StoredPackage};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Objects whose names begin with these hex digits.
    Digits(String),
    /// A file, absolute.
    File(PathBuf),
}

/// The objects that are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origins {
    /// The file that was asked about.
    pub file: Option<String>,
    /// Whether the bytes of that file are those of the object; nothing where no object is known for it.
    pub is_right: Option<bool>,
    /// The objects, by name. More than one if there are more with these digits.
    pub objects: Vec<Origin>,
    /// Projects that may use them too, for all that is known.
    pub unreadable: Vec<Unreadable>,
}

/// An object and all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Its name: 64 hex digits.
    pub object: String,
    /// Whether it can be executed.
    pub executable: bool,
    /// Its length.
    pub size_bytes: u64,
    /// How it is.
    pub state: State,
    /// The files of packages that it is, by name, version and path.
    pub holders: Vec<Holder>,
    /// The projects that need one of these packages, by path.
    pub projects: Vec<String>,
}

/// How an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// As it should be.
    Right,
    /// Right but for its mode.
    WrongMode,
    /// Its bytes are wrong.
    Damaged,
    /// Not there as a file; it may be in a pack.
    Missing,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Holder {
    /// The name of the package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The path in the package.
    pub path: String,
}

/// What tells the objects that are meant.
enum Clue {
    Digits(String),
    Exactly(ObjectId, bool),
    /// These bytes, else this inode.
    Looks(ObjectId, Option<u64>),
}

/// A file of a package that may be meant.
struct Hit {
    object: (ObjectId, bool),
    size_bytes: u64,
    key: PackageKey,
    holder: Holder,
}

/// What a file shows.
struct Looks {
    digest: ObjectId,
    executable: bool,
    inode: Option<u64>,
}

/// Finds out why objects are in the store. The environment is that of the user whose projects they are.
pub fn origins(store: &Store, env: &Env, sought: &Sought) -> Result<Origins, Error> {
    let users = Users::read(store, env)?;
    let (file, looks, clue) = match sought {
        Sought::Digits(digits) => (None, None, Clue::Digits(digits.to_ascii_lowercase())),
        Sought::File(path) => {
            let looks = look(store, path).map_err(|error| unreadable(path, &error))?;
            let clue = match expected(store, &users.known, path)? {
                Some((object, executable)) => Clue::Exactly(object, executable),
                None => Clue::Looks(looks.digest, looks.inode),
            };
            (Some(path.to_string_lossy().into_owned()), Some(looks), clue)
        }
    };
    let hits = narrowed(hits(store, &clue)?, looks.as_ref());
    let is_right = looks.filter(|_| !hits.is_empty()).map(|looks| hits.iter().all(|hit| hit.object.0 == looks.digest));
    let mut objects: BTreeMap<(ObjectId, bool, u64), Vec<Hit>> = BTreeMap::new();
    hits.into_iter().for_each(|hit| objects.entry((hit.object.0, hit.object.1, hit.size_bytes)).or_default().push(hit));
    let objects = objects.into_iter().map(|(object, hits)| origin(store, &users.known, object, hits)).collect::<Result<_, Error>>()?;
    Ok(Origins { file, is_right, objects, unreadable: users.unreadable })
}

/// Reads a file. The inode tells something only where objects can have it.
fn look(store: &Store, path: &Path) -> io::Result<Looks> {
    let mut file = std::fs::File::open(path)?;
    let found = file.metadata()?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher)?;
    let device = std::fs::metadata(store.root())?.dev();
    Ok(Looks {
        digest: ObjectId::from_bytes(*hasher.finalize().as_bytes()),
        executable: found.permissions().mode() & 0o100 != 0,
        inode: (found.dev() == device).then(|| found.ino()),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(Code::Io, format!("cannot read {}: {error}", path.display()))
        .hint("Name a file, or at least six digits of the name of an object.")
}

/// Returns the object that should stand at a path, if it lies in a slot of a project.
fn expected(store: &Store, users: &[User], path: &Path) -> Result<Option<(ObjectId, bool)>, Error> {
    let Ok(path) = path.canonicalize() else { return Ok(None) };
    for user in users {
        let Some((key, inside)) = place(store, user, &path) else { continue };
        let package = store.lookup(&[key]).map_err(of_store)?.pop().flatten();
        let entry = package.as_ref().and_then(|package| package.tree.entries().find(|entry| Path::new(entry.path) == inside));
        if let Some(entry) = entry {
            return Ok(Some((entry.object, entry.executable)));
        }
    }
    Ok(None)
}

/// Returns the package of the slot in which a path lies, and the path inside of it. `path` has no links in it.
fn place(store: &Store, user: &User, path: &Path) -> Option<(PackageKey, PathBuf)> {
    let project = Path::new(&user.project);
    let (real_project, real_store) = (project.canonicalize().ok()?, store.root().canonicalize().ok()?);
    let in_project = path.strip_prefix(&real_project).ok();
    let in_store = path.strip_prefix(&real_store).ok();
    user.needs.slots.iter().find_map(|slot| {
        let (base, path) = if slot.shared { (store.root(), in_store?) } else { (project, in_project?) };
        let inside = path.strip_prefix(slot.folder.strip_prefix(base).ok()?).ok()?;
        Some((slot.key.clone(), inside.to_owned()))
    })
}

/// Finds all files of packages that a clue may mean.
fn hits(store: &Store, clue: &Clue) -> Result<Vec<Hit>, Error> {
    let is_meant = |entry: &Entry<'_>, mark: &Mark| match clue {
        Clue::Digits(digits) => begins_with(&entry.object, digits.as_bytes()),
        Clue::Exactly(object, executable) => entry.object == *object && entry.executable == *executable,
        Clue::Looks(digest, inode) => entry.object == *digest || *inode == Some(mark.inode),
    };
    let of_package = |package: StoredPackage| -> Vec<Hit> {
        let files = package.tree.entries().zip(package.marks.iter());
        let hit = |entry: Entry<'_>| Hit {
            object: (entry.object, entry.executable),
            size_bytes: entry.size_bytes,
            key: package.key.clone(),
            holder: Holder { name: package.name.to_string(), version: package.version.clone(), path: entry.path.to_owned() },
        };
        files.filter(|(entry, mark)| is_meant(entry, mark)).map(|(entry, _)| hit(entry)).collect()
    };
    let mut hits = Vec::new();
    let listed = store.packages().map_err(of_store)?;
    scan(store, &listed, of_package, |_, found| hits.extend(found)).map_err(of_store)?;
    Ok(hits)
}

/// Says whether the hex digits of a name begin with these, which are small.
fn begins_with(object: &ObjectId, digits: &[u8]) -> bool {
    let halves = object.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let shown = halves.map(|half| b"0123456789abcdef"[usize::from(half)]);
    digits.len() <= 64 && digits.iter().copied().eq(shown.take(digits.len()))
}

/// Keeps what a file means: the same bytes before the same inode, and the same mode where both modes exist.
fn narrowed(mut hits: Vec<Hit>, looks: Option<&Looks>) -> Vec<Hit> {
    let Some(looks) = looks else { return hits };
    let fits: [&dyn Fn(&Hit) -> bool; 2] = [&|hit| hit.object.0 == looks.digest, &|hit| hit.object.1 == looks.executable];
    for fits in fits {
        if hits.iter().any(fits) {
            hits.retain(fits);
        }
    }
    hits
}

/// Gathers what is known of an object from the files that it is.
fn origin(store: &Store, users: &[User], (object, executable, size_bytes): (ObjectId, bool, u64), hits: Vec<Hit>) -> Result<Origin, Error> {
    let keys: BTreeSet<&PackageKey> = hits.iter().map(|hit| &hit.key).collect();
    let needs = |user: &&User| user.keys().any(|key| keys.contains(key));
    let projects = users.iter().filter(needs).map(|user| user.project.clone()).collect();
    let state = match store.examine(&object, executable, size_bytes).map_err(of_store)? {
        Health::Right => State::Right,
        Health::WrongMode => State::WrongMode,
        Health::Damaged => State::Damaged,
        Health::Missing => State::Missing,
    };
    let mut holders: Vec<Holder> = hits.into_iter().map(|hit| hit.holder).collect();
    holders.sort();
    Ok(Origin { object: object.to_string(), executable, size_bytes, state, holders, projects })
}
