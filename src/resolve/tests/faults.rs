//! What cannot be resolved, and what is said about it.

use super::{World, app, deps, map, peers, projects};
use crate::resolve::error::{Fault, ResolveError, Warning};
use crate::resolve::request::Request;
use serde_json::{Value, json};

fn message(world: &World, manifest: Value) -> String {
    world.app(manifest).expect_err("an error").to_string()
}

#[test]
fn an_error_names_the_way_to_the_dependency() {
    let world = World::new(&[("a@1.0.0", deps("b@^1")), ("b@1.0.0", deps("c@^2")), ("c@1.0.0", json!({})), ("c@3.0.0-rc.1", json!({}))]);
    assert_eq!(
        message(&world, deps("a@1")),
        "no version of `c` satisfies `^2`; there is 1.0.0 (latest), 3.0.0-rc.1, 1.0.0\nneeded by app > a@1.0.0 > b@1.0.0 > c@^2"
    );
    assert_eq!(message(&world, deps("gone@1")), "the registry has no package `gone`\nneeded by app > gone@1");
    assert_eq!(message(&world, deps("c@beta")), "`c` has no version tagged `beta`; there is latest\nneeded by app > c@beta");
}

#[test]
fn only_projects_may_point_at_files() {
    for specifier in ["file:../../etc", "link:/etc", "workspace:*", "catalog:", "./x", "x.tgz"] {
        let world = World::new(&[("a@1.0.0", json!({"dependencies": {"evil": specifier}}))]);
        let error = world.app(deps("a@1")).expect_err("an error");
        let ResolveError::Dependency { way, fault: Fault::OnlyInProjects { .. } } = &error else {
            panic!("{specifier}: {error}");
        };
        assert_eq!(way.trail, format!("app > a@1.0.0 > evil@{specifier}"));
    }
}

#[test]
fn git_is_not_supported_yet() {
    let world = World::new(&[("a@1.0.0", deps("g@github:user/repo")), ("b@1.0.0", json!({"optionalDependencies": map("g@user/repo")}))]);
    assert_eq!(
        message(&world, deps("a@1")),
        "git dependencies are not supported yet: `g` asks for `github:user/repo`\nneeded by app > a@1.0.0 > g@github:user/repo"
    );
    let (resolution, warnings) = world.app(deps("b@1")).expect("a resolution");
    assert_eq!((resolution.instances.len(), warnings.len()), (1, 1));
}

#[test]
fn hostile_names_are_refused_before_anything_is_fetched() {
    for alias in ["../x", ".bin", "node_modules", "__proto__", "@a/../b", "a b"] {
        let direct = super::super::solve::Solver::new(app(json!({"dependencies": {alias: "1"}})));
        assert!(matches!(direct.err(), Some(ResolveError::Dependency { fault: Fault::Name(_), .. })), "{alias}");
        for field in ["dependencies", "optionalDependencies", "peerDependencies"] {
            let world = World::new(&[("a@1.0.0", json!({field: {alias: "1"}}))]);
            let text = message(&world, deps("a@1"));
            assert!(text.contains("is not a valid package name") && text.contains("app > a@1.0.0 > "), "{field} {alias}: {text}");
        }
    }
    let text = message(&World::default(), deps("a@npm:../x@1"));
    assert!(text.contains("is not a valid package name"), "{text}");
}

#[test]
fn what_cannot_be_had_is_left_out_up_to_the_nearest_optional_edge() {
    let world = World::new(&[
        ("a@1.0.0", json!({"optionalDependencies": map("b@1")})),
        ("b@1.0.0", deps("c@1 ok@1")),
        ("c@1.0.0", deps("gone@1")),
        ("ok@1.0.0", json!({})),
    ]);
    let (resolution, warnings) = world.app(deps("a@1")).expect("a resolution");
    assert_eq!(super::tree(&resolution), [". -> a@1.0.0", "a@1.0.0"]);
    assert_eq!(
        warnings.iter().map(Warning::to_string).collect::<Vec<_>>(),
        ["optional dependency app > a@1.0.0 > b@1 is left out: the registry has no package `gone` (needed by b@1.0.0 > c@1.0.0 > gone@1)"]
    );
    let (resolution, _) = world.app(json!({"optionalDependencies": map("b@1")})).expect("a resolution");
    assert_eq!(super::tree(&resolution), [". -> b=nothing"]);
    assert!(world.app(deps("b@1")).is_err());
}

#[test]
fn what_is_left_out_below_an_added_peer_is_told_too() {
    let world = World::new(&[
        ("c@1.0.0", peers("h@^1")),
        ("h@1.0.0", json!({"optionalDependencies": map("h@*")})),
        ("h@2.0.0", deps("gone@1")),
        ("near@1.0.0", deps("c@1")),
    ]);
    for asked in ["c@1", "near@1"] {
        let (resolution, warnings) = world.app(deps(asked)).expect("a resolution");
        assert!(super::tree(&resolution).contains(&"h@1.0.0".to_owned()), "{:?}", super::tree(&resolution));
        assert_eq!(
            warnings.iter().map(Warning::to_string).collect::<Vec<_>>(),
            ["optional dependency app > h@1.0.0 > h@* is left out: the registry has no package `gone` (needed by h@2.0.0 > gone@1)"]
        );
    }
}

#[test]
fn workspace_and_catalog_faults_say_what_is_missing() {
    let fault = |manifest| {
        let request = projects(&[(".", "app", manifest), ("b", "b", json!({"version": "1.0.0"}))]);
        World::default().solve(request).expect_err("an error").to_string()
    };
    assert!(fault(deps("x@workspace:*")).contains("the workspace has no project `x`"));
    assert!(fault(deps("b@workspace:^2")).contains("the project has version 1.0.0"));
    assert!(fault(deps("b@workspace:./elsewhere")).contains("no project of the workspace is there"));
    assert!(fault(deps("b@catalog:react")).contains("the catalog `react` has no entry for `b`"));
}

#[test]
fn a_path_must_exist_and_an_address_answer() {
    assert!(message(&World::default(), deps("a@file:lib")).starts_with("there is nothing at `lib`"));
    assert!(
        message(&World::default(), deps("a@https://example.test/a.tgz")).starts_with("there is nothing at `https://example.test/a.tgz`")
    );
}

#[test]
fn two_projects_cannot_share_a_folder() {
    let request = projects(&[("a", "a", json!({})), ("a", "b", json!({}))]);
    assert!(matches!(World::default().solve(request), Err(ResolveError::DuplicateImporter(_))));
}

#[test]
fn an_unfinished_resolution_fails_instead_of_inventing() {
    let mut solver = super::super::solve::Solver::new(app(deps("a@1"))).expect("a request");
    assert_eq!(solver.wants().len(), 1);
    assert!(!solver.is_done());
    assert!(matches!(solver.finish(), Err(ResolveError::Dependency { fault: Fault::NoPackage(_), .. })));
}

#[test]
fn nothing_asked_is_nothing_installed() {
    let (resolution, warnings) = World::default().solve(Request::default()).expect("a resolution");
    assert!(resolution.importers.is_empty() && resolution.instances.is_empty() && warnings.is_empty());
}
