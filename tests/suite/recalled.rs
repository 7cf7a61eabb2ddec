//! What the packages of a lockfile ask for is kept in the cache, and spares asking about them again.

use crate::support::{Registry, TestEnv, json, tree};
use std::path::PathBuf;

/// A registry whose answers are to be checked each time, so that it shows what is asked.
fn registry() -> Registry {
    Registry::new()
        .cache_control("no-cache")
        .package("a", "1.0.0", |p| p.dep("deep", "^1").optional_dep("late", "1").peer("host", "1"))
        .package("b", "1.0.0", |p| p.dep("alias", "npm:deep@1").bundled("inside", "1.0.0").deprecated("old"))
        .package("c", "1.0.0", |p| p.dep("deep", "^1").bin("c", "c.js"))
        .package("deep", "1.0.0", |p| p.engine("node", ">=1").os("!nothing"))
        .package("host", "1.0.0", |p| p)
}

/// A workspace that has what there is but `c`.
fn project(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.manifest(json!({ "name": "root", "workspaces": ["lib"], "dependencies": { "a": "^1.0.0" }, "overrides": { "host": "1.0.0" } }));
    env.write("lib/package.json", r#"{ "name": "lib", "dependencies": { "b": "1", "a": "1" } }"#);
    env.install().success();
    registry.forget();
    env
}

fn kept(env: &TestEnv) -> PathBuf {
    env.home().join(".cache/deka/demands-v1")
}

fn files(env: &TestEnv) -> Vec<PathBuf> {
    std::fs::read_dir(kept(env)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn without_any_packument_what_stays_is_as_it_was() {
    let registry = registry();
    let env = project(&registry);
    std::fs::remove_dir_all(env.home().join(".cache/deka/packuments")).unwrap();
    env.deka(["add", "-w", "c"]).success();
    let mut asked = registry.asked();
    asked.retain(|path| !path.ends_with(".tgz"));
    asked.sort();
    assert_eq!(asked, ["/c", "/deep", "/late"], "what is new, what it needs, and what was not to be had before");
    assert_eq!(files(&env).len(), 2, "one for each lockfile");
    registry.forget();
    env.deka(["remove", "-w", "c"]).success();
    assert_eq!(registry.asked(), ["/late"]);
}

#[test]
fn the_outcome_is_the_same_with_it_and_without() {
    let registry = registry();
    let (with, without) = (project(&registry), project(&registry));
    registry.publish("deep", "1.1.0", |p| p);
    registry.publish("late", "1.0.0", |p| p);
    registry.publish("a", "1.1.0", |p| p.dep("deep", "^1.1").peer("host", "1"));
    for edit in [
        &["add", "-w", "c"][..],
        &["add", "--filter", "lib", "deep"],
        &["remove", "-w", "a"],
        &["add", "-w", "a"],
        &["update", "deep", "-r"],
        &["add", "--filter", "lib", "deep@1.0.0"],
        &["dedupe"],
        &["update", "-r"],
    ] {
        std::fs::remove_dir_all(kept(&without)).unwrap();
        registry.forget();
        with.deka(edit).success();
        let asked = registry.asked();
        registry.forget();
        without.deka(edit).success();
        let asked_without = registry.asked();
        assert!(asked.len() <= asked_without.len(), "{edit:?}: {asked:?}, and without it {asked_without:?}");
        for mut asked in [asked, asked_without] {
            let count = asked.len();
            asked.sort();
            asked.dedup();
            assert_eq!(asked.len(), count, "{edit:?}: something was asked twice among {asked:?}");
        }
        assert_eq!(with.read("deka.lock"), without.read("deka.lock"), "{edit:?}");
        assert_eq!(with.tree(), without.tree(), "{edit:?}");
        let contents = |env: &TestEnv| tree::contents(&env.project().join("lib"));
        assert_eq!(contents(&with), contents(&without), "{edit:?}");
    }
}

#[test]
fn damage_and_what_is_of_another_answer_count_as_nothing() {
    let registry = registry();
    let env = project(&registry);
    let path = files(&env).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let before = (env.read("package.json"), env.read("deka.lock"));
    let mut lockfiles = Vec::new();
    for stands in [whole.clone(), whole[..whole.len() / 2].to_vec(), [&whole[..], b"x"].concat(), Vec::new()] {
        std::fs::remove_dir_all(env.home().join(".cache/deka/packuments")).unwrap();
        std::fs::write(&path, &stands).unwrap();
        env.write("package.json", &before.0).write("deka.lock", &before.1);
        registry.forget();
        env.deka(["add", "-w", "c"]).success();
        assert_eq!(registry.asked().iter().any(|path| path == "/b"), stands != whole);
        lockfiles.push(env.read("deka.lock"));
    }
    lockfiles.dedup();
    assert_eq!(lockfiles.len(), 1);
}

#[test]
fn who_does_everything_again_asks_about_everything() {
    let registry = registry();
    let env = project(&registry);
    env.deka(["add", "-w", "c", "--force"]).success();
    for path in ["/a", "/b", "/c", "/deep", "/host", "/late"] {
        assert!(registry.asked().iter().any(|asked| asked == path), "{path}: {:?}", registry.asked());
    }
}

#[test]
fn only_the_newest_are_kept() {
    let registry = registry();
    let env = project(&registry);
    for number in 0..40 {
        let path = kept(&env).join(format!("{number:064x}"));
        std::fs::write(&path, "old").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + number);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    }
    env.deka(["add", "-w", "c"]).success();
    let files = files(&env);
    assert_eq!(files.len(), 32);
    let old = |number: usize| files.contains(&kept(&env).join(format!("{number:064x}")));
    assert!(!old(0) && !old(9) && old(10) && old(39));
}
