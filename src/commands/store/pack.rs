//! `deka store pack`

use crate::cli::store::pack::Pack;
use crate::commands::Context;
use crate::error::Error;
use crate::install::of_store;
use crate::report::text::{bytes, count};
use crate::store::{Mode, Packed, Packing, Patience, Store, Wait};
use crate::upkeep::pack::{Outcome, Request, run as pack};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// The level of zstd when nobody chooses one.
pub(super) const LEVEL: i32 = 3;

/// Packs what nobody has used for long, and says what that saved.
pub(super) fn run(context: &Context, arguments: &Pack) -> Result<(), Error> {
    let settings = super::settings(context, &arguments.place)?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let packing = Packing { level: arguments.level, threads, dry_run: arguments.dry_run };
    let request = Request { older_than_days: arguments.older_than, packing };
    let outcome = match open(context, &settings.store_dir, arguments.dry_run)? {
        Some(store) => {
            let start = Instant::now();
            let outcome = pack(&store, &context.env, &request, &|_| {})?;
            (outcome, start.elapsed())
        }
        // There is no store, and nothing to pack in it.
        None => (Outcome { packages: 0, packed: Packed::default(), unreadable: Vec::new() }, Duration::ZERO),
    };
    say(context, arguments, &outcome.0, outcome.1);
    Ok(())
}

/// Opens the store, alone if something will be deleted.
fn open(context: &Context, root: &Path, dry_run: bool) -> Result<Option<Store>, Error> {
    if !root.is_dir() {
        return Ok(None);
    }
    if dry_run {
        return Store::open(root, Mode::ReadOnly).map(Some).map_err(of_store);
    }
    let on_wait = |wait: Wait| context.reporter.note(&wait.to_string());
    Store::open_exclusive(root, Patience::Wait(&on_wait)).map_err(of_store)
}

fn say(context: &Context, arguments: &Pack, outcome: &Outcome, took: Duration) {
    for error in &outcome.unreadable {
        context.reporter.warning(&error.message);
    }
    let text = if arguments.json { as_json(arguments, outcome, took) } else { as_text(arguments, outcome, took) };
    context.reporter.data(&text);
}

fn as_json(arguments: &Pack, outcome: &Outcome, took: Duration) -> String {
    let mut report = counts(outcome);
    report["dryRun"] = arguments.dry_run.into();
    report["timeMs"] = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).into();
    format!("{report:#}")
}

/// Returns what was packed for programs.
pub(super) fn counts(outcome: &Outcome) -> Value {
    let packed = &outcome.packed;
    json!({
        "packages": outcome.packages,
        "files": packed.files,
        "looseBytes": packed.loose_bytes,
        "objects": packed.objects,
        "objectBytes": packed.object_bytes,
        "packs": packed.packs,
        "packBytes": packed.pack_bytes,
    })
}

fn as_text(arguments: &Pack, outcome: &Outcome, took: Duration) -> String {
    let packed = &outcome.packed;
    let text = sentence(outcome, arguments.dry_run);
    if arguments.dry_run || packed.objects == 0 {
        return text;
    }
    let share = 100.0 * packed.pack_bytes as f64 / packed.object_bytes.max(1) as f64;
    let speed = packed.object_bytes as f64 / took.as_secs_f64().max(1e-3);
    format!(
        "{text}\n  before  {}\n  after   {} ({share:.0} %)\n  speed   {}/s",
        bytes(packed.loose_bytes),
        bytes(packed.pack_bytes),
        bytes(speed as u64)
    )
}

/// Says in a line what was packed.
pub(super) fn sentence(outcome: &Outcome, dry_run: bool) -> String {
    let packed = &outcome.packed;
    let (files, packages, loose) = (count(packed.files, "file"), count(outcome.packages, "package"), bytes(packed.loose_bytes));
    match (packed.files, dry_run, packed.objects) {
        (0, ..) => "nothing to pack".to_owned(),
        (_, true, _) => format!("would pack {files} of {packages}: {loose}"),
        (_, false, 0) => format!("packed {files} of {packages}: {loose} were in packs already"),
        (_, false, _) => format!("packed {files} of {packages}"),
    }
}
