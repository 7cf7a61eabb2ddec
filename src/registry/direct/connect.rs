//! New connections.

use super::super::config::Config;
use super::super::distance::Distance;
use super::super::names::Names;
use super::super::tls;
use super::Trouble;
use super::connection::{Connection, Stream, too_long};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use reqwest::dns::{Addrs, Resolve};
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::{Host, Url};

/// Connects to servers.
pub(super) struct Connector {
    names: Names,
    distance: Distance,
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl Connector {
    pub(super) fn new(names: &Names, distance: &Distance) -> Connector {
        Connector { names: names.clone(), distance: distance.clone(), tls: OnceLock::new() }
    }

    /// Connects to the server of an address.
    pub(super) async fn connect(&self, config: &Config, url: &Url, place: &str) -> Result<Connection, Trouble> {
        let encrypt = match url.scheme() {
            "https" => Some(self.tls.get_or_init(|| tls::connector(config)).as_ref().map_err(|reason| Trouble::Setup(reason.clone()))?),
            _ => None,
        };
        let started = Instant::now();
        let connecting = tokio::time::timeout(config.timeout, self.stream(config, url, encrypt));
        let stream = connecting.await.unwrap_or_else(|_| Err(too_long().into())).map_err(Trouble::Connection)?;
        // With TLS 1.3, encrypting takes one more trip.
        self.distance.note(started.elapsed(), if encrypt.is_some() { 2 } else { 1 });
        Ok(Connection::new(place.into(), stream, config.timeout))
    }

    async fn stream(
        &self,
        config: &Config,
        url: &Url,
        encrypt: Option<&TlsConnector>,
    ) -> Result<Box<dyn Stream>, Box<dyn Error + Send + Sync>> {
        let mut connector = HttpConnector::new_with_resolver(LookUp(self.names.clone()));
        connector.set_nodelay(true);
        // Of several addresses none may use up all the time there is.
        connector.set_connect_timeout(Some(config.timeout));
        connector.enforce_http(false);
        let stream = connector.call(url.as_str().parse()?).await?.into_inner();
        let Some(encrypt) = encrypt else { return Ok(Box::new(stream)) };
        Ok(Box::new(encrypt.connect(server_name(url)?, stream).await?))
    }
}

/// Returns the name that a certificate has to be for.
fn server_name(url: &Url) -> io::Result<ServerName<'static>> {
    match url.host() {
        Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(io::Error::other),
        Some(Host::Ipv4(address)) => Ok(ServerName::from(std::net::IpAddr::from(address))),
        Some(Host::Ipv6(address)) => Ok(ServerName::from(std::net::IpAddr::from(address))),
        None => Err(io::Error::other("the address has no host")),
    }
}

/// Looks names up for the connector, which knows them by a type of its own.
#[derive(Clone)]
struct LookUp(Names);

impl Service<Name> for LookUp {
    type Response = Addrs;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Addrs, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let names = self.0.clone();
        Box::pin(async move { names.resolve(name.as_str().parse()?).await })
    }
}
