//! What a lockfile looks like, what comes back from it, and what is refused.

use super::{Lockfile, LockfileError, read, write};
use crate::package::integrity::Integrity;
use crate::package::name::PackageName;
use crate::package::platform::Platform;
use crate::resolve::graph::{
    Direct, Edge, Group, Importer, Instance, InstanceIndex, Package, PackageIndex, PeerRange, Resolution, Source, Target,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

fn package(id: &str, source: Source) -> Package {
    let at = id[1..].find('@').expect("name@version") + 1;
    Package {
        id: id.to_owned(),
        name: name(&id[..at]),
        version: if matches!(source, Source::Registry { .. }) { id[at + 1..].to_owned() } else { String::new() },
        source,
        integrity: Some(Integrity::of(id.as_bytes())),
        platform: Platform::default(),
        engines: BTreeMap::new(),
        peers: BTreeMap::new(),
        deprecated: None,
        has_bundled: false,
    }
}

fn registry(id: &str) -> Package {
    package(id, Source::Registry { tarball: None })
}

fn instance(path: &str, package: u32, dependencies: Vec<Edge>) -> Instance {
    Instance { path: path.to_owned(), package: PackageIndex(package), dependencies, optional: false, dev: false }
}

fn edge(alias: &str, target: u32, optional: bool) -> Edge {
    Edge { alias: name(alias), target: Target::Instance(InstanceIndex(target)), optional }
}

fn direct(alias: &str, specifier: &str, group: Group, target: Option<Target>) -> Direct {
    Direct { alias: name(alias), specifier: specifier.to_owned(), group, target }
}

fn instance_target(index: u32) -> Option<Target> {
    Some(Target::Instance(InstanceIndex(index)))
}

/// One of everything.
fn sample() -> Lockfile {
    let mut ui = registry("@s/ui@1.0.0");
    ui.peers = [
        ("react".to_owned(), PeerRange { range: ">=18".to_owned(), optional: false }),
        ("theme".to_owned(), PeerRange { range: "*".to_owned(), optional: true }),
    ]
    .into();
    let mut native = registry("native@2.0.0-rc.1");
    native.platform = Platform { os: vec!["darwin".to_owned()], cpu: vec!["!arm".to_owned()], libc: vec![] };
    native.engines = [("node".to_owned(), ">=18".to_owned())].into();
    native.deprecated = Some("use \"other\"\nor \u{7} nothing \\ é".to_owned());
    native.has_bundled = true;
    let mut elsewhere = package("elsewhere@1.0.0", Source::Registry { tarball: Some("https://files.test/e.tgz".to_owned()) });
    elsewhere.integrity = None;
    let mut folder = package("folder@file:lib/folder (old)", Source::Folder { path: "lib/folder (old)".to_owned() });
    folder.version = "0.1.0".to_owned();
    let tarball = package("t@https://example.test/t.tgz", Source::Tarball { url: "https://example.test/t.tgz".to_owned() });
    let mut resolution = Resolution {
        importers: vec![
            Importer {
                path: ".".to_owned(),
                dependencies: vec![
                    direct("@s/ui", "^1", Group::Prod, instance_target(0)),
                    direct("gone", "1", Group::Optional, None),
                    direct("linked", "link:../x", Group::Dev, Some(Target::Folder("../x".to_owned()))),
                    direct("other", "npm:react@18", Group::Dev, instance_target(4)),
                    direct("t", "https://example.test/t.tgz", Group::Prod, instance_target(5)),
                ],
            },
            Importer {
                path: "packages/a".to_owned(),
                dependencies: vec![direct("folder", "file:../../lib/folder (old)", Group::Prod, instance_target(2))],
            },
        ],
        packages: vec![ui, elsewhere, folder, native, registry("react@18.0.0"), tarball],
        instances: vec![
            instance("@s/ui@1.0.0(react@18.0.0)", 0, vec![edge("native", 3, true), edge("react", 4, false)]),
            instance("elsewhere@1.0.0", 1, vec![]),
            instance("folder@file:lib/folder (old)", 2, vec![edge("elsewhere", 1, false)]),
            instance("native@2.0.0-rc.1", 3, vec![]),
            instance("react@18.0.0", 4, vec![]),
            instance("t@https://example.test/t.tgz", 5, vec![edge("r", 4, false)]),
        ],
    };
    resolution.mark_reach();
    let overrides = [("react".to_owned(), "18.0.0".to_owned())].into();
    let catalog = BTreeMap::from([("a".to_owned(), "^1".to_owned()), ("b".to_owned(), "~2".to_owned())]);
    let catalogs = [("default".to_owned(), catalog.clone()), ("old".to_owned(), catalog)].into();
    Lockfile { overrides, catalogs, resolution, ..Lockfile::default() }
}

fn fault(text: &str) -> LockfileError {
    read(text.as_bytes()).expect_err("an error")
}

/// The sample as text, with one piece replaced by another.
fn with(from: &str, to: &str) -> String {
    let text = write(sample().borrowed());
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

#[test]
fn it_looks_like_this() {
    insta::assert_snapshot!(write(sample().borrowed()));
}

#[test]
fn what_is_written_is_read_again() {
    let sample = sample();
    let text = write(sample.borrowed());
    assert_eq!(read(text.as_bytes()).expect("a lockfile"), sample);
    assert_eq!(read(format!("\u{feff}{text}").as_bytes()).expect("a lockfile"), sample);
    let empty = Lockfile::default();
    assert_eq!(read(write(empty.borrowed()).as_bytes()).expect("a lockfile"), empty);
}

#[test]
fn windows_line_ends_and_another_order_change_nothing() {
    let text = write(sample().borrowed());
    assert_eq!(read(text.replace('\n', "\r\n").as_bytes()).expect("a lockfile"), sample());
    let (first, second) = (r#""elsewhere@1.0.0": {}"#, r#""native@2.0.0-rc.1": {}"#);
    let swapped = text.replace(first, "HERE").replace(second, first).replace("HERE", second);
    assert_ne!(swapped, text);
    assert_eq!(read(swapped.as_bytes()).expect("a lockfile"), sample());
}

#[test]
fn newer_versions_are_refused_even_when_their_shape_is_unknown() {
    assert!(matches!(fault(&with(r#""lockfileVersion": 1"#, r#""lockfileVersion": 2"#)), LockfileError::Newer { found: 2 }));
    assert!(matches!(fault(r#"{"lockfileVersion": 7, "packages": [1, {}]}"#), LockfileError::Newer { found: 7 }));
    assert!(matches!(fault(r#"{"lockfileVersion": 1, "packages": []}"#), LockfileError::Syntax(_)));
}

#[test]
fn merge_conflicts_are_named() {
    let text = with("  \"packages\": {", "<<<<<<< HEAD\n  \"packages\": {\n=======\n>>>>>>> branch\n");
    let LockfileError::Conflict { line } = fault(&text) else {
        panic!("no conflict");
    };
    assert!(text.lines().nth(line - 1).expect("the line").starts_with("<<<<<<<"));
}

#[test]
fn hostile_entries_are_refused() {
    for (from, to, why) in [
        ("\"react@18.0.0\": {\"int", "\"../../../x@18.0.0\": {\"int", "not a valid package name"),
        ("\"react@18.0.0\": {\"int", "\"react@../../x\": {\"int", "has no valid version"),
        ("\"react@18.0.0\": {\"int", "\"react@18.0\": {\"int", "has no valid version"),
        ("\"react@18.0.0\": {\"int", "\"react\": {\"int", "has no version"),
        ("\"native@2.0.0-rc.1\": {}", "\"native@2.0.0-rc.2\": {}", "not in `snapshots`"),
        ("{\"native\": ", "{\"../native\": ", "bad dependency"),
        ("{\"native\": ", "{\".bin\": ", "bad dependency"),
        ("{\"native\": ", "{\"__proto__\": ", "bad dependency"),
        ("{\"native\": ", "{\"react\": \"18.0.0\", \"native\": ", "twice"),
        ("\"packages/a\"", "\"../a\"", "no project of the workspace"),
        ("\"packages/a\"", "\"/a\"", "no project of the workspace"),
        ("\"packages/a\"", "\"packages/../../a\"", "no project of the workspace"),
        ("https://files.test/e.tgz", "file:///etc/passwd", "not at an http address"),
        ("{\"react\": \">=18\"", "{\"../react\": \">=18\"", "bad peer"),
        ("\"elsewhere@1.0.0\": {}", "\"elsewhere@1.0.0\": {\"dependencies\": {\"x\": \"link:/etc\"}}", "file of this machine"),
        (
            "\"elsewhere@1.0.0\": {}",
            "\"elsewhere@1.0.0\": {\"dependencies\": {\"folder\": \"file:lib/folder (old)\"}}",
            "file of this machine",
        ),
        ("\"elsewhere@1.0.0\": {}", "\"elsewhere@1.0.0\": {\"package\": \"react@18.0.0\"}", "has no entry in `packages`"),
        ("\"version\": \"link:../x\"", "\"version\": \"link:a\\u0000b\"", "NUL"),
    ] {
        let text = fault(&with(from, to)).to_string();
        assert!(text.contains(why), "{to}: {text}");
    }
}

#[test]
fn a_key_may_stand_only_once() {
    for (from, to) in [
        ("\"react@18.0.0\": {}", "\"react@18.0.0\": {}, \"react@18.0.0\": {}"),
        ("\"lockfileVersion\": 1", "\"lockfileVersion\": 1, \"lockfileVersion\": 1"),
        ("\"lockfileVersion\": 1", "\"lockfileVersion\": 1, \"unknown\": 1"),
        ("{\"native\": ", "{\"native\": \"2.0.0-rc.1\", \"native\": "),
    ] {
        assert!(matches!(fault(&with(from, to)), LockfileError::Syntax(_)), "{to}");
    }
}

#[test]
fn bad_integrities_count_as_absent_and_deep_nesting_ends() {
    let text = write(sample().borrowed());
    let start = text.find("sha512-").expect("an integrity");
    let end = start + text[start..].find('"').expect("its end");
    let lockfile = read(format!("{}garbage{}", &text[..start], &text[end..]).as_bytes()).expect("a lockfile");
    assert_eq!(lockfile.resolution.packages[0].integrity, None);
    for open in ["[", "{\"a\":"] {
        let deep = format!("{{\"lockfileVersion\": 1, \"settings\": {}", open.repeat(100_000));
        assert!(matches!(fault(&deep), LockfileError::Syntax(_)));
    }
}

/// Resolutions with random names, aliases, peers and edges.
fn lockfiles() -> impl Strategy<Value = Lockfile> {
    let text = "[ -~]{0,12}|[a-zé\"\\\\\u{0}-\u{1f}]{0,6}";
    let word = "(@[a-z(]{1,3}/)?[a-z][a-z0-9.()-]{0,5}";
    let pack = (word, 0..3u64, text, text, any::<[bool; 4]>());
    (proptest::collection::vec(pack, 1..8), proptest::collection::vec((0..64usize, 0..64usize, word, any::<bool>()), 0..16), text).prop_map(
        |(packs, edges, note)| {
            let packages: BTreeMap<String, Package> = packs
                .into_iter()
                .map(|(name, major, engine, deprecated, flags)| {
                    let mut package = registry(&format!("{name}@{major}.0.0"));
                    package.engines = [("node".to_owned(), engine)].into();
                    package.deprecated = flags[0].then_some(deprecated);
                    package.has_bundled = flags[1];
                    package.peers = [("p".to_owned(), PeerRange { range: "*".to_owned(), optional: flags[2] })].into();
                    (package.id.clone(), package)
                })
                .collect();
            let packages: Vec<Package> = packages.into_values().collect();
            let mut instances: Vec<Instance> = Vec::new();
            for (index, package) in (0..).zip(&packages) {
                instances.push(instance(&package.id, index, vec![]));
                instances.push(instance(&format!("{}(p@1.0.0(q@2.0.0))", package.id), index, vec![]));
            }
            instances.sort_by(|left, right| left.path.cmp(&right.path));
            let count = instances.len();
            for (from, to, alias, optional) in edges {
                let to = u32::try_from(to % count).expect("a small number");
                let dependencies = &mut instances[from % count].dependencies;
                dependencies.push(edge(&alias, to, optional));
                dependencies.sort_by(|left, right| left.alias.cmp(&right.alias));
                dependencies.dedup_by(|left, right| left.alias == right.alias);
            }
            let importers = vec![Importer { path: ".".to_owned(), dependencies: vec![direct("a", &note, Group::Dev, instance_target(0))] }];
            let mut resolution = Resolution { importers, packages, instances };
            resolution.mark_reach();
            Lockfile { overrides: [(note.clone(), note)].into(), resolution, ..Lockfile::default() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_lockfile_survives_writing(lockfile in lockfiles()) {
        let text = write(lockfile.borrowed());
        let back = read(text.as_bytes()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&back, &lockfile);
        prop_assert_eq!(write(back.borrowed()), text);
    }

    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
        let mut bytes = write(sample().borrowed()).into_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let _ = read(&bytes);
        bytes.truncate(end.index(bytes.len()));
        let _ = read(&bytes);
    }
}
