//! From what is wanted and what stands, what is to be done.
//!
//! Pure. Only what differs is in the result, so that an install touches nothing else.

use super::Places;
use super::link::join;
use super::plan::{Link, Slot, Wanted};
use super::record::{Command, LinkText, Record, RecordedFolder, RecordedSlot};
use super::stay;
use super::survey::Survey;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Slots that are built, as indices into [`Wanted::slots`].
    pub build: Vec<usize>,
    /// Slots that stay but whose links change.
    pub relink: Vec<Relink>,
    /// Names of slots of the project that go.
    pub remove: Vec<String>,
    /// Folders of links that change.
    pub folders: Vec<FolderWork>,
    /// Whether there is a record on disk that has to be cut down first.
    pub recorded: bool,
    /// Folders of unfinished work that stand among the slots.
    pub abandoned: Vec<String>,
    /// Whether what nobody knows is looked for and removed.
    pub sweep: bool,
    /// The record while the work is under way: the slots that stay, with all links that stand or did. What is still
    /// true of the links is looked at when an install finds this record.
    pub keep: Record,
    /// What stands for projects that the plan does not speak of, and stays.
    pub untouched: Record,
    /// The commands of the slots that are not built, where they are known; parallel to [`Wanted::slots`].
    pub commands: Vec<Option<Vec<Command>>>,
}

/// Links of one slot that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relink {
    /// The slot, as an index into [`Wanted::slots`].
    pub slot: usize,
    /// Links that are set or replaced.
    pub put: Vec<LinkText>,
    /// Links that go.
    pub drop: Vec<LinkText>,
}

/// Links of one folder that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderWork {
    /// The folder, relative to the root.
    pub path: String,
    /// Links that are set or replaced.
    pub put: Vec<LinkText>,
    /// Links that go.
    pub drop: Vec<LinkText>,
}

impl Work {
    /// Says whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.build.is_empty() && self.relink.is_empty() && self.remove.is_empty() && self.folders.is_empty() && !self.sweep
    }
}

/// Compares what is wanted with what stands.
pub fn diff(wanted: &Wanted, mut survey: Survey, places: &Places) -> Work {
    let untouched = stay::untouched(wanted, &survey.record, places);
    let mut work = Work {
        recorded: survey.recorded,
        abandoned: std::mem::take(&mut survey.abandoned),
        sweep: survey.leftovers,
        commands: vec![None; wanted.slots.len()],
        ..Work::default()
    };
    let mut standing: FxHashMap<String, Arc<RecordedSlot>> =
        survey.record.slots.drain(..).filter(|slot| !slot.shared).map(|slot| (slot.name.clone(), slot)).collect();
    for (index, slot) in wanted.slots.iter().enumerate() {
        if slot.shared {
            if survey.standing[index] {
                work.commands[index] = survey.commands.remove(&index);
            } else {
                work.build.push(index);
            }
        } else {
            match standing.remove(&slot.name).filter(|recorded| is_of(recorded, slot)) {
                Some(recorded) => keep_slot(index, slot, recorded, &mut work),
                None => work.build.push(index),
            }
        }
    }
    for slot in &untouched.slots {
        standing.remove(&slot.name);
    }
    work.keep.slots.extend(untouched.slots.iter().cloned());
    work.remove = standing.into_keys().collect();
    work.remove.sort();
    let mut recorded: FxHashMap<String, Arc<RecordedFolder>> =
        survey.record.folders.into_iter().map(|folder| (folder.path.clone(), folder)).collect();
    let planned = planned_folders(wanted, places, &untouched);
    let others = other_folders(&planned, &untouched).filter_map(|folder| recorded.remove(&folder.path));
    work.keep.folders.extend(others);
    for (path, links) in planned {
        compare_folder(path, links, &mut recorded, &mut work);
    }
    let mut gone: Vec<String> = recorded.keys().cloned().collect();
    gone.sort();
    for path in gone {
        compare_folder(path, Vec::new(), &mut recorded, &mut work);
    }
    work.untouched = untouched;
    work
}

/// The folders of links that are wanted or stay, by their path, with the links in the order of their places.
pub fn wanted_folders(wanted: &Wanted, places: &Places, untouched: &Record) -> Vec<(String, Vec<LinkText>)> {
    let mut folders = planned_folders(wanted, places, untouched);
    let others: Vec<_> = other_folders(&folders, untouched).map(|folder| (folder.path.clone(), folder.links.clone())).collect();
    folders.extend(others);
    folders
}

/// Those of them that a plan speaks of, with what stays in them.
pub(super) fn planned_folders(wanted: &Wanted, places: &Places, untouched: &Record) -> Vec<(String, Vec<LinkText>)> {
    let text = |link: &Link| (link.alias.to_string(), link.text.clone());
    let mut folders: Vec<(String, Vec<LinkText>)> = Vec::with_capacity(wanted.importers.len() + 1);
    if !wanted.hidden.is_empty() {
        folders.push((join(places.virtual_dir.as_str(), "node_modules"), wanted.hidden.iter().map(text).collect()));
    }
    for folder in &wanted.importers {
        let mut links: Vec<LinkText> = folder.links.iter().chain(&folder.hoisted).map(text).collect();
        links.sort();
        if !links.is_empty() {
            folders.push((join(&folder.path, places.modules_dir.as_str()), links));
        }
    }
    for folder in untouched.folders.iter().filter(|folder| !folder.links.is_empty()) {
        // The hidden hoist, which all projects have in common.
        if let Some((_, links)) = folders.iter_mut().find(|(path, _)| *path == folder.path) {
            links.extend(folder.links.iter().cloned());
            links.sort();
        }
    }
    folders
}

/// Those that stay as they are.
pub(super) fn other_folders<'a>(
    planned: &[(String, Vec<LinkText>)],
    untouched: &'a Record,
) -> impl Iterator<Item = &'a Arc<RecordedFolder>> {
    untouched.folders.iter().filter(|folder| !folder.links.is_empty() && planned.iter().all(|(path, _)| *path != folder.path))
}

/// The links of a slot with their places in its `node_modules`.
pub fn wanted_links(slot: &Slot) -> Vec<LinkText> {
    slot.links.iter().map(|link| (slot.place_of(link), link.text.clone())).collect()
}

fn is_of(recorded: &RecordedSlot, slot: &Slot) -> bool {
    !recorded.unsettled && recorded.content == slot.content && recorded.private == slot.private && recorded.package == slot.package_name
}

fn keep_slot(index: usize, slot: &Slot, recorded: Arc<RecordedSlot>, work: &mut Work) {
    work.commands[index] = Some(recorded.commands.clone());
    let (put, drop) = if has_links(slot, &recorded.links) { Default::default() } else { compare(wanted_links(slot), &recorded.links) };
    if !put.is_empty() || !drop.is_empty() {
        work.relink.push(Relink { slot: index, put, drop });
    }
    work.keep.slots.push(recorded);
}

fn compare_folder(path: String, links: Vec<LinkText>, recorded: &mut FxHashMap<String, Arc<RecordedFolder>>, work: &mut Work) {
    let wanted = !links.is_empty();
    let nothing = || Arc::new(RecordedFolder { path: path.clone(), links: Vec::new(), bins: Vec::new() });
    let standing = recorded.remove(&path).unwrap_or_else(nothing);
    let (put, drop) = compare(links, &standing.links);
    if !put.is_empty() || !drop.is_empty() || (!wanted && !standing.bins.is_empty()) {
        work.folders.push(FolderWork { path, put, drop });
    }
    work.keep.folders.push(standing);
}

/// Says whether a slot has just these links; that is most often so, and takes no memory to find out.
fn has_links(slot: &Slot, recorded: &[LinkText]) -> bool {
    let mut place = String::new();
    let is_same = |(link, (recorded, text)): (&Link, &LinkText)| {
        place.clear();
        slot.push_place_of(link, &mut place);
        place == *recorded && link.text == *text
    };
    slot.links.len() == recorded.len() && slot.links.iter().zip(recorded).all(is_same)
}

/// Returns the links to set and those to remove. A link whose text changes is set, not removed: setting replaces it.
fn compare(wanted: Vec<LinkText>, standing: &[LinkText]) -> (Vec<LinkText>, Vec<LinkText>) {
    if wanted == standing {
        return (Vec::new(), Vec::new());
    }
    let mut places: FxHashMap<&str, &str> = standing.iter().map(|(place, text)| (place.as_str(), text.as_str())).collect();
    let mut put = wanted;
    put.retain(|(place, text)| places.remove(place.as_str()) != Some(text));
    let mut drop: Vec<LinkText> = places.into_iter().map(|(place, text)| (place.to_owned(), text.to_owned())).collect();
    drop.sort();
    (put, drop)
}
