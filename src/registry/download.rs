//! Tarballs: from the network to the unpacker.
//!
//! A body of usual size is collected whole and unpacked on the pool, which is fastest. A large one is unpacked while it
//! arrives, by a thread of its own with a short queue in between, so that neither it nor what it unpacks to is ever
//! held in memory. Bytes that are not the promised ones, or that cannot be unpacked, are fetched once more.

use super::address;
use super::arrived::{self, Parcel};
use super::body::Body;
use super::error::RegistryError;
use super::event::Event;
use super::network::{self, Network, Request, Slot};
use super::queue::{Class, WHOLE_BODY_BYTES};
use super::tarball::TarballError;
use super::transport::{Failure, Question, Response};
use crate::pool::{Guest, Priority};
use bytes::{Buf, Bytes};
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// How many pieces of a large body wait between the network and the unpacker.
const PIECES_WAITING: usize = 16;

/// What comes to the unpacker.
pub(super) enum Arrival<'a> {
    /// All of it, with its SHA-512 if that is known.
    Whole(&'a [u8], Option<[u8; 64]>),
    Stream(&'a mut dyn BufRead),
    Failed(RegistryError),
}

/// Unpacks what arrives and delivers the outcome. When the bytes are damaged and this is not their last chance, it
/// delivers nothing and returns what is wrong; so too when they stopped coming.
pub(super) type Import = Box<dyn FnMut(Arrival<'_>, LastChance) -> Option<TarballError> + Send>;

/// Whether damaged bytes are not fetched again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct LastChance(pub(super) bool);

/// What to do with a tarball.
pub(super) struct Task {
    pub(super) import: Import,
    /// How many unpacked bytes the rest of the queue is measured by.
    pub(super) weight: u64,
    pub(super) refetched: bool,
}

impl Task {
    pub(super) fn fail(mut self, network: &Network, error: RegistryError) {
        network.pool.spawn(Priority::Import, move || drop((self.import)(Arrival::Failed(error), LastChance(true))));
    }
}

/// Fetches a tarball and hands it on. Runs on the network thread.
pub(super) async fn fetch(request: Request, slot: Slot) {
    let network = Arc::clone(slot.network());
    let (subject, url) = (&request.subject, &request.url);
    let question =
        Question { subject, url, accept: "*/*", encoding: "identity", validators: None, is_again: request.attempts > 0, is_bulk: true };
    match network.transport.ask(&network.config, &question).await {
        Ok(response) if response.status().as_u16() == 304 => {
            drop(slot);
            let (subject, url) = (request.subject.clone(), address::shown(&request.url));
            network.failed(request, Failure::Final(RegistryError::Status { subject, url, status: 304 }));
        }
        Ok(response) => receive(&network, request, response, slot).await,
        Err(failure) => {
            drop(slot);
            network.failed(request, failure);
        }
    }
}

async fn receive(network: &Arc<Network>, request: Request, response: Response, mut slot: Slot) {
    let length = response.content_length();
    let fits = length.is_none_or(|length| length <= WHOLE_BODY_BYTES);
    if !fits && slot.has_stream() {
        return stream(request, Body::new(network, response), Vec::new(), slot).await;
    }
    let mut whole = Vec::new();
    let mut body = Body::new(network, response);
    let mut ended = Ok(false);
    if fits {
        let expected = length.unwrap_or(0);
        slot.reserve(expected);
        whole.reserve_exact(usize::try_from(expected).unwrap_or(0));
        ended = body.collect(&mut whole, WHOLE_BODY_BYTES).await;
        slot.reserve(whole.len() as u64);
    }
    match ended {
        Err(failure) => {
            drop((body, slot));
            network.failed(request, failure);
        }
        Ok(true) => {
            slot.body_is_here();
            (network.events)(Event::Arrived { subject: &request.subject, bytes: whole.len() as u64 });
            network.answered(&request.url);
            let weight = request.weight().max(whole.len() as u64);
            arrived::take(request, whole, slot, weight, import_whole);
        }
        // No length was announced, and there is more than expected.
        Ok(false) if slot.has_stream() => stream(request, body, whole, slot).await,
        Ok(false) => {
            // To wait for a free stream with a half-read answer would block its connection.
            drop((body, whole, slot));
            let class = Class::Large(length.unwrap_or(WHOLE_BODY_BYTES).max(request.weight()));
            network.push(Request { class, ..request });
        }
    }
}

fn import_whole(Parcel { mut request, body, sha512, slot, .. }: Parcel) {
    let network = Arc::clone(slot.network());
    let damage = request.import(Arrival::Whole(&body, sha512));
    let bytes = body.len() as u64;
    drop((body, slot));
    settle(&network, request, damage, bytes);
}

/// Passes a large body on as it arrives.
async fn stream(request: Request, mut body: Body<'_>, begun: Vec<u8>, slot: Slot) {
    let network = Arc::clone(slot.network());
    let (send, receive) = mpsc::channel(PIECES_WAITING);
    if let Some(request) = start_unpacker(request, slot, begun, receive) {
        let reason = "no thread could be started".to_owned();
        return network.failed(request, Failure::Final(RegistryError::Setup { reason }));
    }
    loop {
        let piece = match body.next().await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return,
            Err(Failure::Passing { cause, .. }) => Err(io::Error::other(cause)),
            Err(Failure::Final(error)) => Err(io::Error::other(error)),
        };
        let is_last = piece.is_err();
        // An unpacker that failed has gone away.
        if send.send(piece).await.is_err() || is_last {
            return;
        }
    }
}

/// Starts the thread that unpacks one large body; gives the request back when that fails.
fn start_unpacker(request: Request, slot: Slot, begun: Vec<u8>, receive: mpsc::Receiver<io::Result<Bytes>>) -> Option<Request> {
    // A thread that does not start drops what it was given.
    let parcel = Arc::new(Mutex::new(Some((request, slot))));
    let taken = Arc::clone(&parcel);
    let take = |parcel: &Mutex<Option<(Request, Slot)>>| parcel.lock().unwrap_or_else(PoisonError::into_inner).take();
    let unpack = move || {
        let Some((mut request, slot)) = take(&taken) else { return };
        let network = Arc::clone(slot.network());
        let mut pieces = Pieces { receive, guest: network.pool.guest(), piece: Bytes::new(), bytes: 0 };
        let bytes = begun.len() as u64;
        let damage = request.import(Arrival::Stream(&mut Read::chain(begun.as_slice(), &mut pieces)));
        let bytes = bytes + pieces.bytes;
        drop((pieces, slot));
        settle(&network, request, damage, bytes);
    };
    match std::thread::Builder::new().name("unpack".to_owned()).spawn(unpack) {
        Ok(_) => None,
        Err(_) => take(&parcel).map(|(request, _)| request),
    }
}

/// Decides what becomes of a request whose bytes were seen by the unpacker.
fn settle(network: &Arc<Network>, mut request: Request, damage: Option<TarballError>, bytes: u64) {
    match damage {
        None => {
            network.answered(&request.url);
            let elapsed = request.started.elapsed();
            (network.events)(Event::Ended { subject: &request.subject, elapsed, bytes, failed: false });
        }
        Some(TarballError::Read(error)) => network.failed(request, Failure::Passing { cause: error.to_string(), wait: None }),
        Some(damage) => {
            network.answered(&request.url);
            (network.events)(Event::Retry { subject: &request.subject, cause: &damage.to_string(), wait: Duration::ZERO });
            if let network::Task::Tarball(task) = &mut request.task {
                task.refetched = true;
            }
            network.push(request);
        }
    }
}

impl Request {
    fn import(&mut self, arrival: Arrival<'_>) -> Option<TarballError> {
        match &mut self.task {
            network::Task::Tarball(task) => (task.import)(arrival, LastChance(task.refetched)),
            network::Task::Packument(_) => None,
        }
    }

    fn weight(&self) -> u64 {
        match &self.task {
            network::Task::Tarball(task) => task.weight,
            network::Task::Packument(_) => 0,
        }
    }
}

/// Reads what the network thread sends.
struct Pieces {
    receive: mpsc::Receiver<io::Result<Bytes>>,
    /// What is large takes longest and goes before what the pool has to do, but not while it waits.
    guest: Guest,
    piece: Bytes,
    bytes: u64,
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            let piece = match self.receive.try_recv() {
                Err(TryRecvError::Empty) => self.guest.wait(|| self.receive.blocking_recv()),
                ready => ready.ok(),
            };
            let Some(piece) = piece else { return Ok(&[]) };
            self.piece = piece?;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, count: usize) {
        self.piece.advance(count);
        self.bytes += count as u64;
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(into.len());
        into[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
}
