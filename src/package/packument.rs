//! Packuments: what a registry knows of one package.
//!
//! A popular package has thousands of versions, and an install wants one or two of them. So a packument is one block of
//! bytes ([`compact`]) that says where the entry of each version stands; only the version that was chosen is decoded
//! ([`Packument::manifest`]), and even the numbers of a version are read only when somebody compares them. [`scan`]
//! makes that block from the JSON of a registry, leaves out what no install asks for, and keeps what many versions
//! share once: it is a sixth of the JSON and is cached as it stands.

mod compact;
mod marks;
mod reader;
mod scan;

use super::manifest::Manifest;
use super::name::PackageName;
use super::version::Version;
use compact::{Entry, Layout};
pub use reader::Fault;
use std::ops::Range as Span;
use std::sync::Arc;

/// The versions of one package, oldest first, and its dist-tags.
#[derive(Clone, Debug)]
pub struct Packument {
    /// The package.
    pub name: PackageName,
    /// Bytes that the compact form stands in, and maybe those of other packuments.
    bytes: Arc<Vec<u8>>,
    layout: Layout,
}

/// Why an answer is not a packument.
#[derive(Debug, thiserror::Error)]
pub enum PackumentError {
    /// Not JSON, or not an object.
    #[error("the answer is not a packument: {0}")]
    Json(#[source] Fault),
    /// A packument of something else.
    #[error("the answer is about `{found}`")]
    OtherPackage {
        /// The name in the answer, with control characters escaped.
        found: String,
    },
    /// A packument with nothing to install.
    #[error("the answer lists no versions")]
    NoVersions,
    /// A packument beyond all measure.
    #[error("the answer is too large to be kept")]
    TooLarge,
    /// The compact form is damaged or of another version of deka.
    #[error("the cached packument cannot be read")]
    Cache,
}

impl Packument {
    /// Reads the JSON that a registry sent, in its full or its abbreviated form. Versions that are not valid are left out.
    pub fn parse(text: &[u8], name: &PackageName) -> Result<Packument, PackumentError> {
        let bytes = scan::scan(text, name)?;
        let whole = 0..bytes.len();
        Packument::decode(Arc::new(bytes), whole, name).map_err(|_| PackumentError::TooLarge)
    }

    /// Takes the compact form, which stands somewhere in `bytes`. It is not copied, so that many can be read together.
    pub fn decode(bytes: Arc<Vec<u8>>, place: Span<usize>, name: &PackageName) -> Result<Packument, PackumentError> {
        let layout = Layout::read(&bytes, place, name.as_str()).ok_or(PackumentError::Cache)?;
        Ok(Packument { name: name.clone(), bytes, layout })
    }

    /// Returns the compact form.
    pub fn encoded(&self) -> &[u8] {
        self.bytes.get(self.layout.place.clone()).unwrap_or_default()
    }

    /// Returns how many versions there are. They are known by their index, and ascend with it.
    pub fn len(&self) -> usize {
        self.layout.count
    }

    /// Says whether there are no versions, which is never so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a version; nothing behind the last one.
    pub fn version(&self, index: usize) -> Option<Version> {
        Version::parse(self.entry(index)?.version)
    }

    /// Finds a version.
    pub fn find(&self, version: &Version) -> Option<usize> {
        let index = self.first_not_below(version);
        (self.version(index)? == *version).then_some(index)
    }

    /// Returns the index of the lowest version that is not below the given one; [`Packument::len`] when all are.
    pub fn first_not_below(&self, version: &Version) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.version(middle).is_some_and(|found| found < *version) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Lists the versions below an index, the highest first.
    pub fn below(&self, end: usize) -> impl Iterator<Item = (usize, Version)> {
        (0..end.min(self.len())).rev().filter_map(|index| Some((index, self.version(index)?)))
    }

    /// Lists the tags, sorted, and the versions that they point at; nothing for a version that is not there.
    pub fn dist_tags(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        self.layout.tags(&self.bytes)
    }

    /// Finds the version that a dist-tag points at.
    pub fn tagged(&self, tag: &str) -> Option<usize> {
        let (_, index) = self.dist_tags().find(|(name, _)| *name == tag)?;
        index.filter(|index| *index < self.len())
    }

    /// Says whether the author warns of a version.
    pub fn is_deprecated(&self, index: usize) -> bool {
        self.entry(index).is_some_and(|entry| entry.is_deprecated)
    }

    /// Decodes the manifest of one version, in as far as resolution looks at it: without its name, version, scripts,
    /// commands and development dependencies.
    pub fn manifest(&self, index: usize) -> Manifest {
        let entry = self.entry(index);
        entry.map_or_else(Manifest::default, |entry| compact::manifest(&entry, self.layout.shared(&self.bytes), &self.name))
    }

    fn entry(&self, index: usize) -> Option<Entry<'_>> {
        self.layout.entry(&self.bytes, index)
    }
}

#[cfg(test)]
mod tests;
