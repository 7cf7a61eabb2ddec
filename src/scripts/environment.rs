//! The environment of a script, as npm makes it.
//!
//! It begins with what deka itself was given. What an outer npm or deka has put there for its own script is taken out,
//! and so are credentials for registries: a dependency's script has no use for them that its user would like. Then come
//! the variables that npm promises, and a `PATH` on which the commands of dependencies are found.

use super::gyp::NodeGyp;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables by name.
pub type Variables = BTreeMap<OsString, OsString>;

/// What is the same for all scripts of a run.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The environment that deka was given.
    pub inherited: &'a Variables,
    /// The folder that deka was called in (`INIT_CWD`).
    pub called_in: &'a Path,
    /// The command that is run: `install`, `run-script`, `exec`.
    pub command: &'a str,
    /// The program of deka itself.
    pub program: &'a Path,
    /// The program of node, if it is installed.
    pub node: Option<&'a Path>,
    /// npm's node-gyp, if it is installed.
    pub node_gyp: Option<&'a NodeGyp>,
    /// What deka calls itself to registries.
    pub user_agent: &'a str,
    /// `NODE_OPTIONS` for scripts, from the user's settings.
    pub node_options: Option<&'a str>,
    /// Variables that hold credentials, besides those that everybody knows.
    pub secrets: &'a [String],
}

/// The package whose script is run.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its name, empty when it has none.
    pub name: &'a str,
    /// Its version, empty when it has none.
    pub version: &'a str,
    /// Its `package.json`.
    pub manifest: &'a Path,
    /// Folders with commands, nearest first.
    pub bin_folders: &'a [PathBuf],
    /// `engines`, by name.
    pub engines: &'a BTreeMap<String, String>,
    /// Whether it is the user's own project, which keeps the variables that the user has set for it.
    pub is_root: bool,
}

/// What people call the variables that hold a token for a registry.
const SECRETS: [&str; 5] = ["NPM_TOKEN", "NPM_AUTH_TOKEN", "NODE_AUTH_TOKEN", "YARN_NPM_AUTH_TOKEN", "BUN_AUTH_TOKEN"];
/// What a setting has in its name when it holds a credential.
const SECRET_PARTS: [&str; 5] = ["_auth", "_password", "username", "tokenhelper", "_otp"];
/// What settings begin with in the environment.
const SETTING_PREFIXES: [&str; 3] = ["npm_config_", "pnpm_config_", "deka_"];
/// What npm sets for the script it runs, and for no other.
const STALE_PREFIXES: [&str; 2] = ["npm_lifecycle_", "npm_package_"];

/// Returns the environment for one script.
pub fn environment(context: &Context<'_>, owner: &Owner<'_>, event: &str, script: &OsStr) -> Variables {
    let mut variables = surroundings(context, owner);
    variables.insert("npm_lifecycle_event".into(), event.into());
    variables.insert("npm_lifecycle_script".into(), script.into());
    variables
}

/// Returns the environment for a program that is no script.
pub fn surroundings(context: &Context<'_>, owner: &Owner<'_>) -> Variables {
    let mut variables: Variables = context
        .inherited
        .iter()
        .filter(|(name, _)| is_passed_on(&name.to_string_lossy(), owner.is_root, context.secrets))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut set = |name: &str, value: &OsStr| variables.insert(name.into(), value.to_owned());
    set("npm_package_name", owner.name.as_ref());
    set("npm_package_version", owner.version.as_ref());
    set("npm_package_json", owner.manifest.as_ref());
    for (engine, range) in owner.engines {
        set(&format!("npm_package_engines_{}", identifier(engine)), range.as_ref());
    }
    set("npm_command", context.command.as_ref());
    set("npm_execpath", context.program.as_ref());
    set("npm_config_user_agent", context.user_agent.as_ref());
    set("INIT_CWD", context.called_in.as_ref());
    if let Some(node) = context.node {
        set("npm_node_execpath", node.as_ref());
        set("NODE", node.as_ref());
    }
    if let Some(gyp) = context.node_gyp {
        set("npm_config_node_gyp", gyp.script.as_ref());
    }
    if let Some(options) = context.node_options {
        set("NODE_OPTIONS", options.as_ref());
    }
    variables.insert("PATH".into(), search_path(context, owner));
    variables
}

/// Returns the `.bin` folders for a package in `folder`: that of every modules folder on the way up to `root`, the
/// nearest first. `modules` is the name of modules folders.
pub fn bin_folders(folder: &Path, root: &Path, modules: &str) -> Vec<PathBuf> {
    let ends_in_modules = |folder: &Path| folder.file_name().is_some_and(|name| name == modules);
    folder
        .ancestors()
        .take_while(|above| above.starts_with(root))
        .filter(|above| !ends_in_modules(above))
        .map(|above| above.join(modules).join(".bin"))
        .collect()
}

fn search_path(context: &Context<'_>, owner: &Owner<'_>) -> OsString {
    let old = context.inherited.get(OsStr::new("PATH")).map(OsString::as_os_str).unwrap_or_default();
    let gyp = context.node_gyp.map(|gyp| gyp.folder.clone());
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in owner.bin_folders.iter().cloned().chain(gyp).chain(std::env::split_paths(old)) {
        // A colon in a folder's name cannot be written in PATH; commands there are not found, as with npm.
        if !folder.as_os_str().is_empty() && !folders.contains(&folder) && !folder.as_os_str().as_encoded_bytes().contains(&b':') {
            folders.push(folder);
        }
    }
    std::env::join_paths(folders).unwrap_or_else(|_| old.to_owned())
}

fn is_passed_on(name: &str, to_root: bool, secrets: &[String]) -> bool {
    let lower = name.to_ascii_lowercase();
    if STALE_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return false;
    }
    if SETTING_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) && SECRET_PARTS.iter().any(|part| lower.contains(part)) {
        return false;
    }
    to_root || !(SECRETS.contains(&name) || secrets.iter().any(|secret| secret == name))
}

fn identifier(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Context, NodeGyp, Owner, Variables, bin_folders, environment};
    use std::collections::BTreeMap;
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};

    fn make(inherited: &[(&str, &str)], is_root: bool) -> BTreeMap<String, String> {
        let inherited: Variables = inherited.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let gyp = NodeGyp { folder: "/npm/gyp-bin".into(), script: "/npm/gyp.js".into() };
        let context = Context {
            inherited: &inherited,
            called_in: Path::new("/p/sub"),
            command: "install",
            program: Path::new("/bin/deka"),
            node: Some(Path::new("/usr/bin/node")),
            node_gyp: Some(&gyp),
            user_agent: "deka/1",
            node_options: None,
            secrets: &["MY_TOKEN".to_owned()],
        };
        let engines = BTreeMap::from([("node".to_owned(), ">=18".to_owned())]);
        let bins: Vec<PathBuf> = vec!["/p/node_modules/.bin".into(), "/with:colon".into(), "/usr/bin".into()];
        let owner =
            Owner { name: "a", version: "1.0.0", manifest: Path::new("/p/package.json"), bin_folders: &bins, engines: &engines, is_root };
        let text = |text: &OsStr| text.to_str().expect("text").to_owned();
        environment(&context, &owner, "postinstall", OsStr::new("node x.js"))
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn holds_what_npm_promises() {
        let made =
            make(&[("PATH", "/usr/bin:/bin::/bin"), ("HOME", "/h"), ("npm_package_old", "x"), ("npm_lifecycle_event", "start")], false);
        let shown: Vec<String> = made.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            shown,
            [
                "HOME=/h",
                "INIT_CWD=/p/sub",
                "NODE=/usr/bin/node",
                "PATH=/p/node_modules/.bin:/usr/bin:/npm/gyp-bin:/bin",
                "npm_command=install",
                "npm_config_node_gyp=/npm/gyp.js",
                "npm_config_user_agent=deka/1",
                "npm_execpath=/bin/deka",
                "npm_lifecycle_event=postinstall",
                "npm_lifecycle_script=node x.js",
                "npm_node_execpath=/usr/bin/node",
                "npm_package_engines_node=>=18",
                "npm_package_json=/p/package.json",
                "npm_package_name=a",
                "npm_package_version=1.0.0",
            ]
        );
    }

    #[test]
    fn credentials_are_taken_out() {
        let given = [
            ("npm_config_//host.test/:_authToken", "t"),
            ("NPM_CONFIG__AUTH", "t"),
            ("npm_config__password", "t"),
            ("DEKA__AUTHTOKEN", "t"),
            ("NPM_TOKEN", "t"),
            ("MY_TOKEN", "t"),
            ("npm_config_cache", "/c"),
            ("GITHUB_TOKEN", "g"),
        ];
        let left = |is_root| {
            let made = make(&given, is_root);
            given.iter().map(|(name, _)| *name).filter(|name| made.contains_key(*name)).collect::<Vec<_>>()
        };
        assert_eq!(left(false), ["npm_config_cache", "GITHUB_TOKEN"]);
        assert_eq!(left(true), ["NPM_TOKEN", "MY_TOKEN", "npm_config_cache", "GITHUB_TOKEN"]);
    }

    #[test]
    fn commands_are_looked_for_from_the_package_upward() {
        let found = bin_folders(Path::new("/p/node_modules/.deka/a@1.0.0/node_modules/a"), Path::new("/p"), "node_modules");
        let shown: Vec<&str> = found.iter().map(|path| path.to_str().expect("text")).collect();
        assert_eq!(
            shown,
            [
                "/p/node_modules/.deka/a@1.0.0/node_modules/a/node_modules/.bin",
                "/p/node_modules/.deka/a@1.0.0/node_modules/.bin",
                "/p/node_modules/.deka/node_modules/.bin",
                "/p/node_modules/.bin",
            ]
        );
    }
}
