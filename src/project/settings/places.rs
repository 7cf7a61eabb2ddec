//! Where deka keeps what it keeps for a user.
//!
//! Everything lies below the home folder or the XDG folders, so that setting those isolates a run completely.

use crate::project::env::Env;
use crate::project::error::{ProjectError, Result};
use std::path::PathBuf;

/// The version of the store's layout on disk; it is part of its default place.
const STORE_VERSION: &str = "v1";

/// Returns the store's place when no setting gives one.
pub fn store(env: &Env) -> Result<PathBuf> {
    Ok(folder(env, "XDG_DATA_HOME", ".local/share", "Library/Application Support", "store")?.join("store").join(STORE_VERSION))
}

/// Returns the cache's place when no setting gives one.
pub fn cache(env: &Env) -> Result<PathBuf> {
    folder(env, "XDG_CACHE_HOME", ".cache", "Library/Caches", "cache")
}

fn folder(env: &Env, variable: &str, elsewhere: &str, on_macos: &str, what: &'static str) -> Result<PathBuf> {
    if let Some(folder) = env.folder(variable) {
        return Ok(folder.join("deka"));
    }
    let below = if cfg!(target_os = "macos") { on_macos } else { elsewhere };
    env.home().map(|home| home.join(below).join("deka")).ok_or(ProjectError::NoHome { what })
}
