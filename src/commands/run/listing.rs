//! Lists the scripts of a project, as pnpm does: those that package managers know of first.

use crate::project::workspace::Project;
use serde_json::Value;

/// What package managers run on an occasion; `pre…` and `post…` of these count as well.
const LIFECYCLE: [&str; 13] = [
    "prepublishOnly",
    "prepublish",
    "prepare",
    "prepack",
    "postpack",
    "publish",
    "install",
    "uninstall",
    "version",
    "test",
    "start",
    "stop",
    "restart",
];

/// Returns the lines of the list.
pub fn lines(project: &Project) -> Vec<String> {
    let scripts = &project.manifest.scripts;
    // The order of the file is the author's; the checked map has lost it.
    let names = project.fields.get("scripts").and_then(Value::as_object).into_iter().flat_map(|fields| fields.keys());
    let (known, own): (Vec<&String>, Vec<&String>) = names.filter(|name| scripts.contains_key(*name)).partition(|name| is_lifecycle(name));
    let mut lines = Vec::new();
    for (title, names) in [("Lifecycle scripts:", known), ("Commands available via \"deka run\":", own)] {
        if names.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(title.to_owned());
        for name in names {
            lines.push(format!("  {name}"));
            lines.extend(scripts.get(name).into_iter().flat_map(|command| command.lines()).map(|line| format!("    {line}")));
        }
    }
    lines
}

fn is_lifecycle(name: &str) -> bool {
    let inner = name.strip_prefix("pre").or_else(|| name.strip_prefix("post"));
    LIFECYCLE.contains(&name) || inner.is_some_and(|inner| LIFECYCLE.contains(&inner))
}
