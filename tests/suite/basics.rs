//! The main job: a `package.json` becomes a `node_modules`, and a person is told what happened.

use crate::support::{Registry, TestEnv, json, tree};
use insta::assert_snapshot;
use std::process::Command;

#[test]
fn installs_what_the_manifest_asks_for_and_says_so() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("b", "^1")).package("b", "1.2.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1.0.0")]);
    let said = env.install().success();
    assert_snapshot!(said.stdout, @r"
    + a@1.0.0

    2 packages installed [TIME]
    ");
    assert_eq!(said.stderr, "");
    assert_snapshot!(env.tree(), @r"
    .deka/a@1.0.0/node_modules/a/index.js
    .deka/a@1.0.0/node_modules/a/package.json
    .deka/a@1.0.0/node_modules/b -> ../../b@1.2.0/node_modules/b
    .deka/b@1.2.0/node_modules/b/index.js
    .deka/b@1.2.0/node_modules/b/package.json
    .deka/node_modules/b -> ../b@1.2.0/node_modules/b
    a -> .deka/a@1.0.0/node_modules/a
    ");
    assert_eq!(registry.asked(), ["/a", "/a/-/a-1.0.0.tgz", "/b", "/b/-/b-1.2.0.tgz"]);
    assert_eq!(env.strays(), [""; 0]);
}

#[test]
fn one_package_is_counted_as_one() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.deka(["i"]).success().line("+ a@1.0.0").line("1 package installed [TIME]");
}

#[test]
fn node_finds_what_was_installed() {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "^1").file("index.js", "module.exports = `a with ${require('b')}`;\n"))
        .package("b", "1.2.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1.0.0")]);
    env.install().success();
    let node = Command::new("node").args(["-p", "require('a')"]).current_dir(env.project()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&node.stdout), "a with b@1.2.0\n");
}

#[test]
fn an_empty_project_has_nothing_to_install() {
    let env = TestEnv::with(&Registry::new());
    env.manifest(json!({}));
    env.install().success().line("Already up to date [TIME]");
    assert_eq!(env.tree(), "");
}

#[test]
fn the_version_is_chosen_as_npm_chooses_it() {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p)
        .package("a", "1.1.0", |p| p)
        .package("a", "1.2.0", |p| p.deprecated("broken"))
        .package("a", "2.0.0-rc.1", |p| p)
        .package("a", "2.0.0", |p| p)
        .tag("a", "latest", "1.0.0")
        .tag("a", "next", "2.0.0-rc.1");
    let env = TestEnv::with(&registry);
    for (specifier, version) in [
        ("latest", "1.0.0"),
        ("*", "1.0.0"),
        ("", "1.0.0"),
        ("^1.0.0", "1.0.0"),
        ("^1.0.1", "1.1.0"),
        (">=1.2 <2", "1.2.0"),
        ("next", "2.0.0-rc.1"),
        (">=2.0.0-0", "2.0.0"),
        ("1.0 - 1.1", "1.0.0"),
        ("^5 || 2.x", "2.0.0"),
        ("=1.1.0", "1.1.0"),
        ("v1.1.0", "1.1.0"),
    ] {
        let project = env.another(&format!("project/{}", specifier.len()));
        project.depends_on(&[("a", specifier)]);
        project.install().success().line(&format!("+ a@{version}"));
        std::fs::remove_dir_all(project.project()).unwrap();
    }
}

#[test]
fn works_from_another_folder() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.prepare(["install", "-C", "project"]).in_folder(&env.at_root("")).run().success().line("+ a@1.0.0");
    assert!(env.has("node_modules/a/index.js"));
}

#[test]
fn works_from_a_folder_inside_of_the_project() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]).write("src/index.js", "");
    env.prepare(["install"]).in_folder(&env.project().join("src")).run().success();
    assert!(env.has("node_modules/a/index.js") && !env.has("src/node_modules"));
}

#[test]
fn a_registry_without_frills_is_enough() {
    let registry =
        Registry::new()
            .plain()
            .package("a", "1.0.0", |p| p.dep("@s/b", "^1").without_integrity())
            .package("@s/b", "1.0.0", |p| p.shasum_only());
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.install().success().line("2 packages installed [TIME]");
    let packages = env.lockfile()["packages"].to_string();
    assert!(packages.contains(&registry.integrity("a", "1.0.0")), "what the registry does not say is computed: {packages}");
}

#[test]
fn files_keep_their_bytes_and_their_executable_bit() {
    let big: Vec<u8> = (0..3_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).take(9_000_000).collect();
    let registry = Registry::new().package("a", "1.0.0", |p| {
        p.bytes("big.bin", big.clone()).bytes("empty", Vec::new()).executable("run.sh", "#!/bin/sh\necho ran\n").file("deep/er/x.js", "x")
    });
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.install().success();
    let found = tree::contents(&env.project().join("node_modules/.deka/a@1.0.0/node_modules/a"));
    assert!(found["big.bin"] == big && found["empty"].is_empty() && found["deep/er/x.js"] == b"x");
    assert!(env.tree().contains("/a/run.sh*\n") && env.tree().contains("/a/index.js\n"), "{}", env.tree());
}

#[test]
fn force_builds_everything_anew() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.install().success();
    env.remove("node_modules/.deka/a@1.0.0/node_modules/a/index.js");
    env.deka(["install", "--force"]).success();
    assert_eq!(env.read("node_modules/a/index.js"), "module.exports = \"a@1.0.0\";\n");
}

#[test]
fn help_names_commands_and_flags() {
    let env = TestEnv::new();
    env.deka(["--help"]).success().says("install").says("ci").says("store");
    let said = env.deka(["install", "--help"]).success();
    for flag in [
        "--frozen-lockfile",
        "--no-frozen-lockfile",
        "--lockfile-only",
        "--prod",
        "-P",
        "--dev",
        "-D",
        "--no-optional",
        "--ignore-scripts",
        "--offline",
        "--prefer-offline",
        "--force",
        "--verify",
        "--store-dir",
        "--registry",
        "--virtual-store",
        "--package-import-method",
        "-C",
        "--dir",
        "--reporter",
        "--no-progress",
        "--log",
    ] {
        assert!(said.stdout.contains(flag), "{flag}: {}", said.report());
    }
    env.deka(["install", "--no-such-flag"]).failure(2).says("--no-such-flag");
    env.deka(["instal"]).failure(2).says("instal");
    env.deka(["--version"]).success().says(env!("CARGO_PKG_VERSION"));
}
