//! The two forms of what is outdated: a table for people and JSON.

use crate::inquiry::about;
use crate::inquiry::list_name;
use crate::inquiry::outdated::Outdated;
use crate::inquiry::subject::Subject;
use crate::report::table::{Side, table};
use crate::report::text::clean;
use serde_json::{Map, Value, json};

/// The widest line, in characters.
const WIDTH: usize = 80;
/// What stands between two columns, in characters.
const GAP: usize = 2;
/// The last column is not made narrower than this.
const LAST_MIN: usize = 16;

/// How many projects are named, unless more is to be said.
const NAMES_MAX: usize = 4;

/// What is to be shown.
pub(super) struct Shown<'a> {
    pub subject: &'a Subject,
    pub outdated: &'a [Outdated],
    /// Whether it is said which projects have it.
    pub with_projects: bool,
    /// Whether more is said of each package.
    pub long: bool,
}

impl Shown<'_> {
    /// Returns the lines for people: a table, and below a row what more there is to say.
    pub fn lines(&self) -> Vec<String> {
        if self.outdated.is_empty() {
            return Vec::new();
        }
        let mut rows = vec![["Package", "Current", "Wanted", "Latest"].map(str::to_owned).to_vec()];
        rows.extend(self.outdated.iter().map(cells));
        let columns = (0..4).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + GAP);
        let room = WIDTH.saturating_sub(columns.sum()).max(LAST_MIN);
        if self.with_projects {
            rows[0].push("Dependents".to_owned());
        }
        let mut below: Vec<Vec<String>> = vec![Vec::new()];
        let mut all = vec![rows.remove(0)];
        for (row, outdated) in rows.into_iter().zip(self.outdated) {
            let names = if self.with_projects { wrapped(&self.few_names(outdated), room) } else { vec![String::new()] };
            for (number, names) in names.into_iter().enumerate() {
                let mut cells = if number == 0 { row.clone() } else { vec![String::new(); 4] };
                cells.push(names);
                all.push(cells);
                below.push(Vec::new());
            }
            if let (true, Some(last)) = (self.long, below.last_mut()) {
                last.extend(self.details(outdated).iter().map(|line| format!("  {}", clean(line))));
            }
        }
        let sides = [Side::Left; 5];
        table(&sides[..all[0].len()], &all).into_iter().zip(below).flat_map(|(line, below)| std::iter::once(line).chain(below)).collect()
    }

    /// Returns the document for programs, by the name of the package; a second entry of a name has its version behind it.
    pub fn json(&self) -> Value {
        let mut entries = Map::new();
        for outdated in self.outdated {
            let mut entry = Map::new();
            entry.extend(outdated.current.as_ref().map(|current| ("current".to_owned(), json!(current))));
            entry.insert("latest".to_owned(), json!(outdated.latest));
            entry.insert("wanted".to_owned(), json!(outdated.wanted));
            entry.insert("isDeprecated".to_owned(), json!(outdated.current_is_deprecated));
            entry.insert("dependencyType".to_owned(), json!(list_name(outdated.group)));
            if outdated.alias != outdated.name {
                entry.insert("alias".to_owned(), json!(outdated.alias));
            }
            if self.with_projects {
                let project = |index: &usize| {
                    let project = &self.subject.workspace.projects[*index];
                    json!({ "name": project.manifest.name, "location": project.folder })
                };
                entry.insert("dependentPackages".to_owned(), outdated.projects.iter().map(project).collect());
            }
            if self.long {
                entry.insert("details".to_owned(), json!(self.details(outdated)));
            }
            let second = || format!("{}@{}", outdated.name, outdated.current.as_deref().unwrap_or("missing"));
            let key = if entries.contains_key(&outdated.name) { second() } else { outdated.name.clone() };
            entries.insert(key, Value::Object(entry));
        }
        Value::Object(entries)
    }

    /// Returns the names of the projects that have it, of many the first few unless more is to be said.
    fn few_names(&self, outdated: &Outdated) -> Vec<String> {
        let mut names = self.names(outdated);
        let more = names.len().saturating_sub(NAMES_MAX);
        // In the place of a single name it could stand itself.
        if more > 1 && !self.long {
            names.truncate(NAMES_MAX);
            names.push(format!("{more} more"));
        }
        names
    }

    fn names(&self, outdated: &Outdated) -> Vec<String> {
        let name = |index: &usize| {
            let project = &self.subject.workspace.projects[*index];
            project.manifest.name.clone().unwrap_or_else(|| project.path.clone())
        };
        outdated.projects.iter().map(name).collect()
    }

    /// Returns the author's warning and the package's home page.
    fn details(&self, outdated: &Outdated) -> Vec<String> {
        let Some(project) = outdated.projects.first() else { return Vec::new() };
        let warning = self.subject.warning_of(*project, &outdated.alias).filter(|_| outdated.current_is_deprecated);
        let homepage = about(&self.subject.place_of(*project, &outdated.alias)).homepage;
        warning.map(str::to_owned).into_iter().chain(homepage).collect()
    }
}

fn cells(outdated: &Outdated) -> Vec<String> {
    let name = if outdated.alias == outdated.name { outdated.name.clone() } else { format!("{} ({})", outdated.alias, outdated.name) };
    let group = match list_name(outdated.group) {
        "devDependencies" => " (dev)",
        "optionalDependencies" => " (optional)",
        _ => "",
    };
    let current = outdated.current.as_deref().unwrap_or("missing");
    let current = if outdated.current_is_deprecated { format!("{current} deprecated") } else { current.to_owned() };
    let none = || "-".to_owned();
    let latest = match outdated.latest_is_deprecated {
        true => "Deprecated".to_owned(),
        false => outdated.latest.clone().unwrap_or_else(none),
    };
    vec![format!("{name}{group}"), current, outdated.wanted.clone().unwrap_or_else(none), latest]
}

/// Lays names out in lines of so many characters; one that is longer has a line of its own.
fn wrapped(names: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let comma = if number + 1 < names.len() { "," } else { "" };
        let length = |text: &str| text.chars().count();
        match lines.last_mut().filter(|line| length(line) + length(name) + 2 <= width) {
            Some(line) => line.push_str(&format!(" {name}{comma}")),
            None => lines.push(format!("{name}{comma}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn names_are_laid_out_in_lines() {
        let names = ["web", "docs", "@acme/a-long-name", "ui"].map(str::to_owned);
        assert_eq!(wrapped(&names, 12), ["web, docs,", "@acme/a-long-name,", "ui"]);
        assert_eq!(wrapped(&names[..1], 3), ["web"]);
    }
}
