//! Settings: one immutable value, read once, from everywhere people keep them.
//!
//! From the strongest source to the weakest: flags, `DEKA_*`, `pnpm_config_*` and `npm_config_*` variables, `.npmrc` of
//! the project, of the user and of the machine, `pnpm-workspace.yaml`, and the `pnpm` field of `package.json`. [`table`]
//! lists what can be set; [`layers`] keeps the strongest value of each and turns away what a project's own files may not
//! say; this file gives the values their types.

use super::env::Env;
use super::error::{ProjectError, Result, shown};
use super::stamp::FileStamp;
use super::workspace::Workspace;
use layers::{Owner, Raw, RawValue};
use registries::Registries;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use value::Reader;
use warning::Warning;

pub use layers::Origin;
pub use network::{Network, Proxy};
pub use sources::fingerprint;

pub mod layers;
mod network;
mod places;
pub mod registries;
mod sources;
pub mod table;
mod value;
pub mod warning;

#[cfg(test)]
mod tests;

/// What the command line sets: values by the names of [`table`], as text (`true` for a flag, lists with commas).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub BTreeMap<String, String>);

/// What settings are read from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The command line.
    pub flags: &'a Flags,
    /// The environment.
    pub env: &'a Env,
    /// The current folder, absolute: paths in flags and variables start here.
    pub cwd: &'a Path,
    /// The project, if there is one.
    pub workspace: Option<&'a Workspace>,
}

/// What settings were read from, in a form that can be compared later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Every file that was read or looked for.
    pub files: Vec<FileStamp>,
    /// The variables that the files refer to.
    pub variables: Vec<String>,
    /// A hash of the flags and variables that count; see [`fingerprint`].
    pub fingerprint: [u8; 16],
}

/// All settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where packages come from.
    pub registries: Registries,
    /// How to talk to registries.
    pub network: Network,
    /// The store's folder, absolute.
    pub store_dir: PathBuf,
    /// How many bytes the store may hold before an install makes room in it; nothing for any number.
    pub store_max_size_bytes: Option<u64>,
    /// The cache's folder, absolute.
    pub cache_dir: PathBuf,
    /// How `node_modules` is laid out.
    pub layout: Layout,
    /// How versions are chosen.
    pub resolution: Resolution,
    /// How the lockfile is used.
    pub lockfile: Lockfile,
    /// How scripts are run.
    pub scripts: Scripts,
    /// How long `dlx` uses what it has installed.
    pub dlx_max_age: Duration,
    /// How versions are written into manifests.
    pub save: Save,
    /// Which lists of dependencies are installed.
    pub groups: Groups,
    /// Which machines packages are installed for.
    pub architectures: Architectures,
    /// Do everything again, whatever is in place.
    pub force: bool,
    /// Hash everything that is taken from the store.
    pub verify: bool,
    /// How progress and results are shown.
    pub reporter: Reporter,
    /// Whether a progress line is wanted where it is possible.
    pub progress: bool,
    /// What all this was read from.
    pub inputs: Inputs,
    /// What was passed over.
    pub warnings: Vec<Warning>,
    /// The variables that hold credentials, as far as settings refer to them.
    pub secrets: Vec<String>,
}

/// How `node_modules` is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The folder, relative to each project, with `/`; it never leaves the project.
    pub modules_dir: String,
    /// The folder of the slots, absolute; nothing for the usual place inside the modules folder.
    pub virtual_store_dir: Option<PathBuf>,
    /// Whether projects share slots.
    pub virtual_store: VirtualStore,
    /// How files come from the store.
    pub import_method: ImportMethod,
    /// Whether what nobody declares can be imported by packages.
    pub hoist: bool,
    /// Which packages that goes for.
    pub hoist_pattern: Vec<String>,
    /// Which packages the project itself can import without declaring them.
    pub public_hoist_pattern: Vec<String>,
}

/// Whose slots a project uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VirtualStore {
    /// Its own.
    Project,
    /// Those of the store, shared with other projects.
    Global,
}

/// How files come from the store into a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMethod {
    /// What is best on these disks.
    Auto,
    /// Copies that share blocks until one is written to.
    Reflink,
    /// Hard links.
    Hardlink,
    /// Copies.
    Copy,
}

/// How versions are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Install peers that nobody has declared.
    pub auto_install_peers: bool,
    /// Peers that are missing or of the wrong version are errors.
    pub strict_peer_dependencies: bool,
    /// Let packages that differ in their peers only share one instance where that fits.
    pub dedupe_peer_dependents: bool,
    /// Which dependencies a project of the workspace answers by its version, without `workspace:`.
    pub link_workspace_packages: LinkWorkspacePackages,
    /// `engines` that do not fit are errors.
    pub engine_strict: bool,
    /// The version of node to compare `engines` with; nothing for the installed one.
    pub node_version: Option<String>,
}

/// Which dependencies a project of the workspace answers by its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkWorkspacePackages {
    /// None: they have to say `workspace:`.
    Never,
    /// Those of projects.
    OfProjects,
    /// Those of packages too.
    Deep,
}

/// How the lockfile is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockfile {
    /// Whether there is to be one at all.
    pub enabled: bool,
    /// Whether it may change.
    pub frozen: Frozen,
    /// Skip resolution when it satisfies the manifests.
    pub prefer_frozen: bool,
    /// Write it and do nothing else.
    pub only: bool,
}

/// Whether an install may change the lockfile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// It may.
    No,
    /// It may not, and it has to be there.
    Yes,
    /// It may not if it is there: what a build server (`CI`) gets when nobody says otherwise.
    WhenThere,
}

/// How scripts are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// Run none.
    pub ignore: bool,
    /// The shell; nothing for the system's.
    pub shell: Option<PathBuf>,
    /// `NODE_OPTIONS` for scripts.
    pub node_options: Option<String>,
    /// How many of dependencies run at once.
    pub concurrency: usize,
    /// Whether `pre…` and `post…` run around a script that a user calls.
    pub around: bool,
    /// In how many projects a script runs at once; nothing for what suits the machine.
    pub projects_at_once: Option<usize>,
    /// What is done about a `node_modules` that is out of date before a script runs.
    pub stale: Stale,
}

/// What is done about a `node_modules` that is out of date before a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It is brought up to date.
    Install,
    /// The user is told.
    Warn,
    /// The script does not run.
    Error,
    /// Nothing: nobody looks.
    Ignore,
}

/// How versions are written into manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save {
    /// What stands before a version: `^`, `~`, or nothing.
    pub prefix: String,
    /// Whether what was asked for as a range is written as the version that it came to.
    pub exact: bool,
    /// How a project of the same workspace is written.
    pub workspace_protocol: WorkspaceProtocol,
}

/// How a project of the same workspace is written into a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceProtocol {
    /// `workspace:^`, whatever version the project has.
    Rolling,
    /// `workspace:^1.0.0`.
    Versioned,
    /// `^1.0.0`.
    Absent,
}

/// Which lists of dependencies are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// `dependencies`.
    pub prod: bool,
    /// `devDependencies`.
    pub dev: bool,
    /// `optionalDependencies`.
    pub optional: bool,
}

/// Which machines packages are installed for, in npm's words; `current` is this machine, and so is an empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Architectures {
    /// Operating systems.
    pub os: Vec<String>,
    /// Processors.
    pub cpu: Vec<String>,
    /// C libraries.
    pub libc: Vec<String>,
}

/// How progress and results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporter {
    /// As suits the place that it goes to.
    Default,
    /// Lines only.
    AppendOnly,
    /// One JSON object a line.
    Ndjson,
    /// Nothing.
    Silent,
}

impl Settings {
    /// Reads all settings.
    pub fn load(sources: &Sources<'_>) -> Result<Settings> {
        let (layers, inputs) = sources::gather(sources)?;
        let env = sources.env;
        let reader = Reader { layers: &layers, cwd: sources.cwd, home: env.home() };
        Ok(Settings {
            registries: Registries::read(&reader)?,
            network: network::network(&reader, env)?,
            store_dir: reader.path("store-dir")?.map_or_else(|| places::store(env), Ok)?,
            store_max_size_bytes: reader.size("store-max-size")?,
            cache_dir: reader.path("cache-dir")?.map_or_else(|| places::cache(env), Ok)?,
            layout: layout(&reader, sources)?,
            resolution: Resolution {
                auto_install_peers: reader.flag("auto-install-peers")?,
                strict_peer_dependencies: reader.flag("strict-peer-dependencies")?,
                dedupe_peer_dependents: reader.flag("dedupe-peer-dependents")?,
                link_workspace_packages: match reader.choice("link-workspace-packages")? {
                    1 => LinkWorkspacePackages::OfProjects,
                    2 => LinkWorkspacePackages::Deep,
                    _ => LinkWorkspacePackages::Never,
                },
                engine_strict: reader.flag("engine-strict")?,
                node_version: reader.text("node-version")?.map(|text| text.trim_start_matches('v').to_owned()),
            },
            lockfile: lockfile(&reader, env)?,
            scripts: Scripts {
                ignore: reader.flag("ignore-scripts")?,
                shell: shell(&reader, env)?,
                node_options: reader.text("node-options")?,
                concurrency: size(reader.number("child-concurrency")?),
                around: reader.flag("enable-pre-post-scripts")?,
                projects_at_once: Some(size(reader.number("workspace-concurrency")?)).filter(|number| *number > 0),
                stale: match reader.choice("verify-deps-before-run")? {
                    1 => Stale::Warn,
                    2 => Stale::Error,
                    3 => Stale::Ignore,
                    _ => Stale::Install,
                },
            },
            dlx_max_age: Duration::from_secs(reader.number("dlx-cache-max-age")? * 60),
            save: save(&reader)?,
            groups: groups(&reader)?,
            architectures: architectures(&reader)?,
            force: reader.flag("force")?,
            verify: reader.flag("verify")?,
            reporter: match reader.choice("reporter")? {
                1 => Reporter::AppendOnly,
                2 => Reporter::Ndjson,
                3 => Reporter::Silent,
                _ => Reporter::Default,
            },
            progress: reader.flag("progress")?,
            inputs,
            secrets: layers.secrets.iter().cloned().collect(),
            warnings: layers.warnings,
        })
    }
}

fn layout(reader: &Reader<'_>, sources: &Sources<'_>) -> Result<Layout> {
    let mut public_hoist_pattern = reader.list("public-hoist-pattern")?;
    if reader.flag("shamefully-hoist")? {
        public_hoist_pattern = vec!["*".to_owned()];
    }
    Ok(Layout {
        modules_dir: modules_dir(reader)?,
        virtual_store_dir: virtual_store_dir(reader, sources.workspace)?,
        virtual_store: if reader.choice("virtual-store")? == 1 { VirtualStore::Global } else { VirtualStore::Project },
        import_method: match reader.choice("package-import-method")? {
            1 => ImportMethod::Reflink,
            2 => ImportMethod::Hardlink,
            3 => ImportMethod::Copy,
            _ => ImportMethod::Auto,
        },
        hoist: reader.flag("hoist")?,
        hoist_pattern: reader.list("hoist-pattern")?,
        public_hoist_pattern,
    })
}

/// Reads the name of the modules folder. Installs delete what they do not want there, so it has to be inside the project
/// whoever sets it.
fn modules_dir(reader: &Reader<'_>) -> Result<String> {
    let Some(text) = reader.text("modules-dir")? else { return Ok("node_modules".to_owned()) };
    let plain =
        crate::package::path::RelPath::normalise(&text).ok().flatten().filter(|path| path.as_str().split('/').all(|part| part != ".git"));
    plain.map(|path| path.as_str().to_owned()).ok_or_else(|| outside(reader, "modules-dir", &text))
}

fn virtual_store_dir(reader: &Reader<'_>, workspace: Option<&Workspace>) -> Result<Option<PathBuf>> {
    let Some(path) = reader.path("virtual-store-dir")? else { return Ok(None) };
    let by_project = reader.layers.get("virtual-store-dir").is_some_and(|raw| raw.owner == Owner::Project);
    let inside = workspace.is_some_and(|workspace| path.starts_with(&workspace.root) && path != workspace.root);
    if by_project && (!inside || path.components().any(|part| part == Component::ParentDir)) {
        return Err(outside(reader, "virtual-store-dir", &path.to_string_lossy()));
    }
    Ok(Some(path))
}

fn outside(reader: &Reader<'_>, name: &str, text: &str) -> ProjectError {
    let expected = "a folder inside the project".to_owned();
    match reader.layers.get(name) {
        Some(raw) => value::wrong(name, raw, expected),
        None => ProjectError::Setting { name: name.to_owned(), expected, value: shown(text), origin: Origin::Flag },
    }
}

fn lockfile(reader: &Reader<'_>, env: &Env) -> Result<Lockfile> {
    let ci = env.text("CI").is_some_and(|value| !matches!(value, "false" | "0"));
    Ok(Lockfile {
        enabled: reader.flag("lockfile")?,
        frozen: match reader.flag_if_set("frozen-lockfile")? {
            Some(true) => Frozen::Yes,
            Some(false) => Frozen::No,
            None if ci => Frozen::WhenThere,
            None => Frozen::No,
        },
        prefer_frozen: reader.flag("prefer-frozen-lockfile")?,
        only: reader.flag("lockfile-only")?,
    })
}

fn save(reader: &Reader<'_>) -> Result<Save> {
    let exact = reader.flag("save-exact")?;
    let workspace_protocol = match reader.choice("save-workspace-protocol")? {
        1 => WorkspaceProtocol::Versioned,
        2 => WorkspaceProtocol::Absent,
        _ => WorkspaceProtocol::Rolling,
    };
    // An empty prefix is a prefix too, where an empty value else counts as not set.
    let is_empty = matches!(reader.layers.get("save-prefix"), Some(Raw { value: RawValue::Text(text), .. }) if text.is_empty());
    let prefix = reader.text("save-prefix")?.unwrap_or_else(|| "^".to_owned());
    match (prefix.as_str(), reader.layers.get("save-prefix")) {
        _ if exact || is_empty => Ok(Save { prefix: String::new(), exact, workspace_protocol }),
        ("^" | "~", _) | (_, None) => Ok(Save { prefix, exact, workspace_protocol }),
        (_, Some(raw)) => Err(value::wrong("save-prefix", raw, "`^`, `~` or empty".to_owned())),
    }
}

/// Decides which lists count: `prod` leaves out the development ones, `dev` takes nothing else, and npm's `omit` and
/// `include` have the last word. `NODE_ENV` is for the program that is built, and decides nothing here, as with pnpm.
fn groups(reader: &Reader<'_>) -> Result<Groups> {
    let prod = reader.flag_if_set("prod")?;
    let dev = reader.flag_if_set("dev")?;
    let optional = reader.flag_if_set("optional")?.unwrap_or(true);
    let only_dev = dev == Some(true) && prod != Some(true);
    let no_dev = prod == Some(true) || dev == Some(false);
    let mut groups = Groups { prod: !only_dev, dev: !no_dev, optional: optional && !only_dev };
    for (name, wanted) in [("omit", false), ("include", true)] {
        for list in reader.list(name)? {
            match list.as_str() {
                "prod" => groups.prod = wanted,
                "dev" => groups.dev = wanted,
                "optional" => groups.optional = wanted,
                _ => {}
            }
        }
    }
    Ok(groups)
}

fn architectures(reader: &Reader<'_>) -> Result<Architectures> {
    let listed = match reader.layers.get("supported-architectures") {
        Some(Raw { value: RawValue::Object(lists), .. }) => lists.clone(),
        Some(raw) => {
            return Err(value::wrong("supported-architectures", raw, "an object with the lists `os`, `cpu` and `libc`".to_owned()));
        }
        None => BTreeMap::new(),
    };
    let pick = |name: &str| {
        let list = reader.list(name)?;
        Ok::<_, ProjectError>(if list.is_empty() { listed.get(name).cloned().unwrap_or_default() } else { list })
    };
    Ok(Architectures { os: pick("os")?, cpu: pick("cpu")?, libc: pick("libc")? })
}

/// Reads the shell for scripts; a name alone is looked for on `PATH`.
fn shell(reader: &Reader<'_>, env: &Env) -> Result<Option<PathBuf>> {
    match (reader.layers.get("script-shell"), reader.text("script-shell")?) {
        (Some(raw), Some(name)) if !name.contains('/') => match env.find_program(&name) {
            Some(shell) => Ok(Some(shell)),
            None => Err(value::wrong("script-shell", raw, "a program that is on the PATH".to_owned())),
        },
        _ => reader.path("script-shell"),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
