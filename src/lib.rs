//! x
pub mod cli;
pub mod error;
pub mod fs;
pub mod layout;
pub mod lockfile;
pub mod package;
pub mod pool;
pub mod project;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod scripts;
pub mod store;
