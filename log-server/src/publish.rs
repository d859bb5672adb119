//! Publishing: from the items of a request to their positions.
//!
//! Everything that needs no order is done here, before the queue: bounds, signatures, the
//! canonical label, the version, the VRF and the commitment. Order is the sequencer's. An item
//! that is published again with the same bytes gets its first position again, so that a publisher
//! whose answer was lost may repeat the request; other bytes at the same place are refused with
//! the position of the first.

use std::collections::BTreeSet;
use std::sync::Arc;

use plainsight_specs::Blame;
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::{KeyEntry, RoleName, StatementEntry};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::keyset::{Continuity, KeySet};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::publish::{PublishAnswer, PublishError, PublishItem, PublishRequest, Wait};
use plainsight_specs::rules::Rule;
use tokio::sync::oneshot;

use crate::http::ApiError;
use crate::pool::{Outcome, Pending, PendingRow};
use crate::shared::{Shared, Status};
use crate::source::label_hash;
use crate::store::{StoreError, TokenRole};

/// What became of one item.
type Published = Result<LeafIndex, PublishError>;

/// An item whose form and signature hold.
enum Item {
    Key {
        key_set: Box<KeySet>,
        opening: Opening,
    },
    Statement(Box<StatementEntry>),
}

/// An item as it is followed through the request.
enum Step {
    /// Decided.
    Done(Published),
    /// In the queue.
    Queued(oneshot::Receiver<Outcome>, Key),
}

/// What an item is unique by, and the bytes that a repeat must have.
enum Key {
    Version {
        label_hash: Hash,
        version: u32,
        opening: [u8; 16],
        key_set: Vec<u8>,
    },
    Seq {
        stream: Vec<u8>,
        seq: u32,
        leaf: Hash,
    },
}

/// Publishes the items of a request and waits as it asks.
pub(crate) async fn publish(
    shared: &Arc<Shared>,
    role: TokenRole,
    request: PublishRequest,
) -> Result<PublishAnswer, ApiError> {
    if *shared.status.borrow() != Status::Writing {
        return Err(ApiError::Unavailable("the log is not written at present"));
    }
    if shared.unpublished() > shared.config.limits.unpublished_entries {
        return Err(ApiError::Busy);
    }
    let wait = request.wait;
    // Signatures and curves take a while: not on a thread that serves others.
    let items = request.items;
    let items = blocking(move || items.into_iter().map(parse).collect::<Vec<_>>()).await?;
    let is_allowed = |item: &Result<Item, PublishError>| match item {
        Ok(item) => item.role() == role,
        Err(_) => true,
    };
    // SPEC(PUB-3)
    if !items.iter().all(is_allowed) {
        return Err(ApiError::Forbidden);
    }

    let mut labels = BTreeSet::new();
    let (mut steps, mut pending) = (Vec::new(), Vec::new());
    for item in items {
        let step = match item {
            Err(error) => Step::Done(Err(error)),
            Ok(Item::Key { key_set, opening }) if labels.insert(label_hash(key_set.label())) => {
                queue_key(shared, *key_set, opening, &mut pending).await?
            }
            Ok(Item::Key { .. }) => Step::Done(Err(error(
                "version",
                "a request publishes at most one version of a label",
            ))),
            Ok(Item::Statement(entry)) => queue_statement(shared, &entry, &mut pending).await?,
        };
        steps.push(step);
    }
    shared.pool.submit(pending).map_err(|_| ApiError::Busy)?;

    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        results.push(match step {
            Step::Done(result) => result,
            Step::Queued(outcome, key) => match outcome.await {
                Ok(Outcome::Sequenced(position)) => Ok(position),
                // SPEC(PUB-2)
                Ok(Outcome::Refused(broken)) => refused(shared, broken, &key).await?,
                Err(_) => {
                    return Err(ApiError::Unavailable(
                        "whether the items are logged is not known; repeat the request",
                    ));
                }
            },
        });
    }
    if wait == Wait::Published {
        let newest = results
            .iter()
            .filter_map(|result| result.as_ref().ok())
            .max();
        if let Some(newest) = newest {
            until_published(shared, *newest).await?;
        }
    }
    Ok(PublishAnswer { results })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::Unavailable("the server is stopping"))
}

impl Item {
    fn role(&self) -> TokenRole {
        match self {
            Self::Key { .. } => TokenRole::Keys,
            Self::Statement(entry) => match entry.statement().role() {
                RoleName::Root => TokenRole::Root,
                RoleName::Releases => TokenRole::Releases,
                RoleName::Protections => TokenRole::Protections,
            },
        }
    }
}

fn parse(item: PublishItem) -> Result<Item, PublishError> {
    match item {
        PublishItem::KeySet { key_set, opening } => {
            let key_set = KeySet::parse(&key_set).map_err(|e| refusal(e.blame(), &e))?;
            Ok(Item::Key {
                key_set: Box::new(key_set),
                opening,
            })
        }
        PublishItem::Statement { envelope } => {
            let entry =
                StatementEntry::from_envelope(&envelope).map_err(|e| refusal(e.blame(), &e))?;
            Ok(Item::Statement(Box::new(entry)))
        }
    }
}

fn refusal(blame: Blame, why: &dyn std::error::Error) -> PublishError {
    let code = match blame {
        Blame::Unproven => "signature",
        _ => "malformed",
    };
    error(code, &why.to_string())
}

fn error(code: &str, message: &str) -> PublishError {
    PublishError {
        code: code.into(),
        message: message.into(),
        rule: None,
        position: None,
    }
}

async fn queue_key(
    shared: &Arc<Shared>,
    key_set: KeySet,
    opening: Opening,
    pending: &mut Vec<Pending>,
) -> Result<Step, ApiError> {
    let label_hash = label_hash(key_set.label());
    let version = key_set.version();
    let key = Key::Version {
        label_hash,
        version: version.get(),
        opening: *opening.as_bytes(),
        key_set: key_set.bytes().to_vec(),
    };
    if let Some(result) = logged(shared, &key).await? {
        return Ok(Step::Done(result));
    }
    let latest = shared.source.store.latest_key(&label_hash).await?;
    let expected = latest
        .as_ref()
        .map_or(Some(0), |row| row.version.checked_add(1));
    if Some(version.get()) != expected {
        // The same one may have been logged since it was looked for.
        if let Some(result) = logged(shared, &key).await? {
            return Ok(Step::Done(result));
        }
        let message = match expected {
            Some(expected) => format!("the next version of this label is {expected}"),
            None => "this label has no further version".into(),
        };
        return Ok(Step::Done(Err(error("version", &message))));
    }
    let previous = latest.and_then(|row| KeySet::parse(&row.key_set?).ok());
    if let Continuity::Reset(reason) = key_set.continuity(previous.as_ref()) {
        // Allowed: whoever lost their keys must be able to go on. Every reader will say so.
        tracing::info!(?reason, "a key set does not continue the one before it");
    }
    let row = PendingRow::Key {
        label_hash,
        version: version.get(),
        opening: *opening.as_bytes(),
        key_set: key_set.bytes().to_vec(),
    };
    let entry = {
        let shared = Arc::clone(shared);
        blocking(move || {
            let label = key_set.label();
            let output = shared.keys.vrf.evaluate(&label.vrf_input(version));
            KeyEntry {
                index: output.index_key(),
                commitment: commit(&opening, label, version, key_set.bytes()),
            }
        })
        .await?
    };
    Ok(queue(entry.to_bytes().to_vec(), row, key, pending))
}

async fn queue_statement(
    shared: &Shared,
    entry: &StatementEntry,
    pending: &mut Vec<Pending>,
) -> Result<Step, ApiError> {
    let statement = entry.statement();
    let bytes = entry.to_bytes();
    let stream = statement.stream().as_bytes().to_vec();
    let seq = statement.seq().get();
    let key = Key::Seq {
        stream: stream.clone(),
        seq,
        leaf: leaf_hash(&bytes),
    };
    if let Some(result) = logged(shared, &key).await? {
        return Ok(Step::Done(result));
    }
    Ok(queue(
        bytes,
        PendingRow::Statement { stream, seq },
        key,
        pending,
    ))
}

fn queue(entry: Vec<u8>, row: PendingRow, key: Key, pending: &mut Vec<Pending>) -> Step {
    let (reply, outcome) = oneshot::channel();
    pending.push(Pending { entry, row, reply });
    Step::Queued(outcome, key)
}

/// What the log already holds at the place of an item, if anything.
async fn logged(shared: &Shared, key: &Key) -> Result<Option<Published>, StoreError> {
    let store = &shared.source.store;
    let (position, is_same) = match key {
        Key::Version {
            label_hash,
            version,
            opening,
            key_set,
        } => match store.key_version(label_hash, *version).await? {
            None => return Ok(None),
            Some(row) => (
                row.position,
                row.key_set.as_ref() == Some(key_set)
                    && row.opening.as_deref() == Some(opening.as_slice()),
            ),
        },
        Key::Seq { stream, seq, leaf } => match store.statement(stream, *seq).await? {
            None => return Ok(None),
            Some(row) => (row.position, row.leaf == *leaf),
        },
    };
    // SPEC(PUB-1)
    Ok(Some(if is_same {
        Ok(position)
    } else {
        Err(PublishError {
            position: Some(position),
            ..error("exists", "another one was logged in this place")
        })
    }))
}

/// An item that broke a rule: because it, or another in its place, was logged meanwhile, or
/// because it is wrong.
async fn refused(shared: &Shared, rule: Rule, key: &Key) -> Result<Published, StoreError> {
    if let Some(result) = logged(shared, key).await? {
        return Ok(result);
    }
    Ok(Err(PublishError {
        rule: Some(rule),
        ..error("rule", rule.meaning())
    }))
}

async fn until_published(shared: &Shared, position: LeafIndex) -> Result<(), ApiError> {
    let wait = std::time::Duration::from_millis(shared.config.limits.wait_ms);
    let mut published = shared.published.subscribe();
    let reached = published.wait_for(|size| *size >= position.size_with());
    match tokio::time::timeout(wait, reached).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(ApiError::Unavailable(
            "the items are logged and not yet published; repeat the request",
        )),
    }
}
