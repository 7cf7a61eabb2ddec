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

use super::error::StoreError;
use super::mark::Epoch;
use super::package::StoredPackage;
use super::{backup, lock, record, rows, schema};
use crate::fs::FsError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Name of the file inside the store.
pub(super) const FILE: &str = "index.db";
/// How long to wait for another writer. A commit takes milliseconds, so this is a machine in trouble.
const BUSY: Duration = Duration::from_secs(30);

/// Trees and their marks are blobs of some kilobytes, which SQLite reads page by page.
const PAGE_BYTES: u32 = 16_384;

/// The index of one store.
pub(super) struct Index {
    root: PathBuf,
    path: PathBuf,
    /// The id of this boot.
    boot: Option<String>,
    state: Mutex<State>,
    /// Whether this process found the file lost or broken.
    made_again: AtomicBool,
}

struct State {
    access: Access,
    /// Grows when the file is replaced, so that connections to the old one are not used again.
    generation: u32,
    idle: Vec<Connection>,
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

/// Why a connection is not ready.
enum Fault {
    /// It is no index, or a broken one.
    Broken,
    /// It is empty, or of an older version.
    Unfinished,
    /// It is newer than this deka.
    Newer(i64),
    /// SQLite failed otherwise.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        if is_broken(&error) { Fault::Broken } else { Fault::Sql(error) }
    }
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
    /// Opens the index of a store, and makes it if need be.
    pub fn open(root: &Path, writable: bool, boot: Option<String>) -> Result<Index, StoreError> {
        let state = Mutex::new(State { access: Access::Write, generation: 0, idle: Vec::new() });
        let index = Index { root: root.to_owned(), path: root.join(FILE), boot, state, made_again: AtomicBool::new(false) };
        let opened = if writable { index.open_for_writing() } else { Ok(None) };
        let (access, connection) = match opened {
            Ok(Some(connection)) => (Access::Write, connection),
            Ok(None) => index.open_for_reading().map_err(|failure| index.explain(failure))?,
            Err(failure) => return Err(index.explain(failure)),
        };
        let mut state = index.lock();
        state.access = access;
        state.idle.push(connection);
        drop(state);
        Ok(index)
    }

    /// Says whether rows can be written.
    pub fn is_writable(&self) -> bool {
        self.lock().access == Access::Write
    }

    /// Says whether it was made again in memory, from records that know no project.
    pub fn is_in_memory(&self) -> bool {
        self.lock().access == Access::Memory
    }

    /// Returns the epoch of what is written now.
    pub fn epoch(&self) -> Epoch {
        Epoch::of_boot(self.boot.as_deref())
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
        let mut state = self.lock();
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
        let mut connection = match idle.map_or_else(|| self.connect(access), Ok) {
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

    /// Opens the file; no connection means that it cannot be written.
    fn open_for_writing(&self) -> Result<Option<Connection>, Failure> {
        let opened = self.connect(Access::Write).map_err(Fault::from);
        let fault = match opened.and_then(|connection| self.examine(&connection).map(|()| connection)) {
            // SQLite opens what it may not write for reading, and says nothing.
            Ok(connection) => return Ok(Some(connection).filter(|connection| connection.is_readonly(rusqlite::MAIN_DB) == Ok(false))),
            Err(fault) => fault,
        };
        match fault {
            Fault::Broken | Fault::Unfinished => self.make().map(Some),
            Fault::Newer(found) => Err(self.newer(found)),
            Fault::Sql(_) if self.path.is_dir() => self.make().map(Some),
            Fault::Sql(error) if is_read_only(&error) => Ok(None),
            Fault::Sql(error) => Err(error.into()),
        }
    }

    /// Opens the file as it lies, or makes the index in memory.
    fn open_for_reading(&self) -> Result<(Access, Connection), Failure> {
        let log = std::fs::metadata(self.path.with_extension("db-wal")).map_or(0, |found| found.len());
        if log == 0 {
            let opened = self.connect(Access::Immutable).map_err(Fault::from);
            match opened.and_then(|connection| examine_version(&connection, schema::READABLE).map(|()| connection)) {
                Ok(connection) => return Ok((Access::Immutable, connection)),
                Err(Fault::Newer(found)) => return Err(self.newer(found)),
                Err(_) => {}
            }
        }
        let mut connection = Connection::open_in_memory()?;
        self.fill(&mut connection)?;
        Ok((Access::Memory, connection))
    }

    fn connect(&self, access: Access) -> rusqlite::Result<Connection> {
        let shared = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = match access {
            Access::Write => {
                let flags = shared | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
                Connection::open_with_flags(&self.path, flags)?
            }
            _ => Connection::open_with_flags(immutable_uri(&self.path), shared | OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        Ok(connection)
    }

    /// Checks that a connection can be used. The first in a new boot also looks through the file, since what was
    /// written before may not have reached the disk.
    fn examine(&self, connection: &Connection) -> Result<(), Fault> {
        examine_version(connection, schema::VERSION)?;
        let Some(boot) = &self.boot else {
            return Ok(());
        };
        if !rows::knows_boot(connection, boot)? {
            if !rows::is_sound(connection)? {
                return Err(Fault::Broken);
            }
            rows::note_boot(connection, boot)?;
        }
        Ok(())
    }

    /// Makes the index, or brings an old one up to date. Whatever is broken is moved aside first, never deleted: a
    /// person may want to look at it.
    fn make(&self) -> Result<Connection, Failure> {
        let _lock = lock::rebuild(&self.root)?;
        let opened = self.connect(Access::Write).map_err(Fault::from);
        match opened.and_then(|connection| self.examine(&connection).map(|()| connection)) {
            // Another process was faster.
            Ok(connection) => return Ok(connection),
            Err(Fault::Newer(found)) => return Err(self.newer(found)),
            Err(Fault::Sql(error)) if !self.path.is_dir() => return Err(error.into()),
            Err(Fault::Unfinished) => match self.make_in_place() {
                Err(Failure::Sql(error)) if !is_transient(&error) => {}
                made => return made,
            },
            Err(Fault::Broken | Fault::Sql(_)) => {}
        }
        self.make_anew()
    }

    /// Moves the file aside and makes another. The projects cannot be had from the records, so they are kept as far as
    /// the old file still tells them.
    fn make_anew(&self) -> Result<Connection, Failure> {
        let old = if self.path.is_file() { self.connect(Access::Write).ok() } else { None };
        let projects = old.and_then(|connection| rows::projects(&connection).ok()).unwrap_or_default();
        self.set_aside()?;
        let connection = self.make_in_place()?;
        for (path, day) in &projects {
            rows::write_project(&connection, Path::new(std::ffi::OsStr::from_bytes(path)), *day)?;
        }
        Ok(connection)
    }

    fn make_in_place(&self) -> Result<Connection, Failure> {
        let mut connection = self.connect(Access::Write)?;
        // Counts only for a file that is still empty.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        if !is_across_a_network(&self.root) {
            connection.pragma_update(None, "journal_mode", "WAL")?;
        }
        self.fill(&mut connection)?;
        Ok(connection)
    }

    /// Creates the tables and, where there were none, takes the rows from the package records.
    fn fill(&self, connection: &mut Connection) -> Result<(), Failure> {
        backup::make(connection, &self.path)?;
        let records = if schema::version(connection)? == 0 { record::read_all(&self.root)? } else { Vec::new() };
        self.made_again.fetch_or(!records.is_empty(), Ordering::Relaxed);
        schema::migrate(connection, |connection, was_empty| {
            if was_empty {
                rows::write(connection, &records)?;
            }
            self.boot.as_ref().map_or(Ok(()), |boot| rows::note_boot(connection, boot))
        })?;
        Ok(())
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
            self.fill(&mut connection)?;
            state.access = Access::Memory;
            state.idle.push(connection);
            return Ok(());
        }
        let sound = self.connect(Access::Write).and_then(|connection| rows::is_sound(&connection));
        if !matches!(sound, Ok(true)) {
            let _lock = lock::rebuild(&self.root)?;
            let sound = self.connect(Access::Write).and_then(|connection| rows::is_sound(&connection));
            if !matches!(sound, Ok(true)) {
                state.idle.push(self.make_anew()?);
                return Ok(());
            }
        }
        state.idle.push(self.make()?);
        Ok(())
    }

    /// Renames the file and its log. Processes that have them open go on with them; what they commit now is in the
    /// package records, and at worst is fetched again.
    fn set_aside(&self) -> Result<(), FsError> {
        let suffix = crate::fs::unique_suffix();
        for end in ["-shm", "-wal", ""] {
            let from = self.root.join(format!("{FILE}{end}"));
            match crate::fs::rename(&from, &self.root.join(format!("{FILE}.broken-{suffix}{end}"))) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn newer(&self, found: i64) -> Failure {
        Failure::Store(StoreError::Newer { path: self.path.clone(), found, known: schema::VERSION })
    }

    fn explain(&self, failure: Failure) -> StoreError {
        let error = match failure {
            Failure::Store(error) => return error,
            Failure::Sql(error) => error,
        };
        let path = self.path.clone();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path, waited_s: BUSY.as_secs() },
            Some(ErrorCode::DiskFull) => StoreError::full(path, rustix::io::Errno::NOSPC.into()),
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path: self.root.clone() },
            _ => StoreError::Index { path, reason: error.to_string() },
        }
    }
}

impl Index {
    /// Writes rows in one transaction that begins as a writer's.
    pub fn write(&self, work: impl Fn(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            work(&transaction)?;
            transaction.commit()
        })
    }

    /// Says whether SQLite finds the whole file sound.
    pub fn is_sound(&self) -> Result<bool, StoreError> {
        self.with(|connection| rows::is_sound(connection))
    }

    /// Says whether this process found the file lost or broken, and has made it again.
    pub fn was_made_again(&self) -> bool {
        self.made_again.load(Ordering::Relaxed)
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the index anew from the records: in place, or as a new file if the old one is not sound. Returns what the
    /// records hold.
    pub fn rebuild(&self) -> Result<Vec<StoredPackage>, StoreError> {
        let records = record::read_all(&self.root)?;
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
        let mut found = record::read_all(&self.root)?;
        found.retain(|package| keys.contains(&&package.key));
        if self.is_writable() {
            self.write(|connection| rows::write(connection, &found))?;
        }
        Ok(found)
    }
}

/// Checks the version, `oldest` being the oldest that will do, and that the tables are there.
fn examine_version(connection: &Connection, oldest: i64) -> Result<(), Fault> {
    match schema::version(connection)? {
        found if found > schema::VERSION => Err(Fault::Newer(found)),
        found if found < 0 => Err(Fault::Broken),
        found if found < oldest => Err(Fault::Unfinished),
        _ => rows::check_tables(connection).map_err(|error| if is_transient(&error) { Fault::Sql(error) } else { Fault::Broken }),
    }
}

/// Says whether an error means that the file is not, or no longer, an index.
fn is_broken(error: &rusqlite::Error) -> bool {
    let short_read =
        matches!(error, rusqlite::Error::SqliteFailure(inner, _) if inner.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ);
    short_read || matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied))
}

/// Says whether an error is about the machine and not about the file.
fn is_transient(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, ReadOnly, SystemIoFailure};
    let codes = [CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, ReadOnly, SystemIoFailure];
    error.sqlite_error_code().is_some_and(|code| codes.contains(&code)) && !is_broken(error)
}

fn immutable_uri(path: &Path) -> String {
    let path = percent_encoding::percent_encode(path.as_os_str().as_encoded_bytes(), percent_encoding::NON_ALPHANUMERIC).to_string();
    format!("file:{}?immutable=1", path.replace("%2F", "/"))
}

/// Says whether a folder lies on another machine, or on something that cannot share memory between processes.
fn is_across_a_network(root: &Path) -> bool {
    /// NFS, SMB, SMB2, CIFS, Coda, AFS, 9p, FUSE.
    const MAGICS: [u32; 8] = [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42, 0x7375_7245, 0x5346_414f, 0x0102_1997, 0x6573_5546];
    rustix::fs::statfs(root).is_ok_and(|found| MAGICS.contains(&((found.f_type & 0xffff_ffff) as u32)))
}
