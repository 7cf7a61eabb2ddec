//! What an install needs to know of a package once its files are in the store.
//!
//! The facts are read from the manifest inside the tarball when it is imported and kept with the package, so that a
//! later install opens no `package.json`. The compact form is private to deka: a version byte, then the fields in the
//! order of [`Facts`], numbers as little-endian u32 and texts prefixed by their length.

use super::manifest::{Bin, Manifest};
use super::name::PackageName;
use super::path::RelPath;

/// First byte of the compact form.
const FORMAT: u8 = 1;

/// Facts of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The name in the manifest, empty when there is none. Not the identity: that is what was resolved.
    pub name: String,
    /// The version in the manifest, empty when there is none.
    pub version: String,
    /// Commands and the files they run, sorted by command.
    pub bins: Vec<(String, RelPath)>,
    /// Whether a `preinstall`, `install` or `postinstall` script is there, or a `binding.gyp` that stands for one.
    pub has_install_script: bool,
    /// `engines.node`, empty when there is none.
    pub node: String,
}

impl Facts {
    /// Reads the facts of a package from its manifest and the paths of its files. Commands whose name or file could
    /// lead out of `.bin` or out of the package are left out.
    pub fn of<'a>(manifest: &Manifest, name: &PackageName, paths: impl Iterator<Item = &'a RelPath> + Clone) -> Facts {
        let gyp = !manifest.scripts.contains_key("install")
            && !manifest.scripts.contains_key("preinstall")
            && paths.clone().any(|path| path.as_str() == "binding.gyp");
        Facts {
            name: manifest.name.clone().unwrap_or_default(),
            version: manifest.version.clone().unwrap_or_default(),
            bins: bins(manifest, name, paths),
            has_install_script: manifest.has_install_script() || gyp,
            node: manifest.engines.get("node").cloned().unwrap_or_default(),
        }
    }

    /// Returns the compact form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        put(&mut out, &self.name);
        put(&mut out, &self.version);
        out.extend_from_slice(&count(self.bins.len()));
        for (command, path) in &self.bins {
            put(&mut out, command);
            put(&mut out, path.as_str());
        }
        out.push(u8::from(self.has_install_script));
        put(&mut out, &self.node);
        out
    }

    /// Reads the compact form; nothing when it is damaged or of another format.
    pub fn decode(bytes: &[u8]) -> Option<Facts> {
        let (&FORMAT, mut rest) = bytes.split_first()? else {
            return None;
        };
        let name = take(&mut rest)?;
        let version = take(&mut rest)?;
        let mut bins = Vec::new();
        for _ in 0..take_count(&mut rest)? {
            let command = take(&mut rest)?;
            if !is_command(&command) {
                return None;
            }
            bins.push((command, RelPath::parse(&take(&mut rest)?).ok()?));
        }
        let (&scripts, mut rest) = rest.split_first()?;
        let node = take(&mut rest)?;
        (rest.is_empty() && scripts <= 1).then_some(Facts { name, version, bins, has_install_script: scripts == 1, node })
    }
}

fn bins<'a>(manifest: &Manifest, name: &PackageName, paths: impl Iterator<Item = &'a RelPath>) -> Vec<(String, RelPath)> {
    let mut bins: Vec<(String, RelPath)> = match &manifest.bin {
        Bin::Single(path) => bin(name.unscoped(), path).into_iter().collect(),
        Bin::Named(map) => map.iter().filter_map(|(command, path)| bin(command, path)).collect(),
        Bin::None => match manifest.directories.get("bin").and_then(|folder| RelPath::normalise(folder).ok().flatten()) {
            None => Vec::new(),
            Some(folder) => {
                paths.filter(|path| path.split().0 == Some(folder.as_str())).filter_map(|path| bin(path.split().1, path.as_str())).collect()
            }
        },
    };
    bins.sort();
    bins.dedup_by(|later, kept| later.0 == kept.0);
    bins
}

/// One command, if its name is a plain file name and its file lies in the package. npm drops the scope of a command.
fn bin(command: &str, path: &str) -> Option<(String, RelPath)> {
    let command = match command.strip_prefix('@').and_then(|scoped| scoped.split_once('/')) {
        Some((_, name)) => name,
        None => command,
    };
    let path = RelPath::normalise(path).ok()??;
    is_command(command).then(|| (command.to_owned(), path))
}

fn is_command(command: &str) -> bool {
    !matches!(command, "" | "." | "..")
        && !command.contains(|letter: char| matches!(letter, '/' | '\\' | ':') || letter.is_control())
        && command.len() <= 255
}

fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&count(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn take_count(rest: &mut &[u8]) -> Option<usize> {
    let (number, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

fn take(rest: &mut &[u8]) -> Option<String> {
    let length = take_count(rest)?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::Facts;
    use crate::package::manifest::Manifest;
    use crate::package::name::PackageName;
    use crate::package::path::RelPath;

    fn facts(manifest: &str, paths: &[&str]) -> Facts {
        let paths: Vec<RelPath> = paths.iter().map(|path| RelPath::parse(path).expect("a valid path")).collect();
        let name = PackageName::parse("@s/tool").expect("a valid name");
        Facts::of(&Manifest::parse(manifest.as_bytes()).expect("an object"), &name, paths.iter())
    }

    fn commands(facts: &Facts) -> Vec<String> {
        facts.bins.iter().map(|(command, path)| format!("{command}={path}")).collect()
    }

    #[test]
    fn finds_commands_in_every_form() {
        assert_eq!(commands(&facts(r#"{"bin":"./cli.js"}"#, &[])), ["tool=cli.js"]);
        assert_eq!(commands(&facts(r#"{"bin":{"b":"b.js","@s/a":"bin/a"}}"#, &[])), ["a=bin/a", "b=b.js"]);
        assert_eq!(commands(&facts(r#"{"directories":{"bin":"./bin/"}}"#, &["bin/x", "bin/deep/y", "z"])), ["x=bin/x"]);
    }

    #[test]
    fn leaves_out_commands_that_lead_elsewhere() {
        let manifest = r#"{"bin":{"../../../x":"a","@s/../../x":"a","..":"a","":"a","a/b":"a","c:x":"a","n\n":"a","up":"../../etc/passwd","abs":"/bin/sh","__proto__":"p","ok":"a"}}"#;
        assert_eq!(commands(&facts(manifest, &[])), ["__proto__=p", "ok=a"]);
    }

    #[test]
    fn the_compact_form_keeps_everything_and_takes_nothing_else() {
        let whole = facts(r#"{"name":"@s/tool","version":"1.0.0","bin":"cli.js","engines":{"node":">=18"}}"#, &["binding.gyp"]);
        assert!(whole.has_install_script);
        let bytes = whole.encode();
        assert_eq!(Facts::decode(&bytes), Some(whole));
        for end in 0..bytes.len() {
            assert_eq!(Facts::decode(&bytes[..end]), None);
        }
    }
}
