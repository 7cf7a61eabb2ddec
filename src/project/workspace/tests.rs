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

/// Loads a workspace of these files and returns the paths of its projects.
fn paths(files: &[(&str, &str)]) -> Vec<String> {
    let folder = project(files);
    let workspace = Workspace::load(folder.path()).expect("a workspace");
    workspace.projects.into_iter().map(|project| project.path).collect()
}

#[test]
fn projects_are_found_by_every_kind_of_list() {
    let with = |root: &str, yaml: Option<&str>| {
        let mut files = vec![("package.json", root), ("b/a/package.json", "{}"), ("a/x/package.json", "{}"), ("a/y/z/package.json", "{}")];
        files.extend([("a/node_modules/n/package.json", "{}"), ("a/.hidden/package.json", "{}"), ("a/empty/index.js", "")]);
        files.extend(yaml.map(|yaml| ("pnpm-workspace.yaml", yaml)));
        paths(&files)
    };
    assert_eq!(with(r#"{"workspaces":["a/*","b/a"]}"#, None), [".", "a/x", "b/a"]);
    assert_eq!(with(r#"{"workspaces":{"packages":["a/**"],"nohoist":["x"]}}"#, None), [".", "a/x", "a/y/z"]);
    assert_eq!(with(r#"{"workspaces":["a/*"]}"#, Some("packages:\n  - b/*\n  - '.'\n")), [".", "b/a"]);
    assert_eq!(with(r#"{"workspaces":["a/*"]}"#, Some("hoist: true\n")), [".", "a/x"], "a file without `packages` only holds settings");
    assert_eq!(with("{}", Some("packages: ['**', '!a/y/**']")), [".", "a/x", "b/a"]);
    assert_eq!(with(r#"{"workspaces":["none/*"]}"#, None), ["."]);
    assert_eq!(with("{}", None), ["."]);
}

#[test]
fn links_stand_for_what_they_lead_to_and_never_lead_out() {
    let outside = project(&[("package.json", "{}")]);
    let folder =
        project(&[("package.json", r#"{"workspaces":["packages/*"]}"#), ("libs/a/package.json", "{}"), ("packages/b/package.json", "{}")]);
    let link =
        |to: &std::path::Path, name: &str| std::os::unix::fs::symlink(to, folder.path().join("packages").join(name)).expect("a link");
    link("../libs/a".as_ref(), "inside");
    link(outside.path(), "outside");
    link("..".as_ref(), "up");
    let workspace = Workspace::load(folder.path()).expect("a workspace");
    let paths: Vec<&str> = workspace.projects.iter().map(|project| project.path.as_str()).collect();
    assert_eq!(paths, [".", "libs/a", "packages/b"]);
    assert_eq!(
        workspace.warnings,
        [Warning::LinkOutside { link: fs::canonicalize(folder.path()).expect("there").join("packages/outside") }]
    );
}

#[test]
fn a_project_that_comes_or_goes_leaves_a_mark() {
    let settled = || std::thread::sleep(std::time::Duration::from_millis(50));
    for globs in [r#"["packages/*"]"#, r#"["packages/**"]"#, r#"["packages/a","packages/c"]"#] {
        let folder =
            project(&[("package.json", &format!("{{\"workspaces\":{globs}}}")), ("packages/a/package.json", "{}"), ("packages/b/x", "")]);
        let at = |path: &str| folder.path().join(path);
        let is_current = |workspace: &Workspace| workspace.looked_at.iter().all(crate::project::stamp::FileStamp::is_current);
        settled();
        let workspace = Workspace::load(folder.path()).expect("a workspace");
        assert!(is_current(&workspace), "{globs}");
        fs::create_dir(at("packages/c")).expect("a folder");
        fs::write(at("packages/c/package.json"), "{}").expect("a file");
        assert!(!is_current(&workspace), "{globs}");
        assert!(workspace.look_again().expect("a look").is_none(), "{globs}");
        settled();
        let workspace = Workspace::load(folder.path()).expect("a workspace");
        assert!(workspace.look_again().expect("a look").is_some());
        fs::remove_dir_all(at("packages/a")).expect("gone");
        // The manifest itself is among the inputs of an install.
        assert!(!is_current(&workspace) || !workspace.projects.iter().all(|project| project.stamp.is_current()), "{globs}");
        if globs.contains('*') {
            settled();
            let workspace = Workspace::load(folder.path()).expect("a workspace");
            fs::write(at("packages/b/package.json"), "{}").expect("a file");
            assert!(!is_current(&workspace), "{globs}: a folder becomes a project");
        }
    }
}

#[test]
fn every_folder_of_a_workspace_leads_to_its_root() {
    let folder = project(&[
        ("package.json", r#"{"workspaces":["packages/*"]}"#),
        ("packages/a/package.json", "{}"),
        ("packages/a/src/x.js", ""),
        ("packages/inner/package.json", r#"{"workspaces":["p/*"]}"#),
        ("packages/inner/p/q/package.json", "{}"),
        ("tools/own/package.json", "{}"),
        ("tools/x", ""),
        ("yaml/pnpm-workspace.yaml", "packages: ['a', '!b']"),
        ("yaml/package.json", "{}"),
        ("yaml/a/package.json", "{}"),
        ("yaml/b/package.json", "{}"),
        ("broken/pnpm-workspace.yaml", "packages: ['../x']"),
        ("broken/x/package.json", "{}"),
    ]);
    let top = folder.path();
    let root =
        |from: &str| find_root(&top.join(from), None).map(|root| root.strip_prefix(top).expect("below").to_string_lossy().into_owned());
    for (from, want) in [
        ("", ""),
        ("packages", ""),
        ("packages/a", ""),
        ("packages/a/src", ""),
        ("tools/own", "tools/own"),
        ("tools", ""),
        ("packages/inner", "packages/inner"),
        ("packages/inner/p/q", "packages/inner"),
        ("yaml/a", "yaml"),
        ("yaml/b", "yaml/b"),
    ] {
        assert_eq!(root(from).expect("a root"), want, "{from}");
    }
    assert!(
        root("broken/x").expect_err("a fault").to_string().contains("broken/pnpm-workspace.yaml"),
        "what may be its root must be readable"
    );
}

#[test]
fn the_project_of_a_folder_is_the_deepest_one() {
    let folder =
        project(&[("package.json", r#"{"workspaces":["**"]}"#), ("a/package.json", "{}"), ("a/b/package.json", "{}"), ("a/bc/x", "")]);
    let workspace = Workspace::load(folder.path()).expect("a workspace");
    for (dir, want) in [("", 0), ("x", 0), ("a", 1), ("a/bc", 1), ("a/b", 2), ("a/b/src/deep", 2)] {
        assert_eq!(workspace.project_at(&folder.path().join(dir)), want, "{dir}");
    }
    assert_eq!(workspace.project_at(std::path::Path::new("/")), 0);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("a/b"), &link).expect("a link");
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(folder.path(), elsewhere.path().join("way")).expect("a link");
    assert_eq!(workspace.project_at(&elsewhere.path().join("way/a/b")), 2);
}

#[test]
fn what_is_wrong_with_a_workspace_is_named_with_its_files() {
    for (files, parts) in [
        (
            &[("package.json", r#"{"workspaces":["*"]}"#), ("a/package.json", r#"{"name":"x"}"#), ("b/package.json", r#"{"name":"x"}"#)][..],
            &["called `x`", "a/package.json", "b/package.json"][..],
        ),
        (&[("package.json", r#"{"workspaces":["../other"]}"#)], &["package.json", "`../other`", "out of the workspace"]),
        (&[("package.json", r#"{"workspaces":["a/["]}"#)], &["package.json", "`a/[`"]),
        (&[("package.json", r#"{"workspaces":7}"#)], &["`workspaces` must be an array of strings, but it is a number"]),
        (&[("package.json", r#"{"workspaces":{"packages":[7]}}"#)], &["`workspaces.packages` must be"]),
        (&[("package.json", "{}"), ("pnpm-workspace.yaml", "packages: x")], &["pnpm-workspace.yaml", "`packages` must be"]),
        (&[("pnpm-workspace.yaml", "hoist: false")], &["pnpm-workspace.yaml", "lists no `packages`", "no package.json"]),
        (&[("package.json", r#"{"workspaces":["a"]}"#), ("a/package.json", "{")], &["a/package.json", "not valid JSON"]),
    ] {
        let folder = project(files);
        let error = Workspace::load(folder.path()).expect_err("a fault").to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn fields_that_only_count_at_the_root_are_told() {
    let folder = project(&[
        ("package.json", r#"{"workspaces":["a"],"resolutions":{"x":"1"}}"#),
        ("a/package.json", r#"{"resolutions":{"x":"1"},"overrides":{},"trustedDependencies":["y"]}"#),
    ]);
    let workspace = Workspace::load(folder.path()).expect("a workspace");
    let told: Vec<String> = workspace.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("a/package.json: `resolutions` has no effect here") && told[1].contains("`trustedDependencies`"), "{told:?}");
}
