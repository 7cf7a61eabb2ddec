//! A second install does what is needed and nothing else.

use crate::support::{Registry, TestEnv, json, tree};
use std::collections::BTreeMap;
use std::time::Duration;

fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("shared", "1").bin("a", "a.js"))
        .package("b", "1.0.0", |p| p.dep("shared", "1"))
        .package("b", "2.0.0", |p| p.dep("shared", "1").dep("extra", "1"))
        .package("shared", "1.0.0", |p| p)
        .package("extra", "1.0.0", |p| p)
        .package("@s/c", "1.0.0", |p| p)
        .package("dom", "1.0.0", |p| p.peer("b", "*"))
}

fn identities(env: &TestEnv) -> BTreeMap<String, tree::Identity> {
    tree::identities(&env.project().join("node_modules"))
}

/// Checks that what stands at these places was not made anew.
#[track_caller]
fn untouched(before: &BTreeMap<String, tree::Identity>, after: &BTreeMap<String, tree::Identity>, places: &[&str]) {
    for place in places {
        let within = |map: &BTreeMap<String, tree::Identity>| -> BTreeMap<String, tree::Identity> {
            map.iter().filter(|(path, _)| path.starts_with(place)).map(|(path, identity)| (path.clone(), *identity)).collect()
        };
        assert!(!within(before).is_empty(), "nothing stands at {place}: {:?}", before.keys());
        assert_eq!(within(before), within(after), "{place} was touched");
    }
}

#[test]
fn an_added_dependency_is_all_that_changes() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    let before = identities(&env);
    env.depends_on(&[("a", "1"), ("b", "1"), ("@s/c", "1")]);
    registry.forget();
    env.install().success().line("+ b@1.0.0").line("+ @s/c@1.0.0").never_says("+ a@");
    assert_eq!(registry.count("/shared/-/shared-1.0.0.tgz"), 0);
    untouched(&before, &identities(&env), &["a", ".bin/a", ".deka/a@1.0.0", ".deka/shared@1.0.0"]);
    assert!(env.has("node_modules/b/index.js") && env.has("node_modules/@s/c/index.js"));
}

#[test]
fn a_removed_dependency_goes_with_all_that_only_it_needed() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1"), ("b", "2"), ("@s/c", "1")]);
    env.install().success();
    let before = identities(&env);
    env.depends_on(&[("b", "2")]);
    env.install().success().says("- a").says("- @s/c");
    for gone in ["a", ".bin/a", "@s/c", ".deka/a@1.0.0", ".deka/@s+c@1.0.0", "@s", ".deka/node_modules/@s"] {
        assert!(!env.has(&format!("node_modules/{gone}")), "{gone}\n{}", env.tree());
    }
    untouched(&before, &identities(&env), &["b", ".deka/b@2.0.0", ".deka/shared@1.0.0", ".deka/extra@1.0.0"]);
    env.depends_on(&[]);
    env.install().success();
    assert!(!env.tree().contains(" -> "), "{}", env.tree());
    assert!(!env.tree().contains(".js"), "{}", env.tree());
}

#[test]
fn a_changed_version_replaces_its_slot_and_those_that_see_it() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1"), ("b", "1"), ("dom", "1")]);
    env.install().success();
    assert!(env.has("node_modules/.deka/dom@1.0.0_b@1.0.0"), "{}", env.tree());
    let before = identities(&env);
    env.depends_on(&[("a", "1"), ("b", "2"), ("dom", "1")]);
    env.install().success().says("b@2.0.0");
    assert!(env.read("node_modules/b/index.js").contains("b@2.0.0"));
    assert!(env.has("node_modules/.deka/dom@1.0.0_b@2.0.0") && env.has("node_modules/.deka/extra@1.0.0"), "{}", env.tree());
    assert!(!env.has("node_modules/.deka/b@1.0.0") && !env.has("node_modules/.deka/dom@1.0.0_b@1.0.0"), "{}", env.tree());
    untouched(&before, &identities(&env), &["a", ".deka/a@1.0.0", ".deka/shared@1.0.0"]);
}

#[test]
fn incremental_and_fresh_installs_come_to_the_same() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let steps: [&[(&str, &str)]; 5] =
        [&[("a", "1")], &[("a", "1"), ("b", "1")], &[("b", "2"), ("dom", "1")], &[("@s/c", "1")], &[("b", "1"), ("dom", "1"), ("a", "*")]];
    for (index, step) in steps.into_iter().enumerate() {
        env.depends_on(step);
        env.install().success();
        let fresh = env.another(&format!("project/fresh-{index}"));
        fresh.depends_on(step).write("deka.lock", env.read("deka.lock"));
        fresh.install().success();
        assert_eq!(env.tree(), fresh.tree(), "after step {index}");
        assert_eq!(env.read("deka.lock"), fresh.read("deka.lock"));
    }
}

#[test]
fn the_second_run_has_nothing_to_do() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("b", "1")]);
    env.install().success();
    let (before, lockfile) = (identities(&env), env.read("deka.lock"));
    registry.forget();
    for _ in 0..2 {
        let said = env.install().success().says_one_of(&["up to date", "no changes", "nothing to do"]);
        assert!(!said.stdout.contains('+'), "{}", said.report());
    }
    assert_eq!(registry.asked(), [""; 0]);
    assert_eq!((identities(&env), env.read("deka.lock")), (before, lockfile));
}

#[test]
fn a_manifest_that_was_touched_or_changed_elsewhere_is_no_reason_to_do_anything() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    let before = identities(&env);
    registry.forget();
    env.manifest(json!({ "name": "app", "version": "2.0.0", "description": "new words", "dependencies": { "a": "1" } }));
    env.install().success().never_says("+ a@");
    std::thread::sleep(Duration::from_millis(15));
    let text = env.read("package.json");
    env.write("package.json", text);
    env.install().success().never_says("+ a@");
    assert_eq!(registry.asked(), [""; 0]);
    untouched(&before, &identities(&env), &["a", ".deka/a@1.0.0", ".deka/shared@1.0.0"]);
}

#[test]
fn a_change_right_after_an_install_is_seen() {
    let env = TestEnv::with(&registry());
    for _ in 0..3 {
        // Same length, within the same tick of a coarse clock.
        env.depends_on(&[("b", "1")]);
        env.install().success();
        env.depends_on(&[("b", "2")]);
        env.install().success();
        assert!(env.read("node_modules/b/index.js").contains("b@2.0.0"));
        env.depends_on(&[("b", "1")]);
        env.install().success();
        assert!(env.read("node_modules/b/index.js").contains("b@1.0.0"));
    }
}

#[test]
fn what_was_removed_by_hand_comes_back() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("@s/c", "1")]);
    env.install().success();
    let whole = env.tree();
    registry.forget();
    for removed in
        ["node_modules/a", "node_modules/@s/c", "node_modules/@s", "node_modules/.deka", "node_modules", "node_modules/.deka/a@1.0.0"]
    {
        env.remove(removed);
        env.install().success();
        assert_eq!(env.tree(), whole, "after {removed} was removed");
    }
    assert_eq!(registry.asked(), [""; 0], "everything is in the store");
}

#[test]
fn a_lockfile_that_came_from_elsewhere_is_followed() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("b", "*")]);
    let other = env.another("other");
    other.depends_on(&[("b", "*")]);
    env.install().success();
    assert!(env.read("node_modules/b/index.js").contains("b@2.0.0"));
    other.depends_on(&[("b", "1")]);
    other.install().success();
    let pulled = other
        .read("deka.lock")
        .replace("\"specifier\": \"1\"", "\"specifier\": \"*\"")
        .replace("\"specifier\":\"1\"", "\"specifier\":\"*\"");
    env.write("deka.lock", pulled);
    env.install().success();
    assert!(env.read("node_modules/b/index.js").contains("b@1.0.0"));
}

#[test]
fn a_project_that_was_moved_or_copied_works_on() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1"), ("b", "1")]);
    env.install().success();
    let moved = env.another("project/moved");
    for part in ["package.json", "deka.lock", "node_modules"] {
        std::fs::rename(env.project().join(part), moved.project().join(part)).unwrap();
    }
    let whole = moved.tree();
    moved.install().success();
    assert_eq!(moved.tree(), whole);
    assert!(moved.read("node_modules/a/index.js").contains("a@1.0.0"));
    moved.depends_on(&[("a", "1")]);
    moved.install().success();
    assert!(!moved.has("node_modules/b"));
}

#[test]
fn other_flags_are_a_reason_to_look_again() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "dependencies": { "a": "1" }, "devDependencies": { "b": "1" } }));
    env.install().success();
    assert!(env.has("node_modules/b"));
    env.deka(["install", "--prod"]).success();
    assert!(!env.has("node_modules/b") && env.has("node_modules/a"));
    env.install().success();
    assert!(env.has("node_modules/b") && env.has("node_modules/a"));
    env.write(".npmrc", "hoist=false\n");
    env.install().success();
    assert!(!env.has("node_modules/.deka/node_modules/shared"));
}

#[test]
fn damaged_records_of_what_is_installed_are_no_trouble() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("b", "2")]);
    env.install().success();
    let (one, two) = (env.tree(), [("a", "1"), ("@s/c", "1")]);
    let names: Vec<String> = std::fs::read_dir(env.project().join("node_modules/.deka"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name == "state"), "{names:?}");
    for name in &names {
        for damage in ["gone", "empty", "cut", "garbage", "flipped"] {
            let record = env.project().join("node_modules/.deka").join(name);
            let mut bytes = std::fs::read(&record).unwrap();
            match damage {
                "gone" => std::fs::remove_file(&record).unwrap(),
                "empty" => std::fs::write(&record, "").unwrap(),
                "cut" => std::fs::write(&record, &bytes[..bytes.len() / 2]).unwrap(),
                "garbage" => std::fs::write(&record, vec![0xff; 5000]).unwrap(),
                _ => {
                    bytes.iter_mut().skip(8).step_by(7).for_each(|byte| *byte ^= 0x41);
                    std::fs::write(&record, bytes).unwrap();
                }
            }
            // Another tree first, so that the record has to be read for what goes, then back.
            env.depends_on(&two);
            let said = env.install().success();
            assert!(env.has("node_modules/@s/c/index.js") && !env.has("node_modules/b"), "{name} {damage}: {}", said.report());
            env.depends_on(&[("a", "1"), ("b", "2")]);
            env.install().success();
            assert_eq!(env.tree(), one, "{name} {damage}");
        }
    }
}

#[test]
fn a_second_project_is_not_the_first() {
    // Two projects of one user with equal manifests: each has its own state.
    let registry = registry();
    let env = TestEnv::with(&registry);
    let other = env.another("project/other");
    for project in [&env, &other] {
        project.depends_on(&[("a", "1")]);
        project.install().success().line("+ a@1.0.0");
    }
    other.remove("node_modules");
    env.install().success().line("Already up to date [TIME]");
    other.install().success().line("+ a@1.0.0");
}
