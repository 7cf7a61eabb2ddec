use super::{Asked, check};
use crate::lockfile::{Lockfile, Settings};
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::resolve::graph::{Direct, Group, Importer, Resolution};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn locked() -> Lockfile {
    let direct = |alias: &str, specifier: &str, group| Direct {
        alias: PackageName::parse(alias).expect("a name"),
        specifier: specifier.to_owned(),
        group,
        target: None,
    };
    let dependencies = vec![direct("a", "^1", Group::Prod), direct("b", "2", Group::Dev), direct("p", "3", Group::Prod)];
    let importers = vec![Importer { path: ".".to_owned(), dependencies }];
    Lockfile {
        overrides: [("x".to_owned(), "1".to_owned())].into(),
        catalogs: catalogs(&[("default", "a", "^1")]),
        resolution: Resolution { importers, ..Resolution::default() },
        ..Lockfile::default()
    }
}

fn manifest(value: &Value) -> Manifest {
    Manifest::parse(value.to_string().as_bytes()).expect("a manifest")
}

fn same() -> Value {
    json!({"dependencies": {"a": "^1"}, "devDependencies": {"b": "2"}, "peerDependencies": {"p": "3", "a": "*"}})
}

fn catalogs(entries: &[(&str, &str, &str)]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut catalogs = BTreeMap::<String, BTreeMap<String, String>>::new();
    for (catalog, alias, specifier) in entries {
        catalogs.entry((*catalog).to_owned()).or_default().insert((*alias).to_owned(), (*specifier).to_owned());
    }
    catalogs
}

#[test]
fn another_entry_of_a_catalog_is_a_difference() {
    let manifest = manifest(&same());
    let overrides = BTreeMap::from([("x".to_owned(), "1".to_owned())]);
    for (now, want) in [
        (&[("default", "a", "^1")][..], ""),
        (&[("default", "a", "^2")], "`a` in the catalog `default` was `^1` and is `^2` now"),
        (&[], "`a` in the catalog `default` was `^1` and is not there now"),
        (&[("default", "a", "^1"), ("new", "b", "3")], "`b` in the catalog `new` was not there and is `3` now"),
    ] {
        let asked =
            Asked { importers: &[(".", &manifest)], overrides: &overrides, catalogs: &catalogs(now), settings: &Settings::default() };
        assert_eq!(check(&locked(), asked).err().map(|difference| difference.to_string()).unwrap_or_default(), want);
    }
}

fn difference(importers: &[(&str, Value)], overrides: &[(&str, &str)], settings: &Settings) -> String {
    let manifests: Vec<(&str, Manifest)> = importers.iter().map(|(path, value)| (*path, manifest(value))).collect();
    let importers: Vec<(&str, &Manifest)> = manifests.iter().map(|(path, manifest)| (*path, manifest)).collect();
    let overrides: BTreeMap<String, String> = overrides.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned())).collect();
    let asked = Asked { importers: &importers, overrides: &overrides, catalogs: &catalogs(&[("default", "a", "^1")]), settings };
    check(&locked(), asked).err().map(|difference| difference.to_string()).unwrap_or_default()
}

#[test]
fn the_first_difference_is_told_in_words() {
    let settings = Settings::default();
    let of = |value: Value| difference(&[(".", value)], &[("x", "1")], &settings);
    assert_eq!(of(same()), "");
    assert_eq!(
        of(json!({"dependencies": {"a": "^2"}, "devDependencies": {"b": "2"}, "peerDependencies": {"p": "3"}})),
        "package.json: `a` was `^1` and is `^2` now"
    );
    assert_eq!(
        of(json!({"dependencies": {"a": "^1", "b": "2"}, "peerDependencies": {"p": "3"}})),
        "package.json: `b` moved from devDependencies to dependencies"
    );
    assert_eq!(
        of(json!({"dependencies": {"a": "^1", "c": "1"}, "devDependencies": {"b": "2"}})),
        "package.json: `c` was not there and is `1` now"
    );
    assert_eq!(of(json!({"dependencies": {"a": "^1"}, "peerDependencies": {"p": "3"}})), "package.json: `b` was `2` and is not there now");
    let two = difference(&[(".", same()), ("b", json!({}))], &[("x", "1")], &settings);
    assert_eq!(two, "the project `b` is not in the lockfile");
    assert_eq!(difference(&[], &[("x", "1")], &settings), "the project `.` is in the lockfile, but not in the workspace");
}

#[test]
fn settings_and_overrides_count() {
    let settings = Settings::default();
    assert_eq!(difference(&[(".", same())], &[("x", "2")], &settings), "the entry of `overrides` for `x` was `1` and is `2` now");
    assert_eq!(
        difference(&[(".", same())], &[("x", "1"), ("a", "1")], &settings),
        "the entry of `overrides` for `a` was not there and is `1` now"
    );
    let off = Settings { auto_install_peers: false, ..settings };
    assert_eq!(difference(&[(".", same())], &[("x", "1")], &off), "the setting `autoInstallPeers` is false now");
}
