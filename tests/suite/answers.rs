//! Answers of resolution are kept, and given again while nothing has changed that they rest on.

use crate::support::output::Said;
use crate::support::{Registry, TestEnv, json};
use std::path::PathBuf;

const HIT: &str = "this was resolved before, and nothing has changed";
const OLD: &str = "what it was resolved from is old or has changed";

fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("deep", "^1").peer("host", "1").bin("a", "cli.js"))
        .package("b", "1.0.0", |p| p.dep("alias", "npm:deep@1").optional_dep("mac", "1").deprecated("it is old"))
        .package("c", "1.0.0", |p| p.peer("host", "2"))
        .package("deep", "1.0.0", |p| p.file("x.js", "x"))
        .package("host", "1.0.0", |p| p)
        .package("mac", "1.0.0", |p| p.os("darwin"))
}

fn project(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.depends_on(&[("a", "^1.0.0"), ("b", "1"), ("c", "1")]);
    env
}

fn kept(env: &TestEnv) -> Vec<PathBuf> {
    let folder = env.home().join(".cache/deka/answers-v1");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Forgets what was locked and installed; installs.
fn anew(env: &TestEnv, flags: &[&str]) -> Said {
    for path in ["deka.lock", "node_modules"] {
        if env.has(path) {
            env.remove(path);
        }
    }
    env.deka([&["install", "--log"], flags].concat()).success()
}

/// What a run has warned of.
fn warnings(said: &Said) -> Vec<String> {
    said.text().lines().filter(|line| line.starts_with("warning")).map(str::to_owned).collect()
}

#[test]
fn who_throws_the_lockfile_away_gets_it_back_without_resolving() {
    let registry = registry();
    let env = project(&registry);
    let first = anew(&env, &[]).never_says(HIT);
    let (lockfile, tree) = (env.read("deka.lock"), env.tree());
    assert_eq!(warnings(&first).len(), 4, "a deprecated package and peers: {}", first.text());
    registry.forget();
    // First in the usual way, then from a blueprint.
    for from_blueprint in [false, true] {
        let again = anew(&env, &[]).says(HIT);
        assert_eq!(again.text().contains("its blueprint is carried out"), from_blueprint);
        assert_eq!((env.read("deka.lock"), env.tree()), (lockfile.clone(), tree.clone()));
        assert_eq!(warnings(&again), warnings(&first));
    }
    env.deka(["install", "--log"]).success().says("Already up to date");
    // The lockfile alone, a tree that stands already, and another copy of the project.
    env.remove("deka.lock");
    env.deka(["install", "--lockfile-only", "--log"]).success().says(HIT);
    assert_eq!(env.read("deka.lock"), lockfile);
    env.remove("deka.lock");
    env.deka(["install", "--log"]).success().says(HIT);
    assert_eq!((env.read("deka.lock"), env.tree()), (lockfile.clone(), tree.clone()));
    let copy = env.another("copy");
    copy.write("package.json", env.read("package.json"));
    anew(&copy, &[]).says(HIT);
    assert_eq!((copy.read("deka.lock"), copy.tree()), (lockfile, tree));
    assert_eq!(registry.asked(), Vec::<String>::new());
}

#[test]
fn whatever_could_change_the_answer_is_noticed() {
    let (registry, other) = (registry(), self::registry().package("deep", "1.9.0", |p| p));
    let (with, without) = (project(&registry), project(&registry));
    let mut hits = Vec::new();
    let mut both = |what: &str, flags: &[&str], change: &dyn Fn(&TestEnv)| {
        let said = [&with, &without].map(|env| {
            change(env);
            if std::ptr::eq(env, &without) {
                let _ = std::fs::remove_dir_all(env.home().join(".cache/deka/answers-v1"));
            }
            anew(env, flags)
        });
        assert_eq!(with.read("deka.lock"), without.read("deka.lock"), "{what}");
        assert_eq!(with.tree(), without.tree(), "{what}");
        assert_eq!(warnings(&said[0]), warnings(&said[1]), "{what}");
        if said[0].text().contains(HIT) {
            hits.push(what.to_owned());
        }
    };
    both("the first time", &[], &|_| {});
    both("nothing", &[], &|_| {});
    both("groups", &["--prod"], &|_| {});
    both("offline", &["--offline"], &|_| {});
    both("everything again", &["--force"], &|_| {});
    both("a dependency", &[], &|env| {
        env.depends_on(&[("a", "^1.0.0"), ("b", "1"), ("host", "*")]);
    });
    both("an override", &[], &|env| {
        env.manifest(json!({ "dependencies": { "a": "1", "b": "1" }, "overrides": { "deep": "npm:host@1" } }));
    });
    both("a setting", &[], &|env| {
        env.write(".npmrc", "auto-install-peers=false\n");
    });
    both("the setting once more", &[], &|_| {});
    both("a workspace", &[], &|env| {
        env.manifest(json!({ "name": "root", "workspaces": ["lib"], "dependencies": { "a": "1" } }));
        env.write("lib/package.json", r#"{ "name": "lib", "version": "1.0.0", "dependencies": { "b": "1" } }"#);
    });
    both("a project of it", &[], &|env| {
        env.write("lib/package.json", r#"{ "name": "lib", "version": "1.0.0", "dependencies": { "c": "1" } }"#);
    });
    both("another registry", &[], &|env| env.user_npmrc(&format!("registry={}\n", other.url())));
    both("the first one", &[], &|env| env.user_npmrc(&format!("registry={}\n", registry.url())));
    registry.publish("deep", "1.5.0", |p| p);
    both("a version that nobody has heard of", &[], &|_| {});
    both("a version that another install has heard of", &[], &|env| {
        let neighbour = env.another("neighbour");
        neighbour.depends_on(&[("deep", "1")]).deka(["install", "--force"]).success();
    });
    both("the same", &[], &|_| {});
    assert!(with.read("deka.lock").contains("deep@1.5.0"));
    let expected =
        ["nothing", "groups", "offline", "the setting once more", "the first one", "a version that nobody has heard of", "the same"];
    assert_eq!(hits, expected);
}

#[test]
fn what_is_to_be_checked_each_time_is() {
    let registry = registry().cache_control("no-cache");
    let env = project(&registry);
    anew(&env, &[]);
    registry.publish("deep", "1.5.0", |p| p);
    registry.forget();
    anew(&env, &[]).says(OLD).never_says(HIT);
    assert!(registry.asked().contains(&"/deep".to_owned()) && env.read("deka.lock").contains("deep@1.5.0"));
    // Without asking, what was found last still is the answer.
    registry.publish("deep", "1.6.0", |p| p);
    anew(&env, &["--prefer-offline"]).says(HIT);
    assert!(env.read("deka.lock").contains("deep@1.5.0"));
    // That it was checked, and nothing had changed, is as good as being told all of it.
    anew(&env, &[]).says(OLD);
    anew(&env, &[]).says(OLD);
    anew(&env, &["--offline"]).says(HIT);
    assert!(env.read("deka.lock").contains("deep@1.6.0"));
}

#[test]
fn an_answer_that_rests_on_a_folder_or_an_archive_is_not_kept() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.write("folder/package.json", r#"{ "name": "folder", "version": "1.0.0", "dependencies": { "deep": "1" } }"#);
    env.depends_on(&[("folder", "file:folder"), ("a", "1")]);
    anew(&env, &[]);
    env.write("folder/package.json", r#"{ "name": "folder", "version": "1.0.0", "dependencies": { "host": "1" } }"#);
    anew(&env, &[]).never_says(HIT);
    assert!(!env.read("deka.lock").contains("deep: 1"));
    env.depends_on(&[("archive", &registry.tarball_url("deep", "1.0.0"))]);
    anew(&env, &[]);
    assert_eq!(kept(&env), Vec::<PathBuf>::new());
}

#[test]
fn a_frozen_install_still_wants_a_lockfile() {
    let registry = registry();
    let env = project(&registry);
    anew(&env, &[]);
    env.remove("deka.lock").remove("node_modules");
    for arguments in [&["install", "--frozen-lockfile"][..], &["ci"]] {
        env.deka(arguments).fails().says("there is no deka.lock");
    }
    assert!(!env.has("deka.lock") && !env.has("node_modules/a"));
    env.prepare(["install", "--log"]).env("CI", "true").run().success().says(HIT);
}

#[test]
fn without_a_lockfile_none_is_written() {
    let registry = registry();
    let env = project(&registry);
    anew(&env, &[]);
    let tree = env.tree();
    env.write(".npmrc", "lockfile=false\n");
    for _ in 0..2 {
        anew(&env, &[]).says(HIT);
        assert_eq!((env.tree(), env.has("deka.lock")), (tree.clone(), false));
    }
}

#[test]
fn one_that_is_damaged_counts_as_absent() {
    let registry = registry();
    let env = project(&registry);
    anew(&env, &[]);
    let lockfile = env.read("deka.lock");
    let path = kept(&env).remove(0);
    let whole = std::fs::read(&path).unwrap();
    for at in [0, 7, 9, 13, 20, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        for stands in [&flipped[..], &whole[..at]] {
            std::fs::write(&path, stands).unwrap();
            anew(&env, &[]).never_says(HIT);
            assert_eq!(env.read("deka.lock"), lockfile, "{at}");
        }
        assert_eq!(std::fs::read(&path).unwrap().len(), whole.len(), "it is written again");
    }
    anew(&env, &[]).says(HIT);
}

#[test]
fn a_packument_that_is_gone_or_written_again_is_read() {
    let registry = registry();
    let env = project(&registry);
    anew(&env, &[]);
    let cached = env.home().join(".cache/deka/packuments/packuments-v1");
    let folder = std::fs::read_dir(cached).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(folder.join("deep")).unwrap();
    std::fs::write(folder.join("new"), bytes).unwrap();
    std::fs::rename(folder.join("new"), folder.join("deep")).unwrap();
    anew(&env, &[]).says(OLD);
    anew(&env, &[]).says(HIT);
    std::fs::remove_file(folder.join("host")).unwrap();
    registry.forget();
    anew(&env, &[]).says(OLD);
    assert_eq!(registry.asked(), ["/host"]);
}
