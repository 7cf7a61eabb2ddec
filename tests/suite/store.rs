//! The store from outside: where it is, how files come out of it, and what happens when it is damaged, full or
//! read-only.

use crate::support::{Registry, TestEnv, copy_of_deka, tree};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn registry() -> Registry {
    Registry::new().package("a", "1.0.0", |p| p.dep("b", "1").file("lib/one.js", "the same").bin("a", "cli.js")).package(
        "b",
        "1.0.0",
        |p| p.file("two.js", "the same").executable("run.sh", "the same"),
    )
}

fn installed() -> (Registry, TestEnv) {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    (registry, env)
}

fn objects(store: &Path) -> Vec<PathBuf> {
    let folder = store.join("objects");
    tree::paths(&folder).into_iter().filter(|path| !path.ends_with('/')).map(|path| folder.join(path)).collect()
}

fn object_with(store: &Path, content: &str) -> PathBuf {
    let all = objects(store);
    all.into_iter()
        .find(|path| fs::read(path).is_ok_and(|bytes| bytes == content.as_bytes()))
        .unwrap_or_else(|| panic!("no object holds {content:?}"))
}

/// Removes `node_modules`, so that the next install has to take everything from the store.
fn again(env: &TestEnv) -> &TestEnv {
    env.remove("node_modules")
}

#[track_caller]
fn is_right(env: &TestEnv) {
    assert_eq!(env.read("node_modules/a/lib/one.js"), "the same");
    assert_eq!(env.read("node_modules/a/index.js"), "module.exports = \"a@1.0.0\";\n");
    assert_eq!(env.read("node_modules/.deka/b@1.0.0/node_modules/b/two.js"), "the same");
}

#[test]
fn its_place_can_be_set_and_asked_for() {
    let env = TestEnv::with(&registry());
    env.deka(["store", "path"]).success().line("[STORE]");
    let elsewhere = env.project().join("elsewhere");
    let path = elsewhere.to_string_lossy().into_owned();
    env.deka(["store", "path", "--store-dir", &path]).success().says("[PROJECT]/elsewhere");
    env.prepare(["store", "path"]).env("DEKA_STORE_DIR", &path).run().success().says("[PROJECT]/elsewhere");
    assert!(!elsewhere.exists(), "asking makes nothing");
    env.depends_on(&[("a", "1")]);
    env.deka(["install", "--store-dir", "elsewhere"]).success();
    assert!(!env.store().exists() && !tree::paths(&elsewhere).is_empty());
    is_right(&env);
    env.prepare(["install", "--force"]).env("npm_config_store_dir", env.project().join("third")).run().success();
    assert!(env.project().join("third").exists());
}

#[test]
fn equal_files_are_one_object_each_with_its_mode() {
    let (_registry, env) = installed();
    let same: Vec<PathBuf> = objects(&env.store()).into_iter().filter(|path| fs::read(path).unwrap() == b"the same").collect();
    let executable = |path: &&PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o111 != 0;
    assert_eq!((same.len(), same.iter().filter(executable).count()), (2, 1), "{same:?}");
    for path in objects(&env.store()) {
        let name = path.to_string_lossy().into_owned();
        let hex: String = name.rsplitn(3, '/').take(2).collect::<Vec<_>>().into_iter().rev().collect();
        let hash = blake3::hash(&fs::read(&path).unwrap()).to_hex();
        assert!(hex.starts_with(hash.as_str()), "{name} holds {hash}");
    }
}

#[test]
fn files_come_as_links_or_as_copies() {
    let registry = registry();
    for (method, linked) in [("hardlink", true), ("copy", false)] {
        let env = TestEnv::with(&registry);
        env.depends_on(&[("a", "1")]);
        env.deka(["install", &format!("--package-import-method={method}")]).success();
        is_right(&env);
        let links = fs::metadata(env.project().join("node_modules/a/lib/one.js")).unwrap().nlink();
        assert_eq!(links > 1, linked, "{method}: {links} links");
        let mode = |path: &str| fs::metadata(env.project().join(path)).unwrap().permissions().mode() & 0o111;
        assert!(mode("node_modules/.deka/b@1.0.0/node_modules/b/run.sh") != 0 && mode("node_modules/a/index.js") == 0, "{method}");
    }
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    let said = env.deka(["install", "--package-import-method=reflink"]).either();
    // Not every file system has it; then that is said, or copies are made.
    assert!(if said.status.success() { env.has("node_modules/a/index.js") } else { said.stderr.contains("reflink") }, "{}", said.report());
}

#[test]
fn a_store_on_another_device_is_copied_from() {
    let Some(shm) = other_device() else { return println!("skipped: no second file system to write to") };
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1")]);
    for method in ["auto", "hardlink"] {
        env.deka(["install", "--force", "--package-import-method", method, "--store-dir", &shm.path().to_string_lossy()]).success();
        is_right(&env);
        assert_eq!(fs::metadata(env.project().join("node_modules/a/lib/one.js")).unwrap().nlink(), 1);
    }
}

fn other_device() -> Option<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("deka-test-").tempdir_in("/dev/shm").ok()?;
    let here = fs::metadata(std::env::temp_dir()).ok()?.dev();
    (fs::metadata(folder.path()).ok()?.dev() != here).then_some(folder)
}

#[test]
fn damage_does_not_reach_a_project() {
    for damage in ["same size", "truncated", "emptied", "grown", "gone", "a folder"] {
        let (registry, env) = installed();
        registry.forget();
        let object = object_with(&env.store(), "module.exports = \"a@1.0.0\";\n");
        // The project's file is a link to the same inode, so it goes first.
        again(&env);
        match damage {
            "same size" => fs::write(&object, "module.exports = \"EVIL!\";;\n").unwrap(),
            "truncated" => fs::write(&object, "module").unwrap(),
            "emptied" => fs::write(&object, "").unwrap(),
            "grown" => fs::write(&object, "module.exports = \"a@1.0.0\";\nmore").unwrap(),
            "gone" => fs::remove_file(&object).unwrap(),
            _ => {
                fs::remove_file(&object).unwrap();
                fs::create_dir(&object).unwrap();
            }
        }
        let said = env.install().success();
        is_right(&env);
        assert_eq!(registry.count("/a/-/a-1.0.0.tgz"), 1, "{damage}: it is fetched again\n{}", said.report());
        again(&env);
        registry.forget();
        env.deka(["install", "--offline", "--verify"]).success();
        is_right(&env);
        assert_eq!(registry.asked(), [""; 0], "{damage}: it is healed for good");
    }
}

#[test]
fn damage_without_a_network_is_named() {
    let (_registry, env) = installed();
    again(&env);
    fs::remove_file(object_with(&env.store(), "module.exports = \"a@1.0.0\";\n")).unwrap();
    env.deka(["install", "--offline"]).fails().says("a@1.0.0");
    assert!(!env.has("node_modules/a/package.json") && env.strays().is_empty(), "{:?}", env.strays());
}

#[test]
fn an_edit_in_one_project_does_not_spread() {
    let (_registry, env) = installed();
    fs::write(env.project().join("node_modules/a/index.js"), "module.exports = \"EVIL!\";;\n").unwrap();
    let other = env.another("project/other");
    other.depends_on(&[("a", "1")]);
    other.install().success();
    is_right(&other);
}

#[test]
fn verify_hashes_what_no_stat_can_tell() {
    let (_registry, env) = installed();
    again(&env);
    let object = object_with(&env.store(), "module.exports = \"a@1.0.0\";\n");
    let modified = fs::metadata(&object).unwrap().modified().unwrap();
    let file = fs::OpenOptions::new().write(true).open(&object).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"M", 0).unwrap();
    file.set_modified(modified).unwrap();
    drop(file);
    env.deka(["install", "--verify"]).success();
    is_right(&env);
}

#[test]
fn a_lost_or_broken_index_is_made_again_without_a_network() {
    for damage in ["gone", "empty", "garbage", "cut", "a flipped byte", "journals gone"] {
        let (registry, env) = installed();
        again(&env);
        registry.forget();
        let files: Vec<PathBuf> =
            fs::read_dir(env.store()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
        let index = files.iter().find(|path| path.extension().is_some_and(|end| end == "db")).expect("an index").clone();
        for journal in files.iter().filter(|path| path.to_string_lossy().contains(".db-")) {
            fs::remove_file(journal).unwrap();
        }
        match damage {
            "gone" => fs::remove_file(&index).unwrap(),
            "empty" => fs::write(&index, "").unwrap(),
            "garbage" => fs::write(&index, b"not a database, not even close ".repeat(400)).unwrap(),
            "cut" => {
                let bytes = fs::read(&index).unwrap();
                fs::write(&index, &bytes[..bytes.len() / 2]).unwrap();
            }
            "a flipped byte" => {
                let mut bytes = fs::read(&index).unwrap();
                bytes[100..4000].iter_mut().for_each(|byte| *byte ^= 0x55);
                fs::write(&index, bytes).unwrap();
            }
            _ => {}
        }
        let said = env.install().success();
        is_right(&env);
        assert!(!said.text().to_lowercase().contains("sqlite"), "{damage}: {}", said.report());
        let tarballs = registry.asked().iter().filter(|path| path.ends_with(".tgz")).count();
        assert_eq!(tarballs, 0, "{damage}: nothing has to be downloaded\n{}", said.report());
        again(&env);
        registry.forget();
        env.deka(["install", "--offline"]).success();
    }
}

#[test]
fn a_newer_index_is_refused_untouched() {
    let (_registry, env) = installed();
    again(&env);
    let index =
        fs::read_dir(env.store()).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|end| end == "db"));
    let index = index.expect("an index");
    rusqlite::Connection::open(&index).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&index).unwrap();
    env.install().failure(30).says_one_of(&["newer", "99"]);
    assert!(fs::read(&index).unwrap() == before);
}

#[test]
fn any_part_of_the_store_may_be_missing() {
    let (_registry, env) = installed();
    let parts: Vec<PathBuf> = fs::read_dir(env.store()).unwrap().map(|entry| entry.unwrap().path()).collect();
    for part in parts {
        if part.is_dir() {
            fs::remove_dir_all(&part).unwrap();
        } else {
            let _ = fs::remove_file(&part);
        }
        again(&env);
        let said = env.install().success();
        is_right(&env);
        assert_eq!(env.strays(), [""; 0], "without {}: {}", part.display(), said.report());
    }
}

#[test]
fn global_slots_are_shared_and_the_project_has_links_only() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]).write(".npmrc", "virtual-store=global\n");
    env.install().success().line("2 packages installed [TIME]");
    is_right_globally(&env);
    let files: Vec<String> = tree::contents(&env.project().join("node_modules")).into_keys().collect();
    assert_eq!(files, [""; 0], "no file of a package is in the project");
    let target = fs::read_link(env.project().join("node_modules/a")).unwrap();
    assert!(target.starts_with(env.store()), "{}", target.display());
    let other = env.another("project/other");
    other.depends_on(&[("a", "1")]);
    registry.forget();
    other.deka(["install", "--virtual-store=global"]).success();
    assert_eq!(fs::read_link(other.project().join("node_modules/a")).unwrap(), target);
    assert_eq!(registry.asked(), [""; 0]);
    // To and fro.
    env.write(".npmrc", "");
    env.install().success();
    is_right(&env);
    env.deka(["install", "--virtual-store=global"]).success();
    is_right_globally(&env);
    assert!(!env.has("node_modules/.deka/a@1.0.0"), "{}", env.tree());
}

#[track_caller]
fn is_right_globally(env: &TestEnv) {
    assert_eq!(env.read("node_modules/a/lib/one.js"), "the same");
    let script = "require.resolve('b', { paths: [require.resolve('a')] }); require('a')";
    let output = Command::new("node").args(["-p", script]).current_dir(env.project()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a@1.0.0\n", "{}", String::from_utf8_lossy(&output.stderr));
    let command = Command::new(env.project().join("node_modules/.bin/a")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&command.stdout), "a of a@1.0.0: \n");
}

/// Somebody without root's rights, for whom a mode means something.
const NOBODY: u32 = 65_534;

#[test]
fn a_read_only_store_serves_who_needs_nothing_new() {
    for owner in ["own", "foreign"] {
        let (_registry, env) = installed();
        let other = env.another("project/other");
        other.depends_on(&[("a", "1")]).write("deka.lock", env.read("deka.lock"));
        // The binary may stand where nobody else can look.
        let binary = env.at_root("project/deka");
        copy_of_deka(&binary);
        let is_root = rustix::process::geteuid().is_root();
        if !is_root && owner == "foreign" {
            println!("skipped: only root can give a store to somebody else");
            continue;
        }
        if is_root {
            run("chown", &["-R", &NOBODY.to_string(), &env.at_root("").to_string_lossy()]);
            if owner == "foreign" {
                run("chown", &["-R", "root", &env.store().to_string_lossy()]);
            }
        }
        run("chmod", &["-R", "a-w,a+rX", &env.store().to_string_lossy()]);
        let before = tree::identities(&env.store());
        let said = other
            .prepare_program(&binary, ["install"])
            .with(|command| {
                if is_root {
                    command.uid(NOBODY);
                }
            })
            .run();
        let after = tree::identities(&env.store());
        run("chmod", &["-R", "u+w", &env.store().to_string_lossy()]);
        let said = said.success();
        is_right(&other);
        assert!(before == after, "{owner}: the store was written to\n{}", said.report());
    }
}

#[test]
fn a_read_only_store_that_lacks_something_says_so() {
    let (registry, env) = installed();
    registry.publish("c", "1.0.0", |p| p);
    let other = env.another("project/other");
    other.depends_on(&[("a", "1"), ("c", "1")]);
    let binary = env.at_root("project/deka");
    copy_of_deka(&binary);
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        run("chown", &["-R", &NOBODY.to_string(), &env.at_root("").to_string_lossy()]);
    }
    run("chmod", &["-R", "a-w,a+rX", &env.store().to_string_lossy()]);
    let output = other
        .prepare_program(&binary, ["install"])
        .with(|command| {
            if is_root {
                command.uid(NOBODY);
            }
        })
        .run();
    run("chmod", &["-R", "u+w", &env.store().to_string_lossy()]);
    output.fails().says("[STORE]").says_one_of(&["permission", "read-only", "cannot"]);
    assert!(!other.has("node_modules/c"));
}

#[test]
fn a_project_that_cannot_be_written_says_so() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    let binary = env.at_root("project/deka");
    copy_of_deka(&binary);
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        run("chown", &["-R", &NOBODY.to_string(), &env.at_root("").to_string_lossy()]);
    }
    run("chmod", &["a-w", &env.project().to_string_lossy()]);
    let output = env
        .prepare_program(&binary, ["install"])
        .with(|command| {
            if is_root {
                command.uid(NOBODY);
            }
        })
        .run();
    run("chmod", &["u+w", &env.project().to_string_lossy()]);
    output.fails().says("[PROJECT]").says_one_of(&["permission denied"]);
}

#[test]
fn a_full_disk_is_named_and_the_next_run_succeeds() {
    let noise: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let registry = registry().package("big", "1.0.0", |p| p.bytes("big.bin", noise.clone()).bytes("big2.bin", noise[1..].to_vec()));
    for full in ["store", "project"] {
        let env = TestEnv::with(&registry);
        let place = if full == "store" { env.at_root("home/.local/share/deka") } else { env.project().join("sub") };
        fs::create_dir_all(&place).unwrap();
        let Some(disk) = SmallDisk::mount(&place) else { return println!("skipped: no right to mount a small file system") };
        let project = if full == "store" { env.another("project/p") } else { env.another("project/sub/p") };
        project.depends_on(&[("a", "1")]);
        project.install().success();
        let whole = project.tree();
        project.depends_on(&[("a", "1"), ("big", "1")]);
        let said = project.deka(["install", "--package-import-method=copy"]).fails().says_one_of(&["no space", "disk is full", "full"]);
        assert_eq!(project.tree(), whole, "{full}: the old node_modules is as it was\n{}", said.report());
        let large = tree::paths(&place)
            .into_iter()
            .filter(|path| fs::metadata(place.join(path)).is_ok_and(|found| found.is_file() && found.len() > 1 << 20));
        assert!(large.count() <= 1, "{full}: unfinished files are removed");
        disk.grow();
        project.deka(["install", "--package-import-method=copy"]).success();
        assert!(fs::read(project.project().join("node_modules/big/big.bin")).unwrap() == noise);
    }
}

/// A file system of four megabytes, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path) -> Option<SmallDisk> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "deka-test"]).arg(place).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| SmallDisk(place.to_owned()))
    }

    fn grow(&self) {
        run("mount", &["-o", "remount,size=64m", &self.0.to_string_lossy()]);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}
