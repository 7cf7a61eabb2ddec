//! Small resolutions, plans and trees as text, for the tests of this folder.

use super::Places;
use super::plan::{Groups, Input, Options, Wanted, plan};
use super::record::Record;
use crate::package::name::PackageName;
use crate::package::path::RelPath;
use crate::package::platform::{Host, Platform};
use crate::resolve::graph::{Direct, Edge, Group, Importer, Instance, InstanceIndex, Package, PackageIndex, Resolution, Source, Target};
use crate::store::PackageKey;
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

pub fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a valid name")
}

/// Reads a resolution. Each line is a project (`. : a b`) or an instance (`a@1.0.0 : b other=c@2.0.0`). A dependency is
/// `alias=instance` or an alias that only one instance has the name of; `?` before it makes it optional, `!` a
/// development dependency, and an instance `link:x` is a folder.
pub fn resolution(text: &str) -> Resolution {
    let lines: Vec<(&str, Vec<&str>)> = text
        .lines()
        .filter_map(|line| line.split_once(" :"))
        .map(|(head, tail)| (head.trim(), tail.split_whitespace().collect()))
        .collect();
    let is_instance = |head: &str| head[1..].contains('@');
    let paths: BTreeSet<&str> = lines.iter().map(|(head, _)| *head).filter(|head| is_instance(head)).collect();
    let id_of = |path: &str| path.split('(').next().unwrap_or_default().to_owned();
    let ids: BTreeSet<String> = paths.iter().map(|path| id_of(path)).collect();
    let target = |word: &str| -> (PackageName, Target) {
        let word = word.trim_start_matches(['?', '!']);
        let (alias, wanted) = word.split_once('=').unwrap_or((word, word));
        if let Some(folder) = wanted.strip_prefix("link:") {
            return (name(alias), Target::Folder(folder.to_owned()));
        }
        let matches = |path: &&&str| **path == wanted || package_name(path) == wanted;
        let path = paths.iter().find(matches).unwrap_or_else(|| panic!("no instance for {word}"));
        let index = paths.iter().position(|other| other == path).expect("it is there");
        (name(alias), Target::Instance(InstanceIndex(index as u32)))
    };
    let direct = |word: &&str| {
        let (alias, to) = target(word);
        let group = match word.as_bytes()[0] {
            b'?' => Group::Optional,
            b'!' => Group::Dev,
            _ => Group::Prod,
        };
        Direct { alias, specifier: "*".to_owned(), group, target: Some(to) }
    };
    let edge = |word: &&str| {
        let (alias, target) = target(word);
        Edge { alias, target, optional: word.starts_with('?') }
    };
    let mut resolution = Resolution::default();
    for (head, words) in &lines {
        if is_instance(head) {
            let package = ids.iter().position(|id| *id == id_of(head)).expect("it is there");
            let mut dependencies: Vec<Edge> = words.iter().map(edge).collect();
            dependencies.sort_by(|one, other| one.alias.cmp(&other.alias));
            let instance =
                Instance { path: (*head).to_owned(), package: PackageIndex(package as u32), dependencies, optional: false, dev: false };
            resolution.instances.push(instance);
        } else {
            let mut dependencies: Vec<Direct> = words.iter().map(direct).collect();
            dependencies.sort_by(|one, other| one.alias.cmp(&other.alias));
            resolution.importers.push(Importer { path: (*head).to_owned(), dependencies });
        }
    }
    resolution.instances.sort_by(|one, other| one.path.cmp(&other.path));
    resolution.packages = ids.iter().map(|id| package(id)).collect();
    resolution
}

fn package_name(id: &str) -> &str {
    let at = id[1..].find('@').expect("a version") + 1;
    &id[..at]
}

fn package(id: &str) -> Package {
    let text = package_name(id);
    Package {
        id: id.to_owned(),
        name: name(text),
        version: id[text.len() + 1..].to_owned(),
        source: Source::Registry { tarball: None },
        integrity: None,
        platform: Platform::default(),
        engines: BTreeMap::new(),
        peers: BTreeMap::new(),
        deprecated: None,
        has_bundled: false,
    }
}

pub fn options() -> Options {
    let words = |word: &str| vec![word.to_owned()];
    Options {
        host: Host { os: words("linux"), cpu: words("x64"), libc: words("glibc") },
        groups: Groups::ALL,
        hoist: true,
        hoist_pattern: words("*"),
        public_hoist_pattern: Vec::new(),
        shamefully_hoist: false,
        scope: None,
    }
}

pub fn places(root: &Path) -> Places {
    let path = |text: &str| RelPath::parse(text).expect("a path");
    Places { root: root.to_owned(), modules_dir: path("node_modules"), virtual_dir: path("node_modules/.deka"), shared: None }
}

/// What a test changes in the input of a plan.
#[derive(Default)]
pub struct Change {
    pub skipped: FxHashSet<InstanceIndex>,
    pub private: FxHashSet<PackageIndex>,
}

pub fn wanted(resolution: &Resolution, options: &Options, places: &Places, change: &Change) -> Wanted {
    let contents: Vec<PackageKey> = resolution.packages.iter().map(|package| key(&package.id)).collect();
    let input = Input { resolution, contents: &contents, skipped: &change.skipped, private: &change.private };
    plan(&input, options, places).expect("the patterns are right")
}

/// The key in the store of a package, from its id.
pub fn key(id: &str) -> PackageKey {
    PackageKey::of_source(format!("content of {id}"))
}

/// Prints a plan as the tree that it stands for.
pub fn print(wanted: &Wanted, places: &Places) -> String {
    let mut out = String::new();
    for slot in &wanted.slots {
        let folder = if slot.shared { "STORE" } else { places.virtual_dir.as_str() };
        let own = if slot.private { " (private)" } else { "" };
        let _ = writeln!(out, "{folder}/{}: {}{own}", slot.name, slot.package_name);
        for link in &slot.links {
            let _ = writeln!(out, "  {} -> {}", slot.place_of(link), link.text);
        }
    }
    out + &print_folders(wanted, places)
}

/// Prints the folders of links of a plan.
pub fn print_folders(wanted: &Wanted, places: &Places) -> String {
    let mut out = String::new();
    for (path, links) in super::diff::wanted_folders(wanted, places, &Record::default()) {
        let _ = writeln!(out, "{path}:");
        for (place, text) in links {
            let _ = writeln!(out, "  {place} -> {text}");
        }
    }
    out
}
