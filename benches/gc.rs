//! A gc of a store with a million objects: how long it takes, and how much memory.
//!
//! The store is made up: packages of tiny files, every second of them needed by a project. `DEKA_BENCH_DIR` chooses the
//! file system (a million files want one in memory) and `DEKA_BENCH_OBJECTS` another number. The program that is measured is
//! the real one, as a process of its own.

use base64::Engine;
use deka::package::facts::Facts;
use deka::package::integrity::Integrity;
use deka::package::name::PackageName;
use deka::package::path::RelPath;
use deka::store::{Identity, Mode, PackageKey, Store, StoredPackage};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Files of a package that no other has.
const OWN: usize = 100;
/// Files of a package that all have.
const SHARED: usize = 20;
/// Packages of one commit.
const BATCH: usize = 500;

fn main() {
    // `cargo test --benches` passes through here too, and has no minutes to spare.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let objects = std::env::var("DEKA_BENCH_OBJECTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = match std::env::var_os("DEKA_BENCH_DIR") {
        Some(chosen) => tempfile::tempdir_in(chosen),
        None => tempfile::tempdir(),
    }
    .expect("a temporary folder");
    let (root, project) = (folder.path().join("store"), folder.path().join("project"));
    let started = Instant::now();
    let packages = objects / OWN;
    fill(&root, packages);
    write_project(&project, packages);
    Store::open(&root, Mode::ReadWrite).and_then(|store| store.register_project(&project)).expect("a store");
    println!("{objects} objects of {packages} packages made in {:.1} s", started.elapsed().as_secs_f64());
    measure("gc that finds everything young", folder.path(), &[]);
    measure("gc --dry-run of one half", folder.path(), &["--grace", "0", "--dry-run"]);
    measure("gc of one half", folder.path(), &["--grace", "0"]);
    measure("gc that finds nothing more", folder.path(), &["--grace", "0"]);
}

/// Imports packages on two threads.
fn fill(root: &Path, packages: usize) {
    let store = Store::open(root, Mode::ReadWrite).expect("a store");
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= packages {
                return;
            }
            let batch: Vec<StoredPackage> = (start..packages.min(start + BATCH)).map(|number| import(&store, number)).collect();
            store.commit(&batch).expect("room");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
}

fn import(store: &Store, package: usize) -> StoredPackage {
    let mut import = store.import().expect("a store that can be written");
    for number in 0..OWN + SHARED {
        let path = RelPath::parse(&format!("dist/part-{}/module-{number}.js", number / 12)).expect("a path");
        let owner = if number < OWN { package + 1 } else { 0 };
        import.file(&path, number % 50 == 0, format!("{owner} {number}").as_bytes()).expect("room");
    }
    let integrity = Integrity::parse(&integrity(package)).expect("an integrity");
    let identity = Identity {
        key: PackageKey::of_integrity(&integrity),
        name: PackageName::parse(&format!("p{package}")).expect("a name"),
        version: "1.0.0".to_owned(),
    };
    import.finish(identity, Facts::default()).expect("no clash")
}

fn integrity(package: usize) -> String {
    let mut digest = [0; 64];
    digest[..8].copy_from_slice(&package.to_le_bytes());
    format!("sha512-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// Writes a project whose lockfile names every second package.
fn write_project(project: &Path, packages: usize) {
    let (mut listed, mut snapshots) = (serde_json::Map::new(), serde_json::Map::new());
    for package in (0..packages).step_by(2) {
        listed.insert(format!("p{package}@1.0.0"), serde_json::json!({ "integrity": integrity(package) }));
        snapshots.insert(format!("p{package}@1.0.0"), serde_json::json!({}));
    }
    let lockfile = serde_json::json!({
        "lockfileVersion": 1,
        "settings": { "autoInstallPeers": true, "dedupePeerDependents": true, "resolvePeersFromWorkspaceRoot": true },
        "importers": { ".": {} },
        "packages": listed,
        "snapshots": snapshots,
    });
    std::fs::create_dir_all(project).expect("room");
    std::fs::write(project.join("package.json"), "{\"name\":\"app\"}").expect("room");
    std::fs::write(project.join("deka.lock"), lockfile.to_string()).expect("room");
}

/// Runs `deka store gc` and prints what it took. The memory is the most that the kernel has seen, asked every few milliseconds.
fn measure(what: &str, folder: &Path, flags: &[&str]) {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_deka"))
        .args(["store", "gc", "--store-dir"])
        .arg(folder.join("store"))
        .args(flags)
        .env("HOME", folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("deka");
    let mut peak_kb = 0;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak_kb = line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0).max(peak_kb);
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    assert!(status.success(), "{what}");
    println!("{what:<32} {:>7.2} s {:>5} MB", started.elapsed().as_secs_f64(), peak_kb / 1000);
}
