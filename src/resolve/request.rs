//! What resolution is asked, and the messages between it and whoever fetches for it.

use super::demands::Demands;
use super::graph::{Package, Resolution, Source};
use crate::package::integrity::Integrity;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;

/// Everything that decides a resolution, besides the packuments.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The projects. A single project is a workspace of one, with the path `.`.
    pub importers: Vec<ImporterRequest>,
    /// `overrides` and `resolutions`: selectors (`a`, `a@1`, `parent>child`, `parent@1>child@2`, `**/child`,
    /// `parent/child`) and what they put in place (`-` removes the dependency). `$name` is resolved by the caller.
    pub overrides: Vec<(String, String)>,
    /// The catalogs of the workspace by name; the unnamed one is `default`.
    pub catalogs: BTreeMap<String, BTreeMap<String, String>>,
    /// The previous answer. Its versions are kept where they still satisfy what is asked.
    pub pins: Option<Resolution>,
    /// How far that goes.
    pub pinning: Pinning,
    /// What the packages of the previous answer ask for, in so far as that is known. It has to come from when that answer
    /// was found, under the same overrides and with the same registries.
    pub demands: Option<Demands>,
    /// Where packages come from; decides which addresses of tarballs need not be written down.
    pub registries: Registries,
    /// Settings.
    pub options: Options,
}

/// How far the previous answer is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pinning {
    /// Every dependency keeps its version while that satisfies what is asked.
    #[default]
    Keep,
    /// All but some packages do; those are chosen anew.
    Refresh(Refresh),
    /// The versions are kept, but not which of them a dependency had: the highest that suits it will do. A tag keeps what
    /// it stood for.
    Dedupe,
}

/// The packages that are chosen anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refresh {
    /// The direct dependencies that it begins at, by the path of the project.
    pub directs: BTreeMap<String, BTreeSet<PackageName>>,
    /// The names of the packages, aliases not among them.
    pub names: BTreeSet<PackageName>,
    /// How many steps below the direct dependencies it goes; nothing for all the way down.
    pub depth: Option<usize>,
}

/// One project.
#[derive(Clone, Debug, Default)]
pub struct ImporterRequest {
    /// Its folder relative to the root, with `/`; `.` is the root itself.
    pub path: String,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// The folder that stands for it in `node_modules`, when it is not its own (`publishConfig.directory`).
    pub published: Option<String>,
    /// The projects that it gets copies of rather than links to, by alias (`dependenciesMeta.*.injected`).
    pub injected: BTreeSet<String>,
}

/// Which dependencies a project of the workspace answers by its version, without `workspace:`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByVersion {
    /// None.
    #[default]
    Never,
    /// Those of projects.
    OfProjects,
    /// Those of packages too.
    Deep,
}

/// The addresses of the registries.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    /// The registry of everything that no scope claims.
    pub default: String,
    /// Registries by scope, with the `@`.
    pub scopes: BTreeMap<String, String>,
}

/// Settings that change the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether missing required peers are installed.
    pub auto_install_peers: bool,
    /// Whether a missing or wrong peer is an error.
    pub strict_peer_dependencies: bool,
    /// Whether an instance is merged into one of the same package that has all of its peers and more.
    pub dedupe_peer_dependents: bool,
    /// Whether projects of a workspace see the dependencies of the root as peers.
    pub resolve_peers_from_workspace_root: bool,
    /// Which dependencies projects answer by their versions.
    pub by_version: ByVersion,
}

impl Default for Options {
    /// Returns pnpm's defaults.
    fn default() -> Options {
        Options {
            auto_install_peers: true,
            strict_peer_dependencies: false,
            dedupe_peer_dependents: true,
            resolve_peers_from_workspace_root: true,
            by_version: ByVersion::Never,
        }
    }
}

/// Something that resolution has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// What the registry knows of a package.
    Packument(PackageName),
    /// The same, however old it is: all that is wanted of it is a version that the previous answer has. Should more be
    /// wanted after all, [`Need::Packument`] follows.
    Remembered(PackageName),
    /// The manifest of something that no registry keeps. Never [`Source::Registry`].
    External(Source),
}

/// The answer to [`Need::External`].
#[derive(Clone, Debug)]
pub struct External {
    /// The manifest inside the tarball or folder.
    pub manifest: Manifest,
    /// The hash of the tarball; none for a folder.
    pub integrity: Option<Integrity>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// It does not exist.
    NotFound,
    /// It could not be had.
    Fetch(Arc<dyn Error + Send + Sync>),
}

/// A package that is going to be in the tree, told early so that its download can start. A dependency that turns out
/// to be impossible may still take an optional package out again.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// The package, as it will stand in the answer.
    pub package: &'a Package,
    /// The bytes that it unpacks to; 0 when nobody said.
    pub unpacked_size: u64,
    /// Whether the dependency that led here may fail. Another one may not; the answer has the last word.
    pub optional: bool,
    /// Whether the previous answer does not have it, or it was to be chosen anew.
    pub is_new: bool,
}

impl Registries {
    /// Returns the registry that a package comes from, without a slash at the end.
    pub fn of(&self, name: &PackageName) -> &str {
        name.scope().and_then(|scope| self.scopes.get(scope)).unwrap_or(&self.default).trim_end_matches('/')
    }

    /// Says whether an address is where the scheme of the registry puts the tarball (`<registry>/<name>/-/<file>`).
    pub fn is_derivable(&self, name: &PackageName, version: &str, tarball: &str) -> bool {
        // Registries behind a proxy often write `http:` where they are reached over `https:`.
        let without_scheme = |address: &str| address.split_once("://").map_or(0, |(scheme, _)| scheme.len() + 3);
        let registry = self.of(name);
        let registry = &registry[without_scheme(registry)..];
        let Some(path) = tarball[without_scheme(tarball)..].strip_prefix(registry).and_then(|path| path.strip_prefix('/')) else {
            return false;
        };
        let file = path.strip_prefix(name.as_str()).and_then(|path| path.strip_prefix("/-/")).and_then(|path| path.strip_suffix(".tgz"));
        let derived = file.and_then(|file| file.strip_prefix(name.unscoped())).and_then(|file| file.strip_prefix('-'));
        !registry.is_empty() && derived == Some(version)
    }
}
