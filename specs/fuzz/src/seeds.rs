//! The inputs that each target starts from: what the protocol's own code and the vectors in
//! `specs/vectors` write. `specs/tests/fuzzing.rs` keeps `specs/fuzz/corpus` equal to them.

use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::codec::{base64_bytes, to_base64};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::evidence::{Evidence, IncludedEntry, Offence};
use plainsight_specs::hash::sha256;
use plainsight_specs::history::{HistoryAnswer, HistoryRequest};
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::Version;
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::out_of_band::{ContactCode, SafetyNumber};
use plainsight_specs::publish::{PublishAnswer, PublishItem, PublishRequest, Wait};
use plainsight_specs::query::StreamRequest;
use plainsight_specs::rebuild::RebuildList;
use plainsight_specs::rules::Replay;
use plainsight_specs::tile::bundle_to_bytes;
use plainsight_specs::time::Timestamp;
use plainsight_specs::tlog_proof::TlogProof;
use plainsight_specs::watch::{
    Announcement, Bucket, Hit, RegisterRequest, Report, ReportAnswer, RungsRequest, WatchToken,
    WatchedIndexes,
};
use plainsight_specs::witness::{AddCheckpoint, cosignature_lines_to_bytes};
use serde_json::Value;

use super::formats::PARSERS;
use super::smoke::Random;
use super::tiny_log::{NOW, PROTECTIONS, RELEASES, TinyLog, canary, key_set, label, release};
use super::{said, watching};

/// A seed: its file's name and its bytes.
pub type Seed = (String, Vec<u8>);

/// Vectors of each file that become seeds.
const VECTORS: usize = 6;
/// The longest of them, in bytes.
const MAX_VECTOR: usize = 4096;
/// Seeds of a target whose input is a script of choices, and the length of each.
const SCRIPTS: (usize, usize) = (8, 512);

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "formats" => formats(),
        "json" => jsons(),
        other => scripts(other),
    }
}

/// Choices by chance, the same at each time.
fn scripts(target: &str) -> Vec<Seed> {
    let (count, length) = SCRIPTS;
    (0..count)
        .map(|number| {
            let mut random = Random::new(sha256(target.as_bytes()).as_bytes()[0], number as u64);
            let bytes = (0..length).map(|_| random.byte()).collect();
            (format!("script-{number}"), bytes)
        })
        .collect()
}

fn cases(text: &str, member: &str) -> Vec<Vec<u8>> {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let texts = cases.iter().map(|case| case[member].as_str().unwrap());
    let bytes: Vec<Vec<u8>> = texts
        .map(|text| match member {
            "entry" => base64_bytes(text, 70_000).unwrap(),
            _ => text.as_bytes().to_vec(),
        })
        .filter(|bytes| bytes.len() <= MAX_VECTOR)
        .collect();
    // Right ones come first, wrong ones last.
    let step = (bytes.len() / VECTORS).max(1);
    bytes.into_iter().step_by(step).take(VECTORS).collect()
}

fn entries() -> Vec<Vec<u8>> {
    cases(include_str!("../../vectors/entry.json"), "entry")
}

fn key_sets() -> Vec<Vec<u8>> {
    cases(include_str!("../../vectors/keyset.json"), "key_set")
}

fn statements() -> Vec<Vec<u8>> {
    cases(include_str!("../../vectors/statement.json"), "envelope")
}

fn jsons() -> Vec<Seed> {
    let mut all = vec![
        br#"{"a":[1,2,{"b":null}],"c":"\u00e9\ud83d\ude00\n","d":true}"#.to_vec(),
        b"[9007199254740991,0]".to_vec(),
        b"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]".to_vec(),
        br#"{"a":1,"\u0061":2}"#.to_vec(),
        b" \t\r\n{ } ".to_vec(),
    ];
    all.extend(key_sets());
    all.extend(statements());
    named("json", all)
}

fn named(kind: &str, all: Vec<Vec<u8>>) -> Vec<Seed> {
    let kind = kind.replace(' ', "-");
    all.into_iter()
        .enumerate()
        .map(|(number, bytes)| (format!("{kind}-{number}"), bytes))
        .collect()
}

/// A log with two versions of a person and two statements.
fn log() -> TinyLog {
    let mut log = TinyLog::new();
    let alice = label("alice@example.org");
    log.push_key_set(&alice, 0);
    log.epoch();
    log.push_key_set(&alice, 1);
    log.push_statement(&log.next(release("1.0.0", &[b"one"])), RELEASES);
    log.push_statement(&log.next(canary()), PROTECTIONS);
    log.epoch();
    log
}

/// The evidence that a log held a key entry twice.
fn duplicate() -> Evidence {
    let mut log = log();
    let epoch = log.entries.len() - 1;
    let mut at_epoch = Replay::new(log.origin.clone());
    at_epoch.step_all(&log.entries);
    log.push(log.entries[1].clone());
    log.epoch();
    let signed = SignedCheckpoint::sign(&log.origin, log.head(), &log.signer).unwrap();
    let offence = Offence {
        checkpoint: &signed,
        log_key: &log.log_key(),
        before: log.frontier_at(epoch),
        entries: log.entries[epoch..=epoch + 1].to_vec(),
        consistency: log.consistency(epoch as u64 + 2),
        genesis: IncludedEntry {
            entry: log.entries[0].clone(),
            inclusion: log.inclusion(0),
        },
        at_epoch: Some(at_epoch),
    };
    Evidence::of_entry(offence, |_| None).unwrap()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn formats() -> Vec<Seed> {
    let log = log();
    let alice = label("alice@example.org");
    let lookup = log.lookup(&alice, Some(1), Some(3));
    let checkpoint = log.checkpoint();
    let last = LeafIndex::new(log.entries.len() as u64 - 1).unwrap();
    let unverified = || plainsight_specs::checkpoint::UnverifiedCheckpoint::parse(&checkpoint);
    let signed = SignedCheckpoint::sign(&log.origin, log.head(), &log.signer).unwrap();
    let time = Timestamp::from_seconds(NOW).unwrap();
    let cosignature = Cosignature::sign(&signed, &log.auditor, time).unwrap();
    let add = AddCheckpoint {
        old: TreeSize::new(3).unwrap(),
        proof: log.consistency(3),
        checkpoint: unverified().unwrap(),
    };
    let proof = TlogProof {
        extra: Some(b"extra".to_vec()),
        index: last,
        inclusion: log.inclusion(log.entries.len() - 1),
        checkpoint: unverified().unwrap(),
    };
    let (opening, bytes) = log.opening(&alice, Version::new(1));
    let publish = PublishRequest {
        items: vec![PublishItem::KeySet {
            key_set: bytes.clone(),
            opening,
        }],
        wait: Wait::Published,
    };
    let results = vec![Ok(plainsight_specs::publish::Logged::at(last))];
    let watched = WatchedIndexes::new(vec![IndexKey::private(sha256(b"watched"))]).unwrap();
    let register = RegisterRequest {
        origin: log.origin.clone(),
        indexes: watched.clone(),
    };
    let token = WatchToken::from_bytes([9; 32]).to_base64();
    let rungs = RungsRequest {
        label: alice.clone(),
        latest: Version::new(1),
        since: TreeSize::new(3),
    };
    let history_request = HistoryRequest {
        label: alice.clone(),
        from: Version::FIRST,
        since: None,
    };
    let watch_id = sha256(b"watch");
    let report = Report {
        origin: log.origin.clone(),
        head: log.head(),
        id: watch_id,
        time,
        hits: vec![Hit {
            index: watched.as_slice()[0],
            position: last,
            announced: true,
        }],
    };
    let announcement = Announcement {
        token: WatchToken::from_bytes([9; 32]),
        index: watched.as_slice()[0],
        commitment: watch_id,
    };
    let said = ReportAnswer {
        note: checkpoint.clone(),
        expires: time,
    };
    let stream = log.next(canary()).body.stream();
    let stream_request = StreamRequest {
        stream: stream.clone(),
        since: None,
        version: None,
        digest: None,
    };
    let inserted = [(watched.as_slice()[0], watch_id)];
    let transition = log.replay.index().prove_insertion(&inserted).unwrap();
    let forked = TreeHead {
        size: log.head().size,
        root: watch_id,
    };
    let forked = SignedCheckpoint::sign(&log.origin, forked, &log.signer).unwrap();
    let evidence =
        Evidence::of_heads(&log.log_key(), &signed, &forked, watch_id, Vec::new()).unwrap();
    let (one, other) = (
        plainsight_specs::keyset::KeySet::parse(&key_set(&alice, 0, 40)).unwrap(),
        plainsight_specs::keyset::KeySet::parse(&key_set(&label("bob@example.org"), 0, 41))
            .unwrap(),
    );
    let history = HistoryAnswer {
        lookup: log.lookup(&alice, Some(1), None),
        versions: Vec::new(),
    };
    let of: Vec<(&str, Vec<u8>)> = vec![
        ("key name", b"auditor.example/a".to_vec()),
        ("release version", b"1.0.0-rc.1".to_vec()),
        ("name", b"stable".to_vec()),
        ("region", b"CH".to_vec()),
        ("reason", b"it was broken".to_vec()),
        ("place", b"*".to_vec()),
        ("dsse", statements().swap_remove(0)),
        ("history request", history_request.to_json()),
        ("stream request", stream_request.to_json()),
        ("rungs request", rungs.to_json()),
        ("announcement", announcement.to_json()),
        ("report answer", said.to_json()),
        ("report", report.text().into()),
        ("transition proof", transition.to_json().to_string().into()),
        ("evidence", evidence.to_json()),
        ("evidence", duplicate().to_json()),
        ("origin", log.origin.as_str().into()),
        ("verifier key", log.log_key().to_string().into()),
        ("signature line", cosignature.line.to_string().into()),
        ("tile path", b"tile/0/x001/234.p/17".to_vec()),
        ("time", b"2026-11-24T00:00:00Z".to_vec()),
        ("rule", b"epoch-root".to_vec()),
        ("purl", b"pkg:cargo/tiny".to_vec()),
        ("audience", b"region:CH".to_vec()),
        ("uri", b"https://example.org/x".to_vec()),
        ("look-up request", {
            let text = format!(
                r#"{{"label":"{}","since":3,"logged":true}}"#,
                to_base64(alice.as_bytes())
            );
            text.into()
        }),
        ("look-up answer", lookup.to_json()),
        ("history answer", history.to_json()),
        ("genesis answer", log.genesis_answer().to_json()),
        ("publish request", publish.to_json()),
        ("publish answer", PublishAnswer { results }.to_json()),
        ("register request", register.to_json()),
        ("token request", format!(r#"{{"token":"{token}"}}"#).into()),
        ("checkpoint", checkpoint.clone()),
        ("note", checkpoint.clone()),
        ("add-checkpoint", add.to_bytes()),
        ("tlog-proof", proof.to_bytes()),
        (
            "cosignatures",
            cosignature_lines_to_bytes(&[cosignature.line]),
        ),
        ("size", b"12345\n".to_vec()),
        ("frontier", log.frontier_at(5).to_bytes()),
        ("stream", stream.as_bytes().to_vec()),
        ("vrf proof", log.vrf.prove(b"x").0.as_bytes().to_vec()),
        ("policy", log.policy().text().into()),
        ("bucket", b"0a3".to_vec()),
        ("label", alice.as_bytes().to_vec()),
        ("typed label", b"+41790000000".to_vec()),
        (
            "contact code",
            ContactCode::of(&log.origin, &one).to_string().into(),
        ),
        (
            "safety number",
            SafetyNumber::between(&log.origin, &one, &other)
                .unwrap()
                .to_string()
                .into(),
        ),
        ("bundle of entries", {
            let mut bytes = vec![1];
            bytes.extend(bundle_to_bytes(&log.entries[1..3]).unwrap());
            bytes
        }),
        ("public keys", log.vrf.public().as_bytes().to_vec()),
        ("numbers and digits", b"9223372036854775807".to_vec()),
        ("index proof", lookup.index.to_json().to_string().into()),
        ("stream answer", said::stream(&log, "1.0.0").to_json()),
        ("artifact answer", said::artifact(&log, b"one").to_json()),
        ("bundle of a release", said::bundle(&log, "1.0.0").to_json()),
        (
            "register answer",
            watching::registered(&log, &register).to_json(),
        ),
        ("rungs answer", watching::rungs(&log, &rungs).to_json()),
        ("inserted", {
            let (_, output) = log.vrf.prove(&alice.vrf_input(Version::new(1)));
            let bucket = Bucket::of(&output.index_key(), 1).unwrap();
            let list = watching::inserted(&log, &bucket, TreeSize::new(2).unwrap());
            assert!(!list.insertions.is_empty());
            list.text().into()
        }),
        ("rebuild result", said::rebuild(b"one")),
        (
            "rebuild list",
            RebuildList {
                next: Some(7),
                results: vec![said::rebuild(b"one")],
            }
            .to_json(),
        ),
    ];
    let mut seeds = Vec::new();
    for (number, (kind, bytes)) in of.into_iter().enumerate() {
        let name = format!("{}-{number}", kind.replace(' ', "-"));
        seeds.push((name, chosen(kind, &bytes)));
    }
    for (kind, all) in [
        ("entry", entries()),
        ("key set", key_sets()),
        ("statement", statements()),
    ] {
        let all = all.iter().map(|bytes| chosen(kind, bytes)).collect();
        seeds.extend(named(kind, all));
    }
    seeds
}

/// The input that hands `bytes` to the parser of this name.
fn chosen(kind: &str, bytes: &[u8]) -> Vec<u8> {
    let number = PARSERS.iter().position(|(name, _)| *name == kind).unwrap();
    let mut input = vec![u8::try_from(number).unwrap()];
    input.extend_from_slice(bytes);
    input
}
