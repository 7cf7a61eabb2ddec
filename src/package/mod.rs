//! The vocabulary of npm packages: pure values, no I/O.
//!
//! Everything that the outside world names — packages, versions, ranges, integrities, paths inside a package —
//! is parsed here, once, into a type that cannot hold a bad value. Code further up never looks at raw text again.
//! This folder imports nothing else of deka.

pub mod facts;
pub mod integrity;
pub mod json;
pub mod manifest;
pub mod name;
pub mod packument;
pub mod path;
pub mod platform;
pub mod quantity;
pub mod range;
pub mod spec;
pub mod version;
