//! Ranges as npm's semver has them: `^1.2`, `~1`, `1.x || >=2.5.0 <3`, `1.2 - 2.3`.
//!
//! A range is a list of alternatives (`||`), each a list of comparators that must all hold. Every shorthand is
//! rewritten into plain comparators while reading, by the rules of node-semver 7 with `loose: true`, which is how npm
//! reads the ranges of packages. That grammar forgives: a word that is no comparator is passed over, as long as
//! something is left. What does not read as a range at all (`latest`, `next`) is a tag, and no concern of this file.

use super::version::{Grammar, Identifier, NUMBER_MAX, Partial, Scanner, Version};
use std::borrow::Cow;
use std::cmp::Ordering;
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
    /// Whether only the three numbers count where prereleases count like any other version: `^1` then holds `1.0.0-0`,
    /// and `1.0.0 - 2.0.0` holds `2.0.1-0` no more than `2.0.1`, but all that comes before `2.0.0`.
    is_loose_bound: bool,
}

/// A range with a number that JavaScript cannot hold exactly.
struct TooLarge;

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
        let mut alternatives = Vec::new();
        for text in text.split("||") {
            alternatives.extend(alternative(text).ok()?);
        }
        // `*` stands for all releases, and then nothing else is looked at, not even the prereleases of an alternative.
        let is_any = |comparators: &Vec<Comparator>| comparators.iter().all(Comparator::is_any);
        if alternatives.len() > 1 && alternatives.iter().any(is_any) {
            alternatives = vec![Vec::new()];
        }
        let is_range = !alternatives.is_empty();
        is_range.then(|| Range { text: text.into(), alternatives: alternatives.into() })
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
        self.alternatives.iter().any(|comparators| comparators.iter().all(|comparator| comparator.holds_with_prereleases(version)))
    }

    /// Says whether some version could lie in both ranges; prereleases count like any other version.
    pub fn intersects(&self, other: &Range) -> bool {
        self.alternatives.iter().any(|left| other.alternatives.iter().any(|right| is_satisfiable(left.iter().chain(right))))
    }

    /// Returns the single version that the range names (`1.2.3`, `=1.2.3`), if it names just one.
    pub fn exact(&self) -> Option<&Version> {
        match &*self.alternatives {
            [comparators] => match comparators.as_slice() {
                [Comparator { operator: Operator::Equal, version, .. }] => Some(version),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns a version that nothing in the range is above; nothing when some part of the range has no upper bound.
    pub fn ceiling(&self) -> Option<&Version> {
        let ceilings = self.alternatives.iter().map(|comparators| {
            let bounds = comparators.iter().filter(|comparator| comparator.operator.bounds_above());
            bounds.map(|comparator| &comparator.version).min()
        });
        ceilings.collect::<Option<Vec<&Version>>>()?.into_iter().max()
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
    fn new(operator: Operator, version: Version) -> Result<Comparator, TooLarge> {
        let is_held = [version.major, version.minor, version.patch].iter().all(|number| *number <= NUMBER_MAX);
        if is_held { Ok(Comparator { operator, version, is_loose_bound: false }) } else { Err(TooLarge) }
    }

    fn loose(self) -> Comparator {
        Comparator { is_loose_bound: true, ..self }
    }

    fn is_any(&self) -> bool {
        self.operator == Operator::GreaterOrEqual && self.version == Version::new(0, 0, 0)
    }

    fn holds(&self, version: &Version) -> bool {
        self.operator.holds(version.cmp(&self.version))
    }

    fn holds_with_prereleases(&self, version: &Version) -> bool {
        if !self.is_loose_bound {
            return self.holds(version);
        }
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        self.operator.holds(numbers(version).cmp(&numbers(&self.version)))
    }
}

impl Operator {
    fn bounds_above(self) -> bool {
        matches!(self, Operator::Less | Operator::LessOrEqual | Operator::Equal)
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Equal => order.is_eq(),
        }
    }
}

/// Says whether comparators leave room between their bounds. Versions are taken as dense, as node-semver does.
fn is_satisfiable<'a>(comparators: impl Iterator<Item = &'a Comparator>) -> bool {
    let mut floor: Option<(&Version, bool)> = None;
    let mut ceiling: Option<(&Version, bool)> = None;
    for Comparator { operator, version, .. } in comparators {
        let inclusive = matches!(operator, Operator::GreaterOrEqual | Operator::LessOrEqual | Operator::Equal);
        let is_floor = matches!(operator, Operator::Greater | Operator::GreaterOrEqual | Operator::Equal);
        let is_ceiling = operator.bounds_above();
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

/// Reads one side of a `||`; nothing when no word of it is a comparator.
fn alternative(text: &str) -> Result<Option<Vec<Comparator>>, TooLarge> {
    let mut comparators = Vec::new();
    let text = joined(text);
    if let Some((from, to)) = hyphen(&text) {
        hyphen_comparators(from, to, &mut comparators)?;
        return Ok(Some(comparators));
    }
    let mut words = text.split_whitespace().peekable();
    let mut is_read = words.peek().is_none();
    for word in words {
        is_read |= word_comparators(word, &mut comparators)?;
    }
    Ok(is_read.then_some(comparators))
}

/// Drops build metadata, and the spaces between an operator and what it stands before.
fn joined(text: &str) -> Cow<'_, str> {
    let is_operator = |byte: u8| matches!(byte, b'<' | b'>' | b'=' | b'~' | b'^');
    let spaced = text.as_bytes().windows(2).any(|pair| is_operator(pair[0]) && pair[1].is_ascii_whitespace());
    if !spaced && !text.contains('+') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        let is_build = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
        if character == '+' && rest.starts_with(is_build) {
            rest = rest.trim_start_matches(is_build);
            continue;
        }
        out.push(character);
        let behind = rest.trim_start();
        let binds = match character {
            '^' | '~' => true,
            '>' if out.ends_with("~>") => true,
            '<' | '>' | '=' => {
                behind.trim_start_matches(['v', '=']).starts_with(|next: char| next.is_ascii_digit() || matches!(next, 'x' | 'X' | '*'))
            }
            _ => false,
        };
        if binds {
            rest = behind;
        }
    }
    Cow::Owned(out)
}

/// Reads `1.2 - 2.3`, the only form in which a hyphen stands between spaces.
fn hyphen(text: &str) -> Option<(Partial, Partial)> {
    let mut words = text.split_whitespace();
    let (from, dash, to) = (words.next()?, words.next()?, words.next()?);
    if dash != "-" || words.next().is_some() {
        return None;
    }
    Some((partial(from)?, partial(to)?))
}

fn hyphen_comparators(from: Partial, to: Partial, out: &mut Vec<Comparator>) -> Result<(), TooLarge> {
    if from.major.is_some() {
        let is_loose = from.prerelease.is_empty() || !from.is_complete();
        let floor = floor(from)?;
        out.push(if is_loose { floor.loose() } else { floor });
    }
    match (to.major, to.minor, to.patch) {
        (None, ..) => {}
        (Some(major), None, _) => out.push(below(major + 1, 0, 0)?),
        (Some(major), Some(minor), None) => out.push(below(major, minor + 1, 0)?),
        (Some(major), Some(minor), Some(patch)) => {
            let is_loose = to.prerelease.is_empty();
            let ceiling = Version { prerelease: to.prerelease, ..Version::new(major, minor, patch) };
            let ceiling = Comparator::new(Operator::LessOrEqual, ceiling)?;
            out.push(if is_loose { ceiling.loose() } else { ceiling });
        }
    }
    Ok(())
}

/// Rewrites one word (`^1.2`, `>=1`, `1.x`, `*`) into comparators, and says whether it is one. Nothing is added for a
/// word that every version meets.
fn word_comparators(word: &str, out: &mut Vec<Comparator>) -> Result<bool, TooLarge> {
    let (operator, rest) = split_operator(word);
    let Some(version) = partial(rest) else {
        return Ok(false);
    };
    match operator {
        "^" => caret(version, out).map(|()| true),
        "~" | "~>" => tilde(version, out).map(|()| true),
        // A number may not follow a wildcard.
        _ if version.has_late_number => Ok(false),
        operator => plain(operator, version, out).map(|()| true),
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
    scan.whole_partial(Grammar::Loose)
}

/// `^`: everything up to the next change of the left-most number that is not zero.
fn caret(version: Partial, out: &mut Vec<Comparator>) -> Result<(), TooLarge> {
    let Some(major) = version.major else {
        return Ok(());
    };
    let ceiling = match (major, version.minor, version.patch) {
        (0, Some(0), Some(patch)) => below(0, 0, patch + 1)?,
        (0, Some(minor), _) => below(0, minor + 1, 0)?,
        _ => below(major + 1, 0, 0)?,
    };
    out.push(floor(version)?);
    out.push(ceiling);
    Ok(())
}

/// `~`: everything up to the next minor, or the next major when no minor is given.
fn tilde(version: Partial, out: &mut Vec<Comparator>) -> Result<(), TooLarge> {
    let Some(major) = version.major else {
        return Ok(());
    };
    out.push(floor(version.clone())?);
    out.push(match version.minor {
        Some(minor) => below(major, minor + 1, 0)?,
        None => below(major + 1, 0, 0)?,
    });
    Ok(())
}

/// A bare version or one behind `<`, `<=`, `>`, `>=`, `=`.
fn plain(operator: &str, version: Partial, out: &mut Vec<Comparator>) -> Result<(), TooLarge> {
    let Some(major) = version.major else {
        // `<*` and `>*` hold for nothing.
        if matches!(operator, "<" | ">") {
            out.push(below(0, 0, 0)?);
        }
        return Ok(());
    };
    if version.is_complete() {
        let operator = match operator {
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => Operator::Equal,
        };
        out.push(Comparator::new(operator, floor(version)?.version)?);
        return Ok(());
    }
    let next = match version.minor {
        Some(minor) => (major, minor + 1),
        None => (major + 1, 0),
    };
    match operator {
        ">" => out.push(Comparator::new(Operator::GreaterOrEqual, Version::new(next.0, next.1, 0))?.loose()),
        ">=" => out.push(floor(version)?),
        "<" => out.push(below(major, version.minor.unwrap_or(0), 0)?),
        "<=" => out.push(below(next.0, next.1, 0)?),
        _ => {
            out.push(floor(version)?);
            out.push(below(next.0, next.1, 0)?);
        }
    }
    Ok(())
}

/// `>=` the version with its missing numbers taken as zero.
fn floor(version: Partial) -> Result<Comparator, TooLarge> {
    let is_complete = version.is_complete();
    let patch = if is_complete { version.patch.unwrap_or(0) } else { 0 };
    let numbers = Version::new(version.major.unwrap_or(0), version.minor.unwrap_or(0), patch);
    if is_complete {
        Comparator::new(Operator::GreaterOrEqual, Version { prerelease: version.prerelease, ..numbers })
    } else {
        Comparator::new(Operator::GreaterOrEqual, numbers).map(Comparator::loose)
    }
}

/// `<` the first prerelease (`-0`) of a version, so that its prereleases are out as well.
fn below(major: u64, minor: u64, patch: u64) -> Result<Comparator, TooLarge> {
    let first_prerelease = Version { prerelease: vec![Identifier::Number(0)], ..Version::new(major, minor, patch) };
    Comparator::new(Operator::Less, first_prerelease)
}

#[cfg(test)]
mod tests;
