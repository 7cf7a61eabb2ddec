//! Which packages a question is about: names, globs of names, and ranges of versions.
//!
//! As in pnpm `*` stands for anything, a scope and its slash included, and a `!` takes out what the others let in.

use crate::package::range::Range;
use crate::package::version::Version;
use globset::{GlobBuilder, GlobMatcher};

/// Some packages, chosen by name and version.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<Name>);

#[derive(Clone, Debug)]
struct Name {
    takes_out: bool,
    glob: GlobMatcher,
    versions: Option<Range>,
}

/// Why a text names no packages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    /// The name is no glob.
    #[error("`{text}` is no name of a package: {reason}")]
    Glob {
        /// What was typed.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What stands behind the `@` is no range.
    #[error("`{text}`: what stands behind the `@` is no version and no range of versions")]
    Range {
        /// What was typed.
        text: String,
    },
}

impl Names {
    /// Reads names as they are typed: `react`, `@types/*`, `!react-dom`, `lodash@<4.17.21`.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<Names, NamesError> {
        texts.into_iter().map(|text| Name::parse(text)).collect::<Result<_, _>>().map(Names)
    }

    /// Says whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether a package is meant: by the name that it is installed under, or by its own. Prereleases count like
    /// any other version. Where packages are only taken out, all others are meant.
    pub fn admit(&self, alias: &str, name: &str, version: &str) -> bool {
        let matches = |wanted: &&Name| wanted.matches(alias, version) || wanted.matches(name, version);
        let (out, within): (Vec<&Name>, Vec<&Name>) = self.0.iter().partition(|name| name.takes_out);
        (within.is_empty() || within.iter().any(matches)) && !out.iter().any(matches)
    }
}

impl Name {
    fn parse(text: &str) -> Result<Name, NamesError> {
        let (takes_out, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        // The `@` of a scope begins the text.
        let (name, versions) = match rest.char_indices().skip(1).find(|(_, letter)| *letter == '@') {
            Some((at, _)) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let fault = |reason: String| NamesError::Glob { text: text.escape_debug().to_string(), reason };
        if name.is_empty() {
            return Err(fault("it is empty".to_owned()));
        }
        let glob = GlobBuilder::new(name).literal_separator(false).build().map_err(|error| fault(error.kind().to_string()))?;
        let range = |range: &str| Range::parse(range).ok_or_else(|| NamesError::Range { text: text.escape_debug().to_string() });
        let versions = versions.filter(|range| !range.trim().is_empty()).map(range).transpose()?;
        Ok(Name { takes_out, glob: glob.compile_matcher(), versions })
    }

    fn matches(&self, name: &str, version: &str) -> bool {
        let fits = |range: &Range| {
            Version::parse_loose(version).is_some_and(|version| range.contains(&version) || range.contains_with_prereleases(&version))
        };
        self.glob.is_match(name) && self.versions.as_ref().is_none_or(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    fn admits(typed: &[&str], name: &str, version: &str) -> bool {
        let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
        Names::parse(&typed).expect("names").admit("alias", name, version)
    }

    #[test]
    fn names_globs_and_ranges() {
        assert!(admits(&["react"], "react", "1.0.0") && !admits(&["react"], "react-dom", "1.0.0"));
        assert!(admits(&["*eslint*"], "@typescript-eslint/parser", "1.0.0") && admits(&["@s/*"], "@s/a", "1.0.0"));
        assert!(admits(&["a@^1"], "a", "1.5.0") && !admits(&["a@^1"], "a", "2.0.0") && admits(&["@s/a@1 || 2"], "@s/a", "2.1.0"));
        assert!(admits(&["a@<2"], "a", "1.9.0-rc.1"), "a prerelease is affected too");
        assert!(admits(&["*", "!b"], "a", "1.0.0") && !admits(&["*", "!b"], "b", "1.0.0"));
        assert!(admits(&["!b"], "a", "1.0.0") && !admits(&["!@s/*"], "@s/b", "1.0.0"));
        assert!(admits(&["alias"], "other", "1.0.0"), "the name that it is installed under counts too");
        assert!(!admits(&["a@1"], "a", ""), "a folder may have no version");
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let fault = |typed: &str| Names::parse(&[typed.to_owned()]).expect_err("no name").to_string();
        assert_eq!(fault("a@latest"), "`a@latest`: what stands behind the `@` is no version and no range of versions");
        assert!(fault("a[").starts_with("`a[` is no name of a package: "), "{}", fault("a["));
        assert!(fault("!").ends_with("it is empty") && fault("").ends_with("it is empty"));
    }
}
