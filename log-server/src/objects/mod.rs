//! The public objects: hash tiles, entry bundles and the checkpoint, in a folder or in a bucket
//! that any static server or content network can serve.
//!
//! Tiles and bundles get their final name once, whole and durable, and never change: an object
//! that is there already must be equal, and one that differs is a [`ObjectError::Conflict`],
//! which freezes the log. Only the checkpoint is replaced, and only by one of a larger size, by a
//! write that fails if somebody else was faster. Nothing secret is ever written here.
//!
//! | file | is |
//! |---|---|
//! | `address` | where objects are, as a configuration says it |
//! | `folder`, `disk` | a folder, over the few operations on files that it needs |
//! | `bucket` | a bucket of an S3-compatible store |
//! | `rules` | what may be written over what, for both |
//!
//! Out of scope: which objects a size needs (see [`crate::publication`]), which may go (see
//! [`crate::gc`]), and how they are served.

mod address;
mod bucket;
mod disk;
mod error;
mod folder;
mod rules;
#[cfg(test)]
pub(crate) mod tests;

pub use address::{AddressError, ObjectsAddress};
pub use error::ObjectError;
pub(crate) use rules::end;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use futures::future::join_all;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{MAX_BUNDLE_BYTES, TilePath};
use tokio::sync::mpsc;

use bucket::Bucket;
use disk::RealDisk;
use folder::Folder;
use rules::Note;

/// Threads that write the files of one batch: each waits for the disk, which confirms what waits
/// together at once.
const WRITERS: usize = 8;
/// Names of a folder that are read ahead of who lists them.
const LISTED_AHEAD: usize = 256;
/// How the names of a start-up probe begin.
const PROBE: &str = "plainsight-probe-";

/// The public objects of one log.
#[derive(Clone)]
pub struct Objects {
    engine: Engine,
    address: ObjectsAddress,
    /// The largest size that is known to be public: a file below it is never replaced.
    published: Arc<AtomicU64>,
    /// Whether [`Objects::probe`] has passed.
    is_probed: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Engine {
    Folder(Arc<Folder<RealDisk>>),
    Bucket(Bucket),
}

/// What became of the objects of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Objects that were not there.
    pub new: usize,
    /// Objects that were there, with the same bytes.
    pub there: usize,
    /// Objects that were there cut short, and are whole now.
    pub replaced: usize,
}

impl Written {
    const NEW: Self = Self {
        new: 1,
        there: 0,
        replaced: 0,
    };
    const THERE: Self = Self {
        new: 0,
        there: 1,
        replaced: 0,
    };
    const REPLACED: Self = Self {
        new: 0,
        there: 0,
        replaced: 1,
    };
}

impl std::ops::Add for Written {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            new: self.new + other.new,
            there: self.there + other.there,
            replaced: self.replaced + other.replaced,
        }
    }
}

/// An object and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// All of it.
    pub bytes: Bytes,
    /// When it was written, by the store's clock.
    pub modified: SystemTime,
}

/// The name of an object, and what a list says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name, with `/` between its parts.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified: SystemTime,
}

impl Listed {
    /// Whether it is what a writer that was killed has left: it never got a final name.
    pub fn is_leftover(&self) -> bool {
        self.name.contains('#') || self.name.starts_with(PROBE)
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The clients of a bucket hold credentials.
        f.debug_struct("Objects")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Objects {
    /// Opens the objects for reading and writing. A folder must exist; of a bucket nothing is
    /// asked yet, and its endpoint, region and credentials are taken from the environment
    /// (`AWS_ENDPOINT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and so on).
    pub fn open(address: &ObjectsAddress) -> Result<Self, ObjectError> {
        let engine = match address {
            ObjectsAddress::Folder(root) => {
                std::fs::read_dir(root).map_err(error::file_error(root))?;
                Engine::Folder(Arc::new(Folder::new(RealDisk, root, nonce()?)))
            }
            ObjectsAddress::Bucket { bucket, prefix } => {
                Engine::Bucket(Bucket::from_env(bucket, prefix)?)
            }
        };
        Ok(Self::over(engine, address.clone()))
    }

    fn over(engine: Engine, address: ObjectsAddress) -> Self {
        Self {
            engine,
            address,
            published: Arc::new(AtomicU64::new(0)),
            is_probed: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Where they are.
    pub fn address(&self) -> &ObjectsAddress {
        &self.address
    }

    /// Shows that nothing is written over anything else here, by trying, unless that was shown
    /// before. A store that would is refused as [`ObjectError::Unsafe`]. For the one writer, before
    /// it writes.
    pub async fn probe(&self) -> Result<(), ObjectError> {
        if self.is_probed.load(Ordering::Acquire) {
            return Ok(());
        }
        let why = match &self.engine {
            Engine::Folder(folder) => {
                let is_safe = blocking(folder, Folder::probe).await?;
                (!is_safe).then_some("it puts one file over another when it should not")
            }
            Engine::Bucket(bucket) => bucket.probe(nonce()?).await?,
        };
        match why {
            None => {
                self.is_probed.store(true, Ordering::Release);
                Ok(())
            }
            Some(why) => Err(ObjectError::Unsafe {
                address: self.address.clone(),
                why,
            }),
        }
    }

    /// Writes tiles and bundles under their final names and returns when all of them are durable.
    /// What is there already must be equal; only an object that is cut short, and that no
    /// published size has, is replaced. After an error some may be written: the same batch may be
    /// put again.
    pub async fn put(&self, objects: Vec<(TilePath, Bytes)>) -> Result<Written, ObjectError> {
        let too_long = |(_, bytes): &&(TilePath, Bytes)| bytes.len() > MAX_BUNDLE_BYTES;
        if let Some((path, _)) = objects.iter().find(too_long) {
            return Err(ObjectError::TooLong {
                path: path.to_string(),
            });
        }
        let published = self.published.load(Ordering::Acquire);
        match &self.engine {
            Engine::Folder(folder) => put_in_folder(folder, objects, published).await,
            Engine::Bucket(bucket) => bucket.put(&objects, published).await,
        }
    }

    /// Reads a tile or bundle; `None` if it is not there.
    pub async fn get(&self, path: &TilePath) -> Result<Option<Bytes>, ObjectError> {
        Ok(self.found(path).await?.map(|found| found.bytes))
    }

    /// Reads a tile or bundle and when it was written; `None` if it is not there.
    pub async fn found(&self, path: &TilePath) -> Result<Option<Found>, ObjectError> {
        match &self.engine {
            Engine::Folder(folder) => {
                let path = *path;
                blocking(folder, move |folder| folder.get(&path)).await
            }
            Engine::Bucket(bucket) => bucket.get(path).await,
        }
    }

    /// The published checkpoint, if there is one.
    pub async fn checkpoint(&self) -> Result<Option<UnverifiedCheckpoint>, ObjectError> {
        let note = match &self.engine {
            Engine::Folder(folder) => blocking(folder, Folder::checkpoint).await?,
            Engine::Bucket(bucket) => bucket.checkpoint().await?,
        };
        if let Some(note) = &note {
            self.raise_published(note.head().size);
        }
        Ok(note.map(Note::into_parsed))
    }

    /// Replaces the published checkpoint by one of a larger size, or by another note of the same
    /// head. What is published never gets smaller, whatever this process believes.
    pub async fn publish(&self, note: &[u8]) -> Result<(), ObjectError> {
        let note = Note::parse(note.to_vec())?;
        let size = note.head().size;
        match &self.engine {
            Engine::Folder(folder) => blocking(folder, move |folder| folder.publish(&note)).await?,
            Engine::Bucket(bucket) => bucket.publish(&note).await?,
        }
        self.raise_published(size);
        Ok(())
    }

    /// Says that this size is public, whatever the checkpoint that is there now says: no file of
    /// it is replaced any more.
    pub fn raise_published(&self, size: TreeSize) {
        self.published.fetch_max(size.get(), Ordering::AcqRel);
    }

    /// Everything that is there, in no order, read as it is asked for.
    pub fn list(&self) -> BoxStream<'static, Result<Listed, ObjectError>> {
        let folder = match &self.engine {
            Engine::Bucket(bucket) => return bucket.list(),
            Engine::Folder(folder) => Arc::clone(folder),
        };
        let (send, receive) = mpsc::channel(LISTED_AHEAD);
        tokio::task::spawn_blocking(move || {
            // An error means that nobody reads the list any more.
            let each = |listed| send.blocking_send(listed).is_ok();
            if let Err(error) = folder.list(each) {
                let _ = send.blocking_send(Err(error));
            }
        });
        let next = async |mut receive: mpsc::Receiver<_>| Some((receive.recv().await?, receive));
        stream::unfold(receive, next).boxed()
    }

    /// Removes what writers that were killed have left and gives its number. For the one writer,
    /// before it writes.
    pub async fn remove_leftovers(&self) -> Result<usize, ObjectError> {
        let mut removed = 0;
        let mut all = self.list();
        while let Some(listed) = all.try_next().await? {
            if listed.is_leftover() {
                self.remove(listed.name).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes a partial tile or bundle. That its full version is there is for the caller to
    /// know; a full one is never removed.
    pub(crate) async fn remove_partial(&self, path: &TilePath) -> Result<(), ObjectError> {
        if path.is_full() {
            return Err(ObjectError::Kept {
                path: path.to_string(),
            });
        }
        self.remove(path.to_string()).await
    }

    async fn remove(&self, name: String) -> Result<(), ObjectError> {
        match &self.engine {
            Engine::Folder(folder) => blocking(folder, move |folder| folder.remove(&name)).await,
            Engine::Bucket(bucket) => bucket.remove(&name).await,
        }
    }

    /// The folder, if they are in one.
    pub fn folder(&self) -> Option<&Path> {
        self.address.folder()
    }
}

/// Writes a batch on several of the runtime's threads: a thread that was just made waits longer
/// for a processor than for the disk.
async fn put_in_folder(
    folder: &Arc<Folder<RealDisk>>,
    objects: Vec<(TilePath, Bytes)>,
    published: u64,
) -> Result<Written, ObjectError> {
    let batch = blocking(folder, move |folder| folder.begin(objects, published)).await?;
    let batch = Arc::new(batch);
    let writers = (0..batch.len().min(WRITERS)).map(|_| {
        let batch = Arc::clone(&batch);
        blocking(folder, move |folder| folder.work(&batch))
    });
    let mut written = Written::default();
    // All of them have ended before any error is told, and the batch may be put again.
    for one in join_all(writers).await {
        written = written + one?;
    }
    let finishers = (0..batch.directories().min(WRITERS)).map(|_| {
        let batch = Arc::clone(&batch);
        blocking(folder, move |folder| folder.finish(&batch))
    });
    for one in join_all(finishers).await {
        one?;
    }
    folder.remember(&batch);
    Ok(written)
}

/// Runs work that waits for a disk on a thread that may.
async fn blocking<T: Send + 'static>(
    folder: &Arc<Folder<RealDisk>>,
    work: impl FnOnce(&Folder<RealDisk>) -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    let folder = Arc::clone(folder);
    tokio::task::spawn_blocking(move || work(&folder))
        .await
        .map_err(|_| ObjectError::Cancelled)?
}

/// Tells the temporary names of processes apart.
fn nonce() -> Result<u64, ObjectError> {
    getrandom::u64().map_err(|_| ObjectError::Cancelled)
}
