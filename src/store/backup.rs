//! A copy of the index from before a migration.
//!
//! The index is derived data, but for the list of projects: that is known nowhere else. So before a migration touches an
//! index that holds something, it is copied whole, and the copy stands under its own name only once it is complete. One
//! copy is kept, the latest.

use super::index::Failure;
use super::schema;
use crate::fs::{Context, FsError};
use rusqlite::Connection;
use std::path::Path;

/// Copies an index that is about to be migrated to `<index>.v<version>-…` beside it, and removes older copies. Does
/// nothing when the index is empty or up to date.
pub(super) fn make(connection: &Connection, index: &Path) -> Result<(), Failure> {
    let version = schema::version(connection)?;
    if version == 0 || version >= schema::VERSION {
        return Ok(());
    }
    let draft = crate::fs::temporary_beside(index);
    let target = draft.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(draft.clone()))?;
    if let Err(error) = connection.execute("VACUUM INTO ?1", [target]) {
        // The error that matters is SQLite's; a gc removes what is left.
        let _ = crate::fs::remove_file(&draft);
        return Err(error.into());
    }
    let start = format!("{}.v", index.file_name().unwrap_or_default().to_string_lossy());
    let name = format!("{start}{version}-{}", crate::fs::unique_suffix());
    crate::fs::rename(&draft, &index.with_file_name(&name))?;
    Ok(remove_others(index, &start, &name)?)
}

fn remove_others(index: &Path, start: &str, kept: &str) -> Result<(), FsError> {
    let Some(folder) = index.parent() else { return Ok(()) };
    for entry in std::fs::read_dir(folder).at("read", folder)? {
        let entry = entry.at("read", folder)?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(start) && name != kept) {
            crate::fs::remove_file(&entry.path())?;
        }
    }
    Ok(())
}
