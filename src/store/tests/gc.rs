//! Deleting, as seen from below: what a plan says, and what is left on the disk.

use super::*;
use crate::store::gc::{self, Limits, Need, Plan, Roots, Swept};
use crate::store::{Patience, Wait};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn alone(place: &Place) -> Store {
    Store::open_exclusive(&place.store_path(), Patience::None).expect("a store").expect("nobody else")
}

fn roots(needed: &[&str]) -> Roots {
    let need = Need { used_day: 1, installed: true };
    Roots { packages: needed.iter().map(|name| (key(name), need)).collect(), ..Roots::default() }
}

/// Plans and executes with what is needed, without grace.
fn clean(store: &Store, roots: &Roots) -> Plan {
    let plan = gc::plan(store, roots, &Limits::new(0)).expect("a plan");
    gc::forget(store, &plan).expect("room");
    assert_eq!(gc::sweep(store, &plan, None).expect("it can be written"), Swept::All);
    plan
}

fn objects(place: &Place) -> BTreeSet<String> {
    content(&place.store_path().join("objects")).into_iter().map(|(_, executable, content)| format!("{content} {executable}")).collect()
}

fn sql(place: &Place, text: &str) {
    rusqlite::Connection::open(place.store_path().join("index.db")).and_then(|index| index.execute_batch(text)).expect("an index");
}

#[test]
fn a_damaged_tree_is_taken_from_its_record_before_anything_goes() {
    let place = Place::new();
    add_example(&place.store());
    let whole = objects(&place);
    sql(&place, "UPDATE trees SET body = x'0100'");
    let store = alone(&place);
    let plan = clean(&store, &roots(&["example"]));
    assert_eq!((objects(&place), plan.damaged.len(), plan.kept_packages), (whole, 0, 1));
}

#[test]
fn a_package_whose_files_nobody_can_list_keeps_what_nobody_knows() {
    let place = Place::new();
    let store = place.store();
    add_example(&store);
    let other = import(&store, "other", &[("other", false, "of another")]);
    store.commit(&[other]).expect("room");
    drop(store);
    let whole = objects(&place);
    sql(&place, "UPDATE trees SET body = x'0100' WHERE number = (SELECT tree FROM packages WHERE name = 'example')");
    std::fs::remove_dir_all(place.store_path().join("packages")).expect("a folder");
    let store = alone(&place);
    let plan = clean(&store, &roots(&["example"]));
    assert_eq!(plan.damaged, [key("example")]);
    let left: BTreeSet<String> = whole.into_iter().filter(|object| !object.starts_with("of another")).collect();
    assert_eq!(objects(&place), left, "what is known to be garbage went, and nothing else");
}

#[test]
fn a_deadline_leaves_the_rest_to_the_next_gc() {
    let place = Place::new();
    add_example(&place.store());
    let store = alone(&place);
    let plan = gc::plan(&store, &roots(&[]), &Limits::new(0)).expect("a plan");
    assert_eq!((plan.packages.len(), plan.objects.files), (1, 4));
    gc::forget(&store, &plan).expect("room");
    assert_eq!(gc::sweep(&store, &plan, Some(Instant::now())).expect("it can be written"), Swept::Part);
    assert_eq!((objects(&place).len(), find(&store, "example")), (4, None));
    let plan = clean(&store, &roots(&[]));
    assert_eq!((plan.packages.len(), plan.objects.files, objects(&place).len()), (0, 4, 0));
}

#[test]
fn the_index_shrinks() {
    let place = Place::new();
    let store = place.store();
    let packages: Vec<StoredPackage> = (0..300)
        .map(|number| {
            let files: Vec<(String, bool, &str)> =
                (0..40).map(|file| (format!("lib/file-{number}-{file}.js"), false, "the same")).collect();
            let files: Vec<(&str, bool, &str)> =
                files.iter().map(|(path, executable, bytes)| (path.as_str(), *executable, *bytes)).collect();
            import(&store, &format!("p{number}"), &files)
        })
        .collect();
    store.commit(&packages).expect("room");
    drop(store);
    let size = || std::fs::metadata(place.store_path().join("index.db")).expect("an index").len();
    let before = size();
    let store = alone(&place);
    clean(&store, &roots(&["p7"]));
    let freed = gc::shrink(&store).expect("an index");
    assert!(freed.bytes > before / 2 && size() < before / 4, "{freed:?} of {before}, {} left", size());
    assert_eq!(gc::shrink(&store).expect("an index").bytes, 0);
    assert!(find(&store, "p7").is_some());
}

#[test]
fn nobody_else_is_there_while_it_deletes() {
    let place = Place::new();
    let store = place.store();
    assert!(Store::open_exclusive(&place.store_path(), Patience::None).expect("an answer").is_none());
    drop(store);
    let alone = alone(&place);
    assert_eq!(std::fs::read_to_string(place.store_path().join("lock")).expect("a file"), std::process::id().to_string());
    let (send, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let path = place.store_path();
        let waiting = scope.spawn(move || {
            let on_wait = |wait: Wait| send.send(wait).expect("a listener");
            Store::open_telling(&path, Mode::ReadWrite, &on_wait).map(|_| ()).expect("a store");
        });
        let told = told.recv_timeout(Duration::from_secs(20));
        assert_eq!(told, Ok(Wait::ForCleaning { process: Some(std::process::id()) }));
        assert!(!waiting.is_finished());
        drop(alone);
        waiting.join().expect("no panic");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever packages there are and whoever needs them: what stays has all its objects, and nothing else is left.
    #[test]
    fn exactly_the_objects_of_the_needed_stay(
        packages in proptest::collection::vec((proptest::collection::btree_map(0_u8..12, any::<bool>(), 1..6), any::<bool>()), 1..8),
    ) {
        let place = Place::new();
        let store = place.store();
        let (mut needed, mut expected) = (Vec::new(), BTreeSet::new());
        for (number, (files, need)) in packages.iter().enumerate() {
            let files: Vec<(String, bool)> = files.iter().map(|(file, executable)| (format!("file-{file}"), *executable)).collect();
            let listed: Vec<(&str, bool, &str)> = files.iter().map(|(file, executable)| (file.as_str(), *executable, file.as_str())).collect();
            let name = format!("p{number}");
            store.commit(&[import(&store, &name, &listed)]).expect("room");
            if *need {
                needed.push(name);
                expected.extend(files.into_iter().map(|(file, executable)| format!("{file} {executable}")));
            }
        }
        drop(store);
        let store = alone(&place);
        let names: Vec<&str> = needed.iter().map(String::as_str).collect();
        let plan = clean(&store, &roots(&names));
        prop_assert_eq!(objects(&place), expected.clone());
        prop_assert_eq!(plan.kept_objects.files, expected.len() as u64);
        prop_assert_eq!(store.packages().expect("an index").len(), needed.len());
        prop_assert!(names.iter().all(|name| find(&store, name).is_some()));
        prop_assert_eq!(gc::plan(&store, &roots(&names), &Limits::new(0)).expect("a plan").objects.files, 0);
    }
}
