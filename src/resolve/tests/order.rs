//! The answer does not depend on the order in which packuments arrive.

use super::{World, app, map, projects};
use crate::package::name::PackageName;
use crate::resolve::request::{Pinning, Refresh};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Names of the packages in generated registries.
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const RANGES: [&str; 7] = ["*", "^1", "^2", "1.0.0", "~1.1", ">=1.1", "latest"];

fn entry() -> impl Strategy<Value = (usize, usize)> {
    (0..NAMES.len(), 0..RANGES.len())
}

fn object(entries: &[(usize, usize)]) -> Value {
    Value::Object(entries.iter().map(|(name, range)| (NAMES[*name].to_owned(), json!(RANGES[*range]))).collect::<Map<_, _>>())
}

/// A manifest with dependencies, optional dependencies and peers, some of them optional.
fn manifest() -> impl Strategy<Value = Value> {
    (vec(entry(), 0..3), vec(entry(), 0..2), vec(entry(), 0..3), vec(0..NAMES.len(), 0..2)).prop_map(|(needed, optional, peers, loose)| {
        let meta: Map<_, _> = loose.iter().map(|name| (NAMES[*name].to_owned(), json!({"optional": true}))).collect();
        json!({
            "dependencies": object(&needed),
            "optionalDependencies": object(&optional),
            "peerDependencies": object(&peers),
            "peerDependenciesMeta": meta,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_gives_the_same_answer(
        versions in vec((0..NAMES.len(), 1..3u8, 0..3u8, manifest()), 4..24),
        asked in vec(entry(), 1..4),
        picks in vec(any::<prop::sample::Index>(), 64),
    ) {
        let ids: Vec<(String, Value)> =
            versions.into_iter().map(|(name, major, minor, manifest)| (format!("{}@{major}.{minor}.0", NAMES[name]), manifest)).collect();
        let table: Vec<(&str, Value)> = ids.iter().map(|(id, manifest)| (id.as_str(), manifest.clone())).collect();
        let world = World::new(&table);
        let request = || app(json!({"dependencies": object(&asked)}));
        let mut picks = picks.iter().cycle();
        let shuffled = world.solve_in_order(request(), |open| picks.next().map_or(0, |pick| pick.index(open)));
        match (world.solve(request()), shuffled) {
            (Ok(left), Ok(right)) => {
                prop_assert_eq!(&left, &right, "in another order");
                // Asked again with its own answer in hand, it says the same. (What was left out may be possible then: a
                // version that was pinned for one package can be one that the other could have done with.)
                if left.1.is_empty() {
                    let again = world.solve(super::Request { pins: Some(left.0.clone()), ..request() });
                    let again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
                    prop_assert_eq!(super::tree(&again.0), super::tree(&left.0), "asked again");
                }
            }
            (Err(left), Err(right)) => prop_assert_eq!(left.to_string(), right.to_string()),
            (left, right) => prop_assert!(false, "{:?} and {:?}", left, right),
        }
    }

    #[test]
    fn what_stays_can_be_had_from_what_is_remembered(
        versions in vec((0..NAMES.len(), 1..3u8, 0..3u8, manifest()), 4..24),
        known in 2..12usize,
        (asked, added) in (vec(entry(), 1..4), vec(entry(), 0..3)),
        (others, dropped) in (vec(entry(), 0..4), any::<bool>()),
        (overridden, is_add) in (proptest::option::of(entry()), any::<bool>()),
        picks in vec(any::<prop::sample::Index>(), 64),
    ) {
        // A version never changes, so the first of two counts.
        let mut ids: Vec<(String, Value)> = Vec::new();
        for (name, major, minor, manifest) in versions {
            let id = format!("{}@{major}.{minor}.0", NAMES[name]);
            if ids.iter().all(|(other, _)| *other != id) {
                ids.push((id, manifest));
            }
        }
        let table: Vec<(&str, Value)> = ids.iter().map(|(id, manifest)| (id.as_str(), manifest.clone())).collect();
        let before = || World::new(&table[..known.min(table.len())]);
        // Two projects, of which one changes what it asks for.
        let ask = |of_app: &[(usize, usize)], of_lib: &[(usize, usize)]| {
            let overrides = overridden.map(|(name, range)| (NAMES[name].to_owned(), RANGES[range].to_owned()));
            let (app, lib) = (json!({"dependencies": object(of_app)}), json!({"dependencies": object(of_lib)}));
            super::Request { overrides: overrides.into_iter().collect(), ..projects(&[(".", "app", app), ("lib", "lib", lib)]) }
        };
        let Ok(((previous, _), demands)) = before().solve_with_demands(ask(&asked, &others), |_| 0) else { return Ok(()) };
        let both = [&asked[usize::from(dropped)..], &added].concat();
        let names: BTreeSet<PackageName> = added.iter().filter_map(|(name, _)| PackageName::parse(NAMES[*name]).ok()).collect();
        let directs = [(".".to_owned(), names.clone())].into();
        let pinning = if is_add { Pinning::Refresh(Refresh { directs, names, depth: Some(0) }) } else { Pinning::Keep };
        let request = || super::Request { pins: Some(previous.clone()), pinning: pinning.clone(), ..ask(&both, &others) };
        let current = World::new(&table).solve(request());
        let mut picks = picks.iter().cycle();
        let mixed = World::new(&table).remembering(before()).solve_in_order(request(), |open| picks.next().map_or(0, |pick| pick.index(open)));
        let recalling = super::Request { demands: Some(demands), ..request() };
        let world = World::new(&table).remembering(before());
        let recalled = world.solve_in_order(recalling, |open| picks.next().map_or(0, |pick| pick.index(open)));
        for other in [mixed, recalled] {
            match (&current, other) {
                (Ok(current), Ok(other)) => prop_assert_eq!(current, &other),
                (Err(current), Err(other)) => prop_assert_eq!(current.to_string(), other.to_string()),
                (current, other) => prop_assert!(false, "{:?} and {:?}", current, other),
            }
        }
    }
}

#[test]
fn only_what_is_chosen_anew_is_asked_of_the_registry() {
    let before = World::new(&[("a@1.0.0", json!({"dependencies": map("x@^1")})), ("x@1.0.0", json!({}))]);
    let (previous, _) = before.solve(app(json!({"dependencies": map("a@1")}))).expect("a resolution");
    let world = World::new(&[
        ("a@1.0.0", json!({"dependencies": map("x@^1")})),
        ("b@1.0.0", json!({"dependencies": map("x@^1.1")})),
        ("x@1.0.0", json!({})),
        ("x@1.1.0", json!({})),
    ]);
    let request = super::Request { pins: Some(previous), ..app(json!({"dependencies": map("a@1 b@1")})) };
    let mut solver = super::Solver::new(request).expect("a solver");
    let name = |text: &str| super::PackageName::parse(text).expect("a name");
    let (a, b, x) = (name("a"), name("b"), name("x"));
    use super::Need::{Packument, Remembered};
    let mut first = solver.wants();
    first.sort_by_key(|need| format!("{need:?}"));
    assert_eq!(first, [Packument(b.clone()), Remembered(a.clone())]);
    solver.packument(&a, before.packument(&a));
    assert_eq!(solver.wants(), [Remembered(x.clone())]);
    solver.packument(&x, before.packument(&x));
    assert_eq!(solver.wants(), []);
    solver.packument(&b, world.packument(&b));
    assert_eq!(solver.wants(), [Packument(x.clone())], "its version is not among those of the previous answer");
    solver.packument(&x, world.packument(&x));
    assert_eq!(solver.wants(), []);
    let (resolution, _) = solver.finish().expect("a resolution");
    assert_eq!(super::tree(&resolution)[1..3], ["a@1.0.0 -> x@1.0.0", "b@1.0.0 -> x@1.1.0"]);
}

#[test]
fn what_stays_is_not_asked_about_when_its_demands_are_known() {
    let table = [
        ("a@1.0.0", json!({"dependencies": map("x@^1"), "optionalDependencies": map("late@1"), "peerDependencies": map("p@1")})),
        ("b@1.0.0", json!({"dependencies": map("x@^1")})),
        ("p@1.0.0", json!({})),
        ("x@1.0.0", json!({})),
        ("x@1.1.0", json!({})),
        ("late@1.0.0", json!({})),
    ];
    let before = World::new(&table[..4]);
    let ((previous, _), demands) = before.solve_with_demands(app(json!({"dependencies": map("a@1")})), |_| 0).expect("a resolution");
    let request = super::Request { pins: Some(previous), demands: Some(demands), ..app(json!({"dependencies": map("a@1 b@1")})) };
    let mut solver = super::Solver::new(request).expect("a solver");
    let name = |text: &str| super::PackageName::parse(text).expect("a name");
    let mut asked = solver.wants();
    asked.sort_by_key(|need| format!("{need:?}"));
    use super::Need::Packument;
    assert_eq!(asked, [Packument(name("b")), Packument(name("late"))], "what is new, and what came to nothing before");
    let world = World::new(&table);
    for known in ["b", "late"] {
        solver.packument(&name(known), world.packument(&name(known)));
    }
    assert_eq!(solver.wants(), [Packument(name("x"))], "which versions there are is not among the demands");
    solver.packument(&name("x"), world.packument(&name("x")));
    assert_eq!(solver.wants(), [], "the peer that was added is known as well");
    let (resolution, _) = solver.finish().expect("a resolution");
    assert_eq!(super::tree(&resolution)[1..3], ["a@1.0.0(p@1.0.0) -> ?late@1.0.0 p@1.0.0 x@1.0.0", "b@1.0.0 -> x@1.0.0"]);
}

#[test]
fn a_peer_that_was_added_stays_what_it_was() {
    // When `p` is looked for nobody knows yet that `q` will bring another one.
    let world = World::new(&[
        ("a@1.0.0", json!({"peerDependencies": map("p@^1 q@1")})),
        ("p@1.1.0", json!({})),
        ("p@1.0.0", json!({})),
        ("q@1.0.0", json!({"dependencies": map("p@1.1.0")})),
    ]);
    let request = || app(json!({"dependencies": map("a@1")}));
    let (first, _) = world.solve(request()).expect("a resolution");
    assert_eq!(super::tree(&first)[1..2], ["a@1.0.0(p@1.0.0)(q@1.0.0) -> p@1.0.0 q@1.0.0"]);
    let (again, _) = world.solve(super::Request { pins: Some(first.clone()), ..request() }).expect("a resolution");
    assert_eq!(super::tree(&again), super::tree(&first));
}

#[test]
fn a_direct_version_is_preferred_whichever_arrives_first() {
    let world = World::new(&[("a@1.0.0", json!({"dependencies": map("x@^1")})), ("x@1.0.0", json!({})), ("x@1.5.0", json!({}))]);
    let request = || app(json!({"dependencies": map("a@1 x@~1.0")}));
    let first = world.solve_in_order(request(), |_| 0).expect("a resolution");
    assert_eq!(first, world.solve_in_order(request(), |open| open - 1).expect("a resolution"));
    assert_eq!(super::tree(&first.0)[1], "a@1.0.0 -> x@1.0.0");
}
