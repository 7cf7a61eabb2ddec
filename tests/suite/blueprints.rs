//! Blueprints: a whole `node_modules`, as steps, in one file of the store. They make an install faster and must never make it wrong.

use crate::support::faults::{Dice, rounds};
use crate::support::{Registry, TestEnv, tree};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// A project that has been installed twice from its lockfile, and the tree that should stand there.
fn warm() -> (Registry, TestEnv, String) {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "1").file("lib/one.js", "one").bin("a", "cli.js"))
        .package("b", "1.0.0", |p| p.file("two.js", "two"))
        .package("c", "1.0.0", |p| p.file("three.js", "three"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    assert!(blueprints(&env).is_empty(), "what was fetched a moment ago leaves no blueprint");
    let whole = env.tree();
    again(&env);
    assert_eq!(blueprints(&env).len(), 1);
    (registry, env, whole)
}

fn blueprints(env: &TestEnv) -> Vec<PathBuf> {
    let folder = env.store().join("blueprints");
    if folder.exists() { tree::paths(&folder).into_iter().map(|name| folder.join(name)).collect() } else { Vec::new() }
}

/// The object with these bytes.
fn find_object(env: &TestEnv, text: &str) -> PathBuf {
    let folder = env.store().join("objects");
    let files = tree::paths(&folder).into_iter().filter(|path| !path.ends_with('/')).map(|path| folder.join(path));
    files.into_iter().find(|path| fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes())).expect("an object")
}

fn again(env: &TestEnv) {
    without_modules(env).install().success();
}

fn without_modules(env: &TestEnv) -> &TestEnv {
    if env.has("node_modules") { env.remove("node_modules") } else { env }
}

fn is_right(env: &TestEnv, whole: &str) {
    assert_eq!(env.tree(), whole);
    let files = [("node_modules/a/lib/one.js", "one"), ("node_modules/.deka/b@1.0.0/node_modules/b/two.js", "two")];
    assert!(files.iter().all(|(path, text)| env.read(path) == *text));
}

#[test]
fn an_install_from_a_blueprint_is_the_same_install() {
    let (registry, env, whole) = warm();
    registry.forget();
    for _ in 0..2 {
        again(&env);
        is_right(&env, &whole);
    }
    // Another project with the same lockfile has the same blueprint.
    let other = env.another("other");
    other.depends_on(&[("a", "1")]).write("deka.lock", env.read("deka.lock"));
    other.install().success();
    is_right(&other, &whole);
    assert_eq!((blueprints(&env).len(), registry.asked()), (1, Vec::new()));
}

#[test]
fn one_that_is_damaged_or_of_another_version_is_passed_over() {
    let (_registry, env, whole) = warm();
    let path = blueprints(&env).remove(0);
    let good = fs::read(&path).unwrap();
    let mut newer = good.clone();
    newer[7] += 1;
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
    // Touched: hashed once, and the blueprint that would have it hashed again is dropped, and made anew by the next.
    let touched = find_object(&env, "one");
    fs::File::options().write(true).open(&touched).unwrap().set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    again(&env);
    is_right(&env, &whole);
    assert_eq!(blueprints(&env).len(), 0);
    again(&env);
    assert_eq!(blueprints(&env).len(), 1);
    // Edited with the same length: replaced before it is handed out.
    fs::write(find_object(&env, "two"), "bad").unwrap();
    env.remove("node_modules").install().success().says("damaged");
    is_right(&env, &whole);
    again(&env);
    is_right(&env, &whole);
}

#[test]
fn a_file_that_several_packages_share_is_right_in_all_of_them() {
    let names = ["a", "b", "c"];
    let registry = names.into_iter().fold(Registry::new(), |registry, name| registry.package(name, "1.0.0", |p| p.file("same.js", "same")));
    let env = TestEnv::with(&registry);
    env.depends_on(&names.map(|name| (name, "1")));
    env.install().success();
    let whole = env.tree();
    again(&env);
    let object = find_object(&env, "same");
    // Only one of the packages has it looked at, and by then it may be in the others.
    fs::write(&object, "evil").unwrap();
    env.remove("node_modules").install().success().says("damaged");
    assert_eq!(env.tree(), whole);
    assert!(names.iter().all(|name| env.read(&format!("node_modules/{name}/same.js")) == "same"));
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
        assert!(blueprints(&env).len() <= 32, "{count}");
    }
    assert_eq!(blueprints(&env).len(), 32);
}

/// What an install said in its trace when it carried a blueprint out.
const CARRIED_OUT: &str = "its blueprint is carried out";

#[test]
fn what_decides_the_tree_decides_which_blueprint_is_used() {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "1").engine("node", ">=1"))
        .package("b", "1.0.0", |p| p.file("two.js", "two"))
        .package("d", "1.0.0", |p| p.file("dev.js", "dev").bin("d", "dev.js"));
    let env = TestEnv::with(&registry);
    let manifest = json!({"dependencies": {"a": "1"}, "devDependencies": {"d": "1"}});
    env.manifest(manifest.clone()).install().success();
    let ways: &[&[&str]] = &[&[], &["--prod"], &["--virtual-store=global"], &["--no-optional"]];
    let fresh = |arguments: &[&str]| {
        let arguments = [&["install", "--log"], arguments].concat();
        without_modules(&env).deka(arguments).success()
    };
    let trees: Vec<String> = ways
        .iter()
        .map(|way| {
            fresh(way);
            env.tree()
        })
        .collect();
    assert_ne!(trees[0], trees[1]);
    for (way, tree) in ways.iter().zip(&trees) {
        fresh(way).says(CARRIED_OUT);
        assert_eq!(env.tree(), *tree, "{way:?}");
    }
    // Settings of the project, its manifest, and another version of node.
    env.write(".npmrc", "hoist=false\n");
    fresh(&[]).never_says(CARRIED_OUT);
    assert!(!env.has("node_modules/.deka/node_modules/b"));
    env.remove(".npmrc").write("pnpm-workspace.yaml", "nodeVersion: 0.10.0\n");
    fresh(&[]).never_says(CARRIED_OUT).says("a@1.0.0 wants node >=1");
    fresh(&[]).says(CARRIED_OUT).says("a@1.0.0 wants node >=1");
    env.remove("pnpm-workspace.yaml").manifest(json!({"dependencies": {"a": "1"}}));
    env.remove("node_modules").deka(["install", "--frozen-lockfile"]).failure(10);
    env.manifest(manifest);
    fresh(&[]).says(CARRIED_OUT).never_says("wants node");
    // What has to be looked at, or forbidden since.
    for flag in ["--force", "--verify"] {
        fresh(&[flag]).never_says(CARRIED_OUT);
    }
    env.deka(["store", "quarantine", "b@1.0.0"]).success();
    env.remove("node_modules").install().fails().says("b@1.0.0 is in quarantine");
}

#[test]
fn the_projects_own_scripts_run_once_whether_or_not_the_blueprint_holds() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.file("one.js", "one").dep("b", "1")).package("b", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    let scripts = json!({"preinstall": "echo before >> ran", "postinstall": "echo after >> ran"});
    env.manifest(json!({"dependencies": {"a": "1"}, "scripts": scripts}));
    env.install().success();
    again(&env);
    let trace = || env.remove("node_modules").remove("ran").deka(["install", "--log"]).success();
    trace().says(CARRIED_OUT);
    assert_eq!(env.read("ran"), "before\nafter\n");
    fs::remove_dir_all(env.store().join("objects")).unwrap();
    trace().says("the blueprint is out of date");
    assert_eq!(env.read("ran"), "before\nafter\n");
    assert_eq!((env.read("node_modules/a/one.js"), env.strays()), ("one".to_owned(), vec![]));
}

#[test]
fn packages_that_may_change_their_own_files_are_built_anew_each_time() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.script("postinstall", "echo built > made.txt"));
    let env = TestEnv::with(&registry);
    env.manifest(json!({"dependencies": {"a": "1"}, "trustedDependencies": ["a"]}));
    for _ in 0..3 {
        again(&env);
        assert_eq!(env.read("node_modules/a/made.txt"), "built\n");
    }
    assert!(blueprints(&env).is_empty());
}

#[test]
fn what_stands_in_node_modules_is_never_built_over() {
    let (_registry, env, whole) = warm();
    env.remove("node_modules").write("node_modules/a/mine.txt", "mine");
    env.deka(["install", "--log"]).success().never_says(CARRIED_OUT).says("moved");
    assert_eq!(env.read("node_modules/.ignored/a/mine.txt"), "mine");
    env.deka(["ci", "--log"]).success().says(CARRIED_OUT);
    is_right(&env, &whole);
}

#[test]
fn shared_slots_that_are_gone_are_built_again() {
    let (_registry, env, _) = warm();
    let shared = |env: &TestEnv| env.remove("node_modules").deka(["install", "--virtual-store=global", "--log"]).success();
    shared(&env);
    shared(&env);
    let tree = env.tree();
    shared(&env).says(CARRIED_OUT);
    assert_eq!(env.tree(), tree);
    fs::remove_dir_all(env.store().join("slots")).unwrap();
    shared(&env).never_says(CARRIED_OUT);
    assert_eq!((env.tree(), env.read("node_modules/a/lib/one.js")), (tree, "one".to_owned()));
}

#[test]
fn one_that_is_cut_off_is_finished_by_the_next_install() {
    let mut registry = Registry::new();
    for number in 0..8 {
        registry = registry.package(&format!("p{number}"), "1.0.0", |mut p| {
            for file in 0..if number == 0 { 1500 } else { 40 } {
                p = p.file(&format!("{}/{file}.js", file % 7), &format!("{number} {file}"));
            }
            p.bin(&format!("p{number}"), "0/0.js")
        });
    }
    let env = TestEnv::with(&registry);
    let names: Vec<String> = (0..8).map(|number| format!("p{number}")).collect();
    env.depends_on(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    env.install().success();
    let (whole, files) = (env.tree(), tree::contents(&env.project().join("node_modules")));
    let started = Instant::now();
    again(&env);
    let took = started.elapsed();
    let mut dice = Dice::new(77);
    for round in 0..rounds(12) {
        env.remove("node_modules");
        let running = env.prepare(["install"]).start();
        std::thread::sleep(Duration::from_micros(dice.below(took.as_micros() as u64)));
        running.kill();
        env.install().success();
        assert_eq!(env.tree(), whole, "round {round}");
        assert!(tree::contents(&env.project().join("node_modules")) == files, "round {round}");
    }
    assert_eq!(env.strays(), Vec::<String>::new());
}
