//! `deka store usages`

use crate::cli::store::usage;
use crate::commands::Context;
use crate::error::Error;
use crate::report::table::{Side, shortened};
use crate::report::text::{clean, count};
use crate::upkeep::usage::{Affected, Match, Use, affected};

/// The widest heading; what stands beside it has to fit too.
const HEADING: usize = 50;

/// Prints which projects use a package. Returns 0 when one does, 1 when none does.
pub(super) fn run(context: &Context, asked: &usage::Usages) -> Result<u8, Error> {
    let pattern = super::pattern(&asked.package)?;
    let store = super::open(context, &asked.answer.place)?;
    let affected = match store {
        Some(store) => affected(&store, &context.env, &pattern)?,
        None => Affected::nobody(&pattern),
    };
    let status = if affected.uses() > 0 { 0 } else { 1 };
    if asked.answer.json {
        return super::print_json(context, &affected).map(|()| status);
    }
    super::warn_of(context, &affected.unreadable);
    affected.matches.iter().for_each(|found| print(context, found));
    if affected.matches.is_empty() {
        context.reporter.data(&format!("No package here is {}, in the store or in a lockfile.", clean(&affected.query)));
    } else if status == 1 {
        context.reporter.data("No project uses any of them.");
    }
    Ok(status)
}

fn print(context: &Context, found: &Match) {
    let name = if found.version.is_empty() { found.name.clone() } else { format!("{}@{}", found.name, found.version) };
    let users = count(found.users.len() as u64, "project");
    let stored = if found.stored { "" } else { ", not in the store" };
    context.reporter.data(&format!("{}: {users}{stored}", shortened(&clean(&name), HEADING)));
    let row = |used: &Use| vec![String::new(), how(used).to_owned(), used.project.clone()];
    let rows: Vec<Vec<String>> = found.users.iter().map(row).collect();
    super::print_table(context, &[Side::Left, Side::Left, Side::Left], &rows);
}

fn how(used: &Use) -> &'static str {
    match (used.locked, used.slots.is_empty()) {
        (true, false) => "locked and installed",
        (true, true) => "locked",
        _ => "installed",
    }
}
