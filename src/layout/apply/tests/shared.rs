//! Slots in the store, used by several projects.

use super::{Sandbox, entries, no_dangling_links, tree};
use crate::layout::apply::Builder;
use crate::layout::testing::resolution;
use std::fs;
use std::path::PathBuf;

#[test]
fn projects_use_each_others_shared_slots() {
    let mut sandbox = Sandbox::with_shared_slots();
    let text = ". : a tool\n a@1.0.0 : b tool\n b@1.0.0 : a\n tool@1.0.0 :";
    assert_eq!(sandbox.install(text).built, 3);
    no_dangling_links(&sandbox.folder.join("store/slots"));
    sandbox.move_to("other");
    let (_, work) = sandbox.plan(&resolution(text));
    assert_eq!(work.build, [0; 0]);
    let done = sandbox.install(text);
    assert_eq!((done.built, done.kept, done.linked), (0, 3, 2));
    no_dangling_links(&sandbox.places.root);
    let names: Vec<String> = tree(&sandbox.places.root).lines().map(|line| line.split(" -> ").next().unwrap_or("").to_owned()).collect();
    assert_eq!(names, ["node_modules/.bin/", "node_modules/.bin/tool", "node_modules/.deka/", "node_modules/a", "node_modules/tool"]);
    let more = sandbox.install(&format!("{text}\n c@1.0.0 : tool a").replace(". :", ". : c"));
    assert_eq!((more.built, more.kept, more.linked), (1, 3, 1));
    let slot = fs::canonicalize(sandbox.path("node_modules/c")).expect("it is there");
    assert!(slot.parent().expect("a folder above").join(".bin/tool").exists());
}

#[test]
fn a_circle_of_which_a_part_is_missing_is_completed() {
    let sandbox = Sandbox::with_shared_slots();
    let text = ". : a\n a@1.0.0 : b\n b@1.0.0 : c\n c@1.0.0 : a d\n d@1.0.0 :";
    sandbox.install(text);
    let slots = sandbox.folder.join("store/slots");
    let whole = tree(&slots);
    for gone in ["b@", "c@"] {
        let name = entries(&slots).into_keys().find(|name| name.starts_with(gone)).expect("it is there");
        fs::remove_dir_all(slots.join(&name)).expect("removed");
        assert_eq!(sandbox.install(text).built, 1);
        assert_eq!(tree(&slots), whole);
    }
}

#[test]
fn installs_that_publish_the_same_slots_at_once_do_not_disturb_each_other() {
    let mut sandbox = Sandbox::with_shared_slots();
    let text = ". : a\n a@1.0.0 : b tool\n b@1.0.0 : a\n tool@1.0.0 :";
    let resolution = resolution(text);
    let builders: Vec<(Builder, PathBuf)> = ["one", "two", "three"]
        .iter()
        .map(|project| {
            sandbox.move_to(project);
            (sandbox.begin(&resolution), sandbox.places.root.clone())
        })
        .collect();
    let packages = sandbox.packages(&builders[0].0, &resolution);
    std::thread::scope(|scope| {
        for (builder, root) in builders {
            let (packages, store) = (&packages, &sandbox.store);
            scope.spawn(move || {
                for (slot, package) in packages {
                    builder.build(*slot, store, package).expect("built");
                }
                builder.finish().expect("finished");
                no_dangling_links(&root);
            });
        }
    });
    let slots = sandbox.folder.join("store/slots");
    no_dangling_links(&slots);
    assert_eq!(fs::read_dir(slots.join("unfinished")).expect("a folder").count(), 0);
}

#[test]
fn changing_where_slots_are_leaves_nothing_behind() {
    let mut sandbox = Sandbox::with_shared_slots();
    let text = ". : a\n a@1.0.0 : b\n b@1.0.0 :";
    let shared = sandbox.places.shared.clone();
    sandbox.install(text);
    let with_shared = tree(&sandbox.places.root);
    sandbox.places.shared = None;
    sandbox.install(text);
    no_dangling_links(&sandbox.places.root);
    assert!(sandbox.path("node_modules/.deka/b@1.0.0").exists());
    sandbox.places.shared = shared;
    assert_eq!(sandbox.install(text).removed, 2);
    assert_eq!(tree(&sandbox.places.root), with_shared);
}
