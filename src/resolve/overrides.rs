//! `overrides` and `resolutions`: replacing what a manifest asks for.
//!
//! A selector names a dependency, maybe with the versions it holds for, and maybe the package that has it:
//! `a`, `a@1`, `parent>a`, `parent@1>a@2`, and yarn's `parent/a`, `**/a`. A selector with versions holds where the range
//! that is asked for overlaps with them. Selectors with a parent win over those without, and those with versions over
//! those without; among equals the first wins. Only the direct parent is looked at: what a dependency becomes must not
//! depend on the way that led to it, or packages could not be shared.

use super::error::{ResolveError, Warning};
use crate::package::name::PackageName;
use crate::package::range::Range;
use crate::package::version::Version;
use rustc_hash::FxHashMap;

/// What takes a dependency out.
const REMOVED: &str = "-";

/// The rules by the name of the dependency, strongest first.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    rules: FxHashMap<String, Vec<Rule>>,
    /// Selectors that could not be taken word for word.
    pub warnings: Vec<Warning>,
}

#[derive(Debug)]
struct Rule {
    parent: Option<Named>,
    versions: Option<Range>,
    replacement: String,
}

/// A package name and the versions that are meant.
#[derive(Debug)]
struct Named {
    name: String,
    versions: Option<Range>,
}

/// What becomes of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// It stays as it is.
    Kept,
    /// It is asked for in other words.
    Replaced(&'a str),
    /// It is taken out.
    Removed,
}

impl Overrides {
    pub fn parse(entries: &[(String, String)]) -> Result<Overrides, ResolveError> {
        let mut overrides = Overrides::default();
        for (selector, replacement) in entries {
            let fault = |reason: String| ResolveError::Override { selector: selector.escape_debug().to_string(), reason };
            let parts = split(selector);
            let (target, parents) = parts.split_last().ok_or_else(|| fault("it is empty".to_owned()))?;
            let target = named(target).map_err(fault)?;
            let parent = parents.last().map(|parent| named(parent)).transpose().map_err(fault)?;
            if let (Some(parent), true) = (parents.last(), parents.len() > 1) {
                let taken_as = format!("{parent}>{}", parts[parts.len() - 1]);
                overrides.warnings.push(Warning::OverrideWidened { selector: selector.clone(), taken_as });
            }
            let rule = Rule { parent, versions: target.versions, replacement: replacement.trim().to_owned() };
            overrides.rules.entry(target.name).or_default().push(rule);
        }
        for rules in overrides.rules.values_mut() {
            rules.sort_by_key(|rule| (rule.parent.is_none(), rule.versions.is_none()));
        }
        Ok(overrides)
    }

    /// Says what becomes of a dependency of `parent` (its name and version).
    pub fn verdict(&self, parent: Option<(&str, &str)>, alias: &str, specifier: &str) -> Verdict<'_> {
        if self.rules.is_empty() {
            return Verdict::Kept;
        }
        let rule = self.rules.get(alias).and_then(|rules| rules.iter().find(|rule| rule.holds(parent, specifier)));
        match rule {
            None => Verdict::Kept,
            Some(rule) if rule.replacement == REMOVED => Verdict::Removed,
            Some(rule) => Verdict::Replaced(&rule.replacement),
        }
    }
}

impl Rule {
    fn holds(&self, parent: Option<(&str, &str)>, specifier: &str) -> bool {
        let parent_holds = self.parent.as_ref().is_none_or(|wanted| {
            parent.is_some_and(|(name, version)| {
                let version = || Version::parse_loose(version);
                name == wanted.name
                    && wanted
                        .versions
                        .as_ref()
                        .is_none_or(|range| version().is_some_and(|version| range.contains_with_prereleases(&version)))
            })
        });
        let versions_hold = self.versions.as_ref().is_none_or(|versions| {
            let specifier = specifier.strip_prefix("npm:").and_then(|target| target.rsplit_once('@')).map_or(specifier, |(_, want)| want);
            Range::parse(specifier).is_some_and(|asked| asked.intersects(versions))
        });
        parent_holds && versions_hold
    }
}

/// Splits a selector into parents and target. A `>` that belongs to a range stands behind `@`, a space or `|`.
fn split(selector: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let bytes = selector.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'>' && at > start && !matches!(bytes[at - 1], b' ' | b'|' | b'@') && bytes.get(at + 1) != Some(&b'=') {
            parts.push(selector[start..at].trim());
            start = at + 1;
        }
    }
    parts.push(selector[start..].trim());
    match parts.as_slice() {
        [only] => yarn_segments(only),
        _ => parts,
    }
}

/// Splits yarn's `parent/**/child`; scopes stay with their names, and `**` says what is the case anyway.
fn yarn_segments(selector: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut rest = selector;
    while !rest.is_empty() {
        let scope = if rest.starts_with('@') { rest.find('/').map_or(rest.len(), |at| at + 1) } else { 0 };
        let end = rest[scope..].find('/').map_or(rest.len(), |at| scope + at);
        if rest[..end] != *"**" {
            segments.push(&rest[..end]);
        }
        rest = rest.get(end + 1..).unwrap_or("");
    }
    segments
}

fn named(text: &str) -> Result<Named, String> {
    let at = text.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1);
    let (name, versions) = at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let name = PackageName::parse(name).map_err(|error| error.to_string())?;
    let versions = versions
        .filter(|versions| !versions.is_empty())
        .map(|versions| Range::parse(versions).ok_or_else(|| format!("`{}` is not a version range", versions.escape_debug())))
        .transpose()?;
    Ok(Named { name: name.to_string(), versions })
}

#[cfg(test)]
mod tests {
    use super::{Overrides, Verdict};

    fn verdicts(selector: &str) -> Overrides {
        Overrides::parse(&[(selector.to_owned(), "9.9.9".to_owned())]).expect("a selector")
    }

    #[test]
    fn selectors_hold_for_what_they_name() {
        let parent = Some(("p", "1.2.0"));
        for (selector, alias, specifier, holds) in [
            ("a", "a", "^1", true),
            ("a", "b", "^1", false),
            ("a@1", "a", "^1.5.0", true),
            ("a@1", "a", "^2", false),
            ("a@<2", "a", "1.0.0", true),
            ("a@>=2", "a", "1.0.0", false),
            ("a@1", "a", "latest", false),
            ("@s/a@1", "@s/a", "1", true),
            ("p>a", "a", "^1", true),
            ("q>a", "a", "^1", false),
            ("p@1>a@1", "a", "^1", true),
            ("p@>=2>a", "a", "^1", false),
            ("p@2>a", "a", "^1", false),
            ("**/a", "a", "^1", true),
            ("p/a", "a", "^1", true),
            ("p/**/a", "a", "^1", true),
            ("@s/p/@t/a", "@t/a", "^1", false),
            ("a@1", "a", "npm:b@1", true),
        ] {
            let overrides = verdicts(selector);
            let want = if holds { Verdict::Replaced("9.9.9") } else { Verdict::Kept };
            assert_eq!(overrides.verdict(parent, alias, specifier), want, "{selector} on {alias}@{specifier}");
        }
    }

    #[test]
    fn the_more_specific_selector_wins_whatever_the_order() {
        let entries = [("a", "1"), ("a@2", "2"), ("p>a", "3"), ("gone", "-")].map(|(left, right)| (left.to_owned(), right.to_owned()));
        let overrides = Overrides::parse(&entries).expect("selectors");
        assert_eq!(overrides.verdict(None, "a", "^1"), Verdict::Replaced("1"));
        assert_eq!(overrides.verdict(None, "a", "^2"), Verdict::Replaced("2"));
        assert_eq!(overrides.verdict(Some(("p", "1.0.0")), "a", "^2"), Verdict::Replaced("3"));
        assert_eq!(overrides.verdict(None, "gone", "^2"), Verdict::Removed);
    }

    #[test]
    fn a_chain_of_parents_is_shortened_and_said_so() {
        let overrides = verdicts("a>b>c");
        assert_eq!(overrides.verdict(Some(("b", "1.0.0")), "c", "1"), Verdict::Replaced("9.9.9"));
        assert_eq!(overrides.warnings.len(), 1);
    }

    #[test]
    fn bad_selectors_are_errors() {
        for selector in ["", "../a", "a@not a range", "a>"] {
            assert!(Overrides::parse(&[(selector.to_owned(), "1".to_owned())]).is_err(), "{selector:?}");
        }
    }
}
