//! What `deka store quarantine` understands.

use super::Where;
use clap::Args;

/// Flags of `store quarantine`.
#[derive(Clone, Debug, Args)]
pub struct Quarantine {
    /// The version, as `left-pad@1.3.0`; without one, what is in quarantine is listed
    #[arg(value_name = "PACKAGE@VERSION")]
    pub package: Option<String>,
    /// Why; shown to everyone whose install stops for it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub reason: String,
    /// Allow the version again
    #[arg(long, requires = "package", conflicts_with = "reason")]
    pub remove: bool,
    /// List what is in quarantine
    #[arg(long, conflicts_with = "package")]
    pub list: bool,
    /// Say it as JSON
    #[arg(long)]
    pub json: bool,
    /// Which store
    #[command(flatten)]
    pub place: Where,
}
