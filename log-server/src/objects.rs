//! The public objects: hash tiles, entry bundles and the checkpoint, in a folder that any static
//! server can serve.
//!
//! Tiles and bundles are written under their final name once, whole and durable, and never
//! change: an object that is there already must be equal, and one that differs is a
//! [`ObjectError::Conflict`], which freezes the log. Only the checkpoint is replaced, and only by
//! one of a larger size. Nothing secret is ever written here. Out of scope: which objects a size
//! needs (see [`crate::publication`]).

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::MAX_NOTE_BYTES;
use plainsight_specs::tile::{MAX_BUNDLE_BYTES, TilePath};

/// The name of the published checkpoint.
const CHECKPOINT: &str = "checkpoint";

/// Why the objects could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The store failed.
    #[error("objects: {0}")]
    Store(#[from] object_store::Error),
    /// A file of the checkpoint failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
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
    /// A task of the runtime was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// The public objects of one log, in a folder.
#[derive(Debug, Clone)]
pub struct Objects {
    store: std::sync::Arc<LocalFileSystem>,
    root: PathBuf,
}

impl Objects {
    /// Opens the folder, which must exist.
    pub fn open(root: &Path) -> Result<Self, ObjectError> {
        let store = LocalFileSystem::new_with_prefix(root)?.with_fsync(true);
        Ok(Self {
            store: std::sync::Arc::new(store),
            root: root.to_owned(),
        })
    }

    /// Writes a tile or bundle under its final name, durably. If it is there already it must be
    /// equal.
    pub async fn put(&self, path: &TilePath, bytes: Vec<u8>) -> Result<(), ObjectError> {
        let location = ObjectPath::from(path.to_string());
        let bytes = Bytes::from(bytes);
        let put = self
            .store
            .put_opts(
                &location,
                PutPayload::from(bytes.clone()),
                PutMode::Create.into(),
            )
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                if self.get(path).await?.as_ref() != Some(&bytes) {
                    return Err(ObjectError::Conflict {
                        path: path.to_string(),
                    });
                }
                // An earlier run may have made the name and ended before it was durable.
                let file = self.root.join(path.to_string());
                self.blocking(move |root| sync_up_to(&file, root)).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a tile or bundle; `None` if it is not there.
    pub async fn get(&self, path: &TilePath) -> Result<Option<Bytes>, ObjectError> {
        match self.store.get(&ObjectPath::from(path.to_string())).await {
            Ok(found) if found.meta.size > MAX_BUNDLE_BYTES as u64 => Err(ObjectError::TooLong {
                path: path.to_string(),
            }),
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The published checkpoint, if there is one.
    pub async fn checkpoint(&self) -> Result<Option<UnverifiedCheckpoint>, ObjectError> {
        self.blocking(read_checkpoint).await
    }

    /// Replaces the published checkpoint by one of a larger size, or by another note of the same
    /// head. What is published never gets smaller, whatever this process believes.
    pub async fn publish(&self, note: &[u8]) -> Result<(), ObjectError> {
        let note = note.to_vec();
        self.blocking(move |root| replace_checkpoint(root, &note))
            .await
    }

    /// The names of all objects.
    pub async fn names(&self) -> Result<Vec<String>, ObjectError> {
        let objects = self.store.list(None).map_ok(|meta| meta.location.into());
        Ok(objects.try_collect().await?)
    }

    /// Removes what writers that were killed have left: files that never got a final name. For
    /// the one writer, before it writes.
    pub async fn remove_leftovers(&self) -> Result<usize, ObjectError> {
        self.blocking(|root| {
            let mut removed = 0;
            for file in leftovers(root)? {
                std::fs::remove_file(&file)
                    .map_err(|source| ObjectError::File { path: file, source })?;
                removed += 1;
            }
            Ok(removed)
        })
        .await
    }

    /// Files without a final name.
    pub async fn leftovers(&self) -> Result<Vec<PathBuf>, ObjectError> {
        self.blocking(leftovers).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, ObjectError> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || work(&root))
            .await
            .map_err(|_| ObjectError::Cancelled)?
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> ObjectError {
    let path = path.to_owned();
    move |source| ObjectError::File { path, source }
}

fn read_checkpoint(root: &Path) -> Result<Option<UnverifiedCheckpoint>, ObjectError> {
    let path = root.join(CHECKPOINT);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() > MAX_NOTE_BYTES as u64 => Err(ObjectError::Checkpoint),
        Ok(_) => {
            let bytes = std::fs::read(&path).map_err(file_error(&path))?;
            let parsed = UnverifiedCheckpoint::parse(&bytes);
            parsed.map(Some).map_err(|_| ObjectError::Checkpoint)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ObjectError::File { path, source }),
    }
}

fn replace_checkpoint(root: &Path, note: &[u8]) -> Result<(), ObjectError> {
    let new = UnverifiedCheckpoint::parse(note).map_err(|_| ObjectError::Checkpoint)?;
    if let Some(old) = read_checkpoint(root)? {
        let (found, size) = (old.head().size, new.head().size);
        if found > size || (found == size && old.head() != new.head()) {
            return Err(ObjectError::Larger { found, size });
        }
    }
    let temporary = root.join(format!("{CHECKPOINT}#0"));
    let failed = || file_error(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .map_err(failed())?;
    file.write_all(note).map_err(failed())?;
    file.sync_all().map_err(failed())?;
    std::fs::rename(&temporary, root.join(CHECKPOINT)).map_err(failed())?;
    sync_directory(root)
}

fn sync_directory(path: &Path) -> Result<(), ObjectError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(file_error(path))
}

/// Makes a file and every directory entry from `root` down to it durable.
fn sync_up_to(file: &Path, root: &Path) -> Result<(), ObjectError> {
    sync_directory(file)?;
    for directory in file.ancestors().skip(1) {
        sync_directory(directory)?;
        if directory == root {
            break;
        }
    }
    Ok(())
}

/// Files with a `#` in their name, as the object store and [`replace_checkpoint`] name what is
/// not whole yet: no final name has one.
fn leftovers(root: &Path) -> Result<Vec<PathBuf>, ObjectError> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).map_err(file_error(&folder))? {
            let path = item.map_err(file_error(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains('#'))
            {
                found.push(path);
            }
        }
    }
    Ok(found)
}
