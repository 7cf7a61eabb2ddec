//! `deka update`: newer versions, within ranges and beyond, of what is named and nothing else.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;

/// Two packages with a common dependency, and a project that has the first versions of all.
fn project(manifest: Value) -> (TestEnv, Registry) {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("deep", "^1"))
        .package("b", "1.0.0", |p| p.dep("deep", "^1"))
        .package("@s/x", "1.0.0", |p| p)
        .package("@s/y", "1.0.0", |p| p)
        .package("deep", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.manifest(manifest);
    env.install().success();
    for name in ["a", "b"] {
        registry.publish(name, "1.1.0", |p| p.dep("deep", "^1"));
        registry.publish(name, "2.0.0", |p| p.dep("deep", "^1"));
    }
    for name in ["@s/x", "@s/y", "deep"] {
        registry.publish(name, "1.1.0", |p| p);
        registry.publish(name, "2.0.0", |p| p);
    }
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    (env, registry)
}

fn dependencies(env: &TestEnv) -> Value {
    serde_json::from_str::<Value>(&env.read("package.json")).unwrap()["dependencies"].clone()
}

fn versions(env: &TestEnv) -> Vec<String> {
    env.lockfile()["packages"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn ranges_are_kept_to_and_raised() {
    let (env, _registry) = project(json!({ "dependencies": { "a": "^1.0.0", "b": "~1.0.0", "@s/x": "1.0.0", "@s/y": "1.x" } }));
    env.deka(["update"]).success().line("+ a@1.1.0").line("- a@1.0.0").line("+ @s/y@1.1.0");
    assert_eq!(dependencies(&env), json!({ "@s/x": "1.0.0", "@s/y": "1.x", "a": "^1.1.0", "b": "~1.0.0" }));
    assert_eq!(versions(&env), ["@s/x@1.0.0", "@s/y@1.1.0", "a@1.1.0", "b@1.0.0", "deep@1.1.0"]);
    env.install().success().line("Already up to date [TIME]");
    env.deka(["up"]).success().line("Already up to date [TIME]");
}

#[test]
fn names_and_globs_choose() {
    let all = json!({ "dependencies": { "@s/x": "^1.0.0", "@s/y": "^1.0.0", "a": "^1.0.0", "b": "^1.0.0" } });
    for (arguments, updated) in [
        (&["a"][..], &["a"][..]),
        (&["@s/*"], &["@s/x", "@s/y"]),
        (&["@s/*", "!@s/y"], &["@s/x"]),
        (&["!a", "!deep"], &["@s/x", "@s/y", "b"]),
        (&["a", "--depth", "0"], &["a"]),
        (&["--depth", "0"], &["@s/x", "@s/y", "a", "b"]),
        (&["deep"], &["deep"]),
        (&["deep", "--depth", "0"], &[]),
        (&["--depth", "infinity"], &["@s/x", "@s/y", "a", "b", "deep"]),
        (&["nothing*"], &[]),
    ] {
        let (env, _registry) = project(all.clone());
        env.prepare([&["upgrade"], arguments].concat()).run().success();
        let wanted: Vec<String> =
            ["@s/x", "@s/y", "a", "b", "deep"].iter().map(|name| format!("{name}@1.{}.0", u8::from(updated.contains(name)))).collect();
        assert_eq!(versions(&env), wanted, "{arguments:?}");
        env.install().success().line("Already up to date [TIME]");
    }
    let (env, _registry) = project(all);
    let before = env.read("deka.lock");
    env.deka(["update", "nothing"]).failure(2).says("`nothing` cannot be updated: nothing depends on it");
    assert_eq!(env.read("deka.lock"), before);
}

#[test]
fn latest_leaves_ranges_and_keeps_their_style() {
    let (env, _registry) = project(json!({
        "dependencies": { "a": "^1.0.0", "b": "~1.0.0", "@s/x": "1.0.0", "@s/y": "1.x", "deep": "*", "other": "npm:deep@^1.0.0" }
    }));
    env.deka(["update", "--latest"]).success();
    assert_eq!(
        dependencies(&env),
        json!({ "@s/x": "2.0.0", "@s/y": "^2.0.0", "a": "^2.0.0", "b": "~2.0.0", "deep": "*", "other": "npm:deep@^2.0.0" })
    );
    env.install().success().line("Already up to date [TIME]");
    let (env, _registry) = project(json!({ "dependencies": { "a": "^1.0.0", "b": "^1.0.0" } }));
    env.deka(["up", "-L", "b"]).success();
    assert_eq!(dependencies(&env), json!({ "a": "^1.0.0", "b": "^2.0.0" }));
    assert_eq!(versions(&env), ["a@1.0.0", "b@2.0.0", "deep@1.0.0"]);
}

#[test]
fn nobody_is_taken_back_to_latest() {
    let (env, registry) = project(json!({ "dependencies": { "a": "^1.0.0" } }));
    registry.publish("a", "3.0.0-rc.1", |p| p);
    let _registry = registry.tag("a", "latest", "2.0.0");
    env.deka(["add", "a@3.0.0-rc.1"]).success();
    env.deka(["update", "--latest"]).success();
    assert_eq!(dependencies(&env), json!({ "a": "3.0.0-rc.1" }));
}

#[test]
fn lists_choose_too() {
    let manifest =
        json!({ "dependencies": { "a": "^1.0.0" }, "devDependencies": { "@s/x": "^1.0.0" }, "optionalDependencies": { "@s/y": "^1.0.0" } });
    for (arguments, updated) in [
        (&["-D"][..], &["@s/x"][..]),
        (&["-P"], &["@s/y", "a", "deep"]),
        (&["--no-optional"], &["@s/x", "a", "deep"]),
        (&["-P", "--no-optional", "--depth=0"], &["a"]),
    ] {
        let (env, _registry) = project(manifest.clone());
        env.prepare([&["update"], arguments].concat()).run().success();
        let wanted: Vec<String> =
            ["@s/x", "@s/y", "a", "deep"].iter().map(|name| format!("{name}@1.{}.0", u8::from(updated.contains(name)))).collect();
        assert_eq!(versions(&env), wanted, "{arguments:?}");
    }
}

#[test]
fn the_manifest_stays_when_that_is_asked_for() {
    let (env, _registry) = project(json!({ "dependencies": { "a": "^1.0.0" } }));
    let before = env.read("package.json");
    env.deka(["update", "--no-save"]).success().line("+ a@1.1.0");
    assert_eq!(env.read("package.json"), before);
    env.install().success().line("Already up to date [TIME]");
    env.deka(["update", "--no-save", "--latest"]).failure(2);
    env.deka(["update", "--depth", "x"]).failure(2).says("--depth");
}
