//! `deka dlx`: commands of packages that no project has, installed aside and kept for a while.

use crate::support::{Registry, TestEnv, json};
use std::os::unix::fs::PermissionsExt;

fn registry() -> Registry {
    Registry::new()
        .package("hello", "1.0.0", |p| p.bin("hello", "h.js"))
        .package("hello", "2.0.0", |p| p.bin("hello", "h.js").dep("lower", "1"))
        .package("lower", "1.0.0", |p| p.bin("lower", "l.js"))
        .package("@scope/tool", "1.0.0", |p| p.bin("tool", "t.js").bin("other", "o.js"))
        .package("other-name", "1.0.0", |p| p.bin("called-else", "c.js"))
        .package("many", "1.0.0", |p| p.bin("one", "1.js").bin("two", "2.js"))
        .package("none", "1.0.0", |p| p)
        .package("builds", "1.0.0", |p| p.bin("builds", "b.js").script("postinstall", "echo built > built.txt"))
}

#[test]
fn the_command_of_a_package_runs_where_deka_was_called() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "app", "dependencies": { "no-such-package": "1" } }));
    assert_eq!(env.deka(["dlx", "hello", "a b", "--silent", "$x"]).success().stdout, "hello of hello@2.0.0: a b --silent $x\n");
    assert_eq!(env.deka(["x", "hello@1"]).success().stdout, "hello of hello@1.0.0: \n");
    assert_eq!(env.deka(["dlx", "hello@^2", "x"]).success().stdout, "hello of hello@2.0.0: x\n");
    assert_eq!(env.deka(["dlx", "@scope/tool@latest"]).success().stdout, "tool of @scope/tool@1.0.0: \n");
    assert_eq!(env.deka(["dlx", "other-name"]).success().stdout, "called-else of other-name@1.0.0: \n");
    assert_eq!(env.deka(["dlx", "mine@npm:hello@1"]).success().stdout, "hello of hello@1.0.0: \n");
    assert_eq!(env.deka(["dlx", "-p", "many", "-p", "hello@1", "two", "x"]).success().stdout, "two of many@1.0.0: x\n");
    assert_eq!(
        env.deka(["dlx", "-p", "hello@1", "-c", "hello a | cat; pwd; exit 4"]).status(4).stdout,
        "hello of hello@1.0.0: a\n[PROJECT]\n"
    );
    // Nothing of this is the project's.
    assert!(!env.has("node_modules") && !env.has("deka.lock"));
    assert_eq!(env.strays(), [""; 0]);
}

#[test]
fn what_cannot_be_meant_is_said() {
    let env = TestEnv::with(&registry());
    env.deka(["dlx", "many"])
        .failure(2)
        .says("many has several commands and none is called `many`: one, two")
        .says("deka dlx --package many one");
    env.deka(["dlx", "none"]).failure(2).says("DEKA_E_NO_COMMAND").says("none has no commands");
    env.deka(["dlx", "-p", "hello", "two"]).failure(2).says("there is no command `two`");
    env.deka(["dlx", "missing"]).failure(20).says("missing");
    env.deka(["dlx", "hello@9"]).failure(20).says("hello@9");
    env.deka(["dlx", "Not A Name"]).failure(20).says("`Not A Name` is no package");
    env.deka(["dlx"]).failure(2);
}

#[test]
fn an_install_is_used_again_until_it_is_old() {
    let registry = registry().cache_control("no-cache");
    let env = TestEnv::with(&registry);
    let run = |max_age: &str| env.prepare(["dlx", "hello"]).env("npm_config_dlx_cache_max_age", max_age).run().success().stdout;
    assert_eq!(run("1440"), "hello of hello@2.0.0: \n");
    registry.publish("hello", "3.0.0", |p| p.bin("hello", "h.js"));
    registry.forget();
    assert_eq!(run("1440"), "hello of hello@2.0.0: \n");
    assert_eq!(registry.asked(), [""; 0], "what is there is not asked for");
    assert_eq!(run("0"), "hello of hello@3.0.0: \n");
    assert_eq!(run("1440"), "hello of hello@3.0.0: \n");
    // A failure leaves the cache as it was.
    env.deka(["dlx", "missing"]).failure(20);
    let shelves = std::fs::read_dir(env.home().join(".cache/deka/dlx")).unwrap().count();
    assert_eq!(shelves, 1);
    // What somebody has removed is installed again.
    for shelf in std::fs::read_dir(env.home().join(".cache/deka/dlx")).unwrap().flatten() {
        std::fs::remove_dir_all(shelf.path().join("current/node_modules/hello").canonicalize().unwrap()).unwrap();
    }
    assert_eq!(run("1440"), "hello of hello@3.0.0: \n");
}

#[test]
fn several_at_once_do_not_disturb_each_other() {
    let env = TestEnv::with(&registry());
    let runs: Vec<_> = (0..6).map(|_| env.prepare(["dlx", "hello@2"]).start()).collect();
    for run in runs {
        assert_eq!(run.finish().success().stdout, "hello of hello@2.0.0: \n");
    }
}

#[test]
fn scripts_run_only_when_they_are_allowed() {
    let env = TestEnv::with(&registry());
    let show = "ls $(dirname $(readlink -f $(which builds))); true";
    let said = env
        .deka(["dlx", "-p", "builds", "-c", show])
        .success()
        .says("builds@1.0.0")
        .says("--allow-build")
        .never_says("package.json and install");
    assert!(!said.stdout.contains("built.txt"));
    let said = env.deka(["dlx", "-p", "builds", "--allow-build", "builds", "-c", show]).success();
    assert!(said.stdout.contains("built.txt"), "{}", said.report());
}

#[test]
fn the_registry_of_the_project_is_asked() {
    let registry = registry();
    let env = TestEnv::new();
    env.user_npmrc("");
    env.write(".npmrc", format!("registry={}\n", registry.url()));
    env.manifest(json!({ "name": "app" }));
    assert_eq!(env.deka(["dlx", "hello@1"]).success().stdout, "hello of hello@1.0.0: \n");
    let local = env.another("elsewhere");
    local.write("pkg/package.json", json!({ "name": "own", "version": "1.0.0", "bin": "c.js" }).to_string());
    local.write("pkg/c.js", "#!/usr/bin/env node\nconsole.log('own', ...process.argv.slice(2))\n");
    std::fs::set_permissions(local.project().join("pkg/c.js"), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(local.deka(["dlx", "./pkg", "x"]).success().stdout, "own x\n");
}
