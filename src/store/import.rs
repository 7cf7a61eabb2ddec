//! Bringing the files of one package into the store.
//!
//! An import takes the files one by one, in the order of the tarball, from bytes at hand or from a stream. Each becomes
//! an object at once. At the end the list becomes a tree. Nothing of it counts until [`Store::commit`] has written the
//! index: an import that is dropped leaves objects that the next gc sweeps, or that the next import finds there.
//!
//! Where the folder is known that the package is wanted in, it can be filled on the way: see [`Landing`].

use super::Store;
use super::error::{StoreError, explain};
use super::id::ObjectId;
use super::landing::{Landing, Piece};
use super::mark::Mark;
use super::package::{PackageKey, StoredPackage};
use super::tree::{Clash, NewEntry, Tree};
use crate::fs::Context;
use crate::package::facts::Facts;
use crate::package::name::PackageName;
use crate::package::path::RelPath;
use std::io::{self, BufRead, Write};
use std::ops::Deref;

/// A package on its way into the store.
pub struct Import<S> {
    store: S,
    entries: Vec<(NewEntry, Mark)>,
    landing: Option<Landing>,
}

/// What a package is called, see [`StoredPackage`].
pub struct Identity {
    /// What it is looked up by.
    pub key: PackageKey,
    /// The name under which it was resolved.
    pub name: PackageName,
    /// The version that was resolved.
    pub version: String,
}

impl<S: Deref<Target = Store>> Import<S> {
    /// Begins to bring in a package. The store is borrowed or shared, as the caller needs it.
    pub fn new(store: S) -> Result<Import<S>, StoreError> {
        store.must_be_writable()?;
        Ok(Import { store, entries: Vec::new(), landing: None })
    }

    /// Has the files put into a folder as well, from the first one on.
    pub fn land(&mut self, landing: Landing) {
        self.landing = self.entries.is_empty().then_some(landing);
    }

    /// Goes on without the folder: it is no longer there, or no longer wanted.
    pub fn take_off(&mut self) {
        self.landing = None;
    }

    /// Says whether the folder has all files so far, as a checkout would have put them there.
    pub fn is_landed(&self) -> bool {
        self.landing.is_some()
    }

    /// Adds a file whose bytes are at hand. A later file of the same path takes the place of the earlier.
    pub fn file(&mut self, path: &RelPath, executable: bool, bytes: &[u8]) -> Result<(), StoreError> {
        self.put(path.clone(), executable, bytes, ObjectId::of(bytes))
    }

    /// Adds several files whose bytes are at hand, in their order.
    pub fn files<'a>(&mut self, files: impl Iterator<Item = (RelPath, bool, &'a [u8])>) -> Result<(), StoreError> {
        let files: Vec<(RelPath, bool, &[u8])> = files.collect();
        let contents: Vec<&[u8]> = files.iter().map(|(.., bytes)| *bytes).collect();
        let objects = ObjectId::of_each(&contents);
        self.entries.reserve(files.len());
        files.into_iter().zip(objects).try_for_each(|((path, executable, bytes), object)| self.put(path, executable, bytes, object))
    }

    fn put(&mut self, path: RelPath, executable: bool, bytes: &[u8], object: ObjectId) -> Result<(), StoreError> {
        let piece = Piece { path: &path, object: &object, executable, size_bytes: bytes.len() as u64 };
        let landed = self.landing.as_mut().and_then(|landing| landing.put(&self.store.objects, piece, bytes));
        let mark = match landed {
            Some(mark) => mark,
            None => {
                self.take_off();
                self.store.objects.put(&object, executable, bytes)?
            }
        };
        self.add(path, executable, object, bytes.len() as u64, mark);
        Ok(())
    }

    /// Adds a file without holding it in memory. A reader that ends before `size_bytes`, or after, is an error.
    pub fn stream(&mut self, path: &RelPath, executable: bool, size_bytes: u64, reader: &mut dyn BufRead) -> Result<(), StoreError> {
        let source_error = |source| StoreError::Source { path: path.to_string(), source };
        let draft = self.store.objects.draft_unnamed(executable)?;
        let mut hasher = blake3::Hasher::new();
        let mut read_bytes = 0;
        loop {
            let piece = match reader.fill_buf() {
                Ok([]) => break,
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(source_error(error)),
            };
            read_bytes += piece.len() as u64;
            if read_bytes > size_bytes {
                break;
            }
            hasher.update(piece);
            (&draft.file).write_all(piece).at("write a file to", &self.store.root).map_err(explain)?;
            let length = piece.len();
            reader.consume(length);
        }
        if read_bytes != size_bytes {
            let text = format!("it should have {size_bytes} bytes, but has {}", if read_bytes > size_bytes { "more" } else { "fewer" });
            return Err(source_error(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        let object = ObjectId::from_bytes(*hasher.finalize().as_bytes());
        let mark = self.store.objects.publish(draft, &object, executable, size_bytes)?;
        let piece = Piece { path, object: &object, executable, size_bytes };
        let landed = self.landing.as_mut().and_then(|landing| landing.link(&self.store.objects, piece, mark));
        self.landing = self.landing.take().filter(|_| landed.is_some());
        self.add(path.clone(), executable, object, size_bytes, mark);
        Ok(())
    }

    fn add(&mut self, path: RelPath, executable: bool, object: ObjectId, size_bytes: u64, mark: Mark) {
        self.entries.push((NewEntry { path, object, executable, size_bytes }, mark));
    }

    /// Returns the paths so far, in the order they came in; one that came twice is there twice.
    pub fn paths(&self) -> impl Iterator<Item = &RelPath> + Clone {
        self.entries.iter().map(|(entry, _)| &entry.path)
    }

    /// Makes a file executable that the tarball has without the bit, as the targets of commands often are. Returns
    /// whether there is such a file.
    pub fn make_executable(&mut self, path: &RelPath) -> Result<bool, StoreError> {
        let Some(index) = self.entries.iter().rposition(|(entry, _)| entry.path == *path) else {
            return Ok(false);
        };
        let (entry, mark) = &mut self.entries[index];
        if !entry.executable {
            *mark = self.store.objects.make_executable(&entry.object, entry.size_bytes)?;
            entry.executable = true;
            let piece = Piece { path, object: &entry.object, executable: true, size_bytes: entry.size_bytes };
            let landed = self.landing.as_mut().and_then(|landing| landing.replace(&self.store.objects, piece, *mark));
            self.landing = self.landing.take().filter(|_| landed.is_some());
        }
        Ok(true)
    }

    /// Closes the list. Two files of which one would have to be a folder are an error. The package can be checked out
    /// at once; later installs find it when it was committed.
    pub fn finish(self, identity: Identity, facts: Facts) -> Result<StoredPackage, StoreError> {
        let (tree, marks) = Tree::with(self.entries).map_err(|Clash { file, below }| StoreError::Clash { file, below })?;
        let Identity { key, name, version } = identity;
        Ok(StoredPackage {
            key,
            name,
            version,
            facts,
            tree_id: tree.id(),
            tree,
            marks: marks.into_iter().collect(),
            epoch: self.store.epoch,
        })
    }
}
