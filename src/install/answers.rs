//! Whole answers of resolution, in the user's cache: whoever has thrown the lockfile away, or has another copy of a
//! project without one, gets the same lockfile again while nothing has changed that it was made of.
//!
//! A file `answers-v1/<hash>` is named by a hash of what projects and settings ask for. It holds the length of its head,
//! four bytes in little-endian, the [`Head`] as JSON, and the text of the lockfile. It is the answer while the packuments
//! that were asked for are the same files of the cache and may be used unasked: resolution would read all of them again,
//! and come to the same. Answers that rest on anything else are not kept.

use super::fingerprint::Fingerprint;
use super::session::Session;
use super::shelf::Shelf;
use super::source::Sources;
use super::{resolving, telling};
use crate::error::Error;
use crate::package::name::PackageName;
use crate::project::settings::Frozen;
use crate::registry::Ledger;
use crate::timings::Part;
use serde::{Deserialize, Serialize};
use std::path::Path;

const SHELF: Shelf = Shelf { folder: "answers-v1", magic: b"dekaan1\n" };

/// An answer.
pub(super) struct Answer {
    /// The text of the lockfile.
    pub lockfile: String,
    /// What was warned of.
    pub warnings: Vec<String>,
}

/// An answer that is not kept yet.
pub(super) struct Fresh {
    name: String,
    asked: Vec<PackageName>,
    answer: Answer,
}

impl Answer {
    /// Warns as the install did that found it.
    pub fn tell(&self, session: &Session) {
        self.warnings.iter().for_each(|warning| telling::say(session, warning));
    }
}

/// What an answer rests on, and what belongs to it.
#[derive(Serialize, Deserialize)]
struct Head {
    ledger: Ledger,
    warnings: Vec<String>,
}

/// Returns the answer to what an install without a lockfile asks, if it is known.
pub(super) fn recall(session: &Session) -> Option<Answer> {
    let settings = &session.settings;
    let may_resolve = settings.lockfile.frozen != Frozen::Yes && !session.task.clean;
    if !may_resolve || settings.force || session.task.edit.is_some() {
        return None;
    }
    let _step = session.counters.timings.step(Part::Resolve, "an earlier answer");
    let bytes = SHELF.read(&settings.cache_dir, &name(session).ok()?)?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (head, lockfile) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    if !session.sources.client().ok()?.would_answer(&head.ledger) {
        session.trace("this was resolved before, but what it was resolved from is old or has changed");
        return None;
    }
    session.trace("this was resolved before, and nothing has changed");
    Some(Answer { lockfile: String::from_utf8(lockfile.to_vec()).ok()?, warnings: head.warnings })
}

impl Fresh {
    /// Takes an answer that was found just now. `asked` are the packuments that it rests on.
    pub fn new(session: &Session, lockfile: &str, asked: &[PackageName], warnings: &[String]) -> Option<Fresh> {
        let name = name(session).ok()?;
        Some(Fresh { name, asked: asked.to_vec(), answer: Answer { lockfile: lockfile.to_owned(), warnings: warnings.to_vec() } })
    }

    /// Keeps it, unless some of the packuments are not in the cache: those that came last may be written at the very end.
    pub fn keep(self, sources: &Sources, cache_dir: &Path) {
        let Some(ledger) = sources.client().ok().and_then(|client| client.ledger(&self.asked)) else { return };
        let Answer { lockfile, warnings } = self.answer;
        let Ok(head) = serde_json::to_vec(&Head { ledger, warnings }) else { return };
        let Ok(length) = u32::try_from(head.len()) else { return };
        SHELF.write(cache_dir, &self.name, &[&length.to_le_bytes(), &head, lockfile.as_bytes()]);
    }
}

/// Returns the name of the file for what an install asks.
fn name(session: &Session) -> Result<String, Error> {
    let mut question = Fingerprint::of_this_version();
    question.add_projects(&session.workspace);
    let (overrides, catalogs, options) = (&session.overrides, &session.catalogs, resolving::options(session));
    question.add(format!("{overrides:?} {catalogs:?} {options:?} {:?}", session.sources.registries()?).as_bytes());
    Ok(question.finish().to_hex().to_string())
}
