//! The loop that decodes nearly everything.
//!
//! It runs while at hand is more input than one turn can take and more room than one turn can fill, and checks that once
//! a turn. A turn is a few literals, or some literals and a match. The next entry is looked up before a match is copied,
//! so that the two overlap. Copies are wide and write beyond the end of a match, into room that the next turn overwrites.

use super::bits::Bits;
use super::codes::{Distances, END, LINK, LITERAL, Literals, SPECIAL, value};
use super::{Damage, Output, ROOM_BYTES_MIN};

/// The most input that a turn takes in: three refills of eight bytes.
const INPUT_BYTES_MIN: usize = 24;

/// Decodes while it can; says whether the block has ended.
pub(super) fn run(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    if bits.input.len() - bits.at < INPUT_BYTES_MIN || output.window.len() - output.at < ROOM_BYTES_MIN {
        return Ok(false);
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has the instructions.
        return unsafe { run_with_bmi2(literals, distances, bits, output) };
    }
    turns(literals, distances, bits, output)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2")]
fn run_with_bmi2(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    turns(literals, distances, bits, output)
}

#[inline(always)]
fn turns(literals: &Literals, distances: &Distances, bits: &mut Bits<'_>, output: &mut Output<'_>) -> Result<bool, Damage> {
    let input = bits.input;
    let window = &mut *output.window;
    let floor = output.floor;
    let input_end = input.len() - INPUT_BYTES_MIN;
    let output_end = window.len() - ROOM_BYTES_MIN;
    let (mut from, mut at) = (bits.at, output.at);
    let (mut buffer, mut count) = (bits.kept.buffer, bits.kept.count);
    macro_rules! refill {
        () => {
            if let Some(word) = input.get(from..from + 8) {
                let mut eight = [0; 8];
                eight.copy_from_slice(word);
                buffer |= u64::from_le_bytes(eight) << (count & 63);
            }
            from += 7 - ((count >> 3) & 7) as usize;
            count |= 56;
        };
    }
    macro_rules! take {
        ($entry:expr) => {
            buffer >>= $entry & 63;
            count = count.wrapping_sub($entry);
        };
    }
    let mut ended = Ok(false);
    refill!();
    let mut entry = literals.find(buffer);
    // The entry is looked up and not taken.
    while from <= input_end && at <= output_end {
        let mut before = buffer;
        take!(entry);
        if entry & LITERAL != 0 {
            window[at] = (entry >> 16) as u8;
            at += 1;
            entry = literals.find(buffer);
            before = buffer;
            take!(entry);
            if entry & LITERAL != 0 {
                window[at] = (entry >> 16) as u8;
                at += 1;
                entry = literals.find(buffer);
                before = buffer;
                take!(entry);
                if entry & LITERAL != 0 {
                    window[at] = (entry >> 16) as u8;
                    at += 1;
                    refill!();
                    entry = literals.find(buffer);
                    continue;
                }
            }
        }
        if entry & SPECIAL != 0 {
            if entry & LINK == LINK {
                entry = literals.follow(entry, buffer);
                before = buffer;
                take!(entry);
                if entry & LITERAL != 0 {
                    window[at] = (entry >> 16) as u8;
                    at += 1;
                    refill!();
                    entry = literals.find(buffer);
                    continue;
                }
            }
            if entry & SPECIAL != 0 {
                ended = if entry & END == END { Ok(true) } else { Err(Damage) };
                break;
            }
        }
        let length = value(entry, before) as usize;
        refill!();
        entry = distances.find(buffer);
        if entry & SPECIAL != 0 {
            if entry & LINK == LINK {
                take!(entry & 0xff);
                entry = distances.follow(entry, buffer);
            }
            if entry & SPECIAL != 0 {
                ended = Err(Damage);
                break;
            }
        }
        let distance = value(entry, buffer) as usize;
        take!(entry);
        if distance > at - floor {
            ended = Err(Damage);
            break;
        }
        refill!();
        entry = literals.find(buffer);
        copy(window, at, distance, length);
        at += length;
    }
    bits.kept.buffer = buffer;
    bits.kept.count = count & 63;
    bits.at = from;
    output.at = at;
    ended
}

/// Copies a match, and up to 16 bytes more than that.
#[inline(always)]
fn copy(window: &mut [u8], at: usize, distance: usize, length: usize) {
    let end = at + length;
    let (mut to, mut from) = (at, at - distance);
    if distance >= 16 {
        wide(window, from, to);
        while to + 16 < end {
            to += 16;
            from += 16;
            wide(window, from, to);
        }
    } else if distance == 1 {
        let byte = window[from];
        while to < end {
            window[to..to + 16].fill(byte);
            to += 16;
        }
    } else {
        // The next bytes repeat the last few: copied in steps of the distance, each copy brings what the next one reads.
        let step = if distance >= 8 { 8 } else { distance };
        while to < end {
            window.copy_within(from..from + 8, to);
            from += step;
            to += step;
        }
    }
}

#[inline(always)]
fn wide(window: &mut [u8], from: usize, to: usize) {
    window.copy_within(from..from + 16, to);
}
