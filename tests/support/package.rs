//! A package as a test describes it: manifest, files, and how the registry speaks of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::collections::BTreeMap;
use std::io::Write as _;

/// One version of a package, described step by step and then published.
#[derive(Clone)]
pub struct Package {
    name: String,
    version: String,
    manifest: Map<String, Value>,
    /// Fields of the registry's record that differ from the manifest inside the tarball.
    record: Map<String, Value>,
    files: BTreeMap<String, (u32, Vec<u8>)>,
    raw: Option<Vec<u8>>,
    dist: Dist,
    tarball_url: Option<String>,
}

/// Which hashes the registry gives.
#[derive(Clone)]
enum Dist {
    Sha512,
    Shasum,
    Text(String),
    Nothing,
}

/// A version as the registry keeps it.
#[derive(Clone)]
pub struct Published {
    /// The record of the version in the packument, but for `dist.tarball`.
    pub record: Map<String, Value>,
    /// The bytes of the tarball.
    pub tarball: Vec<u8>,
    /// The address of the tarball, when it is not the usual one.
    pub tarball_url: Option<String>,
}

impl Package {
    /// Starts with a name, a version and an `index.js` that tells both.
    pub fn new(name: &str, version: &str) -> Package {
        let mut manifest = Map::new();
        manifest.insert("name".to_owned(), json!(name));
        manifest.insert("version".to_owned(), json!(version));
        let index = format!("module.exports = \"{name}@{version}\";\n");
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            manifest,
            record: Map::new(),
            files: BTreeMap::from([("index.js".to_owned(), (0o644, index.into_bytes()))]),
            raw: None,
            dist: Dist::Sha512,
            tarball_url: None,
        }
    }

    /// Adds to `dependencies`.
    pub fn dep(self, name: &str, range: &str) -> Package {
        self.entry("dependencies", name, json!(range))
    }

    /// Adds to `devDependencies`, which nobody installs for a dependency.
    pub fn dev_dep(self, name: &str, range: &str) -> Package {
        self.entry("devDependencies", name, json!(range))
    }

    /// Adds to `optionalDependencies`.
    pub fn optional_dep(self, name: &str, range: &str) -> Package {
        self.entry("optionalDependencies", name, json!(range))
    }

    /// Adds to `peerDependencies`.
    pub fn peer(self, name: &str, range: &str) -> Package {
        self.entry("peerDependencies", name, json!(range))
    }

    /// Adds to `peerDependencies` and marks the peer as one that may be missing.
    pub fn optional_peer(self, name: &str, range: &str) -> Package {
        self.peer(name, range).entry("peerDependenciesMeta", name, json!({ "optional": true }))
    }

    /// Adds a command; its file is made, not executable, if it is not there yet.
    pub fn bin(mut self, command: &str, file: &str) -> Package {
        let says = format!("#!/bin/sh\necho \"{command} of {}@{}: $*\"\n", self.name, self.version);
        self.files.entry(file.to_owned()).or_insert_with(|| (0o644, says.into_bytes()));
        self.entry("bin", command, json!(file))
    }

    /// Adds to `scripts`.
    pub fn script(self, event: &str, command: &str) -> Package {
        self.entry("scripts", event, json!(command))
    }

    /// Restricts the operating systems.
    pub fn os(self, os: &str) -> Package {
        self.field("os", json!([os]))
    }

    /// Adds to `engines`.
    pub fn engine(self, name: &str, range: &str) -> Package {
        self.entry("engines", name, json!(range))
    }

    /// Deprecates the version; only the registry knows.
    pub fn deprecated(self, message: &str) -> Package {
        self.record("deprecated", json!(message))
    }

    /// Puts a dependency into the tarball, as `bundleDependencies` has it.
    pub fn bundled(mut self, name: &str, version: &str) -> Package {
        let bundle = self.manifest.entry("bundleDependencies").or_insert_with(|| json!([]));
        bundle.as_array_mut().unwrap().push(json!(name));
        let manifest = json!({ "name": name, "version": version }).to_string();
        let index = format!("module.exports = \"bundled {name}@{version}\";\n");
        self.file(&format!("node_modules/{name}/package.json"), &manifest).file(&format!("node_modules/{name}/index.js"), &index)
    }

    /// Sets a field of the manifest.
    pub fn field(mut self, name: &str, value: Value) -> Package {
        self.manifest.insert(name.to_owned(), value);
        self
    }

    /// Sets a field of the registry's record only.
    pub fn record(mut self, name: &str, value: Value) -> Package {
        self.record.insert(name.to_owned(), value);
        self
    }

    /// Adds a file.
    pub fn file(mut self, path: &str, text: &str) -> Package {
        self.files.insert(path.to_owned(), (0o644, text.as_bytes().to_vec()));
        self
    }

    /// Adds a file of any bytes.
    pub fn bytes(mut self, path: &str, bytes: Vec<u8>) -> Package {
        self.files.insert(path.to_owned(), (0o644, bytes));
        self
    }

    /// Adds an executable file.
    pub fn executable(mut self, path: &str, text: &str) -> Package {
        self.files.insert(path.to_owned(), (0o755, text.as_bytes().to_vec()));
        self
    }

    /// Serves these bytes as the tarball; the registry's hash is the one of these bytes.
    pub fn raw_tarball(mut self, bytes: Vec<u8>) -> Package {
        self.raw = Some(bytes);
        self
    }

    /// Makes the registry give `dist.shasum` only, as it does for packages of old.
    pub fn shasum_only(mut self) -> Package {
        self.dist = Dist::Shasum;
        self
    }

    /// Makes the registry give this text as `dist.integrity`.
    pub fn integrity(mut self, text: &str) -> Package {
        self.dist = Dist::Text(text.to_owned());
        self
    }

    /// Makes the registry give no hash at all.
    pub fn without_integrity(mut self) -> Package {
        self.dist = Dist::Nothing;
        self
    }

    /// Makes the registry point elsewhere for the tarball.
    pub fn tarball_url(mut self, url: &str) -> Package {
        self.tarball_url = Some(url.to_owned());
        self
    }

    /// Returns the tarball.
    pub fn tarball(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut files = self.files.clone();
        files.insert("package.json".to_owned(), (0o644, serde_json::to_vec_pretty(&self.manifest).unwrap()));
        pack(files.iter().map(|(path, (mode, bytes))| (format!("package/{path}"), *mode, bytes.as_slice())))
    }

    /// Returns what the registry keeps.
    pub fn publish(self) -> Published {
        let tarball = self.tarball();
        let mut record = self.manifest;
        let scripts = record.get("scripts").and_then(Value::as_object);
        if scripts.is_some_and(|scripts| ["preinstall", "install", "postinstall"].iter().any(|event| scripts.contains_key(*event))) {
            record.insert("hasInstallScript".to_owned(), json!(true));
        }
        let shasum = hex(&Sha1::digest(&tarball));
        let dist = match self.dist {
            Dist::Sha512 => json!({ "integrity": sha512(&tarball), "shasum": shasum, "unpackedSize": tarball.len() * 3 }),
            Dist::Shasum => json!({ "shasum": shasum }),
            Dist::Text(text) => json!({ "integrity": text }),
            Dist::Nothing => json!({}),
        };
        record.insert("dist".to_owned(), dist);
        record.extend(self.record);
        Published { record, tarball, tarball_url: self.tarball_url }
    }
}

impl Package {
    fn entry(mut self, field: &str, key: &str, value: Value) -> Package {
        let map = self.manifest.entry(field).or_insert_with(|| json!({}));
        map.as_object_mut().unwrap().insert(key.to_owned(), value);
        self
    }
}

/// Makes a gzipped tar archive whose bytes depend on nothing but its content.
pub fn pack<'a>(files: impl Iterator<Item = (String, u32, &'a [u8])>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        header.set_mtime(499_162_500);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, path, bytes).unwrap();
    }
    gzip(&archive.into_inner().unwrap())
}

/// Compresses bytes into one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses bytes as tightly as gzip can.
pub fn gzip_tight(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns `sha512-…` of bytes.
pub fn sha512(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(Sha512::digest(bytes)))
}

/// Returns `sha256-…` of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
