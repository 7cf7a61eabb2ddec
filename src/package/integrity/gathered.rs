//! What a stream has gathered and not hashed yet.
//!
//! Its stream adds to it, and any thread may take what is there to hash it and give it back; nothing can be taken twice.

use super::lanes::{BLOCK_BYTES, Chain, START, padded};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How much a stream gathers. That of a few streams still fits into the cache of a processor.
pub(super) const PIECE_BYTES: usize = 512 << 10;

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

impl Gathered {
    /// Starts with nothing.
    pub(super) fn new() -> Gathered {
        let state = State { chain: Some(START), bytes: Vec::new(), spare: Vec::new() };
        Gathered { state: Mutex::new(state), given_back: Condvar::new() }
    }

    /// Returns how many bytes may be added.
    pub(super) fn room(&self) -> usize {
        PIECE_BYTES.saturating_sub(self.lock().bytes.len())
    }

    pub(super) fn add(&self, bytes: &[u8]) {
        let gathered = &mut self.lock().bytes;
        // All the memory that it will need, at once.
        gathered.reserve_exact(PIECE_BYTES.saturating_sub(gathered.len()));
        gathered.extend_from_slice(bytes);
    }

    pub(super) fn pad(&self, message_bytes: u64) {
        let mut state = self.lock();
        state.bytes = padded(&state.bytes, message_bytes);
    }

    /// Waits until nothing of the stream is being hashed; returns what it has come to so far.
    pub(super) fn settled(&self) -> Chain {
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
