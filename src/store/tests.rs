//! The store as its users see it. Each test has a store of its own in a temporary folder.

mod checkout;
mod document;
mod gc;
mod index;
mod landing;
mod many;
mod packs;
mod reach;

use super::{CheckoutOptions, Identity, Method, Mode, PackageKey, Store, StoreError, StoredPackage};
use crate::package::facts::Facts;
use crate::package::name::PackageName;
use crate::package::path::RelPath;
use std::path::{Path, PathBuf};

/// The files of the package that most tests use.
const FILES: [(&str, bool, &str); 4] = [
    ("bin/run", true, "#!/usr/bin/env node\n"),
    ("index.js", false, "module.exports = 1;\n"),
    ("lib/a/b.js", false, "module.exports = 2;\n"),
    ("package.json", false, "{\"name\":\"example\"}"),
];

const LINK: CheckoutOptions = CheckoutOptions { method: Method::Hardlink, verify: false };
const COPY: CheckoutOptions = CheckoutOptions { method: Method::Copy, verify: false };

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn store_path(&self) -> PathBuf {
        self.folder.path().join("store/v1")
    }

    fn store(&self) -> Store {
        self.store_in_boot("first")
    }

    fn store_in_boot(&self, boot: &str) -> Store {
        self.try_store(boot, Mode::ReadWrite).expect("a store that opens")
    }

    fn try_store(&self, boot: &str, mode: Mode) -> Result<Store, StoreError> {
        Store::open_in_boot(&self.store_path(), mode, Some(boot.to_owned()))
    }

    fn target(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn key(name: &str) -> PackageKey {
    PackageKey::of_source(format!("test:{name}"))
}

fn path(text: &str) -> RelPath {
    RelPath::parse(text).expect("a path")
}

fn import(store: &Store, name: &str, files: &[(&str, bool, &str)]) -> StoredPackage {
    let mut import = store.import().expect("a store that can be written");
    for (name, executable, content) in files {
        import.file(&path(name), *executable, content.as_bytes()).expect("room");
    }
    let facts = Facts { name: name.to_owned(), bins: vec![("run".to_owned(), path("bin/run"))], ..Facts::default() };
    let name_in_full = PackageName::parse(name).expect("a name");
    let identity = Identity { key: key(name), name: name_in_full, version: "1.0.0".to_owned() };
    import.finish(identity, facts).expect("no clash")
}

/// Imports the package that most tests use, and makes it known.
fn add_example(store: &Store) -> StoredPackage {
    let package = import(store, "example", &FILES);
    store.commit(std::slice::from_ref(&package)).expect("room");
    package
}

fn find(store: &Store, name: &str) -> Option<StoredPackage> {
    store.lookup(&[key(name)]).expect("an index that answers").remove(0)
}

fn object_path(store: &Store, package: &StoredPackage, file: &str) -> PathBuf {
    let entry = package.tree.entries().find(|entry| entry.path == file).expect("a file of the package");
    store.objects.path_of(&super::object::ObjectPath::new(&entry.object, entry.executable))
}

/// Says what stands in a folder: path, mode and content of each file, sorted.
fn content(folder: &Path) -> Vec<(String, bool, String)> {
    use std::os::unix::fs::PermissionsExt;
    let mut files: Vec<_> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|found| found.expect("a folder that can be read"))
        .filter(|found| !found.file_type().is_dir())
        .map(|found| {
            let name = found.path().strip_prefix(folder).expect("below it").to_string_lossy().into_owned();
            let executable = found.metadata().expect("a file").permissions().mode() & 0o100 != 0;
            (name, executable, std::fs::read_to_string(found.path()).expect("text"))
        })
        .collect();
    files.sort();
    files
}

fn example_content() -> Vec<(String, bool, String)> {
    FILES.iter().map(|(name, executable, content)| ((*name).to_owned(), *executable, (*content).to_owned())).collect()
}

/// Changes the content of a file and sees to it that its time differs from before.
fn edit(file: &Path, content: &[u8]) {
    let before = std::fs::metadata(file).and_then(|found| found.modified()).expect("a file");
    std::fs::write(file, content).expect("a file that can be written");
    set_time(file, before + std::time::Duration::from_secs(1));
}

fn set_time(file: &Path, time: std::time::SystemTime) {
    let file = std::fs::File::options().write(true).open(file).expect("a file that can be written");
    file.set_modified(time).expect("a file of ours");
}
