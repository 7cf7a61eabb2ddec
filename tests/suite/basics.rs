//! The main job: a `package.json` becomes a `node_modules`, and a person is told what happened.

use crate::support::{Registry, TestEnv, json};
use insta::assert_snapshot;

#[test]
fn installs_what_the_manifest_asks_for_and_says_so() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("b", "^1")).package("b", "1.2.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1.0.0")]);
    let output = env.install().success();
    assert_snapshot!(output.stdout, @r"
    + a@1.0.0

    2 packages installed [TIME]
    ");
    assert_snapshot!(env.tree(), @r"
    .deka/a@1.0.0/node_modules/a/index.js
    .deka/a@1.0.0/node_modules/a/package.json
    .deka/a@1.0.0/node_modules/b -> ../../b@1.2.0/node_modules/b
    .deka/b@1.2.0/node_modules/b/index.js
    .deka/b@1.2.0/node_modules/b/package.json
    .deka/node_modules/a -> ../a@1.0.0/node_modules/a
    .deka/node_modules/b -> ../b@1.2.0/node_modules/b
    a -> .deka/a@1.0.0/node_modules/a
    ");
    assert_eq!(env.strays(), [""; 0]);
}

#[test]
fn an_empty_project_has_nothing_to_install() {
    let env = TestEnv::with(&Registry::new());
    env.manifest(json!({}));
    env.install().success();
    assert!(!env.has("node_modules/.deka/node_modules"));
}
