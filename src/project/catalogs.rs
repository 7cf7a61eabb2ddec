//! Catalogs: ranges that the projects of a workspace share by name, for `catalog:` and `catalog:<name>`.
//!
//! pnpm keeps them in `pnpm-workspace.yaml`, bun in the root's `package.json`, either beside or inside of `workspaces`.
//! Where several files have the same entry pnpm's counts.

use super::error::{ProjectError, Result};
use super::workspace::{Workspace, wrong_type};
use crate::package::manifest::kind;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// The name of the catalog that has none.
pub const DEFAULT: &str = "default";
/// What a dependency begins with that asks for an entry of a catalog.
pub const PREFIX: &str = "catalog:";

/// Catalogs by name; each has specifiers by the name of the dependency.
pub type Catalogs = BTreeMap<String, BTreeMap<String, String>>;

/// Returns the catalog that a specifier asks for.
pub fn asked(specifier: &str) -> Option<&str> {
    let name = specifier.trim().strip_prefix(PREFIX)?.trim();
    Some(if name.is_empty() { DEFAULT } else { name })
}

/// Reads the catalogs of a workspace.
pub fn read(workspace: &Workspace) -> Result<Catalogs> {
    let mut catalogs = Catalogs::new();
    let own = workspace.root_project();
    let inside = own.fields.get("workspaces").and_then(Value::as_object);
    let of_manifest = [Some(&own.fields), inside].into_iter().flatten().map(|fields| (fields, &own.stamp.path));
    for (fields, path) in of_manifest.chain([(&workspace.file.fields, &workspace.file.stamp.path)]) {
        read_fields(fields, path, &mut catalogs)?;
    }
    Ok(catalogs)
}

/// Returns the entries that the projects and the overrides (selectors and specifiers) of a workspace ask for. Only those
/// decide a resolution.
pub fn used(workspace: &Workspace, overrides: &[(String, String)], catalogs: &Catalogs) -> Catalogs {
    let mut used = Catalogs::new();
    if catalogs.is_empty() {
        return used;
    }
    let mut take = |alias: &str, text: &str| {
        let Some(name) = asked(text) else { return };
        if let Some(entry) = catalogs.get(name).and_then(|catalog| catalog.get(alias)) {
            used.entry(name.to_owned()).or_default().insert(alias.to_owned(), entry.clone());
        }
    };
    for manifest in workspace.projects.iter().map(|project| &project.manifest) {
        let lists = [&manifest.dependencies, &manifest.dev_dependencies, &manifest.optional_dependencies, &manifest.peer_dependencies];
        lists.into_iter().flatten().for_each(|(alias, text)| take(alias, text));
    }
    for (selector, text) in overrides {
        let target = selector.rsplit('>').next().unwrap_or(selector);
        let name = target.get(1..).and_then(|rest| rest.find('@')).map_or(target, |at| &target[..=at]);
        take(name, text);
    }
    used
}

fn read_fields(fields: &Map<String, Value>, path: &Path, catalogs: &mut Catalogs) -> Result<()> {
    let unnamed = object(fields.get("catalog"), path, "catalog")?;
    let named = object(fields.get("catalogs"), path, "catalogs")?;
    if unnamed.is_some() && named.is_some_and(|named| named.contains_key(DEFAULT)) {
        return Err(ProjectError::TwoDefaultCatalogs { path: path.to_owned() });
    }
    if let Some(entries) = unnamed {
        add(DEFAULT, entries, path, "catalog", catalogs)?;
    }
    for (name, entries) in named.into_iter().flatten() {
        let field = format!("catalogs.{name}");
        if let Some(entries) = object(Some(entries), path, &field)? {
            add(name, entries, path, &field, catalogs)?;
        }
    }
    Ok(())
}

fn add(name: &str, entries: &Map<String, Value>, path: &Path, field: &str, catalogs: &mut Catalogs) -> Result<()> {
    let catalog = catalogs.entry(name.to_owned()).or_default();
    for (alias, entry) in entries {
        let Value::String(text) = entry else {
            return Err(wrong_type(path, &format!("{field}.{alias}"), "a string", kind(entry)));
        };
        catalog.insert(alias.clone(), text.clone());
    }
    Ok(())
}

fn object<'a>(value: Option<&'a Value>, path: &Path, field: &str) -> Result<Option<&'a Map<String, Value>>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(other) => Err(wrong_type(path, field, "an object", kind(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, used};
    use crate::project::workspace::Workspace;

    fn workspace(manifest: &str, yaml: &str) -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("package.json"), manifest).expect("a file");
        std::fs::write(folder.path().join("pnpm-workspace.yaml"), yaml).expect("a file");
        let workspace = Workspace::load(folder.path()).expect("a workspace");
        (folder, workspace)
    }

    #[test]
    fn every_place_is_read_and_pnpms_file_wins() {
        let manifest = r#"{"catalog":{"a":"1","b":"1"},"workspaces":{"packages":[],"catalog":{"b":"2"},"catalogs":{"old":{"a":"0"}}}}"#;
        let (_folder, workspace) = workspace(manifest, "catalog:\n  a: '3'\ncatalogs:\n  new:\n    a: '4'\n");
        let catalogs = read(&workspace).expect("catalogs");
        let shown: Vec<String> =
            catalogs.iter().flat_map(|(name, list)| list.iter().map(move |(alias, text)| format!("{name}/{alias}={text}"))).collect();
        assert_eq!(shown, ["default/a=3", "default/b=2", "new/a=4", "old/a=0"]);
    }

    #[test]
    fn only_what_is_asked_for_counts() {
        let manifest = r#"{"dependencies":{"a":"catalog:","b":"^1"},"devDependencies":{"c":"catalog:new"}}"#;
        let yaml = "catalog:\n  a: '1'\n  b: '2'\n  d: '5'\n  e: '6'\ncatalogs:\n  new:\n    c: '3'\n    a: '4'\n";
        let (_folder, workspace) = workspace(manifest, yaml);
        let overrides = [("x>d@1".to_owned(), "catalog:".to_owned())];
        let used = used(&workspace, &overrides, &read(&workspace).expect("catalogs"));
        assert_eq!(format!("{used:?}"), r#"{"default": {"a": "1", "d": "5"}, "new": {"c": "3"}}"#);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (yaml, part) in [
            ("catalog: [a]\n", "`catalog` must be an object"),
            ("catalog:\n  a: 1\n", "`catalog.a` must be a string"),
            ("catalogs:\n  x: y\n", "`catalogs.x` must be an object"),
            ("catalog:\n  a: '1'\ncatalogs:\n  default:\n    b: '1'\n", "both"),
        ] {
            let (_folder, workspace) = workspace("{}", yaml);
            let error = read(&workspace).expect_err("a fault").to_string();
            assert!(error.contains(part) && error.contains("pnpm-workspace.yaml"), "{error}");
        }
    }
}
