//! `deka update`: packages are brought up to date, within their ranges or beyond them.

use super::offers::Offers;
use super::pattern::Patterns;
use super::range::Style;
use super::{Anew, Desk, Draft, Saving, Shared, open, selected};
use crate::error::Error;
use crate::install::failure;
use crate::package::name::PackageName;
use crate::project::catalogs::{self, Catalogs};
use crate::project::edit::{Document, List};
use crate::project::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet};

/// What is updated, and how far.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Names and globs; `!` takes away. None means everything.
    pub patterns: Vec<String>,
    /// Go beyond the ranges, to what `latest` points at.
    pub latest: bool,
    /// The lists whose dependencies are meant; empty for all.
    pub lists: Vec<List>,
    /// How many steps below direct dependencies it goes; nothing for all the way down.
    pub depth: Option<usize>,
    /// Leave the manifests as they are.
    pub no_save: bool,
}

/// Changes the manifests in memory.
pub(super) fn draft(update: &Update, workspace: &mut Workspace, desk: &Desk<'_>) -> Result<Draft, Error> {
    let patterns = Patterns::parse(&update.patterns)?;
    let catalogs = catalogs::read(workspace).map_err(failure::of_project)?;
    let offers = if update.latest { offers(update, &patterns, (workspace, &catalogs), desk)? } else { Offers::default() };
    let mut draft = Draft::default();
    let mut directs: BTreeMap<String, BTreeSet<PackageName>> = BTreeMap::new();
    for at in selected(workspace, desk)? {
        let document = open(&workspace.projects[at])?;
        let listed = listed(update, &document);
        let meant = || listed.iter().filter(|(_, alias, _)| patterns.admit(alias.as_str()));
        for (list, alias, specifier) in meant().filter(|_| !update.no_save) {
            if let Some(catalog) = catalogs::asked(specifier) {
                share(&mut draft, (catalog, alias, at), &catalogs, (update, &offers), desk);
            } else if let Some((specifier, prefix)) = entry((alias, specifier), (update, &offers), desk) {
                document.set(*list, alias.as_str(), &specifier);
                draft.savings.push(Saving { project: at, alias: alias.clone(), lists: vec![*list], prefix });
            }
        }
        // Below a direct dependency that is not meant there may be something that is.
        directs.insert(workspace.projects[at].path.clone(), listed.iter().map(|(_, alias, _)| alias.clone()).collect());
        draft.change(workspace, at, &document)?;
    }
    draft.take_followers(workspace, &mut directs);
    draft.anew = Anew::Matching { directs, patterns, depth: if update.latest { Some(0) } else { update.depth }, is_known: true };
    Ok(draft)
}

/// Updates the entry of a catalog that a dependency asks for.
fn share(
    draft: &mut Draft,
    (catalog, alias, project): (&str, &PackageName, usize),
    catalogs: &Catalogs,
    (update, offers): (&Update, &Offers),
    desk: &Desk<'_>,
) {
    let entry_of_catalog = catalogs.get(catalog).and_then(|entries| entries.get(alias.as_str()));
    if let Some((specifier, prefix)) = entry_of_catalog.and_then(|text| entry((alias, text), (update, offers), desk)) {
        draft.shared.insert((catalog.to_owned(), alias.clone()), Shared { project, specifier, prefix: Some(prefix) });
    }
}

/// Asks what there is of everything that an update could take beyond its range.
fn offers(update: &Update, patterns: &Patterns, (workspace, catalogs): (&Workspace, &Catalogs), desk: &Desk<'_>) -> Result<Offers, Error> {
    let mut names = BTreeSet::new();
    for at in selected(workspace, desk)? {
        let listed = listed(update, &open(&workspace.projects[at])?);
        let meant = listed.iter().filter(|(_, alias, _)| patterns.admit(alias.as_str()));
        names.extend(meant.filter_map(|(_, alias, specifier)| {
            let shared = catalogs::asked(specifier).and_then(|catalog| catalogs.get(catalog)?.get(alias.as_str()));
            Style::of(shared.unwrap_or(specifier))?.package(alias)
        }));
    }
    Offers::ask(desk.sources, names)
}

/// Lists the dependencies that an update looks at: where they stand, their names and what is asked of them.
fn listed(update: &Update, document: &Document) -> Vec<(List, PackageName, String)> {
    let lists = [List::Prod, List::Dev, List::Optional].into_iter().filter(|list| update.lists.is_empty() || update.lists.contains(list));
    let entries = lists.flat_map(|list| {
        document.aliases(list).into_iter().filter_map(move |alias| {
            let specifier = document.get(list, &alias)?;
            Some((list, PackageName::parse(&alias).ok()?, specifier))
        })
    });
    entries.collect()
}

/// Returns what a dependency asks for while resolution goes on, and what is written before the version that it comes to;
/// nothing when its specifier stays as it is.
fn entry((alias, specifier): (&PackageName, &str), (update, offers): (&Update, &Offers), desk: &Desk<'_>) -> Option<(String, String)> {
    let style = Style::of(specifier)?;
    let name = style.package(alias)?;
    // Nobody is taken back: whoever asks for a prerelease may be ahead of `latest`.
    let is_ahead = || offers.in_range(&name, style.range) > offers.latest(&name);
    if !update.latest || is_ahead() {
        return style
            .operator
            .filter(|operator| !operator.is_empty())
            .map(|operator| (specifier.to_owned(), format!("{}{operator}", style.name)));
    }
    if style.is_any() {
        return None;
    }
    let default = if desk.settings.save.prefix == "~" { "~" } else { "^" };
    Some((format!("{}latest", style.name), format!("{}{}", style.name, style.closest(default))))
}
