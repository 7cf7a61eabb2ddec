//! Which of the manifest's lists are installed: `--prod`, `--dev`, `--no-optional`, and what optional means.

use crate::support::{Fault, Registry, TestEnv, json};

/// A system and a processor that no machine has that runs these tests.
const ELSEWHERE: &str = "aix";

fn registry() -> Registry {
    Registry::new()
        .package("prod", "1.0.0", |p| p.dep("both", "1").optional_dep("maybe", "1").dev_dep("nobodys", "1"))
        .package("dev", "1.0.0", |p| p.dep("both", "1").dep("devonly", "1"))
        .package("opt", "1.0.0", |p| p)
        .package("both", "1.0.0", |p| p)
        .package("devonly", "1.0.0", |p| p)
        .package("maybe", "1.0.0", |p| p)
}

fn env(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.manifest(json!({ "dependencies": { "prod": "1" }, "devDependencies": { "dev": "1" }, "optionalDependencies": { "opt": "1" } }));
    env
}

/// Returns the packages that have a slot.
fn slots(env: &TestEnv) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(env.project().join("node_modules/.deka"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_string_lossy().split_once('@').map(|(name, _)| name.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn each_group_can_be_left_out() {
    let registry = registry();
    for (flags, wanted) in [
        (&[][..], &["both", "dev", "devonly", "maybe", "opt", "prod"][..]),
        (&["--prod"], &["both", "maybe", "opt", "prod"]),
        (&["-P"], &["both", "maybe", "opt", "prod"]),
        (&["--dev"], &["both", "dev", "devonly"]),
        (&["-D"], &["both", "dev", "devonly"]),
        (&["--no-optional"], &["both", "dev", "devonly", "prod"]),
        (&["--prod", "--no-optional"], &["both", "prod"]),
    ] {
        let env = env(&registry);
        env.deka([&["install"], flags].concat()).success();
        assert_eq!(slots(&env), wanted, "{flags:?}");
        let packages = env.lockfile()["packages"].as_object().unwrap().len();
        assert_eq!(packages, 6, "{flags:?}: the lockfile is for everyone");
    }
}

#[test]
fn what_is_left_out_is_not_downloaded() {
    let registry = registry();
    let env = env(&registry);
    env.deka(["install", "--prod"]).success();
    assert_eq!(registry.count("/prod/-/prod-1.0.0.tgz"), 1);
    assert_eq!(registry.count("/devonly/-/devonly-1.0.0.tgz"), 0);
}

#[test]
fn node_env_does_not_decide() {
    let registry = registry();
    let env = env(&registry);
    env.prepare(["install"]).env("NODE_ENV", "production").run().success();
    assert!(env.has("node_modules/dev"));
}

#[test]
fn a_package_for_another_platform_is_locked_but_not_installed() {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.optional_dep("a-aix", "1").optional_dep("a-here", "1"))
        .package("a-aix", "1.0.0", |p| p.os(ELSEWHERE).dep("aix-lib", "1"))
        .package("aix-lib", "1.0.0", |p| p)
        .package("a-here", "1.0.0", |p| p.os(if cfg!(target_os = "linux") { "linux" } else { "darwin" }));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success().line("2 packages installed [TIME]");
    assert_eq!(slots(&env), ["a", "a-here"]);
    assert!(!env.has("node_modules/.deka/a@1.0.0/node_modules/a-aix"));
    let packages = &env.lockfile()["packages"];
    assert_eq!(packages["a-aix@1.0.0"]["os"], json!([ELSEWHERE]), "{packages:#}");
    assert!(packages["aix-lib@1.0.0"].is_object(), "{packages:#}");
    assert_eq!(registry.count("/a-aix/-/a-aix-1.0.0.tgz") + registry.count("/aix-lib/-/aix-lib-1.0.0.tgz"), 0);
    env.remove("node_modules");
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(slots(&env), ["a", "a-here"]);
    assert_eq!(registry.count("/a-aix/-/a-aix-1.0.0.tgz") + registry.count("/aix-lib/-/aix-lib-1.0.0.tgz"), 0);
}

#[test]
fn other_architectures_can_be_asked_for() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.optional_dep("a-aix", "1")).package("a-aix", "1.0.0", |p| p.os(ELSEWHERE));
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "dependencies": { "a": "1" }, "pnpm": { "supportedArchitectures": { "os": ["current", ELSEWHERE] } } }));
    env.install().success();
    assert_eq!(slots(&env), ["a", "a-aix"]);
}

#[test]
fn a_required_package_for_another_platform_is_installed_with_a_warning() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.os(ELSEWHERE));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success().says("a@1.0.0").says(ELSEWHERE);
    assert!(env.has("node_modules/a/index.js"));
}

#[test]
fn an_optional_dependency_may_fail() {
    let registry = registry()
        .package("host", "1.0.0", |p| p.optional_dep("nowhere", "1").optional_dep("prod", "99").optional_dep("broken", "1"))
        .package("broken", "1.0.0", |p| p);
    registry.fault("/broken/-/broken-1.0.0.tgz", Fault::status(404));
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "dependencies": { "host": "1" }, "optionalDependencies": { "gone": "1", "opt": "1" } }));
    let said = env.install().success().line("+ host@1.0.0").line("+ opt@1.0.0");
    for name in ["nowhere", "broken", "gone"] {
        assert!(said.stderr.contains(name), "a warning names {name}\n{}", said.report());
    }
    assert!(!env.has("node_modules/gone") && !env.has("node_modules/.deka/host@1.0.0/node_modules/broken"), "{}", env.tree());
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(env.strays(), [""; 0]);
}

#[test]
fn what_is_needed_otherwise_too_may_not_fail() {
    let registry = registry().package("host", "1.0.0", |p| p.optional_dep("broken", "1")).package("broken", "1.0.0", |p| p);
    registry.fault("/broken/-/broken-1.0.0.tgz", Fault::status(404));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("host", "1"), ("broken", "1")]);
    env.install().failure(40).says("broken");
}

#[test]
fn optional_hides_the_same_entry_of_dependencies() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "dependencies": { "gone": "1", "both": "1" }, "optionalDependencies": { "gone": "1" } }));
    env.install().success().line("+ both@1.0.0").says("gone");
}

#[test]
fn engines_are_warned_about_and_can_be_an_error() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("b", "1")).package("b", "1.0.0", |p| p.engine("node", ">=999")).package(
        "fits",
        "1.0.0",
        |p| p.engine("node", ">=4"),
    );
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("fits", "1")]);
    env.install().success().says("b@1.0.0").says(">=999").never_says("fits@1.0.0 ");
    env.remove("node_modules").write(".npmrc", "engine-strict=true\n");
    env.install().failure(2).says("b@1.0.0").says(">=999");
    assert!(!env.has("node_modules/a"));
    env.manifest(json!({ "dependencies": { "fits": "1" }, "optionalDependencies": { "b": "1" } }));
    env.install().success();
    assert_eq!(slots(&env), ["fits"], "an optional package that does not fit is left out");
}
