//! Specifiers: what stands to the right of a dependency's name in a manifest.
//!
//! The forms and their order of precedence are those of npm-package-arg, with pnpm's `workspace:`, `catalog:` and
//! `link:` added. Reading one does no I/O and never decides whether it may be used where it stands.

use super::name::{NameError, PackageName};
use super::range::Range;
use std::fmt;
use std::sync::Arc;

/// What a dependency asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Specifier {
    /// A package of a registry, maybe under another name (`npm:other@^1`).
    Registry {
        /// The name that the registry knows.
        name: PackageName,
        /// Which of its versions.
        want: Want,
    },
    /// `workspace:…`: a project of the same workspace; the text behind the colon.
    Workspace(String),
    /// `catalog:…`: a range kept in the workspace's catalogs; the text behind the colon.
    Catalog(String),
    /// `file:…` or a bare path: a folder or tarball on this machine, copied into the tree.
    File(String),
    /// `link:…`: a folder on this machine, linked to.
    Link(String),
    /// `http://…` or `https://…`: a tarball elsewhere.
    Tarball(String),
    /// Any of the ways to name a git repository.
    Git(String),
}

/// Which version of a registry's package is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Any version in a range.
    Range(Range),
    /// The version that a dist-tag points at.
    Tag(Arc<str>),
}

/// Why a text is not a specifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The name behind `npm:` is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Neither a range nor a tag nor any other known form.
    #[error("`{0}` is neither a version range, a tag, a path nor an address")]
    Unknown(String),
}

/// Hosts whose `user/repository` shorthand npm knows.
const GIT_SHORTHANDS: [&str; 4] = ["github:", "gitlab:", "bitbucket:", "gist:"];
/// Schemes that always mean git.
const GIT_SCHEMES: [&str; 8] = ["git:", "git+ssh:", "git+https:", "git+http:", "git+file:", "git+rsync:", "git+ftp:", "ssh:"];

impl Specifier {
    /// Reads the specifier of the dependency called `alias`.
    pub fn parse(alias: &PackageName, text: &str) -> Result<Specifier, SpecError> {
        let text = text.trim();
        if let Some(target) = text.strip_prefix("npm:") {
            return npm(alias, target);
        }
        if let Some(rest) = text.strip_prefix("workspace:") {
            return Ok(Specifier::Workspace(rest.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("catalog:") {
            return Ok(Specifier::Catalog(rest.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("link:").or_else(|| text.strip_prefix("portal:")) {
            return Ok(Specifier::Link(rest.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("file:") {
            return Ok(Specifier::File(rest.to_owned()));
        }
        if GIT_SHORTHANDS.iter().chain(&GIT_SCHEMES).any(|prefix| text.starts_with(prefix)) || text.starts_with("git@") {
            return Ok(Specifier::Git(text.to_owned()));
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            let path = text.split(['?', '#']).next().unwrap_or(text);
            return Ok(if path.ends_with(".git") { Specifier::Git(text.to_owned()) } else { Specifier::Tarball(text.to_owned()) });
        }
        if is_path(text) {
            return Ok(Specifier::File(text.to_owned()));
        }
        registry(alias.clone(), text)
    }
}

/// What stands behind `workspace:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfWorkspace<'a> {
    /// The project in a folder, relative to that of the manifest.
    Path(&'a str),
    /// A project by its name, maybe not that of the alias.
    Named {
        /// The name.
        name: &'a str,
        /// `*`, `^`, `~` or nothing for any version, else a range.
        want: &'a str,
    },
}

impl<'a> OfWorkspace<'a> {
    /// Reads the text behind `workspace:` of the dependency called `alias`.
    pub fn parse(alias: &'a str, text: &'a str) -> OfWorkspace<'a> {
        let text = text.trim();
        if matches!(text, "." | "..") || text.starts_with("./") || text.starts_with("../") {
            return OfWorkspace::Path(text);
        }
        match text.get(1..).and_then(|rest| rest.rfind('@')) {
            Some(at) => OfWorkspace::Named { name: &text[..=at], want: &text[at + 2..] },
            None => OfWorkspace::Named { name: alias, want: text },
        }
    }

    /// Says whether any version of the project will do.
    pub fn is_any(want: &str) -> bool {
        matches!(want, "" | "*" | "^" | "~")
    }
}

impl fmt::Display for Want {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Want::Range(range) => range.fmt(out),
            Want::Tag(tag) => out.write_str(tag),
        }
    }
}

/// Reads what stands behind `npm:`: `name`, `name@range` or, as pnpm has it, a range of the alias itself.
fn npm(alias: &PackageName, target: &str) -> Result<Specifier, SpecError> {
    if Range::parse(target).is_some() && !target.is_empty() {
        return registry(alias.clone(), target);
    }
    let split = target.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1);
    let (name, want) = match split {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, ""),
    };
    registry(PackageName::parse(name)?, want)
}

fn registry(name: PackageName, want: &str) -> Result<Specifier, SpecError> {
    if let Some(range) = Range::parse(want) {
        return Ok(Specifier::Registry { name, want: Want::Range(range) });
    }
    let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')');
    if want.bytes().all(is_tag) {
        return Ok(Specifier::Registry { name, want: Want::Tag(want.into()) });
    }
    if is_github_shorthand(want) {
        return Ok(Specifier::Git(format!("github:{want}")));
    }
    Err(SpecError::Unknown(want.escape_debug().to_string()))
}

fn is_path(text: &str) -> bool {
    text.starts_with("./")
        || text.starts_with("../")
        || text.starts_with('/')
        || text.starts_with("~/")
        || matches!(text, "." | "..")
        || (text.ends_with(".tgz") || text.ends_with(".tar.gz") || text.ends_with(".tar"))
}

/// `user/repository`, maybe with `#ref`.
fn is_github_shorthand(text: &str) -> bool {
    let path = text.split('#').next().unwrap_or(text);
    let plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    path.split_once('/').is_some_and(|(user, repository)| plain(user) && plain(repository))
}

#[cfg(test)]
mod tests {
    use super::{OfWorkspace, Specifier, Want};
    use crate::package::name::PackageName;

    fn shown(text: &str) -> String {
        let alias = PackageName::parse("alias").expect("a valid name");
        match Specifier::parse(&alias, text) {
            Ok(Specifier::Registry { name, want: Want::Range(range) }) => format!("{name} in {range}"),
            Ok(Specifier::Registry { name, want: Want::Tag(tag) }) => format!("{name} tagged {tag}"),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn reads_every_form() {
        for (text, want) in [
            ("^1.2.3", "alias in ^1.2.3"),
            ("", "alias in "),
            (" >= 1 ", "alias in >= 1"),
            ("latest", "alias tagged latest"),
            ("npm:react@^19", "react in ^19"),
            ("npm:@types/node@20", "@types/node in 20"),
            ("npm:@types/node", "@types/node in "),
            ("npm:react@next", "react tagged next"),
            ("workspace:*", "Workspace(\"*\")"),
            ("catalog:", "Catalog(\"\")"),
            ("link:../x", "Link(\"../x\")"),
            ("file:x.tgz", "File(\"x.tgz\")"),
            ("./x", "File(\"./x\")"),
            ("x.tgz", "File(\"x.tgz\")"),
            ("https://example.test/x.tgz", "Tarball(\"https://example.test/x.tgz\")"),
            ("https://example.test/x.git#main", "Git(\"https://example.test/x.git#main\")"),
            ("git+ssh://git@example.test/x.git", "Git(\"git+ssh://git@example.test/x.git\")"),
            ("user/repo#v1", "Git(\"github:user/repo#v1\")"),
            ("npm:../x@1", "error: `../x` is not a valid package name: no part may start with a dot"),
        ] {
            assert_eq!(shown(text), want, "{text:?}");
        }
        assert!(shown("a b{}").starts_with("error"));
    }

    #[test]
    fn reads_what_stands_behind_workspace() {
        let named = |name, want| OfWorkspace::Named { name, want };
        for (text, read) in [
            ("*", named("alias", "*")),
            ("", named("alias", "")),
            ("^1.2", named("alias", "^1.2")),
            ("other@*", named("other", "*")),
            ("@s/other@~1", named("@s/other", "~1")),
            ("../b", OfWorkspace::Path("../b")),
            ("./b", OfWorkspace::Path("./b")),
        ] {
            assert_eq!(OfWorkspace::parse("alias", text), read, "{text:?}");
        }
    }
}
