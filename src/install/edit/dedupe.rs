//! `deka dedupe --check`: what would change.

use crate::error::{Code, Error};
use crate::install::Outcome;
use crate::install::locked::{self, Locked};
use crate::install::session::Session;
use crate::resolve::graph::Resolution;
use std::collections::BTreeSet;

/// Compares an answer with the lockfile and writes nothing. Any difference is an error.
pub(in crate::install) fn check(session: &Session<'_>, locked: &Locked, resolution: &Resolution) -> Result<Outcome, Error> {
    let ids = |resolution: &Resolution| resolution.packages.iter().map(|package| package.id.clone()).collect::<BTreeSet<String>>();
    let now = ids(resolution);
    let total = resolution.instances.len() as u64;
    let text = locked::text(session, resolution);
    if locked.text.as_ref().is_some_and(|before| *before == text.as_bytes()) {
        return Ok(Outcome { total, ..Outcome::default() });
    }
    let before = locked.text.as_ref().and_then(|text| crate::lockfile::read(text).ok()).map(|lockfile| ids(&lockfile.resolution));
    let before = before.unwrap_or_default();
    let gone = before.difference(&now).map(|id| format!("\n- {id}"));
    let come = now.difference(&before).map(|id| format!("\n+ {id}"));
    let changes: String = gone.chain(come).collect();
    let what =
        if changes.is_empty() { "some dependencies would lead to other packages that it has" } else { "these packages would change:" };
    Err(Error::new(Code::Duplicates, format!("{} can be deduped, {what}{changes}", locked::NAME)).hint("Run `deka dedupe`."))
}
