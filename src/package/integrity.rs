//! Subresource integrity (`sha512-…`), as packuments and lockfiles carry it.
//!
//! The text form is that of the W3C's Subresource Integrity: hashes separated by spaces, each `algorithm-base64`, with
//! options behind a `?` that are ignored. The strongest algorithm present decides, and any of its hashes may match.

mod gathered;
mod lanes;
mod stream;
mod together;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;
use std::fmt;
use std::sync::Arc;
pub use together::Together;

/// A hash function that npm uses, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 20 bytes; only what old packages have.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes; what registries send today.
    Sha512,
}

impl Algorithm {
    const ALL: [Algorithm; 4] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];

    /// Returns the hash of some bytes.
    pub fn hash(self, bytes: &[u8]) -> Integrity {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn digest_bytes(self) -> usize {
        match self {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }
}

/// The expected hashes of a file, all of one algorithm: the strongest that was offered. Never empty.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Integrity {
    algorithm: Algorithm,
    digests: Vec<Box<[u8]>>,
}

impl Integrity {
    /// Reads the text form; `None` when nothing in it is a hash that is known here (an empty or garbled integrity
    /// counts as absent, and so does one that has md5 only).
    pub fn parse(text: &str) -> Option<Integrity> {
        if let Some(digest) = Integrity::single_sha512(text) {
            return Some(Integrity::of_sha512(&digest));
        }
        let hashes: Vec<(Algorithm, Box<[u8]>)> = text.split_ascii_whitespace().filter_map(hash).collect();
        let algorithm = hashes.iter().map(|(algorithm, _)| *algorithm).max()?;
        let mut digests: Vec<Box<[u8]>> = hashes.into_iter().filter(|(other, _)| *other == algorithm).map(|(_, digest)| digest).collect();
        digests.sort();
        digests.dedup();
        Some(Integrity { algorithm, digests })
    }

    /// Reads the hexadecimal SHA-1 of `dist.shasum`.
    pub fn from_shasum(hex: &str) -> Option<Integrity> {
        let digest: Option<Vec<u8>> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        digest.filter(|digest| digest.len() == 20).map(|digest| Integrity { algorithm: Algorithm::Sha1, digests: vec![digest.into()] })
    }

    /// Returns the digest that a text names which is one SHA-512 and nothing else.
    pub fn single_sha512(text: &str) -> Option<[u8; 64]> {
        // The decoder asks for room for all three bytes of the last group.
        let mut room = [0; 66];
        let digest = text.strip_prefix("sha512-").filter(|digest| digest.len() == 88)?;
        let length = STANDARD.decode_slice(digest, &mut room).ok()?;
        room[..length].try_into().ok()
    }

    /// Returns the integrity that has a SHA-512 digest.
    pub fn of_sha512(digest: &[u8; 64]) -> Integrity {
        Integrity { algorithm: Algorithm::Sha512, digests: vec![digest.as_slice().into()] }
    }

    /// Returns the SHA-512 integrity of some bytes.
    pub fn of(bytes: &[u8]) -> Integrity {
        Algorithm::Sha512.hash(bytes)
    }

    /// Returns the algorithm of all hashes here.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Says whether one of the hashes here is the one hash that was computed.
    pub fn accepts(&self, computed: &Integrity) -> bool {
        self.algorithm == computed.algorithm && computed.digests.iter().any(|digest| self.digests.contains(digest))
    }
}

fn hash(word: &str) -> Option<(Algorithm, Box<[u8]>)> {
    let (name, rest) = word.split_once('-')?;
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)?;
    let digest = STANDARD.decode(rest.split('?').next()?).ok()?;
    (digest.len() == algorithm.digest_bytes()).then(|| (algorithm, digest.into()))
}

impl fmt::Display for Integrity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, digest) in self.digests.iter().enumerate() {
            if index > 0 {
                out.write_str(" ")?;
            }
            write!(out, "{}-{}", self.algorithm.name(), STANDARD.encode(digest))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Integrity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Computes an integrity of bytes that arrive in pieces.
pub struct Hasher(State);

enum State {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    /// What nearly every package has.
    Sha512(ring::digest::Context),
    /// The same side by side with others, which takes down to a third of the time.
    Beside(stream::Stream),
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher(match algorithm {
            Algorithm::Sha1 => State::Sha1(Digest::new()),
            Algorithm::Sha256 => State::Sha256(Digest::new()),
            Algorithm::Sha384 => State::Sha384(Digest::new()),
            Algorithm::Sha512 => State::Sha512(ring::digest::Context::new(&ring::digest::SHA512)),
        })
    }

    /// Starts with no bytes. Where the algorithm and the processor allow it, they are hashed side by side with those of
    /// other streams of `together`.
    pub fn beside(algorithm: Algorithm, together: &Arc<Together>) -> Hasher {
        let stream = (algorithm == Algorithm::Sha512).then(|| stream::Stream::new(together)).flatten();
        stream.map_or_else(|| Hasher::new(algorithm), |stream| Hasher(State::Beside(stream)))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
            State::Beside(state) => state.update(bytes),
        }
    }

    /// Returns the integrity of all bytes added.
    pub fn finish(self) -> Integrity {
        let (algorithm, digest) = match self.0 {
            State::Sha1(state) => (Algorithm::Sha1, state.finalize().to_vec()),
            State::Sha256(state) => (Algorithm::Sha256, state.finalize().to_vec()),
            State::Sha384(state) => (Algorithm::Sha384, state.finalize().to_vec()),
            State::Sha512(state) => (Algorithm::Sha512, state.finish().as_ref().to_vec()),
            State::Beside(state) => (Algorithm::Sha512, state.finish().to_vec()),
        };
        Integrity { algorithm, digests: vec![digest.into()] }
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Integrity};

    const SHA512_OF_NOTHING: &str = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    const SHA1_OF_NOTHING: &str = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";

    #[test]
    fn the_strongest_algorithm_decides() {
        let both = Integrity::parse(&format!("{SHA1_OF_NOTHING} {SHA512_OF_NOTHING}?opt md5-AAAA")).expect("two known hashes");
        assert_eq!(both.algorithm(), Algorithm::Sha512);
        assert_eq!(both.to_string(), SHA512_OF_NOTHING);
        assert!(both.accepts(&Integrity::of(b"")));
        assert!(!both.accepts(&Integrity::of(b"x")));
    }

    #[test]
    fn what_is_no_hash_counts_as_absent() {
        for text in ["", "  ", "garbage", "md5-1B2M2Y8AsgTpgAmY7PhCfg==", "sha512-", "sha512-AAAA", "sha512-!!!"] {
            assert_eq!(Integrity::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_shasum_is_a_sha1() {
        let parsed = Integrity::from_shasum("da39a3ee5e6b4b0d3255bfef95601890afd80709").expect("40 digits");
        assert_eq!(parsed.to_string(), SHA1_OF_NOTHING);
        for text in ["", "da39", "zz39a3ee5e6b4b0d3255bfef95601890afd80709", "é"] {
            assert_eq!(Integrity::from_shasum(text), None, "{text:?}");
        }
    }
}
