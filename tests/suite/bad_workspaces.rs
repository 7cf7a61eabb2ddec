//! Workspaces that cannot be: each is an error that names the files, whatever is asked of it, and leaves all as it was.

use super::workspaces::{project, registry, sample};
use crate::support::{TestEnv, json, tree};
use std::os::unix::fs::symlink;

/// Makes a workspace one that cannot be.
type Spoil = fn(&TestEnv);

struct Bad {
    spoil: Spoil,
    status: i32,
    says: &'static [&'static str],
    /// Whether it is noticed when the projects are read, and not only when they are resolved.
    early: bool,
}

const CASES: &[Bad] = &[
    Bad {
        spoil: |env| project(env, "apps/api", json!({ "name": "api", "dependencies": { "@acme/gone": "workspace:*" } })),
        status: 20,
        says: &["has no project `@acme/gone`", "apps/api/package.json"],
        early: false,
    },
    Bad {
        spoil: |env| project(env, "apps/api", json!({ "name": "api", "devDependencies": { "@acme/ui": "workspace:^2.0.0" } })),
        status: 20,
        says: &["the project has version 1.2.3", "libs/ui/package.json", "apps/api/package.json"],
        early: false,
    },
    Bad {
        spoil: |env| {
            project(env, "libs/bare", json!({ "name": "bare" }));
            project(env, "apps/api", json!({ "name": "api", "dependencies": { "bare": "workspace:^1.0.0" } }));
        },
        status: 20,
        says: &["the project has no version", "libs/bare/package.json", "apps/api/package.json"],
        early: false,
    },
    Bad {
        spoil: |env| {
            project(env, "../outside", json!({ "name": "outside" }));
            project(env, "apps/api", json!({ "name": "api", "dependencies": { "outside": "workspace:../../../outside" } }));
        },
        status: 20,
        says: &["no project of the workspace is there", "apps/api/package.json"],
        early: false,
    },
    Bad {
        spoil: |env| project(env, "apps/api", json!({ "name": "api", "dependencies": { "a": "catalog:gone" } })),
        status: 20,
        says: &["the catalog `gone` has no entry for `a`", "apps/api/package.json"],
        early: false,
    },
    Bad {
        spoil: |env| {
            let copied = json!({ "@acme/ui": { "injected": true } });
            let own = json!({ "name": "own", "dependencies": { "@acme/ui": "workspace:*" }, "dependenciesMeta": copied });
            project(env, "libs/own", own);
            project(env, "libs/ui", json!({ "name": "@acme/ui", "version": "1.2.3", "dependencies": { "own": "workspace:*" } }));
        },
        status: 2,
        says: &["DEKA_E_WORKSPACE", "libs/own/package.json asks for a copy of `@acme/ui`", "own > @acme/ui > own", "libs/ui/package.json"],
        early: false,
    },
    Bad {
        spoil: |env| project(env, "libs/second", json!({ "name": "web" })),
        status: 2,
        says: &["DEKA_E_WORKSPACE", "called `web`", "apps/web/package.json", "libs/second/package.json"],
        early: true,
    },
    Bad {
        spoil: |env| {
            project(env, "../outside", json!({ "name": "outside" }));
            env.manifest(json!({ "name": "root", "workspaces": ["apps/*", "libs/*", "../outside"] }));
        },
        status: 2,
        says: &["DEKA_E_WORKSPACE", "package.json", "`../outside`", "leads out of the workspace"],
        early: true,
    },
    Bad {
        spoil: |env| {
            env.manifest(json!({ "name": "root", "workspaces": { "packages": ["apps/*", "libs/*", "/srv/*"] } }));
        },
        status: 2,
        says: &["DEKA_E_WORKSPACE", "package.json", "`/srv/*`", "absolute"],
        early: true,
    },
    Bad {
        spoil: |env| {
            env.manifest(json!({ "name": "root", "workspaces": ["apps/*", "libs/{ui"] }));
        },
        status: 2,
        says: &["DEKA_E_WORKSPACE", "package.json", "`libs/{ui`"],
        early: true,
    },
    Bad {
        spoil: |env| {
            env.write("pnpm-workspace.yaml", "packages:\n  - apps/*\n bad");
        },
        status: 2,
        says: &["pnpm-workspace.yaml", "not valid YAML"],
        early: true,
    },
    Bad {
        spoil: |env| {
            env.write("libs/ui/package.json", "{ \"name\": \"@acme/ui\", ");
        },
        status: 2,
        says: &["libs/ui/package.json", "not valid JSON", "line 1"],
        early: true,
    },
    Bad {
        spoil: |env| {
            env.write("libs/ui/package.json", "");
        },
        status: 2,
        says: &["libs/ui/package.json", "not valid JSON"],
        early: true,
    },
];

#[test]
fn nothing_is_written_for_a_workspace_that_cannot_be() {
    let registry = registry();
    let fresh: &[&[&str]] = &[&["install"], &["-F", "web", "add", "host"]];
    let installed: &[&[&str]] = &[&["install"], &["install", "--filter", "api"], &["-F", "web", "remove", "a"], &["-r", "update"]];
    for Bad { spoil, status, says, .. } in CASES {
        for commands in [fresh, installed] {
            let env = sample(&registry);
            if commands == installed {
                env.install().success();
            }
            spoil(&env);
            let before = tree::identities(env.project());
            for arguments in commands {
                let said = env.deka(*arguments).failure(*status);
                says.iter().fold(said, |said, part| said.says(part));
                assert_eq!(tree::identities(env.project()), before, "{arguments:?} {says:?}");
            }
            env.deka(["ci"]).fails();
            assert_eq!(tree::identities(env.project()), before, "{says:?}");
        }
    }
}

#[test]
fn questions_and_scripts_name_what_is_wrong_with_the_projects() {
    let registry = registry();
    for Bad { spoil, status, says, .. } in CASES.iter().filter(|bad| bad.early) {
        let env = sample(&registry);
        env.install().success();
        spoil(&env);
        for arguments in [
            &["ls"][..],
            &["why", "a"],
            &["outdated"],
            &["-r", "run", "build"],
            &["-F", "web", "exec", "true"],
            &["deploy", "web", "../out"],
        ] {
            let said = env.deka(arguments).failure(*status);
            says.iter().fold(said, |said, part| said.says(part));
        }
        assert!(!env.at_root("out").exists());
    }
}

#[test]
fn a_link_out_of_the_workspace_is_no_project_of_it() {
    let env = sample(&registry());
    project(&env, "../outside", json!({ "name": "outside", "dependencies": { "host": "1" } }));
    symlink("../../outside", env.project().join("libs/outside")).unwrap();
    env.install().success().says("warning: [PROJECT]/libs/outside leads out of the workspace, so it is not taken for a project");
    assert!(env.lockfile()["importers"].get("libs/outside").is_none());
    assert!(!env.at_root("outside/node_modules").exists() && !env.has("node_modules/.deka/host@1.0.0"));
}
