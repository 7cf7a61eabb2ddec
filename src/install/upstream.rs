//! The registries of one install, and the client that talks to them.

use super::failure;
use super::news::{Counters, Event, Listener};
use crate::error::{Code, Error};
use crate::package::name::PackageName;
use crate::pool::Spawner;
use crate::project::default_registry::default_registry;
use crate::project::env::Env;
use crate::project::settings::Settings;
use crate::project::settings::registries::{self, Credentials as Configured};
use crate::registry::config::{Auth, Authorities, Certificate, Config, Credentials, Freshness, Proxy, Retry};
use crate::registry::{self, Client};
use crate::resolve::request::Registries;
use crate::timings::{Happened, Timings};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::Url;

/// The registries. The client is made when something is first fetched: an install that needs nothing new never asks
/// which registry is the default one.
pub(super) struct Upstream {
    root: PathBuf,
    settings: Arc<Settings>,
    env: Env,
    spawner: Spawner,
    counters: Arc<Counters>,
    listener: Listener,
    client: OnceLock<Result<Client, Error>>,
    default_registry: OnceLock<Result<Url, Error>>,
}

impl Upstream {
    /// Takes what the client is going to be made from. `root` is the folder that npm is asked in for its registry.
    pub fn new(
        root: PathBuf,
        settings: Arc<Settings>,
        env: Env,
        spawner: Spawner,
        (counters, listener): (Arc<Counters>, Listener),
    ) -> Upstream {
        Upstream { root, settings, env, spawner, counters, listener, client: OnceLock::new(), default_registry: OnceLock::new() }
    }

    /// Returns the registry client.
    pub fn client(&self) -> Result<&Client, Error> {
        self.client.get_or_init(|| self.make_client()).as_ref().map_err(Clone::clone)
    }

    /// Closes connections that are not in use, if there are any.
    pub fn close_idle(&self) {
        if let Some(Ok(client)) = self.client.get() {
            client.close_idle();
        }
    }

    /// Returns the registries as resolution needs them.
    pub fn registries(&self) -> Result<Registries, Error> {
        let scopes = self.settings.registries.scopes.iter().map(|(scope, url)| (scope.clone(), url.to_string())).collect();
        Ok(Registries { default: self.default_registry()?.to_string(), scopes })
    }

    /// Says whether a tarball would come without encryption though the registry of its package has it.
    pub fn loses_encryption(&self, name: &PackageName, tarball: &str) -> Result<bool, Error> {
        Ok(tarball.starts_with("http://") && self.registries()?.of(name).starts_with("https://"))
    }

    /// Returns where it is noted when things happen.
    pub fn timings(&self) -> &Timings {
        &self.counters.timings
    }

    fn default_registry(&self) -> Result<&Url, Error> {
        let settings = &self.settings;
        let find = || match &settings.registries.default {
            Some(url) => Ok(url.clone()),
            None => default_registry(settings, &self.env, &self.root).map_err(failure::of_project),
        };
        self.default_registry.get_or_init(find).as_ref().map_err(Clone::clone)
    }

    fn make_client(&self) -> Result<Client, Error> {
        let config = config(&self.settings, self.default_registry()?.clone(), &self.env)?;
        let (counters, listener) = (Arc::clone(&self.counters), Arc::clone(&self.listener));
        Ok(Client::new(config, self.spawner.clone(), move |event| hear(event, &counters, &listener)))
    }
}

/// Passes on what the client says.
fn hear(event: registry::Event, counters: &Counters, listener: &Listener) {
    let timings = &counters.timings;
    match event {
        registry::Event::Received { bytes } => Counters::add(&counters.bytes, bytes),
        registry::Event::Retry { subject, cause, wait } => {
            timings.note(|| Happened::Retried { subject: subject.to_owned() });
            let wait_s = wait.as_secs_f64();
            listener(Event::Warning(format!("{subject} could not be fetched ({cause}); trying again in {wait_s:.1} s")));
        }
        registry::Event::Ended { subject, elapsed, bytes, failed } => {
            if !failed {
                timings.note(|| Happened::Ended { subject: subject.to_owned(), bytes });
            }
            let (took_ms, how) = (elapsed.as_secs_f64() * 1e3, if failed { "failed" } else { "fetched" });
            listener(Event::Trace(format!("{how} {subject}: {bytes} bytes in {took_ms:.1} ms")));
        }
        registry::Event::Started { subject, .. } => timings.note(|| Happened::Sent { subject: subject.to_owned() }),
        registry::Event::Arrived { subject, bytes } => timings.note(|| Happened::Arrived { subject: subject.to_owned(), bytes }),
    }
}

/// Translates settings into what the client must know.
fn config(settings: &Settings, default: Url, env: &Env) -> Result<Config, Error> {
    let network = &settings.network;
    let mut auth = settings.registries.auth.iter().map(|auth| translate(auth, env)).collect::<Result<Vec<Auth>, Error>>()?;
    if let Some((cert, key)) = &network.certificate {
        let certificate = Some(Certificate { cert: cert.clone().into_bytes(), key: key.0.clone().into_bytes() });
        auth.push(Auth { prefix: prefix_of(&default), credentials: None, certificate });
    }
    let texts = network.ca.iter().map(|text| Authorities::Text(text.clone().into_bytes()));
    let files = network.ca_files.iter().cloned().map(Authorities::File);
    Ok(Config {
        scopes: settings.registries.scopes.clone(),
        auth,
        proxy: Proxy {
            http: network.proxy.http.clone(),
            https: network.proxy.https.clone(),
            no_proxy: Some(network.proxy.except.join(",")).filter(|hosts| !hosts.is_empty()),
        },
        ca: texts.chain(files).collect(),
        strict_ssl: network.strict_ssl,
        concurrency: network.concurrency,
        retry: Retry { count: network.retries, factor: network.retry_factor, min: network.retry_min, max: network.retry_max },
        timeout: network.timeout.max(Duration::from_millis(1)),
        user_agent: network.user_agent.clone(),
        freshness: match () {
            () if network.offline => Freshness::Offline,
            () if settings.force => Freshness::Revalidate,
            () if network.prefer_offline => Freshness::PreferOffline,
            () => Freshness::Online,
        },
        ..Config::new(default, settings.cache_dir.join("packuments"))
    })
}

/// Returns host, port and path of an address, as `.npmrc` has them.
fn prefix_of(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("//{}{port}{}", url.host_str().unwrap_or_default(), url.path())
}

fn translate(auth: &registries::Auth, env: &Env) -> Result<Auth, Error> {
    let credentials = match &auth.credentials {
        None => None,
        Some(Configured::Token(token)) => Some(Credentials::Bearer(token.0.clone())),
        Some(Configured::Basic(pair)) => Some(Credentials::Basic(pair.0.clone())),
        Some(Configured::Login { user, password }) => Some(Credentials::Password { user: user.clone(), password: password.0.clone() }),
        Some(Configured::Helper(helper)) => Some(of_helper(&registries::ask_helper(helper, env).map_err(failure::of_project)?.0)?),
    };
    let certificate = match &auth.certificate {
        None => None,
        Some(files) => Some(Certificate {
            cert: crate::fs::read(&files.cert).map_err(failure::of_file)?,
            key: crate::fs::read(&files.key).map_err(failure::of_file)?,
        }),
    };
    Ok(Auth { prefix: auth.address.clone(), credentials, certificate })
}

/// Reads the value of an `Authorization` header.
fn of_helper(header: &str) -> Result<Credentials, Error> {
    match header.split_once(' ') {
        Some(("Bearer", token)) => Ok(Credentials::Bearer(token.to_owned())),
        Some(("Basic", pair)) => Ok(Credentials::Basic(pair.to_owned())),
        _ => Err(Error::new(Code::Auth, "the token helper printed neither a token nor a `Bearer` or `Basic` header")),
    }
}
