//! The file of the index: how it is opened, examined and made.

use super::super::error::StoreError;
use super::super::{backup, lock, record, rows, schema};
use super::{Access, Failure, draft};
use crate::fs::FsError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Name of the file inside the store.
pub(in crate::store) const NAME: &str = "index.db";
/// How long to wait for another writer. A commit takes milliseconds, so this is a machine in trouble.
pub(super) const BUSY: Duration = Duration::from_secs(30);
/// Trees and their marks are blobs of some kilobytes, which SQLite reads page by page.
const PAGE_BYTES: u32 = 16_384;

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

/// The file of one store's index.
pub(super) struct IndexFile {
    pub root: PathBuf,
    pub path: PathBuf,
    /// The id of this boot.
    pub boot: Option<String>,
    /// Whether this process found the file lost or broken.
    pub made_again: AtomicBool,
}

impl IndexFile {
    /// Names the file of a store. It need not be there.
    pub fn new(root: &Path, boot: Option<String>) -> IndexFile {
        IndexFile { root: root.to_owned(), path: root.join(NAME), boot, made_again: AtomicBool::new(false) }
    }

    /// Says whether there is nothing yet that an index could be made from, and nothing that SQLite could mistake for a
    /// part of a new one.
    pub fn is_new(&self) -> bool {
        let absent = |path: PathBuf| matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound);
        let parts = ["", "-wal", "-shm", "-journal"].map(|end| self.root.join(format!("{NAME}{end}")));
        parts.into_iter().all(absent) && absent(self.root.join(record::FOLDER))
    }

    /// Opens the file, and makes it if need be.
    pub fn open(&self, writable: bool) -> Result<(Access, Connection), Failure> {
        match if writable { self.open_for_writing()? } else { None } {
            Some(connection) => Ok((Access::Write, connection)),
            None => self.open_for_reading(),
        }
    }

    /// Opens the file; no connection means that it cannot be written.
    fn open_for_writing(&self) -> Result<Option<Connection>, Failure> {
        if self.is_new() {
            return self.make().map(Some);
        }
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

    pub(super) fn connect(&self, access: Access) -> rusqlite::Result<Connection> {
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
        // What a statement would need to undo itself is a few pages, not worth a file in the system's temporary folder.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
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
    pub(super) fn make(&self) -> Result<Connection, Failure> {
        let _lock = lock::rebuild(&self.root)?;
        if self.is_new() {
            return self.make_from_nothing();
        }
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
    pub(super) fn make_anew(&self) -> Result<Connection, Failure> {
        let old = if self.path.is_file() { self.connect(Access::Write).ok() } else { None };
        let projects = old.and_then(|connection| rows::projects(&connection).ok()).unwrap_or_default();
        self.set_aside()?;
        let connection = self.make_in_place()?;
        for (path, day) in &projects {
            rows::write_project(&connection, Path::new(std::ffi::OsStr::from_bytes(path)), *day)?;
        }
        Ok(connection)
    }

    /// Makes the first index of a store. It is put together in memory and written at once, which takes a tenth of the
    /// system calls, and is whole under its name from the first moment.
    fn make_from_nothing(&self) -> Result<Connection, Failure> {
        let has_log = !is_across_a_network(&self.root);
        let version = u32::try_from(schema::VERSION).unwrap_or_default();
        match draft::image(&schema::MIGRATIONS, draft::Form { page_bytes: PAGE_BYTES, has_log, version }, self.boot.as_deref()) {
            Some(bytes) => {
                crate::fs::write_atomic(&self.path, &bytes)?;
                Ok(self.connect(Access::Write)?)
            }
            None => self.make_in_place(),
        }
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
    pub(super) fn fill(&self, connection: &mut Connection) -> Result<(), Failure> {
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

    /// Renames the file and its log. Processes that have them open go on with them; what they commit now is in the
    /// package records, and at worst is fetched again.
    pub(super) fn set_aside(&self) -> Result<(), FsError> {
        let suffix = crate::fs::unique_suffix();
        for end in ["-shm", "-wal", ""] {
            let from = self.root.join(format!("{NAME}{end}"));
            match crate::fs::rename(&from, &self.root.join(format!("{NAME}.broken-{suffix}{end}"))) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn newer(&self, found: i64) -> Failure {
        Failure::Store(StoreError::Newer { path: self.path.clone(), found, known: schema::VERSION })
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
pub(super) fn is_broken(error: &rusqlite::Error) -> bool {
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
