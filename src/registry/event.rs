//! What the client tells of its work while it goes on, for progress and traces.

use std::time::Duration;

/// Something happened on the network. Told from any thread, often; whoever listens must be quick.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request is sent.
    Started {
        /// The package, with its version for a tarball.
        subject: &'a str,
        /// How many attempts failed before.
        attempt: u32,
    },
    /// The whole body of a tarball is here, and waits to be unpacked. Not told of one that is unpacked while it arrives.
    Arrived {
        /// The package with its version.
        subject: &'a str,
        /// The size of the body as it was sent.
        bytes: u64,
    },
    /// A part of a body arrived.
    Received {
        /// Its size as it was sent.
        bytes: u64,
    },
    /// An attempt failed, and another one follows.
    Retry {
        /// The package, with its version for a tarball.
        subject: &'a str,
        /// What went wrong.
        cause: &'a str,
        /// When it follows.
        wait: Duration,
    },
    /// A request is over: its whole body is here, or it failed for good.
    Ended {
        /// The package, with its version for a tarball.
        subject: &'a str,
        /// How long it took since it was asked for, waits included.
        elapsed: Duration,
        /// The size of the body as it was sent.
        bytes: u64,
        /// Whether it failed.
        failed: bool,
    },
}
