//! `deka why`: every way that leads to a package, from the package up to the projects.

use crate::support::{Registry, TestEnv, json};
use insta::assert_snapshot;
use serde_json::Value;
use std::time::{Duration, Instant};

fn installed() -> (Registry, TestEnv) {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "^1").dep("c", "^1"))
        .package("b", "1.2.0", |p| p.dep("c", "^1"))
        .package("c", "1.0.0", |p| p.dep("d", "^1"))
        .package("d", "1.0.0", |p| p.dep("c", "^1"))
        .package("d", "2.0.0", |p| p)
        .package("plugin", "2.0.0", |p| p.peer("d", "*"));
    let env = TestEnv::with(&registry);
    env.manifest(json!({
        "name": "app", "version": "1.0.0",
        "dependencies": { "a": "^1", "renamed": "npm:b@^1" },
        "devDependencies": { "d": "2", "plugin": "2" },
    }));
    env.install().success();
    (registry, env)
}

#[test]
fn all_ways_lead_up_to_the_project() {
    let (_registry, env) = installed();
    let said = env.deka(["why", "d"]).success();
    assert_eq!(said.stderr, "");
    assert_snapshot!(said.stdout, @r"
    d@1.0.0
    └─┬ c@1.0.0
      ├─┬ a@1.0.0
      │ └── app@1.0.0 (dependencies)
      ├─┬ b@1.2.0
      │ ├── a@1.0.0 [deduped]
      │ └── app@1.0.0 (dependencies, as renamed)
      └── d@1.0.0 [circular]

    d@2.0.0
    ├─┬ plugin@2.0.0 peer
    │ └── app@1.0.0 (devDependencies)
    └── app@1.0.0 (devDependencies)

    Found 2 versions of d
    ");
}

#[test]
fn names_globs_ranges_and_aliases() {
    let (_registry, env) = installed();
    let found = |typed: &[&str]| {
        let said = env.deka([&["why"], typed].concat()).success();
        said.stdout.lines().last().unwrap().to_owned()
    };
    assert_eq!(found(&["d@^2"]), "Found 1 version of d");
    assert_eq!(found(&["d"]), "Found 2 versions of d");
    assert_eq!(found(&["[bd]"]), "Found 2 versions of d");
    assert_eq!(found(&["*"]), "Found 6 instances of 5 packages");
    assert_eq!(found(&["*", "!d", "!c", "!plugin"]), "Found 1 version of b");
    env.deka(["why", "renamed"]).success().line("b@1.2.0").line("└── app@1.0.0 (dependencies, as renamed)");
    env.deka(["why"]).failure(2);
}

#[test]
fn nobody_needs_it() {
    let (_registry, env) = installed();
    let said = env.deka(["why", "nothing", "d@3"]).status(1);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("Nothing here depends on nothing d@3.\n", ""));
    let said = env.deka(["why", "nothing", "--json"]).status(1);
    assert_eq!(said.stdout, "[]\n");
}

#[test]
fn lists_and_levels_are_chosen_by_flags() {
    let (_registry, env) = installed();
    assert_snapshot!(env.deka(["why", "d", "-P", "--depth=1"]).success().stdout, @r"
    d@1.0.0
    └── c@1.0.0 […]

    Found 1 version of d
    ");
    assert_snapshot!(env.deka(["why", "d", "-D"]).success().stdout, @r"
    d@2.0.0
    ├─┬ plugin@2.0.0 peer
    │ └── app@1.0.0 (devDependencies)
    └── app@1.0.0 (devDependencies)

    Found 1 version of d
    ");
}

#[test]
fn programs_get_one_document() {
    let (_registry, env) = installed();
    let said = env.deka(["why", "b", "d@2", "--json"]).success();
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let app = |field: &str| json!({ "name": "app", "version": "1.0.0", "project": ".", "depField": field });
    let mut renamed = app("dependencies");
    renamed["alias"] = json!("renamed");
    assert_eq!(
        document,
        json!([
            {
                "name": "b", "version": "1.2.0",
                "dependents": [{ "name": "a", "version": "1.0.0", "dependents": [app("dependencies")] }, renamed],
            },
            {
                "name": "d", "version": "2.0.0",
                "dependents": [
                    { "name": "plugin", "version": "2.0.0", "peer": true, "dependents": [app("devDependencies")] },
                    app("devDependencies"),
                ],
            },
        ])
    );
}

#[test]
fn without_a_lockfile_nothing_is_known() {
    let env = TestEnv::new();
    env.depends_on(&[("a", "1")]);
    env.deka(["why", "a"]).failure(10).says("there is no [PROJECT]/deka.lock");
}

/// Forty levels of two packages that both need both of the next level: 2^40 ways, but only 160 edges.
#[test]
fn a_package_with_a_million_million_ways_is_answered_at_once() {
    const LEVELS: usize = 40;
    let env = TestEnv::new();
    env.depends_on(&[("a0", "1"), ("b0", "1")]);
    let (mut packages, mut snapshots) = (serde_json::Map::new(), serde_json::Map::new());
    for level in 0..LEVELS {
        for side in ["a", "b"] {
            let below = if level + 1 < LEVELS {
                json!({ "dependencies": { format!("a{}", level + 1): "1.0.0", format!("b{}", level + 1): "1.0.0" } })
            } else {
                json!({ "dependencies": { "deep": "1.0.0" } })
            };
            packages.insert(format!("{side}{level}@1.0.0"), json!({}));
            snapshots.insert(format!("{side}{level}@1.0.0"), below);
        }
    }
    packages.insert("deep@1.0.0".to_owned(), json!({}));
    snapshots.insert("deep@1.0.0".to_owned(), json!({}));
    let direct = json!({ "specifier": "1", "version": "1.0.0" });
    let importers = json!({ ".": { "dependencies": { "a0": direct, "b0": direct } } });
    let settings = json!({ "autoInstallPeers": true, "dedupePeerDependents": true, "resolvePeersFromWorkspaceRoot": true });
    let lockfile =
        json!({ "lockfileVersion": 1, "settings": settings, "importers": importers, "packages": packages, "snapshots": snapshots });
    env.write("deka.lock", serde_json::to_vec_pretty(&lockfile).unwrap());
    for arguments in [&["why", "deep"][..], &["why", "*"], &["ls", "--depth=Infinity"], &["ls", "--depth=Infinity", "deep"]] {
        let started = Instant::now();
        let said = env.deka(arguments).success();
        assert!(started.elapsed() < Duration::from_secs(2), "{arguments:?} took {:?}", started.elapsed());
        assert!((80..600).contains(&said.stdout.lines().count()), "{arguments:?}: {} lines", said.stdout.lines().count());
    }
}

#[test]
fn ways_lead_through_projects_up_to_those_that_are_asked_about() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("b", "1")).package("b", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "root", "version": "1.0.0", "private": true }));
    env.write("pnpm-workspace.yaml", "packages: [apps/*, packages/*]\n");
    env.write("apps/web/package.json", r#"{"name":"web","version":"1.0.0","dependencies":{"ui":"workspace:*"}}"#);
    env.write("apps/docs/package.json", r#"{"name":"docs","devDependencies":{"b":"1"}}"#);
    env.write("packages/ui/package.json", r#"{"name":"ui","version":"2.0.0","dependencies":{"a":"1"}}"#);
    env.install().success();
    assert_snapshot!(env.deka(["why", "b"]).success().stdout, @r"
    b@1.0.0
    ├─┬ a@1.0.0
    │ └── ui@2.0.0 (dependencies)
    └── docs (devDependencies)

    Found 1 version of b
    ");
    let web = env.project().join("apps/web");
    assert_snapshot!(env.prepare(["why", "b"]).in_folder(&web).run().success().stdout, @r"
    b@1.0.0
    └─┬ a@1.0.0
      └─┬ ui@2.0.0 (dependencies)
        └── web@1.0.0 (dependencies)

    Found 1 version of b
    ");
    env.deka(["why", "ui"]).success().line("ui@2.0.0").line("└── web@1.0.0 (dependencies)");
    env.deka(["why", "b", "-F", "docs", "--prod"]).status(1).says("Nothing here depends on b.");
    env.deka(["why", "b", "-F", "docs"]).success().line("└── docs (devDependencies)");
}
