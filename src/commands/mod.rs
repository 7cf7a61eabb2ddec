//! One file per command: what was typed becomes a call of a stage, and its answer is reported. No domain logic.
//!
//! This is the highest place that reads the environment; below it, settings are values.

mod deploy;
mod dlx;
mod edit;
mod exec;
mod install;
mod ls;
mod outdated;
mod question;
mod run;
mod selecting;
mod signals;
mod store;
mod timings;
mod why;

use crate::cli::{self, Cli, Command, Common, ReporterStyle};
use crate::error::{Code, Error};
use crate::install::Task;
use crate::project::env::Env;
use crate::project::selection::Selection;
use crate::project::settings::Flags;
use crate::report::{Reporter, Voice};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What every command gets.
#[derive(Clone)]
pub(crate) struct Context {
    /// The folder that the command works in: absolute, but not resolved, as a shell shows it.
    pub dir: PathBuf,
    /// The environment.
    pub env: Env,
    /// Which projects of the workspace.
    pub selection: Selection,
    /// Whether it is a failure when the filters match none.
    pub fail_if_no_match: bool,
    /// Where things are said.
    pub reporter: std::sync::Arc<Reporter>,
    /// When the program started.
    pub started: Instant,
}

impl Context {
    /// Returns the task to install what is asked for, here and with these flags.
    fn task(&self, flags: Flags) -> Task {
        Task { selection: self.selection.clone(), ..Task::new(self.dir.clone(), self.env.clone(), flags) }
    }
}

/// Runs a command and says how it ended. Returns the exit status.
pub fn run(cli: Cli, started: Instant) -> u8 {
    signals::outlive_size_limits();
    let env: Env = std::env::vars_os().collect();
    let reporter = std::sync::Arc::new(reporter(&cli.common, &env));
    let ended = folder(cli.common.dir.as_deref()).and_then(|dir| {
        let cli::selection::Selection { filters, recursive, workspace_root, fail_if_no_match } = cli.selection;
        let selection = Selection { filters, recursive, workspace_root };
        let context = Context { dir, env, selection, fail_if_no_match, reporter: reporter.clone(), started };
        match cli.command {
            Command::Install(arguments) if !arguments.packages.is_empty() => edit::add_by_install(&context, &arguments).map(|()| 0),
            Command::Install(arguments) => install::run(&context, &arguments, install::Variant::Install).map(|()| 0),
            Command::Ci(arguments) => install::run(&context, &arguments, install::Variant::Ci).map(|()| 0),
            Command::Deploy(arguments) => deploy::run(&context, &arguments).map(|()| 0),
            Command::Ls(arguments) => ls::run(&context, &arguments).map(|()| 0),
            Command::Why(arguments) => why::run(&context, &arguments),
            Command::Outdated(arguments) => outdated::run(&context, &arguments),
            Command::Run(arguments) => run::run(&context, &arguments),
            Command::Exec(arguments) => exec::run(&context, &arguments),
            Command::Dlx(arguments) => dlx::run(&context, &arguments),
            Command::Script(words) => run::shortcut(&context, &words),
            Command::Add(arguments) => edit::add(&context, &arguments).map(|()| 0),
            Command::Remove(arguments) => edit::remove(&context, &arguments).map(|()| 0),
            Command::Update(arguments) => edit::update(&context, &arguments),
            Command::Dedupe(arguments) => edit::dedupe(&context, &arguments).map(|()| 0),
            Command::Prune(arguments) => edit::prune(&context, &arguments).map(|()| 0),
            Command::Store(_) if context.selection.is_given() => Err(Error::new(Code::Usage, "`deka store` knows no projects to select")),
            Command::Store(command) => store::run(&context, &command),
        }
    });
    match ended {
        Ok(status) => status,
        Err(error) => {
            if let Some(status) = signals::status() {
                // Whoever sent the signal knows why the scripts failed.
                return status;
            }
            reporter.error(&error);
            error.code.kind().exit_status()
        }
    }
}

fn reporter(common: &Common, env: &Env) -> Reporter {
    let voice = match common.reporter {
        _ if common.silent => Voice::Silent,
        Some(ReporterStyle::Silent) => Voice::Silent,
        Some(ReporterStyle::Ndjson) => Voice::Ndjson,
        Some(ReporterStyle::AppendOnly) => Voice::AppendOnly,
        Some(ReporterStyle::Default) | None => Voice::Default,
    };
    let trace = common.log || env.get("DEKA_DEBUG").is_some_and(|value| value != "0");
    Reporter::new(voice, !common.no_progress, trace)
}

/// Returns the folder to work in.
fn folder(asked: Option<&Path>) -> Result<PathBuf, Error> {
    let here = std::env::current_dir().map_err(|error| Error::new(Code::Io, format!("cannot find the current folder: {error}")))?;
    let dir = match asked {
        None => here,
        Some(asked) => here.join(asked),
    };
    if dir.is_dir() { Ok(dir) } else { Err(Error::new(Code::Usage, format!("there is no folder {}", dir.display()))) }
}
