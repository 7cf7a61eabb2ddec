//! The packages that `dlx` is asked for.

use crate::error::{Code, Error};
use crate::package::name::PackageName;
use std::path::Path;

/// A package to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is installed as.
    pub alias: PackageName,
    /// What is asked for, as it would stand in a manifest.
    pub specifier: String,
}

/// Beginnings of what has no name in front.
const NAMELESS: [&str; 8] = ["http://", "https://", "file:", "link:", "./", "../", "/", "~/"];

/// Reads `name`, `name@version`, `alias@npm:name@version`, an address or a path. What has no name gets one from its place
/// among the packages. Relative paths start in `dir`.
pub fn read(text: &str, place: usize, dir: &Path) -> Result<Wanted, Error> {
    let parsed =
        |alias: &str| PackageName::parse(alias).map_err(|error| Error::new(Code::Specifier, format!("`{text}` is no package: {error}")));
    if NAMELESS.iter().any(|start| text.starts_with(start)) || matches!(text, "." | "..") {
        return Ok(Wanted { alias: parsed(&format!("package-{}", place + 1))?, specifier: absolute(text, dir)? });
    }
    let (name, specifier) = match text.get(1..).and_then(|rest| rest.find('@')) {
        Some(at) => (&text[..=at], &text[at + 2..]),
        None => (text, ""),
    };
    let specifier = if specifier.is_empty() { "latest".to_owned() } else { absolute(specifier, dir)? };
    Ok(Wanted { alias: parsed(name)?, specifier })
}

/// Makes a path independent of the folder that it is read in.
fn absolute(specifier: &str, dir: &Path) -> Result<String, Error> {
    let path = specifier.strip_prefix("file:").or_else(|| specifier.starts_with(['.', '/']).then_some(specifier));
    let Some(path) = path else { return Ok(specifier.to_owned()) };
    let path = dir.join(path).canonicalize().map_err(|error| Error::new(Code::Io, format!("cannot find {path}: {error}")))?;
    path.to_str().map(|path| format!("file:{path}")).ok_or_else(|| Error::new(Code::Specifier, format!("{} is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use super::read;
    use std::path::Path;

    #[test]
    fn a_package_has_a_name_a_version_or_an_address() {
        for (text, alias, specifier) in [
            ("cowsay", "cowsay", "latest"),
            ("cowsay@^1", "cowsay", "^1"),
            ("cowsay@", "cowsay", "latest"),
            ("@s/a", "@s/a", "latest"),
            ("@s/a@next", "@s/a", "next"),
            ("a@npm:@s/b@1", "a", "npm:@s/b@1"),
            ("https://host.test/a.tgz", "package-3", "https://host.test/a.tgz"),
            ("/tmp", "package-3", "file:/tmp"),
            ("a@file:/tmp", "a", "file:/tmp"),
        ] {
            let wanted = read(text, 2, Path::new("/")).expect(text);
            assert_eq!((wanted.alias.as_str(), wanted.specifier.as_str()), (alias, specifier), "{text}");
        }
        for wrong in ["", "a b", "@s", "./no/such/folder", "../../x"] {
            assert!(read(wrong, 0, Path::new("/no/folder")).is_err(), "{wrong}");
        }
    }
}
