//! Evidence about an entry: everything from the last epoch before it, judged again.

use serde_json::{Map, Value, json};

use super::view::{PartialView, Shown};
use super::{EvidenceError, IncludedEntry, base64_entry, take_checkpoint, text};
use crate::checkpoint::SignedCheckpoint;
use crate::codec::to_base64;
use crate::entry::{Entry, Epoch};
use crate::hash::{Hash, leaf_hash};
use crate::head::{MAX_PROOF, hashes};
use crate::index::{IndexKey, IndexProof, TransitionProof};
use crate::json::{self, JsonError, Object};
use crate::lookup::take_position;
use crate::merkle::verify::{verify_consistency, verify_inclusion};
use crate::merkle::{Frontier, LeafIndex, TreeHead};
use crate::rules::{Phase, Rule, judge};

/// How many entries of the past a file names.
pub const MAX_KNOWN: usize = 4096;
/// How many entries an interval holds.
const MAX_ENTRIES: usize = 1 << 18;
/// How many indexes the proof is about: as many as an index proof answers.
const MAX_SEARCHED: usize = crate::index::MAX_RESULTS;

/// The entries from an epoch to the one that breaks a rule, and what the epoch's root proves.
#[derive(Debug, Clone)]
pub struct Interval {
    /// A checkpoint that covers them all.
    pub checkpoint: Vec<u8>,
    /// The compact range before the first entry given; its size is that entry's position.
    pub before: Frontier,
    /// Every entry from there to the offender.
    pub entries: Vec<Vec<u8>>,
    /// From the tree that ends with the offender to the checkpoint.
    pub consistency: Vec<Hash>,
    /// What was there before; `None` if the interval begins at position 0.
    pub anchor: Option<Anchor>,
}

/// The epoch that an interval starts from, and what its root proves.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// The position of the epoch, which is among the entries.
    pub from: LeafIndex,
    /// The entry at position 0; needed for statements.
    pub genesis: Option<IncludedEntry>,
    /// Entries named by what the index holds.
    pub known: Vec<Vec<u8>>,
    /// The indexes that the proof is about, ascending.
    pub searched: Vec<IndexKey>,
    /// What the index held at them.
    pub proof: IndexProof,
    /// The indexes inserted since, if the offender is an epoch.
    pub transition: Option<TransitionProof>,
}

impl Interval {
    pub(super) fn checkpoint(&self) -> &[u8] {
        &self.checkpoint
    }

    pub(super) fn take(file: &mut Object) -> Result<Self, EvidenceError> {
        let checkpoint = take_checkpoint(file, "checkpoint")?;
        let start = take_position(file, "start")?;
        let mut range = start.get().to_be_bytes().to_vec();
        for hash in file.base64_hashes("before", MAX_PROOF)? {
            range.extend_from_slice(hash.as_bytes());
        }
        let before = Frontier::from_bytes(&range).map_err(EvidenceError::Frontier)?;
        let entries = take_entries(file, "entries", MAX_ENTRIES)?;
        let consistency = file.base64_hashes("consistency", MAX_PROOF)?;
        let anchor = match file.optional_integer("from")? {
            None => None,
            Some(from) => {
                let from =
                    LeafIndex::new(from).ok_or(EvidenceError::Parts("from is not a position"))?;
                Some(Anchor::take(file, from)?)
            }
        };
        Ok(Self {
            checkpoint,
            before,
            entries,
            consistency,
            anchor,
        })
    }

    pub(super) fn add_to(&self, file: &mut Map<String, Value>) {
        file.insert("checkpoint".into(), text(&self.checkpoint));
        file.insert("start".into(), json!(self.before.size().get()));
        file.insert("before".into(), hashes(self.before.hashes()));
        file.insert("entries".into(), base64_list(&self.entries));
        file.insert("consistency".into(), hashes(&self.consistency));
        if let Some(anchor) = &self.anchor {
            anchor.add_to(file);
        }
    }

    /// The rule that the last entry breaks, and where it stands.
    pub(super) fn verify(
        &self,
        checkpoint: &SignedCheckpoint,
    ) -> Result<(Rule, LeafIndex), EvidenceError> {
        // SPEC(EV-6)
        let mut frontier = self.before.clone();
        for entry in &self.entries {
            frontier.append(&leaf_hash(entry));
        }
        let covered = TreeHead {
            size: frontier.size(),
            root: frontier.root(),
        };
        let head = checkpoint.head();
        if self.entries.is_empty() {
            return Err(EvidenceError::NoOffence);
        }
        verify_consistency(&covered, &head, &self.consistency)?;

        let start = self.before.size().get();
        let (mut view, first) = match &self.anchor {
            // SPEC(EV-7)
            None if start == 0 => (PartialView::empty(checkpoint.origin().clone()), 0),
            None => {
                return Err(EvidenceError::Parts(
                    "an interval not from 0 needs an epoch",
                ));
            }
            Some(anchor) => {
                let offset = anchor
                    .from
                    .get()
                    .checked_sub(start)
                    .and_then(|offset| usize::try_from(offset).ok())
                    .ok_or(EvidenceError::Parts("the epoch is not among the entries"))?;
                let view = anchor.view(checkpoint, &self.entries, offset)?;
                (view, offset.saturating_add(1))
            }
        };
        let mut last = None;
        for (entry, position) in self.entries.iter().zip(start..).skip(first) {
            let position = LeafIndex::new(position)
                .ok_or(EvidenceError::Parts("a position is out of bounds"))?;
            // SPEC(EV-11): only the last entry's root can be told.
            let is_last = position.size_with() == covered.size;
            view.offer_transition(is_last);
            let judged = judge(&mut view, position, entry).map_err(EvidenceError::NotShown)?;
            last = judged.verdict().map(|rule| (rule, position));
            view.advance(&judged);
        }
        // SPEC(EV-13)
        last.ok_or(EvidenceError::NoOffence)
    }
}

impl Anchor {
    fn take(file: &mut Object, from: LeafIndex) -> Result<Self, EvidenceError> {
        let genesis = match file.take("genesis") {
            None => None,
            Some(genesis) => {
                let mut genesis = genesis.into_object("genesis")?;
                let parsed = IncludedEntry {
                    entry: base64_entry(genesis.required("entry")?, "entry")?,
                    inclusion: genesis.base64_hashes("inclusion", MAX_PROOF)?,
                };
                genesis.finish()?;
                Some(parsed)
            }
        };
        let searched = file
            .base64_hashes("searched", MAX_SEARCHED)?
            .into_iter()
            .map(|index| IndexKey::from_bytes(*index.as_bytes()))
            .collect();
        let transition = match file.take("transition") {
            None => None,
            Some(transition) => Some(TransitionProof::from_json(transition)?),
        };
        Ok(Self {
            from,
            genesis,
            known: take_entries(file, "known", MAX_KNOWN)?,
            searched,
            proof: IndexProof::from_json(file.required("proof")?)?,
            transition,
        })
    }

    fn add_to(&self, file: &mut Map<String, Value>) {
        file.insert("from".into(), json!(self.from.get()));
        if let Some(genesis) = &self.genesis {
            let entry = to_base64(&genesis.entry);
            let inclusion = hashes(&genesis.inclusion);
            file.insert(
                "genesis".into(),
                json!({ "entry": entry, "inclusion": inclusion }),
            );
        }
        file.insert("known".into(), base64_list(&self.known));
        let searched: Value = self
            .searched
            .iter()
            .map(|index| to_base64(index.as_bytes()))
            .collect();
        file.insert("searched".into(), searched);
        file.insert("proof".into(), self.proof.to_json());
        if let Some(transition) = &self.transition {
            file.insert("transition".into(), transition.to_json());
        }
    }

    /// What can be told about the log at the epoch, which is `entries[offset]`.
    fn view(
        &self,
        checkpoint: &SignedCheckpoint,
        entries: &[Vec<u8>],
        offset: usize,
    ) -> Result<PartialView<'_>, EvidenceError> {
        let epoch = epoch_at(entries, offset)?;
        if !self.searched.is_sorted() {
            return Err(EvidenceError::Parts("the searched indexes do not ascend"));
        }
        // SPEC(EV-7)
        let values = self.proof.verify(&epoch.index_root, &self.searched)?;
        let mut shown = Shown::new(epoch, &self.known);
        shown.values = self.searched.iter().copied().zip(values).collect();
        shown.transition = self.transition.as_ref();
        if let Some(included) = &self.genesis {
            let leaf = leaf_hash(&included.entry);
            let first = LeafIndex::default();
            verify_inclusion(&leaf, first, &checkpoint.head(), &included.inclusion)?;
            shown.genesis = match Entry::parse(&included.entry) {
                Ok(Entry::Genesis(genesis)) if genesis.origin() == checkpoint.origin() => {
                    Some(*genesis)
                }
                // Position 0 breaks the rule `genesis`, and no key was ever in force.
                _ => return Err(EvidenceError::Parts("the genesis is not one of this log")),
            };
        }
        // SPEC(EV-12)
        let before = offset.checked_sub(1).and_then(|before| entries.get(before));
        if let Some(Ok(Entry::Close(close))) = before.map(|entry| Entry::parse(entry))
            && close.check_origin(checkpoint.origin()).is_ok()
        {
            shown.phase = Phase::Ended;
        }
        Ok(PartialView::at(checkpoint.origin().clone(), shown))
    }
}

fn epoch_at(entries: &[Vec<u8>], offset: usize) -> Result<Epoch, EvidenceError> {
    match entries.get(offset).map(|entry| Entry::parse(entry)) {
        Some(Ok(Entry::Epoch(epoch))) => Ok(epoch),
        _ => Err(EvidenceError::Parts(
            "the interval does not start from an epoch",
        )),
    }
}

fn take_entries(file: &mut Object, member: &str, limit: usize) -> Result<Vec<Vec<u8>>, JsonError> {
    json::array(file.required(member)?, member, limit)?
        .into_iter()
        .map(|entry| base64_entry(entry, member))
        .collect()
}

fn base64_list(entries: &[Vec<u8>]) -> Value {
    entries.iter().map(|entry| to_base64(entry)).collect()
}
