//! `deka dedupe`: versions that others can stand in for go.

use crate::support::{Registry, TestEnv, json};

/// A project that has `deep` twice though once would do.
fn project() -> TestEnv {
    let registry =
        Registry::new().package("a", "1.0.0", |p| p.dep("deep", "^1.0.0")).package("deep", "1.0.0", |p| p).tag("a", "latest", "1.0.0");
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "latest")]);
    env.install().success();
    registry.publish("deep", "1.1.0", |p| p);
    registry.publish("deep", "1.2.0", |p| p);
    registry.publish("a", "2.0.0", |p| p);
    let _ = registry.tag("a", "latest", "2.0.0");
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    env.deka(["add", "deep@1.1.0"]).success();
    env
}

fn versions(env: &TestEnv) -> Vec<String> {
    env.lockfile()["packages"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn one_version_serves_all_whom_it_suits() {
    let env = project();
    assert_eq!(versions(&env), ["a@1.0.0", "deep@1.0.0", "deep@1.1.0"]);
    let before = (env.read("package.json"), env.read("deka.lock"), env.tree());
    let said = env.deka(["dedupe", "--check"]).failure(1).says("DEKA_E_DUPLICATES").says("- deep@1.0.0");
    said.never_says("1.2.0").never_says("a@2.0.0");
    assert_eq!((env.read("package.json"), env.read("deka.lock"), env.tree()), before, "a check writes nothing");
    env.deka(["dedupe"]).success().line("1 package removed [TIME]");
    assert_eq!(versions(&env), ["a@1.0.0", "deep@1.1.0"]);
    assert_eq!(env.read("package.json"), before.0);
    env.deka(["dedupe", "--check"]).success();
    env.install().success().line("Already up to date [TIME]");
}

#[test]
fn what_nothing_can_stand_in_for_stays() {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("deep", "~1.0.0"))
        .package("b", "1.0.0", |p| p.dep("deep", "^1.1.0"))
        .package("deep", "1.0.0", |p| p)
        .package("deep", "1.1.0", |p| p);
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "dependencies": { "a": "1", "b": "1" } }));
    env.install().success();
    let before = env.read("deka.lock");
    env.deka(["dedupe", "--check"]).success();
    env.deka(["dedupe"]).success().line("Already up to date [TIME]");
    assert_eq!(env.read("deka.lock"), before);
}
