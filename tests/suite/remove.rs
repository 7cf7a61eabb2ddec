//! `deka remove` and `deka prune`: what is not wanted goes, and nothing else.

use crate::support::{Registry, TestEnv, json};
use insta::assert_snapshot;

fn registry() -> Registry {
    Registry::new().package("a", "1.0.0", |p| p.dep("deep", "1").bin("a", "a.js").file("a.js", "")).package("b", "1.0.0", |p| p).package(
        "deep",
        "1.0.0",
        |p| p,
    )
}

#[test]
fn a_package_goes_with_all_that_only_it_needed() {
    let env = TestEnv::with(&registry());
    env.write(
        "package.json",
        "{\n    \"dependencies\": {\n        \"a\": \"1\",\n        \"b\": \"1\"\n    },\n    \"dependenciesMeta\": { \"a\": { \"x\": 1 } },\n    \"private\": true\n}\n",
    );
    env.install().success();
    let said = env.deka(["remove", "a"]).success();
    assert_snapshot!(said.stdout, @r"
    - a@1.0.0

    2 packages removed [TIME]
    ");
    assert_eq!(env.read("package.json"), "{\n    \"dependencies\": {\n        \"b\": \"1\"\n    },\n    \"private\": true\n}\n");
    assert_snapshot!(env.tree(), @r"
    .deka/b@1.0.0/node_modules/b/index.js
    .deka/b@1.0.0/node_modules/b/package.json
    b -> .deka/b@1.0.0/node_modules/b
    ");
    assert_eq!(env.lockfile()["packages"].as_object().unwrap().len(), 1);
    env.install().success().line("Already up to date [TIME]");
}

#[test]
fn it_goes_from_every_list_or_from_one() {
    let env = TestEnv::with(&registry());
    let both = json!({ "devDependencies": { "a": "1" }, "peerDependencies": { "a": "1" }, "optionalDependencies": { "b": "1" } });
    for (arguments, after) in [
        (&["rm", "a"][..], json!({ "optionalDependencies": { "b": "1" } })),
        (&["uninstall", "a", "b"], json!({})),
        (&["un", "-D", "a"], json!({ "peerDependencies": { "a": "1" }, "optionalDependencies": { "b": "1" } })),
    ] {
        env.manifest(both.clone());
        env.deka(arguments).success();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&env.read("package.json")).unwrap(), after, "{arguments:?}");
    }
}

#[test]
fn what_is_not_there_is_an_error_and_nothing_goes() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "dependencies": { "a": "1" }, "devDependencies": { "b": "1" } }));
    env.install().success();
    let before = (env.read("package.json"), env.read("deka.lock"), env.tree());
    env.deka(["remove", "a", "c"]).failure(2).says("DEKA_E_NOT_A_DEPENDENCY").says("`c` cannot be removed").says("There is a, b.");
    env.deka(["remove", "deep"]).failure(2).says("`deep` cannot be removed");
    env.deka(["remove", "-P", "b"]).failure(2).says("`b` cannot be removed: there is no such entry in the dependencies");
    env.deka(["remove"]).failure(2);
    let many: serde_json::Map<String, serde_json::Value> = (10..30).map(|number| (format!("p{number}"), json!("1"))).collect();
    env.another("many").manifest(json!({ "dependencies": many }));
    let said = env.prepare(["remove", "a"]).in_folder(&env.at_root("many")).run().failure(2);
    said.says("There is p10, p11, p12, p13, p14, p15, p16, p17, p18, p19 and 10 more.");
    assert_eq!((env.read("package.json"), env.read("deka.lock"), env.tree()), before);
}

#[test]
fn needs_no_network() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1"), ("b", "1")]);
    env.install().success();
    env.deka(["remove", "b", "--offline"]).success().line("- b@1.0.0");
}

#[test]
fn prune_leaves_what_the_lockfile_has() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "dependencies": { "b": "1" }, "devDependencies": { "a": "1" } }));
    env.install().success();
    let tree = env.tree();
    env.write("node_modules/stray/index.js", "").write("node_modules/@s/stray/index.js", "").write("node_modules/.cache/x", "");
    std::os::unix::fs::symlink("../lib", env.project().join("node_modules/linked")).unwrap();
    let said = env.deka(["prune"]).success();
    assert_eq!(said.stdout, "- @s/stray\n- linked\n- stray\n\n3 packages removed [TIME]\n");
    assert!(env.has("node_modules/.cache/x") && !env.has("node_modules/@s") && !env.has("node_modules/linked"));
    env.remove("node_modules/.cache");
    assert_eq!(env.tree(), tree);
    env.deka(["prune", "--prod"]).success().line("- a@1.0.0").line("2 packages removed [TIME]");
    assert!(!env.has("node_modules/a") && env.has("node_modules/b"));
    assert!(env.lockfile()["packages"].get("a@1.0.0").is_some(), "the lockfile stays");
    env.manifest(json!({ "dependencies": { "b": "1", "a": "1" } }));
    env.deka(["prune"]).failure(10).says("does not fit package.json");
}
