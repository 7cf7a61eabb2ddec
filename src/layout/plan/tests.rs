//! Plans of small resolutions, printed.

use super::super::testing::{Change, options, places, print, print_folders, resolution, wanted};
use super::{Groups, Options};
use crate::layout::Places;
use crate::resolve::graph::{InstanceIndex, PackageIndex, Resolution};
use std::path::Path;

fn at_root() -> Places {
    places(Path::new("/project"))
}

fn shared() -> Places {
    Places { shared: Some("/store/slots".to_owned()), ..at_root() }
}

fn without_hoist() -> Options {
    Options { hoist: false, ..options() }
}

fn planned(resolution: &Resolution, options: &Options, places: &Places) -> String {
    print(&wanted(resolution, options, places, &Change::default()), places)
}

#[test]
fn a_slot_for_each_context_of_peers() {
    let resolution = resolution(
        ". : react-dom=react-dom@19.1.0(react@19.1.0) react=react@19.1.0
         packages/old : react-dom=react-dom@19.1.0(react@18.0.0) react=react@18.0.0
         react@18.0.0 :
         react@19.1.0 :
         react-dom@19.1.0(react@18.0.0) : react=react@18.0.0 scheduler
         react-dom@19.1.0(react@19.1.0) : react=react@19.1.0 scheduler
         scheduler@0.26.0 :",
    );
    insta::assert_snapshot!(planned(&resolution, &without_hoist(), &at_root()), @"
    node_modules/.deka/react-dom@19.1.0_react@18.0.0: react-dom
      react -> ../../react@18.0.0/node_modules/react
      scheduler -> ../../scheduler@0.26.0/node_modules/scheduler
    node_modules/.deka/react-dom@19.1.0_react@19.1.0: react-dom
      react -> ../../react@19.1.0/node_modules/react
      scheduler -> ../../scheduler@0.26.0/node_modules/scheduler
    node_modules/.deka/react@18.0.0: react
    node_modules/.deka/react@19.1.0: react
    node_modules/.deka/scheduler@0.26.0: scheduler
    node_modules:
      react -> .deka/react@19.1.0/node_modules/react
      react-dom -> .deka/react-dom@19.1.0_react@19.1.0/node_modules/react-dom
    packages/old/node_modules:
      react -> ../../../node_modules/.deka/react@18.0.0/node_modules/react
      react-dom -> ../../../node_modules/.deka/react-dom@19.1.0_react@18.0.0/node_modules/react-dom
    ");
}

#[test]
fn aliases_scopes_circles_and_folders() {
    let resolution = resolution(
        ". : @s/alias=@t/real@1.0.0 app=link:packages/app out=link:../out
         packages/app : a
         @t/real@1.0.0 : @t/real=@t/real@1.0.0 b=a
         a@1.0.0 : b=b@1.0.0 @t/real app=link:packages/app
         b@1.0.0 : a b=b@0.9.0
         b@0.9.0 :",
    );
    insta::assert_snapshot!(planned(&resolution, &without_hoist(), &at_root()), @"
    node_modules/.deka/@t+real@1.0.0: @t/real
      b -> ../../a@1.0.0/node_modules/a
    node_modules/.deka/a@1.0.0: a
      @t/real -> ../../../@t+real@1.0.0/node_modules/@t/real
      app -> ../../../../packages/app
      b -> ../../b@1.0.0/node_modules/b
    node_modules/.deka/b@0.9.0: b
    node_modules/.deka/b@1.0.0: b
      a -> ../../a@1.0.0/node_modules/a
      b/node_modules/b -> ../../../../b@0.9.0/node_modules/b
    node_modules:
      @s/alias -> ../.deka/@t+real@1.0.0/node_modules/@t/real
      app -> ../packages/app
      out -> ../../out
    packages/app/node_modules:
      a -> ../../../node_modules/.deka/a@1.0.0/node_modules/a
    ");
}

#[test]
fn the_nearest_is_hoisted_and_what_the_root_has_is_not() {
    let resolution = resolution(
        ". : a z
         packages/p : p
         a@1.0.0 : deep=deep@1.0.0 z
         z@1.0.0 : Deep=deep@2.0.0 @s/x
         p@1.0.0 : deeper
         deeper@1.0.0 : deep=deep@3.0.0 deepest
         deepest@1.0.0 :
         deep@1.0.0 :
         deep@2.0.0 :
         deep@3.0.0 :
         @s/x@1.0.0 :",
    );
    let hoisted = |options: &Options| print_folders(&wanted(&resolution, options, &at_root(), &Change::default()), &at_root());
    insta::assert_snapshot!(hoisted(&options()), @"
    node_modules/.deka/node_modules:
      @s/x -> ../../@s+x@1.0.0/node_modules/@s/x
      deep -> ../deep@1.0.0/node_modules/deep
      deeper -> ../deeper@1.0.0/node_modules/deeper
      deepest -> ../deepest@1.0.0/node_modules/deepest
      p -> ../p@1.0.0/node_modules/p
    node_modules:
      a -> .deka/a@1.0.0/node_modules/a
      z -> .deka/z@1.0.0/node_modules/z
    packages/p/node_modules:
      p -> ../../../node_modules/.deka/p@1.0.0/node_modules/p
    ");
    let public = Options { public_hoist_pattern: vec!["dee*".to_owned(), "!deepest".to_owned()], ..options() };
    insta::assert_snapshot!(hoisted(&public), @"
    node_modules/.deka/node_modules:
      @s/x -> ../../@s+x@1.0.0/node_modules/@s/x
      deepest -> ../deepest@1.0.0/node_modules/deepest
      p -> ../p@1.0.0/node_modules/p
    node_modules:
      a -> .deka/a@1.0.0/node_modules/a
      deep -> .deka/deep@1.0.0/node_modules/deep
      deeper -> .deka/deeper@1.0.0/node_modules/deeper
      z -> .deka/z@1.0.0/node_modules/z
    packages/p/node_modules:
      p -> ../../../node_modules/.deka/p@1.0.0/node_modules/p
    ");
    let shameful = Options { shamefully_hoist: true, ..options() };
    insta::assert_snapshot!(hoisted(&shameful), @"
    node_modules:
      @s/x -> ../.deka/@s+x@1.0.0/node_modules/@s/x
      a -> .deka/a@1.0.0/node_modules/a
      deep -> .deka/deep@1.0.0/node_modules/deep
      deeper -> .deka/deeper@1.0.0/node_modules/deeper
      deepest -> .deka/deepest@1.0.0/node_modules/deepest
      p -> .deka/p@1.0.0/node_modules/p
      z -> .deka/z@1.0.0/node_modules/z
    packages/p/node_modules:
      p -> ../../../node_modules/.deka/p@1.0.0/node_modules/p
    ");
}

#[test]
fn what_is_not_for_the_machine_is_left_out_with_what_only_it_leads_to() {
    let mut resolution = resolution(
        ". : a ?mac !dev
         a@1.0.0 : ?mac ?linux b
         b@1.0.0 : linux
         mac@1.0.0 : only-mac b
         only-mac@1.0.0 :
         linux@1.0.0 :
         dev@1.0.0 : dev-only
         dev-only@1.0.0 :",
    );
    for instance in &mut resolution.instances {
        instance.optional = instance.path.contains("mac");
    }
    for package in resolution.packages.iter_mut().filter(|package| package.id == "mac@1.0.0") {
        package.platform.os = vec!["darwin".to_owned()];
    }
    let slots = |options: &Options, change: &Change| -> String {
        let wanted = wanted(&resolution, options, &at_root(), change);
        wanted.slots.iter().map(|slot| slot.name.replace("@1.0.0", "")).collect::<Vec<_>>().join(" ")
    };
    let none = Change::default();
    assert_eq!(slots(&options(), &none), "a b dev-only dev linux");
    let mut mac = options();
    mac.host.os = vec!["darwin".to_owned()];
    assert_eq!(slots(&mac, &none), "a b dev-only dev linux mac only-mac");
    let groups = |prod, dev, optional| Options { groups: Groups { prod, dev, optional }, ..options() };
    assert_eq!(slots(&groups(true, false, true), &none), "a b linux");
    assert_eq!(slots(&groups(false, true, false), &none), "dev-only dev");
    let a = resolution.instances.iter().position(|instance| instance.path == "a@1.0.0").expect("it is there");
    let without_a = Change { skipped: [InstanceIndex(a as u32)].into_iter().collect(), ..Change::default() };
    assert_eq!(slots(&options(), &without_a), "dev-only dev");
    // Required, so it is installed wherever it is: the platform is warned about elsewhere.
    resolution.instances.iter_mut().for_each(|instance| instance.optional = false);
    let wanted = wanted(&resolution, &options(), &at_root(), &none);
    assert!(wanted.slots.iter().any(|slot| slot.name == "mac@1.0.0"));
}

#[test]
fn slots_are_shared_unless_something_of_the_project_is_in_them() {
    let resolution = resolution(
        ". : a top local
         a@1.0.0 : b
         b@1.0.0 : a
         top@1.0.0 : built a
         built@1.0.0 : a
         local@1.0.0 : app=link:packages/app",
    );
    let built = resolution.packages.iter().position(|package| package.id == "built@1.0.0").expect("it is there");
    let change = Change { private: [PackageIndex(built as u32)].into_iter().collect(), ..Change::default() };
    let wanted = wanted(&resolution, &options(), &shared(), &change);
    insta::assert_snapshot!(print(&wanted, &shared()), @"
    STORE/a@1.0.0_1bbb956ba09567f9224da5cd111f87ab: a
      b -> ../../b@1.0.0_478b61f7b497cf8a439bde213be82d26/node_modules/b
    STORE/b@1.0.0_478b61f7b497cf8a439bde213be82d26: b
      a -> ../../a@1.0.0_1bbb956ba09567f9224da5cd111f87ab/node_modules/a
    node_modules/.deka/built@1.0.0: built (private)
      a -> /store/slots/a@1.0.0_1bbb956ba09567f9224da5cd111f87ab/node_modules/a
    node_modules/.deka/local@1.0.0: local
      app -> ../../../../packages/app
    node_modules/.deka/top@1.0.0: top
      a -> /store/slots/a@1.0.0_1bbb956ba09567f9224da5cd111f87ab/node_modules/a
      built -> ../../built@1.0.0/node_modules/built
    node_modules:
      a -> /store/slots/a@1.0.0_1bbb956ba09567f9224da5cd111f87ab/node_modules/a
      local -> .deka/local@1.0.0/node_modules/local
      top -> .deka/top@1.0.0/node_modules/top
    ");
    let components: Vec<Vec<&str>> =
        wanted.components.iter().map(|members| members.iter().map(|slot| wanted.slots[*slot].package_name.as_str()).collect()).collect();
    assert_eq!(components, [["a", "b"]]);
}

#[test]
fn projects_share_what_is_equal_below_and_nothing_else() {
    let one = resolution(". : a\na@1.0.0 : b\nb@1.0.0 : c\nc@1.0.0 :");
    let other = resolution(". : b d\nb@1.0.0 : c\nc@1.0.0 :\nd@1.0.0 : a\na@1.0.0 : b c");
    let names = |resolution: &Resolution, package: &str| -> String {
        let wanted = wanted(resolution, &options(), &shared(), &Change::default());
        wanted.slots.iter().find(|slot| slot.package_name.as_str() == package).expect("it is there").name.clone()
    };
    assert_eq!(names(&one, "b"), names(&other, "b"));
    assert_eq!(names(&one, "c"), names(&other, "c"));
    assert_ne!(names(&one, "a"), names(&other, "a"));
}

#[test]
fn names_that_would_clash_are_told_apart() {
    let resolution = resolution(
        ". : x=x@file:a/b y=x@file:a+b
         x@file:a/b :
         x@file:a+b :",
    );
    let wanted = wanted(&resolution, &options(), &at_root(), &Change::default());
    assert_ne!(wanted.slots[0].name, wanted.slots[1].name);
}
