//! The end of an install: shared slots are published, links set, what is unwanted removed, and the record written.
//!
//! The order is what makes an interruption harmless: slots before links to them, links away before the slots they lead
//! to, the record last.

use super::apply::{Builder, MODE, write_record};
use super::bins::{self, Candidate, Known};
use super::diff::{Relink, other_folders, planned_folders, wanted_links};
use super::folder::{self, Folder};
use super::link::join;
use super::plan::{Folder as Importer, LinkTarget};
use super::record::{Command, FILE_NAME, LinkText, Record, RecordedFolder, RecordedSlot, encode_commands};
use super::survey::{COMMANDS, commands_of_shared};
use super::warning::Warning;
use super::{LayoutError, Places, sweep};
use crate::fs::Context;
use crate::pool;
use rustc_hash::FxHashMap;
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::sync::Arc;

/// From so many slots on another thread sets links in less time than it takes to start one.
const WORTH_A_THREAD: usize = 64;

/// What an install did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Slots that were built.
    pub built: usize,
    /// Those of them whose packages may run scripts, as indices into [`Wanted::slots`]; see [`settle`].
    ///
    /// [`Wanted::slots`]: super::plan::Wanted::slots
    pub unsettled: Vec<usize>,
    /// Slots that were there already.
    pub kept: usize,
    /// Slots that were removed.
    pub removed: usize,
    /// Links of projects and of the hidden hoist that were set.
    pub linked: usize,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// Notes that the scripts of all packages that were built have run. Until then the record has these slots as
/// unfinished, so that a kill among the scripts makes the next install build them, and run the scripts, again.
pub fn settle(places: &Places) -> Result<(), LayoutError> {
    let slots = Folder::open_trusted(&places.root)?.make(places.virtual_dir.as_str())?;
    let bytes = crate::fs::read_if_there(&slots.path().join(FILE_NAME))?;
    let Some(mut record) = bytes.as_deref().and_then(Record::decode).filter(|record| record.slots.iter().any(|slot| slot.unsettled)) else {
        return Ok(());
    };
    record.slots.iter_mut().filter(|slot| slot.unsettled).for_each(|slot| Arc::make_mut(slot).unsettled = false);
    write_record(&slots, &record.encode())
}

impl Builder {
    /// Finishes the install. All slots that were to be built have been; otherwise nothing is changed and the first that
    /// is missing is named. After an error in the middle of it everything that links lead to stands, and the next install
    /// does the rest.
    pub fn finish(self) -> Result<Done, LayoutError> {
        let done = self.finish_work();
        if done.is_err() {
            // What went wrong is the news, and what stays behind is swept by the next install.
            let _ = self.clear();
        }
        // Of no use to anybody now, and large: the process ends soon, and does not have to take it apart.
        std::mem::forget((self.job, self.built));
        done
    }

    fn finish_work(&self) -> Result<Done, LayoutError> {
        if let Some(missing) = self.job.work.build.iter().find(|slot| self.built[**slot].get().is_none()) {
            return Err(LayoutError::Unbuilt { slot: self.job.wanted.slots[*missing].name.clone() });
        }
        let read = self.read_commands();
        let slots: Vec<&[Command]> = (0..self.built.len())
            .map(|slot| match self.built[slot].get() {
                Some(built) => &built.commands[..],
                None => self.job.work.commands[slot].as_deref().or(read[slot].as_deref()).unwrap_or_default(),
            })
            .collect();
        let known = Known { wanted: &self.job.wanted, slots: &slots, folders: &self.job.folder_commands };
        let mut done = Done { built: self.job.work.build.len(), ..Done::default() };
        done.kept = self.job.wanted.slots.len() - done.built;
        done.unsettled = self.job.work.build.iter().copied().filter(|slot| self.job.wanted.slots[*slot].private).collect();
        self.publish(&known)?;
        for relink in &self.job.work.relink {
            self.relink(relink, &mut done)?;
        }
        let record = self.record(&known, &mut done);
        // The two write into different folders, and a new tree has thousands of links in each.
        let mut of_slots = Done::default();
        let mut link_bins = || self.link_slot_bins(&record, &mut of_slots);
        let mut link_rest = || (self.link_folders(&record, &mut done), record.encode());
        let (bins, (folders, bytes)) =
            if self.built.len() < WORTH_A_THREAD { (link_bins(), link_rest()) } else { pool::beside(link_bins, link_rest) };
        bins?;
        folders?;
        done.warnings.append(&mut of_slots.warnings);
        self.remove(&mut done)?;
        self.clear()?;
        write_record(&self.slots, &bytes)?;
        // See `finish`.
        std::mem::forget(record);
        done.warnings.append(&mut self.warnings());
        Ok(done)
    }

    /// Reads the commands of shared slots that stand and that a new slot links to.
    fn read_commands(&self) -> Vec<Option<Vec<Command>>> {
        let mut read = vec![None; self.job.wanted.slots.len()];
        let Some((shared, _)) = &self.shared else {
            return read;
        };
        for link in self.job.work.build.iter().flat_map(|slot| &self.job.wanted.slots[*slot].links) {
            if let LinkTarget::Slot(slot) = link.to
                && self.job.wanted.slots[slot].shared
                && self.built[slot].get().is_none()
                && self.job.work.commands[slot].is_none()
                && read[slot].is_none()
            {
                read[slot] = commands_of_shared(shared.path(), &self.job.wanted.slots[slot].name);
            }
        }
        read
    }

    /// Publishes the shared slots that were built, each after what it links to. Where another install was faster its
    /// slot is taken: the name says that it is the same.
    fn publish(&self, known: &Known) -> Result<(), LayoutError> {
        let Some((shared, aside)) = &self.shared else {
            return Ok(());
        };
        for slot in self.job.wanted.components.iter().flatten() {
            let Some(built) = self.built[*slot].get() else {
                continue;
            };
            let planned = &self.job.wanted.slots[*slot];
            set_new_bins(&aside.folder, &built.place.aside, &known.of_slot(*slot, planned))?;
            let commands = aside.folder.path().join(&built.place.aside).join(COMMANDS);
            std::fs::write(&commands, encode_commands(&built.commands)).at("write", &commands)?;
            // What is published stays where it is, for others use it already; only a slot that is not whole is replaced.
            match rustix::fs::renameat(aside.folder.handle(), &*built.place.aside, shared.handle(), &*planned.name) {
                Err(_) if commands_of_shared(shared.path(), &planned.name).is_some() => {}
                Err(_) => {
                    self.move_into_place(aside, &built.place.aside, shared, &planned.name)?;
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn relink(&self, relink: &Relink, done: &mut Done) -> Result<(), LayoutError> {
        let slot = &self.job.wanted.slots[relink.slot];
        let mut modules = self.slots.make(&format!("{}/node_modules", slot.name))?;
        for (place, text) in &relink.drop {
            modules.drop_link(place, text)?;
        }
        for link in &relink.put {
            modules.put_link(link, &self.aside.folder, &mut done.warnings)?;
        }
        Ok(())
    }

    /// The record of what will stand when all links are set.
    fn record(&self, known: &Known, done: &mut Done) -> Record {
        let slot = |(index, slot): (usize, &super::plan::Slot)| {
            Arc::new(RecordedSlot {
                name: slot.name.clone(),
                shared: slot.shared,
                package: slot.package_name.clone(),
                content: slot.content.clone(),
                private: slot.private,
                unsettled: slot.private && self.built[index].get().is_some(),
                commands: known.slots[index].to_vec(),
                links: if slot.shared { Vec::new() } else { wanted_links(slot) },
                bins: if slot.shared { Vec::new() } else { known.of_slot(index, slot) },
            })
        };
        let untouched = &self.job.work.untouched;
        let slots = self.job.wanted.slots.iter().enumerate().map(slot).chain(untouched.slots.iter().cloned()).collect();
        let mut bins: FxHashMap<String, Vec<LinkText>> = FxHashMap::default();
        for importer in &self.job.wanted.importers {
            let path = join(&importer.path, self.job.places.modules_dir.as_str());
            bins.insert(path.clone(), importer_bins(known, importer, &path, &mut done.warnings));
        }
        let folder = |(path, links): (String, Vec<LinkText>)| {
            let bins = bins.remove(&path).unwrap_or_default();
            Arc::new(RecordedFolder { path, links, bins })
        };
        let planned = planned_folders(&self.job.wanted, &self.job.places, untouched);
        let others: Vec<_> = other_folders(&planned, untouched).cloned().collect();
        let folders = planned.into_iter().map(folder).chain(others).collect();
        Record { complete: true, slots, folders }
    }

    /// Fills the `.bin` of the slots of the project.
    fn link_slot_bins(&self, record: &Record, done: &mut Done) -> Result<(), LayoutError> {
        let standing: FxHashMap<&str, &Arc<RecordedSlot>> =
            self.job.work.keep.slots.iter().map(|slot| (slot.name.as_str(), slot)).collect();
        for (index, slot) in record.slots.iter().take(self.built.len()).enumerate().filter(|(_, slot)| !slot.shared) {
            if self.built[index].get().is_some() {
                set_new_bins(&self.slots, &slot.name, &slot.bins)?;
                continue;
            }
            let before = standing.get(slot.name.as_str()).map_or(&[][..], |slot| &slot.bins);
            if before != slot.bins {
                let modules = self.slots.make(&format!("{}/node_modules", slot.name))?;
                self.set_bins(&modules, before, &slot.bins, &mut done.warnings)?;
            }
        }
        Ok(())
    }

    /// Sets and removes the links of projects and of the hidden hoist, and their `.bin`.
    fn link_folders(&self, record: &Record, done: &mut Done) -> Result<(), LayoutError> {
        let work: FxHashMap<&str, _> = self.job.work.folders.iter().map(|work| (work.path.as_str(), work)).collect();
        let before: FxHashMap<&str, &[LinkText]> =
            self.job.work.keep.folders.iter().map(|folder| (folder.path.as_str(), &folder.bins[..])).collect();
        let wanted = record.folders.iter().map(|folder| (folder.path.as_str(), &folder.bins[..]));
        let is_wanted = |path: &str| record.folders.iter().any(|folder| folder.path == path);
        let gone = self.job.work.folders.iter().filter(|work| !is_wanted(&work.path)).map(|work| (work.path.as_str(), &[][..]));
        for (path, bins) in wanted.chain(gone) {
            let before = before.get(path).copied().unwrap_or_default();
            let links = work.get(path);
            if links.is_none() && before == bins {
                continue;
            }
            let stays = !bins.is_empty() || is_wanted(path);
            let opened =
                if stays { Some(folder::make_of_links(&self.job.places, path)?) } else { folder::of_links(&self.job.places, path) };
            let Some(mut open) = opened else {
                continue;
            };
            let ahead = links.filter(|_| self.is_linked_ahead(path)).map(|links| links.put.len());
            done.linked += ahead.unwrap_or(0);
            if let Some(links) = links.filter(|_| ahead.is_none()) {
                for (place, text) in &links.drop {
                    open.drop_link(place, text)?;
                }
                for link in &links.put {
                    done.linked += usize::from(open.put_link(link, &self.aside.folder, &mut done.warnings)?);
                }
            }
            self.set_bins(&open, before, bins, &mut done.warnings)?;
            if !stays {
                // Fails while the folder holds anything that is not deka's, or deka's own folder.
                let _ = std::fs::remove_dir(open.path());
            }
        }
        Ok(())
    }

    /// Sets the links of the hidden hoist before the slots stand that they lead to, where nobody can see either. It spares
    /// the end of an install, when most threads have nothing left to do, half of its work. May be called once.
    pub fn link_ahead(&self) -> Result<(), LayoutError> {
        let hidden = join(self.job.places.virtual_dir.as_str(), "node_modules");
        let Some(work) = self.job.work.folders.iter().find(|work| work.path == hidden).filter(|_| self.in_place) else {
            return Ok(());
        };
        let mut folder = folder::make_of_links(&self.job.places, &hidden)?;
        let mut warnings = Vec::new();
        for link in &work.put {
            folder.put_link(link, &self.aside.folder, &mut warnings)?;
        }
        self.warnings().append(&mut warnings);
        // Fails when it was called before, and then it is set.
        let _ = self.linked_ahead.set(hidden);
        Ok(())
    }

    fn is_linked_ahead(&self, folder: &str) -> bool {
        self.linked_ahead.get().is_some_and(|ahead| ahead == folder)
    }

    /// Takes slots that are not wanted out of the way; they are deleted with all that is aside.
    fn remove(&self, done: &mut Done) -> Result<(), LayoutError> {
        for name in &self.job.work.remove {
            match rustix::fs::renameat(self.slots.handle(), &**name, self.aside.folder.handle(), self.aside.fresh()) {
                Ok(()) => done.removed += 1,
                Err(Errno::NOENT) => {}
                Err(errno) => Err(errno).at("remove", &self.slots.path().join(name))?,
            }
        }
        if self.job.work.sweep {
            done.removed += sweep::sweep(self)?;
        }
        Ok(())
    }

    /// Brings a `.bin` from what is known to stand there to what is wanted.
    fn set_bins(&self, modules: &Folder, before: &[LinkText], wanted: &[LinkText], warnings: &mut Vec<Warning>) -> Result<(), LayoutError> {
        if before == wanted {
            return Ok(());
        }
        let mut bin = modules.make(".bin")?;
        for link in wanted.iter().filter(|link| !before.contains(link)) {
            bin.put_link(link, &self.aside.folder, warnings)?;
        }
        for (command, text) in before.iter().filter(|(command, _)| !wanted.iter().any(|(other, _)| other == command)) {
            bin.drop_link(command, text)?;
        }
        if wanted.is_empty() {
            // Fails while the folder holds anything that somebody else put there.
            let _ = rustix::fs::unlinkat(modules.handle(), ".bin", AtFlags::REMOVEDIR);
        }
        Ok(())
    }
}

fn importer_bins(known: &Known, importer: &Importer, path: &str, warnings: &mut Vec<Warning>) -> Vec<LinkText> {
    let direct = importer.links.iter().map(|link| known.behind(link, false));
    let candidates: Vec<Candidate> = direct.chain(importer.hoisted.iter().map(|link| known.behind(link, true))).collect();
    let (links, conflicts) = bins::choose(&candidates);
    warnings.extend(conflicts.into_iter().map(|(command, winner, loser)| Warning::CommandTwice {
        folder: path.to_owned(),
        command: command.to_owned(),
        winner: winner.to_owned(),
        loser: loser.to_owned(),
    }));
    links
}

/// Fills the `.bin` of a slot that was just built.
fn set_new_bins(above: &Folder, slot: &str, bins: &[LinkText]) -> Result<(), LayoutError> {
    if bins.is_empty() {
        return Ok(());
    }
    let folder = format!("{slot}/node_modules/.bin");
    rustix::fs::mkdirat(above.handle(), &*folder, MODE).at_path("create", || above.path().join(&folder))?;
    for (command, text) in bins {
        let place = format!("{folder}/{command}");
        rustix::fs::symlinkat(&**text, above.handle(), &*place).at_path("link", || above.path().join(&place))?;
    }
    Ok(())
}
