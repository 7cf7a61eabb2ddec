//! Which scripts of a manifest a name stands for, and what runs around each.
//!
//! A name is a script, or, between slashes, a regular expression that picks all scripts whose names it matches, as pnpm
//! has it. Around a script run `pre<name>` and `post<name>`, if there are any.

use super::quote;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What a user calls scripts by.
#[derive(Clone, Debug)]
pub enum Selector {
    /// A script's name.
    Name(String),
    /// `/expression/`.
    Pattern(Regex),
}

/// A text between slashes that picks no scripts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Something stands behind the second slash.
    #[error("flags like those of `{0}` mean nothing in the choice of scripts")]
    Flags(String),
    /// It is no regular expression.
    #[error("`{0}` is no regular expression: {1}")]
    Expression(String, String),
}

/// One command line of a script, or of what runs around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The script's own name: `prebuild`.
    pub event: String,
    /// The command line, with the user's arguments.
    pub command: OsString,
}

impl Selector {
    /// Reads what the user has typed. A name may begin with a slash, as long as there is no second one.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        let Some((expression, flags)) = text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) else {
            return Ok(Selector::Name(text.to_owned()));
        };
        if !flags.is_empty() {
            return Err(SelectorError::Flags(text.to_owned()));
        }
        let wrong = |error: regex_lite::Error| SelectorError::Expression(text.to_owned(), error.to_string());
        Regex::new(expression).map(Selector::Pattern).map_err(wrong)
    }

    /// Returns the names of the scripts that are meant, sorted.
    pub fn choose<'a>(&self, scripts: &'a BTreeMap<String, String>) -> Vec<&'a str> {
        let is_meant = |name: &str| match self {
            Selector::Name(wanted) => name == wanted,
            Selector::Pattern(expression) => expression.is_match(name),
        };
        scripts.keys().map(String::as_str).filter(|name| is_meant(name)).collect()
    }
}

/// Returns what running a script means: itself with the arguments, and what runs around it if `around` is set. Scripts
/// without a command are passed over; nothing when there is no script of that name.
pub fn parts(scripts: &BTreeMap<String, String>, name: &str, arguments: &[OsString], around: bool) -> Option<Vec<Part>> {
    let main = scripts.get(name)?;
    let part = |event: String, command: &str, arguments: &[OsString]| Part {
        command: quote::with_arguments(OsStr::new(command), arguments),
        event,
    };
    let beside = |prefix: &str| {
        let event = format!("{prefix}{name}");
        let command = scripts.get(&event).filter(|command| around && !command.trim().is_empty())?;
        Some(part(event, command, &[]))
    };
    let main = Some(main).filter(|main| !main.trim().is_empty()).map(|main| part(name.to_owned(), main, arguments));
    Some([beside("pre"), main, beside("post")].into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::{Selector, SelectorError, parts};
    use std::collections::BTreeMap;

    fn scripts(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, command)| ((*name).to_owned(), (*command).to_owned())).collect()
    }

    #[test]
    fn a_name_or_an_expression_chooses_scripts() {
        let scripts = scripts(&[("build", ""), ("build:b", ""), ("build:a", ""), ("rebuild", ""), ("/odd", "")]);
        for (typed, chosen) in [
            ("build", &["build"][..]),
            ("buil", &[]),
            ("/^build:.*/", &["build:a", "build:b"]),
            ("/build$/", &["build", "rebuild"]),
            ("/^x/", &[]),
            ("/odd", &["/odd"]),
        ] {
            assert_eq!(Selector::parse(typed).expect("a selector").choose(&scripts), chosen, "{typed}");
        }
        assert!(matches!(Selector::parse("/build/i"), Err(SelectorError::Flags(_))));
        assert!(matches!(Selector::parse("/(/"), Err(SelectorError::Expression(..))));
    }

    #[test]
    fn scripts_around_a_script_get_no_arguments() {
        let scripts = scripts(&[("prebuild", "p"), ("build", "b"), ("postbuild", "q"), ("empty", " "), ("preempty", "e"), ("alone", "a")]);
        let shown = |name, around| {
            let parts = parts(&scripts, name, &["x y".into()], around)?;
            Some(parts.iter().map(|part| format!("{}={}", part.event, part.command.to_string_lossy())).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(shown("build", true).as_deref(), Some("prebuild=p build=b 'x y' postbuild=q"));
        assert_eq!(shown("build", false).as_deref(), Some("build=b 'x y'"));
        assert_eq!(shown("empty", true).as_deref(), Some("preempty=e"));
        assert_eq!(shown("alone", true).as_deref(), Some("alone=a 'x y'"));
        assert_eq!(shown("nothing", true), None);
    }
}
