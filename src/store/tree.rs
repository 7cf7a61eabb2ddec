//! The list of files of one package.
//!
//! A tree is kept as its encoding and read in place: a warm install walks 18,000 entries, and an allocation for each
//! would cost more than the walk. The encoding has exactly one form for each list of files (sorted paths, shortest
//! numbers), so equal packages have equal trees and one name. `store-format.md` has the bytes. Trees are not
//! compressed: they are well under one per cent of the bytes of their files, and half of a tree is digests.

use super::id::{ObjectId, TreeId};
use crate::package::path::RelPath;
use bytes::Bytes;

/// First byte of the encoding.
const FORMAT: u8 = 1;
/// Flag of an executable entry; no other flag is known.
const EXECUTABLE: u8 = 1;

/// One file of a package, as an import collects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Where it stands in the package.
    pub path: RelPath,
    /// Its bytes.
    pub object: ObjectId,
    /// Whether it may be executed.
    pub executable: bool,
    /// Its length.
    pub size_bytes: u64,
}

/// One file of a tree, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it stands in the package; checked to be a [`RelPath`].
    pub path: &'a str,
    /// Its bytes.
    pub object: ObjectId,
    /// Whether it may be executed.
    pub executable: bool,
    /// Its length.
    pub size_bytes: u64,
}

/// The files of one package, sorted by the bytes of their paths; no path twice, none that is a folder of another.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree {
    encoding: Bytes,
    count: usize,
}

/// Two files that cannot stand in one folder: the first is needed as a folder by the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The file.
    pub file: String,
    /// The file that would lie below it.
    pub below: String,
}

impl Tree {
    /// Makes a tree of entries in any order; of two with the same path the later counts.
    pub fn new(entries: Vec<NewEntry>) -> Result<Tree, Clash> {
        Tree::with(entries.into_iter().map(|entry| (entry, ())).collect()).map(|(tree, _)| tree)
    }

    /// The same, and puts what belongs to the entries into the order of the tree.
    pub fn with<T>(mut entries: Vec<(NewEntry, T)>) -> Result<(Tree, Vec<T>), Clash> {
        // A stable sort of the reversed list puts the latest of equals first, which is the one that `dedup` keeps.
        entries.reverse();
        entries.sort_by(|(one, _), (other, _)| one.path.cmp(&other.path));
        entries.dedup_by(|(later, _), (kept, _)| later.path == kept.path);
        let mut clashes = Clashes::default();
        let mut encoding = Vec::with_capacity(16 + entries.len() * 80);
        encoding.push(FORMAT);
        put_number(&mut encoding, entries.len() as u64);
        for (entry, _) in &entries {
            let path = entry.path.as_str();
            if let Some(file) = clashes.next(path) {
                return Err(Clash { file: file.to_owned(), below: path.to_owned() });
            }
            encoding.push(if entry.executable { EXECUTABLE } else { 0 });
            put_number(&mut encoding, entry.size_bytes);
            put_number(&mut encoding, path.len() as u64);
            encoding.extend_from_slice(path.as_bytes());
            encoding.extend_from_slice(entry.object.as_bytes());
        }
        let tree = Tree { encoding: encoding.into(), count: entries.len() };
        Ok((tree, entries.into_iter().map(|(_, belonging)| belonging).collect()))
    }

    /// Reads an encoding; nothing when it is damaged, of another format, or not the one form that its files have.
    pub fn decode(encoding: impl Into<Bytes>) -> Option<Tree> {
        let tree = Tree::sealed(encoding.into())?;
        let (mut clashes, mut entries) = (Clashes::default(), tree.entries());
        for _ in 0..tree.count {
            if clashes.next(entries.next()?.path).is_some() {
                return None;
            }
        }
        let whole = entries.rest.is_empty();
        whole.then_some(tree)
    }

    /// Takes an encoding that a digest vouches for. Whether it is sound shows when its entries are read: they end before
    /// [`Tree::len`] at the first that is not.
    pub(super) fn sealed(encoding: Bytes) -> Option<Tree> {
        let mut rest = &*encoding;
        let format = take_byte(&mut rest)?;
        let count = usize::try_from(take_number(&mut rest)?).ok()?;
        (format == FORMAT).then_some(Tree { encoding, count })
    }

    /// Returns the encoding.
    pub fn encoding(&self) -> &[u8] {
        &self.encoding
    }

    /// Returns the name: BLAKE3 of the encoding.
    pub fn id(&self) -> TreeId {
        TreeId::of(&self.encoding)
    }

    /// Returns the files in the order of their paths.
    pub fn entries(&self) -> Entries<'_> {
        let mut rest = &*self.encoding;
        // The head was checked when the tree was made.
        let _ = (take_byte(&mut rest), take_number(&mut rest));
        Entries { rest, before: "", left: self.count }
    }

    /// Returns how many files there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Says whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the length of all files together.
    pub fn size_bytes(&self) -> u64 {
        self.entries().map(|entry| entry.size_bytes).sum()
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.entries()).finish()
    }
}

/// The files of a tree, in the order of their paths.
#[derive(Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
    before: &'a str,
    left: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.left = self.left.checked_sub(1)?;
        let entry = take_entry(&mut self.rest).filter(|entry| entry.path > self.before && is_sound(entry.path, self.before));
        match entry {
            Some(entry) => self.before = entry.path,
            None => self.left = 0,
        }
        entry
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

/// Finds a file that a later path needs as a folder. In the order of their bytes such a pair need not be neighbours:
/// `a`, `a-b`, `a/c`. So every file stays on a stack for as long as the paths begin with its own.
#[derive(Default)]
struct Clashes<'a>(Vec<&'a str>);

impl<'a> Clashes<'a> {
    /// Takes the next path in order; returns the file that stands in its way.
    fn next(&mut self, path: &'a str) -> Option<&'a str> {
        while let Some(file) = self.0.last() {
            match path.strip_prefix(file) {
                None => self.0.pop(),
                Some(tail) if tail.starts_with('/') => return Some(file),
                // What lies deeper is a prefix of this file, and would have stood in the way of it already.
                Some(_) => break,
            };
        }
        self.0.push(path);
        None
    }
}

/// Says whether a path is a [`RelPath`]. Of a path in the same folder as the one before, which was sound, only the last
/// segment is new: this is what most of a warm look-up consists of.
fn is_sound(path: &str, before: &str) -> bool {
    let name_start = path.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, name) = path.split_at(name_start);
    let same_folder = before.strip_prefix(folder).is_some_and(|rest| !rest.is_empty() && !folder.is_empty());
    if !same_folder || path.len() > before.len().max(256) {
        return RelPath::parse(path).is_ok();
    }
    !matches!(name, "" | "." | "..") && !name.bytes().any(|byte| matches!(byte, 0 | b'\\'))
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (&byte, tail) = rest.split_first()?;
    *rest = tail;
    Some(byte)
}

/// Reads a LEB128 number of at most 64 bits in its shortest form.
fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    let flags = take_byte(rest)?;
    let size_bytes = take_number(rest)?;
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (path, tail) = rest.split_at_checked(length)?;
    let (object, tail) = tail.split_first_chunk::<32>()?;
    *rest = tail;
    let path = std::str::from_utf8(path).ok()?;
    (flags & !EXECUTABLE == 0).then(|| Entry {
        path,
        object: ObjectId::from_bytes(*object),
        executable: flags & EXECUTABLE != 0,
        size_bytes,
    })
}

#[cfg(test)]
mod tests;
