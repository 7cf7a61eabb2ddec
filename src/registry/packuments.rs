//! Packuments: from the cache when that is allowed, from the network otherwise.
//!
//! What is cached and fresh never leaves the pool: it is read there, several packuments at a time, into bytes that they
//! share. For what is stale the registry is asked whether something changed; it is read again when nothing did.

use super::address;
use super::body::{Body, too_large};
use super::cache::{self, Times, Validators};
use super::config::Freshness;
use super::error::RegistryError;
use super::event::Event;
use super::ledger::Entry;
use super::network::{self, Network, Request, Slot};
use super::queue::Class;
use super::tarball::{Inflated, with_inflated};
use super::transport::{Failure, Question};
use crate::package::name::PackageName;
use crate::package::packument::Packument;
use crate::pool::Priority;
use reqwest::header;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// The largest packument, packed or not. The largest real ones have a tenth of that.
const BYTES_MAX: u64 = 256 << 20;
/// Room for a cached packument, more than most of them take.
const ROOM_BYTES: usize = 128 << 10;
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
const FULL: &str = "application/json";

/// What came of asking for a packument.
pub type Answered = (PackageName, Result<Arc<Packument>, RegistryError>);

/// How old a packument may be that is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// What [`Freshness`] says.
    Current,
    /// Any, unless all of them are to be checked with the registry.
    Any,
}

/// Takes outcomes: those that are cached at once, the others one by one.
pub(super) type Deliver = Arc<dyn Fn(Vec<Answered>) + Send + Sync>;

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

/// Gets packuments, each with the file that caches it. Runs on the pool.
pub(super) fn get(network: &Arc<Network>, wanted: Vec<(PackageName, PathBuf)>, age: Age, deliver: &Deliver) {
    let now = cache::now();
    let is_usable = |times: &Times| match network.config.freshness {
        Freshness::Online => age == Age::Any || times.is_fresh(now),
        Freshness::Revalidate => false,
        Freshness::PreferOffline | Freshness::Offline => true,
    };
    // Memory that is not written to costs nothing, and growing would copy what is there already.
    let mut bytes = Vec::with_capacity(ROOM_BYTES * wanted.len());
    let mut cached = Vec::with_capacity(wanted.len());
    let mut missing = Vec::new();
    for (name, path) in wanted {
        let start = bytes.len();
        match cache::read(&path, &mut bytes) {
            Some(usable) if is_usable(&usable.times) => cached.push((name, path, usable)),
            Some(stale) => {
                bytes.truncate(start);
                missing.push((name, path, Some(stale.validators)));
            }
            None => missing.push((name, path, None)),
        }
    }
    let bytes = Arc::new(bytes);
    let (mut answers, mut noted) = (Vec::with_capacity(cached.len()), Vec::with_capacity(cached.len()));
    for (name, path, usable) in cached {
        let (stat, times) = (usable.stat, usable.times);
        match usable.packument(Arc::clone(&bytes), &name) {
            Some(packument) => {
                noted.push((name.clone(), Entry { stat, times }));
                answers.push((name, Ok(Arc::new(packument))));
            }
            None => missing.push((name, path, None)),
        }
    }
    network.note(noted);
    for (name, path, validators) in missing {
        if network.config.freshness == Freshness::Offline {
            let error = RegistryError::Offline { subject: name.to_string() };
            answers.push((name, Err(error)));
        } else {
            let validators = validators.filter(|validators| *validators != Validators::default());
            ask(network, name, path, validators, Arc::clone(deliver));
        }
    }
    if !answers.is_empty() {
        deliver(answers);
    }
}

/// Asks the registry for a packument, to be cached in the file; only whether it changed where there are `validators`.
pub(super) fn ask(network: &Arc<Network>, name: PackageName, path: PathBuf, validators: Option<Validators>, deliver: Deliver) {
    let url = address::packument(&network.config, &name);
    let (subject, asked_by) = (name.to_string(), Arc::clone(network));
    let consume = Box::new(move |answer| match answer {
        Err(error) => deliver(vec![(name, Err(error))]),
        Ok(Answer::Body(whole)) => read(&asked_by, name, path, whole, &deliver),
        Ok(Answer::Unchanged(times)) => match cache::load(&path, &name) {
            Some((packument, before)) => {
                deliver(vec![(name.clone(), Ok(Arc::new(packument)))]);
                if let Some(times) = times {
                    asked_by.clone().pool.spawn(Priority::Link, move || {
                        let now = cache::confirm(&path, times);
                        // Another process may have put another answer there meanwhile.
                        let same = now.filter(|now| (now.inode, now.size) == (before.inode, before.size));
                        asked_by.note(same.map(|stat| (name, Entry { stat, times })));
                    });
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
    let question = Question {
        subject: &request.subject,
        url: &request.url,
        accept: if network.config.full_metadata { FULL } else { ABBREVIATED },
        encoding: "gzip",
        validators: validators.as_ref(),
        is_again: request.attempts > 0,
        is_bulk: false,
    };
    let outcome = exchange(&network, &question).await;
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

async fn exchange(network: &Network, question: &Question<'_>) -> Result<Answer, Failure> {
    let asked = cache::now();
    let response = network.transport.ask(&network.config, question).await?;
    let times = Times::of(asked, response.text(header::CACHE_CONTROL), response.text(header::AGE));
    if response.status().as_u16() == 304 {
        // Without a question there is nothing to be unchanged; some cache on the way may have mixed up its clients.
        let unasked = || Failure::Passing { cause: "it answered 304 to a question for all of it".to_owned(), wait: None };
        return if question.validators.is_some() { Ok(Answer::Unchanged(times)) } else { Err(unasked()) };
    }
    let header = |name| response.text(name).unwrap_or_default().to_owned();
    let mut whole = Whole {
        bytes: Vec::new(),
        encoding: header(header::CONTENT_ENCODING).trim().to_ascii_lowercase(),
        content_type: header(header::CONTENT_TYPE).escape_debug().to_string(),
        times,
        validators: Validators::of(response.text(header::ETAG), response.text(header::LAST_MODIFIED)),
        url: address::shown(&response.url),
    };
    // A length is a claim until the bytes are here.
    let expected = response.content_length().unwrap_or(0).min(WHOLE_BYTES_TRUSTED);
    whole.bytes.reserve_exact(usize::try_from(expected).unwrap_or(0));
    match Body::new(network, response).collect(&mut whole.bytes, BYTES_MAX).await? {
        true => Ok(Answer::Body(whole)),
        false => Err(too_large(question.subject, question.url, BYTES_MAX)),
    }
}

/// The most memory that is set aside because a header says so.
const WHOLE_BYTES_TRUSTED: u64 = 8 << 20;

/// Reads the body of an answer, delivers it and then caches it. Runs on the pool.
fn read(network: &Arc<Network>, name: PackageName, path: PathBuf, whole: Whole, deliver: &Deliver) {
    let Whole { bytes, encoding, content_type, times, validators, url } = whole;
    let subject = || name.to_string();
    let parse = |text: &[u8]| {
        let fault = |source| RegistryError::Packument { subject: subject(), url: url.clone(), content_type: content_type.clone(), source };
        Packument::parse(text, &name).map_err(fault)
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
        Err(error) => return deliver(vec![(name, Err(error))]),
    };
    let kept = Arc::clone(&packument);
    deliver(vec![(name.clone(), Ok(packument))]);
    if let Some(times) = times {
        let noted_by = Arc::clone(network);
        network.pool.spawn(Priority::Link, move || {
            let written = cache::write(&path, &kept, &validators, times);
            noted_by.note(written.map(|stat| (name, Entry { stat, times })));
        });
    }
}
