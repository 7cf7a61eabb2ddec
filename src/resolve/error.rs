//! Why a resolution fails, and what it warns about.

use super::request::Failure;
use crate::package::name::NameError;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why there is no resolution.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A dependency that is needed cannot be had.
    #[error("{fault}\nneeded by {trail}", trail = .way.trail)]
    Dependency {
        /// How it is needed.
        way: Box<Way>,
        /// What is wrong.
        #[source]
        fault: Fault,
    },
    /// An entry of `overrides` or `resolutions` cannot be read.
    #[error("the override `{selector}` cannot be used: {reason}")]
    Override {
        /// The selector, with control characters escaped.
        selector: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Peers are missing or wrong, and the settings make that an error.
    #[error("peer dependencies are not met:{}", list(.0))]
    Peers(Vec<Warning>),
    /// The peers combine in more ways than any real project has.
    #[error("the peer dependencies make more than {limit} combinations of packages")]
    TooManyContexts {
        /// How many are accepted.
        limit: usize,
    },
    /// Two projects of a workspace stand in one folder.
    #[error("the project `{0}` is listed twice")]
    DuplicateImporter(String),
}

/// The way from a project to a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// All that lies on it: `app > a@1.0.0 > b@^2`.
    pub trail: String,
    /// The folder of the project, relative to the root.
    pub importer: String,
}

/// Why one dependency cannot be resolved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The alias, or the name behind `npm:`, is not a package name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The specifier is of no known form.
    #[error("`{alias}`: {reason}")]
    Specifier {
        /// The dependency.
        alias: String,
        /// What is wrong with its specifier.
        reason: String,
    },
    /// The registry does not know the package.
    #[error("the registry has no package `{0}`")]
    NoPackage(String),
    /// What the registry said could not be fetched or read.
    #[error("`{name}` could not be looked up")]
    Fetch {
        /// The package or address.
        name: String,
        /// What went wrong.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// No version satisfies the range.
    #[error("no version of `{name}` satisfies `{want}`; there is {available}")]
    NoVersion {
        /// The package.
        name: String,
        /// The range.
        want: String,
        /// The closest versions there are, in words.
        available: String,
    },
    /// The dist-tag does not exist, or points at a version that does not.
    #[error("`{name}` has no version tagged `{tag}`; there is {available}")]
    NoTag {
        /// The package.
        name: String,
        /// The tag.
        tag: String,
        /// The tags there are, in words.
        available: String,
    },
    /// A git repository.
    #[error("git dependencies are not supported yet: `{alias}` asks for `{specifier}`")]
    Git {
        /// The dependency.
        alias: String,
        /// Its specifier.
        specifier: String,
    },
    /// A specifier that only a project's own manifest may have.
    #[error("`{alias}` asks for `{specifier}`, which only a project's own manifest may")]
    OnlyInProjects {
        /// The dependency.
        alias: String,
        /// Its specifier.
        specifier: String,
    },
    /// `workspace:` names no project, or one of another version.
    #[error("`{alias}` asks for `{specifier}`, but {reason}")]
    Workspace {
        /// The dependency.
        alias: String,
        /// Its specifier.
        specifier: String,
        /// What the workspace has instead.
        reason: String,
    },
    /// `catalog:` names no entry.
    #[error("the catalog `{catalog}` has no entry for `{alias}`")]
    Catalog {
        /// The dependency.
        alias: String,
        /// The catalog.
        catalog: String,
    },
    /// A tarball or folder that is not there.
    #[error("there is nothing at `{0}`")]
    NoExternal(String),
}

impl Fault {
    /// Returns the fault of a failed question about `name`.
    pub(super) fn of_packument(name: &str, failure: &Failure) -> Fault {
        match failure {
            Failure::NotFound => Fault::NoPackage(name.to_owned()),
            Failure::Fetch(source) => Fault::Fetch { name: name.to_owned(), source: source.clone() },
        }
    }

    /// Returns the fault of a failed question about a tarball or folder.
    pub(super) fn of_external(place: &str, failure: &Failure) -> Fault {
        match failure {
            Failure::NotFound => Fault::NoExternal(place.to_owned()),
            Failure::Fetch(source) => Fault::Fetch { name: place.to_owned(), source: source.clone() },
        }
    }
}

/// Something that an install should tell, but goes on after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// A package's author advises against this version.
    Deprecated {
        /// The package.
        id: String,
        /// What the author says.
        reason: String,
        /// Whether a project depends on it directly.
        direct: bool,
    },
    /// An optional dependency that could not be resolved is left out.
    OptionalLeftOut {
        /// The way from the project to the dependency.
        trail: String,
        /// What is wrong.
        reason: String,
    },
    /// A required peer is not there.
    PeerMissing {
        /// The instance that asks for it.
        by: String,
        /// The peer.
        name: String,
        /// The range that is asked for.
        range: String,
    },
    /// A peer is there in a version that was not asked for.
    PeerWrong {
        /// The instance that asks for it.
        by: String,
        /// The peer.
        name: String,
        /// The range that is asked for.
        range: String,
        /// The version that is there.
        found: String,
    },
    /// A missing peer was not installed, because no version suits all that ask for it.
    PeerConflict {
        /// The project.
        importer: String,
        /// The peer.
        name: String,
        /// The ranges that are asked for.
        ranges: Vec<String>,
    },
    /// A missing peer was not installed, because it cannot be resolved.
    PeerUnavailable {
        /// The project.
        importer: String,
        /// The peer.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An override names a longer chain of parents than is looked at.
    OverrideWidened {
        /// The selector.
        selector: String,
        /// What it was taken for.
        taken_as: String,
    },
}

impl Warning {
    /// Says whether it is about a peer that is missing or wrong.
    pub fn is_about_peers(&self) -> bool {
        matches!(
            self,
            Warning::PeerMissing { .. } | Warning::PeerWrong { .. } | Warning::PeerConflict { .. } | Warning::PeerUnavailable { .. }
        )
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Deprecated { id, reason, .. } if reason.is_empty() => write!(out, "{id} is deprecated"),
            // The author's words may hold anything, and they go to a terminal.
            Warning::Deprecated { id, reason, .. } => write!(out, "{id} is deprecated: {}", printable(reason)),
            Warning::OptionalLeftOut { trail, reason } => write!(out, "optional dependency {trail} is left out: {reason}"),
            Warning::PeerMissing { by, name, range } => write!(out, "{by} needs the peer {name}@{range}, which is not there"),
            Warning::PeerWrong { by, name, range, found } => write!(out, "{by} needs the peer {name}@{range}, but {found} is there"),
            Warning::PeerConflict { importer, name, ranges } => {
                write!(out, "{importer}: no version of the peer {name} suits all that need it ({})", ranges.join(", "))
            }
            Warning::PeerUnavailable { importer, name, reason } => {
                write!(out, "{importer}: the peer {name} cannot be installed: {reason}")
            }
            Warning::OverrideWidened { selector, taken_as } => {
                write!(out, "the override `{selector}` names more than one parent and is taken for `{taken_as}`")
            }
        }
    }
}

/// Returns the text without control characters.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

fn list(warnings: &[Warning]) -> String {
    warnings.iter().map(|warning| format!("\n  {warning}")).collect()
}
