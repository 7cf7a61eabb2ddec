use super::{Clash, NewEntry, Tree};
use crate::package::path::RelPath;
use crate::store::id::ObjectId;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn entry(path: &str, content: &str, executable: bool) -> NewEntry {
    let path = RelPath::parse(path).expect("a path");
    NewEntry { path, object: ObjectId::of(content.as_bytes()), executable, size_bytes: content.len() as u64 }
}

fn tree(paths: &[&str]) -> Result<Tree, Clash> {
    Tree::new(paths.iter().map(|path| entry(path, path, false)).collect())
}

#[test]
fn the_later_of_two_equal_paths_counts() {
    let tree = Tree::new(vec![entry("a", "old", false), entry("b", "b", false), entry("a", "new", true)]).expect("no clash");
    let found: Vec<_> = tree.entries().map(|entry| (entry.path, entry.object, entry.executable, entry.size_bytes)).collect();
    assert_eq!(found, [("a", ObjectId::of(b"new"), true, 3), ("b", ObjectId::of(b"b"), false, 1)]);
    assert_eq!((tree.len(), tree.size_bytes()), (2, 4));
}

#[test]
fn a_file_cannot_be_a_folder_too() {
    for paths in [&["a", "a/b"][..], &["a/b", "a"], &["a", "a-b", "a/c"], &["a", "a-b/x", "a.b", "a/c/d"], &["x/a", "x/a!", "x/a/b/c"]] {
        assert!(tree(paths).is_err(), "{paths:?}");
    }
    let clash = tree(&["a-b", "a/b/c", "a"]).expect_err("a clash");
    assert_eq!(clash, Clash { file: "a".to_owned(), below: "a/b/c".to_owned() });
    for paths in [&["a-b", "a/b"][..], &["a", "a-b", "ab/c", "b/a"], &["ab", "a/b", "a!/b"]] {
        assert!(tree(paths).is_ok(), "{paths:?}");
    }
}

#[test]
fn other_forms_of_the_same_list_are_refused() {
    let good = tree(&["a", "b"]).expect("no clash").encoding().to_vec();
    assert!(Tree::decode(good.clone()).is_some());
    let entry_bytes = 1 + 1 + 1 + 1 + 32;
    let swapped = [&good[..2], &good[2 + entry_bytes..], &good[2..2 + entry_bytes]].concat();
    let twice = [&good[..2], &good[2..2 + entry_bytes], &good[2..2 + entry_bytes]].concat();
    let long_number = [&good[..1], &[0x82, 0x00], &good[2..]].concat();
    let flag = [&good[..2], &[2], &good[3..]].concat();
    let trailing = [&good[..], &[0]].concat();
    for bad in [swapped, twice, long_number, flag, trailing, Vec::new(), vec![2, 0]] {
        assert!(Tree::decode(bad.clone()).is_none(), "{bad:?}");
    }
}

#[test]
fn paths_are_checked_when_a_tree_is_read() {
    for path in ["../x", "/x", "a//b", "a\\b", "."] {
        let mut bytes = vec![1, 1, 0, 0, path.len() as u8];
        bytes.extend_from_slice(path.as_bytes());
        bytes.extend_from_slice(&[0; 32]);
        assert!(Tree::decode(bytes.clone()).is_none(), "{path}");
    }
}

fn paths() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-c.é-]{1,3}", 1..4)
        .prop_map(|parts| parts.join("/"))
        .prop_filter("a path", |text| RelPath::parse(text).is_ok())
}

proptest! {
    #[test]
    fn a_tree_is_its_encoding(files in proptest::collection::vec((paths(), any::<u64>(), any::<bool>(), any::<[u8; 32]>()), 0..20)) {
        let entries: Vec<NewEntry> = files
            .iter()
            .map(|(path, size_bytes, executable, object)| NewEntry {
                path: RelPath::parse(path).expect("filtered"),
                object: ObjectId::from_bytes(*object),
                executable: *executable,
                size_bytes: *size_bytes,
            })
            .collect();
        let model: BTreeMap<&str, &NewEntry> = entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
        let clash = model.keys().any(|one| model.keys().any(|other| other.strip_prefix(one).is_some_and(|tail| tail.starts_with('/'))));
        match Tree::new(entries.clone()) {
            Err(_) => prop_assert!(clash),
            Ok(tree) => {
                prop_assert!(!clash);
                let read: Vec<_> = tree.entries().map(|entry| (entry.path, entry.object, entry.executable, entry.size_bytes)).collect();
                let wanted: Vec<_> = model.iter().map(|(path, entry)| (*path, entry.object, entry.executable, entry.size_bytes)).collect();
                prop_assert_eq!(read, wanted);
                let again = Tree::decode(tree.encoding().to_vec());
                prop_assert_eq!(again.as_ref(), Some(&tree));
                let mut reversed: Vec<NewEntry> = model.values().rev().map(|entry| (*entry).clone()).collect();
                prop_assert_eq!(Tree::new(std::mem::take(&mut reversed)).expect("no clash").id(), tree.id());
            }
        }
    }

    /// Whatever the path before, a path is judged as on its own.
    #[test]
    fn a_path_is_judged_alike_in_any_company(before in paths(), path in "[ab./\\\\\0]{0,8}", shared in any::<bool>()) {
        let folder = before.rfind('/').map_or("", |slash| &before[..=slash]);
        let path = if shared { format!("{folder}{path}") } else { path };
        prop_assert_eq!(super::is_sound(&path, &before), RelPath::parse(&path).is_ok(), "{:?} after {:?}", path, before);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(tree) = Tree::decode([&[1][..], &bytes].concat()) {
            prop_assert_eq!(tree.entries().count(), tree.len());
        }
    }

    #[test]
    fn a_damaged_encoding_is_refused_or_has_another_name(flip in 0_usize..80) {
        let tree = tree(&["index.js", "package.json"]).expect("no clash");
        let mut bytes = tree.encoding().to_vec();
        let at = flip % bytes.len();
        bytes[at] ^= 0x41;
        prop_assert!(Tree::decode(bytes.clone()).is_none_or(|other| other.id() != tree.id()));
    }
}
