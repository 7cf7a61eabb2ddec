//! Ranges as npm's semver has them: `^1.2`, `~1`, `1.x || >=2.5.0 <3`, `1.2 - 2.3`.
//!
//! A range is a list of alternatives (`||`), each a list of comparators that must all hold. Every shorthand is
//! rewritten into plain comparators while reading, by the rules of node-semver 7 with `loose: true`, which is how npm
//! reads the ranges of packages. What does not read as a range (`latest`, `next`) is a tag, and no concern of this file.

use super::version::{Grammar, Identifier, Partial, Scanner, Version};
use std::fmt;
use std::sync::Arc;

/// The longest text taken as a range, in bytes: far above what real manifests hold, and a bound on the work done.
const LENGTH_MAX: usize = 8 * 1024;

/// A set of versions, and the text that it was written as.
#[derive(Clone, Debug)]
pub struct Range {
    text: Arc<str>,
    alternatives: Arc<[Vec<Comparator>]>,
}

/// One condition on a version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

impl Range {
    /// Reads a range; nothing when the text is not one.
    pub fn parse(text: &str) -> Option<Range> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let alternatives = text.split("||").map(alternative).collect::<Option<Vec<_>>>()?;
        Some(Range { text: text.into(), alternatives: alternatives.into() })
    }

    /// Says whether the version lies in the range. A prerelease lies in it only when a comparator of the same
    /// alternative names a prerelease of the same `major.minor.patch`.
    pub fn contains(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|comparators| {
            comparators.iter().all(|comparator| comparator.holds(version))
                && (!version.is_prerelease()
                    || comparators.iter().any(|comparator| comparator.version.is_prerelease() && comparator.version.same_tuple(version)))
        })
    }

    /// Says whether the version lies in the range when prereleases count like any other version
    /// (`includePrerelease` of node-semver). Peer ranges are checked this way.
    pub fn contains_with_prereleases(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|comparators| comparators.iter().all(|comparator| comparator.holds(version)))
    }

    /// Says whether some version could lie in both ranges; prereleases count like any other version.
    pub fn intersects(&self, other: &Range) -> bool {
        self.alternatives.iter().any(|left| other.alternatives.iter().any(|right| is_satisfiable(left.iter().chain(right))))
    }

    /// Returns the single version that the range names (`1.2.3`, `=1.2.3`), if it names just one.
    pub fn exact(&self) -> Option<&Version> {
        match &*self.alternatives {
            [comparators] => match comparators.as_slice() {
                [Comparator { operator: Operator::Equal, version }] => Some(version),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the text that the range was read from.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Range {
    fn eq(&self, other: &Range) -> bool {
        self.text == other.text
    }
}

impl Eq for Range {}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Comparator {
    fn new(operator: Operator, version: Version) -> Comparator {
        Comparator { operator, version }
    }

    fn holds(&self, version: &Version) -> bool {
        match self.operator {
            Operator::Less => version < &self.version,
            Operator::LessOrEqual => version <= &self.version,
            Operator::Greater => version > &self.version,
            Operator::GreaterOrEqual => version >= &self.version,
            Operator::Equal => version == &self.version,
        }
    }
}

/// Says whether comparators leave room between their bounds. Versions are taken as dense, as node-semver does.
fn is_satisfiable<'a>(comparators: impl Iterator<Item = &'a Comparator>) -> bool {
    let mut floor: Option<(&Version, bool)> = None;
    let mut ceiling: Option<(&Version, bool)> = None;
    for Comparator { operator, version } in comparators {
        let inclusive = matches!(operator, Operator::GreaterOrEqual | Operator::LessOrEqual | Operator::Equal);
        let is_floor = matches!(operator, Operator::Greater | Operator::GreaterOrEqual | Operator::Equal);
        let is_ceiling = matches!(operator, Operator::Less | Operator::LessOrEqual | Operator::Equal);
        // Of two equal bounds the exclusive one is tighter.
        if is_floor && floor.is_none_or(|(held, held_inclusive)| (version, !inclusive) > (held, !held_inclusive)) {
            floor = Some((version, inclusive));
        }
        if is_ceiling && ceiling.is_none_or(|(held, held_inclusive)| (version, inclusive) < (held, held_inclusive)) {
            ceiling = Some((version, inclusive));
        }
    }
    match (floor, ceiling) {
        (Some((low, low_inclusive)), Some((high, high_inclusive))) => low < high || (low == high && low_inclusive && high_inclusive),
        (None, Some((high, false))) => *high > Version { prerelease: vec![Identifier::Number(0)], ..Version::new(0, 0, 0) },
        _ => true,
    }
}

/// Reads one side of a `||`.
fn alternative(text: &str) -> Option<Vec<Comparator>> {
    let text = text.trim();
    if let Some(comparators) = hyphen(text) {
        return Some(comparators);
    }
    let mut comparators = Vec::new();
    for word in words(text) {
        word_comparators(&word, &mut comparators)?;
    }
    Some(comparators)
}

/// Splits at spaces, joining an operator to what follows it: `>= 1.2` is one word.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if last.bytes().all(|byte| matches!(byte, b'<' | b'>' | b'=' | b'~' | b'^' | b'v')) => last.push_str(part),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Reads `1.2 - 2.3`, the only form in which a hyphen stands between spaces.
fn hyphen(text: &str) -> Option<Vec<Comparator>> {
    let at = text.find(" - ").or_else(|| text.find("\t-"))?;
    let (from, to) = (partial(text[..at].trim())?, partial(text[at + 2..].trim_start_matches('-').trim())?);
    let mut comparators = Vec::new();
    if let Some(major) = from.major {
        let floor = Version { prerelease: from.prerelease, ..Version::new(major, from.minor.unwrap_or(0), from.patch.unwrap_or(0)) };
        comparators.push(Comparator::new(Operator::GreaterOrEqual, floor));
    }
    match (to.major, to.minor, to.patch) {
        (None, ..) => {}
        (Some(major), None, _) => comparators.push(below(major.checked_add(1)?, 0, 0)),
        (Some(major), Some(minor), None) => comparators.push(below(major, minor.checked_add(1)?, 0)),
        (Some(major), Some(minor), Some(patch)) => {
            let ceiling = Version { prerelease: to.prerelease, ..Version::new(major, minor, patch) };
            comparators.push(Comparator::new(Operator::LessOrEqual, ceiling));
        }
    }
    Some(comparators)
}

/// Rewrites one word (`^1.2`, `>=1`, `1.x`, `*`) into comparators. Nothing is added for a word that every version meets.
fn word_comparators(word: &str, out: &mut Vec<Comparator>) -> Option<()> {
    let (operator, rest) = split_operator(word);
    let version = partial(rest)?;
    match operator {
        "^" => caret(version, out),
        "~" | "~>" => tilde(version, out),
        operator => plain(operator, version, out),
    }
}

fn split_operator(word: &str) -> (&str, &str) {
    for operator in ["^", "~>", "~", ">=", "<=", ">", "<", "="] {
        if let Some(rest) = word.strip_prefix(operator) {
            return (operator, rest);
        }
    }
    ("", word)
}

fn partial(text: &str) -> Option<Partial> {
    let mut scan = Scanner::new(text)?;
    scan.skip_prefix();
    if text.trim_start_matches(['v', '=', ' ', '\t']).is_empty() {
        return Some(Partial { major: None, minor: None, patch: None, prerelease: Vec::new() });
    }
    scan.whole_partial(Grammar::Loose)
}

/// `^`: everything up to the next change of the left-most number that is not zero.
fn caret(version: Partial, out: &mut Vec<Comparator>) -> Option<()> {
    let Some(major) = version.major else {
        return Some(());
    };
    let ceiling = match (major, version.minor, version.patch) {
        (0, Some(0), Some(patch)) => below(0, 0, patch.checked_add(1)?),
        (0, Some(minor), _) => below(0, minor.checked_add(1)?, 0),
        _ => below(major.checked_add(1)?, 0, 0),
    };
    out.push(floor(version));
    out.push(ceiling);
    Some(())
}

/// `~`: everything up to the next minor, or the next major when no minor is given.
fn tilde(version: Partial, out: &mut Vec<Comparator>) -> Option<()> {
    let Some(major) = version.major else {
        return Some(());
    };
    let ceiling = match version.minor {
        Some(minor) => below(major, minor.checked_add(1)?, 0),
        None => below(major.checked_add(1)?, 0, 0),
    };
    out.push(floor(version));
    out.push(ceiling);
    Some(())
}

/// A bare version or one behind `<`, `<=`, `>`, `>=`, `=`.
fn plain(operator: &str, version: Partial, out: &mut Vec<Comparator>) -> Option<()> {
    let complete = version.minor.is_some() && version.patch.is_some();
    match (version.major, operator) {
        // `<*` and `>*` hold for nothing.
        (None, "<" | ">") => out.push(below(0, 0, 0)),
        (None, _) => {}
        (Some(major), "" | "=") if !complete => {
            let ceiling = match version.minor {
                Some(minor) => below(major, minor.checked_add(1)?, 0),
                None => below(major.checked_add(1)?, 0, 0),
            };
            out.push(floor(Partial { prerelease: Vec::new(), ..version }));
            out.push(ceiling);
        }
        (Some(major), _) if !complete => {
            let minor = version.minor.unwrap_or(0);
            let next = match version.minor {
                Some(minor) => Version::new(major, minor.checked_add(1)?, 0),
                None => Version::new(major.checked_add(1)?, 0, 0),
            };
            out.push(match operator {
                ">" => Comparator::new(Operator::GreaterOrEqual, next),
                ">=" => Comparator::new(Operator::GreaterOrEqual, Version::new(major, minor, 0)),
                "<" => below(major, minor, 0),
                _ => below(next.major, next.minor, 0),
            });
        }
        (Some(_), _) => {
            let operator = match operator {
                "<" => Operator::Less,
                "<=" => Operator::LessOrEqual,
                ">" => Operator::Greater,
                ">=" => Operator::GreaterOrEqual,
                _ => Operator::Equal,
            };
            out.push(Comparator::new(operator, floor(version).version));
        }
    }
    Some(())
}

/// `>=` the version with its missing numbers taken as zero.
fn floor(version: Partial) -> Comparator {
    let complete = version.minor.is_some() && version.patch.is_some();
    let numbers = Version::new(
        version.major.unwrap_or(0),
        version.minor.unwrap_or(0),
        version.patch.filter(|_| version.minor.is_some()).unwrap_or(0),
    );
    let prerelease = if complete { version.prerelease } else { Vec::new() };
    Comparator::new(Operator::GreaterOrEqual, Version { prerelease, ..numbers })
}

/// `<` the first prerelease (`-0`) of a version, so that its prereleases are out as well.
fn below(major: u64, minor: u64, patch: u64) -> Comparator {
    let first_prerelease = Version { prerelease: vec![Identifier::Number(0)], ..Version::new(major, minor, patch) };
    Comparator::new(Operator::Less, first_prerelease)
}

#[cfg(test)]
mod tests;
