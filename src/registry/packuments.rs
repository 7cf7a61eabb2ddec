//! Packuments: from the cache when that is allowed, from the network otherwise.
//!
//! A fresh answer never leaves the pool: it is read and decoded there. For a stale one only the header of its file is
//! read, and the registry is asked whether something changed; the rest follows when it did not.

use super::address;
use super::body::{Body, too_large};
use super::cache::{self, Times, Validators};
use super::config::Freshness;
use super::error::RegistryError;
use super::event::Event;
use super::network::{self, Network, Request, Slot};
use super::queue::Class;
use super::tarball::{Inflated, with_inflated};
use super::transport::{Failure, Question, text};
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::pool::Priority;
use reqwest::header;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use url::Url;

/// The largest packument, packed or not. The largest real ones have a tenth of that.
const BYTES_MAX: u64 = 256 << 20;
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
const FULL: &str = "application/json";

/// Takes the outcome, once.
pub(super) type Deliver = Box<dyn FnOnce(Result<Arc<Packument>, RegistryError>) + Send>;

/// What to do with an answer of the network.
pub(super) struct Task {
    validators: Option<Validators>,
    consume: Box<dyn FnOnce(Result<Answer, RegistryError>) + Send>,
}

/// An answer that is not read yet.
enum Answer {
    Unchanged(Option<Times>),
    Body(Whole),
}

struct Whole {
    bytes: Vec<u8>,
    encoding: String,
    content_type: String,
    times: Option<Times>,
    validators: Validators,
    url: String,
}

impl Task {
    pub(super) fn fail(self, network: &Network, error: RegistryError) {
        network.pool.spawn(Priority::Resolve, move || (self.consume)(Err(error)));
    }
}

/// Gets a packument; `path` is the file that caches it. Runs on the pool.
pub(super) fn get(network: &Arc<Network>, name: PackageName, path: PathBuf, deliver: Deliver) {
    let cached = cache::open(&path);
    let usable = |times: &Times| match network.config.freshness {
        Freshness::Online => times.is_fresh(cache::now()),
        Freshness::Revalidate => false,
        Freshness::PreferOffline | Freshness::Offline => true,
    };
    let validators = match cached {
        Some(cached) if usable(&cached.times) => match cached.load(&name) {
            Some(packument) => return deliver(Ok(Arc::new(packument))),
            None => None,
        },
        Some(cached) => Some(cached.validators),
        None => None,
    };
    if network.config.freshness == Freshness::Offline {
        return deliver(Err(RegistryError::Offline { subject: name.to_string() }));
    }
    let validators = validators.filter(|validators| *validators != Validators::default());
    ask(network, name, path, validators, deliver);
}

fn ask(network: &Arc<Network>, name: PackageName, path: PathBuf, validators: Option<Validators>, deliver: Deliver) {
    let url = address::packument(&network.config, &name);
    let (subject, asked_by) = (name.to_string(), Arc::clone(network));
    let consume = Box::new(move |answer| match answer {
        Err(error) => deliver(Err(error)),
        Ok(Answer::Body(whole)) => read(&asked_by, &name, path, whole, deliver),
        Ok(Answer::Unchanged(times)) => match cache::open(&path).and_then(|cached| cached.load(&name)) {
            Some(packument) => {
                deliver(Ok(Arc::new(packument)));
                if let Some(times) = times {
                    asked_by.pool.spawn(Priority::Link, move || cache::confirm(&path, times));
                }
            }
            // What was confirmed is gone or damaged: ask again for all of it.
            None => ask(&asked_by, name, path, None, deliver),
        },
    });
    let task = network::Task::Packument(Task { validators, consume });
    network.push(Request { subject, url, class: Class::Packument, attempts: 0, started: Instant::now(), task });
}

/// Fetches a packument and hands it to the pool. Runs on the network thread.
pub(super) async fn fetch(request: Request, slot: Slot) {
    let network = Arc::clone(slot.network());
    let validators = match &request.task {
        network::Task::Packument(task) => task.validators.clone(),
        network::Task::Tarball(_) => None,
    };
    let outcome = exchange(&network, &request.subject, &request.url, validators.as_ref()).await;
    drop(slot);
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => return network.failed(request, failure),
    };
    network.answered(&request.url);
    let bytes = match &answer {
        Answer::Body(whole) => whole.bytes.len() as u64,
        Answer::Unchanged(_) => 0,
    };
    (network.events)(Event::Ended { subject: &request.subject, elapsed: request.started.elapsed(), bytes, failed: false });
    if let network::Task::Packument(task) = request.task {
        network.pool.spawn(Priority::Resolve, move || (task.consume)(Ok(answer)));
    }
}

async fn exchange(network: &Network, subject: &str, url: &Url, validators: Option<&Validators>) -> Result<Answer, Failure> {
    let accept = if network.config.full_metadata { FULL } else { ABBREVIATED };
    let question = Question { subject, url, accept, encoding: "gzip", validators };
    let asked = cache::now();
    let response = network.transport.ask(&network.config, &question).await?;
    let times = Times::of(asked, text(&response, header::CACHE_CONTROL), text(&response, header::AGE));
    if response.status().as_u16() == 304 {
        // Without a question there is nothing to be unchanged; some cache on the way may have mixed up its clients.
        let unasked = || Failure::Passing { cause: "it answered 304 to a question for all of it".to_owned(), wait: None };
        return if validators.is_some() { Ok(Answer::Unchanged(times)) } else { Err(unasked()) };
    }
    let header = |name| text(&response, name).unwrap_or_default().to_owned();
    let mut whole = Whole {
        bytes: Vec::new(),
        encoding: header(header::CONTENT_ENCODING).trim().to_ascii_lowercase(),
        content_type: header(header::CONTENT_TYPE).escape_debug().to_string(),
        times,
        validators: Validators::of(text(&response, header::ETAG), text(&response, header::LAST_MODIFIED)),
        url: address::shown(response.url()),
    };
    // A length is a claim until the bytes are here.
    let expected = response.content_length().unwrap_or(0).min(WHOLE_BYTES_TRUSTED);
    whole.bytes.reserve_exact(usize::try_from(expected).unwrap_or(0));
    match Body::new(network, response).collect(&mut whole.bytes, BYTES_MAX).await? {
        true => Ok(Answer::Body(whole)),
        false => Err(too_large(subject, url, BYTES_MAX)),
    }
}

/// The most memory that is set aside because a header says so.
const WHOLE_BYTES_TRUSTED: u64 = 8 << 20;

/// Reads the body of an answer, delivers it and then caches it. Runs on the pool.
fn read(network: &Network, name: &PackageName, path: PathBuf, whole: Whole, deliver: Deliver) {
    let Whole { bytes, encoding, content_type, times, validators, url } = whole;
    let subject = || name.to_string();
    let parse = |text: &[u8]| {
        let fault = |source| RegistryError::Packument { subject: subject(), url: url.clone(), content_type: content_type.clone(), source };
        Packument::parse(text, name).map_err(fault)
    };
    let body = |reason| RegistryError::Body { subject: subject(), url: url.clone(), reason };
    let limit = usize::try_from(BYTES_MAX).unwrap_or(usize::MAX);
    let parsed = match encoding.as_str() {
        "" | "identity" => parse(&bytes),
        "gzip" | "x-gzip" => with_inflated(&bytes, limit, |inflated| match inflated {
            Inflated::Whole(text) => parse(text),
            Inflated::TooLarge => Err(body(format!("it is larger than {BYTES_MAX} bytes"))),
            Inflated::Damaged(reason) => Err(body(format!("its compression is damaged: {reason}"))),
        }),
        other => Err(body(format!("it is encoded with `{}`, which was not asked for", other.escape_debug()))),
    };
    drop(bytes);
    let packument = match parsed {
        Ok(packument) => Arc::new(packument),
        Err(error) => return deliver(Err(error)),
    };
    let kept = Arc::clone(&packument);
    deliver(Ok(packument));
    if let Some(times) = times {
        network.pool.spawn(Priority::Link, move || cache::write(&path, &kept, &validators, times));
    }
}
