//! `deka store gc`

use crate::cli::store::gc::Gc;
use crate::commands::Context;
use crate::error::{Code, Error};
use crate::package::quantity::{parse_duration, parse_size};
use crate::report::text;
use crate::store::gc::{Count, Limits};
use crate::store::{Packing, Wait};
use crate::upkeep::gc::{self, Freed, Report, Task};
use crate::upkeep::pack::{Outcome, Request};
use serde_json::{Value, json};

/// Deletes what no project needs, and says what that was.
pub(super) fn run(context: &Context, arguments: &Gc) -> Result<(), Error> {
    let settings = super::settings(context, &arguments.place)?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let packing = Packing { level: super::pack::LEVEL, threads, dry_run: arguments.dry_run };
    let pack = arguments.pack.then_some(Request { older_than_days: arguments.older_than, packing });
    let task = Task { limits: limits(arguments)?, dry_run: arguments.dry_run, pack };
    let on_wait = |wait: Wait| context.reporter.note(&wait.to_string());
    let report = gc::run(&settings.store_dir, &context.env, &task, &on_wait)?;
    if arguments.json {
        context.reporter.data(&json(&report, arguments.dry_run).to_string());
        return Ok(());
    }
    for line in lines(&report, arguments.dry_run) {
        context.reporter.data(&line);
    }
    asides(&report, arguments.max_size.as_deref()).iter().for_each(|line| context.reporter.warning(line));
    Ok(())
}

fn limits(arguments: &Gc) -> Result<Limits, Error> {
    let time = |flag: &str, text: &str| {
        let wrong =
            || Error::new(Code::Usage, format!("`{flag} {text}` is no length of time: write a number and s, m, h, d or w, as in 7d"));
        parse_duration(text).ok_or_else(wrong)
    };
    let size = |text: &str| {
        let wrong = || Error::new(Code::Usage, format!("`--max-size {text}` is no size: write a number and kB, MB, GB or TB, as in 10GB"));
        parse_size(text).ok_or_else(wrong)
    };
    let mut limits = Limits::new(time("--grace", &arguments.grace)?);
    limits.max_age_s = arguments.max_age.as_deref().map(|text| time("--max-age", text)).transpose()?;
    limits.max_size_bytes = arguments.max_size.as_deref().map(size).transpose()?;
    Ok(limits)
}

/// What is said after the table.
fn asides(report: &Report, max_size: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(size) = max_size.filter(|_| report.over_bytes > 0) {
        let over = text::bytes(report.over_bytes);
        lines.push(format!("the store cannot be brought to {size}: what stands in projects takes {over} more"));
    }
    if let Some(first) = report.damaged.first() {
        let packages = text::count(report.damaged.len() as u64, "package");
        lines.push(format!(
            "the list of files of {packages} is damaged, the first is {first}; objects that nobody knows were kept, because they may be theirs"
        ));
    }
    lines
}

fn lines(report: &Report, dry_run: bool) -> Vec<String> {
    let freed = &report.freed;
    let row = |kind: &str, number: u64, bytes: Option<u64>| {
        format!("{kind:<16} {number:>10} {:>12}", bytes.map_or_else(String::new, text::bytes))
    };
    let counted = |kind: &str, count: Count| row(kind, count.files, Some(count.bytes));
    let mut lines = Vec::new();
    let nothing = *freed == Freed::default();
    if !nothing {
        lines.push(format!("{:<16} {:>10} {:>12}", "", "number", if dry_run { "to be freed" } else { "freed" }));
        lines.push(row("packages", freed.packages, None));
        lines.push(counted("objects", freed.objects));
        lines.push(counted("packs", freed.packs));
        lines.push(row("shared slots", freed.slots, Some(freed.slot_files.bytes)));
        lines.push(counted("record files", freed.records));
        lines.push(counted("temporary files", freed.temporary));
        if !dry_run {
            lines.push(format!("{:<16} {:>10} {:>12}", "index", "", text::bytes(freed.index_bytes)));
        }
        lines.push(String::new());
    }
    lines.extend(report.forgotten.iter().map(|project| format!("forgotten, for it is gone: {}", text::clean(&project.to_string_lossy()))));
    lines.extend(report.packed.as_ref().map(|outcome| packed_line(outcome, dry_run)));
    let left = format!(
        "{} and {} with {} stay",
        text::count(report.kept_packages, "package"),
        text::count(report.kept_objects.files, "object"),
        text::bytes(report.kept_objects.bytes)
    );
    lines.push(match (nothing, dry_run) {
        (true, _) => format!("Nothing to delete; {left}"),
        (false, true) => format!("{} would be freed; {left}", text::bytes(freed.bytes())),
        (false, false) => format!("{} freed; {left}", text::bytes(freed.bytes())),
    });
    lines
}

/// Says what was packed, and how much smaller it is now.
fn packed_line(outcome: &Outcome, dry_run: bool) -> String {
    let (packed, sentence) = (&outcome.packed, super::pack::sentence(outcome, dry_run));
    match dry_run || packed.objects == 0 {
        true => sentence,
        false => format!("{sentence}: {} became {}", text::bytes(packed.loose_bytes), text::bytes(packed.pack_bytes)),
    }
}

fn json(report: &Report, dry_run: bool) -> Value {
    let freed = &report.freed;
    let count = |count: Count| json!({ "files": count.files, "bytes": count.bytes });
    let forgotten: Vec<_> = report.forgotten.iter().map(|project| project.to_string_lossy()).collect();
    json!({
        "dryRun": dry_run,
        "freed": {
            "bytes": freed.bytes(),
            "packages": freed.packages,
            "objects": count(freed.objects),
            "packs": count(freed.packs),
            "slots": { "slots": freed.slots, "files": freed.slot_files.files, "bytes": freed.slot_files.bytes },
            "records": count(freed.records),
            "temporary": count(freed.temporary),
            "index": { "bytes": freed.index_bytes },
        },
        "kept": { "packages": report.kept_packages, "objects": count(report.kept_objects) },
        "forgottenProjects": forgotten,
        "overBytes": report.over_bytes,
        "damagedPackages": report.damaged,
        "packed": report.packed.as_ref().map(super::pack::counts),
    })
}
