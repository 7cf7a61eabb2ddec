//! Writing a pack: blocks compressed on several threads, the table, and the proof that it reads back.
//!
//! Whoever asked for a pack deletes what it was made of. So this is the one place of the store that synchronises: a pack has its
//! name only after all of it was read back and hashed, and is on the disk with its name before anyone is told.

use super::super::error::{StoreError, explain};
use super::cold::Cold;
use super::error::PackError;
use super::footer::{Footer, MAGIC, Place};
use super::open::{Pack, copy_checked};
use super::{ENDING, FOLDER};
use crate::fs::Context;
use crate::store::threads::on_threads;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How much is aimed at for a block, unpacked. An object that is longer has a block of its own.
const BLOCK_BYTES: u64 = 1 << 20;

/// Where the bytes of objects come from.
pub(super) trait Source: Sync {
    /// Hands over the bytes of each object, in this order or another. One that cannot be had is left out.
    fn read(&self, objects: &[Cold], take: &mut dyn FnMut(&Cold, &mut dyn Read) -> io::Result<()>) -> io::Result<()>;
}

/// How a pack is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Making<'a> {
    /// The store.
    pub store: &'a Path,
    /// The level of zstd, 1 to 19.
    pub level: i32,
    /// How many threads compress.
    pub threads: usize,
}

/// A compressed block on its way into the file.
struct Ready {
    bytes: Vec<u8>,
    unpacked_bytes: u64,
    places: Vec<Place>,
}

/// The file so far.
struct Out {
    file: File,
    blocks: Vec<(u64, u64)>,
    places: Vec<Place>,
}

/// Makes a pack of different objects, those that are alike beside each other. What cannot be read or is not what its name
/// says is left out; when nothing is left there is no pack.
pub(super) fn write(making: Making<'_>, objects: &[Cold], source: &dyn Source) -> Result<Option<Pack>, StoreError> {
    let folder = making.store.join(FOLDER);
    crate::fs::create_dir_all(&folder).map_err(explain)?;
    let unfinished = Unfinished(crate::fs::temporary_beside(&folder.join(ENDING)));
    let path = &unfinished.0;
    let mut file = File::options().write(true).create_new(true).open(path).at("create", path).map_err(explain)?;
    file.write_all(MAGIC).at("write", path).map_err(explain)?;
    let out = Mutex::new(Out { file, blocks: Vec::new(), places: Vec::new() });
    write_blocks(making, objects, source, &out).at("write", path).map_err(explain)?;
    let Out { mut file, blocks, mut places } = out.into_inner().unwrap_or_else(PoisonError::into_inner);
    if places.is_empty() {
        return Ok(None);
    }
    let footer = Footer::encode(&blocks, &mut places);
    let seal = blake3::hash(&footer);
    let parts = [footer.as_slice(), seal.as_bytes(), &(footer.len() as u64).to_le_bytes(), MAGIC];
    file.write_all(&parts.concat()).at("write", path).map_err(explain)?;
    file.sync_data().at("write", path).map_err(explain)?;
    prove(path, making.threads)?;
    let place = folder.join(format!("{}.{ENDING}", seal.to_hex()));
    crate::fs::rename(path, &place)?;
    for folder in [folder.as_path(), making.store] {
        File::open(folder).and_then(|folder| folder.sync_all()).at("synchronise", folder)?;
    }
    Ok(Some(Pack::open(&place)?))
}

/// A file that goes when it is not renamed.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What cannot be removed now is removed before the next packing.
        let _ = crate::fs::remove_file(&self.0);
    }
}

/// Compresses blocks and appends each as it is ready; the table brings order into them.
fn write_blocks(making: Making<'_>, objects: &[Cold], source: &dyn Source, out: &Mutex<Out>) -> io::Result<()> {
    let blocks = split(objects);
    let next = AtomicUsize::new(0);
    let run = || {
        let mut compressor = zstd::bulk::Compressor::new(making.level)?;
        while let Some(objects) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let ready = match objects {
                [only] if only.size_bytes > BLOCK_BYTES => pack_alone(making.level, only, source)?,
                several => pack_together(&mut compressor, several, source)?,
            };
            if !ready.places.is_empty() {
                out.lock().unwrap_or_else(PoisonError::into_inner).append(ready)?;
            }
        }
        Ok(())
    };
    on_threads(making.threads.min(blocks.len()), run).into_iter().collect()
}

/// Cuts the list into blocks.
fn split(objects: &[Cold]) -> Vec<&[Cold]> {
    let mut blocks = Vec::new();
    let (mut start, mut filled) = (0, 0);
    for (index, object) in objects.iter().enumerate() {
        if index > start && filled + object.size_bytes > BLOCK_BYTES {
            blocks.push(&objects[start..index]);
            (start, filled) = (index, 0);
        }
        filled += object.size_bytes;
    }
    if start < objects.len() {
        blocks.push(&objects[start..]);
    }
    blocks
}

impl Out {
    fn append(&mut self, ready: Ready) -> io::Result<()> {
        self.file.write_all(&ready.bytes)?;
        let block = u32::try_from(self.blocks.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.blocks.push((ready.bytes.len() as u64, ready.unpacked_bytes));
        self.places.extend(ready.places.into_iter().map(|place| Place { block, ..place }));
        Ok(())
    }
}

/// Makes a block of objects that fit into memory.
fn pack_together(compressor: &mut zstd::bulk::Compressor<'_>, objects: &[Cold], source: &dyn Source) -> io::Result<Ready> {
    let mut unpacked: Vec<u8> = Vec::new();
    let mut places = Vec::new();
    source.read(objects, &mut |object, reader| {
        let start = unpacked.len();
        if copy_checked(reader, &object.object, object.size_bytes, &mut unpacked)? {
            let offset = u32::try_from(start).map_err(|_| io::ErrorKind::FileTooLarge)?;
            places.push(Place { object: object.object, block: 0, offset, size_bytes: object.size_bytes });
        } else {
            unpacked.truncate(start);
        }
        Ok(())
    })?;
    Ok(Ready { bytes: compressor.compress(&unpacked)?, unpacked_bytes: unpacked.len() as u64, places })
}

/// Makes a block of one long object, of which only the packed form is ever in memory.
fn pack_alone(level: i32, object: &Cold, source: &dyn Source) -> io::Result<Ready> {
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.set_pledged_src_size(Some(object.size_bytes))?;
    let mut places = Vec::new();
    source.read(std::slice::from_ref(object), &mut |object, reader| {
        if copy_checked(reader, &object.object, object.size_bytes, &mut encoder)? {
            places.push(Place { object: object.object, block: 0, offset: 0, size_bytes: object.size_bytes });
        }
        Ok(())
    })?;
    // A frame that is shorter than was said cannot be finished, and there is nothing to keep of it.
    let bytes = if places.is_empty() { Vec::new() } else { encoder.finish()? };
    Ok(Ready { bytes, unpacked_bytes: object.size_bytes, places })
}

/// Reads a new pack back and hashes all its objects.
fn prove(path: &Path, threads: usize) -> Result<(), PackError> {
    let pack = Pack::open(path)?;
    if pack.wrong_objects(threads).is_empty() {
        Ok(())
    } else {
        Err(PackError::Damaged { path: path.to_owned(), reason: "it does not read back as it was written" })
    }
}
