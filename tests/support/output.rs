//! What a run of deka left: its status and its words, made equal for every machine and every run.

use std::process::ExitStatus;

/// A finished run of which nobody has said yet how it has to end.
#[must_use = "say how it has to end: `success`, `failure` or `fails`"]
#[derive(Clone, Debug)]
pub struct Output(pub Said);

/// A finished run.
#[derive(Clone, Debug)]
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed, with ports, times and temporary paths replaced.
    pub stdout: String,
    /// What it complained about, with the same replaced.
    pub stderr: String,
    /// What was run, for messages.
    pub command: String,
}

impl Output {
    /// Checks that it ended well, and that no line break of its own was taken for a stranger's and escaped.
    #[track_caller]
    pub fn success(self) -> Said {
        assert!(self.0.status.success(), "it failed\n{}", self.0.report());
        // A command line that is shown may have some.
        let is_escaped = |line: &str| line.contains("\\u{a}") && !line.starts_with('$');
        assert!(!self.0.stderr.lines().any(is_escaped), "a line break is escaped\n{}", self.0.report());
        self.0
    }

    /// Checks that it failed with this exit status.
    #[track_caller]
    pub fn failure(self, status: i32) -> Said {
        let said = self.fails();
        assert_eq!(said.status.code(), Some(status), "another exit status\n{}", said.report());
        said
    }

    /// Checks that it failed as a program should: with a status and a message, by no signal and no panic.
    #[track_caller]
    pub fn fails(self) -> Said {
        let said = self.either();
        assert!(!said.status.success(), "it succeeded\n{}", said.report());
        assert!(!said.stderr.trim().is_empty(), "it failed without a word\n{}", said.report());
        said
    }

    /// Checks that it ended in good order with this exit status, which is an answer and no failure.
    #[track_caller]
    pub fn status(self, status: i32) -> Said {
        let said = self.either();
        assert_eq!(said.status.code(), Some(status), "another exit status\n{}", said.report());
        said
    }

    /// Checks only that it ended in good order, well or not.
    #[track_caller]
    pub fn either(self) -> Said {
        let clean = self.0.status.code().is_some_and(|code| code != 101) && !self.0.text().contains("panicked at");
        assert!(clean, "it did not end in good order\n{}", self.0.report());
        self.0
    }

    /// Leaves open how it ended: it was killed.
    pub fn ignored(self) -> Said {
        self.0
    }
}

impl Said {
    /// Checks that one of the lines is this one.
    #[track_caller]
    pub fn line(self, line: &str) -> Said {
        assert!(self.text().lines().any(|other| other.trim_end() == line), "no line `{line}`\n{}", self.report());
        self
    }

    /// Checks that this is said somewhere, whatever the line breaks.
    #[track_caller]
    pub fn says(self, text: &str) -> Said {
        assert!(flat(&self.text()).contains(&flat(text)), "`{text}` is not said\n{}", self.report());
        self
    }

    /// Checks that one of these is said, in capitals or not.
    #[track_caller]
    pub fn says_one_of(self, texts: &[&str]) -> Said {
        let said = flat(&self.text()).to_lowercase();
        assert!(texts.iter().any(|text| said.contains(&flat(text).to_lowercase())), "none of {texts:?} is said\n{}", self.report());
        self
    }

    /// Checks that this is said nowhere.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Said {
        assert!(!self.text().contains(text), "`{text}` is said\n{}", self.report());
        self
    }

    /// Returns everything that was said.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Returns all there is to know, for the message of a test that fails.
    pub fn report(&self) -> String {
        format!("$ {}\n[{}]\n--- stdout\n{}--- stderr\n{}", self.command, self.status, self.stdout, self.stderr)
    }
}

/// Joins lines, so that wrapping does not matter.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Replaces what differs between two runs: ports, times and the given folders (the longest first).
pub fn normalise(text: &str, folders: &[(String, &str)]) -> String {
    let mut text = text.to_owned();
    for (folder, name) in folders {
        text = text.replace(folder.as_str(), name);
    }
    replace_times(&replace_ports(&text))
}

fn replace_ports(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("127.0.0.1:") {
        let (before, after) = rest.split_at(at + "127.0.0.1:".len());
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(before);
        out.push_str(if digits == 0 { "" } else { "[PORT]" });
        rest = &after[digits..];
    }
    out + rest
}

/// `[12ms]`, `[1.5s]` and the like.
fn replace_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        match after.find(']').filter(|end| is_time(&after[1..*end])) {
            Some(end) => {
                out.push_str("[TIME]");
                rest = &after[end + 1..];
            }
            None => {
                out.push('[');
                rest = &after[1..];
            }
        }
    }
    out + rest
}

fn is_time(text: &str) -> bool {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == 'µ');
    let unit = &text[number.len()..];
    number.trim().parse::<f64>().is_ok() && matches!(unit, "ms" | "s" | "µs" | "us" | "m")
}

#[test]
fn what_differs_between_runs_is_replaced() {
    let folders = [("/tmp/x/project".to_owned(), "[PROJECT]"), ("/tmp/x".to_owned(), "[ROOT]")];
    let text = "at http://127.0.0.1:4873/a in /tmp/x/project/b, /tmp/x/c [12ms] [1.5s] [x] [7]";
    assert_eq!(normalise(text, &folders), "at http://127.0.0.1:[PORT]/a in [PROJECT]/b, [ROOT]/c [TIME] [TIME] [x] [7]");
}
