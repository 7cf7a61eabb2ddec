//! What `deka store …` understands.

pub mod gc;
pub mod pack;
pub mod quarantine;
pub mod verify;

use clap::{Args, Subcommand};

/// The commands of `store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Print where the store is
    Path(Where),
    /// Look the store through for damage, and mend it
    Verify(verify::Verify),
    /// Delete what no project needs
    Gc(gc::Gc),
    /// Move what nobody has used for long into compressed packs; installs bring it back by themselves
    Pack(pack::Pack),
    /// Forbid a version on this machine, and say which projects have it
    Quarantine(quarantine::Quarantine),
}

/// Which store is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Where {
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<String>,
}
