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
fn the_root_needs_no_manifest_where_the_workspace_file_lists_projects() {
    let env = TestEnv::with(&registry());
    env.write("pnpm-workspace.yaml", "packages:\n  - apps/*\n");
    project(&env, "apps/api", json!({ "name": "api", "dependencies": { "b": "1" } }));
    for flags in [&["install"][..], &["ci"]] {
        env.prepare(flags).in_folder(&env.project().join("apps/api")).run().success().line("2 packages installed [TIME]");
        assert!(env.has("deka.lock") && env.has("apps/api/node_modules/b/index.js") && !env.has("package.json"));
        assert_eq!(env.lockfile()["importers"].as_object().unwrap().keys().collect::<Vec<_>>(), [".", "apps/api"]);
    }
    env.install().success().says("Already up to date");
    env.deka(["-r", "ls"]).success().says("b@1.0.0");
    env.deka(["store", "gc"]).success();

    // One that cannot be written is gone again, one that can be comes to be.
    env.deka(["add", "-w", "nowhere"]).failure(20);
    assert!(!env.has("package.json"));
    env.deka(["add", "-w", "a"]).success();
    assert_eq!(env.read("package.json"), "{\n  \"dependencies\": {\n    \"a\": \"^2.0.0\"\n  }\n}\n");
    env.install().success().says("Already up to date");
    env.write("package.json", "{ \"dependencies\": { \"a\": \"1.0.0\" } }\n");
    env.install().success().line("+ a@1.0.0");
    env.remove("package.json").remove("pnpm-workspace.yaml").write("pnpm-workspace.yaml", "hoist: false\n");
    env.install().failure(2).says("lists no `packages`, and there is no package.json beside it");
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

#[test]
fn workspace_dependencies_are_named_in_every_way() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "root", "workspaces": ["p/*"], "dependencies": { "@acme/ui": "workspace:*" } }));
    let bins = json!({ "name": "@acme/ui", "version": "1.2.3", "bin": "cli.js" });
    project(&env, "p/ui", bins);
    env.write("p/ui/cli.js", "#!/bin/sh\necho ui\n");
    for (name, alias, specifier) in [
        ("star", "@acme/ui", "workspace:*"),
        ("caret", "@acme/ui", "workspace:^"),
        ("tilde", "@acme/ui", "workspace:~"),
        ("range", "@acme/ui", "workspace:^1.2.0"),
        ("exact", "@acme/ui", "workspace:1.2.3"),
        ("path", "@acme/ui", "workspace:../ui"),
        ("alias", "other", "workspace:@acme/ui@*"),
        ("link", "@acme/ui", "link:../ui"),
    ] {
        project(&env, &format!("p/{name}"), json!({ "name": name, "dependencies": { alias: specifier } }));
    }
    env.install().success();
    let target = fs::canonicalize(env.project().join("p/ui")).unwrap();
    for (name, alias) in [("star", "@acme/ui"), ("caret", "@acme/ui"), ("path", "@acme/ui"), ("alias", "other"), ("link", "@acme/ui")] {
        assert_eq!(fs::canonicalize(env.project().join(format!("p/{name}/node_modules/{alias}"))).unwrap(), target, "{name}");
        assert!(env.has(&format!("p/{name}/node_modules/.bin/ui")), "{name}");
    }
    env.deka(["install", "--frozen-lockfile"]).success();
}

#[test]
fn what_the_workspace_does_not_have_is_an_error_that_names_the_files() {
    let env = sample(&registry());
    env.install().success();
    let lockfile = env.read("deka.lock");
    for (specifier, parts) in [
        (json!({ "gone": "workspace:*" }), &["has no project `gone`", "apps/api/package.json"][..]),
        (json!({ "@acme/ui": "workspace:^2" }), &["the project has version 1.2.3", "libs/ui/package.json", "apps/api/package.json"]),
        (json!({ "@acme/ui": "workspace:../nowhere" }), &["no project of the workspace is there", "apps/api/package.json"]),
    ] {
        project(&env, "apps/api", json!({ "name": "api", "dependencies": specifier }));
        let said = env.install().failure(20);
        parts.iter().fold(said, |said, part| said.says(part));
        assert_eq!(env.read("deka.lock"), lockfile);
        assert!(env.has("apps/api/node_modules/b/index.js"), "what stood there stands");
    }
}

#[test]
fn another_version_or_name_of_a_project_is_noticed() {
    let env = sample(&registry());
    project(&env, "apps/api", json!({ "name": "api", "dependencies": { "@acme/ui": "workspace:^1.0.0" } }));
    env.install().success();
    project(&env, "libs/ui", json!({ "name": "@acme/ui", "version": "2.0.0" }));
    env.install().failure(20).says("asks for `workspace:^1.0.0`").says("libs/ui/package.json");
    project(&env, "libs/ui", json!({ "name": "@acme/other", "version": "1.0.0", "dependencies": { "shared": "1" } }));
    env.deka(["install", "--frozen-lockfile"]).failure(10).says("apps/api/package.json: `@acme/ui` is answered by another project");
    env.install().failure(20).says("has no project `@acme/ui`");
    project(&env, "libs/ui", json!({ "name": "@acme/ui", "version": "1.9.0" }));
    env.install().success();
}

#[test]
fn projects_answer_ranges_only_where_that_is_wanted() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "root", "workspaces": ["p/*"] }));
    project(&env, "p/a", json!({ "name": "a", "version": "1.5.0" }));
    project(&env, "p/x", json!({ "name": "x", "dependencies": { "a": "^1.0.0" } }));
    project(&env, "p/y", json!({ "name": "y", "dependencies": { "a": "^2.0.0" } }));
    let version = |project: &str| env.lockfile()["importers"][project]["dependencies"]["a"]["version"].clone();
    env.install().success();
    assert_eq!((version("p/x"), version("p/y")), (json!("1.1.0"), json!("2.0.0")));
    env.write(".npmrc", "link-workspace-packages=true\n");
    env.install().success();
    assert_eq!((version("p/x"), version("p/y")), (json!("link:p/a"), json!("2.0.0")));
    assert_eq!(fs::canonicalize(env.project().join("p/x/node_modules/a")).unwrap(), env.project().join("p/a"));
    env.install().success().says("Already up to date");
    project(&env, "p/a", json!({ "name": "a", "version": "2.5.0" }));
    env.install().success();
    assert_eq!((version("p/x"), version("p/y")), (json!("1.1.0"), json!("link:p/a")));
    env.write(".npmrc", "link-workspace-packages=maybe\n");
    env.install().failure(2).says("link-workspace-packages");
}

#[test]
fn deeply_linked_projects_answer_packages_too() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "root", "workspaces": ["p/*"], "dependencies": { "b": "1" } }));
    env.write(".npmrc", "link-workspace-packages=deep\n");
    project(&env, "p/shared", json!({ "name": "shared", "version": "1.9.0" }));
    env.install().success();
    let link = fs::canonicalize(env.project().join("node_modules/.deka/b@1.0.0/node_modules/shared")).unwrap();
    assert_eq!(link, env.project().join("p/shared"));
    env.deka(["install", "--frozen-lockfile"]).success();
}

#[test]
fn the_published_folder_stands_for_a_project() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "workspaces": ["p/*"] }));
    project(&env, "p/x", json!({ "name": "x", "dependencies": { "built": "workspace:*", "plain": "workspace:*" } }));
    project(&env, "p/built", json!({ "name": "built", "publishConfig": { "directory": "dist" } }));
    project(&env, "p/plain", json!({ "name": "plain", "publishConfig": { "directory": "dist", "linkDirectory": false } }));
    project(&env, "p/built/dist", json!({ "name": "built", "version": "1.0.0", "bin": "cli.js" }));
    env.write("p/built/dist/cli.js", "");
    env.install().success();
    let target = |alias: &str| fs::read_link(env.project().join("p/x/node_modules").join(alias)).unwrap();
    assert_eq!((target("built").to_str(), target("plain").to_str()), (Some("../../built/dist"), Some("../../plain")));
    assert!(env.has("p/x/node_modules/.bin/built"));
    env.deka(["install", "--frozen-lockfile"]).success();
    project(&env, "p/built", json!({ "name": "built", "publishConfig": { "directory": "../elsewhere" } }));
    env.install().failure(2).says("p/built/package.json").says("publishConfig.directory");
}

/// `app` gets a copy of `ui`, which has the peer `host`; `other` is linked to it.
fn with_copies(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.manifest(json!({ "name": "root", "workspaces": ["p/*"] }));
    let injected = json!({ "ui": { "injected": true } });
    let app = json!({ "name": "app", "dependencies": { "ui": "workspace:*", "host": "1" }, "dependenciesMeta": injected });
    project(&env, "p/app", app);
    let old = json!({ "name": "old", "dependencies": { "ui": "workspace:*", "host": "2" }, "dependenciesMeta": injected });
    project(&env, "p/old", old);
    project(&env, "p/other", json!({ "name": "other", "dependencies": { "ui": "workspace:*" } }));
    project(&env, "p/base", json!({ "name": "base", "version": "1.0.0" }));
    let ui = json!({ "name": "ui", "version": "1.0.0", "dependencies": { "b": "1", "base": "workspace:*" }, "peerDependencies": { "host": "*" } });
    project(&env, "p/ui", ui);
    env.write("p/ui/index.js", "one").write("p/ui/node_modules/own/index.js", "not to be copied");
    env
}

#[test]
fn injected_projects_are_copies_with_the_peers_of_their_user() {
    let env = with_copies(&registry());
    env.install().success();
    let real = |path: &str| fs::canonicalize(env.project().join(path)).unwrap();
    assert_eq!(real("p/other/node_modules/ui"), env.project().join("p/ui"));
    let (app, old) = (real("p/app/node_modules/ui"), real("p/old/node_modules/ui"));
    assert_ne!(app, old);
    for (copy, host) in [(&app, "1.0.0"), (&old, "2.0.0")] {
        assert!(copy.starts_with(env.project().join("node_modules/.deka")), "{copy:?}");
        assert_eq!(fs::read_to_string(copy.join("index.js")).unwrap(), "one");
        assert!(!copy.join("node_modules/own").exists());
        let beside = copy.parent().unwrap();
        assert!(fs::read_to_string(beside.join("host/index.js")).unwrap().contains(host), "{copy:?}");
        assert!(beside.join("b/index.js").exists());
        assert_eq!(fs::canonicalize(beside.join("base")).unwrap(), env.project().join("p/base"));
    }
    env.deka(["install", "--frozen-lockfile"]).success();
}

#[test]
fn copies_follow_their_project_at_the_next_install() {
    let env = with_copies(&registry());
    env.install().success();
    let copy = |file: &str| fs::read_to_string(env.project().join("p/app/node_modules/ui").join(file)).ok();
    fs::write(env.project().join("p/ui/index.js"), "two").unwrap();
    assert_eq!(copy("index.js").as_deref(), Some("one"), "a copy is not the file itself");
    env.install().success();
    assert_eq!(copy("index.js").as_deref(), Some("two"));
    env.write("p/ui/src/new.js", "new");
    env.install().success();
    assert_eq!(copy("src/new.js").as_deref(), Some("new"));
    env.remove("p/ui/src");
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(copy("src/new.js"), None);
    std::thread::sleep(std::time::Duration::from_millis(50));
    env.install().success();
    env.install().success().says("Already up to date");
}

#[test]
fn circles_are_told_and_copies_in_circles_refused() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "root", "workspaces": ["p/*"] }));
    project(&env, "p/x", json!({ "name": "x", "dependencies": { "y": "workspace:*" } }));
    project(&env, "p/y", json!({ "name": "y", "devDependencies": { "x": "workspace:*" } }));
    env.install().success().says("these projects depend on each other in a circle: x (p/x), y (p/y)");
    env.remove("node_modules").remove("deka.lock").remove("p/x/node_modules").remove("p/y/node_modules");
    let copied = json!({ "name": "x", "dependencies": { "y": "workspace:*" }, "dependenciesMeta": { "y": { "injected": true } } });
    project(&env, "p/x", copied);
    let said = env.install().failure(2);
    said.says("DEKA_E_WORKSPACE").says("p/x/package.json asks for a copy of `y`").says("x > y > x").says("p/y/package.json");
    assert!(!env.has("node_modules") && !env.has("deka.lock") && !env.has("p/x/node_modules"));
}

#[test]
fn scripts_of_projects_run_after_those_of_what_they_need() {
    let env = sample(&registry());
    let log = env.project().join("log");
    let write = |what: &str| format!("echo {what} >> '{}'", log.display());
    let scripts = |name: &str| json!({ "preinstall": write(&format!("{name}-pre")), "postinstall": write(&format!("{name}-post")), "prepare": write(&format!("{name}-prepare")) });
    let web = json!({ "name": "web", "dependencies": { "@acme/ui": "workspace:*", "a": "1" }, "scripts": scripts("web") });
    project(&env, "apps/web", web);
    project(&env, "libs/ui", json!({ "name": "@acme/ui", "scripts": scripts("ui") }));
    env.install().success();
    assert_eq!(
        env.read("log").split_whitespace().collect::<Vec<_>>(),
        ["ui-pre", "web-pre", "ui-post", "ui-prepare", "web-post", "web-prepare"]
    );
    env.remove("log");
    env.deka(["install", "--filter", "ui", "--force"]).success();
    assert_eq!(env.read("log").split_whitespace().collect::<Vec<_>>(), ["ui-pre", "ui-post", "ui-prepare"]);
    env.remove("log");
    project(&env, "libs/ui", json!({ "name": "@acme/ui", "scripts": { "postinstall": "exit 3" } }));
    env.install().failure(50).says("@acme/ui").says("postinstall");
    assert!(!env.has("log") || !env.read("log").contains("web-post"), "what needs it does not run");
}

#[test]
fn settings_of_the_workspace_file_count_for_all_projects() {
    let env = TestEnv::with(
        &Registry::new()
            .package("a", "1.0.0", |p| p.dep("shared", "1"))
            .package("native", "1.0.0", |p| p.script("postinstall", "echo built > built.txt"))
            .package("shared", "1.0.0", |p| p)
            .package("shared", "1.1.0", |p| p),
    );
    env.manifest(json!({ "name": "root" }));
    let yaml = "packages: ['p/*']\noverrides:\n  shared: 1.0.0\nallowBuilds:\n  native: true\npublicHoistPattern: ['shared']\nhoistPattern: ['nothing']\n";
    env.write("pnpm-workspace.yaml", yaml);
    project(&env, "p/x", json!({ "name": "x", "dependencies": { "a": "1", "native": "1", "shared": "^1" } }));
    env.install().success();
    assert!(env.read("p/x/node_modules/shared/index.js").contains("shared@1.0.0"));
    assert!(env.has("p/x/node_modules/native/built.txt"));
    assert!(env.has("node_modules/shared") && !env.has("node_modules/.deka/node_modules/a"), "{}", env.tree());
}

#[test]
fn a_clean_install_clears_every_project() {
    let env = sample(&registry());
    env.install().success();
    env.write("apps/web/node_modules/stray/index.js", "").write("node_modules/stray/index.js", "");
    env.deka(["ci"]).success();
    assert!(!env.has("apps/web/node_modules/stray") && !env.has("node_modules/stray"));
    assert!(env.has("apps/web/node_modules/a/index.js") && env.has("libs/ui/node_modules/shared"));
}

#[test]
fn clones_share_files_and_are_known_to_the_store() {
    let registry = registry();
    let env = sample(&registry);
    env.install().success();
    let clone = env.another("clone");
    for file in ["package.json", "deka.lock", "apps/web/package.json", "apps/api/package.json", "libs/ui/package.json", "libs/ui/cli.js"] {
        clone.write(file, env.read(file));
    }
    registry.forget();
    clone.deka(["install", "--frozen-lockfile"]).success();
    assert!(registry.asked().iter().all(|path| !path.ends_with(".tgz")), "{:?}", registry.asked());
    use std::os::unix::fs::MetadataExt;
    let inode = |env: &TestEnv| fs::metadata(env.project().join("apps/api/node_modules/b/index.js")).unwrap().ino();
    assert_eq!(inode(&env), inode(&clone));
    env.deka(["store", "usages", "b"]).success().says("[PROJECT]").says("[ROOT]/clone");
    // Only a project below the root needs it, and its lockfile is the root's.
    env.deka(["store", "gc", "--grace", "0"]).success();
    clone.remove("node_modules").remove("apps/api/node_modules");
    registry.forget();
    clone.deka(["install", "--offline"]).success();
    assert!(clone.has("apps/api/node_modules/b/index.js"));
}

#[test]
fn broken_globs_are_errors_before_anything_is_written() {
    for (yaml, parts) in [
        ("packages: ['../outside']", &["pnpm-workspace.yaml", "`../outside`", "out of the workspace"][..]),
        ("packages: ['a/[']", &["pnpm-workspace.yaml", "`a/[`"]),
        ("packages: 7", &["`packages` must be an array of strings"]),
    ] {
        let env = TestEnv::with(&registry());
        env.depends_on(&[("a", "1")]);
        env.write("pnpm-workspace.yaml", yaml);
        let said = env.install().failure(2);
        parts.iter().fold(said, |said, part| said.says(part));
        assert!(!env.has("node_modules") && !env.has("deka.lock"));
    }
}
