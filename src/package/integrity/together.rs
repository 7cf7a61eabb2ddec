//! What waits to be hashed side by side: bodies that are here whole, and what has come of those that are still coming.
//!
//! Nobody waits for company. Whoever needs a hash now takes along what else is there, and hashes all of it in lanes; when
//! there is nothing else, it does without.

use super::gathered::{Gathered, PIECE_BYTES, Piece};
use super::lanes::{LANES, Lanes, Part};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Less than that is not worth finding out what the processor can.
const WORTHWHILE_BYTES: usize = 64 << 10;

/// Takes a message back, with its SHA-512 unless that is better computed alone.
type Then = Box<dyn FnOnce(Vec<u8>, Option<[u8; 64]>) + Send>;

/// Where they wait.
#[derive(Default)]
pub struct Together(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    streams: Vec<Arc<Gathered>>,
    /// By length; the number keeps those apart that are as long.
    messages: BTreeMap<(usize, u64), Message>,
    count: u64,
    /// The length of all messages.
    bytes: usize,
}

struct Message {
    bytes: Vec<u8>,
    then: Then,
}

/// What is hashed side by side.
#[derive(Default)]
struct Batch {
    pieces: Vec<Piece>,
    messages: Vec<Message>,
}

impl Together {
    /// Lets a message wait until somebody hashes it: a stream, or whoever calls [`Together::hash_some`] often enough.
    /// `then` is called by that thread, and should be quick.
    pub fn add(&self, bytes: Vec<u8>, then: impl FnOnce(Vec<u8>, Option<[u8; 64]>) + Send + 'static) {
        self.lock().push(Message { bytes, then: Box::new(then) });
    }

    /// Hashes the longest message that waits, and with it what else there is: of all that waits, the share of one of
    /// `workers`. Says whether there was one.
    pub fn hash_some(&self, workers: usize) -> bool {
        let batch = self.lock().take_share(workers);
        let is_any = !batch.messages.is_empty();
        batch.hash();
        is_any
    }

    pub(super) fn join(&self, stream: &Arc<Gathered>) {
        self.lock().streams.push(Arc::clone(stream));
    }

    pub(super) fn leave(&self, stream: &Arc<Gathered>) {
        self.lock().streams.retain(|other| !Arc::ptr_eq(other, stream));
    }

    /// Hashes what a stream has gathered, and with it what else there is.
    pub(super) fn hash_stream(&self, stream: &Arc<Gathered>) {
        let batch = self.lock().take_with(stream);
        batch.hash();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, message: Message) {
        self.count += 1;
        self.bytes += message.bytes.len();
        self.messages.insert((message.bytes.len(), self.count), message);
    }

    /// Takes the longest message of at most so many bytes.
    fn pop(&mut self, bytes_max: usize) -> Option<Message> {
        let key = *self.messages.range(..=(bytes_max, u64::MAX)).next_back()?.0;
        self.bytes -= key.0;
        self.messages.remove(&key)
    }

    fn take_share(&mut self, workers: usize) -> Batch {
        let share = self.bytes / workers.max(1);
        let Some(longest) = self.pop(usize::MAX) else { return Batch::default() };
        let longest_bytes = longest.bytes.len();
        let wanted = share.min((longest_bytes * LANES).max(PIECE_BYTES));
        let mut batch = Batch { pieces: Vec::new(), messages: vec![longest] };
        if wanted >= WORTHWHILE_BYTES {
            batch.pieces = self.pieces();
            self.fill(&mut batch, wanted.saturating_sub(longest_bytes), usize::MAX);
        }
        batch
    }

    fn take_with(&mut self, stream: &Arc<Gathered>) -> Batch {
        let mut batch = Batch { pieces: Vec::from_iter(stream.take()), messages: Vec::new() };
        if !batch.pieces.is_empty() {
            batch.pieces.extend(self.pieces());
            let free = LANES.saturating_sub(batch.pieces.len());
            self.fill(&mut batch, free * PIECE_BYTES, PIECE_BYTES);
        }
        batch
    }

    /// Takes what streams have gathered so far.
    fn pieces(&self) -> Vec<Piece> {
        self.streams.iter().filter_map(Gathered::take).collect()
    }

    /// Adds messages until they have so many bytes, longest first, but none that is too long.
    fn fill(&mut self, batch: &mut Batch, wanted_bytes: usize, bytes_max: usize) {
        let mut bytes = 0;
        while bytes < wanted_bytes
            && let Some(message) = self.pop(bytes_max)
        {
            bytes += message.bytes.len();
            batch.messages.push(message);
        }
    }
}

impl Batch {
    /// Hashes all of it and sends it back.
    fn hash(self) {
        // One message alone is for the hasher of a single one, and to find out what the processor can takes time.
        let is_alone = self.pieces.is_empty() && self.messages.len() <= 1;
        let lanes = if is_alone { None } else { Lanes::detect() };
        let parts: Vec<_> = self.pieces.iter().map(|piece| Part { chain: piece.chain, blocks: &piece.bytes }).collect();
        let messages: Vec<&[u8]> = self.messages.iter().map(|message| message.bytes.as_slice()).collect();
        let (digests, chains) = lanes.map(|lanes| lanes.digests(&messages, &parts)).unwrap_or_default();
        // Pieces first: a thread may wait for them.
        for (piece, chain) in self.pieces.into_iter().zip(chains) {
            piece.give_back(chain);
        }
        let digests = digests.into_iter().map(Some).chain(std::iter::repeat(None));
        for (message, digest) in self.messages.into_iter().zip(digests) {
            (message.then)(message.bytes, digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, PIECE_BYTES, Together};
    use crate::package::integrity::lanes::Lanes;
    use crate::package::integrity::stream::Stream;
    use crate::package::integrity::{Algorithm, Integrity};
    use std::sync::{Arc, mpsc};

    type Hashed = (Vec<u8>, Option<[u8; 64]>);

    /// Lets messages of these lengths wait.
    fn waiting(lengths: impl IntoIterator<Item = usize>) -> (Arc<Together>, mpsc::Receiver<Hashed>) {
        let (together, (send, receive)) = (Arc::<Together>::default(), mpsc::channel());
        for length in lengths {
            let send = send.clone();
            let message = (0..length).map(|index| (index * 7 + length) as u8).collect();
            together.add(message, move |bytes, digest| send.send((bytes, digest)).expect("the test receives"));
        }
        (together, receive)
    }

    fn assert_right(hashed: &[Hashed]) {
        for (bytes, digest) in hashed {
            let found = digest.map(|digest| Integrity::of_sha512(&digest));
            assert!(found.is_none_or(|found| found == Integrity::of(bytes)), "a message of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_worker_takes_its_share_and_all_come_back_once() {
        let (together, receive) = waiting(std::iter::repeat_n(PIECE_BYTES, 4 * LANES));
        let mut counts = Vec::new();
        while together.hash_some(2) {
            let hashed: Vec<Hashed> = receive.try_iter().collect();
            assert_right(&hashed);
            let can = Lanes::detect().is_some();
            assert!(hashed.len() == 1 || !can || hashed.iter().all(|(_, digest)| digest.is_some()));
            counts.push(hashed.len());
        }
        assert_eq!(counts.iter().sum::<usize>(), 4 * LANES);
        assert_eq!((counts[0], counts.last()), (LANES, Some(&1)), "never more than lanes, and nothing is hoarded: {counts:?}");
    }

    #[test]
    fn what_is_small_is_not_worth_the_question() {
        let (together, receive) = waiting([900, 1000, 1100]);
        assert!(together.hash_some(1));
        let hashed: Vec<Hashed> = receive.try_iter().collect();
        assert!(matches!(&hashed[..], [(bytes, None)] if bytes.len() == 1100), "the longest, alone");
    }

    #[test]
    fn a_stream_takes_messages_along() {
        let Some(mut stream) = Stream::new(&Arc::default()) else { return };
        stream.update(b"x");
        assert_eq!(stream.finish()[..], *ring::digest::digest(&ring::digest::SHA512, b"x").as_ref());
        let (together, receive) = waiting([70_000, 80_000, 9 << 20]);
        let mut stream = Stream::new(&together).expect("the first could be made");
        let body = vec![7; 3 << 20];
        stream.update(&body);
        let hashed: Vec<Hashed> = receive.try_iter().collect();
        assert_right(&hashed);
        assert_eq!(hashed.len(), 2, "but none that is much longer");
        assert_eq!(Integrity::of_sha512(&stream.finish()), Algorithm::Sha512.hash(&body));
    }
}
