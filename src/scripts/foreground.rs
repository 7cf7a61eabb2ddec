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
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long those that a program has left behind may take to end, and a signal from its arrival until it is told.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(10);

/// The program that runs in deka's place, for whoever hears signals.
pub static FOREGROUND: Foreground = Foreground::new();

/// The place of a program.
#[derive(Debug)]
pub struct Foreground {
    state: Mutex<State>,
    told: Condvar,
    /// Whether a signal has arrived, told or not.
    caught: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    runs: bool,
    /// The first signal that deka was sent while a program ran.
    heard: Option<Signal>,
}

impl Foreground {
    const fn new() -> Foreground {
        Foreground { state: Mutex::new(State { runs: false, heard: None }), told: Condvar::new(), caught: AtomicBool::new(false) }
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
        let heard = self.is_over();
        let status = status?;
        if let Some(signal) = heard.filter(|_| !status.success()) {
            sweep(signal);
        }
        Ok(Ended::of(status))
    }

    /// Ends the time of a program and returns the signal that came in it. A terminal tells deka and the program at once,
    /// and the program may be gone before the thread that hears signals has told of it here.
    fn is_over(&self) -> Option<Signal> {
        let is_on_its_way = |state: &mut State| self.caught.load(Ordering::SeqCst) && state.heard.is_none();
        let (mut state, _) = self.told.wait_timeout_while(self.lock(), PATIENCE, is_on_its_way).unwrap_or_else(PoisonError::into_inner);
        state.runs = false;
        state.heard
    }

    /// Notes that deka was sent a signal that it will be told of. This is for a signal handler: it takes no lock.
    pub fn catch(&self) {
        self.caught.store(true, Ordering::SeqCst);
    }

    /// Takes a signal that deka was sent; `from_terminal` says that the program has it already. Returns whether a program
    /// runs that decides what comes of it. It takes a lock, so it is for a thread that waits for signals, not for a signal
    /// handler.
    pub fn tell(&self, signal: Signal, from_terminal: bool) -> bool {
        let mut state = self.lock();
        if state.runs {
            state.heard.get_or_insert(signal);
            self.told.notify_all();
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

/// Ends what is left below deka, all of which has been told of the signal when it came. A shell has its background jobs
/// ignore what a terminal sends for Ctrl-C, so that is said again in other words; a second time of the same would be heard
/// twice by what is just about to end.
fn sweep(signal: Signal) {
    if signal == Signal::INT || signal == Signal::QUIT {
        below::signal(Signal::TERM, Reach::UpToDeka);
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
