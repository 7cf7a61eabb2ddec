//! Faults of machines: ends at any moment, many at once, limits, disks. After each of them nothing wrong stands anywhere,
//! and the next install succeeds.
//!
//! `DEKA_TEST_ROUNDS=20` makes twenty times as many rounds of chance, `DEKA_TEST_SEED` other ones.

use crate::support::faults::{Dice, Disk, Unprivileged, limited, make_writable, rounds};
use crate::support::{Fault, Registry, TestEnv, tree};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The runs that are cut off, each with what it does best: one line for each command that writes.
const MIX: &[&[&str]] = &[
    &["install"],
    &["install"],
    &["install", "--force"],
    &["install", "--package-import-method=copy"],
    &["ci"],
    &["store", "gc", "--grace", "0"],
    &["store", "gc", "--grace", "0", "--pack", "--older-than", "0"],
    &["store", "pack", "--older-than", "0"],
    &["store", "verify", "--repair"],
];
/// How many packages there are, each in two versions.
const PACKAGES: usize = 10;
/// How many different manifests there are.
const MANIFESTS: usize = 4;

fn registry() -> Registry {
    let mut registry = Registry::new();
    for number in 0..PACKAGES {
        for version in ["1.0.0", "2.0.0"] {
            let name = format!("p{number}");
            registry = registry.package(&name, version, |mut p| {
                for file in 0..8 {
                    p = p.file(&format!("lib/{file}/x.js"), &format!("{number} {file} {version} {}", "x".repeat(file * 300)));
                }
                let p = p.file("same.txt", "the same everywhere").executable("run.sh", "the same everywhere");
                if number % 5 == 4 { p } else { p.dep(&format!("p{}", number + 1), version) }
            });
        }
    }
    registry
}

/// Writes one of the manifests. Versions are exact, so that what was installed before makes no difference.
fn depend(env: &TestEnv, manifest: usize) {
    let version = if manifest.is_multiple_of(2) { "1.0.0" } else { "2.0.0" };
    let names: Vec<String> = (0..PACKAGES).step_by(2 + manifest).map(|number| format!("p{number}")).collect();
    env.depends_on(&names.iter().map(|name| (name.as_str(), version)).collect::<Vec<_>>());
}

/// What has to stand where, by clean installs.
struct Truth {
    mode: &'static str,
    trees: Vec<String>,
    /// Every file of any of these trees, and of the slots that they share.
    files: BTreeMap<String, Vec<u8>>,
    slots: BTreeMap<String, Vec<u8>>,
    /// How long a clean install takes.
    took: Duration,
}

impl Truth {
    /// Installs the first few of the manifests.
    fn of(registry: &Registry, mode: &'static str, manifests: usize) -> Truth {
        let mut truth = Truth { mode, trees: Vec::new(), files: BTreeMap::new(), slots: BTreeMap::new(), took: Duration::ZERO };
        for manifest in 0..manifests {
            let env = TestEnv::with(registry);
            depend(&env, manifest);
            let started = Instant::now();
            env.deka(["install", mode]).success();
            truth.took = truth.took.max(started.elapsed());
            // Links lead to the store of this environment.
            truth.trees.push(env.tree().replace(&*env.store().to_string_lossy(), "[STORE]"));
            truth.files.extend(tree::contents(&env.project().join("node_modules")));
            truth.slots.extend(tree::contents(&env.store().join("slots")));
        }
        truth
    }

    /// Checks that nothing wrong stands anywhere, however much is missing.
    #[track_caller]
    fn judge(&self, env: &TestEnv, when: &str) {
        for (folder, right) in [(env.project().join("node_modules"), &self.files), (env.store().join("slots"), &self.slots)] {
            for (path, bytes) in tree::contents(&folder) {
                let is_unfinished = path.split('/').any(|part| part.starts_with(".tmp-") || part.ends_with(".tmp") || part == "unfinished");
                assert!(is_unfinished || right.get(&path) == Some(&bytes), "{when}: {path} is wrong");
            }
        }
        objects_are_right(&env.store(), when);
    }

    /// Checks that the next install succeeds, without help.
    #[track_caller]
    fn recovers(&self, env: &TestEnv, manifest: usize, when: &str) {
        let said = env.deka(["install", self.mode]).success();
        let found = env.tree().replace(&*env.store().to_string_lossy(), "[STORE]");
        assert_eq!(found, self.trees[manifest], "{when}\n{}", said.report());
        self.judge(env, when);
        assert_eq!(env.strays(), [""; 0], "{when}");
    }
}

/// Checks that every object is what its name says.
#[track_caller]
fn objects_are_right(store: &Path, when: &str) {
    for (path, bytes) in tree::contents(&store.join("objects")) {
        let name = path.replace('/', "");
        let is_right = path.contains(".new-") || name.trim_end_matches("-x") == blake3::hash(&bytes).to_hex().as_str();
        assert!(is_right, "{when}: object {path} is wrong");
    }
}

/// Ends runs at moments that chance picks, many of them without letting one finish in between.
fn killed_at_random(test: u64, mode: &'static str, quick: u64) {
    let registry = registry();
    let truth = Truth::of(&registry, mode, MANIFESTS);
    registry.fault("*.tgz", Fault::delay(3));
    let env = TestEnv::with(&registry);
    let mut dice = Dice::new(test);
    for round in 0..rounds(quick) {
        let manifest = dice.below(MANIFESTS as u64) as usize;
        depend(&env, manifest);
        let lost = match dice.below(8) {
            0 => vec![env.project().join("node_modules")],
            1 => vec![env.store(), env.project().join("node_modules")],
            2 => vec![env.store().join("objects")],
            3 => vec![env.store().join("index.db")],
            _ => Vec::new(),
        };
        lost.iter().for_each(|path| drop(fs::remove_dir_all(path).or_else(|_| fs::remove_file(path))));
        let mut arguments = dice.pick(MIX).to_vec();
        if arguments[0] != "store" {
            arguments.push(mode);
        }
        let after_us = dice.below(truth.took.as_micros() as u64 * 5 / 4);
        let when = format!("round {round}, without {lost:?}: {arguments:?} killed after {after_us} µs");
        let running = env.prepare(arguments).start();
        std::thread::sleep(Duration::from_micros(after_us));
        running.kill();
        truth.judge(&env, &when);
        if dice.below(2) == 0 {
            truth.recovers(&env, manifest, &when);
        }
    }
    depend(&env, 0);
    truth.recovers(&env, 0, "at last");
}

#[test]
fn killed_at_random_moments() {
    killed_at_random(1, "--virtual-store=project", 16);
}

#[test]
fn killed_at_random_moments_with_shared_slots() {
    killed_at_random(2, "--virtual-store=global", 8);
}

#[test]
fn sixteen_projects_at_once_and_some_are_killed() {
    let registry = registry();
    let mut truths = ["--virtual-store=project", "--virtual-store=global"].map(|mode| Truth::of(&registry, mode, MANIFESTS));
    // All have one store.
    truths[0].slots = truths[1].slots.clone();
    let home = TestEnv::with(&registry);
    let mut dice = Dice::new(3);
    let projects: Vec<TestEnv> = (0..16).map(|number| home.another(&format!("project/{number}"))).collect();
    for round in 0..rounds(1) {
        let manifests: Vec<usize> = projects.iter().map(|_| dice.below(MANIFESTS as u64) as usize).collect();
        projects.iter().zip(&manifests).for_each(|(project, manifest)| depend(project, *manifest));
        let start = |(number, project): (usize, &TestEnv)| project.prepare(["install", truths[number % 2].mode]).start();
        let mut running: Vec<_> = projects.iter().enumerate().map(start).collect();
        let finishing = running.split_off(4);
        for run in running {
            std::thread::sleep(Duration::from_millis(dice.below(40)));
            run.kill();
        }
        finishing.into_iter().for_each(|run| drop(run.finish().success()));
        for (number, (project, manifest)) in projects.iter().zip(manifests).enumerate() {
            let when = format!("round {round}, project {number}");
            let truth = &truths[number % 2];
            truth.judge(project, &when);
            if number >= 4 {
                let found = project.tree().replace(&*project.store().to_string_lossy(), "[STORE]");
                assert_eq!(found, truth.trees[manifest], "{when}");
            }
            truth.recovers(project, manifest, &when);
        }
    }
}

#[test]
fn files_may_not_grow() {
    let registry = registry();
    for mode in ["--virtual-store=project", "--virtual-store=global"] {
        let truth = Truth::of(&registry, mode, 1);
        // Blocks of 512 bytes; the index needs more than all of these.
        for blocks in [1, 4, 40] {
            let env = TestEnv::with(&registry);
            depend(&env, 0);
            let when = format!("{mode}, files of {blocks} blocks");
            limited(&env, &format!("ulimit -f {blocks}"), &["install", mode]).run().fails().says("[STORE]");
            truth.judge(&env, &when);
            truth.recovers(&env, 0, &when);
        }
    }
}

#[test]
fn hardly_any_file_handles() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=global", 1);
    for handles in [12, 20, 32, 64] {
        let env = TestEnv::with(&registry);
        depend(&env, 0);
        let when = format!("{handles} handles");
        let said = limited(&env, &format!("ulimit -n {handles}"), &["install", truth.mode]).run().either();
        assert!(said.status.success() || said.stderr.contains("error"), "{when}: it says why\n{}", said.report());
        assert!(said.status.success() || handles < 64, "64 are enough\n{}", said.report());
        truth.judge(&env, &when);
        truth.recovers(&env, 0, &when);
    }
}

#[test]
fn no_inodes_are_left() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 1);
    for full in ["store", "project"] {
        let env = TestEnv::with(&registry);
        let place = if full == "store" { env.at_root("home/.local/share/deka") } else { env.project().to_owned() };
        let disk = match Disk::in_memory(&place, "size=64m,nr_inodes=90,mode=777") {
            Ok(disk) => disk,
            Err(reason) => return println!("skipped: {reason}"),
        };
        depend(&env, 0);
        env.deka(["install", "--package-import-method=copy"]).fails().says_one_of(&["no space left"]);
        truth.judge(&env, full);
        disk.remount("nr_inodes=9000");
        truth.recovers(&env, 0, full);
    }
}

#[test]
fn folders_of_the_store_that_cannot_be_written() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 1);
    for closed in ["objects/*", "packages", "index.db"] {
        let env = TestEnv::with(&registry);
        depend(&env, 2);
        env.install().success();
        depend(&env, 0);
        let user = Unprivileged::new(&env);
        let paths: Vec<PathBuf> = match closed.strip_suffix("/*") {
            Some(folder) => fs::read_dir(env.store().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect(),
            None => vec![env.store().join(closed)],
        };
        let close = |path: &PathBuf| fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
        paths.iter().for_each(close);
        let said = user.prepare(&env, &["install"]).run().either();
        assert!(said.status.success() || said.stderr.contains("[STORE]"), "{closed}: it names the place\n{}", said.report());
        truth.judge(&env, closed);
        // What SQLite makes beside an index that it may not write has the mode of the index, so that is opened as well.
        make_writable(&env.store());
        user.prepare(&env, &["install"]).run().success();
        truth.recovers(&env, 0, closed);
    }
}

#[test]
fn a_project_that_the_store_cannot_note_is_installed_all_the_same() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 1);
    let env = TestEnv::with(&registry);
    depend(&env, 0);
    env.install().success();
    let other = env.another("project/b");
    depend(&other, 0);
    let (user, projects) = (Unprivileged::new(&env), env.store().join("projects"));
    fs::set_permissions(&projects, fs::Permissions::from_mode(0o555)).unwrap();
    user.prepare(&other, &["install"]).run().success();
    assert_eq!((other.tree(), tree::paths(&projects).len()), (truth.trees[0].clone(), 1));
    make_writable(&env.store());
    other.remove("node_modules");
    user.prepare(&other, &["install"]).run().success();
    assert_eq!((other.tree(), tree::paths(&projects).len()), (truth.trees[0].clone(), 2));
}

#[test]
fn a_mount_that_can_only_be_read() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 2);
    let env = TestEnv::with(&registry);
    depend(&env, 0);
    env.install().success();
    let other = env.another("project/b");
    {
        let _disk = match Disk::read_only(&env.store()) {
            Ok(disk) => disk,
            Err(reason) => return println!("skipped: {reason}"),
        };
        let before = tree::identities(&env.store());
        depend(&other, 0);
        other.install().success();
        assert_eq!(other.tree(), truth.trees[0], "another mount has no links, so these are copies");
        depend(&other, 1);
        other.install().fails().says("[STORE]").says("read-only");
        assert!(tree::identities(&env.store()) == before, "nothing was written");
        truth.judge(&other, "read-only");
    }
    truth.recovers(&other, 1, "written again");
}

#[test]
fn an_object_has_all_the_links_that_a_file_can_have() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 1);
    let env = TestEnv::with(&registry);
    let _disk = match Disk::in_file(&env.at_root("project/disk"), "ext4", 64 << 20) {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let one = env.another("project/disk/one");
    let store = env.at_root("project/disk/store");
    let folder = format!("--store-dir={}", store.display());
    depend(&one, 0);
    one.deka(["install", &folder]).success();
    let hash = blake3::hash(b"the same everywhere").to_hex().to_string();
    let object = store.join("objects").join(&hash[..2]).join(&hash[2..]);
    let links = env.at_root("project/disk/links");
    fs::create_dir(&links).unwrap();
    let made = (0..70_000).take_while(|number| fs::hard_link(&object, links.join(number.to_string())).is_ok()).count();
    assert!(made > 60_000 && made < 70_000, "ext4 allows 65,000: {made}");
    for name in ["two", "three"] {
        let other = env.another(&format!("project/disk/{name}"));
        depend(&other, 0);
        other.deka(["install", &folder]).success();
        assert_eq!(other.tree(), truth.trees[0]);
        let files = tree::contents(&other.project().join("node_modules"));
        assert!(files.iter().all(|(path, bytes)| truth.files.get(path) == Some(bytes)), "{name}");
        let others = fs::metadata(other.project().join("node_modules/.deka/p0@1.0.0/node_modules/p0/lib/1/x.js")).unwrap();
        assert!(others.nlink() > 1, "{name}: the other files are linked still");
    }
    objects_are_right(&store, "full of links");
}

fn shares_blocks_with_another_subvolume(env: &TestEnv, store: &Path, truth: &Truth) {
    Disk::subvolume(&env.at_root("project/disk/subvolume"));
    let project = env.another("project/disk/subvolume/project");
    depend(&project, 0);
    project.deka(["install", &format!("--store-dir={}", store.display())]).success();
    assert_eq!(project.tree(), truth.trees[0]);
    let path = project.project().join("node_modules/p0/lib/7/x.js");
    assert_eq!(fs::metadata(&path).unwrap().nlink(), 1, "no link leads from one subvolume to another");
    assert!(Disk::is_shared(&path), "blocks are not copied where they can be shared");
}

#[test]
fn links_and_reflinks_where_the_file_system_has_them() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 1);
    for (kind, size_bytes) in [("btrfs", 128 << 20), ("xfs", 320 << 20)] {
        let env = TestEnv::with(&registry);
        let _disk = match Disk::in_file(&env.at_root("project/disk"), kind, size_bytes) {
            Ok(disk) => disk,
            Err(reason) => {
                println!("skipped on {kind}: {reason}");
                continue;
            }
        };
        let project = env.another("project/disk/project");
        let store = env.at_root("project/disk/store");
        depend(&project, 0);
        for method in ["reflink", "auto"] {
            let store_dir = format!("--store-dir={}", store.display());
            project.deka(["install", "--force", &store_dir, &format!("--package-import-method={method}")]).success();
            assert_eq!(project.tree(), truth.trees[0], "{kind}, {method}");
            let path = project.project().join("node_modules/p0/lib/7/x.js");
            if method == "reflink" {
                assert_eq!(fs::metadata(&path).unwrap().nlink(), 1, "{kind}: no hard link");
                fs::write(&path, "edited").unwrap();
                objects_are_right(&store, "an edit stays where it was made");
            } else {
                assert!(fs::metadata(&path).unwrap().nlink() > 1, "{kind}: a link, which is made faster");
            }
        }
        if kind == "btrfs" {
            shares_blocks_with_another_subvolume(&env, &store, &truth);
        }
    }
}

#[test]
fn an_index_that_can_have_no_shared_memory() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 1);
    for file in ["index.db-shm", "index.db-wal"] {
        let env = TestEnv::with(&registry);
        depend(&env, 2);
        env.install().success();
        depend(&env, 0);
        fs::create_dir_all(env.store().join(file).join("in the way")).unwrap();
        let said = env.install().either();
        assert!(said.status.success() || said.stderr.contains("[STORE]"), "{file}: it names the place\n{}", said.report());
        truth.judge(&env, file);
        let _ = fs::remove_dir_all(env.store().join(file));
        truth.recovers(&env, 0, file);
    }
}

#[test]
fn clocks_that_jump() {
    let registry = registry();
    let truth = Truth::of(&registry, "--virtual-store=project", 1);
    for time_s in [1, 2_145_830_400] {
        let env = TestEnv::with(&registry);
        depend(&env, 0);
        env.install().success();
        for folder in [env.store(), env.project().to_owned()] {
            for path in tree::paths(&folder).into_iter().map(|path| folder.join(path)).filter(|path| !path.is_symlink()) {
                fs::File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(time_s)).unwrap();
            }
        }
        let time = format!("at {time_s} s");
        truth.recovers(&env, 0, &time);
        env.remove("node_modules");
        registry.forget();
        env.deka(["install", "--offline"]).success();
        truth.recovers(&env, 0, &time);
        assert!(registry.asked().is_empty(), "{time}: what only looks younger or older is not fetched again");
    }
}
