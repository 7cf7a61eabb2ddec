//! Reading the body of an answer, piece by piece.

use super::address;
use super::error::RegistryError;
use super::event::Event;
use super::network::Network;
use super::transport::{Failure, Response};
use bytes::Bytes;
use std::time::Instant;

/// The slowest pace of a body that is put up with, once the time-out has passed: a server that sends a byte now and then
/// keeps the connection from being idle, and would keep an install waiting for days.
const BYTES_PER_SECOND_MIN: u64 = 256;

/// A body on its way.
pub(super) struct Body<'a> {
    network: &'a Network,
    response: Response,
    started: Instant,
    bytes: u64,
}

impl<'a> Body<'a> {
    pub(super) fn new(network: &'a Network, response: Response) -> Body<'a> {
        Body { network, response, started: Instant::now(), bytes: 0 }
    }

    /// Waits for the next piece. A body that ends before its announced length is a failure.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = self.response.piece().await?;
        self.came(piece.as_ref().map_or(0, Bytes::len))?;
        Ok(piece)
    }

    /// Adds what comes to `whole` until the end, or until there are more than `limit_bytes`: says whether the end was
    /// reached.
    pub(super) async fn collect(&mut self, whole: &mut Vec<u8>, limit_bytes: u64) -> Result<bool, Failure> {
        loop {
            let count = self.response.append_to(whole).await?;
            if count == 0 {
                return Ok(true);
            }
            self.came(count)?;
            if whole.len() as u64 > limit_bytes {
                return Ok(false);
            }
        }
    }

    /// Tells that so many bytes came, and whether that is enough.
    fn came(&mut self, count: usize) -> Result<(), Failure> {
        if count == 0 {
            return Ok(());
        }
        self.bytes += count as u64;
        (self.network.events)(Event::Received { bytes: count as u64 });
        let elapsed = self.started.elapsed();
        if elapsed > self.network.config.timeout && self.bytes / elapsed.as_secs().max(1) < BYTES_PER_SECOND_MIN {
            return Err(Failure::Passing { cause: "the answer comes too slowly".to_owned(), wait: None });
        }
        Ok(())
    }
}

/// Returns the failure of an answer that is too large to be one.
pub(super) fn too_large(subject: &str, url: &url::Url, limit_bytes: u64) -> Failure {
    let reason = format!("it is larger than {limit_bytes} bytes");
    Failure::Final(RegistryError::Body { subject: subject.to_owned(), url: address::shown(url), reason })
}
