//! What an evidence file shows about a log, as the rules see it. Whatever it does not show is a
//! gap, and a verdict that meets a gap is none.

use std::collections::{BTreeMap, BTreeSet};

use super::Gap;
use crate::checkpoint::Origin;
use crate::entry::{Entry, Epoch, Genesis, Roles};
use crate::hash::{Hash, leaf_hash};
use crate::index::{IndexKey, TransitionProof, Tree};
use crate::rules::{Effects, Judged, Phase, Succession, View};
use crate::statement::{Body, Seq, Statement, Stream};

/// The state at an epoch as far as it is shown, and what the entries since have changed.
pub(super) struct PartialView<'a> {
    origin: Origin,
    base: Base<'a>,
    /// What came since the base.
    effects: Effects,
    may_use_transition: bool,
}

enum Base<'a> {
    /// The interval begins at position 0: everything can be told.
    Empty,
    /// Only what is shown can be told.
    Shown(Box<Shown<'a>>),
}

/// What is shown about the log at an epoch.
pub(super) struct Shown<'a> {
    pub(super) epoch: Epoch,
    pub(super) phase: Phase,
    pub(super) genesis: Option<Genesis>,
    /// What the index held.
    pub(super) values: BTreeMap<IndexKey, Option<Hash>>,
    /// Statements by their leaf hashes.
    known: BTreeMap<Hash, Statement>,
    pub(super) transition: Option<&'a TransitionProof>,
}

impl Shown<'_> {
    pub(super) fn new(epoch: Epoch, known: &[Vec<u8>]) -> Self {
        let known = known
            .iter()
            .filter_map(|bytes| match Entry::parse(bytes) {
                Ok(Entry::Statement(entry)) => Some((leaf_hash(bytes), entry.statement().clone())),
                _ => None,
            })
            .collect();
        Self {
            epoch,
            phase: Phase::Open,
            genesis: None,
            values: BTreeMap::new(),
            known,
            transition: None,
        }
    }

    /// The genesis's keys, changed by every publisher-keys statement that the index is shown to
    /// hold. `None` if the file does not show where they end.
    fn roles_in_force(&self) -> Option<Roles> {
        // SPEC(EV-10)
        let stream = Stream::publisher_keys();
        let mut roles = self.genesis.as_ref()?.roles().clone();
        let mut seq = Some(Seq::ZERO);
        while let Some(place) = seq {
            let Some(leaf) = self.values.get(&stream.seq_index(place))? else {
                return Some(roles);
            };
            match self.known.get(leaf)?.body() {
                Body::PublisherKeys(change) => roles.replace(change.role, change.keys.clone()),
                _ => return None,
            }
            seq = place.next();
        }
        None
    }

    fn value(&self, index: &IndexKey) -> Result<Option<Hash>, Gap> {
        self.values.get(index).copied().ok_or(Gap::Index)
    }

    fn succession(&self, stream: &Stream, seq: Seq) -> Result<Succession, Gap> {
        // SPEC(EV-8)
        let held = |seq| self.values.get(&stream.seq_index(seq)).copied();
        match (seq.previous().map(held), held(seq)) {
            (_, Some(Some(_))) | (Some(Some(None)), _) => Ok(Succession::NotNext),
            (None, Some(None)) => Ok(Succession::Next { prev: None }),
            (Some(Some(Some(leaf))), Some(None)) => Ok(Succession::Next { prev: Some(leaf) }),
            (_, None) | (Some(None), _) => Err(Gap::Stream),
        }
    }

    fn digests(&self, version: &IndexKey) -> Result<Option<BTreeSet<Hash>>, Gap> {
        // SPEC(EV-9)
        let Some(leaf) = self.values.get(version).ok_or(Gap::Release)? else {
            return Ok(None);
        };
        let release = self.known.get(leaf).ok_or(Gap::Release)?;
        Ok(Some(release.digests().into_iter().collect()))
    }
}

impl<'a> PartialView<'a> {
    /// Before the first entry.
    pub(super) fn empty(origin: Origin) -> Self {
        let effects = Effects::none();
        Self {
            origin,
            base: Base::Empty,
            effects,
            may_use_transition: false,
        }
    }

    /// After an epoch.
    pub(super) fn at(origin: Origin, shown: Shown<'a>) -> Self {
        let effects = Effects {
            phase: shown.phase,
            last_time_ms: shown.epoch.time_ms,
            roles: shown.roles_in_force(),
            ..Effects::none()
        };
        Self {
            origin,
            base: Base::Shown(Box::new(shown)),
            effects,
            may_use_transition: false,
        }
    }

    /// Whether the entry judged next is the one that the transition leads to.
    pub(super) fn offer_transition(&mut self, is_last: bool) {
        self.may_use_transition = is_last;
    }

    /// Moves over a judged entry.
    pub(super) fn advance(&mut self, judged: &Judged) {
        self.effects.apply(judged);
    }
}

impl View for PartialView<'_> {
    type Gap = Gap;

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn phase(&self) -> Phase {
        self.effects.phase
    }

    fn value(&self, index: &IndexKey) -> Result<Option<Hash>, Gap> {
        match (self.effects.inserted.get(index), &self.base) {
            (Some(value), _) => Ok(Some(*value)),
            (None, Base::Empty) => Ok(None),
            (None, Base::Shown(shown)) => shown.value(index),
        }
    }

    fn succession(&self, stream: &Stream, seq: Seq) -> Result<Succession, Gap> {
        match (self.effects.succession(stream, seq), &self.base) {
            (Some(succession), _) => Ok(succession),
            (None, Base::Empty) => Ok(Succession::in_empty_stream(seq)),
            (None, Base::Shown(shown)) => shown.succession(stream, seq),
        }
    }

    fn digests(&self, version: &IndexKey) -> Result<Option<BTreeSet<Hash>>, Gap> {
        match (self.effects.releases.get(version), &self.base) {
            (Some(digests), _) => Ok(Some(digests.clone())),
            (None, Base::Empty) => Ok(None),
            (None, Base::Shown(shown)) => shown.digests(version),
        }
    }

    fn roles(&self) -> Result<Option<&Roles>, Gap> {
        match (&self.effects.roles, &self.base) {
            (None, Base::Shown(_)) => Err(Gap::Roles),
            (roles, _) => Ok(roles.as_ref()),
        }
    }

    fn index_size(&self) -> Result<u64, Gap> {
        let before = match &self.base {
            Base::Empty => 0,
            Base::Shown(shown) => shown.epoch.index_size,
        };
        before
            .checked_add(self.effects.inserted.len() as u64)
            .ok_or(Gap::Index)
    }

    fn index_root(&mut self) -> Result<Hash, Gap> {
        let inserted = &self.effects.inserted;
        let Base::Shown(shown) = &self.base else {
            let batch: Vec<_> = inserted
                .iter()
                .map(|(index, value)| (*index, *value))
                .collect();
            let mut tree = Tree::new();
            tree.insert_batch(&batch).map_err(|_| Gap::Root)?;
            return Ok(tree.root());
        };
        // SPEC(EV-11)
        let transition = shown
            .transition
            .filter(|_| self.may_use_transition)
            .ok_or(Gap::Root)?;
        if !inserted.values().eq(transition.values()) {
            return Err(Gap::Root);
        }
        let indexes: Vec<_> = inserted.keys().copied().collect();
        transition
            .verify(&shown.epoch.index_root, &indexes)
            .map_err(|_| Gap::Root)
    }

    fn last_time_ms(&self) -> u64 {
        self.effects.last_time_ms
    }
}
