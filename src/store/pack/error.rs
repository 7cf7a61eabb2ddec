//! Why a pack cannot be used.

use super::super::error::StoreError;
use crate::fs::FsError;
use std::path::PathBuf;

/// A pack that cannot be used. What it holds counts as missing.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It could not be read or written.
    #[error(transparent)]
    Io(#[from] FsError),
    /// A newer deka wrote it.
    #[error("the pack {} was written by a newer deka", path.display())]
    Newer {
        /// The pack.
        path: PathBuf,
    },
    /// It is torn, or not what was written.
    #[error("the pack {} is damaged: {reason}", path.display())]
    Damaged {
        /// The pack.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl From<PackError> for StoreError {
    fn from(error: PackError) -> StoreError {
        match error {
            PackError::Io(error) => StoreError::Io(error),
            other => StoreError::Pack(other),
        }
    }
}
