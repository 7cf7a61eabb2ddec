//! Which files of a project are its package: what `npm pack` would take.
//!
//! `files` of the manifest says what is taken; without it everything is, but for what the nearest `.npmignore`, or in its
//! absence `.gitignore`, of each folder leaves out. Some files are always taken (the manifest, the licence, what `main` and
//! `bin` name), some never (`node_modules`, version control, lockfiles, settings that may hold credentials). Links are not followed and not
//! taken: a package holds plain files.

use crate::fs::{Context, Result};
use crate::package::path::RelPath;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// Names that are never part of a package, wherever they stand.
const NEVER: [&str; 10] =
    ["node_modules", ".git", ".svn", ".hg", "CVS", ".DS_Store", ".npmrc", ".npmignore", ".gitignore", ".lock-wscript"];
/// Names that are never part of a package when they stand at its top.
const NEVER_AT_TOP: [&str; 7] = ["deka.lock", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb", "npm-debug.log"];
/// What the names of files at the top begin with that are always taken, in lower case.
const ALWAYS: [&str; 4] = ["readme", "license", "licence", "copying"];
/// The deepest folder that is looked into; what lies deeper cannot be named in most archives.
const DEPTH_MAX: usize = 100;

/// Lists the files of the package in a folder, sorted by path. `fields` are those of its manifest. What has a name that no
/// package can have is left out.
pub fn files(folder: &Path, fields: &Map<String, Value>) -> Result<Vec<RelPath>> {
    let named = fields.get("files").and_then(Value::as_array).map(|list| named(folder, list));
    let mut walk = Walk { root: folder, named, always: always(fields), found: Vec::new() };
    walk.folder("", &mut Vec::new())?;
    walk.found.sort();
    Ok(walk.found)
}

struct Walk<'a> {
    root: &'a Path,
    /// What `files` takes; nothing when there is no such field.
    named: Option<Gitignore>,
    /// Files that are taken whatever else is said.
    always: Vec<String>,
    found: Vec<RelPath>,
}

impl Walk<'_> {
    /// Looks into a folder, given by its path in the package. `rules` are those of the folders above, outermost first.
    fn folder(&mut self, path: &str, rules: &mut Vec<Gitignore>) -> Result<()> {
        let folder = self.root.join(path);
        let depth = rules.len();
        // `files` takes the place of the rules at the top.
        if !(path.is_empty() && self.named.is_some()) {
            rules.extend(rules_of(&folder));
        }
        for entry in fs::read_dir(&folder).at("read", &folder)? {
            let entry = entry.at("read", &folder)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().at("look at", &folder)?;
            if is_never(&name, path.is_empty()) {
                continue;
            }
            let below = if path.is_empty() { name } else { format!("{path}/{name}") };
            if kind.is_dir() && below.split('/').count() < DEPTH_MAX {
                self.folder(&below, rules)?;
            } else if kind.is_file()
                && self.is_taken(&below, rules)
                && let Ok(path) = RelPath::parse(&below)
            {
                self.found.push(path);
            }
        }
        rules.truncate(depth);
        Ok(())
    }

    fn is_taken(&self, path: &str, rules: &[Gitignore]) -> bool {
        let at_top = !path.contains('/');
        let lower = path.to_ascii_lowercase();
        let stem = lower.split('.').next().unwrap_or(&lower);
        if self.always.iter().any(|always| always == path) || (at_top && ALWAYS.contains(&stem)) {
            return true;
        }
        if let Some(named) = &self.named
            && !named.matched_path_or_any_parents(path, false).is_ignore()
        {
            return false;
        }
        // The rules of the innermost folder that has any to say decide.
        let full = self.root.join(path);
        let verdict = rules.iter().rev().map(|rules| rules.matched_path_or_any_parents(&full, false)).find(|verdict| !verdict.is_none());
        !matches!(verdict, Some(Match::Ignore(_)))
    }
}

/// Reads the rules of a folder; nothing when it has none.
fn rules_of(folder: &Path) -> Option<Gitignore> {
    let file = [".npmignore", ".gitignore"].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())?;
    let mut builder = GitignoreBuilder::new(folder);
    // A line that cannot be read counts for nothing, as with git.
    let _ = builder.add(file);
    builder.build().ok()
}

/// Turns `files` into rules, so that what is "ignored" is what is taken. Paths begin at the top, as npm has it.
fn named(folder: &Path, list: &[Value]) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    for entry in list.iter().filter_map(Value::as_str) {
        let (sign, entry) = entry.strip_prefix('!').map_or(("", entry), |rest| ("!", rest));
        let entry = entry.trim_start_matches("./").trim_start_matches('/');
        let entry = if entry.is_empty() || entry == "." { "*" } else { entry };
        let _ = builder.add_line(None, &format!("{sign}/{entry}"));
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// Returns the files that are taken whatever else is said.
fn always(fields: &Map<String, Value>) -> Vec<String> {
    let mut always = vec!["package.json".to_owned()];
    let named = [fields.get("main"), fields.get("bin")].into_iter().flatten();
    for value in named {
        let texts: Vec<&str> = match value {
            Value::String(text) => vec![text],
            Value::Object(entries) => entries.values().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        always.extend(texts.into_iter().filter_map(|text| RelPath::normalise(text).ok().flatten()).map(|path| path.as_str().to_owned()));
    }
    always
}

fn is_never(name: &str, at_top: bool) -> bool {
    NEVER.contains(&name)
        || (at_top && NEVER_AT_TOP.contains(&name))
        || name.starts_with("._")
        || name.ends_with(".orig")
        || (name.starts_with('.') && name.ends_with(".swp"))
}

#[cfg(test)]
mod tests {
    use super::files;
    use serde_json::{Value, json};

    fn taken(manifest: &Value, contents: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in contents.iter().chain(&[("package.json", "{}")]) {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let fields = manifest.as_object().expect("an object");
        files(folder.path(), fields).expect("files").into_iter().map(|file| file.as_str().to_owned()).collect()
    }

    const SOME: [(&str, &str); 9] = [
        ("index.js", ""),
        ("dist/a.js", ""),
        ("dist/deep/b.js", ""),
        ("src/a.ts", ""),
        ("README.md", ""),
        ("node_modules/x/index.js", ""),
        ("deka.lock", ""),
        (".npmrc", ""),
        ("src/.git/config", ""),
    ];

    #[test]
    fn without_files_everything_is_taken_but_what_never_is() {
        assert_eq!(taken(&json!({}), &SOME), ["README.md", "dist/a.js", "dist/deep/b.js", "index.js", "package.json", "src/a.ts"]);
    }

    #[test]
    fn files_names_what_is_taken() {
        for (list, want) in [
            (json!(["dist"]), &["README.md", "dist/a.js", "dist/deep/b.js", "package.json"][..]),
            (json!(["./dist/", "!dist/deep"]), &["README.md", "dist/a.js", "package.json"]),
            (json!(["/dist/*.js", "index.js"]), &["README.md", "dist/a.js", "index.js", "package.json"]),
            (json!(["**/*.ts"]), &["README.md", "package.json", "src/a.ts"]),
            (json!(["deep"]), &["README.md", "package.json"]),
            (json!(["."]), &["README.md", "dist/a.js", "dist/deep/b.js", "index.js", "package.json", "src/a.ts"]),
            (json!([]), &["README.md", "package.json"]),
        ] {
            assert_eq!(taken(&json!({ "files": list }), &SOME), want, "{list}");
        }
        let manifest = json!({ "files": [], "main": "./dist/a.js", "bin": { "x": "src/a.ts" } });
        assert_eq!(taken(&manifest, &SOME), ["README.md", "dist/a.js", "package.json", "src/a.ts"]);
    }

    #[test]
    fn ignore_files_leave_out() {
        let with = |extra: &[(&str, &str)], manifest: &Value| taken(manifest, &[&SOME[..5], extra].concat());
        let git = [(".gitignore", "dist\n*.ts\n")];
        assert_eq!(with(&git, &json!({})), ["README.md", "index.js", "package.json"]);
        // `.npmignore` takes the place of `.gitignore`, and `files` that of both at the top.
        let both = [(".gitignore", "dist\n"), (".npmignore", "src\n")];
        assert_eq!(with(&both, &json!({})), ["README.md", "dist/a.js", "dist/deep/b.js", "index.js", "package.json"]);
        assert_eq!(with(&git, &json!({ "files": ["dist"] })), ["README.md", "dist/a.js", "dist/deep/b.js", "package.json"]);
        // A folder's own rules go before those above it.
        let nested = [(".gitignore", "*.js\n"), ("dist/.npmignore", "!a.js\n")];
        assert_eq!(with(&nested, &json!({})), ["README.md", "dist/a.js", "package.json", "src/a.ts"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("package.json"), "{}").expect("a file");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("stolen")).expect("a link");
        std::os::unix::fs::symlink("/etc", folder.path().join("etc")).expect("a link");
        let found = files(folder.path(), &serde_json::Map::new()).expect("files");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
