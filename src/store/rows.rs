//! What is asked of the index and written to it, once a connection is there.

use super::id::TreeId;
use super::mark::{self, Epoch, Marks};
use super::package::{Listed, PackageKey, StoredPackage};
use super::record;
use super::tree::Tree;
use crate::package::facts::Facts;
use crate::package::name::PackageName;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::borrow::Borrow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const LOOK_UP: &str = "SELECT p.name, p.version, p.facts, p.seal, t.id, t.body, t.marks \
                       FROM packages p LEFT JOIN trees t ON t.number = p.tree WHERE p.key = ?1";

/// What the index says about a key.
pub(super) enum Answer {
    /// The package.
    Found(Box<StoredPackage>),
    /// There is a row, but it is not what was written.
    Damaged,
    /// There is none.
    Absent,
}

/// Says whether the tables are there: compiles the statement that every install begins with.
pub(super) fn check_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached(LOOK_UP).map(drop)
}

/// Looks keys up, in their order.
pub(super) fn look_up(connection: &Connection, keys: &[PackageKey]) -> rusqlite::Result<Vec<Answer>> {
    let mut statement = connection.prepare_cached(LOOK_UP)?;
    keys.iter()
        .map(|key| {
            let row = statement.query_row([key.as_str()], |row| Ok(read(key, row))).optional()?;
            Ok(match row {
                None => Answer::Absent,
                Some(None) => Answer::Damaged,
                Some(Some(package)) => Answer::Found(Box::new(package)),
            })
        })
        .collect()
}

/// Reads a row; nothing when any of it is not as it was written.
fn read(key: &PackageKey, row: &Row<'_>) -> Option<StoredPackage> {
    let text = |column| row.get_ref(column).ok()?.as_str().ok();
    let blob = |column| row.get_ref(column).ok()?.as_blob().ok();
    let body = blob(5)?;
    let tree_id = TreeId::of(body);
    let tree = Tree::decode(Bytes::copy_from_slice(body))?;
    let (epoch, marks) = mark::decode(&tree_id, tree.len(), Bytes::copy_from_slice(blob(6).unwrap_or_default()));
    let package = StoredPackage {
        key: key.clone(),
        name: PackageName::parse(text(0)?).ok()?,
        version: text(1)?.to_owned(),
        facts: Facts::decode(blob(2)?)?,
        tree_id,
        tree,
        marks,
        epoch,
    };
    (blob(3)? == record::seal(&package) && blob(4)? == tree_id.as_bytes()).then_some(package)
}

/// Lists the packages of the index, sorted by key. A row whose texts cannot be read is passed over.
pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<Listed>> {
    // An old index that cannot be written is read as it lies.
    let used_day = if super::schema::version(connection)? < 2 { "0" } else { "used_day" };
    let mut statement = connection.prepare(&format!("SELECT key, name, version, added_s, {used_day} FROM packages ORDER BY key"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    let mut list = Vec::new();
    for row in rows {
        let (key, name, version, added_s, used_day) = match row {
            Err(rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..)) => continue,
            row => row?,
        };
        if let Ok(name) = PackageName::parse(&name) {
            list.push(Listed { key: PackageKey::of_source(key), name, version, added_s, used_day });
        }
    }
    Ok(list)
}

/// A row of the index, sound or not.
pub(super) struct Surveyed {
    /// Its key as it lies there.
    pub raw_key: Vec<u8>,
    /// Its key, what is no UTF-8 replaced.
    pub key: PackageKey,
    /// What it gives as name, right or not.
    pub name: String,
    /// What it gives as version, right or not.
    pub version: String,
    /// The package, if row and tree are as they were written.
    pub package: Option<StoredPackage>,
}

/// Reads all rows, sorted by key.
pub(super) fn survey(connection: &Connection) -> rusqlite::Result<Vec<Surveyed>> {
    let sql = "SELECT p.name, p.version, p.facts, p.seal, t.id, t.body, t.marks, CAST(p.key AS BLOB) \
               FROM packages p LEFT JOIN trees t ON t.number = p.tree ORDER BY p.key";
    let text = |row: &Row<'_>, column| -> rusqlite::Result<String> {
        let value = row.get_ref(column)?;
        let bytes = value.as_bytes().unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    let read_row = |row: &Row<'_>| {
        let raw_key: Vec<u8> = row.get(7)?;
        let key = PackageKey::of_source(String::from_utf8_lossy(&raw_key).into_owned());
        Ok(Surveyed { package: read(&key, row), name: text(row, 0)?, version: text(row, 1)?, raw_key, key })
    };
    connection.prepare(sql)?.query_map([], read_row)?.collect()
}

/// Removes a row that nobody can read, by the bytes of its key.
pub(super) fn remove(connection: &Connection, raw_key: &[u8]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM packages WHERE CAST(key AS BLOB) = ?1", [raw_key]).map(drop)
}

/// Removes all packages and trees; what is known of boots and projects stays.
pub(super) fn clear(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("DELETE FROM packages; DELETE FROM trees")
}

/// Says whether a package stands in the index exactly as it is.
pub(super) fn holds(connection: &Connection, package: &StoredPackage) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM packages WHERE key = ?1 AND seal = ?2")?;
    statement.exists(params![package.key.as_str(), record::seal(package)])
}

/// Writes packages, over what stands under their keys.
pub(super) fn write(connection: &Connection, packages: impl IntoIterator<Item = impl Borrow<StoredPackage>>) -> rusqlite::Result<()> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed());
    // Inserting and, where that finds a row, updating: one statement that does either, or that returns something, keeps
    // copies of all pages that it changes, and an install mostly inserts.
    let mut tree = connection.prepare_cached("INSERT INTO trees (id, body, marks) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING")?;
    let mut old_tree = connection.prepare_cached("UPDATE trees SET body = ?2, marks = ?3 WHERE id = ?1 RETURNING number")?;
    let mut row = connection.prepare_cached(
        "INSERT INTO packages (key, name, version, facts, tree, added_s, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (key) DO NOTHING",
    )?;
    let mut old_row = connection
        .prepare_cached("UPDATE packages SET name = ?2, version = ?3, facts = ?4, tree = ?5, added_s = ?6, seal = ?7 WHERE key = ?1")?;
    for package in packages {
        let package: &StoredPackage = package.borrow();
        let marks = mark::encode(&package.tree_id, package.epoch, &package.marks);
        let values = params![package.tree_id.as_bytes(), package.tree.encoding(), marks];
        let is_new = tree.execute(values)? == 1;
        let number: i64 = if is_new { connection.last_insert_rowid() } else { old_tree.query_row(values, |row| row.get(0))? };
        let (key, name, facts) = (package.key.as_str(), package.name.as_str(), package.facts.encode());
        let values = params![key, name, package.version, facts, number, now_s, record::seal(package)];
        if row.execute(values)? == 0 {
            old_row.execute(values)?;
        }
    }
    Ok(())
}

/// Replaces the marks of a tree.
pub(super) fn write_marks(connection: &Connection, tree: &TreeId, epoch: Epoch, marks: &Marks) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("UPDATE trees SET marks = ?2 WHERE id = ?1")?;
    statement.execute(params![tree.as_bytes(), mark::encode(tree, epoch, marks)]).map(drop)
}

/// Says whether the index was found whole in this boot.
pub(super) fn knows_boot(connection: &Connection, id: &str) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM boots WHERE id = ?1")?.exists([id])
}

/// Notes that the index was found whole in this boot.
pub(super) fn note_boot(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT OR IGNORE INTO boots (id) VALUES (?1)", [id]).map(drop)
}

/// Says whether the whole file is a sound database.
pub(super) fn is_sound(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map(|answer| answer == "ok")
}

/// Keeps a project that an older version has noted, and the day on which it was installed.
pub(super) fn write_project(connection: &Connection, project: &Path, day: i64) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO projects (path, used_day) VALUES (?1, ?2)";
    connection.execute(sql, params![project.as_os_str().as_bytes(), day]).map(drop)
}

/// Returns the projects that older versions have noted here, by path, and the day of each one's last install.
pub(super) fn projects(connection: &Connection) -> rusqlite::Result<Vec<(Vec<u8>, i64)>> {
    let mut statement = connection.prepare("SELECT path, used_day FROM projects ORDER BY path")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
