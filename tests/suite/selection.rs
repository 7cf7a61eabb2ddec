//! `--filter`: which projects an install is for, and what it leaves alone.

use super::workspaces::{project, registry, sample};
use crate::support::{TestEnv, json, tree};
use std::process::Command;

/// Returns the projects that have a `node_modules`.
fn installed(env: &TestEnv) -> String {
    let projects = [".", "apps/api", "apps/web", "libs/ui"];
    let has = |path: &&&str| env.has(&format!("{path}/node_modules")) && (**path != "." || env.has("node_modules/a"));
    projects.iter().filter(has).copied().collect::<Vec<_>>().join(" ")
}

#[test]
fn only_the_selected_projects_are_laid_out() {
    let registry = registry();
    for (arguments, want) in [
        (&["install", "--filter", "web"][..], "apps/web"),
        (&["install", "--filter", "web..."], "apps/web libs/ui"),
        (&["--filter", "...ui", "install"], "apps/web libs/ui"),
        (&["-F", "ui", "-F", "api", "install"], "apps/api libs/ui"),
        (&["install", "--filter=./apps/**"], "apps/api apps/web"),
        (&["install", "--filter", "!./apps/**"], ". libs/ui"),
        (&["install", "--filter", "root"], "."),
        (&["install", "-w"], "."),
        (&["-r", "install"], ". apps/api apps/web libs/ui"),
    ] {
        let env = sample(&registry);
        env.deka(arguments).success();
        assert_eq!(installed(&env), want, "{arguments:?}");
        assert_eq!(env.lockfile()["importers"].as_object().unwrap().len(), 4, "the lockfile is for everyone");
    }
}

#[test]
fn what_is_not_selected_is_not_fetched() {
    let registry = registry();
    let env = sample(&registry);
    env.deka(["install", "--filter", "api"]).success();
    assert_eq!((registry.count("/b/-/b-1.0.0.tgz"), registry.count("/a/-/a-1.1.0.tgz")), (1, 0));
    assert!(!env.has("node_modules/.deka/a@1.1.0"), "{}", env.tree());
}

#[test]
fn an_install_for_some_is_none_for_all() {
    let env = sample(&registry());
    env.deka(["install", "--filter", "web"]).success();
    env.deka(["install", "--filter", "web"]).success().says("Already up to date");
    env.install().success().never_says("Already up to date");
    assert_eq!(installed(&env), ". apps/api apps/web libs/ui");
    env.install().success().says("Already up to date");
    env.deka(["install", "--filter", "web"]).success().says("Already up to date");
}

#[test]
fn what_stands_for_other_projects_stays_as_it_is() {
    let env = sample(&registry());
    env.install().success();
    let others =
        ["node_modules/.bin", "apps/api/node_modules", "libs/ui/node_modules", "node_modules/.deka/b@1.0.0", "node_modules/.deka/a@1.0.0"];
    let identities = || others.map(|folder| tree::identities(&env.project().join(folder)));
    let before = identities();
    assert!(before.iter().all(|found| !found.is_empty()), "{before:?}");
    // What api wants now stands in the lockfile, and not in its folder.
    project(&env, "apps/api", json!({ "name": "api", "dependencies": { "host": "1" } }));
    project(&env, "apps/web", json!({ "name": "web", "dependencies": { "a": "2", "host": "2" } }));
    env.deka(["install", "--filter", "web"]).success();
    assert!(env.read("apps/web/node_modules/a/index.js").contains("a@2.0.0") && !env.has("apps/web/node_modules/@acme"));
    assert_eq!(identities(), before);
    assert!(!env.has("apps/api/node_modules/host") && !env.has("node_modules/.deka/a@1.1.0"), "{}", env.tree());
    assert_eq!(env.lockfile()["importers"]["apps/api"]["dependencies"]["host"]["version"], "1.0.0");
    env.install().success();
    assert!(env.has("apps/api/node_modules/host/index.js") && !env.has("apps/api/node_modules/b"));
    assert!(!env.has("node_modules/.deka/b@1.0.0"), "{}", env.tree());
    env.install().success().says("Already up to date");
}

#[test]
fn after_a_kill_all_projects_are_put_right() {
    let env = sample(&registry());
    env.install().success();
    env.remove("node_modules/.deka/tree");
    env.deka(["install", "--filter", "api"]).success();
    assert!(env.has("apps/web/node_modules/a/index.js") && env.has("libs/ui/node_modules/shared/index.js"));
    env.install().success().says("Already up to date");
}

#[test]
fn filters_that_match_nothing_are_told() {
    let env = sample(&registry());
    env.deka(["install", "--filter", "nothing"]).success().line("No projects matched the filters in \"[PROJECT]\"");
    assert!(!env.has("deka.lock") && !env.has("node_modules"));
    env.deka(["install", "--filter", "nothing", "--fail-if-no-match"]).failure(1).says("DEKA_E_NO_MATCH");
    env.deka(["install", "--filter", "a{b"]).failure(2).says("the filter `a{b` cannot be used");
    env.deka(["install", "--filter", "[no-such-commit]"]).failure(2).says("git cannot compare");
    env.deka(["--filter", "web", "store", "path"]).failure(2).says("DEKA_E_USAGE");
}

#[test]
fn folders_are_relative_to_where_it_is_called() {
    let env = sample(&registry());
    env.prepare(["install", "--filter", "."]).in_folder(&env.project().join("apps/web")).run().success();
    assert_eq!(installed(&env), "apps/web");
    env.deka(["-C", "apps/web", "install", "--filter", "../api"]).success();
    assert_eq!(installed(&env), "apps/api apps/web");
}

#[test]
fn changed_projects_are_asked_of_git() {
    let env = sample(&registry());
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=n", "-c", "user.email=e@example.test", "-c", "commit.gpgsign=false"]).args(arguments);
        assert!(git.current_dir(env.project()).env("HOME", env.home()).status().unwrap().success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    env.write("libs/ui/cli.js", "#!/bin/sh\necho changed\n");
    env.deka(["install", "--filter", "...[HEAD]"]).success();
    assert_eq!(installed(&env), "apps/web libs/ui");
}
