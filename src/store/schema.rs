//! The versions of the index.
//!
//! Each file in `migrations/` takes the index one version further; `user_version` counts those that were applied. The
//! list only ever grows at its end, and a migration never drops a table or a column: a file once released is as fixed
//! as the bytes of an object.

use rusqlite::{Connection, TransactionBehavior};

/// The migrations, oldest first.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../../migrations/0001_trees_packages_projects.sql"),
    include_str!("../../migrations/0002_last_use_of_packages.sql"),
    include_str!("../../migrations/0003_projects_in_files.sql"),
];

/// The version that this deka writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;
/// The oldest version that an install can read as it lies, when nothing can be written.
pub(super) const READABLE: i64 = 1;

/// Returns the version of an index, 0 for an empty file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Applies what is missing in one transaction, together with `fill`, which is told whether the index was empty.
pub(super) fn migrate(connection: &mut Connection, fill: impl FnOnce(&Connection, bool) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    // Another process may have been faster.
    let before = version(&transaction)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(before).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
    }
    fill(&transaction, before == 0)?;
    transaction.pragma_update(None, "user_version", VERSION.max(before))?;
    transaction.commit()
}
