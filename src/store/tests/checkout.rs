//! What is handed out is right.

use super::*;
use crate::store::{CheckoutError, Epoch, Wanted};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn damaged(result: Result<crate::store::Checkout, CheckoutError>) -> Vec<(String, bool)> {
    match result {
        Err(CheckoutError::Damaged { objects }) => objects.into_iter().map(|object| (object.path, object.missing)).collect(),
        other => panic!("not damaged: {other:?}"),
    }
}

#[test]
fn every_method_gives_the_same_files() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    for (method, shares) in [(Method::Hardlink, true), (Method::Copy, false), (Method::Reflink, false)] {
        let into = place.target(&format!("{method:?}"));
        let done = store.checkout(&package, &into, CheckoutOptions { method, verify: true }).expect("a sound store");
        assert_eq!(content(&into), example_content(), "{method:?}");
        assert!(done.learnt.is_none());
        let inode = |path: &Path| std::fs::metadata(path).expect("a file").ino();
        assert_eq!(inode(&into.join("index.js")) == inode(&object_path(&store, &package, "index.js")), shares);
    }
}

#[test]
fn copies_of_every_size_are_whole() {
    let place = Place::new();
    let store = place.store();
    let sizes = [0, 1, 4096, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3 << 20];
    // Many in one folder, and some below it: then the folder is opened for them.
    let names: Vec<String> = (0..4 * sizes.len()).map(|index| format!("{}{index}.txt", ["", "lib/deep/"][index % 2])).collect();
    let texts: Vec<String> = (0..names.len()).map(|index| format!("{index:09}\n").repeat(1 + sizes[index % sizes.len()] / 10)).collect();
    let files: Vec<(&str, bool, &str)> =
        (0..names.len()).map(|index| (&*names[index], index % 3 == 0, &texts[index][..sizes[index % sizes.len()]])).collect();
    let package = import(&store, "sizes", &files);
    let into = place.target("out");
    store.checkout(&package, &into, CheckoutOptions { method: Method::Copy, verify: false }).expect("a sound store");
    let found = content(&into);
    let mut wanted: Vec<_> = files.iter().map(|(name, executable, text)| ((*name).to_owned(), *executable, (*text).to_owned())).collect();
    wanted.sort();
    assert!(found == wanted, "another name, mode or text");
}

#[test]
fn a_package_without_files_is_an_empty_folder() {
    let place = Place::new();
    let store = place.store();
    let package = import(&store, "empty", &[]);
    store.checkout(&package, &place.target("empty"), LINK).expect("a sound store");
    assert!(place.target("empty").is_dir());
}

#[test]
fn folders_are_made_whatever_their_order() {
    let place = Place::new();
    let store = place.store();
    let files = ["a-b/x", "a/b-c/x", "a/b/c/d/x", "a/b/x", "a/b/z/x", "a/x", "b/c/x", "bb/x", "z"].map(|name| (name, false, name));
    let package = import(&store, "folders", &files);
    store.checkout(&package, &place.target("out"), LINK).expect("a sound store");
    assert_eq!(content(&place.target("out")).len(), files.len());
}

#[test]
fn a_changed_truncated_or_deleted_object_is_found_and_a_new_import_mends_it() {
    let place = Place::new();
    let store = place.store();
    add_example(&store);
    type Fault = fn(&Path);
    let faults: [(&str, bool, Fault); 4] = [
        ("same length, other time", false, |file| edit(file, b"module.exports = 9;\n")),
        ("truncated", false, |file| edit(file, b"")),
        ("deleted", true, |file| std::fs::remove_file(file).expect("a file")),
        ("replaced by a folder", false, |file| {
            std::fs::remove_file(file).expect("a file");
            std::fs::create_dir(file).expect("a folder");
        }),
    ];
    for (name, missing, fault) in faults {
        let package = find(&store, "example").expect("it was committed");
        fault(&object_path(&store, &package, "index.js"));
        let found = damaged(store.checkout(&package, &place.target(name), LINK));
        assert_eq!(found, [("index.js".to_owned(), missing)], "{name}");
        assert!(!place.target(name).join("index.js").exists(), "{name}: nothing wrong was handed out");
        add_example(&store);
        let package = find(&store, "example").expect("it was committed");
        store.checkout(&package, &place.target(&format!("{name}, mended")), LINK).expect("the import mended it");
        assert_eq!(content(&place.target(&format!("{name}, mended"))), example_content(), "{name}");
    }
}

#[test]
fn an_edit_that_keeps_length_inode_and_time_is_found_only_by_hashing() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let object = object_path(&store, &package, "index.js");
    let time = std::fs::metadata(&object).and_then(|found| found.modified()).expect("an object");
    std::fs::write(&object, "module.exports = 9;\n").expect("an object");
    set_time(&object, time);
    store.checkout(&package, &place.target("unseen"), LINK).expect("a stat shows nothing");
    let found = damaged(store.checkout(&package, &place.target("seen"), CheckoutOptions { verify: true, ..LINK }));
    assert_eq!(found, [("index.js".to_owned(), false)]);
}

#[test]
fn an_object_that_was_only_touched_is_hashed_once() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let object = object_path(&store, &package, "index.js");
    set_time(&object, std::time::SystemTime::UNIX_EPOCH);
    let learnt = store.checkout(&package, &place.target("one"), LINK).expect("right bytes").learnt.expect("a new mark");
    store.commit_marks(&[learnt]).expect("room");
    let package = find(&store, "example").expect("it was committed");
    assert!(store.checkout(&package, &place.target("two"), LINK).expect("right bytes").learnt.is_none());
}

#[test]
fn a_wrong_mode_is_mended_and_does_not_reach_the_project() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let object = object_path(&store, &package, "bin/run");
    std::fs::set_permissions(&object, std::fs::Permissions::from_mode(0o644)).expect("an object");
    assert!(store.checkout(&package, &place.target("out"), LINK).expect("right bytes").learnt.is_some());
    assert_eq!(content(&place.target("out")), example_content());
}

#[test]
fn objects_of_an_earlier_boot_are_hashed_once() {
    let place = Place::new();
    add_example(&place.store());
    let store = place.store_in_boot("second");
    let package = find(&store, "example").expect("it was committed");
    let learnt = store.checkout(&package, &place.target("one"), LINK).expect("right bytes").learnt.expect("they were hashed");
    store.commit_marks(&[learnt]).expect("room");
    drop(store);
    let store = place.store_in_boot("third");
    let package = find(&store, "example").expect("it was committed");
    assert_eq!(package.epoch, Epoch::DURABLE);
    assert!(store.checkout(&package, &place.target("two"), LINK).expect("right bytes").learnt.is_none());
}

#[test]
fn after_an_unclean_boot_the_stat_is_not_believed() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let object = object_path(&store, &package, "index.js");
    drop(store);
    let time = std::fs::metadata(&object).and_then(|found| found.modified()).expect("an object");
    std::fs::write(&object, "\0".repeat(20)).expect("an object");
    set_time(&object, time);
    let store = place.store_in_boot("second");
    let package = find(&store, "example").expect("it was committed");
    assert_eq!(damaged(store.checkout(&package, &place.target("out"), LINK)), [("index.js".to_owned(), false)]);
}

#[test]
fn a_store_that_was_copied_is_hashed_once_and_then_trusted() {
    let place = Place::new();
    add_example(&place.store());
    let copy = place.target("copy");
    let status = std::process::Command::new("cp").arg("-r").arg(place.store_path()).arg(&copy).status().expect("cp");
    assert!(status.success());
    let store = Store::open_in_boot(&copy, Mode::ReadWrite, Some("first".to_owned())).expect("a store");
    let package = find(&store, "example").expect("it was copied");
    let learnt = store.checkout(&package, &place.target("one"), LINK).expect("right bytes").learnt.expect("new inodes");
    store.commit_marks(&[learnt]).expect("room");
    let package = find(&store, "example").expect("it was copied");
    assert!(store.checkout(&package, &place.target("two"), LINK).expect("right bytes").learnt.is_none());
}

#[test]
fn the_whole_object_folder_may_go() {
    let place = Place::new();
    add_example(&place.store());
    std::fs::remove_dir_all(place.store_path().join("objects")).expect("a folder");
    let store = place.store();
    let package = find(&store, "example").expect("the index has it");
    assert_eq!(damaged(store.checkout(&package, &place.target("one"), LINK)).len(), FILES.len());
    let package = add_example(&store);
    store.checkout(&package, &place.target("two"), LINK).expect("it is back");
}

#[test]
fn targets_of_commands_become_executable() {
    let place = Place::new();
    let store = place.store();
    let mut import = store.import().expect("a store that can be written");
    import.file(&path("cli.js"), false, b"#!").expect("room");
    import.file(&path("copy.js"), false, b"#!").expect("room");
    assert_eq!(import.paths().count(), 2);
    assert!(import.make_executable(&path("cli.js")).expect("room"));
    assert!(!import.make_executable(&path("absent.js")).expect("nothing to do"));
    let identity = Identity { key: key("cli"), name: PackageName::parse("cli").expect("a name"), version: "1.0.0".to_owned() };
    let package = import.finish(identity, Facts::default()).expect("no clash");
    store.checkout(&package, &place.target("out"), LINK).expect("a sound store");
    let wanted = [("cli.js".to_owned(), true, "#!".to_owned()), ("copy.js".to_owned(), false, "#!".to_owned())];
    assert_eq!(content(&place.target("out")), wanted);
}

#[test]
fn a_stream_is_one_object_with_the_same_bytes_at_hand() {
    let place = Place::new();
    let store = place.store();
    let bytes = vec![b'x'; 1_000_000];
    let mut import = store.import().expect("a store that can be written");
    import.stream(&path("big"), false, 1_000_000, &mut &*bytes).expect("room");
    import.file(&path("same"), false, &bytes).expect("room");
    let identity = || Identity { key: key("big"), name: PackageName::parse("big").expect("a name"), version: "1.0.0".to_owned() };
    let package = import.finish(identity(), Facts::default()).expect("no clash");
    assert!(
        package.marks.get(0) == package.marks.get(1)
            && package.tree.entries().all(|entry| entry.object == super::super::ObjectId::of(&bytes))
    );
    for wrong in [999_999, 1_000_001] {
        let mut import = store.import().expect("a store that can be written");
        let error = import.stream(&path("big"), false, wrong, &mut &*bytes).expect_err("the wrong length");
        assert!(matches!(error, StoreError::Source { .. }), "{error}");
    }
}

#[test]
fn clashing_files_are_an_error() {
    let place = Place::new();
    let store = place.store();
    let mut import = store.import().expect("a store that can be written");
    import.file(&path("a/b"), false, b"").expect("room");
    import.file(&path("a"), false, b"").expect("room");
    let identity = Identity { key: key("clash"), name: PackageName::parse("clash").expect("a name"), version: "1.0.0".to_owned() };
    assert!(matches!(import.finish(identity, Facts::default()), Err(StoreError::Clash { .. })));
}

#[test]
fn a_probe_says_what_works_and_leaves_nothing() {
    let place = Place::new();
    let store = place.store();
    let project = place.target("project");
    std::fs::create_dir(&project).expect("a folder");
    assert_eq!(store.probe(&project, Wanted::Copy).expect("a folder"), Method::Copy);
    assert_eq!(store.probe(&project, Wanted::Hardlink).expect("a folder"), Method::Hardlink);
    assert_ne!(store.probe(&project, Wanted::Auto).expect("a folder"), Method::Copy);
    assert_eq!(std::fs::read_dir(&project).expect("a folder").count(), 0);
    assert!(store.probe(&place.target("absent"), Wanted::Auto).is_err());
}

/// Needs two file systems; where the machine has only one there is nothing to see.
#[test]
fn another_file_system_gets_copies() {
    let place = Place::new();
    let shared = Path::new("/dev/shm");
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    let Ok(elsewhere) = tempfile::tempdir_in(shared) else {
        return;
    };
    if device(elsewhere.path()) == device(place.folder.path()) {
        return;
    }
    let store = place.store();
    let package = add_example(&store);
    assert_eq!(store.probe(elsewhere.path(), Wanted::Auto).expect("a folder"), Method::Copy);
    let into = elsewhere.path().join("out");
    assert!(store.checkout(&package, &into, LINK).expect("copies").copied_instead);
    assert_eq!(content(&into), example_content());
}

/// ext4 allows 65,000 links to a file; on other file systems there is nothing to see.
#[test]
fn an_object_with_all_the_links_it_can_have_gets_a_new_inode() {
    const EXT4: u32 = 0xef53;
    let place = Place::new();
    if rustix::fs::statfs(place.folder.path()).map(|found| found.f_type as u32) != Ok(EXT4) {
        return;
    }
    let store = place.store();
    let package = add_example(&store);
    let object = object_path(&store, &package, "index.js");
    let links = place.target("links");
    std::fs::create_dir(&links).expect("a folder");
    while let Ok(()) = std::fs::hard_link(&object, links.join(crate::fs::unique_suffix())) {}
    let full = std::fs::metadata(&object).expect("an object");
    let learnt = store.checkout(&package, &place.target("one"), LINK).expect("a new inode").learnt.expect("a new mark");
    assert_eq!(content(&place.target("one")), example_content());
    assert_ne!(std::fs::metadata(&object).expect("an object").ino(), full.ino());
    store.commit_marks(&[learnt]).expect("room");
    let package = find(&store, "example").expect("it was committed");
    assert!(store.checkout(&package, &place.target("two"), LINK).expect("a sound store").learnt.is_none());
}
