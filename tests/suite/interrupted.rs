//! Whatever moment it is ended at, the next run finishes the work and needs no repair.

use crate::support::{Fault, Registry, TestEnv, json, tree};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

/// Enough packages for a kill to hit every stage.
fn registry() -> Registry {
    let mut registry = Registry::new();
    for number in 0..40 {
        let name = format!("p{number}");
        let next = format!("p{}", number + 1);
        registry = registry.package(&name, "1.0.0", |mut p| {
            for file in 0..12 {
                p = p.file(&format!("lib/{file}/x.js"), &format!("{number} {file} {}", "x".repeat(file * 100)));
            }
            let p = p.bin(&name, "cli.js").peer("p0", "*");
            if number % 4 == 3 || number == 39 { p } else { p.dep(&next, "1") }
        });
    }
    registry
}

fn project(env: &TestEnv) {
    let names: Vec<String> = (0..40).step_by(4).map(|number| format!("p{number}")).collect();
    env.depends_on(&names.iter().map(|name| (name.as_str(), "^1")).collect::<Vec<_>>());
}

struct Whole {
    tree: String,
    contents: BTreeMap<String, Vec<u8>>,
    lockfile: String,
}

fn whole(env: &TestEnv) -> Whole {
    Whole { tree: env.tree(), contents: tree::contents(&env.project().join("node_modules")), lockfile: env.read("deka.lock") }
}

#[track_caller]
fn check(env: &TestEnv, reference: &Whole, when: &str) {
    let said = env.install().success();
    assert_eq!(env.tree(), reference.tree, "{when}\n{}", said.report());
    assert!(tree::contents(&env.project().join("node_modules")) == reference.contents, "{when}: other contents");
    assert_eq!(env.read("deka.lock"), reference.lockfile, "{when}");
    assert_eq!(env.strays(), [""; 0], "{when}");
    // What the killed run brought into the store must serve another project too, byte for byte.
    let other = env.another("project/other");
    project(&other);
    other.install().success();
    assert!(tree::contents(&other.project().join("node_modules")) == reference.contents, "{when}: another project has other contents");
}

#[test]
fn killed_at_any_moment() {
    let registry = registry();
    let reference = TestEnv::with(&registry);
    project(&reference);
    reference.install().success();
    let reference = whole(&reference);
    registry.fault("*.tgz", Fault::delay(8));
    for after_ms in [1, 4, 8, 14, 20, 28, 36, 45, 55, 70, 90, 120] {
        let env = TestEnv::with(&registry);
        project(&env);
        let running = env.prepare(["install"]).start();
        std::thread::sleep(Duration::from_millis(after_ms));
        running.kill();
        check(&env, &reference, &format!("killed after {after_ms} ms"));
    }
}

#[test]
fn killed_while_a_warm_store_is_linked() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    project(&env);
    env.install().success();
    let reference = whole(&env);
    for after_ms in [2, 5, 8, 11, 15, 20, 30] {
        env.remove("node_modules");
        let running = env.prepare(["install"]).start();
        std::thread::sleep(Duration::from_millis(after_ms));
        running.kill();
        check(&env, &reference, &format!("killed after {after_ms} ms"));
        std::fs::remove_dir_all(env.project().join("other")).unwrap();
    }
}

#[test]
fn killed_while_the_tree_changes() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    project(&env);
    env.install().success();
    let reference = whole(&env);
    for after_ms in [2, 6, 10, 16, 24] {
        env.depends_on(&[("p0", "^1"), ("p20", "^1")]);
        let running = env.prepare(["install"]).start();
        std::thread::sleep(Duration::from_millis(after_ms));
        running.kill();
        project(&env);
        check(&env, &reference, &format!("killed after {after_ms} ms"));
        std::fs::remove_dir_all(env.project().join("other")).unwrap();
    }
}

#[test]
fn signals_end_it_with_the_usual_status() {
    let registry = registry();
    registry.fault("*.tgz", Fault::delay(10_000));
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let env = TestEnv::with(&registry);
        project(&env);
        let running = env.prepare(["install"]).start();
        std::thread::sleep(Duration::from_millis(300));
        running.signal(signal);
        let said = running.finish().ignored();
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&said.status).map(|number| number + 128);
        assert_eq!(said.status.code().or(by_signal), Some(status), "{}", said.report());
    }
}

#[test]
fn children_end_with_their_parent() {
    for (signal, script) in [
        (Signal::TERM, "echo $$ > pid; exec sleep 60"),
        // A child of the script, which only a signal to all of the group can reach.
        (Signal::INT, "sleep 60 & echo $! > pid; wait"),
        (Signal::HUP, "sh -c 'echo $$ > pid; exec sleep 60' | cat"),
        // One that does not listen.
        (Signal::TERM, "trap '' TERM; echo $$ > pid; while :; do sleep 1; done"),
    ] {
        let env = TestEnv::new();
        env.user_npmrc("registry=http://127.0.0.1:1/\n");
        env.manifest(json!({ "scripts": { "postinstall": script } }));
        let running = env.prepare(["install"]).start();
        while !env.has("pid") || !env.read("pid").ends_with('\n') {
            std::thread::sleep(Duration::from_millis(20));
        }
        let child = env.read("pid").trim().to_owned();
        running.signal(signal);
        let said = running.finish().ignored();
        assert_eq!(said.status.code(), Some(128 + signal.as_raw()), "{}", said.report());
        assert!(!said.stderr.contains("error"), "who sent the signal knows why: {}", said.report());
        std::thread::sleep(Duration::from_millis(100));
        let alive = std::fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(!alive, "the script runs on\n{}", said.report());
    }
}
