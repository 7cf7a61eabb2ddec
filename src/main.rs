//! The `deka` program: arguments in, exit status out. The only place that exits.

use clap::Parser;
use deka::cli::Cli;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    ExitCode::from(deka::commands::run(Cli::parse(), started))
}
