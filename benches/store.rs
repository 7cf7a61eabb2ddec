//! The parts of the store that an install waits for. Set `DEKA_BENCH_DIR` to choose the file system.

use deka::package::facts::Facts;
use deka::package::name::PackageName;
use deka::package::path::RelPath;
use deka::store::{CheckoutOptions, Identity, Method, Mode, NewEntry, ObjectId, PackageKey, Store, StoredPackage, Tree};
use divan::counter::{BytesCount, ItemsCount};
use std::hint::black_box;
use tempfile::TempDir;

fn main() {
    divan::main();
}

const METHOD: CheckoutOptions = CheckoutOptions { method: Method::Hardlink, verify: false };

fn folder() -> TempDir {
    match std::env::var_os("DEKA_BENCH_DIR") {
        Some(chosen) => tempfile::tempdir_in(chosen),
        None => tempfile::tempdir(),
    }
    .expect("a temporary folder")
}

fn open(folder: &TempDir) -> Store {
    Store::open(&folder.path().join("store"), Mode::ReadWrite).expect("a store")
}

/// Paths as packages have them: some folders, a dozen files each.
fn path(number: usize) -> RelPath {
    RelPath::parse(&format!("dist/esm/part-{}/module-{number}.js", number / 12)).expect("a path")
}

fn entries(count: usize) -> Vec<NewEntry> {
    (0..count)
        .map(|number| NewEntry {
            path: path(number),
            object: ObjectId::of(&number.to_le_bytes()),
            executable: number % 50 == 0,
            size_bytes: number as u64 * 37,
        })
        .collect()
}

fn import(store: &Store, package: usize, files: usize) -> StoredPackage {
    let mut content = vec![b'x'; 4000];
    let mut import = store.import().expect("a store that can be written");
    for number in 0..files {
        content[..8].copy_from_slice(&(package * 1_000_000 + number).to_le_bytes());
        import.file(&path(number), false, &content).expect("room");
    }
    let identity = Identity {
        key: PackageKey::of_source(format!("sha512-{package:0>86}==")),
        name: PackageName::parse("example").expect("a name"),
        version: "1.0.0".to_owned(),
    };
    import.finish(identity, Facts::default()).expect("no clash")
}

/// The files of a package of usual size.
fn contents(bytes: usize) -> Vec<Vec<u8>> {
    (0_u8..20).map(|number| vec![number; bytes]).collect()
}

#[divan::bench(args = [700, 7_000, 15_000])]
fn names_one_by_one(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let contents = contents(bytes);
    let each = || contents.iter().map(|content| ObjectId::of(black_box(content))).collect::<Vec<_>>();
    bencher.counter(BytesCount::new(contents.len() * bytes)).bench_local(each);
}

#[divan::bench(args = [700, 7_000, 15_000])]
fn names_side_by_side(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let contents = contents(bytes);
    let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    bencher.counter(BytesCount::new(contents.len() * bytes)).bench_local(|| ObjectId::of_each(black_box(&slices)));
}

#[divan::bench]
fn tree_encode_10_000(bencher: divan::Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(10_000_usize)).with_inputs(|| entries(10_000)).bench_values(Tree::new);
}

#[divan::bench]
fn tree_decode_10_000(bencher: divan::Bencher<'_, '_>) {
    let tree = Tree::new(entries(10_000)).expect("no clash");
    bencher.counter(ItemsCount::new(10_000_usize)).bench(|| Tree::decode(black_box(tree.encoding().to_vec())));
}

#[divan::bench]
fn open_new(bencher: divan::Bencher<'_, '_>) {
    bencher.with_inputs(folder).bench_local_refs(|folder| open(folder));
}

#[divan::bench]
fn open_existing(bencher: divan::Bencher<'_, '_>) {
    let folder = folder();
    drop(open(&folder));
    bencher.bench_local(|| open(&folder));
}

#[divan::bench(sample_count = 10)]
fn import_5_000_new_files_on_two_threads(bencher: divan::Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(5000_usize)).with_inputs(folder).bench_local_refs(|folder| {
        let store = open(folder);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let store = &store;
                scope.spawn(move || (0..25).for_each(|package| drop(import(store, thread * 100 + package, 100))));
            }
        });
    });
}

#[divan::bench(sample_count = 10)]
fn import_5_000_known_files(bencher: divan::Bencher<'_, '_>) {
    let folder = folder();
    (0..50).for_each(|package| drop(import(&open(&folder), package, 100)));
    bencher.counter(ItemsCount::new(5000_usize)).bench_local(|| {
        let store = open(&folder);
        (0..50).for_each(|package| drop(import(&store, package, 100)));
    });
}

/// A store with as many packages and files as the `next` fixture has, in sizes as uneven.
fn next_like(folder: &TempDir) -> Vec<StoredPackage> {
    let store = open(folder);
    let packages: Vec<StoredPackage> = (0..322).map(|number| import(&store, number, if number == 0 { 7000 } else { 35 })).collect();
    store.commit(&packages).expect("room");
    packages
}

#[divan::bench(sample_count = 10)]
fn commit_322_packages(bencher: divan::Bencher<'_, '_>) {
    let source = folder();
    let packages = next_like(&source);
    bencher.with_inputs(folder).bench_local_refs(|folder| open(folder).commit(&packages));
}

#[divan::bench]
fn look_up_322_packages(bencher: divan::Bencher<'_, '_>) {
    let folder = folder();
    let keys: Vec<PackageKey> = next_like(&folder).into_iter().map(|package| package.key).collect();
    let store = open(&folder);
    bencher.bench_local(|| store.lookup(&keys));
}

#[divan::bench(sample_count = 20)]
fn check_out_18_200_files_on_two_threads(bencher: divan::Bencher<'_, '_>) {
    let folder = folder();
    let packages = next_like(&folder);
    let store = open(&folder);
    let files: usize = packages.iter().map(|package| package.tree.len()).sum();
    bencher.counter(ItemsCount::new(files)).with_inputs(|| tempfile::tempdir_in(folder.path()).expect("a folder")).bench_local_refs(
        |into| {
            let next = std::sync::atomic::AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        loop {
                            let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            let Some(package) = packages.get(index) else {
                                return;
                            };
                            store.checkout(package, &into.path().join(index.to_string()), METHOD).expect("a sound store");
                        }
                    });
                }
            });
        },
    );
}
