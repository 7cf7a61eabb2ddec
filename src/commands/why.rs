//! `deka why`

use super::Context;
use super::question::{self, Reach};
use crate::cli::Overrides;
use crate::cli::ls::Depth;
use crate::cli::why::Why;
use crate::error::{Code, Error};
use crate::inquiry::list_name;
use crate::inquiry::why::{Dependent, End, Found, Query, why};
use crate::report::text::{clean, count};
use crate::report::tree::{Branch, tree};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Prints who needs a package. Returns 0 when somebody does, 1 when nobody does.
pub(super) fn run(context: &Context, arguments: &Why) -> Result<u8, Error> {
    let names = question::names(&arguments.names)?;
    let (subject, projects) = question::subject(context, Overrides::new(), Reach::Workspace)?;
    subject.require_lockfile()?;
    let depth = match arguments.depth {
        Depth::Projects => Some(0),
        Depth::Levels(levels) => Some(levels),
        Depth::All => None,
    };
    let found = why(&subject, &Query { names: &names, projects: &projects, groups: question::groups(&arguments.lists), depth });
    let status = if found.is_empty() { 1 } else { 0 };
    if arguments.json {
        let document: Vec<Value> = found.iter().map(json_of).collect();
        let text = serde_json::to_string_pretty(&document).map_err(|error| Error::wrap(Code::Internal, &error))?;
        context.reporter.data(&text);
        return Ok(status);
    }
    for found in &found {
        tree(&branches(found)).iter().for_each(|line| context.reporter.data(line));
        context.reporter.data("");
    }
    context.reporter.data(&summary(&found, &arguments.names));
    Ok(status)
}

fn branches(found: &Found) -> Vec<Branch> {
    let root = Branch { name: found.name.clone(), version: found.version.clone(), note: found.context.clone(), ..Branch::default() };
    let branch = |dependent: &Dependent| Branch {
        depth: dependent.depth + 1,
        name: dependent.name.clone(),
        version: dependent.version.clone(),
        note: note(dependent),
        ..Branch::default()
    };
    std::iter::once(root).chain(found.dependents.iter().map(branch)).collect()
}

fn note(dependent: &Dependent) -> String {
    let list = dependent.project.as_ref().map(|(_, group)| list_name(*group));
    let how = match (list, &dependent.alias) {
        (Some(list), Some(alias)) => Some(format!("({list}, as {alias})")),
        (Some(list), None) => Some(format!("({list})")),
        (None, Some(alias)) => Some(format!("(as {alias})")),
        (None, None) => None,
    };
    let peer = dependent.is_peer.then(|| "peer".to_owned());
    let end = dependent.ends.map(|end| match end {
        End::Shown => "[deduped]".to_owned(),
        End::Circular => "[circular]".to_owned(),
        End::Depth => "[…]".to_owned(),
    });
    [how, peer, end].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Says how many versions were found of each package.
fn summary(found: &[Found], typed: &[String]) -> String {
    if found.is_empty() {
        return format!("Nothing here depends on {}.", clean(&typed.join(" ")));
    }
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Found { name, version, .. } in found {
        versions.entry(name).or_default().push(version);
    }
    if versions.len() > 3 {
        return format!("Found {} of {}", count(found.len() as u64, "instance"), count(versions.len() as u64, "package"));
    }
    let line = |(name, mut list): (&str, Vec<&str>)| {
        let instances = list.len();
        list.dedup();
        let more = if instances > list.len() { format!(" in {}", count(instances as u64, "context")) } else { String::new() };
        format!("Found {}{more} of {}", count(list.len() as u64, "version"), clean(name))
    };
    versions.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn json_of(found: &Found) -> Value {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), json!(found.name));
    entry.insert("version".to_owned(), json!(found.version));
    if !found.context.is_empty() {
        entry.insert("peers".to_owned(), json!(found.context));
    }
    entry.insert("dependents".to_owned(), nest(&found.dependents, 0));
    Value::Object(entry)
}

/// Nests rows by their depth, which is bounded.
fn nest(rows: &[Dependent], depth: usize) -> Value {
    let starts: Vec<usize> = rows.iter().enumerate().filter(|(_, row)| row.depth == depth).map(|(index, _)| index).collect();
    let entry = |(number, start): (usize, &usize)| {
        let end = starts.get(number + 1).copied().unwrap_or(rows.len());
        let row = &rows[*start];
        let mut entry = Map::new();
        entry.insert("name".to_owned(), json!(row.name));
        entry.insert("version".to_owned(), json!(row.version));
        if let Some((path, group)) = &row.project {
            entry.insert("project".to_owned(), json!(path));
            entry.insert("depField".to_owned(), json!(list_name(*group)));
        }
        entry.extend(row.alias.as_ref().map(|alias| ("alias".to_owned(), json!(alias))));
        if row.is_peer {
            entry.insert("peer".to_owned(), json!(true));
        }
        entry.extend(row.ends.map(|end| (end_name(end).to_owned(), json!(true))));
        if end > start + 1 {
            entry.insert("dependents".to_owned(), nest(&rows[start + 1..end], depth + 1));
        }
        Value::Object(entry)
    };
    starts.iter().enumerate().map(entry).collect()
}

fn end_name(end: End) -> &'static str {
    match end {
        End::Shown => "deduped",
        End::Circular => "circular",
        End::Depth => "cut",
    }
}
