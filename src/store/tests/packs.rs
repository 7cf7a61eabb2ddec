//! What comes out of packs is right, or does not come out.

use super::*;
use crate::store::{CheckoutError, Cold, Packed, Packing, Packs, Patience};
use std::collections::BTreeSet;

/// A package with other files than [`FILES`], one of which both have.
const OTHER: [(&str, bool, &str); 4] = [
    ("bin/run", true, "#!/usr/bin/env node\n"),
    ("empty", false, ""),
    ("other.js", false, "module.exports = 'other';\n"),
    ("package.json", false, "{\"name\":\"other\"}"),
];

const PACKING: Packing = Packing { level: 3, threads: 2, dry_run: false };

fn cold(packages: &[&StoredPackage]) -> Vec<Cold> {
    let entries = packages.iter().flat_map(|package| package.tree.entries());
    let cold = entries.map(|entry| Cold { object: entry.object, executable: entry.executable, size_bytes: entry.size_bytes });
    let mut seen = BTreeSet::new();
    cold.filter(|cold| seen.insert((cold.object, cold.executable))).collect()
}

fn pack(place: &Place, packages: &[&StoredPackage]) -> Packed {
    let store = Store::open_exclusive(&place.store_path(), Patience::None).expect("locks").expect("nobody else");
    store.pack(&cold(packages), PACKING, &|_| ()).expect("room")
}

fn pack_paths(place: &Place) -> Vec<PathBuf> {
    Packs::open(&place.store_path()).list().iter().map(|pack| pack.path().to_owned()).collect()
}

/// A store with two packages in one pack, and nothing loose.
fn packed() -> (Place, StoredPackage, StoredPackage) {
    let place = Place::new();
    let store = place.store();
    let (one, other) = (add_example(&store), import(&store, "other", &OTHER));
    store.commit(std::slice::from_ref(&other)).expect("room");
    drop(store);
    let done = pack(&place, &[&one, &other]);
    assert_eq!((done.files, done.objects, done.packs), (7, 7, 1));
    (place, one, other)
}

#[test]
fn a_checkout_restores_its_package_and_learns_the_marks() {
    let (place, package, _) = packed();
    let store = place.store();
    let done = store.checkout(&package, &place.target("first"), LINK).expect("packed objects");
    assert_eq!(content(&place.target("first")), example_content());
    store.commit_marks(&done.learnt.into_iter().collect::<Vec<_>>()).expect("room");
    let package = find(&store, "example").expect("a row");
    let done = store.checkout(&package, &place.target("second"), LINK).expect("loose objects");
    assert!(done.learnt.is_none(), "the marks are known: nothing is hashed");
}

#[test]
fn nothing_is_packed_while_somebody_else_has_the_store_open() {
    let place = Place::new();
    let store = place.store();
    assert!(Store::open_exclusive(&place.store_path(), Patience::None).expect("locks").is_none());
    drop(store);
    let alone = Store::open_exclusive(&place.store_path(), Patience::None).expect("locks");
    assert!(alone.is_some());
}

#[test]
fn what_is_not_as_its_name_says_is_not_packed() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let damaged = object_path(&store, &package, "index.js");
    edit(&damaged, b"module.exports = 9;\n");
    drop(store);
    let done = pack(&place, &[&package]);
    assert_eq!((done.files, done.objects), (3, 3));
    assert!(damaged.exists(), "it is left for a verify to find");
}

#[test]
fn a_flipped_bit_anywhere_hands_out_nothing_wrong() {
    let (place, package, _) = packed();
    let path = pack_paths(&place).remove(0);
    let sound = std::fs::read(&path).expect("a pack");
    let mut intact = 0;
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).expect("room");
        let out = place.target(&format!("out-{at}"));
        let store = place.try_store("first", Mode::ReadOnly).expect("a store");
        match store.checkout(&package, &out, COPY) {
            Ok(_) => {
                intact += 1;
                assert_eq!(content(&out), example_content(), "byte {at}");
            }
            Err(CheckoutError::Damaged { objects }) => assert!(objects.iter().all(|object| object.missing), "byte {at}"),
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(intact < sound.len() / 4, "{intact} of {} flips did not matter", sound.len());
    for length in 0..sound.len() {
        std::fs::write(&path, &sound[..length]).expect("room");
        let packs = Packs::open(&place.store_path());
        assert_eq!((packs.list().len(), packs.broken().len()), (0, 1), "cut off at {length}");
    }
}

#[test]
fn a_pack_of_a_newer_format_is_left_alone() {
    let (place, package, _) = packed();
    let path = pack_paths(&place).remove(0);
    let mut bytes = std::fs::read(&path).expect("a pack");
    bytes[8] = 2;
    std::fs::write(&path, &bytes).expect("room");
    let packs = Packs::open(&place.store_path());
    assert!(packs.broken()[0].to_string().contains("newer deka") && !packs.holds(&package.tree.entries().next().expect("a file").object));
    packs.sweep(&|_, _| false).expect("a store that can be written");
    assert!(path.exists());
}

#[test]
fn a_sweep_keeps_what_lives() {
    let (place, package, other) = packed();
    let objects =
        |package: &StoredPackage| -> BTreeSet<_> { package.tree.entries().map(|entry| (entry.object, entry.executable)).collect() };
    let (one, both) = (objects(&package), &objects(&package) | &objects(&other));
    let packs = Packs::open(&place.store_path());
    assert_eq!(packs.sweep(&|object, executable| both.contains(&(*object, executable))).expect("room"), Default::default());
    // The bytes of the first are more than half, those of one file are not.
    let share = packs.shares(&|object, executable| one.contains(&(*object, executable))).remove(0);
    assert_eq!((share.objects, share.live_objects, share.is_dead(), share.is_mostly_dead()), (7, 4, false, false));
    let last = other.tree.entries().find(|entry| entry.path == "other.js").expect("a file").object;
    let before = pack_paths(&place);
    let swept = packs.sweep(&|object, _| *object == last).expect("room");
    assert_eq!((swept.rewritten, swept.removed, swept.objects), (1, 0, 6));
    let packs = Packs::open(&place.store_path());
    assert!(packs.list().len() == 1 && packs.holds(&last) && before[0] != packs.list()[0].path() && !before[0].exists());
    assert_eq!((packs.list()[0].len(), packs.list()[0].wrong_objects(2)), (1, Vec::new()));
    let swept = packs.sweep(&|_, _| false).expect("room");
    assert_eq!((swept.removed, swept.objects, pack_paths(&place).len()), (1, 1, 0));
}

#[test]
fn a_sweep_does_not_lose_what_it_cannot_read() {
    let (place, package, _) = packed();
    let path = pack_paths(&place).remove(0);
    let mut bytes = std::fs::read(&path).expect("a pack");
    bytes[30] ^= 0xff;
    std::fs::write(&path, &bytes).expect("room");
    let kept = package.tree.entries().find(|entry| entry.path == "package.json").expect("a file").object;
    let swept = Packs::open(&place.store_path()).sweep(&|object, _| *object == kept).expect("room");
    assert_eq!((swept, pack_paths(&place)), (Default::default(), vec![path]));
}

/// Returns the pack that `store-format.md` shows.
fn documented() -> Vec<u8> {
    let (_, rest) = include_str!("../../../store-format.md").split_once("```pack\n").expect("the document has it");
    let (digits, _) = rest.split_once("```").expect("it ends");
    digits.split_whitespace().map(|digits| u8::from_str_radix(digits, 16).expect("two digits")).collect()
}

#[test]
fn the_example_of_a_pack_is_one() {
    let place = Place::new();
    let store = place.store();
    let package = import(&store, "example", &FILES[..2]);
    drop(store);
    pack(&place, &[&package]);
    let path = pack_paths(&place).remove(0);
    // Another zstd may make other frames; this small one it leaves as it is.
    assert_eq!(std::fs::read(&path).expect("a pack"), documented());
    let out = place.target("out");
    place.store().checkout(&package, &out, LINK).expect("packed objects");
    assert_eq!(content(&out), example_content()[..2]);
}
