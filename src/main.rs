//! The `deka` program: arguments in, exit status out. The only place that exits.

use deka::cli::Cli;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    deka::memory::prepare();
    ExitCode::from(deka::commands::run(Cli::of_program(), started))
}
