//! An install that fails leaves the project as it was.

use crate::support::{Fault, Registry, TestEnv, json, tree};
use std::time::Duration;

/// The tarball that is missing, and comes late enough for everything else to be built.
const LATE: &str = "/late/-/late-1.0.0.tgz";

fn registry() -> Registry {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("shared", "1").bin("a", "a.js"))
        .package("a", "2.0.0", |p| p.dep("shared", "1").bin("a", "a.js"))
        .package("b", "1.0.0", |p| p.dep("shared", "1"))
        .package("shared", "1.0.0", |p| p)
        .package("late", "1.0.0", |p| p.file("late.js", "late"))
        .package("host", "1.0.0", |p| p.optional_dep("late", "1").dep("shared", "1"));
    registry.fault(LATE, Fault::LateNotFound(Duration::from_millis(400)));
    registry
}

#[test]
fn what_stood_there_stands() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    let whole = |env: &TestEnv| (env.tree(), tree::contents(&env.project().join("node_modules")), env.read("deka.lock"));
    let before = whole(&env);
    env.depends_on(&[("a", "2"), ("b", "1"), ("late", "1")]);
    for flags in [&["install"][..], &["install", "--force"], &["install", "--package-import-method=copy"]] {
        env.deka(flags).failure(40).says("late@1.0.0");
        assert_eq!(whole(&env), before, "{flags:?}");
        assert_eq!(env.strays(), [""; 0]);
    }
    env.depends_on(&[("a", "1")]);
    env.install().success().line("Already up to date [TIME]");
    assert_eq!(whole(&env), before);
    registry.heal();
    env.depends_on(&[("a", "2"), ("b", "1"), ("late", "1")]);
    env.install().success().line("- a@1.0.0").line("+ a@2.0.0").line("+ late@1.0.0");
}

#[test]
fn where_nothing_was_nothing_is() {
    let registry = registry();
    for (npmrc, flags) in
        [("", &["install"][..]), ("modules-dir=lib/modules\n", &["install"]), ("", &["install", "--virtual-store=global"])]
    {
        let env = TestEnv::with(&registry);
        env.depends_on(&[("a", "1"), ("b", "1"), ("late", "1")]).write(".npmrc", npmrc);
        env.deka(flags).failure(40);
        let found: Vec<String> = tree::paths(env.project()).into_iter().filter(|path| path.contains('/')).collect();
        assert_eq!(found, [""; 0], "{npmrc}{flags:?}");
        assert_eq!(env.strays(), [""; 0]);
        let unfinished = tree::paths(&env.store().join("slots/unfinished"));
        assert_eq!(unfinished, [""; 0]);
    }
}

#[test]
fn what_belongs_to_others_stays() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1"), ("late", "1")]).write("node_modules/a/index.js", "mine").write("node_modules/.cache/x", "kept");
    let before = tree::contents(env.project());
    env.install().failure(40);
    assert_eq!(tree::contents(env.project()), before);
    assert!(!env.has("node_modules/.deka"));
}

#[test]
fn an_optional_package_that_comes_to_nothing_late_is_left_out() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("b", "1"), ("host", "1")]);
    env.install().success().says("late@1.0.0").line("4 packages installed [TIME]");
    assert!(!env.has("node_modules/.deka/host@1.0.0/node_modules/late"), "{}", env.tree());
    assert!(env.has("node_modules/.deka/host@1.0.0/node_modules/shared/index.js"));
    assert_eq!(env.strays(), [""; 0]);
    registry.heal();
    env.deka(["install", "--force"]).success();
    assert_eq!(env.read("node_modules/.deka/host@1.0.0/node_modules/late/late.js"), "late");
}

#[test]
fn installs_that_fail_at_once_do_not_disturb_each_other() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("late", "1")]);
    let running: Vec<_> = (0..4).map(|_| env.prepare(["install"]).start()).collect();
    for run in running {
        run.finish().failure(40).says("late@1.0.0");
    }
    assert!(!env.has("node_modules") && env.strays().is_empty(), "{}", env.tree());
    registry.heal();
    env.install().success().line("3 packages installed [TIME]");
}

#[test]
fn a_preinstall_that_fails_comes_before_everything() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "scripts": { "preinstall": "exit 4" }, "dependencies": { "a": "1" } }));
    env.install().failure(50).says("preinstall").says("4");
    assert!(!env.has("node_modules") && !env.has("deka.lock"));
}

#[test]
fn a_tarball_of_this_machine_that_changed_is_noticed() {
    use crate::support::package::Package;
    let env = TestEnv::with(&registry());
    let tarball = |text: &str| Package::new("local", "1.0.0").file("index.js", text).tarball();
    env.write("local.tgz", tarball("one")).depends_on(&[("local", "file:local.tgz")]);
    env.install().success();
    std::thread::sleep(Duration::from_millis(50));
    env.install().success().line("Already up to date [TIME]");
    env.write("local.tgz", tarball("two"));
    env.deka(["install", "--frozen-lockfile"]).failure(40).says("local").says("deka.lock");
    assert_eq!(env.read("node_modules/local/index.js"), "one");
    env.install().success();
    assert_eq!(env.read("node_modules/local/index.js"), "two");
}

#[test]
fn a_link_in_the_way_to_the_modules_folder_is_not_followed() {
    let env = TestEnv::with(&registry());
    let victim = env.another("victim");
    victim.write("precious", "mine");
    std::os::unix::fs::symlink(victim.project(), env.project().join("lib")).unwrap();
    env.depends_on(&[("a", "1")]).write(".npmrc", "modules-dir=lib/modules\n");
    env.install().either();
    assert_eq!(tree::paths(victim.project()), ["precious"]);
}

#[test]
fn a_dependency_that_only_becomes_direct_is_news() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1")]);
    env.install().success();
    env.depends_on(&[("a", "1"), ("shared", "1")]);
    env.install().success().line("+ shared@1.0.0").line("Direct dependencies changed [TIME]");
    env.depends_on(&[("a", "1")]);
    env.install().success().line("- shared@1.0.0").line("Direct dependencies changed [TIME]");
}
