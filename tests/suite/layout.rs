//! What stands in `node_modules`: slots, links, the hidden hoist and `.bin`.

use crate::support::{Registry, TestEnv, json};
use insta::assert_snapshot;
use std::os::unix::fs::symlink;
use std::process::Command;

#[test]
fn peers_make_slots() {
    let registry = Registry::new()
        .package("react", "18.0.0", |p| p)
        .package("react", "19.0.0", |p| p)
        .package("dom", "1.0.0", |p| p.peer("react", "*"))
        .package("old", "1.0.0", |p| p.dep("react", "18.0.0").dep("dom", "1.0.0"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("react", "19.0.0"), ("dom", "1.0.0"), ("old", "1.0.0")]);
    env.install().success().line("5 packages installed [TIME]");
    assert_snapshot!(links(&env), @r"
    .deka/dom@1.0.0_react@18.0.0/node_modules/react -> ../../react@18.0.0/node_modules/react
    .deka/dom@1.0.0_react@19.0.0/node_modules/react -> ../../react@19.0.0/node_modules/react
    .deka/old@1.0.0/node_modules/dom -> ../../dom@1.0.0_react@18.0.0/node_modules/dom
    .deka/old@1.0.0/node_modules/react -> ../../react@18.0.0/node_modules/react
    dom -> .deka/dom@1.0.0_react@19.0.0/node_modules/dom
    old -> .deka/old@1.0.0/node_modules/old
    react -> .deka/react@19.0.0/node_modules/react
    ");
    assert_eq!(env.lockfile()["importers"]["."]["dependencies"]["dom"]["version"], "1.0.0(react@19.0.0)");
}

#[test]
fn scopes_and_aliases_have_their_places() {
    let registry =
        Registry::new().package("@s/a", "1.0.0", |p| p.dep("b2", "npm:b@2")).package("b", "1.0.0", |p| p).package("b", "2.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("@s/a", "1.0.0"), ("b", "1.0.0"), ("@other/b", "npm:b@^2")]);
    env.install().success().line("+ @s/a@1.0.0").line("+ b@1.0.0").says("@other/b");
    assert_snapshot!(links(&env), @r"
    .deka/@s+a@1.0.0/node_modules/b2 -> ../../b@2.0.0/node_modules/b
    .deka/node_modules/b2 -> ../b@2.0.0/node_modules/b
    @other/b -> ../.deka/b@2.0.0/node_modules/b
    @s/a -> ../.deka/@s+a@1.0.0/node_modules/@s/a
    b -> .deka/b@1.0.0/node_modules/b
    ");
}

#[test]
fn cycles_are_no_trouble() {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "1").dep("a", "1"))
        .package("b", "1.0.0", |p| p.dep("a", "1").peer("c", "1"))
        .package("c", "1.0.0", |p| p.peer("b", "1").dep("a", "1"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("b", "1"), ("c", "1")]);
    env.install().success();
    for name in ["a", "b", "c"] {
        assert_eq!(env.read(&format!("node_modules/{name}/index.js")), format!("module.exports = \"{name}@1.0.0\";\n"));
    }
}

#[test]
fn a_package_that_depends_on_another_version_of_itself_has_it_inside() {
    let registry = Registry::new()
        .package("@s/a", "2.0.0", |p| p.dep("@s/a", "1"))
        .package("@s/a", "1.0.0", |p| p)
        .package("b", "2.0.0", |p| p.dep("b", "1"))
        .package("b", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("@s/a", "2"), ("b", "2")]);
    for _ in 0..3 {
        env.install().success();
        for name in ["@s/a", "b"] {
            let inside = env.read(&format!("node_modules/{name}/node_modules/{name}/index.js"));
            assert_eq!(inside, format!("module.exports = \"{name}@1.0.0\";\n"));
        }
        env.remove("node_modules");
    }
}

#[test]
fn commands_run() {
    let registry = Registry::new()
        .package("tool", "1.0.0", |p| p.bin("tool", "cli.js").bin("tool2", "./bin/two.js").dep("inner", "1"))
        .package("inner", "1.0.0", |p| p.bin("inner", "i.js"))
        .package("@s/one", "1.0.0", |p| p.file("run.js", "#!/bin/sh\necho one\n").field("bin", json!("run.js")))
        .package("dirs", "1.0.0", |p| p.file("tools/d1", "#!/bin/sh\necho d1\n").field("directories", json!({ "bin": "tools" })));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("tool", "1"), ("@s/one", "1"), ("dirs", "1")]);
    env.install().success();
    let run = |path: &str| {
        let output =
            Command::new(env.project().join(path)).arg("x").output().unwrap_or_else(|error| panic!("{path}: {error}\n{}", env.tree()));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run("node_modules/.bin/tool"), "tool of tool@1.0.0: x\n");
    assert_eq!(run("node_modules/.bin/tool2"), "tool2 of tool@1.0.0: x\n");
    assert_eq!(run("node_modules/.bin/one"), "one\n");
    assert_eq!(run("node_modules/.bin/d1"), "d1\n");
    assert!(!env.has("node_modules/.bin/inner"), "only direct dependencies have their commands at the top");
    let inner = env.tree().lines().find(|line| line.contains(".bin/inner")).map(|line| line.split(" -> ").next().unwrap().to_owned());
    let inner = inner.unwrap_or_else(|| panic!("a package has the commands of its own dependencies\n{}", env.tree()));
    assert_eq!(run(&format!("node_modules/{inner}")), "inner of inner@1.0.0: x\n");
}

#[test]
fn the_first_of_two_equal_commands_wins_always_the_same_way() {
    let registry = Registry::new()
        .package("x", "1.0.0", |p| p.bin("cmd", "x.js"))
        .package("cmd", "1.0.0", |p| p.bin("cmd", "cmd.js"))
        .package("b", "1.0.0", |p| p.bin("cmd", "b.js"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("x", "1"), ("cmd", "1"), ("b", "1")]);
    env.install().success().says("cmd");
    let output = Command::new(env.project().join("node_modules/.bin/cmd")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "cmd of cmd@1.0.0: \n");
}

#[test]
fn bundled_dependencies_stay_in_their_package() {
    let registry = Registry::new().package("a", "1.0.0", |p| {
        p.dep("inside", "^1").dep("outside", "^1").bundled("inside", "1.5.0").file("index.js", "module.exports = require('inside');\n")
    });
    let registry = registry.package("outside", "1.0.0", |p| p).package("inside", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.install().success().line("2 packages installed [TIME]");
    assert_eq!(registry.count("/inside"), 0, "what lies in the tarball is not asked for");
    let node = Command::new("node").args(["-p", "require('a')"]).current_dir(env.project()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&node.stdout), "bundled inside@1.5.0\n");
}

#[test]
fn hoisting_can_be_set() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("b", "1").dep("eslint-x", "1"));
    let registry = registry.package("b", "1.0.0", |p| p).package("eslint-x", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    for (settings, top, hidden) in [
        ("", vec!["a"], vec!["a", "b", "eslint-x"]),
        ("hoist=false\n", vec!["a"], vec![]),
        ("hoist-pattern[]=*\nhoist-pattern[]=!b\n", vec!["a"], vec!["a", "eslint-x"]),
        ("public-hoist-pattern[]=*eslint*\n", vec!["a", "eslint-x"], vec!["a", "b"]),
        ("shamefully-hoist=true\n", vec!["a", "b", "eslint-x"], vec![]),
    ] {
        env.depends_on(&[("a", "1")]).write(".npmrc", settings);
        env.install().success();
        for name in ["a", "b", "eslint-x"] {
            assert_eq!(env.has(&format!("node_modules/{name}")), top.contains(&name), "{settings:?} {name}\n{}", env.tree());
            // What is at the top for everyone to see need not be in the hidden folder, but it may.
            let in_hidden = env.has(&format!("node_modules/.deka/node_modules/{name}"));
            assert!(in_hidden == hidden.contains(&name) || top.contains(&name), "{settings:?} {name}\n{}", env.tree());
        }
    }
}

#[test]
fn names_that_differ_in_case_only_are_two() {
    let registry =
        Registry::new().package("Foo", "1.0.0", |p| p).package("foo", "1.0.0", |p| p).package("x", "1.0.0", |p| p.dep("Foo", "1"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("foo", "1"), ("x", "1")]);
    env.install().success().line("3 packages installed [TIME]");
    let slots: Vec<String> = std::fs::read_dir(env.project().join("node_modules/.deka"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().to_lowercase())
        .filter(|name| name.starts_with("foo@"))
        .collect();
    assert!(slots.len() == 2 && slots[0] != slots[1], "{slots:?}");
    assert!(env.read("node_modules/.deka/x@1.0.0/node_modules/Foo/index.js").contains("Foo@1.0.0"));
}

#[test]
fn long_names_are_shortened() {
    let long = format!("@scope/{}", "n".repeat(190));
    let registry = Registry::new().package(&long, "1.0.0", |p| p.peer("react", "*")).package("react", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[(&long, "1"), ("react", "1")]);
    env.install().success();
    let longest = std::fs::read_dir(env.project().join("node_modules/.deka")).unwrap().map(|entry| entry.unwrap().file_name().len()).max();
    assert!(longest <= Some(120), "{longest:?}");
    assert!(env.read(&format!("node_modules/{long}/index.js")).contains("1.0.0"));
}

#[test]
fn links_that_someone_planted_are_not_followed() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.bin("a", "a.js")).package("@s/b", "1.0.0", |p| p);
    for planted in
        ["node_modules/a", "node_modules/.deka", "node_modules/.bin", "node_modules/@s", "node_modules/.deka/a@1.0.0", "node_modules"]
    {
        let env = TestEnv::with(&registry);
        let victim = env.another("victim");
        victim.write("precious", "mine");
        let link = env.project().join(planted);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(victim.project(), &link).unwrap();
        env.depends_on(&[("a", "1"), ("@s/b", "1")]);
        let said = env.install().either();
        let found = crate::support::tree::paths(victim.project());
        assert_eq!(found, ["precious"], "{planted}: something was written through the link\n{}", said.report());
        if planted != "node_modules" {
            assert!(said.status.success(), "{planted}: {}", said.report());
            assert!(env.has("node_modules/a/index.js") && env.has("node_modules/@s/b/index.js") && env.has("node_modules/.bin/a"));
        }
    }
}

#[test]
fn what_deka_did_not_put_there_is_left_alone_unless_it_is_in_the_way() {
    let registry = Registry::new().package("a", "1.0.0", |p| p).package("b", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("b", "1")]);
    env.write("node_modules/a/index.js", "from another tool").write("node_modules/mine/index.js", "mine").write("node_modules/b", "a file");
    env.install().success();
    assert_eq!(env.read("node_modules/a/index.js"), "module.exports = \"a@1.0.0\";\n");
    assert_eq!(env.read("node_modules/b/index.js"), "module.exports = \"b@1.0.0\";\n");
    assert_eq!(env.read("node_modules/mine/index.js"), "mine");
}

#[test]
fn the_folders_can_be_named_otherwise() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]).write(".npmrc", "modules-dir=lib/modules\n");
    env.install().success();
    assert!(env.has("lib/modules/a/index.js") && !env.has("node_modules"));
    env.write(".npmrc", "virtual-store-dir=node_modules/.slots\n");
    env.install().success();
    assert!(env.has("node_modules/.slots/a@1.0.0/node_modules/a/index.js") && env.has("node_modules/a/index.js"));
}

fn links(env: &TestEnv) -> String {
    env.tree().lines().filter(|line| line.contains(" -> ")).map(|line| format!("{line}\n")).collect()
}
