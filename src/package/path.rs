//! Paths inside a package.

use std::fmt;

/// The deepest nesting that is accepted, in segments: node-tar's limit, far above any real package.
const DEPTH_MAX: usize = 1024;
/// The longest path that is accepted, in bytes: Linux's `PATH_MAX`.
const LENGTH_MAX: usize = 4096;

/// A relative path with `/` between its segments that cannot leave the folder it is joined to: no `..`, no root, no
/// drive, no NUL, no backslash, no empty segment. It is never empty.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelPath(Box<str>);

/// Why a text is not a path inside a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a path inside a package: {reason}")]
pub struct PathError {
    /// The text, with control characters escaped.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl RelPath {
    /// Checks a path that must already be in its final form.
    pub fn parse(text: &str) -> Result<RelPath, PathError> {
        match fault(text) {
            None => Ok(RelPath(text.into())),
            Some(reason) => Err(PathError { text: shown(text), reason }),
        }
    }

    /// Checks a path after dropping what changes nothing: `.` and empty segments (`./a//b` is `a/b`). A root, a drive or
    /// `..` is an error, never cleaned away. `None` is a path that names the folder itself (`.`, `./`).
    pub fn normalise(text: &str) -> Result<Option<RelPath>, PathError> {
        if text.starts_with('/') {
            return Err(PathError { text: shown(text), reason: "it is absolute" });
        }
        let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty() && *segment != ".").collect();
        if segments.is_empty() { Ok(None) } else { RelPath::parse(&segments.join("/")).map(Some) }
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the folder part (`a/b` of `a/b/c`) and the last segment.
    pub fn split(&self) -> (Option<&str>, &str) {
        match self.0.rsplit_once('/') {
            Some((folder, name)) => (Some(folder), name),
            None => (None, &self.0),
        }
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if text.len() > LENGTH_MAX {
        return Some("it is longer than 4096 bytes");
    }
    let bytes = text.as_bytes();
    if bytes.len() >= 2 && bytes[1] == b':' && bytes[0].is_ascii_alphabetic() {
        return Some("it names a drive");
    }
    // One pass over the bytes: this runs for every file of every package.
    let (mut depth, mut start) = (1, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            0 => return Some("it has a NUL"),
            b'\\' => return Some("it has a backslash"),
            b'/' => {
                if let Some(reason) = fault_of_segment(&bytes[start..at]) {
                    return Some(reason);
                }
                (depth, start) = (depth + 1, at + 1);
            }
            _ => {}
        }
    }
    if let Some(reason) = fault_of_segment(&bytes[start..]) {
        return Some(reason);
    }
    (depth > DEPTH_MAX).then_some("it is nested too deeply")
}

fn fault_of_segment(segment: &[u8]) -> Option<&'static str> {
    match segment {
        b"" => Some("it is absolute or has an empty segment"),
        b"." | b".." => Some("it has a `.` or `..` segment"),
        _ => None,
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
    if text.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}

impl AsRef<str> for RelPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

#[cfg(test)]
mod tests {
    use super::RelPath;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn normalises_only_what_changes_nothing() {
        let normal = |text: &str| RelPath::normalise(text).map(|path| path.map(|path| path.as_str().to_owned()));
        assert_eq!(normal("./a//b/./c"), Ok(Some("a/b/c".to_owned())));
        assert_eq!(normal("./"), Ok(None));
        assert_eq!(normal("a/"), Ok(Some("a".to_owned())));
        for text in ["/a", "//a", "a/../b", "..", "C:/x", "c:x", "a\\b", "a\0b"] {
            assert!(normal(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn bounds_depth_and_length() {
        assert!(RelPath::parse(&"a/".repeat(1100)[..2199]).is_err());
        assert!(RelPath::parse(&"a".repeat(5000)).is_err());
    }

    proptest! {
        #[test]
        fn never_leaves_the_folder_it_is_joined_to(text in "[a./\\\\:C\0]{0,12}") {
            if let Ok(Some(path)) = RelPath::normalise(&text) {
                prop_assert!(Path::new(path.as_str()).components().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(RelPath::parse(path.as_str()), Ok(path));
            }
        }
    }
}
