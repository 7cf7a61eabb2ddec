//! A folder that is filled on the way into the store is what a checkout would have made.

use super::*;
use crate::store::{Landing, ObjectId, Target};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

/// Imports files into a store and a folder; returns the package and whether it landed.
fn land(store: &Store, name: &str, files: &[(&str, bool, &str)], into: &PathBuf) -> (StoredPackage, bool) {
    let mut import = store.import().expect("a store that can be written");
    import.land(Landing::make(Target::from(into)).expect("a folder"));
    for (name, executable, content) in files {
        import.file(&path(name), *executable, content.as_bytes()).expect("room");
    }
    let landed = import.is_landed();
    let identity = Identity { key: key(name), name: PackageName::parse(name).expect("a name"), version: "1.0.0".to_owned() };
    (import.finish(identity, Facts::default()).expect("no clash"), landed)
}

/// Says that each file of a package in a folder is its object, and that nothing else is there.
fn assert_is_linked(store: &Store, package: &StoredPackage, folder: &Path) {
    assert_eq!(content(folder).len(), package.tree.len());
    for (entry, mark) in package.tree.entries().zip(package.marks.iter()) {
        let inode = |path: PathBuf| std::fs::metadata(path).expect("a file").ino();
        assert_eq!(inode(folder.join(entry.path)), inode(object_path(store, package, entry.path)), "{}", entry.path);
        assert_eq!(inode(folder.join(entry.path)), mark.inode, "{}", entry.path);
    }
}

#[test]
fn files_are_objects_from_the_start() {
    let place = Place::new();
    let store = place.store();
    let (package, landed) = land(&store, "example", &FILES, &place.target("out"));
    assert!(landed);
    assert_eq!(content(&place.target("out")), example_content());
    assert_is_linked(&store, &package, &place.target("out"));
    // What this process has put there, what another did, and what stands there with other bytes.
    for (name, store) in [("again", store), ("later", place.store())] {
        let (package, landed) = land(&store, "example", &FILES, &place.target(name));
        assert!(landed, "{name}");
        assert_is_linked(&store, &package, &place.target(name));
    }
}

#[test]
fn what_is_in_the_way_ends_the_landing_and_not_the_import() {
    let place = Place::new();
    let store = place.store();
    let twice = [("a", false, "1"), ("b", false, "2"), ("a", false, "3")];
    let (package, landed) = land(&store, "twice", &twice, &place.target("twice"));
    assert!(!landed);
    store.checkout(&package, &place.target("checked out"), LINK).expect("a sound store");
    assert_eq!(
        content(&place.target("checked out")),
        [("a", "3"), ("b", "2")].map(|(name, text)| (name.to_owned(), false, text.to_owned()))
    );

    let package = add_example(&store);
    let object = object_path(&store, &package, "index.js");
    drop(store);
    edit(&object, b"module.exports = 9;\n");
    let store = place.store();
    let (package, landed) = land(&store, "example", &FILES, &place.target("wrong"));
    assert!(!landed, "a wrong object stood there");
    store.checkout(&package, &place.target("right"), LINK).expect("the import has mended it");
    assert_eq!(content(&place.target("right")), example_content());
}

#[test]
fn an_object_that_was_touched_since_is_not_linked() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    edit(&object_path(&store, &package, "index.js"), b"module.exports = 9;\n");
    let (_, landed) = land(&store, "example", &FILES, &place.target("out"));
    assert!(!landed);
}

#[test]
fn streams_and_commands_land_too() {
    let place = Place::new();
    let store = place.store();
    let mut import = store.import().expect("a store that can be written");
    import.land(Landing::make(Target::from(&place.target("out"))).expect("a folder"));
    import.file(&path("bin/run"), false, b"#!/bin/sh\n").expect("room");
    import.stream(&path("lib/large"), false, 5, &mut &b"large"[..]).expect("room");
    assert!(import.make_executable(&path("bin/run")).expect("room"));
    assert!(import.is_landed());
    let identity = Identity { key: key("s"), name: PackageName::parse("s").expect("a name"), version: "1.0.0".to_owned() };
    let package = import.finish(identity, Facts::default()).expect("no clash");
    assert_is_linked(&store, &package, &place.target("out"));
    let expected = [("bin/run", true, "#!/bin/sh\n"), ("lib/large", false, "large")];
    assert_eq!(content(&place.target("out")), expected.map(|(name, executable, text)| (name.to_owned(), executable, text.to_owned())));
}

#[test]
fn many_threads_that_bring_the_same_files_all_land() {
    let place = Place::new();
    let store = place.store();
    let texts: Vec<(String, String)> = (0..200).map(|number| (format!("d{}/f{number}", number % 7), format!("text {number}"))).collect();
    let files: Vec<(&str, bool, &str)> = texts.iter().map(|(name, text)| (&**name, false, &**text)).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, files, into) = (&store, &files, place.target(&format!("out{thread}")));
            scope.spawn(move || {
                let (package, landed) = land(store, "many", files, &into);
                assert!(landed);
                assert_is_linked(store, &package, &into);
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_landing_is_what_a_checkout_makes(files in prop::collection::vec(("[ab]{1,2}(/[ab]{1,2}){0,3}", any::<bool>(), "[xy]{0,3}"), 1..40)) {
        let place = Place::new();
        let store = place.store();
        // A file cannot be a folder too.
        let all: BTreeMap<&str, (bool, &str)> = files.iter().map(|(path, executable, text)| (&**path, (*executable, &**text))).collect();
        let is_folder = |path: &str| all.keys().any(|other| other.starts_with(&format!("{path}/")));
        let files: Vec<_> = files.iter().map(|(path, executable, text)| (&**path, *executable, &**text)).filter(|file| !is_folder(file.0)).collect();
        let once = files.iter().map(|file| file.0).collect::<std::collections::BTreeSet<_>>().len() == files.len();
        let (package, landed) = land(&store, "some", &files, &place.target("landed"));
        prop_assert_eq!(landed, once);
        store.checkout(&package, &place.target("out"), LINK).expect("a sound store");
        if landed {
            prop_assert_eq!(content(&place.target("landed")), content(&place.target("out")));
            assert_is_linked(&store, &package, &place.target("landed"));
        }
        for entry in package.tree.entries() {
            let bytes = std::fs::read(place.target("out").join(entry.path)).expect("a file");
            prop_assert_eq!(ObjectId::of(&bytes), entry.object);
        }
    }
}
