//! Packs: what was unused for long goes into them, and comes back when it is wanted, offline and as it was.

use crate::support::{Registry, Said, TestEnv, copy_of_deka, tree};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Two packages that share a file, one of them with a file too long for a block with others.
fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| {
            let p = p.dep("b", "1").file("lib/one.js", "the same").file("only-a.js", "of a alone");
            p.executable("cli.js", "#!/bin/sh\necho a\n").bin("a", "cli.js")
        })
        .package("b", "1.0.0", |p| p.file("two.js", "the same").executable("run.sh", "the same").bytes("long.bin", noise(1_500_000)))
        .package("c", "1.0.0", |p| p.file("only-c.js", "of c alone").file("empty", ""))
}

fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn installed(dependencies: &[(&str, &str)]) -> (Registry, TestEnv, Whole) {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(dependencies);
    env.install().success();
    let whole = whole(&env);
    registry.forget();
    (registry, env, whole)
}

/// What an install left: bytes, and modes and links.
type Whole = (BTreeMap<String, Vec<u8>>, String);

fn whole(env: &TestEnv) -> Whole {
    (tree::contents(&env.project().join("node_modules")), env.tree())
}

fn pack(env: &TestEnv) -> Value {
    let said = env.deka(["store", "pack", "--older-than", "0", "--json"]).success();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said.report()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    tree::paths(folder).into_iter().filter(|path| !path.ends_with('/')).map(|path| folder.join(path)).collect()
}

fn objects(env: &TestEnv) -> Vec<PathBuf> {
    files(&env.store().join("objects"))
}

fn packs(env: &TestEnv) -> Vec<PathBuf> {
    files(&env.store().join("packs"))
}

fn holds(env: &TestEnv, content: &str) -> bool {
    objects(env).iter().any(|path| fs::read(path).is_ok_and(|bytes| bytes == content.as_bytes()))
}

fn offline(env: &TestEnv) -> Said {
    env.deka(["install", "--offline", "--frozen-lockfile"]).success()
}

#[test]
fn what_was_packed_comes_back_byte_for_byte() {
    let (registry, env, before) = installed(&[("a", "1"), ("c", "1")]);
    env.remove("node_modules");
    let count = objects(&env).len() as u64;
    let report = pack(&env);
    assert_eq!((objects(&env), packs(&env).len()), (Vec::new(), 1), "{report}");
    assert_eq!((report["files"].as_u64(), report["packages"].as_u64(), report["dryRun"].as_bool()), (Some(count), Some(3), Some(false)));
    // The two files of one content are one object in the pack.
    assert_eq!(report["objects"].as_u64(), Some(count - 1));
    let length = fs::metadata(&packs(&env)[0]).unwrap().len();
    assert!(report["packBytes"].as_u64() == Some(length) && length < report["looseBytes"].as_u64().unwrap(), "{report}");
    let said = offline(&env);
    assert!(whole(&env) == before, "{}", said.report());
    said.never_says("warning").line("3 packages installed [TIME]");
    assert_eq!((registry.asked(), env.strays()), (vec![], vec![]));
    // What came back is known by its marks again: nothing is hashed or restored a second time.
    let identities = tree::identities(&env.store().join("objects"));
    env.remove("node_modules");
    offline(&env);
    assert!(tree::identities(&env.store().join("objects")) == identities && whole(&env) == before);
    env.remove("node_modules");
    env.deka(["install", "--offline", "--verify"]).success();
}

#[test]
fn it_says_what_was_saved_and_what_would_be() {
    let (_registry, env, _) = installed(&[("a", "1"), ("c", "1")]);
    env.deka(["store", "pack"]).success().line("nothing to pack");
    env.deka(["store", "pack", "--older-than", "0"]).success().line("nothing to pack");
    env.remove("node_modules");
    let before = tree::identities(&env.store());
    env.deka(["store", "pack", "--older-than", "0", "--dry-run"]).success().line("would pack 13 files of 3 packages: 1.5 MB");
    assert!(tree::identities(&env.store()) == before, "a dry run changes nothing");
    env.deka(["store", "pack"]).success().line("nothing to pack");
    let said = env.deka(["store", "pack", "--older-than", "0w"]).success().line("packed 13 files of 3 packages").line("  before  1.5 MB");
    said.says("  after ").says("  speed ");
    env.deka(["store", "pack", "--older-than", "0"]).success().line("nothing to pack");
    env.deka(["store", "pack", "--older-than", "soon"]).failure(2).says("30d");
    env.deka(["store", "pack", "--level", "20"]).failure(2);
    let elsewhere = env.at_root("nowhere");
    env.deka(["store", "pack", "--store-dir", &elsewhere.to_string_lossy()]).success().line("nothing to pack");
    assert!(!elsewhere.exists(), "packing makes no store");
}

#[test]
fn only_what_a_project_needs_comes_back() {
    let (_registry, env, _) = installed(&[("a", "1"), ("c", "1")]);
    env.remove("node_modules");
    pack(&env);
    let other = env.another("project/other");
    other.depends_on(&[("c", "1")]);
    other.deka(["install", "--offline"]).success();
    assert!(holds(&env, "of c alone") && !holds(&env, "of a alone") && !holds(&env, "the same"));
    assert_eq!(objects(&env).len(), 4, "{:?}", objects(&env));
}

#[test]
fn what_a_project_links_stays() {
    let (_registry, env, _) = installed(&[("a", "1"), ("c", "1")]);
    let other = env.another("project/other");
    other.depends_on(&[("c", "1")]);
    other.install().success();
    let linked = tree::identities(&other.project().join("node_modules"));
    env.remove("node_modules");
    pack(&env);
    assert!(holds(&env, "of c alone") && !holds(&env, "of a alone"));
    assert!(objects(&env).iter().all(|object| fs::metadata(object).unwrap().nlink() == 2));
    assert!(tree::identities(&other.project().join("node_modules")) == linked);
    offline(&env);
}

#[test]
fn a_second_packing_adds_a_second_pack_and_both_are_read() {
    let (registry, env, before) = installed(&[("a", "1"), ("c", "1")]);
    let other = env.another("project/other");
    other.depends_on(&[("c", "1")]);
    other.install().success();
    env.remove("node_modules");
    pack(&env);
    other.remove("node_modules");
    let report = pack(&env);
    assert_eq!((report["packs"].as_u64(), packs(&env).len(), objects(&env).len()), (Some(1), 2, 0), "{report}");
    registry.forget();
    offline(&env);
    assert!(whole(&env) == before);
    // Loose again and packed still: nothing is packed twice.
    env.remove("node_modules");
    let report = pack(&env);
    assert_eq!((report["packs"].as_u64(), packs(&env).len(), objects(&env).len()), (Some(0), 2, 0), "{report}");
    offline(&env);
    assert!(whole(&env) == before && registry.asked().is_empty());
}

#[test]
fn a_damaged_pack_is_like_a_missing_object() {
    type Fault = fn(&Path);
    let faults: [(&str, Fault); 5] = [
        ("torn", |path| fs::File::options().write(true).open(path).unwrap().set_len(1000).unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("a flipped bit in the first block", |path| flip(path, |_| 40)),
        ("a flipped bit in the table", |path| flip(path, |length| length - 80)),
        ("a flipped bit at the end", |path| flip(path, |length| length - 3)),
    ];
    for (name, fault) in faults {
        let (registry, env, before) = installed(&[("a", "1"), ("c", "1")]);
        env.remove("node_modules");
        pack(&env);
        fault(&packs(&env)[0]);
        let said = env.deka(["install", "--offline", "--frozen-lockfile"]).failure(40);
        said.says("offline").says_one_of(&["a@1.0.0", "b@1.0.0", "c@1.0.0"]);
        assert!(!env.has("node_modules/a"), "{name}");
        let said = env.install().success();
        assert!(whole(&env) == before, "{name}\n{}", said.report());
        assert!(!registry.asked().is_empty(), "{name}: something had to be fetched again");
        env.remove("node_modules");
        registry.forget();
        offline(&env);
        assert!(whole(&env) == before && registry.asked().is_empty(), "{name}");
    }
}

fn flip(path: &Path, at: fn(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_object_comes_back_from_a_pack_too() {
    let (registry, env, before) = installed(&[("a", "1"), ("c", "1")]);
    env.remove("node_modules");
    pack(&env);
    offline(&env);
    env.remove("node_modules");
    for object in objects(&env) {
        let length = fs::metadata(&object).unwrap().len() as usize;
        fs::write(&object, vec![b'!'; length]).unwrap();
    }
    offline(&env);
    assert!(whole(&env) == before && registry.asked().is_empty());
}

#[test]
fn a_read_only_store_gives_copies() {
    /// Somebody without root's rights, for whom a mode means something.
    const NOBODY: u32 = 65_534;
    let (_registry, env, before) = installed(&[("a", "1"), ("c", "1")]);
    env.remove("node_modules");
    pack(&env);
    // The binary may stand where nobody else can look.
    let binary = env.project().join("deka");
    copy_of_deka(&binary);
    let run = |program: &str, arguments: &[&str]| assert!(Command::new(program).args(arguments).status().unwrap().success());
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        run("chown", &["-R", &NOBODY.to_string(), &env.at_root("").to_string_lossy()]);
    }
    run("chmod", &["-R", "a-w,a+rX", &env.store().to_string_lossy()]);
    let store = tree::identities(&env.store());
    let output = env
        .prepare_program(&binary, ["install", "--offline", "--frozen-lockfile"])
        .with(|command| {
            if is_root {
                command.uid(NOBODY);
            }
        })
        .run();
    let after = tree::identities(&env.store());
    run("chmod", &["-R", "u+w", &env.store().to_string_lossy()]);
    let said = output.success();
    assert!(whole(&env) == before, "{}", said.report());
    assert!(store == after, "the store was written to\n{}", said.report());
    let mode = |path: &str| fs::metadata(env.project().join("node_modules").join(path)).unwrap().permissions().mode() & 0o111;
    assert!(mode(".deka/b@1.0.0/node_modules/b/run.sh") != 0 && mode(".deka/b@1.0.0/node_modules/b/two.js") == 0);
}

#[test]
fn a_packing_waits_for_installs() {
    let (_registry, env, _) = installed(&[("a", "1")]);
    env.remove("node_modules");
    let lock = fs::File::open(env.store().join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockShared).unwrap();
    let running = env.prepare(["store", "pack", "--older-than", "0"]).start();
    std::thread::sleep(Duration::from_millis(1_300));
    assert!(packs(&env).is_empty() && !objects(&env).is_empty());
    drop(lock);
    running.finish().success().says("waiting for the installs that use the store").says("packed");
}

#[test]
fn killed_while_packing() {
    let mut registry = Registry::new();
    for number in 0..10 {
        registry = registry.package(&format!("p{number}"), "1.0.0", |mut p| {
            for file in 0..12 {
                p = p.bytes(&format!("lib/{file}.bin"), noise(40_000 + number * 1000 + file)[file as usize..].to_vec());
            }
            p
        });
    }
    let env = TestEnv::with(&registry);
    let names: Vec<String> = (0..10).map(|number| format!("p{number}")).collect();
    env.depends_on(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    env.install().success();
    let before = whole(&env);
    registry.forget();
    // Moments as random as they come, but the same in every run.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..20 {
        env.remove("node_modules");
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // Everything is loose now. Without the packs of earlier rounds all is packed anew; with them it is only removed.
        let anew = round % 4 != 3;
        if anew {
            let _ = fs::remove_dir_all(env.store().join("packs"));
        }
        let running = env.prepare(["store", "pack", "--older-than", "0"]).start();
        std::thread::sleep(Duration::from_micros(seed % if anew { 70_000 } else { 25_000 }));
        running.kill();
        let said = env.deka(["install", "--offline", "--frozen-lockfile"]).success();
        assert!(whole(&env) == before, "round {round}\n{}", said.report());
    }
    env.remove("node_modules");
    pack(&env);
    assert_eq!(objects(&env), [""; 0].map(PathBuf::from));
    assert!(packs(&env).iter().all(|path| path.extension().is_some_and(|end| end == "pack")), "leftovers: {:?}", packs(&env));
    offline(&env);
    assert!(whole(&env) == before && registry.asked().is_empty());
}

#[test]
fn a_gc_packs_what_stays_and_drops_packs_that_nobody_needs() {
    let (registry, env, whole) = installed(&[("a", "1"), ("c", "1")]);
    env.remove("node_modules");
    let gc = |flags: &[&str]| -> Value {
        let said = env.deka([&["store", "gc", "--json"][..], flags].concat()).success();
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said.report()))
    };
    let before = objects(&env).len();
    let tried = gc(&["--pack", "--older-than", "0", "--dry-run"]);
    assert_eq!((objects(&env).len(), packs(&env).len()), (before, 0), "{tried}");
    let done = gc(&["--pack", "--older-than", "0"]);
    assert_eq!((done["freed"]["packages"].clone(), done["packed"]["files"].clone()), (0.into(), tried["packed"]["files"].clone()));
    assert_eq!(packs(&env).len(), 1);
    assert_eq!(gc(&["--grace", "0"])["freed"]["packs"]["files"], 0, "a project needs all of it");
    env.deka(["install", "--offline", "--frozen-lockfile"]).success();
    assert_eq!(self::whole(&env), whole);
    assert_eq!(registry.asked(), [""; 0]);
    // Without the project nobody needs any of it.
    fs::remove_dir_all(env.project()).unwrap();
    fs::create_dir(env.project()).unwrap();
    let last = gc(&["--grace", "0"]);
    assert_eq!((last["freed"]["packs"]["files"].clone(), packs(&env).len(), objects(&env).len()), (1.into(), 0, 0), "{last}");
}
