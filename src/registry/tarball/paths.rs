//! The paths of an archive: from raw bytes to paths of the package, and what they mean to each other.

use super::error::TarballError;
use crate::package::path::{PathError, RelPath};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use unicode_normalization::UnicodeNormalization;

/// How many paths that clash on some file systems are named.
const CLASHES_SHOWN: usize = 20;

/// Reads the path of an entry and strips its first component, whatever that is (npm's rule). Nothing is left of the top
/// folder itself and of a file beside it. Backslashes are separators: archives packed on Windows have them.
pub(super) fn stripped(raw: &[u8]) -> Result<Option<RelPath>, TarballError> {
    let Ok(text) = std::str::from_utf8(raw) else {
        return Err(TarballError::NotUtf8 { entry: raw.escape_ascii().to_string() });
    };
    let text = if text.contains('\\') { Cow::Owned(text.replace('\\', "/")) } else { Cow::Borrowed(text) };
    let (top, rest) = text.split_once('/').unwrap_or((&text, ""));
    let reason = match top.as_bytes() {
        [] if !text.is_empty() => Some("it is absolute"),
        b".." => Some("it has a `..` segment"),
        [drive, b':', ..] if drive.is_ascii_alphabetic() => Some("it names a drive"),
        top if top.contains(&0) => Some("it has a NUL"),
        _ => None,
    };
    if let Some(reason) = reason {
        return Err(PathError { text: shown(raw), reason }.into());
    }
    match RelPath::parse(rest) {
        Ok(path) => Ok(Some(path)),
        // What was not in its final form may be so once `.` and empty segments are dropped.
        Err(_) => RelPath::normalise(rest.trim_start_matches('/')).map_err(|error| PathError { text: shown(raw), ..error }.into()),
    }
}

/// Returns a path as it may be shown.
pub(super) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
    if text.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

/// What paths an archive has held so far. Only hashes are kept: deep paths would otherwise cost memory that grows with
/// the square of their depth.
#[derive(Default)]
pub(super) struct Seen {
    kinds: FxHashMap<u64, Kind>,
    folded: FxHashSet<u64>,
    clashes: Vec<RelPath>,
    buffer: String,
    /// The folder that the last file lies in, with a slash at its end; most files lie where the one before them does.
    folder: String,
    /// What has hashed the name of that folder.
    behind_folder: DefaultHasher,
}

impl Seen {
    /// Notes a file. It is an error when its path, or a folder on it, was there as the other kind.
    pub(super) fn note(&mut self, path: &RelPath) -> Result<(), TarballError> {
        let text = path.as_str();
        let both = |end: usize| TarballError::FileAndFolder { path: shown(&text.as_bytes()[..end]) };
        let is_near = text.starts_with(&self.folder);
        let (mut hasher, known) = if is_near { (self.behind_folder.clone(), self.folder.len()) } else { (DefaultHasher::new(), 0) };
        let mut start = known;
        for (slash, _) in text[known..].match_indices('/') {
            let slash = known + slash;
            hasher.write(&text.as_bytes()[start..=slash]);
            start = slash + 1;
            if *self.kinds.entry(hasher.clone().finish()).or_insert(Kind::Folder) == Kind::File {
                return Err(both(slash));
            }
        }
        if !is_near || start != known {
            text[..start].clone_into(&mut self.folder);
            self.behind_folder = hasher.clone();
        }
        hasher.write(&text.as_bytes()[start..]);
        hasher.write(b"/");
        let hash = hasher.finish();
        match self.kinds.insert(hash, Kind::File) {
            Some(Kind::Folder) => Err(both(text.len())),
            Some(Kind::File) => Ok(()),
            None => {
                self.note_folded(path, hash);
                Ok(())
            }
        }
    }

    /// Returns how many files and folders there are.
    pub(super) fn count(&self) -> u64 {
        self.kinds.len() as u64
    }

    /// Returns the files that some file systems take for an earlier one.
    pub(super) fn into_clashes(self) -> Vec<RelPath> {
        self.clashes
    }

    /// Notes what some file systems take a file for; `hash` is that of its path.
    fn note_folded(&mut self, path: &RelPath, hash: u64) {
        let text = path.as_str();
        let is_folded = !text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii());
        let folded = if is_folded { hash } else { self.hash_of_folded(text) };
        if !self.folded.insert(folded) && self.clashes.len() < CLASHES_SHOWN {
            self.clashes.push(path.clone());
        }
    }

    fn hash_of_folded(&mut self, text: &str) -> u64 {
        self.buffer.clear();
        if text.is_ascii() {
            self.buffer.push_str(text);
            self.buffer.make_ascii_lowercase();
        } else {
            // Upper case first: it takes `ß` and ligatures apart.
            let upper = text.nfc().flat_map(char::to_uppercase);
            self.buffer.extend(upper.flat_map(char::to_lowercase).nfc());
        }
        self.buffer.push('/');
        let mut hasher = DefaultHasher::new();
        hasher.write(self.buffer.as_bytes());
        hasher.finish()
    }
}
