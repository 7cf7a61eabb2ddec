//! The body of an answer: where it ends, and what becomes of its connection then.

use super::connection::{Connection, closed, not_http};
use super::idle::Idle;
use bytes::{Buf, Bytes};
use std::io;
use std::sync::Arc;

/// The longest line between chunks, and the most bytes of fields behind the last one.
const LINE_BYTES_MAX: usize = 16 << 10;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After so many bytes of a chunk others follow. Each but the first begins with the end of the line before.
    Chunks { left: u64, is_first: bool },
    /// Where the connection ends.
    Open,
}

impl Framing {
    /// A body in chunks, at its beginning.
    pub(super) fn chunks() -> Framing {
        Framing::Chunks { left: 0, is_first: true }
    }
}

/// A body on its way.
pub(super) struct Body {
    /// None when all of it is here.
    connection: Option<Connection>,
    framing: Framing,
    announced: Option<u64>,
    /// Where the connection goes after the end, unless it has to be closed. One whose body is not read is closed as well.
    idle: Option<Arc<Idle>>,
}

impl Body {
    pub(super) fn new(connection: Connection, framing: Framing, idle: Option<Arc<Idle>>) -> Body {
        let announced = if let Framing::Length(length) = framing { Some(length) } else { None };
        let mut body = Body { connection: Some(connection), framing, announced, idle };
        if framing == Framing::Length(0) {
            body.end();
        }
        body
    }

    /// Returns how long it is, if that was said.
    pub(super) fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Waits for the next piece.
    pub(super) async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let most = self.next().await?;
        let Some(connection) = self.connection.as_mut() else { return Ok(None) };
        let count = connection.fill_for_piece().await?.min(most);
        let piece = connection.buffer().split_to(count).freeze();
        self.took(count)?;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// Waits for more and adds it to `whole`. Returns how many bytes came; none at the end.
    pub(super) async fn append_to(&mut self, whole: &mut Vec<u8>) -> io::Result<usize> {
        let most = self.next().await?;
        let Some(connection) = self.connection.as_mut() else { return Ok(0) };
        let count = connection.read_into(whole, most).await?;
        self.took(count)?;
        Ok(count)
    }

    /// Returns how many bytes may follow before something else does. There is no connection any more at the end.
    async fn next(&mut self) -> io::Result<usize> {
        if let (Some(connection), Framing::Chunks { left: left @ 0, is_first }) = (self.connection.as_mut(), &mut self.framing) {
            *left = chunk(connection, *is_first).await?;
            *is_first = false;
            if *left == 0 {
                self.end();
            }
        }
        let most = match self.framing {
            Framing::Length(left) | Framing::Chunks { left, .. } => left,
            Framing::Open => u64::MAX,
        };
        Ok(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Notes that so many bytes were taken; none when the connection was closed.
    fn took(&mut self, count: usize) -> io::Result<()> {
        match &mut self.framing {
            Framing::Length(left) | Framing::Chunks { left, .. } => {
                if count == 0 {
                    return Err(closed());
                }
                *left -= count as u64;
            }
            Framing::Open if count == 0 => self.connection = None,
            Framing::Open => {}
        }
        if self.framing == Framing::Length(0) {
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        if let (Some(connection), Some(idle)) = (self.connection.take(), self.idle.take()) {
            idle.put(connection);
        }
    }
}

impl Drop for Body {
    /// Passes over what nobody wants to read, if all of it is here already, as the few words beside a redirect are.
    fn drop(&mut self) {
        let (Some(connection), Framing::Length(left)) = (self.connection.as_mut(), self.framing) else { return };
        let buffer = connection.buffer();
        if let Some(left) = usize::try_from(left).ok().filter(|left| *left <= buffer.len()) {
            buffer.advance(left);
            self.end();
        }
    }
}

/// Reads what stands before a chunk and returns how long the chunk is. The last one has no bytes; what follows it is read
/// as well.
async fn chunk(connection: &mut Connection, is_first: bool) -> io::Result<u64> {
    if !is_first && !line(connection).await?.is_empty() {
        return Err(not_http("a chunk is longer than it says"));
    }
    let head = line(connection).await?;
    // The library takes a line without any digit for the last chunk.
    let is_number = head.first().is_some_and(u8::is_ascii_hexdigit);
    let length = match httparse::parse_chunk_size(&[&head, b"\r\n".as_slice()].concat()) {
        Ok(httparse::Status::Complete((_, length))) if is_number => length,
        _ => return Err(not_http("the length of a chunk is no number")),
    };
    if length == 0 {
        pass_fields(connection).await?;
    }
    Ok(length)
}

/// Passes over the fields behind the last chunk.
async fn pass_fields(connection: &mut Connection) -> io::Result<()> {
    let mut rest_max = LINE_BYTES_MAX;
    loop {
        let field = line(connection).await?;
        if field.is_empty() {
            return Ok(());
        }
        rest_max = rest_max.checked_sub(field.len()).ok_or_else(|| not_http("there is too much behind the last chunk"))?;
    }
}

/// Takes a line from a connection, without its end.
async fn line(connection: &mut Connection) -> io::Result<Bytes> {
    loop {
        let buffer = connection.buffer();
        if let Some(end) = memchr::memchr(b'\n', buffer) {
            let mut line = buffer.split_to(end).freeze();
            buffer.advance(1);
            if line.last() != Some(&b'\r') {
                return Err(not_http("a line ends without a carriage return"));
            }
            line.truncate(line.len() - 1);
            return Ok(line);
        }
        if buffer.len() > LINE_BYTES_MAX {
            return Err(not_http("a line has no end"));
        }
        if connection.fill().await? == 0 {
            return Err(closed());
        }
    }
}
