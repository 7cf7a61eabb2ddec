//! Flags of commands that run something in several projects, or several scripts of one.

use clap::Args;
use std::num::NonZeroUsize;

/// How to run several.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Several projects or scripts")]
pub struct Several {
    /// Start all at once, in no order
    #[arg(long, conflicts_with_all = ["concurrency", "sequential"])]
    pub parallel: bool,
    /// How many run at once (default: as many as there are processors, 4 at most)
    #[arg(long, value_name = "NUMBER", alias = "workspace-concurrency")]
    pub concurrency: Option<NonZeroUsize>,
    /// Run one after the other (the same as --concurrency=1)
    #[arg(long, conflicts_with = "concurrency")]
    pub sequential: bool,
    /// Put the project's name before each line, even where one runs at a time
    #[arg(long)]
    pub stream: bool,
    /// Put no names before lines
    #[arg(long, alias = "reporter-hide-prefix", conflicts_with = "stream")]
    pub hide_prefix: bool,
    /// When one fails, end the others and start no more (the default)
    #[arg(long, overrides_with = "no_bail")]
    pub bail: bool,
    /// When one fails, go on with the others
    #[arg(long, overrides_with = "bail")]
    pub no_bail: bool,
    /// Run in no order of dependency
    #[arg(long, overrides_with = "sort")]
    pub no_sort: bool,
    /// Run what a project depends on before the project (the default)
    #[arg(long, overrides_with = "no_sort")]
    pub sort: bool,
    /// Run a project before what it depends on
    #[arg(long)]
    pub reverse: bool,
    /// Leave out what would come before this project
    #[arg(long, value_name = "PROJECT")]
    pub resume_from: Option<String>,
    /// Write what came of each project to deka-exec-summary.json
    #[arg(long)]
    pub report_summary: bool,
}
