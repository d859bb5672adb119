//! Why the objects could not be read or written.

use std::path::{Path, PathBuf};

use plainsight_specs::merkle::TreeSize;

use super::ObjectsAddress;

/// Why the objects could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The bucket failed or refused, after the tries that it is given.
    #[error("objects: {0}")]
    Store(#[from] object_store::Error),
    /// The bucket did not answer in time. What it was asked may have been done.
    #[error("the store of objects did not answer within {seconds} s")]
    TimedOut {
        /// How long it had.
        seconds: u64,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The disk did not confirm a write. What it holds is unknown, and asking again would
    /// answer from memory: nothing more is written by this process.
    #[error(
        "{path}: the disk did not confirm a write ({source}); \
         look at the disk, then start the log again"
    )]
    Unconfirmed {
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
    /// An earlier write of this process was not confirmed by the disk.
    #[error(
        "an earlier write was not confirmed by the disk; \
         look at the disk, then start the log again"
    )]
    Stopped,
    /// Another object stands under a final name.
    #[error("{path} holds other bytes than the log's")]
    Conflict {
        /// The object.
        path: String,
    },
    /// An object is longer than any of its kind.
    #[error("{path} is longer than any object of its kind")]
    TooLong {
        /// The object.
        path: String,
    },
    /// An object was there and then was not: somebody else writes or removes it.
    #[error("{path} comes and goes: somebody else writes to the objects")]
    Unsteady {
        /// The object.
        path: String,
    },
    /// The published checkpoint is not one.
    #[error("the published checkpoint does not parse")]
    Checkpoint,
    /// The published checkpoint is of another tree that is as large or larger.
    #[error("a checkpoint of size {found} is published, which {size} may not replace")]
    Larger {
        /// The size that is published.
        found: TreeSize,
        /// The size that was to be.
        size: TreeSize,
    },
    /// Others replaced the checkpoint each time between reading and writing it.
    #[error("others replaced the published checkpoint {tries} times in a row")]
    Contended {
        /// How often it was tried.
        tries: u32,
    },
    /// Somebody else holds the lock of the published checkpoint.
    #[error("{path} is locked by another process")]
    Locked {
        /// What is locked.
        path: PathBuf,
    },
    /// The store does not do what keeps two writers from overwriting each other.
    #[error(
        "{address} cannot hold a log: {why}. Use a store that honours If-None-Match and If-Match \
         on writes"
    )]
    Unsafe {
        /// The store.
        address: ObjectsAddress,
        /// What it does.
        why: &'static str,
    },
    /// Only partial tiles and bundles are ever removed.
    #[error("{path} is a full object, which is never removed")]
    Kept {
        /// The object.
        path: String,
    },
    /// A task of the runtime was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl ObjectError {
    /// Whether the same write may succeed later in this process. Other bytes under a final name,
    /// a checkpoint that is ahead, and a disk that did not confirm are not going away.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(_)
            | Self::TimedOut { .. }
            | Self::File { .. }
            | Self::Unsteady { .. }
            | Self::Contended { .. }
            | Self::Locked { .. }
            | Self::Cancelled => true,
            Self::Unconfirmed { .. }
            | Self::Stopped
            | Self::Conflict { .. }
            | Self::TooLong { .. }
            | Self::Checkpoint
            | Self::Larger { .. }
            | Self::Unsafe { .. }
            | Self::Kept { .. } => false,
        }
    }
}

pub(super) fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> ObjectError {
    let path = path.to_owned();
    move |source| ObjectError::File { path, source }
}
