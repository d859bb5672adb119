//! What entries bring about, wherever they are replayed.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::{Entry, Roles};
use crate::hash::Hash;
use crate::index::IndexKey;
use crate::rules::judge::{Judged, Phase, Succession};
use crate::statement::{Body, Seq, Statement, Stream};

/// The state that entries change, apart from the tree of what was inserted before.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    pub(crate) phase: Phase,
    /// Of the last epoch, in milliseconds.
    pub(crate) last_time_ms: u64,
    /// The keys in force; `None` without a valid genesis.
    pub(crate) roles: Option<Roles>,
    /// Indexes with the leaf hashes of their entries.
    pub(crate) inserted: BTreeMap<IndexKey, Hash>,
    /// The last statement of each stream: its seq and leaf hash.
    pub(crate) streams: BTreeMap<Stream, (Seq, Hash)>,
    /// The digests of each release, by the index of its (stream, version).
    pub(crate) releases: BTreeMap<IndexKey, BTreeSet<Hash>>,
}

impl Effects {
    /// Before the first entry.
    pub(crate) fn none() -> Self {
        Self {
            phase: Phase::Open,
            last_time_ms: 0,
            roles: None,
            inserted: BTreeMap::new(),
            streams: BTreeMap::new(),
            releases: BTreeMap::new(),
        }
    }

    /// Adds what a judged entry brings about: nothing, if it is void.
    pub(crate) fn apply(&mut self, judged: &Judged) {
        // SPEC(RULE-1)
        if judged.is_void() {
            return;
        }
        // SPEC(RULE-2)
        self.inserted
            .extend(judged.inserts.iter().map(|index| (*index, judged.leaf)));
        match &judged.entry {
            None | Some(Entry::Key(_)) => {}
            Some(Entry::Genesis(genesis)) => self.roles = Some(genesis.roles().clone()),
            Some(Entry::Epoch(epoch)) => {
                self.last_time_ms = epoch.time_ms;
                if self.phase == Phase::Closed {
                    self.phase = Phase::Ended;
                }
            }
            Some(Entry::Statement(entry)) => self.record(entry.statement(), judged.leaf),
            Some(Entry::Close(_)) => self.phase = Phase::Closed,
        }
    }

    fn record(&mut self, statement: &Statement, leaf: Hash) {
        let stream = statement.stream();
        match statement.body() {
            Body::Release(release) => {
                let version = stream.version_index(&release.version);
                let digests = || statement.digests().into_iter().collect();
                self.releases.entry(version).or_insert_with(digests);
            }
            Body::PublisherKeys(change) => {
                if let Some(roles) = &mut self.roles {
                    roles.replace(change.role, change.keys.clone());
                }
            }
            Body::Yank(_) | Body::Protection(_) | Body::Canary(_) => {}
        }
        self.streams.insert(stream, (statement.seq(), leaf));
    }

    /// Whether `seq` is the next of a stream that has a statement here; `None` if it has none.
    pub(crate) fn succession(&self, stream: &Stream, seq: Seq) -> Option<Succession> {
        self.streams.get(stream).map(|(last, leaf)| {
            if last.next() == Some(seq) {
                Succession::Next { prev: Some(*leaf) }
            } else {
                Succession::NotNext
            }
        })
    }
}

impl Succession {
    /// In a stream that has no statement yet.
    pub(crate) fn in_empty_stream(seq: Seq) -> Self {
        if seq == Seq::ZERO {
            Self::Next { prev: None }
        } else {
            Self::NotNext
        }
    }
}
