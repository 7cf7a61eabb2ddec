//! What a store is used for: how much is in it, whose it is, and who needs a certain package or file.
//!
//! Nothing of it is kept anywhere: each answer walks the trees of all packages once, on all threads ([`scan`]), and reads
//! what the projects need ([`super::roots`]). A project *needs* what its lockfile names and what its `node_modules` was
//! built from. Bytes are the lengths of files; what a file system adds to them is left out.

mod affected;
mod census;
mod origin;
mod pattern;
mod scan;
mod shares;
mod stats;
mod users;

pub use affected::{Affected, Match, Use, affected};
pub use origin::{Holder, Origin, Origins, Sought, State, origins};
pub use pattern::{Pattern, PatternError};
pub use shares::{By, Share, Shares, shares};
pub use stats::{Projects, Stats, stats};
pub use users::Unreadable;
