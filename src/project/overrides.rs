//! What a project overrides: `overrides` of npm and pnpm, `resolutions` of yarn.
//!
//! All of them say "wherever this is asked for, take that instead", in three notations. Here they become one list of
//! pnpm's selectors (`a`, `a@1`, `parent>child`) and specifiers; what a selector means is the resolver's business. When
//! several notations name the same selector, pnpm's own beats yarn's and yarn's beats npm's.

use super::error::{ProjectError, Result};
use super::workspace::{Workspace, wrong_type};
use crate::package::manifest::Manifest;
use crate::package::manifest::kind;
use serde_json::{Map, Value};
use std::path::Path;

/// Returns the selectors and what to take instead, in the order in which the files name them.
pub fn read(workspace: &Workspace) -> Result<Vec<(String, String)>> {
    let project = workspace.root_project();
    let manifest = &project.stamp.path;
    let mut list = List { manifest: &project.manifest, path: manifest, entries: Vec::new() };
    if let Some(overrides) = object(&project.fields, "overrides", manifest, "overrides")? {
        list.nested("", overrides)?;
    }
    if let Some(resolutions) = object(&project.fields, "resolutions", manifest, "resolutions")? {
        list.flat(resolutions, "resolutions", of_resolution)?;
    }
    if let Some(pnpm) = object(&project.fields, "pnpm", manifest, "pnpm")?
        && let Some(overrides) = object(pnpm, "overrides", manifest, "pnpm.overrides")?
    {
        list.flat(overrides, "pnpm.overrides", without_spaces)?;
    }
    list.path = &workspace.file.stamp.path;
    if let Some(overrides) = object(&workspace.file.fields, "overrides", list.path, "overrides")? {
        list.flat(overrides, "overrides", without_spaces)?;
    }
    Ok(list.entries)
}

struct List<'a> {
    manifest: &'a Manifest,
    path: &'a Path,
    entries: Vec<(String, String)>,
}

impl List<'_> {
    /// Adds npm's form: an object inside stands for "below this package", and `.` for the package itself.
    fn nested(&mut self, above: &str, overrides: &Map<String, Value>) -> Result<()> {
        for (key, value) in overrides {
            let selector = match (above, key.as_str()) {
                (above, ".") => above.to_owned(),
                ("", key) => key.to_owned(),
                (above, key) => format!("{above}>{key}"),
            };
            match value {
                Value::String(_) if selector.is_empty() => {}
                Value::String(spec) => self.add(selector, spec)?,
                Value::Object(inside) if key != "." => self.nested(&selector, inside)?,
                other => return Err(wrong_type(self.path, &format!("overrides.{selector}"), "a string or an object", kind(other))),
            }
        }
        Ok(())
    }

    fn flat(&mut self, overrides: &Map<String, Value>, field: &str, selector: fn(&str) -> String) -> Result<()> {
        for (key, value) in overrides {
            match value {
                Value::String(spec) => self.add(selector(key), spec)?,
                other => return Err(wrong_type(self.path, &format!("{field}.{key}"), "a string", kind(other))),
            }
        }
        Ok(())
    }

    fn add(&mut self, selector: String, spec: &str) -> Result<()> {
        let spec = match spec.strip_prefix('$') {
            None => spec.to_owned(),
            Some(name) => self.direct(name).ok_or_else(|| ProjectError::OverrideReference {
                path: self.path.to_owned(),
                selector: selector.clone(),
                reference: spec.to_owned(),
            })?,
        };
        match self.entries.iter_mut().find(|(known, _)| *known == selector) {
            Some(entry) => entry.1 = spec,
            None => self.entries.push((selector, spec)),
        }
        Ok(())
    }

    /// Returns what the project itself asks of a dependency.
    fn direct(&self, name: &str) -> Option<String> {
        let manifest = self.manifest;
        [&manifest.optional_dependencies, &manifest.dependencies, &manifest.dev_dependencies, &manifest.peer_dependencies]
            .into_iter()
            .find_map(|group| group.get(name).cloned())
    }
}

fn object<'a>(fields: &'a Map<String, Value>, key: &str, path: &Path, field: &str) -> Result<Option<&'a Map<String, Value>>> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inside)) => Ok(Some(inside)),
        Some(other) => Err(wrong_type(path, field, "an object", kind(other))),
    }
}

fn without_spaces(selector: &str) -> String {
    selector.split('>').map(str::trim).collect::<Vec<_>>().join(">")
}

/// Rewrites yarn's paths: `a/**/b` and `a/b` are `a>b`, `**/b` is `b`, and `b@npm:1` is `b@1`.
fn of_resolution(path: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut scope: Option<&str> = None;
    // A range may hold slashes of its own (`a@patch:…/x`), so the last name ends the splitting.
    for part in path.split('/') {
        match (scope.take(), part) {
            (Some(scope), name) => names.push(format!("{scope}/{name}")),
            (None, "**" | "*") => {}
            (None, part) if part.starts_with('@') && !part[1..].contains('@') => scope = Some(part),
            (None, part) => names.push(part.to_owned()),
        }
    }
    names.extend(scope.map(str::to_owned));
    names.iter().map(|name| name.replace("@npm:", "@")).collect::<Vec<_>>().join(">")
}

#[cfg(test)]
mod tests {
    use super::super::workspace::Workspace;

    fn read(manifest: &str, yaml: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("package.json"), manifest).expect("a file");
        std::fs::write(folder.path().join("pnpm-workspace.yaml"), yaml).expect("a file");
        let workspace = Workspace::load(folder.path()).expect("a project");
        let list = super::read(&workspace).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""));
        Ok(list?.into_iter().map(|(selector, spec)| format!("{selector} = {spec}")).collect())
    }

    #[test]
    fn flattens_every_notation() {
        for (manifest, want) in [
            (r#"{"overrides":{"a":"1","b@^2":"2.0.1"}}"#, &["a = 1", "b@^2 = 2.0.1"][..]),
            (r#"{"overrides":{"a":{".":"1","b":{"c":"3"}},"@s/d":{"e":""}}}"#, &["a = 1", "a>b>c = 3", "@s/d>e = "]),
            (r#"{"dependencies":{"a":"^5"},"overrides":{"a":"$a","x":{"a":"$a"}}}"#, &["a = ^5", "x>a = ^5"]),
            (
                r#"{"resolutions":{"a":"1","**/b":"2","c/d":"3","@s/e/**/@t/f":"4","g@npm:^1":"5","@s/h":"6"}}"#,
                &["a = 1", "b = 2", "c>d = 3", "@s/e>@t/f = 4", "g@^1 = 5", "@s/h = 6"],
            ),
            (r#"{"pnpm":{"overrides":{"a > b@2":"1","c":"-"}}}"#, &["a>b@2 = 1", "c = -"]),
            (r#"{"overrides":{"a":"1"},"resolutions":{"a":"2"},"pnpm":{"overrides":{"a":"3"}}}"#, &["a = 3"]),
            (r#"{}"#, &[]),
        ] {
            assert_eq!(read(manifest, "").expect("valid"), want, "{manifest}");
        }
        assert_eq!(
            read(r#"{"pnpm":{"overrides":{"a":"3"}}}"#, "overrides:\n  a: '4'\n  b>c: npm:d@1\n").expect("valid"),
            ["a = 4", "b>c = npm:d@1"]
        );
    }

    #[test]
    fn says_which_override_is_wrong() {
        for (manifest, want) in [
            (r#"{"overrides":{"a":{"b":1}}}"#, "package.json: `overrides.a>b` must be a string or an object, but it is a number"),
            (r#"{"overrides":[]}"#, "package.json: `overrides` must be an object, but it is an array"),
            (r#"{"resolutions":{"a":null}}"#, "package.json: `resolutions.a` must be a string, but it is null"),
            (r#"{"pnpm":{"overrides":{"a":true}}}"#, "package.json: `pnpm.overrides.a` must be a string, but it is a boolean"),
            (r#"{"overrides":{"x":"$y"}}"#, "package.json: the override of `x` is `$y`, but the project has no dependency of that name"),
        ] {
            assert_eq!(read(manifest, ""), Err(want.to_owned()));
        }
    }
}
