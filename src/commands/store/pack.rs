//! `deka store pack`

use crate::cli::store::pack::Pack;
use crate::commands::Context;
use crate::error::Error;
use crate::install::of_store;
use crate::report::text::{bytes, count};
use crate::store::{Mode, Packed, Packing, Patience, Store, Wait};
use crate::upkeep::pack::{Outcome, Request, run as pack};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Packs what nobody has used for long, and says what that saved.
pub(super) fn run(context: &Context, arguments: &Pack) -> Result<(), Error> {
    let settings = super::settings(context, &arguments.place)?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let packing = Packing { level: arguments.level, threads, dry_run: arguments.dry_run };
    let request = Request { older_than_days: arguments.older_than, packing };
    let outcome = match open(context, &settings.store_dir, arguments.dry_run)? {
        Some(store) => {
            let start = Instant::now();
            let outcome = pack(&store, &context.env, &request, &|_| 0, &|_| {})?;
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
    let packed = &outcome.packed;
    let report = json!({
        "dryRun": arguments.dry_run,
        "packages": outcome.packages,
        "files": packed.files,
        "looseBytes": packed.loose_bytes,
        "objects": packed.objects,
        "objectBytes": packed.object_bytes,
        "packs": packed.packs,
        "packBytes": packed.pack_bytes,
        "timeMs": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    });
    format!("{report:#}")
}

fn as_text(arguments: &Pack, outcome: &Outcome, took: Duration) -> String {
    let packed = &outcome.packed;
    let (files, packages) = (count(packed.files, "file"), count(outcome.packages, "package"));
    if packed.files == 0 {
        return "nothing to pack".to_owned();
    }
    let loose = bytes(packed.loose_bytes);
    if arguments.dry_run {
        return format!("would pack {files} of {packages}: {loose}");
    }
    let mut text = format!("packed {files} of {packages}");
    if packed.objects == 0 {
        return format!("{text}: {loose} were in packs already");
    }
    let share = 100.0 * packed.pack_bytes as f64 / packed.object_bytes.max(1) as f64;
    let speed = packed.object_bytes as f64 / took.as_secs_f64().max(1e-3);
    text += &format!("\n  before  {loose}\n  after   {} ({share:.0} %)", bytes(packed.pack_bytes));
    text + &format!("\n  speed   {}/s", bytes(speed as u64))
}
