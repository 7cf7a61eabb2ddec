//! What `deka store verify` prints, for people and for programs.

use super::rebuilt_line;
use crate::report::text::{bytes, clean, count};
use crate::store::verify::{Fault, Finding, Holder, ObjectName, Rebuilt};
use crate::upkeep::repair::Repaired;
use crate::upkeep::verify::{Concern, Edited, Report, Request};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How many files of one kind a person is shown; a program gets all.
const SHOWN: usize = 3;

/// Everything that there is to print.
pub struct Shown<'a> {
    /// The store.
    pub root: &'a Path,
    /// What was asked for.
    pub request: &'a Request,
    /// What was found.
    pub report: &'a Report,
    /// How long looking took.
    pub took: Duration,
    /// What came of making the index anew.
    pub rebuilt: Option<Rebuilt>,
    /// What was mended, and what is wrong after it.
    pub repaired: Option<&'a (Repaired, Report)>,
}

impl Shown<'_> {
    /// Returns the lines for a person.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.rebuilt.as_ref().map(rebuilt_line));
        let findings = &self.report.findings;
        for (finding, concerns) in findings.faults.iter().zip(&self.report.concerns) {
            lines.push(format!("{}: {}", word(&finding.fault), clean(&self.in_store(&finding.path))));
            match (&finding.fault, difference(&finding.fault)) {
                (Fault::Pack(reason), _) => lines.push(format!("  {}", clean(reason))),
                (_, Some((expected, found))) => lines.push(format!("  expected {}, found {}", short(&expected), short(&found))),
                (_, None) => {}
            }
            lines.extend(some(&finding.packages).map(|holder| format!("  in {}", clean(&held(holder)))));
            lines.extend(more(finding.packages.len()));
            for concern in concerns {
                lines.push(format!("  used by {}", clean(&concern.project.display().to_string())));
                lines.extend(some(&concern.files).map(|file| format!("    {}", clean(&below(file, &concern.project)))));
                lines.extend(more(concern.files.len()).map(|line| format!("  {line}")));
            }
        }
        let edits = self.report.edited.iter();
        lines.extend(edits.map(|edit| {
            let what = if edit.missing { "missing from" } else { "edited in" };
            format!("{what} the project: {} (of {})", clean(&edit.file.display().to_string()), clean(&edit.package))
        }));
        lines.extend(self.notes());
        lines.extend(self.repaired.iter().flat_map(|(repaired, _)| repair_lines(repaired)));
        lines.push(self.summary());
        lines
    }

    /// Returns what is good to know and not wrong.
    fn notes(&self) -> Vec<String> {
        let (findings, counts) = (&self.report.findings, &self.report.findings.counts);
        let mut notes = Vec::new();
        if findings.index_made_again {
            notes.push("The index was lost or broken, and has been made again from the records.".to_owned());
        }
        if let Some(reached) = findings.resumed_at {
            notes.push(format!("Continued after {reached} of 256 folders."));
        }
        if let Some(sample) = &self.request.checks.sample {
            notes.push(format!("Hashed {}% of the objects, drawn with --seed {}.", sample.share * 100.0, sample.seed));
        }
        if counts.packed > 0 {
            notes.push(format!("Only in packs: {}.", count(counts.packed, "object")));
        }
        if !findings.newer_packs.is_empty() {
            let packs = count(findings.newer_packs.len() as u64, "pack");
            notes.push(format!("Written by a newer deka, and not looked at: {packs}."));
        }
        if counts.unknown_objects > 0 {
            let size = bytes(counts.unknown_bytes);
            notes.push(format!("Not part of any package: {} ({size}); a gc removes such.", count(counts.unknown_objects, "object")));
        }
        if !findings.leftovers.is_empty() {
            let size = bytes(findings.leftovers.iter().map(|leftover| leftover.size_bytes).sum());
            notes.push(format!("Unfinished work, or of unknown origin: {} ({size}).", count(findings.leftovers.len() as u64, "file")));
        }
        if !findings.unindexed.is_empty() {
            let packages = count(findings.unindexed.len() as u64, "package");
            notes.push(format!("The index lacks {packages} of which there is a record; a repair adds such."));
        }
        if counts.stale_marks > 0 {
            let packages = count(counts.stale_marks, "package");
            notes.push(format!("The files of {packages} are right, but will be hashed at their next use."));
        }
        if self.report.private > 0 {
            let packages = count(self.report.private, "package");
            notes.push(format!("Not compared, because scripts run there: {packages} of the project."));
        }
        let unreadable = self.report.unreadable.iter();
        notes
            .extend(unreadable.map(|(project, error)| format!("What {} needs is not known: {}", project.display(), clean(&error.message))));
        notes
    }

    fn summary(&self) -> String {
        let (counts, seconds) = (&self.report.findings.counts, self.took.as_secs_f64());
        let speed = counts.bytes as f64 / 1e9 / seconds.max(1e-9);
        let files = if self.request.project.is_some() { format!(", {}", count(self.report.compared, "file")) } else { String::new() };
        format!(
            "Checked {}, {}, {}{files}: {} in {seconds:.2} s ({speed:.2} GB/s)",
            count(counts.objects, "object"),
            count(counts.trees, "tree"),
            count(counts.packages, "package"),
            bytes(counts.bytes),
        )
    }

    fn in_store(&self, path: &Path) -> String {
        below(path, self.root)
    }

    /// Returns the one document for a program.
    pub fn json(&self) -> Value {
        let (findings, counts) = (&self.report.findings, &self.report.findings.counts);
        let faults: Vec<Value> =
            findings.faults.iter().zip(&self.report.concerns).map(|(finding, concerns)| json_fault(finding, concerns)).collect();
        let leftovers: Vec<Value> = findings
            .leftovers
            .iter()
            .map(|leftover| json!({ "path": leftover.path.display().to_string(), "bytes": leftover.size_bytes, "own": leftover.is_draft }))
            .collect();
        let unindexed: Vec<String> = findings.unindexed.iter().map(|package| format!("{}@{}", package.name, package.version)).collect();
        let unreadable: Vec<Value> = self
            .report
            .unreadable
            .iter()
            .map(|(project, error)| json!({ "project": project.display().to_string(), "message": error.message }))
            .collect();
        json!({
            "store": self.root.display().to_string(),
            "project": self.request.project.as_ref().map(|project| project.display().to_string()),
            "objects": counts.objects, "hashed": counts.hashed, "packed": counts.packed, "bytes": counts.bytes, "trees": counts.trees,
            "packages": counts.packages, "seconds": self.took.as_secs_f64(),
            "sample": self.request.checks.sample.map(|sample| json!({ "share": sample.share, "seed": sample.seed })),
            "resumedAt": findings.resumed_at,
            "faults": faults,
            "edited": self.report.edited.iter().map(json_edit).collect::<Vec<_>>(),
            "compared": self.report.compared, "private": self.report.private,
            "indexMadeAgain": findings.index_made_again,
            "unknown": { "objects": counts.unknown_objects, "bytes": counts.unknown_bytes },
            "newerPacks": findings.newer_packs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "leftovers": leftovers, "unindexed": unindexed, "staleMarks": counts.stale_marks, "unreadable": unreadable,
            "rebuilt": self.rebuilt.map(|rebuilt| json!({
                "packages": rebuilt.packages, "trees": rebuilt.trees, "projects": rebuilt.projects, "recorded": rebuilt.recorded,
            })),
            "repaired": self.repaired.map(|(repaired, left)| json_repair(repaired, left)),
        })
    }
}

fn json_fault(finding: &Finding, concerns: &[Concern]) -> Value {
    let path_text = |path: &Path| path.display().to_string();
    let difference = difference(&finding.fault);
    let packages: Vec<Value> = finding
        .packages
        .iter()
        .map(|holder| json!({ "name": holder.name, "version": holder.version, "key": holder.key.as_str(), "files": holder.files }))
        .collect();
    let projects: Vec<Value> = concerns
        .iter()
        .map(|concern| {
            let files: Vec<String> = concern.files.iter().map(|file| path_text(file)).collect();
            json!({ "path": path_text(&concern.project), "files": files })
        })
        .collect();
    json!({
        "kind": kind(&finding.fault), "path": path_text(&finding.path),
        "object": finding.fault.object().map(|name| name.object.to_string()),
        "expected": difference.as_ref().map(|(expected, _)| expected), "found": difference.as_ref().map(|(_, found)| found),
        "packages": packages, "projects": projects,
    })
}

fn json_edit(edit: &Edited) -> Value {
    json!({ "file": edit.file.display().to_string(), "package": edit.package, "missing": edit.missing })
}

fn json_repair(repaired: &Repaired, left: &Report) -> Value {
    let texts = |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    json!({
        "rows": {
            "restored": repaired.rows.restored, "removed": repaired.rows.removed,
            "recorded": repaired.rows.recorded, "added": repaired.rows.added,
        },
        "unpacked": repaired.unpacked, "copied": repaired.copied, "fetched": repaired.fetched, "replaced": texts(&repaired.replaced),
        "quarantined": texts(&repaired.quarantined), "retired": texts(&repaired.retired),
        "failures": repaired.failures.iter().map(|error| &error.message).collect::<Vec<_>>(),
        "left": left.faults(),
    })
}

fn repair_lines(repaired: &Repaired) -> Vec<String> {
    let rows = &repaired.rows;
    let counted = [
        (rows.restored, "row", "restored from records"),
        (rows.removed, "row", "removed that no record can restore"),
        (rows.recorded, "record", "written again"),
        (rows.added, "package", "added to the index from records"),
        (repaired.unpacked, "object", "restored from packs"),
        (repaired.copied, "object", "restored from another copy"),
        (repaired.fetched.len() as u64, "package", "fetched again"),
        (repaired.replaced.len() as u64, "file", "replaced in projects"),
        (repaired.quarantined.len() as u64, "object", "moved to `quarantined` in the store"),
        (repaired.retired.len() as u64, "damaged pack", "moved to `quarantined` in the store"),
    ];
    let done = counted.into_iter().filter(|(number, ..)| *number > 0).map(|(number, noun, how)| format!("{} {how}", count(number, noun)));
    let failed = repaired.failures.iter().map(|error| format!("not mended: {}", clean(&error.message)));
    done.chain(failed).collect()
}

/// Returns the name of a fault for programs.
fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Missing(_) => "missing",
        Fault::Length(..) => "length",
        Fault::Bytes(..) => "bytes",
        Fault::Unreadable(..) => "unreadable",
        Fault::NoFile(..) => "noFile",
        Fault::Mode(..) => "mode",
        Fault::Once(_) => "once",
        Fault::Packed(_) => "packed",
        Fault::Pack(_) => "pack",
        Fault::Index => "index",
        Fault::Row(_) => "row",
        Fault::Record(_) => "record",
    }
}

fn word(fault: &Fault) -> &'static str {
    match fault {
        Fault::Missing(_) => "missing object",
        Fault::Length(..) => "object of another length",
        Fault::Bytes(..) => "object with other bytes",
        Fault::Unreadable(..) => "object that cannot be read",
        Fault::NoFile(..) => "object that is no file",
        Fault::Mode(..) => "object with another mode",
        Fault::Once(_) => "object whose damaged file a project still has",
        Fault::Packed(_) => "object with other bytes in its pack",
        Fault::Pack(_) => "damaged pack",
        Fault::Index => "damaged index",
        Fault::Row(_) => "damaged row in the index",
        Fault::Record(_) => "record missing or damaged in",
    }
}

/// Returns what was expected and what was found, where that says more than the word for it.
fn difference(fault: &Fault) -> Option<(String, String)> {
    let mode = |name: &ObjectName| if name.executable { "755" } else { "644" };
    Some(match fault {
        Fault::Length(name, found) => (format!("{} bytes", name.size_bytes), format!("{found} bytes")),
        Fault::Bytes(name, found) => (name.object.to_string(), found.to_string()),
        Fault::Unreadable(_, reason) => ("a file that can be read".to_owned(), reason.clone()),
        Fault::NoFile(_, found) => ("a file".to_owned(), (*found).to_owned()),
        Fault::Mode(name, found) => (format!("mode {} less the umask", mode(name)), format!("mode {found:o}")),
        Fault::Pack(reason) => ("a whole pack".to_owned(), reason.clone()),
        Fault::Missing(_) | Fault::Once(_) | Fault::Packed(_) | Fault::Index | Fault::Row(_) | Fault::Record(_) => return None,
    })
}

/// Cuts a hash to what a person compares; other texts stay as they are.
fn short(text: &str) -> String {
    match text.get(..16) {
        Some(start) if text.len() == 64 => format!("{start}…"),
        _ => text.to_owned(),
    }
}

fn held(holder: &Holder) -> String {
    let id = format!("{}@{}", holder.name, holder.version);
    match holder.files.as_slice() {
        [] => id,
        [only] => format!("{id}: {only}"),
        [first, rest @ ..] => format!("{id}: {first} and {} more", rest.len()),
    }
}

fn some<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().take(SHOWN)
}

fn more(length: usize) -> Option<String> {
    (length > SHOWN).then(|| format!("  and {} more (--json names all)", length - SHOWN))
}

fn below(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}
