//! What a stat can check of an object.
//!
//! A warm install cannot hash every file, but it can look at every inode. The index keeps, for each entry of a tree,
//! the inode and the time of the last change of its object; the length is in the tree itself. An object that shows
//! anything else was touched, copied or restored, and is hashed before it is used. The time of the inode's own change
//! (ctime) is no help: every link made or removed moves it.

use super::id::TreeId;
use bytes::Bytes;
use rustix::fs::{FileType, Stat};

/// An object as its writer saw it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Number of the inode; 0 is no inode.
    pub inode: u64,
    /// Time of the last change of the content, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Mark {
    /// The mark of an object that nobody has looked at: it matches nothing.
    pub const UNKNOWN: Mark = Mark { inode: 0, mtime_ns: 0 };
}

/// The part of a stat that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub mark: Mark,
    pub size_bytes: u64,
    pub is_file: bool,
    pub executable: bool,
}

impl Look {
    pub fn of(stat: &Stat) -> Look {
        // The width of these fields differs between platforms.
        #[allow(clippy::unnecessary_cast)]
        let mtime_ns = (stat.st_mtime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64);
        Look {
            mark: Mark { inode: stat.st_ino, mtime_ns },
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            is_file: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
            executable: stat.st_mode & 0o100 != 0,
        }
    }

    /// Says whether this is a plain file of the right length and mode, whatever its bytes.
    pub fn fits(&self, size_bytes: u64, executable: bool) -> bool {
        self.is_file && self.size_bytes == size_bytes && self.executable == executable
    }
}

/// The boot in which the objects of a tree were written. What was written in an earlier boot may not have reached the
/// disk if the machine went down hard, so it is hashed once before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub(super) u64);

impl Epoch {
    /// All objects have been read back from the disk by a later boot, or were synchronised: nothing is left to doubt.
    pub const DURABLE: Epoch = Epoch(0);
    /// Nothing is known: the index was made again, or its row was damaged.
    pub const UNKNOWN: Epoch = Epoch(u64::MAX);

    /// Returns the epoch of the boot with this id: the first 8 bytes of its BLAKE3. Without an id, everything is
    /// synchronised when it is committed.
    pub(super) fn of_boot(id: Option<&str>) -> Epoch {
        id.map_or(Epoch::DURABLE, |id| {
            let digest = blake3::hash(id.as_bytes());
            digest.as_bytes().first_chunk().map_or(Epoch::UNKNOWN, |start| Epoch(u64::from_le_bytes(*start)))
        })
    }
}

/// Length of an encoded mark.
const MARK_BYTES: usize = 16;
/// Length of the check at the end of the encoding.
const SEAL_BYTES: usize = 8;

/// The marks of the entries of a tree, in their order. Kept as bytes, as they lie in the index: most are read once.
#[derive(Clone, PartialEq, Eq)]
pub struct Marks(Bytes);

impl Marks {
    /// As many marks of objects that nobody has looked at.
    pub fn unknown(count: usize) -> Marks {
        Marks(vec![0; count * MARK_BYTES].into())
    }

    /// Returns the mark of an entry, unknown for one that there is not.
    pub fn get(&self, index: usize) -> Mark {
        self.0.as_chunks::<MARK_BYTES>().0.get(index).map_or(Mark::UNKNOWN, read_mark)
    }

    /// Returns all marks.
    pub fn iter(&self) -> impl Iterator<Item = Mark> {
        self.0.as_chunks::<MARK_BYTES>().0.iter().map(read_mark)
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<T: IntoIterator<Item = Mark>>(marks: T) -> Marks {
        let mut bytes = Vec::new();
        for mark in marks {
            bytes.extend_from_slice(&mark.inode.to_le_bytes());
            bytes.extend_from_slice(&mark.mtime_ns.to_le_bytes());
        }
        Marks(bytes.into())
    }
}

impl std::fmt::Debug for Marks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

fn read_mark(bytes: &[u8; MARK_BYTES]) -> Mark {
    Mark { inode: half(bytes, 0), mtime_ns: half(bytes, 8) as i64 }
}

/// Encodes the marks of a tree: the epoch, then inode and mtime of each entry, then a check that ties them to the tree.
pub(super) fn encode(tree: &TreeId, epoch: Epoch, marks: &Marks) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + marks.0.len() + SEAL_BYTES);
    out.extend_from_slice(&epoch.0.to_le_bytes());
    out.extend_from_slice(&marks.0);
    let seal = seal(tree, &out);
    out.extend_from_slice(&seal);
    out
}

/// Reads the marks of a tree of `count` entries. What is damaged or absent is unknown, which is always safe.
pub(super) fn decode(tree: &TreeId, count: usize, bytes: Bytes) -> (Epoch, Marks) {
    read(tree, count, &bytes).unwrap_or_else(|| (Epoch::UNKNOWN, Marks::unknown(count)))
}

fn read(tree: &TreeId, count: usize, bytes: &Bytes) -> Option<(Epoch, Marks)> {
    let (body, found) = bytes.split_last_chunk::<SEAL_BYTES>()?;
    if *found != seal(tree, body) {
        return None;
    }
    let (epoch, body) = body.split_first_chunk::<8>()?;
    let fits = body.len() == count.checked_mul(MARK_BYTES)?;
    fits.then(|| (Epoch(u64::from_le_bytes(*epoch)), Marks(bytes.slice_ref(body))))
}

fn half(pair: &[u8; MARK_BYTES], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&pair[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn seal(tree: &TreeId, body: &[u8]) -> [u8; SEAL_BYTES] {
    let digest = blake3::Hasher::new().update(tree.as_bytes()).update(body).finalize();
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&digest.as_bytes()[..SEAL_BYTES]);
    seal
}

#[cfg(test)]
mod tests {
    use super::{Epoch, Mark, Marks, decode, encode};
    use crate::store::id::TreeId;
    use bytes::Bytes;

    #[test]
    fn marks_survive_and_damage_makes_them_unknown() {
        let tree = TreeId::of(b"tree");
        let marks: Marks = [Mark { inode: 7, mtime_ns: -3 }, Mark { inode: u64::MAX, mtime_ns: i64::MAX }].into_iter().collect();
        let bytes = encode(&tree, Epoch(9), &marks);
        let read = |tree: &TreeId, count, bytes: &[u8]| decode(tree, count, Bytes::copy_from_slice(bytes));
        assert_eq!(read(&tree, 2, &bytes), (Epoch(9), marks));
        let unknown = (Epoch::UNKNOWN, Marks::unknown(2));
        assert_eq!(read(&TreeId::of(b"other"), 2, &bytes), unknown);
        assert_eq!(read(&tree, 3, &bytes), (Epoch::UNKNOWN, Marks::unknown(3)));
        assert!(Marks::unknown(3).iter().eq([Mark::UNKNOWN; 3]) && Marks::unknown(3).get(3) == Mark::UNKNOWN);
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert_eq!(read(&tree, 2, &damaged), unknown);
            assert_eq!(read(&tree, 2, &bytes[..index]), unknown);
        }
    }
}
