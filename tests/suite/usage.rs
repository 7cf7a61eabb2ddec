//! What a store is used for: how much is in it, whose it is, and who needs what. The numbers are counted again here from
//! what stands in the projects.

use crate::support::{Registry, TestEnv, tree};
use insta::assert_snapshot;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "1").file("lib/one.js", "the same").file("lib/two.js", "the same"))
        .package("b", "1.0.0", |p| p.file("two.js", "the same").executable("run.sh", "the same"))
        .package("b", "1.5.0-rc.1", |p| p)
        .package("@s/c", "2.0.0", |p| p.file("big.txt", &"c".repeat(5_000)))
        .package("@s/c", "2.1.0", |p| p.file("big.txt", &"c".repeat(5_000)).file("new.txt", &"d".repeat(3_000)))
}

/// Two projects of one user: both need `b`, each another version of `@s/c`.
fn two_projects() -> (Registry, TestEnv, TestEnv) {
    let registry = registry();
    let one = TestEnv::with(&registry);
    let other = one.another("project-b");
    one.depends_on(&[("a", "1"), ("@s/c", "2.0.0")]);
    other.depends_on(&[("b", "1"), ("@s/c", "2.1.0")]);
    one.install().success();
    other.install().success();
    (registry, one, other)
}

#[track_caller]
fn json(env: &TestEnv, arguments: &[&str]) -> Value {
    let said = env.deka([&["store"], arguments, &["--json"]].concat()).success();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said.report()))
}

/// The different files of the packages in a project, with their mode.
fn files(env: &TestEnv) -> BTreeSet<(Vec<u8>, bool)> {
    let modules = env.project().join("node_modules");
    let is_executable = |path: &str| fs::metadata(modules.join(path)).unwrap().permissions().mode() & 0o100 != 0;
    tree::contents(&modules).into_iter().map(|(path, bytes)| (bytes, is_executable(&path))).collect()
}

fn bytes<'a>(files: impl Iterator<Item = &'a (Vec<u8>, bool)>) -> u64 {
    files.map(|(bytes, _)| bytes.len() as u64).sum()
}

#[test]
fn unique_and_shared_bytes_of_projects() {
    let (_registry, one, other) = two_projects();
    let (left, right) = (files(&one), files(&other));
    assert!(left.intersection(&right).count() > 3 && left.difference(&right).count() > 3, "the projects share, but not all");
    let found = json(&one, &["du"]);
    for (env, own, foreign) in [(&one, &left, &right), (&other, &right, &left)] {
        let project = env.project().to_string_lossy().into_owned();
        let project = project.replace(&*one.project().to_string_lossy(), "[PROJECT]");
        let share = found["shares"].as_array().unwrap().iter().find(|share| share["name"] == *project).unwrap_or_else(|| panic!("{found}"));
        assert_eq!(share["totalBytes"], bytes(own.iter()), "{found}");
        assert_eq!(share["uniqueBytes"], bytes(own.difference(foreign)), "{found}");
        assert_eq!(share["sharedBytes"], bytes(own.intersection(foreign)), "{found}");
    }
    let totals: Vec<u64> = found["shares"].as_array().unwrap().iter().map(|share| share["totalBytes"].as_u64().unwrap()).collect();
    assert!(totals.is_sorted_by(|one, next| one >= next), "{totals:?}");
}

#[test]
fn what_is_stored_is_counted() {
    let (_registry, one, other) = two_projects();
    let stats = json(&one, &["stats"]);
    let objects: BTreeSet<_> = files(&one).union(&files(&other)).cloned().collect();
    let installed: u64 = [&one, &other]
        .iter()
        .flat_map(|env| tree::contents(&env.project().join("node_modules")).into_values())
        .map(|bytes| bytes.len() as u64)
        .sum();
    assert_eq!(stats["objects"], objects.len(), "{stats}");
    assert_eq!(stats["objects"], tree::paths(&one.store().join("objects")).iter().filter(|path| !path.ends_with('/')).count());
    assert_eq!(stats["objectsBytes"], bytes(objects.iter()), "{stats}");
    assert_eq!(stats["installedBytes"], installed, "{stats}");
    assert_eq!((&stats["packages"], &stats["versions"]), (&Value::from(3), &Value::from(4)), "a, b, @s/c twice");
    let number = |field: &str| stats[field].as_u64().unwrap();
    assert_eq!(number("savedByDeduplicationBytes"), number("filesBytes") - number("objectsBytes"));
    assert_eq!(number("savedByLinkingBytes"), installed, "both are links");
    assert_eq!(number("indexBytes"), fs::metadata(one.store().join("index.db")).unwrap().len());
    other.deka(["install", "--force", "--package-import-method=copy"]).success();
    let linked: u64 = tree::contents(&one.project().join("node_modules")).values().map(|bytes| bytes.len() as u64).sum();
    assert_eq!(json(&one, &["stats"])["savedByLinkingBytes"], linked, "copies save nothing");
    one.deka(["install", "--force", "--virtual-store=global"]).success();
    let stats = json(&one, &["stats"]);
    assert_eq!((&stats["sharedSlots"], &stats["installedBytes"]), (&Value::from(3), &Value::from(installed)), "{stats}");
}

#[test]
fn projects_that_are_gone_or_cannot_be_read() {
    let (_registry, one, other) = two_projects();
    let third = one.another("project-c");
    third.depends_on(&[("b", "1")]).install().success();
    fs::remove_dir_all(third.project()).unwrap();
    other.write("deka.lock", "{ not json");
    let stats = json(&one, &["stats"]);
    assert_eq!(stats["projects"], serde_json::json!({ "known": 1, "gone": 1, "unreadable": 1 }));
    one.deka(["store", "stats"]).success().says("3 1 gone, 1 not readable");
    let found = json(&one, &["du"]);
    assert_eq!(found["unreadable"][0]["project"], "[PROJECT]-b", "{found}");
    one.deka(["store", "du"]).success().says("what [PROJECT]-b needs is not known").says("(no project)");
    let found = json(&one, &["usages", "b"]);
    assert_eq!(found["unreadable"].as_array().unwrap().len(), 1, "{found}");
    one.deka(["store", "usages", "b"]).success().says("what [PROJECT]-b needs is not known");
}

#[test]
fn shares_of_packages_and_versions() {
    let (_registry, one, _other) = two_projects();
    let found = json(&one, &["du", "--by", "package"]);
    let share = |name: &str| found["shares"].as_array().unwrap().iter().find(|share| share["name"] == name).unwrap().clone();
    assert_eq!(share("@s/c")["packages"], 2, "{found}");
    assert_eq!(share("b")["sharedBytes"], 8, "one file with the mode of `a`'s: {found}");
    let total: u64 = found["shares"].as_array().unwrap().iter().map(|share| share["uniqueBytes"].as_u64().unwrap()).sum();
    assert_eq!(total + 8, json(&one, &["stats"])["objectsBytes"].as_u64().unwrap(), "every byte is somebody's");
    let versions = json(&one, &["du", "@s/*"]);
    let names: Vec<&str> = versions["shares"].as_array().unwrap().iter().map(|share| share["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["@s/c@2.1.0", "@s/c@2.0.0"]);
    assert_eq!(versions["shares"][0]["sharedBytes"], 5_000, "{versions}");
    let limited = one.deka(["store", "du", "--by", "version", "--limit", "1"]).success().says("@s/c@2.1.0").says("3 more are not shown.");
    assert!(limited.stdout.lines().count() == 2, "{}", limited.report());
    let of_projects = json(&one, &["du", "@s/c", "--by", "project"]);
    assert_eq!(of_projects["shares"][0]["packages"], 1, "{of_projects}");
}

#[test]
fn who_uses_a_package() {
    let (_registry, one, other) = two_projects();
    assert_snapshot!(without_keys(json(&one, &["usages", "@s/c@<2.1"])), @r#"
    {
      "query": "@s/c@<2.1",
      "matches": [
        {
          "name": "@s/c",
          "version": "2.0.0",
          "key": "[KEY]",
          "stored": true,
          "users": [
            {
              "project": "[PROJECT]",
              "locked": true,
              "slots": [
                "@s+c@2.0.0"
              ]
            }
          ]
        }
      ],
      "unreadable": []
    }
    "#);
    let users = |arguments: &[&str]| -> BTreeMap<String, usize> {
        let found = json(&one, arguments);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let used =
            |found: &Value| (format!("{}@{}", text(&found["name"]), text(&found["version"])), found["users"].as_array().unwrap().len());
        found["matches"].as_array().unwrap().iter().map(used).collect()
    };
    assert_eq!(users(&["usages", "b"]), BTreeMap::from([("b@1.0.0".to_owned(), 2)]));
    assert_eq!(users(&["usages", "*@>=1"]).len(), 2, "a and b, and no scope");
    // Only locked: the folder is not there.
    other.remove("node_modules");
    let found = json(&one, &["usages", "b"]);
    assert_eq!(found["matches"][0]["users"][1]["slots"], serde_json::json!([]), "{found}");
    let said = one.deka(["store", "usages", "b"]).success().says("b@1.0.0: 2 projects");
    assert!(said.stdout.contains("  locked and installed  [PROJECT]\n") && said.stdout.contains("  locked                [PROJECT]-b\n"));
    // Only installed: the lockfile went on.
    one.depends_on(&[("@s/c", "2.0.0")]);
    one.deka(["install", "--lockfile-only"]).success();
    let found = json(&one, &["usages", "b"]);
    assert_eq!(found["matches"][0]["users"][0]["locked"], false, "{found}");
}

#[test]
fn nobody_is_affected() {
    let (_registry, one, _other) = two_projects();
    one.deka(["store", "usages", "b@>=2"]).status(1).says("No package here is b@>=2");
    let said = one.deka(["store", "usages", "left-pad", "--json"]).status(1);
    let found: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&found["matches"], &found["query"]), (&serde_json::json!([]), &Value::from("left-pad")));
    one.deka(["store", "usages", "b@latest"]).failure(2).says("`latest` is no version and no range of versions");
}

#[test]
fn why_a_file_is_there() {
    let (_registry, one, other) = two_projects();
    let path = "node_modules/.deka/b@1.0.0/node_modules/b/run.sh";
    assert_snapshot!(pretty(&json(&one, &["why", path])), @r#"
    {
      "file": "[PROJECT]/node_modules/.deka/b@1.0.0/node_modules/b/run.sh",
      "isRight": true,
      "objects": [
        {
          "object": "81a486e8b3362f4be947b2d730e38e13bba914c69706a6450dff8deb465a6a23",
          "executable": true,
          "sizeBytes": 8,
          "state": "right",
          "holders": [
            {
              "name": "b",
              "version": "1.0.0",
              "path": "run.sh"
            }
          ],
          "projects": [
            "[PROJECT]",
            "[PROJECT]-b"
          ]
        }
      ],
      "unreadable": []
    }
    "#);
    let object = blake3::hash(b"the same").to_hex().to_string();
    let found = json(&one, &["why", &object[..6]]);
    assert_eq!(found["objects"].as_array().unwrap().len(), 2, "plain and executable: {found}");
    assert_eq!(found["objects"][0]["holders"].as_array().unwrap().len(), 3, "twice in a, once in b: {found}");
    let stored = one.store().join("objects").join(&object[..2]).join(&object[2..]);
    assert_eq!(json(&one, &["why", &stored.to_string_lossy()])["objects"][0], found["objects"][0]);
    // A copy is known by its bytes.
    one.write("copy.js", "the same");
    assert_eq!(json(&one, &["why", "copy.js"])["objects"][0], found["objects"][0]);
    // An edit through a link reaches the store, and is seen in both places.
    fs::write(one.project().join(path), "edited!!").unwrap();
    let edited = json(&one, &["why", path]);
    assert_eq!((&edited["isRight"], &edited["objects"][0]["state"]), (&Value::from(false), &Value::from("damaged")), "{edited}");
    let linked = other.project().join("link");
    fs::hard_link(one.project().join(path), &linked).unwrap();
    assert_eq!(json(&one, &["why", &linked.to_string_lossy()])["objects"], edited["objects"], "known by its inode");
    one.deka(["store", "why", path]).success().says("bytes WRONG").says("DAMAGED").says("b@1.0.0 run.sh").says("[PROJECT]-b");
}

#[test]
fn what_is_no_object_says_so() {
    let (_registry, one, _other) = two_projects();
    one.write("mine.js", "mine").deka(["store", "why", "mine.js"]).status(1).says("No package of the store holds this.");
    one.deka(["store", "why", "abcdef"]).status(1);
    one.deka(["store", "why", "abc"]).failure(2).says("at least 6 digits");
    one.deka(["store", "why", "no/such/file"]).failure(1).says("cannot read [PROJECT]/no/such/file");
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let env = TestEnv::with(&registry());
    assert_snapshot!(pretty(&json(&env, &["stats"])), @r#"
    {
      "packages": 0,
      "versions": 0,
      "files": 0,
      "filesBytes": 0,
      "objects": 0,
      "objectsBytes": 0,
      "savedByDeduplicationBytes": 0,
      "installedBytes": 0,
      "savedByLinkingBytes": 0,
      "projects": {
        "known": 0,
        "gone": 0,
        "unreadable": 0
      },
      "sharedSlots": 0,
      "packs": 0,
      "packsBytes": 0,
      "indexBytes": 0
    }
    "#);
    env.deka(["store", "stats"]).success().says("There is no store in [STORE].");
    env.deka(["store", "du"]).success().says("There is no store in [STORE].");
    env.deka(["store", "usages", "a"]).status(1);
    env.deka(["store", "why", "abcdef"]).status(1);
    assert!(!env.store().exists(), "asking makes nothing");
}

#[test]
fn a_store_in_which_nothing_is() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[]).install().success();
    fs::create_dir_all(env.store().join("objects")).unwrap();
    let stats = json(&env, &["stats"]);
    assert_eq!((&stats["objects"], &stats["filesBytes"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(json(&env, &["du", "--by=package"])["shares"], serde_json::json!([]));
    env.deka(["store", "du", "--by=package"]).success().says("Nothing is there to be counted.");
}

#[test]
fn a_read_only_store_answers_and_stays_as_it_is() {
    let (_registry, one, _other) = two_projects();
    let asked: [&[&str]; 3] = [&["stats"], &["du"], &["usages", "b"]];
    let before = asked.map(|arguments| json(&one, arguments));
    let copy = one.at_root("project/read-only");
    copy_store(&one.store(), &copy);
    let _mounted = ReadOnly::make(&copy);
    let stood = tree::identities(&copy);
    let folder = copy.to_string_lossy().into_owned();
    for (arguments, before) in asked.iter().zip(before) {
        let found = json(&one, &[arguments, &["--store-dir", &folder][..]].concat());
        assert_eq!(found, before, "{arguments:?}");
    }
    assert!(tree::identities(&copy) == stood, "nothing was written");
}

#[test]
fn an_index_that_is_lost_takes_no_project_with_it() {
    let (_registry, one, _other) = two_projects();
    let copy = one.at_root("project/read-only");
    copy_store(&one.store(), &copy);
    fs::remove_file(copy.join("index.db")).unwrap();
    let mounted = ReadOnly::make(&copy);
    let folder = copy.to_string_lossy().into_owned();
    let said = one.deka(["store", "usages", "b", "--store-dir", &folder]).either();
    drop(mounted);
    said.says("b@1.0.0: 2 projects").says("so projects that an older deka has noted in it are not known");
}

fn copy_store(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in tree::paths(from) {
        let (from, to) = (from.join(&path), to.join(&path));
        if path.ends_with('/') { fs::create_dir_all(&to).unwrap() } else { fs::copy(&from, &to).map(drop).unwrap() }
    }
}

/// A folder that cannot be written: for root by its mount, for others by its modes.
struct ReadOnly<'a>(&'a Path);

impl ReadOnly<'_> {
    fn make(folder: &Path) -> ReadOnly<'_> {
        let mount = |arguments: &[&str]| {
            let folder = folder.to_string_lossy();
            let arguments = arguments.iter().map(|argument| if argument.is_empty() { &*folder } else { argument });
            std::process::Command::new("mount").args(arguments).output().is_ok_and(|output| output.status.success())
        };
        if !(mount(&["--bind", "", ""]) && mount(&["-o", "remount,ro,bind", ""])) {
            let _ = std::process::Command::new("chmod").args(["-R", "a-w"]).arg(folder).status();
        }
        ReadOnly(folder)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0).output();
        let _ = std::process::Command::new("chmod").args(["-R", "u+w"]).arg(self.0).status();
    }
}

/// Prints an answer without the integrities in it.
fn without_keys(mut found: Value) -> String {
    for package in found["matches"].as_array_mut().unwrap() {
        package["key"] = "[KEY]".into();
    }
    pretty(&found)
}

fn pretty(found: &Value) -> String {
    serde_json::to_string_pretty(found).unwrap()
}
