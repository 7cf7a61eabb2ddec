//! What stands in a project before an install, and which shared slots stand in the store.
//!
//! The record of the last install is held against the disk: what is not there any more is struck out and so is made
//! again. That costs one list of the slots and a look at what the projects link to. After an install that did not finish
//! every slot and every link is looked at. Where only some projects are laid out, what the others link to is left to an
//! install of those. What the record does not know is not trusted: it is replaced where something is wanted in its place,
//! and swept otherwise.

use super::aside::{ASIDE, is_abandoned, unfinished_in};
use super::folder::{self, Folder};
use super::link::join;
use super::plan::{Link, LinkTarget, Wanted};
use super::record::{Command, FILE_NAME, Record, RecordedFolder, RecordedSlot, decode_commands};
use super::{LayoutError, Places};
use crate::project::folder::NAME as DEKA;
use crate::project::lock;
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::Path;
use std::sync::Arc;

/// The name of the file in a shared slot that says which commands its package has.
pub const COMMANDS: &str = "bins";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// What was recorded and still stands.
    pub record: Record,
    /// Whether there is a record on disk, be it one that is not believed.
    pub recorded: bool,
    /// Whether there may be leftovers of deka that the record does not know.
    pub leftovers: bool,
    /// Folders of unfinished work, of this process or another, that stand among the slots.
    pub abandoned: Vec<String>,
    /// Which of the wanted slots stand in the store with everything below them; parallel to [`Wanted::slots`].
    pub standing: Vec<bool>,
    /// The commands of those of them that were read, by their index.
    pub commands: FxHashMap<usize, Vec<Command>>,
}

/// What stands where slots are, before anybody says what is wanted there.
#[derive(Debug)]
pub struct Glance {
    /// The folder of slots.
    slots: Folder,
    /// Whether there is a record, be it a damaged one.
    recorded: bool,
    /// What it says.
    record: Option<Record>,
    /// What the folder holds, and whether it is folders.
    listed: Vec<(String, bool)>,
}

/// Reads the record and lists the slots; nothing when there is no folder of them.
pub fn glance(places: &Places) -> Result<Option<Glance>, LayoutError> {
    let Some(slots) = Folder::open_trusted(&places.root)?.open(places.virtual_dir.as_str()) else {
        return Ok(None);
    };
    let bytes = crate::fs::read_if_there(&slots.path().join(FILE_NAME))?;
    let record = bytes.as_deref().and_then(Record::decode);
    Ok(Some(Glance { listed: slots.list()?, recorded: bytes.is_some(), record, slots }))
}

/// Looks at a project and at the store. With `trust` false the record is not believed, and everything is built anew. What
/// was seen at a glance already is not looked at again.
pub fn survey(wanted: &Wanted, places: &Places, (trust, seen): (bool, Option<Glance>)) -> Result<Survey, LayoutError> {
    let mut found = Survey { standing: vec![false; wanted.slots.len()], ..Survey::default() };
    if let Some(shared) = &places.shared {
        look_into_store(wanted, Path::new(shared), &mut found);
    }
    let root = Folder::open_trusted(&places.root)?;
    let Some(Glance { slots, recorded, record, listed }) = (if seen.is_some() { seen } else { glance(places)? }) else {
        found.leftovers = may_have_leftovers(&root, paths(wanted), places)?;
        return Ok(found);
    };
    found.recorded = recorded;
    found.abandoned = unfinished_in(&listed);
    match record.filter(|_| trust) {
        None => found.leftovers = may_have_leftovers(&root, paths(wanted), places)?,
        Some(mut record) => {
            found.leftovers = !record.complete;
            let planned = planned(wanted, places);
            let is_concerned = |folder: &RecordedFolder| !wanted.partial || planned.contains(&folder.path);
            strike_slots((&slots, listed), places, &mut record, is_concerned);
            let hidden = join(places.virtual_dir.as_str(), "node_modules");
            for folder in &mut record.folders {
                // Nobody but an install that was killed is at work in the hidden hoist: it is there, or it is not.
                let is_there = || folder::of_links(places, &hidden).is_some();
                let passes = if folder.path == hidden { is_there() } else { !is_concerned(folder) };
                if !record.complete || !passes {
                    strike_links(places, Arc::make_mut(folder));
                }
            }
            found.record = record;
        }
    }
    Ok(found)
}

/// The folders of links that a plan speaks of, but for the hidden hoist.
pub(super) fn planned(wanted: &Wanted, places: &Places) -> FxHashSet<String> {
    paths(wanted).map(|path| join(path, places.modules_dir.as_str())).collect()
}

fn paths(wanted: &Wanted) -> impl Iterator<Item = &str> {
    wanted.importers.iter().map(|importer| importer.path.as_str())
}

/// Says whether an install that left no record may have left anything else: whether there is more than what the
/// project's lock needs. `projects` are the paths of all projects.
pub(super) fn may_have_leftovers<'a>(
    root: &Folder,
    mut projects: impl Iterator<Item = &'a str>,
    places: &Places,
) -> Result<bool, LayoutError> {
    let has_links = |path: &str| folder::of_links(places, &join(path, places.modules_dir.as_str())).is_some();
    if projects.any(|path| path != "." && has_links(path)) {
        return Ok(true);
    }
    let own = [DEKA, lock::NAME, places.virtual_dir.as_str().rsplit('/').next().unwrap_or_default()];
    for below in [&places.modules_dir, &places.virtual_dir] {
        let Some(folder) = root.open(below.as_str()) else { continue };
        // What packages land in while the tree is planned is nobody's leftover.
        let is_ours = |name: &str| own.contains(&name) || (name.starts_with(ASIDE) && !is_abandoned(&folder, name));
        if folder.list()?.iter().any(|(name, _)| !is_ours(name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Strikes out the slots that are not there. `is_concerned` says of which folders the links are followed.
fn strike_slots(
    (slots, listed): (&Folder, Vec<(String, bool)>),
    places: &Places,
    record: &mut Record,
    is_concerned: impl Fn(&RecordedFolder) -> bool,
) {
    let listed: FxHashSet<String> = listed.into_iter().filter(|(_, is_folder)| *is_folder).map(|(name, _)| name).collect();
    let hidden = join(places.virtual_dir.as_str(), "node_modules");
    let visible = record.folders.iter().filter(|folder| folder.path != hidden && is_concerned(folder)).flat_map(|folder| &folder.links);
    let direct: FxHashSet<&str> = visible.filter_map(|(_, text)| slot_in(text)).collect();
    let thorough = !record.complete;
    record.slots.retain_mut(|slot| {
        let look = thorough || direct.contains(slot.name.as_str());
        slot.shared || (listed.contains(&slot.name) && (!look || slot_stands(slots, slot, thorough)))
    });
}

/// The name of the slot that a link leads to.
pub(super) fn slot_in(text: &str) -> Option<&str> {
    // Segment by segment: there are thousands of links, and one or two segments stand behind what is looked for.
    let mut above = text;
    loop {
        above = above.rsplit_once('/')?.0;
        if let Some(slot) = above.strip_suffix("/node_modules") {
            return slot.rsplit('/').next();
        }
    }
}

fn slot_stands(slots: &Folder, slot: &mut Arc<RecordedSlot>, thorough: bool) -> bool {
    let modules = format!("{}/node_modules", slot.name);
    if !slots.is_folder(&format!("{modules}/{}", slot.package)) {
        return false;
    }
    if thorough {
        let slot = Arc::make_mut(slot);
        slot.links.retain(|(place, text)| slots.has_link(&format!("{modules}/{place}"), text));
        slot.bins.retain(|(command, text)| slots.has_link(&format!("{modules}/.bin/{command}"), text));
    }
    true
}

fn strike_links(places: &Places, folder: &mut RecordedFolder) {
    let Some(open) = folder::of_links(places, &folder.path) else {
        folder.links.clear();
        folder.bins.clear();
        return;
    };
    folder.links.retain(|(place, text)| open.has_link(place, text));
    match open.open(".bin") {
        Some(bin) => folder.bins.retain(|(command, text)| bin.has_link(command, text)),
        None => folder.bins.clear(),
    }
}

/// Reads which commands the package of a shared slot has; nothing when the slot does not stand.
pub fn commands_of_shared(shared: &Path, slot: &str) -> Option<Vec<Command>> {
    let bytes = std::fs::read(shared.join(slot).join(COMMANDS)).ok()?;
    decode_commands(&bytes)
}

/// Finds the shared slots that stand. A slot is published after everything that it links to, so one that is there
/// proves all below it; only in a circle each member is looked at.
fn look_into_store(wanted: &Wanted, shared: &Path, found: &mut Survey) {
    let mut component_of = vec![usize::MAX; wanted.slots.len()];
    for (component, members) in wanted.components.iter().enumerate() {
        members.iter().for_each(|member| component_of[*member] = component);
    }
    let local = wanted.slots.iter().filter(|slot| !slot.shared).flat_map(|slot| &slot.links);
    let direct = wanted.importers.iter().flat_map(|folder| folder.links.iter().chain(&folder.hoisted));
    let mut waiting: Vec<usize> = direct.chain(local).filter_map(|link| shared_target(wanted, link)).collect();
    let mut looked = vec![false; wanted.components.len()];
    while let Some(slot) = waiting.pop() {
        if found.standing[slot] && !found.commands.contains_key(&slot) {
            found.commands.extend(commands_of_shared(shared, &wanted.slots[slot].name).map(|commands| (slot, commands)));
        }
        if std::mem::replace(&mut looked[component_of[slot]], true) {
            continue;
        }
        let members = &wanted.components[component_of[slot]];
        for member in members {
            if found.standing[*member] {
                continue;
            }
            if let Some(commands) = commands_of_shared(shared, &wanted.slots[*member].name) {
                found.standing[*member] = true;
                found.commands.insert(*member, commands);
            }
        }
        let below = members.iter().flat_map(|member| &wanted.slots[*member].links).filter_map(|link| shared_target(wanted, link));
        if members.iter().all(|member| found.standing[*member]) {
            stand(wanted, below.collect(), &mut found.standing);
        } else {
            waiting.extend(below);
        }
    }
}

/// Marks slots and all that is below them.
fn stand(wanted: &Wanted, mut waiting: Vec<usize>, standing: &mut [bool]) {
    while let Some(slot) = waiting.pop() {
        if !std::mem::replace(&mut standing[slot], true) {
            waiting.extend(wanted.slots[slot].links.iter().filter_map(|link| shared_target(wanted, link)));
        }
    }
}

fn shared_target(wanted: &Wanted, link: &Link) -> Option<usize> {
    match link.to {
        LinkTarget::Slot(slot) if wanted.slots[slot].shared => Some(slot),
        _ => None,
    }
}
