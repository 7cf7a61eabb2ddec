//! One pack, opened: its table in memory, its blocks read where and when they are wanted.
//!
//! What is read out of a pack is hashed on the way by [`copy_checked`], so a block that is damaged yields objects that
//! are wrong, never wrong objects that look right.

use super::super::id::ObjectId;
use super::error::PackError;
use super::footer::{Block, FOOTER_BYTES_MAX, Footer, MAGIC, Place, TRAILER_BYTES};
use crate::fs::Context;
use crate::store::threads::on_threads;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The widest window that a frame may ask for, as a power of two: what the highest level of ours needs.
const WINDOW_LOG_MAX: u32 = 23;
/// How much is copied at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// A pack that can be read. Its blocks are not looked at before something of them is wanted.
pub struct Pack {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    footer: Footer,
}

impl Pack {
    /// Opens a pack and checks its table.
    pub(in crate::store) fn open(path: &Path) -> Result<Pack, PackError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty()).at("open", path)?);
        let found = file.metadata().at("look at", path)?;
        let damaged = |reason| PackError::Damaged { path: path.to_owned(), reason };
        let size_bytes = found.len();
        let body_bytes = size_bytes.checked_sub(MAGIC.len() as u64 + TRAILER_BYTES).filter(|_| found.is_file());
        let body_bytes = body_bytes.ok_or_else(|| damaged("it is too short"))?;
        let mut head = [0; MAGIC.len()];
        file.read_exact_at(&mut head, 0).at("read", path)?;
        let mut trailer = [0; TRAILER_BYTES as usize];
        file.read_exact_at(&mut trailer, size_bytes - TRAILER_BYTES).at("read", path)?;
        let (seal, rest) = trailer.split_at(32);
        let (length, magic) = rest.split_at(8);
        if head[..8] == MAGIC[..8] && head[8] > MAGIC[8] {
            return Err(PackError::Newer { path: path.to_owned() });
        }
        if head != *MAGIC || magic != MAGIC {
            return Err(damaged("it does not begin and end as a pack"));
        }
        let footer_bytes = length.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let blocks_bytes = body_bytes.checked_sub(footer_bytes).filter(|_| footer_bytes <= FOOTER_BYTES_MAX);
        let blocks_bytes = blocks_bytes.ok_or_else(|| damaged("its table is longer than it"))?;
        let mut footer = vec![0; footer_bytes as usize];
        file.read_exact_at(&mut footer, MAGIC.len() as u64 + blocks_bytes).at("read", path)?;
        if *blake3::hash(&footer).as_bytes() != *seal {
            return Err(damaged("its table is not what was written"));
        }
        let footer = Footer::decode(&footer, blocks_bytes).map_err(damaged)?;
        Ok(Pack { path: path.to_owned(), file, size_bytes, footer })
    }

    /// Returns where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the length of the file.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Returns the number of its objects.
    pub fn len(&self) -> usize {
        self.footer.len()
    }

    /// Says whether there is no object in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns its objects, sorted by name.
    pub fn places(&self) -> impl ExactSizeIterator<Item = Place> {
        self.footer.places()
    }

    /// Finds an object.
    pub fn find(&self, object: &ObjectId) -> Option<Place> {
        self.footer.find(object)
    }

    /// Reads objects, each block once. `take` gets a reader of each object's bytes, which fails or ends early when the
    /// block is damaged: whoever reads has to check. The order is that of the file, which `places` is sorted into.
    pub(super) fn read<E>(&self, places: &mut [Place], mut take: impl FnMut(&Place, &mut dyn Read) -> Result<(), E>) -> Result<(), E> {
        places.sort_unstable_by_key(|place| (place.block, place.offset, place.size_bytes));
        for group in places.chunk_by(|one, other| one.block == other.block) {
            let mut reader =
                BlockReader { pack: self, block: group.first().and_then(|place| self.footer.block(place.block)), at: 0, frame: None };
            for place in group {
                reader.skip_to(place.offset.into());
                let mut object = (&mut reader).take(place.size_bytes);
                take(place, &mut object)?;
                let _ = io::copy(&mut object, &mut io::sink());
            }
        }
        Ok(())
    }

    /// Hashes all objects and returns those that are not what their names say.
    pub fn wrong_objects(&self, threads: usize) -> Vec<Place> {
        self.wrong_of(self.places().collect(), threads)
    }

    /// Hashes different objects on several threads and returns those that are not what their names say.
    pub fn wrong_of(&self, mut places: Vec<Place>, threads: usize) -> Vec<Place> {
        places.sort_unstable_by_key(|place| place.block);
        let blocks: Vec<&[Place]> = places.chunk_by(|one, other| one.block == other.block).collect();
        let next = AtomicUsize::new(0);
        let run = || {
            let mut wrong = Vec::new();
            while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                wrong.extend(self.wrong_among(block.to_vec()));
            }
            wrong
        };
        on_threads(threads.min(blocks.len()), run).concat()
    }

    /// Hashes different objects and returns those that are not what their names say.
    pub fn wrong_among(&self, mut places: Vec<Place>) -> Vec<Place> {
        let mut wrong = Vec::new();
        let read = self.read(&mut places, |place, reader| {
            if !copy_checked(reader, &place.object, place.size_bytes, &mut io::sink())? {
                wrong.push(*place);
            }
            io::Result::Ok(())
        });
        // A sink takes everything.
        debug_assert!(read.is_ok());
        wrong
    }
}

/// Reads one block from its start, as far as it is wanted.
struct BlockReader<'a> {
    pack: &'a Pack,
    block: Option<Block>,
    at: u64,
    frame: Option<zstd::Decoder<'a, io::BufReader<Section<'a>>>>,
}

impl BlockReader<'_> {
    /// Goes on to an offset. What fails on the way fails again, and is told, when the object is read.
    fn skip_to(&mut self, offset: u64) {
        let between = offset.saturating_sub(self.at);
        let _ = io::copy(&mut self.by_ref().take(between), &mut io::sink());
    }
}

impl Read for BlockReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let frame = match &mut self.frame {
            Some(frame) => frame,
            None => {
                let block = self.block.ok_or(io::ErrorKind::InvalidData)?;
                let section = Section { file: &self.pack.file, at: block.at, left: block.packed_bytes };
                let mut frame = zstd::Decoder::new(section)?.single_frame();
                frame.window_log_max(WINDOW_LOG_MAX)?;
                self.frame.insert(frame)
            }
        };
        let read = frame.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A part of a file, read without moving the position that threads share.
struct Section<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut into[..length], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Copies an object and says whether the bytes were its own; what cannot be read is not. Only the target's errors are
/// errors.
pub(super) fn copy_checked(from: &mut dyn Read, object: &ObjectId, size_bytes: u64, to: &mut dyn Write) -> io::Result<bool> {
    let mut buffer = vec![0; usize::try_from(size_bytes).unwrap_or(usize::MAX).clamp(1, BUFFER_BYTES)];
    let mut hasher = blake3::Hasher::new();
    let mut read_bytes = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                read_bytes += length as u64;
                if read_bytes > size_bytes {
                    return Ok(false);
                }
                hasher.update(&buffer[..length]);
                to.write_all(&buffer[..length])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(false),
        }
    }
    Ok(read_bytes == size_bytes && hasher.finalize().as_bytes() == object.as_bytes())
}
