//! The SHA-512 of a stream, computed side by side with others although each is read by a thread of its own.
//!
//! A stream gathers what it is given. When that is enough, it hashes it, and takes along what other streams have gathered by
//! then; these go on gathering in the meantime.

use super::gathered::Gathered;
use super::lanes::{Lanes, digest};
use super::together::Together;
use std::sync::Arc;

/// A stream.
pub(super) struct Stream {
    together: Arc<Together>,
    gathered: Arc<Gathered>,
    /// The length of all of it so far.
    bytes: u64,
}

impl Stream {
    /// Starts with no bytes; `None` where the processor gains nothing by this.
    pub(super) fn new(together: &Arc<Together>) -> Option<Stream> {
        Lanes::detect()?;
        let gathered = Arc::new(Gathered::new());
        together.join(&gathered);
        Some(Stream { together: Arc::clone(together), gathered, bytes: 0 })
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(self.gathered.room()));
            self.gathered.add(now);
            if self.gathered.room() == 0 {
                self.hash();
            }
            bytes = later;
        }
    }

    pub(super) fn finish(self) -> [u8; 64] {
        self.gathered.pad(self.bytes);
        self.hash();
        digest(&self.gathered.settled())
    }

    /// Sees to it that what was gathered is hashed or being hashed.
    fn hash(&self) {
        self.gathered.settled();
        // Nothing is left to do if another thread was quicker.
        self.together.hash_stream(&self.gathered);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.together.leave(&self.gathered);
    }
}

#[cfg(test)]
mod tests {
    use super::{Stream, Together};
    use crate::package::integrity::Integrity;
    use crate::package::integrity::gathered::PIECE_BYTES;
    use std::sync::Arc;

    fn message(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|index| (index * 7 + bytes + index / 251) as u8).collect()
    }

    fn assert_like_ring(together: &Arc<Together>, bytes: usize, step: usize) {
        // Where the processor cannot, there is nothing to test.
        let Some(mut stream) = Stream::new(together) else { return };
        let message = message(bytes);
        message.chunks(step).for_each(|piece| stream.update(piece));
        assert_eq!(Integrity::of_sha512(&stream.finish()), Integrity::of(&message), "{bytes} bytes by {step}");
    }

    #[test]
    fn a_stream_that_is_alone() {
        let together = Arc::default();
        for bytes in [0, 1, 127, 128, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 111, 3 * PIECE_BYTES + 112] {
            assert_like_ring(&together, bytes, 60_000);
            assert_like_ring(&together, bytes, 2 * PIECE_BYTES + 5);
        }
    }

    #[test]
    fn streams_of_many_threads() {
        let together = Arc::default();
        std::thread::scope(|scope| {
            for thread in 1..=9 {
                let together = &together;
                scope.spawn(move || assert_like_ring(together, thread * 400_000 + thread, 7_000 * thread));
            }
        });
    }

    #[test]
    fn a_stream_that_is_given_up_leaves_the_others_alone() {
        let together = Arc::default();
        if let Some(mut given_up) = Stream::new(&together) {
            given_up.update(&message(PIECE_BYTES + 9));
        }
        assert_like_ring(&together, 3 * PIECE_BYTES, 9_000);
    }
}
