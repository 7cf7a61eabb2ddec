//! What `deka store pack` understands.

use super::Where;
use clap::Args;

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
    /// Which store
    #[command(flatten)]
    pub place: Where,
}

/// Reads a number of days.
pub(super) fn days(text: &str) -> Result<i64, String> {
    let (number, factor) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    let number: u32 = number.parse().map_err(|_| "give a number of days, as `30d`, `4w` or `0`".to_owned())?;
    Ok(i64::from(number) * factor)
}
