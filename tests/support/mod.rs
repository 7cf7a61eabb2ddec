//! What the tests stand on: a registry in this process, a home in a temporary folder, archives made byte by byte.

pub mod env;
pub mod faults;
pub mod output;
pub mod package;
pub mod registry;
pub mod server;
pub mod tarball;
pub mod tree;

pub use env::{TestEnv, copy_of_deka};
pub use output::{Output, Said};
pub use registry::{Fault, Registry};
pub use serde_json::json;
