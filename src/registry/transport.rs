//! One question and its answer: headers, redirects, credentials, status.
//!
//! Redirects are followed here and not by the HTTP library, since each hop is judged anew: which credentials belong to
//! it, and whether it leaves encryption behind.

use super::address;
use super::cache::Validators;
use super::config::{Certificate, Config};
use super::distance::Distance;
use super::error::RegistryError;
use super::names::Names;
use super::{retry, tls};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
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

/// Makes connections.
///
/// Where the server has HTTP/2, questions about packages share one connection. Tarballs come over connections of HTTP/1.1:
/// on one connection small ones wait behind the frames of large ones, all of them share one congestion window, and to put
/// frames together again costs processor time that unpacking needs.
#[derive(Default)]
pub(super) struct Transport {
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

impl Transport {
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
            let client =
                self.client(config, &url, auth.and_then(|auth| auth.certificate.as_ref()), question.is_bulk).map_err(Failure::Final)?;
            let mut headers = headers(question);
            let credentials = auth.and_then(|auth| auth.credentials.as_ref());
            if let Some(credentials) = credentials
                && let Ok(mut value) = HeaderValue::from_str(&address::authorization(credentials))
            {
                value.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, value);
            }
            let sent = client.get(url.clone()).headers(headers).send().await;
            let response = sent.map_err(|error| passing_or_final(&error, question))?;
            match redirected(&response, &url, question)? {
                Some(next) => url = next,
                None => {
                    let known = credentials.is_some() || !url.username().is_empty() || url.password().is_some();
                    return judge(response, &url, question, known);
                }
            }
        }
        Err(refused(question, &url, "there are too many redirects"))
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
fn redirected(response: &Response, url: &Url, question: &Question<'_>) -> Result<Option<Url>, Failure> {
    use StatusCode as S;
    let status = response.status();
    if ![S::MOVED_PERMANENTLY, S::FOUND, S::SEE_OTHER, S::TEMPORARY_REDIRECT, S::PERMANENT_REDIRECT].contains(&status) {
        return Ok(None);
    }
    let target = text(response, header::LOCATION).and_then(|location| url.join(location).ok());
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

fn judge(response: Response, url: &Url, question: &Question<'_>, with_credentials: bool) -> Result<Response, Failure> {
    let status = response.status();
    let (subject, shown) = (question.subject.to_owned(), address::shown(url));
    match status.as_u16() {
        200..=299 | 304 => Ok(response),
        401 | 403 => Err(Failure::Final(RegistryError::Denied { subject, url: shown, status: status.as_u16(), with_credentials })),
        404 | 410 => Err(Failure::Final(RegistryError::NotFound { subject, url: shown })),
        408 | 425 | 429 | 500..=599 => {
            let wait = text(&response, header::RETRY_AFTER).and_then(|value| retry::retry_after(value, SystemTime::now()));
            Err(Failure::Passing { cause: format!("the server answered with status {}", status.as_u16()), wait })
        }
        status => Err(Failure::Final(RegistryError::Status { subject, url: shown, status })),
    }
}

/// Returns a header of an answer, if it is there and is text.
pub(super) fn text(response: &Response, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

fn passing_or_final(error: &reqwest::Error, question: &Question<'_>) -> Failure {
    let cause = cause(error);
    if !is_bad_certificate(error) {
        return Failure::Passing { cause, wait: None };
    }
    let (subject, url) = (question.subject.to_owned(), address::shown(question.url));
    Failure::Final(RegistryError::Unreachable { subject, url, attempts: 1, cause })
}

/// Returns the innermost reason of an error; the outer ones hold the address, with all that is secret in it.
pub(super) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if std::ptr::addr_eq(inner, error) { "the request failed".to_owned() } else { inner.to_string().escape_debug().to_string() }
}

fn is_bad_certificate(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
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
