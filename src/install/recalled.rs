//! What the packages of a lockfile ask for, in the user's cache: resolution goes through them without their packuments.
//!
//! A file `demands-v1/<hash>` stands for one lockfile, and is named by a hash of its bytes and of what else decides what
//! the dependencies of packages become: overrides, catalogs where overrides may lead to them, and registries. It holds
//! [`Demands::encoded`], an eighth of its lockfile, and is written with that; whoever has another one, a fresh clone say,
//! takes the way of packuments.

use super::session::Session;
use super::shelf::Shelf;
use crate::error::Error;
use crate::resolve::demands::Demands;

const SHELF: Shelf = Shelf { folder: "demands-v1", magic: b"dekadm1\n" };

/// Reads what the packages of a lockfile ask for, if that is known. `count` is how many packages it has.
pub(super) fn read(session: &Session, lockfile: &[u8], count: usize) -> Option<Demands> {
    if session.settings.force {
        // Everything is to be checked with the registry.
        return None;
    }
    let bytes = SHELF.read(&session.settings.cache_dir, &name(session, lockfile).ok()?)?;
    Demands::decode(bytes, count)
}

/// Keeps what the packages of a lockfile ask for.
pub(super) fn keep(session: &Session, lockfile: &[u8], demands: &Demands) {
    if let Ok(name) = name(session, lockfile) {
        SHELF.write(&session.settings.cache_dir, &name, &[demands.encoded()]);
    }
}

/// Returns the name of the file for a lockfile.
fn name(session: &Session, lockfile: &[u8]) -> Result<String, Error> {
    let registries = session.sources.registries()?;
    let catalogs = (!session.overrides.is_empty()).then_some(&session.catalogs);
    let rules = format!("{:?}\n{:?}\n{:?}\n{catalogs:?}\n", registries.default, registries.scopes, session.overrides);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(rules.len() as u64).to_le_bytes()).update(rules.as_bytes()).update(lockfile);
    Ok(hasher.finalize().to_hex().to_string())
}
