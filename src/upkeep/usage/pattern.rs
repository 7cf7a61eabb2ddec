//! `name`, `name@range`, `@scope/*@<2`: which packages are meant.

use crate::package::range::Range;
use crate::package::version::Version;
use globset::{GlobBuilder, GlobMatcher};
use std::fmt;

/// Names, perhaps with `*` and the like, and perhaps a range of versions.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    names: GlobMatcher,
    versions: Option<Range>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// What stands for names cannot be read.
    #[error("`{text}` is no name of a package: {reason}")]
    Names {
        /// The part before the `@` of the range.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What stands for versions is no range.
    #[error("`{text}` is no version and no range of versions")]
    Versions {
        /// The part behind the `@`.
        text: String,
    },
}

impl Pattern {
    /// Reads a pattern. In a name `*` stands for anything but a slash, so `@scope/*` is all of a scope and `*` all that
    /// has none.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        // The `@` of a scope begins the text.
        let (names, versions) = match text.char_indices().rev().find(|(at, letter)| *letter == '@' && *at > 0) {
            Some((at, _)) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let fault = |reason: String| PatternError::Names { text: names.to_owned(), reason };
        if names.is_empty() {
            return Err(fault("it is empty".to_owned()));
        }
        let glob = GlobBuilder::new(names).literal_separator(true).build().map_err(|error| fault(error.kind().to_string()))?;
        let range = |text: &str| Range::parse(text).ok_or_else(|| PatternError::Versions { text: text.to_owned() });
        let versions = versions.filter(|text| !text.trim().is_empty()).map(range).transpose()?;
        Ok(Pattern { text: text.to_owned(), names: glob.compile_matcher(), versions })
    }

    /// Says whether a package is meant. Prereleases count like any other version: whoever asks whether a bad release is
    /// in use wants to hear of its prereleases too. What has no version of npm's kind is meant only where no range is given.
    pub fn matches(&self, name: &str, version: &str) -> bool {
        self.names.is_match(name)
            && self.versions.as_ref().is_none_or(|range| {
                Version::parse_loose(version).is_some_and(|version| range.contains(&version) || range.contains_with_prereleases(&version))
            })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn names_and_versions() {
        let matches = |pattern: &str, name: &str, version: &str| Pattern::parse(pattern).expect("a pattern").matches(name, version);
        assert!(matches("a", "a", "1.0.0") && !matches("a", "ab", "1.0.0"));
        assert!(matches("@s/a", "@s/a", "1.0.0") && matches("@s/*", "@s/a", "1.0.0") && !matches("*", "@s/a", "1.0.0"));
        assert!(matches("a@^1", "a", "1.9.0") && !matches("a@^1", "a", "2.0.0"));
        assert!(matches("@s/*@>=2 <3", "@s/b", "2.5.0") && !matches("@s/*@>=2 <3", "@s/b", "3.0.0"));
        assert!(matches("a@<2.0.0", "a", "2.0.0-rc.1") && matches("a@<2", "a", "1.9.0-rc.1"), "a prerelease is affected too");
        assert!(!matches("a@<2", "a", "2.0.0-rc.1"), "for npm `<2` ends before the first prerelease of 2.0.0");
        assert!(matches("a", "a", "") && !matches("a@*", "a", ""), "a folder may have no version");
        assert!(matches("a@", "a", "1.0.0"));
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let fault = |pattern: &str| Pattern::parse(pattern).expect_err("no pattern").to_string();
        assert_eq!(fault("a@latest"), "`latest` is no version and no range of versions");
        assert!(fault("a[").starts_with("`a[` is no name of a package: "), "{}", fault("a["));
        assert!(Pattern::parse("").is_err());
    }
}
