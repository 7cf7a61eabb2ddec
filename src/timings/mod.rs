//! Where the time of an install goes: noted while it runs, and made into a page that a browser shows.
//!
//! An install notes [`Happened`] in a [`Timings`], from any thread, and nothing at all unless somebody asked for it. Once it
//! is over, [`profile`] brings the moments of each package together, divides the time among the stages and finds the
//! chain of events that the end waited for ([`critical`]); [`page`] writes that as one HTML file, which loads nothing.
//!
//! Packages are known by `name@version` here and never by an address: whoever shows the page to others does not show
//! them the registry.

mod critical;
mod page;
mod profile;

pub use page::{Ending, Outcome, page};

use serde::Serialize;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The name of the page, in the root of the project.
pub const FILE_NAME: &str = "deka-timings.html";

/// What the time of an install is divided into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Finding out which packages are needed, from packuments or from the lockfile.
    Resolve,
    /// Downloading tarballs.
    Fetch,
    /// Checking and unpacking them into the store.
    Import,
    /// Building `node_modules`.
    Link,
    /// Running lifecycle scripts.
    Scripts,
    /// Everything else: opening, writing down.
    Rest,
}

impl Part {
    /// All parts, in the order in which an install goes through them.
    pub const ALL: [Part; 6] = [Part::Resolve, Part::Fetch, Part::Import, Part::Link, Part::Scripts, Part::Rest];
}

/// Something that happened. A `subject` is a package as `name@version`, for whoever asks for its bytes or has them; in what
/// the network says it is the bare name where a packument is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Resolution asks for a packument.
    Wanted {
        /// Its name.
        name: String,
        /// The package whose packument led to it; nothing when a project did.
        because: Option<String>,
    },
    /// A packument is read. Not said of one that could not be had.
    Answered {
        /// Its name.
        name: String,
    },
    /// Resolution has chosen a package.
    Chosen {
        /// The package.
        subject: String,
        /// The package whose packument led to it; nothing when something else did.
        because: Option<String>,
    },
    /// A package is not in the store and has to come.
    Ordered {
        /// The package.
        subject: String,
    },
    /// A request is sent.
    Sent {
        /// What is asked for.
        subject: String,
    },
    /// A request failed and is going to be sent again.
    Retried {
        /// What is asked for.
        subject: String,
    },
    /// The body of a tarball is here. Not said of one that is unpacked while it arrives.
    Arrived {
        /// The package.
        subject: String,
        /// Its size as it was sent.
        bytes: u64,
    },
    /// A request was answered, and a body that is unpacked while it arrives is unpacked.
    Ended {
        /// What was asked for.
        subject: String,
        /// The size of the body as it was sent; 0 when the answer was that nothing has changed.
        bytes: u64,
    },
    /// A package begins to be checked and unpacked.
    Unpacking {
        /// The package.
        subject: String,
    },
    /// The files of a package are in the store.
    Imported {
        /// The package.
        subject: String,
        /// The package as its manifest has it, where nothing but an address was known of it before.
        renamed: Option<String>,
        /// How many there are.
        files: u64,
        /// Their size.
        bytes: u64,
    },
    /// The files of a package can be linked, whether they just came or were in the store before.
    Ready {
        /// The package.
        subject: String,
        /// What the store calls it, which may be the address it was first fetched from.
        stored: String,
    },
    /// Something was put in place.
    Linked {
        /// A package, or a part of a blueprint.
        subject: String,
        /// When that began, see [`Timings::now_us`].
        began_us: u64,
        /// How many files it has, if that is known.
        files: Option<u64>,
        /// How many slots of `node_modules` it is.
        slots: u64,
    },
    /// A step of the whole install is done.
    Step {
        /// Where its time belongs.
        part: Part,
        /// What it was.
        label: String,
        /// When it began, see [`Timings::now_us`].
        began_us: u64,
    },
}

/// Takes down when things happen, if somebody asked for it; otherwise it costs a look at a pointer.
#[derive(Clone, Debug, Default)]
pub struct Timings(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    started: Instant,
    moments: Mutex<Vec<(u64, Happened)>>,
}

/// A step that goes on; it is noted when this is dropped.
#[must_use = "a step lasts for as long as this lives"]
pub struct Step<'a> {
    timings: &'a Timings,
    part: Part,
    label: &'static str,
    began_us: u64,
}

impl Timings {
    /// Starts to take down what happens, with times since `started`.
    pub fn since(started: Instant) -> Timings {
        Timings(Some(Arc::new(Recorder { started, moments: Mutex::default() })))
    }

    /// Returns the microseconds since the start; 0 when nothing is taken down.
    pub fn now_us(&self) -> u64 {
        self.0.as_ref().map_or(0, |recorder| recorder.now_us())
    }

    /// Takes a moment down. It is not even made when nobody wants it.
    pub fn note(&self, moment: impl FnOnce() -> Happened) {
        let Some(recorder) = &self.0 else { return };
        let moment = moment();
        let now_us = recorder.now_us();
        // Only pushes happen under the lock.
        recorder.moments.lock().unwrap_or_else(PoisonError::into_inner).push((now_us, moment));
    }

    /// Begins a step of the whole install.
    pub fn step(&self, part: Part, label: &'static str) -> Step<'_> {
        Step { timings: self, part, label, began_us: self.now_us() }
    }

    /// Returns what was taken down, in the order of time.
    fn moments(&self) -> Vec<(u64, Happened)> {
        let Some(recorder) = &self.0 else { return Vec::new() };
        let mut moments = recorder.moments.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Two threads may read the clock in one order and get the lock in the other.
        moments.sort_by_key(|(time_us, _)| *time_us);
        moments
    }
}

impl Recorder {
    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        let Step { timings, part, label, began_us } = self;
        timings.note(|| Happened::Step { part: *part, label: (*label).to_owned(), began_us: *began_us });
    }
}

/// Returns what a package is called on the page.
pub fn subject(name: impl Display, version: &str) -> String {
    if version.is_empty() { name.to_string() } else { format!("{name}@{version}") }
}

#[cfg(test)]
mod tests;
