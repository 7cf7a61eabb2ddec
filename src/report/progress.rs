//! The progress line: one line that says how far an install is, redrawn a few times a second.

use super::text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is quicker than this is not worth a line.
const FIRST_DRAW: Duration = Duration::from_millis(120);
const REDRAW: Duration = Duration::from_millis(80);

/// How far an install is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What is being done: `Resolving`, `Fetching`, `Linking`.
    pub stage: &'static str,
    /// What is counted: `package`, `object`.
    pub noun: &'static str,
    /// How many are done.
    pub done: u64,
    /// How many are known so far.
    pub total: u64,
    /// Bytes that came over the network, or were read.
    pub bytes: u64,
}

/// Keeps the progress line alive; the line goes when this is dropped.
pub struct Progress(Option<Ticker>);

struct Ticker {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

/// The place where a progress line may stand, shared with everything else that prints.
#[derive(Default)]
pub(super) struct Line(Arc<Mutex<Option<ProgressBar>>>);

impl Line {
    /// Prints above the line, if there is one.
    pub fn above(&self, print: impl FnOnce()) {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Draws the line until the answer is dropped.
    pub fn start(&self, look: impl Fn() -> Snapshot + Send + 'static) -> Progress {
        let (stop, stopped) = mpsc::channel();
        let place = Arc::clone(&self.0);
        let draw = move || {
            let mut pause = FIRST_DRAW;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = REDRAW;
                let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
                let bar = place.get_or_insert_with(bar);
                bar.set_message(sentence(look()));
                bar.tick();
            }
            if let Some(bar) = place.lock().unwrap_or_else(PoisonError::into_inner).take() {
                bar.finish_and_clear();
            }
        };
        // Without a thread there is no line; the install goes on.
        Progress(std::thread::Builder::new().name("progress".to_owned()).spawn(draw).ok().map(|thread| Ticker { stop, thread }))
    }
}

impl Progress {
    /// Returns a guard of nothing.
    pub(super) fn none() -> Progress {
        Progress(None)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(ticker) = self.0.take() {
            // A thread that has ended already needs no word.
            let _ = ticker.stop.send(());
            let _ = ticker.thread.join();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn sentence(now: Snapshot) -> String {
    let mut line = format!("{} {}/{}", now.stage, now.done, text::count(now.total, now.noun));
    if now.bytes > 0 {
        line.push_str(&format!(" · {}", text::bytes(now.bytes)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Snapshot, sentence};

    #[test]
    fn the_line_counts_packages_and_bytes() {
        let now = Snapshot { stage: "Fetching", noun: "package", done: 152, total: 342, bytes: 12_300_000 };
        assert_eq!(sentence(now), "Fetching 152/342 packages · 12.3 MB");
        assert_eq!(sentence(Snapshot { bytes: 0, ..now }), "Fetching 152/342 packages");
    }
}
