//! An npm registry in this process, made of the packages a test describes, and as faulty as the test wants it.

use super::package::{Package, Published, gzip};
use super::server::{Answer, Reply, Request, Server};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The media type of the short form of a packument.
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";
/// The fields that the short form keeps of a version.
const ABBREVIATED_FIELDS: [&str; 18] = [
    "name",
    "version",
    "deprecated",
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "bundleDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bin",
    "directories",
    "dist",
    "engines",
    "os",
    "cpu",
    "libc",
    "hasInstallScript",
    "funding",
];

/// A registry on loopback. It is served from `new` on; what is published later is there for the next request.
pub struct Registry {
    state: Arc<Mutex<State>>,
    server: Arc<Server>,
    prefix: String,
}

/// What can be wrong with an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A status, with headers of its own.
    Status(u16, Vec<(String, String)>),
    /// The announced length is right, but only half of the body comes.
    Truncate,
    /// More bytes come than were announced.
    Pad,
    /// Honest length, but more bytes than the registry's hash speaks of.
    Append(Vec<u8>),
    /// Honest length, but one byte in the middle is another.
    Corrupt,
    /// Another body altogether, with a media type.
    Body(String, Vec<u8>),
    /// A JSON body that is gzipped already.
    Packed(Vec<u8>),
    /// The answer comes late.
    Delay(Duration),
    /// The second half of the answer comes late.
    Halt(Duration),
    /// There is nothing, and that is said late.
    LateNotFound(Duration),
    /// A redirect to an address.
    Redirect(String),
    /// The connection ends without an answer.
    HangUp,
    /// Bytes that are no HTTP.
    Garbage,
}

impl Fault {
    /// A status without headers of its own.
    pub fn status(status: u16) -> Fault {
        Fault::Status(status, Vec::new())
    }

    /// A late answer.
    pub fn delay(millis: u64) -> Fault {
        Fault::Delay(Duration::from_millis(millis))
    }

    /// A page such as a captive portal shows.
    pub fn html() -> Fault {
        Fault::Body("text/html".to_owned(), b"<!doctype html><title>Sign in to the network</title>".to_vec())
    }

    /// A JSON body.
    pub fn json(body: &[u8]) -> Fault {
        Fault::Body("application/json".to_owned(), body.to_vec())
    }
}

struct State {
    packages: BTreeMap<String, Versions>,
    faults: Vec<Planned>,
    log: Vec<Request>,
    token: Option<String>,
    etag: bool,
    gzip: bool,
    abbreviated: bool,
    cache_control: Option<String>,
    base: String,
}

#[derive(Default)]
struct Versions {
    versions: Vec<(String, Published)>,
    tags: BTreeMap<String, String>,
    /// Replaces fields of the packument itself.
    fields: Map<String, Value>,
}

struct Planned {
    pattern: String,
    fault: Fault,
    left: usize,
}

impl Registry {
    /// Keeps the server answering for as long as the value lives, also when the registry is gone.
    pub fn keep(&self) -> Arc<Server> {
        Arc::clone(&self.server)
    }

    /// Starts an empty registry.
    pub fn new() -> Registry {
        Registry::below("/")
    }

    /// Starts an empty registry below a path (`/npm/private/`).
    pub fn below(prefix: &str) -> Registry {
        let state = Arc::new(Mutex::new(State {
            packages: BTreeMap::new(),
            faults: Vec::new(),
            log: Vec::new(),
            token: None,
            etag: true,
            gzip: true,
            abbreviated: true,
            cache_control: Some("public, max-age=300".to_owned()),
            base: String::new(),
        }));
        let served = Arc::clone(&state);
        let server = Arc::new(Server::start(move |request| answer(&served, request)));
        lock(&state).base = format!("http://127.0.0.1:{}{prefix}", server.port());
        Registry { state, server, prefix: prefix.to_owned() }
    }

    /// Adds a version; the one added last is `latest` unless [`Registry::tag`] says otherwise.
    pub fn package(self, name: &str, version: &str, describe: impl FnOnce(Package) -> Package) -> Registry {
        self.publish(name, version, describe);
        self
    }

    /// Adds a version to a registry that is in use.
    pub fn publish(&self, name: &str, version: &str, describe: impl FnOnce(Package) -> Package) {
        let published = describe(Package::new(name, version)).publish();
        let mut state = lock(&self.state);
        let package = state.packages.entry(name.to_owned()).or_default();
        package.versions.retain(|(other, _)| other != version);
        package.versions.push((version.to_owned(), published));
        package.tags.insert("latest".to_owned(), version.to_owned());
    }

    /// Adds a version whose tarball is these bytes.
    pub fn raw_tarball(self, name: &str, version: &str, bytes: Vec<u8>) -> Registry {
        self.package(name, version, |package| package.raw_tarball(bytes))
    }

    /// Points a dist-tag at a version.
    pub fn tag(self, name: &str, tag: &str, version: &str) -> Registry {
        lock(&self.state).packages.entry(name.to_owned()).or_default().tags.insert(tag.to_owned(), version.to_owned());
        self
    }

    /// Replaces a field of a packument.
    pub fn packument_field(self, name: &str, field: &str, value: Value) -> Registry {
        lock(&self.state).packages.entry(name.to_owned()).or_default().fields.insert(field.to_owned(), value);
        self
    }

    /// Wants this token from everyone.
    pub fn token(self, token: &str) -> Registry {
        lock(&self.state).token = Some(token.to_owned());
        self
    }

    /// Sends no `ETag`, no compression and no short form, as some registries do.
    pub fn plain(self) -> Registry {
        let mut state = lock(&self.state);
        (state.etag, state.gzip, state.abbreviated, state.cache_control) = (false, false, false, None);
        drop(state);
        self
    }

    /// Sets the `Cache-Control` of packuments.
    pub fn cache_control(self, value: &str) -> Registry {
        lock(&self.state).cache_control = Some(value.to_owned());
        self
    }

    /// Answers every request for `pattern` with a fault. A `*` at either end of the pattern stands for anything.
    pub fn fault(&self, pattern: &str, fault: Fault) {
        self.fault_times(pattern, fault, usize::MAX);
    }

    /// Answers the next `times` requests for `pattern` with a fault.
    pub fn fault_times(&self, pattern: &str, fault: Fault, times: usize) {
        lock(&self.state).faults.push(Planned { pattern: pattern.to_owned(), fault, left: times });
    }

    /// Is without fault from now on.
    pub fn heal(&self) {
        lock(&self.state).faults.clear();
    }

    /// Returns the address, with a slash at its end.
    pub fn url(&self) -> String {
        lock(&self.state).base.clone()
    }

    /// Returns the address as `.npmrc` keys have it: `//127.0.0.1:4873/`.
    pub fn nerf_dart(&self) -> String {
        format!("//127.0.0.1:{}{}", self.server.port(), self.prefix)
    }

    /// Returns the address of a tarball.
    pub fn tarball_url(&self, name: &str, version: &str) -> String {
        format!("{}{}", self.url(), tarball_path(name, version))
    }

    /// Returns the `sha512-…` of a version's tarball.
    pub fn integrity(&self, name: &str, version: &str) -> String {
        let state = lock(&self.state);
        let (_, published) = state.packages[name].versions.iter().find(|(other, _)| other == version).unwrap();
        super::package::sha512(&published.tarball)
    }

    /// Returns what was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).log.clone()
    }

    /// Returns the paths that were asked for so far, sorted.
    pub fn asked(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.requests().into_iter().map(|request| request.path).collect();
        paths.sort();
        paths
    }

    /// Says how often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.requests().iter().filter(|request| request.path == path).count()
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        lock(&self.state).log.clear();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn tarball_path(name: &str, version: &str) -> String {
    let unscoped = name.rsplit('/').next().unwrap();
    format!("{name}/-/{unscoped}-{version}.tgz")
}

fn answer(state: &Mutex<State>, request: &Request) -> Answer {
    let mut state = lock(state);
    state.log.push(request.clone());
    let planned = state.faults.iter_mut().find(|planned| planned.left > 0 && matches(&planned.pattern, &request.path));
    let fault = planned.map(|planned| {
        planned.left = planned.left.saturating_sub(1);
        planned.fault.clone()
    });
    let reply = state.reply(request);
    drop(state);
    match fault {
        None => Answer::Whole(reply),
        Some(fault) => spoil(reply, fault),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(end), _) => path.ends_with(end),
        (None, Some(start)) => path.starts_with(start),
        (None, None) => pattern == path,
    }
}

fn spoil(mut reply: Reply, fault: Fault) -> Answer {
    let length = reply.body.len();
    match fault {
        Fault::Status(status, headers) => Answer::Whole(Reply { status, headers, body: b"{\"error\":\"out of order\"}".to_vec() }),
        Fault::Truncate => {
            reply.body.truncate(length / 2);
            Answer::Announced { reply, length }
        }
        Fault::Pad => {
            reply.body.extend_from_slice(&[0x41; 64]);
            Answer::Announced { reply, length }
        }
        Fault::Append(bytes) => {
            reply.body.extend_from_slice(&bytes);
            Answer::Whole(reply)
        }
        Fault::Corrupt => {
            reply.body[length / 2] ^= 0x20;
            Answer::Whole(reply)
        }
        Fault::Body(kind, body) => Answer::Whole(Reply::status(200).header("Content-Type", kind).body(body)),
        Fault::Packed(body) => {
            let reply = Reply::status(200).header("Content-Type", "application/json").header("Content-Encoding", "gzip");
            Answer::Whole(reply.body(body))
        }
        Fault::Delay(time) => {
            std::thread::sleep(time);
            Answer::Whole(reply)
        }
        Fault::Halt(time) => Answer::Halting(reply, time),
        Fault::LateNotFound(time) => {
            std::thread::sleep(time);
            Answer::Whole(Reply { status: 404, headers: Vec::new(), body: b"{}".to_vec() })
        }
        Fault::Redirect(address) => Answer::Whole(Reply::status(302).header("Location", address)),
        Fault::HangUp => Answer::HangUp,
        Fault::Garbage => Answer::Raw(b"\x16\x03\x01 this is no HTTP\r\n\r\n".to_vec()),
    }
}

impl State {
    fn reply(&self, request: &Request) -> Reply {
        let prefix = self.base.splitn(4, '/').nth(3).unwrap_or_default();
        let Some(path) = request.path.strip_prefix('/').and_then(|path| path.strip_prefix(prefix)) else {
            return Reply::status(404).body(b"{\"error\":\"not found\"}".to_vec());
        };
        if let Some(token) = &self.token
            && request.header("authorization") != Some(&format!("Bearer {token}"))
        {
            return Reply::status(401).body(b"{\"error\":\"unauthorized\"}".to_vec());
        }
        if let Some((name, _)) = path.split_once("/-/") {
            let versions = self.packages.get(name).map_or(&[][..], |package| &package.versions);
            if let Some((_, published)) = versions.iter().find(|(version, _)| tarball_path(name, version) == path) {
                return Reply::status(200).header("Content-Type", "application/octet-stream").body(published.tarball.clone());
            }
        } else if let Some(package) = self.packages.get(path) {
            return self.packument(request, path, package);
        }
        Reply::status(404).header("Content-Type", "application/json").body(b"{\"error\":\"not found\"}".to_vec())
    }

    fn packument(&self, request: &Request, name: &str, package: &Versions) -> Reply {
        let short = self.abbreviated && request.header("accept").is_some_and(|accept| accept.contains(ABBREVIATED));
        let body = serde_json::to_vec(&self.document(name, package, short)).unwrap();
        let etag = format!("\"{}\"", super::package::sha256(&body));
        let mut reply = Reply::status(200).header("Content-Type", if short { ABBREVIATED } else { "application/json" });
        if let Some(value) = &self.cache_control {
            reply = reply.header("Cache-Control", value.clone());
        }
        if self.etag {
            reply = reply.header("ETag", etag.clone());
            if request.header("if-none-match") == Some(&etag) {
                reply.status = 304;
                return reply;
            }
        }
        if self.gzip && request.header("accept-encoding").is_some_and(|accept| accept.contains("gzip")) {
            return reply.header("Content-Encoding", "gzip").body(gzip(&body));
        }
        reply.body(body)
    }

    fn document(&self, name: &str, package: &Versions, short: bool) -> Value {
        let mut versions = Map::new();
        for (version, published) in &package.versions {
            let mut record = published.record.clone();
            if short {
                record.retain(|field, _| ABBREVIATED_FIELDS.contains(&field.as_str()));
            }
            let url = published.tarball_url.clone().unwrap_or_else(|| format!("{}{}", self.base, tarball_path(name, version)));
            if let Some(dist) = record.get_mut("dist").and_then(Value::as_object_mut) {
                dist.entry("tarball").or_insert(json!(url));
            }
            versions.insert(version.clone(), Value::Object(record));
        }
        let mut document = json!({ "name": name, "dist-tags": package.tags, "versions": versions, "modified": "2026-01-01T00:00:00.000Z" });
        if !short {
            document["readme"] = json!("# A package\n");
            document["time"] = package.versions.iter().map(|(version, _)| (version.clone(), json!("2026-01-01T00:00:00.000Z"))).collect();
        }
        for (field, value) in &package.fields {
            document[field] = value.clone();
        }
        document
    }
}
