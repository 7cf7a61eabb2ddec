//! Packages whose files go into their slots while they are fetched.

use crate::support::package::Package;
use crate::support::tarball::{Archive, Entry};
use crate::support::{Fault, Registry, TestEnv, tree};
use serde_json::json;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

/// Packages with all that can be in the way: a command without the bit, a path twice, and a script that may change files.
fn registry() -> Registry {
    let twice = Archive::empty()
        .entry(Entry::file("package/package.json", r#"{"name":"twice","version":"1.0.0"}"#))
        .entry(Entry::file("package/index.js", "first"))
        .entry(Entry::file("package/index.js", "second"))
        .tgz();
    Registry::new()
        .package("a", "1.0.0", |package| {
            package.dep("b", "^1.0.0").file("lib/deep/x.js", "x").file("lib/deep/y.js", "y").file("lib/z.js", "z")
        })
        .package("b", "1.0.0", |package| package.file("cli.js", "#!/usr/bin/env node\n").bin("b", "cli.js"))
        .raw_tarball("twice", "1.0.0", twice)
        .package("@s/private", "1.0.0", |package| package.script("postinstall", "echo ran > ran"))
}

fn env(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.manifest(json!({
        "dependencies": { "a": "1", "twice": "1", "@s/private": "1" },
        "trustedDependencies": ["@s/private"],
    }));
    env
}

/// Empties the store and the project, but for the lockfile.
fn begin_anew(env: &TestEnv) {
    env.remove("node_modules");
    std::fs::remove_dir_all(env.store()).expect("a store");
}

#[test]
fn a_fresh_install_fills_slots_as_packages_come() {
    let registry = registry();
    let env = env(&registry);
    let copied = env.deka(["install", "--package-import-method=copy", "--log"]).success().says("; 0 were filled as");
    let expected = tree::contents(&env.project().join("node_modules"));
    assert_eq!(expected[".deka/@s+private@1.0.0/node_modules/@s/private/ran"], b"ran\n", "{}", copied.report());
    begin_anew(&env);
    // Everything is planned when the first tarball comes.
    registry.fault("*.tgz", Fault::delay(150));
    let said = env.deka(["install", "--log"]).success().says("; 2 were filled as");
    assert_eq!(tree::contents(&env.project().join("node_modules")), expected, "{}", said.report());
    assert!(env.strays().is_empty(), "{:?}", env.strays());
    env.deka(["store", "verify"]).success();

    // Into a project that stands, too.
    begin_anew(&env);
    env.manifest(json!({}));
    env.deka(["install", "--no-frozen-lockfile"]).success();
    env.manifest(json!({ "dependencies": { "a": "1" } }));
    env.deka(["install", "--lockfile-only"]).success();
    env.deka(["install", "--log"]).success().says("; 2 were filled as");
    assert_eq!(env.read("node_modules/a/lib/deep/y.js"), "y");
    env.deka(["install"]).success().line("Already up to date [TIME]");
}

/// The same packages, and one that resolution waits for while they come.
fn env_with_late(registry: &Registry) -> TestEnv {
    let env = env(registry);
    env.manifest(json!({
        "dependencies": { "a": "1", "twice": "1", "@s/private": "1", "late": "1" },
        "trustedDependencies": ["@s/private"],
    }));
    env
}

#[test]
fn what_comes_before_there_is_a_plan_lands_as_well() {
    let registry = registry().package("late", "1.0.0", |package| package.file("late.js", "late"));
    let env = env_with_late(&registry);
    env.deka(["install", "--package-import-method=copy"]).success();
    let expected = tree::contents(&env.project().join("node_modules"));
    begin_anew(&env);
    env.remove("deka.lock");
    std::fs::remove_dir_all(env.home().join(".cache")).expect("a cache");
    registry.fault("/late", Fault::delay(400));
    let said = env.deka(["install", "--log"]).success().says("; 3 were filled as");
    assert_eq!(tree::contents(&env.project().join("node_modules")), expected, "{}", said.report());
    assert!(env.strays().is_empty(), "{:?}", env.strays());
    env.deka(["store", "verify"]).success();
    env.deka(["install"]).success().line("Already up to date [TIME]");
}

#[test]
fn a_resolution_that_fails_leaves_nothing_of_what_landed() {
    let registry = registry().package("late", "1.0.0", |package| package.dep("nowhere", "1"));
    let env = env_with_late(&registry);
    registry.fault("/late", Fault::delay(400));
    env.install().failure(20).says("nowhere");
    assert!(!env.has("node_modules") && env.strays().is_empty(), "{:?}", env.strays());

    // Nor in a project where something stands.
    env.manifest(json!({ "dependencies": { "b": "1" } }));
    env.install().success();
    let before = tree::contents(&env.project().join("node_modules"));
    env.deka(["add", "a", "late"]).failure(20).says("nowhere");
    assert_eq!(tree::contents(&env.project().join("node_modules")), before);
    assert!(env.strays().is_empty(), "{:?}", env.strays());
}

#[test]
fn a_script_of_the_project_finds_nothing_that_landed() {
    let registry = registry().package("late", "1.0.0", |package| package);
    let env = env_with_late(&registry);
    let look = "find node_modules -name '*.js' > found || true";
    env.manifest(json!({ "dependencies": { "a": "1", "late": "1" }, "scripts": { "preinstall": look } }));
    registry.fault("/late", Fault::delay(400));
    env.install().success();
    assert_eq!(env.read("found"), "");
    assert_eq!(env.read("node_modules/a/lib/deep/y.js"), "y");
}

/// More than is held in memory, and nothing that could be packed smaller.
fn large() -> (Vec<u8>, Vec<u8>) {
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    let large: Vec<u8> = (0..10 << 20).map(|_| noise()).collect();
    let tarball = Package::new("large", "1.0.0").file("first.js", "1").bytes("large.bin", large.clone()).file("z.js", "3").tarball();
    (large, tarball)
}

#[test]
fn what_is_on_its_way_when_the_plan_is_made_lands_as_well() {
    let (large, tarball) = large();
    let registry = Registry::new().raw_tarball("large", "1.0.0", tarball).package("late", "1.0.0", |package| package);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("large", "1"), ("late", "1")]);
    registry.fault("/late", Fault::delay(400));
    registry.fault("/large/-/large-1.0.0.tgz", Fault::Halt(Duration::from_millis(1200)));
    let said = env.deka(["install", "--log"]).success().says("; 2 were filled as");
    assert!(tree::contents(&env.project().join("node_modules/large"))["large.bin"] == large, "{}", said.report());
    assert_eq!(env.read("node_modules/large/z.js"), "3");
    assert!(env.strays().is_empty(), "{:?}", env.strays());
    env.deka(["store", "verify"]).success();
}

#[test]
fn bytes_that_turn_out_wrong_at_their_end_are_never_in_place() {
    let (large, tarball) = large();
    let registry = Registry::new().raw_tarball("large", "1.0.0", tarball);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("large", "1")]);
    env.deka(["install", "--lockfile-only"]).success();
    let tgz = "/large/-/large-1.0.0.tgz";
    let wrong = Fault::Append(vec![0x41; 64]);
    registry.fault(tgz, wrong.clone());
    env.install().failure(40).says("large@1.0.0");
    assert!(!env.has("node_modules/large") && !env.has("node_modules/.deka/large@1.0.0") && env.strays().is_empty());

    // The first answer says how large it is, and is not read: it is asked for again when there is room for it.
    registry.heal();
    registry.fault_times(tgz, wrong, 2);
    let said = env.install().success().says("the tarball is not the expected one");
    assert!(tree::contents(&env.project().join("node_modules/large"))["large.bin"] == large, "{}", said.report());

    begin_anew(&env);
    registry.heal();
    registry.fault(tgz, Fault::delay(150));
    env.deka(["install", "--log"]).success().says("; 1 were filled as");
    assert!(tree::contents(&env.project().join("node_modules/large"))["large.bin"] == large);
    env.deka(["store", "verify"]).success();
}

#[test]
fn no_project_decides_whose_group_the_store_is() {
    // Only root may give a folder to a group that it is not in.
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: it takes root to give a folder to another group");
        return;
    }
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.deka(["install", "--lockfile-only"]).success();
    std::os::unix::fs::chown(env.project(), None, Some(12_345)).unwrap();
    std::fs::set_permissions(env.project(), std::fs::Permissions::from_mode(0o2755)).unwrap();
    registry.fault("*.tgz", Fault::delay(150));
    env.deka(["install", "--log"]).success().says("; 0 were filled as");
    let group = |path: &str| env.project().join(path).metadata().unwrap().gid();
    assert_eq!(group("node_modules"), 12_345);
    assert_ne!(group("node_modules/a/lib/z.js"), 12_345, "it is the store's");
}
