//! Bundles: what a lockfile needs, in one file of the store. They make an install faster and must never make it wrong.

use crate::support::{Registry, TestEnv, tree};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A project that has been installed twice from its lockfile, and the tree that should stand there.
fn warm() -> (Registry, TestEnv, String) {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "1").file("lib/one.js", "one").bin("a", "cli.js"))
        .package("b", "1.0.0", |p| p.file("two.js", "two"))
        .package("c", "1.0.0", |p| p.file("three.js", "three"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    assert!(bundles(&env).is_empty(), "what was fetched a moment ago is not bundled");
    let whole = env.tree();
    again(&env);
    assert_eq!(bundles(&env).len(), 1);
    (registry, env, whole)
}

fn bundles(env: &TestEnv) -> Vec<PathBuf> {
    let folder = env.store().join("bundles");
    if folder.exists() { tree::paths(&folder).into_iter().map(|name| folder.join(name)).collect() } else { Vec::new() }
}

fn again(env: &TestEnv) {
    env.remove("node_modules").install().success();
}

fn is_right(env: &TestEnv, whole: &str) {
    assert_eq!(env.tree(), whole);
    let files = [("node_modules/a/lib/one.js", "one"), ("node_modules/.deka/b@1.0.0/node_modules/b/two.js", "two")];
    assert!(files.iter().all(|(path, text)| env.read(path) == *text));
}

#[test]
fn an_install_from_a_bundle_is_the_same_install() {
    let (registry, env, whole) = warm();
    registry.forget();
    for _ in 0..2 {
        again(&env);
        is_right(&env, &whole);
    }
    // Another project with the same lockfile has the same bundle.
    let other = env.another("other");
    other.depends_on(&[("a", "1")]).write("deka.lock", env.read("deka.lock"));
    other.install().success();
    is_right(&other, &whole);
    assert_eq!((bundles(&env).len(), registry.asked()), (1, Vec::new()));
}

#[test]
fn one_that_is_damaged_or_of_another_version_is_passed_over() {
    let (_registry, env, whole) = warm();
    let path = bundles(&env).remove(0);
    let good = fs::read(&path).unwrap();
    let mut newer = good.clone();
    newer[7] = 2;
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [&[][..], &good[..good.len() / 2], &newer, &flipped, b"something else entirely"] {
        fs::write(&path, bad).unwrap();
        again(&env);
        is_right(&env, &whole);
    }
}

#[test]
fn a_file_of_the_store_that_was_touched_or_edited_is_noticed_all_the_same() {
    let (_registry, env, whole) = warm();
    let object = |text: &str| {
        let folder = env.store().join("objects");
        let files = tree::paths(&folder).into_iter().filter(|path| !path.ends_with('/')).map(|path| folder.join(path));
        files.into_iter().find(|path| fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes())).expect("an object")
    };
    // Touched: hashed once, and the bundle that would have it hashed again is dropped, and made anew by the next.
    let touched = object("one");
    fs::File::options().write(true).open(&touched).unwrap().set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    again(&env);
    is_right(&env, &whole);
    assert_eq!(bundles(&env).len(), 0);
    again(&env);
    assert_eq!(bundles(&env).len(), 1);
    // Edited with the same length: replaced before it is handed out.
    fs::write(object("two"), "bad").unwrap();
    env.remove("node_modules").install().success().says("damaged");
    is_right(&env, &whole);
    again(&env);
    is_right(&env, &whole);
}

#[test]
fn packages_that_are_gone_from_the_store_are_fetched_again() {
    let (registry, env, whole) = warm();
    registry.forget();
    for folder in ["objects", "packages"] {
        fs::remove_dir_all(env.store().join(folder)).unwrap();
    }
    fs::remove_file(env.store().join("index.db")).unwrap();
    again(&env);
    is_right(&env, &whole);
    assert_eq!(registry.asked().iter().filter(|path| path.ends_with(".tgz")).count(), 2);
}

#[test]
fn there_are_never_more_than_a_few() {
    let (_registry, env, _) = warm();
    for count in 0..40 {
        // Another text each time: a newline more.
        let text = format!("{}\n", env.read("deka.lock"));
        env.write("deka.lock", text);
        again(&env);
        assert!(bundles(&env).len() <= 32, "{count}");
    }
    assert_eq!(bundles(&env).len(), 32);
}
