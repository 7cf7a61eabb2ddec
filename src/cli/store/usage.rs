//! What the commands understand that tell what a store is used for.

use super::Where;
use clap::{Args, ValueEnum};

/// Flags of `store stats`.
#[derive(Clone, Debug, Default, Args)]
pub struct Stats {
    /// How to answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// Flags of `store du`.
#[derive(Clone, Debug, Default, Args)]
pub struct Du {
    /// Count only these packages: a name, `name@range`, or `@scope/*`
    #[arg(value_name = "PACKAGE")]
    pub package: Option<String>,
    /// What is told apart [default: project, or version where a package is named]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub by: Option<By>,
    /// Show no more than this many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// How to answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// What `store du` tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Projects
    Project,
    /// Packages, all versions together
    Package,
    /// Versions of packages
    Version,
}

/// Flags of `store usages`.
#[derive(Clone, Debug, Args)]
pub struct Usages {
    /// A name, `name@range`, or `@scope/*`
    #[arg(value_name = "PACKAGE")]
    pub package: String,
    /// How to answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// Flags of `store why`.
#[derive(Clone, Debug, Args)]
pub struct Why {
    /// A file, or the first digits (at least six) of the name of an object
    #[arg(value_name = "FILE|OBJECT")]
    pub what: String,
    /// How to answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// Which store is asked, and how it answers.
#[derive(Clone, Debug, Default, Args)]
pub struct Answer {
    /// Answer with one JSON document
    #[arg(long)]
    pub json: bool,
    /// Which store is meant.
    #[command(flatten)]
    pub place: Where,
}
