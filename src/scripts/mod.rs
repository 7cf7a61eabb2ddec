//! Lifecycle scripts: which may run, in what order, in which environment, and how.
//!
//! Running what strangers wrote is the most dangerous thing that an installer does, so it is a folder of its own with
//! plain parts. [`policy`] decides whether a dependency may run anything at all; [`lifecycle`] picks the scripts of
//! a package in npm's order; [`order`] puts packages behind what they depend on; [`environment`] and [`run`] do what npm
//! would do, with one difference: a script never sees the user's credentials for registries.
//!
//! What users run themselves has four parts more: [`select`] finds the scripts that they mean, [`quote`] hands their
//! arguments through the shell, [`foreground`] runs a program as if deka were not there, and [`jobs`] orders what runs in
//! several projects.

mod below;
pub mod environment;
pub mod foreground;
pub mod gyp;
pub mod jobs;
pub mod lifecycle;
pub mod order;
pub mod policy;
pub mod quote;
pub mod run;
pub mod select;
