//! Overrides, resolutions and peers, as a whole install sees them.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;

fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("lib", "^1").dep("mid", "^1"))
        .package("mid", "1.0.0", |p| p.dep("lib", "^1"))
        .package("lib", "1.0.0", |p| p)
        .package("lib", "1.1.0", |p| p)
        .package("lib", "2.0.0", |p| p)
        .package("fork", "5.0.0", |p| p)
}

/// Returns what `lib` is for `a` and for `mid`.
fn libs(env: &TestEnv) -> (String, String) {
    let seen_by = |slot: &str| {
        let link = env.project().join(format!("node_modules/.deka/{slot}/node_modules/lib"));
        let target = std::fs::read_link(&link).map(|target| target.to_string_lossy().into_owned()).unwrap_or_default();
        target.split('/').nth(2).unwrap_or("none").to_owned()
    };
    (seen_by("a@1.0.0"), seen_by("mid@1.0.0"))
}

#[test]
fn overrides_reach_as_far_as_their_selector_says() {
    let registry = registry();
    let cases: [(Value, &str, &str); 13] = [
        (json!({}), "lib@1.1.0", "lib@1.1.0"),
        (json!({ "overrides": { "lib": "2.0.0" } }), "lib@2.0.0", "lib@2.0.0"),
        (json!({ "overrides": { "lib@^1": "1.0.0" } }), "lib@1.0.0", "lib@1.0.0"),
        (json!({ "overrides": { "lib@^2": "1.0.0" } }), "lib@1.1.0", "lib@1.1.0"),
        (json!({ "overrides": { "mid": { "lib": "2.0.0" } } }), "lib@1.1.0", "lib@2.0.0"),
        (json!({ "overrides": { "a": { "mid": { "lib": "1.0.0" } } } }), "lib@1.1.0", "lib@1.0.0"),
        (json!({ "overrides": { "mid@1": { "lib": "2.0.0", ".": "1.0.0" } } }), "lib@1.1.0", "lib@2.0.0"),
        (json!({ "overrides": { "lib": "npm:fork@5" } }), "fork@5.0.0", "fork@5.0.0"),
        (json!({ "pnpm": { "overrides": { "a>lib": "1.0.0" } } }), "lib@1.0.0", "lib@1.1.0"),
        (json!({ "pnpm": { "overrides": { "mid@1>lib": "-" } } }), "lib@1.1.0", "none"),
        (json!({ "resolutions": { "lib": "1.0.0" } }), "lib@1.0.0", "lib@1.0.0"),
        (json!({ "resolutions": { "mid/lib": "2.0.0" } }), "lib@1.1.0", "lib@2.0.0"),
        (json!({ "resolutions": { "**/mid/lib": "1.0.0" } }), "lib@1.1.0", "lib@1.0.0"),
    ];
    for (index, (fields, for_a, for_mid)) in cases.into_iter().enumerate() {
        let env = TestEnv::with(&registry);
        let mut manifest = json!({ "dependencies": { "a": "1" } });
        manifest.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        env.manifest(manifest);
        env.install().success();
        assert_eq!(libs(&env), (for_a.to_owned(), for_mid.to_owned()), "case {index}: {fields}");
    }
}

#[test]
fn an_override_can_follow_a_direct_dependency() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "dependencies": { "a": "1", "lib": "1.0.0" }, "overrides": { "lib": "$lib" } }));
    env.install().success();
    assert_eq!(libs(&env).1, "lib@1.0.0");
    env.manifest(json!({ "dependencies": { "a": "1" }, "overrides": { "lib": "$lib" } }));
    env.install().fails().says("$lib");
}

#[test]
fn changed_overrides_make_the_lockfile_stale() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1")]);
    env.install().success();
    env.manifest(json!({ "dependencies": { "a": "1" }, "overrides": { "lib": "2.0.0" } }));
    env.deka(["install", "--frozen-lockfile"]).failure(10).says("overrides");
    env.install().success();
    assert_eq!(libs(&env).0, "lib@2.0.0");
    env.depends_on(&[("a", "1")]);
    env.install().success();
    assert_eq!(libs(&env).0, "lib@1.1.0");
}

#[test]
fn a_direct_dependency_is_preferred_where_it_fits() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1"), ("lib", "1.0.0")]);
    env.install().success();
    assert_eq!(libs(&env), ("lib@1.0.0".to_owned(), "lib@1.0.0".to_owned()));
}

#[test]
fn missing_peers_are_installed_by_themselves() {
    let registry = Registry::new()
        .package("plugin", "1.0.0", |p| p.peer("host", "^2").optional_peer("extra", "*"))
        .package("host", "2.0.0", |p| p)
        .package("host", "2.5.0", |p| p)
        .package("host", "3.0.0", |p| p)
        .package("extra", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("plugin", "1")]);
    env.install().success().line("+ plugin@1.0.0").never_says("+ host").line("2 packages installed [TIME]");
    assert!(env.read("node_modules/.deka/plugin@1.0.0_host@2.5.0/node_modules/host/index.js").contains("host@2.5.0"));
    assert!(!env.has("node_modules/host"), "it is no direct dependency");
    assert!(!env.has("node_modules/.deka/extra@1.0.0"), "an optional peer is not installed for its own sake");

    let without = env.another("project/without");
    without.depends_on(&[("plugin", "1")]).write(".npmrc", "auto-install-peers=false\n");
    without.install().success().says("host").says("plugin");
    assert!(!without.has("node_modules/.deka/host@2.5.0"));
    let strict = env.another("project/strict");
    strict.depends_on(&[("plugin", "1")]).write(".npmrc", "auto-install-peers=false\nstrict-peer-dependencies=true\n");
    strict.install().failure(20).says("host").says("plugin");
}

#[test]
fn a_wrong_peer_is_a_warning() {
    let registry = Registry::new().package("plugin", "1.0.0", |p| p.peer("host", "^2")).package("host", "1.0.0", |p| p).package(
        "host",
        "2.0.0",
        |p| p,
    );
    let env = TestEnv::with(&registry);
    env.depends_on(&[("plugin", "1"), ("host", "1")]);
    env.install().success().says("host@^2").says("1.0.0");
    assert!(env.read("node_modules/.deka/plugin@1.0.0_host@1.0.0/node_modules/host/index.js").contains("host@1.0.0"));
}

#[test]
fn an_optional_peer_is_used_when_it_is_there() {
    let registry = Registry::new().package("plugin", "1.0.0", |p| p.optional_peer("host", "*")).package("host", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("plugin", "1"), ("host", "1")]);
    env.install().success();
    assert!(env.has("node_modules/.deka/plugin@1.0.0_host@1.0.0"), "{}", env.tree());
}

#[test]
fn peers_reach_through_packages_that_do_not_name_them() {
    let registry = Registry::new()
        .package("app-kit", "1.0.0", |p| p.dep("widget", "1"))
        .package("widget", "1.0.0", |p| p.peer("react", "*"))
        .package("react", "18.0.0", |p| p)
        .package("react", "19.0.0", |p| p)
        .package("legacy", "1.0.0", |p| p.dep("react", "18").dep("app-kit", "1"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("app-kit", "1"), ("react", "19"), ("legacy", "1")]);
    env.install().success();
    assert!(env.read("node_modules/.deka/widget@1.0.0_react@19.0.0/node_modules/react/index.js").contains("19.0.0"));
    assert!(env.read("node_modules/.deka/widget@1.0.0_react@18.0.0/node_modules/react/index.js").contains("18.0.0"));
    assert!(env.has("node_modules/.deka/app-kit@1.0.0_react@18.0.0") && env.has("node_modules/.deka/app-kit@1.0.0_react@19.0.0"));
}

#[test]
fn deprecated_direct_dependencies_are_named() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.deprecated("use b\u{1b}[31m instead\u{202e}"));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    let said = env.install().success().says("a@1.0.0").says("deprecated").says("use b");
    assert!(!said.text().contains(['\u{1b}', '\u{202e}']), "letters that command the terminal are not passed on: {said:?}");
}

#[test]
fn a_projects_own_peers_are_installed_like_dependencies() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "kit", "peerDependencies": { "lib": "^1" }, "devDependencies": { "mid": "1" } }));
    env.install().success();
    assert!(env.read("node_modules/lib/index.js").contains("lib@1.1.0"));
    env.deka(["install", "--frozen-lockfile"]).success();
}
