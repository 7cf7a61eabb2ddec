//! What the client must know, as plain values. Where they come from is not its concern.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The settings of a [`super::Client`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The registry of every package whose scope has none of its own.
    pub default: Url,
    /// The registries of scopes, by scope with its `@`.
    pub scopes: BTreeMap<String, Url>,
    /// Who deka is to whom.
    pub auth: Vec<Auth>,
    /// The proxies.
    pub proxy: Proxy,
    /// Certificates to trust instead of the system's. Empty: the system's.
    pub ca: Vec<Authorities>,
    /// Whether the certificate of a server must be valid.
    pub strict_ssl: bool,
    /// The most requests in flight; none when that depends on how far away a registry is.
    pub concurrency: Option<usize>,
    /// When to try again.
    pub retry: Retry,
    /// How long a connection may take to come about, and how long it may stay silent.
    pub timeout: Duration,
    /// The `User-Agent` of every request.
    pub user_agent: String,
    /// The folder of cached packuments.
    pub cache_dir: PathBuf,
    /// How old an answer may be.
    pub freshness: Freshness,
    /// Whether packuments are asked for in their full form; it has `time` and the license.
    pub full_metadata: bool,
}

/// A text in PEM with one or more root certificates.
#[derive(Clone, Debug)]
pub enum Authorities {
    /// The text itself.
    Text(Vec<u8>),
    /// A file with it, which is read when a connection first needs certificates.
    File(PathBuf),
}

impl Config {
    /// Returns the settings that npm and pnpm start from, for one registry.
    pub fn new(default: Url, cache_dir: PathBuf) -> Config {
        Config {
            default,
            scopes: BTreeMap::new(),
            auth: Vec::new(),
            proxy: Proxy::default(),
            ca: Vec::new(),
            strict_ssl: true,
            concurrency: None,
            retry: Retry::default(),
            timeout: Duration::from_secs(60),
            user_agent: concat!("deka/", env!("CARGO_PKG_VERSION")).to_owned(),
            cache_dir,
            freshness: Freshness::Online,
            full_metadata: false,
        }
    }
}

/// Credentials and the addresses they are for.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Host, port and path as `.npmrc` has them: `//registry.test:8443/npm/`. They are for what lies below, and for
    /// nothing else.
    pub prefix: String,
    /// What goes into the `Authorization` header.
    pub credentials: Option<Credentials>,
    /// What is shown when the connection is made.
    pub certificate: Option<Certificate>,
}

/// What goes into an `Authorization` header.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `_authToken`.
    Bearer(String),
    /// `_auth`: user and password, already in base64.
    Basic(String),
    /// `username` and `_password`, the latter decoded.
    Password {
        /// The user.
        user: String,
        /// The password in clear.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Credentials::Bearer(_) => "Bearer(…)",
            Credentials::Basic(_) => "Basic(…)",
            Credentials::Password { .. } => "Password(…)",
        })
    }
}

/// A client certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate and what is between it and its root, in PEM.
    pub cert: Vec<u8>,
    /// Its private key, in PEM.
    pub key: Vec<u8>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Certificate(…)")
    }
}

/// Addresses of proxies. They may hold a user and a password.
#[derive(Clone, Default)]
pub struct Proxy {
    /// For `http:` addresses.
    pub http: Option<String>,
    /// For `https:` addresses.
    pub https: Option<String>,
    /// Hosts that are reached without one, separated by commas.
    pub no_proxy: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Proxy {{ http: {}, https: {}, no_proxy: {:?} }}", self.http.is_some(), self.https.is_some(), self.no_proxy)
    }
}

/// When a failed request is tried again. The wait before attempt `n` is `min × factor^(n − 1)`, up to twice that at
/// random, and never above `max`.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How often, after the first attempt (`fetch-retries`).
    pub count: u32,
    /// What each wait is longer than the one before (`fetch-retry-factor`).
    pub factor: u32,
    /// The first wait (`fetch-retry-mintimeout`).
    pub min: Duration,
    /// The longest wait (`fetch-retry-maxtimeout`).
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { count: 2, factor: 10, min: Duration::from_secs(10), max: Duration::from_secs(60) }
    }
}

/// How old an answer about a package may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As old as the registry allowed; then it is asked whether something changed.
    Online,
    /// The registry is asked every time.
    Revalidate,
    /// Of any age; the registry is asked for what is not cached.
    PreferOffline,
    /// Of any age; what is not cached is an error, and nothing is sent.
    Offline,
}
