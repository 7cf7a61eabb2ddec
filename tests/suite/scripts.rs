//! Lifecycle scripts: which run, in which order, with which environment, and what is said of the others.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;

/// A script that writes a line into the project's `log`.
fn note(text: &str) -> String {
    format!("echo \"{text}\" >> \"$INIT_CWD/log\"")
}

fn registry() -> Registry {
    Registry::new()
        .package("native", "1.0.0", |p| {
            p.dep("tool", "1")
                .dep("lower", "1")
                .script("install", "tool > built.txt")
                .script("postinstall", &note("native $npm_lifecycle_event"))
        })
        .package("lower", "1.0.0", |p| p.script("preinstall", &note("lower $npm_lifecycle_event")))
        .package("tool", "1.0.0", |p| p.bin("tool", "t.js"))
        .package("loud", "1.0.0", |p| p.script("postinstall", "echo out-of-script; echo err-of-script >&2; exit 3"))
}

fn log(env: &TestEnv) -> Vec<String> {
    if env.has("log") { env.read("log").lines().map(str::to_owned).collect() } else { Vec::new() }
}

#[test]
fn the_projects_own_scripts_run_in_order() {
    let env = TestEnv::with(&registry());
    let events = ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];
    let scripts: serde_json::Map<String, Value> =
        events.iter().map(|event| ((*event).to_owned(), json!(note("$npm_lifecycle_event")))).collect();
    env.manifest(json!({ "name": "app", "scripts": scripts, "dependencies": { "tool": "1" } }));
    env.install().success();
    let ran: Vec<String> = log(&env).into_iter().filter(|event| event != "prepublish").collect();
    assert_eq!(ran, ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare"]);
    env.deka(["install", "--force", "--ignore-scripts"]).success();
    assert_eq!(log(&env).iter().filter(|event| *event == "install").count(), 1);
}

#[test]
fn preinstall_comes_before_and_postinstall_after_the_packages() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({
        "scripts": { "preinstall": "test ! -e node_modules/tool", "postinstall": "tool done > out" },
        "dependencies": { "tool": "1" },
    }));
    env.install().success();
    assert_eq!(env.read("out"), "tool of tool@1.0.0: done\n");
}

#[test]
fn a_script_has_the_environment_that_npm_gives() {
    let env = TestEnv::with(&registry());
    let wanted = "npm_lifecycle_event npm_lifecycle_script npm_package_name npm_package_version npm_package_json npm_config_user_agent \
                  npm_execpath npm_node_execpath INIT_CWD NODE SECRET_OF_MINE";
    let print = wanted.split(' ').map(|name| format!("echo \"{name}=${name}\"")).collect::<Vec<_>>().join("; ");
    env.user_npmrc(&format!("registry={}\n//example.test/:_authToken=hush-hush\n", registry().url()));
    env.manifest(json!({ "name": "app", "version": "4.5.6", "scripts": { "postinstall": format!("({print}; env) > seen; pwd >> seen") } }));
    env.prepare(["install"]).env("SECRET_OF_MINE", "kept").env("NPM_TOKEN", "kept-too").run().success();
    let seen = env.read("seen");
    let value = |name: &str| seen.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap_or_default().to_owned();
    assert_eq!(value("npm_lifecycle_event"), "postinstall");
    assert!(value("npm_lifecycle_script").starts_with("(echo"));
    assert_eq!((value("npm_package_name"), value("npm_package_version")), ("app".to_owned(), "4.5.6".to_owned()));
    assert_eq!(value("npm_package_json"), env.project().join("package.json").to_string_lossy());
    assert_eq!(value("INIT_CWD"), env.project().to_string_lossy());
    assert!(value("npm_config_user_agent").starts_with("deka/"), "{seen}");
    assert!(value("npm_execpath").ends_with("deka") && value("npm_node_execpath").ends_with("node"), "{seen}");
    assert!(value("PATH").starts_with(&*env.project().join("node_modules/.bin").to_string_lossy()), "{seen}");
    assert_eq!(value("SECRET_OF_MINE"), "kept", "the user's own variables are his own");
    assert!(!seen.contains("hush-hush"), "tokens of .npmrc are not handed on: {seen}");
}

#[test]
fn dependencies_run_nothing_unless_allowed_and_are_named_at_the_end() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("native", "1"), ("tool", "1")]);
    let said = env.install().success().says("native@1.0.0").says("lower@1.0.0").never_says("tool@1.0.0 ");
    let said = said.line("The install scripts of these packages were not run: lower@1.0.0, native@1.0.0.");
    said.line("To run the scripts of those you trust, add their names to `trustedDependencies` in package.json and install again.");
    assert_eq!(log(&env), [""; 0]);
    assert!(!env.has("node_modules/native/built.txt"));
}

#[test]
fn each_way_to_allow_works() {
    let registry = registry();
    let root = |fields: Value| {
        let mut manifest = json!({ "dependencies": { "native": "1" } });
        manifest.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        manifest
    };
    for (manifest, workspace) in [
        (root(json!({ "trustedDependencies": ["native", "lower"] })), ""),
        (root(json!({ "pnpm": { "onlyBuiltDependencies": ["native", "lower@1.0.0"] } })), ""),
        (root(json!({})), "onlyBuiltDependencies:\n  - native\n  - lower\n"),
        (root(json!({})), "allowBuilds:\n  native: true\n  lower: true\n"),
        (root(json!({ "pnpm": { "allowBuilds": { "native": true, "lower": true } } })), ""),
    ] {
        let env = TestEnv::with(&registry);
        env.manifest(manifest.clone());
        if !workspace.is_empty() {
            env.write("pnpm-workspace.yaml", workspace);
        }
        let said = env.install().success();
        assert_eq!(log(&env), ["lower preinstall", "native postinstall"], "{manifest} {workspace}\n{}", said.report());
        assert_eq!(env.read("node_modules/native/built.txt"), "tool of tool@1.0.0: \n", "the command of a dependency is in PATH");
        assert!(!said.text().contains("onlyBuiltDependencies"), "nothing was left out: {}", said.report());
    }
}

#[test]
fn what_is_allowed_is_the_package_and_not_its_name() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let evil = crate::support::package::Package::new("native", "1.0.0").script("postinstall", &note("evil")).tarball();
    env.write("evil.tgz", evil);
    env.manifest(json!({ "dependencies": { "native": "file:evil.tgz" }, "trustedDependencies": ["native"] }));
    env.install().success().says("native");
    assert_eq!(log(&env), [""; 0], "a tarball that calls itself `native` is another package");
    env.manifest(json!({ "dependencies": { "native": "npm:loud@1" }, "trustedDependencies": ["native"] }));
    env.install().success().never_says("out-of-script");
}

#[test]
fn a_script_writes_into_a_copy_of_its_own() {
    let registry =
        Registry::new().package("self-made", "1.0.0", |p| p.script("postinstall", "echo changed > index.js; echo x >> package.json"));
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "dependencies": { "self-made": "1" }, "trustedDependencies": ["self-made"] }));
    env.install().success();
    assert_eq!(env.read("node_modules/self-made/index.js"), "changed\n");
    let other = env.another("project/other");
    other.depends_on(&[("self-made", "1")]);
    other.install().success();
    assert_eq!(other.read("node_modules/self-made/index.js"), "module.exports = \"self-made@1.0.0\";\n");
}

#[test]
fn a_script_that_fails_shows_what_it_said() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "dependencies": { "loud": "1" }, "trustedDependencies": ["loud"] }));
    env.install().failure(50).says("loud@1.0.0").says("postinstall").says("out-of-script").says("err-of-script").says("3");
    // What failed is not taken for done.
    env.install().failure(50).says("out-of-script");
    env.manifest(json!({ "optionalDependencies": { "loud": "1", "tool": "1" }, "trustedDependencies": ["loud"] }));
    env.install().success().says("loud");
    assert!(env.has("node_modules/tool"));
}

#[test]
fn a_root_script_that_fails_is_a_failure() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "scripts": { "postinstall": "echo said-before; exit 7" }, "dependencies": { "tool": "1" } }));
    env.install().failure(50).says("postinstall").says("said-before");
    env.install().failure(50);
    assert!(env.has("node_modules/tool/index.js"), "the packages are there all the same");
}

#[test]
fn a_second_run_builds_nothing_again() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "dependencies": { "native": "1" }, "trustedDependencies": ["native", "lower"] }));
    env.install().success();
    env.install().success();
    env.manifest(json!({ "dependencies": { "native": "1", "tool": "1" }, "trustedDependencies": ["native", "lower"] }));
    env.install().success();
    assert_eq!(log(&env).len(), 2, "{:?}", log(&env));
}

#[test]
fn allowing_a_package_later_runs_it_then() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("native", "1")]);
    env.install().success();
    env.manifest(json!({ "dependencies": { "native": "1" }, "trustedDependencies": ["native", "lower"] }));
    env.install().success();
    assert_eq!(log(&env), ["lower preinstall", "native postinstall"]);
}

#[test]
fn a_dependency_cannot_replace_the_shell_of_others() {
    let registry = registry().package("shadow", "1.0.0", |p| p.bin("sh", "sh.js").bin("node", "node.js").bin("echo", "echo.js"));
    let env = TestEnv::with(&registry);
    env.write(".npmrc", "script-shell=/bin/false\nnode-options=--require ./evil.js\n");
    env.manifest(json!({ "dependencies": { "native": "1", "shadow": "1" }, "trustedDependencies": ["native", "lower"] }));
    env.install().success();
    assert_eq!(log(&env), ["lower preinstall", "native postinstall"]);
}
