//! `deka add`: packages are asked for in manifests.

use super::pattern::Patterns;
use super::place::{self, Named};
use super::range::Style;
use super::typed::{Asked, Typed};
use super::{Anew, Desk, Draft, Saving, open, selected};
use crate::error::{Code, Error};
use crate::package::name::PackageName;
use crate::project::edit::{Document, List};
use crate::project::workspace::{Project, Workspace};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What is added, and how.
#[derive(Clone, Debug, Default)]
pub struct Add {
    /// The packages, as they were typed.
    pub packages: Vec<String>,
    /// The list to put them into; nothing for where they are, else `dependencies`.
    pub list: Option<List>,
    /// Whether they become peers too.
    pub peer: bool,
}

/// How one package is written into one manifest.
struct Entry {
    /// What the manifest asks for while resolution goes on.
    specifier: String,
    /// What stands before the version when it is known; nothing when the specifier stays.
    prefix: Option<String>,
}

/// Changes the manifests in memory.
pub(super) fn draft(add: &Add, workspace: &mut Workspace, desk: &Desk<'_>) -> Result<Draft, Error> {
    let typed = add.packages.iter().map(|text| Typed::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let (named, fetched) = place::name_all(typed, desk)?;
    check_once(&named)?;
    let mut draft = Draft { fetched: Mutex::new(fetched), ..Draft::default() };
    let mut directs: BTreeMap<String, _> = BTreeMap::new();
    for at in selected(workspace, desk)? {
        let project = &workspace.projects[at];
        let document = open(project)?;
        for Named { alias, asked } in &named {
            let lists = lists(add, &document, alias);
            let entry = entry(asked, existing(&document, alias).as_deref(), project, desk)?;
            put(&document, alias, &lists, &entry.specifier);
            if let Some(prefix) = entry.prefix {
                draft.savings.push(Saving { project: at, alias: alias.clone(), lists, prefix });
            }
        }
        directs.insert(project.path.clone(), named.iter().map(|named| named.alias.clone()).collect());
        draft.change(workspace, at, &document)?;
    }
    let names: Vec<String> = named.iter().map(|named| named.alias.to_string()).collect();
    draft.anew = Anew::Matching { directs, patterns: Patterns::parse(&names)?, depth: Some(0), is_known: false };
    Ok(draft)
}

fn check_once(named: &[Named]) -> Result<(), Error> {
    let mut names: Vec<&PackageName> = named.iter().map(|named| &named.alias).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::new(Code::Usage, format!("`{}` is to be added twice", pair[0]))),
        None => Ok(()),
    }
}

/// Returns the lists that a dependency goes to.
fn lists(add: &Add, document: &Document, alias: &PackageName) -> Vec<List> {
    let installed = [List::Prod, List::Dev, List::Optional];
    let mut lists: Vec<List> = match add.list {
        Some(list) => vec![list],
        None => installed.into_iter().filter(|list| document.get(*list, alias.as_str()).is_some()).collect(),
    };
    if lists.is_empty() {
        // Whoever works on a package needs its peers too.
        lists.push(if add.peer { List::Dev } else { List::Prod });
    }
    if add.peer {
        lists.push(List::Peer);
    }
    lists
}

fn existing(document: &Document, alias: &PackageName) -> Option<String> {
    [List::Optional, List::Prod, List::Dev].into_iter().find_map(|list| document.get(list, alias.as_str()))
}

/// Puts a dependency into lists, and takes it out of the others that are installed.
fn put(document: &Document, alias: &PackageName, lists: &[List], specifier: &str) {
    for list in [List::Prod, List::Dev, List::Optional].iter().filter(|list| !lists.contains(list)) {
        document.remove(*list, alias.as_str());
    }
    lists.iter().for_each(|list| document.set(*list, alias.as_str(), specifier));
}

fn entry(asked: &Asked, existing: Option<&str>, project: &Project, desk: &Desk<'_>) -> Result<Entry, Error> {
    let save = &desk.settings.save;
    let style = existing.and_then(Style::of);
    let operator = || match style.as_ref().and_then(|style| style.operator) {
        Some(operator) if !save.exact => operator.to_owned(),
        _ => save.prefix.clone(),
    };
    let kept = |specifier: String| Entry { specifier, prefix: None };
    Ok(match asked {
        Asked::Any => match (existing, &style) {
            // What is there keeps its range, and moves up in it.
            (Some(existing), Some(Style { name, operator: Some(_), .. })) => {
                Entry { specifier: existing.to_owned(), prefix: Some(format!("{name}{}", operator())) }
            }
            (Some(existing), Some(_)) if !save.exact => kept(existing.to_owned()),
            (Some(existing), None) if existing.contains(':') => kept(existing.to_owned()),
            _ => Entry { specifier: "latest".to_owned(), prefix: Some(operator()) },
        },
        Asked::Tag(name, tag) => Entry { specifier: format!("{name}{tag}"), prefix: Some(format!("{name}{}", operator())) },
        Asked::Verbatim(text) => match Style::of(text) {
            Some(style) if save.exact => Entry { specifier: text.clone(), prefix: Some(style.name.to_owned()) },
            _ => kept(text.clone()),
        },
        Asked::Path { path, as_link } => kept(place::specifier(&desk.task.dir, path, *as_link, &project.folder)?),
        Asked::Address(url) => kept(url.clone()),
    })
}
