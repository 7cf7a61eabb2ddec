//! The only writer to stdout and stderr.
//!
//! Data that a person asked for (what was added, where the store is) goes to stdout; progress, warnings, traces and
//! errors go to stderr. Four styles say the same things: `default` draws a progress line on a terminal, `append-only`
//! never rewrites a line, `ndjson` prints one JSON object a line, `silent` prints errors only. Text that came from
//! outside is cleaned of control and direction characters on its way out, so no package can repaint the terminal.

mod choose;
mod progress;
mod scripts;
pub mod table;
pub mod text;
pub mod tree;

pub use progress::{Progress, Snapshot};
pub use scripts::Label;

use crate::error::Error;
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use text::clean;

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// How many edited files are named.
const EDITED_MAX: usize = 2;

/// How to say things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// A progress line on a terminal, plain lines elsewhere.
    Default,
    /// Plain lines only.
    AppendOnly,
    /// One JSON object a line.
    Ndjson,
    /// Errors only.
    Silent,
}

/// A direct dependency that came, went or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name it is installed under.
    pub alias: String,
    /// The version before, if it was there; empty where nobody knows it.
    pub from: Option<String>,
    /// The version now, if it is there.
    pub to: Option<String>,
}

/// How an install ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Direct dependencies that changed, sorted by alias.
    pub changes: Vec<Change>,
    /// How many direct dependencies of other projects changed.
    pub changed_elsewhere: u64,
    /// Files that the user keeps and that were edited.
    pub edited: Vec<String>,
    /// Packages of the tree that were put in place.
    pub installed: u64,
    /// Packages that are no longer in the tree.
    pub removed: u64,
    /// Packages that came over the network.
    pub downloaded: u64,
    /// Bytes that came over the network.
    pub downloaded_bytes: u64,
    /// Packages of the whole tree.
    pub total: u64,
    /// What was done instead of a whole install, if it was not one (`Lockfile written`).
    pub instead: Option<String>,
}

/// Says what happens, in one voice.
pub struct Reporter {
    voice: Voice,
    progress: bool,
    trace: bool,
    line: progress::Line,
}

impl Reporter {
    /// Starts a reporter; `progress` allows a progress line, `trace` prints traces.
    pub fn new(voice: Voice, progress: bool, trace: bool) -> Reporter {
        Reporter { voice, progress, trace, line: progress::Line::default() }
    }

    /// Prints what was asked for, one or more lines, to stdout: in one piece, so that whoever reads it wakes up once.
    pub fn data(&self, lines: &str) {
        let mut out = std::io::stdout().lock();
        let text = match anstream::AutoStream::choice(&out) {
            anstream::ColorChoice::Never => format!("{}\n", anstream::adapter::strip_str(lines)),
            _ => format!("{lines}\n"),
        };
        let _ = out.write_all(text.as_bytes());
    }

    /// Prints a warning.
    pub fn warning(&self, message: &str) {
        match self.voice {
            Voice::Silent => {}
            Voice::Ndjson => self.json(&json!({ "type": "warning", "message": clean(message) })),
            _ => self.aside(&format!("{WARNING}warning{WARNING:#}: {}", clean(message))),
        }
    }

    /// Prints something that is good to know.
    pub fn note(&self, message: &str) {
        match self.voice {
            Voice::Silent => {}
            Voice::Ndjson => self.json(&json!({ "type": "note", "message": clean(message) })),
            _ => self.aside(&clean(message)),
        }
    }

    /// Prints a line of output of a script that runs now.
    pub fn script_output(&self, script: &str, line: &str) {
        match self.voice {
            Voice::Silent => {}
            Voice::Ndjson => self.json(&json!({ "type": "script", "script": script, "line": clean(line) })),
            _ => self.aside(&format!("{QUIET}{script}:{QUIET:#} {}", text::without_cursor_moves(line))),
        }
    }

    /// Prints a trace with the time since the start.
    pub fn trace(&self, since_start: Duration, message: &str) {
        if !self.trace {
            return;
        }
        let time_ms = since_start.as_secs_f64() * 1000.0;
        match self.voice {
            Voice::Ndjson => self.json(&json!({ "type": "trace", "timeMs": time_ms, "message": clean(message) })),
            _ => self.aside(&format!("{QUIET}[{time_ms:9.2} ms]{QUIET:#} {}", clean(message))),
        }
    }

    /// Shows how far the work is, until the guard is dropped. `look` is called a few times a second.
    pub fn progress(&self, look: impl Fn() -> Snapshot + Send + 'static) -> Progress {
        let drawn = self.voice == Voice::Default && self.progress && std::io::stderr().is_terminal();
        if drawn { self.line.start(look) } else { Progress::none() }
    }

    /// Says whether there is somebody who can be asked.
    pub fn can_ask(&self) -> bool {
        matches!(self.voice, Voice::Default | Voice::AppendOnly) && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Has somebody choose from rows. Returns the indices of those that were chosen; nothing when they were left.
    pub fn choose(&self, title: &str, rows: &[String]) -> std::io::Result<Option<Vec<usize>>> {
        choose::choose(title, rows)
    }

    /// Says that a stage is done, where no progress line says it.
    pub fn stage(&self, name: &'static str, message: &str) {
        match self.voice {
            Voice::Ndjson => self.json(&json!({ "type": "stage", "stage": name, "message": clean(message) })),
            Voice::AppendOnly => self.aside(&clean(message)),
            Voice::Default | Voice::Silent => {}
        }
    }

    /// Says how an install ended.
    pub fn summary(&self, summary: &Summary, took: Duration) {
        let time_ms = took.as_secs_f64() * 1000.0;
        match self.voice {
            Voice::Silent => {}
            Voice::Ndjson => self.json_summary(summary, time_ms),
            _ => {
                let mut lines: Vec<String> = summary.changes.iter().flat_map(change_lines).collect();
                if !lines.is_empty() {
                    lines.push(String::new());
                }
                lines.push(format!("{STRONG}{}{STRONG:#} {QUIET}[{}]{QUIET:#}", sentence(summary), text::milliseconds(time_ms)));
                self.data(&lines.join("\n"));
            }
        }
    }

    /// Prints an error and what to do about it.
    pub fn error(&self, error: &Error) {
        if self.voice == Voice::Ndjson {
            let hints: Vec<String> = error.hints.iter().map(|hint| clean(hint)).collect();
            self.json(&json!({ "type": "error", "code": error.code.as_str(), "message": clean(&error.message), "hints": hints }));
            return;
        }
        let mut out = format!("{ERROR}error{ERROR:#} {QUIET}{}{QUIET:#}: {}", error.code.as_str(), text::clean_lines(&error.message));
        if !error.hints.is_empty() {
            out.push('\n');
        }
        for hint in &error.hints {
            out.push_str(&format!("\n{STRONG}hint{STRONG:#}: {}", text::clean_lines(hint)));
        }
        self.aside(&out);
    }

    fn json_summary(&self, summary: &Summary, time_ms: f64) {
        let changes: Vec<_> =
            summary.changes.iter().map(|change| json!({ "name": clean(&change.alias), "from": change.from, "to": change.to })).collect();
        self.json(&json!({
            "type": "summary", "installed": summary.installed, "removed": summary.removed, "downloaded": summary.downloaded,
            "downloadedBytes": summary.downloaded_bytes, "total": summary.total, "changes": changes, "timeMs": time_ms,
            "message": sentence(summary),
        }));
    }

    /// Prints a JSON object as a line of stdout: with `ndjson` everything is data.
    fn json(&self, value: &serde_json::Value) {
        let _ = writeln!(std::io::stdout().lock(), "{value}");
    }

    /// Prints to stderr, above the progress line if there is one.
    fn aside(&self, line: &str) {
        self.line.above(|| {
            let _ = writeln!(anstream::stderr(), "{line}");
        });
    }
}

/// Returns a line for the version that went, and one for the version that came.
fn change_lines(change: &Change) -> impl Iterator<Item = String> {
    let alias = clean(&change.alias);
    let signs = [(&change.from, REMOVED, '-'), (&change.to, ADDED, '+')];
    signs.into_iter().filter_map(move |(version, style, sign)| {
        let version = clean(version.as_ref()?);
        let at = if version.is_empty() { "" } else { "@" };
        Some(format!("{style}{sign}{style:#} {alias}{QUIET}{at}{version}{QUIET:#}"))
    })
}

fn sentence(summary: &Summary) -> String {
    if let Some(instead) = &summary.instead {
        return clean(instead);
    }
    match (summary.installed, summary.removed) {
        (0, 0) if !summary.changes.is_empty() || summary.changed_elsewhere > 0 => "Direct dependencies changed".to_owned(),
        (0, 0) => edited(&summary.edited).unwrap_or_else(|| "Already up to date".to_owned()),
        (0, removed) => format!("{} removed", text::count(removed, "package")),
        (installed, 0) => format!("{} installed", text::count(installed, "package")),
        (installed, removed) => format!("{} installed, {removed} removed", text::count(installed, "package")),
    }
}

/// Names the files that were edited; nothing when none was.
fn edited(files: &[String]) -> Option<String> {
    let names: Vec<String> = files.iter().take(EDITED_MAX).map(|file| clean(file)).collect();
    match files.len() - names.len() {
        0 if names.is_empty() => None,
        0 => Some(format!("{} changed", names.join(", "))),
        more => Some(format!("{} and {more} more changed", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Summary, change_lines, sentence};

    #[test]
    fn a_summary_reads_as_a_sentence() {
        let says = |installed, removed| sentence(&Summary { installed, removed, ..Summary::default() });
        assert_eq!(says(0, 0), "Already up to date");
        assert_eq!(says(1, 0), "1 package installed");
        assert_eq!(says(342, 0), "342 packages installed");
        assert_eq!(says(2, 1), "2 packages installed, 1 removed");
        assert_eq!(says(0, 1), "1 package removed");
        let moved = Change { alias: "a".to_owned(), from: None, to: Some("1.0.0".to_owned()) };
        assert_eq!(sentence(&Summary { changes: vec![moved], ..Summary::default() }), "Direct dependencies changed");
        assert_eq!(sentence(&Summary { changed_elsewhere: 1, ..Summary::default() }), "Direct dependencies changed");
        let edited = |count| sentence(&Summary { edited: vec!["a/package.json".to_owned(); count], ..Summary::default() });
        assert_eq!(edited(1), "a/package.json changed");
        assert_eq!(edited(4), "a/package.json, a/package.json and 2 more changed");
    }

    #[test]
    fn a_change_shows_both_versions_and_no_escape_of_its_author() {
        let change = Change { alias: "a\x1b[31m".to_owned(), from: Some("1.0.0".to_owned()), to: Some("2.0.0".to_owned()) };
        let plain: Vec<String> = change_lines(&change).map(|line| anstream::adapter::strip_str(&line).to_string()).collect();
        assert_eq!(plain, ["- a\\u{1b}[31m@1.0.0", "+ a\\u{1b}[31m@2.0.0"]);
    }
}
