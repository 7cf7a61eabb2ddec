//! The search for what no record knows, after an install that did not finish or whose record is lost.
//!
//! Everything among the slots and in the hidden hoist is deka's, so what is not wanted there goes. In the projects' own
//! folders only links into the slots are, and dangling commands; all else belongs to somebody.

use super::LayoutError;
use super::apply::Builder;
use super::aside::ASIDE;
use super::diff::wanted_folders;
use super::folder::{self, Folder};
use super::link::{join, relative};
use crate::fs::{Context, Result};
use rustc_hash::FxHashSet;
use rustix::fs::AtFlags;

/// Removes what nobody wants; returns the number of slots among it.
pub fn sweep(builder: &Builder) -> std::result::Result<usize, LayoutError> {
    let job = &builder.job;
    let slots: FxHashSet<&str> = job.wanted.slots.iter().filter(|slot| !slot.shared).map(|slot| slot.name.as_str()).collect();
    let mut removed = 0;
    for (name, is_folder) in builder.slots.list()? {
        let ours = name == "node_modules" || name.starts_with(ASIDE);
        if is_folder && !ours && !slots.contains(name.as_str()) {
            let path = builder.slots.path().join(&name);
            rustix::fs::renameat(builder.slots.handle(), &*name, builder.aside.folder.handle(), builder.aside.fresh())
                .at("remove", &path)?;
            removed += 1;
        }
    }
    let hidden = join(job.places.virtual_dir.as_str(), "node_modules");
    let wanted = wanted_folders(&job.wanted, &job.places, &job.work.untouched);
    let places = |path: &str| -> FxHashSet<&str> {
        let links = wanted.iter().filter(|(folder, _)| folder == path).flat_map(|(_, links)| links);
        links.map(|(place, _)| place.as_str()).collect()
    };
    if let Some(open) = folder::of_links(&job.places, &hidden) {
        let wanted = places(&hidden);
        for (place, _) in entries(&open)? {
            if !wanted.contains(place.as_str()) {
                crate::fs::remove_all(&open.path().join(place))?;
            }
        }
    }
    for importer in &job.wanted.importers {
        let path = join(&importer.path, job.places.modules_dir.as_str());
        if let Some(open) = folder::of_links(&job.places, &path) {
            sweep_project(builder, &open, &path, &places(&path))?;
        }
    }
    Ok(removed)
}

fn sweep_project(builder: &Builder, open: &Folder, path: &str, wanted: &FxHashSet<&str>) -> Result<()> {
    let places = &builder.job.places;
    for (place, text) in entries(open)? {
        let Some(text) = text.filter(|_| !wanted.contains(place.as_str())) else {
            continue;
        };
        let folder = place.split_once('/').map_or_else(|| path.to_owned(), |(scope, _)| join(path, scope));
        let into_slots = text.strip_prefix(&relative(&folder, places.virtual_dir.as_str()));
        let into_store = places.shared.as_ref().and_then(|shared| text.strip_prefix(&**shared));
        if into_slots.or(into_store).is_some_and(|rest| rest.starts_with('/')) {
            unlink(open, &place)?;
        }
    }
    let Some(bin) = open.open(".bin") else {
        return Ok(());
    };
    for (command, _) in bin.list()? {
        let found = rustix::fs::statat(bin.handle(), &*command, AtFlags::empty());
        if found.is_err_and(|errno| errno == rustix::io::Errno::NOENT) {
            unlink(&bin, &command)?;
        }
    }
    Ok(())
}

/// Lists what stands in a folder of links and in the scopes in it, with the text of what is a link.
fn entries(open: &Folder) -> Result<Vec<(String, Option<String>)>> {
    let mut entries = Vec::new();
    for (name, is_folder) in open.list()? {
        match open.open(&name).filter(|_| is_folder && name.starts_with('@')) {
            None => entries.push((name.clone(), text(open, &name))),
            Some(scope) => {
                for (inner, _) in scope.list()? {
                    entries.push((format!("{name}/{inner}"), text(&scope, &inner)));
                }
            }
        }
    }
    Ok(entries)
}

fn text(open: &Folder, name: &str) -> Option<String> {
    rustix::fs::readlinkat(open.handle(), name, Vec::new()).ok()?.into_string().ok()
}

fn unlink(open: &Folder, place: &str) -> Result<()> {
    rustix::fs::unlinkat(open.handle(), place, AtFlags::empty()).at("remove", &open.path().join(place))
}
