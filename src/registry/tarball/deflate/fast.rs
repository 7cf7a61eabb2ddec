//! The loop that decodes nearly everything.
//!
//! It goes in turns: up to four literals, or up to three and a match. A turn begins only when at hand is more input than
//! it can take and more room than it can fill, so that nothing in it has to ask. Both are borrowed as arrays, from which
//! the compiler sees that no access can leave them: pointers would save three hundredths of the time. The entry of the
//! next turn is looked up before a match is copied, so that the two overlap. Copies are wide and write beyond the end
//! of a match, into room that the next turn overwrites.

use super::bits::{Bits, Kept};
use super::codes::{Distances, END, LINK, LITERAL, Literals, SPECIAL, value};
use super::{Damage, Output, ROOM_BYTES_MIN};

/// The most input that a turn takes in: two refills of seven bytes, the second of which looks at eight.
const INPUT_BYTES_MIN: usize = 16;
/// The literals of a turn that has no match. Four codewords of the root fit into what a refill leaves, and so do three
/// with a length behind them.
const LITERALS_MAX: usize = 4;
/// The most bits that a distance takes.
const DISTANCE_BITS_MAX: u32 = 28;

/// Decodes while it can; says whether the block has ended.
pub(super) fn run(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    if bits.input.len() - bits.at < INPUT_BYTES_MIN || output.window.len() - output.at < ROOM_BYTES_MIN {
        return Ok(false);
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor was asked whether it has these instructions.
        return unsafe { run_with_bmi2(literals, distances, bits, output) };
    }
    turns(literals, distances, bits, output)
}

/// The same with shifts that take one instruction instead of three, which is worth a twentieth of the time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2")]
fn run_with_bmi2(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    turns(literals, distances, bits, output)
}

#[inline(always)]
fn turns(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    // No match may reach below the floor, so the window begins there.
    let window = &mut output.window[output.floor..];
    let mut at = output.at - output.floor;
    bits.refill();
    let (mut kept, mut from) = (bits.kept, bits.at);
    let mut entry = literals.find(kept.buffer);
    let ended = loop {
        let Some(room) = window.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else { break Ok(false) };
        let Some(bytes) = bits.input.get(from..).and_then(<[u8]>::first_chunk) else { break Ok(false) };
        let mut ahead = Ahead { bytes, taken: 0 };
        let (written, found) = run_of_literals(literals, &mut kept, entry, room);
        at += written;
        let Found::Length(length) = found else {
            if let Found::End(end) = found {
                break end;
            }
            ahead.refill(&mut kept);
            from += ahead.taken;
            entry = literals.find(kept.buffer);
            continue;
        };
        let Some(distance) = distance(distances, &mut kept, &mut ahead).filter(|distance| *distance <= at) else { break Err(Damage) };
        ahead.refill(&mut kept);
        from += ahead.taken;
        entry = literals.find(kept.buffer);
        copy(window, at, distance, length);
        at += length;
    };
    kept.count &= 63;
    (bits.kept, bits.at, output.at) = (kept, from, at + output.floor);
    ended
}

/// What comes after some literals.
enum Found {
    /// Another literal, in the next turn.
    Nothing,
    /// A match of this length.
    Length(usize),
    /// The end of the block, or damage.
    End(Result<bool, Damage>),
}

/// Writes the literals of a turn and returns how many there are. The first entry was looked up and not taken.
#[inline(always)]
fn run_of_literals(literals: &Literals, kept: &mut Kept, mut entry: u32, room: &mut [u8; ROOM_BYTES_MIN]) -> (usize, Found) {
    let mut before = kept.buffer;
    take(kept, entry);
    let mut written = 0;
    while entry & LITERAL != 0 {
        room[written] = (entry >> 16) as u8;
        written += 1;
        if written == LITERALS_MAX {
            return (written, Found::Nothing);
        }
        entry = literals.find(kept.buffer);
        before = kept.buffer;
        take(kept, entry);
    }
    if entry & SPECIAL != 0 {
        if entry & LINK == LINK {
            entry = literals.follow(entry, kept.buffer);
            before = kept.buffer;
            take(kept, entry);
            if entry & LITERAL != 0 {
                room[written] = (entry >> 16) as u8;
                return (written + 1, Found::Nothing);
            }
        }
        if entry & SPECIAL != 0 {
            return (written, Found::End(if entry & END == END { Ok(true) } else { Err(Damage) }));
        }
    }
    (written, Found::Length(value(entry, before) as usize))
}

/// Decodes the distance of a match.
#[inline(always)]
fn distance(distances: &Distances, kept: &mut Kept, ahead: &mut Ahead<'_>) -> Option<usize> {
    if kept.count & 63 < DISTANCE_BITS_MAX {
        ahead.refill(kept);
    }
    let mut entry = distances.find(kept.buffer);
    if entry & SPECIAL != 0 {
        if entry & LINK == LINK {
            take(kept, entry & 0xff);
            entry = distances.follow(entry, kept.buffer);
        }
        if entry & SPECIAL != 0 {
            return None;
        }
    }
    let distance = value(entry, kept.buffer);
    take(kept, entry);
    Some(distance as usize)
}

/// Takes what an entry takes. The lowest bits of the entry and of the count say how much, and what the others hold matters
/// to nobody.
#[inline(always)]
fn take(kept: &mut Kept, entry: u32) {
    kept.buffer >>= entry & 63;
    kept.count = kept.count.wrapping_sub(entry);
}

/// The input of one turn.
struct Ahead<'a> {
    bytes: &'a [u8; INPUT_BYTES_MIN],
    taken: usize,
}

impl Ahead<'_> {
    /// Takes in at least 56 bits, and seven bytes at most. What a word brings beyond that will come again.
    #[inline(always)]
    fn refill(&mut self, kept: &mut Kept) {
        if let Some(word) = self.bytes[self.taken..].first_chunk() {
            kept.buffer |= u64::from_le_bytes(*word) << (kept.count & 63);
        }
        self.taken += 7 ^ ((kept.count >> 3) & 7) as usize;
        kept.count |= 56;
    }
}

/// Copies a match and up to 16 bytes more than that, 32 at least. What a step reads was there before, or was written by the
/// step before it.
#[inline(always)]
fn copy(window: &mut [u8], at: usize, distance: usize, length: usize) {
    let end = at + length;
    let (mut from, mut to) = (at - distance, at);
    if distance >= 16 {
        // Most matches are no longer than two steps.
        step::<16>(window, from, to);
        step::<16>(window, from + 16, to + 16);
        (from, to) = (from + 32, to + 32);
        while to < end {
            step::<16>(window, from, to);
            (from, to) = (from + 16, to + 16);
        }
    } else if distance == 1 {
        let byte = window[from];
        while to < end {
            window[to..to + 16].fill(byte);
            to += 16;
        }
    } else {
        // The last few bytes are repeated: in steps of the distance, each copy brings what the next one reads.
        let stride = distance.min(8);
        while to < end {
            step::<8>(window, from, to);
            from += stride;
            to += stride;
        }
    }
}

/// Copies some bytes at once: all are read before the first is written.
#[inline(always)]
fn step<const BYTES: usize>(window: &mut [u8], from: usize, to: usize) {
    if let Some(bytes) = window[from..].first_chunk::<BYTES>().copied()
        && let Some(place) = window[to..].first_chunk_mut()
    {
        *place = bytes;
    }
}
