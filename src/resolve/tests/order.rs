//! The answer does not depend on the order in which packuments arrive.

use super::{World, app, map};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

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
}

#[test]
fn a_direct_version_is_preferred_whichever_arrives_first() {
    let world = World::new(&[("a@1.0.0", json!({"dependencies": map("x@^1")})), ("x@1.0.0", json!({})), ("x@1.5.0", json!({}))]);
    let request = || app(json!({"dependencies": map("a@1 x@~1.0")}));
    let first = world.solve_in_order(request(), |_| 0).expect("a resolution");
    assert_eq!(first, world.solve_in_order(request(), |open| open - 1).expect("a resolution"));
    assert_eq!(super::tree(&first.0)[1], "a@1.0.0 -> x@1.0.0");
}
