//! Ranges as they are written into manifests.

use crate::package::name::PackageName;
use crate::package::range::Range;
use crate::package::version::Version;

/// Returns a version behind a prefix. A prerelease stands alone: `^2.0.0-rc.1` would take the release and all that follows.
pub(super) fn specifier(prefix: &str, version: &str) -> String {
    let is_prerelease = Version::parse(version).is_some_and(|version| version.is_prerelease());
    let prefix = if is_prerelease { prefix.trim_end_matches(['^', '~']) } else { prefix };
    format!("{prefix}{version}")
}

/// How a specifier is written, so that another version can be put in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style<'a> {
    /// `npm:name@`, or nothing.
    pub name: &'a str,
    /// `^`, `~`, or nothing in front of a whole version; absent when the range has no such form (`1.x`, `>=1 <3`, `*`).
    pub operator: Option<&'static str>,
    /// What stands behind the name.
    pub range: &'a str,
}

impl<'a> Style<'a> {
    /// Reads a specifier of a registry's package; nothing for a tag or something else.
    pub fn of(specifier: &'a str) -> Option<Style<'a>> {
        let at = match specifier.strip_prefix("npm:") {
            Some(target) => "npm:".len() + target.get(1..)?.find('@')? + 2,
            None => 0,
        };
        let (name, range) = specifier.split_at(at);
        Range::parse(range)?;
        let plain = range.trim();
        let operator = match plain.as_bytes().first() {
            Some(b'^') if is_partial(&plain[1..]) => Some("^"),
            Some(b'~') if is_partial(&plain[1..]) => Some("~"),
            _ if Version::parse(plain.trim_start_matches('=')).is_some() => Some(""),
            _ => None,
        };
        Some(Style { name, operator, range })
    }

    /// Returns the package that a dependency of this name asks for.
    pub fn package(&self, alias: &PackageName) -> Option<PackageName> {
        match self.name.strip_prefix("npm:").and_then(|name| name.strip_suffix('@')) {
            Some(name) => PackageName::parse(name).ok(),
            None => Some(alias.clone()),
        }
    }

    /// Returns the operator for a version that the range does not hold: that of the range, or what comes closest.
    pub fn closest(&self, default: &'static str) -> &'static str {
        let plain = self.range.trim();
        let is_numbers = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match (self.operator, plain.matches('.').count()) {
            (Some(operator), _) => operator,
            (None, 1) if is_numbers => "~",
            (None, 0) if is_numbers => "^",
            _ => default,
        }
    }

    /// Says whether every version is in the range.
    pub fn is_any(&self) -> bool {
        matches!(self.range.trim(), "" | "*" | "x")
    }
}

/// Says whether a text is the beginning of a version or a whole one (`1`, `1.2`, `1.2.3-rc.1`).
fn is_partial(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or(text);
    !numbers.is_empty() && numbers.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{Style, specifier};

    #[test]
    fn a_style_survives_another_version() {
        for (text, name, operator) in [
            ("^1.2.3", "", Some("^")),
            ("^1", "", Some("^")),
            ("~1.2", "", Some("~")),
            ("1.2.3", "", Some("")),
            ("=1.2.3", "", Some("")),
            ("npm:react@^19.0.0", "npm:react@", Some("^")),
            ("npm:@types/node@20.1.0", "npm:@types/node@", Some("")),
            ("1.x", "", None),
            ("^1.0.0 || ^2.0.0", "", None),
            (">=1", "", None),
            ("*", "", None),
            ("^1.2.3-rc.1", "", Some("^")),
        ] {
            let style = Style::of(text).expect("a range");
            assert_eq!((style.name, style.operator), (name, operator), "{text}");
        }
        for text in ["latest", "npm:react", "npm:react@next", "file:x", "workspace:*", "catalog:", "https://x.test/x.tgz"] {
            assert_eq!(Style::of(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_without_an_operator_gets_the_one_that_comes_closest() {
        for (text, want) in [("1", "^"), ("1.2", "~"), ("1.2.3", ""), ("~1", "~"), ("1.x", "^"), (">=1 <3", "^")] {
            assert_eq!(Style::of(text).expect("a range").closest("^"), want, "{text}");
        }
    }

    #[test]
    fn a_prerelease_is_written_as_it_is() {
        assert_eq!(specifier("^", "1.2.3"), "^1.2.3");
        assert_eq!(specifier("npm:x@~", "1.2.3"), "npm:x@~1.2.3");
        assert_eq!(specifier("^", "2.0.0-rc.1"), "2.0.0-rc.1");
        assert_eq!(specifier("npm:x@^", "2.0.0-rc.1"), "npm:x@2.0.0-rc.1");
    }
}
