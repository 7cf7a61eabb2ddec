//! What stays as it is when only some projects are laid out: the links of the others, and all that these lead to.

use super::Places;
use super::link::join;
use super::plan::Wanted;
use super::record::{Record, RecordedFolder, RecordedSlot};
use super::survey::{planned, slot_in};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Returns the part of a record that a plan does not speak of and that is not to be touched. Nothing, unless the plan is
/// for some projects only.
pub fn untouched(wanted: &Wanted, record: &Record, places: &Places) -> Record {
    if !wanted.partial {
        return Record::default();
    }
    let hidden = join(places.virtual_dir.as_str(), "node_modules");
    let planned = planned(wanted, places);
    let is_other = |folder: &&Arc<RecordedFolder>| folder.path != hidden && !planned.contains(&folder.path);
    let mut folders: Vec<Arc<RecordedFolder>> = record.folders.iter().filter(is_other).cloned().collect();
    let reached = reach(&folders, record);
    let wanted_slots: FxHashSet<&str> = wanted.slots.iter().map(|slot| slot.name.as_str()).collect();
    // The record does not say what shared slots lead to, so all of them stay.
    let stays =
        |slot: &&Arc<RecordedSlot>| (slot.shared || reached.contains(slot.name.as_str())) && !wanted_slots.contains(slot.name.as_str());
    let slots: Vec<Arc<RecordedSlot>> = record.slots.iter().filter(stays).cloned().collect();
    if let Some(hoisted) = record.folders.iter().find(|folder| folder.path == hidden) {
        let taken: FxHashSet<&str> = wanted.hidden.iter().map(|link| link.alias.as_str()).collect();
        let leads = |text: &str| slot_in(text).is_some_and(|slot| wanted_slots.contains(slot) || reached.contains(slot));
        let links = hoisted.links.iter().filter(|(place, text)| !taken.contains(place.as_str()) && leads(text));
        folders.push(Arc::new(RecordedFolder { path: hidden, links: links.cloned().collect(), bins: Vec::new() }));
    }
    Record { complete: true, slots, folders }
}

/// Returns the names of the slots that the links of some folders lead to, over the links that are recorded.
fn reach<'a>(folders: &'a [Arc<RecordedFolder>], record: &'a Record) -> FxHashSet<&'a str> {
    let slots: FxHashMap<&str, &RecordedSlot> = record.slots.iter().map(|slot| (slot.name.as_str(), &**slot)).collect();
    let mut reached = FxHashSet::default();
    let mut open: Vec<&str> = folders.iter().flat_map(|folder| &folder.links).filter_map(|(_, text)| slot_in(text)).collect();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            let links = slots.get(name).into_iter().flat_map(|slot| &slot.links);
            // Between slots a link says `../../b@1.0.0/node_modules/b`.
            open.extend(links.filter_map(|(_, text)| slot_in(text)));
        }
    }
    reached
}
