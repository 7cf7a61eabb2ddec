//! Resolution: from what manifests ask for to the exact packages that an install puts in place.
//!
//! Nothing here does I/O. [`solve::Solver`] is a machine that is fed with packuments in whatever order they arrive:
//!
//! ```text
//! let mut solver = Solver::new(request)?;
//! loop {
//!     for need in solver.wants() { /* start fetching it */ }
//!     for chosen in solver.chosen() { /* start downloading it */ }
//!     if solver.is_done() { break; }
//!     /* wait for one answer, then solver.packument(…) or solver.external(…) */
//! }
//! let (resolution, warnings) = solver.finish()?;
//! ```
//!
//! It works in two phases. First every dependency becomes a package ([`edges`] reads the specifier, [`overrides`] may
//! replace it, [`pick`] chooses the version). The choice is a pure function of the packument, the specifier, the
//! previous lockfile ([`pins`]) and the versions that the projects themselves ask for; it never looks at what else
//! happened to be chosen, so the order of arrival cannot show in the answer. A package that stays as the previous lockfile
//! has it needs no packument where it is known what it asks for ([`demands`]). When nothing is outstanding, [`peers`]
//! gives every package the contexts it needs and names the peers that are missing. Those that can be are added for the
//! project, which may ask for more packuments, until nothing changes. [`assemble`] turns that into the tables of
//! [`graph`], which the lockfile and the layout are made from.

mod assemble;
mod book;
pub mod demands;
mod describe;
mod edges;
pub mod error;
pub mod graph;
mod hoist;
pub mod local;
mod overrides;
mod peers;
pub mod pick;
mod pins;
mod prune;
pub mod request;
pub mod solve;
mod tree;

#[cfg(test)]
mod tests;
