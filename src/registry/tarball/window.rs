//! The last bytes that were unpacked: those that nobody has read yet, and those that the decoder may still refer to.
//!
//! The decoder writes into the window and its readers look at slices of it, so that no byte is copied on its way but for
//! the history that moves to the front when the window slides. Most of the time a small part of it is in use, which
//! stays in the cache of the processor; it fills up only when somebody wants many bytes in one piece, or has what was read
//! held.

use super::deflate::{HISTORY_BYTES, Output};
use super::gzip::Room;
use std::cell::Cell;

/// How much is unpacked in one step, at most.
const STEP_BYTES: usize = 128 << 10;
/// How far the window runs on before it slides when everything was read.
const RUN_BYTES: usize = 256 << 10;

thread_local! {
    /// The buffer of the last window of this thread, empty, for its next one: two megabytes of new memory for each archive
    /// would be a page fault every four kilobytes.
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A window on the unpacked bytes.
pub(super) struct Window {
    /// What was unpacked and is still there.
    buffer: Vec<u8>,
    /// How much of it there may be.
    length: usize,
    /// Where the oldest byte stands that a match may refer to.
    floor: usize,
    /// What was read.
    read: usize,
    /// From where on it is kept although it was read.
    held: Option<usize>,
}

impl Window {
    /// Makes a window that shows as many as `piece_bytes` at once, those counted that are held.
    pub(super) fn new(piece_bytes: usize) -> Window {
        let length = HISTORY_BYTES + piece_bytes.max(RUN_BYTES) + STEP_BYTES;
        let mut buffer = KEPT.take();
        buffer.reserve_exact(length);
        Window { buffer, length, floor: 0, read: 0, held: None }
    }

    /// Returns what was not read yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.read..]
    }

    /// Takes note that so many bytes were read.
    pub(super) fn consume(&mut self, count: usize) {
        self.read = (self.read + count).min(self.buffer.len());
    }

    /// Reads so many bytes, or as many as there are.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let start = self.read;
        self.consume(count);
        &self.buffer[start..self.read]
    }

    /// Keeps what is read from now on in one piece, until it is let go.
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert(self.read);
    }

    /// Returns what was read since it is held.
    pub(super) fn held(&self) -> &[u8] {
        &self.buffer[self.held.unwrap_or(self.read)..self.read]
    }

    /// Keeps nothing any more.
    pub(super) fn let_go(&mut self) {
        self.held = None;
    }

    fn slide(&mut self) {
        let from = self.held.unwrap_or(self.read).min(self.buffer.len().saturating_sub(HISTORY_BYTES));
        self.buffer.drain(..from);
        self.held = self.held.map(|held| held - from);
        self.read -= from;
        self.floor = self.floor.saturating_sub(from);
    }
}

impl Room for Window {
    fn begin_stream(&mut self) {
        self.floor = self.buffer.len();
    }

    /// Slides first, if that is due.
    fn unpack<T>(&mut self, unpack: impl FnOnce(&mut Output<'_>) -> T) -> (&[u8], T) {
        let end = self.buffer.len();
        let is_far = self.held.is_none() && self.read == end && end > HISTORY_BYTES + RUN_BYTES;
        if is_far || self.length - end < STEP_BYTES {
            self.slide();
        }
        let start = self.buffer.len();
        let limit = self.length.min(start + STEP_BYTES);
        let answer = unpack(&mut Output::new(&mut self.buffer, self.floor, limit));
        (&self.buffer[start..], answer)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.buffer.clear();
        KEPT.set(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::super::deflate::{Inflater, Stop};
    use super::{Room, Window};

    #[test]
    fn nothing_refers_to_what_the_last_window_held() {
        let mut first = Window::new(0);
        first.unpack(|output| output.write(&[7; 1000]));
        drop(first);
        let mut second = Window::new(0);
        second.begin_stream();
        // One block of the fixed code: a match of three bytes, one byte back, and nothing before it.
        let (_, outcome) = second.unpack(|output| Inflater::new().inflate(&[0b0000_0011, 0b0000_0010, 0, 0], output));
        assert!(!matches!(outcome, Ok((_, Stop::End))) && second.unread().is_empty(), "{outcome:?}");
    }
}
