//! What `deka store verify` understands.

use super::Where;
use clap::Args;
use std::path::PathBuf;

/// Flags of `store verify`.
#[derive(Clone, Debug, Default, Args)]
pub struct Verify {
    /// Look only at what a project needs, and at its own files too
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    pub project: Option<PathBuf>,
    /// Mend what is wrong, and fetch again what cannot be had otherwise
    #[arg(long)]
    pub repair: bool,
    /// Make the index anew first, from what stands on the disk
    #[arg(long)]
    pub rebuild_index: bool,
    /// Hash only a share of the objects, drawn by chance
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub sample: Option<f64>,
    /// Draw the same share as another run, whose seed this is
    #[arg(long, value_name = "NUMBER", requires = "sample")]
    pub seed: Option<u64>,
    /// Go on where a run that was cut off had come to
    #[arg(long, conflicts_with = "project")]
    pub resume: bool,
    /// Print the result as one JSON document
    #[arg(long)]
    pub json: bool,
    /// Which store
    #[command(flatten)]
    pub place: Where,
}

/// Reads `5%` or `5` as a share between 0 and 1.
fn share(text: &str) -> Result<f64, String> {
    let percent: f64 = text.trim_end_matches('%').parse().map_err(|_| "a share looks like `5%`".to_owned())?;
    if percent > 0.0 && percent <= 100.0 { Ok(percent / 100.0) } else { Err("a share lies above 0% and goes up to 100%".to_owned()) }
}
