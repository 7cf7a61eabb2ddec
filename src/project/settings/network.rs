//! How to talk to registries: limits, pauses, proxies, certificates.

use super::registries::Secret;
use super::value::{Reader, split_list};
use crate::project::env::Env;
use crate::project::error::Result;
use crate::project::host;
use std::path::PathBuf;
use std::time::Duration;

/// How to talk to registries.
#[derive(Clone, Debug)]
pub struct Network {
    /// The most requests in flight; none when that depends on how far away a registry is.
    pub concurrency: Option<usize>,
    /// How often a failed request is tried again.
    pub retries: u32,
    /// By how much each pause is longer than the one before.
    pub retry_factor: u32,
    /// The shortest pause between tries.
    pub retry_min: Duration,
    /// The longest pause between tries.
    pub retry_max: Duration,
    /// How long a connection may be silent.
    pub timeout: Duration,
    /// Use nothing but the cache.
    pub offline: bool,
    /// Use what is in the cache, whatever its age.
    pub prefer_offline: bool,
    /// The proxies.
    pub proxy: Proxy,
    /// Whether certificates are checked.
    pub strict_ssl: bool,
    /// Authorities to trust, in PEM form.
    pub ca: Vec<String>,
    /// Files with further authorities.
    pub ca_files: Vec<PathBuf>,
    /// A client certificate and its key in PEM form, for every registry.
    pub certificate: Option<(String, Secret)>,
    /// What deka calls itself.
    pub user_agent: String,
}

/// The proxies.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// For `http` addresses.
    pub http: Option<String>,
    /// For `https` addresses.
    pub https: Option<String>,
    /// Hosts that are reached without one.
    pub except: Vec<String>,
}

impl std::fmt::Debug for Proxy {
    /// Shows where there is one, not its address, which may hold a password.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |proxy: &Option<String>| proxy.as_ref().map(|_| "***");
        out.debug_struct("Proxy")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("except", &self.except)
            .finish()
    }
}

/// Reads everything that the registry client needs besides addresses and credentials.
pub(super) fn network(reader: &Reader<'_>, env: &Env) -> Result<Network> {
    let retries = |name| reader.number(name).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let pause = |name| reader.number(name).map(Duration::from_millis);
    let extra = env.get("NODE_EXTRA_CA_CERTS").map(|path| reader.cwd.join(path));
    let pem = |text: String| text.replace("\\n", "\n");
    let certificate = match (reader.text("cert")?, reader.text("key")?) {
        (Some(cert), Some(key)) => Some((pem(cert), Secret(pem(key)))),
        _ => None,
    };
    let retry_min = pause("fetch-retry-mintimeout")?;
    Ok(Network {
        concurrency: Some(super::size(reader.number("network-concurrency")?)).filter(|number| *number > 0),
        retries: retries("fetch-retries")?,
        retry_factor: retries("fetch-retry-factor")?,
        retry_min,
        retry_max: pause("fetch-retry-maxtimeout")?.max(retry_min),
        timeout: pause("fetch-timeout")?,
        offline: reader.flag("offline")?,
        prefer_offline: reader.flag("prefer-offline")?,
        proxy: proxy(reader, env)?,
        strict_ssl: reader.flag("strict-ssl")?,
        ca: reader.blocks("ca")?.into_iter().map(pem).collect(),
        ca_files: reader.path("cafile")?.into_iter().chain(extra).collect(),
        certificate,
        user_agent: reader.text("user-agent")?.unwrap_or_else(default_user_agent),
    })
}

/// Picks the proxies: the settings, else the variables that most programs know. `false` in a setting means none at all.
fn proxy(reader: &Reader<'_>, env: &Env) -> Result<Proxy> {
    let variable = |names: &[&str]| names.iter().find_map(|name| env.text(name)).map(str::to_owned);
    let plain = reader.text("proxy")?;
    let pick = |setting: Option<String>, names: &[&str]| match setting.as_deref() {
        Some("false") => None,
        Some(_) => setting,
        None => variable(names),
    };
    let https = reader.text("https-proxy")?.or_else(|| plain.clone());
    let mut except = reader.list("noproxy")?;
    if except.is_empty() {
        except = split_list(&variable(&["no_proxy", "NO_PROXY"]).unwrap_or_default());
    }
    Ok(Proxy {
        http: pick(plain, &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
        https: pick(https, &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        except,
    })
}

fn default_user_agent() -> String {
    format!("deka/{} npm/? node/? {} {}", env!("CARGO_PKG_VERSION"), host::os(), host::cpu())
}
