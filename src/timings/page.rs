//! The page: one HTML file with its style, its script and its data inside. It loads nothing, and says so to the browser.

use super::Timings;
use super::profile::{Profile, profile};
use serde::Serialize;

/// The page without data. The parts come from files of their own, so that editors know what they are.
const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: [&str; 5] = [
    include_str!("page/values.js"),
    include_str!("page/charts.js"),
    include_str!("page/waterfall.js"),
    include_str!("page/tables.js"),
    include_str!("page/start.js"),
];

/// How an install ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything stands.
    Installed,
    /// Everything stood already.
    NothingToDo,
    /// Nothing but the lockfile was written.
    LockfileOnly,
    /// It failed.
    Failed,
}

/// What the page says besides times.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// What was typed: `deka install`.
    pub command: String,
    /// What the project is called.
    pub project: String,
    /// The version of deka.
    pub version: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The code of the error, when it failed. Its message may name a registry and stays where it was said.
    pub error: Option<&'static str>,
    /// Packages of the whole tree, as far as that is known.
    pub in_tree: Option<u64>,
    /// Threads of the pool.
    pub threads: usize,
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: u64,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    ending: &'a Ending,
    #[serde(flatten)]
    profile: Profile,
}

/// Returns the page of everything that was taken down until now.
pub fn page(timings: &Timings, ending: &Ending) -> Result<String, serde_json::Error> {
    // Before anything else: what the page itself takes is no part of the install.
    let wall_us = timings.now_us();
    let profile = profile(timings.moments(), wall_us);
    let data = serde_json::to_string(&Data { ending, profile })?;
    let parts = [("{{style}}", STYLE), ("{{data}}", &inert(&data)), ("{{script}}", &SCRIPT.concat())];
    let mut page = String::with_capacity(TEMPLATE.len() + parts.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut rest = TEMPLATE;
    // From the front to the back, so that nothing in the data is taken for a mark of the template.
    for (mark, text) in parts {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        page.push_str(before);
        page.push_str(text);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

/// Writes JSON so that no HTML parser finds anything in it: the end of the script that it stands in, or a comment. The
/// letters occur inside of strings only, where they may be written as escapes.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out
}
