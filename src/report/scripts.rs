//! What is said around scripts that users run: the command line before, the outcome after, and a name before each line
//! where several run side by side.

use super::text::{self, clean};
use super::{QUIET, Reporter, Voice};
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::io::{IsTerminal, Write};

/// The colours that tell names apart.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Blue, AnsiColor::BrightRed];

/// One of several scripts, as it is named before each of its lines.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// The name: `packages/web build`; empty when lines are to stand as they are.
    pub name: &'a str,
    /// Which of several it is; picks the colour.
    pub number: usize,
}

impl Reporter {
    /// Prints the command line that is about to run in deka's place. Stdout belongs to it, so this goes to stderr.
    /// `name` says whose it is, where that is not plain.
    pub fn command_line(&self, name: &str, command: &str) {
        match self.voice {
            Voice::Silent => {}
            Voice::Ndjson => self.json(&json!({ "type": "command", "script": clean(name), "command": clean(command) })),
            _ => self.aside(&format!("{QUIET}{}$ {}{QUIET:#}", clean(name), clean(command))),
        }
    }

    /// Prints the command line of one of several scripts, to stdout with their output.
    pub fn several_command_line(&self, label: Label<'_>, command: &str) {
        match self.voice {
            Voice::Silent => {}
            Voice::Ndjson => self.json(&json!({ "type": "command", "script": clean(label.name), "command": clean(command) })),
            _ if label.name.is_empty() => {}
            _ => self.write(format!("{}{QUIET}$ {}{QUIET:#}\n", coloured(label), clean(command)).as_bytes()),
        }
    }

    /// Prints how one of several scripts has ended.
    pub fn several_end(&self, label: Label<'_>, outcome: &str) {
        match self.voice {
            Voice::Silent => {}
            Voice::Ndjson => self.json(&json!({ "type": "scriptEnd", "script": clean(label.name), "message": clean(outcome) })),
            _ if label.name.is_empty() => {}
            _ => self.write(format!("{}{QUIET}: {outcome}{QUIET:#}\n", coloured(label)).as_bytes()),
        }
    }

    /// Prints whole lines that one of several scripts wrote, each with its name in front. On a terminal, colours are kept
    /// and what moves the cursor is not; elsewhere they are handed on as they are.
    pub fn several_output(&self, label: Label<'_>, lines: &[u8]) {
        if self.voice == Voice::Ndjson {
            for line in split(lines) {
                self.json(&json!({ "type": "script", "script": clean(label.name), "line": String::from_utf8_lossy(line) }));
            }
            return;
        }
        let front = if label.name.is_empty() { String::new() } else { format!("{}{QUIET}:{QUIET:#} ", coloured(label)) };
        let is_terminal = std::io::stdout().is_terminal();
        let front = if is_terminal { front } else { anstream::adapter::strip_str(&front).to_string() };
        let mut out = Vec::with_capacity(lines.len() * 2);
        for line in split(lines) {
            out.extend_from_slice(front.as_bytes());
            match is_terminal {
                true => out.extend_from_slice(text::without_cursor_moves(&String::from_utf8_lossy(line)).as_bytes()),
                false => out.extend_from_slice(line),
            }
            out.push(b'\n');
        }
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(&out).and_then(|()| stdout.flush());
    }

    fn write(&self, text: &[u8]) {
        let mut stdout = anstream::stdout().lock();
        let _ = stdout.write_all(text).and_then(|()| stdout.flush());
    }
}

fn coloured(label: Label<'_>) -> String {
    let style = Style::new().fg_color(Some(COLOURS[label.number % COLOURS.len()].into()));
    format!("{style}{}{style:#}", clean(label.name))
}

/// Returns the lines without their ends.
fn split(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
    lines.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}
