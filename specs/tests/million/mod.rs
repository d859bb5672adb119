//! The answer about a first version in a log of a million labels, without the million: only the
//! neighbours of the two indexes searched, as deep as they lie among a million, and the hashes of
//! the log's whole subtrees in place of their leaves.

use std::fmt::Write as _;

use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{Epoch, Genesis, GenesisDraft, KeyEntry, RoleKeys, Roles};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::head::HeadBlock;
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::keyset::{KeyRecord, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder;
use plainsight_specs::lookup::{FoundAnswer, LookupAnswer};
use plainsight_specs::merkle::{Frontier, TreeHead};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::policy::Policy;
use plainsight_specs::time::Timestamp;
use plainsight_specs::vrf;

/// The depth at which a search ends among a million indexes: 21.3 on average.
const DEPTH: usize = 22;
/// Entries of the log: a million labels and an epoch for every hundred. The proof of the last one has
/// as many hashes as the number before has ones in binary: eleven of twenty, about as for most sizes.
const SIZE: u64 = 1_010_003;
const NOW_S: u64 = 1_800_000_000;

/// The answer, and what a reader of it trusts.
pub(crate) struct Million {
    pub(crate) answer: LookupAnswer,
    pub(crate) policy: Policy,
    pub(crate) genesis: Genesis,
    pub(crate) label: Label,
    pub(crate) now: Timestamp,
}

fn signer(name: &str, algorithm: Algorithm, seed: u8) -> Signer {
    let name = KeyName::parse(name).unwrap();
    Signer::new(name, algorithm, SecretKey::from_seed(&[seed; 32])).unwrap()
}

/// Another index that shares exactly `bits` bits with this one.
fn neighbour(index: &IndexKey, bits: usize) -> IndexKey {
    let mut bytes = *sha256(&[index.as_bytes(), &bits.to_be_bytes()[..]].concat()).as_bytes();
    for bit in 0..=bits {
        let mask = 0x80 >> (bit % 8);
        let same = index.as_bytes()[bit / 8] & mask;
        let wanted = if bit == bits { same ^ mask } else { same };
        bytes[bit / 8] = bytes[bit / 8] & !mask | wanted;
    }
    IndexKey::from_bytes(bytes)
}

/// The index around one that is present and one that is absent.
fn index(present: &KeyEntry, absent: &IndexKey) -> Tree {
    let value = |index: &IndexKey| sha256(index.as_bytes());
    let beside = [&present.index, absent]
        .into_iter()
        .flat_map(|index| (0..DEPTH).map(|bits| neighbour(index, bits)));
    let mut leaves: Vec<_> = beside.map(|other| (other, value(&other))).collect();
    // The leaf that the search for the absent one ends at.
    let met = neighbour(absent, DEPTH + 3);
    leaves.push((met, value(&met)));
    leaves.push((present.index, leaf_hash(&present.to_bytes())));
    leaves.sort_unstable();
    leaves.dedup_by_key(|(index, _)| *index);
    let mut tree = Tree::new();
    tree.insert_batch(&leaves).unwrap();
    tree
}

/// A log of [`SIZE`] entries that ends with this one: its head, and the proof of the last entry.
fn log(last: &[u8]) -> (TreeHead, Vec<Hash>) {
    let before = SIZE - 1;
    let subtrees: Vec<Hash> = (0..before.count_ones())
        .map(|number| sha256(&number.to_be_bytes()))
        .collect();
    let bytes = subtrees.iter().flat_map(|hash| *hash.as_bytes());
    let bytes: Vec<u8> = before.to_be_bytes().into_iter().chain(bytes).collect();
    let mut frontier = Frontier::from_bytes(&bytes).unwrap();
    frontier.append(&leaf_hash(last));
    let head = TreeHead {
        size: frontier.size(),
        root: frontier.root(),
    };
    (head, subtrees.into_iter().rev().collect())
}

fn genesis(origin: &Origin, vrf: &vrf::SecretKey) -> Genesis {
    let role = RoleKeys::new(1, vec![SecretKey::from_seed(&[9; 32]).public()]).unwrap();
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
    draft.build().unwrap()
}

/// The key set of a person with two devices.
fn key_set(label: &Label, created: Timestamp) -> Vec<u8> {
    let identity = SecretKey::from_seed(&[40; 32]);
    let public = identity.public();
    let record = |id: &str, role, alg: &str, key: &[u8]| KeyRecord {
        id: id.into(),
        role,
        alg: alg.into(),
        key: key.to_vec(),
    };
    let device = |number: u8| *sha256(&[number]).as_bytes();
    let draft = KeySetDraft {
        label: label.clone(),
        version: Version::FIRST,
        prev: None,
        created,
        keys: vec![
            record("identity", Role::Identity, "ed25519", public.as_bytes()),
            record("phone", Role::Device, "x25519", &device(1)),
            record("laptop", Role::Device, "x25519", &device(2)),
        ],
    };
    draft.sign(&[&identity])
}

/// The head signed by the log and three auditors, and a policy that needs all of them.
fn cosigned(origin: &Origin, head: TreeHead, now: Timestamp) -> (Policy, Vec<u8>) {
    let log = signer(origin.as_str(), Algorithm::Ed25519, 1);
    let signed = SignedCheckpoint::sign(origin, head, &log).unwrap();
    let mut policy = format!("log {}\n", log.verifier_key());
    let mut lines = Vec::new();
    for number in 0..3u8 {
        let name = format!("auditor{number}.example");
        let auditor = signer(&name, Algorithm::CosignatureV1, 20 + number);
        writeln!(policy, "witness w{number} {}", auditor.verifier_key()).unwrap();
        lines.push(Cosignature::sign(&signed, &auditor, now).unwrap().line);
    }
    policy.push_str("group all-of-them 3 w0 w1 w2\nquorum all-of-them\n");
    (
        Policy::parse(&policy).unwrap(),
        signed.to_bytes_with(&lines),
    )
}

/// The same each time.
pub(crate) fn million() -> Million {
    let origin = Origin::parse("log.example/million").unwrap();
    let now = Timestamp::from_seconds(NOW_S).unwrap();
    let vrf = vrf::SecretKey::from_seed(&[8; 32]);
    let genesis = genesis(&origin, &vrf);
    let label = Label::email("person@mail.example").unwrap();
    let key_set = key_set(&label, now);
    let rungs = ladder::rungs_for(Some(Version::FIRST));
    let searched: Vec<_> = rungs
        .iter()
        .map(|rung| vrf.evaluate(&label.vrf_input(*rung)).index_key())
        .collect();
    let opening = Opening::from_bytes(*b"sixteen of noise");
    let entry = KeyEntry {
        index: searched[0],
        commitment: commit(&opening, &label, Version::FIRST, &key_set),
    };
    let tree = index(&entry, &searched[1]);
    let epoch = Epoch {
        time_ms: (NOW_S - 1) * 1000,
        index_size: 1_000_000,
        index_root: tree.root(),
    };
    let epoch = epoch.to_bytes().to_vec();
    let (head, epoch_proof) = log(&epoch);
    let (policy, checkpoint) = cosigned(&origin, head, now);
    let proof = |rung: &Version| vrf.prove(&label.vrf_input(*rung)).0;
    let answer = LookupAnswer {
        head: HeadBlock {
            checkpoint,
            consistency: None,
            epoch,
            epoch_proof,
        },
        vrf: rungs.iter().map(proof).collect(),
        index: tree.prove(&searched),
        found: Some(FoundAnswer {
            version: Version::FIRST,
            entry: entry.to_bytes().to_vec(),
            opening: Some(opening),
            key_set: Some(key_set),
            logged: None,
        }),
    };
    Million {
        answer,
        policy,
        genesis,
        label,
        now,
    }
}
