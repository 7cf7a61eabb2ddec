use super::{Packument, PackumentError};
use crate::package::manifest::Bundled;
use crate::package::name::PackageName;
use crate::package::version::Version;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

const SHA512: &str = "sha512-CFjzYYAi4ThfiQvizrFQevTTXHtnCqWfe7x1AhgEscTz6ZbLbfoLRLPugTQyBth6f8ZERVUSyWHFD/7Wu4t1XQ==";

fn name() -> PackageName {
    PackageName::parse("@s/a").expect("a valid name")
}

fn parse(text: &str) -> Packument {
    Packument::parse(text.as_bytes(), &name()).expect("a packument")
}

fn decode(bytes: Vec<u8>) -> Result<Packument, PackumentError> {
    let whole = 0..bytes.len();
    Packument::decode(Arc::new(bytes), whole, &name())
}

fn versions(packument: &Packument) -> Vec<String> {
    (0..packument.len()).filter_map(|index| packument.version(index)).map(|version| version.to_string()).collect()
}

fn of(fields: &serde_json::Value) -> Packument {
    parse(&json!({"versions": {"1.2.3": fields}}).to_string())
}

#[test]
fn lists_versions_in_order_and_decodes_the_chosen_one() {
    let text =
        b"\xef\xbb\xbf{\"name\":\"@s/a\",\"_bad\":\"\xff \\ud800\",\"dist-tags\":{\"latest\":\"1.10.0\",\"gone\":\"9.9.9\"},\"versions\":{
        \"1.10.0\":{\"version\":\"1.10.0\",\"dependencies\":{\"b\":\"^1\"}},\"1.9.0\":7,\"rubbish\":{},\"1.9.0\":{\"deprecated\":\"no\"},
        \"v1.9.1+build\":[]}}";
    let packument = Packument::parse(text, &name()).expect("a packument");
    assert_eq!(versions(&packument), ["1.9.0", "1.9.1", "1.10.0"]);
    let latest = packument.tagged("latest").expect("the tag");
    assert_eq!((latest, packument.is_deprecated(latest)), (2, false));
    assert_eq!(packument.manifest(latest).dependencies["b"], "^1");
    let old = packument.find(&Version::new(1, 9, 0)).expect("the version");
    assert_eq!((packument.manifest(old).deprecated.as_deref(), packument.is_deprecated(old)), (Some("no"), true));
    assert!(packument.manifest(1).dependencies.is_empty());
    assert!(packument.tagged("gone").is_none() && packument.tagged("none").is_none());
    assert_eq!(packument.dist_tags().collect::<Vec<_>>(), [("gone", None), ("latest", Some(2))]);
    assert_eq!(packument.first_not_below(&Version::new(1, 9, 1)), 1);
    assert_eq!(packument.first_not_below(&Version::new(2, 0, 0)), 3);
    assert_eq!(packument.below(2).map(|(index, _)| index).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn the_compact_form_is_read_back_and_damage_is_noticed_or_harmless() {
    let fields = json!({"dependencies": {"b": "1"}, "engines": {"node": ">=1"}, "dist": {"integrity": SHA512, "unpackedSize": 300}});
    let text = json!({"dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": fields, "2.0.0": fields}}).to_string();
    let packument = parse(&text);
    let bytes = packument.encoded().to_vec();
    let with_front = [b"front", bytes.as_slice(), b"behind"].concat();
    let read = Packument::decode(Arc::new(with_front), 5..5 + bytes.len(), &name()).expect("the compact form");
    assert_eq!((versions(&read), read.encoded()), (vec!["1.0.0".to_owned(), "2.0.0".to_owned()], bytes.as_slice()));
    let manifest = read.manifest(1);
    assert_eq!(manifest.dependencies["b"], "1");
    assert_eq!((manifest.engines["node"].as_str(), manifest.dist.unpacked_size), (">=1", 300));
    assert_eq!(manifest.dist.integrity.expect("a hash").to_string(), SHA512);
    assert!(Packument::decode(Arc::new(bytes.clone()), 0..bytes.len(), &PackageName::parse("b").expect("a name")).is_err());
    for at in 0..bytes.len() {
        assert!(decode(bytes[..at].to_vec()).is_err(), "cut at {at}");
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            touch_everything(decode(bytes));
        }
    }
}

fn touch_everything(packument: Result<Packument, PackumentError>) {
    let Ok(packument) = packument else { return };
    packument.dist_tags().for_each(drop);
    packument.below(packument.len()).take(1000).for_each(drop);
    for index in 0..packument.len().min(1000) {
        packument.manifest(index);
        packument.is_deprecated(index);
    }
    packument.tagged("latest");
}

proptest! {
    #[test]
    fn no_bytes_do_harm(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        touch_everything(decode([b"dekapk2\n\x04@s/a", tail.as_slice()].concat()));
        touch_everything(Packument::parse(&tail, &name()));
    }
}

#[test]
fn what_versions_share_is_kept_once() {
    let record = r#"{"dependencies":{"some-dependency":"^1.2.3","another-one":"^4.5.6"},"engines":{"node":">=18"},"devDependencies":{"x":"1"},
        "dist":{"tarball":"https://registry.test/@s/a/-/a-VERSION.tgz","shasum":"0000000000000000000000000000000000000000"}}"#;
    let records: Vec<String> = (0..100).map(|n| format!("\"1.{n}.0\":{}", record.replace("VERSION", &format!("1.{n}.0")))).collect();
    let packument = parse(&format!(r#"{{"versions":{{{}}}}}"#, records.join(",")));
    assert!(packument.encoded().len() < 100 * 75, "{}", packument.encoded().len());
    let manifest = packument.manifest(99);
    assert_eq!(manifest.dist.tarball.as_deref(), Some("https://registry.test/@s/a/-/a-1.99.0.tgz"));
    assert!(manifest.dist.integrity.is_some() && manifest.dev_dependencies.is_empty());
}

#[test]
fn reads_all_fields_that_resolution_looks_at() {
    let manifest = of(&json!({
        "dependencies": {"a": "1", "b": 2}, "optionalDependencies": {"c": "3"}, "peerDependencies": {"d": "4"},
        "peerDependenciesMeta": {"d": {"optional": true}}, "bundleDependencies": ["a"], "bundledDependencies": true,
        "os": ["linux"], "cpu": "x64", "libc": ["glibc"], "engines": {"node": "5"}, "deprecated": true,
        "dist": {"tarball": "https://elsewhere.test/\"x\".tgz", "integrity": format!("sha1-x {SHA512}"), "shasum": "00", "unpackedSize": -1},
    }))
    .manifest(0);
    assert_eq!((manifest.dependencies.len(), manifest.optional_dependencies["c"].as_str()), (1, "3"));
    assert_eq!((manifest.peer_dependencies["d"].as_str(), manifest.optional_peers.as_slice()), ("4", &["d".to_owned()][..]));
    assert!(manifest.bundle_dependencies == Bundled::Names(vec!["a".to_owned()]) && manifest.bundles("anything"));
    assert_eq!((manifest.os, manifest.cpu, manifest.libc), (vec!["linux".into()], vec!["x64".into()], vec!["glibc".into()]));
    assert_eq!((manifest.engines["node"].as_str(), manifest.deprecated.as_deref()), ("5", Some("")));
    assert_eq!(manifest.dist.tarball.as_deref(), Some("https://elsewhere.test/\"x\".tgz"));
    assert_eq!(manifest.dist.integrity.expect("a hash").to_string(), SHA512);
    assert_eq!(manifest.dist.unpacked_size, 0);
}

#[test]
fn wrong_types_count_as_absent() {
    let packument = of(&json!({
        "dependencies": ["x"], "peerDependenciesMeta": 3, "os": 1, "engines": "node", "deprecated": "", "bundleDependencies": {},
        "dist": {"tarball": 7, "integrity": ["x"], "shasum": null, "unpackedSize": "300"},
    }));
    let manifest = packument.manifest(0);
    assert!(
        manifest.dependencies.is_empty() && manifest.optional_peers.is_empty() && manifest.os.is_empty() && manifest.engines.is_empty()
    );
    assert!(manifest.deprecated.is_none() && !packument.is_deprecated(0) && !manifest.bundles("x"));
    assert!(manifest.dist.tarball.is_none() && manifest.dist.integrity.is_none() && manifest.dist.unpacked_size == 0);
    assert!(of(&json!({"dist": "x"})).manifest(0).dist.tarball.is_none());
}

#[test]
fn of_a_key_that_stands_twice_the_last_one_counts() {
    let packument = parse(
        r#"{"versions":{"9.0.0":{}},"versions":{"1.0.0":{"dependencies":{"a":"1"},"dependencies":{},
        "engines":{"node":"1"},"engines":{"node":"2"},"dist":{"tarball":"x"},"dist":{"shasum":"y"}}}}"#,
    );
    let manifest = packument.manifest(0);
    assert_eq!(versions(&packument), ["1.0.0"]);
    assert!(manifest.dependencies.is_empty() && manifest.dist.tarball.is_none());
    assert_eq!(manifest.engines["node"], "2");
}

#[test]
fn the_hash_is_the_best_that_can_be_read() {
    let hash = |dist: serde_json::Value| of(&json!({ "dist": dist })).manifest(0).dist.integrity.map(|hash| hash.to_string());
    let shasum = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    assert_eq!(hash(json!({"integrity": SHA512, "shasum": shasum})).as_deref(), Some(SHA512));
    assert_eq!(hash(json!({"integrity": SHA512, "shasum": "rubbish"})).as_deref(), Some(SHA512));
    let of_shasum = Some("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    assert_eq!(hash(json!({ "shasum": shasum })).as_deref(), of_shasum);
    assert_eq!(hash(json!({"integrity": "rubbish", "shasum": shasum})).as_deref(), of_shasum);
    assert_eq!(hash(json!({"integrity": SHA512.replace('C', "!"), "shasum": shasum})).as_deref(), of_shasum);
    assert_eq!(hash(json!({"integrity": "", "shasum": "rubbish"})), None);
}

#[test]
fn refuses_what_is_no_packument_of_that_package() {
    let fault = |text: &str| Packument::parse(text.as_bytes(), &name()).expect_err("not a packument");
    assert!(matches!(fault("{}"), PackumentError::NoVersions));
    assert!(matches!(fault(r#"{"versions":null}"#), PackumentError::NoVersions));
    assert!(matches!(fault("[]"), PackumentError::NoVersions));
    assert!(matches!(fault("<html>"), PackumentError::Json(_)));
    assert!(matches!(fault(r#"{"versions":{"1.0.0":{}}"#), PackumentError::Json(_)));
    assert!(matches!(fault(r#"{"versions":{"1.0.0":{}}} x"#), PackumentError::Json(_)));
    assert!(matches!(fault(r#"{"name":"b","versions":{"1.0.0":{}}}"#), PackumentError::OtherPackage { .. }));
}

#[test]
fn broken_text_costs_nothing_but_itself() {
    let text =
        b"{\"x\xff\":\"\xff\",\"versions\":{\"1.0.\xff\":{},\"1.0.0\":{\"a\xff\":1,\"deprecated\":\"old\xff\",\"dist\":{\"b\":\"\xff\"}}}}";
    let packument = Packument::parse(text, &name()).expect("a packument");
    assert_eq!(versions(&packument), ["1.0.0"]);
    assert_eq!(packument.manifest(0).deprecated.as_deref(), Some("old\u{fffd}"));
    assert!(decode(packument.encoded().to_vec()).is_ok());
}
