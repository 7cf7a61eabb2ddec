//! The lockfile in one install: read and judged before anything else happens, written when something has changed.

use super::ahead::Ahead;
use super::deciding::Learnt;
use super::session::Session;
use super::{failure, resolving};
use crate::error::{Code, Error};
use crate::lockfile::freshness::{self, Asked};
use crate::lockfile::{self, Lockfile};
use crate::project::catalogs::{self, Catalogs};
use crate::project::settings::Frozen;
use crate::resolve::graph::{Package, Resolution, Source};
use crate::resolve::local;
use crate::timings::Part;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The lockfile's name.
pub(crate) const NAME: &str = "deka.lock";

/// The lockfile as it stands, and what it is worth.
pub(super) struct Locked {
    path: PathBuf,
    /// Its text, to see whether it changes.
    pub text: Option<Vec<u8>>,
    /// What it says.
    pub lockfile: Option<Lockfile>,
    /// Whether it answers what the manifests ask.
    fits: bool,
    /// Whether it may not be changed.
    frozen: bool,
}

impl Locked {
    /// Says whether it is the answer, and nothing is to be resolved.
    pub fn decides(&self, session: &Session) -> bool {
        self.fits && (self.frozen || (session.settings.lockfile.prefer_frozen && !session.settings.force))
    }
}

/// What a lockfile will turn out to say: its text and the rest, unless that is an error.
pub(super) type Foreseen = Ahead<Option<(Vec<u8>, Lockfile)>>;

/// Begins to read the lockfile, if there is one. What comes of it holds for that text only.
pub(super) fn foresee(root: &Path) -> Foreseen {
    let path = root.join(NAME);
    Ahead::on_thread(move || {
        let text = std::fs::read(path).ok()?;
        let lockfile = lockfile::read(&text).ok()?;
        Some((text, lockfile))
    })
}

/// Reads the text of the lockfile, if there is one and it counts.
pub(super) fn read_text(session: &Session) -> Result<Option<Vec<u8>>, Error> {
    let path = session.workspace.root.join(NAME);
    crate::fs::remove_abandoned_beside(&path);
    if session.settings.lockfile.enabled { crate::fs::read_if_there(&path).map_err(failure::of_file) } else { Ok(None) }
}

/// Reads the lockfile out of its text. One that may not be changed and does not fit is an error.
pub(super) fn read(session: &Session, text: Option<Vec<u8>>) -> Result<Locked, Error> {
    let settings = &session.settings.lockfile;
    let path = session.workspace.root.join(NAME);
    let foreseen = session.foreseen.take().flatten();
    let lockfile = match (&text, foreseen) {
        (None, _) => None,
        (Some(text), Some((same, lockfile))) if *text == same => Some(lockfile),
        (Some(text), _) => Some(lockfile::read(text).map_err(|error| failure::of_lockfile(&path, error))?),
    };
    let frozen = match &session.task.edit {
        Some(edit) => edit.is_frozen(),
        None => settings.frozen == Frozen::Yes || (settings.frozen == Frozen::WhenThere && lockfile.is_some()) || session.task.clean,
    };
    let Some(found) = &lockfile else {
        return match frozen {
            true => Err(Error::new(Code::FrozenLockfile, format!("there is no {NAME}, and a frozen install needs one"))
                .hint(format!("Run `deka install` without `--frozen-lockfile` to write {NAME}, and commit it."))),
            false => Ok(Locked { path, text, lockfile, fits: false, frozen }),
        };
    };
    check_addresses(session, &found.resolution)?;
    if session.task.edit.is_some() && !frozen {
        // It is resolved again whether it fits or not.
        return Ok(Locked { path, text, lockfile, fits: false, frozen });
    }
    let fits = match (difference(session, found)?.map_or(Ok(()), Err), changed_tarball(session, &found.resolution)) {
        (Ok(()), None) => true,
        (Err(difference), _) if frozen => {
            let message = format!("{NAME} does not fit package.json, and a frozen install may not change it: {difference}");
            return Err(Error::new(Code::FrozenLockfile, message).hint("Run `deka install --no-frozen-lockfile` and commit the lockfile."));
        }
        (Ok(()), Some(package)) if frozen => {
            let message = format!("the tarball of {} is not the one that {NAME} has the hash of", package.id);
            return Err(Error::new(Code::Integrity, message)
                .hint("If it is meant to be another one, run `deka install --no-frozen-lockfile` and commit the lockfile."));
        }
        _ => false,
    };
    Ok(Locked { path, text, lockfile, fits, frozen })
}

/// Reads the text of a lockfile that was the answer before. Nothing if it is none to what is asked now.
pub(super) fn understand(session: &Session, text: &str) -> Option<Resolution> {
    let found = lockfile::read(text.as_bytes()).ok()?;
    check_addresses(session, &found.resolution).ok()?;
    difference(session, &found).ok()?.is_none().then_some(found.resolution)
}

/// Writes a lockfile where there was none.
pub(super) fn put(session: &Session, text: &str) -> Result<(), Error> {
    if !session.settings.lockfile.enabled {
        return Ok(());
    }
    let _step = session.counters.timings.step(Part::Rest, "writing of the lockfile");
    crate::fs::write_atomic(&session.workspace.root.join(NAME), text.as_bytes()).map_err(failure::of_file)
}

/// Writes what was resolved, or what was learnt of packages that no hash was known of. `text` is what that comes to,
/// nothing if it stays as it is, and `learnt` is what is kept beside it, if anything is.
pub(super) fn write(session: &Session, locked: &Locked, (text, learnt): (Option<&str>, Option<&Learnt>)) -> Result<(), Error> {
    let Some(text) = text.filter(|_| session.settings.lockfile.enabled && !locked.frozen) else {
        return Ok(());
    };
    let _step = session.counters.timings.step(Part::Rest, "writing of the lockfile");
    if locked.text.as_deref().is_none_or(|before| before != text.as_bytes()) {
        crate::fs::write_atomic(&locked.path, text.as_bytes()).map_err(failure::of_file)?;
    }
    if let Some(learnt) = learnt {
        learnt.keep(session, text);
    }
    Ok(())
}

/// Says what would be written.
pub(super) fn text(session: &Session, resolution: &Resolution) -> String {
    let overrides = session.overrides.iter().cloned().collect();
    let (settings, catalogs) = (settings(session), used_catalogs(session));
    lockfile::write(lockfile::Borrowed { settings: &settings, overrides: &overrides, catalogs: &catalogs, resolution })
}

fn settings(session: &Session) -> lockfile::Settings {
    let options = resolving::options(session);
    lockfile::Settings {
        auto_install_peers: options.auto_install_peers,
        dedupe_peer_dependents: options.dedupe_peer_dependents,
        resolve_peers_from_workspace_root: options.resolve_peers_from_workspace_root,
    }
}

/// Says what a lockfile does not answer, if there is something.
fn difference(session: &Session, lockfile: &Lockfile) -> Result<Option<String>, Error> {
    match compare(session, lockfile) {
        Ok(()) => moved(session, &lockfile.resolution),
        Err(difference) => Ok(Some(difference.to_string())),
    }
}

fn compare(session: &Session, lockfile: &Lockfile) -> Result<(), freshness::Difference> {
    let projects = session.workspace.projects.iter();
    let importers: Vec<_> = projects.map(|project| (project.path.as_str(), &*project.manifest)).collect();
    let overrides: BTreeMap<String, String> = session.overrides.iter().cloned().collect();
    let asked = Asked { importers: &importers, overrides: &overrides, catalogs: &used_catalogs(session), settings: &settings(session) };
    freshness::check(lockfile, asked)
}

fn used_catalogs(session: &Session) -> Catalogs {
    catalogs::used(&session.workspace, &session.overrides, &session.catalogs)
}

/// Says which dependency leads to another folder of the workspace than it did.
fn moved(session: &Session, resolution: &Resolution) -> Result<Option<String>, Error> {
    if session.workspace.projects.len() < 2 {
        return Ok(None);
    }
    let moved = local::moved(&resolving::request(session)?, resolution).map_err(failure::of_resolve)?;
    Ok(moved.map(|(importer, alias)| {
        let folder = if importer == "." { String::new() } else { format!("{importer}/") };
        format!("{folder}package.json: `{alias}` is answered by another project than before, or by none any more")
    }))
}

/// Refuses addresses that would take a package off an encrypted way. Someone may have put them there.
fn check_addresses(session: &Session, resolution: &Resolution) -> Result<(), Error> {
    for package in &resolution.packages {
        if let Source::Registry { tarball: Some(tarball) } = &package.source
            && session.sources.loses_encryption(&package.name, tarball)?
        {
            return Err(failure::of_lost_encryption(Code::Lockfile, &format!("{NAME}: {}", package.id), tarball));
        }
    }
    Ok(())
}

/// Returns a tarball of this machine whose bytes are not those that were locked. One that is gone may still be in the store.
fn changed_tarball<'a>(session: &Session, resolution: &'a Resolution) -> Option<&'a Package> {
    resolution.packages.iter().find(|package| {
        let (Source::LocalTarball { path }, Some(integrity)) = (&package.source, &package.integrity) else { return false };
        let Ok(bytes) = crate::fs::read(&session.workspace.root.join(path)) else { return false };
        !integrity.accepts(&integrity.algorithm().hash(&bytes))
    })
}
