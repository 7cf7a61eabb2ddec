//! Which versions are chosen.

use super::{World, app, deps, map, projects, tree};
use crate::resolve::error::Warning;
use crate::resolve::graph::{Group, Source};
use crate::resolve::request::{Options, Registries, Request};
use serde_json::json;

fn none() -> serde_json::Value {
    json!({})
}

#[test]
fn dependencies_of_all_kinds_become_a_tree() {
    let world = World::new(&[
        ("a@1.0.0", json!({"dependencies": map("b@^1 c@^1"), "optionalDependencies": map("c@^2 gone@1"), "devDependencies": map("d@1")})),
        ("b@1.0.0", deps("a@*")),
        ("b@1.2.0", deps("a@*")),
        ("b@2.0.0", none()),
        ("c@1.0.0", none()),
        ("c@2.0.0", json!({"os": ["darwin"]})),
        ("d@1.0.0", none()),
        ("other@1.0.0", none()),
    ]);
    let manifest = json!({"dependencies": map("a@^1 o@npm:other@1"), "devDependencies": map("d@latest a@9")});
    let (resolution, warnings) = world.app(manifest).expect("a resolution");
    assert_eq!(
        tree(&resolution),
        [". -> a@1.0.0 d@1.0.0 o=other@1.0.0", "a@1.0.0 -> b@1.2.0 ?c@2.0.0", "b@1.2.0 -> a@1.0.0", "c@2.0.0", "d@1.0.0", "other@1.0.0"]
    );
    let reach: Vec<_> = resolution.instances.iter().map(|instance| (instance.optional, instance.dev)).collect();
    assert_eq!(reach, [(false, false), (false, false), (true, false), (false, true), (false, false)]);
    assert_eq!(resolution.importers[0].dependencies[0].group, Group::Prod);
    assert_eq!(resolution.packages[2].platform.os, ["darwin"]);
    let left_out = "optional dependency app > a@1.0.0 > gone@1 is left out: the registry has no package `gone`";
    assert_eq!(warnings.iter().map(Warning::to_string).collect::<Vec<_>>(), [left_out]);
}

#[test]
fn packages_prefer_what_a_project_depends_on() {
    let world = World::new(&[("a@1.0.0", deps("x@^1")), ("x@1.1.0", none()), ("x@1.2.0", none())]);
    assert_eq!(world.quiet_tree(deps("a@1 x@1.1.0")), [". -> a@1.0.0 x@1.1.0", "a@1.0.0 -> x@1.1.0", "x@1.1.0"]);
    assert_eq!(world.quiet_tree(deps("a@1 y@npm:x@1.1.0"))[0], ". -> a@1.0.0 y=x@1.1.0");
    assert_eq!(world.quiet_tree(deps("a@1"))[1], "a@1.0.0 -> x@1.2.0");
    let world = world.tag("x", "next", "1.1.0");
    assert_eq!(world.quiet_tree(deps("a@1 x@next"))[1], "a@1.0.0 -> x@1.1.0");
}

#[test]
fn the_previous_answer_is_kept_where_it_still_satisfies() {
    let old = World::new(&[("a@1.0.0", deps("x@^1 y@^1")), ("x@1.1.0", none()), ("y@1.0.0", none()), ("z@1.0.0", none())]);
    let asked = deps("a@^1 z@latest");
    let (previous, _) = old.app(asked.clone()).expect("a resolution");
    let new = World::new(&[
        ("a@1.0.0", deps("x@^1 y@^1")),
        ("a@1.5.0", deps("x@^1.2")),
        ("x@1.1.0", none()),
        ("x@1.2.0", none()),
        ("y@1.0.0", none()),
        ("y@1.1.0", none()),
        ("z@1.0.0", none()),
        ("z@2.0.0", none()),
    ]);
    let again = |manifest| new.solve(Request { pins: Some(previous.clone()), ..app(manifest) }).expect("a resolution").0;
    assert_eq!(again(asked), previous);
    // A new range moves only what it has to; a tag in other words is asked anew.
    let moved = tree(&again(deps("a@^1.1 z@npm:z@latest")));
    assert_eq!(moved, [". -> a@1.5.0 z@2.0.0", "a@1.5.0 -> x@1.2.0", "x@1.2.0", "z@2.0.0"]);
    let without = new.app(deps("a@^1 z@latest")).expect("a resolution").0;
    assert_eq!(tree(&without)[0], ". -> a@1.5.0 z@2.0.0");
}

#[test]
fn overrides_replace_and_remove() {
    let world = World::new(&[
        ("a@1.0.0", deps("x@^1 y@1")),
        ("b@1.0.0", deps("x@^1 y@1")),
        ("x@1.0.0", none()),
        ("x@2.0.0", none()),
        ("y@1.0.0", none()),
        ("y2@1.0.0", none()),
    ]);
    let overridden = |entries: &[(&str, &str)]| {
        let overrides = entries.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned())).collect();
        tree(&world.solve(Request { overrides, ..app(deps("a@1 b@1")) }).expect("a resolution").0)
    };
    assert_eq!(overridden(&[("a>x", "2.0.0"), ("y", "-")])[1..3], ["a@1.0.0 -> x@2.0.0", "b@1.0.0 -> x@1.0.0"]);
    assert_eq!(overridden(&[("x@1", "2"), ("y", "npm:y2@1")])[1], "a@1.0.0 -> x@2.0.0 y=y2@1.0.0");
    assert_eq!(
        overridden(&[("b@1>y", "link:./local"), ("a@2>x", "2")])[1..3],
        ["a@1.0.0 -> x@1.0.0 y@1.0.0", "b@1.0.0 -> x@1.0.0 y=link:local"]
    );
    // What is taken out of a project stays in the answer, without a target.
    assert_eq!(overridden(&[("b", "-")])[0], ". -> a@1.0.0 b=nothing");
}

#[test]
fn bundled_dependencies_are_not_edges() {
    let world = World::new(&[
        ("a@1.0.0", json!({"dependencies": map("in@1 out@1"), "bundledDependencies": ["in"]})),
        ("b@1.0.0", json!({"dependencies": map("in@1"), "bundleDependencies": true})),
        ("out@1.0.0", none()),
    ]);
    let (resolution, _) = world.app(deps("a@1 b@1")).expect("a resolution");
    assert_eq!(tree(&resolution), [". -> a@1.0.0 b@1.0.0", "a@1.0.0 -> out@1.0.0", "b@1.0.0", "out@1.0.0"]);
    assert_eq!(resolution.packages.iter().map(|package| package.has_bundled).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn tarballs_and_folders_are_packages_and_links_are_not() {
    let world = World::new(&[("x@1.0.0", none())])
        .external("https://example.test/t.tgz", json!({"name": "t", "version": "3.0.0", "dependencies": map("x@1")}))
        .external("lib/folder", json!({"name": "folder", "dependencies": map("inner@file:../inner side@link:../side")}))
        .external("lib/inner", json!({"version": "1.0.0"}))
        .external("pack.tgz", json!({"name": "pack", "version": "1.0.0"}));
    let manifest = deps("renamed@https://example.test/t.tgz folder@file:./lib/folder pack@file:pack.tgz linked@link:../else");
    let (resolution, warnings) = world.app(manifest).expect("a resolution");
    assert_eq!(
        tree(&resolution),
        [
            ". -> folder@file:lib/folder linked=link:../else pack@file:pack.tgz renamed=t@https://example.test/t.tgz",
            "folder@file:lib/folder -> inner@file:lib/inner side=link:lib/side",
            "inner@file:lib/inner",
            "pack@file:pack.tgz",
            "t@https://example.test/t.tgz -> x@1.0.0",
            "x@1.0.0"
        ]
    );
    assert_eq!(warnings, []);
    assert_eq!(resolution.packages[2].source, Source::LocalTarball { path: "pack.tgz".to_owned() });
    assert_eq!(resolution.packages[3].version, "3.0.0");
}

#[test]
fn projects_of_a_workspace_link_to_each_other() {
    let world = World::new(&[("x@1.0.0", none())]);
    let mut request = projects(&[
        (".", "root", json!({})),
        ("packages/a", "a", deps("b@workspace:^ c@workspace:../c d@workspace:b@* x@catalog:")),
        ("packages/b", "b", json!({"version": "1.0.0"})),
        ("packages/c", "c", deps("b@workspace:^1.0.0")),
    ]);
    request.catalogs.insert("default".to_owned(), [("x".to_owned(), "^1".to_owned())].into());
    let (resolution, _) = world.solve(request).expect("a resolution");
    assert_eq!(
        tree(&resolution)[..4],
        [
            ".",
            "packages/a -> b=link:packages/b c=link:packages/c d=link:packages/b x@1.0.0",
            "packages/b",
            "packages/c -> b=link:packages/b"
        ]
    );
}

#[test]
fn a_tarball_is_written_down_where_the_registry_does_not_say_it() {
    let at = |tarball: &str| json!({"dist": {"tarball": tarball, "shasum": "0123456789012345678901234567890123456789"}});
    let world = World::new(&[
        ("a@1.0.0", at("http://registry.test/npm/a/-/a-1.0.0.tgz")),
        ("b@1.0.0", at("https://elsewhere.test/b/-/b-1.0.0.tgz")),
        ("@s/c@1.0.0", at("https://scoped.test/@s/c/-/c-1.0.0.tgz")),
        ("d@1.0.0", at("https://registry.test/npm/d/-/d-1.0.1.tgz")),
    ]);
    let scopes = [("@s".to_owned(), "https://scoped.test".to_owned())].into();
    let registries = Registries { default: "https://registry.test/npm/".to_owned(), scopes };
    let (resolution, _) = world.solve(Request { registries, ..app(deps("a@1 b@1 @s/c@1 d@1")) }).expect("a resolution");
    let written: Vec<_> =
        resolution.packages.iter().map(|package| matches!(&package.source, Source::Registry { tarball: Some(_) })).collect();
    assert_eq!(written, [false, false, true, true]);
    assert!(resolution.packages.iter().all(|package| package.integrity.is_some()));
}

#[test]
fn own_peers_of_a_project_are_installed_unless_that_is_off() {
    let world = World::new(&[("x@1.0.0", none()), ("y@1.0.0", none())]);
    let manifest = json!({"peerDependencies": map("x@1 y@1"), "peerDependenciesMeta": {"y": {"optional": true}}});
    assert_eq!(world.quiet_tree(manifest.clone()), [". -> x@1.0.0", "x@1.0.0"]);
    let options = Options { auto_install_peers: false, ..Options::default() };
    let (resolution, _) = world.solve(Request { options, ..app(manifest) }).expect("a resolution");
    assert_eq!(tree(&resolution), ["."]);
}

#[test]
fn deprecated_packages_are_told() {
    let world = World::new(&[("a@1.0.0", deps("b@1")), ("b@1.0.0", json!({"deprecated": "use \u{1b}[31mc"}))]);
    let (_, warnings) = world.app(deps("a@1")).expect("a resolution");
    assert_eq!(warnings, [Warning::Deprecated { id: "b@1.0.0".to_owned(), reason: "use \u{1b}[31mc".to_owned(), direct: false }]);
    assert_eq!(warnings[0].to_string(), "b@1.0.0 is deprecated: use [31mc");
}
