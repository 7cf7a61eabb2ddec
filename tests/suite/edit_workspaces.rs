//! `add`, `remove` and `update` in a workspace: the right projects change, and catalogs with them.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;

fn registry() -> Registry {
    Registry::new().package("a", "1.0.0", |p| p).package("a", "1.1.0", |p| p).package("a", "2.0.0", |p| p).package("b", "1.0.0", |p| p)
}

/// A root with two projects below it.
fn workspace(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.manifest(json!({ "name": "root", "private": true }));
    env.write("pnpm-workspace.yaml", "packages:\n  - apps/*\n  - packages/*\n");
    env.write("apps/web/package.json", "{\n  \"name\": \"web\",\n  \"version\": \"1.0.0\"\n}\n");
    env.write("packages/ui/package.json", "{\n  \"name\": \"@acme/ui\",\n  \"version\": \"1.2.0\"\n}\n");
    env
}

fn manifest(env: &TestEnv, project: &str) -> Value {
    serde_json::from_str(&env.read(&format!("{project}/package.json"))).unwrap()
}

#[test]
fn only_the_selected_projects_change() {
    let env = workspace(&registry());
    env.install().success();
    let before = env.read("packages/ui/package.json");
    env.deka(["--filter", "web", "add", "a"]).success().line("+ a@2.0.0").line("1 package installed [TIME]");
    assert_eq!(
        env.read("apps/web/package.json"),
        "{\n  \"name\": \"web\",\n  \"version\": \"1.0.0\",\n  \"dependencies\": {\n    \"a\": \"^2.0.0\"\n  }\n}\n"
    );
    assert_eq!(env.read("packages/ui/package.json"), before);
    assert!(env.has("apps/web/node_modules/a/package.json") && !env.has("packages/ui/node_modules/a"));
    assert_eq!(env.lockfile()["importers"]["apps/web"]["dependencies"]["a"]["specifier"], "^2.0.0");
    env.install().success().line("Already up to date [TIME]");
    // Without a filter it is the project that one stands in.
    env.write("packages/ui/src/x.js", "");
    env.prepare(["add", "-D", "b"]).in_folder(&env.project().join("packages/ui/src")).run().success();
    assert_eq!(manifest(&env, "packages/ui")["devDependencies"], json!({ "b": "^1.0.0" }));
    env.deka(["-r", "remove", "a"]).success().line("- a@2.0.0");
    assert_eq!(manifest(&env, "apps/web"), json!({ "name": "web", "version": "1.0.0" }));
    env.deka(["-r", "remove", "a"]).failure(2).says("`a` cannot be removed");
    env.deka(["-F", "none", "add", "a"]).success().says("No projects matched");
    env.install().success().line("Already up to date [TIME]");
}

#[test]
fn what_is_gone_from_another_project_comes_back_with_an_install_there() {
    let env = workspace(&registry());
    env.install().success();
    env.deka(["-r", "add", "a@1"]).success();
    env.remove("packages/ui/node_modules/a").remove("node_modules/.deka/a@1.1.0/node_modules/a");
    env.deka(["--filter", "web", "add", "b"]).success();
    assert!(env.has("apps/web/node_modules/a/package.json"), "the slot is needed here too");
    assert!(!env.has("packages/ui/node_modules/a"), "an edit of one project looks at that one only");
    env.install().success();
    assert!(env.has("packages/ui/node_modules/a/package.json"));
    env.deka(["--filter", "web", "remove", "a"]).success();
    assert!(env.has("packages/ui/node_modules/a/package.json") && !env.has("apps/web/node_modules/a"));
}

#[test]
fn the_root_has_to_be_meant() {
    let env = workspace(&registry());
    let said = env.deka(["add", "a"]).failure(2).says("root of the workspace");
    assert!(said.stderr.contains("-w"), "{}", said.report());
    assert_eq!(manifest(&env, "."), json!({ "name": "root", "private": true }));
    env.deka(["add", "-w", "a"]).success();
    assert_eq!(manifest(&env, ".")["dependencies"], json!({ "a": "^2.0.0" }));
    env.deka(["add", "b", "--ignore-workspace-root-check"]).success();
    env.deka(["remove", "-w", "a", "b"]).success();
    env.deka(["-r", "add", "a"]).success();
    assert_eq!(manifest(&env, "."), json!({ "name": "root", "private": true }), "the root is not a project like the others");
    assert_eq!(manifest(&env, "packages/ui")["dependencies"], manifest(&env, "apps/web")["dependencies"]);
}

#[test]
fn projects_of_the_workspace_are_added_by_name() {
    for (npmrc, typed, specifier) in [
        ("", &["@acme/ui", "--workspace"][..], "workspace:^"),
        ("save-prefix=~", &["@acme/ui", "--workspace"], "workspace:~"),
        ("", &["@acme/ui", "--workspace", "-E"], "workspace:*"),
        ("save-workspace-protocol=true", &["@acme/ui", "--workspace"], "workspace:^1.2.0"),
        ("", &["@acme/ui@^1", "--workspace"], "workspace:^1"),
        ("", &["@acme/ui@workspace:*"], "workspace:*"),
        ("link-workspace-packages=true", &["@acme/ui"], "workspace:^"),
        ("save-workspace-protocol=false", &["@acme/ui", "--workspace"], "workspace:^"),
    ] {
        let env = workspace(&registry());
        env.write(".npmrc", npmrc);
        env.prepare([&["-F", "web", "add"], typed].concat()).run().success();
        assert_eq!(manifest(&env, "apps/web")["dependencies"]["@acme/ui"], specifier, "{npmrc} {typed:?}");
        assert_eq!(
            std::fs::read_link(env.project().join("apps/web/node_modules/@acme/ui")).unwrap().to_str(),
            Some("../../../../packages/ui")
        );
    }
    let env = workspace(&registry());
    let said = env.deka(["-F", "web", "add", "@acme/ui"]).failure(20).says("has no package `@acme/ui`");
    said.says("warning: `@acme/ui` is a project of this workspace").says("`--workspace` takes the project");
    env.deka(["-F", "web", "add", "a", "--workspace"]).failure(2).says("no project of the workspace has that name");
    env.deka(["-F", "web", "add", "@acme/ui@workspace:^2"]).failure(20).says("the project has version 1.2.0");
    assert_eq!(manifest(&env, "apps/web"), json!({ "name": "web", "version": "1.0.0" }));
}

#[test]
fn ranges_go_to_catalogs_and_come_from_them() {
    let env = workspace(&registry());
    env.deka(["-F", "web", "add", "a", "--save-catalog"]).success();
    assert_eq!(manifest(&env, "apps/web")["dependencies"]["a"], "catalog:");
    assert_eq!(env.read("pnpm-workspace.yaml"), "packages:\n  - apps/*\n  - packages/*\n\ncatalog:\n  a: ^2.0.0\n");
    env.install().success().line("Already up to date [TIME]");
    // A range that all share is taken without being asked for.
    env.deka(["-F", "@acme/ui", "add", "a"]).success();
    assert_eq!(manifest(&env, "packages/ui")["dependencies"]["a"], "catalog:");
    env.deka(["-F", "web", "add", "a@^1", "--catalog=old", "-D"]).success();
    assert_eq!(manifest(&env, "apps/web")["devDependencies"]["a"], "catalog:old");
    assert!(env.read("pnpm-workspace.yaml").ends_with("catalogs:\n  old:\n    a: ^1\n"));
    env.deka(["-F", "web", "add", "./packages/ui", "--catalog"]).failure(2).says("cannot be saved in a catalog");
    env.install().success().line("Already up to date [TIME]");
    env.deka(["install", "--frozen-lockfile", "--force"]).success();
}

#[test]
fn an_update_moves_the_catalog_for_all_who_share_it() {
    let registry = registry();
    let env = workspace(&registry);
    let yaml = "# projects\npackages: ['apps/*', 'packages/*']\n\ncatalog:\n  a: ^1.0.0 # the one\n";
    env.write("pnpm-workspace.yaml", yaml);
    for project in ["apps/web", "packages/ui"] {
        env.write(&format!("{project}/package.json"), format!("{{\"name\": \"{project}\", \"dependencies\": {{\"a\": \"catalog:\"}}}}"));
    }
    env.install().success();
    let version = |env: &TestEnv| {
        let lockfile = env.lockfile();
        ["apps/web", "packages/ui"]
            .map(|project| lockfile["importers"][project]["dependencies"]["a"]["version"].as_str().unwrap().to_owned())
    };
    env.prepare(["update", "a"]).in_folder(&env.project().join("apps/web")).run().success();
    assert_eq!((env.read("pnpm-workspace.yaml"), version(&env)), (yaml.replace("^1.0.0", "^1.1.0"), ["1.1.0", "1.1.0"].map(str::to_owned)));
    env.deka(["-r", "update", "--latest"]).success();
    assert_eq!((env.read("pnpm-workspace.yaml"), version(&env)), (yaml.replace("^1.0.0", "^2.0.0"), ["2.0.0", "2.0.0"].map(str::to_owned)));
    assert!(env.read("apps/web/package.json").contains("catalog:"));
    env.install().success().line("Already up to date [TIME]");
}

#[test]
fn a_catalog_that_cannot_be_edited_stops_everything() {
    let env = workspace(&registry());
    let yaml = "packages: ['apps/*']\ncatalog: {a: ^1.0.0}\n";
    env.write("pnpm-workspace.yaml", yaml);
    env.deka(["-F", "web", "add", "a@2", "--catalog"]).failure(2).says("pnpm-workspace.yaml: the file cannot be edited");
    assert_eq!(env.read("pnpm-workspace.yaml"), yaml);
    assert_eq!(manifest(&env, "apps/web"), json!({ "name": "web", "version": "1.0.0" }));
    assert!(!env.has("deka.lock") && !env.has("node_modules"));
}

#[test]
fn catalogs_of_package_json_are_edited_there() {
    let env = workspace(&registry());
    env.remove("pnpm-workspace.yaml");
    env.write(
        "package.json",
        "{\n  \"workspaces\": {\n    \"packages\": [\"apps/*\"],\n    \"catalog\": {\n      \"a\": \"^1.0.0\"\n    }\n  }\n}\n",
    );
    env.deka(["-F", "web", "add", "a", "b", "--catalog"]).success();
    assert_eq!(
        env.read("package.json"),
        "{\n  \"workspaces\": {\n    \"packages\": [\"apps/*\"],\n    \"catalog\": {\n      \"a\": \"^1.0.0\",\n      \"b\": \"^1.0.0\"\n    }\n  }\n}\n"
    );
    env.deka(["-r", "up", "-L"]).success();
    assert!(env.read("package.json").contains("\"a\": \"^2.0.0\""));
    assert!(!env.has("pnpm-workspace.yaml"));
    env.install().success().line("Already up to date [TIME]");
}

#[test]
fn a_new_catalog_stands_where_the_workspace_is_described() {
    for (workspaces, path) in [(json!(["apps/*"]), ""), (json!({ "packages": ["apps/*"] }), "/workspaces")] {
        let env = workspace(&registry());
        env.remove("pnpm-workspace.yaml");
        env.manifest(json!({ "name": "root", "workspaces": workspaces }));
        env.deka(["-F", "web", "add", "a", "--catalog"]).success();
        env.deka(["-F", "web", "add", "b", "--catalog=old"]).success();
        let root = manifest(&env, ".");
        assert_eq!(root.pointer(&format!("{path}/catalog")), Some(&json!({ "a": "^2.0.0" })), "{root}");
        assert_eq!(root.pointer(&format!("{path}/catalogs")), Some(&json!({ "old": { "b": "^1.0.0" } })), "{root}");
        assert!(!env.has("pnpm-workspace.yaml"));
        env.install().success().line("Already up to date [TIME]");
    }
}

#[test]
fn what_other_projects_have_stays() {
    let registry = Registry::new().package("a", "1.0.0", |p| p).package("b", "1.0.0", |p| p);
    let env = workspace(&registry);
    env.write("apps/web/package.json", "{\"name\": \"web\", \"dependencies\": {\"a\": \"^1\"}}");
    env.write("packages/ui/package.json", "{\"name\": \"ui\", \"dependencies\": {\"a\": \"^1\"}}");
    env.install().success();
    registry.publish("a", "1.1.0", |p| p);
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    env.deka(["-F", "ui", "update", "a"]).success();
    let lockfile = env.lockfile();
    assert_eq!(lockfile["importers"]["apps/web"]["dependencies"]["a"]["version"], "1.0.0");
    assert_eq!(lockfile["importers"]["packages/ui"]["dependencies"]["a"]["version"], "1.1.0");
    env.install().success().line("Already up to date [TIME]");
}

#[test]
fn what_is_said_is_about_the_projects_that_were_meant() {
    let env = workspace(&registry());
    env.manifest(json!({ "name": "root", "private": true, "dependencies": { "b": "1" } }));
    env.install().success();
    let said = env.deka(["-F", "web", "add", "a@1"]).success();
    assert_eq!(said.stdout, "+ a@1.1.0\n\n1 package installed [TIME]\n", "the root keeps what it has");
    let said = env.deka(["-F", "web", "add", "-D", "a"]).success();
    assert_eq!(said.stdout, "apps/web/package.json changed [TIME]\n", "nothing else had to be done");
    // Without a filter the root is in the foreground, and the others are not forgotten.
    env.write("packages/ui/package.json", json!({ "name": "@acme/ui", "dependencies": { "a": "1", "web": "workspace:*" } }).to_string());
    let said = env.install().success();
    assert_eq!(said.stdout, "Direct dependencies changed [TIME]\n");
    env.write("packages/ui/package.json", json!({ "name": "@acme/ui", "dependencies": { "a": "1" } }).to_string());
    let said = env.deka(["-F", "@acme/*", "install"]).success();
    assert_eq!(said.stdout, "- web@link:../../../apps/web\n\nDirect dependencies changed [TIME]\n");
}
