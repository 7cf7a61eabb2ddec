//! One question and its answer: headers, redirects, credentials, status.
//!
//! Redirects are followed here and not by the HTTP library, since each hop is judged anew: which credentials belong to
//! it, and whether it leaves encryption behind.

use super::address;
use super::cache::Validators;
use super::config::{Auth, Certificate, Config, Credentials};
use super::direct::{self, Direct};
use super::distance::Distance;
use super::error::RegistryError;
use super::names::Names;
use super::{retry, tls};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap, HeaderValue};
use std::error::Error;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use url::Url;

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 10;

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) subject: &'a str,
    pub(super) url: &'a Url,
    pub(super) accept: &'static str,
    /// Encodings that the reader of the answer can undo.
    pub(super) encoding: &'static str,
    pub(super) validators: Option<&'a Validators>,
    /// Whether it was asked before, in vain.
    pub(super) is_again: bool,
    /// Whether the answer may be long and one of many, as tarballs are.
    pub(super) is_bulk: bool,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// Asking again changes nothing.
    Final(RegistryError),
    /// It may pass. The server may have said when.
    Passing { cause: String, wait: Option<Duration> },
}

/// An answer, whose body may still be on its way.
pub(super) struct Response {
    /// Where it came from, after all redirects.
    pub(super) url: Url,
    source: Source,
}

/// Who has brought an answer.
enum Source {
    Direct(direct::Answer),
    Library(reqwest::Response),
}

/// Makes connections.
///
/// Where the server has HTTP/2, questions about packages share one connection. Tarballs come over connections of HTTP/1.1:
/// on one connection small ones wait behind the frames of large ones, all of them share one congestion window, and to put
/// frames together again costs processor time that unpacking needs.
pub(super) struct Transport {
    direct: Direct,
    plain: OnceLock<Result<reqwest::Client, String>>,
    secure: Mutex<Vec<Secure>>,
    names: Names,
    pub(super) distance: Distance,
}

/// A client for `https:` addresses.
struct Secure {
    /// What it shows.
    certificate: Option<Certificate>,
    is_bulk: bool,
    client: reqwest::Client,
}

impl Default for Transport {
    fn default() -> Transport {
        let (names, distance) = (Names::default(), Distance::default());
        let direct = Direct::new(&names, &distance);
        Transport { direct, plain: OnceLock::new(), secure: Mutex::default(), names, distance }
    }
}

impl Transport {
    /// Closes connections of our own that wait for a question.
    pub(super) fn close_idle(&self) {
        self.direct.close_idle();
    }

    /// Asks, following redirects. The answer has a status of success or is 304.
    pub(super) async fn ask(&self, config: &Config, question: &Question<'_>) -> Result<Response, Failure> {
        let mut url = question.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            if !address::is_allowed(config, &url) {
                return Err(Failure::Final(RegistryError::Address {
                    subject: question.subject.to_owned(),
                    url: address::shown(&url),
                    reason: "deka does not ask addresses of this kind",
                }));
            }
            let auth = address::auth(config, &url);
            let mut headers = headers(question);
            let credentials = credentials(auth, &url);
            let known = credentials.is_some();
            if let Some(value) = credentials.and_then(|text| HeaderValue::from_str(&text).ok()) {
                headers.insert(header::AUTHORIZATION, value);
            }
            let certificate = auth.and_then(|auth| auth.certificate.as_ref());
            let response = self.send(config, question, url, headers, certificate).await?;
            match redirected(&response, question)? {
                Some(next) => url = next,
                None => return judge(response, question, known),
            }
        }
        Err(refused(question, &url, "there are too many redirects"))
    }

    /// Sends a question and waits for the head of its answer.
    async fn send(
        &self,
        config: &Config,
        question: &Question<'_>,
        url: Url,
        mut headers: HeaderMap,
        certificate: Option<&Certificate>,
    ) -> Result<Response, Failure> {
        if let Some(value) = headers.get_mut(header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        if direct::serves(config, &url, certificate, question.is_bulk) {
            return match self.direct.ask(config, &url, headers, question.is_again).await {
                Ok(answer) => Ok(Response { url, source: Source::Direct(answer) }),
                Err(direct::Trouble::Setup(reason)) => Err(Failure::Final(RegistryError::Setup { reason })),
                Err(direct::Trouble::Connection(error)) => Err(passing_or_final(&*error, question)),
            };
        }
        let client = self.client(config, &url, certificate, question.is_bulk).map_err(Failure::Final)?;
        match client.get(url.clone()).headers(headers).send().await {
            Ok(response) => Ok(Response { url, source: Source::Library(response) }),
            Err(error) => Err(passing_or_final(&error, question)),
        }
    }

    fn client(
        &self,
        config: &Config,
        url: &Url,
        certificate: Option<&Certificate>,
        is_bulk: bool,
    ) -> Result<reqwest::Client, RegistryError> {
        let made = if url.scheme() == "http" {
            self.plain.get_or_init(|| tls::plain(config, &self.names, &self.distance)).clone()
        } else {
            let mut known = self.secure.lock().unwrap_or_else(PoisonError::into_inner);
            match known.iter().find(|known| known.certificate.as_ref() == certificate && known.is_bulk == is_bulk) {
                Some(known) => Ok(known.client.clone()),
                None => tls::secure(config, &self.names, &self.distance, certificate, is_bulk).inspect(|client| {
                    known.push(Secure { certificate: certificate.cloned(), is_bulk, client: client.clone() });
                }),
            }
        };
        made.map_err(|reason| RegistryError::Setup { reason })
    }
}

impl Response {
    pub(super) fn status(&self) -> StatusCode {
        match &self.source {
            Source::Direct(answer) => answer.status,
            Source::Library(response) => response.status(),
        }
    }

    /// Returns a header, if it is there and is text.
    pub(super) fn text(&self, name: header::HeaderName) -> Option<&str> {
        let headers = match &self.source {
            Source::Direct(answer) => &answer.headers,
            Source::Library(response) => response.headers(),
        };
        headers.get(name)?.to_str().ok()
    }

    /// Returns how long the body is, if that was said.
    pub(super) fn content_length(&self) -> Option<u64> {
        match &self.source {
            Source::Direct(answer) => answer.content_length(),
            Source::Library(response) => response.content_length(),
        }
    }

    /// Waits for the next piece of the body. What a server sends beyond the length that it announced is no part of it.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        match &mut self.source {
            Source::Direct(answer) => answer.piece().await.map_err(|error| cut_off(&error)),
            Source::Library(response) => response.chunk().await.map_err(|error| cut_off(&error)),
        }
    }

    /// Waits for more of the body and adds it to `whole`. Returns how many bytes came; none at the end.
    pub(super) async fn append_to(&mut self, whole: &mut Vec<u8>) -> Result<usize, Failure> {
        match &mut self.source {
            Source::Direct(answer) => answer.append_to(whole).await.map_err(|error| cut_off(&error)),
            Source::Library(response) => {
                // A piece without bytes is not the end.
                while let Some(piece) = response.chunk().await.map_err(|error| cut_off(&error))? {
                    if !piece.is_empty() {
                        whole.extend_from_slice(&piece);
                        return Ok(piece.len());
                    }
                }
                Ok(0)
            }
        }
    }
}

/// Returns the failure of a body that stopped coming.
fn cut_off(error: &(dyn Error + 'static)) -> Failure {
    Failure::Passing { cause: cause(error), wait: None }
}

/// Returns who asks, as the `Authorization` header has it: by the settings, or by the address itself.
fn credentials(auth: Option<&Auth>, url: &Url) -> Option<String> {
    if let Some(credentials) = auth.and_then(|auth| auth.credentials.as_ref()) {
        return Some(address::authorization(credentials));
    }
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let clear = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (clear(url.username()), clear(url.password().unwrap_or_default()));
    Some(address::authorization(&Credentials::Password { user, password }))
}

fn headers(question: &Question<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(header::ACCEPT, HeaderValue::from_static(question.accept));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(question.encoding));
    if let Some(validators) = question.validators {
        for (name, text) in [(header::IF_NONE_MATCH, &validators.etag), (header::IF_MODIFIED_SINCE, &validators.last_modified)] {
            if let Some(value) = Some(text).filter(|text| !text.is_empty()).and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(name, value);
            }
        }
    }
    headers
}

/// Returns where a redirect leads, if the answer is one.
fn redirected(response: &Response, question: &Question<'_>) -> Result<Option<Url>, Failure> {
    use StatusCode as S;
    let (status, url) = (response.status(), &response.url);
    if ![S::MOVED_PERMANENTLY, S::FOUND, S::SEE_OTHER, S::TEMPORARY_REDIRECT, S::PERMANENT_REDIRECT].contains(&status) {
        return Ok(None);
    }
    let target = response.text(header::LOCATION).and_then(|location| url.join(location).ok());
    let Some(mut next) = target else {
        return Err(refused(question, url, "it does not say where to"));
    };
    // A user in the address would be a credential that the server chose.
    let _ = next.set_username("");
    let _ = next.set_password(None);
    if url.scheme() == "https" && next.scheme() != "https" {
        return Err(refused(question, &next, "it leaves https"));
    }
    if address::same_origin(&next, url) && next.path() == url.path() && next.query() == url.query() {
        return Err(refused(question, &next, "it leads to itself"));
    }
    Ok(Some(next))
}

fn refused(question: &Question<'_>, to: &Url, reason: &'static str) -> Failure {
    Failure::Final(RegistryError::Redirect { subject: question.subject.to_owned(), to: address::shown(to), reason })
}

fn judge(response: Response, question: &Question<'_>, with_credentials: bool) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let (subject, shown) = (question.subject.to_owned(), address::shown(&response.url));
    match status.as_u16() {
        401 | 403 => Err(Failure::Final(RegistryError::Denied { subject, url: shown, status: status.as_u16(), with_credentials })),
        404 | 410 => Err(Failure::Final(RegistryError::NotFound { subject, url: shown })),
        408 | 425 | 429 | 500..=599 => {
            let wait = response.text(header::RETRY_AFTER).and_then(|value| retry::retry_after(value, SystemTime::now()));
            Err(Failure::Passing { cause: format!("the server answered with status {}", status.as_u16()), wait })
        }
        status => Err(Failure::Final(RegistryError::Status { subject, url: shown, status })),
    }
}

fn passing_or_final(error: &(dyn Error + 'static), question: &Question<'_>) -> Failure {
    let cause = cause(error);
    if !is_bad_certificate(error) {
        return Failure::Passing { cause, wait: None };
    }
    let (subject, url) = (question.subject.to_owned(), address::shown(question.url));
    Failure::Final(RegistryError::Unreachable { subject, url, attempts: 1, cause })
}

/// Returns the innermost reason of an error; the outer ones of the HTTP library hold the address, with all that is secret
/// in it.
pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    let library = error.downcast_ref::<reqwest::Error>();
    if library.is_some_and(reqwest::Error::is_timeout) {
        return "it took too long".to_owned();
    }
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    let is_outermost = library.is_some() && std::ptr::addr_eq(inner, error);
    if is_outermost { "the request failed".to_owned() } else { inner.to_string().escape_debug().to_string() }
}

fn is_bad_certificate(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // An I/O error skips what it wraps when it is asked for its source.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}
