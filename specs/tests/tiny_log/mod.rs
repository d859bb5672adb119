//! A log in memory that logs whatever it is told, right or wrong, with one auditor that signs
//! whatever it is shown: what readers and auditors are tested against.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeMap;

use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{
    Entry, Epoch, Genesis, GenesisDraft, KeyEntry, RoleKeys, Roles, StatementEntry,
};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::head::{GenesisAnswer, HeadBlock, Trust};
use plainsight_specs::index::IndexKey;
use plainsight_specs::keyset::{KeyRecord, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder;
use plainsight_specs::lookup::{FoundAnswer, LoggedAnswer, LookupAnswer};
use plainsight_specs::merkle::build::{consistency_proof, inclusion_proof};
use plainsight_specs::merkle::{Frontier, LeafIndex, TreeHead, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, Signer, VerifierKey};
use plainsight_specs::policy::Policy;
use plainsight_specs::rules::{Judged, Replay};
use plainsight_specs::statement::{
    Artifact, Audience, Body, Canary, Name, Place, Product, Protection, ProtectionState, Purl,
    Release, ReleaseVersion, Seq, StatementDraft, Yank,
};
use plainsight_specs::tile::{Edge, TileSet};
use plainsight_specs::time::Timestamp;
use plainsight_specs::vrf;

pub const ORIGIN: &str = "log.example/tiny";
pub const NOW: u64 = 1_800_000_000;
pub const DAY: u64 = 86_400;

pub fn now() -> Timestamp {
    Timestamp::from_seconds(NOW).unwrap()
}

pub fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub const ROOT: u8 = 1;
pub const RELEASES: u8 = 2;
pub const PROTECTIONS: u8 = 3;

pub struct TinyLog {
    pub origin: Origin,
    pub signer: Signer,
    pub auditor: Signer,
    pub vrf: vrf::SecretKey,
    pub entries: Vec<Vec<u8>>,
    pub replay: Replay,
    pub judged: Vec<Judged>,
    pub edge: Edge,
    pub tiles: TileSet,
    pub openings: BTreeMap<(Label, Version), (Vec<u8>, Vec<u8>)>,
}

pub fn role(seed: u8) -> RoleKeys {
    RoleKeys::new(1, vec![secret(seed).public()]).unwrap()
}

impl TinyLog {
    /// A log with its genesis and nothing else.
    pub fn new() -> Self {
        let mut log = Self::empty();
        let genesis = log.genesis_draft().build().unwrap();
        assert_eq!(log.push(genesis.to_bytes()).verdict(), None);
        log
    }

    pub fn empty() -> Self {
        let origin = Origin::parse(ORIGIN).unwrap();
        let name = |text| KeyName::parse(text).unwrap();
        Self {
            signer: Signer::new(name(ORIGIN), Algorithm::Ed25519, secret(10)).unwrap(),
            auditor: Signer::new(
                name("auditor.example"),
                Algorithm::CosignatureV1,
                secret(11),
            )
            .unwrap(),
            vrf: vrf::SecretKey::from_seed(&[12; 32]),
            entries: Vec::new(),
            replay: Replay::new(origin.clone()),
            judged: Vec::new(),
            edge: Edge::new(),
            tiles: TileSet::new(),
            openings: BTreeMap::new(),
            origin,
        }
    }

    pub fn genesis_draft(&self) -> GenesisDraft {
        GenesisDraft {
            origin: self.origin.clone(),
            vrf_key: self.vrf.public(),
            max_clock_skew_ms: 60_000,
            heartbeat_s: 60,
            roles: Roles {
                root: role(ROOT),
                releases: role(RELEASES),
                protections: role(PROTECTIONS),
            },
            predecessor: None,
        }
    }

    pub fn genesis(&self) -> Genesis {
        match Entry::parse(&self.entries[0]).unwrap() {
            Entry::Genesis(genesis) => *genesis,
            other => panic!("not a genesis: {other:?}"),
        }
    }

    /// Appends an entry, void or not.
    pub fn push(&mut self, entry: Vec<u8>) -> Judged {
        let judged = self.replay.step(&entry);
        for (path, bytes) in self.edge.append(&[leaf_hash(&entry)]).unwrap() {
            self.tiles.insert(path, &bytes).unwrap();
        }
        self.entries.push(entry);
        self.judged.push(judged.clone());
        judged
    }

    /// The right epoch for the next position.
    pub fn next_epoch(&mut self) -> Epoch {
        let position = self.entries.len() as u64;
        self.replay.next_epoch(NOW * 1000 - 5_000_000 + position)
    }

    pub fn epoch(&mut self) -> Judged {
        let epoch = self.next_epoch();
        self.push(epoch.to_bytes().to_vec())
    }

    pub fn size(&self) -> TreeSize {
        self.edge.size()
    }

    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.edge.size(),
            root: self.edge.root(),
        }
    }

    pub fn signed(&self) -> SignedCheckpoint {
        SignedCheckpoint::sign(&self.origin, self.head(), &self.signer).unwrap()
    }

    pub fn checkpoint(&self) -> Vec<u8> {
        self.checkpoint_at(NOW - 10)
    }

    pub fn checkpoint_at(&self, seconds: u64) -> Vec<u8> {
        let signed = self.signed();
        let time = Timestamp::from_seconds(seconds).unwrap();
        let cosignature = Cosignature::sign(&signed, &self.auditor, time).unwrap();
        signed.to_bytes_with(&[cosignature.line])
    }

    pub fn log_key(&self) -> VerifierKey {
        self.signer.verifier_key()
    }

    pub fn policy(&self) -> Policy {
        let text = format!(
            "log {}\nwitness a {}\nquorum a\n",
            self.log_key(),
            self.auditor.verifier_key()
        );
        Policy::parse(&text).unwrap()
    }

    pub fn inclusion(&self, position: usize) -> Vec<Hash> {
        let index = LeafIndex::new(position as u64).unwrap();
        inclusion_proof(index, self.size(), &self.tiles).unwrap()
    }

    pub fn consistency(&self, older: u64) -> Vec<Hash> {
        let older = TreeSize::new(older).unwrap();
        consistency_proof(older, self.size(), &self.tiles).unwrap()
    }

    pub fn frontier_at(&self, size: usize) -> Frontier {
        let mut frontier = Frontier::new();
        for entry in &self.entries[..size] {
            frontier.append(&leaf_hash(entry));
        }
        frontier
    }

    pub fn head_block(&self, since: Option<u64>) -> HeadBlock {
        HeadBlock {
            checkpoint: self.checkpoint(),
            consistency: since.map(|since| self.consistency(since)),
            epoch: self.entries.last().unwrap().clone(),
            epoch_proof: self.inclusion(self.entries.len() - 1),
        }
    }

    pub fn genesis_answer(&self) -> GenesisAnswer {
        GenesisAnswer {
            head: self.head_block(None),
            entry: self.entries[0].clone(),
            inclusion: self.inclusion(0),
        }
    }

    pub fn index_of(&self, label: &Label, version: u32) -> IndexKey {
        self.vrf
            .evaluate(&label.vrf_input(Version::new(version)))
            .index_key()
    }

    /// Logs a key set at an index of the caller's choice.
    pub fn push_key_set_at(
        &mut self,
        index: IndexKey,
        label: &Label,
        version: u32,
        key_set: Vec<u8>,
    ) -> Judged {
        let opening = [version.to_be_bytes()[3]; 16];
        let version = Version::new(version);
        let commitment = commit(&Opening::from_bytes(opening), label, version, &key_set);
        self.openings
            .insert((label.clone(), version), (opening.to_vec(), key_set));
        self.push(KeyEntry { index, commitment }.to_bytes().to_vec())
    }

    pub fn push_key_set(&mut self, label: &Label, version: u32) -> Judged {
        let index = self.index_of(label, version);
        let key_set = key_set(label, version, 40);
        self.push_key_set_at(index, label, version, key_set)
    }

    pub fn opening(&self, label: &Label, version: Version) -> (Opening, Vec<u8>) {
        let (opening, key_set) = &self.openings[&(label.clone(), version)];
        (
            Opening::from_bytes(opening.as_slice().try_into().unwrap()),
            key_set.clone(),
        )
    }

    pub fn position_of(&self, index: &IndexKey) -> usize {
        self.judged
            .iter()
            .position(|judged| judged.inserts.contains(index))
            .unwrap()
    }

    /// The honest answer to a look-up that claims `latest`.
    pub fn lookup(&self, label: &Label, latest: Option<u32>, since: Option<u64>) -> LookupAnswer {
        let latest = latest.map(Version::new);
        let rungs: Vec<Version> = ladder::rungs_for(latest);
        let proved: Vec<_> = rungs
            .iter()
            .map(|rung| self.vrf.prove(&label.vrf_input(*rung)))
            .collect();
        let searched: Vec<_> = proved
            .iter()
            .map(|(_, output)| output.index_key())
            .collect();
        let found = latest.map(|version| {
            let position = self.position_of(&self.index_of(label, version.get()));
            let (opening, key_set) = self.opening(label, version);
            let epoch = self.entries.len() - 1;
            FoundAnswer {
                version,
                entry: self.entries[position].clone(),
                opening: Some(opening),
                key_set: Some(key_set),
                logged: Some(LoggedAnswer {
                    position: LeafIndex::new(position as u64).unwrap(),
                    inclusion: self.inclusion(position),
                    epoch: self.entries[epoch].clone(),
                    epoch_position: LeafIndex::new(epoch as u64).unwrap(),
                    epoch_inclusion: self.inclusion(epoch),
                }),
            }
        });
        LookupAnswer {
            head: self.head_block(since),
            vrf: proved.into_iter().map(|(proof, _)| proof).collect(),
            index: self.replay.index().prove(&searched),
            found,
        }
    }

    /// Logs a statement signed by the key with this seed.
    pub fn push_statement(&mut self, draft: &StatementDraft, signer: u8) -> Judged {
        self.push(statement_entry(draft, signer))
    }

    /// The draft of a statement that rightly continues its stream.
    pub fn next(&self, body: Body) -> StatementDraft {
        let last = self.replay.last_of(&body.stream());
        StatementDraft {
            seq: last.map_or(Seq::ZERO, |(seq, _)| seq.next().unwrap()),
            prev: last.map(|(_, leaf)| leaf),
            body,
        }
    }
}

pub fn statement_entry(draft: &StatementDraft, signer: u8) -> Vec<u8> {
    StatementEntry::from_envelope(&draft.sign(&[&secret(signer)]))
        .unwrap()
        .to_bytes()
}

/// What a reader with this policy and genesis trusts.
pub fn trust<'a>(
    policy: &'a Policy,
    genesis: &'a Genesis,
    remembered: Option<TreeHead>,
) -> Trust<'a> {
    Trust {
        policy,
        genesis,
        remembered,
        now: now(),
        max_age_s: DAY,
    }
}

pub fn label(text: &str) -> Label {
    Label::email(text).unwrap()
}

pub fn key_set(label: &Label, version: u32, identity: u8) -> Vec<u8> {
    let identity = secret(identity);
    KeySetDraft {
        label: label.clone(),
        version: Version::new(version),
        prev: None,
        created: now(),
        keys: vec![KeyRecord {
            id: "identity".into(),
            role: Role::Identity,
            alg: "ed25519".into(),
            key: identity.public().as_bytes().to_vec(),
        }],
    }
    .sign(&[&identity])
}

pub fn product() -> Product {
    Product {
        purl: Purl::parse("pkg:cargo/tiny").unwrap(),
        channel: Name::parse("stable").unwrap(),
        arch: Name::parse("any").unwrap(),
    }
}

pub fn release(version: &str, files: &[&[u8]]) -> Body {
    Body::Release(Release {
        product: product(),
        version: ReleaseVersion::parse(version).unwrap(),
        audience: Audience::All,
        emergency: false,
        published: now(),
        references: Vec::new(),
        artifacts: files
            .iter()
            .map(|file| Artifact {
                name: None,
                digest: sha256(file),
                size: file.len() as u64,
            })
            .collect(),
    })
}

pub fn yank(version: &str, files: &[&[u8]]) -> Body {
    Body::Yank(Yank {
        product: product(),
        version: ReleaseVersion::parse(version).unwrap(),
        reason: plainsight_specs::statement::Reason::parse("broken").unwrap(),
        published: now(),
        digests: files.iter().map(|file| sha256(file)).collect(),
    })
}

pub fn protection(state: ProtectionState) -> Body {
    Body::Protection(Protection {
        feature: Name::parse("e2ee-backup").unwrap(),
        place: Place::Everywhere,
        state,
        effective: now(),
        wording: sha256(b"wording"),
    })
}

pub fn canary() -> Body {
    Body::Canary(Canary {
        name: Name::parse("no-orders").unwrap(),
        valid_until: now(),
        published: now(),
        text: sha256(b"text"),
    })
}
