//! What `deka store gc` understands.

use super::Where;
use super::pack::days;
use clap::Args;

/// Flags of `store gc`.
#[derive(Clone, Debug, Args)]
pub struct Gc {
    /// Which store
    #[command(flatten)]
    pub place: Where,
    /// Keep what is younger although nobody needs it: 12h, 7d, 0
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub grace: String,
    /// Also delete what only lockfiles need and nobody has installed for longer
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<String>,
    /// Delete more, the oldest use first, until the files fit: 500MB, 10GB
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,
    /// Also move what nobody has used for long into compressed packs
    #[arg(long)]
    pub pack: bool,
    /// With --pack: for how many days it has to have been unused, as `30d`, `4w` or `0`
    #[arg(long, value_name = "DAYS", default_value = "30d", value_parser = days, requires = "pack")]
    pub older_than: i64,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
