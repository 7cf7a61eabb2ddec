//! What the questions about a store cost where it is large: a million objects in ten thousand packages, twenty projects.
//! Each question runs in a process of its own, so that its peak memory is its own.
//!
//! ```sh
//! cargo bench --bench usage
//! ```

use deka::package::facts::Facts;
use deka::package::integrity::Integrity;
use deka::package::name::PackageName;
use deka::package::path::RelPath;
use deka::project::env::Env;
use deka::store::{Epoch, Marks, Mode, NewEntry, ObjectId, PackageKey, Store, StoredPackage, Tree};
use deka::upkeep::usage::{By, Pattern, Sought, affected, origins, shares, stats};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const PACKAGES: u64 = 10_000;
const FILES: u64 = 120;
/// So many files of each package are those of its neighbour.
const SHARED: u64 = 20;
const PROJECTS: u64 = 20;
const BATCH: u64 = 500;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, question, store] = arguments.as_slice()
        && !question.starts_with('-')
    {
        return ask(question, Path::new(store));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    make(folder.path());
    for question in ["stats", "du-project", "du-version", "usages", "why"] {
        let program = std::env::current_exe().expect("this program");
        let status = Command::new(program).arg(question).arg(folder.path().join("store")).status();
        assert!(status.is_ok_and(|status| status.success()), "{question}");
    }
}

/// Answers one question and prints what it cost.
fn ask(question: &str, folder: &Path) {
    let env: Env = std::env::vars_os().collect();
    let started = Instant::now();
    let store = Store::open(folder, Mode::ReadWrite).expect("a store");
    let pattern = Pattern::parse("p4242@^1").expect("a pattern");
    let count = match question {
        "stats" => stats(&store, &env).map(|stats| stats.objects as usize),
        "du-project" => shares(&store, &env, By::Project, None).map(|shares| {
            assert!(shares.unreadable.is_empty(), "{:?}", shares.unreadable.first());
            shares.shares.len()
        }),
        "du-version" => shares(&store, &env, By::Version, None).map(|shares| shares.shares.len()),
        "usages" => affected(&store, &env, &pattern).map(|affected| affected.uses()),
        _ => origins(&store, &env, &Sought::Digits(object(77).to_string()[..8].to_owned())).map(|found| found.objects.len()),
    };
    let took = started.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" unknown").trim().to_owned();
    println!("{question:<12} {:>5} ms   peak {peak:>10}   answer {}", took.as_millis(), count.expect("an answer"));
}

fn object(number: u64) -> ObjectId {
    ObjectId::of(&number.to_le_bytes())
}

/// Makes a store of packages without a byte in their objects, and projects that each lock half of them.
fn make(folder: &Path) {
    let store = Store::open(&folder.join("store"), Mode::ReadWrite).expect("a store");
    for start in (0..PACKAGES).step_by(BATCH as usize) {
        let batch: Vec<StoredPackage> = (start..start + BATCH).map(package).collect();
        store.commit(&batch).expect("a commit");
    }
    for number in 0..PROJECTS {
        let project = folder.join(format!("project-{number}"));
        std::fs::create_dir_all(&project).expect("a folder");
        std::fs::write(project.join("package.json"), "{}").expect("a manifest");
        std::fs::write(project.join("deka.lock"), lockfile(number)).expect("a lockfile");
        store.register_project(&project).expect("a project");
    }
}

fn package(number: u64) -> StoredPackage {
    let entry = |file: u64| NewEntry {
        path: RelPath::parse(&format!("lib/some/folder/file-{file}.js")).expect("a path"),
        object: object(number * (FILES - SHARED) + file),
        executable: false,
        size_bytes: 1_000 + file,
    };
    let tree = Tree::new((0..FILES).map(entry).collect()).expect("a tree");
    StoredPackage {
        key: PackageKey::of_source(key(number)),
        name: PackageName::parse(&format!("p{number}")).expect("a name"),
        version: "1.0.0".to_owned(),
        facts: Facts::default(),
        tree_id: tree.id(),
        marks: Marks::unknown(tree.len()),
        tree,
        epoch: Epoch::UNKNOWN,
    }
}

fn key(number: u64) -> String {
    Integrity::of(&number.to_le_bytes()).to_string()
}

/// A lockfile that names every second package and some more.
fn lockfile(number: u64) -> String {
    let locked = (0..PACKAGES).filter(|package| package % 2 == number % 2 || package % 50 == number);
    let packages: Vec<String> =
        locked.clone().map(|package| format!("\"p{package}@1.0.0\":{{\"integrity\":\"{}\"}}", key(package))).collect();
    let snapshots: Vec<String> = locked.map(|package| format!("\"p{package}@1.0.0\":{{}}")).collect();
    let (packages, snapshots) = (packages.join(","), snapshots.join(","));
    let settings = "{\"autoInstallPeers\":true,\"dedupePeerDependents\":true,\"resolvePeersFromWorkspaceRoot\":true}";
    let importers = "{\".\":{}}";
    format!(
        "{{\"lockfileVersion\":1,\"settings\":{settings},\"importers\":{importers},\"packages\":{{{packages}}},\"snapshots\":{{{snapshots}}}}}\n"
    )
}
