//! What a gc reads from the index and writes to it.

use super::Plan;
use crate::store::id::TreeId;
use crate::store::package::PackageKey;
use crate::store::schema;
use crate::store::tree::Tree;
use rusqlite::{Connection, TransactionBehavior, params};
use std::os::unix::ffi::OsStrExt;

/// The version of the index that brought the day of the last use.
const HAS_LAST_USE: i64 = 2;

/// What a gc needs of a package's row.
#[derive(Debug)]
pub(super) struct Row {
    pub key: PackageKey,
    pub added_s: i64,
    pub used_day: i64,
    pub tree: i64,
}

/// Reads the rows of all packages. One that cannot be read is an error: nobody could say what it needs.
pub(super) fn packages(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let used_day = if schema::version(connection)? < HAS_LAST_USE { "0" } else { "used_day" };
    let mut statement = connection.prepare(&format!("SELECT key, added_s, {used_day}, tree FROM packages"))?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Row { key: PackageKey::of_source(row.get(0)?), added_s: row.get(1)?, used_day: row.get(2)?, tree: row.get(3)? })
    };
    statement.query_map([], row)?.collect()
}

/// Reads all trees that are as they were written, with their numbers.
pub(super) fn trees(connection: &Connection, mut see: impl FnMut(i64, &Tree)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT number, id, body FROM trees")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (Ok(id), Ok(body)) = (row.get_ref(1)?.as_blob(), row.get_ref(2)?.as_blob()) else { continue };
        if TreeId::of(body).as_bytes() == id
            && let Some(tree) = Tree::decode(body.to_vec())
        {
            see(row.get(0)?, &tree);
        }
    }
    Ok(())
}

/// Takes projects and packages out of the index, and notes the last use of others: all of it or nothing.
pub(super) fn forget(connection: &mut Connection, plan: &Plan) -> rusqlite::Result<()> {
    // For each tree that goes SQLite would read through all packages in search of one that refers to it.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut project = transaction.prepare("DELETE FROM projects WHERE path = ?1")?;
        for path in &plan.projects {
            project.execute([path.as_os_str().as_bytes()])?;
        }
        let mut package = transaction.prepare("DELETE FROM packages WHERE key = ?1")?;
        for key in &plan.packages {
            package.execute([key.as_str()])?;
        }
        let mut used = transaction.prepare("UPDATE packages SET used_day = ?2 WHERE key = ?1")?;
        for (key, day) in &plan.used {
            used.execute(params![key.as_str(), day])?;
        }
    }
    transaction.execute("DELETE FROM trees WHERE number NOT IN (SELECT tree FROM packages)", [])?;
    transaction.commit()?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Gives unused pages back to the file system when they are more than a quarter of the file, and empties the log.
pub(super) fn shrink(connection: &mut Connection) -> rusqlite::Result<()> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("freelist_count")?.saturating_mul(4) > number("page_count")? {
        connection.execute_batch("VACUUM")?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
