//! `deka remove`: packages are no longer asked for in manifests.

use super::{Desk, Draft, open, selected};
use crate::error::{Code, Error};
use crate::project::edit::List;
use crate::project::workspace::Workspace;
use std::collections::BTreeSet;

/// How many names are offered in the place of one that is not there.
const KNOWN_MAX: usize = 10;

/// What is removed, and from where.
#[derive(Clone, Debug, Default)]
pub struct Remove {
    /// The names.
    pub names: Vec<String>,
    /// The list to take them from; nothing for every list.
    pub list: Option<List>,
}

/// Changes the manifests in memory. A name that no project has is an error.
pub(super) fn draft(remove: &Remove, workspace: &mut Workspace, desk: &Desk<'_>) -> Result<Draft, Error> {
    let mut draft = Draft::default();
    let mut missing: BTreeSet<&str> = remove.names.iter().map(String::as_str).collect();
    let mut known = BTreeSet::new();
    for at in selected(workspace, desk)? {
        let document = open(&workspace.projects[at])?;
        let lists = remove.list.map_or_else(|| List::ALL.to_vec(), |list| vec![list]);
        for list in &lists {
            known.extend(document.aliases(*list));
        }
        for name in &remove.names {
            let removed = lists.iter().filter(|list| document.remove(**list, name)).count();
            if removed > 0 {
                missing.remove(name.as_str());
            }
            if removed > 0 && remove.list.is_none() {
                document.remove_meta(name);
            }
        }
        draft.change(workspace, at, &document)?;
    }
    if missing.is_empty() { Ok(draft) } else { Err(not_there(&missing, remove.list, &known)) }
}

fn not_there(missing: &BTreeSet<&str>, list: Option<List>, known: &BTreeSet<String>) -> Error {
    let names: Vec<String> = missing.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
    let place = list.map_or("dependencies", List::field);
    let error = Error::new(Code::NotDependency, format!("{} cannot be removed: there is no such entry in the {place}", names.join(", ")));
    if known.is_empty() {
        return error.hint("package.json has none of its own there.");
    }
    let shown: Vec<&str> = known.iter().take(KNOWN_MAX).map(String::as_str).collect();
    let more = match known.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    error.hint(format!("There is {}{more}.", shown.join(", ")))
}
