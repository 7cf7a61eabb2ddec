//! Gzip as a stream of members, for archives too large to inflate in one piece.
//!
//! A gzip file is any number of members one after the other, and each is checked (CRC-32 and size) at its end. Behind
//! the last one nothing may stand but zeros, with which tape blocks were once filled.

use super::error::TarballError;
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// Says whether bytes begin as gzip does.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Reads all members as one stream. Damage is an error that carries [`TarballError::Gzip`].
pub(super) struct Members<R>(State<R>);

enum State<R> {
    Inside(Box<GzDecoder<R>>),
    Done,
}

impl<R: BufRead> Members<R> {
    /// Starts at the first member.
    pub(super) fn new(packed: R) -> Members<R> {
        Members(State::Inside(Box::new(GzDecoder::new(packed))))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let State::Inside(decoder) = &mut self.0 else {
                return Ok(0);
            };
            match decoder.read(into) {
                Ok(0) => {}
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(damage(error)),
            }
            // The decoder has checked the member and stands right behind it.
            if let State::Inside(decoder) = std::mem::replace(&mut self.0, State::Done) {
                let mut packed = decoder.into_inner();
                if another_member(&mut packed)? {
                    self.0 = State::Inside(Box::new(GzDecoder::new(packed)));
                }
            }
        }
    }
}

/// Looks at what stands behind a member: nothing, zeros to the end, or the next member.
fn another_member<R: BufRead>(packed: &mut R) -> io::Result<bool> {
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
            return Err(TarballError::Gzip { reason: "something stands behind its end".to_owned() }.into());
        }
        let zeros = rest.len();
        packed.consume(zeros);
    }
}

fn damage(error: io::Error) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<TarballError>()) {
        return error;
    }
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => error.to_string(),
    };
    TarballError::Gzip { reason }.into()
}
