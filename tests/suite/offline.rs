//! Without a network, with as little of it as possible, and with a store that has everything.

use crate::support::{Fault, Registry, TestEnv, tree};

fn registry() -> Registry {
    Registry::new().package("a", "1.0.0", |p| p.dep("b", "^1").bin("a", "a.js")).package("b", "1.0.0", |p| p)
}

#[test]
fn a_warm_store_and_a_lockfile_need_no_network() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    let (whole, contents) = (env.tree(), tree::contents(&env.project().join("node_modules")));
    registry.forget();
    let other = env.another("project/other");
    other.depends_on(&[("a", "1")]).write("deka.lock", env.read("deka.lock"));
    other.install().success().line("2 packages installed [TIME]");
    assert_eq!(registry.asked(), [""; 0]);
    assert_eq!((other.tree(), tree::contents(&other.project().join("node_modules"))), (whole.clone(), contents));
    // With no lockfile, fresh metadata in the cache will do.
    let third = env.another("project/third");
    third.depends_on(&[("a", "1")]);
    third.install().success();
    assert_eq!(registry.asked(), [""; 0]);
    assert_eq!(third.tree(), whole);
}

#[test]
fn offline_works_with_what_is_here_however_old() {
    let registry = registry().cache_control("no-cache");
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    registry.fault("*", Fault::HangUp);
    registry.forget();
    let other = env.another("project/other");
    other.depends_on(&[("b", "^1")]);
    other.deka(["install", "--offline"]).success().line("+ b@1.0.0");
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn offline_says_what_is_missing() {
    let registry = registry().package("c", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("c", "1")]);
    let said = env.deka(["install", "--offline"]).failure(40).says_one_of(&["a", "c"]).says("offline");
    assert!(said.stderr.contains("DEKA_E_OFFLINE"), "{}", said.report());
    env.deka(["install", "--lockfile-only"]).success();
    registry.forget();
    env.deka(["install", "--offline"]).failure(40).says("@1.0.0").says("offline");
    assert_eq!(registry.asked(), [""; 0]);
    assert!(!env.has("node_modules/a"));
    env.install().success();
}

#[test]
fn prefer_offline_asks_for_what_is_missing_only() {
    let registry = registry().cache_control("no-cache").package("c", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    registry.publish("a", "1.9.0", |p| p);
    registry.forget();
    let other = env.another("project/other");
    other.depends_on(&[("a", "1"), ("c", "1")]);
    other.deka(["install", "--prefer-offline"]).success().line("+ a@1.0.0").line("+ c@1.0.0");
    assert_eq!(registry.asked(), ["/c", "/c/-/c-1.0.0.tgz"]);
}

#[test]
fn old_metadata_is_checked_with_its_etag() {
    let registry = registry().cache_control("no-cache");
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    registry.forget();
    let other = env.another("project/other");
    other.depends_on(&[("a", "1")]);
    other.install().success();
    let conditional = registry.requests().iter().filter(|request| request.header("if-none-match").is_some()).count();
    assert_eq!((conditional, registry.asked()), (2, vec!["/a".to_owned(), "/b".to_owned()]));
    registry.publish("b", "1.1.0", |p| p);
    let third = env.another("project/third");
    third.depends_on(&[("a", "1")]);
    third.install().success();
    assert!(third.has("node_modules/.deka/b@1.1.0"), "{}", third.tree());
}

#[test]
fn the_cache_of_one_registry_is_not_used_for_another() {
    let (good, other) = (registry(), Registry::new().package("a", "1.5.0", |p| p));
    let env = TestEnv::with(&good);
    env.depends_on(&[("a", "1")]);
    env.install().success().line("+ a@1.0.0");
    env.remove("deka.lock").remove("node_modules");
    env.deka(["install", "--registry", &other.url()]).success().line("+ a@1.5.0");
}

#[test]
fn a_damaged_cache_counts_as_none() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    for (keep, tail) in [(0, &b""[..]), (10, b""), (0, b"garbage"), (40, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")] {
        for file in tree::paths(&env.home().join(".cache")).iter().filter(|path| !path.ends_with('/')) {
            let path = env.home().join(".cache").join(file);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.truncate(keep);
            bytes.extend_from_slice(tail);
            std::fs::write(path, bytes).unwrap();
        }
        env.remove("deka.lock").remove("node_modules");
        env.install().success().line("2 packages installed [TIME]");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_no_reason_to_fail() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    std::fs::write(env.home().join(".cache"), "a file stands here").unwrap();
    env.depends_on(&[("a", "1")]);
    env.install().success().line("2 packages installed [TIME]");
}

#[test]
fn ci_makes_node_modules_anew() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    let (whole, lockfile) = (env.tree(), env.read("deka.lock"));
    env.write("node_modules/left-over/index.js", "old").remove("node_modules/.deka/a@1.0.0/node_modules/a/index.js");
    registry.forget();
    env.deka(["ci"]).success().line("2 packages installed [TIME]");
    assert_eq!((env.tree(), env.read("deka.lock")), (whole, lockfile));
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn ci_that_cannot_work_keeps_what_is_there() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    env.depends_on(&[("a", "1"), ("b", "1")]);
    env.deka(["ci"]).failure(10);
    assert!(env.has("node_modules/a/index.js"), "the lockfile is looked at before anything is removed");
}

#[test]
fn equal_names_from_two_registries_are_two_packages() {
    let version = |text: &'static str| Registry::new().package("a", "1.0.0", move |p| p.without_integrity().file("index.js", text));
    let (one, two) = (version("one"), version("two"));
    let env = TestEnv::with(&one);
    let other = env.another("project/other");
    for (project, registry, text) in [(&env, &one, "one"), (&other, &two, "two"), (&env, &one, "one")] {
        project.depends_on(&[("a", "1")]).write(".npmrc", format!("registry={}\n", registry.url()));
        if project.has("node_modules") {
            project.remove("node_modules").remove("deka.lock");
        }
        project.install().success();
        assert_eq!(project.read("node_modules/a/index.js"), text);
    }
}
