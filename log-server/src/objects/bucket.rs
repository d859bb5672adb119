//! Objects in a bucket of an S3-compatible store.
//!
//! An object is there whole or not at all, and a write that was acknowledged is durable: that is
//! the store's promise. Ours is that nothing is written over anything else: every write is
//! conditional, and a store that ignores the condition is refused before the first write.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, Error, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload,
    RetryConfig, UpdateVersion,
};
use plainsight_specs::note::MAX_NOTE_BYTES;
use plainsight_specs::tile::{MAX_BUNDLE_BYTES, TilePath};

use super::rules::{CHECKPOINT, Fate, Note, fate, may_replace};
use super::{Found, Listed, ObjectError, PROBE, Written};

/// Requests in flight at a time: each waits for the network.
const REQUESTS: usize = 32;
/// How long one operation may take, retries included.
const OPERATION: Duration = Duration::from_mins(1);
/// How often a request that failed for a passing reason is sent again.
const RETRIES: usize = 4;
/// After this long a request that failed is not sent again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the checkpoint is read and compared again after somebody else replaced it.
const REPLACE_TRIES: u32 = 5;

/// One bucket, or a prefix of one.
#[derive(Clone)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    operation: Duration,
}

/// What stands under a name, and how to replace exactly that.
struct Stored {
    bytes: Bytes,
    modified: SystemTime,
    version: UpdateVersion,
}

/// What a write under a condition came to.
enum Put {
    Done,
    /// The condition does not hold (any more).
    Refused,
}

impl Bucket {
    /// The bucket that the environment has the endpoint, region and credentials of.
    pub(super) fn from_env(bucket: &str, prefix: &str) -> Result<Self, ObjectError> {
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            // Whatever the environment says: without conditions nothing here is safe.
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: RETRY_TIMEOUT,
            })
            .build()?;
        Ok(Self::new(
            Arc::new(PrefixStore::new(store, prefix)),
            OPERATION,
        ))
    }

    pub(super) fn new(store: Arc<dyn ObjectStore>, operation: Duration) -> Self {
        Self { store, operation }
    }

    async fn timed<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, ObjectError> {
        let seconds = self.operation.as_secs();
        let timed = tokio::time::timeout(self.operation, work).await;
        timed.map_err(|_| ObjectError::TimedOut { seconds })
    }

    async fn put_if(
        &self,
        name: &str,
        bytes: Bytes,
        condition: Option<UpdateVersion>,
    ) -> Result<Put, ObjectError> {
        let mode = condition.map_or(PutMode::Create, PutMode::Update);
        let location = ObjectPath::from(name);
        let put = self
            .store
            .put_opts(&location, PutPayload::from(bytes), mode.into());
        match self.timed(put).await? {
            Ok(_) => Ok(Put::Done),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Put::Refused),
            Err(error) => Err(error.into()),
        }
    }

    async fn stored(&self, name: &str, limit: usize) -> Result<Option<Stored>, ObjectError> {
        let too_long = || ObjectError::TooLong { path: name.into() };
        let location = ObjectPath::from(name);
        let read = async {
            let found = match self.store.get(&location).await {
                Err(Error::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            let meta = found.meta.clone();
            let mut bytes = Vec::new();
            let mut parts = found.into_stream();
            while let Some(part) = parts.try_next().await? {
                if bytes.len() + part.len() > limit {
                    return Ok(Some(Err(too_long())));
                }
                bytes.extend_from_slice(&part);
            }
            Ok(Some(Ok(Stored {
                bytes: bytes.into(),
                modified: meta.last_modified.into(),
                version: UpdateVersion {
                    e_tag: meta.e_tag,
                    version: meta.version,
                },
            })))
        };
        self.timed(read).await??.transpose()
    }

    /// Writes objects that are durable when this returns.
    pub(super) async fn put(
        &self,
        objects: &[(TilePath, Bytes)],
        published: u64,
    ) -> Result<Written, ObjectError> {
        let put = |(path, bytes): (TilePath, Bytes)| async move {
            self.put_one(&path, &bytes, published).await
        };
        let mut puts = stream::iter(objects.to_vec())
            .map(put)
            .buffer_unordered(REQUESTS);
        let mut written = Written::default();
        while let Some(one) = puts.try_next().await? {
            written = written + one;
        }
        Ok(written)
    }

    async fn put_one(
        &self,
        path: &TilePath,
        bytes: &Bytes,
        published: u64,
    ) -> Result<Written, ObjectError> {
        let name = path.to_string();
        if let Put::Done = self.put_if(&name, bytes.clone(), None).await? {
            return Ok(Written::NEW);
        }
        let unsteady = || ObjectError::Unsteady { path: name.clone() };
        let found = self.stored(&name, MAX_BUNDLE_BYTES).await?;
        let found = found.ok_or_else(unsteady)?;
        match fate(path, Some(&found.bytes), bytes, published)? {
            Fate::There => Ok(Written::THERE),
            Fate::New | Fate::Torn => {
                tracing::warn!(path = name, "an object that was cut short is written again");
                let condition = Some(found.version);
                match self.put_if(&name, bytes.clone(), condition).await? {
                    Put::Done => Ok(Written::REPLACED),
                    Put::Refused => Err(unsteady()),
                }
            }
        }
    }

    /// Reads an object.
    pub(super) async fn get(&self, path: &TilePath) -> Result<Option<Found>, ObjectError> {
        let stored = self.stored(&path.to_string(), MAX_BUNDLE_BYTES).await?;
        Ok(stored.map(|stored| Found {
            bytes: stored.bytes,
            modified: stored.modified,
        }))
    }

    /// The published checkpoint, if there is one.
    pub(super) async fn checkpoint(&self) -> Result<Option<Note>, ObjectError> {
        match self.stored_checkpoint().await? {
            Some(stored) => Note::parse(stored.bytes.to_vec()).map(Some),
            None => Ok(None),
        }
    }

    async fn stored_checkpoint(&self) -> Result<Option<Stored>, ObjectError> {
        match self.stored(CHECKPOINT, MAX_NOTE_BYTES).await {
            Err(ObjectError::TooLong { .. }) => Err(ObjectError::Checkpoint),
            stored => stored,
        }
    }

    /// Replaces the published checkpoint, if it still is the one that was compared.
    pub(super) async fn publish(&self, new: &Note) -> Result<(), ObjectError> {
        for _ in 0..REPLACE_TRIES {
            let stored = self.stored_checkpoint().await?;
            let condition = match stored {
                None => None,
                Some(stored) => {
                    let old = Note::parse(stored.bytes.to_vec())?;
                    may_replace(&old, new)?;
                    if old.bytes() == new.bytes() {
                        return Ok(());
                    }
                    Some(stored.version)
                }
            };
            let bytes = Bytes::copy_from_slice(new.bytes());
            if let Put::Done = self.put_if(CHECKPOINT, bytes, condition).await? {
                return Ok(());
            }
        }
        Err(ObjectError::Contended {
            tries: REPLACE_TRIES,
        })
    }

    /// Every object, in no order.
    pub(super) fn list(&self) -> BoxStream<'static, Result<Listed, ObjectError>> {
        let listed = |meta: ObjectMeta| Listed {
            name: meta.location.into(),
            bytes: meta.size,
            modified: meta.last_modified.into(),
        };
        let objects = self.store.list(None);
        objects.map_ok(listed).map_err(ObjectError::from).boxed()
    }

    /// Removes an object.
    pub(super) async fn remove(&self, name: &str) -> Result<(), ObjectError> {
        let location = ObjectPath::from(name);
        match self.timed(self.store.delete(&location)).await? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Shows that the store keeps to the conditions of a write; else what it does instead.
    pub(super) async fn probe(&self, nonce: u64) -> Result<Option<&'static str>, ObjectError> {
        let name = format!("{PROBE}{nonce:016x}");
        let found = self.probe_at(&name).await;
        let removed = self.remove(&name).await;
        found.and_then(|why| removed.map(|()| why))
    }

    async fn probe_at(&self, name: &str) -> Result<Option<&'static str>, ObjectError> {
        let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
        if let Put::Refused = self.put_if(name, one.clone(), None).await? {
            return Ok(Some("it refuses to make an object that is not there"));
        }
        if let Put::Done = self.put_if(name, other.clone(), None).await? {
            return Ok(Some(
                "it ignores If-None-Match, so one writer could overwrite another's objects",
            ));
        }
        let Some(first) = self.stored(name, MAX_NOTE_BYTES).await? else {
            return Ok(Some("an object that was written cannot be read"));
        };
        if first.bytes != one || first.version.e_tag.is_none() {
            return Ok(Some(
                "an object that was written is read with other bytes or without an ETag",
            ));
        }
        let condition = Some(first.version.clone());
        if let Put::Refused = self.put_if(name, other.clone(), condition).await? {
            return Ok(Some("it refuses to replace an object that did not change"));
        }
        let condition = Some(first.version);
        if let Put::Done = self.put_if(name, one, condition).await? {
            return Ok(Some(
                "it ignores If-Match, so an old writer could put back an old checkpoint",
            ));
        }
        match self.stored(name, MAX_NOTE_BYTES).await? {
            Some(second) if second.bytes == other => Ok(None),
            _ => Ok(Some("an object that was replaced is read as it was before")),
        }
    }
}
