//! The one shape in which a failure reaches the user.
//!
//! Every folder has its own error enum with wording for users. At the top they are wrapped, once, into an [`Error`]: a
//! stable code that scripts and bug reports can rely on, the message, and hints on what to do. The kind of the code sets
//! the exit status. This file imports nothing else of deka.

use std::fmt;

/// A failure as it is shown: `error[CODE]: message`, its causes, and hints after a blank line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is.
    pub code: Code,
    /// What happened, and to what.
    pub message: String,
    /// What to do about it, one sentence each.
    pub hints: Vec<String>,
}

impl Error {
    /// Wraps a message.
    pub fn new(code: Code, message: impl fmt::Display) -> Error {
        Error { code, message: message.to_string(), hints: Vec::new() }
    }

    /// Wraps an error with everything that caused it, outermost first.
    pub fn wrap(code: Code, error: &dyn std::error::Error) -> Error {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            // Many errors show their cause themselves; it is said once.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = inner.source();
        }
        Error::new(code, message)
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What a failure is about; sets the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Anything that has no kind of its own.
    Failure,
    /// Arguments, settings or manifests that the user has to mend.
    Usage,
    /// The lockfile.
    Lockfile,
    /// Resolution.
    Resolve,
    /// The store.
    Store,
    /// The network and the registry.
    Network,
    /// A lifecycle script.
    Script,
}

impl Kind {
    /// Returns the exit status.
    pub fn exit_status(self) -> u8 {
        match self {
            Kind::Failure => 1,
            Kind::Usage => 2,
            Kind::Lockfile => 10,
            Kind::Resolve => 20,
            Kind::Store => 30,
            Kind::Network => 40,
            Kind::Script => 50,
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $kind:ident;)+) => {
        /// A stable name for a failure. Codes are never renamed or reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Code] = &[$(Code::$name),+];

            /// Returns the code as it is shown.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)+
                }
            }

            /// Returns what the failure is about.
            pub fn kind(self) -> Kind {
                match self {
                    $(Code::$name => Kind::$kind,)+
                }
            }
        }
    };
}

codes! {
    /// A file operation failed.
    Io = "DEKA_E_IO", Failure;
    /// Another process works on the same project and does not finish.
    ProjectBusy = "DEKA_E_PROJECT_BUSY", Failure;
    /// Something is wrong with the store, as `store verify` was asked to find out.
    Unsound = "DEKA_E_STORE_UNSOUND", Failure;
    /// The lockfile has more versions than it needs, as `dedupe --check` was asked to find out.
    Duplicates = "DEKA_E_DUPLICATES", Failure;
    /// Something that deka believed impossible.
    Internal = "DEKA_E_INTERNAL", Failure;
    /// The arguments do not fit together.
    Usage = "DEKA_E_USAGE", Usage;
    /// The filters match no project, and `--fail-if-no-match` makes that a failure.
    NoMatch = "DEKA_E_NO_MATCH", Failure;
    /// A setting has a value that it cannot have.
    Settings = "DEKA_E_SETTINGS", Usage;
    /// There is no `package.json`, or it cannot be read.
    Manifest = "DEKA_E_MANIFEST", Usage;
    /// There is no script of that name.
    NoScript = "DEKA_E_NO_SCRIPT", Usage;
    /// `node_modules` is out of date, and the user wants no script to run then.
    Stale = "DEKA_E_STALE", Usage;
    /// There is no command of that name, or a package has none that could be meant.
    NoCommand = "DEKA_E_NO_COMMAND", Usage;
    /// Something is to be removed or updated that nothing depends on.
    NotDependency = "DEKA_E_NOT_A_DEPENDENCY", Usage;
    /// The projects of a workspace do not fit together.
    Workspace = "DEKA_E_WORKSPACE", Usage;
    /// The version of node, or the machine, is not one that a package supports.
    Engine = "DEKA_E_ENGINE", Usage;
    /// The lockfile cannot be read.
    Lockfile = "DEKA_E_LOCKFILE", Lockfile;
    /// The lockfile does not fit the manifests and may not be changed.
    FrozenLockfile = "DEKA_E_FROZEN_LOCKFILE", Lockfile;
    /// No version fits what was asked for.
    Resolve = "DEKA_E_RESOLVE", Resolve;
    /// The registry does not know the package.
    NotFound = "DEKA_E_NOT_FOUND", Resolve;
    /// A specifier, name or alias that cannot be used where it stands.
    Specifier = "DEKA_E_SPECIFIER", Resolve;
    /// A peer is missing or wrong and the settings make that an error.
    Peer = "DEKA_E_PEER", Resolve;
    /// The store cannot be used.
    Store = "DEKA_E_STORE", Store;
    /// Files of the store are damaged and could not be replaced.
    Damaged = "DEKA_E_STORE_DAMAGED", Store;
    /// A version that must not be installed on this machine.
    Quarantined = "DEKA_E_QUARANTINED", Store;
    /// The registry could not be reached or did not answer well.
    Network = "DEKA_E_NETWORK", Network;
    /// The registry refuses the credentials, or wants some.
    Auth = "DEKA_E_AUTH", Network;
    /// The bytes of a package are not the ones that were promised.
    Integrity = "DEKA_E_INTEGRITY", Network;
    /// A tarball that no well-meant tool would make.
    Tarball = "DEKA_E_TARBALL", Network;
    /// Something is needed that only the network has, and `--offline` forbids it.
    Offline = "DEKA_E_OFFLINE", Network;
    /// A lifecycle script failed.
    Script = "DEKA_E_SCRIPT", Script;
}

#[cfg(test)]
mod tests {
    use super::{Code, Error};
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(texts.iter().all(|text| text.starts_with("DEKA_E_") && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')));
    }

    #[test]
    fn a_cause_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct Shows(#[source] std::io::Error);
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Hides(#[source] std::io::Error);
        let io = || std::io::Error::other("inner");
        assert_eq!(Error::wrap(Code::Io, &Shows(io())).message, "outer: inner");
        assert_eq!(Error::wrap(Code::Io, &Hides(io())).message, "outer: inner");
    }
}
