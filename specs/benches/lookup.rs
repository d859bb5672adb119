//! What a look-up costs its reader, in a log with a million labels: the first version of one of
//! them, verified whole, with the signatures of the log and of three auditors, on one core; and how
//! large its answer is: `cargo bench -p plainsight-specs --bench lookup`.
//!
//! Time is CPU time of the one thread that does it, where the system tells, so that what else the
//! machine does matters less. With `PLAINSIGHT_ANSWER` set to a path, the answer is written there, for
//! other readers.

#![allow(
    clippy::expect_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    missing_docs
)]

use std::fmt::Write as _;
use std::hint::black_box;

use std::time::Instant;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{Epoch, Genesis, GenesisDraft, KeyEntry, RoleKeys, Roles};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::head::{HeadBlock, Trust};
use plainsight_specs::index::{IndexKey, Tree, node};
use plainsight_specs::json;
use plainsight_specs::keyset::{KeyRecord, KeySet, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder;
use plainsight_specs::lookup::{FoundAnswer, LoggedAnswer, LookupAnswer, LookupRequest};
use plainsight_specs::merkle::build::{consistency_proof, inclusion_proof};
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::policy::Policy;
use plainsight_specs::tile::{Edge, TileSet};
use plainsight_specs::time::Timestamp;
use plainsight_specs::vrf;

const LABELS: u64 = 1_000_000;
const BATCH: u64 = 10_000;
/// Where the label's entry stands: with a whole log before and after it.
const PLACE: u64 = 400_000;
const NOW: u64 = 1_800_000_000;

/// CPU time of this thread in nanoseconds, or the time of day where the system does not tell.
struct CpuTime(Instant);

impl CpuTime {
    fn now(&self) -> u64 {
        // The system's count is brought up to date when a thread gives way.
        std::thread::yield_now();
        std::fs::read_to_string("/proc/thread-self/schedstat")
            .ok()
            .and_then(|text| text.split(' ').next()?.parse().ok())
            .unwrap_or_else(|| u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
impl Measurement for CpuTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        self.now()
    }

    fn end(&self, start: u64) -> u64 {
        self.now() - start
    }

    fn add(&self, one: &u64, other: &u64) -> u64 {
        one + other
    }

    fn zero(&self) -> u64 {
        0
    }

    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        // Nanoseconds too.
        WallTime.formatter()
    }
}

/// A log, one of whose labels is known, and who trusts it.
struct Log {
    policy: Policy,
    genesis: Genesis,
    now: Timestamp,
    label: Label,
    /// The reader's last size, for a reader who was here before.
    since: TreeHead,
    answer: LookupAnswer,
    /// The same for a reader who was here before and asks since when it is logged.
    longer: LookupAnswer,
}

fn signer(name: &str, algorithm: Algorithm, seed: u8) -> Signer {
    let name = KeyName::parse(name).expect("a name");
    Signer::new(name, algorithm, SecretKey::from_seed(&[seed; 32])).expect("a signer")
}

/// The key set of a person with two devices.
fn key_set(label: &Label, now: Timestamp) -> Vec<u8> {
    let identity = SecretKey::from_seed(&[40; 32]);
    let record = |id: &str, role, alg: &str, key: &[u8]| KeyRecord {
        id: id.into(),
        role,
        alg: alg.into(),
        key: key.to_vec(),
    };
    let public = identity.public();
    let keys = vec![
        record("identity", Role::Identity, "ed25519", public.as_bytes()),
        record("phone", Role::Device, "x25519", &[41; 32]),
        record("laptop", Role::Device, "x25519", &[42; 32]),
    ];
    let draft = KeySetDraft {
        label: label.clone(),
        version: Version::FIRST,
        prev: None,
        created: now,
        keys,
    };
    draft.sign(&[&identity])
}

/// The entries of everybody else, as the log and its index see them.
fn strangers(first: u64) -> (Vec<Hash>, Vec<(IndexKey, Hash)>) {
    let numbered = (first..first + BATCH).map(|number| {
        let entry = KeyEntry {
            index: IndexKey::private(sha256(&number.to_be_bytes())),
            commitment: sha256(&number.to_le_bytes()),
        };
        (entry.index, leaf_hash(&entry.to_bytes()))
    });
    let inserted: Vec<_> = numbered.collect();
    let leaves = inserted.iter().map(|(_, leaf)| *leaf).collect();
    let mut sorted = inserted;
    sorted.sort_unstable();
    (leaves, sorted)
}

/// A log's tree and its index.
struct Trees {
    edge: Edge,
    tiles: TileSet,
    index: Tree,
}

impl Trees {
    fn append(&mut self, leaves: &[Hash]) {
        for (path, bytes) in self.edge.append(leaves).expect("within bounds") {
            self.tiles.insert(path, &bytes).expect("a tile");
        }
    }

    fn epoch(&self, before_now_s: u64) -> Vec<u8> {
        let epoch = Epoch {
            time_ms: (NOW - before_now_s) * 1000,
            index_size: self.index.len(),
            index_root: self.index.root(),
        };
        epoch.to_bytes().to_vec()
    }

    fn head(&self) -> TreeHead {
        TreeHead {
            size: self.edge.size(),
            root: self.edge.root(),
        }
    }

    fn inclusion(&self, at: u64) -> Vec<Hash> {
        let at = LeafIndex::new(at).expect("a position");
        inclusion_proof(at, self.edge.size(), &self.tiles).expect("in the tree")
    }

    /// Logs everybody, and `entry` among them. Returns its position and the epoch after it.
    fn fill(&mut self, entry: &KeyEntry) -> (u64, Vec<u8>) {
        let mut logged = None;
        for first in (0..LABELS).step_by(usize::try_from(BATCH).expect("small")) {
            let (leaves, inserted) = strangers(first);
            self.append(&leaves);
            self.index.insert_batch(&inserted).expect("new indexes");
            if first == PLACE {
                let leaf = leaf_hash(&entry.to_bytes());
                self.index
                    .insert_batch(&[(entry.index, leaf)])
                    .expect("new");
                let position = self.edge.size().get();
                let after = self.epoch(3600);
                self.append(&[leaf, leaf_hash(&after)]);
                logged = Some((position, after));
            }
        }
        logged.expect("logged")
    }
}

fn genesis(origin: &Origin, vrf: &vrf::SecretKey) -> Genesis {
    let role = RoleKeys::new(1, vec![SecretKey::from_seed(&[9; 32]).public()]).expect("a role");
    let draft = GenesisDraft {
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
    draft.build().expect("a genesis")
}

/// A policy that needs all of three auditors, and a checkpoint with their cosignatures.
fn cosigned(origin: &Origin, head: TreeHead, now: Timestamp) -> (Policy, Vec<u8>) {
    let log_signer = signer(origin.as_str(), Algorithm::Ed25519, 1);
    let signed = SignedCheckpoint::sign(origin, head, &log_signer).expect("a head");
    let mut policy = format!("log {}\n", log_signer.verifier_key());
    let mut lines = Vec::new();
    for n in 0..3u8 {
        let name = format!("auditor{n}.example");
        let auditor = signer(&name, Algorithm::CosignatureV1, 20 + n);
        writeln!(policy, "witness w{n} {}", auditor.verifier_key()).expect("text");
        let line = Cosignature::sign(&signed, &auditor, now).expect("a cosignature");
        lines.push(line.line);
    }
    policy.push_str("group all-of-them 3 w0 w1 w2\nquorum all-of-them\n");
    let policy = Policy::parse(&policy).expect("a policy");
    (policy, signed.to_bytes_with(&lines))
}

fn log() -> Log {
    let origin = Origin::parse("log.example/million").expect("an origin");
    let now = Timestamp::from_seconds(NOW).expect("a time");
    let vrf = vrf::SecretKey::from_seed(&[8; 32]);
    let genesis = genesis(&origin, &vrf);
    let label = Label::email("person@mail.example").expect("a label");
    let key_set = key_set(&label, now);
    let opening = || Opening::from_bytes([7; 16]);
    let index_of = |version| vrf.evaluate(&label.vrf_input(version)).index_key();
    let entry = KeyEntry {
        index: index_of(Version::FIRST),
        commitment: commit(&opening(), &label, Version::FIRST, &key_set),
    };
    let mut trees = Trees {
        edge: Edge::new(),
        tiles: TileSet::new(),
        index: Tree::new(),
    };
    trees.append(&[leaf_hash(&genesis.to_bytes())]);
    let (position, after) = trees.fill(&entry);
    let since = trees.head();
    let (leaves, inserted) = strangers(LABELS);
    trees.append(&leaves);
    trees.index.insert_batch(&inserted).expect("new");
    let last = trees.epoch(1);
    trees.append(&[leaf_hash(&last)]);
    let head = trees.head();
    let (policy, checkpoint) = cosigned(&origin, head, now);

    let head_block = |consistency| HeadBlock {
        checkpoint: checkpoint.clone(),
        consistency,
        epoch: last.clone(),
        epoch_proof: trees.inclusion(head.size.get() - 1),
    };
    let rungs = ladder::rungs_for(Some(Version::FIRST));
    let searched: Vec<_> = rungs.iter().map(|rung| index_of(*rung)).collect();
    let proof = trees.index.prove(&searched);
    let prove = |rung: &Version| vrf.prove(&label.vrf_input(*rung)).0;
    let answer = |head, logged| LookupAnswer {
        head,
        vrf: rungs.iter().map(prove).collect(),
        index: proof.clone(),
        found: Some(FoundAnswer {
            version: Version::FIRST,
            entry: entry.to_bytes().to_vec(),
            opening: Some(opening()),
            key_set: Some(key_set.clone()),
            logged,
        }),
    };
    let consistency = consistency_proof(since.size, head.size, &trees.tiles).expect("a proof");
    let logged = LoggedAnswer {
        position: LeafIndex::new(position).expect("a position"),
        inclusion: trees.inclusion(position),
        epoch: after,
        epoch_position: LeafIndex::new(position + 1).expect("a position"),
        epoch_inclusion: trees.inclusion(position + 1),
    };
    Log {
        answer: answer(head_block(None), None),
        longer: answer(head_block(Some(consistency)), Some(logged)),
        policy,
        genesis,
        now,
        label: label.clone(),
        since,
    }
}

impl Log {
    fn verify(&self, body: &[u8], remembered: Option<TreeHead>) -> KeySet {
        let request = LookupRequest {
            label: self.label.clone(),
            since: remembered.map(|head| head.size),
            logged: remembered.is_some(),
        };
        let trust = Trust {
            policy: &self.policy,
            genesis: &self.genesis,
            remembered,
            now: self.now,
            max_age_s: 86_400,
        };
        let answer = LookupAnswer::parse(body).expect("an answer");
        let lookup = answer.verify(&trust, &request).expect("it holds");
        lookup.found().expect("found").key_set().clone()
    }
}

fn look_up(c: &mut Criterion<CpuTime>) {
    let log = log();
    let (body, longer) = (log.answer.to_json(), log.longer.to_json());
    let size: TreeSize = log.since.size;
    println!("a log of {size} entries and more");
    println!("answer: {} bytes of JSON", body.len());
    println!(
        "with consistency and when it was logged: {} bytes",
        longer.len()
    );
    if let Some(path) = std::env::var_os("PLAINSIGHT_ANSWER") {
        std::fs::write(path, &body).expect("written");
    }
    let mut group = c.benchmark_group("look-up");
    group.bench_function("verify, four signatures on the head", |b| {
        b.iter(|| log.verify(black_box(&body), None));
    });
    group.bench_function("the same, with consistency and when logged", |b| {
        b.iter(|| log.verify(black_box(&longer), Some(log.since)));
    });
    // What it is made of, to compare within one run.
    group.bench_function("of it: parse", |b| {
        b.iter(|| LookupAnswer::parse(black_box(&body)).expect("an answer"));
    });
    group.bench_function("of it: JSON", |b| {
        b.iter(|| json::parse_object(black_box(&body)).expect("an object"));
    });
    let key = SecretKey::from_seed(&[1; 32]);
    let signature = key.sign(&body);
    let public = key.public();
    group.bench_function("one signature", |b| {
        b.iter(|| {
            public
                .verify(black_box(&body[..150]), black_box(&signature))
                .is_ok()
        });
    });
    let vrf = vrf::SecretKey::from_seed(&[8; 32]);
    let input = log.label.vrf_input(Version::FIRST);
    let (proof, _) = vrf.prove(&input);
    let vrf_key = vrf.public();
    group.bench_function("hash of a node", |b| {
        b.iter(|| node::parent(black_box(&Hash::ZERO), black_box(&Hash::ZERO)));
    });
    group.bench_function("one VRF proof", |b| {
        b.iter(|| vrf_key.verify(black_box(&input), black_box(&proof)).is_ok());
    });
    group.finish();
}

criterion_group!(
    name = benches;
    config = Criterion::default().with_measurement(CpuTime(Instant::now()));
    targets = look_up
);
criterion_main!(benches);
