//! A question and the head of its answer, as RFC 9112 has them.

use super::body::Framing;
use super::connection::{Connection, not_http};
use bytes::{Buf, BytesMut};
use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::io;
use url::{Position, Url};

/// The longest head. Those of registries have half a kilobyte.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The most heads that announce another one.
const ANNOUNCEMENTS_MAX: usize = 16;
/// The most fields of a head.
const FIELDS_MAX: usize = 100;

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// How the end of the body is found.
    pub(super) framing: Framing,
    /// Whether the connection may be used again behind the body.
    pub(super) may_stay: bool,
}

/// Puts a question into words. An address holds no byte that would end a line.
pub(super) fn request(url: &Url, mut headers: HeaderMap, user_agent: &str) -> Result<Vec<u8>, String> {
    let agent = HeaderValue::from_str(user_agent).map_err(|_| "the user agent holds what no header may hold".to_owned())?;
    headers.insert(header::USER_AGENT, agent);
    let mut text = Vec::with_capacity(512);
    for part in
        ["GET ", &url[Position::BeforePath..Position::AfterQuery], " HTTP/1.1\r\nhost: ", &url[Position::BeforeHost..Position::AfterPort]]
    {
        text.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &headers {
        for part in [b"\r\n", name.as_str().as_bytes(), b": ", value.as_bytes()] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(b"\r\n\r\n");
    Ok(text)
}

/// Sends a question and waits for the head of its answer. Nothing means that the connection was closed before any of it
/// came, and that nobody has answered: the question may be asked again.
pub(super) async fn exchange(connection: &mut Connection, request: &[u8]) -> io::Result<Option<Head>> {
    if let Err(error) = connection.send(request).await {
        return if is_closed(&error) { Ok(None) } else { Err(error) };
    }
    let (mut has_come, mut announcements) = (false, 0);
    loop {
        while let Some(head) = head(connection.buffer())? {
            // Others announce an answer that is yet to come.
            if !head.status.is_informational() {
                return Ok(Some(head));
            }
            announcements += 1;
            if head.status == StatusCode::SWITCHING_PROTOCOLS || announcements > ANNOUNCEMENTS_MAX {
                return Err(not_http("it changes to another protocol, or never comes to the point"));
            }
        }
        if connection.buffer().len() > HEAD_BYTES_MAX {
            return Err(too_long());
        }
        match connection.fill().await {
            Ok(0) if !has_come => return Ok(None),
            Ok(0) => return Err(super::connection::closed()),
            Ok(_) => has_come = true,
            Err(error) if !has_come && is_closed(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn too_long() -> io::Error {
    not_http(format_args!("its head is longer than {HEAD_BYTES_MAX} bytes"))
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(error.kind(), E::BrokenPipe | E::ConnectionReset | E::ConnectionAborted | E::NotConnected | E::UnexpectedEof)
}

/// Takes a head from the buffer, once all of it is there.
fn head(buffer: &mut BytesMut) -> io::Result<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut found = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = found.parse(buffer).map_err(not_http)? else { return Ok(None) };
    if length > HEAD_BYTES_MAX {
        return Err(too_long());
    }
    let status = StatusCode::from_u16(found.code.unwrap_or_default()).map_err(not_http)?;
    let is_old = found.version != Some(1);
    let mut headers = HeaderMap::with_capacity(found.headers.len());
    for field in found.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(not_http)?;
        headers.append(name, HeaderValue::from_bytes(field.value).map_err(not_http)?);
    }
    let (framing, is_clear) = framing(status, &headers)?;
    let may_stay =
        is_clear && if is_old { says(&headers, header::CONNECTION, "keep-alive") } else { !says(&headers, header::CONNECTION, "close") };
    buffer.advance(length);
    Ok(Some(Head { status, headers, framing, may_stay }))
}

/// Tells how the end of a body is found, and whether everybody would find it there: RFC 9112, section 6.3.
fn framing(status: StatusCode, headers: &HeaderMap) -> io::Result<(Framing, bool)> {
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok((Framing::Length(0), true));
    }
    let length = length(headers)?;
    if headers.contains_key(header::TRANSFER_ENCODING) {
        // The last coding is the outermost.
        let is_chunked = values(headers, header::TRANSFER_ENCODING).last().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        return Ok(if is_chunked { (Framing::chunks(), length.is_none()) } else { (Framing::Open, false) });
    }
    Ok(length.map_or((Framing::Open, false), |length| (Framing::Length(length), true)))
}

/// Returns the length that a head announces. Two that differ are an error, as somebody wants to be misunderstood.
fn length(headers: &HeaderMap) -> io::Result<Option<u64>> {
    let mut length = None;
    for text in values(headers, header::CONTENT_LENGTH) {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let found = text.parse().ok().filter(|_| is_number).ok_or_else(|| not_http("its length is no number"))?;
        if *length.get_or_insert(found) != found {
            return Err(not_http("it has two lengths"));
        }
    }
    // Bytes that are no text are no number either.
    let is_told = headers.contains_key(header::CONTENT_LENGTH);
    if is_told && length.is_none() { Err(not_http("its length is no number")) } else { Ok(length) }
}

/// Returns the items of a header, which may be spread over several fields.
fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).map(str::trim)
}

fn says(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    values(headers, name).any(|value| value.eq_ignore_ascii_case(word))
}
