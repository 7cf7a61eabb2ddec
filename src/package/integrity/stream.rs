//! The SHA-512 of a stream, computed side by side with others although each is read by a thread of its own.
//!
//! A stream gathers what it is given. When that is enough, it hashes it, and takes along what other streams have gathered by
//! then; these go on gathering in the meantime.

use super::lanes::{BLOCK_BYTES, Chain, Lanes, START, digest, padded};
use super::together::Together;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How much a stream gathers. That of a few streams still fits into the cache of a processor.
pub(super) const PIECE_BYTES: usize = 512 << 10;

/// A stream.
pub(super) struct Stream {
    together: Arc<Together>,
    gathered: Arc<Gathered>,
    /// The length of all of it so far.
    bytes: u64,
}

/// What a stream has gathered.
pub(super) struct Gathered {
    state: Mutex<State>,
    given_back: Condvar,
}

struct State {
    /// What the blocks so far have come to; nothing while some are being hashed.
    chain: Option<Chain>,
    bytes: Vec<u8>,
    /// Memory for what comes while some is being hashed.
    spare: Vec<u8>,
}

/// A part of a stream that is being hashed: whole blocks. It has to be given back.
pub(super) struct Piece {
    /// What the blocks before it came to.
    pub(super) chain: Chain,
    pub(super) bytes: Vec<u8>,
    from: Arc<Gathered>,
}

impl Stream {
    /// Starts with no bytes; `None` where the processor gains nothing by this.
    pub(super) fn new(together: &Arc<Together>) -> Option<Stream> {
        Lanes::detect()?;
        let state = Mutex::new(State { chain: Some(START), bytes: Vec::new(), spare: Vec::new() });
        let gathered = Arc::new(Gathered { state, given_back: Condvar::new() });
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

impl Gathered {
    /// Returns how many bytes may be added.
    fn room(&self) -> usize {
        PIECE_BYTES.saturating_sub(self.lock().bytes.len())
    }

    fn add(&self, bytes: &[u8]) {
        let gathered = &mut self.lock().bytes;
        // All the memory that it will need, at once.
        gathered.reserve_exact(PIECE_BYTES.saturating_sub(gathered.len()));
        gathered.extend_from_slice(bytes);
    }

    fn pad(&self, message_bytes: u64) {
        let mut state = self.lock();
        state.bytes = padded(&state.bytes, message_bytes);
    }

    /// Waits until nothing of the stream is being hashed; returns what it has come to so far.
    fn settled(&self) -> Chain {
        let mut state = self.lock();
        loop {
            if let Some(chain) = state.chain {
                return chain;
            }
            state = self.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes all whole blocks, unless some are being hashed.
    pub(super) fn take(self: &Arc<Gathered>) -> Option<Piece> {
        let mut state = self.lock();
        let whole = state.bytes.len() - state.bytes.len() % BLOCK_BYTES;
        let chain = if whole == 0 { None } else { state.chain.take() }?;
        let mut rest = std::mem::take(&mut state.spare);
        rest.extend_from_slice(&state.bytes[whole..]);
        let mut bytes = std::mem::replace(&mut state.bytes, rest);
        bytes.truncate(whole);
        Some(Piece { chain, bytes, from: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    /// Gives it back, with what it came to.
    pub(super) fn give_back(mut self, chain: Chain) {
        let mut state = self.from.lock();
        state.chain = Some(chain);
        self.bytes.clear();
        state.spare = self.bytes;
        drop(state);
        self.from.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, Stream, Together};
    use crate::package::integrity::Integrity;
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
