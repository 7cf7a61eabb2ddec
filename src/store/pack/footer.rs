//! The table at the end of a pack: which blocks there are, and where in them each object lies.
//!
//! It is read whole and searched in place. A pack may be torn, or come from a bad disk, so nothing of the table is
//! believed before all of it was checked: then every place that it gives lies within the file, the blocks fill the file
//! without a gap, and the objects fill the blocks. No number of it decides how much memory is asked for.

use super::super::id::ObjectId;

/// First and last bytes of a pack; the last of them is the version of the format.
pub(super) const MAGIC: &[u8; 9] = b"dekapack\x01";
/// What follows the table: its seal, its length, and the magic.
pub(super) const TRAILER_BYTES: u64 = 32 + 8 + MAGIC.len() as u64;
/// The longest table that is read, ten times as long as any that is written.
pub(super) const FOOTER_BYTES_MAX: u64 = 256 << 20;

/// The two counts at the start.
const HEAD_BYTES: usize = 8;
const BLOCK_BYTES: usize = 16;
const ENTRY_BYTES: usize = 48;

/// One zstd frame of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where the frame begins in the file.
    pub at: u64,
    /// Length of the frame.
    pub packed_bytes: u64,
    /// Length of what is in it.
    pub unpacked_bytes: u64,
}

/// Where a pack has the bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The object.
    pub object: ObjectId,
    /// Number of the block.
    pub(super) block: u32,
    /// Where in the unpacked block the object begins.
    pub(super) offset: u32,
    /// Its length.
    pub size_bytes: u64,
}

/// The table of a pack, checked.
pub(super) struct Footer {
    blocks: Vec<Block>,
    rows: Box<[u8]>,
}

impl Footer {
    /// Encodes a table. The blocks are in the order of the file, each with its packed and its unpacked length.
    pub fn encode(blocks: &[(u64, u64)], places: &mut [Place]) -> Vec<u8> {
        places.sort_unstable_by_key(|place| place.object);
        let mut out = Vec::with_capacity(HEAD_BYTES + blocks.len() * BLOCK_BYTES + places.len() * ENTRY_BYTES);
        out.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
        out.extend_from_slice(&(places.len() as u32).to_le_bytes());
        for (packed_bytes, unpacked_bytes) in blocks {
            out.extend_from_slice(&packed_bytes.to_le_bytes());
            out.extend_from_slice(&unpacked_bytes.to_le_bytes());
        }
        for place in places {
            out.extend_from_slice(place.object.as_bytes());
            out.extend_from_slice(&place.block.to_le_bytes());
            out.extend_from_slice(&place.offset.to_le_bytes());
            out.extend_from_slice(&place.size_bytes.to_le_bytes());
        }
        out
    }

    /// Reads the table of a pack whose blocks take `blocks_bytes` in the file. The error says what is wrong.
    pub fn decode(bytes: &[u8], blocks_bytes: u64) -> Result<Footer, &'static str> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or("its table is cut off")?;
        let (block_count, entry_count) = (number(&head[..4]) as usize, number(&head[4..]) as usize);
        let expected = (block_count as u64 * BLOCK_BYTES as u64).checked_add(entry_count as u64 * ENTRY_BYTES as u64);
        if expected != Some(rest.len() as u64) {
            return Err("its table has another length than it says");
        }
        let (blocks, rows) = rest.split_at(block_count * BLOCK_BYTES);
        let footer = Footer { blocks: read_blocks(blocks, blocks_bytes)?, rows: rows.into() };
        footer.check_places()?;
        Ok(footer)
    }

    /// Checks that the objects are sorted, and fill the blocks exactly.
    fn check_places(&self) -> Result<(), &'static str> {
        let mut places: Vec<Place> = self.places().collect();
        if !places.is_sorted_by(|one, other| one.object < other.object) {
            return Err("its objects are not sorted");
        }
        places.sort_unstable_by_key(|place| (place.block, place.offset, place.size_bytes));
        let mut rest = places.as_slice();
        for (number, block) in self.blocks.iter().enumerate() {
            let mut filled = 0;
            while let Some((place, tail)) = rest.split_first().filter(|(place, _)| place.block as usize == number) {
                if u64::from(place.offset) != filled {
                    return Err("its objects overlap, or leave a gap");
                }
                filled = filled.checked_add(place.size_bytes).ok_or("an object is too long")?;
                rest = tail;
            }
            if filled != block.unpacked_bytes {
                return Err("its objects do not fill a block");
            }
        }
        if rest.is_empty() { Ok(()) } else { Err("an object lies in a block that is not there") }
    }

    /// Returns the number of objects.
    pub fn len(&self) -> usize {
        self.rows.len() / ENTRY_BYTES
    }

    /// Returns the places of all objects, sorted by their names.
    pub fn places(&self) -> impl ExactSizeIterator<Item = Place> {
        self.rows.as_chunks::<ENTRY_BYTES>().0.iter().map(read_place)
    }

    /// Finds an object.
    pub fn find(&self, object: &ObjectId) -> Option<Place> {
        let (rows, _) = self.rows.as_chunks::<ENTRY_BYTES>();
        let index = rows.binary_search_by(|row| row[..32].cmp(object.as_bytes())).ok()?;
        rows.get(index).map(read_place)
    }

    /// Returns a block; there is one for each number that a place has.
    pub fn block(&self, number: u32) -> Option<Block> {
        self.blocks.get(number as usize).copied()
    }
}

/// Reads the lengths of the blocks, which have to fill their part of the file.
fn read_blocks(bytes: &[u8], blocks_bytes: u64) -> Result<Vec<Block>, &'static str> {
    let mut at = MAGIC.len() as u64;
    let end = at.saturating_add(blocks_bytes);
    let blocks = bytes.as_chunks::<BLOCK_BYTES>().0.iter().map(|row| {
        let block = Block { at, packed_bytes: number(&row[..8]), unpacked_bytes: number(&row[8..]) };
        at = at.checked_add(block.packed_bytes).filter(|next| *next <= end).ok_or("a block reaches beyond the others")?;
        Ok(block)
    });
    let blocks = blocks.collect::<Result<Vec<Block>, &'static str>>()?;
    if at == end { Ok(blocks) } else { Err("its blocks do not fill it") }
}

fn read_place(row: &[u8; ENTRY_BYTES]) -> Place {
    let mut object = [0; 32];
    object.copy_from_slice(&row[..32]);
    Place {
        object: ObjectId::from_bytes(object),
        block: number(&row[32..36]) as u32,
        offset: number(&row[36..40]) as u32,
        size_bytes: number(&row[40..]),
    }
}

/// Reads a little-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
