//! How long it takes to plan a large `node_modules`, to find that nothing is to be done, and to link 10,000 files.

use deka::layout::Places;
use deka::layout::apply::{Builder, Job};
use deka::layout::diff::diff;
use deka::layout::plan::{Groups, Input, Options, Wanted, plan};
use deka::layout::survey::survey;
use deka::package::facts::Facts;
use deka::package::name::PackageName;
use deka::package::path::RelPath;
use deka::package::platform::{Host, Platform};
use deka::resolve::graph::{Direct, Edge, Group, Importer, Instance, InstanceIndex, Package, PackageIndex, Resolution, Source, Target};
use deka::store::{CheckoutOptions, Identity, Method, Mode, PackageKey, Store, StoredPackage};
use divan::Bencher;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

fn main() {
    divan::main();
}

fn name(index: usize) -> PackageName {
    let text = if index.is_multiple_of(5) { format!("@scope/package-{index:05}") } else { format!("package-{index:05}") };
    PackageName::parse(&text).expect("a valid name")
}

/// A resolution in which every package has four dependencies, some of them in a circle.
fn resolution(size: usize) -> Resolution {
    let target = |index: usize| Target::Instance(InstanceIndex((index % size) as u32));
    let mut names: Vec<PackageName> = (0..size).map(name).collect();
    names.sort();
    let package = |name: &PackageName| Package {
        id: format!("{name}@1.0.0"),
        name: name.clone(),
        version: "1.0.0".to_owned(),
        source: Source::Registry { tarball: None },
        integrity: None,
        platform: Platform::default(),
        engines: BTreeMap::new(),
        peers: BTreeMap::new(),
        deprecated: None,
        has_bundled: false,
    };
    let instance = |index: usize| {
        let mut to: Vec<usize> = [index * 7 + 1, index * 3 + 5, index + 1, index / 2].iter().map(|to| to % size).collect();
        to.sort_unstable();
        to.dedup();
        let edge = |to: usize| Edge { alias: names[to].clone(), target: target(to), optional: false };
        let dependencies = to.into_iter().map(edge).collect();
        Instance { path: format!("{}@1.0.0", names[index]), package: PackageIndex(index as u32), dependencies, optional: false, dev: false }
    };
    let direct =
        |index: usize| Direct { alias: names[index].clone(), specifier: "*".to_owned(), group: Group::Prod, target: Some(target(index)) };
    let dependencies = (0..size).step_by(size.div_ceil(30)).map(direct).collect();
    Resolution {
        importers: vec![Importer { path: ".".to_owned(), dependencies }],
        packages: names.iter().map(package).collect(),
        instances: (0..size).map(instance).collect(),
    }
}

fn places(root: &Path, shared: bool) -> Places {
    let path = |text: &str| RelPath::parse(text).expect("a path");
    Places {
        root: root.to_owned(),
        modules_dir: path("node_modules"),
        virtual_dir: path("node_modules/.deka"),
        shared: shared.then(|| "/store/slots".to_owned()),
    }
}

fn wanted(resolution: &Resolution, places: &Places) -> Wanted {
    let contents: Vec<PackageKey> =
        resolution.packages.iter().map(|package| PackageKey::of_source(format!("content of {}", package.id))).collect();
    let words = |word: &str| vec![word.to_owned()];
    let options = Options {
        host: Host { os: words("linux"), cpu: words("x64"), libc: words("glibc") },
        groups: Groups::ALL,
        hoist: true,
        hoist_pattern: words("*"),
        public_hoist_pattern: Vec::new(),
        shamefully_hoist: false,
        scope: None,
    };
    let input = Input { resolution, contents: &contents, skipped: &FxHashSet::default(), private: &FxHashSet::default() };
    plan(&input, &options, places).expect("the patterns are right")
}

#[divan::bench(args = [false, true])]
fn plan_1200_instances(bencher: Bencher, shared: bool) {
    let (resolution, places) = (resolution(1200), places(Path::new("/project"), shared));
    bencher.bench(|| wanted(&resolution, &places));
}

/// A store with packages of 30 files each, and a folder for projects.
struct Fixture {
    folder: TempDir,
    store: Store,
    resolution: Resolution,
    packages: Vec<StoredPackage>,
}

impl Fixture {
    fn new(size: usize) -> Fixture {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&folder.path().join("store"), Mode::ReadWrite).expect("a new store");
        let resolution = resolution(size);
        let import = |package: &Package| {
            let mut import = store.import().expect("the store can be written");
            for file in 0..30 {
                let path = RelPath::parse(&format!("lib/{}/file-{file:02}.js", file / 8)).expect("a path");
                import.file(&path, false, format!("{} {file}", package.id).as_bytes()).expect("written");
            }
            let key = PackageKey::of_source(format!("content of {}", package.id));
            let identity = Identity { key, name: package.name.clone(), version: package.version.clone() };
            import.finish(identity, Facts::default()).expect("finished")
        };
        let packages: Vec<StoredPackage> = resolution.packages.iter().map(import).collect();
        store.commit(&packages).expect("committed");
        Fixture { folder, store, resolution, packages }
    }

    fn project(&self) -> (TempDir, Places) {
        let project = tempfile::tempdir_in(self.folder.path()).expect("a project");
        let places = places(project.path(), false);
        (project, places)
    }

    fn install(&self, places: &Places) {
        let wanted = wanted(&self.resolution, places);
        let survey = survey(&wanted, places, (true, None)).expect("it can be read");
        let work = diff(&wanted, survey, places);
        if work.is_empty() {
            return;
        }
        let jobs: Vec<(usize, &StoredPackage)> =
            work.build.iter().map(|slot| (*slot, &self.packages[wanted.slots[*slot].package.0 as usize])).collect();
        let checkout = CheckoutOptions { method: Method::Hardlink, verify: false };
        let places = places.clone();
        let builder = Builder::begin(Job { wanted: Arc::new(wanted), work, places, checkout, folder_commands: BTreeMap::new() }, None)
            .expect("it can begin");
        for (_, result) in builder.build_all(&self.store, &jobs, 2) {
            result.expect("built");
        }
        builder.finish().expect("finished");
    }
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn link_10_000_files(bencher: Bencher) {
    let fixture = Fixture::new(334);
    bencher.with_inputs(|| fixture.project()).bench_local_values(|(project, places)| {
        fixture.install(&places);
        project
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn find_nothing_to_do_in_1200_slots(bencher: Bencher) {
    let fixture = Fixture::new(1200);
    let (_project, places) = fixture.project();
    fixture.install(&places);
    bencher.bench_local(|| fixture.install(&places));
}
