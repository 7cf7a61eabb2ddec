//! The table of all settings: names, types, defaults, and who may set them.
//!
//! Everything that treats settings alike reads this table: which keys of a file mean anything, what a default is, what
//! a project's own files may not touch, and which settings change what an install leaves on disk. A name that is not
//! here is somebody else's and is passed over in silence.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The name, as on the command line and in `.npmrc`.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The value when nobody gives one; empty stands for none.
    pub default: &'static str,
    /// Who may set it.
    pub trust: Trust,
    /// Whether another value can leave another tree on disk; then a change makes the next install look again.
    pub changes_tree: bool,
}

/// What the value of a setting looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number between two bounds, both allowed.
    Number(u64, u64),
    /// Any text.
    Text,
    /// An `http://` or `https://` address.
    Url,
    /// A path; a relative one starts at the folder of the file that has it.
    Path,
    /// Several texts.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An object with lists inside.
    Object,
}

/// Who may set a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Everyone.
    Anyone,
    /// The user alone: a project's own files would use it to run commands, read along or write elsewhere.
    User,
}

const fn anyone(name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key { name, kind, default, trust: Trust::Anyone, changes_tree: false }
}

const fn user(name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key { trust: Trust::User, ..anyone(name, kind, default) }
}

const fn tree(key: Key) -> Key {
    Key { changes_tree: true, ..key }
}

use Kind::{Choice, Flag, List, Number, Object, Path, Text, Url};

const YEAR_MIN: u64 = 366 * 24 * 60;
const YEAR_MS: u64 = YEAR_MIN * 60 * 1000;

/// All settings, sorted by name.
pub const KEYS: &[Key] = &[
    tree(anyone("auto-install-peers", Flag, "true")),
    user("ca", List, ""),
    user("cache-dir", Path, ""),
    user("cafile", Path, ""),
    user("cert", Text, ""),
    anyone("child-concurrency", Number(1, 1000), "5"),
    tree(anyone("cpu", List, "")),
    tree(anyone("dedupe-peer-dependents", Flag, "true")),
    tree(anyone("dev", Flag, "")),
    anyone("dlx-cache-max-age", Number(0, YEAR_MIN), "1440"),
    anyone("enable-pre-post-scripts", Flag, "true"),
    tree(anyone("engine-strict", Flag, "false")),
    anyone("fetch-retries", Number(0, 100), "2"),
    anyone("fetch-retry-factor", Number(1, 1000), "10"),
    anyone("fetch-retry-maxtimeout", Number(0, YEAR_MS), "60000"),
    anyone("fetch-retry-mintimeout", Number(0, YEAR_MS), "10000"),
    anyone("fetch-timeout", Number(1, YEAR_MS), "60000"),
    anyone("force", Flag, "false"),
    anyone("frozen-lockfile", Flag, ""),
    tree(user("globalconfig", Path, "")),
    tree(anyone("hoist", Flag, "true")),
    tree(anyone("hoist-pattern", List, "*")),
    user("https-proxy", Text, ""),
    tree(anyone("ignore-scripts", Flag, "false")),
    tree(anyone("include", List, "")),
    user("key", Text, ""),
    tree(anyone("libc", List, "")),
    tree(anyone("link-workspace-packages", Choice(&["false", "true", "deep"]), "false")),
    tree(anyone("lockfile", Flag, "true")),
    anyone("lockfile-only", Flag, "false"),
    tree(anyone("modules-dir", Text, "node_modules")),
    anyone("network-concurrency", Number(0, 1000), "0"),
    user("node-options", Text, ""),
    tree(anyone("node-version", Text, "")),
    user("noproxy", List, ""),
    anyone("offline", Flag, "false"),
    tree(anyone("omit", List, "")),
    tree(anyone("optional", Flag, "")),
    tree(anyone("os", List, "")),
    tree(anyone("package-import-method", Choice(&["auto", "reflink", "hardlink", "copy"]), "auto")),
    anyone("prefer-frozen-lockfile", Flag, "true"),
    anyone("prefer-offline", Flag, "false"),
    tree(user("prefix", Path, "")),
    tree(anyone("prod", Flag, "")),
    anyone("progress", Flag, "true"),
    user("proxy", Text, ""),
    tree(anyone("public-hoist-pattern", List, "")),
    tree(anyone("registry", Url, "")),
    anyone("reporter", Choice(&["default", "append-only", "ndjson", "silent"]), "default"),
    anyone("save-exact", Flag, "false"),
    anyone("save-prefix", Text, "^"),
    anyone("save-workspace-protocol", Choice(&["rolling", "true", "false"]), "rolling"),
    user("script-shell", Path, ""),
    tree(anyone("shamefully-hoist", Flag, "false")),
    tree(anyone("store-dir", Path, "")),
    user("store-max-size", Text, ""),
    tree(anyone("strict-peer-dependencies", Flag, "false")),
    user("strict-ssl", Flag, "true"),
    tree(anyone("supported-architectures", Object, "")),
    user("user-agent", Text, ""),
    tree(user("userconfig", Path, "")),
    anyone("verify", Flag, "false"),
    anyone("verify-deps-before-run", Choice(&["install", "warn", "error", "false"]), "install"),
    tree(anyone("virtual-store", Choice(&["project", "global"]), "project")),
    tree(anyone("virtual-store-dir", Path, "")),
    anyone("workspace-concurrency", Number(0, 1000), "0"),
];

/// Other spellings that npm or pnpm know, and what they are here.
const ALIASES: &[(&str, &str)] = &[
    ("http-proxy", "proxy"),
    ("maxsockets", "network-concurrency"),
    ("no-proxy", "noproxy"),
    ("package-lock", "lockfile"),
    ("production", "prod"),
];

/// Values that npm or pnpm know for a [`Kind::Choice`], and what they are here.
pub const CHOICE_ALIASES: &[(&str, &str)] = &[("clone", "reflink"), ("clone-or-copy", "auto")];

/// Returns the place of a setting in [`KEYS`]; nothing when the name is none of deka's.
pub fn find(name: &str) -> Option<usize> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, meant)| meant);
    KEYS.binary_search_by(|key| key.name.cmp(name)).ok()
}

/// Returns the name that a key of `pnpm-workspace.yaml` has elsewhere: `hoistPattern` is `hoist-pattern`.
pub fn kebab(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{ALIASES, KEYS, find, kebab};

    #[test]
    fn the_table_is_sorted_and_aliases_lead_somewhere() {
        assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for (alias, meant) in ALIASES {
            assert_eq!(find(alias), find(meant));
            assert!(find(meant).is_some());
        }
        assert_eq!(find("no-such-setting"), None);
    }

    #[test]
    fn names_of_the_workspace_file_are_translated() {
        assert_eq!(kebab("publicHoistPattern"), "public-hoist-pattern");
        assert_eq!(kebab("hoist"), "hoist");
    }
}
