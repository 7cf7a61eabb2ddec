//! `deka outdated`: what there is, what package.json admits, and what the registry calls the latest.

use crate::support::{Fault, Registry, TestEnv, json};
use insta::assert_snapshot;
use serde_json::Value;

fn installed() -> (Registry, TestEnv) {
    let registry = Registry::new()
        .package("fresh", "1.0.0", |p| p)
        .package("minor", "1.0.0", |p| p)
        .package("major", "1.0.0", |p| p)
        .package("tool", "1.0.0", |p| p)
        .package("@scope/renamed", "1.0.0", |p| p)
        .package("warned", "1.0.0", |p| p.deprecated("use fresh instead").field("homepage", json!("home.test")))
        .package("tagged", "1.0.0-rc.1", |p| p)
        .tag("tagged", "next", "1.0.0-rc.1")
        .cache_control("max-age=0");
    let env = TestEnv::with(&registry);
    env.manifest(json!({
        "name": "app", "version": "1.0.0",
        "dependencies": {
            "fresh": "^1", "minor": "^1", "major": "^1", "alias": "npm:@scope/renamed@1.0.0", "warned": "*", "tagged": "next",
        },
        "devDependencies": { "tool": "~1.0.0" },
    }));
    env.install().success();
    registry.publish("minor", "1.5.0", |p| p);
    registry.publish("major", "1.1.0", |p| p);
    registry.publish("major", "2.0.0", |p| p);
    registry.publish("tool", "1.0.1", |p| p);
    registry.publish("tool", "1.1.0", |p| p);
    registry.publish("@scope/renamed", "3.0.0", |p| p);
    registry.publish("tagged", "1.0.0-rc.2", |p| p);
    let registry = registry.tag("tagged", "next", "1.0.0-rc.2").tag("tagged", "latest", "1.0.0-rc.1");
    (registry, env)
}

#[test]
fn what_is_old_stands_in_a_table() {
    let (registry, env) = installed();
    registry.forget();
    let said = env.deka(["outdated"]).status(1);
    assert_snapshot!(said.stdout, @r"
    Package                 Current           Wanted      Latest
    alias (@scope/renamed)  1.0.0             1.0.0       3.0.0
    major                   1.0.0             1.1.0       2.0.0
    minor                   1.0.0             1.5.0       1.5.0
    tagged                  1.0.0-rc.1        1.0.0-rc.2  1.0.0-rc.1
    tool (dev)              1.0.0             1.0.1       1.1.0
    warned                  1.0.0 deprecated  1.0.0       Deprecated
    ");
    assert_eq!(said.stderr, "");
    assert_eq!(registry.asked().len(), 7, "each package is asked for once, and no tarball: {:?}", registry.asked());
}

#[test]
fn nothing_is_old() {
    let (_registry, env) = installed();
    let said = env.deka(["outdated", "fresh"]).success();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    assert_eq!(env.deka(["outdated", "fresh", "--json"]).success().stdout, "{}\n");
}

#[test]
fn names_lists_and_compatible_versions() {
    let (_registry, env) = installed();
    let listed = |flags: &[&str]| {
        let said = env.deka([&["outdated"], flags].concat()).status(1);
        let name = |line: &str| line.split_whitespace().next().unwrap().to_owned();
        said.stdout.lines().skip(1).map(name).collect::<Vec<String>>().join(" ")
    };
    assert_eq!(listed(&["m*"]), "major minor");
    assert_eq!(listed(&["@scope/*", "tool"]), "alias tool");
    assert_eq!(listed(&["!m*", "!warned"]), "alias tagged tool");
    assert_eq!(listed(&["-D"]), "tool");
    assert_eq!(listed(&["-P"]), "alias major minor tagged warned");
    assert_eq!(listed(&["--compatible"]), "major minor tagged tool");
}

#[test]
fn programs_get_one_document() {
    let (_registry, env) = installed();
    let document: Value = serde_json::from_str(&env.deka(["outdated", "--json"]).status(1).stdout).unwrap();
    assert_eq!(
        document["major"],
        json!({ "current": "1.0.0", "wanted": "1.1.0", "latest": "2.0.0", "isDeprecated": false, "dependencyType": "dependencies" })
    );
    assert_eq!(document["tool"]["dependencyType"], "devDependencies");
    assert_eq!(document["@scope/renamed"]["alias"], "alias");
    assert_eq!(document["warned"]["isDeprecated"], true);
    assert!(document.get("fresh").is_none());
}

#[test]
fn more_is_said_when_asked() {
    let (_registry, env) = installed();
    let said = env.deka(["outdated", "--long", "warned"]).status(1);
    assert!(said.stdout.ends_with("\n  use fresh instead\n  home.test\n"), "{}", said.stdout);
}

#[test]
fn what_stands_in_node_modules_counts() {
    let (_registry, env) = installed();
    env.remove("node_modules/major").remove("node_modules/minor");
    env.write("node_modules/minor/package.json", r#"{"name":"minor","version":"0.9.0"}"#);
    let document: Value = serde_json::from_str(&env.deka(["outdated", "--json", "m*"]).status(1).stdout).unwrap();
    assert!(document["major"].get("current").is_none() && document["minor"]["current"] == "0.9.0", "{document}");
    assert!(env.deka(["outdated", "major"]).status(1).stdout.contains("missing"));
}

#[test]
fn offline_answers_come_from_the_cache() {
    let (registry, env) = installed();
    registry.forget();
    let said = env.deka(["outdated", "--offline"]).status(1);
    assert!(
        said.stdout.contains("warned") && !said.stdout.contains("minor"),
        "what was cached before is all that is known: {}",
        said.stdout
    );
    assert_eq!(registry.asked(), [""; 0]);
    env.deka(["outdated", "--prefer-offline", "minor"]).success();
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    env.deka(["outdated", "--offline"]).failure(40).says("DEKA_E_OFFLINE");
}

#[test]
fn what_cannot_be_asked_is_an_error_but_hides_nothing() {
    let (registry, env) = installed();
    registry.fault("/minor", Fault::status(404));
    let said = env.deka(["outdated"]).failure(20);
    assert!(said.stdout.contains("major") && said.stderr.contains("minor"), "{}", said.report());
}

#[test]
fn catalogs_are_read_and_the_projects_of_a_workspace_named() {
    let registry = Registry::new().package("a", "1.0.0", |p| p).package("b", "1.0.0", |p| p).cache_control("max-age=0");
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "root", "private": true, "dependencies": { "b": "1" } }));
    let names: Vec<String> = (0..12).map(|number| format!("project-number-{number:02}")).collect();
    env.write("pnpm-workspace.yaml", "packages: [packages/*]\ncatalog: { a: ~1.0.0 }\ncatalogs: { next: { a: ^1 } }\n");
    for name in &names {
        let catalog = if name.ends_with("11") { "catalog:next" } else { "catalog:" };
        let manifest = json!({ "name": name, "dependencies": { "a": catalog, "project-number-00": "workspace:*" } });
        env.write(&format!("packages/{name}/package.json"), manifest.to_string());
    }
    let first = json!({ "name": names[0], "dependencies": { "a": "catalog:" } });
    env.write("packages/project-number-00/package.json", first.to_string());
    env.install().success();
    registry.publish("a", "1.0.1", |p| p);
    registry.publish("a", "1.1.0", |p| p);
    assert_snapshot!(env.deka(["outdated", "-r"]).status(1).stdout, @r"
    Package  Current  Wanted  Latest  Dependents
    a        1.0.0    1.0.1   1.1.0   project-number-00, project-number-01,
                                      project-number-02, project-number-03, 7 more
    a        1.0.0    1.1.0   1.1.0   project-number-11
    ");
    let long = env.deka(["outdated", "-r", "--long"]).status(1).stdout;
    assert!(names.iter().all(|name| long.contains(name)) && long.lines().all(|line| line.chars().count() <= 80), "{long}");
    let document: Value = serde_json::from_str(&env.deka(["outdated", "-r", "--json"]).status(1).stdout).unwrap();
    assert_eq!(document["a"]["dependentPackages"].as_array().unwrap().len(), 11, "{document}");
    assert_eq!(document["a@1.0.0"]["wanted"], "1.1.0");
    env.deka(["outdated"]).success();
    env.deka(["outdated", "-F", "project-number-11"]).status(1).line("Package  Current  Wanted  Latest");
}
