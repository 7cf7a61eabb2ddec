//! The index: an SQLite file that is made again whenever it cannot be used.
//!
//! Any number of processes have it open. Readers never wait (WAL); a writer begins its transaction as a writer, because
//! only then does SQLite's busy handler wait for others. Nothing is synchronised to the disk (`synchronous=OFF`): after
//! a hard reboot the first process to open the index looks through it once, and a broken one is made again from the
//! package records, as is one that is lost, empty or not a database. So no error here ends an install that the store
//! itself could serve.
//!
//! On a file system across a network there is no WAL, for it needs shared memory. In a store that cannot be written the
//! index is opened as it lies; when that would miss what a killed process left in the log, it is made again in memory.

mod draft;
mod file;

use super::error::StoreError;
use super::mark::Epoch;
use super::package::StoredPackage;
use super::{lock, record, rows};
use crate::fs::FsError;
pub(super) use file::NAME as FILE;
use file::{BUSY, IndexFile, is_broken};
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// The index of one store.
pub(super) struct Index {
    file: Arc<IndexFile>,
    /// Whether there was none when it was opened, and nothing to make one from.
    began_empty: bool,
    state: Mutex<State>,
}

struct State {
    access: Access,
    /// Grows when the file is replaced, so that connections to the old one are not used again.
    generation: u32,
    idle: Vec<Connection>,
    /// Whether nobody has asked for it yet, and then whether it is to be opened for writing.
    unopened: Option<bool>,
    /// The first index of a store, being made on a thread of its own: who opens the store has other things to do first.
    coming: Option<JoinHandle<Result<(Access, Connection), Failure>>>,
}

/// How the file can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Everything works.
    Write,
    /// The file does not change, and must not.
    Immutable,
    /// There is no file that can be read: the one idle connection is the index.
    Memory,
}

/// The error of work on a connection.
pub(super) enum Failure {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Sql(error)
    }
}

impl From<FsError> for Failure {
    fn from(error: FsError) -> Failure {
        Failure::Store(error.into())
    }
}

impl Index {
    /// Names the index of a store. It is opened, and made if need be, when it is first asked for anything, and what goes wrong
    /// then that first question tells. The first index of a store is begun at once.
    pub fn new(root: &Path, writable: bool, boot: Option<String>) -> Index {
        let file = Arc::new(IndexFile::new(root, boot));
        let state = State { access: Access::Write, generation: 0, idle: Vec::new(), unopened: Some(writable), coming: None };
        let began_empty = writable && file.is_new();
        let index = Index { file, began_empty, state: Mutex::new(state) };
        if began_empty && let Some(coming) = index.make_aside() {
            let mut state = index.lock();
            state.coming = Some(coming);
            state.unopened = None;
        }
        index
    }

    /// Opens it, unless it has been opened or is being made.
    pub fn open(&self) -> Result<(), StoreError> {
        self.opened().map(drop).map_err(|failure| self.explain(failure))
    }

    /// Begins to make the first index; nothing where no thread can be had for it.
    fn make_aside(&self) -> Option<JoinHandle<Result<(Access, Connection), Failure>>> {
        let file = Arc::clone(&self.file);
        std::thread::Builder::new().name("index".to_owned()).spawn(move || file.open(true)).ok()
    }

    /// Says whether nothing was in it, nor could be, when it was opened.
    pub fn began_empty(&self) -> bool {
        self.began_empty
    }

    /// Says whether the first index of the store is not there yet.
    pub fn is_being_made(&self) -> bool {
        self.lock().coming.as_ref().is_some_and(|coming| !coming.is_finished())
    }

    /// Returns the state once the index is open, or at least being made.
    fn opened(&self) -> Result<MutexGuard<'_, State>, Failure> {
        let mut state = self.lock();
        if let Some(writable) = state.unopened {
            let (access, connection) = self.file.open(writable)?;
            state.access = access;
            state.idle.push(connection);
            state.unopened = None;
        }
        Ok(state)
    }

    /// Returns the state once the index is there.
    fn ready(&self) -> Result<MutexGuard<'_, State>, Failure> {
        let mut state = self.opened()?;
        if let Some(coming) = state.coming.take() {
            // A panic there has been reported; the index can still be made here.
            let (access, connection) = coming.join().unwrap_or_else(|_| self.file.open(true))?;
            state.access = access;
            state.idle.push(connection);
        }
        Ok(state)
    }

    /// Says whether rows can be written.
    pub fn is_writable(&self) -> bool {
        self.opened().is_ok_and(|state| state.access == Access::Write)
    }

    /// Says whether it was made again in memory, from records that know no project.
    pub fn is_in_memory(&self) -> bool {
        self.opened().is_ok_and(|state| state.access == Access::Memory)
    }

    /// Returns the epoch of what is written now.
    pub fn epoch(&self) -> Epoch {
        Epoch::of_boot(self.file.boot.as_deref())
    }

    /// Runs work on a connection. When the file turns out to be broken it is made again, and the work runs once more.
    pub fn with<T>(&self, work: impl Fn(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let (generation, result) = self.try_with(&work);
        match result {
            Err(Failure::Sql(error)) if is_broken(&error) => {
                self.recover(generation).map_err(|failure| self.explain(failure))?;
                self.try_with(&work).1.map_err(|failure| self.explain(failure))
            }
            result => result.map_err(|failure| self.explain(failure)),
        }
    }

    fn try_with<T>(&self, work: &impl Fn(&mut Connection) -> rusqlite::Result<T>) -> (u32, Result<T, Failure>) {
        let mut state = match self.ready() {
            Ok(state) => state,
            Err(failure) => return (0, Err(failure)),
        };
        let (generation, access) = (state.generation, state.access);
        let idle = state.idle.pop();
        if access == Access::Memory {
            // There is one connection and no second: others wait for the lock.
            let Some(mut connection) = idle else {
                return (generation, Err(rusqlite::Error::InvalidQuery.into()));
            };
            let result = work(&mut connection);
            state.idle.push(connection);
            return (generation, result.map_err(Failure::Sql));
        }
        drop(state);
        let mut connection = match idle.map_or_else(|| self.file.connect(access), Ok) {
            Ok(connection) => connection,
            Err(error) => return (generation, Err(error.into())),
        };
        let result = work(&mut connection);
        let mut state = self.lock();
        if state.generation == generation {
            state.idle.push(connection);
        }
        (generation, result.map_err(Failure::Sql))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves a list of connections, all of them whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces a file that broke while it was in use, unless another thread or process has done so.
    fn recover(&self, seen: u32) -> Result<(), Failure> {
        let mut state = self.lock();
        if state.generation != seen {
            return Ok(());
        }
        state.idle.clear();
        state.generation += 1;
        if state.access != Access::Write {
            let mut connection = Connection::open_in_memory()?;
            self.file.fill(&mut connection)?;
            state.access = Access::Memory;
            state.idle.push(connection);
            return Ok(());
        }
        let sound = self.file.connect(Access::Write).and_then(|connection| rows::is_sound(&connection));
        if !matches!(sound, Ok(true)) {
            let _lock = lock::rebuild(&self.file.root)?;
            let sound = self.file.connect(Access::Write).and_then(|connection| rows::is_sound(&connection));
            if !matches!(sound, Ok(true)) {
                state.idle.push(self.file.make_anew()?);
                return Ok(());
            }
        }
        state.idle.push(self.file.make()?);
        Ok(())
    }

    fn explain(&self, failure: Failure) -> StoreError {
        let error = match failure {
            Failure::Store(error) => return error,
            Failure::Sql(error) => error,
        };
        let path = self.file.path.clone();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path, waited_s: BUSY.as_secs() },
            Some(ErrorCode::DiskFull) => StoreError::full(path, rustix::io::Errno::NOSPC.into()),
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path: self.file.root.clone() },
            _ => StoreError::Index { path, reason: error.to_string() },
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // Nobody goes on writing in a store that was closed.
        if let Some(coming) = self.lock().coming.take() {
            let _ = coming.join();
        }
    }
}

impl Index {
    /// Reads rows in one transaction: they are those of one moment, and the file is locked once for all of them.
    pub fn read<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.with(|connection| work(&*connection.transaction()?))
    }

    /// Writes rows in one transaction that begins as a writer's.
    pub fn write(&self, work: impl Fn(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            work(&transaction)?;
            transaction.commit()
        })
    }

    /// Brings what was written from the log into the file, as far as nobody reads it. Whoever closes the index last does that
    /// otherwise.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.with(|connection| connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())))
    }

    /// Says whether SQLite finds the whole file sound.
    pub fn is_sound(&self) -> Result<bool, StoreError> {
        self.with(|connection| rows::is_sound(connection))
    }

    /// Says whether this process found the file lost or broken, and has made it again.
    pub fn was_made_again(&self) -> bool {
        self.file.made_again.load(Ordering::Relaxed)
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Makes the index anew from the records: in place, or as a new file if the old one is not sound. Returns what the
    /// records hold.
    pub fn rebuild(&self) -> Result<Vec<StoredPackage>, StoreError> {
        let records = record::read_all(&self.file.root)?;
        if !self.is_sound()? {
            let seen = self.lock().generation;
            self.recover(seen).map_err(|failure| self.explain(failure))?;
        }
        self.write(|connection| {
            rows::clear(connection)?;
            rows::write(connection, &records)
        })?;
        Ok(records)
    }

    /// Finds packages in the records whose rows are damaged, and writes the rows anew where that is possible.
    pub fn restore(&self, keys: &[&super::PackageKey]) -> Result<Vec<StoredPackage>, StoreError> {
        let mut found = record::read_all(&self.file.root)?;
        found.retain(|package| keys.contains(&&package.key));
        if self.is_writable() {
            self.write(|connection| rows::write(connection, &found))?;
        }
        Ok(found)
    }
}
