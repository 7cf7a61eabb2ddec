//! Loads are carried out the same way whatever a thread reaches the objects by.

use super::*;
use crate::store::{Loads, Looked, Surprise};
use std::fs::File;
use std::os::fd::AsFd;

/// Carries out the loads of a package in a new folder, with each object looked at.
fn put(store: &Store, package: &StoredPackage, into: &Path, is_alone: bool) -> Result<(), Surprise> {
    put_beside(store, package, into, is_alone, &mut Looked::default())
}

/// The same beside other loads, which look at some of the objects.
fn put_beside(store: &Store, package: &StoredPackage, into: &Path, is_alone: bool, looked: &mut Looked) -> Result<(), Surprise> {
    std::fs::create_dir(into).expect("a new folder");
    let folder = File::open(into).expect("a folder");
    let loads = Loads::of(package, 3, looked).expect("paths that can be written down");
    let mut reach = store.reach(is_alone);
    std::iter::once(&loads.folders).chain(loads.files.iter().map(|(files, _)| files)).try_for_each(|load| reach.put(load, folder.as_fd()))
}

#[test]
fn near_and_far_folders_lead_to_the_same_objects() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    for is_alone in [false, true] {
        let into = place.target(&format!("alone-{is_alone}"));
        put(&store, &package, &into, is_alone).expect("a sound store");
        assert_eq!(content(&into), example_content());
    }
}

#[test]
fn an_object_that_was_touched_or_is_gone_is_a_surprise() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let object = object_path(&store, &package, "index.js");
    let attempt = |name: &str, is_alone| put(&store, &package, &place.target(&format!("{name}-{is_alone}")), is_alone);
    File::options().write(true).open(&object).and_then(|file| file.set_modified(std::time::UNIX_EPOCH)).expect("touched");
    for is_alone in [false, true] {
        assert!(matches!(attempt("touched", is_alone), Err(Surprise::Object(path)) if path == object));
    }
    // With all that stands beside it.
    std::fs::remove_dir_all(object.parent().expect("a folder")).expect("gone");
    for is_alone in [false, true] {
        assert!(matches!(attempt("gone", is_alone), Err(Surprise::Object(path)) if path == object));
    }
}

#[test]
fn an_object_is_looked_at_once_for_all_loads() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let mut looked = Looked::default();
    put_beside(&store, &package, &place.target("first"), true, &mut looked).expect("a sound store");
    put_beside(&store, &package, &place.target("second"), true, &mut looked).expect("a sound store");
    assert!(["first", "second"].iter().all(|name| content(&place.target(name)) == example_content()));
    let object = object_path(&store, &package, "index.js");
    File::options().write(true).open(&object).and_then(|file| file.set_modified(std::time::UNIX_EPOCH)).expect("touched");
    put_beside(&store, &package, &place.target("third"), true, &mut looked).expect("the first load would have seen it");
    assert!(matches!(put(&store, &package, &place.target("alone"), true), Err(Surprise::Object(path)) if path == object));
}
