//! The three forms of a list: a tree for people, JSON, and one folder a line.

use crate::inquiry::list::{Listing, Mark, Row};
use crate::inquiry::subject::Subject;
use crate::inquiry::{about, list_name};
use crate::project::workspace::Project;
use crate::report::text::clean;
use crate::report::tree::{Branch, heading, tree};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Lists that are to be shown.
pub(super) struct Shown<'a> {
    pub subject: &'a Subject,
    pub listings: &'a [Listing],
    /// Whether more is said of each package.
    pub long: bool,
}

impl Shown<'_> {
    /// Returns the lines for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for listing in self.listings {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(title(self.project(listing)));
            for (group, rows) in &listing.sections {
                lines.extend([String::new(), format!("{}:", list_name(*group))]);
                lines.extend(tree(&rows.iter().map(|row| self.branch(row)).collect::<Vec<_>>()));
            }
        }
        lines
    }

    fn branch(&self, row: &Row) -> Branch {
        let (notes, faults): (Vec<&Mark>, Vec<&Mark>) =
            row.marks.iter().partition(|mark| matches!(mark, Mark::Peer | Mark::Shown | Mark::Circular));
        let said = |marks: Vec<&Mark>| marks.into_iter().map(sentence).collect::<Vec<_>>();
        Branch {
            depth: row.depth + 1,
            name: row.alias.clone(),
            version: row.shown_version(),
            note: said(notes).join(" "),
            fault: said(faults).join(", "),
            details: if self.long { details(row) } else { Vec::new() },
        }
    }

    /// Returns the folders of the projects and of what they depend on, each once for a project.
    pub fn folders(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for listing in self.listings {
            let project = self.project(listing);
            let folder = project.folder.display();
            lines.push(if self.long { format!("{folder}:{}", named(project)) } else { folder.to_string() });
            let mut seen = BTreeSet::new();
            for row in listing.sections.iter().flat_map(|(_, rows)| rows) {
                let Some(folder) = row.path.as_ref().filter(|path| seen.insert(path.as_path())) else { continue };
                let folder = folder.display();
                lines.push(if self.long { format!("{folder}:{}@{}", row.name, row.version) } else { folder.to_string() });
            }
        }
        lines.iter().map(|line| clean(line)).collect()
    }

    /// Returns the document for programs: a list of projects, each with its lists of dependencies by alias.
    pub fn json(&self) -> Value {
        let project = |listing: &Listing| {
            let project = self.project(listing);
            let mut entry = Map::new();
            let is_private = project.fields.get("private").and_then(Value::as_bool).unwrap_or(false);
            entry.extend(project.name().map(|name| ("name".to_owned(), json!(name))));
            entry.extend(project.manifest.version.as_ref().map(|version| ("version".to_owned(), json!(version))));
            entry.insert("path".to_owned(), json!(project.folder));
            entry.insert("private".to_owned(), json!(is_private));
            for (group, rows) in &listing.sections {
                entry.insert(list_name(*group).to_owned(), Value::Object(self.nest(rows, 0)));
            }
            Value::Object(entry)
        };
        self.listings.iter().map(project).collect()
    }

    /// Nests rows by their depth. The depth of a list is bounded, so this is.
    fn nest(&self, rows: &[Row], depth: usize) -> Map<String, Value> {
        let mut entries = Map::new();
        let starts: Vec<usize> = rows.iter().enumerate().filter(|(_, row)| row.depth == depth).map(|(index, _)| index).collect();
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(rows.len());
            let mut entry = self.entry(&rows[*start]);
            let below = self.nest(&rows[start + 1..end], depth + 1);
            if !below.is_empty() {
                entry.insert("dependencies".to_owned(), Value::Object(below));
            }
            entries.insert(rows[*start].alias.clone(), Value::Object(entry));
        }
        entries
    }

    fn entry(&self, row: &Row) -> Map<String, Value> {
        let mut entry = Map::new();
        entry.insert("from".to_owned(), json!(row.name));
        entry.insert("version".to_owned(), json!(row.version));
        entry.extend(row.path.as_ref().map(|path| ("path".to_owned(), json!(path))));
        if self.long {
            let about = row.path.as_deref().map(about).unwrap_or_default();
            let said = [("description", about.description), ("repository", about.repository), ("homepage", about.homepage)];
            entry.extend(said.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?)))));
        }
        let mut problems = Vec::new();
        for mark in &row.marks {
            match mark {
                Mark::Peer => entry.extend([("peer".to_owned(), json!(true))]),
                Mark::Shown => entry.extend([("deduped".to_owned(), json!(true))]),
                Mark::Circular => entry.extend([("circular".to_owned(), json!(true))]),
                fault => problems.push(sentence(fault)),
            }
        }
        if !problems.is_empty() {
            entry.insert("problems".to_owned(), json!(problems));
        }
        entry
    }

    fn project(&self, listing: &Listing) -> &Project {
        &self.subject.workspace.projects[listing.project]
    }
}

/// Returns what stands above the lists of a project.
fn title(project: &Project) -> String {
    let is_private = project.fields.get("private").and_then(Value::as_bool).unwrap_or(false);
    let place = project.folder.display().to_string();
    heading(&named(project), &if is_private { format!("{place} (PRIVATE)") } else { place })
}

fn named(project: &Project) -> String {
    match (project.name(), &project.manifest.version) {
        (Some(name), Some(version)) => format!("{name}@{version}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => project.path.clone(),
    }
}

fn details(row: &Row) -> Vec<String> {
    let about = row.path.as_deref().map(about).unwrap_or_default();
    let place = row.path.as_ref().map(|path| path.display().to_string());
    [about.description, about.repository, about.homepage, place].into_iter().flatten().collect()
}

fn sentence(mark: &Mark) -> String {
    match mark {
        Mark::Peer => "peer".to_owned(),
        Mark::Shown => "[deduped]".to_owned(),
        Mark::Circular => "[circular]".to_owned(),
        Mark::UnmetPeer { peer } => format!("unmet peer {peer}"),
        Mark::WrongPeer { peer, found } => format!("wrong peer: wants {peer}, has {found}"),
        Mark::NotLocked => "not in deka.lock".to_owned(),
        Mark::NotAsked => "not in package.json".to_owned(),
        Mark::Asked(specifier) => format!("package.json asks for {specifier}"),
        Mark::Standing(what) => what.clone(),
    }
}
