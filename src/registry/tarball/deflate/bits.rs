//! Bits out of bytes, the lowest of each byte first.

/// Up to 64 bits that were taken from the input and not used. Those above `count` are not clear, but what the input
/// will put there.
#[derive(Clone, Copy, Default)]
pub(super) struct Kept {
    pub(super) buffer: u64,
    pub(super) count: u32,
}

impl Kept {
    /// Takes bits away that are there.
    #[inline(always)]
    pub(super) fn drop(&mut self, count: u32) {
        self.buffer >>= count;
        self.count -= count;
    }
}

/// Reads one piece of the input.
pub(super) struct Bits<'a> {
    pub(super) kept: Kept,
    pub(super) input: &'a [u8],
    /// How much of the input was taken in.
    pub(super) at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(kept: Kept, input: &'a [u8]) -> Bits<'a> {
        Bits { kept, input, at: 0 }
    }

    /// Takes in as much as there is room for: at least 56 bits, unless the input ends.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let Kept { buffer, count } = &mut self.kept;
        if let Some(word) = self.input[self.at..].first_chunk() {
            *buffer |= u64::from_le_bytes(*word) << *count;
            self.at += (63 - *count as usize) >> 3;
            *count |= 56;
        } else {
            while let Some(byte) = self.input.get(self.at).filter(|_| *count < 56) {
                // What a wide refill left above is the same byte.
                *buffer |= u64::from(*byte) << *count;
                *count += 8;
                self.at += 1;
            }
        }
    }

    /// Takes bits, when so many (at most 32) are there.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        self.refill();
        let value = self.kept.buffer & ((1 << count) - 1);
        (self.kept.count >= count).then(|| {
            self.kept.drop(count);
            value as u32
        })
    }

    /// Gives whole bytes back to the input.
    pub(super) fn give_back(&mut self) {
        let bytes = (self.kept.count as usize / 8).min(self.at);
        self.at -= bytes;
        self.kept.count -= bytes as u32 * 8;
        self.clear_above();
    }

    /// Forgets the bits above the count, which the next piece of input need not repeat.
    pub(super) fn clear_above(&mut self) {
        self.kept.buffer &= (1 << self.kept.count) - 1;
    }
}
