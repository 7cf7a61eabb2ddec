//! The manifests that are deployed: without what only the workspace can answer.

use crate::package::spec::OfWorkspace;
use crate::project::builds::Builds;
use crate::project::catalogs::{self, Catalogs};
use crate::project::settings::Groups;
use serde_json::{Map, Value, json};

/// The lists whose entries are rewritten.
const LISTS: [&str; 4] = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
/// What means something at the root of a workspace only. Overrides have done their work: the lockfile is the answer.
const OF_ROOTS: [&str; 7] = ["workspaces", "pnpm", "overrides", "resolutions", "trustedDependencies", "catalog", "catalogs"];

/// Takes out the lists of dependencies that do not come along, and what a folder on its own has no use for.
pub(super) fn cut(fields: &mut Map<String, Value>, groups: Groups) {
    for field in OF_ROOTS {
        fields.shift_remove(field);
    }
    for (field, wanted) in [("dependencies", groups.prod), ("devDependencies", groups.dev), ("optionalDependencies", groups.optional)] {
        if !wanted {
            fields.shift_remove(field);
        }
    }
}

/// Replaces what only the workspace can answer: `place` says where a dependency stands now, if it is one of the parts.
pub(super) fn rewrite(fields: &mut Map<String, Value>, catalogs: &Catalogs, place: impl Fn(&str) -> Option<String>) {
    for list in LISTS {
        let Some(Value::Object(entries)) = fields.get_mut(list) else { continue };
        for (alias, value) in entries.iter_mut() {
            let Value::String(text) = value else { continue };
            // Peers are ranges whatever answers them.
            let place = place(alias).filter(|_| list != "peerDependencies");
            if let Some(new) = place.or_else(|| replacement(alias, text, catalogs)) {
                *text = new;
            }
        }
    }
}

/// Returns what stands for a specifier outside of the workspace, if it is not itself.
fn replacement(alias: &str, text: &str, catalogs: &Catalogs) -> Option<String> {
    let text = text.trim();
    if let Some(name) = catalogs::asked(text) {
        return catalogs.get(name)?.get(alias).cloned();
    }
    match OfWorkspace::parse(alias, text.strip_prefix("workspace:")?) {
        OfWorkspace::Named { want, .. } if !OfWorkspace::is_any(want) => Some(want.to_owned()),
        OfWorkspace::Named { .. } | OfWorkspace::Path(_) => Some("*".to_owned()),
    }
}

/// Returns the text of a manifest. What the workspace says of scripts is said here again, for a later install.
pub(super) fn text(fields: &Map<String, Value>, builds: Option<&Builds>) -> Vec<u8> {
    let mut fields = fields.clone();
    if let Some(builds) = builds.filter(|builds| **builds != Builds::default()) {
        fields.insert("pnpm".to_owned(), json!({ "onlyBuiltDependencies": builds.allowed, "ignoredBuiltDependencies": builds.denied }));
    }
    // Text in memory can always be written.
    let mut text = serde_json::to_vec_pretty(&fields).unwrap_or_default();
    text.push(b'\n');
    text
}
