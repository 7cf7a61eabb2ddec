//! `deka.lock`: what is written, when it is obeyed, and what is said when it cannot be.

use crate::support::{Registry, TestEnv, json};

fn registry() -> Registry {
    Registry::new().cache_control("no-cache").package("a", "1.0.0", |p| p.dep("b", "^1")).package("b", "1.0.0", |p| p).package(
        "c",
        "1.0.0",
        |p| p,
    )
}

fn locked() -> (Registry, TestEnv) {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1.0.0")]);
    env.install().success();
    (registry, env)
}

#[test]
fn records_what_was_asked_what_it_became_and_what_its_bytes_are() {
    let (registry, env) = locked();
    let text = env.read("deka.lock");
    let lockfile = env.lockfile();
    assert_eq!(lockfile["importers"]["."]["dependencies"]["a"]["specifier"], "^1.0.0");
    assert_eq!(lockfile["importers"]["."]["dependencies"]["a"]["version"], "1.0.0");
    assert_eq!(lockfile["packages"]["b@1.0.0"]["integrity"], json!(registry.integrity("b", "1.0.0")));
    for private in ["127.0.0.1", "http:", &env.at_root("").to_string_lossy()] {
        assert!(!text.contains(private), "`{private}` in {text}");
    }
    assert!(text.ends_with("}\n"), "{text}");
    let lines = |key: &str| text.lines().filter(|line| line.contains(key)).count();
    assert_eq!(lines(&registry.integrity("b", "1.0.0")), 1);
}

#[test]
fn is_the_same_text_whatever_was_there_before() {
    let (registry, env) = locked();
    let first = env.read("deka.lock");
    env.deka(["install", "--force"]).success();
    assert_eq!(env.read("deka.lock"), first);
    let other = env.another("other");
    other.depends_on(&[("a", "^1.0.0")]);
    registry.fault("/a", crate::support::Fault::delay(80));
    other.install().success();
    assert_eq!(other.read("deka.lock"), first, "the order of arrival changed something");
}

#[test]
fn what_it_pins_stays_and_nothing_is_asked() {
    let (registry, env) = locked();
    registry.publish("a", "1.1.0", |p| p);
    registry.publish("b", "1.1.0", |p| p);
    registry.forget();
    env.remove("node_modules");
    env.install().success().line("+ a@1.0.0");
    assert_eq!(registry.asked(), [""; 0]);
    std::fs::remove_dir_all(env.home().join(".local")).unwrap();
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    env.remove("node_modules");
    env.install().success().line("+ a@1.0.0");
    assert_eq!(registry.asked(), ["/a/-/a-1.0.0.tgz", "/b/-/b-1.0.0.tgz"], "the lockfile says all but the bytes");
}

#[test]
fn a_new_dependency_leaves_the_pins_of_the_others() {
    let (registry, env) = locked();
    registry.publish("a", "1.1.0", |p| p);
    registry.publish("b", "1.1.0", |p| p);
    env.depends_on(&[("a", "^1.0.0"), ("c", "^1")]);
    env.install().success().line("+ c@1.0.0").never_says("+ a@");
    let lockfile = env.lockfile();
    assert!(lockfile["packages"]["a@1.0.0"].is_object() && lockfile["packages"]["b@1.0.0"].is_object(), "{lockfile:#}");
}

#[test]
fn a_range_that_the_pin_does_not_fit_is_resolved_again() {
    let (registry, env) = locked();
    registry.publish("a", "1.1.0", |p| p.dep("b", "^1"));
    registry.publish("b", "1.1.0", |p| p);
    env.depends_on(&[("a", "^1.1.0")]);
    env.install().success().line("+ a@1.1.0");
    let lockfile = env.lockfile();
    assert!(lockfile["packages"]["a@1.0.0"].is_null(), "what nobody wants goes: {lockfile:#}");
    assert!(lockfile["packages"]["b@1.0.0"].is_object(), "b was not asked to move: {lockfile:#}");
}

#[test]
fn frozen_refuses_to_change_it_and_says_what_does_not_fit() {
    let (registry, env) = locked();
    let before = env.read("deka.lock");
    env.remove("node_modules").depends_on(&[("a", "^1.0.0"), ("c", "^1")]);
    registry.forget();
    env.deka(["install", "--frozen-lockfile"]).failure(10).says("deka.lock").says("package.json").says("`c`").says("--no-frozen-lockfile");
    env.prepare(["install"]).env("CI", "true").run().failure(10);
    env.depends_on(&[("a", "^1.0.0 || ^2")]);
    env.prepare(["install"]).env("CI", "1").run().failure(10).says("^1.0.0 || ^2").says("^1.0.0");
    env.depends_on(&[]);
    env.deka(["ci"]).failure(10).says("a");
    assert_eq!((env.read("deka.lock"), env.has("node_modules")), (before, false));
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn frozen_stays_with_it_even_when_all_is_done_again() {
    let (registry, env) = locked();
    registry.publish("b", "1.1.0", |p| p);
    let before = env.read("deka.lock");
    registry.forget();
    env.deka(["install", "--frozen-lockfile", "--force"]).success();
    assert_eq!((env.read("deka.lock"), registry.count("/b")), (before, 0));
    assert!(env.has("node_modules/.deka/b@1.0.0"));
}

#[test]
fn frozen_needs_a_lockfile() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "^1.0.0")]);
    env.deka(["install", "--frozen-lockfile"]).failure(10).says("deka.lock");
    env.deka(["ci"]).failure(10).says("deka.lock");
    assert!(!env.has("node_modules") && !env.has("deka.lock"));
}

#[test]
fn ci_can_be_told_to_change_it() {
    let (_registry, env) = locked();
    env.depends_on(&[("a", "^1.0.0"), ("c", "^1")]);
    env.prepare(["install", "--no-frozen-lockfile"]).env("CI", "true").run().success().line("+ c@1.0.0");
    env.depends_on(&[("c", "^1")]);
    env.prepare(["install"]).env("CI", "false").run().success();
    assert!(env.lockfile()["packages"]["a@1.0.0"].is_null());
}

#[test]
fn lockfile_only_writes_nothing_else() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1.0.0")]);
    env.deka(["install", "--lockfile-only"]).success();
    assert!(env.has("deka.lock") && !env.has("node_modules"));
    assert_eq!(registry.asked(), ["/a", "/b"]);
    let text = env.read("deka.lock");
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(env.read("deka.lock"), text);
}

#[test]
fn a_setting_turns_it_off() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "^1.0.0")]).write(".npmrc", "lockfile=false\n");
    env.install().success();
    assert!(env.has("node_modules/a") && !env.has("deka.lock"));
}

#[test]
fn a_lockfile_that_cannot_be_read_is_left_alone() {
    let (_registry, env) = locked();
    let good = env.read("deka.lock");
    let first_line_gone = good.split_once('\n').unwrap().1.to_owned();
    let version = "\"lockfileVersion\": 1";
    assert!(good.contains(version), "{good}");
    let conflict = good.replacen('{', "{\n<<<<<<< ours\n=======\n>>>>>>> theirs\n", 1);
    let cases = [
        ("cut", good[..good.len() / 2].to_owned(), "deka.lock"),
        ("no JSON", first_line_gone, "deka.lock"),
        ("empty", String::new(), "deka.lock"),
        ("conflict", conflict, "conflict"),
        ("newer", good.replacen(version, "\"lockfileVersion\": 99", 1), "99"),
        ("wrong type", good.replacen(version, "\"lockfileVersion\": \"x\"", 1), "lockfileVersion"),
        ("array", "[]".to_owned(), "deka.lock"),
        ("deep", "[".repeat(100_000), "deka.lock"),
        ("a way out", good.replace("\"b@1.0.0\"", "\"../../..@1.0.0\""), "../../.."),
        ("a reserved name", good.replace("\"b@1.0.0\"", "\"__proto__@1.0.0\""), "__proto__"),
        ("a dangling edge", good.replace("\"b@1.0.0\"", "\"z@1.0.0\""), "b@1.0.0"),
        ("duplicate", good.replacen(version, "\"lockfileVersion\": 1,\n  \"lockfileVersion\": 1", 1), "lockfileVersion"),
    ];
    for (case, text, said) in cases {
        env.write("deka.lock", &text);
        for flags in [&["install"][..], &["install", "--offline"], &["install", "--frozen-lockfile"]] {
            let failed = env.deka(flags).failure(10);
            assert!(failed.stderr.contains(said) && failed.stderr.contains("deka.lock"), "{case}: {}", failed.report());
        }
        assert_eq!(env.read("deka.lock"), text, "{case}: it was rewritten");
        assert!(env.has("node_modules/a/index.js"), "{case}: the old node_modules is gone");
    }
    env.write("deka.lock", good);
    env.deka(["install", "--frozen-lockfile"]).success();
}

#[test]
fn a_hash_in_the_lockfile_is_not_corrected() {
    let (registry, env) = locked();
    let wrong = env.read("deka.lock").replace(&registry.integrity("b", "1.0.0"), &registry.integrity("c", "1.0.0"));
    std::fs::remove_dir_all(env.home().join(".local")).unwrap();
    env.write("deka.lock", &wrong).remove("node_modules");
    env.install().failure(40).says("b@1.0.0").says("sha512");
    assert_eq!(env.read("deka.lock"), wrong);
    assert!(!env.has("node_modules/a"));
}

#[test]
fn an_empty_hash_counts_as_none() {
    let (registry, env) = locked();
    let empty = env.read("deka.lock").replace(&registry.integrity("b", "1.0.0"), "");
    std::fs::remove_dir_all(env.home().join(".local")).unwrap();
    env.write("deka.lock", &empty).remove("node_modules");
    env.install().success();
    assert!(env.read("deka.lock").contains(&registry.integrity("b", "1.0.0")));
}

/// A project whose registry gives no hashes, with a dependency of each group in the lockfile.
fn without_hashes() -> (Registry, TestEnv) {
    let plain = |version: &'static str| Registry::new().package("a", version, |p| p.without_integrity());
    let registry = plain("1.0.0").package("b", "1.0.0", |p| p.without_integrity()).package("c", "1.0.0", |p| p.without_integrity());
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "x", "dependencies": { "a": "1" }, "devDependencies": { "b": "1" } }));
    env.install().success();
    (registry, env)
}

#[test]
fn a_hash_that_was_learnt_stays_where_only_a_part_is_installed() {
    let (registry, env) = without_hashes();
    let hash = |name: &str| env.lockfile()["packages"][format!("{name}@1.0.0")]["integrity"].clone();
    let learnt = json!(registry.integrity("b", "1.0.0"));
    assert_eq!(hash("b"), learnt);
    for recalled in [true, false] {
        env.manifest(json!({ "name": "x", "dependencies": { "a": "1" }, "devDependencies": { "b": "1" } }));
        env.install().success();
        env.manifest(json!({ "name": "x", "dependencies": { "a": "1", "c": "1" }, "devDependencies": { "b": "1" } }));
        if !recalled {
            std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
        }
        env.deka(["install", "--prod", "--no-frozen-lockfile"]).success();
        assert_eq!(hash("c"), json!(registry.integrity("c", "1.0.0")));
        assert_eq!(hash("b"), learnt, "with what the cache recalls: {recalled}");
    }
}

#[test]
fn a_hash_in_the_lockfile_is_held_against_what_comes_later() {
    for says_hashes in [false, true] {
        let (registry, env) = without_hashes();
        registry.publish("a", "1.0.0", |p| if says_hashes { p } else { p.without_integrity() }.file("index.js", "another"));
        for folder in [".local", ".cache"] {
            std::fs::remove_dir_all(env.home().join(folder)).unwrap();
        }
        env.remove("node_modules");
        let before = env.read("deka.lock");
        env.manifest(json!({ "name": "x", "dependencies": { "a": "1", "c": "1" }, "devDependencies": { "b": "1" } }));
        env.install().failure(40).says("a@1.0.0").says("sha512");
        assert_eq!(env.read("deka.lock"), before);
    }
}

#[test]
fn a_link_is_written_through() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "^1.0.0")]);
    env.install().success();
    let elsewhere = env.project().join("locks/deka.lock");
    std::fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    std::fs::rename(env.project().join("deka.lock"), &elsewhere).unwrap();
    std::os::unix::fs::symlink("locks/deka.lock", env.project().join("deka.lock")).unwrap();
    env.depends_on(&[("c", "^1")]);
    env.install().success();
    assert!(env.project().join("deka.lock").is_symlink());
    assert!(std::fs::read_to_string(elsewhere).unwrap().contains("c@1.0.0"));
}

#[test]
fn an_importer_outside_of_the_project_changes_nothing_there() {
    let (_registry, env) = locked();
    let mut lockfile = env.lockfile();
    lockfile["importers"]["../victim"] = lockfile["importers"]["."].clone();
    let victim = env.another("victim");
    victim.manifest(json!({}));
    env.write("deka.lock", serde_json::to_string_pretty(&lockfile).unwrap()).remove("node_modules");
    env.install().either();
    assert!(!victim.has("node_modules"));
}

#[test]
fn an_address_that_the_registry_would_not_guess_is_kept() {
    let elsewhere = Registry::new().package("odd", "1.0.0", |p| p);
    let url = elsewhere.tarball_url("odd", "1.0.0");
    let registry = Registry::new().package("odd", "1.0.0", |p| p.tarball_url(&url)).package("even", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("odd", "1"), ("even", "1")]);
    env.install().success();
    let lockfile = env.read("deka.lock");
    assert!(lockfile.contains(&url) && !lockfile.contains("even-1.0.0.tgz"), "{lockfile}");
    std::fs::remove_dir_all(env.home().join(".local")).unwrap();
    env.remove("node_modules");
    registry.forget();
    env.deka(["install", "--frozen-lockfile"]).success();
    assert_eq!(registry.asked(), ["/even/-/even-1.0.0.tgz"]);
    assert!(env.read("node_modules/odd/index.js").contains("odd@1.0.0"));
}

#[test]
fn an_address_without_encryption_is_refused_where_the_registry_has_it() {
    let elsewhere = Registry::new().package("odd", "1.0.0", |p| p);
    let url = elsewhere.tarball_url("odd", "1.0.0");
    let registry = Registry::new().package("odd", "1.0.0", |p| p.tarball_url(&url));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("odd", "1")]);
    env.deka(["install", "--lockfile-only"]).success();
    elsewhere.forget();
    env.user_npmrc("registry=https://127.0.0.1:1/\n//127.0.0.1/:_authToken=hush\nfetch-retries=0\n");
    env.install().fails().says("odd").says("http:");
    assert_eq!(elsewhere.asked(), [""; 0]);
    assert!(!env.has("node_modules/odd"));
}

#[test]
fn a_draft_that_a_killed_process_left_is_removed_and_that_of_a_living_one_is_not() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    let living = format!(".deka.lock.{:x}-0-0.tmp", std::process::id());
    // No process has a number as high as that.
    env.depends_on(&[("a", "1")]).write(".deka.lock.7ffffffe-0-0.tmp", "{").write(&living, "{");
    env.install().success();
    assert_eq!((env.has(".deka.lock.7ffffffe-0-0.tmp"), env.has(&living)), (false, true));
}

#[test]
fn drafts_of_manifests_go_after_an_edit_that_was_killed() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "root", "workspaces": ["lib"] }));
    env.write("lib/package.json", r#"{ "name": "lib", "dependencies": { "a": "1" } }"#);
    env.install().success();
    // No process has a number as high as that. The state goes before anything is changed.
    let left = [".package.json.7ffffffe-0-0.tmp", "lib/.package.json.7ffffffe-1-0.tmp", ".pnpm-workspace.yaml.7ffffffe-2-0.tmp"];
    for draft in left {
        env.write(draft, "{");
    }
    env.install().success().line("Already up to date [TIME]");
    assert_eq!(left.map(|draft| env.has(draft)), [true; 3], "nobody looks for them where all was well");
    env.remove("node_modules/.deka/state").install().success();
    assert_eq!(left.map(|draft| env.has(draft)), [false; 3]);
}
