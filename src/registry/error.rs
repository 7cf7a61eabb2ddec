//! What can go wrong between deka and a registry.
//!
//! Every error names the package and the address, the latter without user, password and query.

use super::tarball::TarballError;
use crate::package::packument::PackumentError;
use std::time::Duration;

/// Why a packument or a tarball could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry does not know the package or version.
    #[error("`{subject}` was not found at {url}. Check the name and the registry; a private package also needs credentials.")]
    NotFound {
        /// The package, with its version for a tarball.
        subject: String,
        /// Where it was looked for.
        url: String,
    },
    /// The registry wants to know who asks, or does not like who does.
    #[error("the registry refused access to `{subject}` at {url} (status {status}). {}", credentials_hint(*with_credentials))]
    Denied {
        /// The package.
        subject: String,
        /// Where it is.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Whether credentials were sent.
        with_credentials: bool,
    },
    /// An answer that is neither success nor worth another try.
    #[error("the registry answered `{subject}` at {url} with status {status}")]
    Status {
        /// The package.
        subject: String,
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// All attempts failed.
    #[error("`{subject}` could not be fetched from {url} in {attempts} attempts: {cause}")]
    Unreachable {
        /// The package.
        subject: String,
        /// What was asked for.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt ended with.
        cause: String,
    },
    /// So many requests failed that the rest was not tried to its end.
    #[error("`{subject}` was not fetched because {origin} does not answer: {cause}")]
    Down {
        /// The package.
        subject: String,
        /// Scheme, host and port.
        origin: String,
        /// What the last request ended with.
        cause: String,
    },
    /// The registry asks for more patience than is reasonable.
    #[error("the registry asks to wait {} s before `{subject}` is fetched from {url}", wait.as_secs())]
    Throttled {
        /// The package.
        subject: String,
        /// What was asked for.
        url: String,
        /// How long.
        wait: Duration,
    },
    /// A redirect that is not followed.
    #[error("the registry redirects `{subject}` to {to}, which is not followed: {reason}")]
    Redirect {
        /// The package.
        subject: String,
        /// Where to.
        to: String,
        /// Why not.
        reason: &'static str,
    },
    /// An address that is not asked.
    #[error("`{subject}` cannot be fetched from {url}: {reason}")]
    Address {
        /// The package.
        subject: String,
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An answer that is no packument.
    #[error("the answer for `{subject}` from {url} cannot be used (content type `{content_type}`): {source}")]
    Packument {
        /// The package.
        subject: String,
        /// Where it came from.
        url: String,
        /// What the server says it is, with control characters escaped.
        content_type: String,
        /// What is wrong with it.
        #[source]
        source: PackumentError,
    },
    /// An answer that is too large or cannot be decompressed.
    #[error("the answer for `{subject}` from {url} cannot be used: {reason}")]
    Body {
        /// The package.
        subject: String,
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tarball that is not accepted.
    #[error("the tarball of `{subject}` from {url} cannot be used: {source}")]
    Tarball {
        /// The package and its version.
        subject: String,
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        #[source]
        source: TarballError,
    },
    /// Not here yet, and the network may not be used.
    #[error("`{subject}` is not on this machine yet and deka is offline. Run again without `--offline`.")]
    Offline {
        /// The package.
        subject: String,
    },
    /// The client cannot be set up.
    #[error("the network client cannot be set up: {reason}")]
    Setup {
        /// What is wrong, most often a certificate or a proxy address in the settings.
        reason: String,
    },
}

impl RegistryError {
    /// Says whether the registry knows nothing of the package, as opposed to a failure that may pass.
    pub fn is_not_found(&self) -> bool {
        matches!(self, RegistryError::NotFound { .. })
    }
}

fn credentials_hint(sent: bool) -> &'static str {
    if sent { "The credentials that were sent do not allow it; log in again." } else { "No credentials are configured for this address." }
}
