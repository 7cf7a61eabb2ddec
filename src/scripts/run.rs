//! Runs one script and keeps what it says.
//!
//! A script runs in a shell, in a process group of its own, with nothing to read. Both of its outputs come through one
//! pipe, so that they stay in the order in which they were written. There is no time limit: compiling takes as long as
//! it takes. When deka has to end early, [`Groups`] reaches the script with everything it has started; should deka be
//! killed outright, the kernel ends the shell.

use super::environment::Variables;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The shell that POSIX promises.
pub const SHELL: &str = "/bin/sh";
/// How much of the end of a script's output is kept, in bytes.
const OUTPUT_MAX: usize = 1 << 20;
/// How long output is still read after the script has ended, while something it left behind holds the pipe open.
const PATIENCE: Duration = Duration::from_millis(500);

/// A script to run.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// The package, for messages: `name@version`.
    pub package: &'a str,
    /// The event that it runs on: `postinstall`.
    pub event: &'a str,
    /// The command line.
    pub command: &'a OsStr,
    /// The folder that it runs in.
    pub folder: &'a Path,
    /// The shell, from a source that the user controls; nothing for the system's.
    pub shell: Option<&'a Path>,
    /// All of its environment.
    pub variables: &'a Variables,
}

/// What a script wrote, errors and all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The text, or the end of it.
    pub bytes: Vec<u8>,
    /// How many bytes before that were not kept.
    pub dropped: u64,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Why a script did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It was not started.
    #[error("cannot run the `{event}` script of {package} with {} in {}: {source}", shell.display(), folder.display())]
    Start {
        /// The package.
        package: String,
        /// The event.
        event: String,
        /// The shell that was tried.
        shell: PathBuf,
        /// The folder that it was tried in.
        folder: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It failed.
    #[error("the `{event}` script of {package} {ended}: {command}")]
    Failed {
        /// The package.
        package: String,
        /// The event.
        event: String,
        /// The command line.
        command: String,
        /// How it ended.
        ended: Ended,
        /// What it wrote.
        output: Output,
    },
}

/// The process groups of the scripts that run now.
#[derive(Debug, Default)]
pub struct Groups(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    groups: Vec<Pid>,
    /// Whether no more scripts are to be started.
    ended: bool,
}

impl Groups {
    /// Returns a list with nothing in it.
    pub const fn new() -> Groups {
        Groups(Mutex::new(Running { groups: Vec::new(), ended: false }))
    }

    /// Sends a signal to every script and all that it has started, and lets no other script start. Returns whether there
    /// were any. It takes a lock, so it is for a thread that waits for signals, not for a signal handler.
    pub fn end(&self, signal: Signal) -> bool {
        let mut running = self.lock();
        running.ended = true;
        for &group in &running.groups {
            // A group that is gone by now needs no signal.
            let _ = kill_process_group(group, signal);
        }
        !running.groups.is_empty()
    }

    /// Says whether no script runs.
    pub fn is_empty(&self) -> bool {
        self.lock().groups.is_empty()
    }

    /// Starts a script and notes its group. Nothing can come between the two.
    fn start(&self, script: &Script<'_>, shell: &Path) -> io::Result<(Child, io::PipeReader)> {
        let mut running = self.lock();
        if running.ended {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "deka was told to end"));
        }
        let started = start(script, shell)?;
        running.groups.extend(group(&started.0));
        Ok(started)
    }

    /// Drops the group of a script that has ended. Shells have their background jobs ignore some signals, so when deka
    /// is ending, what is left of the group goes with its leader.
    fn forget(&self, group: Option<Pid>) {
        let mut running = self.lock();
        if let Some(group) = group.filter(|_| running.ended) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        running.groups.retain(|other| Some(*other) != group);
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the process group of a script: it leads one of its own.
fn group(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Runs a script and returns what it wrote. `on_output` gets the same while it is being written.
pub fn run(script: &Script<'_>, groups: &Groups, on_output: &mut dyn FnMut(&[u8])) -> Result<Output, ScriptError> {
    let shell = script.shell.unwrap_or(Path::new(SHELL));
    let not_started = |source| ScriptError::Start {
        package: script.package.to_owned(),
        event: script.event.to_owned(),
        shell: shell.to_owned(),
        folder: script.folder.to_owned(),
        source,
    };
    let (child, pipe) = groups.start(script, shell).map_err(not_started)?;
    let group = group(&child);
    let (status, output) = follow(child, pipe, on_output);
    groups.forget(group);
    let status = status.map_err(not_started)?;
    if status.success() {
        return Ok(output);
    }
    Err(ScriptError::Failed {
        package: script.package.to_owned(),
        event: script.event.to_owned(),
        command: script.command.to_string_lossy().into_owned(),
        ended: Ended::of(status),
        output,
    })
}

fn start(script: &Script<'_>, shell: &Path) -> io::Result<(Child, io::PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(shell);
    command
        .arg("-c")
        .arg(script.command)
        .current_dir(script.folder)
        .env_clear()
        .envs(script.variables)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    end_with_parent(&mut command);
    // Our end for writing goes with `command`, else reading would never come to an end.
    Ok((command.spawn()?, reader))
}

/// Has the kernel end the shell when deka is killed and can do it no more.
#[cfg(target_os = "linux")]
pub(super) fn end_with_parent(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec and makes a single system call; it neither allocates nor locks.
    unsafe {
        command.pre_exec(|| Ok(rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?));
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_with_parent(_: &mut Command) {}

enum Event {
    Wrote(Vec<u8>),
    Closed,
    Ended(io::Result<ExitStatus>),
}

/// Collects the output until the script has ended and the pipe is closed, or has been held open too long by others.
fn follow(mut child: Child, pipe: io::PipeReader, on_output: &mut dyn FnMut(&[u8])) -> (io::Result<ExitStatus>, Output) {
    let (send, receive) = mpsc::channel();
    let also_send = send.clone();
    // Neither thread is joined: the first may wait for a program that never closes its output.
    std::thread::spawn(move || read(pipe, &also_send));
    std::thread::spawn(move || send.send(Event::Ended(child.wait())));
    let mut output = Output::default();
    let (mut status, mut closed, mut deadline) = (None, false, None);
    loop {
        let wait = deadline.map_or(Duration::from_secs(3600), |deadline: Instant| deadline.saturating_duration_since(Instant::now()));
        match receive.recv_timeout(wait) {
            Ok(Event::Wrote(bytes)) => {
                on_output(&bytes);
                output.add(&bytes);
            }
            Ok(Event::Closed) => closed = true,
            Ok(Event::Ended(ended)) => {
                status = Some(ended);
                deadline = Some(Instant::now() + PATIENCE);
            }
            Err(RecvTimeoutError::Timeout) if deadline.is_none() => {}
            Err(_) => break,
        }
        if closed && status.is_some() {
            break;
        }
    }
    (status.unwrap_or_else(|| Err(io::Error::other("the script was lost"))), output)
}

fn read(mut pipe: io::PipeReader, send: &Sender<Event>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) if send.send(Event::Wrote(buffer[..length].to_vec())).is_err() => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = send.send(Event::Closed);
}

impl Output {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Cutting at twice the limit keeps the cost of moving the rest in proportion.
        if self.bytes.len() > 2 * OUTPUT_MAX {
            let surplus = self.bytes.len() - OUTPUT_MAX;
            self.bytes.drain(..surplus);
            self.dropped += surplus as u64;
        }
    }

    /// Returns the output as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} (+{})", self.text(), self.dropped)
    }
}

impl Ended {
    /// Reads what the system says of a process that has ended.
    pub fn of(status: ExitStatus) -> Ended {
        match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Code(code),
            (None, signal) => Ended::Signal(signal.unwrap_or_default()),
        }
    }

    /// Says whether it ended well.
    pub fn is_success(self) -> bool {
        self == Ended::Code(0)
    }

    /// Returns the exit status that a shell would have for it: the code, or 128 plus the number of the signal.
    pub fn exit_status(self) -> u8 {
        match self {
            Ended::Code(code) => u8::try_from(code & 0xff).unwrap_or(1),
            Ended::Signal(signal) => u8::try_from(signal & 0x7f).map_or(1, |signal| 128 + signal),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Code(code) => write!(out, "failed with exit code {code}"),
            Ended::Signal(signal) => write!(out, "was ended by signal {signal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, Groups, OUTPUT_MAX, Output, Script, ScriptError, run};
    use crate::scripts::environment::Variables;
    use rustix::process::Signal;
    use std::path::Path;
    use std::time::{Duration, Instant};

    fn script<'a>(command: &'a str, folder: &'a Path, variables: &'a Variables) -> Script<'a> {
        Script { package: "a@1.0.0", event: "postinstall", command: command.as_ref(), folder, shell: None, variables }
    }

    fn variables() -> Variables {
        [("PATH", "/usr/bin:/bin"), ("A", "1")].map(|(name, value)| (name.into(), value.into())).into()
    }

    fn ran(command: &str) -> Result<Output, ScriptError> {
        let folder = tempfile::tempdir().expect("a folder");
        run(&script(command, folder.path(), &variables()), &Groups::new(), &mut |_| ())
    }

    #[test]
    fn keeps_both_outputs_in_order() {
        let output = ran("echo one; echo two >&2; echo $A$HOME; cat").expect("success");
        assert_eq!(output.text(), "one\ntwo\n1\n");
    }

    #[test]
    fn passes_on_what_is_written_while_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (variables, go) = (variables(), folder.path().join("go"));
        let mut seen = Vec::new();
        let waits = script("echo first; until [ -e go ]; do sleep 0.01; done; echo second", folder.path(), &variables);
        let output = run(&waits, &Groups::new(), &mut |bytes| {
            seen.extend_from_slice(bytes);
            std::fs::write(&go, "").expect("a file");
        });
        assert_eq!(output.expect("success").bytes, seen);
    }

    #[test]
    fn a_failure_has_its_code_and_its_output() {
        let error = ran("echo why; exit 7").expect_err("a failure");
        assert_eq!(error.to_string(), "the `postinstall` script of a@1.0.0 failed with exit code 7: echo why; exit 7");
        let ScriptError::Failed { output, .. } = error else { panic!("it was started") };
        assert_eq!(output.text(), "why\n");
        assert!(matches!(ran("kill -9 $$"), Err(ScriptError::Failed { ended: Ended::Signal(9), .. })));
    }

    #[test]
    fn a_shell_or_folder_that_is_not_there_is_named() {
        let variables = variables();
        let mut wrong = script("true", Path::new("/"), &variables);
        wrong.shell = Some(Path::new("/no/such/shell"));
        let error = run(&wrong, &Groups::new(), &mut |_| ()).expect_err("no shell").to_string();
        assert!(error.starts_with("cannot run the `postinstall` script of a@1.0.0 with /no/such/shell in /: "), "{error}");
        assert!(matches!(
            run(&script("true", Path::new("/no/folder"), &variables), &Groups::new(), &mut |_| ()),
            Err(ScriptError::Start { .. })
        ));
    }

    #[test]
    fn a_program_left_behind_does_not_hold_up_the_install() {
        let start = Instant::now();
        assert_eq!(ran("sleep 30 & echo done").expect("success").text(), "done\n");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn only_the_end_of_endless_output_is_kept() {
        let output = ran("head -c 5000000 /dev/zero; echo end").expect("success");
        assert!(output.bytes.ends_with(b"end\n") && output.bytes.len() <= 2 * OUTPUT_MAX);
        assert_eq!(output.dropped + output.bytes.len() as u64, 5_000_004);
    }

    #[test]
    fn a_signal_reaches_all_that_a_script_has_started() {
        let groups = Groups::new();
        let folder = tempfile::tempdir().expect("a folder");
        let variables = variables();
        let waits = script("sleep 30 | cat; true", folder.path(), &variables);
        let start = Instant::now();
        let ended = std::thread::scope(|scope| {
            let running = scope.spawn(|| run(&waits, &groups, &mut |_| ()));
            while groups.is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(groups.end(Signal::TERM));
            running.join().expect("no panic")
        });
        assert!(groups.is_empty() && !groups.end(Signal::TERM));
        let next = run(&script("true", folder.path(), &variables), &groups, &mut |_| ());
        assert!(matches!(next, Err(ScriptError::Start { .. })), "no other script starts");
        assert!(matches!(ended, Err(ScriptError::Failed { ended: Ended::Signal(15), .. })));
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
