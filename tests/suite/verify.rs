//! `deka store verify`: every kind of damage is found, with the package and the project that it concerns; a repair mends
//! it without downloading what stands on this machine already; and what cannot be mended is out of the way.

use crate::support::{Fault, Registry, Said, TestEnv, copy_of_deka, tree};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A kind of damage, the kind of fault that it is found to be, and how it is done.
type Damage<T> = (&'static str, &'static str, fn(&T));

const INDEX_JS: &str = "module.exports = \"a@1.0.0\";\n";

fn registry() -> Registry {
    Registry::new().package("a", "1.0.0", |p| p.dep("b", "1").file("lib/one.js", "only in a").bin("a", "cli.js")).package(
        "b",
        "1.0.0",
        |p| p.file("two.js", "the same").executable("run.sh", "the same"),
    )
}

fn installed() -> (Registry, TestEnv) {
    installed_by("hardlink")
}

fn installed_by(method: &str) -> (Registry, TestEnv) {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]).write(".npmrc", format!("package-import-method={method}\n"));
    env.install().success();
    registry.forget();
    (registry, env)
}

fn object_with(env: &TestEnv, content: &str, executable: bool) -> PathBuf {
    let folder = env.store().join("objects");
    let files = tree::paths(&folder).into_iter().filter(|path| !path.ends_with('/') && path.ends_with("-x") == executable);
    files
        .map(|path| folder.join(path))
        .find(|path| fs::read(path).is_ok_and(|bytes| bytes == content.as_bytes()))
        .unwrap_or_else(|| panic!("no object holds {content:?}"))
}

/// Changes a file and sees to it that no stat can tell.
fn edit_unseen(path: &Path) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
}

fn verify(env: &TestEnv) -> Said {
    env.deka(["store", "verify"]).either()
}

fn repair(env: &TestEnv) -> Said {
    env.deka(["store", "verify", "--repair"]).either()
}

fn json(env: &TestEnv, arguments: &[&str]) -> Value {
    let said = env.deka(["store", "verify", "--json"].iter().chain(arguments)).either();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said.report()))
}

fn kinds(report: &Value) -> Vec<&str> {
    report["faults"].as_array().unwrap().iter().map(|fault| fault["kind"].as_str().unwrap()).collect()
}

#[track_caller]
fn is_clean(env: &TestEnv) {
    env.deka(["store", "verify"]).success();
    env.deka(["store", "verify", "--project"]).success();
}

#[track_caller]
fn is_right(env: &TestEnv) {
    assert_eq!(env.read("node_modules/a/index.js"), INDEX_JS);
    assert_eq!(env.read("node_modules/a/lib/one.js"), "only in a");
    assert_eq!(env.read("node_modules/.deka/b@1.0.0/node_modules/b/two.js"), "the same");
    let mode = |path: &str| fs::metadata(env.project().join(path)).unwrap().permissions().mode() & 0o111 != 0;
    assert!(mode("node_modules/.deka/b@1.0.0/node_modules/b/run.sh") && !mode("node_modules/a/index.js"));
    assert_eq!(env.strays(), [""; 0]);
}

fn database(env: &TestEnv) -> rusqlite::Connection {
    rusqlite::Connection::open(env.store().join("index.db")).unwrap()
}

#[test]
fn a_sound_store_is_called_sound() {
    let (_registry, env) = installed();
    let said = env.deka(["store", "verify"]).success();
    assert!(said.stdout.contains("Checked 8 objects, 2 trees, 2 packages: "), "{}", said.report());
    // The command of a was no executable in its tarball, and is one now.
    assert!(said.stdout.contains("Not part of any package: 1 object (34 B)"), "{}", said.report());
    assert_eq!(said.stdout.lines().count(), 2, "{}", said.report());
    env.deka(["store", "verify", "--project"]).success().says("8 files");
    assert!(!env.store().join("verify.state").exists());
    env.deka(["store", "verify", "--store-dir", "nowhere"]).failure(2).says("there is no store in [PROJECT]/nowhere");
    assert!(!env.has("nowhere"), "looking makes nothing");
    env.deka(["store", "verify", "--store-dir", "."]).failure(2);
    assert!(!env.has("objects"), "least of all where something else stands");
}

#[test]
fn every_damage_to_an_object_is_found_named_and_mended() {
    let damages: [Damage<Path>; 9] = [
        ("unseen edit", "bytes", edit_unseen),
        ("cut off", "length", |path| fs::write(path, "mod").unwrap()),
        ("grown", "length", |path| fs::write(path, format!("{INDEX_JS}more")).unwrap()),
        ("gone", "missing", |path| fs::remove_file(path).unwrap()),
        ("executable", "mode", |path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap()),
        ("writable for all", "mode", |path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap()),
        ("a folder", "noFile", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("a link", "noFile", |path| {
            fs::remove_file(path).unwrap();
            symlink("/etc/hostname", path).unwrap();
        }),
        ("a pipe", "noFile", |path| {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
    ];
    for (damage, kind, break_it) in damages {
        let (_registry, env) = installed();
        break_it(&object_with(&env, INDEX_JS, false));
        let report = json(&env, &[]);
        assert_eq!(kinds(&report), [kind], "{damage}: {report:#}");
        let said = verify(&env);
        assert_eq!(said.status.code(), Some(1), "{damage}: {}", said.report());
        let said = said.says("in a@1.0.0: index.js").says("used by [PROJECT]");
        let said = said.says("node_modules/.deka/a@1.0.0/node_modules/a/index.js");
        assert_eq!(kinds(&json(&env, &[])), [kind], "{damage}: looking changes nothing\n{}", said.report());
        let said = repair(&env);
        assert!(said.status.success(), "{damage}: {}", said.report());
        is_right(&env);
        is_clean(&env);
    }
}

#[test]
fn all_projects_with_a_link_to_a_damaged_file_are_mended() {
    let (_registry, env) = installed();
    let other = env.another("project/other");
    other.depends_on(&[("a", "1")]).write(".npmrc", "package-import-method=hardlink\n");
    other.install().success();
    edit_unseen(&object_with(&env, INDEX_JS, false));
    verify(&env).says("used by [PROJECT]").says("used by [PROJECT]/other");
    env.deka(["store", "verify", "--repair"]).success().says("1 package fetched again").says("2 files replaced");
    is_right(&env);
    is_right(&other);
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let object = inode(&object_with(&env, INDEX_JS, false));
    assert_eq!(object, inode(&env.project().join("node_modules/a/index.js")), "they are links again");
    assert_eq!(object, inode(&other.project().join("node_modules/a/index.js")));
}

#[test]
fn a_project_that_still_has_what_an_install_has_healed_is_told() {
    let (_registry, env) = installed();
    let other = env.another("project/other");
    other.depends_on(&[("a", "1")]).write(".npmrc", "package-import-method=hardlink\n");
    other.install().success();
    fs::write(env.project().join("node_modules/a/index.js"), "evil").unwrap();
    other.remove("node_modules");
    other.install().success();
    is_right(&other);
    let said = env.deka(["store", "verify"]).failure(1).says("object whose damaged file a project still has");
    assert!(!said.text().contains("used by [PROJECT]/other"), "{}", said.report());
    env.deka(["store", "verify", "--repair"]).success().says("1 file replaced in projects");
    is_right(&env);
    is_clean(&env);
    assert_eq!(fs::read_dir(env.store().join("damaged")).unwrap().count(), 0);
}

#[test]
fn what_stands_on_this_machine_is_not_fetched() {
    // A copy in a project.
    let (registry, env) = installed_by("copy");
    edit_unseen(&object_with(&env, INDEX_JS, false));
    fs::remove_file(object_with(&env, "only in a", false)).unwrap();
    env.deka(["store", "verify", "--repair"]).success().says("2 objects restored from another copy");
    is_clean(&env);
    assert_eq!(registry.asked(), [""; 0]);
    // The other variant of the same bytes.
    let (registry, env) = installed();
    env.remove("node_modules");
    edit_unseen(&object_with(&env, "the same", true));
    env.deka(["store", "verify", "--repair"]).success().says("1 object restored from another copy");
    is_clean(&env);
    assert_eq!(registry.asked(), [""; 0]);
    env.deka(["install", "--offline"]).success();
    is_right(&env);
}

#[test]
fn only_the_packages_of_broken_objects_are_fetched() {
    let (registry, env) = installed();
    env.remove("node_modules");
    edit_unseen(&object_with(&env, "only in a", false));
    env.deka(["store", "verify", "--repair"]).success();
    assert_eq!(registry.asked(), ["/a/-/a-1.0.0.tgz"]);
    is_clean(&env);
}

#[test]
fn one_package_is_enough_unless_it_cannot_be_had() {
    for (is_gone, expected) in [(false, 1), (true, 2)] {
        let registry =
            Registry::new().package("one", "1.0.0", |p| p.file("x.js", "shared")).package("two", "1.0.0", |p| p.file("x.js", "shared"));
        let env = TestEnv::with(&registry);
        env.depends_on(&[("one", "1"), ("two", "1")]);
        env.install().success();
        env.remove("node_modules");
        registry.forget();
        edit_unseen(&object_with(&env, "shared", false));
        if is_gone {
            let first = json(&env, &[])["faults"][0]["packages"][0]["name"].as_str().unwrap().to_owned();
            registry.fault(&format!("/{first}/*"), Fault::status(404));
        }
        env.deka(["store", "verify", "--repair"]).success();
        assert_eq!(registry.asked().len(), expected, "{:?}", registry.asked());
        is_clean(&env);
    }
}

#[test]
fn a_package_of_a_folder_cannot_be_fetched_and_says_so() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.write("local/package.json", r#"{"name":"local","version":"1.0.0"}"#).write("local/index.js", "local");
    env.depends_on(&[("local", "file:local")]).write(".npmrc", "package-import-method=hardlink\n");
    env.install().success();
    env.remove("node_modules");
    edit_unseen(&object_with(&env, "local", false));
    let said = env.deka(["store", "verify", "--repair"]).failure(1);
    said.says("not mended: local@").says("came from a folder of this machine");
    env.install().success();
    assert_eq!(env.read("node_modules/local/index.js"), "local");
    env.deka(["store", "verify"]).success();
}

#[test]
fn what_cannot_be_mended_is_out_of_the_way() {
    let (registry, env) = installed();
    env.remove("node_modules");
    edit_unseen(&object_with(&env, INDEX_JS, false));
    registry.fault("/a/-/a-1.0.0.tgz", Fault::status(404));
    let said = env.deka(["store", "verify", "--repair"]).failure(1);
    said.says("not mended: a@1.0.0").says("1 object moved to `quarantined`").says("1 thing is still wrong");
    assert_eq!(fs::read_dir(env.store().join("quarantined")).unwrap().count(), 1);
    assert_eq!(kinds(&json(&env, &[])), ["missing"]);
    env.deka(["install", "--offline"]).fails();
    registry.heal();
    env.install().success();
    is_right(&env);
    is_clean(&env);
}

#[test]
fn damaged_rows_and_records_are_mended_from_each_other() {
    let damages: [Damage<TestEnv>; 7] = [
        ("version", "row", |env| sql(env, "UPDATE packages SET version = '6.6.6' WHERE name = 'a'")),
        ("facts", "row", |env| sql(env, "UPDATE packages SET facts = x'00' WHERE name = 'a'")),
        ("seal", "row", |env| sql(env, "UPDATE packages SET seal = zeroblob(16) WHERE name = 'a'")),
        ("tree", "row", |env| sql(env, "UPDATE trees SET body = zeroblob(9) WHERE number = (SELECT tree FROM packages WHERE name = 'a')")),
        ("no tree", "row", |env| sql(env, "DELETE FROM trees WHERE number = (SELECT tree FROM packages WHERE name = 'a')")),
        ("records gone", "record", |env| fs::remove_dir_all(env.store().join("packages")).unwrap()),
        ("record flipped", "record", |env| {
            for entry in fs::read_dir(env.store().join("packages")).unwrap() {
                let path = entry.unwrap().path();
                let mut bytes = fs::read(&path).unwrap();
                bytes[60] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
        }),
    ];
    for (damage, kind, break_it) in damages {
        let (registry, env) = installed();
        break_it(&env);
        let report = json(&env, &[]);
        assert!(kinds(&report).contains(&kind) && kinds(&report).iter().all(|other| *other == kind), "{damage}: {report:#}");
        let said = verify(&env);
        assert_eq!(said.status.code(), Some(1), "{damage}");
        said.says("@1.0.0").says("used by [PROJECT]");
        let said = repair(&env);
        assert!(said.status.success(), "{damage}: {}", said.report());
        is_clean(&env);
        env.remove("node_modules");
        env.deka(["install", "--offline"]).success();
        is_right(&env);
        assert_eq!(registry.asked(), [""; 0], "{damage}");
    }
}

fn sql(env: &TestEnv, statement: &str) {
    let connection = database(env);
    connection.pragma_update(None, "foreign_keys", "OFF").unwrap();
    assert_eq!(connection.execute(statement, []).unwrap(), 1, "{statement}");
}

#[test]
fn a_row_that_no_record_can_restore_goes() {
    let (_registry, env) = installed();
    fs::remove_dir_all(env.store().join("packages")).unwrap();
    sql(&env, "UPDATE packages SET seal = zeroblob(16) WHERE name = 'a'");
    env.deka(["store", "verify", "--repair"]).success().says("1 row removed").says("1 record written again");
    is_clean(&env);
    env.remove("node_modules");
    env.install().success();
    is_right(&env);
}

#[test]
fn a_lost_row_is_no_fault_but_a_repair_brings_it_back() {
    let (registry, env) = installed();
    sql(&env, "DELETE FROM packages WHERE name = 'a'");
    let report = json(&env, &[]);
    assert_eq!((kinds(&report).len(), &report["unindexed"][0]), (0, &Value::from("a@1.0.0")), "{report:#}");
    env.deka(["store", "verify", "--repair"]).success().says("1 package added to the index");
    assert_eq!(json(&env, &[])["unindexed"], Value::Array(Vec::new()));
    env.remove("node_modules");
    env.deka(["install", "--offline"]).success();
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn wrong_marks_cost_a_hash_and_a_repair_learns_them() {
    let (_registry, env) = installed();
    database(&env).execute("UPDATE trees SET marks = zeroblob(7)", []).unwrap();
    let report = json(&env, &[]);
    assert_eq!((kinds(&report).len(), &report["staleMarks"]), (0, &Value::from(2)), "{report:#}");
    env.deka(["store", "verify", "--repair"]).success();
    assert_eq!(json(&env, &[])["staleMarks"], 0);
}

#[test]
fn a_copied_store_is_hashed_once_and_trusted_then() {
    let (registry, env) = installed();
    env.remove("node_modules");
    let aside = env.at_root("project/aside");
    fs::rename(env.store(), &aside).unwrap();
    assert!(Command::new("cp").arg("-r").arg(&aside).arg(env.store()).status().unwrap().success());
    assert_eq!(json(&env, &[])["staleMarks"], 2);
    let said = env.deka(["install", "--offline"]).success();
    assert!(!said.text().contains("warning"), "{}", said.report());
    let report = json(&env, &[]);
    assert_eq!((kinds(&report).len(), &report["staleMarks"]), (0, &Value::from(0)), "{report:#}");
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn an_install_that_heals_says_so_in_one_line() {
    let (_registry, env) = installed();
    env.remove("node_modules");
    for content in [INDEX_JS, "only in a"] {
        fs::write(object_with(&env, content, false), "x").unwrap();
    }
    let said = env.install().success();
    let warnings: Vec<&str> = said.stderr.lines().filter(|line| line.contains("warning")).collect();
    assert_eq!(warnings.len(), 1, "{}", said.report());
    assert!(warnings[0].contains("a@1.0.0") && warnings[0].contains("fetched again"), "{}", said.report());
    is_clean(&env);
}

#[test]
fn the_index_is_made_anew_offline_and_projects_stay_known() {
    let (registry, env) = installed();
    let said = env.deka(["store", "verify", "--rebuild-index"]).success();
    let said = said.says("The index is made anew: 2 packages, 2 trees, 1 projects");
    assert_eq!(registry.asked(), [""; 0], "{}", said.report());
    // What has lost its record is not lost with the index.
    fs::remove_dir_all(env.store().join("packages")).unwrap();
    env.deka(["store", "verify", "--rebuild-index"]).success().says("2 of them had no record and have one now");
    // An index that is lost is made again by whoever comes first.
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(env.store().join(format!("index.db{end}")));
    }
    assert_eq!(json(&env, &[])["indexMadeAgain"], true);
    env.remove("node_modules");
    env.deka(["install", "--offline"]).success();
    is_right(&env);
}

#[test]
fn a_torn_index_keeps_the_projects_that_older_versions_have_noted_in_it() {
    let (_registry, env) = installed();
    let connection = database(&env);
    connection.execute("INSERT INTO projects (path, used_day) VALUES (?1, 20000)", [b"/home/someone/older"]).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let page: i64 = connection.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'trees'", [], |row| row.get(0)).unwrap();
    let size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    drop(connection);
    let file = fs::File::options().write(true).open(env.store().join("index.db")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0x55; size as usize], ((page - 1) * size) as u64).unwrap();
    drop(file);
    let report = json(&env, &["--repair"]);
    assert_eq!(report["repaired"]["left"], 0, "{report:#}");
    let known: i64 = database(&env).query_row("SELECT count(*) FROM projects", [], |row| row.get(0)).unwrap();
    assert_eq!((known, tree::paths(&env.store().join("projects")).len()), (1, 1));
    is_clean(&env);
}

#[test]
fn what_belongs_to_nothing_is_told_and_is_no_fault() {
    let (_registry, env) = installed();
    let objects = env.store().join("objects");
    fs::create_dir_all(objects.join("ab")).unwrap();
    fs::write(objects.join("ab").join("c".repeat(62)), "unknown").unwrap();
    fs::write(objects.join("ab/.new-1-2"), "draft").unwrap();
    fs::write(objects.join("ab/cafe"), "foreign").unwrap();
    fs::write(env.store().join("packages/.x.1.tmp"), "draft").unwrap();
    fs::write(env.store().join("index.db.broken-1"), "old").unwrap();
    let report = json(&env, &[]);
    assert_eq!(report["unknown"], serde_json::json!({ "objects": 2, "bytes": 41 }), "{report:#}");
    let leftovers: Vec<&str> = report["leftovers"].as_array().unwrap().iter().map(|leftover| leftover["path"].as_str().unwrap()).collect();
    let expected = ["index.db.broken-1", "objects/ab/.new-1-2", "objects/ab/cafe", "packages/.x.1.tmp"];
    assert_eq!(leftovers, expected.map(|path| format!("[STORE]/{path}")));
    env.deka(["store", "verify"]).success();
}

#[test]
fn an_edit_in_a_project_with_copies_is_found_and_undone() {
    let (registry, env) = installed_by("copy");
    let file = env.project().join("node_modules/a/index.js");
    edit_unseen(&file);
    env.remove("node_modules/.deka/b@1.0.0/node_modules/b/two.js");
    env.deka(["store", "verify"]).success();
    let said = env.deka(["store", "verify", "--project"]).failure(1);
    said.says("edited in the project: [PROJECT]/node_modules/.deka/a@1.0.0/node_modules/a/index.js (of a@1.0.0)")
        .says("missing from the project: [PROJECT]/node_modules/.deka/b@1.0.0/node_modules/b/two.js (of b@1.0.0)");
    env.prepare(["store", "verify", "--project", &env.project().to_string_lossy(), "--repair"]).in_folder(&env.home()).run().success();
    is_right(&env);
    is_clean(&env);
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn a_repair_never_writes_through_a_link() {
    let (_registry, env) = installed_by("copy");
    for folder in ["a/lib", "a"] {
        let folder = env.project().join("node_modules/.deka/a@1.0.0/node_modules").join(folder);
        let elsewhere = env.at_root("project/elsewhere").join(folder.file_name().unwrap());
        fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
        fs::rename(&folder, &elsewhere).unwrap();
        fs::write(elsewhere.join("one.js"), "mine").unwrap();
        fs::write(elsewhere.join("index.js"), "mine").unwrap();
        symlink(&elsewhere, &folder).unwrap();
        env.deka(["store", "verify", "--project", "--repair"]).failure(1).says("leads out of its package");
        assert_eq!(fs::read_to_string(elsewhere.join("one.js")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(elsewhere.join("index.js")).unwrap(), "mine");
    }
}

#[test]
fn a_sample_hashes_a_share_and_looks_at_the_rest() {
    let (_registry, env) = installed();
    let report = json(&env, &["--sample", "40%", "--seed", "7"]);
    let hashed = report["hashed"].as_u64().unwrap();
    assert!(hashed < 8 && report["objects"] == 8, "{report:#}");
    assert_eq!(json(&env, &["--sample", "40", "--seed", "7"])["hashed"], hashed, "the same seed, the same share");
    assert_eq!(json(&env, &["--sample", "100%"])["hashed"], 8);
    fs::remove_file(object_with(&env, INDEX_JS, false)).unwrap();
    assert_eq!(kinds(&json(&env, &["--sample", "0.001%"])), ["missing"], "a missing one is always found");
    env.deka(["store", "verify", "--sample", "0"]).failure(2);
}

#[test]
fn a_run_that_was_cut_off_is_continued() {
    let (_registry, env) = installed();
    let object = object_with(&env, INDEX_JS, false);
    edit_unseen(&object);
    let state = env.store().join("verify.state");
    let name = object.strip_prefix(env.store().join("objects")).unwrap().to_string_lossy().into_owned();
    fs::write(&state, "deka verify 1\n256\n").unwrap();
    let report = json(&env, &["--resume"]);
    assert_eq!((kinds(&report).len(), &report["resumedAt"], &report["objects"]), (0, &Value::from(256), &Value::from(0)), "{report:#}");
    assert!(!state.exists(), "a run that ends removes it");
    // What was wrong before is looked at again.
    fs::write(&state, format!("deka verify 1\n256\n{name}\n")).unwrap();
    assert_eq!(kinds(&json(&env, &["--resume"])), ["bytes"]);
    // Nonsense is no state, and who does not ask for it begins anew.
    for text in ["", "deka verify 2\n9\n", "deka verify 1\n999\n", "deka verify 1\nx"] {
        fs::write(&state, text).unwrap();
        assert_eq!(kinds(&json(&env, &["--resume"])), ["bytes"], "{text:?}");
    }
    fs::write(&state, "deka verify 1\n256\n").unwrap();
    assert_eq!(kinds(&json(&env, &[])), ["bytes"]);
}

#[test]
fn a_read_only_store_is_looked_through_without_a_write() {
    let (_registry, env) = installed();
    edit_unseen(&object_with(&env, INDEX_JS, false));
    let store = env.store();
    let chmod = |mode: &str| assert!(Command::new("chmod").args(["-R", mode]).arg(&store).status().unwrap().success());
    chmod("a-w,a+rX");
    let before = tree::identities(&store);
    let said = as_nobody(&env, &["store", "verify"]);
    let repaired = as_nobody(&env, &["store", "verify", "--repair"]);
    let after = tree::identities(&store);
    chmod("u+w");
    assert_eq!(said.status.code(), Some(1), "{}", said.report());
    said.says("object with other bytes").says("in a@1.0.0: index.js");
    assert!(before == after, "the store was written to");
    repaired.says("read-only");
}

/// Runs deka as somebody for whom a mode means something.
fn as_nobody(env: &TestEnv, arguments: &[&str]) -> Said {
    use std::os::unix::process::CommandExt;
    let binary = env.at_root("project/deka");
    copy_of_deka(&binary);
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        assert!(Command::new("chown").args(["-R", "65534"]).arg(env.at_root("")).status().unwrap().success());
    }
    let run = env.prepare_program(&binary, arguments).with(|command| {
        if is_root {
            command.uid(65_534);
        }
    });
    run.run().fails()
}

#[test]
fn a_repair_that_is_killed_makes_nothing_worse() {
    for round in 0..6 {
        let (_registry, env) = installed();
        for content in [INDEX_JS, "only in a", "the same"] {
            edit_unseen(&object_with(&env, content, false));
        }
        let running = env.prepare(["store", "verify", "--repair"]).start();
        std::thread::sleep(std::time::Duration::from_millis(4 * round));
        let killed = running.kill();
        let said = env.deka(["store", "verify", "--repair"]).either();
        assert!(said.status.success(), "round {round}: {}\n{}", killed.report(), said.report());
        assert_eq!(env.read("node_modules/a/index.js"), INDEX_JS, "round {round}");
        assert_eq!(env.read("node_modules/.deka/b@1.0.0/node_modules/b/two.js"), "the same", "round {round}");
        env.deka(["store", "verify"]).success();
    }
}

#[test]
fn installs_go_on_while_the_store_is_looked_through() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    for round in 0..4 {
        let other = env.another(&format!("project/p{round}"));
        let name = format!("c{round}");
        registry.publish(&name, "1.0.0", |p| p.file("x.js", &format!("{round}")));
        other.depends_on(&[("a", "1"), (&name, "1.0.0")]);
        let installing = other.prepare(["install"]).start();
        env.deka(["store", "verify"]).success();
        installing.finish().success();
    }
    env.deka(["store", "verify"]).success();
}

#[test]
fn the_document_for_programs_looks_like_this() {
    let (_registry, env) = installed();
    edit_unseen(&object_with(&env, INDEX_JS, false));
    let mut report = json(&env, &[]);
    report["seconds"] = Value::from(0);
    for package in report["faults"][0]["packages"].as_array_mut().unwrap() {
        package["key"] = Value::from("sha512-…");
    }
    assert_snapshot!(format!("{report:#}"), @r#"
    {
      "store": "[STORE]",
      "project": null,
      "objects": 8,
      "hashed": 8,
      "packed": 0,
      "bytes": 265,
      "trees": 2,
      "packages": 2,
      "seconds": 0,
      "sample": null,
      "resumedAt": null,
      "faults": [
        {
          "kind": "bytes",
          "path": "[STORE]/objects/6a/caee5d9a45dca1587d12a90e1420c11f3cc57284989698b33b8ce2e83ce87b",
          "object": "6acaee5d9a45dca1587d12a90e1420c11f3cc57284989698b33b8ce2e83ce87b",
          "expected": "6acaee5d9a45dca1587d12a90e1420c11f3cc57284989698b33b8ce2e83ce87b",
          "found": "2af218c3c736b6b16112f8e2b01ecb183aad204613ab08ddd8742b0bc4798284",
          "packages": [
            {
              "name": "a",
              "version": "1.0.0",
              "key": "sha512-…",
              "files": [
                "index.js"
              ]
            }
          ],
          "projects": [
            {
              "path": "[PROJECT]",
              "files": [
                "[PROJECT]/node_modules/.deka/a@1.0.0/node_modules/a/index.js"
              ]
            }
          ]
        }
      ],
      "edited": [],
      "compared": 0,
      "private": 0,
      "indexMadeAgain": false,
      "unknown": {
        "objects": 1,
        "bytes": 34
      },
      "newerPacks": [],
      "leftovers": [],
      "unindexed": [],
      "staleMarks": 0,
      "unreadable": [],
      "rebuilt": null,
      "repaired": null
    }
    "#);
    let shown = verify(&env).stdout;
    let shown: Vec<&str> = shown.lines().filter(|line| !line.starts_with("Checked")).collect();
    assert_snapshot!(shown.join("\n"), @r"
    object with other bytes: objects/6a/caee5d9a45dca1587d12a90e1420c11f3cc57284989698b33b8ce2e83ce87b
      expected 6acaee5d9a45dca1…, found 2af218c3c736b6b1…
      in a@1.0.0: index.js
      used by [PROJECT]
        node_modules/.deka/a@1.0.0/node_modules/a/index.js
    Not part of any package: 1 object (34 B); a gc removes such.
    ");
}
