//! What stands in a store and belongs to nothing: drafts of processes that died, blueprints that
//! are damaged, indexes that were set aside, and files
//! that somebody put there.

use super::shard::Shard;
use crate::fs::Context;
use crate::store::error::StoreError;
use crate::store::{Store, blueprint, pack};
use std::path::{Path, PathBuf};

/// A file or folder that is of no use. A gc removes what deka itself has left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// Where it stands.
    pub path: PathBuf,
    /// Its length; of a folder, that of the folder alone.
    pub size_bytes: u64,
    /// Whether deka made it. It may be in use this very moment.
    pub is_draft: bool,
}

/// Adds what stands beside the folders of objects to what was found in them; sorted by path.
pub fn find(store: &Store, shards: &[Shard]) -> Result<Vec<Leftover>, StoreError> {
    let mut found: Vec<Leftover> = shards.iter().flat_map(|shard| shard.leftovers.iter().cloned()).collect();
    let is_shard = |name: &str| name.len() == 2 && name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    list(store.objects.path(), &mut found, |name| if is_shard(name) { None } else { Some(false) })?;
    let is_record = |name: &str| blake3::Hash::from_hex(name).is_ok();
    list(&store.root.join("packages"), &mut found, |name| match name {
        name if is_record(name) => None,
        name => Some(name.starts_with('.') && name.ends_with(".tmp")),
    })?;
    list(&store.root, &mut found, |name| (name.starts_with("index.db.broken-") || name.ends_with(".tmp")).then_some(true))?;
    list(&store.root.join(pack::FOLDER), &mut found, |name| if name.ends_with(".pack") { None } else { Some(name.ends_with(".tmp")) })?;
    let blueprints = store.root.join(blueprint::FOLDER);
    list(&blueprints, &mut found, |name| (!blueprint::is_sound(&blueprints.join(name))).then_some(true))?;
    found.sort();
    Ok(found)
}

/// Adds the entries of a folder that `judge` has a word for: whether deka made them.
fn list(folder: &Path, found: &mut Vec<Leftover>, judge: impl Fn(&str) -> Option<bool>) -> Result<(), StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.at("read", folder)?,
    };
    for entry in entries {
        let entry = entry.at("read", folder)?;
        let (name, metadata) = (entry.file_name(), entry.metadata());
        if let (Some(is_draft), Ok(metadata)) = (judge(&name.to_string_lossy()), metadata) {
            found.push(Leftover { path: entry.path(), size_bytes: metadata.len(), is_draft });
        }
    }
    Ok(())
}
