//! Looking after a store: what the projects of a machine need of it.
//!
//! The store itself never learns what npm is, so whatever has to read lockfiles and trees of projects for the store's sake stands
//! here, above both.

pub mod roots;
pub mod usage;
