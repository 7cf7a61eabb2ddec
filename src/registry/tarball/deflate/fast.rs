//! The loop that decodes nearly everything.
//!
//! It goes in turns: up to three literals, or up to two and a match. A turn begins only when at hand is more input than it
//! can take and more room than it can fill, so that nothing in it has to ask. It reads and writes through pointers: with
//! slices, whose bounds are checked at each access, it takes 1.15 times as long.
//!
//! What the next turn begins with is looked up before more input is taken in and before a match is copied, so that the
//! processor is at all three at once. Bits enough for that are there: a refill leaves 56. Two literals and a length take 42
//! at most, and the root of the distances looks at 8 behind them; three literals take 33, two and one of a long codeword
//! 37, and the root of the literals looks at 11 behind those. Before a distance is taken, as many are seen to.
//!
//! Copies are wide and write beyond the end of a match, into room that the next turn overwrites.

use super::bits::{Bits, Kept};
use super::codes::{Distances, END, LINK, LITERAL, Literals, SPECIAL, value};
use super::{Damage, Output, ROOM_BYTES_MIN};
use std::hint::cold_path;
use std::mem::MaybeUninit;

/// The most input that a turn looks at: two refills of seven bytes, the second of which looks at eight.
const INPUT_BYTES_MIN: usize = 16;
/// The most bits of a distance that the root knows, and of the literal behind it.
const SHORT_DISTANCE_BITS: u32 = 8 + 13 + 11;
/// The same of any distance.
const LONG_DISTANCE_BITS: u32 = 15 + 13 + 11;

/// Decodes while it can; says whether the block has ended.
pub(super) fn run(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    if bits.input.len() - bits.at < INPUT_BYTES_MIN || output.room() < ROOM_BYTES_MIN {
        return Ok(false);
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor was asked whether it has these instructions, and there is input and room for a turn.
        return unsafe { run_with_bmi2(literals, distances, bits, output) };
    }
    // SAFETY: there is input and room for a turn.
    unsafe { turns(literals, distances, bits, output) }
}

/// The same with shifts that take one instruction instead of three, which is worth a twentieth of the time.
///
/// # Safety
///
/// As for [`turns`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2")]
unsafe fn run_with_bmi2(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    // SAFETY: the caller's word.
    unsafe { turns(literals, distances, bits, output) }
}

/// Takes turns while there is input and room for another one.
///
/// # Safety
///
/// There must be for one: the input must be as long as [`INPUT_BYTES_MIN`] and the room as [`ROOM_BYTES_MIN`].
#[inline(always)]
unsafe fn turns(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    bits.refill();
    let (input, room) = (bits.input.as_ptr(), output.bytes.as_mut_ptr());
    // SAFETY: the input and the room are longer than what is subtracted, and `at`, `floor` and the length are within.
    let (mut hand, bounds) = unsafe {
        let last_input = input.add(bits.input.len() - INPUT_BYTES_MIN);
        let last_room = room.add(output.limit - ROOM_BYTES_MIN);
        let hand = Hand { kept: bits.kept, input: input.add(bits.at), room: room.add(output.bytes.len()) };
        (hand, Bounds { last_input, last_room, floor: room.add(output.floor) })
    };
    // SAFETY: these are the bounds of what the hand points into.
    let ended = unsafe { hand.turns(literals, distances, &bounds) };
    hand.kept.count &= 63;
    bits.kept = hand.kept;
    // SAFETY: both pointers were moved within what they point into, and all before the second has been written.
    unsafe {
        bits.at = hand.input.offset_from_unsigned(input);
        output.bytes.set_len(hand.room.offset_from_unsigned(room));
    }
    ended
}

/// Where a turn may still begin, and what no match may reach below.
struct Bounds {
    last_input: *const u8,
    last_room: *const u8,
    floor: *const u8,
}

/// What a turn works with.
struct Hand {
    /// The lowest six bits of the count count, the others hold anything.
    kept: Kept,
    /// What is taken in next.
    input: *const u8,
    /// What is written next.
    room: *mut u8,
}

impl Hand {
    /// Takes turns until the block ends, or there is too little input or room for another one.
    ///
    /// # Safety
    ///
    /// The bounds must be those of what is pointed into: behind the last places there must be as much input as
    /// [`INPUT_BYTES_MIN`] and as much room as [`ROOM_BYTES_MIN`], and from the floor on everything must have been written.
    #[inline(always)]
    unsafe fn turns(&mut self, literals: &Literals, distances: &Distances, bounds: &Bounds) -> Result<bool, Damage> {
        let mut entry = literals.find(self.kept.buffer);
        loop {
            if self.room.cast_const() > bounds.last_room || self.input > bounds.last_input {
                break Ok(false);
            }
            let mut before = self.kept.buffer;
            self.take(entry);
            // SAFETY (of all steps of the turn): it looks at no more input than `INPUT_BYTES_MIN`, since it refills twice at
            // most, and writes no more than `ROOM_BYTES_MIN`: two literals, a match of 258 bytes and the 47 behind it.
            if entry & LITERAL != 0 {
                (entry, before) = unsafe { self.literal(literals, entry) };
                if entry & LITERAL != 0 {
                    (entry, before) = unsafe { self.literal(literals, entry) };
                    if entry & LITERAL != 0 {
                        entry = unsafe { self.last_literal(literals, entry) };
                        continue;
                    }
                }
            }
            if entry & SPECIAL != 0 {
                cold_path();
                if entry & LINK == LINK {
                    before = self.kept.buffer;
                    entry = literals.follow(entry, before);
                    self.take(entry);
                    if entry & LITERAL != 0 {
                        entry = unsafe { self.last_literal(literals, entry) };
                        continue;
                    }
                }
                if entry & SPECIAL != 0 {
                    break if entry & END == END { Ok(true) } else { Err(Damage) };
                }
            }
            let length = value(entry, before);
            // SAFETY: as above.
            let distance = unsafe { self.distance(distances) };
            if distance > self.room.addr() - bounds.floor.addr() {
                break Err(Damage);
            }
            entry = literals.find(self.kept.buffer);
            // SAFETY: as above, and what the match refers to is there.
            unsafe {
                self.refill();
                self.copy(distance, length);
            }
        }
    }

    /// Takes what an entry takes. The lowest bits of the entry and of the count say how much, and what the others hold
    /// matters to nobody.
    #[inline(always)]
    fn take(&mut self, entry: u32) {
        self.kept.buffer >>= entry & 63;
        self.kept.count = self.kept.count.wrapping_sub(entry);
    }

    /// Takes in at least 56 bits, and seven bytes at most. What a word brings beyond that will come again.
    ///
    /// # Safety
    ///
    /// Eight bytes of input must be there.
    #[inline(always)]
    unsafe fn refill(&mut self) {
        // SAFETY: the caller's word.
        unsafe {
            let word = u64::from_le_bytes(self.input.cast::<[u8; 8]>().read());
            self.kept.buffer |= word << (self.kept.count & 63);
            self.input = self.input.add(7 ^ ((self.kept.count >> 3) & 7) as usize);
        }
        self.kept.count |= 56;
    }

    /// Writes a literal, and returns the entry behind it, which is taken, with the bits that begin with it.
    ///
    /// # Safety
    ///
    /// There must be room for a byte.
    #[inline(always)]
    unsafe fn literal(&mut self, literals: &Literals, entry: u32) -> (u32, u64) {
        let before = self.kept.buffer;
        let next = literals.find(before);
        self.take(next);
        // SAFETY: the caller's word.
        unsafe { self.put(entry) };
        (next, before)
    }

    /// Writes the literal that ends a turn, and returns the entry that the next one begins with.
    ///
    /// # Safety
    ///
    /// There must be room for a byte, and input for a refill.
    #[inline(always)]
    unsafe fn last_literal(&mut self, literals: &Literals, entry: u32) -> u32 {
        let next = literals.find(self.kept.buffer);
        // SAFETY: the caller's word.
        unsafe {
            self.refill();
            self.put(entry);
        }
        next
    }

    /// Writes the literal of an entry.
    ///
    /// # Safety
    ///
    /// There must be room for a byte.
    #[inline(always)]
    unsafe fn put(&mut self, entry: u32) {
        // SAFETY: the caller's word.
        unsafe {
            self.room.write((entry >> 16) as u8);
            self.room = self.room.add(1);
        }
    }

    /// Decodes the distance of a match, and leaves bits enough for a literal behind it. One that nothing reaches stands for damage.
    ///
    /// # Safety
    ///
    /// There must be input for a refill.
    #[inline(always)]
    unsafe fn distance(&mut self, distances: &Distances) -> usize {
        let mut entry = distances.find(self.kept.buffer);
        if entry & SPECIAL == 0 {
            if self.kept.count & 63 < SHORT_DISTANCE_BITS {
                cold_path();
                // SAFETY: the caller's word.
                unsafe { self.refill() };
            }
        } else {
            cold_path();
            if self.kept.count & 63 < LONG_DISTANCE_BITS {
                // SAFETY: the caller's word.
                unsafe { self.refill() };
            }
            if entry & LINK == LINK {
                self.take(entry);
                entry = distances.follow(entry, self.kept.buffer);
            }
            if entry & SPECIAL != 0 {
                return usize::MAX;
            }
        }
        let distance = value(entry, self.kept.buffer);
        self.take(entry);
        distance
    }

    /// Copies a match and up to 47 bytes more than that. What a step reads was there before, or was written by the step
    /// before it; what it reads beyond that is of no use, and overwritten.
    ///
    /// # Safety
    ///
    /// There must be as many bytes as the distance says, and room for the length and 47 bytes more.
    #[inline(always)]
    unsafe fn copy(&mut self, distance: usize, length: usize) {
        // SAFETY: the caller's word: no step begins at or behind the end, but for the first ones, which write 48 bytes.
        unsafe {
            let (mut from, mut to) = (self.room.cast_const().sub(distance), self.room);
            let end = to.add(length);
            self.room = end;
            if distance >= 16 {
                // Most matches are no longer than that.
                for _ in 0..3 {
                    (from, to) = copy::<16>(from, to, 16);
                }
                while to < end {
                    (from, to) = copy::<16>(from, to, 16);
                    (from, to) = copy::<16>(from, to, 16);
                }
            } else if distance >= 8 {
                for _ in 0..2 {
                    (from, to) = copy::<8>(from, to, 8);
                }
                while to < end {
                    (from, to) = copy::<8>(from, to, 8);
                }
            } else if distance == 1 {
                let bytes = u64::from(from.read()) * 0x0101_0101_0101_0101;
                while to < end {
                    to.cast::<u64>().write_unaligned(bytes);
                    to.add(8).cast::<u64>().write_unaligned(bytes);
                    to = to.add(16);
                }
            } else {
                // The last few bytes are repeated: in steps of the distance, each copy brings what the next one reads.
                while to < end {
                    (from, to) = copy::<8>(from, to, distance);
                }
            }
        }
    }
}

/// Copies some bytes at once, all of which are read before the first is written, and steps on.
///
/// # Safety
///
/// Both places must be within the room, or what was written before it.
#[inline(always)]
unsafe fn copy<const BYTES: usize>(from: *const u8, to: *mut u8, step: usize) -> (*const u8, *mut u8) {
    // SAFETY: the caller's word. Nothing may ever have been written where the bytes come from, and they are not looked at.
    unsafe {
        let bytes = from.cast::<MaybeUninit<[u8; BYTES]>>().read();
        to.cast::<MaybeUninit<[u8; BYTES]>>().write(bytes);
        (from.add(step), to.add(step))
    }
}
