//! Runs jobs in several projects, or several of one: in order, some at once, each line under a name.
//!
//! Where only one runs at a time it runs in deka's place, with the terminal. Otherwise each job is a process group of its
//! own that writes into a pipe, and deka prints whole lines.

use super::super::signals;
use super::job::{Failure, Job};
use super::lines::Lines;
use super::single;
use super::stage::Stage;
use crate::cli::several::Several;
use crate::error::{Code, Error};
use crate::install::RUNNING;
use crate::report::Label;
use crate::scripts::order::run_in_order;
use crate::scripts::run::{self, Script, ScriptError};
use rustix::process::Signal;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many run at once, unless somebody says it.
const AT_ONCE_MAX: usize = 4;
/// How long a job may take to end when another has failed.
const PATIENCE: Duration = Duration::from_secs(3);

/// What came of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Came {
    /// It was never started.
    #[default]
    NotStarted,
    /// It ended well, after so long.
    Passed(Duration),
    /// It failed, after so long.
    Failed(Failure, Duration),
    /// It was ended because another had failed.
    Cut,
}

/// The jobs of a run while they run.
struct Board<'a> {
    stage: &'a Stage<'a>,
    jobs: &'a [Job<'a>],
    options: &'a Several,
    in_place: bool,
    state: Mutex<State>,
}

struct State {
    came: Vec<Came>,
    /// The exit status of the first failure.
    first: Option<u8>,
}

/// Runs all jobs and says what failed. `waits_for` is a graph of [`crate::scripts::jobs`]. Returns the exit status: that of
/// the first failure.
pub fn run(stage: &Stage<'_>, jobs: &[Job<'_>], waits_for: &[Vec<usize>], options: &Several) -> Result<u8, Error> {
    let at_once = at_once(stage, jobs.len(), options);
    let in_place = (at_once == 1 || jobs.len() == 1) && !options.stream;
    let state = Mutex::new(State { came: vec![Came::NotStarted; jobs.len()], first: None });
    let board = Board { stage, jobs, options, in_place, state };
    signals::watch();
    let wanted: Vec<usize> = (0..jobs.len()).collect();
    run_in_order(waits_for, &wanted, at_once, |job| board.run(job));
    let State { came, first } = board.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if options.report_summary {
        super::summary::write(stage, jobs, &came)?;
    }
    // Whoever sent a signal knows why jobs have failed.
    let interrupted = signals::status().or_else(single::interrupted);
    if interrupted.is_none()
        && let Some(error) = failure(&came)
    {
        stage.context.reporter.error(&error);
    }
    Ok(interrupted.or(first).unwrap_or(0))
}

/// Returns how many jobs run at once.
fn at_once(stage: &Stage<'_>, jobs: usize, options: &Several) -> usize {
    if options.parallel {
        return jobs.max(1);
    }
    if options.sequential {
        return 1;
    }
    let asked = options.concurrency.map(usize::from).or(stage.settings.scripts.projects_at_once);
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from).min(AT_ONCE_MAX))
}

impl Board<'_> {
    fn run(&self, number: usize) -> ControlFlow<()> {
        let Some(job) = self.jobs.get(number) else { return ControlFlow::Continue(()) };
        let started = Instant::now();
        let ended =
            if self.in_place { single::attempt(self.stage, job, !self.options.hide_prefix) } else { self.run_beside_others(job, number) };
        let took = started.elapsed();
        let mut state = self.lock();
        let (came, flow) = match ended {
            Ok(()) => (Came::Passed(took), ControlFlow::Continue(())),
            Err(_) if state.first.is_some() && !self.options.no_bail => (Came::Cut, ControlFlow::Break(())),
            Err(failure) => {
                state.first.get_or_insert(failure.status);
                let flow = if self.options.no_bail { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
                (Came::Failed(failure, took), flow)
            }
        };
        if let Some(place) = state.came.get_mut(number) {
            *place = came;
        }
        drop(state);
        if flow.is_break() {
            end_others();
        }
        // A signal that a program in deka's place has taken is meant for the jobs behind it, too.
        if single::interrupted().is_some() { ControlFlow::Break(()) } else { flow }
    }

    fn run_beside_others(&self, job: &Job<'_>, number: usize) -> Result<(), Failure> {
        let reporter = &self.stage.context.reporter;
        for part in &job.parts {
            let name = if self.options.hide_prefix { String::new() } else { job.label(part) };
            let label = Label { name: &name, number };
            reporter.several_command_line(label, &part.command.to_string_lossy());
            let variables = job.variables(self.stage, part);
            let script = Script {
                package: "",
                event: &part.event,
                command: &part.command,
                folder: &job.project.folder,
                shell: self.stage.settings.scripts.shell.as_deref(),
                variables: &variables,
            };
            let mut lines = Lines::default();
            let ended = run::run(&script, &RUNNING, &mut |bytes| lines.add(bytes, |lines| reporter.several_output(label, lines)));
            lines.end(|rest| reporter.several_output(label, rest));
            let failure = match ended {
                Ok(_) => None,
                Err(ScriptError::Failed { ended, .. }) => Some(job.failed(part, ended)),
                Err(ScriptError::Start { shell, source, .. }) => Some(job.not_started(part, format_args!("{}: {source}", shell.display()))),
            };
            reporter.several_end(label, if failure.is_none() { "Done" } else { "Failed" });
            failure.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the jobs that still run, and those a little later that do not listen.
fn end_others() {
    if RUNNING.end(Signal::TERM) {
        // Nobody waits for the thread: when all jobs have ended, so does the process.
        std::thread::spawn(|| {
            std::thread::sleep(PATIENCE);
            RUNNING.end(Signal::KILL);
        });
    }
}

/// Puts what failed into one error.
fn failure(came: &[Came]) -> Option<Error> {
    let failures: Vec<&Failure> =
        came.iter().filter_map(|came| if let Came::Failed(failure, _) = came { Some(failure) } else { None }).collect();
    let count = |wanted: &Came| came.iter().filter(|came| *came == wanted).count();
    let mut message = match failures.as_slice() {
        [] => return None,
        [failure] => failure.message.clone(),
        several => {
            let lines = several.iter().map(|failure| format!("\n  {}", failure.message));
            format!("{} of {} failed:{}", several.len(), came.len(), lines.collect::<String>())
        }
    };
    let (cut, not_started) = (count(&Came::Cut), count(&Came::NotStarted));
    if cut + not_started > 0 {
        message.push_str(&format!("\nBecause of that, {cut} of {} ended early and {not_started} did not start.", came.len()));
    }
    Some(Error::new(Code::Script, message))
}
