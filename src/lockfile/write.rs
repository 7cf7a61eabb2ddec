//! Writing: equal lockfiles are equal bytes.

use super::keys::Finder;
use super::{Borrowed, VERSION};
use crate::resolve::graph::{Direct, Edge, Group, Importer, Instance, Package, Resolution, Source, Target};
use std::borrow::Cow;
use std::fmt::Display;

/// The groups of an importer, in the order in which they are written.
const GROUPS: [(Group, &str); 3] =
    [(Group::Prod, "dependencies"), (Group::Dev, "devDependencies"), (Group::Optional, "optionalDependencies")];

/// Returns a lockfile as text, with a newline at the end.
pub fn write(lockfile: Borrowed<'_>) -> String {
    let resolution = lockfile.resolution;
    let mut out = Text(String::with_capacity(512 * resolution.packages.len() + 1024));
    out.0.push_str("{\n  \"lockfileVersion\": ");
    out.number(VERSION);
    out.0.push_str(",\n  \"settings\": ");
    let settings = lockfile.settings;
    let mut list = out.open();
    list.flag("autoInstallPeers", settings.auto_install_peers);
    list.flag("dedupePeerDependents", settings.dedupe_peer_dependents);
    list.flag("resolvePeersFromWorkspaceRoot", settings.resolve_peers_from_workspace_root);
    list.close();
    if !lockfile.overrides.is_empty() {
        out.0.push_str(",\n  \"overrides\": ");
        out.map(lockfile.overrides.iter());
    }
    for (index, (catalog, entries)) in lockfile.catalogs.iter().enumerate() {
        out.0.push_str(if index == 0 { ",\n  \"catalogs\": {\n    " } else { ",\n    " });
        out.string(catalog);
        out.0.push_str(": ");
        out.lines(entries.iter());
    }
    if !lockfile.catalogs.is_empty() {
        out.0.push_str("\n  }");
    }
    out.0.push_str(",\n  \"importers\": {");
    for (index, importer) in resolution.importers.iter().enumerate() {
        out.0.push_str(if index == 0 { "\n    " } else { ",\n    " });
        write_importer(&mut out, resolution, importer);
    }
    out.0.push_str("\n  },\n  \"packages\": {");
    for (index, package) in resolution.packages.iter().enumerate() {
        out.0.push_str(if index == 0 { "\n    " } else { ",\n    " });
        write_package(&mut out, package);
    }
    out.0.push_str("\n  },\n  \"snapshots\": {");
    let mut finder = Finder::new(&resolution.packages);
    for (index, instance) in resolution.instances.iter().enumerate() {
        out.0.push_str(if index == 0 { "\n    " } else { ",\n    " });
        write_instance(&mut out, resolution, instance, &mut finder);
    }
    out.0.push_str("\n  }\n}\n");
    out.0
}

/// One dependency a line: this is what people read and branches change.
fn write_importer(out: &mut Text, resolution: &Resolution, importer: &Importer) {
    out.string(&importer.path);
    out.0.push_str(": {");
    let mut is_first = true;
    for (group, name) in GROUPS {
        let mut directs = importer.dependencies.iter().filter(|direct| direct.group == group).peekable();
        if directs.peek().is_none() {
            continue;
        }
        out.0.push_str(if is_first { "\n      " } else { ",\n      " });
        is_first = false;
        out.string(name);
        out.0.push_str(": {");
        for (index, Direct { alias, specifier, target, .. }) in directs.enumerate() {
            out.0.push_str(if index == 0 { "\n        " } else { ",\n        " });
            out.string(alias.as_str());
            out.0.push_str(": ");
            let mut entry = out.open();
            entry.text("specifier", specifier);
            if let Some(target) = target {
                entry.text("version", &reference(resolution, alias.as_str(), target));
            }
            entry.close();
        }
        out.0.push_str("\n      }");
    }
    out.0.push_str(if is_first { "}" } else { "\n    }" });
}

fn write_package(out: &mut Text, package: &Package) {
    out.string(&package.id);
    out.0.push_str(": ");
    let mut entry = out.open();
    if let Some(integrity) = &package.integrity {
        entry.text("integrity", &integrity.to_string());
    }
    match &package.source {
        Source::Registry { tarball: Some(tarball) } => entry.text("tarball", tarball),
        Source::Registry { tarball: None } => {}
        Source::Tarball { .. } | Source::LocalTarball { .. } | Source::Folder { .. } => {
            if !package.version.is_empty() {
                entry.text("version", &package.version);
            }
        }
    }
    for (key, list) in [("os", &package.platform.os), ("cpu", &package.platform.cpu), ("libc", &package.platform.libc)] {
        entry.list(key, list.iter());
    }
    entry.map("engines", package.engines.iter());
    entry.map("peerDependencies", package.peers.iter().map(|(name, peer)| (name, &peer.range)));
    entry.list("optionalPeers", package.peers.iter().filter(|(_, peer)| peer.optional).map(|(name, _)| name));
    if let Some(deprecated) = &package.deprecated {
        entry.text("deprecated", deprecated);
    }
    if package.has_bundled {
        entry.flag("hasBundled", true);
    }
    entry.close();
}

fn write_instance(out: &mut Text, resolution: &Resolution, instance: &Instance, finder: &mut Finder<'_>) {
    out.string(&instance.path);
    out.0.push_str(": ");
    let package = resolution.package(instance.package);
    let mut entry = out.open();
    if finder.find_by_key(&instance.path) != Some(instance.package.0 as usize) {
        entry.text("package", &package.id);
    }
    for (optional, key) in [(false, "dependencies"), (true, "optionalDependencies")] {
        let edges = instance.dependencies.iter().filter(|edge| edge.optional == optional);
        let shown = |edge: &Edge| reference(resolution, edge.alias.as_str(), &edge.target);
        entry.map(key, edges.map(|edge| (edge.alias.as_str(), shown(edge))));
    }
    entry.close();
}

/// Returns how an edge names its target.
fn reference<'a>(resolution: &'a Resolution, alias: &str, target: &Target) -> Cow<'a, str> {
    match target {
        Target::Folder(path) => Cow::Owned(format!("link:{path}")),
        Target::Instance(index) => {
            let path = resolution.instance(*index).path.as_str();
            Cow::Borrowed(path.strip_prefix(alias).and_then(|rest| rest.strip_prefix('@')).unwrap_or(path))
        }
    }
}

/// JSON that is being written.
struct Text(String);

/// An object on one line that is being written.
struct Object<'a> {
    out: &'a mut Text,
    is_empty: bool,
}

impl Text {
    fn number(&mut self, number: impl Display) {
        self.0.push_str(&number.to_string());
    }

    fn string(&mut self, text: &str) {
        self.0.push('"');
        // Nearly all text goes through as it is.
        // All bytes are looked at even where the first is odd: that way many are looked at together.
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') & (*byte != b'"') & (*byte != b'\\');
        if text.as_bytes().iter().fold(true, |all, byte| all & is_plain(byte)) {
            self.0.push_str(text);
            self.0.push('"');
            return;
        }
        for character in text.chars() {
            match character {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                control if control.is_control() => self.0.push_str(&format!("\\u{:04x}", u32::from(control))),
                plain => self.0.push(plain),
            }
        }
        self.0.push('"');
    }

    fn open(&mut self) -> Object<'_> {
        self.0.push('{');
        Object { out: self, is_empty: true }
    }

    /// Writes a map of a catalog, one entry a line: this is what people read and branches change.
    fn lines<'a>(&mut self, entries: impl Iterator<Item = (&'a String, &'a String)>) {
        self.0.push('{');
        for (index, (key, value)) in entries.enumerate() {
            self.0.push_str(if index == 0 { "\n      " } else { ",\n      " });
            self.string(key);
            self.0.push_str(": ");
            self.string(value);
        }
        self.0.push_str("\n    }");
    }

    fn map(&mut self, entries: impl Iterator<Item = (impl AsRef<str>, impl AsRef<str>)>) {
        let mut object = self.open();
        for (key, value) in entries {
            object.text(key.as_ref(), value.as_ref());
        }
        object.close();
    }
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.0.push_str(", ");
        }
        self.out.string(key);
        self.out.0.push_str(": ");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.string(value);
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.0.push_str(if value { "true" } else { "false" });
    }

    /// Writes a map, unless it is empty.
    fn map(&mut self, key: &str, entries: impl Iterator<Item = (impl AsRef<str>, impl AsRef<str>)>) {
        let mut entries = entries.peekable();
        if entries.peek().is_some() {
            self.key(key);
            self.out.map(entries);
        }
    }

    /// Writes a list of strings, unless it is empty.
    fn list(&mut self, key: &str, items: impl Iterator<Item = impl AsRef<str>>) {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return;
        }
        self.key(key);
        for (index, item) in items.enumerate() {
            self.out.0.push_str(if index == 0 { "[" } else { ", " });
            self.out.string(item.as_ref());
        }
        self.out.0.push(']');
    }

    fn close(self) {
        self.out.0.push('}');
    }
}
