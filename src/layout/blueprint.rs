//! A finished `node_modules` as steps, for whoever wants the same one again.
//!
//! [`draw`] writes down what an install has built, from its record; [`Site`] carries that out where nothing stands yet.
//! The steps come in parts, and the parts in [`Phase`]s. The parts of one phase can be carried out in any order, on several
//! threads; which of the phases before have to be done by then, each phase says.
//! The record is the last part, as it is.
//!
//! Nothing here repairs anything. A step that finds something in its way is a surprise and ends it, and what was built so
//! far is what an install leaves that was killed: the next one, with a plan of its own, sweeps or uses it.

use super::apply::{MODE, write_record};
use super::folder::{Folder, make_of_links};
use super::link::join;
use super::plan::{LinkTarget, Wanted};
use super::record::{FILE_NAME, LinkText, Record, RecordedFolder, RecordedSlot};
use super::survey::{commands_of_shared, may_have_leftovers};
use super::{LayoutError, Places};
use crate::store::steps::{Steps, put_part, put_text};
use crate::store::{Loads, Looked, Reach, StoredPackage, Surprise};
use rustc_hash::FxHashSet;
use rustix::fs::{Mode, OFlags};
use std::cmp::Reverse;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Make a folder: its place.
const FOLDER: u8 = 1;
/// Set a link: its place, and what it says.
const LINK: u8 = 2;
/// Carry out a load: the place of the package's folder, which is there, and the steps.
const LOAD: u8 = 3;
/// Go to the folder of links of a project, which the places that follow are relative to: its path from the root.
const PROJECT: u8 = 4;
/// Make the folder of a slot and the one in it: its name.
const SLOT: u8 = 5;

/// How many steps are worth a part of their own, about: the last part should not keep one thread busy alone.
const STEPS_PER_PART: usize = 300;
/// Packages with more files come in several parts.
const FILES_MAX: usize = 600;

/// What [`draw`] wrote down.
#[derive(Debug, Default)]
pub struct Drawing {
    /// The parts of all phases, and behind them the record.
    pub parts: Vec<Vec<u8>>,
    /// The number of the part behind each phase.
    pub ends: [usize; Phase::ALL.len()],
    /// Slots in the store that have to stand there.
    pub shared: Vec<String>,
}

/// Parts that can be carried out at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The slots of packages with so many files that several parts bring them, with their folders and without those files.
    Folders,
    /// The other slots, and the hidden hoist. The largest parts come first.
    Slots,
    /// The files of the packages with many. Needs [`Phase::Folders`].
    Files,
    /// What projects see of them. Needs all of it, so that nobody finds a link to a slot that is not whole.
    Projects,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Phase; 4] = [Phase::Folders, Phase::Slots, Phase::Files, Phase::Projects];
}

/// Parts that are being filled.
#[derive(Default)]
struct Parts {
    full: Vec<(usize, Vec<u8>)>,
    open: Vec<u8>,
    steps: usize,
}

/// Parts of the packages with many files.
#[derive(Default)]
struct Large {
    slots: Parts,
    files: Parts,
}

impl Parts {
    /// Counts steps that were added, and begins a new part after enough of them.
    fn count(&mut self, steps: usize) {
        self.steps += steps;
        if self.steps >= STEPS_PER_PART {
            self.full.push((std::mem::take(&mut self.steps), std::mem::take(&mut self.open)));
        }
    }

    /// Returns the parts, the largest first. Two that follow each other come from different halves: threads that fill one
    /// folder at the same time get in each other's way.
    fn finish(mut self) -> impl Iterator<Item = Vec<u8>> {
        if !self.open.is_empty() {
            self.full.push((self.steps, self.open));
        }
        self.full.sort_by_key(|(steps, _)| Reverse(*steps));
        let later = self.full.split_off(self.full.len().div_ceil(2));
        let mut later = later.into_iter();
        let pairs = self.full.into_iter().flat_map(move |part| [Some(part), later.next()]);
        pairs.flatten().map(|(_, part)| part)
    }
}

/// Writes down what an install of `wanted` left in `places`. `package` returns what the store has under a content.
/// Nothing when it cannot be written down, or not as something that can be done again.
pub fn draw<'a>(wanted: &Wanted, places: &Places, package: impl Fn(&str) -> Option<&'a StoredPackage>) -> Option<Drawing> {
    let record_bytes = std::fs::read(places.root.join(places.virtual_dir.as_str()).join(FILE_NAME)).ok()?;
    let record = Record::decode(&record_bytes).filter(|record| record.complete && record.slots.len() == wanted.slots.len())?;
    let hidden_path = join(places.virtual_dir.as_str(), "node_modules");
    let (hidden, projects): (Vec<_>, Vec<_>) = record.folders.iter().partition(|folder| folder.path == hidden_path);
    let (mut slots, mut large, mut links, mut looked) = (Parts::default(), Large::default(), Parts::default(), Looked::default());
    for folder in hidden {
        put_folder(&mut slots.open, "node_modules")?;
        put_links(&mut slots, "node_modules/", folder)?;
    }
    for slot in record.slots.iter().filter(|slot| !slot.shared) {
        if slot.private || slot.links.iter().any(|(place, _)| place.contains("/node_modules/")) {
            // Scripts change its files, and nobody knows how; or it has links inside of its package.
            return None;
        }
        put_slot((&mut slots, &mut large), slot, package(&slot.content)?, &mut looked)?;
    }
    for folder in projects.into_iter().filter(|folder| !(folder.links.is_empty() && folder.bins.is_empty())) {
        links.open.push(PROJECT);
        put_text(&mut links.open, &folder.path)?;
        put_links(&mut links, "", folder)?;
    }
    let (mut parts, mut ends) = (Vec::new(), [0; Phase::ALL.len()]);
    for (end, phase) in ends.iter_mut().zip([large.slots, slots, large.files, links]) {
        parts.extend(phase.finish());
        *end = parts.len();
    }
    parts.push(record_bytes);
    Some(Drawing { parts, ends, shared: must_stand(wanted) })
}

/// Puts down a slot. The files of a package with many come later, in several parts.
fn put_slot((slots, large): (&mut Parts, &mut Large), slot: &RecordedSlot, package: &StoredPackage, looked: &mut Looked) -> Option<()> {
    let is_large = package.tree.len() > FILES_MAX;
    let loads = Loads::of(package, if is_large { STEPS_PER_PART } else { FILES_MAX }, looked)?;
    let slots = if is_large { &mut large.slots } else { slots };
    let modules = format!("{}/node_modules/", slot.name);
    let folder = format!("{modules}{}", slot.package);
    slots.open.push(SLOT);
    put_text(&mut slots.open, &slot.name)?;
    if let Some(scope) = slot.package.scope() {
        put_folder(&mut slots.open, &format!("{modules}{scope}"))?;
    }
    put_folder(&mut slots.open, &folder)?;
    let mut steps = 3;
    match &loads.files[..] {
        [] => put_load(&mut slots.open, &folder, &loads.folders)?,
        [(files, count)] => {
            put_load(&mut slots.open, &folder, &[&loads.folders[..], files].concat())?;
            steps += count;
        }
        several => {
            put_load(&mut slots.open, &folder, &loads.folders)?;
            for (files, count) in several {
                put_load(&mut large.files.open, &folder, files)?;
                large.files.count(*count);
            }
        }
    }
    let own_scope = slot.package.scope().map(str::to_owned);
    steps += put_link_list(&mut slots.open, &modules, &slot.links, own_scope)? + put_bins(&mut slots.open, &modules, &slot.bins)?;
    // Only now: a part must not end between the folders of a slot and what goes into them.
    slots.count(steps);
    Some(())
}

fn put_load(steps: &mut Vec<u8>, folder: &str, load: &[u8]) -> Option<()> {
    if !load.is_empty() {
        steps.push(LOAD);
        put_text(steps, folder)?;
        put_part(steps, load)?;
    }
    Some(())
}

fn put_links(parts: &mut Parts, above: &str, folder: &RecordedFolder) -> Option<()> {
    let steps = put_link_list(&mut parts.open, above, &folder.links, None)? + put_bins(&mut parts.open, above, &folder.bins)?;
    parts.count(steps);
    Some(())
}

/// Puts down links and the folders that they need; `made` is one that is there.
fn put_link_list(steps: &mut Vec<u8>, above: &str, links: &[LinkText], made: Option<String>) -> Option<usize> {
    let mut made: FxHashSet<String> = made.into_iter().collect();
    for (place, text) in links {
        if let Some((folder, _)) = place.rsplit_once('/')
            && !made.contains(folder)
        {
            put_folder(steps, &format!("{above}{folder}"))?;
            made.insert(folder.to_owned());
        }
        put_link(steps, &format!("{above}{place}"), text)?;
    }
    Some(links.len() + made.len())
}

fn put_bins(steps: &mut Vec<u8>, above: &str, bins: &[LinkText]) -> Option<usize> {
    if !bins.is_empty() {
        put_folder(steps, &format!("{above}.bin"))?;
    }
    bins.iter().try_for_each(|(command, text)| put_link(steps, &format!("{above}.bin/{command}"), text))?;
    Some(bins.len())
}

fn put_folder(steps: &mut Vec<u8>, place: &str) -> Option<()> {
    steps.push(FOLDER);
    put_text(steps, place)
}

fn put_link(steps: &mut Vec<u8>, place: &str, text: &str) -> Option<()> {
    steps.push(LINK);
    put_text(steps, place)?;
    put_text(steps, text)
}

/// The shared slots that something of the project links to, and those that form a circle with one of them. One that stands
/// proves that everything below it does.
fn must_stand(wanted: &Wanted) -> Vec<String> {
    let local = wanted.slots.iter().filter(|slot| !slot.shared).flat_map(|slot| &slot.links);
    let direct = wanted.importers.iter().flat_map(|folder| folder.links.iter().chain(&folder.hoisted));
    let linked: FxHashSet<usize> = direct
        .chain(local)
        .filter_map(|link| match link.to {
            LinkTarget::Slot(slot) if wanted.slots[slot].shared => Some(slot),
            _ => None,
        })
        .collect();
    let circles = wanted.components.iter().filter(|members| members.iter().any(|member| linked.contains(member)));
    circles.flatten().map(|slot| wanted.slots[*slot].name.clone()).collect()
}

/// A project in which nothing stands yet, and in which a [`Drawing`] is carried out.
#[derive(Debug)]
pub struct Site {
    places: Places,
    slots: Folder,
}

impl Site {
    /// Opens the folder of slots, and makes it if need be. Nothing when something of deka stands there already, or when one
    /// of the slots that have to stand in the store does not. `projects` are the paths of all projects.
    pub fn open<'a>(places: &Places, projects: impl Iterator<Item = &'a str>, shared: &[String]) -> Result<Option<Site>, LayoutError> {
        let root = Folder::open_trusted(&places.root)?;
        if may_have_leftovers(&root, projects, places)? {
            return Ok(None);
        }
        if let Some(folder) = &places.shared
            && !shared.iter().all(|slot| commands_of_shared(Path::new(folder), slot).is_some())
        {
            return Ok(None);
        }
        Ok(Some(Site { places: places.clone(), slots: root.make(places.virtual_dir.as_str())? }))
    }

    /// Carries a part out, on any thread. Returns how many slots it built.
    pub fn carry_out(&self, part: &[u8], reach: &mut Reach<'_>) -> Result<usize, Surprise> {
        let mut steps = Steps::new(part);
        let mut project: Option<Folder> = None;
        let mut built = 0;
        while let Some(kind) = steps.byte() {
            let place = steps.place().ok_or(Surprise::Unreadable)?;
            let above = project.as_ref().map_or_else(|| self.slots.handle(), Folder::handle);
            match kind {
                FOLDER => rustix::fs::mkdirat(above, place, MODE).map_err(Surprise::refused("create", place))?,
                LINK => {
                    let text = steps.text().ok_or(Surprise::Unreadable)?;
                    rustix::fs::symlinkat(text, above, place).map_err(Surprise::refused("link", place))?;
                }
                LOAD => {
                    let load = steps.part().ok_or(Surprise::Unreadable)?;
                    let folder = rustix::fs::openat(above, place, OPEN, Mode::empty()).map_err(Surprise::refused("open", place))?;
                    reach.put(load, folder.as_fd())?;
                }
                SLOT => {
                    let name = place.to_str().map_err(|_| Surprise::Unreadable)?;
                    make_slot(above, name).map_err(Surprise::refused("create", place))?;
                    built += 1;
                }
                PROJECT => {
                    let path = place.to_str().map_err(|_| Surprise::Unreadable)?;
                    project = Some(make_of_links(&self.places, path).map_err(|error| Surprise::Folder(error.to_string()))?);
                }
                _ => return Err(Surprise::Unreadable),
            }
        }
        Ok(built)
    }

    /// Writes the record, the last of all steps.
    pub fn finish(&self, record: &[u8]) -> Result<(), LayoutError> {
        write_record(&self.slots, record)
    }
}

/// Only to reach what is in it.
const OPEN: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn make_slot(above: BorrowedFd<'_>, name: &str) -> rustix::io::Result<()> {
    rustix::fs::mkdirat(above, name, MODE)?;
    rustix::fs::mkdirat(above, format!("{name}/node_modules"), MODE)
}

#[cfg(test)]
mod tests {
    use super::{FOLDER, LINK, LOAD, PROJECT, SLOT, Site};
    use crate::layout::Places;
    use crate::package::path::RelPath;
    use crate::store::steps::{put_part, put_text};
    use crate::store::{Mode, Store, Surprise};
    use proptest::prelude::*;
    use std::path::Path;
    use tempfile::TempDir;

    fn site(folder: &Path) -> (Site, Store) {
        let inside = |path| RelPath::parse(path).expect("a path");
        let root = folder.join("project");
        let places = Places { root, modules_dir: inside("node_modules"), virtual_dir: inside("node_modules/.deka"), shared: None };
        let store = Store::open(&folder.join("store"), Mode::ReadWrite).expect("a store");
        (Site::open(&places, std::iter::once("."), &[]).expect("no fault").expect("nothing stands there"), store)
    }

    fn step(kind: u8, texts: &[&str]) -> Vec<u8> {
        let mut step = vec![kind];
        texts.iter().for_each(|text| put_text(&mut step, text).expect("a text"));
        step
    }

    /// Lists everything in a folder but for what is in the store: its index appears while it is in use, and before that
    /// the file that becomes the index.
    fn names(folder: &Path) -> Vec<String> {
        let store = format!("{}/", folder.join("store").display());
        let mut names: Vec<String> = walk(folder).filter(|name| !name.starts_with(&store)).collect();
        names.sort();
        names
    }

    fn walk(folder: &Path) -> impl Iterator<Item = String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.flat_map(|entry| {
            let below: Vec<String> =
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) { walk(&entry.path()).collect() } else { Vec::new() };
            std::iter::once(entry.path().to_string_lossy().into_owned()).chain(below)
        })
    }

    #[test]
    fn steps_that_lead_out_of_their_folder_are_not_carried_out() {
        let folder = TempDir::new().expect("a folder");
        let (site, store) = site(folder.path());
        let mut load = vec![LOAD];
        put_text(&mut load, "a").expect("a text");
        put_part(&mut load, &step(1, &["../../x"])).expect("a part");
        let before = names(folder.path());
        for bad in [
            step(FOLDER, &["../x"]),
            step(FOLDER, &["/tmp/x"]),
            step(LINK, &["a/../../../x", "y"]),
            step(SLOT, &[".."]),
            step(PROJECT, &["../elsewhere"]),
            vec![FOLDER],
            vec![99],
        ] {
            assert!(matches!(site.carry_out(&bad, &mut store.reach(false)), Err(Surprise::Unreadable)), "{bad:?}");
        }
        assert_eq!(names(folder.path()), before);
        let inside = [step(FOLDER, &["a"]), load].concat();
        assert!(matches!(site.carry_out(&inside, &mut store.reach(true)), Err(Surprise::Unreadable)));
        assert_eq!(names(folder.path()).len(), before.len() + 1, "the folder of the package, and nothing else");
    }

    #[test]
    fn what_stands_in_the_way_is_a_surprise() {
        let folder = TempDir::new().expect("a folder");
        let (site, store) = site(folder.path());
        assert_eq!(site.carry_out(&step(SLOT, &["a@1.0.0"]), &mut store.reach(false)).expect("carried out"), 1);
        for again in [step(SLOT, &["a@1.0.0"]), step(FOLDER, &["a@1.0.0/node_modules"]), step(LINK, &["a@1.0.0", "x"])] {
            assert!(matches!(site.carry_out(&again, &mut store.reach(false)), Err(Surprise::Refused { .. })), "{again:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn bytes_that_nobody_wrote_write_nothing_outside(bytes in prop::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..120)) {
            let folder = TempDir::new().expect("a folder");
            let (site, store) = site(folder.path());
            let outside = |names: Vec<String>| names.into_iter().filter(|name| !name.contains("/project/")).collect::<Vec<_>>();
            let before = outside(names(folder.path()));
            let _ = site.carry_out(&bytes, &mut store.reach(true));
            prop_assert_eq!(outside(names(folder.path())), before);
        }
    }
}
