//! A log replayed from its first entry: the index, the streams, the keys in force, and the tree.

use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::checkpoint::Origin;
use crate::entry::{Entry, Epoch, Genesis, KeyEntry, Roles};
use crate::hash::{self, Hash};
use crate::index::{IndexKey, Tree};
use crate::merkle::{Frontier, LeafIndex, TreeHead, TreeSize};
use crate::rules::effects::Effects;
use crate::rules::judge::{Judged, Phase, Succession, View, judge, judge_hashed};
use crate::statement::{Seq, Stream};

/// How many entries are looked up together: as many as a bundle holds.
const READ_AHEAD: usize = 256;

/// Everything that follows from the entries of a log up to a position.
///
/// [`Replay::judge`] decides about the entry at the next position and changes nothing that can be
/// seen; [`Replay::advance`] moves on. An auditor advances over everything, void or not; a log
/// server advances over what it sequences, which is never void.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The tree over all entries, void ones too.
    frontier: Frontier,
    genesis: Option<Box<Genesis>>,
    last_epoch: Option<(LeafIndex, Epoch)>,
    state: State,
}

/// What entries that are not void have brought about.
#[derive(Debug, Clone)]
struct State {
    origin: Origin,
    index: Tree,
    /// Its `inserted` is what came since `index` was last brought up to date, disjoint from it.
    effects: Effects,
    /// An index with what `index` holds there, which was looked up ahead.
    ahead: Option<(IndexKey, Option<Hash>)>,
}

impl Replay {
    /// A log of this origin, before its first entry.
    pub fn new(origin: Origin) -> Self {
        Self {
            frontier: Frontier::new(),
            genesis: None,
            last_epoch: None,
            state: State {
                origin,
                index: Tree::new(),
                effects: Effects::none(),
                ahead: None,
            },
        }
    }

    /// Judges the entry at the next position. Observable state stays as it is; the index may be
    /// brought up to date, which an epoch needs.
    pub fn judge(&mut self, entry: &[u8]) -> Judged {
        let position = self.position(0);
        let Ok(judged) = judge(&mut self.state, position, entry);
        judged
    }

    /// The position that is `ahead` of the next one.
    fn position(&self, ahead: u64) -> LeafIndex {
        // A frontier never holds 2^63 leaves; were it to, every later position would be the first.
        let position = self.frontier.size().get().checked_add(ahead);
        position.and_then(LeafIndex::new).unwrap_or_default()
    }

    /// Moves over a judged entry, one position on.
    pub fn advance(&mut self, judged: &Judged) {
        self.frontier.append(&judged.leaf);
        self.follow(judged);
    }

    /// [`Replay::advance`] but for the tree over all entries.
    fn follow(&mut self, judged: &Judged) {
        self.state.effects.apply(judged);
        if judged.is_void() {
            return;
        }
        match &judged.entry {
            Some(Entry::Genesis(genesis)) => self.genesis = Some(genesis.clone()),
            Some(Entry::Epoch(epoch)) => self.last_epoch = Some((judged.position, *epoch)),
            _ => {}
        }
    }

    /// Judges the entry at the next position and moves over it.
    pub fn step(&mut self, entry: &[u8]) -> Judged {
        let judged = self.judge(entry);
        self.advance(&judged);
        judged
    }

    /// [`Replay::step`] over several entries, one after the other. Faster, since what can be
    /// known of them ahead is found together: leaf hashes, and what the index holds.
    pub fn step_all<T: AsRef<[u8]>>(&mut self, entries: &[T]) -> Vec<Judged> {
        let mut judged = Vec::with_capacity(entries.len());
        for run in entries.chunks(READ_AHEAD) {
            let leaves = hash::leaf_hashes(run);
            let indexes: Vec<IndexKey> = run
                .iter()
                .filter_map(|entry| KeyEntry::index_in(entry.as_ref()))
                .collect();
            let size = self.state.index.len();
            let mut found = indexes.iter().zip(self.state.index.values(&indexes));
            for ((ahead, entry), leaf) in (0..).zip(run).zip(&leaves) {
                let entry = entry.as_ref();
                // An epoch may have brought the index up to date, and then nothing is known.
                self.state.ahead = KeyEntry::index_in(entry)
                    .and_then(|_| found.next())
                    .filter(|_| self.state.index.len() == size)
                    .map(|(index, value)| (*index, value));
                let position = self.position(ahead);
                let Ok(next) = judge_hashed(&mut self.state, position, entry, *leaf);
                self.follow(&next);
                judged.push(next);
            }
            self.state.ahead = None;
            self.frontier.append_all(&leaves);
        }
        judged
    }

    /// The tree over all entries so far.
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }

    /// How many entries came so far.
    pub fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// The compact form of that tree.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The origin that the log's checkpoints name.
    pub fn origin(&self) -> &Origin {
        &self.state.origin
    }

    /// The genesis, if position 0 held a valid one.
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_deref()
    }

    /// The publisher keys in force at the next position.
    pub fn roles(&self) -> Option<&Roles> {
        self.state.effects.roles.as_ref()
    }

    /// Where the log stands in its life.
    pub fn phase(&self) -> Phase {
        self.state.effects.phase
    }

    /// The last epoch that is not void, and its position.
    pub fn last_epoch(&self) -> Option<(LeafIndex, &Epoch)> {
        self.last_epoch
            .as_ref()
            .map(|(position, epoch)| (*position, epoch))
    }

    /// The last entry, if it is an epoch that is not void: only such a head may be cosigned.
    pub fn final_epoch(&self) -> Option<&Epoch> {
        // SPEC(RULE-19)
        let (position, epoch) = self.last_epoch()?;
        (self.size().last() == Some(position)).then_some(epoch)
    }

    /// The index as of the last time it was brought up to date: exactly that of the last entry
    /// when it is an epoch that is not void.
    pub fn index(&self) -> &Tree {
        &self.state.index
    }

    /// The leaf hash of the entry that inserted `index`, among all entries so far.
    pub fn value(&self, index: &IndexKey) -> Option<Hash> {
        let Ok(value) = View::value(&self.state, index);
        value
    }

    /// Seq and leaf hash of a stream's last statement.
    pub fn last_of(&self, stream: &Stream) -> Option<(Seq, Hash)> {
        self.state.effects.streams.get(stream).copied()
    }

    /// All streams with a statement, in order, each with seq and leaf hash of its last one.
    pub fn streams(&self) -> impl Iterator<Item = (&Stream, &(Seq, Hash))> {
        self.state.effects.streams.iter()
    }

    /// The epoch that may stand at the next position, at `time_ms` or at the time of the last
    /// epoch if that is later.
    pub fn next_epoch(&mut self, time_ms: u64) -> Epoch {
        self.state.bring_up_to_date();
        Epoch {
            time_ms: time_ms.max(self.state.effects.last_time_ms),
            index_size: self.state.index.len(),
            index_root: self.state.index.root(),
        }
    }
}

impl State {
    fn bring_up_to_date(&mut self) {
        let batch: Vec<_> = std::mem::take(&mut self.effects.inserted)
            .into_iter()
            .collect();
        let inserted = self.index.insert_batch(&batch);
        debug_assert!(
            inserted.is_ok(),
            "what is pending is sorted, distinct and absent"
        );
    }
}

impl View for State {
    type Gap = Infallible;

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn phase(&self) -> Phase {
        self.effects.phase
    }

    fn value(&self, index: &IndexKey) -> Result<Option<Hash>, Infallible> {
        let pending = self.effects.inserted.get(index).copied();
        Ok(pending.or_else(|| match self.ahead {
            Some((ahead, value)) if ahead == *index => value,
            _ => self.index.value(index),
        }))
    }

    fn succession(&self, stream: &Stream, seq: Seq) -> Result<Succession, Infallible> {
        let known = self.effects.succession(stream, seq);
        Ok(known.unwrap_or_else(|| Succession::in_empty_stream(seq)))
    }

    fn digests(&self, version: &IndexKey) -> Result<Option<BTreeSet<Hash>>, Infallible> {
        Ok(self.effects.releases.get(version).cloned())
    }

    fn roles(&self) -> Result<Option<&Roles>, Infallible> {
        Ok(self.effects.roles.as_ref())
    }

    fn index_size(&self) -> Result<u64, Infallible> {
        Ok(self.index.len() + self.effects.inserted.len() as u64)
    }

    fn index_root(&mut self) -> Result<Hash, Infallible> {
        self.bring_up_to_date();
        Ok(self.index.root())
    }

    fn last_time_ms(&self) -> u64 {
        self.effects.last_time_ms
    }
}
