use super::{Warning, Workspace, find_root};
use std::fs;
use tempfile::TempDir;

fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

/// The error of loading a manifest, without the folder.
fn fault(manifest: &str) -> String {
    let folder = project(&[("package.json", manifest)]);
    let error = Workspace::load(folder.path()).expect_err("a fault").to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn finds_the_nearest_manifest_and_stops_at_home() {
    let folder = project(&[("package.json", "{}"), ("home/me/a/package.json", "{}"), ("home/me/a/b/c/x", ""), ("home/me/d/x", "")]);
    let (top, home) = (folder.path(), folder.path().join("home/me"));
    let found = |from: &str| find_root(&top.join(from), Some(&home)).ok().map(|root| root.strip_prefix(top).expect("below").to_owned());
    assert_eq!(found("home/me/a/b/c"), Some("home/me/a".into()));
    assert_eq!(found("home/me/a"), Some("home/me/a".into()));
    assert_eq!(found("home/me/d"), None, "what lies above the home folder belongs to others");
    assert_eq!(found("home/me"), None);
    assert_eq!(found(""), Some("".into()));
    assert_eq!(found("not there"), None);
    assert_eq!(find_root(&top.join("home/me/d"), None).ok(), Some(top.to_owned()));
    fs::write(home.join("package.json"), "{}").expect("a file");
    assert_eq!(found("home/me/d"), None, "the home folder counts only when one stands in it");
    assert_eq!(found("home/me"), Some("home/me".into()));
}

#[test]
fn a_missing_manifest_is_named() {
    let folder = project(&[]);
    let error = find_root(folder.path(), Some(folder.path())).expect_err("no manifest").to_string();
    assert_eq!(error, format!("there is no package.json in {} or above it", folder.path().display()));
}

#[test]
fn reads_a_manifest_with_a_byte_order_mark_and_keeps_its_text() {
    let folder = project(&[("package.json", "\u{feff}{\"name\":\"a\",\"dependencies\":{\"b\":\"1\"},\"x\":[1]}")]);
    let workspace = Workspace::load(folder.path()).expect("a project");
    let project = workspace.root_project();
    assert_eq!((project.path.as_str(), project.manifest.name.as_deref()), (".", Some("a")));
    assert_eq!(project.manifest.dependencies["b"], "1");
    assert!(project.text.starts_with(b"\xef\xbb\xbf{") && project.fields.contains_key("x"));
    assert!(workspace.file.fields.is_empty() && workspace.file.stamp.stat.is_none() && workspace.warnings.is_empty());
}

#[test]
fn says_where_a_manifest_is_wrong() {
    for (manifest, want) in [
        ("{\n  \"name\": \"a\",\n}", "package.json: the file is not valid JSON: trailing comma at line 3, column 1"),
        ("", "package.json: the file is not valid JSON: EOF while parsing a value at line 1, column 0"),
        ("[]", "package.json: `package.json` must be an object, but it is an array"),
        ("{\"dependencies\":{\"a\":1}}", "package.json: `dependencies.a` must be a string, but it is a number"),
        ("{\"dependencies\":[\"a\"]}", "package.json: `dependencies` must be an object of strings, but it is an array"),
    ] {
        assert_eq!(fault(manifest), want);
    }
    assert!(fault(&"[".repeat(100_000)).contains("recursion limit"));
    assert!(fault("{\"name\":\"\u{0}\"}").contains("control character"));
}

#[test]
fn both_spellings_of_bundled_dependencies_may_stand_together() {
    let folder = project(&[("package.json", r#"{"bundleDependencies":["a"],"bundledDependencies":["b"]}"#)]);
    let workspace = Workspace::load(folder.path()).expect("a project");
    let manifest = &workspace.root_project().manifest;
    assert!(manifest.bundles("a"));
}

#[test]
fn reads_the_workspace_file() {
    let yaml = "# settings\npackages:\n  - packages/*\nautoInstallPeers: false\nhoistPattern: ['*a*']\nallowBuilds:\n  esbuild: true\n";
    let folder = project(&[("package.json", "{}"), ("pnpm-workspace.yaml", yaml)]);
    let workspace = Workspace::load(folder.path()).expect("a project");
    assert_eq!(workspace.file.fields["autoInstallPeers"], false);
    assert_eq!(workspace.file.fields["allowBuilds"]["esbuild"], true);
    assert_eq!(workspace.warnings, [Warning::ProjectsLeftOut { named_in: folder.path().join("pnpm-workspace.yaml") }]);
    for empty in ["", "\n# nothing\n"] {
        fs::write(folder.path().join("pnpm-workspace.yaml"), empty).expect("a file");
        assert!(Workspace::load(folder.path()).expect("a project").file.fields.is_empty());
    }
}

#[test]
fn a_broken_workspace_file_is_an_error() {
    let bomb = format!("a0: &a0 [x]\n{}", (1..40).map(|n| format!("a{n}: &a{n} [*a{0},*a{0},*a{0},*a{0}]\n", n - 1)).collect::<String>());
    let deep = "[".repeat(100_000);
    for yaml in ["- a\n- b\n", "a: [1\n", "a: 1\na: 2\n", "\u{0}", "just text", &bomb, &deep] {
        let folder = project(&[("package.json", "{}"), ("pnpm-workspace.yaml", yaml)]);
        let error = Workspace::load(folder.path()).expect_err("a fault").to_string();
        assert!(error.contains("pnpm-workspace.yaml: the file is not valid YAML: "), "{error}");
    }
}
