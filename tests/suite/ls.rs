//! `deka ls`: what is listed is what is locked, and where `node_modules` holds something else, that is said.

use crate::support::{Registry, TestEnv, json};
use insta::assert_snapshot;
use serde_json::Value;

/// A tree with an alias, a peer, a circle and a package that is reached twice.
fn installed() -> (Registry, TestEnv) {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "^1").dep("c", "^1"))
        .package("b", "1.2.0", |p| p.dep("c", "^1"))
        .package("c", "1.0.0", |p| p.dep("d", "^1"))
        .package("d", "1.0.0", |p| p.dep("c", "^1"))
        .package("@scope/with-a-name-that-is-longer-than-any-column-should-be-in-a-terminal", "10.20.30-beta.40", |p| p)
        .package("plugin", "2.0.0", |p| p.peer("host", "^3"))
        .package("host", "3.1.0", |p| p);
    let env = TestEnv::with(&registry);
    env.manifest(json!({
        "name": "app", "version": "1.0.0", "private": true,
        "dependencies": {
            "a": "^1", "other": "npm:b@^1", "plugin": "2", "host": "^3",
            "@scope/with-a-name-that-is-longer-than-any-column-should-be-in-a-terminal": "beta",
        },
        "devDependencies": { "d": "1" },
        "optionalDependencies": { "c": "1" },
    }));
    let registry = registry.tag("@scope/with-a-name-that-is-longer-than-any-column-should-be-in-a-terminal", "beta", "10.20.30-beta.40");
    env.install().success();
    (registry, env)
}

#[test]
fn direct_dependencies_by_list() {
    let (_registry, env) = installed();
    let said = env.deka(["ls"]).success();
    assert_snapshot!(said.stdout, @r"
    app@1.0.0 [PROJECT] (PRIVATE)

    dependencies:
    ├── @scope/with-a-name-that-is-longer-than-any-column-should-be-in-a-terminal@10.20.30-beta.40
    ├── a@1.0.0
    ├── host@3.1.0
    ├── other@npm:b@1.2.0
    └── plugin@2.0.0

    devDependencies:
    └── d@1.0.0

    optionalDependencies:
    └── c@1.0.0
    ");
    assert_eq!(said.stderr, "");
}

#[test]
fn the_whole_tree_shows_nothing_twice() {
    let (_registry, env) = installed();
    assert_snapshot!(env.deka(["list", "--depth", "Infinity"]).success().stdout, @r"
    app@1.0.0 [PROJECT] (PRIVATE)

    dependencies:
    ├── @scope/with-a-name-that-is-longer-than-any-column-should-be-in-a-terminal@10.20.30-beta.40
    ├─┬ a@1.0.0
    │ ├─┬ b@1.2.0
    │ │ └─┬ c@1.0.0
    │ │   └─┬ d@1.0.0
    │ │     └── c@1.0.0 [circular]
    │ └── c@1.0.0 [deduped]
    ├── host@3.1.0
    ├── other@npm:b@1.2.0 [deduped]
    └─┬ plugin@2.0.0
      └── host@3.1.0 peer

    devDependencies:
    └── d@1.0.0 [deduped]

    optionalDependencies:
    └── c@1.0.0 [deduped]
    ");
}

#[test]
fn a_tree_that_is_cut_still_shows_each_level_that_was_asked_for() {
    let registry =
        Registry::new().package("z", "1.0.0", |p| p).package("y", "1.0.0", |p| p.dep("z", "1")).package("a", "1.0.0", |p| p.dep("y", "1"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("y", "1")]);
    env.install().success();
    // At its first place there is no room for what is below `y`, at the second there is.
    assert_snapshot!(env.deka(["ls", "--depth=1"]).success().stdout, @r"
    app@1.0.0 [PROJECT]

    dependencies:
    ├─┬ a@1.0.0
    │ └── y@1.0.0
    └─┬ y@1.0.0
      └── z@1.0.0
    ");
}

#[test]
fn only_what_is_named_and_the_ways_to_it() {
    let (_registry, env) = installed();
    assert_snapshot!(env.deka(["ls", "--depth=Infinity", "--prod", "--no-optional", "d", "plugin"]).success().stdout, @r"
    app@1.0.0 [PROJECT] (PRIVATE)

    dependencies:
    ├─┬ a@1.0.0
    │ ├─┬ b@1.2.0
    │ │ └─┬ c@1.0.0
    │ │   └── d@1.0.0
    │ └── c@1.0.0 [deduped]
    ├── other@npm:b@1.2.0 [deduped]
    └── plugin@2.0.0
    ");
    let said = env.deka(["ls", "c@>=2", "nothing"]).success();
    assert_eq!(said.stdout, "");
    env.deka(["ls", "c@latest"]).failure(2).says("`c@latest`: what stands behind the `@` is no version");
}

#[test]
fn lists_are_chosen_by_flags() {
    let (_registry, env) = installed();
    let sections = |flags: &[&str]| {
        let said = env.deka([&["ls"], flags].concat()).success();
        let headings: Vec<String> = said.stdout.lines().filter(|line| line.ends_with(':')).map(str::to_owned).collect();
        headings.join(" ")
    };
    assert_eq!(sections(&["-P"]), "dependencies: optionalDependencies:");
    assert_eq!(sections(&["-D"]), "devDependencies:");
    assert_eq!(sections(&["--no-optional"]), "dependencies: devDependencies:");
    assert_eq!(sections(&["--depth=-1"]), "");
    env.deka(["ls", "-P", "-D"]).failure(2);
    env.deka(["ls", "--depth=deep"]).failure(2).says("it is neither a number of levels nor `Infinity`");
}

#[test]
fn programs_get_one_document() {
    let (_registry, env) = installed();
    let said = env.deka(["ls", "--json", "--depth=1"]).success();
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let project = &document[0];
    assert_eq!((&project["name"], &project["version"], &project["private"]), (&json!("app"), &json!("1.0.0"), &json!(true)));
    assert_eq!(project["path"], "[PROJECT]");
    let a = &project["dependencies"]["a"];
    assert_eq!(
        *a,
        json!({
            "from": "a", "version": "1.0.0", "path": "[PROJECT]/node_modules/.deka/a@1.0.0/node_modules/a",
            "dependencies": {
                "b": { "from": "b", "version": "1.2.0", "path": "[PROJECT]/node_modules/.deka/b@1.2.0/node_modules/b" },
                "c": { "from": "c", "version": "1.0.0", "path": "[PROJECT]/node_modules/.deka/c@1.0.0/node_modules/c" },
            },
        })
    );
    assert_eq!(project["dependencies"]["other"]["from"], "b");
    assert_eq!(project["dependencies"]["plugin"]["dependencies"]["host"]["peer"], json!(true));
    assert_eq!(project["devDependencies"]["d"]["version"], "1.0.0");
    assert_eq!(project["optionalDependencies"]["c"]["version"], "1.0.0");
}

#[test]
fn folders_for_scripts_and_more_words_for_people() {
    let registry = Registry::new().package("a", "1.0.0", |p| {
        p.field("description", json!("Does things\u{1b}[2J"))
            .field("homepage", json!("home.test"))
            .field("repository", json!({ "url": "git:x" }))
    });
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    assert_snapshot!(env.deka(["ls", "--parseable"]).success().stdout, @r"
    [PROJECT]
    [PROJECT]/node_modules/.deka/a@1.0.0/node_modules/a
    ");
    assert_snapshot!(env.deka(["ls", "--parseable", "--long"]).success().stdout, @r"
    [PROJECT]:app@1.0.0
    [PROJECT]/node_modules/.deka/a@1.0.0/node_modules/a:a@1.0.0
    ");
    assert_snapshot!(env.deka(["ls", "--long"]).success().stdout, @r"
    app@1.0.0 [PROJECT]

    dependencies:
    └── a@1.0.0
        Does things\u{1b}[2J
        git:x
        home.test
        [PROJECT]/node_modules/.deka/a@1.0.0/node_modules/a
    ");
}

#[test]
fn what_differs_from_the_lockfile_is_said() {
    let (registry, env) = installed();
    // The manifest was edited.
    let mut manifest: Value = serde_json::from_str(&env.read("package.json")).unwrap();
    manifest["dependencies"]["a"] = json!("^1.0.0");
    manifest["dependencies"]["new"] = json!("^9");
    manifest["devDependencies"] = json!({});
    env.manifest(manifest);
    let said = env.deka(["ls"]).success();
    assert!(said.stdout.contains("a@1.0.0 package.json asks for ^1.0.0\n"), "{}", said.stdout);
    assert!(said.stdout.contains("new@^9 not in deka.lock\n"), "{}", said.stdout);
    assert!(said.stdout.contains("d@1.0.0 not in package.json\n"), "{}", said.stdout);
    // Somebody meddled with node_modules.
    env.remove("node_modules/a");
    env.remove("node_modules/host").write("node_modules/host/package.json", r#"{"name":"host","version":"9.9.9"}"#);
    let said = env.deka(["ls"]).success();
    assert!(said.stdout.contains("a@1.0.0 package.json asks for ^1.0.0, not installed\n"), "{}", said.stdout);
    assert!(said.stdout.contains("host@3.1.0 node_modules has 9.9.9\n"), "{}", said.stdout);
    // The lockfile moved on, as after a pull.
    registry.publish("new", "9.0.0", |p| p);
    env.write("other/package.json", env.read("package.json"));
    let other = env.another("project/other");
    other.install().success();
    env.write("deka.lock", other.read("deka.lock"));
    let said = env.deka(["ls"]).success();
    assert!(said.stderr.contains("node_modules is not what deka.lock says: 1 package is missing"), "{}", said.stderr);
}

#[test]
fn copies_of_folders_are_what_the_lockfile_says() {
    let env = TestEnv::with(&Registry::new());
    env.manifest(json!({ "name": "root", "workspaces": ["p/*"], "dependencies": { "copied": "file:lib" } }));
    env.write("lib/package.json", r#"{"name":"copied","version":"1.0.0"}"#);
    env.write("p/ui/package.json", r#"{"name":"ui","version":"2.0.0"}"#);
    let app = json!({ "name": "app", "dependencies": { "ui": "workspace:*" }, "dependenciesMeta": { "ui": { "injected": true } } });
    env.write("p/app/package.json", app.to_string());
    env.install().success();
    assert_eq!(env.deka(["ls"]).success().stderr, "");
    env.deka(["deploy", "app", "../out"]).success();
    assert_eq!(env.prepare(["ls"]).in_folder(&env.at_root("out")).run().success().stderr, "");
    env.remove("node_modules/.deka/copied@file+lib");
    assert_eq!(env.install().success().stdout, "1 package installed [TIME]\n");
}

#[test]
fn nothing_locked_and_nothing_installed_is_said() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1")]);
    let said = env.deka(["ls"]).success();
    assert!(said.stdout.contains("a@^1 not in deka.lock"), "{}", said.stdout);
    assert!(said.stderr.contains("there is no deka.lock"), "{}", said.stderr);
    env.deka(["install", "--lockfile-only"]).success();
    let said = env.deka(["ls"]).success();
    assert!(said.stdout.contains("a@1.0.0\n") && said.stderr.contains("nothing is installed"), "{}", said.report());
    env.install().success();
    assert_eq!(env.deka(["ls"]).success().stderr, "");
}

#[test]
fn a_list_that_was_left_out_is_not_listed() {
    let (_registry, env) = installed();
    env.deka(["install", "--prod"]).success();
    let said = env.deka(["ls"]).success();
    assert!(!said.stdout.contains("devDependencies") && !said.stdout.contains("not installed"), "{}", said.stdout);
    assert_eq!(said.stderr, "");
}

#[test]
fn peers_that_are_missing_or_wrong_are_marked() {
    let registry = Registry::new()
        .package("plugin", "2.0.0", |p| p.peer("host", "^3").peer("gone", "1").optional_peer("maybe", "1"))
        .package("host", "1.0.0", |p| p)
        .package("gone", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("plugin", "2"), ("host", "1")]);
    env.write(".npmrc", "auto-install-peers=false\n");
    env.install().success();
    let said = env.deka(["ls"]).success();
    assert!(said.stdout.contains("plugin@2.0.0 unmet peer gone@1, wrong peer: wants host@^3, has 1.0.0\n"), "{}", said.stdout);
    let document: Value = serde_json::from_str(&env.deka(["ls", "--json"]).success().stdout).unwrap();
    assert_eq!(document[0]["dependencies"]["plugin"]["problems"][0], "unmet peer gone@1");
}

#[test]
fn works_where_slots_are_shared() {
    let (_registry, env) = installed();
    env.remove("node_modules");
    env.deka(["install", "--virtual-store=global"]).success();
    let said = env.deka(["ls", "--json", "--depth=1"]).success();
    assert_eq!(said.stderr, "");
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let place = document[0]["dependencies"]["a"]["dependencies"]["b"]["path"].as_str().unwrap();
    assert!(place.starts_with("[STORE]/slots/b@1.2.0") && place.ends_with("/node_modules/b"), "{place}");
}

/// `web` and `docs` need `ui`, which needs `web` in turn.
fn workspace() -> (Registry, TestEnv) {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("b", "1")).package("b", "1.0.0", |p| p).package("tool", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "root", "version": "1.0.0", "private": true, "devDependencies": { "tool": "1" } }));
    env.write("pnpm-workspace.yaml", "packages: [apps/*, packages/*]\n");
    env.write("apps/web/package.json", r#"{"name":"web","version":"1.0.0","dependencies":{"ui":"workspace:*","a":"1"}}"#);
    env.write("apps/docs/package.json", r#"{"name":"docs","version":"1.0.0","dependencies":{"ui":"workspace:*"}}"#);
    let ui = r#"{"name":"ui","version":"2.0.0","dependencies":{"b":"1","web":"workspace:*"},"devDependencies":{"tool":"1"}}"#;
    env.write("packages/ui/package.json", ui);
    env.install().success();
    (registry, env)
}

#[test]
fn projects_of_a_workspace_are_linked_and_circles_marked() {
    let (_registry, env) = workspace();
    let said = env.deka(["ls", "--depth=Infinity"]).success();
    assert_snapshot!(said.stdout, @r"
    root@1.0.0 [PROJECT] (PRIVATE)

    devDependencies:
    └── tool@1.0.0

    docs@1.0.0 [PROJECT]/apps/docs

    dependencies:
    └─┬ ui@link:../../packages/ui
      ├── b@1.0.0
      └─┬ web@link:../../apps/web
        ├─┬ a@1.0.0
        │ └── b@1.0.0
        └── ui@link:../../packages/ui [circular]

    web@1.0.0 [PROJECT]/apps/web

    dependencies:
    ├── a@1.0.0 [deduped]
    └── ui@link:../../packages/ui [deduped]

    ui@2.0.0 [PROJECT]/packages/ui

    dependencies:
    ├── b@1.0.0
    └── web@link:../../apps/web [deduped]

    devDependencies:
    └── tool@1.0.0
    ");
    assert_eq!(said.stderr, "");
    assert_snapshot!(env.deka(["ls", "--only-projects", "-r"]).success().stdout, @r"
    root@1.0.0 [PROJECT] (PRIVATE)

    docs@1.0.0 [PROJECT]/apps/docs

    dependencies:
    └── ui@link:../../packages/ui

    web@1.0.0 [PROJECT]/apps/web

    dependencies:
    └── ui@link:../../packages/ui

    ui@2.0.0 [PROJECT]/packages/ui

    dependencies:
    └── web@link:../../apps/web
    ");
}

#[test]
fn projects_are_selected_as_everywhere() {
    let (_registry, env) = workspace();
    let listed = |flags: &[&str], folder: &str| {
        let said = env.prepare([&["ls", "--depth=-1"], flags].concat()).in_folder(&env.project().join(folder)).run().success();
        let name = |line: &str| line.split('@').next().unwrap().to_owned();
        said.stdout.lines().filter(|line| !line.is_empty()).map(name).collect::<Vec<String>>().join(" ")
    };
    assert_eq!(listed(&[], ""), "root docs web ui", "at the root of a workspace all of it is meant");
    assert_eq!(listed(&["-w"], ""), "root");
    assert_eq!(listed(&[], "apps/web"), "web");
    assert_eq!(listed(&["-r"], "apps/web"), "root docs web ui");
    assert_eq!(listed(&["-w"], "apps/web"), "root");
    assert_eq!(listed(&["--filter", "docs..."], "apps/web"), "docs web ui");
    assert_eq!(listed(&["-F", "./packages/*"], ""), "ui");
    let said = env.deka(["ls", "--filter", "nothing"]).success();
    assert!(said.stdout.is_empty() && said.stderr.contains("No projects matched the filters"), "{}", said.report());
    assert_eq!(env.deka(["ls", "--filter", "nothing", "--json"]).success().stdout, "[]\n");
}
