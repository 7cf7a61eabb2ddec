//! The globs that name the projects of a workspace: `packages/*`, `apps/**`, `!**/fixtures/**`.
//!
//! They mean what they mean to pnpm. A glob names folders, and those of them that hold a manifest are projects; what one
//! glob with `!` takes out no other brings back; `*` stays inside of one folder and passes over hidden ones; nothing
//! below a `node_modules` is ever a project. A glob that leads out of the root is an error: the projects of a workspace
//! share its lockfile, and that is for what lies below it.

use super::{MANIFEST, WorkspaceFile, wrong_type};
use crate::package::manifest::kind;
use crate::project::error::{ProjectError, Result, shown};
use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Map, Value};
use std::path::Path;

/// Folders that hold what others have written.
const FOREIGN: [&str; 2] = ["node_modules", "bower_components"];
/// What makes a segment of a glob more than a name.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// All globs of a workspace.
#[derive(Debug, Default)]
pub(super) struct Globs {
    wanted: Vec<Glob>,
    unwanted: Vec<Glob>,
}

/// One glob.
#[derive(Debug)]
pub(super) struct Glob {
    /// The folder that it starts at, relative to the root; empty for the root itself.
    pub base: String,
    /// How many levels of folders below that it can match.
    pub depth: usize,
    /// Whether it can match hidden folders.
    pub hidden: bool,
    matcher: GlobMatcher,
}

impl Globs {
    /// Reads the globs of a root. Those of `pnpm-workspace.yaml` count alone where it has any.
    pub fn read(fields: &Map<String, Value>, manifest: &Path, file: &WorkspaceFile) -> Result<Globs> {
        if let Some(listed) = texts(file.fields.get("packages"), &file.stamp.path, "packages")? {
            return Globs::parse(&listed, &file.stamp.path, "packages");
        }
        let listed = match fields.get("workspaces") {
            Some(Value::Object(fields)) => texts(fields.get("packages"), manifest, "workspaces.packages")?,
            other => texts(other, manifest, "workspaces")?,
        };
        Globs::parse(&listed.unwrap_or_default(), manifest, "workspaces")
    }

    fn parse(listed: &[&str], path: &Path, field: &'static str) -> Result<Globs> {
        let mut globs = Globs::default();
        for text in listed {
            let fault = |reason: String| ProjectError::Glob { path: path.to_owned(), field, glob: shown(text), reason };
            let (plain, list) = match text.trim().strip_prefix('!') {
                Some(plain) => (plain, &mut globs.unwanted),
                None => (text.trim(), &mut globs.wanted),
            };
            list.extend(Glob::parse(plain).map_err(fault)?);
        }
        Ok(globs)
    }

    /// Says whether there is none that names a project.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Returns the globs that name projects.
    pub fn wanted(&self) -> &[Glob] {
        &self.wanted
    }

    /// Says whether a folder, given relative to the root with `/`, is a project if it holds a manifest.
    pub fn admit(&self, folder: &str) -> bool {
        let manifest = format!("{folder}/{MANIFEST}");
        let is_hidden = folder.split('/').any(|segment| segment.starts_with('.'));
        let foreign = folder.split('/').any(is_foreign);
        !foreign
            && self.wanted.iter().any(|glob| (glob.hidden || !is_hidden) && glob.matcher.is_match(&manifest))
            && !self.unwanted.iter().any(|glob| glob.matcher.is_match(&manifest))
    }
}

impl Glob {
    /// Reads one glob without its `!`; nothing for one that names the root, which is a project anyway.
    fn parse(text: &str) -> std::result::Result<Option<Glob>, String> {
        if text.starts_with('/') {
            return Err("it is absolute, and projects are named relative to the root of the workspace".to_owned());
        }
        let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty() && *segment != ".").collect();
        if segments.contains(&"..") {
            return Err("it leads out of the workspace, and a project must lie below the root".to_owned());
        }
        if text.contains('(') && ["+(", "@(", "!(", "?(", "*("].iter().any(|start| text.contains(start)) {
            return Err("lists in parentheses are not understood; write `{a,b}`".to_owned());
        }
        if segments.is_empty() {
            return Ok(None);
        }
        let plain = segments.iter().take_while(|segment| !segment.contains(SPECIAL)).count();
        let depth = if segments.contains(&"**") { usize::MAX } else { segments.len() - plain };
        let whole = format!("{}/{MANIFEST}", segments.join("/"));
        let glob = GlobBuilder::new(&whole).literal_separator(true).build().map_err(|error| error.kind().to_string())?;
        Ok(Some(Glob {
            base: segments[..plain].join("/"),
            depth,
            hidden: segments.iter().any(|segment| segment.starts_with('.')),
            matcher: glob.compile_matcher(),
        }))
    }
}

/// Says whether a folder of that name holds what others have written.
pub(super) fn is_foreign(name: &str) -> bool {
    FOREIGN.contains(&name)
}

/// Reads a list of texts; nothing when there is none.
fn texts<'a>(value: Option<&'a Value>, path: &Path, field: &str) -> Result<Option<Vec<&'a str>>> {
    let wrong = |found: &Value| wrong_type(path, field, "an array of strings", kind(found));
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(entries)) => {
            entries.iter().map(|entry| entry.as_str().ok_or_else(|| wrong(entry))).collect::<Result<_>>().map(Some)
        }
        Some(other) => Err(wrong(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::Globs;
    use std::path::Path;

    fn globs(listed: &[&str]) -> Result<Globs, String> {
        Globs::parse(listed, Path::new("/r/package.json"), "workspaces").map_err(|error| error.to_string())
    }

    #[test]
    fn folders_match_as_they_do_for_pnpm() {
        for (listed, folder, admitted) in [
            (&["packages/*"][..], "packages/a", true),
            (&["packages/*"], "packages", false),
            (&["packages/*"], "packages/a/b", false),
            (&["./packages/*/"], "packages/a", true),
            (&["packages/**"], "packages", true),
            (&["packages/**"], "packages/a/b", true),
            (&["**"], "a/node_modules/b", false),
            (&["**"], "a/.cache/b", false),
            (&[".config/*"], ".config/a", true),
            (&["{apps,libs}/*"], "libs/a", true),
            (&["{a/b,c}/*"], "a/b/x", true),
            (&["packages/*", "!packages/b"], "packages/b", false),
            (&["!packages/b", "packages/*"], "packages/b", false),
            (&["packages/**", "!**/test/**"], "packages/a/test/x", false),
            (&["a"], "a", true),
            (&["!a"], "b", false),
        ] {
            assert_eq!(globs(listed).expect("globs").admit(folder), admitted, "{listed:?} on {folder}");
        }
    }

    #[test]
    fn the_walk_is_bounded_by_what_can_match() {
        for (glob, base, depth) in
            [("packages/*", "packages", 1), ("a/b", "a/b", 0), ("**", "", usize::MAX), ("{a/b,c}/*", "", 3), ("a/*/c", "a", 2)]
        {
            let globs = globs(&[glob]).expect("a glob");
            assert_eq!((globs.wanted()[0].base.as_str(), globs.wanted()[0].depth), (base, depth), "{glob}");
        }
        assert!(globs(&[".", "./"]).expect("the root").is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (glob, part) in
            [("../a", "leads out"), ("a/../../b", "leads out"), ("/a", "absolute"), ("a/[", "unclosed"), ("+(a|b)", "parentheses")]
        {
            let error = globs(&["x", glob]).expect_err("a fault");
            assert!(error.contains(part) && error.contains(&format!("`{glob}`")) && error.starts_with("/r/package.json"), "{error}");
        }
    }
}
