//! What happens when somebody asks deka to end while scripts run.
//!
//! Without scripts a signal just ends the process: everything on disk is made for that. Scripts are processes of their
//! own and have to be ended first, each with all that it has started. A thread waits for the signal, passes it on, and
//! gives the scripts a moment. The install sees them fail and returns, and the exit status tells of the signal. Should
//! something else hold the install up, it is not waited for.

use crate::install::RUNNING;
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// How long scripts may take to end, and the install after them.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(5);

/// The exit status that the signal asks for; zero while there was none.
static STATUS: AtomicU8 = AtomicU8::new(0);
static WATCH: Once = Once::new();

/// Has a write beyond a limit on the size of files (`ulimit -f`) fail with an error that can be told. By itself it would
/// end the process without a word.
pub fn outlive_size_limits() {
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Begins to watch for signals, once.
pub fn watch() {
    WATCH.call_once(|| {
        // Without the thread a signal ends deka alone, as it would have before, and the kernel ends the shells.
        if let Ok(signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) {
            let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || wait(signals));
        }
    });
}

/// Returns the exit status of a run that a signal has ended.
pub fn status() -> Option<u8> {
    Some(STATUS.load(Ordering::SeqCst)).filter(|status| *status != 0)
}

fn wait(mut signals: Signals) {
    let Some((status, signal)) = signals.forever().find_map(known) else { return };
    STATUS.store(status, Ordering::SeqCst);
    if RUNNING.end(signal) {
        let deadline = Instant::now() + PATIENCE;
        // Who asks twice is in a hurry.
        while !RUNNING.is_empty() && Instant::now() < deadline && signals.pending().next().is_none() {
            std::thread::sleep(PAUSE);
        }
        RUNNING.end(Signal::KILL);
        // The process ends meanwhile, when the install has returned.
        std::thread::sleep(PATIENCE);
    }
    std::process::exit(i32::from(status));
}

/// Returns what a shell has as the exit status of a process that a signal ended, and the signal.
fn known(signal: i32) -> Option<(u8, Signal)> {
    let status = 128 + u8::try_from(signal).ok()?;
    Some((status, Signal::from_named_raw(signal)?))
}
