//! Many threads and processes on one store.

use super::*;
use std::process::{Child, Command, Stdio};

/// What each of them brings in: some files that all have, some of its own.
fn bring(store: &Store, who: usize) {
    for round in 0..10 {
        let name = format!("package-{who}-{round}");
        let shared = format!("shared {round}");
        let package = import(store, &name, &[("shared", false, &shared), ("own", true, &name)]);
        store.commit(&[package]).expect("nobody is turned away");
    }
}

fn check(place: &Place, people: usize) {
    let store = place.store();
    for who in 0..people {
        for round in 0..10 {
            let name = format!("package-{who}-{round}");
            let package = find(&store, &name).unwrap_or_else(|| panic!("{name} was committed"));
            let verify = CheckoutOptions { verify: true, ..LINK };
            store.checkout(&package, &place.target(&name), verify).expect("a sound store");
        }
    }
}

#[test]
fn threads_that_share_a_store() {
    let place = Place::new();
    let store = place.store();
    std::thread::scope(|scope| {
        for who in 0..4 {
            let store = &store;
            scope.spawn(move || bring(store, who));
        }
    });
    drop(store);
    check(&place, 4);
}

#[test]
fn threads_that_open_a_new_store_at_once() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for who in 0..4 {
            let place = &place;
            scope.spawn(move || bring(&place.store(), who));
        }
    });
    check(&place, 4);
}

/// Runs [`child`] in a process of its own.
fn spawn(place: &Place, who: usize) -> Child {
    let this = std::env::current_exe().expect("the test runner");
    Command::new(this)
        .args(["--exact", "--ignored", "store::tests::many::child"])
        .env("DEKA_TEST_STORE", place.folder.path())
        .env("DEKA_TEST_WHO", who.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("a process")
}

#[test]
#[ignore = "a part of the tests below, which run it in processes of their own"]
fn child() {
    let folder = std::env::var_os("DEKA_TEST_STORE").expect("set by the parent");
    let who: usize = std::env::var("DEKA_TEST_WHO").ok().and_then(|who| who.parse().ok()).expect("set by the parent");
    let store = Store::open_in_boot(&Path::new(&folder).join("store/v1"), Mode::ReadWrite, Some("first".to_owned())).expect("a store");
    bring(&store, who);
}

#[test]
fn processes_that_open_a_new_store_at_once() {
    let place = Place::new();
    let children: Vec<Child> = (0..4).map(|who| spawn(&place, who)).collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    check(&place, 4);
}

#[test]
fn a_process_that_is_killed_harms_nobody() {
    let place = Place::new();
    for round in 0..8_u64 {
        let mut child = spawn(&place, 0);
        std::thread::sleep(std::time::Duration::from_millis(2 + round * 3));
        child.kill().expect("our own process");
        child.wait().expect("it ends");
    }
    bring(&place.store(), 0);
    check(&place, 1);
}
