//! What an install tells while it runs: events for what is said once, counters for what is shown as it grows.

use crate::timings::Timings;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Something that is said once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something that may be wrong.
    Warning(String),
    /// Something that is good to know.
    Note(String),
    /// What was done, for whoever looks for lost time.
    Trace(String),
    /// A stage is done.
    Stage {
        /// `resolved`, `fetched`, `linked`.
        name: &'static str,
        /// The same as a sentence.
        message: String,
    },
    /// The packages whose scripts were not run because nobody has allowed them, sorted.
    SkippedScripts(Vec<String>),
    /// Scripts are about to run: from now on, being interrupted means that they have to be ended.
    Scripts,
    /// A line that a script printed.
    Script {
        /// The script: `postinstall`, or `sharp@0.34.0 postinstall`.
        script: String,
        /// The line, as it came.
        line: String,
    },
}

/// Where events go; called from several threads.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// Counts that grow while an install runs.
#[derive(Debug, Default)]
pub struct Counters {
    stage: AtomicU8,
    /// Packages that resolution has chosen so far.
    pub chosen: AtomicU64,
    /// Packages whose files are in the store, of those that had to come.
    pub fetched: AtomicU64,
    /// Packages that have to come.
    pub to_fetch: AtomicU64,
    /// Slots in place, of those that had to be built.
    pub linked: AtomicU64,
    /// Slots that have to be built.
    pub to_link: AtomicU64,
    /// Bytes that came over the network.
    pub bytes: AtomicU64,
    /// When each thing happened, if somebody wants to know.
    pub timings: Timings,
}

/// What takes the time right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Choosing versions.
    Resolving,
    /// Downloading and importing.
    Fetching,
    /// Building `node_modules`.
    Linking,
    /// Running scripts.
    Building,
}

impl Counters {
    /// Counts from nothing, and notes in `timings` when each thing happens.
    pub fn timed(timings: Timings) -> Counters {
        Counters { timings, ..Counters::default() }
    }

    /// Returns the current stage.
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Resolving,
            1 => Stage::Fetching,
            2 => Stage::Linking,
            _ => Stage::Building,
        }
    }

    /// Says that a stage begins.
    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// Adds to a count.
    pub fn add(count: &AtomicU64, number: u64) {
        count.fetch_add(number, Ordering::Relaxed);
    }

    /// Reads a count.
    pub fn read(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }
}
