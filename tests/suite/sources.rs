//! Dependencies that no registry keeps: tarballs elsewhere, files, folders, links.

use crate::support::package::Package;
use crate::support::{Registry, TestEnv, json};

fn registry() -> Registry {
    Registry::new().package("b", "1.0.0", |p| p).package("served", "3.0.0", |p| p.dep("b", "1").bin("served", "s.js"))
}

#[test]
fn a_tarball_at_an_address() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let url = registry.tarball_url("served", "3.0.0");
    env.depends_on(&[("served", &url)]);
    env.install().success().says("+ served@").line("2 packages installed [TIME]");
    assert!(env.has("node_modules/served/index.js") && env.has("node_modules/.bin/served"));
    let packages = env.lockfile()["packages"].to_string();
    assert!(packages.contains(&registry.integrity("served", "3.0.0")), "its hash is pinned: {packages}");
    assert_eq!(registry.count("/served"), 0);
    env.remove("node_modules");
    registry.forget();
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(registry.asked(), [""; 0]);
    // Another tarball at the same address is not what was locked.
    registry.publish("served", "3.0.0", |p| p.file("index.js", "evil"));
    std::fs::remove_dir_all(env.home().join(".local")).unwrap();
    env.remove("node_modules");
    env.install().failure(40).says("served").says("sha512");
}

#[test]
fn a_tarball_on_this_machine() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let tarball = |text: &str| Package::new("local", "1.0.0").dep("b", "1").file("index.js", text).tarball();
    env.write("vendor/local.tgz", tarball("one")).depends_on(&[("local", "file:vendor/local.tgz")]);
    env.install().success().line("2 packages installed [TIME]");
    assert_eq!(env.read("node_modules/local/index.js"), "one");
    let lockfile = env.read("deka.lock");
    assert!(lockfile.contains("file:vendor/local.tgz") && !lockfile.contains(&*env.project().to_string_lossy()), "{lockfile}");
    env.remove("node_modules");
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(env.read("node_modules/local/index.js"), "one");
    env.write("vendor/local.tgz", tarball("two")).remove("node_modules");
    let said = env.install().either();
    let index = if env.has("node_modules/local") { env.read("node_modules/local/index.js") } else { String::new() };
    assert!(index == "two" || !said.status.success(), "a changed tarball is installed or refused, never ignored\n{}", said.report());
}

#[test]
fn a_folder_is_copied() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let manifest = json!({ "name": "kit", "version": "0.1.0", "dependencies": { "b": "1" }, "bin": { "kit": "kit.js" } });
    env.write("packages/kit/package.json", manifest.to_string()).write("packages/kit/index.js", "one");
    env.write("packages/kit/kit.js", "#!/bin/sh\necho kit\n").write("packages/kit/node_modules/x/index.js", "not a part of it");
    env.depends_on(&[("kit", "file:packages/kit")]);
    env.install().success().says("+ kit@");
    assert_eq!(env.read("node_modules/kit/index.js"), "one");
    assert!(env.has("node_modules/.bin/kit") && !env.has("node_modules/kit/node_modules/x"));
    assert!(env.tree().lines().any(|line| line.ends_with("/node_modules/b -> ../../b@1.0.0/node_modules/b")), "{}", env.tree());
    env.write("packages/kit/index.js", "two");
    env.remove("node_modules");
    env.install().success();
    assert_eq!(env.read("node_modules/kit/index.js"), "two", "a folder is read anew when it is installed anew");
    assert_eq!(env.read("packages/kit/index.js"), "two");
}

#[test]
fn a_link_leads_to_where_the_folder_stands() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let outside = env.another("outside");
    outside.write("package.json", r#"{"name":"outside","version":"1.0.0"}"#).write("index.js", "linked");
    env.depends_on(&[("outside", "link:../outside"), ("b", "1")]);
    env.install().success().line("+ b@1.0.0").says("+ outside");
    assert_eq!(env.read("node_modules/outside/index.js"), "linked");
    let target = std::fs::read_link(env.project().join("node_modules/outside")).unwrap();
    assert_eq!(target.to_string_lossy(), "../../outside");
    outside.write("index.js", "changed");
    assert_eq!(env.read("node_modules/outside/index.js"), "changed");
    env.depends_on(&[("b", "1")]);
    env.install().success();
    assert!(!env.has("node_modules/outside") && outside.has("index.js"), "only the link goes");
}

#[test]
fn what_is_not_there_is_named() {
    let env = TestEnv::with(&registry());
    for (specifier, said) in
        [("file:missing.tgz", "missing.tgz"), ("file:missing", "missing"), ("file:.", "file:."), ("http://127.0.0.1:1/x.tgz", "127.0.0.1")]
    {
        env.depends_on(&[("x", specifier)]);
        let failed = env.install().either();
        assert!(failed.text().contains(said) || failed.status.success(), "{specifier}: {}", failed.report());
        assert!(!failed.status.success() || specifier == "file:.", "{specifier}: {}", failed.report());
    }
    assert!(!env.has("deka.lock") || !env.read("deka.lock").contains("missing"));
}

#[test]
fn a_file_that_is_no_tarball_is_refused() {
    let env = TestEnv::with(&registry());
    env.write("x.tgz", "this is no archive").depends_on(&[("x", "file:x.tgz")]);
    env.install().fails().says("x.tgz");
    env.write("kit/package.json", "{ broken").depends_on(&[("kit", "file:kit")]);
    env.install().fails().says("kit").says("package.json");
}

#[test]
fn git_is_for_later_and_says_who_asks_for_it() {
    let registry =
        registry()
            .package("outer", "1.0.0", |p| p.dep("inner", "git+ssh://git@example.test/x/inner.git"))
            .package("may", "1.0.0", |p| p.optional_dep("inner", "git+ssh://git@example.test/x/inner.git"));
    let env = TestEnv::with(&registry);
    for specifier in ["github:user/repo", "user/repo#main", "git+https://example.test/x.git", "git@example.test:x/y.git"] {
        env.depends_on(&[("g", specifier)]);
        env.install().failure(20).says("git").says("g");
    }
    env.depends_on(&[("outer", "1")]);
    env.install().failure(20).says("outer@1.0.0").says("inner").says("git");
    env.depends_on(&[("may", "1")]);
    env.install().success().says("inner");
}

#[test]
fn a_package_of_the_registry_may_not_reach_into_this_machine() {
    for (index, specifier) in ["file:../../etc", "file:/etc", "link:/etc", "workspace:*", "portal:/etc", "../../x"].into_iter().enumerate()
    {
        let registry = registry().package("evil", "1.0.0", |p| p.dep("x", specifier));
        let env = TestEnv::with(&registry);
        env.depends_on(&[("evil", "1")]);
        let said = env.install().failure(20).says("evil@1.0.0").says("x");
        assert!(!env.has("node_modules/evil"), "{index} {specifier}: {}", said.report());
    }
}
