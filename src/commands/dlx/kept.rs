//! The folder that `dlx` installs into, and uses again for a while.
//!
//! What is asked for has a folder in the cache, named by a hash. Every install goes into a new folder inside of it, and
//! when it is done a link is turned to it in one step. So several may install at once, and what runs is never changed
//! below its feet.

use super::packages::Wanted;
use crate::error::{Code, Error};
use crate::fs;
use crate::project::settings::Settings;
use crate::project::state::State;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The link to the install that is used.
const CURRENT: &str = "current";
/// How long an install that is not used any more stays: something may still run from it.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The installs of one set of packages.
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Returns the place for packages from the registries that the settings name.
    pub fn of(settings: &Settings, wanted: &[Wanted], builds: &[String]) -> Shelf {
        let mut parts: Vec<String> = wanted.iter().map(|wanted| format!("{}@{}", wanted.alias, wanted.specifier)).collect();
        parts.extend(builds.iter().map(|name| format!("build {name}")));
        parts.extend(registries(settings).into_iter().map(|(name, address)| format!("{name}={address}")));
        parts.sort();
        let mut hasher = blake3::Hasher::new();
        for part in &parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let name = hasher.finalize().to_hex();
        Shelf { folder: settings.cache_dir.join("dlx").join(&name[..32]) }
    }

    /// Returns the install that is there, unless it is older than `max_age` or not as it should be.
    pub fn current(&self, max_age: Duration) -> Option<PathBuf> {
        let link = self.folder.join(CURRENT);
        let made = std::fs::symlink_metadata(&link).ok()?.modified().ok()?;
        // A clock that was set back makes it look newer than now; then nobody knows how old it is.
        SystemTime::now().duration_since(made).ok().filter(|age| *age < max_age)?;
        let home = self.folder.join(std::fs::read_link(&link).ok()?);
        let modules = home.join("node_modules");
        let state = State::read(&modules)?;
        let is_safe = state.boot.is_none() || state.written_in_this_boot();
        let is_whole = || state.linked.iter().all(|folder| folder.links.iter().all(|link| home.join(&folder.path).join(link).exists()));
        (is_safe && state.root == home && is_whole()).then_some(home)
    }

    /// Makes a new folder with a manifest that asks for the packages.
    pub fn begin(&self, wanted: &[Wanted], builds: &[String]) -> Result<PathBuf, Error> {
        let home = self.folder.join(fs::unique_suffix());
        let dependencies: Map<String, Value> = wanted.iter().map(|wanted| (wanted.alias.to_string(), json!(wanted.specifier))).collect();
        let manifest = json!({ "private": true, "dependencies": dependencies, "trustedDependencies": builds });
        fs::create_dir_all(&home).map_err(|error| Error::wrap(Code::Io, &error))?;
        fs::write_atomic(&home.join("package.json"), format!("{manifest:#}\n").as_bytes())
            .map_err(|error| Error::wrap(Code::Io, &error))?;
        Ok(home)
    }

    /// Removes an install that did not succeed.
    pub fn abandon(&self, home: &Path) {
        // What is left is only in the way of the eye. The folder itself goes when there is nothing else in it.
        let _ = fs::remove_all(home);
        let _ = std::fs::remove_dir(&self.folder);
    }

    /// Has an install that is done used from now on, and removes those that nobody has used for long.
    pub fn finish(&self, home: &Path) -> Result<(), Error> {
        let failed = |error: fs::FsError| Error::wrap(Code::Io, &error);
        let name = home.file_name().unwrap_or_default();
        let beside = fs::temporary_beside(&self.folder.join(CURRENT));
        fs::Context::at(std::os::unix::fs::symlink(name, &beside), "link", &beside).map_err(failed)?;
        fs::rename(&beside, &self.folder.join(CURRENT)).map_err(failed)?;
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_old = entry.metadata().ok().and_then(|found| found.modified().ok()?.elapsed().ok()).is_some_and(|age| age > KEPT);
            if is_old && entry.file_name() != name && entry.file_name() != CURRENT {
                // What cannot be removed is in nobody's way.
                let _ = fs::remove_all(&entry.path());
            }
        }
        Ok(())
    }
}

/// Returns the registries as settings: the default one if somebody has set it, and those of scopes.
pub fn registries(settings: &Settings) -> Vec<(String, String)> {
    let registries = &settings.registries;
    let default = registries.default.iter().map(|address| ("registry".to_owned(), address.to_string()));
    default.chain(registries.scopes.iter().map(|(scope, address)| (format!("{scope}:registry"), address.to_string()))).collect()
}
