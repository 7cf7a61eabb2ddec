//! Removing from packs what no package has any more.
//!
//! Nothing is taken out of a pack. One of which nothing is needed goes; one of which less than half is needed is written
//! anew with that half, and then goes. Until a new pack stands, the old one does.

use super::cold::Cold;
use super::footer::Place;
use super::open::Pack;
use super::write::{Making, Source, write};
use super::{Packs, remove_unfinished};
use crate::store::{ObjectId, StoreError};
use std::io::{self, Read};
use std::path::PathBuf;

/// The level of zstd for packs that are written anew.
const LEVEL: i32 = 3;

/// Says of an object, and which of its two files, whether a package has it.
pub type IsLive<'a> = dyn Fn(&ObjectId, bool) -> bool + 'a;

/// How much of a pack is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The pack.
    pub path: PathBuf,
    /// Length of the file.
    pub pack_bytes: u64,
    /// How many objects it has.
    pub objects: u64,
    /// How many of them are needed.
    pub live_objects: u64,
    /// Their bytes, unpacked.
    pub object_bytes: u64,
    /// The bytes of those that are needed, unpacked.
    pub live_bytes: u64,
}

impl Share {
    /// Says whether a sweep removes the pack.
    pub fn is_dead(&self) -> bool {
        self.live_objects == 0
    }

    /// Says whether a sweep writes the pack anew: more than half of it is not needed.
    pub fn is_mostly_dead(&self) -> bool {
        !self.is_dead() && self.live_bytes < self.object_bytes - self.live_bytes
    }
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Packs that were removed.
    pub removed: u64,
    /// Packs that were written anew.
    pub rewritten: u64,
    /// Objects that are in no pack any more.
    pub objects: u64,
    /// By how much the packs are shorter now, together.
    pub freed_bytes: u64,
}

impl Packs {
    /// Says how much of each pack is needed.
    pub fn shares(&self, live: &IsLive<'_>) -> Vec<Share> {
        self.packs.iter().map(|pack| share(pack, live)).collect()
    }

    /// Removes packs of which nothing is needed, and writes those anew of which less than half is. Packs that cannot be
    /// used stay: a newer deka may know what to do with them. The caller holds the exclusive lease.
    pub fn sweep(&self, live: &IsLive<'_>) -> Result<Swept, StoreError> {
        remove_unfinished(&self.store)?;
        let mut swept = Swept::default();
        for pack in &self.packs {
            let share = share(pack, live);
            let kept = match (share.is_dead(), share.is_mostly_dead()) {
                (true, _) => None,
                (_, true) => match self.rewrite(pack, live)? {
                    Some(new) if new.len() as u64 == share.live_objects => Some(new),
                    // Something needed cannot be read. What is left of it may still help a person.
                    other => {
                        other.map_or(Ok(()), |new| crate::fs::remove_file(new.path()))?;
                        continue;
                    }
                },
                (false, false) => continue,
            };
            crate::fs::remove_file(pack.path())?;
            *(if kept.is_some() { &mut swept.rewritten } else { &mut swept.removed }) += 1;
            swept.objects += share.objects - share.live_objects;
            swept.freed_bytes += share.pack_bytes.saturating_sub(kept.map_or(0, |new| new.size_bytes()));
        }
        Ok(swept)
    }

    fn rewrite(&self, pack: &Pack, live: &IsLive<'_>) -> Result<Option<Pack>, StoreError> {
        let mut places: Vec<Place> = pack.places().filter(|place| is_live(place, live)).collect();
        places.sort_unstable_by_key(|place| (place.block, place.offset));
        let objects: Vec<Cold> = places.iter().map(cold).collect();
        write(Making { store: &self.store, level: LEVEL, threads: 2 }, &objects, &FromPack(pack))
    }
}

fn share(pack: &Pack, live: &IsLive<'_>) -> Share {
    let mut share = Share {
        path: pack.path().to_owned(),
        pack_bytes: pack.size_bytes(),
        objects: pack.len() as u64,
        live_objects: 0,
        object_bytes: 0,
        live_bytes: 0,
    };
    for place in pack.places() {
        share.object_bytes += place.size_bytes;
        if is_live(&place, live) {
            share.live_objects += 1;
            share.live_bytes += place.size_bytes;
        }
    }
    share
}

fn is_live(place: &Place, live: &IsLive<'_>) -> bool {
    live(&place.object, false) || live(&place.object, true)
}

fn cold(place: &Place) -> Cold {
    Cold { object: place.object, executable: false, size_bytes: place.size_bytes }
}

/// A pack as a source.
struct FromPack<'a>(&'a Pack);

impl Source for FromPack<'_> {
    fn read(&self, objects: &[Cold], take: &mut dyn FnMut(&Cold, &mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        let mut places: Vec<Place> = objects.iter().filter_map(|object| self.0.find(&object.object)).collect();
        self.0.read(&mut places, |place, reader| take(&cold(place), reader))
    }
}
