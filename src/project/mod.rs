//! What the user has on disk and in the environment: manifests, settings, and the state of `node_modules`.
//!
//! An install begins here. [`workspace`] finds the projects and reads their manifests, [`graph`] says which of them
//! depend on which, [`selection`] which of them a filter means, [`settings`] turns flags, environment
//! and configuration files into one immutable value, [`state`] answers whether there is anything to do at all, and
//! [`lock`] keeps two installs of one project apart. This is the only folder below the commands that knows what an
//! environment variable is, and even here the environment comes in as a value ([`env::Env`]), so that every test can
//! bring its own.
//!
//! A project's own files are written by whoever wrote the project. They may choose versions and shapes, but they may
//! not run commands, redirect credentials, name proxies or read the environment; [`settings`] holds them to that.

pub mod ask;
pub mod boot;
pub mod builds;
pub mod catalogs;
pub mod default_registry;
pub mod edit;
pub mod env;
pub mod error;
pub mod folder;
pub mod graph;
pub mod host;
pub mod lock;
pub mod node;
pub mod npmrc;
pub mod overrides;
pub mod packing;
pub mod selection;
pub mod settings;
pub mod stamp;
pub mod state;
pub mod workspace;
