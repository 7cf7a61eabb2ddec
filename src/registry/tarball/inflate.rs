//! Gzip of a whole body in one piece, into a buffer that each thread keeps.

use super::deflate::{Output, ROOM_BYTES_MIN};
use super::error::TarballError;
use super::gzip::{Members, Room, with_decoder};
use std::cell::Cell;

/// What a body inflates to.
pub(crate) enum Inflated<'a> {
    /// All of its bytes.
    Whole(&'a [u8]),
    /// More bytes than were allowed.
    TooLarge,
    /// It is damaged; the text says how.
    Damaged(String),
}

/// The most that one byte of deflate can stand for: a claim above is a lie, and no memory is spent on it.
const EXPANSION_MAX: usize = 1032;
/// The most bytes of buffer that a thread keeps for the next body. What is larger is of use to others meanwhile.
const KEPT_BYTES: usize = (2 << 20) + ROOM_BYTES_MIN;
/// How much is inflated before its checksum is computed, which is quicker while it is in the cache of the processor.
const STEP_BYTES: usize = 128 << 10;

thread_local! {
    /// The buffer of this thread's last body, for its next one.
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Inflates all members of a gzip body of at most `limit_bytes` and shows the outcome to `look`. The bytes live in a
/// buffer of this thread, which is why they cannot be kept.
pub(crate) fn with_inflated<T>(packed: &[u8], limit_bytes: usize, look: impl FnOnce(Inflated<'_>) -> T) -> T {
    let mut whole = Whole { bytes: KEPT.take(), floor: 0 };
    let answer = match inflate(&mut whole, packed, limit_bytes) {
        Ok(true) => look(Inflated::Whole(&whole.bytes)),
        Ok(false) => look(Inflated::TooLarge),
        Err(TarballError::Gzip { reason }) => look(Inflated::Damaged(reason)),
        Err(other) => look(Inflated::Damaged(other.to_string())),
    };
    if whole.bytes.capacity() <= KEPT_BYTES {
        whole.bytes.clear();
        KEPT.set(whole.bytes);
    }
    answer
}

/// Inflates all members; says whether they were no more than is allowed.
fn inflate(whole: &mut Whole, packed: &[u8], limit_bytes: usize) -> Result<bool, TarballError> {
    // The last four bytes are the size of the last member, which is nearly always the only one.
    let claim = packed.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    let ceiling = packed.len().saturating_mul(EXPANSION_MAX);
    if claim > limit_bytes && claim <= ceiling {
        return Ok(false);
    }
    let wanted = claim.min(ceiling).min(limit_bytes) + ROOM_BYTES_MIN;
    if whole.bytes.capacity() < wanted {
        // A vector that grows copies what it has room for.
        whole.bytes = Vec::with_capacity(wanted);
    }
    with_decoder(|inflater| {
        let mut members = Members::new(packed, inflater);
        while whole.bytes.len() <= limit_bytes {
            if members.unpack(whole).map_err(TarballError::from_io)? == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// All bytes of a body, as far as they are inflated.
struct Whole {
    bytes: Vec<u8>,
    /// Where the member begins.
    floor: usize,
}

impl Room for Whole {
    fn begin_stream(&mut self) {
        self.floor = self.bytes.len();
    }

    fn unpack<T>(&mut self, unpack: impl FnOnce(&mut Output<'_>) -> T) -> (&[u8], T) {
        self.bytes.reserve(ROOM_BYTES_MIN);
        let start = self.bytes.len();
        let answer = unpack(&mut Output::new(&mut self.bytes, self.floor, start + STEP_BYTES));
        (&self.bytes[start..], answer)
    }
}
