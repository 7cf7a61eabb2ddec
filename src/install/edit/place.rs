//! Packages that are named by where they are: their names have to be found out, and paths are written as seen from the
//! project.

use super::Desk;
use super::typed::{Asked, Typed};
use crate::error::{Code, Error};
use crate::fs::without_dots;
use crate::install::fetch::{self, Fetched};
use crate::install::supply::Order;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::resolve::graph::Source;
use std::path::{Component, Path};

/// What was typed, with its name found out.
pub(super) struct Named {
    /// The name to install it under.
    pub alias: PackageName,
    /// What is asked for.
    pub asked: Asked,
}

/// What had to be fetched to learn its name.
pub(super) type FetchedSources = Vec<(Source, Fetched)>;

/// Finds the names of packages that were given without one. What had to be fetched for that is returned too.
pub(super) fn name_all(typed: Vec<Typed>, desk: &Desk<'_>) -> Result<(Vec<Named>, FetchedSources), Error> {
    let (mut named, mut fetched) = (Vec::with_capacity(typed.len()), Vec::new());
    for Typed { alias, asked } in typed {
        let alias = match (alias, &asked) {
            (Some(alias), _) => alias,
            (None, Asked::Address(url)) => fetched_name(Source::Tarball { url: url.clone() }, desk, &mut fetched)?,
            (None, Asked::Path { path, .. }) => {
                let place = without_dots(&desk.task.dir.join(path));
                match std::fs::metadata(&place) {
                    Err(_) => return Err(nothing_at(&place)),
                    Ok(found) if found.is_dir() => name_of_folder(&place)?,
                    Ok(_) => fetched_name(Source::LocalTarball { path: relative(&desk.sources.root, &place) }, desk, &mut fetched)?,
                }
            }
            (None, _) => return Err(Error::new(Code::Internal, "a package without a name and without a place")),
        };
        named.push(Named { alias, asked });
    }
    Ok((named, fetched))
}

/// Returns the specifier of a path, for a manifest in `folder`. A folder is linked unless it is called a copy.
pub(super) fn specifier(dir: &Path, path: &str, as_link: Option<bool>, folder: &Path) -> Result<String, Error> {
    let place = without_dots(&dir.join(path));
    let found = std::fs::metadata(&place).map_err(|_| nothing_at(&place))?;
    let is_link = as_link.unwrap_or(found.is_dir());
    Ok(format!("{}:{}", if is_link { "link" } else { "file" }, relative(folder, &place)))
}

fn nothing_at(place: &Path) -> Error {
    Error::new(Code::NotFound, format!("there is nothing at {}", place.display()))
}

fn fetched_name(source: Source, desk: &Desk<'_>, all: &mut Vec<(Source, Fetched)>) -> Result<PackageName, Error> {
    let place = match &source {
        Source::Tarball { url } => url.clone(),
        Source::LocalTarball { path } | Source::Folder { path } => path.clone(),
        Source::Registry { .. } => String::new(),
    };
    let name = fetch::placeholder_name(&source)?;
    let order = Order { id: place.clone(), name, version: String::new(), source: source.clone(), integrity: None, unpacked_size: 0 };
    let (sender, receiver) = crossbeam_channel::bounded(1);
    fetch::fetch(desk.sources, desk.spawner, order, move |_, outcome| {
        // The receiver lives until the answer is here.
        let _ = sender.send(outcome);
    });
    let fetched = receiver.recv().map_err(|error| Error::new(Code::Internal, format!("the work on the pool ended early: {error}")))??;
    let name = checked_name(&fetched.manifest, &place)?;
    all.push((source, fetched));
    Ok(name)
}

fn name_of_folder(folder: &Path) -> Result<PackageName, Error> {
    let path = folder.join("package.json");
    let text = crate::fs::read_if_there(&path).map_err(crate::install::failure::of_file)?;
    let manifest = match &text {
        Some(text) => Manifest::parse(text).map_err(|error| crate::install::failure::of_manifest(&path, &error))?,
        None => Manifest::default(),
    };
    match (&manifest.name, folder.file_name().and_then(|name| name.to_str())) {
        // A folder without a manifest goes by its own name, as with pnpm.
        (None, Some(name)) => PackageName::parse(name).map_err(|error| nameless(&folder.display().to_string(), &error.to_string())),
        _ => checked_name(&manifest, &folder.display().to_string()),
    }
}

fn checked_name(manifest: &Manifest, place: &str) -> Result<PackageName, Error> {
    match &manifest.name {
        Some(name) => PackageName::parse(name).map_err(|error| nameless(place, &error.to_string())),
        None => Err(nameless(place, "its package.json has no name")),
    }
}

fn nameless(place: &str, reason: &str) -> Error {
    Error::new(Code::Specifier, format!("`{}` cannot be added: {reason}", place.escape_debug()))
        .hint("Say which name it is to have: `deka add name@<path or address>`.")
}

/// Returns a path as seen from a folder, with `/`. Both are absolute.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - common);
    let down = to[common..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::{relative, without_dots};
    use std::path::Path;

    #[test]
    fn paths_are_seen_from_the_project() {
        for (dir, path, folder, want) in [
            ("/w/app", "./x", "/w/app", "x"),
            ("/w/app/src", "../../lib", "/w/app", "../lib"),
            ("/w", "/o/x.tgz", "/w/app", "../../o/x.tgz"),
            ("/w/app", ".", "/w/app", "."),
        ] {
            assert_eq!(relative(Path::new(folder), &without_dots(&Path::new(dir).join(path))), want, "{path} in {dir}");
        }
    }
}
