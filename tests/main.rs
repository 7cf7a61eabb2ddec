//! The integration tests: the real binary against a registry on loopback, each test in a home of its own.
//!
//! One binary holds them all, so that they link once and run beside each other. What a test can use stands in
//! `support`; the tests stand in `suite`, one file a theme.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to stop")]

mod suite;
mod support;
