//! `deka add`: what is typed ends up in package.json, the lockfile and `node_modules`, or nowhere.

use crate::support::package::Package;
use crate::support::{Fault, Registry, TestEnv, json};
use insta::assert_snapshot;
use serde_json::Value;

/// A registry whose `a` has several versions.
fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p)
        .package("a", "1.2.0", |p| p)
        .package("a", "2.1.0", |p| p)
        .package("a", "3.0.0-rc.1", |p| p)
        .tag("a", "latest", "2.1.0")
        .tag("a", "next", "3.0.0-rc.1")
        .package("b", "1.0.0", |p| p.dep("c", "^1"))
        .package("c", "1.0.0", |p| p)
}

fn manifest(env: &TestEnv) -> Value {
    serde_json::from_str(&env.read("package.json")).unwrap()
}

#[test]
fn a_package_is_added_and_everything_fits_afterwards() {
    let env = TestEnv::with(&registry());
    env.write("package.json", "{\n\t\"name\": \"app\",\n\t\"dependencies\": {\n\t\t\"b\": \"^1\"\n\t},\n\t\"x\": [1, 2]\n}");
    env.install().success();
    let said = env.deka(["add", "a"]).success();
    assert_snapshot!(said.stdout, @r"
    + a@2.1.0

    1 package installed [TIME]
    ");
    assert_eq!(
        env.read("package.json"),
        "{\n\t\"name\": \"app\",\n\t\"dependencies\": {\n\t\t\"a\": \"^2.1.0\",\n\t\t\"b\": \"^1\"\n\t},\n\t\"x\": [1, 2]\n}"
    );
    assert_eq!(env.lockfile()["importers"]["."]["dependencies"]["a"], json!({ "specifier": "^2.1.0", "version": "2.1.0" }));
    assert!(env.has("node_modules/a/package.json"));
    let (lockfile, tree) = (env.read("deka.lock"), env.tree());
    env.install().success().line("Already up to date [TIME]");
    env.deka(["install", "--frozen-lockfile", "--force"]).success();
    assert_eq!((env.read("deka.lock"), env.tree()), (lockfile, tree));
    assert_eq!(env.strays(), [""; 0]);
}

#[test]
fn the_next_install_has_nothing_to_look_at() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("b", "^1")]);
    // Files that are younger than a few ticks of the clock are never believed.
    std::thread::sleep(std::time::Duration::from_millis(60));
    env.deka(["add", "a"]).success();
    let said = env.deka(["install", "--log"]).success().line("Already up to date [TIME]");
    said.never_says("settings, manifests and store are open");
}

#[test]
fn ranges_are_written_as_they_are_asked_for() {
    let env = TestEnv::with(&registry());
    for (arguments, specifier, version) in [
        (&["a"][..], "^2.1.0", "2.1.0"),
        (&["a@latest"], "^2.1.0", "2.1.0"),
        (&["a@next"], "3.0.0-rc.1", "3.0.0-rc.1"),
        (&["a@1"], "1", "1.2.0"),
        (&["a@^1.0.0"], "^1.0.0", "1.2.0"),
        (&["a@1.0.0"], "1.0.0", "1.0.0"),
        (&["a@>=1 <2"], ">=1 <2", "1.2.0"),
        (&["a", "--save-prefix=~"], "~2.1.0", "2.1.0"),
        (&["a", "-E"], "2.1.0", "2.1.0"),
        (&["a@^1", "--save-exact"], "1.2.0", "1.2.0"),
        (&["a@npm:b"], "npm:b@^1.0.0", "b@1.0.0"),
        (&["a@npm:b@1"], "npm:b@1", "b@1.0.0"),
    ] {
        env.manifest(json!({ "name": "app" }));
        let said = env.prepare([&["add"], arguments].concat()).run().success();
        assert_eq!(manifest(&env)["dependencies"]["a"], specifier, "{}", said.report());
        assert_eq!(env.lockfile()["importers"]["."]["dependencies"]["a"]["version"], version, "{}", said.report());
        env.install().success().line("Already up to date [TIME]");
    }
}

#[test]
fn settings_say_how_versions_are_saved() {
    let env = TestEnv::with(&registry());
    for (npmrc, specifier) in [("save-prefix=~", "~2.1.0"), ("save-prefix=", "2.1.0"), ("save-exact=true", "2.1.0"), ("", "^2.1.0")] {
        env.manifest(json!({})).write(".npmrc", npmrc);
        env.deka(["add", "a"]).success();
        assert_eq!(manifest(&env)["dependencies"]["a"], specifier, "{npmrc}");
    }
    env.write(".npmrc", "save-prefix=>");
    env.deka(["add", "a"]).failure(2).says("save-prefix").says(".npmrc:1");
}

#[test]
fn lists_are_chosen_by_flags_and_else_kept() {
    let env = TestEnv::with(&registry());
    for (before, arguments, after) in [
        (json!({}), &["-D"][..], json!({ "devDependencies": { "a": "^2.1.0" } })),
        (json!({}), &["--save-dev"], json!({ "devDependencies": { "a": "^2.1.0" } })),
        (json!({}), &["-O"], json!({ "optionalDependencies": { "a": "^2.1.0" } })),
        (json!({}), &["--save-peer"], json!({ "devDependencies": { "a": "^2.1.0" }, "peerDependencies": { "a": "^2.1.0" } })),
        (json!({}), &["--peer", "-P"], json!({ "dependencies": { "a": "^2.1.0" }, "peerDependencies": { "a": "^2.1.0" } })),
        // What is there stays in its list, and in its range.
        (json!({ "devDependencies": { "a": "~1.0.0" } }), &[], json!({ "devDependencies": { "a": "~1.0.0" } })),
        (json!({ "devDependencies": { "a": "^1.0.0" } }), &[], json!({ "devDependencies": { "a": "^1.2.0" } })),
        (json!({ "devDependencies": { "a": "^1" } }), &["-P"], json!({ "dependencies": { "a": "^1.2.0" } })),
        (
            json!({ "dependencies": { "a": "1.x", "b": "1" }, "peerDependencies": { "a": "*" } }),
            &["-D"],
            json!({ "dependencies": { "b": "1" }, "peerDependencies": { "a": "*" }, "devDependencies": { "a": "1.x" } }),
        ),
    ] {
        env.manifest(before.clone());
        env.prepare([&["add", "a"], arguments].concat()).run().success();
        assert_eq!(manifest(&env), after, "{before} {arguments:?}");
    }
    env.deka(["add", "a", "-D", "-O"]).failure(2);
}

#[test]
fn an_existing_range_moves_with_what_is_asked() {
    let env = TestEnv::with(&registry());
    for (before, typed, after) in
        [("~1.0.0", "a@latest", "~2.1.0"), ("1.0.0", "a@latest", "2.1.0"), ("^1.0.0", "a@2", "2"), ("npm:b@^1.0.0", "a", "npm:b@^1.0.0")]
    {
        env.depends_on(&[("a", before)]);
        env.install().success();
        env.deka(["add", typed]).success();
        assert_eq!(manifest(&env)["dependencies"]["a"], after, "{before} {typed}");
    }
}

#[test]
fn several_at_once_and_by_install_too() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "app" }));
    env.deka(["install", "-D", "c", "a@1", "-E"]).success().line("+ a@1.2.0").line("+ c@1.0.0");
    assert_eq!(manifest(&env)["devDependencies"], json!({ "a": "1.2.0", "c": "1.0.0" }));
    env.deka(["i", "b"]).success().line("+ b@1.0.0");
    assert_eq!(manifest(&env)["dependencies"], json!({ "b": "^1.0.0" }));
    env.deka(["add", "a", "a@2"]).failure(2).says("`a` is to be added twice");
    env.deka(["add"]).failure(2);
}

#[test]
fn folders_tarballs_and_addresses_tell_their_names() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "app" }));
    env.write("lib/one/package.json", "{\"name\": \"one\", \"version\": \"1.0.0\"}");
    env.write("lib/two/index.js", "");
    env.write("three.tgz", Package::new("three", "3.0.0").tarball());
    env.write("src/index.js", "");
    // What a copied folder held is not believed while its files are younger than a few ticks of the clock.
    std::thread::sleep(std::time::Duration::from_millis(60));
    let url = registry.tarball_url("c", "1.0.0");
    let from_src = env.prepare(["add", "../lib/one", "../three.tgz", &url]).in_folder(&env.project().join("src"));
    from_src.run().success().line("+ three@3.0.0").line("+ c@1.0.0");
    assert_eq!(registry.count("/c/-/c-1.0.0.tgz"), 1, "what had to be fetched for its name is not fetched again");
    env.deka(["add", "./lib/two", "copy@file:lib/one", "other@link:lib/one"]).success();
    assert_eq!(
        manifest(&env)["dependencies"],
        json!({
            "c": url, "copy": "file:lib/one", "one": "link:lib/one", "other": "link:lib/one", "three": "file:three.tgz",
            "two": "link:lib/two",
        })
    );
    env.install().success().line("Already up to date [TIME]");
    env.deka(["add", "./lib/none"]).failure(20).says("lib/none");
}

#[test]
fn everything_else_keeps_its_version() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("deep", "^1")).package("deep", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1")]);
    env.install().success();
    registry.publish("a", "1.1.0", |p| p.dep("deep", "^1"));
    registry.publish("deep", "1.1.0", |p| p);
    registry.publish("b", "1.0.0", |p| p.dep("deep", "^1"));
    // As if the cached metadata had become too old.
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    let inode = || std::os::unix::fs::MetadataExt::ino(&env.project().join("node_modules/a/").metadata().unwrap());
    let before = inode();
    env.deka(["add", "b"]).success().line("+ b@1.0.0").line("1 package installed [TIME]");
    assert_eq!(inode(), before, "what stood there was not built again");
    let lockfile = env.lockfile();
    let packages: Vec<&String> = lockfile["packages"].as_object().unwrap().keys().collect();
    assert_eq!(packages, ["a@1.0.0", "b@1.0.0", "deep@1.0.0"]);
    assert_eq!(manifest(&env)["dependencies"], json!({ "a": "^1", "b": "^1.0.0" }));
}

#[test]
fn whatever_fails_nothing_has_changed() {
    let registry =
        registry().package("bad", "1.0.0", |p| p.script("install", "exit 3")).package("needs-none", "1.0.0", |p| p.dep("none", "1"));
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "app", "dependencies": { "b": "^1" }, "trustedDependencies": ["bad"] }));
    env.install().success();
    let before = (env.read("package.json"), env.read("deka.lock"), env.tree());
    registry.fault("/a/-/*", Fault::status(404));
    for (package, status, says) in [
        ("none", 20, "none"),
        ("a@9", 20, "no version of `a` satisfies `9`"),
        ("a@none", 20, "no version tagged `none`"),
        ("needs-none", 20, "needed by"),
        ("a@2", 40, "a-2.1.0.tgz"),
        ("bad", 50, "bad@1.0.0"),
        ("user/repo", 20, "git"),
        ("x@workspace:*", 20, "workspace"),
    ] {
        let said = env.deka(["add", package]).failure(status).says(says);
        assert_eq!((env.read("package.json"), env.read("deka.lock")), (before.0.clone(), before.1.clone()), "{}", said.report());
        env.install().success();
        assert_eq!(env.tree(), before.2, "{}", said.report());
    }
    env.deka(["add", "-O", "none"]).failure(20).says("`none` could not be resolved");
    assert_eq!(env.read("package.json"), before.0);
    assert_eq!(env.strays(), [""; 0]);
}

#[test]
fn killed_at_any_moment_the_next_install_goes_on() {
    let mut registry = Registry::new();
    for number in 0..12 {
        registry =
            registry.package(&format!("p{number}"), "1.0.0", |p| if number < 11 { p.dep(&format!("p{}", number + 1), "1") } else { p });
    }
    registry.fault("*.tgz", Fault::delay(5));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("p6", "^1")]);
    env.install().success();
    let old = (env.read("package.json"), env.read("deka.lock"), env.tree());
    let new = {
        let env = TestEnv::with(&registry);
        env.depends_on(&[("p6", "^1")]);
        env.install().success();
        env.deka(["add", "p0"]).success();
        (env.read("package.json"), env.read("deka.lock"), env.tree())
    };
    for after_ms in [1, 5, 12, 20, 30, 40, 55, 75, 100] {
        let running = env.prepare(["add", "p0"]).start();
        std::thread::sleep(std::time::Duration::from_millis(after_ms));
        running.kill();
        let manifest = env.read("package.json");
        assert!(manifest == old.0 || manifest == new.0, "after {after_ms} ms:\n{manifest}");
        env.install().success();
        let found = (env.read("package.json"), env.read("deka.lock"), env.tree());
        assert!(found == if manifest == old.0 { old.clone() } else { new.clone() }, "after {after_ms} ms:\n{}", found.2);
        assert_eq!(env.strays(), [""; 0]);
        env.write("package.json", &old.0).write("deka.lock", &old.1);
        env.install().success();
    }
}

#[test]
fn a_manifest_that_changes_meanwhile_is_not_overwritten() {
    let registry = registry();
    registry.fault("*.tgz", Fault::delay(600));
    let env = TestEnv::with(&registry);
    env.depends_on(&[]);
    let running = env.prepare(["add", "a"]).start();
    std::thread::sleep(std::time::Duration::from_millis(300));
    env.manifest(json!({ "name": "mine" }));
    running.finish().failure(2).says("package.json was changed by somebody else");
    assert_eq!(manifest(&env), json!({ "name": "mine" }));
    assert!(!env.has("deka.lock"));
}

#[test]
fn two_at_the_same_time_both_count() {
    let registry = registry();
    registry.fault("*.tgz", Fault::delay(100));
    let env = TestEnv::with(&registry);
    env.depends_on(&[]);
    let (first, second) = (env.prepare(["add", "a"]).start(), env.prepare(["add", "b"]).start());
    first.finish().success();
    second.finish().success();
    assert_eq!(manifest(&env)["dependencies"], json!({ "a": "^2.1.0", "b": "^1.0.0" }));
    env.install().success().line("Already up to date [TIME]");
}

#[test]
fn a_build_server_may_add_too() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("b", "1")]);
    env.install().success();
    env.prepare(["add", "a"]).env("CI", "true").run().success().line("+ a@2.1.0");
    env.prepare(["install"]).env("CI", "true").run().success();
}

#[test]
fn only_the_files_when_that_is_asked_for() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[]);
    env.deka(["add", "a", "--lockfile-only"]).success().line("Lockfile written [TIME]");
    assert_eq!(manifest(&env)["dependencies"], json!({ "a": "^2.1.0" }));
    assert_eq!(env.lockfile()["importers"]["."]["dependencies"]["a"]["specifier"], "^2.1.0");
    assert!(!env.has("node_modules"));
}

#[test]
fn an_override_that_refers_to_what_is_added_is_of_the_saved_range() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "dependencies": { "a": "^1.0.0" }, "overrides": { "a": "$a" } }));
    env.deka(["add", "a@latest"]).success();
    assert_eq!(env.lockfile()["overrides"]["a"], "^2.1.0");
    let lockfile = env.read("deka.lock");
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(env.read("deka.lock"), lockfile);
}

#[test]
fn only_what_is_new_is_asked_of_the_registry() {
    let registry = registry().cache_control("no-cache");
    let env = TestEnv::with(&registry);
    env.depends_on(&[("b", "^1")]);
    env.install().success();
    registry.publish("c", "1.5.0", |p| p);
    registry.forget();
    env.deka(["add", "a@1"]).success();
    assert!(registry.asked().iter().all(|path| path.starts_with("/a")), "what the lockfile has is known: {:?}", registry.asked());
    assert_eq!(env.lockfile()["packages"].as_object().unwrap().keys().collect::<Vec<_>>(), ["a@1.2.0", "b@1.0.0", "c@1.0.0"]);
    registry.forget();
    env.deka(["add", "c@^1.5"]).success();
    assert!(registry.asked().iter().all(|path| path.starts_with("/c")), "{:?}", registry.asked());
}
