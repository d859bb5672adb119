//! A log and its rules, against a second judge that knows what was made and why it is wrong: an
//! auditor's replay of anything, and what a log server admits of it.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use plainsight_specs::entry::{Close, Epoch, KeyEntry, LogKey};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::index::{IndexKey, Namespace};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::rules::{Phase, Replay, Rule};
use plainsight_specs::statement::{Body, ProtectionState, Seq, StatementDraft, Stream};

use super::reference_index::{self as reference, Leaves};
use super::reference_log;
use super::tiny_log::{
    PROTECTIONS, RELEASES, ROOT, TinyLog, canary, protection, release, secret, statement_entry,
    yank,
};

/// Entries of one log.
const MAX_ENTRIES: usize = 40;
const VERSIONS: [&str; 3] = ["1.0.0", "1.0.1", "2.0.0"];
const FILES: [&[u8]; 3] = [b"one", b"two", b"three"];

/// Makes a log entry by entry, right and wrong, and compares the verdicts.
pub fn run(input: &[u8]) {
    let mut u = Unstructured::new(input);
    let mut both = Both::new();
    for _ in 0..MAX_ENTRIES {
        // An input that ends early has done what it could.
        if u.is_empty() || both.step(&mut u).is_err() {
            break;
        }
    }
    both.finish();
}

/// What the second judge knows.
#[derive(Default)]
struct Model {
    inserted: Leaves,
    streams: BTreeMap<Stream, (u32, Hash)>,
    releases: BTreeMap<IndexKey, BTreeSet<Hash>>,
    last_ms: u64,
    closed: Option<bool>,
}

struct Both {
    log: TinyLog,
    /// What a server that checks each entry before it takes it has taken.
    admitted: Vec<Vec<u8>>,
    server: Replay,
    model: Model,
}

impl Both {
    fn new() -> Self {
        let mut log = TinyLog::empty();
        let genesis = log.genesis_draft().build().unwrap().to_bytes();
        let mut both = Self {
            server: Replay::new(log.origin.clone()),
            admitted: Vec::new(),
            model: Model::default(),
            log: {
                log.push(genesis.clone());
                log
            },
        };
        assert!(both.admit(&genesis));
        both
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=15u8)? {
            0..=4 => self.key(u),
            5..=7 => self.epoch(u),
            8..=12 => self.statement(u),
            13 => self.bytes(u),
            14 => self.repeat(u),
            _ => self.close(u),
        }
    }

    /// Judges, compares with `expected`, and with what came of it.
    fn push(&mut self, entry: &[u8], expected: Option<Rule>, inserts: &[IndexKey]) {
        let size = self.log.entries.len() as u64;
        let is_admitted = self.admit(entry);
        let judged = self.log.push(entry.to_vec());
        assert_eq!(judged.verdict(), expected, "at {size}");
        // What is void changes nothing, so that a log without it goes on as this one does.
        assert_eq!(is_admitted, expected.is_none());
        assert_eq!(judged.position.get(), size);
        assert_eq!(judged.leaf, leaf_hash(entry));
        let mut new = Vec::new();
        if expected.is_none() {
            for index in inserts {
                if self.model.inserted.insert(*index, judged.leaf).is_none() {
                    new.push(*index);
                }
            }
        }
        assert_eq!(judged.inserts, new);
    }

    /// A server takes what breaks no rule where it would stand.
    fn admit(&mut self, entry: &[u8]) -> bool {
        let judged = self.server.judge(entry);
        if !judged.is_void() {
            self.server.advance(&judged);
            self.admitted.push(entry.to_vec());
        }
        !judged.is_void()
    }

    fn after_close(&self, is_epoch: bool) -> Option<Rule> {
        match self.model.closed {
            None => None,
            Some(false) if is_epoch => None,
            Some(_) => Some(Rule::AfterClose),
        }
    }

    fn key(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        // Few indexes, so that some come twice.
        let digest = sha256(&[u.int_in_range(0..=20u8)?]);
        let index = if u.ratio(1u8, 8u8)? {
            IndexKey::public(digest)
        } else {
            IndexKey::private(digest)
        };
        let commitment = Hash::from_bytes([u.arbitrary()?; 32]);
        let expected = self.after_close(false).or_else(|| {
            let is_public = index.namespace() == Namespace::Public;
            let is_twice = self.model.inserted.contains_key(&index);
            is_public
                .then_some(Rule::Namespace)
                .or(is_twice.then_some(Rule::DuplicateIndex))
        });
        let entry = KeyEntry { index, commitment }.to_bytes().to_vec();
        self.push(&entry, expected, &[index]);
        Ok(())
    }

    fn epoch(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let right = Epoch {
            time_ms: self.model.last_ms.saturating_add(u.int_in_range(0..=9)?),
            index_size: self.model.inserted.len() as u64,
            index_root: reference::root(&self.model.inserted),
        };
        assert_eq!(
            self.log.replay.next_epoch(right.time_ms),
            right,
            "what a log would state"
        );
        let mut epoch = right;
        match u.int_in_range(0..=7u8)? {
            0 => epoch.index_size = u.arbitrary()?,
            1 => epoch.index_root = Hash::from_bytes([u.arbitrary()?; 32]),
            2 => epoch.time_ms = u.arbitrary()?,
            _ => {}
        }
        let expected = self.after_close(true).or_else(|| {
            (epoch.index_size != right.index_size)
                .then_some(Rule::EpochSize)
                .or((epoch.index_root != right.index_root).then_some(Rule::EpochRoot))
                .or((epoch.time_ms < self.model.last_ms).then_some(Rule::Time))
        });
        self.push(&epoch.to_bytes(), expected, &[]);
        if expected.is_none() {
            self.model.last_ms = epoch.time_ms;
            self.model.closed = self.model.closed.map(|_| true);
            assert_eq!(self.log.replay.index().root(), right.index_root);
        }
        let is_end = expected.is_none();
        assert_eq!(self.log.replay.final_epoch().is_some(), is_end);
        Ok(())
    }

    fn body(u: &mut Unstructured<'_>) -> Result<(Body, u8)> {
        let version = *u.choose(&VERSIONS)?;
        let files = &FILES[..u.int_in_range(1..=FILES.len())?];
        Ok(match u.int_in_range(0..=5u8)? {
            0..=2 => (release(version, files), RELEASES),
            3 => (yank(version, files), RELEASES),
            4 => (protection(ProtectionState::Offered), PROTECTIONS),
            _ => (canary(), PROTECTIONS),
        })
    }

    fn statement(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (body, signer) = Self::body(u)?;
        let stream = body.stream();
        let last = self.model.streams.get(&stream).copied();
        let right = StatementDraft {
            seq: Seq::new(last.map_or(0, |(seq, _)| seq + 1)),
            prev: last.map(|(_, leaf)| leaf),
            body,
        };
        let (mut draft, mut by) = (right.clone(), signer);
        match u.int_in_range(0..=9u8)? {
            0 => by = *u.choose(&[ROOT, RELEASES, PROTECTIONS, 77])?,
            1 => draft.seq = Seq::new(u.int_in_range(0..=5)?),
            2 => draft.prev = u.arbitrary::<bool>()?.then(|| sha256(&[by])),
            _ => {}
        }
        // At seq 0 there is no `prev`, and elsewhere there is: another draft does not parse.
        let is_formed = (draft.seq.get() == 0) == draft.prev.is_none();
        if !is_formed {
            return Ok(());
        }
        let entry = statement_entry(&draft, by);
        let parsed = plainsight_specs::entry::StatementEntry::from_envelope(&entry[1..]).unwrap();
        let statement = parsed.statement();
        let digests: BTreeSet<_> = statement.digests().into_iter().collect();
        let at_version = Self::version_index(&draft.body);
        let known = at_version.and_then(|index| self.model.releases.get(&index));
        let expected = self.after_close(false).or_else(|| {
            let version = match &draft.body {
                Body::Release(_) => known
                    .filter(|known| **known != digests)
                    .map(|_| Rule::VersionConflict),
                Body::Yank(_) => (known != Some(&digests)).then_some(Rule::Yank),
                _ => None,
            };
            (by != signer)
                .then_some(Rule::Signature)
                .or((draft.seq != right.seq).then_some(Rule::Seq))
                .or((draft.prev != right.prev).then_some(Rule::Prev))
                .or(version)
        });
        let leaf = leaf_hash(&entry);
        let indexes = statement.indexes();
        self.push_statement(&entry, expected, &indexes);
        if expected.is_none() {
            self.model.streams.insert(stream, (draft.seq.get(), leaf));
            if let (Body::Release(_), Some(index)) = (&draft.body, at_version) {
                self.model.releases.entry(index).or_insert(digests);
            }
        }
        Ok(())
    }

    /// The first insertion of an index wins.
    fn push_statement(&mut self, entry: &[u8], expected: Option<Rule>, indexes: &[IndexKey]) {
        let new: Vec<_> = indexes
            .iter()
            .filter(|index| !self.model.inserted.contains_key(index))
            .copied()
            .collect();
        self.push(entry, expected, &new);
    }

    fn version_index(body: &Body) -> Option<IndexKey> {
        match body {
            Body::Release(release) => Some(body.stream().version_index(&release.version)),
            Body::Yank(yank) => Some(body.stream().version_index(&yank.version)),
            _ => None,
        }
    }

    /// Whatever bytes: malformed, or judged without a panic; the second judge has no opinion
    /// about what parses, so that it is not logged.
    fn bytes(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let bytes: Vec<u8> = u.arbitrary()?;
        let judged = self.log.replay.judge(&bytes);
        if judged.verdict() == Some(Rule::Malformed) {
            self.push(&bytes, Some(Rule::Malformed), &[]);
        }
        Ok(())
    }

    /// An entry that was there before, the genesis among them.
    fn repeat(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let at = u.choose_index(self.log.entries.len())?;
        let entry = self.log.entries[at].clone();
        if at == 0 {
            self.push(&entry, Some(Rule::Genesis), &[]);
        } else if entry.first() == Some(&0x02) && !self.log.judged[at].is_void() {
            let expected = self.after_close(false).or(Some(Rule::DuplicateIndex));
            self.push(&entry, expected, &[]);
        }
        Ok(())
    }

    fn close(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        // Rarely, since little can follow.
        if !u.ratio(1u8, 4u8)? {
            return Ok(());
        }
        let name = KeyName::parse("log.example/next").unwrap();
        let signer = Signer::new(name, Algorithm::Ed25519, secret(44)).unwrap();
        let origin = plainsight_specs::checkpoint::Origin::parse("log.example/next").unwrap();
        let log = LogKey::new(origin, signer.verifier_key()).unwrap();
        let close = Close::build(log, self.log.vrf.public());
        let expected = self.after_close(false);
        self.push(&close.to_bytes(), expected, &[]);
        if expected.is_none() {
            self.model.closed = Some(false);
            assert_eq!(self.log.replay.phase(), Phase::Closed);
        }
        Ok(())
    }

    fn finish(&mut self) {
        let leaves: Vec<_> = self
            .log
            .entries
            .iter()
            .map(|entry| leaf_hash(entry))
            .collect();
        assert_eq!(self.log.replay.head().root, reference_log::root(&leaves));
        for (index, leaf) in &self.model.inserted {
            assert_eq!(self.log.replay.value(index), Some(*leaf));
        }
        // Together as one by one.
        let mut together = Replay::new(self.log.origin.clone());
        let judged = together.step_all(&self.log.entries);
        assert!(
            judged.iter().map(|judged| &judged.broken).eq(self
                .log
                .judged
                .iter()
                .map(|judged| &judged.broken))
        );
        assert_eq!(together.head(), self.log.replay.head());
        // What a server took is what an auditor finds no fault with.
        let mut auditor = Replay::new(self.log.origin.clone());
        assert!(
            auditor
                .step_all(&self.admitted)
                .iter()
                .all(|judged| !judged.is_void())
        );
        assert_eq!(auditor.head(), self.server.head());
    }
}
