//! Names, aliases and commands that would stand where they must not.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;

const NAMES: [&str; 14] = [
    "../x",
    "../../../x",
    "a/../../x",
    "/etc/x",
    ".bin",
    ".deka",
    ".pnpm",
    ".modules.yaml",
    "node_modules",
    "@s/../../x",
    "@s",
    "__proto__",
    "a\\..\\b",
    "a b",
];

#[test]
fn a_name_in_the_manifest_that_is_no_name_is_an_error() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    for name in NAMES {
        let env = TestEnv::with(&registry);
        // A JSON text, since the macro could not hold `__proto__` twice the same way.
        env.write("package.json", format!(r#"{{"dependencies":{{{}:"npm:a@1"}}}}"#, Value::from(name)));
        registry.forget();
        let said = env.install().fails().says("package.json").says("not a valid package name");
        assert!(registry.asked().is_empty() && !env.has("node_modules") && env.strays().is_empty(), "{name}: {}", said.report());
    }
}

#[test]
fn an_alias_in_a_package_that_is_no_name_is_an_error_before_anything_is_fetched() {
    for name in NAMES {
        let registry =
            Registry::new().package("a", "1.0.0", |p| p.field("dependencies", json!({ name: "npm:b@1" }))).package("b", "1.0.0", |p| p);
        let env = TestEnv::with(&registry);
        env.depends_on(&[("a", "1")]);
        let said = env.install().failure(20).says("a@1.0.0").says("not a valid package name");
        assert_eq!(registry.count("/b"), 0, "{name}");
        assert!(!env.has("node_modules") && env.strays().is_empty(), "{name}: {}", said.report());
    }
}

#[test]
fn a_target_that_is_no_name_is_an_error() {
    let env = TestEnv::with(&Registry::new());
    for target in ["npm:../x@1", "npm:.bin@1", "npm:@a@1", "npm:%2e%2e%2fx@1", "npm:a/b/c@1"] {
        env.depends_on(&[("a", target)]);
        env.install().fails().says("a");
    }
}

#[test]
fn names_of_javascripts_own_are_names_like_others() {
    let registry =
        Registry::new().package("constructor", "1.0.0", |p| p.dep("hasOwnProperty", "1")).package("hasOwnProperty", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("constructor", "1")]);
    env.install().success().line("2 packages installed [TIME]");
    env.remove("node_modules");
    env.deka(["ci"]).success();
    assert!(env.has("node_modules/constructor/index.js"));
}

#[test]
fn commands_stay_in_their_folder() {
    let registry = Registry::new().package("x", "1.0.0", |p| {
        p.file("cli.js", "#!/bin/sh\necho x\n").field(
            "bin",
            json!({
                "../../../evil": "cli.js",
                "@s/../../evil": "cli.js",
                "/etc/evil": "cli.js",
                "..": "cli.js",
                ".": "cli.js",
                "": "cli.js",
                "a\\b": "cli.js",
                "a/b": "cli.js",
                "out": "../../../../../../etc/passwd",
                "abs": "/etc/passwd",
                "missing": "not-there.js",
                "folder": "./",
                "constructor": "cli.js",
                "@s/plain": "cli.js",
                "good": "./cli.js",
                "semi;colon": "cli.js",
            }),
        )
    });
    let env = TestEnv::with(&registry);
    env.depends_on(&[("x", "1")]);
    let said = env.install().success().says("missing");
    assert!(env.strays().is_empty(), "{:?}\n{}", env.strays(), said.report());
    let tree = env.tree();
    let commands: Vec<&str> = tree.lines().filter_map(|line| line.strip_prefix(".bin/")).collect();
    for good in ["good -> ", "constructor -> "] {
        assert!(commands.iter().any(|command| command.starts_with(good)), "{good}: {tree}");
    }
    for line in &commands {
        let (name, target) = line.split_once(" -> ").unwrap_or((line, ""));
        assert!(!["out", "abs", "missing", "folder", "..", ".", "a"].contains(&name), "{line}");
        assert!(target.is_empty() || target == "../x/cli.js" || target.ends_with("/x/cli.js"), "{line}");
    }
}

#[test]
fn a_command_through_a_link_that_leaves_the_package_is_dropped() {
    let env = TestEnv::with(&Registry::new());
    env.write("kit/package.json", r#"{"name":"kit","version":"1.0.0","bin":{"leak":"leak","fine":"fine"}}"#)
        .write("kit/fine", "#!/bin/sh\n");
    env.write("secret", "mine");
    std::os::unix::fs::symlink("../secret", env.project().join("kit/leak")).unwrap();
    env.depends_on(&[("kit", "file:kit")]);
    let said = env.install().either();
    assert!(!env.has("node_modules/.bin/leak"), "{}", said.report());
    assert!(!said.status.success() || env.has("node_modules/.bin/fine"), "{}", said.report());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(env.project().join("secret")).unwrap().permissions());
    assert_eq!(mode & 0o111, 0, "a file outside of the package was made executable");
}

#[test]
fn making_a_command_executable_changes_no_other_package() {
    let same = "#!/bin/sh\necho same\n";
    let registry = Registry::new().package("tool", "1.0.0", |p| p.file("cli.js", same).field("bin", json!({ "tool": "cli.js" }))).package(
        "text",
        "1.0.0",
        |p| p.file("copy.js", same),
    );
    let env = TestEnv::with(&registry);
    env.depends_on(&[("text", "1"), ("tool", "1")]);
    env.install().success();
    assert!(env.tree().contains("/tool/cli.js*\n") && env.tree().contains("/text/copy.js\n"), "{}", env.tree());
}

#[test]
fn packages_in_a_tarball_have_no_commands_at_the_top() {
    let registry = Registry::new().package("x", "1.0.0", |p| {
        p.file("node_modules/y/package.json", r#"{"name":"y","version":"1.0.0","bin":{"y":"y.js"}}"#)
            .file("node_modules/y/y.js", "#!/bin/sh\n")
    });
    let env = TestEnv::with(&registry);
    env.depends_on(&[("x", "1")]);
    env.install().success();
    assert!(env.has("node_modules/x/node_modules/y/y.js") && !env.tree().contains(".bin/y"), "{}", env.tree());
}
