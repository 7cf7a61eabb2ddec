//! What the keys of a lockfile say.

use crate::package::name::PackageName;
use crate::resolve::graph::Source;

/// Finds the package of a snapshot by its key, which is the package's id and maybe peers in parentheses. Ids may hold
/// parentheses as well, so the shortest front of the key that is an id counts.
pub(super) fn package_of<T>(path: &str, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
    let ends = path.match_indices('(').map(|(at, _)| at).chain([path.len()]);
    ends.into_iter().find_map(|end| find(&path[..end]))
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
