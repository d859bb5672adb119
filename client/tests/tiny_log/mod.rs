//! A log in memory, built from the protocol's own parts, that answers over HTTP and lies on
//! request. Its auditors cosign whatever it says, so that what is tested is the reader.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it serves tests only")]

mod answers;
mod guards;
mod serve;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{GenesisDraft, KeyEntry, RoleKeys, Roles, StatementEntry};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::keyset::{KeyRecord, KeySet, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::rules::Replay;
use plainsight_specs::statement::{
    Artifact, Audience, Body, Name, Place, Product, Protection, ProtectionState, Purl, Reason,
    Region, Release, ReleaseVersion, Seq, StatementDraft, Yank,
};
use plainsight_specs::tile::{Edge, TileSet, bundle_to_bytes};
use plainsight_specs::time::Timestamp;
use plainsight_specs::vrf;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use guards::GuardLie;
#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use serve::{Request, Served, serve};

pub(crate) const ORIGIN: &str = "log.example/tiny";
pub(crate) const TOKEN: &str = "let-me-in";

/// What the log does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// Shows its first head for ever.
    OldHead,
    /// Gives the key entry of an own index that opens to the label and version.
    Decoy,
    /// Claims the version before the latest to be the latest.
    OldVersion,
    /// Leaves the openings out.
    Withhold,
    /// Leaves version 1 out of a history.
    Hole,
    /// Answers with a proof whose last byte is changed.
    BrokenProof,
    /// Cosigns with a line that does not hold.
    FalseCosignature,
    /// Bytes that are no answer.
    Malformed,
    /// More bytes than any answer.
    Huge,
    /// No answer within the reader's patience.
    Slow,
    /// Says that it is smaller than the reader's head.
    SizeAhead,
    /// Takes a key set, and logs one of its own right after it.
    GhostAfter,
    /// Publishes a new head after each answer about a stream: no lie, but never at rest.
    Restless,
}

/// One version of a label, as the log holds it.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) key_set: Vec<u8>,
    pub(crate) opening: [u8; 16],
    pub(crate) position: u64,
}

/// A published head with all that is needed to answer at it.
pub(crate) struct Snapshot {
    pub(crate) head: TreeHead,
    pub(crate) tiles: TileSet,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) index: Tree,
    pub(crate) epoch: Vec<u8>,
}

pub(crate) struct TinyLog {
    pub(crate) now: Timestamp,
    /// How many of the three auditors cosign.
    pub(crate) cosigning: usize,
    /// How old their cosignatures are.
    pub(crate) age_s: u64,
    pub(crate) lie: Lie,
    pub(crate) keys: BTreeMap<Label, Vec<Held>>,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) heads: Vec<Snapshot>,
    pub(crate) verdict: Option<String>,
    pub(crate) evidence: BTreeMap<String, Vec<u8>>,
    pub(crate) guards: Vec<guards::Guard>,
    origin: Origin,
    signer: Signer,
    cosigners: Vec<Signer>,
    vrf: vrf::SecretKey,
    publisher: SecretKey,
    replay: Replay,
}

impl TinyLog {
    /// A log with its genesis and one epoch, published.
    pub(crate) fn new(now: Timestamp) -> Self {
        let origin = Origin::parse(ORIGIN).unwrap();
        let publisher = SecretKey::from_seed(&[9; 32]);
        let vrf = vrf::SecretKey::from_seed(&[8; 32]);
        let role = RoleKeys::new(1, vec![publisher.public()]).unwrap();
        let genesis = GenesisDraft {
            origin: origin.clone(),
            vrf_key: vrf.public(),
            max_clock_skew_ms: 5_000,
            heartbeat_s: 60,
            roles: Roles {
                root: role.clone(),
                releases: role.clone(),
                protections: role,
            },
            predecessor: None,
        };
        let mut log = Self {
            now,
            cosigning: 3,
            age_s: 2,
            lie: Lie::None,
            keys: BTreeMap::new(),
            entries: Vec::new(),
            heads: Vec::new(),
            verdict: None,
            evidence: BTreeMap::new(),
            guards: (0..3).map(guards::Guard::new).collect(),
            replay: Replay::new(origin.clone()),
            signer: signer(ORIGIN, Algorithm::Ed25519, 1),
            cosigners: (0..3).map(auditor).collect(),
            origin,
            vrf,
            publisher,
        };
        log.append(genesis.build().unwrap().to_bytes());
        log.publish();
        log
    }

    /// The policy file of a reader: two of the three auditors.
    pub(crate) fn policy(url: &str) -> String {
        let log = signer(ORIGIN, Algorithm::Ed25519, 1).verifier_key();
        let mut text = format!("log {log} {url}\n");
        for n in 0..3 {
            let key = auditor(n).verifier_key();
            writeln!(text, "witness w{n} {key}").unwrap();
        }
        text.push_str("group all-of-them 2 w0 w1 w2\nquorum all-of-them\n");
        text
    }

    /// The reader's annotations.
    pub(crate) fn annotations() -> &'static str {
        "[[auditor]]\nname = \"w0\"\norganisation = \"Northern Watch\"\njurisdiction = \"NO\"\n\
         [[auditor]]\nname = \"auditor1.example\"\norganisation = \"Civic Lab\"\njurisdiction = \"CH\"\n"
    }

    pub(crate) fn append(&mut self, entry: Vec<u8>) -> u64 {
        let position = self.entries.len() as u64;
        let judged = self.replay.step(&entry);
        assert_eq!(judged.broken, [], "the log keeps the rules of entries");
        self.entries.push(entry);
        position
    }

    /// Appends an epoch and makes a head of it.
    pub(crate) fn publish(&mut self) {
        let epoch = self
            .replay
            .next_epoch(self.now.seconds() * 1000)
            .to_bytes()
            .to_vec();
        self.append(epoch.clone());
        let leaves: Vec<_> = self.entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut edge = Edge::new();
        let (mut tiles, mut files) = (TileSet::new(), BTreeMap::new());
        for (path, bytes) in edge.append(&leaves).unwrap() {
            tiles.insert(path, &bytes).unwrap();
            files.insert(path.to_string(), bytes);
        }
        let size = edge.size();
        for path in plainsight_specs::tile::paths_for_entries(0..size.get(), size) {
            let first = usize::try_from(path.index()).unwrap() * 256;
            let entries = &self.entries[first..first + usize::from(path.width())];
            files.insert(path.to_string(), bundle_to_bytes(entries).unwrap());
        }
        self.heads.push(Snapshot {
            head: self.replay.head(),
            tiles,
            files,
            index: self.replay.index().clone(),
            epoch,
        });
    }

    /// The note that is served for a head.
    pub(crate) fn checkpoint(&self, head: TreeHead) -> Vec<u8> {
        let signed = SignedCheckpoint::sign(&self.origin, head, &self.signer).unwrap();
        let time = Timestamp::from_seconds(self.now.seconds() - self.age_s).unwrap();
        let mut lines: Vec<_> = self.cosigners[..self.cosigning]
            .iter()
            .map(|cosigner| Cosignature::sign(&signed, cosigner, time).unwrap().line)
            .collect();
        if self.lie == Lie::FalseCosignature {
            *lines[0].body.last_mut().unwrap() ^= 1;
        }
        signed.to_bytes_with(&lines)
    }

    pub(crate) fn index_of(&self, label: &Label, version: Version) -> IndexKey {
        self.vrf.evaluate(&label.vrf_input(version)).index_key()
    }

    /// Logs a key set.
    pub(crate) fn log_key_set(&mut self, key_set: &[u8], opening: [u8; 16]) -> u64 {
        let parsed = KeySet::parse(key_set).unwrap();
        let (label, version) = (parsed.label().clone(), parsed.version());
        let opened = Opening::from_bytes(opening);
        let entry = KeyEntry {
            index: self.index_of(&label, version),
            commitment: commit(&opened, &label, version, key_set),
        };
        let position = self.append(entry.to_bytes().to_vec());
        let held = Held {
            key_set: key_set.to_vec(),
            opening,
            position,
        };
        self.keys.entry(label).or_default().push(held);
        position
    }

    /// Logs and publishes the next version of a label: signed by a key of this test, and by the
    /// previous one's if `signed`.
    pub(crate) fn log_next(&mut self, label: &Label, device: &str, signed: bool) -> KeySet {
        let previous = self.latest_of(label);
        let number = previous
            .as_ref()
            .map_or(0, |previous| previous.version().get() + 1);
        let device = KeyRecord {
            id: device.into(),
            role: Role::Device,
            alg: "x25519".into(),
            key: vec![u8::try_from(number).unwrap() + 100; 32],
        };
        let key_set = self.draft(label, previous.as_ref(), vec![device], signed);
        self.log_key_set(&key_set, [u8::try_from(number).unwrap(); 16]);
        self.publish();
        KeySet::parse(&key_set).unwrap()
    }

    /// Logs a version after each latest one that nobody signed.
    pub(crate) fn plant_ghosts(&mut self) {
        for label in self.keys.keys().cloned().collect::<Vec<_>>() {
            let key_set = self.draft(&label, self.latest_of(&label).as_ref(), Vec::new(), false);
            self.log_key_set(&key_set, [7; 16]);
        }
    }

    pub(crate) fn latest_of(&self, label: &Label) -> Option<KeySet> {
        let held = self.keys.get(label)?.last()?;
        Some(KeySet::parse(&held.key_set).unwrap())
    }

    /// A key set after `previous`, with an identity key of this test.
    pub(crate) fn draft(
        &self,
        label: &Label,
        previous: Option<&KeySet>,
        mut keys: Vec<KeyRecord>,
        signed: bool,
    ) -> Vec<u8> {
        let number = previous.map_or(0, |previous| previous.version().get() + 1);
        let identity = identity(number);
        keys.insert(
            0,
            KeyRecord {
                id: "identity".into(),
                role: Role::Identity,
                alg: "ed25519".into(),
                key: identity.public().as_bytes().to_vec(),
            },
        );
        let draft = KeySetDraft {
            label: label.clone(),
            version: Version::new(number),
            prev: previous.map(KeySet::hash),
            created: self.now,
            keys,
        };
        match number.checked_sub(1).filter(|_| signed) {
            Some(before) => draft.sign(&[&identity, &self::identity(before)]),
            None => draft.sign(&[&identity]),
        }
    }

    /// Logs and publishes a statement at its place in its stream.
    pub(crate) fn state(&mut self, body: Body) {
        let last = self.replay.last_of(&body.stream());
        let seq = last.map_or(Seq::ZERO, |(seq, _)| seq.next().unwrap());
        let prev = last.map(|(_, leaf)| leaf);
        let envelope = StatementDraft { seq, prev, body }.sign(&[&self.publisher]);
        self.append(StatementEntry::from_envelope(&envelope).unwrap().to_bytes());
        self.publish();
    }

    pub(crate) fn release(&mut self, product: &Product, version: &str, files: &[&[u8]]) {
        let artifacts = files
            .iter()
            .map(|file| Artifact {
                name: None,
                digest: sha256(file),
                size: file.len() as u64,
            })
            .collect();
        self.state(Body::Release(Release {
            product: product.clone(),
            version: ReleaseVersion::parse(version).unwrap(),
            audience: Audience::All,
            emergency: false,
            published: self.now,
            references: Vec::new(),
            artifacts,
        }));
    }

    pub(crate) fn yank(&mut self, product: &Product, version: &str, file: &[u8]) {
        self.state(Body::Yank(Yank {
            product: product.clone(),
            version: ReleaseVersion::parse(version).unwrap(),
            reason: Reason::parse("it eats data").unwrap(),
            published: self.now,
            digests: vec![sha256(file)],
        }));
    }

    pub(crate) fn protect(&mut self, feature: &str, region: Option<&str>, state: ProtectionState) {
        self.state(Body::Protection(Protection {
            feature: Name::parse(feature).unwrap(),
            place: match region {
                None => Place::Everywhere,
                Some(region) => Place::Region(Region::parse(region).unwrap()),
            },
            state,
            effective: self.now,
            wording: sha256(b"wording"),
        }));
    }

    pub(crate) fn entry_with_leaf(&self, leaf: &Hash) -> Option<Vec<u8>> {
        self.entries
            .iter()
            .find(|entry| leaf_hash(entry) == *leaf)
            .cloned()
    }

    pub(crate) fn last_of(&self, stream: &plainsight_specs::statement::Stream) -> Option<Seq> {
        self.replay.last_of(stream).map(|(seq, _)| seq)
    }

    pub(crate) fn prove(&self, label: &Label, version: Version) -> vrf::Proof {
        self.vrf.prove(&label.vrf_input(version)).0
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        match self.lie {
            Lie::OldHead => self.heads.first().unwrap(),
            _ => self.heads.last().unwrap(),
        }
    }
}

pub(crate) fn product(purl: &str) -> Product {
    Product {
        purl: Purl::parse(purl).unwrap(),
        channel: Name::parse("stable").unwrap(),
        arch: Name::parse("any").unwrap(),
    }
}

fn identity(number: u32) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(number).unwrap() + 50; 32])
}

fn auditor(n: u8) -> Signer {
    signer(
        &format!("auditor{n}.example"),
        Algorithm::CosignatureV1,
        20 + n,
    )
}

fn signer(name: &str, algorithm: Algorithm, seed: u8) -> Signer {
    let secret = SecretKey::from_seed(&[seed; 32]);
    Signer::new(KeyName::parse(name).unwrap(), algorithm, secret).unwrap()
}

pub(crate) fn position(n: u64) -> LeafIndex {
    LeafIndex::new(n).unwrap()
}

pub(crate) fn size(n: u64) -> TreeSize {
    TreeSize::new(n).unwrap()
}
