//! Puts evidence about an entry together, from a replay of the log up to the epoch before it.

use std::collections::BTreeSet;

use super::{Anchor, Evidence, EvidenceError, IncludedEntry, Interval, Proof};
use crate::checkpoint::SignedCheckpoint;
use crate::entry::Entry;
use crate::hash::Hash;
use crate::index::IndexKey;
use crate::merkle::Frontier;
use crate::note::VerifierKey;
use crate::rules::{Replay, Rule};
use crate::statement::{Body, Statement, Stream};

/// What an auditor has at hand when an entry broke a rule.
#[derive(Debug)]
pub struct Offence<'a> {
    /// A checkpoint that covers the entry.
    pub checkpoint: &'a SignedCheckpoint,
    /// The key that signed it.
    pub log_key: &'a VerifierKey,
    /// The compact range before the first of `entries`.
    pub before: Frontier,
    /// Every entry from the last epoch before the offender that is not void, or from position 0 if
    /// there is none, to the offender. If the log was closed there, from the close before it.
    pub entries: Vec<Vec<u8>>,
    /// From the tree that ends with the offender to the checkpoint.
    pub consistency: Vec<Hash>,
    /// The entry at position 0 under the checkpoint.
    pub genesis: IncludedEntry,
    /// The log replayed up to that epoch and no further; `None` if there is none.
    pub at_epoch: Option<Replay>,
}

impl Evidence {
    /// The evidence that the last of the entries broke a rule, verified. `entry_of` finds the entry
    /// with a leaf hash among those before the epoch.
    pub fn of_entry(
        offence: Offence<'_>,
        entry_of: impl Fn(&Hash) -> Option<Vec<u8>>,
    ) -> Result<Self, EvidenceError> {
        let anchor = match offence.at_epoch {
            None => None,
            Some(replay) => {
                let epoch = replay.last_epoch().map(|(position, _)| position);
                let from = epoch
                    .filter(|epoch| epoch.size_with() == replay.size())
                    .ok_or(EvidenceError::Parts(
                        "the replay given does not end at an epoch",
                    ))?;
                let given = from.get().checked_sub(offence.before.size().get());
                let after = given
                    .and_then(|given| usize::try_from(given).ok())
                    .and_then(|given| offence.entries.get(given.saturating_add(1)..))
                    .ok_or(EvidenceError::Parts("the epoch is not among the entries"))?;
                Some(anchor(replay, from, after, offence.genesis, &entry_of))
            }
        };
        let interval = Interval {
            checkpoint: offence.checkpoint.to_bytes(),
            before: offence.before,
            entries: offence.entries,
            consistency: offence.consistency,
            anchor,
        };
        let (rule, _) = interval.verify(offence.checkpoint)?;
        let evidence = Self {
            rule,
            log_key: offence.log_key.clone(),
            proof: Proof::Interval(Box::new(interval)),
        };
        evidence.verify()?;
        Ok(evidence)
    }

    /// The evidence that a log signed two heads of one size, or one that does not extend another.
    /// `consistency` ties `real`, the root of the older size in the newer tree, to the newer head;
    /// for equal sizes neither is needed.
    pub fn of_heads(
        log_key: &VerifierKey,
        older: &SignedCheckpoint,
        newer: &SignedCheckpoint,
        real: Hash,
        consistency: Vec<Hash>,
    ) -> Result<Self, EvidenceError> {
        let (first, second) = (older.to_bytes(), newer.to_bytes());
        let (rule, proof) = if older.head().size == newer.head().size {
            (Rule::Fork, Proof::Fork { first, second })
        } else {
            let (older, newer) = (first, second);
            (
                Rule::Extension,
                Proof::Extension {
                    older,
                    newer,
                    root: real,
                    consistency,
                },
            )
        };
        let evidence = Self {
            rule,
            log_key: log_key.clone(),
            proof,
        };
        evidence.verify()?;
        Ok(evidence)
    }
}

fn anchor(
    mut replay: Replay,
    from: crate::merkle::LeafIndex,
    after: &[Vec<u8>],
    genesis: IncludedEntry,
    entry_of: &impl Fn(&Hash) -> Option<Vec<u8>>,
) -> Anchor {
    let mut searched = BTreeSet::new();
    let mut known = BTreeSet::new();
    for entry in after {
        match Entry::parse(entry) {
            Ok(Entry::Key(key)) => {
                searched.insert(key.index);
            }
            Ok(Entry::Statement(entry)) => {
                let statement = entry.statement();
                searched.extend(looked_up(statement));
                known.extend(version_of(statement));
            }
            _ => {}
        }
    }
    let has_statements = after
        .iter()
        .any(|entry| matches!(entry.first(), Some(0x03)));
    if has_statements {
        let stream = Stream::publisher_keys();
        let last = replay.last_of(&stream).map(|(seq, _)| seq);
        let mut seq = Some(crate::statement::Seq::ZERO);
        while let Some(place) = seq {
            searched.insert(stream.seq_index(place));
            if Some(place) > last {
                break;
            }
            known.insert(stream.seq_index(place));
            seq = place.next();
        }
    }
    let searched: Vec<_> = searched.into_iter().collect();
    let known = known
        .iter()
        .filter_map(|index| replay.index().value(index))
        .filter_map(|leaf| entry_of(&leaf))
        .collect();
    let proof = replay.index().prove(&searched);
    let transition = match after
        .split_last()
        .map(|(last, rest)| (Entry::parse(last), rest))
    {
        Some((Ok(Entry::Epoch(_)), between)) => transition(&mut replay, between),
        _ => None,
    };
    let genesis = has_statements.then_some(genesis);
    Anchor {
        from,
        genesis,
        known,
        searched,
        proof,
        transition,
    }
}

/// The indexes that judging a statement looks up, apart from the publisher's keys.
fn looked_up(statement: &Statement) -> Vec<IndexKey> {
    let stream = statement.stream();
    let mut indexes = statement.indexes();
    indexes.extend(statement.seq().previous().map(|seq| stream.seq_index(seq)));
    indexes.extend(version_of(statement));
    indexes
}

fn version_of(statement: &Statement) -> Option<IndexKey> {
    match statement.body() {
        Body::Release(release) => Some(statement.stream().version_index(&release.version)),
        Body::Yank(yank) => Some(statement.stream().version_index(&yank.version)),
        Body::Protection(_) | Body::Canary(_) | Body::PublisherKeys(_) => None,
    }
}

/// The transition by what the entries between the epochs insert.
fn transition(replay: &mut Replay, between: &[Vec<u8>]) -> Option<crate::index::TransitionProof> {
    let mut inserted = Vec::new();
    for entry in between {
        let judged = replay.step(entry);
        inserted.extend(judged.inserts.iter().map(|index| (*index, judged.leaf)));
    }
    inserted.sort_unstable();
    // No epoch is among them, so the index still is that of the first epoch.
    replay.index().prove_insertion(&inserted).ok()
}
