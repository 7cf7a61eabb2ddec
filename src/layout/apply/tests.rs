//! Projects and stores on a real disk.

mod foreign;
mod interrupted;
mod landing;
mod sequences;
mod shared;

use super::{Builder, Job};
use crate::layout::LayoutError;
use crate::layout::Places;
use crate::layout::aside::Aside;
use crate::layout::diff::{Work, diff};
use crate::layout::finish::{Done, settle};
use crate::layout::plan::Wanted;
use crate::layout::survey::survey;
use crate::layout::testing::{self, Change, key, options, places, resolution};
use crate::package::facts::Facts;
use crate::package::path::RelPath;
use crate::resolve::graph::{PackageIndex, Resolution};
use crate::store::{CheckoutError, CheckoutOptions, Identity, Method, Mode, Store, StoredPackage};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// A project and a store in a folder that goes with them.
struct Sandbox {
    folder: PathBuf,
    guard: Option<TempDir>,
    store: Store,
    places: Places,
    change: Change,
    /// Whether the record is believed.
    trust: bool,
}

impl Sandbox {
    fn new() -> Sandbox {
        let guard = tempfile::tempdir().expect("a temporary folder");
        let mut sandbox = Sandbox::at(guard.path());
        sandbox.guard = Some(guard);
        sandbox
    }

    /// What is in a folder already, or is made there.
    fn at(folder: &Path) -> Sandbox {
        let store = Store::open(&folder.join("store"), Mode::ReadWrite).expect("a store");
        let root = folder.join("project");
        fs::create_dir_all(&root).expect("a project");
        Sandbox { places: places(&root), store, folder: folder.to_owned(), guard: None, change: Change::default(), trust: true }
    }

    fn with_shared_slots() -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.places.shared = Some(sandbox.folder.join("store/slots").to_str().expect("text").to_owned());
        sandbox
    }

    /// Another project beside the first, with the same store.
    fn move_to(&mut self, project: &str) {
        self.places.root = self.folder.join(project);
        fs::create_dir_all(&self.places.root).expect("a project");
    }

    fn path(&self, below: &str) -> PathBuf {
        self.places.root.join(below)
    }

    fn plan(&self, resolution: &Resolution) -> (Wanted, Work) {
        let wanted = testing::wanted(resolution, &options(), &self.places, &self.change);
        let survey = survey(&wanted, &self.places, (self.trust, None)).expect("the project can be read");
        let work = diff(&wanted, survey, &self.places);
        (wanted, work)
    }

    fn begin(&self, resolution: &Resolution) -> Builder {
        self.begin_with(resolution, None)
    }

    /// Begins where packages have landed already.
    fn begin_with(&self, resolution: &Resolution, aside: Option<Arc<Aside>>) -> Builder {
        let (wanted, work) = self.plan(resolution);
        let checkout = CheckoutOptions { method: Method::Hardlink, verify: false };
        let places = self.places.clone();
        Builder::begin(Job { wanted: Arc::new(wanted), work, places, checkout, folder_commands: BTreeMap::new() }, aside)
            .expect("it can begin")
    }

    fn packages(&self, builder: &Builder, resolution: &Resolution) -> Vec<(usize, StoredPackage)> {
        let package = |slot: &usize| {
            let package = resolution.package(builder.wanted().slots[*slot].package);
            (*slot, self.stored(&package.id, package.name.as_str(), &package.version))
        };
        builder.work().build.iter().map(package).collect()
    }

    fn install(&self, text: &str) -> Done {
        let resolution = resolution(text);
        let builder = self.begin(&resolution);
        let packages = self.packages(&builder, &resolution);
        let packages: Vec<(usize, &StoredPackage)> = packages.iter().map(|(slot, package)| (*slot, package)).collect();
        for (_, result) in builder.build_all(&self.store, &packages, 2) {
            result.expect("the package is in the store");
        }
        builder.finish().expect("it can finish")
    }

    /// The package in the store, put there first if need be. One called `tool…` has a command of that name, one called
    /// `broken` has a command without a file.
    fn stored(&self, id: &str, name: &str, version: &str) -> StoredPackage {
        if let Some(found) = self.store.lookup(&[key(id)]).expect("the store can be read").remove(0) {
            return found;
        }
        let path = |text: &str| RelPath::parse(text).expect("a path");
        let mut import = self.store.import().expect("the store can be written");
        import.file(&path("index.js"), false, id.as_bytes()).expect("written");
        import.file(&path("lib/deep/a.js"), false, b"shared").expect("written");
        let mut facts = Facts::default();
        if name.starts_with("tool") {
            import.file(&path("cli.js"), true, b"#!/bin/sh\necho ran").expect("written");
            facts.bins.push(("tool".to_owned(), path("cli.js")));
        }
        if name == "broken" {
            facts.bins.push(("broken".to_owned(), path("missing.js")));
        }
        let identity = Identity { key: key(id), name: testing::name(name), version: version.to_owned() };
        let stored = import.finish(identity, facts).expect("finished");
        self.store.commit(std::slice::from_ref(&stored)).expect("committed");
        stored
    }
}

/// Every entry below a folder, without following links: `path`, `path/` or `path -> text`, and what tells whether it
/// was touched.
fn entries(folder: &Path) -> BTreeMap<String, (u64, i64)> {
    fn walk(base: &Path, folder: &Path, all: &mut BTreeMap<String, (u64, i64)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let found = path.symlink_metadata().expect("it is there");
            let shown = path.strip_prefix(base).expect("below").display().to_string();
            if found.is_dir() {
                all.insert(format!("{shown}/"), (found.ino(), 0));
                walk(base, &path, all);
            } else if found.is_symlink() {
                let text = fs::read_link(&path).expect("a link");
                all.insert(format!("{shown} -> {}", text.display()), (found.ino(), found.mtime_nsec()));
            } else {
                all.insert(shown, (found.ino(), found.mtime_nsec()));
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(folder, folder, &mut all);
    all
}

/// The same as text, less what is in packages and the record.
fn tree(folder: &Path) -> String {
    let dull =
        |line: &str| line.ends_with("index.js") || line.contains("/lib/") || line.ends_with("/tree") || line.ends_with("node_modules/");
    entries(folder).into_keys().filter(|line| !dull(line)).map(|line| line + "\n").collect()
}

/// What differs between two states, less the record.
fn changes(before: &BTreeMap<String, (u64, i64)>, after: &BTreeMap<String, (u64, i64)>) -> String {
    let changed = |one: &BTreeMap<String, (u64, i64)>, other: &BTreeMap<String, (u64, i64)>, sign: char| {
        let differs = |(line, seen): &(&String, &(u64, i64))| other.get(*line) != Some(seen) && !line.ends_with("/tree");
        one.iter().filter(differs).map(|(line, _)| format!("{sign} {line}\n")).collect::<String>()
    };
    changed(before, after, '-') + &changed(after, before, '+')
}

fn no_dangling_links(folder: &Path) {
    for line in entries(folder).into_keys().filter(|line| line.contains(" -> ")) {
        let place = line.split(" -> ").next().expect("a place");
        assert!(folder.join(place).exists(), "{line} leads nowhere");
    }
}

#[test]
fn a_new_project_is_built_whole() {
    let sandbox = Sandbox::new();
    let done = sandbox.install(
        ". : a=@s/a@1.0.0 tool
         packages/app : b=b@1.0.0(c@1.0.0) app=link:packages/app
         @s/a@1.0.0 : tool b=b@1.0.0(c@1.0.0)
         b@1.0.0(c@1.0.0) : c a=@s/a@1.0.0
         c@1.0.0 :
         tool@1.0.0 :",
    );
    assert_eq!((done.built, done.kept, done.removed, done.warnings.len()), (4, 0, 0, 0));
    insta::assert_snapshot!(tree(&sandbox.places.root), @"
    node_modules/.bin/
    node_modules/.bin/tool -> ../tool/cli.js
    node_modules/.deka/
    node_modules/.deka/@s+a@1.0.0/
    node_modules/.deka/@s+a@1.0.0/node_modules/.bin/
    node_modules/.deka/@s+a@1.0.0/node_modules/.bin/tool -> ../tool/cli.js
    node_modules/.deka/@s+a@1.0.0/node_modules/@s/
    node_modules/.deka/@s+a@1.0.0/node_modules/@s/a/
    node_modules/.deka/@s+a@1.0.0/node_modules/b -> ../../b@1.0.0_c@1.0.0/node_modules/b
    node_modules/.deka/@s+a@1.0.0/node_modules/tool -> ../../tool@1.0.0/node_modules/tool
    node_modules/.deka/b@1.0.0_c@1.0.0/
    node_modules/.deka/b@1.0.0_c@1.0.0/node_modules/a -> ../../@s+a@1.0.0/node_modules/@s/a
    node_modules/.deka/b@1.0.0_c@1.0.0/node_modules/b/
    node_modules/.deka/b@1.0.0_c@1.0.0/node_modules/c -> ../../c@1.0.0/node_modules/c
    node_modules/.deka/c@1.0.0/
    node_modules/.deka/c@1.0.0/node_modules/c/
    node_modules/.deka/node_modules/app -> ../../../packages/app
    node_modules/.deka/node_modules/b -> ../b@1.0.0_c@1.0.0/node_modules/b
    node_modules/.deka/node_modules/c -> ../c@1.0.0/node_modules/c
    node_modules/.deka/tool@1.0.0/
    node_modules/.deka/tool@1.0.0/node_modules/tool/
    node_modules/.deka/tool@1.0.0/node_modules/tool/cli.js
    node_modules/a -> .deka/@s+a@1.0.0/node_modules/@s/a
    node_modules/tool -> .deka/tool@1.0.0/node_modules/tool
    packages/
    packages/app/
    packages/app/node_modules/app -> ..
    packages/app/node_modules/b -> ../../../node_modules/.deka/b@1.0.0_c@1.0.0/node_modules/b
    ");
    no_dangling_links(&sandbox.places.root);
    let tool = sandbox.path("node_modules/.bin/tool");
    assert_eq!(fs::metadata(&tool).expect("it is there").permissions().mode() & 0o111, 0o111);
    let ran = Command::new(tool).output().expect("it runs");
    assert_eq!(ran.stdout, b"ran\n");
}

#[test]
fn a_second_install_has_nothing_to_do() {
    let sandbox = Sandbox::new();
    let text = ". : tool\n tool@1.0.0 : a\n a@1.0.0 : tool";
    sandbox.install(text);
    let (_, work) = sandbox.plan(&resolution(text));
    assert!(work.is_empty(), "{work:?}");
    let before = entries(&sandbox.places.root);
    let done = sandbox.install(text);
    assert_eq!((done.built, done.kept, done.linked), (0, 2, 0));
    assert_eq!(changes(&before, &entries(&sandbox.places.root)), "");
}

#[test]
fn only_what_changed_is_touched() {
    let sandbox = Sandbox::new();
    sandbox.install(
        ". : a tool @s/gone
         a@1.0.0 : b=b@1.0.0 tool
         b@1.0.0 :
         tool@1.0.0 :
         @s/gone@1.0.0 : only-gone
         only-gone@1.0.0 :",
    );
    let before = entries(&sandbox.places.root);
    let done = sandbox.install(
        ". : a toolbox
         a@1.0.0 : b=b@1.1.0 toolbox
         b@1.1.0 :
         toolbox@1.0.0 :",
    );
    assert_eq!((done.built, done.kept, done.removed), (2, 1, 4));
    insta::assert_snapshot!(changes(&before, &entries(&sandbox.places.root)), @"
    - node_modules/.bin/tool -> ../tool/cli.js
    - node_modules/.deka/@s+gone@1.0.0/
    - node_modules/.deka/@s+gone@1.0.0/node_modules/
    - node_modules/.deka/@s+gone@1.0.0/node_modules/@s/
    - node_modules/.deka/@s+gone@1.0.0/node_modules/@s/gone/
    - node_modules/.deka/@s+gone@1.0.0/node_modules/@s/gone/index.js
    - node_modules/.deka/@s+gone@1.0.0/node_modules/@s/gone/lib/
    - node_modules/.deka/@s+gone@1.0.0/node_modules/@s/gone/lib/deep/
    - node_modules/.deka/@s+gone@1.0.0/node_modules/@s/gone/lib/deep/a.js
    - node_modules/.deka/@s+gone@1.0.0/node_modules/only-gone -> ../../only-gone@1.0.0/node_modules/only-gone
    - node_modules/.deka/a@1.0.0/node_modules/.bin/tool -> ../tool/cli.js
    - node_modules/.deka/a@1.0.0/node_modules/b -> ../../b@1.0.0/node_modules/b
    - node_modules/.deka/a@1.0.0/node_modules/tool -> ../../tool@1.0.0/node_modules/tool
    - node_modules/.deka/b@1.0.0/
    - node_modules/.deka/b@1.0.0/node_modules/
    - node_modules/.deka/b@1.0.0/node_modules/b/
    - node_modules/.deka/b@1.0.0/node_modules/b/index.js
    - node_modules/.deka/b@1.0.0/node_modules/b/lib/
    - node_modules/.deka/b@1.0.0/node_modules/b/lib/deep/
    - node_modules/.deka/b@1.0.0/node_modules/b/lib/deep/a.js
    - node_modules/.deka/node_modules/b -> ../b@1.0.0/node_modules/b
    - node_modules/.deka/node_modules/only-gone -> ../only-gone@1.0.0/node_modules/only-gone
    - node_modules/.deka/only-gone@1.0.0/
    - node_modules/.deka/only-gone@1.0.0/node_modules/
    - node_modules/.deka/only-gone@1.0.0/node_modules/only-gone/
    - node_modules/.deka/only-gone@1.0.0/node_modules/only-gone/index.js
    - node_modules/.deka/only-gone@1.0.0/node_modules/only-gone/lib/
    - node_modules/.deka/only-gone@1.0.0/node_modules/only-gone/lib/deep/
    - node_modules/.deka/only-gone@1.0.0/node_modules/only-gone/lib/deep/a.js
    - node_modules/.deka/tool@1.0.0/
    - node_modules/.deka/tool@1.0.0/node_modules/
    - node_modules/.deka/tool@1.0.0/node_modules/tool/
    - node_modules/.deka/tool@1.0.0/node_modules/tool/cli.js
    - node_modules/.deka/tool@1.0.0/node_modules/tool/index.js
    - node_modules/.deka/tool@1.0.0/node_modules/tool/lib/
    - node_modules/.deka/tool@1.0.0/node_modules/tool/lib/deep/
    - node_modules/.deka/tool@1.0.0/node_modules/tool/lib/deep/a.js
    - node_modules/@s/
    - node_modules/@s/gone -> ../.deka/@s+gone@1.0.0/node_modules/@s/gone
    - node_modules/tool -> .deka/tool@1.0.0/node_modules/tool
    + node_modules/.bin/tool -> ../toolbox/cli.js
    + node_modules/.deka/a@1.0.0/node_modules/.bin/tool -> ../toolbox/cli.js
    + node_modules/.deka/a@1.0.0/node_modules/b -> ../../b@1.1.0/node_modules/b
    + node_modules/.deka/a@1.0.0/node_modules/toolbox -> ../../toolbox@1.0.0/node_modules/toolbox
    + node_modules/.deka/b@1.1.0/
    + node_modules/.deka/b@1.1.0/node_modules/
    + node_modules/.deka/b@1.1.0/node_modules/b/
    + node_modules/.deka/b@1.1.0/node_modules/b/index.js
    + node_modules/.deka/b@1.1.0/node_modules/b/lib/
    + node_modules/.deka/b@1.1.0/node_modules/b/lib/deep/
    + node_modules/.deka/b@1.1.0/node_modules/b/lib/deep/a.js
    + node_modules/.deka/node_modules/b -> ../b@1.1.0/node_modules/b
    + node_modules/.deka/toolbox@1.0.0/
    + node_modules/.deka/toolbox@1.0.0/node_modules/
    + node_modules/.deka/toolbox@1.0.0/node_modules/toolbox/
    + node_modules/.deka/toolbox@1.0.0/node_modules/toolbox/cli.js
    + node_modules/.deka/toolbox@1.0.0/node_modules/toolbox/index.js
    + node_modules/.deka/toolbox@1.0.0/node_modules/toolbox/lib/
    + node_modules/.deka/toolbox@1.0.0/node_modules/toolbox/lib/deep/
    + node_modules/.deka/toolbox@1.0.0/node_modules/toolbox/lib/deep/a.js
    + node_modules/toolbox -> .deka/toolbox@1.0.0/node_modules/toolbox
    ");
    no_dangling_links(&sandbox.places.root);
}

#[test]
fn a_package_that_may_run_scripts_gets_files_of_its_own() {
    let mut sandbox = Sandbox::new();
    let text = ". : a tool\n a@1.0.0 :\n tool@1.0.0 :";
    sandbox.install(text);
    let links = |sandbox: &Sandbox, file: &str| fs::metadata(sandbox.path(file)).expect("it is there").nlink();
    assert!(links(&sandbox, "node_modules/tool/cli.js") > 1);
    sandbox.change.private.insert(PackageIndex(1));
    let done = sandbox.install(text);
    assert_eq!((done.built, done.kept), (1, 1));
    assert_eq!(links(&sandbox, "node_modules/tool/cli.js"), 1);
    assert!(links(&sandbox, "node_modules/a/index.js") > 1);
    assert!(sandbox.path("node_modules/.deka/tool@1.0.0/node_modules/.bin/tool").exists());
}

#[test]
fn a_slot_whose_scripts_did_not_run_is_built_again() {
    let mut sandbox = Sandbox::new();
    sandbox.change.private.insert(PackageIndex(0));
    let text = ". : a b\n a@1.0.0 :\n b@1.0.0 :";
    for _ in 0..2 {
        let done = sandbox.install(text);
        assert_eq!(done.unsettled, [0]);
    }
    settle(&sandbox.places).expect("the record can be written");
    assert!(sandbox.plan(&resolution(text)).1.is_empty());
}

#[test]
fn what_was_removed_by_hand_comes_back() {
    let sandbox = Sandbox::new();
    let text = ". : a tool @s/b\n a@1.0.0 : c\n c@1.0.0 :\n tool@1.0.0 :\n @s/b@1.0.0 :";
    sandbox.install(text);
    let wanted = tree(&sandbox.places.root);
    for place in [
        "node_modules/a",
        "node_modules/@s",
        "node_modules/.bin",
        "node_modules/.bin/tool",
        "node_modules/.deka/c@1.0.0",
        "node_modules/.deka/a@1.0.0/node_modules/a",
        "node_modules/.deka/node_modules",
        "node_modules/.deka",
    ] {
        crate::fs::remove_all(&sandbox.path(place)).expect("removed");
        sandbox.install(text);
        assert_eq!(tree(&sandbox.places.root), wanted, "{place}");
    }
}

#[test]
fn commands_that_clash_or_lack_their_file_are_told_of() {
    let sandbox = Sandbox::new();
    let done = sandbox.install(". : broken toolbox tool\n broken@1.0.0 :\n tool@1.0.0 :\n toolbox@1.0.0 :");
    let told: Vec<String> = done.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`tool` and `toolbox` both have a command `tool`; node_modules/.bin has that of `tool`",
            "`broken` has a command `broken`, but not its file missing.js",
        ]
    );
    assert_eq!(fs::read_link(sandbox.path("node_modules/.bin/tool")).expect("a link"), Path::new("../tool/cli.js"));
    assert!(!sandbox.path("node_modules/.bin/broken").is_symlink());
}

#[test]
fn a_package_that_is_missing_ends_the_install_before_anything_is_linked() {
    let sandbox = Sandbox::new();
    sandbox.install(". : a\n a@1.0.0 :");
    let before = tree(&sandbox.places.root);
    let builder = sandbox.begin(&resolution(". : b\n b@1.0.0 :"));
    assert!(matches!(builder.finish(), Err(LayoutError::Unbuilt { slot }) if slot == "b@1.0.0"));
    assert!(tree(&sandbox.places.root).starts_with(&before[..20]));
    assert!(sandbox.path("node_modules/a/index.js").exists());
}

#[test]
fn a_damaged_object_is_an_error_that_can_be_mended() {
    let sandbox = Sandbox::new();
    let resolution = resolution(". : a\n a@1.0.0 :");
    let stored = sandbox.stored("a@1.0.0", "a", "1.0.0");
    let entry = stored.tree.entries().find(|entry| entry.path == "index.js").expect("it is there");
    let hex = entry.object.to_string();
    let object = sandbox.store.root().join("objects").join(&hex[..2]).join(&hex[2..]);
    fs::remove_file(object).expect("removed");
    let builder = sandbox.begin(&resolution);
    let failed = builder.build(0, &sandbox.store, &stored);
    assert!(matches!(failed, Err(LayoutError::Checkout(CheckoutError::Damaged { .. }))), "{failed:?}");
    let mut import = sandbox.store.import().expect("the store can be written");
    import.file(&RelPath::parse("index.js").expect("a path"), false, b"a@1.0.0").expect("written");
    let identity = Identity { key: key("a@1.0.0"), name: testing::name("a"), version: "1.0.0".to_owned() };
    let again = import.finish(identity, Facts::default()).expect("finished");
    builder.build(0, &sandbox.store, &again).expect("mended");
    builder.finish().expect("finished");
    assert_eq!(fs::read(sandbox.path("node_modules/a/index.js")).expect("it is there"), b"a@1.0.0");
}
