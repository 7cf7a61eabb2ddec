//! Moving objects into packs.
//!
//! A loose object goes only when it is in a pack that was read back, hashed and synchronised. So whenever the work is
//! interrupted each object is loose, or packed, or both, and the next run removes the loose ones of the last kind.

use super::super::Store;
use super::super::error::{StoreError, explain};
use super::super::id::ObjectId;
use super::super::mark::Look;
use super::super::object::{ObjectPath, Objects};
use super::open::Pack;
use super::write::{Making, Source, write};
use super::{Packs, remove_unfinished};
use crate::fs::Context;
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

/// How many unpacked bytes go into one pack: as much as has to be free on the disk besides, and has to be written anew
/// when most of a pack is not needed any more.
const PACK_BYTES: u64 = 1 << 30;
/// How many objects go into one pack, so that its table stays far below what a reader accepts.
const PACK_OBJECTS: usize = 400_000;

/// An object that may be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cold {
    /// Its name.
    pub object: ObjectId,
    /// Which of its two files is meant.
    pub executable: bool,
    /// Its length.
    pub size_bytes: u64,
}

/// How objects are packed.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// The level of zstd, 1 to 19.
    pub level: i32,
    /// How many threads compress.
    pub threads: usize,
    /// Whether only to say what would be packed.
    pub dry_run: bool,
}

/// What packing did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Loose files that went, or would go.
    pub files: u64,
    /// Their bytes.
    pub loose_bytes: u64,
    /// Objects that a pack holds now and did not before.
    pub objects: u64,
    /// Their bytes, unpacked.
    pub object_bytes: u64,
    /// New packs.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
}

impl Store {
    /// Moves objects into packs, those beside each other that stand beside each other in the list. Objects that a
    /// project has a link to stay, and so do damaged ones. The store has to be opened with [`Store::open_exclusive`], but
    /// for a dry run. `progress` hears of each file's bytes once they are in a pack.
    pub fn pack(&self, cold: &[Cold], packing: Packing, progress: &(dyn Fn(u64) + Sync)) -> Result<Packed, StoreError> {
        let mut packed = Packed::default();
        let loose = unlinked(&self.objects, cold)?;
        if packing.dry_run {
            packed.files = loose.len() as u64;
            packed.loose_bytes = loose.iter().map(|object| object.size_bytes).sum();
            return Ok(packed);
        }
        self.must_be_writable()?;
        remove_unfinished(&self.root)?;
        let packs = Packs::open(&self.root);
        let (twice, once): (Vec<Cold>, Vec<Cold>) = loose.iter().partition(|object| packs.holds(&object.object));
        let safe = intact(&packs, &twice);
        remove(&self.objects, twice.iter().filter(|object| safe.contains(&object.object)), &mut packed, progress)?;
        let damaged = twice.into_iter().filter(|object| !safe.contains(&object.object));
        let loose: Vec<Cold> = once.into_iter().chain(damaged).collect();
        let making = Making { store: &self.root, level: packing.level, threads: packing.threads };
        for part in parts(&loose) {
            let mut seen = FxHashSet::default();
            let objects: Vec<Cold> = part.iter().filter(|object| seen.insert(object.object)).copied().collect();
            let Some(pack) = write(making, &objects, &Loose(&self.objects))? else { continue };
            packed.add(&pack);
            remove(&self.objects, part.iter().filter(|object| pack.find(&object.object).is_some()), &mut packed, progress)?;
        }
        Ok(packed)
    }
}

impl Packed {
    fn add(&mut self, pack: &Pack) {
        self.packs += 1;
        self.pack_bytes += pack.size_bytes();
        self.objects += pack.len() as u64;
        self.object_bytes += pack.places().map(|place| place.size_bytes).sum::<u64>();
    }
}

/// Leaves out what is not there, is no object as it should be, or is linked to by a project.
fn unlinked(objects: &Objects, cold: &[Cold]) -> Result<Vec<Cold>, StoreError> {
    let mut loose = Vec::new();
    for object in cold {
        let path = ObjectPath::new(&object.object, object.executable);
        let stat = match rustix::fs::statat(objects.folder(), path.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => continue,
            Err(errno) => return Err(errno).at("look at", &objects.path_of(&path)).map_err(StoreError::from),
        };
        let look = Look::of(&stat);
        if stat.st_nlink == 1 && look.is_file && look.size_bytes == object.size_bytes {
            loose.push(*object);
        }
    }
    Ok(loose)
}

/// Returns those of the objects that can be brought back from the packs: each is read and hashed.
fn intact(packs: &Packs, objects: &[Cold]) -> FxHashSet<ObjectId> {
    let mut safe = FxHashSet::default();
    for pack in packs.list() {
        let places: FxHashMap<ObjectId, _> = objects.iter().filter_map(|cold| Some((cold.object, pack.find(&cold.object)?))).collect();
        let wrong: FxHashSet<ObjectId> = pack.wrong_among(places.values().copied().collect()).iter().map(|place| place.object).collect();
        safe.extend(places.into_keys().filter(|object| !wrong.contains(object)));
    }
    safe
}

/// Cuts the list into what goes into one pack each.
fn parts(objects: &[Cold]) -> Vec<&[Cold]> {
    let mut parts = Vec::new();
    let mut rest = objects;
    while !rest.is_empty() {
        let mut filled = 0_u64;
        let mut fits = |object: &Cold| {
            filled = filled.saturating_add(object.size_bytes);
            filled <= PACK_BYTES
        };
        let count = rest.iter().copied().take(PACK_OBJECTS).take_while(|object| fits(object)).count().max(1);
        let (part, tail) = rest.split_at(count);
        parts.push(part);
        rest = tail;
    }
    parts
}

/// Removes loose files whose bytes are in a pack.
fn remove<'a>(
    objects: &Objects,
    files: impl Iterator<Item = &'a Cold>,
    packed: &mut Packed,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), StoreError> {
    for file in files {
        let path = ObjectPath::new(&file.object, file.executable);
        match rustix::fs::unlinkat(objects.folder(), path.as_c_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno).at("remove", &objects.path_of(&path)).map_err(explain),
        }
        objects.forget(&file.object, file.executable);
        packed.files += 1;
        packed.loose_bytes += file.size_bytes;
        progress(file.size_bytes);
    }
    Ok(())
}

/// The folder of objects as a source.
struct Loose<'a>(&'a Objects);

impl Loose<'_> {
    fn open(&self, object: &Cold) -> Option<OwnedFd> {
        let path = ObjectPath::new(&object.object, object.executable);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        rustix::fs::openat(self.0.folder(), path.as_c_str(), flags, Mode::empty()).ok()
    }
}

impl Source for Loose<'_> {
    fn read(&self, objects: &[Cold], take: &mut dyn FnMut(&Cold, &mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        for object in objects {
            // One that cannot be opened stays loose, for a verify to find.
            if let Some(file) = self.open(object) {
                take(object, &mut File::from(file))?;
            }
        }
        Ok(())
    }
}
