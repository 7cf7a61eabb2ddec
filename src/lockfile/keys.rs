//! What the keys of a lockfile say.

use crate::package::name::PackageName;
use crate::resolve::graph::{Package, Source};

/// Finds packages by the keys of their snapshots.
pub(super) struct Finder<'a> {
    packages: &'a [Package],
    /// Where the last one was found: snapshots and packages are sorted alike, so the next one is not far.
    last: usize,
}

impl<'a> Finder<'a> {
    pub fn new(packages: &'a [Package]) -> Finder<'a> {
        Finder { packages, last: 0 }
    }

    /// Finds a package by its id.
    pub fn find(&mut self, id: &str) -> Option<usize> {
        let is_it = |at: &usize| self.packages.get(*at).is_some_and(|package| package.id == id);
        let near = [self.last, self.last + 1].into_iter().find(is_it);
        let found = near.or_else(|| self.packages.binary_search_by(|package| package.id.as_str().cmp(id)).ok());
        self.last = found.unwrap_or(self.last);
        found
    }

    /// Finds the package of a snapshot by its key, which is the package's id and maybe peers in parentheses. Ids may
    /// hold parentheses as well, so the shortest front of the key that is an id counts.
    pub fn find_by_key(&mut self, key: &str) -> Option<usize> {
        let ends = key.bytes().enumerate().filter(|(_, byte)| *byte == b'(').map(|(at, _)| at);
        ends.chain([key.len()]).find_map(|end| self.find(&key[..end]))
    }
}

/// Reads a package's id: the name, and the version or the place it comes from.
pub(super) fn identity(id: &str) -> Result<(PackageName, &str), String> {
    let at = id.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1).ok_or("has no version")?;
    let name = PackageName::parse(&id[..at]).map_err(|error| error.to_string())?;
    Ok((name, &id[at + 1..]))
}

/// Returns the source that an id without a version names, if it does.
pub(super) fn place(rest: &str) -> Option<Source> {
    if rest.starts_with("https://") || rest.starts_with("http://") {
        return Some(Source::Tarball { url: rest.to_owned() });
    }
    let path = rest.strip_prefix("file:")?.to_owned();
    let is_tarball = [".tgz", ".tar.gz", ".tar"].iter().any(|end| path.ends_with(end));
    Some(if is_tarball { Source::LocalTarball { path } } else { Source::Folder { path } })
}
