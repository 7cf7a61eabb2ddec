//! `deka store du`

use crate::cli::store::usage;
use crate::commands::Context;
use crate::error::Error;
use crate::report::table::Side;
use crate::report::text::bytes;
use crate::upkeep::usage::{By, Share, Shares, shares};

/// What stands for the packages that no project needs.
const NOBODY: &str = "(no project)";

/// Prints how much each project, package or version needs.
pub(super) fn run(context: &Context, asked: &usage::Du) -> Result<(), Error> {
    let pattern = asked.package.as_deref().map(super::pattern).transpose()?;
    let by = match asked.by {
        Some(usage::By::Project) => By::Project,
        Some(usage::By::Package) => By::Package,
        Some(usage::By::Version) => By::Version,
        None if pattern.is_some() => By::Version,
        None => By::Project,
    };
    let store = super::open(context, &asked.answer.place)?;
    let shares = store.map(|store| shares(&store, &context.env, by, pattern.as_ref())).transpose()?;
    let mut shares: Shares = shares.unwrap_or_default();
    let left_out = shares.shares.len().saturating_sub(asked.limit.unwrap_or(usize::MAX));
    shares.shares.truncate(asked.limit.unwrap_or(usize::MAX));
    if asked.answer.json {
        return super::print_json(context, &shares);
    }
    super::warn_of(context, &shares.unreadable);
    if shares.shares.is_empty() {
        context.reporter.note("Nothing is there to be counted.");
        return Ok(());
    }
    let heads = ["TOTAL", "UNIQUE", "SHARED", "PACKAGES", head(by)].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(shares.shares.iter().map(row)).collect();
    super::print_table(context, &[Side::Right, Side::Right, Side::Right, Side::Right, Side::Left], &rows);
    if left_out > 0 {
        context.reporter.note(&format!("{left_out} more are not shown."));
    }
    Ok(())
}

fn head(by: By) -> &'static str {
    match by {
        By::Project => "PROJECT",
        By::Package => "PACKAGE",
        By::Version => "VERSION",
    }
}

fn row(share: &Share) -> Vec<String> {
    let name = share.name.as_deref().unwrap_or(NOBODY).to_owned();
    vec![bytes(share.total_bytes), bytes(share.unique_bytes), bytes(share.shared_bytes), share.packages.to_string(), name]
}
