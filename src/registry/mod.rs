//! What the network says: packuments and tarballs.
//!
//! A [`Client`] is asked and calls back. Everything between is hidden: one thread with an event loop that only moves
//! bytes, a queue that decides what is sent first and how much may be under way, retries, redirects, credentials, the
//! cache of packuments. Work that keeps a processor busy — reading packuments, hashing, inflating, unpacking — is done on
//! the pool, so that the loop is always ready for the next byte.
//!
//! ```text
//!            packument ──► cache (fresh) ─────────────────────────────► deliver
//!  Client ──┤              cache (stale), none ──► queue ──► network ──► read ──► deliver ──► cache
//!            tarball ────────────────────────────► queue ──► network ──► unpack ──► deliver
//! ```
//!
//! Most answers come over connections of our own ([`direct`]), the rest through a library. Where nothing at all is cached of
//! a registry, questions go to the queue at once ([`blank`]).
//!
//! What comes from the network is hostile until it is checked. The files of a tarball go to a [`tarball::Sink`]: this
//! folder does not know the store. It knows no environment and no settings file either; a [`config::Config`] is a plain
//! value.

mod address;
mod arrived;
mod blank;
mod body;
mod cache;
mod client;
pub mod config;
mod direct;
mod distance;
mod download;
mod error;
mod event;
mod ledger;
mod names;
mod network;
mod packuments;
mod queue;
mod retry;
pub mod tarball;
mod tls;
mod transport;

#[cfg(test)]
mod tests;

pub use client::{Client, TarballRequest};
pub use error::RegistryError;
pub use event::Event;
pub use ledger::Ledger;
pub use packuments::{Age, Answered};
