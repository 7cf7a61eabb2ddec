//! What `deka store …` understands.

pub mod gc;
pub mod pack;
pub mod quarantine;
pub mod usage;
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
    /// Say how much there is in the store, and what it saves
    Stats(usage::Stats),
    /// Say how much each project, package or version needs
    Du(usage::Du),
    /// Say which projects use a package; exit status 1 when none does
    Usages(usage::Usages),
    /// Say which packages and projects a file or object belongs to; exit status 1 for none
    Why(usage::Why),
}

/// Which store is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Where {
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    pub store_dir: Option<String>,
}
