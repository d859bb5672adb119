//! Publishing: from the items of a request to their positions.
//!
//! Everything that needs no order is done here, before the queue: bounds, signatures, the
//! canonical label, the version, the VRF and the commitment. Order is the sequencer's. An item
//! that is published again with the same bytes gets its first position again, so that a publisher
//! whose answer was lost may repeat the request; other bytes at the same place are refused with
//! the position of the first.

mod item;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plainsight_specs::entry::StatementEntry;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::keyset::{Continuity, KeySet};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::publish::{Logged, PublishAnswer, PublishError, PublishRequest, Wait};
use plainsight_specs::rules::Rule;
use tokio::sync::oneshot;

use crate::http::ApiError;
use crate::keep::{Keyed, KeyedItem, RequestKey};
use crate::pool::{Outcome, Pending, PendingRow};
use crate::shared::{Shared, Status};
use crate::store::{MAX_LABELS, StoreError, TokenRole};

use item::{Item, KeyItem, error, parse_all};

/// What became of one item.
type Published = Result<Logged, PublishError>;

/// An item as it is followed through the request.
enum Step {
    /// Decided.
    Done(Published),
    /// In the queue.
    Queued {
        outcome: oneshot::Receiver<Outcome>,
        key: Key,
        /// Whether it is a key set that does not continue the one before it.
        reset: bool,
    },
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
    key: Option<RequestKey>,
) -> Result<PublishAnswer, ApiError> {
    let wait = request.wait;
    // Until the answer is kept, so that no other request with the key slips in between.
    let _begun = match &key {
        Some(key) => Some(key.begin(&shared.in_flight)?),
        None => None,
    };
    let kept = match &key {
        Some(key) => key.kept(shared).await?,
        None => None,
    };
    let answer = match kept {
        Some(kept) => kept,
        None => log(shared, role, request, key).await?,
    };
    if wait == Wait::Published {
        let positions = answer
            .results
            .iter()
            .filter_map(|result| result.as_ref().ok().map(|logged| logged.position));
        if let Some(newest) = positions.max() {
            until_published(shared, newest).await?;
        }
    }
    Ok(answer)
}

/// Logs the items, and keeps the answer if there is a key.
async fn log(
    shared: &Arc<Shared>,
    role: TokenRole,
    request: PublishRequest,
    key: Option<RequestKey>,
) -> Result<PublishAnswer, ApiError> {
    if shared.is_stopping() {
        return Err(ApiError::ReadOnly("this server is stopping"));
    }
    match &*shared.status.borrow() {
        Status::Writing => {}
        Status::Starting | Status::Following(_) => {
            return Err(ApiError::Unavailable("no replica is the writer at present"));
        }
        Status::Reading => return Err(ApiError::ReadOnly("this replica takes nothing")),
        Status::ReadOnly(_) => return Err(ApiError::ReadOnly("nothing is taken at present")),
    }
    if shared.unpublished() > shared.limits().unpublished_entries {
        return Err(ApiError::Busy("too much waits to be published"));
    }
    // Signatures and curves take a while: not on a thread that serves others.
    let items = request.items;
    let curves = Arc::clone(shared);
    let items = blocking(move || parse_all(items, role, &curves.keys.vrf)).await?;
    let is_allowed = |item: &Result<Item, PublishError>| match item {
        Ok(item) => item.role() == role,
        Err(_) => true,
    };
    // SPEC(PUB-3)
    if !items.iter().all(is_allowed) {
        return Err(ApiError::Forbidden);
    }

    let latest = latest_versions(shared, &items).await?;
    let mut labels = BTreeSet::new();
    let (mut steps, mut pending) = (Vec::new(), Vec::new());
    for item in items {
        let step = match item {
            Err(error) => Step::Done(Err(error)),
            Ok(Item::Key(key)) if labels.insert(key.label_hash) => {
                queue_key(shared, *key, &latest, &mut pending).await?
            }
            Ok(Item::Forbidden) => return Err(ApiError::Forbidden),
            Ok(Item::Key(_)) => Step::Done(Err(error(
                "version",
                "a request publishes at most one version of a label",
            ))),
            Ok(Item::Statement(entry)) => queue_statement(shared, &entry, &mut pending).await?,
        };
        steps.push(step);
    }
    let full = |_| ApiError::Busy("too much waits to be sequenced");
    if let Some(key) = &key {
        keep_with(key, &steps, &mut pending);
    }
    shared.pool.submit(pending).map_err(full)?;

    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        results.push(match step {
            Step::Done(result) => result,
            Step::Queued {
                outcome,
                key,
                reset,
            } => match outcome.await {
                Ok(Outcome::Sequenced(position)) => Ok(Logged { position, reset }),
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
    let answer = PublishAnswer { results };
    match key {
        Some(key) => key.settle(shared, answer).await,
        None => Ok(answer),
    }
}

/// Lets the answer be committed with what is pending.
fn keep_with(key: &RequestKey, steps: &[Step], pending: &mut [Pending]) {
    let results = steps.iter().map(|step| match step {
        Step::Done(result) => Some(result.clone()),
        Step::Queued { .. } => None,
    });
    let request = Arc::new(Keyed::new(key.clone(), results.collect()));
    let steps = steps.iter().enumerate();
    let queued = steps.filter_map(|(item, step)| match step {
        Step::Queued { reset, .. } => Some((item, *reset)),
        Step::Done(_) => None,
    });
    for (pending, (item, reset)) in pending.iter_mut().zip(queued) {
        pending.keyed = Some(KeyedItem {
            request: Arc::clone(&request),
            item,
            reset,
        });
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::Unavailable("the server is stopping"))
}

/// The latest version of each label of a request that has any: one question for all of them.
async fn latest_versions(
    shared: &Shared,
    items: &[Result<Item, PublishError>],
) -> Result<BTreeMap<Hash, u32>, StoreError> {
    let keys = items.iter().filter_map(|item| match item {
        Ok(Item::Key(key)) => Some(key.label_hash),
        _ => None,
    });
    let labels: Vec<Hash> = keys.collect();
    let mut latest = BTreeMap::new();
    for labels in labels.chunks(MAX_LABELS) {
        latest.extend(shared.source.store.latest_versions(labels).await?);
    }
    Ok(latest)
}

async fn queue_key(
    shared: &Shared,
    item: KeyItem,
    latest: &BTreeMap<Hash, u32>,
    pending: &mut Vec<Pending>,
) -> Result<Step, ApiError> {
    let KeyItem {
        key_set,
        opening,
        label_hash,
        entry,
    } = item;
    let version = key_set.version();
    let key = Key::Version {
        label_hash,
        version: version.get(),
        opening: *opening.as_bytes(),
        key_set: key_set.bytes().to_vec(),
    };
    let latest = latest.get(&label_hash).copied();
    let expected = latest.map_or(Some(0), |latest| latest.checked_add(1));
    if Some(version.get()) != expected {
        // It may be a repeat.
        if let Some(result) = logged(shared, &key).await? {
            return Ok(Step::Done(result));
        }
        let message = match expected {
            Some(expected) => format!("the next version of this label is {expected}"),
            None => "this label has no further version".into(),
        };
        return Ok(Step::Done(Err(error("version", &message))));
    }
    let reset = latest.is_some() && is_reset(shared, &label_hash, &key_set).await?;
    let row = PendingRow::Key {
        label_hash,
        version: version.get(),
        opening: *opening.as_bytes(),
        key_set: key_set.bytes().to_vec(),
    };
    Ok(queue(entry.to_bytes().to_vec(), row, key, reset, pending))
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
        false,
        pending,
    ))
}

/// Whether a key set does not continue the version before it. Allowed: whoever lost their keys must
/// be able to go on. Every reader will say so, and the publisher is told.
async fn is_reset(
    shared: &Shared,
    label_hash: &Hash,
    key_set: &KeySet,
) -> Result<bool, StoreError> {
    let Some(before) = key_set.version().get().checked_sub(1) else {
        return Ok(false);
    };
    let previous = shared.source.store.key_version(label_hash, before).await?;
    let previous = previous.and_then(|row| KeySet::parse(&row.key_set?).ok());
    Ok(matches!(
        key_set.continuity(previous.as_ref()),
        Continuity::Reset(_)
    ))
}

fn queue(
    entry: Vec<u8>,
    row: PendingRow,
    key: Key,
    reset: bool,
    pending: &mut Vec<Pending>,
) -> Step {
    let (reply, outcome) = oneshot::channel();
    pending.push(Pending {
        entry,
        row,
        reply,
        keyed: None,
    });
    Step::Queued {
        outcome,
        key,
        reset,
    }
}

/// What the log already holds at the place of an item, if anything.
async fn logged(shared: &Shared, key: &Key) -> Result<Option<Published>, StoreError> {
    let store = &shared.source.store;
    let (position, is_same, reset) = match key {
        Key::Version {
            label_hash,
            version,
            opening,
            key_set,
        } => match store.key_version(label_hash, *version).await? {
            None => return Ok(None),
            Some(row) => {
                let is_same = row.key_set.as_ref() == Some(key_set)
                    && row.opening.as_deref() == Some(opening.as_slice());
                let reset = match KeySet::parse(key_set) {
                    Ok(key_set) if is_same => is_reset(shared, label_hash, &key_set).await?,
                    _ => false,
                };
                (row.position, is_same, reset)
            }
        },
        Key::Seq { stream, seq, leaf } => match store.statement(stream, *seq).await? {
            None => return Ok(None),
            Some(row) => (row.position, row.leaf == *leaf, false),
        },
    };
    // SPEC(PUB-1)
    Ok(Some(if is_same {
        Ok(Logged { position, reset })
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
    let wait = std::time::Duration::from_millis(shared.limits().wait_ms);
    let mut published = shared.published.subscribe();
    let reached = published.wait_for(|size| *size >= position.size_with());
    match tokio::time::timeout(wait, reached).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(ApiError::Unpublished),
    }
}
