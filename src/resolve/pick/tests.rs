use super::{Preferred, pick, pick_for_all};
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::package::range::Range;
use crate::package::spec::Specifier;
use crate::package::version::Version;
use serde_json::{Value, json};

fn packument(versions: &[(&str, bool)], tags: Value) -> Packument {
    let name = PackageName::parse("a").expect("a name");
    let versions: serde_json::Map<String, Value> = versions
        .iter()
        .map(|(version, deprecated)| ((*version).to_owned(), if *deprecated { json!({"deprecated": "old"}) } else { json!({}) }))
        .collect();
    Packument::parse(json!({"dist-tags": tags, "versions": versions}).to_string().as_bytes(), &name).expect("a packument")
}

fn chosen(packument: &Packument, want: &str, preferred: Preferred<'_>) -> String {
    let Ok(Specifier::Registry { want, .. }) = Specifier::parse(&packument.name, want) else {
        panic!("{want} is no want");
    };
    match pick(packument, &want, preferred) {
        Ok(index) => packument.version(index).expect("a version").to_string(),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn latest_wins_then_the_highest_then_the_deprecated() {
    let some = packument(
        &[
            ("1.0.0", false),
            ("1.1.0", false),
            ("1.2.0", true),
            ("2.0.0", true),
            ("2.1.0", true),
            ("3.0.0-beta.1", false),
            ("3.0.0-beta.2", false),
        ],
        json!({"latest": "1.0.0", "next": "3.0.0-beta.1", "broken": "9.9.9"}),
    );
    for (want, version) in [
        ("^1", "1.0.0"),
        ("", "1.0.0"),
        ("*", "1.0.0"),
        ("latest", "1.0.0"),
        (">1.0.0", "1.1.0"),
        (">1.1.0 <3", "2.1.0"),
        ("1.2.0", "1.2.0"),
        ("=2.0.0", "2.0.0"),
        ("^2", "2.1.0"),
        ("next", "3.0.0-beta.1"),
        ("^3.0.0-beta.1", "3.0.0-beta.2"),
        ("3.x", "no version of `a` satisfies `3.x`; there is 1.0.0 (latest), 3.0.0-beta.2, 3.0.0-beta.1, 2.1.0, 2.0.0, 1.2.0"),
        ("1.5.0", "no version of `a` satisfies `1.5.0`; there is 1.0.0 (latest), 1.2.0, 1.1.0, 1.0.0"),
        ("broken", "`a` has no version tagged `broken`; there is broken, latest, next"),
    ] {
        assert_eq!(chosen(&some, want, Preferred::default()), version, "{want:?}");
    }
}

#[test]
fn a_deprecated_latest_gives_way() {
    let some = packument(&[("1.0.0", false), ("1.1.0", true)], json!({"latest": "1.1.0"}));
    assert_eq!(chosen(&some, "^1", Preferred::default()), "1.0.0");
    assert_eq!(chosen(&some, "*", Preferred::default()), "1.0.0");
    assert_eq!(chosen(&some, "latest", Preferred::default()), "1.1.0");
}

#[test]
fn an_exact_version_needs_no_tags() {
    let untagged = packument(&[("1.0.0", false), ("2.0.0-rc.1", false)], json!({}));
    assert_eq!(chosen(&untagged, "2.0.0-rc.1", Preferred::default()), "2.0.0-rc.1");
    assert_eq!(chosen(&untagged, "^1", Preferred::default()), "1.0.0");
    assert!(chosen(&untagged, "latest", Preferred::default()).contains("there is no tag"));
    let dangling = packument(&[("1.0.0", false)], json!({"latest": "7.0.0"}));
    assert_eq!(chosen(&dangling, "1.0.0", Preferred::default()), "1.0.0");
    assert_eq!(chosen(&dangling, "*", Preferred::default()), "1.0.0");
}

#[test]
fn any_version_is_latest_even_as_a_prerelease() {
    let young = packument(&[("1.0.0-alpha.1", false), ("1.0.0-alpha.2", false)], json!({"latest": "1.0.0-alpha.1"}));
    assert_eq!(chosen(&young, "*", Preferred::default()), "1.0.0-alpha.1");
    assert_eq!(chosen(&young, "", Preferred::default()), "1.0.0-alpha.1");
    let untagged = packument(&[("1.0.0-alpha.1", false), ("1.0.0-alpha.2", false)], json!({}));
    assert_eq!(chosen(&untagged, "*", Preferred::default()), "1.0.0-alpha.2");
    assert!(chosen(&young, "^1", Preferred::default()).starts_with("no version"));
}

#[test]
fn what_is_known_comes_before_what_the_registry_says() {
    let some = packument(&[("1.0.0", false), ("1.1.0", false), ("1.2.0", false), ("2.0.0", false)], json!({"latest": "1.2.0"}));
    let (pinned, direct) = ([Version::new(2, 0, 0), Version::new(1, 0, 0)], [Version::new(9, 0, 0), Version::new(1, 1, 0)]);
    assert_eq!(chosen(&some, "^1", Preferred { pinned: &pinned, direct: &direct }), "1.0.0");
    assert_eq!(chosen(&some, "^1.1", Preferred { pinned: &pinned, direct: &direct }), "1.1.0");
    assert_eq!(chosen(&some, "^1.1", Preferred { pinned: &pinned, direct: &[] }), "1.2.0");
    // What is known but no longer published is no help.
    assert_eq!(
        chosen(&some, ">2", Preferred { pinned: &[], direct: &direct }),
        "no version of `a` satisfies `>2`; there is 1.2.0 (latest), 2.0.0"
    );
}

#[test]
fn one_version_for_all_ranges() {
    let some = packument(&[("1.0.0", false), ("1.5.0", false), ("2.0.0", false), ("3.0.0-rc.1", false)], json!({"latest": "2.0.0"}));
    let all = |texts: &[&str]| {
        let ranges: Vec<Range> = texts.iter().map(|text| Range::parse(text).expect("a range")).collect();
        pick_for_all(&some, &ranges).and_then(|index| some.version(index)).map(|version| version.to_string())
    };
    assert_eq!(all(&["^1", ">=1.2"]).as_deref(), Some("1.5.0"));
    assert_eq!(all(&["^1", "^2"]), None);
    assert_eq!(all(&[]).as_deref(), Some("2.0.0"));
    assert_eq!(all(&[">2.0.0"]).as_deref(), Some("3.0.0-rc.1"));
}
