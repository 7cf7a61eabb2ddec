//! What happens when somebody asks deka to end while scripts run.
//!
//! Without scripts a signal just ends the process: everything on disk is made for that. Scripts of an install are
//! processes of their own and have to be ended first, each with all that it has started. A thread waits for the signal,
//! passes it on, and gives the scripts a moment. The install sees them fail and returns, and the exit status tells of the
//! signal. Should something else hold the install up, it is not waited for.
//!
//! A program that runs in deka's place decides by itself what comes of a signal, and deka waits for as long as it takes.

use crate::install::RUNNING;
use crate::scripts::foreground::FOREGROUND;
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
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

/// Begins to watch for signals, once. A signal that deka was started to ignore (`nohup`) stays ignored, by what it starts
/// as well.
pub fn watch() {
    WATCH.call_once(|| {
        // Without the thread a signal ends deka alone, as it would have before, and the kernel ends the shells.
        let heard: Vec<i32> = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal)).collect();
        if let Ok(signals) = SignalsInfo::<WithOrigin>::new(&heard)
            && std::thread::Builder::new().name("signals".to_owned()).spawn(move || wait(signals)).is_ok()
        {
            for signal in heard {
                // Without the flag a program may end before the signal is known that has ended it.
                let _ = signal_hook::flag::register(signal, FOREGROUND.arrived());
            }
        }
    });
}

fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the present one, to memory that is there for it; all of it may be zero.
    unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0 && action.assume_init().sa_sigaction == libc::SIG_IGN }
}

/// Returns the exit status of a run that a signal has ended.
pub fn status() -> Option<u8> {
    Some(STATUS.load(Ordering::SeqCst)).filter(|status| *status != 0)
}

fn wait(mut signals: SignalsInfo<WithOrigin>) {
    let Some((status, signal)) = signals.forever().find_map(to_end_deka) else { return };
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

/// Returns the exit status and the signal, unless a program in the foreground takes it.
fn to_end_deka(origin: Origin) -> Option<(u8, Signal)> {
    let (status, signal) = known(origin.signal)?;
    let from_terminal = matches!(origin.cause, Cause::Kernel);
    (!FOREGROUND.tell(signal, from_terminal)).then_some((status, signal))
}

/// Returns what a shell has as the exit status of a process that a signal ended, and the signal.
fn known(signal: i32) -> Option<(u8, Signal)> {
    let status = 128 + u8::try_from(signal).ok()?;
    Some((status, Signal::from_named_raw(signal)?))
}
