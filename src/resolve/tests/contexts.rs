//! Peers: contexts, what is added for them, and what is said about them.

use super::{World, app, deps, map, peers, projects, tree};
use crate::resolve::error::{ResolveError, Warning};
use crate::resolve::request::{Options, Request};
use serde_json::{Value, json};

fn none() -> Value {
    json!({})
}

fn optional_peers(list: &str) -> Value {
    let meta: serde_json::Map<_, _> =
        map(list).as_object().expect("a map").keys().map(|name| (name.clone(), json!({"optional": true}))).collect();
    json!({"peerDependencies": map(list), "peerDependenciesMeta": meta})
}

fn without_auto_install(request: Request) -> Request {
    Request { options: Options { auto_install_peers: false, ..Options::default() }, ..request }
}

#[test]
fn a_package_stands_once_for_each_context() {
    let world = World::new(&[
        ("react@17.0.0", none()),
        ("react@18.0.0", none()),
        ("dom@1.0.0", peers("react@>=16")),
        ("old@1.0.0", deps("react@17 dom@1")),
        ("plain@1.0.0", none()),
    ]);
    assert_eq!(
        world.quiet_tree(deps("react@18 dom@1 old@1 plain@1")),
        [
            ". -> dom@1.0.0(react@18.0.0) old@1.0.0 plain@1.0.0 react@18.0.0",
            "dom@1.0.0(react@17.0.0) -> react@17.0.0",
            "dom@1.0.0(react@18.0.0) -> react@18.0.0",
            "old@1.0.0 -> dom@1.0.0(react@17.0.0) react@17.0.0",
            "plain@1.0.0",
            "react@17.0.0",
            "react@18.0.0"
        ]
    );
}

#[test]
fn needs_pass_through_packages_that_have_no_peers_themselves() {
    let world = World::new(&[
        ("react@18.0.0", none()),
        ("ui@1.0.0", deps("hooks@1")),
        ("hooks@1.0.0", peers("react@*")),
        ("theme@1.0.0", json!({"peerDependencies": map("ui@1")})),
    ]);
    assert_eq!(
        world.quiet_tree(deps("react@18 ui@1 theme@1")),
        [
            ". -> react@18.0.0 theme@1.0.0(ui@1.0.0(react@18.0.0)) ui@1.0.0(react@18.0.0)",
            "hooks@1.0.0(react@18.0.0) -> react@18.0.0",
            "react@18.0.0",
            "theme@1.0.0(ui@1.0.0(react@18.0.0)) -> ui@1.0.0(react@18.0.0)",
            "ui@1.0.0(react@18.0.0) -> hooks@1.0.0(react@18.0.0)"
        ]
    );
}

#[test]
fn a_package_is_the_peer_of_its_own_dependencies() {
    let world = World::new(&[("host@1.0.0", deps("plugin@1")), ("plugin@1.0.0", peers("host@^1"))]);
    assert_eq!(
        world.quiet_tree(deps("host@1")),
        [". -> host@1.0.0", "host@1.0.0 -> plugin@1.0.0(host@1.0.0)", "plugin@1.0.0(host@1.0.0) -> host@1.0.0"]
    );
}

#[test]
fn peers_that_need_each_other_are_named_together() {
    let world = World::new(&[("a@1.0.0", peers("b@1 c@*")), ("b@1.0.0", peers("a@1")), ("c@1.0.0", none()), ("c@2.0.0", none())]);
    assert_eq!(
        world.quiet_tree(deps("a@1 b@1 c@2")),
        [
            ". -> a@1.0.0(b@1.0.0)(c@2.0.0) b@1.0.0(a@1.0.0)(c@2.0.0) c@2.0.0",
            "a@1.0.0(b@1.0.0)(c@2.0.0) -> b@1.0.0(a@1.0.0)(c@2.0.0) c@2.0.0",
            "b@1.0.0(a@1.0.0)(c@2.0.0) -> a@1.0.0(b@1.0.0)(c@2.0.0)",
            "c@2.0.0"
        ]
    );
    // Two such pairs that see different things outside of themselves stay apart.
    let world = World::new(&[
        ("a@1.0.0", peers("b@1 c@*")),
        ("b@1.0.0", peers("a@1")),
        ("c@1.0.0", none()),
        ("c@2.0.0", none()),
        ("other@1.0.0", deps("a@1 b@1 c@1")),
    ]);
    let lines = world.quiet_tree(deps("a@1 b@1 c@2 other@1"));
    assert_eq!(lines[7], "other@1.0.0 -> a@1.0.0(b@1.0.0)(c@1.0.0) b@1.0.0(a@1.0.0)(c@1.0.0) c@1.0.0");
}

#[test]
fn cycles_of_dependencies_with_peers_end() {
    let world = World::new(&[
        ("p@1.0.0", json!({"dependencies": map("q@1 x@1"), "peerDependencies": map("y@1")})),
        ("q@1.0.0", json!({"dependencies": map("p@1 y@1"), "peerDependencies": map("x@1")})),
        ("x@1.0.0", none()),
        ("y@1.0.0", none()),
    ]);
    assert_eq!(
        world.quiet_tree(deps("p@1 y@1")),
        [
            ". -> p@1.0.0(y@1.0.0) y@1.0.0",
            "p@1.0.0(y@1.0.0) -> q@1.0.0(x@1.0.0) x@1.0.0 y@1.0.0",
            "q@1.0.0(x@1.0.0) -> p@1.0.0(y@1.0.0) x@1.0.0 y@1.0.0",
            "x@1.0.0",
            "y@1.0.0"
        ]
    );
}

#[test]
fn missing_required_peers_are_installed_but_not_as_direct_dependencies() {
    let world = World::new(&[
        ("a@1.0.0", peers("react@^17")),
        ("b@1.0.0", peers("react@>=16")),
        ("react@17.0.0", deps("loose@1")),
        ("react@18.0.0", none()),
        ("loose@1.0.0", peers("late@1")),
        ("late@1.0.0", none()),
    ]);
    assert_eq!(
        world.quiet_tree(deps("a@1 b@1")),
        [
            ". -> a@1.0.0(react@17.0.0(late@1.0.0)) b@1.0.0(react@17.0.0(late@1.0.0))",
            "a@1.0.0(react@17.0.0(late@1.0.0)) -> react@17.0.0(late@1.0.0)",
            "b@1.0.0(react@17.0.0(late@1.0.0)) -> react@17.0.0(late@1.0.0)",
            "late@1.0.0",
            "loose@1.0.0(late@1.0.0) -> late@1.0.0",
            "react@17.0.0(late@1.0.0) -> loose@1.0.0(late@1.0.0)"
        ]
    );
}

#[test]
fn a_version_that_is_in_the_tree_serves_missing_peers() {
    let table = [
        ("a@1.0.0", peers("x@>=1")),
        ("o@1.0.0", optional_peers("x@1 y@1")),
        ("deep@1.0.0", deps("x@1.0.0")),
        ("x@1.0.0", none()),
        ("x@1.5.0", none()),
        ("y@1.0.0", none()),
    ];
    let world = World::new(&table);
    let lines = world.quiet_tree(deps("a@1 o@1 deep@1"));
    assert_eq!(lines[0], ". -> a@1.0.0(x@1.0.0) deep@1.0.0 o@1.0.0(x@1.0.0)");
    assert_eq!(lines[3], "o@1.0.0(x@1.0.0) -> ?x@1.0.0");
    // An optional peer alone brings nothing into the tree.
    assert_eq!(world.quiet_tree(deps("o@1")), [". -> o@1.0.0", "o@1.0.0"]);
    // Without auto-install nothing is provided.
    let (resolution, warnings) = world.solve(without_auto_install(app(deps("a@1 o@1 deep@1")))).expect("a resolution");
    assert_eq!(tree(&resolution)[0], ". -> a@1.0.0 deep@1.0.0 o@1.0.0");
    assert_eq!(warnings.iter().map(Warning::to_string).collect::<Vec<_>>(), ["a@1.0.0 needs the peer x@>=1, which is not there"]);
}

#[test]
fn wrong_and_conflicting_peers_are_told() {
    let world = World::new(&[
        ("a@1.0.0", peers("x@^1")),
        ("b@1.0.0", peers("x@^2")),
        ("pre@1.0.0", peers("x@>=1")),
        ("gone@1.0.0", peers("nowhere@1")),
        ("x@1.0.0", none()),
        ("x@2.0.0", none()),
        ("x@3.0.0-rc.1", none()),
    ]);
    let told = |manifest| {
        let (_, warnings) = world.app(manifest).expect("a resolution");
        warnings.iter().map(Warning::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told(deps("a@1 x@2")), ["a@1.0.0 needs the peer x@^1, but 2.0.0 is there"]);
    assert_eq!(told(deps("pre@1 x@3.0.0-rc.1")), [] as [&str; 0]);
    assert_eq!(
        told(deps("a@1 b@1")),
        [
            "a@1.0.0 needs the peer x@^1, which is not there",
            "b@1.0.0 needs the peer x@^2, which is not there",
            "app: no version of the peer x suits all that need it (^1, ^2)"
        ]
    );
    assert_eq!(
        told(deps("gone@1")),
        [
            "gone@1.0.0 needs the peer nowhere@1, which is not there",
            "app: the peer nowhere cannot be installed: the registry has no package `nowhere`"
        ]
    );
    let options = Options { strict_peer_dependencies: true, ..Options::default() };
    let strict = world.solve(Request { options, ..app(deps("a@1 x@2")) });
    assert!(matches!(strict, Err(ResolveError::Peers(warnings)) if warnings.len() == 1));
}

#[test]
fn an_added_peer_that_is_broken_is_missing() {
    let world = World::new(&[("a@1.0.0", peers("x@1")), ("x@1.0.0", deps("gone@1"))]);
    let (resolution, warnings) = world.app(deps("a@1")).expect("a resolution");
    assert_eq!(tree(&resolution), [". -> a@1.0.0", "a@1.0.0"]);
    assert!(warnings.iter().any(|warning| matches!(warning, Warning::PeerUnavailable { name, .. } if name == "x")), "{warnings:?}");
}

#[test]
fn projects_see_the_dependencies_of_the_workspaces_root() {
    let world = World::new(&[("ui@1.0.0", peers("react@*")), ("react@17.0.0", none()), ("react@18.0.0", none())]);
    let request = || projects(&[(".", "root", deps("react@17")), ("p", "p", deps("ui@1")), ("q", "q", deps("ui@1 react@18"))]);
    let (resolution, _) = world.solve(request()).expect("a resolution");
    assert_eq!(tree(&resolution)[1..3], ["p -> ui@1.0.0(react@17.0.0)", "q -> react@18.0.0 ui@1.0.0(react@18.0.0)"]);
    let options = Options { resolve_peers_from_workspace_root: false, auto_install_peers: false, ..Options::default() };
    let (resolution, _) = world.solve(Request { options, ..request() }).expect("a resolution");
    // `p` brings no react, so it shares the instance of `q`.
    assert_eq!(tree(&resolution)[1], "p -> ui@1.0.0(react@18.0.0)");
}

#[test]
fn instances_with_fewer_peers_give_way_unless_that_is_off() {
    let world =
        World::new(&[("lib@1.0.0", optional_peers("a@1 b@1")), ("a@1.0.0", none()), ("b@1.0.0", none()), ("mid@1.0.0", deps("lib@1"))]);
    let request = |dedupe_peer_dependents| Request {
        options: Options {
            dedupe_peer_dependents,
            auto_install_peers: false,
            resolve_peers_from_workspace_root: false,
            ..Options::default()
        },
        ..projects(&[("p", "p", deps("mid@1 a@1")), ("q", "q", deps("mid@1 a@1 b@1")), ("r", "r", deps("lib@1"))])
    };
    let (merged, _) = world.solve(request(true)).expect("a resolution");
    let (apart, _) = world.solve(request(false)).expect("a resolution");
    assert_eq!(
        tree(&merged)[..3],
        [
            "p -> a@1.0.0 mid@1.0.0(a@1.0.0)(b@1.0.0)",
            "q -> a@1.0.0 b@1.0.0 mid@1.0.0(a@1.0.0)(b@1.0.0)",
            "r -> lib@1.0.0(a@1.0.0)(b@1.0.0)"
        ]
    );
    assert_eq!((merged.instances.len(), apart.instances.len()), (4, 7));
}

#[test]
fn a_linked_project_can_be_a_peer() {
    let world = World::new(&[("plugin@1.0.0", peers("host@1"))]);
    let request = projects(&[(".", "root", deps("plugin@1 host@workspace:*")), ("host", "host", json!({"version": "1.0.0"}))]);
    let (resolution, warnings) = world.solve(request).expect("a resolution");
    assert_eq!(tree(&resolution)[2], "plugin@1.0.0(host@link:host) -> host=link:host");
    assert_eq!(warnings, []);
}

/// A tree as large as real ones, where most packages see several peers and half of those peers see each other.
#[test]
fn many_peers_do_not_multiply() {
    let mut table: Vec<(String, Value)> = Vec::new();
    for peer in 0..30 {
        let ring = map(&format!("peer{}@1 peer{}@1", (peer + 1) % 15, (peer + 2) % 15));
        table.push((format!("peer{peer}@1.0.0"), if peer < 15 { json!({"peerDependencies": ring}) } else { none() }));
    }
    for package in 0..1200usize {
        let needed: Vec<String> =
            (1..4).map(|step| package * 3 + step).filter(|next| *next < 1200).map(|next| format!("p{next}@1")).collect();
        let back = format!("p{}@1", package / 2);
        table.push((
            format!("p{package}@1.0.0"),
            json!({"dependencies": map(&format!("{} {back}", needed.join(" "))), "peerDependencies": map(&format!("peer{}@1 peer{}@1", package % 30, package * 7 % 30))}),
        ));
    }
    let table: Vec<(&str, Value)> = table.iter().map(|(id, manifest)| (id.as_str(), manifest.clone())).collect();
    let (resolution, _) = World::new(&table).app(deps("p0@1")).expect("a resolution");
    assert_eq!(resolution.instances.len(), 1230);
    assert!(resolution.instances.iter().all(|instance| instance.path.len() < 1100));
}

/// Every level doubles the contexts of the next: no real tree does, and it must neither hang nor eat all memory.
#[test]
fn contexts_that_double_at_every_level_are_refused() {
    let mut table: Vec<(String, Value)> = vec![("leaf@1.0.0".to_owned(), {
        let all: Vec<String> = (0..24).map(|level| format!("v{level}@*")).collect();
        json!({"peerDependencies": map(&all.join(" "))})
    })];
    for level in 0..24 {
        let next = if level == 23 { "leaf@1".to_owned() } else { format!("l{}@1", level + 1) };
        table.push((format!("v{level}@1.0.0"), none()));
        table.push((format!("v{level}@2.0.0"), none()));
        table.push((format!("x{level}@1.0.0"), deps(&format!("v{level}@1 {next}"))));
        table.push((format!("y{level}@1.0.0"), deps(&format!("v{level}@2 {next}"))));
        table.push((format!("l{level}@1.0.0"), deps(&format!("x{level}@1 y{level}@1"))));
    }
    let table: Vec<(&str, Value)> = table.iter().map(|(id, manifest)| (id.as_str(), manifest.clone())).collect();
    assert!(matches!(World::new(&table).app(deps("l0@1")), Err(ResolveError::TooManyContexts { .. })));
}
