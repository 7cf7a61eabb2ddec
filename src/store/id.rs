//! Names of objects and trees: BLAKE3-256 of their bytes, as types of their own so that one is never taken for the
//! other.

use super::lanes;
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Returns the name of some bytes.
            pub fn of(bytes: &[u8]) -> $name {
                $name(*blake3::hash(bytes).as_bytes())
            }

            /// Takes a digest for a name.
            pub fn from_bytes(digest: [u8; 32]) -> $name {
                $name(digest)
            }

            /// Returns the digest.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }
    };
}

id! {
    /// The name of the bytes of one file. Displayed as 64 hex digits, the same that `b3sum` prints.
    ObjectId
}

impl ObjectId {
    /// Returns the names of several files, which takes less time than to ask for one after the other.
    pub fn of_each(contents: &[&[u8]]) -> Vec<ObjectId> {
        lanes::digests(contents).into_iter().map(ObjectId).collect()
    }
}

id! {
    /// The name of a tree's encoding. Displayed as 64 hex digits.
    TreeId
}
