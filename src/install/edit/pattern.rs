//! Names of packages as people type them: `react`, `@babel/*`, `!@babel/core`.

use crate::error::{Code, Error};
use globset::{GlobBuilder, GlobMatcher};

/// Patterns for names. Those behind a `!` take away from the others; alone, they take away from everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns {
    wanted: Vec<GlobMatcher>,
    unwanted: Vec<GlobMatcher>,
}

impl Patterns {
    /// Reads patterns; none admit everything.
    pub fn parse(texts: &[String]) -> Result<Patterns, Error> {
        let mut patterns = Patterns::default();
        for text in texts {
            let (list, plain) = match text.strip_prefix('!') {
                Some(plain) => (&mut patterns.unwanted, plain),
                None => (&mut patterns.wanted, text.as_str()),
            };
            list.push(matcher(plain)?);
        }
        Ok(patterns)
    }

    /// Says whether a name is meant.
    pub fn admit(&self, name: &str) -> bool {
        let is_wanted = self.wanted.is_empty() || self.wanted.iter().any(|matcher| matcher.is_match(name));
        is_wanted && !self.unwanted.iter().any(|matcher| matcher.is_match(name))
    }

    /// Returns the patterns that none of the names fits, as they were typed.
    pub fn unmatched<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
        let is_idle = |matcher: &&GlobMatcher| !names.clone().any(|name| matcher.is_match(name));
        self.wanted.iter().filter(is_idle).map(|matcher| matcher.glob().glob().to_owned()).collect()
    }
}

fn matcher(text: &str) -> Result<GlobMatcher, Error> {
    let glob = GlobBuilder::new(text).literal_separator(false).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| Error::new(Code::Usage, format!("the pattern `{text}` cannot be used: {error}")))
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    #[test]
    fn patterns_add_and_take_away() {
        for (texts, admitted) in [
            (&[][..], &["react", "@babel/core", "@babel/types"][..]),
            (&["react"], &["react"]),
            (&["@babel/*"], &["@babel/core", "@babel/types"]),
            (&["@babel/*", "!@babel/core"], &["@babel/types"]),
            (&["!@babel/*"], &["react"]),
            (&["*"], &["react", "@babel/core", "@babel/types"]),
            (&["reac"], &[]),
        ] {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let patterns = Patterns::parse(&texts).expect("patterns");
            let found: Vec<&str> = ["react", "@babel/core", "@babel/types"].into_iter().filter(|name| patterns.admit(name)).collect();
            assert_eq!(found, admitted, "{texts:?}");
        }
        assert!(Patterns::parse(&["a{".to_owned()]).is_err());
    }
}
