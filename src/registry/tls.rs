//! What encrypts, and the clients of the HTTP library, made when they are first needed.
//!
//! Reading and parsing the system's root certificates takes longer than a small install from a local registry, so the
//! client for `http:` has none, and what is for `https:` is made before the first request that needs it.

use super::config::{Authorities, Certificate, Config};
use super::distance::Distance;
use super::names::Names;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::borrow::Cow;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Windows of HTTP/2: room for many packuments on one connection.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// Makes the client for `http:` addresses that are reached through a proxy. It may be reached by https all the same, so
/// the client has the roots then.
pub(super) fn plain(config: &Config, names: &Names, distance: &Distance) -> Result<reqwest::Client, String> {
    let proxied = config.proxy.http.as_deref().is_some_and(|proxy| proxy.starts_with("https:"));
    let builder = builder(config, names, if proxied { roots(config)? } else { Vec::new() }, None)?;
    finish(builder.connector_layer(distance.of_connections(1)))
}

/// Makes a client for `https:` addresses that shows a certificate, or none. One for bulk has a connection for each request
/// under way.
pub(super) fn secure(
    config: &Config,
    names: &Names,
    distance: &Distance,
    certificate: Option<&Certificate>,
    is_bulk: bool,
) -> Result<reqwest::Client, String> {
    // One more trip than without encryption, with TLS 1.3.
    let builder = builder(config, names, roots(config)?, certificate)?.connector_layer(distance.of_connections(2));
    finish(if is_bulk { builder.http1_only() } else { builder })
}

fn finish(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, String> {
    builder.build().map_err(|error| super::transport::cause(&error))
}

fn builder(
    config: &Config,
    names: &Names,
    roots: Vec<reqwest::Certificate>,
    certificate: Option<&Certificate>,
) -> Result<reqwest::ClientBuilder, String> {
    // Fails when it was installed before, by an earlier client.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .tls_backend_rustls()
        .tls_certs_only(roots)
        .tls_danger_accept_invalid_certs(!config.strict_ssl)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(&config.user_agent)
        .connect_timeout(config.timeout)
        .read_timeout(config.timeout)
        .dns_resolver(names.clone())
        .tcp_nodelay(true)
        .pool_max_idle_per_host(config.concurrency.unwrap_or(Distance::MOST))
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .no_proxy();
    for proxy in proxies(config)? {
        builder = builder.proxy(proxy);
    }
    if let Some(Certificate { cert, key }) = certificate {
        let pem = [cert, b"\n".as_slice(), key].concat();
        let identity = reqwest::Identity::from_pem(&pem).map_err(|_| "the client certificate or its key cannot be read".to_owned())?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// Makes what encrypts connections of HTTP/1.1 that deka makes itself, to servers that show a valid certificate.
pub(super) fn connector(config: &Config) -> Result<TlsConnector, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(ders(config)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut client = builder.map_err(|error| error.to_string())?.with_root_certificates(store).with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(client)))
}

/// Returns the configured roots, or those of the system. A broken certificate among them is left out.
fn roots(config: &Config) -> Result<Vec<reqwest::Certificate>, String> {
    if !config.strict_ssl {
        return Ok(Vec::new());
    }
    let mut scratch = RootCertStore::empty();
    let usable = ders(config)?.into_iter().filter(|der| scratch.add(der.clone()).is_ok());
    usable.map(|der| reqwest::Certificate::from_der(&der).map_err(|error| super::transport::cause(&error))).collect()
}

/// Loads the configured roots, or those of the system.
fn ders(config: &Config) -> Result<Vec<CertificateDer<'static>>, String> {
    let ders: Vec<CertificateDer<'static>> = if config.ca.is_empty() {
        rustls_native_certs::load_native_certs().certs
    } else {
        let texts = config.ca.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let parsed = texts.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem));
        parsed.collect::<Result<_, _>>().map_err(|error| format!("a configured root certificate cannot be read: {error}"))?
    };
    if ders.is_empty() {
        return Err("no root certificate was found; name a file of them with `cafile`".to_owned());
    }
    Ok(ders)
}

fn text(authorities: &Authorities) -> Result<Cow<'_, [u8]>, String> {
    match authorities {
        Authorities::Text(text) => Ok(Cow::Borrowed(text)),
        Authorities::File(path) => {
            std::fs::read(path).map(Cow::Owned).map_err(|error| format!("cannot read the root certificates in {}: {error}", path.display()))
        }
    }
}

fn proxies(config: &Config) -> Result<Vec<reqwest::Proxy>, String> {
    let except = config.proxy.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
    let mut proxies = Vec::new();
    type Make = fn(&str) -> reqwest::Result<reqwest::Proxy>;
    let http: Make = |address| reqwest::Proxy::http(address);
    let https: Make = |address| reqwest::Proxy::https(address);
    for (address, make) in [(&config.proxy.http, http), (&config.proxy.https, https)] {
        if let Some(address) = address.as_deref().filter(|address| !address.is_empty()) {
            let proxy = make(address).map_err(|_| "the address of the proxy cannot be read".to_owned())?;
            proxies.push(proxy.no_proxy(except.clone()));
        }
    }
    Ok(proxies)
}
