//! Deflate (RFC 1951) as a stream, at the speed of a decoder that sees everything at once.
//!
//! The fast decoders want all of the input and room for all of the output, which for the largest packages is more memory
//! than an install may use. The slow ones stop and go at every byte. This one takes pieces of any size and adds to
//! bytes of its caller's. Two loops share the tables: while enough input and room are at hand, [`fast`] decodes
//! without ever asking whether they are; at the end of a piece a careful loop decodes what is certain. An item (a
//! header field, a literal, a match) is decoded as a whole or not at all, so that what waits for the next piece is
//! never more than some bits.

mod bits;
mod codes;
mod fast;

#[cfg(test)]
mod tests;

use bits::{Bits, Kept};
use codes::{DISTANCE_MEANINGS, DISTANCE_SYMBOLS, Distances, END, LENGTH_MEANINGS, LENGTH_SYMBOLS, Lengths};
use codes::{LITERAL, LITERAL_MEANINGS, LITERAL_SYMBOLS, Literals, SPECIAL};

/// How far back a match may reach, in bytes: so much of the window must stay when it slides.
pub(super) const HISTORY_BYTES: usize = 32 << 10;
/// The least room with which anything is decoded: for two literals, the longest match, and what wide copies write beyond it.
pub(super) const ROOM_BYTES_MIN: usize = 320;

/// The most bits that the length of a codeword takes, or how often it is repeated.
const REPEATED_BITS_MAX: u32 = 7 + 7;

/// The data is no deflate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage;

/// Where unpacked bytes go: behind those that are there already, which matches refer to.
pub(super) struct Output<'a> {
    /// What is there. Its capacity is not below the limit.
    bytes: &'a mut Vec<u8>,
    /// Where the stream begins, or the oldest of its bytes that are still there: nothing refers to what is before.
    floor: usize,
    /// How many bytes there may be in all.
    limit: usize,
}

impl<'a> Output<'a> {
    /// Makes an output that ends at `limit`, or where the vector has no room any more.
    pub(super) fn new(bytes: &'a mut Vec<u8>, floor: usize, limit: usize) -> Output<'a> {
        let (floor, limit) = (floor.min(bytes.len()), limit.min(bytes.capacity()));
        Output { bytes, floor, limit }
    }

    /// Returns how many bytes more there may be.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    /// Adds bytes that need no decoding, as many as there is room for, and returns how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room());
        self.bytes.extend_from_slice(&bytes[..count]);
        count
    }
}

/// Why decoding stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// All input is taken, and more is needed.
    Input,
    /// There is less than [`ROOM_BYTES_MIN`] of room.
    Room,
    /// The stream has ended.
    End,
}

/// A decoder of one stream after the other.
pub(super) struct Inflater {
    kept: Kept,
    state: State,
    is_last_block: bool,
    literals: Literals,
    distances: Distances,
    lengths: Lengths,
    /// The lengths of codewords of the block to come: first of literals, then of distances.
    codewords: [u8; LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
    tables_are_fixed: bool,
}

#[derive(Clone, Copy)]
enum State {
    BlockHeader,
    StoredHeader,
    Stored { left: usize },
    DynamicHeader,
    LengthCode { counts: Counts, read: usize },
    Codewords { counts: Counts, read: usize },
    Symbols,
    Ended,
}

#[derive(Clone, Copy)]
struct Counts {
    literals: usize,
    distances: usize,
    lengths: usize,
}

/// The order in which the lengths of the code of lengths are written.
const LENGTH_ORDER: [u8; LENGTH_SYMBOLS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Inflater {
    pub(super) fn new() -> Inflater {
        Inflater {
            kept: Kept::default(),
            state: State::BlockHeader,
            is_last_block: false,
            literals: Literals::new(),
            distances: Distances::new(),
            lengths: Lengths::new(),
            codewords: [0; LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
            tables_are_fixed: false,
        }
    }

    /// Gets ready for another stream.
    pub(super) fn reset(&mut self) {
        self.kept = Kept::default();
        self.state = State::BlockHeader;
    }

    /// Decodes until something runs out, and says what. Returns how much of the input was taken; what was not belongs
    /// to the next call, or to what follows the stream.
    pub(super) fn inflate(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<(usize, Stop), Damage> {
        let mut bits = Bits::new(self.kept, input);
        let stop = loop {
            if let Some(stop) = self.step(&mut bits, output)? {
                break stop;
            }
        };
        // What was taken in beyond the last item goes back. When more input is needed, it is the beginning of an item.
        if stop != Stop::Input {
            bits.give_back();
        }
        bits.clear_above();
        self.kept = bits.kept;
        Ok((bits.at, stop))
    }

    /// Goes on to the next state.
    fn step(&mut self, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<Option<Stop>, Damage> {
        match self.state {
            State::BlockHeader => {
                let Some(header) = bits.take(3) else { return Ok(Some(Stop::Input)) };
                self.is_last_block = header & 1 == 1;
                self.state = match header >> 1 {
                    0 => State::StoredHeader,
                    1 => self.fixed()?,
                    2 => State::DynamicHeader,
                    _ => return Err(Damage),
                };
            }
            State::StoredHeader => {
                bits.refill();
                let padding = bits.kept.count & 7;
                if bits.kept.count < padding + 32 {
                    return Ok(Some(Stop::Input));
                }
                bits.kept.drop(padding);
                let Some(length) = bits.take(32) else { return Ok(Some(Stop::Input)) };
                if length & 0xffff != !length >> 16 {
                    return Err(Damage);
                }
                bits.give_back();
                self.state = State::Stored { left: (length & 0xffff) as usize };
            }
            State::Stored { left } => return Ok(self.stored(bits, output, left)),
            State::DynamicHeader => {
                let Some(header) = bits.take(14) else { return Ok(Some(Stop::Input)) };
                let field = |from: u32, width: u32| (header >> from) as usize & ((1 << width) - 1);
                let counts = Counts { literals: field(0, 5) + 257, distances: field(5, 5) + 1, lengths: field(10, 4) + 4 };
                if counts.literals > LITERAL_SYMBOLS - 2 || counts.distances > DISTANCE_SYMBOLS - 2 {
                    return Err(Damage);
                }
                self.codewords[..LENGTH_SYMBOLS].fill(0);
                self.state = State::LengthCode { counts, read: 0 };
            }
            State::LengthCode { counts, read } => return self.length_code(bits, counts, read),
            State::Codewords { counts, read } => return self.codewords(bits, counts, read),
            State::Symbols => return self.symbols(bits, output),
            State::Ended => return Ok(Some(Stop::End)),
        }
        Ok(None)
    }

    fn end_block(&mut self) {
        self.state = if self.is_last_block { State::Ended } else { State::BlockHeader };
    }

    /// Sets the code up that needs no description.
    fn fixed(&mut self) -> Result<State, Damage> {
        if !self.tables_are_fixed {
            let mut lengths = [8; LITERAL_SYMBOLS];
            lengths[144..256].fill(9);
            lengths[256..280].fill(7);
            self.literals.build(&lengths, &LITERAL_MEANINGS)?;
            self.distances.build(&[5; DISTANCE_SYMBOLS], &DISTANCE_MEANINGS)?;
            self.tables_are_fixed = true;
        }
        Ok(State::Symbols)
    }

    /// Copies what was not compressed.
    fn stored(&mut self, bits: &mut Bits<'_>, output: &mut Output<'_>, left: usize) -> Option<Stop> {
        let input = &bits.input[bits.at..];
        let count = output.write(&input[..left.min(input.len())]);
        bits.at += count;
        self.state = State::Stored { left: left - count };
        if left == count {
            self.end_block();
            None
        } else if output.room() == 0 {
            Some(Stop::Room)
        } else {
            Some(Stop::Input)
        }
    }

    /// Reads the code in which the codewords of a block are described.
    fn length_code(&mut self, bits: &mut Bits<'_>, counts: Counts, mut read: usize) -> Result<Option<Stop>, Damage> {
        while read < counts.lengths {
            let Some(length) = bits.take(3) else {
                self.state = State::LengthCode { counts, read };
                return Ok(Some(Stop::Input));
            };
            self.codewords[usize::from(LENGTH_ORDER[read])] = length as u8;
            read += 1;
        }
        self.lengths.build(&self.codewords[..LENGTH_SYMBOLS], &LENGTH_MEANINGS)?;
        self.state = State::Codewords { counts, read: 0 };
        Ok(None)
    }

    /// Reads the codewords of a block and builds its tables.
    fn codewords(&mut self, bits: &mut Bits<'_>, counts: Counts, mut read: usize) -> Result<Option<Stop>, Damage> {
        let all = counts.literals + counts.distances;
        while read < all {
            if bits.kept.count < REPEATED_BITS_MAX {
                bits.refill();
            }
            let Some((entry, value)) = self.lengths.decode(&mut bits.kept) else {
                self.state = State::Codewords { counts, read };
                return Ok(Some(Stop::Input));
            };
            if entry & SPECIAL != 0 {
                return Err(Damage);
            }
            // The values follow one another: 16 lengths as they are, 4 ways to repeat the last, 8 and 128 runs of zeros.
            let (length, times) = match value {
                0..16 => {
                    self.codewords[read] = value as u8;
                    read += 1;
                    continue;
                }
                16..20 if read == 0 => return Err(Damage),
                16..20 => (self.codewords[read - 1], value - 16 + 3),
                20..28 => (0, value - 20 + 3),
                _ => (0, value - 28 + 11),
            };
            let end = read + times;
            if end > all {
                return Err(Damage);
            }
            self.codewords[read..end].fill(length);
            read = end;
        }
        let (literals, distances) = self.codewords[..all].split_at(counts.literals);
        if literals[256] == 0 {
            return Err(Damage);
        }
        self.tables_are_fixed = false;
        self.literals.build(literals, &LITERAL_MEANINGS)?;
        self.distances.build(distances, &DISTANCE_MEANINGS)?;
        self.state = State::Symbols;
        Ok(None)
    }

    /// Decodes literals and matches until the end of the block.
    fn symbols(&mut self, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<Option<Stop>, Damage> {
        loop {
            if fast::run(&self.literals, &self.distances, bits, output)? {
                self.end_block();
                return Ok(None);
            }
            if output.room() < ROOM_BYTES_MIN {
                return Ok(Some(Stop::Room));
            }
            match self.symbol(bits, output)? {
                Symbol::Unfinished => return Ok(Some(Stop::Input)),
                Symbol::End => {
                    self.end_block();
                    return Ok(None);
                }
                Symbol::Done => {}
            }
        }
    }

    /// Decodes one literal or match, if its bits are all there. There is room for it.
    fn symbol(&self, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<Symbol, Damage> {
        bits.refill();
        let mut ahead = bits.kept;
        let Some((entry, length)) = self.literals.decode(&mut ahead) else { return Ok(Symbol::Unfinished) };
        if entry & LITERAL != 0 {
            output.bytes.push((entry >> 16) as u8);
            bits.kept = ahead;
            return Ok(Symbol::Done);
        }
        if entry & SPECIAL != 0 {
            bits.kept = ahead;
            return if entry & END == END { Ok(Symbol::End) } else { Err(Damage) };
        }
        let Some((entry, distance)) = self.distances.decode(&mut ahead) else { return Ok(Symbol::Unfinished) };
        let end = output.bytes.len();
        if entry & SPECIAL != 0 || distance > end - output.floor {
            return Err(Damage);
        }
        for at in end..end + length {
            output.bytes.push(output.bytes[at - distance]);
        }
        bits.kept = ahead;
        Ok(Symbol::Done)
    }
}

enum Symbol {
    Done,
    End,
    Unfinished,
}
