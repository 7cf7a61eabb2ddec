//! Questions about dependencies: what a project has, why it has it, and what of it is old.
//!
//! [`subject`] reads what the answers are made from: manifests, the lockfile, and what the last install recorded. The
//! rest works on that. [`graph`] sees projects and packages as one graph; [`list`] walks it downwards from the projects,
//! [`why`] upwards from a package, both as flat lists of rows in the order in which they are shown. A graph of a thousand
//! packages has more ways through it than there are atoms, so nothing is shown twice: what was shown before is marked as
//! such, and an answer is never longer than the graph has edges. [`outdated`] compares what is locked with what the
//! registry has now.

mod describe;
pub mod graph;
pub mod list;
pub mod names;
pub mod outdated;
mod standing;
pub mod subject;
pub mod why;

pub use describe::{About, about};

use crate::resolve::graph::Group;

/// Returns the name of a list of dependencies, as manifests have it.
pub fn list_name(group: Group) -> &'static str {
    match group {
        Group::Prod => "dependencies",
        Group::Dev => "devDependencies",
        Group::Optional => "optionalDependencies",
    }
}
