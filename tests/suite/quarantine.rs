//! Versions that must not be installed on this machine.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;
use std::fs;

fn installed() -> (Registry, TestEnv) {
    let registry =
        Registry::new()
            .package("top", "1.0.0", |p| p.dep("bad", "^1"))
            .package("bad", "1.0.0", |p| p)
            .package("bad", "1.0.1", |p| p.script("postinstall", "exit 1"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("top", "1")]);
    env.install().success();
    (registry, env)
}

#[test]
fn an_install_that_needs_it_stops_and_says_why() {
    let (_registry, env) = installed();
    env.install().success().says("up to date");
    let said = env.deka(["store", "quarantine", "bad@1.0.1", "--reason", "steals\nkeys"]).success();
    said.line("bad@1.0.1 is in quarantine: installs that need it stop").line("  [PROJECT] (installed)");
    let tree = env.tree();
    let said = env.install().failure(30);
    said.says("DEKA_E_QUARANTINED")
        .says("bad@1.0.1 is in quarantine on this machine: steals keys")
        .says("the project > top@1.0.0 > bad@1.0.1")
        .says("deka store quarantine bad@1.0.1 --remove");
    assert_eq!(env.tree(), tree, "what stands there stays");
    for arguments in [&["ci"][..], &["install", "--offline", "--frozen-lockfile"], &["install", "--lockfile-only"]] {
        env.deka(arguments).failure(30).says("quarantine");
    }
    let other = env.another("project/other");
    other.depends_on(&[("top", "1")]);
    other.install().failure(30).says("bad@1.0.1");
    assert!(!other.has("node_modules/top") && !other.has("deka.lock"));
    // Another version is another matter.
    other.manifest(json!({ "name": "app", "dependencies": { "top": "1" }, "overrides": { "bad": "1.0.0" } }));
    other.install().success();
    env.deka(["store", "quarantine", "bad@1.0.1", "--remove"]).success().line("bad@1.0.1 may be installed again");
    env.install().success();
    assert!(!env.store().join("quarantine").exists());
}

#[test]
fn it_is_listed_with_the_projects_that_have_it() {
    let (_registry, env) = installed();
    env.deka(["store", "quarantine"]).success().line("nothing is in quarantine");
    env.remove("node_modules");
    let json_of = |arguments: &[&str]| -> Value { serde_json::from_str(&env.deka(arguments).success().stdout).unwrap() };
    let report = json_of(&["store", "quarantine", "bad@1.0.1", "--json"]);
    let affected = json!([{ "project": "[PROJECT]", "locked": true, "installed": false }]);
    assert_eq!(report, json!({ "name": "bad", "version": "1.0.1", "reason": "", "affected": affected }));
    env.deka(["store", "quarantine", "other@2.0.0", "--reason", "not ours"]).success().line("no project on this machine has it");
    env.deka(["store", "quarantine", "--list"]).success().line("bad@1.0.1").line("other@2.0.0  not ours");
    let report = json_of(&["store", "quarantine", "--json"]);
    assert_eq!(report["quarantined"][1], json!({ "name": "other", "version": "2.0.0", "reason": "not ours" }));
    env.deka(["store", "quarantine", "third@1.0.0", "--remove"]).success().line("third@1.0.0 was not in quarantine");
    for wrong in ["bad", "bad@^1", "@scope/a", "bad@latest", "../x@1.0.0"] {
        env.deka(["store", "quarantine", wrong]).failure(2).says("DEKA_E_USAGE").says("left-pad@1.3.0");
    }
}

#[test]
fn a_list_that_was_damaged_lets_nothing_through() {
    let (_registry, env) = installed();
    env.deka(["store", "quarantine", "bad@1.0.1"]).success();
    let file = env.store().join("quarantine");
    let text = fs::read_to_string(&file).unwrap();
    for damaged in [text.replace("1.0.1", "1.0.2"), String::new(), text.lines().next().unwrap().to_owned() + "\n"] {
        fs::write(&file, damaged).unwrap();
        env.install().failure(30).says("[STORE]/quarantine").says("damaged");
        env.deka(["store", "quarantine", "--list"]).failure(30);
        env.deka(["store", "quarantine", "other@1.0.0"]).failure(30);
    }
}
