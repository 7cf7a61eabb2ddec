//! Runs one program in deka's own place: with its terminal, its pipes and its process group, until it ends.
//!
//! What a terminal sends (Ctrl-C, Ctrl-Z) goes to the whole group, and deka leaves it to the program what to make of it.
//! What somebody sends to deka alone is handed on to everything below it. A program that ends because of a signal may
//! leave others behind; they are told as well and get a moment. Should deka be killed outright, the kernel ends the program.

use super::below::{self, Reach};
use super::run::{Ended, end_with_parent};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, wait};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long those that a program has left behind may take to end.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(10);
/// How long another thread may take to have its turn, about.
const TURN: Duration = Duration::from_millis(1);

/// The program that runs in deka's place, for whoever hears signals.
pub static FOREGROUND: Foreground = Foreground::new();

/// The place of a program.
#[derive(Debug)]
pub struct Foreground {
    state: Mutex<State>,
    /// Whether a signal has come that nobody has told of yet.
    arrived: OnceLock<Arc<AtomicBool>>,
}

#[derive(Debug, Default)]
struct State {
    runs: bool,
    /// The first signal that deka was sent while a program ran.
    heard: Option<Signal>,
}

impl Foreground {
    const fn new() -> Foreground {
        Foreground { state: Mutex::new(State { runs: false, heard: None }), arrived: OnceLock::new() }
    }

    /// Runs a program to its end. It fails when the program cannot be started.
    pub fn run(&self, command: &mut Command) -> io::Result<Ended> {
        adopt_orphans();
        end_with_parent(command);
        let child = {
            let mut state = self.lock();
            let child = command.spawn()?;
            state.runs = true;
            child
        };
        let status = wait_for(child);
        self.wait_until_told();
        let heard = {
            let mut state = self.lock();
            state.runs = false;
            state.heard
        };
        let status = status?;
        if let Some(signal) = heard.filter(|_| !status.success()) {
            sweep(signal);
        }
        Ok(Ended::of(status))
    }

    /// Returns a flag that a signal handler sets for every signal that is going to be told of.
    pub fn arrived(&self) -> Arc<AtomicBool> {
        Arc::clone(self.arrived.get_or_init(Arc::default))
    }

    /// Waits for the thread that hears signals. What a terminal sends comes to the program and to deka at once, and the
    /// program may have ended of it before that thread has had its turn.
    fn wait_until_told(&self) {
        let (arrived, deadline) = (self.arrived(), Instant::now() + PATIENCE);
        while arrived.load(Ordering::SeqCst) && self.heard().is_none() && Instant::now() < deadline {
            std::thread::sleep(TURN);
        }
    }

    /// Takes a signal that deka was sent; `from_terminal` says that the program has it already. Returns whether a program
    /// runs that decides what comes of it. It takes a lock, so it is for a thread that waits for signals, not for a signal
    /// handler.
    pub fn tell(&self, signal: Signal, from_terminal: bool) -> bool {
        let mut state = self.lock();
        self.arrived().store(false, Ordering::SeqCst);
        if state.runs {
            state.heard.get_or_insert(signal);
            if !from_terminal {
                below::signal(signal, Reach::UpToDeka);
            }
        }
        state.runs
    }

    /// Returns the first signal that came while a program ran.
    pub fn heard(&self) -> Option<Signal> {
        self.lock().heard
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the program, and for what it leaves behind on the way.
fn wait_for(mut child: Child) -> io::Result<ExitStatus> {
    if !cfg!(target_os = "linux") {
        return child.wait();
    }
    let id = Pid::from_child(&child);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == id => return Ok(ExitStatus::from_raw(status.as_raw())),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Ends what is left below deka. A shell has its background jobs ignore what a terminal sends for Ctrl-C.
fn sweep(signal: Signal) {
    let signal = if signal == Signal::INT || signal == Signal::QUIT { Signal::TERM } else { signal };
    if below::signal(signal, Reach::UpToDeka) == 0 {
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    while !below::is_empty() {
        if Instant::now() >= deadline {
            below::signal(Signal::KILL, Reach::Whole);
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Has processes whose parent has ended come to deka, so that it can still tell whose they are.
#[cfg(target_os = "linux")]
fn adopt_orphans() {
    // Any number but zero means yes. Where the kernel refuses, orphans are out of reach, as they would be without deka.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() {}
