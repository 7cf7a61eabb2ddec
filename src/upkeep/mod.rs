//! Looking after a store: what the projects of a machine need of it, what is wrong with it, and what is done with the rest.
//!
//! The store itself never learns what npm is, so whatever has to read lockfiles and trees of projects for the store's sake stands
//! here, above both.

pub mod gc;
pub mod pack;
pub mod quarantine;
pub mod repair;
pub mod roots;
pub mod usage;
pub mod verify;
