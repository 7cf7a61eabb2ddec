//! Slots that are filled while their packages are imported.

use super::*;
use crate::layout::landing::Spot;
use crate::package::name::PackageName;
use crate::store;

const TEXT: &str = ". : a tool
    a@1.0.0 : @s/b
    @s/b@1.0.0 :
    tool@1.0.0 : a";

/// Installs as an import would that lands wherever it may, but for the slots that `spoil` says have something in the
/// way. Returns in how many it landed.
fn install_landing(sandbox: &Sandbox, text: &str, spoil: impl Fn(usize) -> bool) -> usize {
    let resolution = resolution(text);
    let builder = sandbox.begin(&resolution);
    assert!(builder.has_landings(&sandbox.store));
    let mut landed = 0;
    for (slot, package) in sandbox.packages(&builder, &resolution) {
        if let Some((landing, spot)) = builder.land(slot, true) {
            let mut import = sandbox.store.import().expect("a store that can be written");
            import.land(landing);
            for entry in package.tree.entries() {
                let bytes = match entry.path {
                    "index.js" => package.key.as_str().strip_prefix("content of ").expect("a key of these tests").into(),
                    "lib/deep/a.js" => b"shared".to_vec(),
                    _ => b"#!/bin/sh\necho ran".to_vec(),
                };
                import.file(&RelPath::parse(entry.path).expect("a path"), entry.executable, &bytes).expect("written");
            }
            assert!(import.is_landed());
            if !spoil(slot) {
                builder.landed(slot, spot);
                landed += 1;
            }
        }
        builder.build(slot, &sandbox.store, &package).expect("built");
    }
    builder.finish().expect("finished");
    landed
}

#[test]
fn it_is_the_same_tree_whether_packages_land_or_not() {
    for shared in [false, true] {
        let make = || if shared { Sandbox::with_shared_slots() } else { Sandbox::new() };
        let plain = make();
        plain.install(TEXT);
        // Links to shared slots are absolute.
        let seen = |sandbox: &Sandbox| tree(&sandbox.folder).replace(sandbox.folder.to_str().expect("text"), "…");
        for spoiled in [usize::MAX, 0, 1] {
            let sandbox = make();
            let landed = install_landing(&sandbox, TEXT, |slot| slot == spoiled);
            assert_eq!(landed, if spoiled == usize::MAX { 3 } else { 2 });
            assert_eq!(seen(&sandbox), seen(&plain));
            assert!(!seen(&sandbox).contains(".tmp-"));
            assert_eq!(fs::read_to_string(sandbox.path("node_modules/tool/index.js")).expect("a file").len(), "tool@1.0.0".len());
            assert_eq!(sandbox.install(TEXT).built, 0, "the record has it all");
        }
    }
}

#[test]
fn what_comes_to_a_project_that_stands_lands_too() {
    let sandbox = Sandbox::new();
    sandbox.install(". : a\n a@1.0.0 :");
    assert_eq!(install_landing(&sandbox, TEXT, |_| false), 2, "the files of a stand there");
    let plain = Sandbox::new();
    plain.install(TEXT);
    assert_eq!(tree(&sandbox.places.root), tree(&plain.places.root));
}

#[test]
fn what_lands_ahead_of_the_plan_is_no_leftover_and_becomes_its_slot() {
    let sandbox = Sandbox::new();
    assert!(Aside::ahead(&sandbox.places, &sandbox.store, store::Wanted::Auto).is_none(), "nothing stands there");
    fs::create_dir_all(sandbox.path("node_modules/.deka")).expect("a folder");
    let aside = Aside::ahead(&sandbox.places, &sandbox.store, store::Wanted::Auto).expect("files can be linked here");
    let names = ["a", "@s/b"].map(|name| PackageName::parse(name).expect("a name"));
    let landed = names.each_ref().map(|name| aside.land(name).expect("a landing").1);
    let resolution = resolution(TEXT);
    let builder = sandbox.begin_with(&resolution, Some(aside));
    assert!(!builder.work().sweep && builder.in_place, "{:?}", builder.work());
    let slot_of = |name: &PackageName| builder.wanted().slots.iter().position(|slot| slot.package_name == *name).expect("a slot");
    let [a, b] = names.each_ref().map(slot_of);
    let [in_a, in_b] = landed;
    builder.adopt(a, &names[1], in_b.clone());
    assert_eq!(builder.take_landed(a), None, "it is another package");
    builder.adopt(a, &names[0], in_a.clone());
    builder.adopt(b, &names[1], in_b);
    assert_eq!(builder.take_landed(a), Some(Spot::Aside(in_a)));
    builder.abandon().expect("abandoned");
    assert!(!tree(&sandbox.places.root).contains('@'), "{}", tree(&sandbox.places.root));

    assert!(Aside::ahead(&sandbox.places, &sandbox.store, store::Wanted::Copy).is_none());
    let shared = Sandbox::with_shared_slots();
    assert!(Aside::ahead(&shared.places, &shared.store, store::Wanted::Auto).is_none(), "slots may belong elsewhere");
    for sandbox in [sandbox, shared] {
        assert!(!tree(&sandbox.places.root).contains(".tmp-"));
    }
}

#[test]
fn an_install_that_is_given_up_leaves_nothing_of_what_landed() {
    let sandbox = Sandbox::new();
    let resolution = resolution(TEXT);
    let builder = sandbox.begin(&resolution);
    let (_landing, spot) = builder.land(0, true).expect("a landing");
    assert_eq!(spot, Spot::InPlace);
    builder.landed(0, spot);
    let _begun = builder.land(1, true).expect("a landing");
    let (_unchecked, spot) = builder.land(2, false).expect("a landing");
    assert!(matches!(spot, Spot::Aside(_)), "what may be wrong does not stand where it could be found");
    builder.abandon().expect("abandoned");
    assert!(!tree(&sandbox.places.root).contains('@'), "{}", tree(&sandbox.places.root));
}

#[test]
fn what_a_killed_install_has_begun_in_place_is_built_anew() {
    let sandbox = Sandbox::new();
    let builder = sandbox.begin(&resolution(TEXT));
    let (landing, spot) = builder.land(0, true).expect("a landing");
    assert_eq!(spot, Spot::InPlace);
    let mut import = sandbox.store.import().expect("a store that can be written");
    import.land(landing);
    import.file(&RelPath::parse("half.js").expect("a path"), false, b"half of it").expect("written");
    assert!(import.is_landed() && tree(&sandbox.places.root).contains("half.js"));
    drop((import, builder));
    sandbox.install(TEXT);
    let plain = Sandbox::new();
    plain.install(TEXT);
    assert_eq!(tree(&sandbox.places.root), tree(&plain.places.root));
}

#[test]
fn slots_with_files_of_their_own_are_not_landed_in() {
    let mut sandbox = Sandbox::new();
    sandbox.change.private.insert(PackageIndex(0));
    let resolution = resolution(". : a\n a@1.0.0 :");
    assert!(sandbox.begin(&resolution).land(0, true).is_none());
}
