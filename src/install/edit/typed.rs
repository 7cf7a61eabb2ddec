//! What is typed behind `deka add`: `react`, `react@18`, `lib@npm:react@18`, `./folder`, `x.tgz`, `https://…`.

use crate::error::{Code, Error};
use crate::package::name::PackageName;
use crate::package::spec::{Specifier, Want};

/// A package as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typed {
    /// The name to install it under; nothing when only the package itself knows.
    pub alias: Option<PackageName>,
    /// What is asked for.
    pub asked: Asked,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing in particular.
    Any,
    /// A tag of a registry's package: `npm:name@` if it is another one than the alias, and the tag.
    Tag(String, String),
    /// A range, a version, `workspace:` or `catalog:`, to be written as it is.
    Verbatim(String),
    /// A path, relative to where it was typed, and whether it is to be linked rather than copied.
    Path {
        /// The path.
        path: String,
        /// Whether it was called a link (`link:`), a copy (`file:`), or neither.
        as_link: Option<bool>,
    },
    /// The address of a tarball.
    Address(String),
}

impl Typed {
    /// Reads one argument.
    pub fn parse(text: &str) -> Result<Typed, Error> {
        let text = text.trim();
        let placeholder = PackageName::parse("placeholder").map_err(|error| wrong(text, &error.to_string()))?;
        if text.starts_with("npm:")
            && let Ok(Specifier::Registry { name, .. }) = Specifier::parse(&placeholder, text)
        {
            return Ok(Typed { asked: asked(&name, text)?, alias: Some(name) });
        }
        let (name, rest) = match text.get(1..).and_then(|rest| rest.find('@')) {
            Some(at) => (&text[..=at], &text[at + 2..]),
            None => (text, ""),
        };
        // As for npm, what stands in front of the `@` decides whether it is a name at all.
        match Specifier::parse(&placeholder, name) {
            Ok(Specifier::Workspace(_) | Specifier::Catalog(_)) => Err(wrong(text, "the name of the package is missing in front of it")),
            Ok(Specifier::Registry { .. }) | Err(_) => {
                let alias = PackageName::parse(name).map_err(|error| wrong(text, &error.to_string()))?;
                Ok(Typed { asked: asked(&alias, rest)?, alias: Some(alias) })
            }
            Ok(_) => Ok(Typed { alias: None, asked: asked(&placeholder, text)? }),
        }
    }
}

fn asked(alias: &PackageName, text: &str) -> Result<Asked, Error> {
    match Specifier::parse(alias, text).map_err(|error| wrong(text, &error.to_string()))? {
        Specifier::Registry { name, want } => {
            let prefix = if name == *alias { String::new() } else { format!("npm:{name}@") };
            Ok(match want {
                Want::Tag(tag) => Asked::Tag(prefix, tag.to_string()),
                Want::Range(range) if !range.text().trim().is_empty() => Asked::Verbatim(format!("{prefix}{}", range.text().trim())),
                Want::Range(_) if prefix.is_empty() => Asked::Any,
                Want::Range(_) => Asked::Tag(prefix, "latest".to_owned()),
            })
        }
        Specifier::Workspace(_) | Specifier::Catalog(_) => Ok(Asked::Verbatim(text.trim().to_owned())),
        Specifier::File(path) => Ok(Asked::Path { path, as_link: text.trim().starts_with("file:").then_some(false) }),
        Specifier::Link(path) => Ok(Asked::Path { path, as_link: Some(true) }),
        Specifier::Tarball(url) => Ok(Asked::Address(url)),
        Specifier::Git(_) => Err(wrong(text, "git dependencies are not supported yet")),
    }
}

fn wrong(text: &str, reason: &str) -> Error {
    Error::new(Code::Specifier, format!("`{}` cannot be added: {reason}", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::{Asked, Typed};

    #[test]
    fn reads_every_form() {
        let path = |path: &str, as_link| Asked::Path { path: path.to_owned(), as_link };
        let verbatim = |text: &str| Asked::Verbatim(text.to_owned());
        let tag = |prefix: &str, tag: &str| Asked::Tag(prefix.to_owned(), tag.to_owned());
        for (text, alias, asked) in [
            ("react", Some("react"), Asked::Any),
            ("react@", Some("react"), Asked::Any),
            ("react@18", Some("react"), verbatim("18")),
            ("react@^18.2.0", Some("react"), verbatim("^18.2.0")),
            ("react@>=1 <2", Some("react"), verbatim(">=1 <2")),
            ("react@next", Some("react"), tag("", "next")),
            ("@s/x@1.2.3", Some("@s/x"), verbatim("1.2.3")),
            ("@s/x", Some("@s/x"), Asked::Any),
            ("foo@npm:bar@1", Some("foo"), verbatim("npm:bar@1")),
            ("foo@npm:bar", Some("foo"), tag("npm:bar@", "latest")),
            ("foo@npm:@s/bar@next", Some("foo"), tag("npm:@s/bar@", "next")),
            ("foo@x.tgz", Some("foo"), path("x.tgz", None)),
            ("./foo@x", None, path("./foo@x", None)),
            ("npm:bar@1", Some("bar"), verbatim("1")),
            ("npm:@s/bar", Some("@s/bar"), Asked::Any),
            ("x@workspace:*", Some("x"), verbatim("workspace:*")),
            ("x@catalog:", Some("x"), verbatim("catalog:")),
            ("./x", None, path("./x", None)),
            ("..", None, path("..", None)),
            ("x.tgz", None, path("x.tgz", None)),
            ("file:x", None, path("x", Some(false))),
            ("link:../x", None, path("../x", Some(true))),
            ("foo@./x", Some("foo"), path("./x", None)),
            ("foo@link:x", Some("foo"), path("x", Some(true))),
            ("https://x.test/x.tgz", None, Asked::Address("https://x.test/x.tgz".to_owned())),
            ("foo@https://x.test/a@1.tgz", Some("foo"), Asked::Address("https://x.test/a@1.tgz".to_owned())),
        ] {
            let typed = Typed::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((typed.alias.as_ref().map(|alias| alias.as_str()), typed.asked), (alias, asked), "{text}");
        }
        for text in ["", "@", "a b", "user/repo", "git+ssh://x/y", "workspace:*", "catalog:", "x@{", ".hidden@1", "x@npm:.y"] {
            assert!(Typed::parse(text).is_err(), "{text}");
        }
    }
}
