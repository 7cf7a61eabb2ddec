//! `deka store stats`

use crate::cli::store::usage;
use crate::commands::Context;
use crate::error::Error;
use crate::report::table::Side;
use crate::report::text::{bytes, count};
use crate::upkeep::usage::{Stats, stats};

/// Prints how much there is in the store, and what it saves.
pub(super) fn run(context: &Context, asked: &usage::Stats) -> Result<(), Error> {
    let store = super::open(context, &asked.answer.place)?;
    let stats = store.map(|store| stats(&store, &context.env)).transpose()?.unwrap_or_default();
    if asked.answer.json {
        return super::print_json(context, &stats);
    }
    super::print_table(context, &[Side::Left, Side::Right, Side::Right, Side::Left], &rows(&stats));
    Ok(())
}

/// What, how many, how large, and a word about it.
fn rows(stats: &Stats) -> Vec<Vec<String>> {
    let row = |what: &str, number: Option<u64>, size: Option<u64>, more: String| {
        vec![what.to_owned(), number.map_or_else(String::new, |number| number.to_string()), size.map_or_else(String::new, bytes), more]
    };
    let saved = |saved_bytes: u64, of_bytes: u64| match of_bytes {
        0 => String::new(),
        _ => format!("{} ({:.0} %) saved", bytes(saved_bytes), saved_bytes as f64 * 100.0 / of_bytes as f64),
    };
    let known = &stats.projects;
    vec![
        row("packages", Some(stats.packages), None, format!("in {}", count(stats.versions, "version"))),
        row("files", Some(stats.files), Some(stats.files_bytes), "if each package had its own".to_owned()),
        row("objects", Some(stats.objects), Some(stats.objects_bytes), saved(stats.saved_by_deduplication_bytes, stats.files_bytes)),
        row("projects", Some(known.known + known.gone + known.unreadable), None, projects(known.gone, known.unreadable)),
        row("installed", None, Some(stats.installed_bytes), saved(stats.saved_by_linking_bytes, stats.installed_bytes)),
        row("shared slots", Some(stats.shared_slots), None, String::new()),
        row("packs", Some(stats.packs), Some(stats.packs_bytes), String::new()),
        row("index", None, Some(stats.index_bytes), String::new()),
    ]
}

/// What is the matter with some of the projects.
fn projects(gone: u64, unreadable: u64) -> String {
    let parts = [(gone, "gone"), (unreadable, "not readable")];
    parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect::<Vec<_>>().join(", ")
}
