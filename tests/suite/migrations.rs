//! Stores that earlier versions of deka wrote. Each has its bytes under `tests/fixtures`, with a project that was installed
//! from it, and is used as if it had stood on this machine all the time.

use crate::support::{TestEnv, tree};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The version of the index that this deka writes.
const VERSION: i64 = 3;

/// Makes a user whose store is that of a fixture, and a project that it was made for. There is no registry.
fn with_store(fixture: &str) -> TestEnv {
    let env = TestEnv::new();
    env.user_npmrc("registry=http://127.0.0.1:1/\n");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    fs::create_dir_all(env.store().parent().unwrap()).unwrap();
    assert!(Command::new("cp").args(["-r", "-p"]).arg(from.join("store")).arg(env.store()).status().unwrap().success());
    for file in ["package.json", "deka.lock"] {
        env.write(file, fs::read(from.join(file)).unwrap());
    }
    env
}

fn index(env: &TestEnv) -> Connection {
    Connection::open(env.store().join("index.db")).unwrap()
}

fn version(index: &Connection) -> i64 {
    index.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn keys(index: &Connection) -> Vec<String> {
    let mut statement = index.prepare("SELECT key || name || version || added_s FROM packages ORDER BY key").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn backups(env: &TestEnv) -> Vec<PathBuf> {
    let names = tree::paths(&env.store()).into_iter().filter(|path| path.starts_with("index.db.v"));
    names.map(|name| env.store().join(name)).collect()
}

#[track_caller]
fn installs_offline(env: &TestEnv) {
    env.deka(["install", "--offline", "--frozen-lockfile"]).success().line("2 packages installed [TIME]");
    assert_eq!(env.read("node_modules/one/lib/shared.js"), "the same\n");
    assert_eq!(env.read("node_modules/.deka/two@1.2.3/node_modules/two/two.txt"), "two\n");
    assert!(env.tree().contains("node_modules/one/run.sh*"), "{}", env.tree());
}

#[test]
fn a_store_of_version_1_is_upgraded_and_copied_first() {
    let env = with_store("store-v1");
    let before = keys(&index(&env));
    assert_eq!((version(&index(&env)), before.len()), (1, 3));
    installs_offline(&env);
    let upgraded = index(&env);
    assert_eq!((version(&upgraded), keys(&upgraded)), (VERSION, before.clone()));
    let days: i64 = upgraded.query_row("SELECT sum(used_day) FROM packages", [], |row| row.get(0)).unwrap();
    assert_eq!(days, 0, "nobody knows when they were used");
    let projects: i64 = upgraded.query_row("SELECT count(*) FROM projects", [], |row| row.get(0)).unwrap();
    assert_eq!((projects, tree::paths(&env.store().join("projects")).len()), (1, 1), "the one of the fixture and the new one");
    let copies = backups(&env);
    assert_eq!(copies.len(), 1, "{copies:?}");
    let copy = Connection::open(&copies[0]).unwrap();
    assert_eq!((version(&copy), keys(&copy)), (1, before));
    env.remove("node_modules");
    installs_offline(&env);
    assert_eq!(backups(&env), copies, "there is nothing more to upgrade");
}

#[test]
fn only_the_latest_copy_stays() {
    let env = with_store("store-v1");
    fs::write(env.store().join("index.db.v0-1-2-3"), "an older one").unwrap();
    installs_offline(&env);
    let copies = backups(&env);
    assert!(copies.len() == 1 && copies[0].to_string_lossy().contains("index.db.v1-"), "{copies:?}");
}

#[test]
fn killed_while_it_is_upgraded() {
    for after_us in [300, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 14_000] {
        let env = with_store("store-v1");
        let running = env.prepare(["install", "--offline"]).start();
        std::thread::sleep(Duration::from_micros(after_us));
        running.kill();
        let _ = fs::remove_dir_all(env.project().join("node_modules"));
        installs_offline(&env);
        assert_eq!((version(&index(&env)), keys(&index(&env)).len()), (VERSION, 3), "killed after {after_us} us");
        assert!(!tree::paths(&env.store()).iter().any(|path| path.starts_with("index.db.broken")), "killed after {after_us} us");
    }
}

#[test]
fn a_migration_that_fails_half_way_leaves_an_index_that_heals() {
    let env = with_store("store-v1");
    // What a deka without transactions would have left: the column is there, the version is not.
    index(&env).execute_batch("ALTER TABLE packages ADD COLUMN used_day INTEGER NOT NULL DEFAULT 0").unwrap();
    installs_offline(&env);
    assert_eq!(version(&index(&env)), VERSION);
    assert_eq!(keys(&index(&env)).len(), 3, "taken from the records");
}

#[test]
fn an_old_store_that_cannot_be_written_is_read_as_it_is() {
    let env = with_store("store-v1");
    let before = fs::read(env.store().join("index.db")).unwrap();
    let listed = tree::paths(&env.store());
    // For root only a mount can be read-only.
    if rustix::process::geteuid().is_root() {
        let store = env.store();
        let mounted = Command::new("mount").args(["--bind", "-o", "ro"]).arg(&store).arg(&store).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            return println!("skipped: no right to mount");
        }
        let said = env.deka(["install", "--offline"]);
        let planned = env.deka(["store", "gc", "--dry-run", "--grace", "0"]);
        let refused = env.deka(["store", "gc", "--grace", "0"]);
        assert!(Command::new("umount").arg(&store).status().unwrap().success());
        said.success();
        planned.success().says("packages");
        refused.failure(30).says("read-only");
    } else {
        let chmod = |mode: &str| assert!(Command::new("chmod").args(["-R", mode]).arg(env.store()).status().unwrap().success());
        chmod("a-w");
        let said = env.deka(["install", "--offline"]);
        chmod("u+w");
        said.success();
    }
    assert_eq!(env.read("node_modules/one/lib/shared.js"), "the same\n");
    assert!(fs::read(env.store().join("index.db")).unwrap() == before && tree::paths(&env.store()) == listed);
}

#[test]
fn a_store_of_a_newer_version_is_refused_untouched() {
    let env = with_store("store-v1");
    index(&env).pragma_update(None, "user_version", VERSION + 1).unwrap();
    let before = (tree::contents(&env.store()), tree::paths(&env.store()));
    for arguments in [&["install", "--offline"][..], &["store", "gc", "--grace", "0"], &["store", "gc", "--dry-run"]] {
        env.deka(arguments).failure(30).says("newer deka").says(&format!("version {}", VERSION + 1));
        assert!(before == (tree::contents(&env.store()), tree::paths(&env.store())), "{arguments:?}");
    }
}
