//! The store: every file of every package, once.
//!
//! Files are kept under the names of their bytes ([`ObjectId`]); the files of a package are a list of such names, which
//! has a name too ([`Tree`]); an index knows which list belongs to which tarball ([`StoredPackage`]). `store-format.md`
//! has the bytes, and the order in which they are written: objects, package records, index rows, and only then anything
//! that refers to them. This folder is the only reader and writer of the store's files, and it never learns what npm is.
//!
//! Three promises hold at any moment, in any number of processes. A file under its final name is whole. What is handed
//! out is right as far as a stat can tell, and hashed when a stat can not. The index is derived: losing it costs time.

mod backup;
mod blueprint;
mod boot;
mod checkout;
mod error;
pub mod gc;
mod id;
mod import;
mod index;
mod known;
mod landing;
mod lanes;
mod load;
mod lock;
mod mark;
mod method;
mod object;
mod pack;
mod package;
mod projects;
mod quarantine;
mod reach;
mod record;
mod rows;
mod schema;
pub mod steps;
mod threads;
mod tree;
pub mod verify;
mod view;

pub use blueprint::{Blueprint, BlueprintKey};
pub use checkout::{Checkout, CheckoutOptions, Learnt, Target};
pub use error::{CheckoutError, Damage, StoreError};
pub use id::{ObjectId, TreeId};
pub use import::{Identity, Import};
pub use landing::Landing;
pub use load::{Loads, Looked, Surprise};
pub use lock::{Patience, Wait};
pub use mark::{Epoch, Mark, Marks};
pub use method::{Method, Wanted};
pub use pack::{Cold, IsLive, Pack, PackError, Packed, Packing, Packs, Place, Share, Swept};
pub use package::{Listed, PackageKey, StoredPackage};
pub use quarantine::Quarantine;
pub use reach::Reach;
pub use tree::{Clash, Entry, NewEntry, Tree};
pub use view::{Footprint, Health};

use crate::fs::FsError;
use index::Index;
use lock::{Exclusive, Lock};
use object::Objects;
use rows::Answer;
use rustix::io::Errno;
use std::borrow::Borrow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To read and to add. What is missing is created. A store that cannot be written is opened as with
    /// [`Mode::ReadOnly`]; adding to it is an error then, and nothing else is.
    ReadWrite,
    /// To read what is there, without a single write.
    ReadOnly,
}

/// A project that was installed from a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its folder, absolute.
    pub path: PathBuf,
    /// The day of its last install, in days since 1970.
    pub used_day: i64,
}

/// An open store. Safe to use from many threads; a shared lease keeps any gc away for as long as it is open.
pub struct Store {
    root: PathBuf,
    objects: Objects,
    index: Index,
    epoch: Epoch,
    /// Whether the folder can be written; the index says for itself.
    may_write: bool,
    /// Opened when the first object is missing.
    packs: OnceLock<Packs>,
    _lease: Option<Lock>,
}

impl Store {
    /// Opens the store in a folder, and creates it if it is not there. Creating makes no synchronisation to the disk.
    /// An index that is lost or broken is made again; one that is newer than this deka is refused, untouched.
    pub fn open(root: &Path, mode: Mode) -> Result<Store, StoreError> {
        Store::open_in_boot(root, mode, boot::id())
    }

    fn open_in_boot(root: &Path, mode: Mode, boot: Option<String>) -> Result<Store, StoreError> {
        Store::open_waiting(root, mode, boot, &|_| ())
    }

    /// Does the same, and tells `on_wait` once when it has to wait for longer than a second: for whoever deletes.
    pub fn open_telling(root: &Path, mode: Mode, on_wait: &dyn Fn(Wait)) -> Result<Store, StoreError> {
        Store::open_waiting(root, mode, boot::id(), on_wait)
    }

    /// Does the same, but leaves the index to whoever asks it first: an install from a blueprint never does.
    pub fn open_without_index(root: &Path, mode: Mode, on_wait: &dyn Fn(Wait)) -> Result<Store, StoreError> {
        Store::begin(root, mode, boot::id(), on_wait)
    }

    /// Opens the index, so that what is wrong with it is told before anything else happens.
    pub fn open_index(&self) -> Result<(), StoreError> {
        self.index.open()
    }

    /// Opens a store that is there for deleting: nobody else has it open meanwhile. Nothing when somebody has, and no
    /// patience was asked for.
    pub fn open_exclusive(root: &Path, patience: Patience<'_>) -> Result<Option<Store>, StoreError> {
        let mut lease = match lock::exclusive(root, patience).map_err(error::explain)? {
            Exclusive::Held(lease) => lease,
            Exclusive::Busy => return Ok(None),
            Exclusive::Impossible => return Err(StoreError::NoLease { path: root.to_owned() }),
        };
        let index = Index::new(root, true, boot::id());
        index.open()?;
        lease.name();
        let store = Store::assemble(root, Some(lease), Objects::open(root, true)?, index, true);
        store.must_be_writable()?;
        Ok(Some(store))
    }

    fn open_waiting(root: &Path, mode: Mode, boot: Option<String>, on_wait: &dyn Fn(Wait)) -> Result<Store, StoreError> {
        let store = Store::begin(root, mode, boot, on_wait)?;
        store.open_index()?;
        Ok(store)
    }

    fn begin(root: &Path, mode: Mode, boot: Option<String>, on_wait: &dyn Fn(Wait)) -> Result<Store, StoreError> {
        let mut writable = mode == Mode::ReadWrite;
        let lease = match lock::lease(root, writable, on_wait) {
            Err(error) if error.is_not_found() && writable => {
                crate::fs::create_dir_all(root).map_err(error::explain)?;
                lock::lease(root, writable, on_wait).map_err(error::explain)?
            }
            taken => taken.map_err(error::explain)?,
        };
        let objects = match Objects::open(root, writable) {
            Err(StoreError::Io(error)) if writable && is_read_only(&error) => Objects::open(root, false),
            opened => opened,
        }?;
        writable = writable && rustix::fs::access(root, rustix::fs::Access::WRITE_OK).is_ok();
        Ok(Store::assemble(root, lease, objects, Index::new(root, writable, boot), writable))
    }

    fn assemble(root: &Path, lease: Option<Lock>, objects: Objects, index: Index, may_write: bool) -> Store {
        let epoch = index.epoch();
        Store { root: root.to_owned(), objects, index, epoch, may_write, packs: OnceLock::new(), _lease: lease }
    }

    /// Returns the folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Says whether something can be added.
    pub fn is_writable(&self) -> bool {
        self.may_write && self.index.is_writable()
    }

    /// Returns the packs that were there when somebody first asked.
    pub fn packs(&self) -> &Packs {
        self.packs.get_or_init(|| Packs::open(&self.root))
    }

    fn must_be_writable(&self) -> Result<(), StoreError> {
        // What is wrong with the index says more than that nothing can be written.
        self.open_index()?;
        if self.is_writable() { Ok(()) } else { Err(StoreError::ReadOnly { path: self.root.clone() }) }
    }

    /// Says whether there was no package when the store was opened, so that nobody has to look for what nobody has put
    /// there since.
    pub fn began_empty(&self) -> bool {
        self.index.began_empty()
    }

    /// Looks packages up. The answers are in the order of the keys, nothing for a package that is not there.
    /// Reading is mostly checking trees, so callers with many keys may ask for parts of them from several threads.
    /// While the first index of a store is still being made, nothing is there.
    pub fn lookup(&self, keys: &[PackageKey]) -> Result<Vec<Option<StoredPackage>>, StoreError> {
        if self.index.is_being_made() {
            return Ok(vec![None; keys.len()]);
        }
        let answers = self.index.read(|connection| rows::look_up(connection, keys))?;
        let pairs = || keys.iter().zip(&answers);
        let damaged: Vec<&PackageKey> = pairs().filter(|(_, answer)| matches!(answer, Answer::Damaged)).map(|(key, _)| key).collect();
        let restored = if damaged.is_empty() { Vec::new() } else { self.index.restore(&damaged)? };
        let found = answers.into_iter().zip(keys).map(|(answer, key)| match answer {
            Answer::Found(package) => Some(*package),
            Answer::Damaged => restored.iter().rfind(|package| package.key == *key).cloned(),
            Answer::Absent => None,
        });
        Ok(found.collect())
    }

    /// Lists the packages that are in the store, sorted by key. [`Store::lookup`] has their files.
    pub fn packages(&self) -> Result<Vec<Listed>, StoreError> {
        self.index.with(|connection| rows::list(connection))
    }

    /// Opens a blueprint, if an earlier install left it and it can be used in this boot.
    pub fn blueprint(&self, key: BlueprintKey) -> Option<Blueprint> {
        Blueprint::open(&self.root, key, self.epoch)
    }

    /// Keeps a blueprint, made of the loads of these packages among other things. Does nothing in a store that cannot be
    /// written, and for packages that have to be hashed before their next use.
    pub fn write_blueprint(
        &self,
        key: BlueprintKey,
        packages: &[&StoredPackage],
        head: &[u8],
        parts: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        let is_durable = |package: &&StoredPackage| package.epoch == Epoch::DURABLE;
        let is_known = packages.iter().all(|package| package.epoch == self.epoch || is_durable(package));
        if !is_known || !self.is_writable() {
            return Ok(());
        }
        let epoch = if packages.iter().all(is_durable) { Epoch::DURABLE } else { self.epoch };
        blueprint::write(&self.root, key, epoch, head, parts)
    }

    /// Drops a blueprint, which is out of date.
    pub fn remove_blueprint(&self, key: BlueprintKey) -> Result<(), StoreError> {
        if self.may_write { blueprint::remove(&self.root, key) } else { Ok(()) }
    }

    /// Returns what one thread reaches objects by. `is_alone` says that it has a table of open files of its own.
    pub fn reach(&self, is_alone: bool) -> Reach<'_> {
        Reach::new(&self.objects, is_alone)
    }

    /// Begins to bring in a package. Any number of imports run at once, on any threads.
    pub fn import(&self) -> Result<Import<&Store>, StoreError> {
        Import::new(self)
    }

    /// Makes imported packages known to later installs: a file with their records, then one transaction on the index.
    pub fn commit<P: Borrow<StoredPackage>>(&self, batch: &[P]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let batch: Vec<&StoredPackage> = batch.iter().map(Borrow::borrow).collect();
        self.must_be_writable()?;
        if self.epoch == Epoch::DURABLE {
            // Without a boot id no later boot would know that it has to doubt this.
            rustix::fs::sync();
        }
        let unknown = self.index.read(|connection| {
            let mut unknown = Vec::new();
            for &package in &batch {
                if !rows::holds(connection, package)? {
                    unknown.push(package);
                }
            }
            Ok(unknown)
        })?;
        record::write(&self.root, &unknown)?;
        self.index.write(|connection| rows::write(connection, batch.iter().copied()))
    }

    /// Tidies the index up after many packages were committed. Closing the store does that as well, when nothing else can be
    /// done beside it; so a failure can be passed over.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.index.settle()
    }

    /// Keeps what checkouts learnt of objects, so that they are not hashed again. Does nothing in a store that cannot be
    /// written.
    pub fn commit_marks(&self, learnt: &[Learnt]) -> Result<(), StoreError> {
        if learnt.is_empty() || !self.is_writable() {
            return Ok(());
        }
        self.index.write(|connection| learnt.iter().try_for_each(|tree| rows::write_marks(connection, &tree.tree, tree.epoch, &tree.marks)))
    }

    /// Puts the files of a package into a folder that is not there yet (the folder above it has to be). When this
    /// fails, the folder may be there in part and has to be removed. Damaged objects are all named, and none of them was
    /// put anywhere; importing the package again replaces them.
    pub fn checkout<'a>(
        &self,
        package: &StoredPackage,
        target: impl Into<Target<'a>>,
        options: CheckoutOptions,
    ) -> Result<Checkout, CheckoutError> {
        checkout::checkout(self, package, target.into(), options)
    }

    /// Finds out how files can get from here into a folder: by at most two trials with an empty file, which is removed
    /// again. Asked once for a store and a project.
    pub fn probe(&self, folder: &Path, wanted: Wanted) -> Result<Method, StoreError> {
        Ok(method::probe(&self.root.join(lock::LEASE), folder, wanted)?)
    }

    /// Says whether files that are made in a folder may become objects: they belong to whom they would belong to if they
    /// were made here.
    pub fn takes_files_of(&self, folder: &Path) -> bool {
        landing::are_alike(self.objects.path(), folder)
    }

    /// Notes that a project is installed from this store, so that a gc keeps what it needs. The last step of an
    /// install. Writes at most once a day for a project, and never to a store that cannot be written.
    pub fn register_project(&self, project: &Path) -> Result<(), StoreError> {
        if !self.may_write {
            return Ok(());
        }
        let used_day = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400).cast_signed();
        match projects::note(&self.root, &Project { path: project.to_owned(), used_day }) {
            Err(StoreError::Io(error)) if is_read_only(&error) => Ok(()),
            noted => noted,
        }
    }

    /// Returns the projects that were installed from this store, sorted by path. Those that older versions have noted stand
    /// in the index.
    pub fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let rows = self.index.with(|connection| rows::projects(connection))?;
        let rows = rows.into_iter().map(|(path, used_day)| Project { path: PathBuf::from(OsString::from_vec(path)), used_day });
        let mut projects = projects::list(&self.root)?;
        projects.extend(rows);
        projects.sort_by(|one, other| one.path.cmp(&other.path).then(other.used_day.cmp(&one.used_day)));
        projects.dedup_by(|later, kept| later.path == kept.path);
        Ok(projects)
    }
}

fn is_read_only(error: &FsError) -> bool {
    matches!(Errno::from_io_error(&error.source), Some(Errno::ROFS | Errno::ACCESS | Errno::PERM))
}

#[cfg(test)]
mod tests;
