//! The vectors of key sets, statements and entries, which the scripts in `vectors/` write without
//! any code of this crate.

#![allow(clippy::unwrap_used, clippy::panic)]

use plainsight_specs::codec::base64_bytes;
use plainsight_specs::ed25519::PublicKey;
use plainsight_specs::entry::{Entry, EntryKind};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::index::{IndexKey, Namespace};
use plainsight_specs::keyset::{Continuity, KeySet, ResetReason};
use plainsight_specs::statement::Statement;
use serde_json::Value;

fn cases(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    let Value::Array(cases) = file["cases"].take() else {
        panic!("no cases");
    };
    assert!(cases.len() > 50);
    cases
}

fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap()
}

fn texts<'a>(case: &'a Value, member: &str) -> Vec<&'a str> {
    let list = case[member].as_array().unwrap();
    list.iter().map(|value| value.as_str().unwrap()).collect()
}

#[test]
fn statements() {
    for case in cases(include_str!("../vectors/statement.json")) {
        let name = text(&case, "name");
        let found = Statement::parse(text(&case, "envelope").as_bytes());
        if text(&case, "verdict") != "accept" {
            let blame = found.expect_err(name).blame();
            assert_eq!(blame.as_str(), text(&case, "verdict"), "{name}");
            continue;
        }
        let statement = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(statement.kind().as_str(), text(&case, "kind"), "{name}");
        assert_eq!(statement.role().as_str(), text(&case, "role"), "{name}");
        let stream = hex::encode(statement.stream().as_bytes());
        assert_eq!(stream, text(&case, "stream"), "{name}");
        let seq = u64::from(statement.seq().get());
        assert_eq!(Some(seq), case["seq"].as_u64(), "{name}");
        let prev = statement.prev().map(|hash| hash.to_hex());
        assert_eq!(prev.as_deref(), case["prev"].as_str(), "{name}");
        let digests: Vec<_> = statement.digests().iter().map(Hash::to_hex).collect();
        assert_eq!(digests, texts(&case, "digest_set"), "{name}");
        let indexes = statement.indexes();
        let hex: Vec<_> = indexes.iter().map(IndexKey::to_hex).collect();
        assert_eq!(hex, texts(&case, "indexes"), "{name}");
        assert!(
            indexes
                .iter()
                .all(|key| key.namespace() == Namespace::Public)
        );
        let keys: Vec<_> = texts(&case, "signers")
            .iter()
            .map(|key| {
                let bytes = Hash::from_hex(key).unwrap();
                PublicKey::from_bytes(bytes.as_bytes()).unwrap()
            })
            .collect();
        let signers = statement.envelope().valid_signers(&keys);
        assert_eq!(signers.into_iter().collect::<Vec<_>>(), keys, "{name}");
    }
}

#[test]
fn key_sets() {
    let cases = cases(include_str!("../vectors/keyset.json"));
    let parse = |case: &Value| KeySet::parse(text(case, "key_set").as_bytes());
    for case in &cases {
        let name = text(case, "name");
        if text(case, "verdict") != "accept" {
            let blame = parse(case).expect_err(name).blame();
            assert_eq!(blame.as_str(), text(case, "verdict"), "{name}");
            continue;
        }
        let set = parse(case).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(set.hash().to_hex(), text(case, "hash"), "{name}");
        assert_eq!(hex::encode(set.label().as_bytes()), text(case, "label"));
        let version = u64::from(set.version().get());
        assert_eq!(Some(version), case["version"].as_u64(), "{name}");
        let prev = set.prev().map(|hash| hash.to_hex());
        assert_eq!(prev.as_deref(), case["prev"].as_str(), "{name}");
        let ids: Vec<_> = set.keys().iter().map(|key| key.id.as_str()).collect();
        assert_eq!(ids, texts(case, "ids"), "{name}");
        let previous = case["previous"].as_str().map(|wanted| {
            let other = cases.iter().find(|case| case["name"] == wanted).unwrap();
            parse(other).unwrap()
        });
        let continuity = match set.continuity(previous.as_ref()) {
            Continuity::First => "first",
            Continuity::Signed => "signed",
            Continuity::Reset(ResetReason::PreviousUnknown) => "previous-unknown",
            Continuity::Reset(ResetReason::NotPrevious) => "not-previous",
            Continuity::Reset(ResetReason::WrongLink) => "wrong-link",
            Continuity::Reset(ResetReason::NotSignedByPrevious) => "not-signed-by-previous",
        };
        assert_eq!(continuity, text(case, "continuity"), "{name}");
    }
}

#[test]
fn entries() {
    for case in cases(include_str!("../vectors/entry.json")) {
        let name = text(&case, "name");
        let bytes = base64_bytes(text(&case, "entry"), 65_535).unwrap();
        let found = Entry::parse(&bytes);
        if text(&case, "verdict") != "accept" {
            let blame = found.expect_err(name).blame();
            assert_eq!(blame.as_str(), text(&case, "verdict"), "{name}");
            continue;
        }
        let entry = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(entry.kind().as_str(), text(&case, "kind"), "{name}");
        assert_eq!(entry.to_bytes(), bytes, "{name}");
        let hash = leaf_hash(&bytes).to_hex();
        assert_eq!(hash, text(&case, "leaf_hash"), "{name}");
        assert_eq!(EntryKind::from_byte(bytes[0]), Some(entry.kind()));
    }
}
