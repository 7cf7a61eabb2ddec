//! HTTP/1.1 with servers that are reached directly: nearly all bytes of an install come this way.
//!
//! An install asks a thousand short questions, each of which the HTTP library takes through a dozen layers, copies the body
//! once more, and wakes a second task for. Here a question is one write, and its body is read to where it is wanted; that
//! is worth 4 to 7 % of the time of an install that fetches everything. Connecting, TLS and the grammar of heads
//! are left to the libraries for them. What is rarer is the HTTP library's, see [`serves`].
//!
//! ```text
//!  address ──► idle connection, or a new one ──► exchange: head out, head in ──► body ──► idle again
//! ```

mod body;
mod connect;
mod connection;
mod exchange;
mod idle;

#[cfg(test)]
mod tests;

use super::config::{Certificate, Config};
use super::distance::Distance;
use super::names::Names;
use body::Body;
use bytes::Bytes;
use connect::Connector;
use connection::Connection;
use idle::Idle;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::error::Error;
use std::io;
use std::sync::Arc;
use url::{Position, Url};

/// Says whether an address is asked here: no proxy stands between, the server need not be shown a certificate and must
/// show a valid one, and HTTP/2 is not wanted, which is so for `bulk` and where nothing is encrypted.
pub(super) fn serves(config: &Config, url: &Url, certificate: Option<&Certificate>, is_bulk: bool) -> bool {
    let is_near = |proxy: &Option<String>| proxy.as_deref().is_none_or(str::is_empty);
    match url.scheme() {
        "http" => is_near(&config.proxy.http),
        "https" => is_bulk && config.strict_ssl && certificate.is_none() && is_near(&config.proxy.https),
        _ => false,
    }
}

/// Why there is no answer.
pub(super) enum Trouble {
    /// Something is wrong with the settings.
    Setup(String),
    /// Something went wrong on the way.
    Connection(Box<dyn Error + Send + Sync>),
}

/// Asks servers, and keeps connections for the next question.
pub(super) struct Direct {
    connector: Connector,
    idle: Arc<Idle>,
}

/// An answer, whose body may still be on its way.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Body,
}

impl Direct {
    pub(super) fn new(names: &Names, distance: &Distance) -> Direct {
        Direct { connector: Connector::new(names, distance), idle: Arc::default() }
    }

    /// Asks for what is at an address. What `is_again` asked after it failed comes over a new connection.
    pub(super) async fn ask(&self, config: &Config, url: &Url, headers: HeaderMap, is_again: bool) -> Result<Answer, Trouble> {
        let request = exchange::request(url, headers, &config.user_agent).map_err(Trouble::Setup)?;
        let place = &url[..Position::BeforePath];
        let failed = |error: io::Error| Trouble::Connection(error.into());
        while let Some(mut connection) = self.idle.take(place).filter(|_| !is_again) {
            if !connection.is_quiet().await {
                continue;
            }
            match exchange::exchange(&mut connection, &request).await.map_err(failed)? {
                Some(head) => return Ok(self.answer(connection, head)),
                // The server may have closed it just when the question came. Whether it did is seen on a new one.
                None => break,
            }
        }
        let mut connection = self.connector.connect(config, url, place).await?;
        match exchange::exchange(&mut connection, &request).await.map_err(failed)? {
            Some(head) => Ok(self.answer(connection, head)),
            None => Err(failed(connection::closed())),
        }
    }

    /// Closes the connections that wait for a question.
    pub(super) fn close_idle(&self) {
        self.idle.clear();
    }

    fn answer(&self, connection: Connection, head: exchange::Head) -> Answer {
        let exchange::Head { status, headers, framing, may_stay } = head;
        Answer { status, headers, body: Body::new(connection, framing, may_stay.then(|| Arc::clone(&self.idle))) }
    }
}

impl Answer {
    /// Returns how long the body is, if that was said.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.body.announced()
    }

    /// Waits for the next piece of the body.
    pub(super) async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        self.body.piece().await
    }

    /// Waits for more of the body and adds it to `whole`. Returns how many bytes came; none at the end.
    pub(super) async fn append_to(&mut self, whole: &mut Vec<u8>) -> io::Result<usize> {
        self.body.append_to(whole).await
    }
}
