//! Gzip as a stream of members.
//!
//! A gzip file is any number of members one after the other, and each is checked (CRC-32 and size) at its end. Behind
//! the last one nothing may stand but zeros, with which tape blocks were once filled. The frame around the compressed
//! data is read here, since the checksum of a crate that does nothing else is several times faster.

use super::deflate::{Inflater, Output, Stop};
use super::error::TarballError;
use std::cell::Cell;
use std::io::{self, BufRead};

/// Says whether bytes begin as gzip does.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// The bits of a header that announce further fields.
mod flag {
    pub(super) const HEADER_CRC: u8 = 0x02;
    pub(super) const EXTRA: u8 = 0x04;
    pub(super) const NAME: u8 = 0x08;
    pub(super) const COMMENT: u8 = 0x10;
    pub(super) const RESERVED: u8 = 0xe0;
}

thread_local! {
    /// The decoder of this thread's last gzip file, for its next one: most are small, and its tables are 18 kilobytes.
    static KEPT: Cell<Option<Box<Inflater>>> = const { Cell::new(None) };
}

/// Lends a decoder.
pub(super) fn with_decoder<T>(work: impl FnOnce(&mut Inflater) -> T) -> T {
    let mut inflater = KEPT.take().unwrap_or_else(|| Box::new(Inflater::new()));
    let answer = work(&mut inflater);
    KEPT.set(Some(inflater));
    answer
}

/// Where members are unpacked to.
pub(super) trait Room {
    /// Begins a new stream, which does not refer to what was before.
    fn begin_stream(&mut self);

    /// Calls `unpack` with room for a step. Returns the new bytes beside its answer.
    fn unpack<T>(&mut self, unpack: impl FnOnce(&mut Output<'_>) -> T) -> (&[u8], T);
}

/// Reads all members as one stream. Damage is an error that carries [`TarballError::Gzip`].
pub(super) struct Members<'a, R> {
    packed: R,
    state: State,
    inflater: &'a mut Inflater,
    crc: crc32fast::Hasher,
    /// The bytes of this member, as its trailer counts them.
    bytes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Inside,
    Done,
}

impl<'a, R: BufRead> Members<'a, R> {
    /// Starts at the first member.
    pub(super) fn new(packed: R, inflater: &'a mut Inflater) -> Members<'a, R> {
        Members { packed, state: State::Between, inflater, crc: crc32fast::Hasher::new(), bytes: 0 }
    }

    /// Unpacks some bytes, none only at the end. Returns how many.
    pub(super) fn unpack(&mut self, room: &mut impl Room) -> io::Result<usize> {
        loop {
            match self.state {
                State::Between => self.start(room)?,
                State::Inside => match self.step(room)? {
                    0 => {}
                    made => return Ok(made),
                },
                State::Done => return Ok(0),
            }
        }
    }

    fn start(&mut self, room: &mut impl Room) -> io::Result<()> {
        skip_header(&mut self.packed)?;
        room.begin_stream();
        self.inflater.reset();
        self.crc.reset();
        self.bytes = 0;
        self.state = State::Inside;
        Ok(())
    }

    fn step(&mut self, room: &mut impl Room) -> io::Result<usize> {
        let packed = self.packed.fill_buf()?;
        let is_end = packed.is_empty();
        let (unpacked, outcome) = room.unpack(|output| self.inflater.inflate(packed, output));
        self.crc.update(unpacked);
        self.bytes = self.bytes.wrapping_add(unpacked.len() as u32);
        let made = unpacked.len();
        let (taken, stop) = outcome.map_err(|_| damage("its data is wrong"))?;
        self.packed.consume(taken);
        match stop {
            Stop::End => self.finish()?,
            Stop::Input if is_end => return Err(ends_early()),
            Stop::Input | Stop::Room => {}
        }
        Ok(made)
    }

    fn finish(&mut self) -> io::Result<()> {
        let crc = u32::from_le_bytes(bytes(&mut self.packed)?);
        let size = u32::from_le_bytes(bytes(&mut self.packed)?);
        if crc != self.crc.clone().finalize() || size != self.bytes {
            return Err(damage("its checksum or size is wrong"));
        }
        self.state = if another_member(&mut self.packed)? { State::Between } else { State::Done };
        Ok(())
    }
}

/// Reads the header of a member and all its optional fields, none of which matters.
fn skip_header(packed: &mut impl BufRead) -> io::Result<()> {
    let [first, second, method, flags, ..] = bytes::<10>(packed)?;
    if !is_gzip(&[first, second]) || method != 8 || flags & flag::RESERVED != 0 {
        return Err(damage("its header is wrong"));
    }
    if flags & flag::EXTRA != 0 {
        let length = u16::from_le_bytes(bytes(packed)?);
        for _ in 0..length {
            bytes::<1>(packed)?;
        }
    }
    for text in [flag::NAME, flag::COMMENT] {
        while flags & text != 0 && bytes(packed)? != [0] {}
    }
    if flags & flag::HEADER_CRC != 0 {
        bytes::<2>(packed)?;
    }
    Ok(())
}

fn bytes<const COUNT: usize>(packed: &mut impl BufRead) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    match packed.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ends_early()),
        Err(error) => Err(error),
    }
}

/// Looks at what stands behind a member: nothing, zeros to the end, or the next member.
fn another_member(packed: &mut impl BufRead) -> io::Result<bool> {
    match packed.fill_buf()?.first() {
        None => return Ok(false),
        Some(0x1f) => return Ok(true),
        Some(_) => {}
    }
    loop {
        let rest = packed.fill_buf()?;
        if rest.is_empty() {
            return Ok(false);
        }
        if rest.iter().any(|byte| *byte != 0) {
            return Err(damage("something stands behind its end"));
        }
        let zeros = rest.len();
        packed.consume(zeros);
    }
}

fn ends_early() -> io::Error {
    damage("it ends too early")
}

fn damage(reason: &str) -> io::Error {
    TarballError::Gzip { reason: reason.to_owned() }.into()
}
