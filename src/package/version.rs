//! Versions as npm's semver has them.
//!
//! The grammar and the ordering are those of node-semver 7: three numbers up to 2^53 - 1, an optional prerelease, and
//! build metadata that is kept out of every comparison. [`Version::parse`] is strict; [`Version::parse_loose`] also takes
//! what node-semver takes with `loose: true` (`=1.2.3`, `1.2.3beta`, leading zeros), which is how npm reads ranges.

use std::cmp::Ordering;
use std::fmt;

/// The longest text that node-semver reads as a version, in bytes.
const LENGTH_MAX: usize = 256;
/// JavaScript's `Number.MAX_SAFE_INTEGER`: no part of a version may be larger.
pub(super) const NUMBER_MAX: u64 = (1 << 53) - 1;

/// One version, `major.minor.patch-prerelease`. Build metadata is read and dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
    /// Third number.
    pub patch: u64,
    /// The dot-separated identifiers behind the hyphen; empty for a release.
    pub prerelease: Vec<Identifier>,
}

/// One identifier of a prerelease. Numbers sort before words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identifier {
    /// Digits only: compared as a number.
    Number(u64),
    /// Anything else: compared by bytes.
    Word(Box<str>),
}

impl Version {
    /// Returns the release `major.minor.patch`.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Version {
        Version { major, minor, patch, prerelease: Vec::new() }
    }

    /// Reads a version as strict node-semver does (a leading `v` and surrounding spaces are allowed).
    pub fn parse(text: &str) -> Option<Version> {
        let mut scan = Scanner::new(text)?;
        scan.eat(b'v');
        scan.whole_version(Grammar::Strict)
    }

    /// Reads a version as node-semver does with `loose: true`.
    pub fn parse_loose(text: &str) -> Option<Version> {
        let mut scan = Scanner::new(text)?;
        scan.skip_prefix();
        scan.whole_version(Grammar::Loose)
    }

    /// Returns the part of a text that [`Version::parse`] takes which is the version as it is shown: without spaces, a
    /// leading `v` and build metadata.
    pub fn shown_part(text: &str) -> &str {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        text.split_once('+').map_or(text, |(version, _)| version)
    }

    /// Says whether a text is a version exactly as it is shown.
    pub fn is_shown_as(text: &str) -> bool {
        Version::shown_part(text).len() == text.len() && Version::parse(text).is_some()
    }

    /// Says whether there is a prerelease part.
    pub fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }

    /// Says whether both share `major.minor.patch`.
    pub fn same_tuple(&self, other: &Version) -> bool {
        (self.major, self.minor, self.patch) == (other.major, other.minor, other.patch)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(|| {
            // A release is newer than all of its prereleases.
            match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => self.prerelease.cmp(&other.prerelease),
            }
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (index, identifier) in self.prerelease.iter().enumerate() {
            out.write_str(if index == 0 { "-" } else { "." })?;
            match identifier {
                Identifier::Number(number) => write!(out, "{number}")?,
                Identifier::Word(word) => out.write_str(word)?,
            }
        }
        Ok(())
    }
}

/// Which of node-semver's two grammars is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Strict,
    Loose,
}

/// A version whose numbers may be missing or wildcards, as ranges have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partial {
    pub major: Option<u64>,
    /// Nothing also when the major is a wildcard.
    pub minor: Option<u64>,
    /// Nothing also when the minor is a wildcard.
    pub patch: Option<u64>,
    pub prerelease: Vec<Identifier>,
    /// Whether a number stands behind a wildcard (`1.x.3`).
    pub has_late_number: bool,
}

impl Partial {
    /// Says whether all three numbers are there.
    pub fn is_complete(&self) -> bool {
        self.patch.is_some()
    }
}

/// Reads versions and partial versions from the front of a text.
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// Starts at the front of `text` without its surrounding spaces; nothing when it is too long to be a version.
    pub fn new(text: &'a str) -> Option<Scanner<'a>> {
        let text = text.trim();
        (text.len() <= LENGTH_MAX).then_some(Scanner { rest: text.as_bytes() })
    }

    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// Passes over `v`, `=` and spaces in any number, as the loose grammar allows in front of a version.
    pub fn skip_prefix(&mut self) {
        while matches!(self.rest.first(), Some(b'v' | b'=' | b' ' | b'\t')) {
            self.rest = &self.rest[1..];
        }
    }

    fn whole_version(&mut self, grammar: Grammar) -> Option<Version> {
        let major = self.number(grammar)?;
        let minor = self.eat(b'.').then(|| self.number(grammar))??;
        let patch = self.eat(b'.').then(|| self.number(grammar))??;
        let prerelease = self.prerelease(grammar)?;
        self.build()?;
        self.rest.is_empty().then_some(Version { major, minor, patch, prerelease })
    }

    /// Reads `1`, `1.x`, `1.2.3-beta`, `*` and the like, up to the end of the text.
    pub fn whole_partial(&mut self, grammar: Grammar) -> Option<Partial> {
        let mut parts = [None; 3];
        let mut count = 0;
        while count == 0 || (count < 3 && self.eat(b'.')) {
            if matches!(self.rest.first(), Some(b'x' | b'X' | b'*')) {
                self.rest = &self.rest[1..];
            } else {
                parts[count] = Some(self.number_of_any_size(grammar)?);
            }
            count += 1;
        }
        // Only what names all three parts, be they wildcards, may go on.
        let prerelease = if count == 3 { self.prerelease(grammar)? } else { Vec::new() };
        if count == 3 {
            self.build()?;
        }
        let [major, minor, patch] = parts;
        let has_late_number = (major.is_none() && minor.is_some()) || (minor.is_none() && patch.is_some());
        let minor = major.and(minor);
        let patch = minor.and(patch);
        self.rest.is_empty().then_some(Partial { major, minor, patch, prerelease, has_late_number })
    }

    fn number(&mut self, grammar: Grammar) -> Option<u64> {
        self.number_of_any_size(grammar).filter(|number| *number <= NUMBER_MAX)
    }

    /// Reads a number; all that are too large for JavaScript are one.
    fn number_of_any_size(&mut self, grammar: Grammar) -> Option<u64> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        let leading_zero = digits.len() > 1 && digits[0] == b'0';
        if digits.is_empty() || (leading_zero && grammar == Grammar::Strict) {
            return None;
        }
        let number = digits.iter().fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        Some(number.min(NUMBER_MAX + 1))
    }

    /// Reads `-a.b.1`; with the loose grammar the hyphen may be missing.
    fn prerelease(&mut self, grammar: Grammar) -> Option<Vec<Identifier>> {
        let hyphen = self.eat(b'-');
        let unmarked = grammar == Grammar::Loose && self.rest.first().is_some_and(|byte| is_identifier_byte(*byte));
        if !hyphen && !unmarked {
            return Some(Vec::new());
        }
        // With the loose grammar a lone hyphen marks nothing and is the identifier itself.
        if hyphen && grammar == Grammar::Loose && !self.rest.first().is_some_and(|byte| is_identifier_byte(*byte)) {
            let rest = self.take_while(|byte| is_identifier_byte(byte) || byte == b'.');
            let mut identifiers = vec![Identifier::Word("-".into())];
            for part in rest.strip_prefix(b".").map(|rest| rest.split(|byte| *byte == b'.')).into_iter().flatten() {
                identifiers.push(identifier(part, grammar)?);
            }
            return Some(identifiers);
        }
        let text = self.take_while(|byte| is_identifier_byte(byte) || byte == b'.');
        text.split(|byte| *byte == b'.').map(|part| identifier(part, grammar)).collect()
    }

    /// Passes over `+build`.
    fn build(&mut self) -> Option<()> {
        if self.eat(b'+') {
            let text = self.take_while(|byte| is_identifier_byte(byte) || byte == b'.');
            if text.is_empty() || text.split(|byte| *byte == b'.').any(<[u8]>::is_empty) {
                return None;
            }
        }
        Some(())
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|byte| !keep(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn identifier(bytes: &[u8], grammar: Grammar) -> Option<Identifier> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.is_empty() {
        return None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Identifier::Word(text.into()));
    }
    if text.len() > 1 && text.starts_with('0') && grammar == Grammar::Strict {
        return None;
    }
    // A number that JavaScript cannot hold exactly stays a word there too.
    match text.parse() {
        Ok(number) if number < NUMBER_MAX => Some(Identifier::Number(number)),
        _ => Some(Identifier::Word(text.into())),
    }
}

#[cfg(test)]
mod tests;
