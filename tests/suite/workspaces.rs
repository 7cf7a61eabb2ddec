//! Many projects, one lockfile: discovery, links between projects, catalogs.

use crate::support::{Registry, TestEnv, json, tree};
use serde_json::Value;
use std::fs;

pub fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("shared", "1").bin("a", "a.js"))
        .package("a", "1.1.0", |p| p.dep("shared", "1").bin("a", "a.js"))
        .package("a", "2.0.0", |p| p)
        .package("b", "1.0.0", |p| p.dep("shared", "1"))
        .package("shared", "1.0.0", |p| p)
        .package("host", "1.0.0", |p| p)
        .package("host", "2.0.0", |p| p)
        .package("plugin", "1.0.0", |p| p.peer("host", "*"))
}

/// Writes the manifest of a project below the root.
pub fn project(env: &TestEnv, path: &str, manifest: Value) {
    env.write(&format!("{path}/package.json"), serde_json::to_string_pretty(&manifest).unwrap() + "\n");
}

/// Two apps and a library: `web` needs `ui` and `a`, `api` needs `b`, `ui` needs `shared`.
pub fn sample(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.manifest(json!({ "name": "root", "private": true, "workspaces": ["apps/*", "libs/*"], "devDependencies": { "a": "1.0.0" } }));
    project(&env, "apps/web", json!({ "name": "web", "dependencies": { "@acme/ui": "workspace:*", "a": "^1.0.0" } }));
    project(&env, "apps/api", json!({ "name": "api", "dependencies": { "b": "1" } }));
    let ui = json!({ "name": "@acme/ui", "version": "1.2.3", "dependencies": { "shared": "1" }, "bin": { "ui": "cli.js" } });
    project(&env, "libs/ui", ui);
    env.write("libs/ui/cli.js", "#!/bin/sh\necho ui\n");
    env
}

#[test]
fn every_project_gets_its_own_links_and_the_root_one_lockfile() {
    let registry = registry();
    let env = sample(&registry);
    env.install().success().line("+ a@1.0.0");
    for (place, is_there) in [
        ("node_modules/a/index.js", true),
        ("node_modules/b", false),
        ("apps/web/node_modules/a/index.js", true),
        ("apps/web/node_modules/.bin/a", true),
        ("apps/web/node_modules/.bin/ui", true),
        ("apps/web/node_modules/b", false),
        ("apps/web/node_modules/shared", false),
        ("apps/api/node_modules/b/index.js", true),
        ("libs/ui/node_modules/shared/index.js", true),
        ("libs/ui/node_modules/a", false),
        ("apps/web/node_modules/.deka", false),
        ("apps/web/deka.lock", false),
        ("apps/node_modules", false),
    ] {
        assert_eq!(env.has(place), is_there, "{place}");
    }
    assert_eq!(fs::read_link(env.project().join("apps/web/node_modules/@acme/ui")).unwrap().to_str(), Some("../../../../libs/ui"));
    assert!(env.read("apps/web/node_modules/a/index.js").contains("a@1.1.0"));
    let lockfile = env.lockfile();
    let importers: Vec<&String> = lockfile["importers"].as_object().unwrap().keys().collect();
    assert_eq!(importers, [".", "apps/api", "apps/web", "libs/ui"]);
    assert_eq!(lockfile["importers"]["apps/web"]["dependencies"]["@acme/ui"]["version"], "link:libs/ui");
    registry.forget();
    env.install().success().says("Already up to date");
    assert!(registry.asked().is_empty(), "{:?}", registry.asked());
}

#[test]
fn any_folder_of_a_workspace_installs_all_of_it() {
    let env = sample(&registry());
    env.write("apps/web/src/x.js", "");
    env.prepare(["install"]).in_folder(&env.project().join("apps/web/src")).run().success();
    assert!(env.has("apps/api/node_modules/b") && env.has("node_modules/a") && env.has("deka.lock"));
    project(&env, "tools/own", json!({ "name": "own", "dependencies": { "b": "1" } }));
    env.prepare(["install"]).in_folder(&env.project().join("tools/own")).run().success();
    assert!(env.has("tools/own/deka.lock") && env.has("tools/own/node_modules/b"), "what the globs do not name is a project of its own");
}

#[test]
fn a_new_project_is_noticed_and_one_that_goes_leaves_nothing() {
    let env = sample(&registry());
    env.install().success();
    project(&env, "apps/new", json!({ "name": "new", "dependencies": { "host": "1" } }));
    env.install().success();
    assert!(env.has("apps/new/node_modules/host"));
    assert!(env.lockfile()["importers"]["apps/new"].is_object());
    env.remove("apps/new/package.json");
    env.install().success();
    assert!(env.lockfile()["importers"]["apps/new"].is_null());
    assert!(!env.has("apps/new/node_modules") && !env.has("node_modules/.deka/host@1.0.0"), "{}", env.tree());
    env.remove("apps/api");
    env.install().success();
    assert!(!env.has("apps/api") && !env.has("node_modules/.deka/b@1.0.0"), "{}", env.tree());
    env.install().success().says("Already up to date");
}

#[test]
fn an_added_dependency_of_one_project_touches_nothing_else() {
    let env = sample(&registry());
    env.install().success();
    let folders = ["node_modules", "apps/web/node_modules", "apps/api/node_modules", "libs/ui/node_modules"];
    let identities = || folders.map(|folder| tree::identities(&env.project().join(folder)));
    let before = identities();
    project(&env, "apps/api", json!({ "name": "api", "dependencies": { "b": "1", "host": "2" } }));
    env.install().success();
    assert!(env.has("apps/api/node_modules/host"));
    for (before, after) in before.iter().zip(&identities()) {
        assert!(before.iter().all(|(path, identity)| after.get(path) == Some(identity)));
    }
}

#[test]
fn links_that_are_gone_come_back() {
    let env = sample(&registry());
    env.install().success();
    for gone in ["apps/web/node_modules/a", "libs/ui/node_modules", "apps/api/node_modules/b"] {
        env.remove(gone);
        env.install().success();
        assert!(env.has(gone), "{gone}");
    }
}

#[test]
fn catalogs_give_ranges_and_a_changed_entry_is_noticed() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "root" }));
    let yaml = |default: &str, unused: &str| {
        format!("packages: ['p/*']\ncatalog:\n  a: '{default}'\n  b: '{unused}'\ncatalogs:\n  old:\n    host: '1'\n")
    };
    env.write("pnpm-workspace.yaml", yaml("1.0.0", "1"));
    project(&env, "p/x", json!({ "name": "x", "dependencies": { "a": "catalog:", "host": "catalog:old" } }));
    env.install().success();
    let locked = |env: &TestEnv, alias: &str| env.lockfile()["importers"]["p/x"]["dependencies"][alias].clone();
    assert_eq!(locked(&env, "a"), json!({ "specifier": "catalog:", "version": "1.0.0" }));
    assert_eq!(locked(&env, "host"), json!({ "specifier": "catalog:old", "version": "1.0.0" }));
    assert_eq!(env.lockfile()["catalogs"], json!({ "default": { "a": "1.0.0" }, "old": { "host": "1" } }));
    env.write("pnpm-workspace.yaml", yaml("1.0.0", "2"));
    env.deka(["install", "--frozen-lockfile"]).success();
    env.write("pnpm-workspace.yaml", yaml("2", "2"));
    env.deka(["install", "--frozen-lockfile"]).failure(10).says("`a` in the catalog `default` was `1.0.0` and is `2` now");
    env.install().success();
    assert_eq!(locked(&env, "a")["version"], "2.0.0");
    project(&env, "p/x", json!({ "name": "x", "dependencies": { "a": "catalog:none" } }));
    env.install().failure(20).says("the catalog `none` has no entry for `a`").says("p/x/package.json");
}

#[test]
fn buns_catalogs_are_read_from_the_manifest() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "workspaces": { "packages": ["p"], "catalog": { "a": "1.0.0" } }, "catalogs": { "x": { "host": "2" } } }));
    project(&env, "p", json!({ "name": "p", "dependencies": { "a": "catalog:", "host": "catalog:x" } }));
    env.install().success();
    assert!(env.read("p/node_modules/a/index.js").contains("a@1.0.0"));
    assert!(env.read("p/node_modules/host/index.js").contains("host@2.0.0"));
}

#[test]
fn one_name_twice_is_an_error_before_anything_is_written() {
    let env = sample(&registry());
    project(&env, "libs/other", json!({ "name": "web" }));
    let said = env.install().failure(2);
    said.says("DEKA_E_WORKSPACE").says("called `web`").says("apps/web/package.json").says("libs/other/package.json");
    assert!(!env.has("node_modules") && !env.has("deka.lock") && !env.has("apps/web/node_modules"));
}
