//! A connection: bytes out, bytes in, and no longer a silence than is put up with.

use bytes::{Buf, BufMut, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Room for a head and the beginning of a body. The rest of the body goes past it where it is wanted in one piece.
const ROOM_BYTES: usize = 8 << 10;
/// Room for a piece of a body that is wanted as it comes, or whose length nobody knows.
const PIECE_BYTES: usize = 256 << 10;
/// The most bytes that TLS hands over at once.
const RECORD_BYTES: usize = 16 << 10;

/// What carries bytes, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// A connection to a server.
pub(super) struct Connection {
    place: Arc<str>,
    stream: Box<dyn Stream>,
    /// What came and is not taken yet.
    buffer: BytesMut,
    /// How long it may be silent.
    patience: Duration,
}

impl Connection {
    pub(super) fn new(place: Arc<str>, stream: Box<dyn Stream>, patience: Duration) -> Connection {
        Connection { place, stream, buffer: BytesMut::new(), patience }
    }

    /// Returns where it leads.
    pub(super) fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// Returns what came and is not taken yet.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Says whether it still stands and nothing came that nobody asked for, such as a complaint about the silence.
    pub(super) async fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let read = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut self.stream).poll_read(context, &mut byte)));
        self.buffer.is_empty() && read.await.is_pending()
    }

    /// Sends.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        patiently(self.patience, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        })
        .await
    }

    /// Waits for more of a head. Returns how many bytes came; none when it was closed.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        self.fill_up_to(ROOM_BYTES).await
    }

    /// Waits until there is some of a body to be taken from the buffer.
    pub(super) async fn fill_for_piece(&mut self) -> io::Result<usize> {
        match self.buffer.len() {
            0 => self.fill_up_to(PIECE_BYTES).await,
            length => Ok(length),
        }
    }

    async fn fill_up_to(&mut self, room: usize) -> io::Result<usize> {
        // Where encrypted bytes come, no more than a record of them does at once, and the rest is as good for the next.
        if self.buffer.capacity() - self.buffer.len() < room.min(RECORD_BYTES) {
            self.buffer.reserve(room);
        }
        patiently(self.patience, self.stream.read_buf(&mut self.buffer)).await
    }

    /// Adds what comes to `whole`, `most` bytes at most, and what is here already first. Returns how many bytes came; none
    /// when it was closed.
    pub(super) async fn read_into(&mut self, whole: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        if !self.buffer.is_empty() {
            let count = most.min(self.buffer.len());
            whole.extend_from_slice(&self.buffer[..count]);
            self.buffer.advance(count);
            return Ok(count);
        }
        if whole.len() == whole.capacity() {
            whole.reserve(most.min(PIECE_BYTES));
        }
        patiently(self.patience, self.stream.read_buf(&mut whole.limit(most))).await
    }
}

async fn patiently<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(patience, work).await.unwrap_or_else(|_| Err(too_long()))
}

/// The error of what takes longer than it may.
pub(super) fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it took too long")
}

/// The error of an answer that never ends.
pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed before the end of the answer")
}

/// The error of an answer that is not HTTP, or not the kind of it that was asked for.
pub(super) fn not_http(reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer is not HTTP: {reason}"))
}
