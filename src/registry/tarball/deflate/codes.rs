//! Tables that answer what the next bits mean.
//!
//! A table is indexed with as many bits as its root has, of which a codeword is a prefix: one lookup finds nearly every
//! symbol. Longer codewords share a second part that stands behind the root. An entry holds all that decoding needs, so
//! that no symbol is ever looked up again:
//!
//! | bits   | meaning                                                                                            |
//! | ------ | -------------------------------------------------------------------------------------------------- |
//! | 0..8   | the bits to take: of the codeword and of the extra bits behind it                                   |
//! | 8..12  | the bits of the codeword alone; in a link, the bits that index the second part                      |
//! | 12..15 | [`LINK`], [`END`] or [`INVALID`], one at most                                                       |
//! | 15     | [`SPECIAL`]: one of the three is set                                                                |
//! | 16..31 | the literal, the smallest length or distance, or where the second part begins                       |
//! | 31     | [`LITERAL`]                                                                                         |
//!
//! Codes that leave bits without a meaning are refused, but for the one that zlib lets pass: a single codeword of one bit,
//! or no distance at all, in which the missing half is an error once it occurs.

use super::Damage;
use super::bits::Kept;

/// A literal byte.
pub(super) const LITERAL: u32 = 1 << 31;
/// Neither a literal nor a plain length or distance.
pub(super) const SPECIAL: u32 = 1 << 15;
/// Bits that stand for nothing.
pub(super) const INVALID: u32 = 1 << 14 | SPECIAL;
/// The end of the block.
pub(super) const END: u32 = 1 << 13 | SPECIAL;
/// The codeword is longer than the root.
pub(super) const LINK: u32 = 1 << 12 | SPECIAL;

/// The longest codeword.
const CODEWORD_BITS_MAX: usize = 15;
/// The symbols of literals and lengths that a block may describe; the fixed code has two more that stand for nothing.
pub(super) const LITERAL_SYMBOLS: usize = 288;
/// The symbols of distances, the last two of which stand for nothing.
pub(super) const DISTANCE_SYMBOLS: usize = 32;
/// The symbols in which the lengths of the other codes are written.
pub(super) const LENGTH_SYMBOLS: usize = 19;

/// Adds the extra bits of an entry to its value. `bits` begin with its codeword. What is neither a length nor a distance has
/// no value, and the answer for it means nothing.
#[inline(always)]
pub(super) fn value(entry: u32, bits: u64) -> usize {
    let extra = (bits & ((1 << (entry & 63)) - 1)) >> ((entry >> 8) & 63);
    (entry >> 16) as usize + extra as usize
}

/// A table with a root of `ROOT_BITS`, and `SIZE` entries in all. The size is a power of two, above the most that a code
/// can need, so that an index that is cut to it is always within.
pub(super) struct Table<const ROOT_BITS: u32, const SIZE: usize>(Box<[u32; SIZE]>);

/// Literals and lengths: at most 2342 entries.
pub(super) type Literals = Table<11, 4096>;
/// Distances: at most 402 entries.
pub(super) type Distances = Table<8, 512>;
/// Lengths of codewords: never longer than the root.
pub(super) type Lengths = Table<7, 128>;

impl<const ROOT_BITS: u32, const SIZE: usize> Table<ROOT_BITS, SIZE> {
    pub(super) fn new() -> Self {
        Table(Box::new([0; SIZE]))
    }

    /// Finds what the next bits mean; a link must be followed.
    #[inline(always)]
    pub(super) fn find(&self, bits: u64) -> u32 {
        self.0[bits as usize & ((1 << ROOT_BITS) - 1)]
    }

    /// Follows a link, with the bits behind those of the root.
    #[inline(always)]
    pub(super) fn follow(&self, link: u32, bits: u64) -> u32 {
        let mask = (1 << ((link >> 8) & 15)) - 1;
        self.0[((link >> 16) as usize + (bits as usize & mask)) & (SIZE - 1)]
    }

    /// Decodes one field with care: returns its entry and the value with the extra bits, or nothing when not all of its
    /// bits are there. An entry that was found by bits that are not there takes more than there are.
    #[inline(always)]
    pub(super) fn decode(&self, kept: &mut Kept) -> Option<(u32, usize)> {
        let mut entry = self.find(kept.buffer);
        if entry & LINK == LINK {
            if kept.count < ROOT_BITS {
                return None;
            }
            kept.drop(ROOT_BITS);
            entry = self.follow(entry, kept.buffer);
        }
        let taken = entry & 0xff;
        if kept.count < taken {
            return None;
        }
        let value = value(entry, kept.buffer);
        kept.drop(taken);
        Some((entry, value))
    }

    /// Fills the table for codewords of these lengths, of which 0 means that there is none. `meanings` has an entry of
    /// each symbol, without its codeword.
    pub(super) fn build(&mut self, lengths: &[u8], meanings: &[u32]) -> Result<(), Damage> {
        let order = Order::new(lengths)?;
        if order.is_partial {
            self.0[..1 << ROOT_BITS].fill(INVALID | 0x101);
            if let Some(symbol) = order.symbols().first() {
                let entry = meanings[usize::from(*symbol)] + 0x101;
                self.0[..1 << ROOT_BITS].iter_mut().step_by(2).for_each(|place| *place = entry);
            }
            return Ok(());
        }
        let long = self.build_root(&order, meanings);
        self.build_links(&order, long, meanings)
    }

    /// Fills the root, from the shortest codewords on. The table of all codewords up to some length, written twice, is
    /// the table of one bit more with room for the longer ones.
    fn build_root(&mut self, order: &Order, meanings: &[u32]) -> Codeword {
        let mut next = Codeword { bits: 0, symbols_before: 0 };
        let symbols = order.symbols();
        for length in 1..=ROOT_BITS {
            self.0.copy_within(..1 << (length - 1), 1 << (length - 1));
            let count = usize::from(order.counts[length as usize]);
            for symbol in &symbols[next.symbols_before..next.symbols_before + count] {
                self.0[next.bits as usize & (SIZE - 1)] = meanings[usize::from(*symbol)] + length * 0x101;
                next.advance(length);
            }
        }
        next
    }

    /// Fills the parts behind the root: one for each root that several long codewords begin with.
    fn build_links(&mut self, order: &Order, mut next: Codeword, meanings: &[u32]) -> Result<(), Damage> {
        let root_mask = (1 << ROOT_BITS) - 1;
        let (mut root, mut start, mut width) = (None, 1usize << ROOT_BITS, 0);
        let symbols = order.symbols();
        for length in ROOT_BITS + 1..=CODEWORD_BITS_MAX as u32 {
            let behind = length - ROOT_BITS;
            let end = next.symbols_before + usize::from(order.counts[length as usize]);
            while next.symbols_before < end {
                if root != Some(next.bits & root_mask) {
                    start += if root.is_some() { 1 << width } else { 0 };
                    width = order.width(ROOT_BITS, length, end - next.symbols_before);
                    if start + (1 << width) > SIZE {
                        return Err(Damage);
                    }
                    root = Some(next.bits & root_mask);
                    self.0[(next.bits & root_mask) as usize] = (start as u32) << 16 | LINK | width << 8 | ROOT_BITS;
                }
                let entry = meanings[usize::from(symbols[next.symbols_before])] + behind * 0x101;
                let part = &mut self.0[start..start + (1 << width)];
                part[(next.bits >> ROOT_BITS) as usize..].iter_mut().step_by(1 << behind).for_each(|place| *place = entry);
                next.advance(length);
            }
        }
        Ok(())
    }
}

/// A codeword, its first bit lowest, and how many symbols have shorter or smaller ones.
struct Codeword {
    bits: u32,
    symbols_before: usize,
}

impl Codeword {
    /// Goes on to the next codeword of this length. Counted from the first bit down, that is adding one: the last bits
    /// that are set fall, and the one before them is set. The last of all has none before and stays.
    #[inline(always)]
    fn advance(&mut self, length: u32) {
        self.symbols_before += 1;
        let clear = self.bits ^ ((1 << length) - 1);
        if clear != 0 {
            let bit = 1 << clear.ilog2();
            self.bits = self.bits & (bit - 1) | bit;
        }
    }
}

/// The symbols of a code, from the shortest codeword to the longest.
struct Order {
    counts: [u16; CODEWORD_BITS_MAX + 1],
    sorted: [u16; LITERAL_SYMBOLS],
    used: usize,
    /// There are bits without a meaning: at most one codeword, of one bit, is there.
    is_partial: bool,
}

impl Order {
    fn new(lengths: &[u8]) -> Result<Order, Damage> {
        let mut counts = [0u16; CODEWORD_BITS_MAX + 1];
        for length in lengths {
            counts[usize::from(*length & 15)] += 1;
        }
        counts[0] = 0;
        let mut free = 1i32;
        let mut starts = [0u16; CODEWORD_BITS_MAX + 2];
        for length in 1..=CODEWORD_BITS_MAX {
            free = 2 * free - i32::from(counts[length]);
            if free < 0 {
                return Err(Damage);
            }
            starts[length + 1] = starts[length] + counts[length];
        }
        let used = starts[CODEWORD_BITS_MAX + 1];
        if free > 0 && used != counts[1] {
            return Err(Damage);
        }
        let mut sorted = [0; LITERAL_SYMBOLS];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length != 0) {
            let place = &mut starts[usize::from(*length & 15)];
            sorted[usize::from(*place)] = symbol as u16;
            *place += 1;
        }
        Ok(Order { counts, sorted, used: usize::from(used), is_partial: free > 0 })
    }

    fn symbols(&self) -> &[u16] {
        &self.sorted[..self.used]
    }

    /// Returns how many bits index the part that begins with a codeword of this length, when so many of the length are
    /// left: as many as it takes until the codewords fill it.
    fn width(&self, root_bits: u32, length: u32, left: usize) -> u32 {
        let (mut width, mut filled) = (length - root_bits, left);
        while filled < 1 << width && root_bits + width < CODEWORD_BITS_MAX as u32 {
            width += 1;
            filled = 2 * filled + usize::from(self.counts[(root_bits + width) as usize]);
        }
        width
    }
}

/// The meanings of literals and lengths.
pub(super) const LITERAL_MEANINGS: [u32; LITERAL_SYMBOLS] = {
    let mut meanings = [INVALID; LITERAL_SYMBOLS];
    let mut literal = 0;
    while literal < 256 {
        meanings[literal] = LITERAL | (literal as u32) << 16;
        literal += 1;
    }
    meanings[256] = END;
    let (mut step, mut base) = (0, 3);
    while step < 28 {
        let extra = if step < 8 { 0 } else { step / 4 - 1 };
        meanings[257 + step] = base << 16 | extra as u32;
        base += 1 << extra;
        step += 1;
    }
    // The longest length has a symbol to itself.
    meanings[285] = 258 << 16;
    meanings
};

/// The meanings of distances.
pub(super) const DISTANCE_MEANINGS: [u32; DISTANCE_SYMBOLS] = {
    let mut meanings = [INVALID; DISTANCE_SYMBOLS];
    let (mut step, mut base) = (0, 1);
    while step < 30 {
        let extra = if step < 4 { 0 } else { step / 2 - 1 };
        meanings[step] = base << 16 | extra as u32;
        base += 1 << extra;
        step += 1;
    }
    meanings
};

/// The meanings of lengths of codewords: a length as it is, then the ways to repeat the last one (4), a short run of
/// zeros (8) and a long one (128), all numbered in one row.
pub(super) const LENGTH_MEANINGS: [u32; LENGTH_SYMBOLS] = {
    let mut meanings = [0; LENGTH_SYMBOLS];
    let mut symbol = 0;
    while symbol < 16 {
        meanings[symbol] = (symbol as u32) << 16;
        symbol += 1;
    }
    meanings[16] = 16 << 16 | 2;
    meanings[17] = 20 << 16 | 3;
    meanings[18] = 28 << 16 | 7;
    meanings
};
