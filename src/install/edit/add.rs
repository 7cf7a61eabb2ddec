//! `deka add`: packages are asked for in manifests.

use super::pattern::Patterns;
use super::place::{self, Named};
use super::range::Style;
use super::typed::{Asked, Typed};
use super::{Anew, Desk, Draft, Saving, Shared, catalog, open, selected};
use crate::error::{Code, Error};
use crate::install::failure;
use crate::install::news::Event;
use crate::package::name::PackageName;
use crate::project::catalogs::{self, Catalogs};
use crate::project::edit::{Document, List};
use crate::project::settings::{LinkWorkspacePackages, WorkspaceProtocol};
use crate::project::workspace::{Project, Workspace};
use std::collections::{BTreeMap, BTreeSet};
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
    /// The catalog that their ranges go to.
    pub catalog: Option<String>,
    /// Only take projects of the workspace.
    pub workspace: bool,
    /// Add to the root of a workspace though nobody has asked for that.
    pub to_root: bool,
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
    let projects = projects(add, workspace, desk)?;
    let typed = add.packages.iter().map(|text| Typed::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let (named, fetched) = place::name_all(typed, desk)?;
    check_once(&named)?;
    let catalogs = catalogs::read(workspace).map_err(failure::of_project)?;
    let mut draft = Draft { fetched: Mutex::new(fetched), ..Draft::default() };
    let mut directs: BTreeMap<String, BTreeSet<PackageName>> = BTreeMap::new();
    let mut soon = BTreeSet::new();
    for at in projects {
        let document = open(&workspace.projects[at])?;
        for Named { alias, asked } in &named {
            let before = existing(&document, alias);
            let lists = lists(add, &document, alias);
            let entry = match &add.catalog {
                Some(catalog) => shared(&mut draft, (catalog, alias, at), asked, &catalogs, desk)?,
                None => match own_project(add, alias, asked, before.as_deref(), workspace, desk)? {
                    Some(specifier) => Entry { specifier, prefix: None },
                    None if is_shared(asked, before.as_deref(), alias, &catalogs) => {
                        Entry { specifier: catalog::specifier(catalogs::DEFAULT), prefix: None }
                    }
                    None => {
                        let entry = entry(asked, before.as_deref(), &workspace.projects[at], desk)?;
                        if !entry.specifier.contains([':', '/']) {
                            soon.insert(alias.clone());
                        }
                        entry
                    }
                },
            };
            put(&document, alias, &lists, &entry.specifier);
            if let Some(prefix) = entry.prefix {
                draft.savings.push(Saving { project: at, alias: alias.clone(), lists, prefix });
            }
        }
        directs.insert(workspace.projects[at].path.clone(), named.iter().map(|named| named.alias.clone()).collect());
        draft.change(workspace, at, &document)?;
    }
    draft.soon = soon;
    draft.take_followers(workspace, &mut directs);
    let names: Vec<String> = named.iter().map(|named| named.alias.to_string()).collect();
    draft.anew = Anew::Matching { directs, patterns: Patterns::parse(&names)?, depth: Some(0), is_known: false };
    Ok(draft)
}

/// Returns the projects to add to. The root of a workspace is not among them unless that is what was asked for: what is
/// added there by accident is there for all projects.
fn projects(add: &Add, workspace: &Workspace, desk: &Desk<'_>) -> Result<Vec<usize>, Error> {
    let asked = &desk.task.selection;
    let mut projects = selected(workspace, desk)?;
    if asked.recursive && asked.filters.is_empty() && !asked.workspace_root && workspace.projects.len() > 1 {
        projects.retain(|project| *project != 0);
    }
    if projects == [0] && workspace.projects.len() > 1 && !asked.is_given() && !add.to_root {
        return Err(Error::new(Code::Usage, "this would add to the root of the workspace, and to none of its projects")
            .hint("Go to the project, or name it with `--filter`. If the root is what you mean, say so with `-w` (`--workspace-root`)."));
    }
    Ok(projects)
}

/// Says whether a dependency is one that the workspace has a common range for.
fn is_shared(asked: &Asked, existing: Option<&str>, alias: &PackageName, catalogs: &Catalogs) -> bool {
    let entry = catalogs.get(catalogs::DEFAULT).and_then(|entries| entries.get(alias.as_str()));
    match (asked, entry) {
        (_, None) => false,
        (Asked::Any, Some(_)) => existing.is_none(),
        (Asked::Verbatim(text), Some(entry)) => text == entry,
        _ => false,
    }
}

/// Puts the range of a dependency into a catalog. An entry that is there stays, unless another one is asked for.
fn shared(
    draft: &mut Draft,
    (catalog, alias, project): (&str, &PackageName, usize),
    asked: &Asked,
    catalogs: &Catalogs,
    desk: &Desk<'_>,
) -> Result<Entry, Error> {
    let save = &desk.settings.save;
    let is_there = catalogs.get(catalog).is_some_and(|entries| entries.contains_key(alias.as_str()));
    let change = match asked {
        Asked::Any if is_there => None,
        Asked::Any => Some(("latest".to_owned(), Some(save.prefix.clone()))),
        Asked::Tag(name, tag) => Some((format!("{name}{tag}"), Some(format!("{name}{}", save.prefix)))),
        Asked::Verbatim(text) => match Style::of(text) {
            Some(style) => Some((text.clone(), save.exact.then(|| style.name.to_owned()))),
            None => return Err(not_for_catalogs(alias)),
        },
        Asked::Path { .. } | Asked::Address(_) => return Err(not_for_catalogs(alias)),
    };
    if let Some((specifier, prefix)) = change {
        draft.shared.insert((catalog.to_owned(), alias.clone()), Shared { project, specifier, prefix });
    }
    Ok(Entry { specifier: catalog::specifier(catalog), prefix: None })
}

fn not_for_catalogs(alias: &PackageName) -> Error {
    Error::new(Code::Usage, format!("`{alias}` cannot be saved in a catalog: only ranges and tags of a registry's packages can"))
}

/// Returns the specifier of a dependency that is a project of the same workspace.
fn own_project(
    add: &Add,
    alias: &PackageName,
    asked: &Asked,
    existing: Option<&str>,
    workspace: &Workspace,
    desk: &Desk<'_>,
) -> Result<Option<String>, Error> {
    let save = &desk.settings.save;
    let is_linking = desk.settings.resolution.link_workspace_packages != LinkWorkspacePackages::Never;
    let protocol = match save.workspace_protocol {
        // A plain range would be looked for in a registry.
        WorkspaceProtocol::Absent if !is_linking => WorkspaceProtocol::Rolling,
        other => other,
    };
    let project = workspace.projects.iter().find(|project| project.name() == Some(alias.as_str()));
    match (asked, project) {
        _ if !add.workspace && !is_linking => {
            if existing.is_none() && project.is_some() && matches!(asked, Asked::Any) {
                (desk.listener)(Event::Warning(format!(
                    "`{alias}` is a project of this workspace, but is asked of a registry; `--workspace` takes the project"
                )));
            }
            Ok(None)
        }
        (Asked::Any, _) if !add.workspace && existing.is_some() => Ok(None),
        (Asked::Any, Some(project)) => Ok(Some(match (protocol, &project.manifest.version) {
            (WorkspaceProtocol::Rolling, _) | (_, None) if save.prefix.is_empty() => "workspace:*".to_owned(),
            (WorkspaceProtocol::Rolling, _) | (_, None) => format!("workspace:{}", save.prefix),
            (WorkspaceProtocol::Versioned, Some(version)) => format!("workspace:{}{version}", save.prefix),
            (WorkspaceProtocol::Absent, Some(version)) => format!("{}{version}", save.prefix),
        })),
        (Asked::Verbatim(text), Some(_)) if add.workspace && Style::of(text).is_some() => Ok(Some(format!("workspace:{text}"))),
        (_, None) if add.workspace => Err(Error::new(
            Code::Workspace,
            format!("`{alias}` cannot be added with `--workspace`: no project of the workspace has that name"),
        )),
        _ => Ok(None),
    }
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
