use super::{Found, ObjectPath, Objects, TEMPORARY};
use crate::store::id::ObjectId;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn open(root: &Path) -> Objects {
    Objects::open(root, true).expect("a folder that can be written")
}

fn leftovers(root: &Path) -> usize {
    walkdir::WalkDir::new(root)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|found| found.file_name().to_string_lossy().starts_with(TEMPORARY))
        .count()
}

#[test]
fn stands_under_the_hash_that_anyone_can_check() {
    let root = tempfile::tempdir().expect("a folder");
    let object = ObjectId::of(b"hello\n");
    let mark = open(root.path()).put(&object, false, b"hello\n").expect("room");
    let hex = blake3::hash(b"hello\n").to_hex();
    let path = root.path().join("objects").join(&hex[..2]).join(&hex[2..]);
    assert_eq!(std::fs::read(&path).expect("the object"), b"hello\n");
    let found = std::fs::metadata(&path).expect("the object");
    assert_eq!((mark.inode, found.permissions().mode() & 0o111), (found.ino(), 0));
    assert_eq!(leftovers(root.path()), 0);
}

#[test]
fn the_executable_variant_is_a_file_of_its_own() {
    let root = tempfile::tempdir().expect("a folder");
    let objects = open(root.path());
    let object = ObjectId::of(b"#!/bin/sh\n");
    let plain = objects.put(&object, false, b"#!/bin/sh\n").expect("room");
    let other = objects.make_executable(&object, 10).expect("room");
    assert_ne!(plain.inode, other.inode);
    let path = ObjectPath::new(&object, true);
    assert!(objects.path_of(&path).to_string_lossy().ends_with("-x"));
    let mode = std::fs::metadata(objects.path_of(&path)).expect("the variant").permissions().mode();
    assert_eq!(mode & 0o100, 0o100);
    assert!(matches!(objects.inspect(&path, &object, true, 10), Ok(Found::Right(mark)) if mark == other));
    assert_eq!(objects.make_executable(&object, 10).expect("it is there"), other);
}

#[test]
fn what_is_there_is_kept_when_right_and_replaced_when_wrong() {
    let root = tempfile::tempdir().expect("a folder");
    let object = ObjectId::of(b"right");
    let first = open(root.path()).put(&object, false, b"right").expect("room");
    let maker = open(root.path());
    // What a process has put there itself it looks at again only when a checkout has found it to be wrong.
    let again = || {
        maker.forget(&object, false);
        maker.put(&object, false, b"right")
    };
    assert_eq!(maker.put(&object, false, b"right").expect("room"), first);
    let path = maker.path_of(&ObjectPath::new(&object, false));
    for wrong in [&b"wrong"[..], b"", b"rightright"] {
        std::fs::write(&path, wrong).expect("the object");
        let mark = again().expect("room");
        assert_eq!(std::fs::read(&path).expect("the object"), b"right");
        assert_eq!(Objects::look(maker.folder(), &ObjectPath::new(&object, false)).expect("the object").mark, mark);
    }
    std::fs::remove_file(&path).expect("the object");
    std::fs::create_dir_all(path.join("in the way")).expect("a folder");
    again().expect("the folder goes");
    std::fs::remove_file(&path).expect("the object");
    std::os::unix::fs::symlink("/etc/passwd", &path).expect("a link");
    again().expect("the link goes");
    assert_eq!(std::fs::symlink_metadata(&path).expect("the object").len(), 5);
    assert_eq!(leftovers(root.path()), 0);
}

#[test]
fn an_object_written_by_many_at_once_is_one_object() {
    let root = tempfile::tempdir().expect("a folder");
    let marks: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let objects = open(root.path());
                    (0..50_u32)
                        .map(|number| objects.put(&ObjectId::of(&number.to_le_bytes()), false, &number.to_le_bytes()).expect("room"))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(marks.iter().all(|other| *other == marks[0]));
    assert_eq!(leftovers(root.path()), 0);
}

#[test]
fn a_draft_that_is_given_up_leaves_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let objects = open(root.path());
    drop(objects.draft_unnamed(false).expect("room"));
    assert_eq!(leftovers(root.path()), 0);
}
