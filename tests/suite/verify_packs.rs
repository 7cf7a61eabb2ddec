//! `deka store verify` and packs: what stands only in a pack is not missing, a damaged pack is found whether or not
//! something depends on it, and a repair takes from packs what it can and moves a damaged one away last.

use crate::support::{Fault, Registry, TestEnv, tree};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn registry() -> Registry {
    Registry::new().package("a", "1.0.0", |p| p.dep("b", "1").file("lib/one.js", "of a alone").file("both.js", "the same")).package(
        "b",
        "1.0.0",
        |p| p.file("two.js", "the same").executable("run.sh", "the same").bytes("long.bin", noise(1_200_000)),
    )
}

fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A store whose objects all stand in one pack, and nowhere else.
fn packed() -> (Registry, TestEnv, PathBuf) {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]).write(".npmrc", "package-import-method=copy\n");
    env.install().success();
    env.remove("node_modules");
    env.deka(["store", "pack", "--older-than", "0"]).success();
    registry.forget();
    let pack = files(&env, "packs").pop().expect("a pack");
    (registry, env, pack)
}

/// The same, and all that a project needs stands loose besides.
fn packed_and_loose() -> (Registry, TestEnv, PathBuf) {
    let (registry, env, pack) = packed();
    env.deka(["install", "--offline"]).success();
    env.remove("node_modules");
    (registry, env, pack)
}

fn files(env: &TestEnv, folder: &str) -> Vec<PathBuf> {
    let folder = env.store().join(folder);
    tree::paths(&folder).into_iter().filter(|path| !path.ends_with('/')).map(|path| folder.join(path)).collect()
}

fn json(env: &TestEnv, arguments: &[&str]) -> Value {
    let said = env.deka(["store", "verify", "--json"].iter().chain(arguments)).either();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said.report()))
}

fn kinds(report: &Value) -> Vec<&str> {
    let mut kinds: Vec<&str> = report["faults"].as_array().unwrap().iter().map(|fault| fault["kind"].as_str().unwrap()).collect();
    kinds.dedup();
    kinds
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn tear(path: &Path) {
    fs::File::options().write(true).open(path).unwrap().set_len(1000).unwrap();
}

#[track_caller]
fn is_whole(env: &TestEnv) {
    env.deka(["store", "verify"]).success();
    env.deka(["install", "--offline", "--frozen-lockfile", "--verify"]).success();
    assert_eq!(env.read("node_modules/a/lib/one.js"), "of a alone");
    assert_eq!(fs::read(env.project().join("node_modules/.deka/b@1.0.0/node_modules/b/long.bin")).unwrap(), noise(1_200_000));
    env.deka(["store", "verify", "--project"]).success();
}

#[test]
fn what_stands_only_in_a_pack_is_not_missing() {
    let (registry, env, _) = packed();
    let report = json(&env, &[]);
    let count = report["objects"].as_u64().unwrap();
    assert!(count > 5 && report["packed"] == report["objects"] && report["hashed"] == report["objects"], "{report:#}");
    assert_eq!((kinds(&report), &report["newerPacks"], &report["staleMarks"]), (vec![], &Value::from([""; 0]), &Value::from(0)));
    env.deka(["store", "verify"]).success().line(&format!("Only in packs: {count} objects."));
    for arguments in [&["--sample", "1"][..], &["--sample", "50%"], &["--resume"], &["--repair"]] {
        let report = json(&env, arguments);
        assert_eq!((kinds(&report), report["packed"].as_u64()), (vec![], Some(count)), "{arguments:?}: {report:#}");
    }
    assert_eq!(files(&env, "objects"), [""; 0].map(PathBuf::from), "looking brings nothing back");
    is_whole(&env);
    let report = json(&env, &[]);
    assert_eq!((kinds(&report), report["packed"].as_u64()), (vec![], Some(0)), "{report:#}");
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn a_flipped_byte_is_found_anywhere_and_mended() {
    let length = fs::metadata(packed().2).unwrap().len() as usize;
    for (at, expected) in [(40, &["packed", "pack"][..]), (length / 2, &["packed", "pack"]), (length - 80, &["missing", "pack"])] {
        let (registry, env, pack) = packed();
        flip(&pack, at);
        let report = json(&env, &[]);
        assert_eq!(kinds(&report), expected, "at {at}: {report:#}");
        let said = env.deka(["store", "verify"]).failure(1).says("damaged pack: packs/").says("used by [PROJECT]");
        said.says_one_of(&["in a@1.0.0: ", "in b@1.0.0: "]);
        let said = env.deka(["store", "verify", "--repair"]).success().says("1 damaged pack moved to `quarantined` in the store");
        assert!(!registry.asked().is_empty(), "at {at}: {}", said.report());
        assert_eq!((files(&env, "packs").len(), files(&env, "quarantined").len()), (0, 1), "at {at}");
        is_whole(&env);
    }
}

#[test]
fn what_of_a_pack_is_right_is_taken_out_of_it() {
    let (registry, env, pack) = packed();
    // The long file has a block of its own.
    flip(&pack, fs::metadata(&pack).unwrap().len() as usize / 2);
    let report = json(&env, &["--repair"]);
    let fetched: Vec<&str> = report["repaired"]["fetched"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!((fetched, registry.asked()), (vec!["b@1.0.0"], vec!["/b/-/b-1.0.0.tgz".to_owned()]), "{report:#}");
    assert_eq!(report["repaired"]["retired"].as_array().map(Vec::len), Some(1), "{report:#}");
    is_whole(&env);
}

#[test]
fn a_damaged_pack_that_nobody_depends_on_is_found_and_moved_away_offline() {
    let damages: [fn(&Path); 3] = [|pack| flip(pack, 40), tear, |pack| fs::write(pack, "").unwrap()];
    for damage in damages {
        let (registry, env, pack) = packed_and_loose();
        damage(&pack);
        assert_eq!(kinds(&json(&env, &[])), ["pack"]);
        let report = json(&env, &["--repair"]);
        assert_eq!((report["repaired"]["left"].as_u64(), registry.asked()), (Some(0), vec![]), "{report:#}");
        assert_eq!(files(&env, "quarantined").len(), 1, "it is moved and not deleted");
        is_whole(&env);
    }
}

#[test]
fn what_another_pack_has_stays_packed() {
    let (registry, env, pack) = packed();
    fs::copy(&pack, pack.with_file_name(format!("{}.pack", "0".repeat(64)))).unwrap();
    flip(&pack, 40);
    let report = json(&env, &[]);
    assert_eq!((kinds(&report), &report["packed"]), (vec!["pack"], &report["objects"]), "{report:#}");
    let report = json(&env, &["--repair"]);
    assert_eq!((report["repaired"]["left"].as_u64(), report["repaired"]["unpacked"].as_u64()), (Some(0), Some(0)), "{report:#}");
    assert_eq!((files(&env, "packs").len(), files(&env, "objects").len(), registry.asked()), (1, 0, vec![]));
    is_whole(&env);
}

#[test]
fn what_no_package_has_counts_as_unknown_and_is_looked_at_too() {
    let (_registry, env, pack) = packed();
    let known = json(&env, &[]);
    fs::remove_dir_all(env.store().join("packages")).unwrap();
    let index = rusqlite::Connection::open(env.store().join("index.db")).unwrap();
    index.execute("DELETE FROM packages", []).unwrap();
    drop(index);
    let report = json(&env, &[]);
    assert_eq!((kinds(&report), report["objects"].as_u64(), report["packed"].as_u64()), (vec![], Some(0), Some(0)), "{report:#}");
    // The two files of one content are one object in the pack.
    assert_eq!(report["unknown"]["objects"].as_u64(), known["objects"].as_u64().map(|count| count - 1), "{report:#}");
    flip(&pack, 40);
    assert_eq!(kinds(&json(&env, &[])), ["pack"]);
    env.deka(["store", "verify", "--repair"]).success();
    assert_eq!((files(&env, "packs").len(), files(&env, "quarantined").len()), (0, 1));
}

#[test]
fn a_torn_pack_stays_while_something_is_missing() {
    let (registry, env, pack) = packed();
    tear(&pack);
    for package in ["a", "b"] {
        registry.fault(&format!("/{package}/*"), Fault::status(404));
    }
    let report = json(&env, &["--repair"]);
    assert_eq!((report["repaired"]["retired"].as_array().map(Vec::len), pack.exists()), (Some(0), true), "{report:#}");
    assert_ne!(report["repaired"]["left"].as_u64(), Some(0), "{report:#}");
    env.deka(["store", "verify", "--repair"]).failure(1).says("a package needs what stands nowhere else");
}

#[test]
fn a_damaged_object_is_taken_from_a_pack() {
    let (registry, env, _) = packed_and_loose();
    let mut objects = files(&env, "objects");
    let gone = objects.pop().expect("an object");
    let count = objects.len() + 1;
    for object in &objects {
        flip(object, 0);
    }
    fs::remove_file(gone).unwrap();
    let report = json(&env, &[]);
    // The one that is gone stands in the pack, so it is no fault.
    assert_eq!((kinds(&report), report["packed"].as_u64()), (vec!["bytes"], Some(1)), "{report:#}");
    let report = json(&env, &["--repair"]);
    let repaired = &report["repaired"];
    assert_eq!((repaired["unpacked"].as_u64(), repaired["left"].as_u64()), (Some(count as u64 - 1), Some(0)), "{report:#}");
    assert_eq!((registry.asked(), files(&env, "packs").len(), files(&env, "quarantined").len()), (vec![], 1, 0));
    is_whole(&env);
}

#[test]
fn an_edited_file_of_a_project_is_replaced_from_a_pack() {
    let (registry, env, _) = packed_and_loose();
    env.deka(["install", "--offline"]).success();
    env.deka(["store", "pack", "--older-than", "0"]).success();
    assert_eq!(files(&env, "objects").len(), 0, "a project of copies links nothing");
    env.write("node_modules/a/lib/one.js", "edited");
    env.deka(["store", "verify", "--project", "--repair"]).success().says("1 file replaced in projects");
    assert_eq!((env.read("node_modules/a/lib/one.js"), registry.asked()), ("of a alone".to_owned(), vec![]));
}

#[test]
fn newer_packs_and_damaged_blueprints_are_only_told() {
    let (_registry, env, pack) = packed_and_loose();
    let mut newer = fs::read(&pack).unwrap();
    newer[8] = 2;
    let beside = pack.with_file_name(format!("{}.pack", "0".repeat(64)));
    fs::write(&beside, newer).unwrap();
    let blueprint = env.store().join("blueprints").join("0".repeat(64));
    fs::create_dir_all(blueprint.parent().unwrap()).unwrap();
    fs::write(&blueprint, "no blueprint").unwrap();
    let report = json(&env, &[]);
    assert_eq!((kinds(&report), report["newerPacks"].as_array().map(Vec::len)), (vec![], Some(1)), "{report:#}");
    let leftovers: Vec<&Value> = report["leftovers"].as_array().unwrap().iter().map(|leftover| &leftover["own"]).collect();
    assert_eq!(leftovers, [&Value::from(true)], "the blueprints of installs are sound: {report:#}");
    env.deka(["store", "verify", "--repair"]).success().line("Written by a newer deka, and not looked at: 1 pack.");
    assert!(beside.exists());
}
