//! What `deka store …` understands.

use clap::{Args, Subcommand};

/// The commands of `store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Move what nobody has used for long into compressed packs; installs bring it back by themselves
    Pack(Pack),
    /// Print where the store is
    Path(Where),
    /// Delete what no project needs
    Gc(Gc),
    /// Forbid a version on this machine, and say which projects have it
    Quarantine(Quarantine),
}

/// Flags of `store gc`.
#[derive(Clone, Debug, Default, Args)]
pub struct Gc {
    /// Which store.
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
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Which store is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Where {
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<String>,
}

/// Flags of `store pack`.
#[derive(Clone, Debug, Args)]
pub struct Pack {
    /// For how many days it has to have been unused, as `30d`, `4w` or `0`
    #[arg(long, value_name = "DAYS", default_value = "30d", value_parser = days)]
    pub older_than: i64,
    /// How hard to compress
    #[arg(long, value_name = "1..19", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    pub level: i32,
    /// Only say what would be packed
    #[arg(long)]
    pub dry_run: bool,
    /// Say it as JSON
    #[arg(long)]
    pub json: bool,
    /// Which store is meant.
    #[command(flatten)]
    pub place: Where,
}

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
    /// Which store is meant.
    #[command(flatten)]
    pub place: Where,
}

/// Reads a number of days.
fn days(text: &str) -> Result<i64, String> {
    let (number, factor) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    let number: u32 = number.parse().map_err(|_| "give a number of days, as `30d`, `4w` or `0`".to_owned())?;
    Ok(i64::from(number) * factor)
}
