//! Watches and lists of insertions: what an honest log and an honest auditor say verifies, and is what a
//! scan of the entries finds; with a byte changed it is refused, or says the same.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder;
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::watch::{
    Bucket, Inserted, Insertion, RegisterAnswer, RegisterRequest, Registered, Registration, Report,
    ReportAnswer, RungsAnswer, RungsRequest, WatchToken, WatchedIndexes, watch_id,
};

use super::tiny_log::{TinyLog, label, now, secret, trust};

/// Looks, registers, and reads a list.
pub fn run(input: &[u8]) {
    // An input that ends early has done what it could.
    let _ = watches(&mut Unstructured::new(input));
}

/// The key by which the auditor of [`TinyLog`] speaks of watches.
pub fn watch_signer() -> Signer {
    let name = KeyName::parse("auditor.example/watch").unwrap();
    Signer::new(name, Algorithm::Ed25519, secret(20)).unwrap()
}

/// The honest answer about the rungs to watch.
pub fn rungs(log: &TinyLog, request: &RungsRequest) -> RungsAnswer {
    let rungs = request.rungs().into_iter();
    let proved: Vec<_> = rungs
        .map(|rung| log.vrf.prove(&request.label.vrf_input(rung)))
        .collect();
    let searched: Vec<_> = proved
        .iter()
        .map(|(_, output)| output.index_key())
        .collect();
    RungsAnswer {
        head: log.head_block(None),
        vrf: proved.into_iter().map(|(proof, _)| proof).collect(),
        index: log.replay.index().prove(&searched),
    }
}

/// The honest answer to a registration.
pub fn registered(log: &TinyLog, request: &RegisterRequest) -> RegisterAnswer {
    let token = WatchToken::from_bytes([7; 32]);
    let indexes = request.indexes.as_slice();
    let is_present = |index: &IndexKey| log.replay.value(index).is_some();
    let report = Report {
        origin: log.origin.clone(),
        head: log.head(),
        id: watch_id(&request.origin, &request.indexes, &token),
        time: now(),
        hits: Vec::new(),
    };
    RegisterAnswer {
        head: log.head_block(None),
        index: log.replay.index().prove(indexes),
        registered: (!indexes.iter().any(is_present)).then(|| Registered {
            token,
            report: ReportAnswer {
                note: report.sign(&watch_signer()).unwrap(),
                expires: now().plus(1000),
            },
        }),
    }
}

/// The honest list of a bucket, by a scan of the entries.
pub fn inserted(log: &TinyLog, bucket: &Bucket, since: TreeSize) -> Inserted {
    let places = (0..).map(|at| LeafIndex::new(at).unwrap());
    let skipped = usize::try_from(since.get()).unwrap();
    let listed = places.zip(&log.entries).skip(skipped);
    let insertions = listed.filter_map(|(position, entry)| match Entry::parse(entry) {
        Ok(Entry::Key(KeyEntry { index, .. })) if index.to_hex().starts_with(bucket.as_str()) => {
            Some(Insertion { index, position })
        }
        _ => None,
    });
    Inserted {
        origin: log.origin.clone(),
        head: log.head(),
        bucket: bucket.clone(),
        since,
        through: log.size(),
        time: now(),
        insertions: insertions.collect(),
    }
}

fn watches(u: &mut Unstructured<'_>) -> Result<()> {
    let (mut log, me) = (TinyLog::new(), label("me@example.org"));
    let latest = u.int_in_range(0..=3u32)?;
    for version in 0..=latest {
        log.push_key_set(&me, version);
    }
    let mut planted = BTreeSet::new();
    for _ in 0..u.int_in_range(0..=2u8)? {
        let version = latest + u.int_in_range(1..=9u32)?;
        if planted.insert(version) {
            log.push_key_set(&me, version);
        }
    }
    for other in 0..u.int_in_range(0..=20u8)? {
        let index = IndexKey::private(sha256(&[other]));
        let commitment = Hash::ZERO;
        log.push(KeyEntry { index, commitment }.to_bytes().to_vec());
    }
    log.epoch();
    let found = look(u, &log, &me, Version::new(latest))?;
    let watched = ladder::watched_rungs(Version::new(latest)).into_iter();
    let expected = watched.map(Version::get);
    let expected: BTreeSet<u32> = expected.filter(|rung| planted.contains(rung)).collect();
    assert_eq!(found, expected);
    register(u, &log, &me, latest)?;
    list(u, &log)
}

/// One byte of `bytes` changed.
fn changed(u: &mut Unstructured<'_>, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    let at = u.choose_index(bytes.len())?;
    bytes[at] ^= u.int_in_range(1..=255u8)?;
    Ok(bytes)
}

fn look(
    u: &mut Unstructured<'_>,
    log: &TinyLog,
    me: &Label,
    latest: Version,
) -> Result<BTreeSet<u32>> {
    let (policy, genesis) = (log.policy(), log.genesis());
    let trust = trust(&policy, &genesis, None);
    let request = RungsRequest {
        label: me.clone(),
        latest,
        since: None,
    };
    let body = rungs(log, &request).to_json();
    let seen = |body: &[u8]| {
        let answer = RungsAnswer::parse(body).ok()?;
        let seen = answer.verify(&trust, &request).ok()?;
        let planted = seen.planted().map(|rung| rung.version.get()).collect();
        Some((seen.rungs().to_vec(), planted))
    };
    let (rungs, planted) = seen(&body).expect("an honest answer verifies");
    if let Some((others, _)) = seen(&changed(u, body)?) {
        assert_eq!(others, rungs);
    }
    Ok(planted)
}

fn register(u: &mut Unstructured<'_>, log: &TinyLog, me: &Label, latest: u32) -> Result<()> {
    let (policy, genesis) = (log.policy(), log.genesis());
    let trust = trust(&policy, &genesis, None);
    let rungs = ladder::watched_rungs(Version::new(latest)).into_iter();
    let mut indexes: Vec<_> = rungs
        .map(|rung| log.index_of(me, Version::get(rung)))
        .collect();
    indexes.sort_unstable();
    let held = indexes
        .iter()
        .filter(|index| log.replay.value(index).is_some());
    let held = held.count();
    let request = RegisterRequest {
        origin: log.origin.clone(),
        indexes: WatchedIndexes::new(indexes).unwrap(),
    };
    assert_eq!(RegisterRequest::parse(&request.to_json()).unwrap(), request);
    let key = watch_signer().verifier_key();
    let said = |body: &[u8]| {
        let answer = RegisterAnswer::parse(body).ok()?;
        match answer.verify(&trust, &request, &key).ok()? {
            Registration::Present { present, .. } => Some((present, None)),
            Registration::Watched { token, report, .. } => {
                Some((Vec::new(), Some((token.to_base64(), report))))
            }
        }
    };
    let body = registered(log, &request).to_json();
    let honest = said(&body).expect("an honest answer verifies");
    assert_eq!((honest.0.len(), honest.1.is_none()), (held, held > 0));
    if let Some(other) = said(&changed(u, body)?) {
        assert_eq!(other, honest);
    }
    Ok(())
}

fn list(u: &mut Unstructured<'_>, log: &TinyLog) -> Result<()> {
    let digits: String = (0..u.int_in_range(1..=4u8)?)
        .map(|_| Ok(char::from(b"0123456789abcdef"[u.choose_index(16)?])))
        .collect::<Result<_>>()?;
    let Ok(bucket) = Bucket::parse(&digits) else {
        assert!(digits.as_bytes()[0] >= b'8', "public indexes have no lists");
        return Ok(());
    };
    let since = TreeSize::new(u.int_in_range(0..=log.size().get())?).unwrap();
    let list = inserted(log, &bucket, since);
    let key = watch_signer().verifier_key();
    let note = list.sign(&watch_signer()).unwrap();
    let read = |note: &[u8]| Inserted::verify(note, &key, &log.origin, &bucket, since);
    assert_eq!(read(&note).unwrap(), list);
    assert!(read(&changed(u, note)?).is_err(), "every byte is signed");
    // What is true of something else is not what was asked for.
    let (first, rest) = (list.bucket.as_str(), list.insertions.clone());
    let other = Bucket::parse(if first == "0" { "1" } else { "0" }).unwrap();
    let note = inserted(log, &other, since).sign(&watch_signer()).unwrap();
    assert!(read(&note).is_err());
    // An insertion beyond what is covered, or out of order.
    for insertions in [
        rest.iter().rev().copied().collect::<Vec<_>>(),
        rest.iter().chain(rest.first()).copied().collect(),
    ] {
        let wrong = Inserted {
            insertions,
            ..list.clone()
        };
        let is_ordered = wrong.insertions == rest;
        assert_eq!(Inserted::parse_text(&wrong.text()).is_ok(), is_ordered);
    }
    Ok(())
}
