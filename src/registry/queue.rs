//! What waits to be sent, and what is allowed to be under way.
//!
//! Packuments go before tarballs, since they unlock further requests, and large tarballs before small ones, since they
//! take longest. Three things bound what is under way: the number of requests, the bytes that were fetched and wait for
//! their import, and the number of tarballs that are unpacked while they arrive.

use std::collections::{BinaryHeap, VecDeque};

/// The most bytes of tarballs that were fetched, or are being fetched, and are not imported yet.
const RESERVED_BYTES_MAX: u64 = 64 << 20;
/// The most tarballs that are unpacked while they arrive.
const STREAMS_MAX: usize = 3;
/// Larger bodies are unpacked while they arrive.
pub(super) const WHOLE_BODY_BYTES: u64 = 8 << 20;
/// A package that unpacks to this much likely has a body larger than that.
const LARGE_UNPACKED_BYTES: u64 = 40 << 20;

/// What a request asks for, as far as the order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Packument,
    /// Expected to fit into memory; the unpacked size, if that is known.
    Tarball(u64),
    /// To be unpacked while it arrives.
    Large(u64),
}

impl Class {
    /// Guesses the class of a tarball from its unpacked size, 0 when that is not known.
    pub(super) fn of_tarball(unpacked_bytes: u64) -> Class {
        if unpacked_bytes > LARGE_UNPACKED_BYTES { Class::Large(unpacked_bytes) } else { Class::Tarball(unpacked_bytes) }
    }
}

/// Requests of type `R`, and counts of what they hold while under way.
pub(super) struct Queue<R> {
    packuments: VecDeque<R>,
    tarballs: BinaryHeap<Waiting<R>>,
    large: BinaryHeap<Waiting<R>>,
    count: u64,
    in_flight: usize,
    streams: usize,
    reserved_bytes: u64,
}

/// What a request that was let go holds: to be given back, each part when it is no longer needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) request: bool,
    pub(super) stream: bool,
    pub(super) bytes: u64,
}

struct Waiting<R> {
    weight: u64,
    number: std::cmp::Reverse<u64>,
    request: R,
}

impl<R> Queue<R> {
    pub(super) fn new() -> Queue<R> {
        Queue {
            packuments: VecDeque::new(),
            tarballs: BinaryHeap::new(),
            large: BinaryHeap::new(),
            count: 0,
            in_flight: 0,
            streams: 0,
            reserved_bytes: 0,
        }
    }

    /// Adds a request.
    pub(super) fn push(&mut self, class: Class, request: R) {
        self.count += 1;
        let number = std::cmp::Reverse(self.count);
        match class {
            Class::Packument => self.packuments.push_back(request),
            Class::Tarball(weight) => self.tarballs.push(Waiting { weight, number, request }),
            Class::Large(weight) => self.large.push(Waiting { weight, number, request }),
        }
    }

    /// Lets the next request go, if one may: no more than `concurrency` are under way, but always one.
    pub(super) fn pop(&mut self, concurrency: usize) -> Option<(R, Held)> {
        if self.in_flight >= concurrency.max(1) {
            return None;
        }
        let (request, held) = self.pop_by_order()?;
        self.in_flight += 1;
        self.streams += usize::from(held.stream);
        self.reserved_bytes += held.bytes;
        Some((request, held))
    }

    fn pop_by_order(&mut self) -> Option<(R, Held)> {
        let held = |stream, bytes| Held { request: true, stream, bytes };
        if let Some(request) = self.packuments.pop_front() {
            return Some((request, held(false, 0)));
        }
        if self.streams < STREAMS_MAX
            && let Some(waiting) = self.large.pop()
        {
            return Some((waiting.request, held(true, 0)));
        }
        let bytes = expected_bytes(self.tarballs.peek()?.weight);
        if self.reserved_bytes > 0 && self.reserved_bytes + bytes > RESERVED_BYTES_MAX {
            return None;
        }
        self.tarballs.pop().map(|waiting| (waiting.request, held(false, bytes)))
    }

    /// Corrects a reservation once the size is known. It may go over the limit for a moment: an answer that has begun
    /// must be read on, or it would block others on its connection.
    pub(super) fn reserve(&mut self, held: &mut Held, bytes: u64) {
        self.reserved_bytes = self.reserved_bytes.saturating_sub(held.bytes) + bytes;
        held.bytes = bytes;
    }

    /// Takes back what a request held.
    pub(super) fn give_back(&mut self, held: Held) {
        self.in_flight -= usize::from(held.request);
        self.streams -= usize::from(held.stream);
        self.reserved_bytes = self.reserved_bytes.saturating_sub(held.bytes);
    }
}

/// What the body of a package that unpacks to so much is expected to have. Three to one is usual.
fn expected_bytes(unpacked_bytes: u64) -> u64 {
    match unpacked_bytes {
        0 => 256 << 10,
        known => (known / 3).clamp(16 << 10, WHOLE_BODY_BYTES),
    }
}

impl<R> Ord for Waiting<R> {
    fn cmp(&self, other: &Waiting<R>) -> std::cmp::Ordering {
        (self.weight, self.number).cmp(&(other.weight, other.number))
    }
}

impl<R> PartialOrd for Waiting<R> {
    fn partial_cmp(&self, other: &Waiting<R>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> PartialEq for Waiting<R> {
    fn eq(&self, other: &Waiting<R>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<R> Eq for Waiting<R> {}

#[cfg(test)]
mod tests {
    use super::{Class, Held, Queue, STREAMS_MAX};

    #[test]
    fn packuments_first_then_the_largest() {
        let mut queue = Queue::new();
        for (class, name) in [
            (Class::of_tarball(1), "light"),
            (Class::of_tarball(90 << 20), "huge"),
            (Class::of_tarball(5), "heavy"),
            (Class::of_tarball(1), "light, later"),
            (Class::Packument, "packument"),
            (Class::Packument, "packument, later"),
        ] {
            queue.push(class, name);
        }
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop(100)).map(|(name, _)| name).collect();
        assert_eq!(order, ["packument", "packument, later", "huge", "heavy", "light", "light, later"]);
    }

    #[test]
    fn bounds_requests_streams_and_bytes() {
        let mut queue = Queue::new();
        for _ in 0..100 {
            queue.push(Class::Large(1), ());
            queue.push(Class::Tarball(30 << 20), ());
        }
        let mut held: Vec<Held> = std::iter::from_fn(|| queue.pop(100)).map(|(_, held)| held).collect();
        assert_eq!(held.iter().filter(|held| held.stream).count(), STREAMS_MAX);
        assert_eq!(held.iter().map(|held| held.bytes).sum::<u64>(), 64 << 20);
        let first = held.remove(0);
        queue.give_back(first);
        assert!(queue.pop(100).is_some_and(|(_, held)| held.stream));
        let mut narrow = Queue::new();
        narrow.push(Class::Packument, ());
        narrow.push(Class::Packument, ());
        let (_, held) = narrow.pop(1).expect("the first may go");
        assert!(narrow.pop(1).is_none());
        narrow.give_back(held);
        assert!(narrow.pop(1).is_some());
    }

    #[test]
    fn a_single_body_may_be_larger_than_what_was_expected() {
        let mut queue = Queue::new();
        queue.push(Class::Tarball(0), ());
        let (_, mut held) = queue.pop(100).expect("it may go");
        queue.reserve(&mut held, 100 << 20);
        queue.push(Class::Tarball(0), ());
        assert!(queue.pop(100).is_none());
        queue.give_back(held);
        assert!(queue.pop(100).is_some());
    }
}
