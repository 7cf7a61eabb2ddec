//! `deka store gc`: what projects need stays, all else goes, and whatever happens meanwhile does no harm.

use crate::support::{Registry, TestEnv, tree};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// `a` needs `b`; `c` shares a file with both; `run.sh` is an object of two modes.
fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "1").file("same.js", "the same").bin("a", "cli.js"))
        .package("b", "1.0.0", |p| p.file("same.js", "the same").executable("run.sh", "of two modes").file("b.txt", "b"))
        .package("c", "1.0.0", |p| p.file("same.js", "the same").file("run.sh", "of two modes").file("c.txt", "only in c"))
}

/// A project that was installed with `a` and `c`, and then without `c`.
fn without_c() -> (Registry, TestEnv) {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("c", "1")]);
    env.install().success();
    env.depends_on(&[("a", "1")]);
    env.install().success();
    (registry, env)
}

fn gc(env: &TestEnv, flags: &[&str]) -> Value {
    let said = env.deka([&["store", "gc", "--json"], flags].concat()).success();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said.report()))
}

fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {report}"))
}

fn objects(env: &TestEnv) -> Vec<PathBuf> {
    let folder = env.store().join("objects");
    tree::paths(&folder).into_iter().filter(|path| !path.ends_with('/')).map(|path| folder.join(path)).collect()
}

fn holds(env: &TestEnv, content: &str) -> usize {
    objects(env).iter().filter(|path| fs::read(path).is_ok_and(|bytes| bytes == content.as_bytes())).count()
}

fn index(env: &TestEnv) -> Connection {
    Connection::open(env.store().join("index.db")).unwrap()
}

fn names(env: &TestEnv) -> Vec<String> {
    let index = index(env);
    let mut statement = index.prepare("SELECT name FROM packages ORDER BY name").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Makes everything in a folder as old as a number of days; a negative one lies in the future.
fn age(folder: &Path, days: i64) {
    let by = DAY * u32::try_from(days.abs()).unwrap();
    let time = if days < 0 { SystemTime::now() + by } else { SystemTime::now() - by };
    for path in tree::paths(folder) {
        File::open(folder.join(path)).and_then(|file| file.set_modified(time)).unwrap();
    }
}

/// Makes all packages that the index knows and all projects as old as a number of days.
fn age_rows(env: &TestEnv, days: i64) {
    index(env).execute_batch(&format!("UPDATE packages SET added_s = added_s - 86400 * {days}")).unwrap();
    date_projects(env, |_, day| day - days);
}

/// The files in which the store notes its projects.
fn project_files(env: &TestEnv) -> Vec<PathBuf> {
    let folder = env.store().join("projects");
    tree::paths(&folder).into_iter().map(|name| folder.join(name)).collect()
}

/// Gives each project of the store another day of its last install, from its path and the day that is noted.
fn date_projects(env: &TestEnv, day_of: impl Fn(&str, i64) -> i64) {
    for file in project_files(env) {
        let text = fs::read_to_string(&file).unwrap();
        let (head, path) = text.split_once('\n').unwrap();
        let (words, day) = head.rsplit_once(' ').unwrap();
        fs::write(&file, format!("{words} {}\n{path}", day_of(path, day.parse().unwrap()))).unwrap();
    }
}

/// The project can be made again from the store alone.
#[track_caller]
fn installs_offline(env: &TestEnv) {
    if env.has("node_modules") {
        env.remove("node_modules");
    }
    env.deka(["install", "--offline", "--frozen-lockfile"]).success();
    assert_eq!(env.read("node_modules/a/same.js"), "the same");
    assert_eq!(env.read("node_modules/.deka/b@1.0.0/node_modules/b/run.sh"), "of two modes");
}

#[test]
fn what_no_project_needs_goes_and_the_rest_still_installs() {
    let (_registry, env) = without_c();
    assert_eq!((holds(&env, "only in c"), holds(&env, "of two modes"), names(&env).len()), (1, 2, 3));
    let report = gc(&env, &["--grace", "0"]);
    assert_eq!((number(&report, "/freed/packages"), number(&report, "/kept/packages")), (1, 2));
    assert_eq!(names(&env), ["a", "b"]);
    assert_eq!((holds(&env, "only in c"), holds(&env, "of two modes"), holds(&env, "the same")), (0, 1, 1), "the plain variant is gone");
    assert_eq!(number(&report, "/kept/objects/files"), objects(&env).len() as u64);
    let bytes: u64 = objects(&env).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(number(&report, "/kept/objects/bytes"), bytes);
    installs_offline(&env);
    let again = gc(&env, &["--grace", "0"]);
    assert_eq!((number(&again, "/freed/bytes"), number(&again, "/freed/packages")), (0, 0), "{again}");
    assert!(fs::read(env.store().join("lock")).unwrap().is_empty());
}

#[test]
fn what_is_young_stays() {
    let (_registry, env) = without_c();
    let report = gc(&env, &[]);
    assert_eq!((number(&report, "/freed/packages"), names(&env).len()), (0, 3));
    age(&env.store(), 8);
    age_rows(&env, 8);
    assert_eq!(number(&gc(&env, &["--grace", "9d"]), "/freed/packages"), 0);
    assert_eq!(number(&gc(&env, &[]), "/freed/packages"), 1);
    assert_eq!(holds(&env, "only in c"), 0);
    installs_offline(&env);
}

#[test]
fn a_lockfile_alone_keeps_what_it_names_and_a_tree_alone_what_it_was_built_from() {
    let (_registry, env) = without_c();
    env.remove("node_modules");
    gc(&env, &["--grace", "0"]);
    installs_offline(&env);
    // The lockfile is changed, and what stands in the project is not.
    let lockfile = env.read("deka.lock");
    env.remove("deka.lock");
    gc(&env, &["--grace", "0"]);
    assert_eq!(names(&env), ["a", "b"]);
    env.write("deka.lock", lockfile);
    installs_offline(&env);
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let (_registry, env) = without_c();
    let look = || (tree::paths(&env.at_root("")), tree::contents(&env.store()), tree::identities(&env.store().join("objects")));
    let before = look();
    let planned = gc(&env, &["--grace", "0", "--dry-run"]);
    assert!(before == look());
    let done = gc(&env, &["--grace", "0"]);
    for pointer in ["/freed/packages", "/freed/objects", "/freed/records", "/kept"] {
        assert_eq!(planned.pointer(pointer), done.pointer(pointer), "{pointer}");
    }
}

#[test]
fn the_report_is_a_table_with_a_total() {
    let (_registry, env) = without_c();
    let said = env.deka(["store", "gc", "--grace", "0", "--dry-run"]).success().says("would be freed; 2 packages");
    assert!(said.stdout.lines().all(|line| line.len() <= 80), "{}", said.report());
    env.deka(["store", "gc", "--grace", "0"]).success().says("objects").says("freed; 2 packages");
    env.deka(["store", "gc", "--grace", "0"]).success().says("Nothing to delete; 2 packages");
    env.deka(["store", "gc", "--grace", "soon"]).failure(2).says("--grace soon").says("7d");
    env.deka(["store", "gc", "--max-size", "much"]).failure(2).says("--max-size much").says("10GB");
}

#[test]
fn no_store_is_no_error_and_none_is_made() {
    let env = TestEnv::new();
    env.deka(["store", "gc"]).success().says("Nothing to delete");
    assert!(!env.store().exists());
}

#[test]
fn a_project_that_cannot_be_read_keeps_everything() {
    let (_registry, env) = without_c();
    let before = tree::paths(&env.store());
    for (file, broken) in [("deka.lock", "{ this is no lockfile"), ("node_modules/.deka/tree", "this is no record"), ("package.json", "{")]
    {
        let whole = fs::read(env.project().join(file)).unwrap();
        env.write(file, broken);
        for flags in [&["--grace", "0"][..], &["--dry-run"]] {
            let said = env.deka([&["store", "gc"], flags].concat()).failure(30);
            said.says("[PROJECT]").says("nothing was deleted").says("hint");
        }
        env.write(file, whole);
    }
    assert_eq!(tree::paths(&env.store()), before);
    assert_eq!(number(&gc(&env, &["--grace", "0"]), "/freed/packages"), 1);
}

#[test]
fn a_project_that_is_gone_is_forgotten_after_the_grace_period() {
    let (_registry, env) = without_c();
    let other = env.another("project-other");
    other.depends_on(&[("c", "1")]);
    other.install().success();
    gc(&env, &["--grace", "0"]);
    assert_eq!(names(&env), ["a", "b", "c"]);
    fs::remove_dir_all(other.project()).unwrap();
    index(&env).execute_batch("UPDATE packages SET added_s = 1").unwrap();
    let report = gc(&env, &[]);
    assert_eq!(report["forgottenProjects"].as_array().unwrap().len(), 0);
    assert_eq!(names(&env), ["a", "b", "c"], "it was used today, as the index remembers");
    let report = gc(&env, &["--grace", "0"]);
    assert_eq!(report["forgottenProjects"].as_array().unwrap().len(), 1);
    assert_eq!(names(&env), ["a", "b"]);
    assert_eq!(project_files(&env).len(), 1);
}

#[test]
fn leftovers_go_when_they_are_an_hour_old() {
    let (_registry, env) = without_c();
    let folder = objects(&env)[0].parent().unwrap().to_owned();
    let left = [
        folder.join(".new-0123456789abcdef-0"),
        env.store().join("packages/.abc.12-0-1.tmp"),
        env.store().join(".index.db.12-0-1.tmp"),
        env.store().join("index.db.broken-12-0-1"),
    ];
    // An object that no package has, and a file that is none of deka's.
    let unknown = folder.join("0".repeat(62));
    let foreign = folder.join("notes.txt");
    for path in left.iter().chain([&unknown, &foreign]) {
        fs::write(path, "left").unwrap();
    }
    let report = gc(&env, &[]);
    assert_eq!((number(&report, "/freed/temporary/files"), left.iter().filter(|path| path.exists()).count()), (0, 4));
    for path in left.iter().chain([&unknown]) {
        File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(3_700)).unwrap();
    }
    let report = gc(&env, &[]);
    assert_eq!((number(&report, "/freed/temporary/files"), number(&report, "/freed/temporary/bytes")), (4, 16));
    assert!(left.iter().all(|path| !path.exists()) && unknown.exists(), "an unknown object has the grace period");
    gc(&env, &["--grace", "30m"]);
    assert!(!unknown.exists() && foreign.exists());
}

#[test]
fn times_in_the_future_count_as_young() {
    let (_registry, env) = without_c();
    index(&env).execute_batch("UPDATE packages SET added_s = added_s + 864000").unwrap();
    age(&env.store().join("objects"), -10);
    assert_eq!(number(&gc(&env, &["--grace", "0"]), "/freed/packages"), 0);
    assert_eq!(holds(&env, "only in c"), 1);
    index(&env).execute_batch("UPDATE packages SET added_s = 9223372036854775807").unwrap();
    assert_eq!(number(&gc(&env, &["--grace", "1d"]), "/freed/packages"), 0);
    installs_offline(&env);
}

#[test]
fn records_are_written_anew_without_the_dead() {
    let (_registry, env) = without_c();
    let records = || tree::contents(&env.store().join("packages"));
    let before = records();
    assert!(before.values().any(|bytes| String::from_utf8_lossy(bytes).contains("only in c") || !bytes.is_empty()));
    age(&env.store().join("packages"), 20);
    let report = gc(&env, &["--grace", "0"]);
    assert!(number(&report, "/freed/records/bytes") > 0);
    let after = records();
    let sum = |records: &BTreeMap<String, Vec<u8>>| records.values().map(Vec::len).sum::<usize>() as u64;
    assert_eq!(sum(&before) - sum(&after), number(&report, "/freed/records/bytes"));
    for (name, bytes) in &after {
        assert_eq!(*name, blake3::hash(bytes).to_hex().to_string());
        let modified = fs::metadata(env.store().join("packages").join(name)).unwrap().modified().unwrap();
        assert!(modified < SystemTime::now() - DAY * 19, "it keeps its place in the order of time");
    }
    fs::remove_file(env.store().join("index.db")).unwrap();
    installs_offline(&env);
    assert_eq!(names(&env), ["a", "b"], "the index that is made from them has the dead no more");
}

#[test]
fn age_and_size_take_what_only_lockfiles_need() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let locked = env.another("project-locked");
    for (project, package) in [(&env, "a"), (&locked, "c")] {
        project.depends_on(&[(package, "1")]);
        project.install().success();
    }
    age_rows(&env, 40);
    assert_eq!(number(&gc(&env, &["--max-age", "30d"]), "/freed/packages"), 0, "all of it is installed");
    locked.remove("node_modules");
    assert_eq!(number(&gc(&env, &["--max-age", "50d", "--dry-run"]), "/freed/packages"), 0);
    assert_eq!(number(&gc(&env, &["--max-age", "30d", "--dry-run"]), "/freed/packages"), 1);
    let report = gc(&env, &["--max-size", "1GB", "--dry-run"]);
    assert_eq!((number(&report, "/freed/packages"), number(&report, "/overBytes")), (0, 0));
    let report = gc(&env, &["--max-size", "10B", "--grace", "0"]);
    assert_eq!((number(&report, "/freed/packages"), names(&env)), (1, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(number(&report, "/overBytes"), number(&report, "/kept/objects/bytes") - 10);
    env.deka(["store", "gc", "--max-size", "10B"]).success().says("cannot be brought to 10B");
    installs_offline(&env);
}

#[test]
fn the_oldest_use_goes_first() {
    let registry = Registry::new();
    let env = TestEnv::with(&registry);
    let mut projects = Vec::new();
    for number in 0..4 {
        let name = format!("p{number}");
        registry.publish(&name, "1.0.0", |p| p.file("big", &number.to_string().repeat(10_000)));
        let project = env.another(&format!("project-{number}"));
        project.depends_on(&[(&name, "1")]);
        project.install().success();
        project.remove("node_modules");
        projects.push(project);
    }
    index(&env).execute_batch("UPDATE packages SET added_s = 1").unwrap();
    let days = [("project-0", 20_003), ("project-1", 20_001), ("project-2", 20_004), ("project-3", 20_002)];
    date_projects(&env, |path, _| days.iter().find(|(name, _)| path.ends_with(name)).expect("one of the four").1);
    assert_eq!(project_files(&env).len(), days.len());
    gc(&env, &["--max-size", "25kB"]);
    assert_eq!(names(&env), ["p0", "p2"]);
    gc(&env, &["--max-size", "12kB"]);
    assert_eq!(names(&env), ["p2"]);
}

#[test]
fn shared_slots_go_when_no_project_needs_them() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let other = env.another("project-other");
    for (project, packages) in [(&env, &[("a", "1")][..]), (&other, &[("a", "1"), ("c", "1")])] {
        project.depends_on(packages);
        project.deka(["install", "--virtual-store=global"]).success();
    }
    let slots = || fs::read_dir(env.store().join("slots")).unwrap().count() - 1;
    assert_eq!(slots(), 3);
    fs::create_dir_all(env.store().join("slots/unfinished/.tmp-dead/0")).unwrap();
    gc(&env, &["--grace", "0"]);
    assert_eq!(slots(), 3);
    assert_eq!(fs::read_dir(env.store().join("slots/unfinished")).unwrap().count(), 0);
    fs::remove_dir_all(other.project()).unwrap();
    let report = gc(&env, &["--grace", "0"]);
    assert_eq!((slots(), number(&report, "/freed/slots/slots")), (2, 1));
    // The slot had links to the objects: only together with them it frees anything.
    assert!(number(&report, "/freed/objects/bytes") >= "only in c".len() as u64, "{report}");
    assert_eq!(env.read("node_modules/a/same.js"), "the same");
    env.remove("node_modules");
    env.deka(["install", "--virtual-store=global", "--offline"]).success();
    assert_eq!(env.read("node_modules/a/same.js"), "the same");
}

#[test]
fn a_budget_is_kept_after_an_install() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("c", "1")]);
    env.install().success();
    env.remove("node_modules").remove("deka.lock").depends_on(&[("a", "1")]);
    env.user_npmrc(&format!("registry={}\nstore-max-size=1GB\n", registry.url()));
    env.install().success();
    assert_eq!(names(&env), ["a", "b", "c"]);
    registry.publish("d", "1.0.0", |p| p);
    env.depends_on(&[("a", "1"), ("d", "1")]).user_npmrc(&format!("registry={}\nstore-max-size=10B\n", registry.url()));
    env.install().success().says("store-max-size");
    assert_eq!(names(&env), ["a", "b", "d"], "what this project needs stays");
    installs_offline(&env);
    env.user_npmrc("store-max-size=plenty\n");
    env.install().failure(2).says("store-max-size").says("10GB");
}

#[test]
fn an_install_waits_for_a_gc_and_a_gc_for_an_install() {
    let (_registry, env) = without_c();
    let lease = File::options().read(true).write(true).open(env.store().join("lock")).unwrap();
    rustix::fs::flock(&lease, rustix::fs::FlockOperation::LockExclusive).unwrap();
    rustix::io::pwrite(&lease, b"4711", 0).unwrap();
    let install = env.prepare(["install", "--force", "--offline"]).start();
    std::thread::sleep(Duration::from_millis(1_300));
    lease.set_len(0).unwrap();
    rustix::fs::flock(&lease, rustix::fs::FlockOperation::LockShared).unwrap();
    install.finish().success().says("waiting for a gc of the store, process 4711");
    let gc = env.prepare(["store", "gc", "--grace", "0"]).start();
    std::thread::sleep(Duration::from_millis(1_300));
    assert_eq!(names(&env), ["a", "b", "c"]);
    drop(lease);
    gc.finish().success().says("waiting for the installs that use the store");
    assert_eq!(names(&env), ["a", "b"]);
}

/// Enough packages for a kill to hit every step; those with odd numbers are needed by nobody.
fn many() -> (Registry, TestEnv) {
    let mut registry = Registry::new();
    for number in 0..30 {
        registry = registry.package(&format!("p{number}"), "1.0.0", |mut p| {
            for file in 0..20 {
                p = p.file(&format!("lib/{file}.js"), &format!("{number} {file}"));
            }
            p.file("shared.js", "the same").executable("run.sh", "the same")
        });
    }
    let env = TestEnv::with(&registry);
    let wants = |every: usize| {
        let names: Vec<String> = (0..30).step_by(every).map(|number| format!("p{number}")).collect();
        env.depends_on(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
        env.install().success();
    };
    wants(1);
    wants(2);
    (registry, env)
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(std::process::Command::new("cp").args(["-a"]).args([from, to]).status().unwrap().success());
}

#[test]
fn killed_at_any_moment_it_leaves_what_the_next_one_finds() {
    let (_registry, env) = many();
    let whole = tree::contents(&env.project().join("node_modules"));
    let saved = env.at_root("tmp/saved");
    copy(&env.store(), &saved);
    let started = std::time::Instant::now();
    gc(&env, &["--grace", "0"]);
    let took = started.elapsed();
    let paths = || tree::paths(&env.store()).into_iter().collect::<BTreeSet<String>>();
    let clean = (paths(), names(&env));
    for round in 0..30_u32 {
        copy(&saved, &env.store());
        let running = env.prepare(["store", "gc", "--grace", "0"]).start();
        // The multiples of the golden ratio leave no large gaps, whatever number of rounds.
        std::thread::sleep(took.mul_f64(f64::from(round) * 0.618_034 % 1.0));
        running.kill();
        if round % 5 == 0 {
            env.remove("node_modules").deka(["install", "--offline", "--frozen-lockfile"]).success();
            assert!(tree::contents(&env.project().join("node_modules")) == whole, "round {round}");
        }
        // A file that it was writing counts as left by a dead process only after an hour.
        age(&env.store().join("packages"), 1);
        gc(&env, &["--grace", "0"]);
        let found = paths();
        let differing: Vec<_> = found.symmetric_difference(&clean.0).collect();
        assert!(differing.is_empty() && names(&env) == clean.1, "round {round}: {differing:?} of {} came or stayed", found.len());
    }
    env.remove("node_modules").deka(["install", "--offline", "--frozen-lockfile"]).success();
    assert!(tree::contents(&env.project().join("node_modules")) == whole);
}

#[test]
fn beside_installs_every_project_is_right() {
    let registry = registry();
    let home = TestEnv::with(&registry);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let installs: Vec<_> = (0..4)
            .map(|number| {
                let project = home.another(&format!("project-{number}"));
                scope.spawn(move || {
                    for round in 0..6 {
                        let package = ["a", "b", "c"][(number + round) % 3];
                        project.depends_on(&[(package, "1")]);
                        project.install().success();
                        assert_eq!(project.read(&format!("node_modules/{package}/same.js")), "the same");
                        project.remove("node_modules").install().success();
                        assert_eq!(project.read(&format!("node_modules/{package}/same.js")), "the same");
                    }
                })
            })
            .collect();
        let cleaning = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) {
                gc(&home, &["--grace", "0"]);
                rounds += 1;
            }
            rounds
        });
        let ended: Vec<_> = installs.into_iter().map(|install| install.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(cleaning.join().unwrap() > 0);
        assert!(ended.iter().all(Result::is_ok));
    });
}
