//! Which dependencies a project lets run their scripts, as its files say it.
//!
//! Four fields in two files mean the same; here they become two lists. What an entry admits is decided by
//! `scripts::policy`.

use super::error::Result;
use super::workspace::{Workspace, wrong_type};
use crate::package::manifest::kind;
use serde_json::{Map, Value};
use std::path::Path;

/// The entries of a project, verbatim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builds {
    /// Those whose scripts may run.
    pub allowed: Vec<String>,
    /// Those whose scripts are known and not wanted.
    pub denied: Vec<String>,
}

/// Collects the entries of the root's `package.json` and `pnpm-workspace.yaml`.
pub fn read(workspace: &Workspace) -> Result<Builds> {
    let mut builds = Builds::default();
    let project = workspace.root_project();
    builds.allowed.extend(list(&project.fields, "trustedDependencies", &project.stamp.path)?);
    let pnpm = project.fields.get("pnpm").and_then(Value::as_object);
    for (fields, path) in
        pnpm.map(|pnpm| (pnpm, &project.stamp.path)).into_iter().chain([(&workspace.file.fields, &workspace.file.stamp.path)])
    {
        builds.allowed.extend(list(fields, "onlyBuiltDependencies", path)?);
        builds.denied.extend(list(fields, "neverBuiltDependencies", path)?);
        builds.denied.extend(list(fields, "ignoredBuiltDependencies", path)?);
        builds.flags(fields, path)?;
    }
    Ok(builds)
}

impl Builds {
    fn flags(&mut self, fields: &Map<String, Value>, path: &Path) -> Result<()> {
        let flags = match fields.get("allowBuilds") {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Object(flags)) => flags,
            Some(other) => return Err(wrong_type(path, "allowBuilds", "an object of booleans", kind(other))),
        };
        for (entry, flag) in flags {
            match flag {
                Value::Bool(true) => self.allowed.push(entry.clone()),
                Value::Bool(false) => self.denied.push(entry.clone()),
                // pnpm leaves a note here for the user to replace.
                Value::String(_) | Value::Null => {}
                other => return Err(wrong_type(path, &format!("allowBuilds.{entry}"), "a boolean", kind(other))),
            }
        }
        Ok(())
    }
}

fn list(fields: &Map<String, Value>, key: &str, path: &Path) -> Result<Vec<String>> {
    let entries = match fields.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(other) => return Err(wrong_type(path, key, "an array of strings", kind(other))),
    };
    let text = |entry: &Value| match entry {
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong_type(path, key, "an array of strings", kind(other))),
    };
    entries.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::super::workspace::Workspace;
    use super::Builds;

    fn read(manifest: &str, yaml: &str) -> Result<Builds, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("package.json"), manifest).expect("a file");
        std::fs::write(folder.path().join("pnpm-workspace.yaml"), yaml).expect("a file");
        super::read(&Workspace::load(folder.path()).expect("a project")).map_err(|error| error.to_string())
    }

    #[test]
    fn collects_every_field() {
        let manifest = r#"{"trustedDependencies":["a"],"pnpm":{"onlyBuiltDependencies":["b"],"neverBuiltDependencies":["c"]}}"#;
        let yaml = "onlyBuiltDependencies: [d]\nallowBuilds:\n  e: true\n  f: false\n  g@1.0.0: true\n  h: set this to true or false\n";
        let builds = read(manifest, yaml).expect("valid");
        assert_eq!(builds.allowed, ["a", "b", "d", "e", "g@1.0.0"]);
        assert_eq!(builds.denied, ["c", "f"]);
        assert_eq!(read("{}", ""), Ok(Builds::default()));
    }

    #[test]
    fn wrong_types_are_named() {
        let fault = |manifest: &str, yaml: &str| read(manifest, yaml).expect_err("a fault");
        assert!(
            fault(r#"{"trustedDependencies":"a"}"#, "").ends_with("`trustedDependencies` must be an array of strings, but it is a string")
        );
        assert!(fault(r#"{"pnpm":{"onlyBuiltDependencies":[1]}}"#, "").contains("`onlyBuiltDependencies`"));
        assert!(fault("{}", "allowBuilds:\n  a: 1\n").ends_with("`allowBuilds.a` must be a boolean, but it is a number"));
    }
}
