use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::codec::to_base64;
use crate::entry::RoleKeys;
use crate::hash::{leaf_hash, sha256, sha256_parts};
use crate::mutations::mutations;
use crate::time::Timestamp;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn time() -> Timestamp {
    Timestamp::parse("2026-11-24T04:37:38Z").unwrap()
}

fn product() -> Product {
    Product {
        purl: Purl::parse("pkg:generic/example/messenger").unwrap(),
        channel: Name::parse("stable").unwrap(),
        arch: Name::parse("arm64").unwrap(),
    }
}

fn artifact(name: &str) -> Artifact {
    Artifact {
        name: Some(name.into()),
        digest: sha256(name.as_bytes()),
        size: 4096,
    }
}

fn release() -> Body {
    Body::Release(Release {
        product: product(),
        version: ReleaseVersion::parse("1.2.0").unwrap(),
        audience: Audience::All,
        emergency: false,
        published: time(),
        references: vec![Reference {
            kind: Uri::parse("https://slsa.dev/provenance/v1").unwrap(),
            sha256: sha256(b"provenance"),
        }],
        artifacts: vec![artifact("a.bin"), artifact("b.bin")],
    })
}

fn yank() -> Body {
    Body::Yank(Yank {
        product: product(),
        version: ReleaseVersion::parse("1.2.0").unwrap(),
        reason: Reason::parse("loses messages").unwrap(),
        published: time(),
        digests: vec![sha256(b"b.bin"), sha256(b"a.bin")],
    })
}

fn protection() -> Body {
    Body::Protection(Protection {
        feature: Name::parse("end-to-end-backup").unwrap(),
        place: Place::Region(Region::parse("DE").unwrap()),
        state: ProtectionState::Withdrawn,
        effective: time(),
        wording: sha256(b"wording"),
    })
}

fn canary() -> Body {
    Body::Canary(Canary {
        name: Name::parse("no-secret-orders").unwrap(),
        valid_until: time(),
        published: time(),
        text: sha256(b"text"),
    })
}

fn publisher_keys() -> Body {
    let keys = vec![secret(1).public(), secret(2).public()];
    Body::PublisherKeys(PublisherKeys {
        role: RoleName::Releases,
        keys: RoleKeys::new(2, keys).unwrap(),
    })
}

fn bodies() -> [Body; 5] {
    [release(), yank(), protection(), canary(), publisher_keys()]
}

fn draft(body: Body) -> StatementDraft {
    StatementDraft {
        seq: Seq::new(7),
        prev: Some(leaf_hash(b"the sixth")),
        body,
    }
}

fn payload(body: Body) -> Value {
    serde_json::from_slice(&draft(body).payload()).unwrap()
}

fn parse(payload: &str) -> Result<Statement, StatementError> {
    Statement::parse(&Envelope::assemble(
        PAYLOAD_TYPE,
        payload.as_bytes(),
        &[[0; 64]],
    ))
}

fn parse_with(body: Body, pointer: &str, value: Value) -> Result<Statement, StatementError> {
    let mut payload = payload(body);
    *payload.pointer_mut(pointer).unwrap() = value;
    parse(&payload.to_string())
}

#[test]
fn parses_what_it_built() {
    for body in bodies() {
        let draft = draft(body);
        let (one, two) = (secret(1), secret(2));
        let bytes = draft.sign(&[&one, &two]);
        let statement = Statement::parse(&bytes).unwrap();
        assert_eq!(statement.kind(), draft.body.kind());
        assert_eq!(statement.seq(), draft.seq);
        assert_eq!(statement.prev(), draft.prev);
        assert_eq!(*statement.body(), draft.body);
        assert_eq!(
            statement
                .envelope()
                .valid_signers(&[one.public(), two.public()])
                .len(),
            2
        );
    }
}

#[test]
fn prints_the_example_of_the_chapter() {
    let draft = StatementDraft {
        seq: Seq::ZERO,
        prev: None,
        body: canary(),
    };
    let digest = sha256(b"text");
    assert_eq!(
        String::from_utf8(draft.payload()).unwrap(),
        format!(
            concat!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","#,
                r#""predicate":{{"name":"no-secret-orders","published":"2026-11-24T04:37:38Z","seq":0,"#,
                r#""valid_until":"2026-11-24T04:37:38Z"}},"#,
                r#""predicateType":"urn:plainsight:canary:v1","#,
                r#""subject":[{{"digest":{{"sha256":"{}"}}}}]}}"#
            ),
            digest
        )
    );
}

#[test]
fn refuses_every_fault_of_a_predicate_member() {
    for body in bodies() {
        let kind = body.kind();
        for text in mutations(&payload(body), "/predicate", &["prev"]) {
            let error = parse(&text).expect_err(&text);
            assert_eq!(error.blame(), Blame::Malformed, "{kind:?}");
        }
    }
}

#[test]
fn refuses_every_fault_of_a_reference_member() {
    for text in mutations(&payload(release()), "/predicate/refs/0", &[]) {
        assert!(parse(&text).is_err(), "{text}");
    }
}

#[test]
fn ignores_unknown_members_of_in_toto_objects() {
    for body in bodies() {
        let mut payload = payload(body.clone());
        payload["more"] = json!({"a": [null]});
        payload["subject"][0]["name"] = json!(7);
        payload["subject"][0]["uri"] = json!(null);
        payload["subject"][0]["digest"]["sha512"] = json!("x");
        payload["subject"][0]["annotations"]["more"] = json!([]);
        let found = parse(&payload.to_string()).unwrap();
        assert_eq!(found.digests(), body.digests());
        if let Body::Release(release) = found.body() {
            let names: Vec<_> = release.artifacts.iter().map(|file| &file.name).collect();
            assert_eq!(names, [&None, &Some("b.bin".into())]);
        }
    }
}

#[test]
fn refuses_missing_and_wrong_members_of_the_statement() {
    for body in bodies() {
        let whole = payload(body);
        for member in ["_type", "subject", "predicateType", "predicate"] {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(member);
            assert!(parse(&less.to_string()).is_err(), "{member}");
            for wrong in [json!(null), json!(7), json!(true), json!("x")] {
                let mut other = whole.clone();
                other[member] = wrong;
                assert!(parse(&other.to_string()).is_err(), "{member}");
            }
            let text = whole.to_string();
            let twice = format!("{{{}:{},{}", json!(member), whole[member], &text[1..]);
            assert!(parse(&twice).is_err(), "{member}");
        }
    }
}

#[test]
fn refuses_other_types() {
    for kind in [
        "urn:plainsight:release:v2",
        "urn:plainsight:Release:v1",
        "https://slsa.dev/provenance/v1",
        "",
    ] {
        assert_eq!(
            parse_with(release(), "/predicateType", kind.into()),
            Err(StatementError::PredicateType(kind.into()))
        );
    }
    assert_eq!(
        parse_with(
            release(),
            "/_type",
            "https://in-toto.io/Statement/v0.1".into()
        ),
        Err(StatementError::StatementType)
    );
    let payload = draft(release()).payload();
    for other in ["", "application/json", "application/vnd.in-toto+json "] {
        let bytes = Envelope::assemble(other, &payload, &[[0; 64]]);
        assert_eq!(Statement::parse(&bytes), Err(StatementError::PayloadType));
    }
}

#[test]
fn a_predicate_of_another_kind_is_refused() {
    for body in bodies() {
        for other in StatementKind::ALL {
            let accepted = parse_with(
                body.clone(),
                "/predicateType",
                other.predicate_type().into(),
            );
            assert_eq!(accepted.is_ok(), other == body.kind());
        }
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    for (body, pointer, value) in [
        (release(), "/predicate/purl", json!("pkg:generic/x@1")),
        (release(), "/predicate/version", json!("1 0")),
        (release(), "/predicate/channel", json!("Stable")),
        (release(), "/predicate/arch", json!("")),
        (release(), "/predicate/audience", json!("region:de")),
        (
            release(),
            "/predicate/published",
            json!("2026-02-30T00:00:00Z"),
        ),
        (release(), "/predicate/seq", json!(4_294_967_296u64)),
        (release(), "/predicate/prev", json!("00")),
        (release(), "/predicate/prev", json!("A".repeat(64))),
        (release(), "/predicate/refs/0/type", json!("no scheme")),
        (release(), "/predicate/refs/0/sha256", json!("00")),
        (release(), "/subject/0/digest/sha256", json!("00")),
        (release(), "/subject/0/annotations/size", json!("4096")),
        (yank(), "/predicate/reason", json!("")),
        (yank(), "/predicate/reason", json!("x".repeat(1025))),
        (protection(), "/predicate/feature", json!("A")),
        (protection(), "/predicate/region", json!("all")),
        (protection(), "/predicate/state", json!("Offered")),
        (protection(), "/predicate/effective", json!("2026-11-24")),
        (canary(), "/predicate/name", json!("-")),
        (canary(), "/predicate/valid_until", json!("")),
        (publisher_keys(), "/predicate/role", json!("admins")),
        (publisher_keys(), "/predicate/threshold", json!(0)),
        (publisher_keys(), "/predicate/threshold", json!(3)),
        (publisher_keys(), "/predicate/threshold", json!(258)),
        (publisher_keys(), "/predicate/keys/0", json!("AAAA")),
        (
            publisher_keys(),
            "/predicate/keys/0",
            json!(to_base64(&[0; 32])),
        ),
    ] {
        assert!(
            parse_with(body, pointer, value.clone()).is_err(),
            "{pointer} {value}"
        );
    }
    for (body, pointer, value) in [
        (release(), "/predicate/seq", json!(4_294_967_295u64)),
        (release(), "/predicate/refs", json!([])),
        (release(), "/predicate/audience", json!("cohort:beta")),
        (release(), "/predicate/emergency", json!(true)),
        (release(), "/subject/0/annotations/size", json!(0)),
        (protection(), "/predicate/region", json!("*")),
        (protection(), "/predicate/region", json!("ZZ")),
        (protection(), "/predicate/state", json!("weakened")),
    ] {
        assert!(
            parse_with(body, pointer, value.clone()).is_ok(),
            "{pointer} {value}"
        );
    }
}

#[test]
fn references_have_a_limit() {
    let reference = json!({"type": "urn:x", "sha256": sha256(b"").to_hex()});
    let list = |n: usize| Value::from(vec![reference.clone(); n]);
    assert!(parse_with(release(), "/predicate/refs", list(64)).is_ok());
    assert!(parse_with(release(), "/predicate/refs", list(65)).is_err());
}

#[test]
fn subjects_are_1_to_256_with_distinct_digests() {
    let subject = |n: usize| {
        json!({
            "digest": {"sha256": sha256(&n.to_be_bytes()).to_hex()},
            "annotations": {"size": 1},
        })
    };
    let list = |n: usize| Value::from((0..n).map(subject).collect::<Vec<_>>());
    for body in [release(), yank()] {
        for (count, accepted) in [(0, false), (1, true), (256, true), (257, false)] {
            let found = parse_with(body.clone(), "/subject", list(count));
            assert_eq!(found.is_ok(), accepted, "{count}");
        }
        let twice = json!([subject(0), subject(1), subject(0)]);
        assert_eq!(
            parse_with(body, "/subject", twice),
            Err(StatementError::SubjectTwice)
        );
    }
    for body in [protection(), canary()] {
        assert_eq!(
            parse_with(body, "/subject", list(2)),
            Err(StatementError::SubjectCount(2))
        );
    }
}

#[test]
fn only_releases_need_sizes() {
    let digest = json!([{"digest": {"sha256": sha256(b"f").to_hex()}}]);
    assert!(parse_with(release(), "/subject", digest.clone()).is_err());
    assert!(parse_with(yank(), "/subject", digest.clone()).is_ok());
    assert!(parse_with(protection(), "/subject", digest.clone()).is_ok());
    assert!(parse_with(canary(), "/subject", digest).is_ok());
}

#[test]
fn every_subject_needs_a_sha256() {
    for body in bodies() {
        for wrong in [
            json!({}),
            json!({"digest": {}}),
            json!({"digest": {"sha512": "x"}}),
            json!({"digest": {"sha256": null}}),
            json!({"digest": null}),
            json!("x"),
            json!(null),
        ] {
            assert!(parse_with(body.clone(), "/subject/0", wrong).is_err());
        }
    }
}

#[test]
fn subjects_of_publisher_keys_are_its_keys_in_any_order() {
    let subject = |seed: u8| {
        let digest = sha256(secret(seed).public().as_bytes());
        json!({"digest": {"sha256": digest.to_hex()}})
    };
    for (seeds, accepted) in [
        (vec![1, 2], true),
        (vec![2, 1], true),
        (vec![1], false),
        (vec![1, 3], false),
        (vec![1, 2, 3], false),
    ] {
        let subjects: Vec<_> = seeds.iter().map(|seed| subject(*seed)).collect();
        let found = parse_with(publisher_keys(), "/subject", subjects.into());
        let expected = if accepted {
            None
        } else {
            Some(StatementError::KeySubjects)
        };
        assert_eq!(found.err(), expected, "{seeds:?}");
    }
}

#[test]
fn seq_and_prev_are_not_compared_by_the_parser() {
    for (seq, prev) in [
        (0, None),
        (0, Some(Hash::ZERO)),
        (1, None),
        (u32::MAX, None),
    ] {
        let draft = StatementDraft {
            seq: Seq::new(seq),
            prev,
            body: canary(),
        };
        let statement = Statement::parse(&draft.sign(&[&secret(1)])).unwrap();
        assert_eq!((statement.seq().get(), statement.prev()), (seq, prev));
    }
}

#[test]
fn each_kind_has_its_role() {
    let roles: Vec<_> = bodies().iter().map(|body| body.kind().role()).collect();
    assert_eq!(
        roles,
        [
            RoleName::Releases,
            RoleName::Releases,
            RoleName::Protections,
            RoleName::Protections,
            RoleName::Root
        ]
    );
}

#[test]
fn stream_bytes_are_fields_joined_by_line_feeds() {
    let streams: Vec<_> = bodies()
        .iter()
        .map(|body| String::from_utf8(body.stream().as_bytes().to_vec()).unwrap())
        .collect();
    assert_eq!(
        streams,
        [
            "release\npkg:generic/example/messenger\nstable\narm64",
            "release\npkg:generic/example/messenger\nstable\narm64",
            "protection\nend-to-end-backup\nDE",
            "canary\nno-secret-orders",
            "publisher-keys",
        ]
    );
    let feature = Name::parse("f").unwrap();
    assert_eq!(
        Stream::protection(&feature, &Place::Everywhere).as_bytes(),
        b"protection\nf\n*"
    );
}

/// The formula of the chapter, written out.
fn formula(what: &str, stream: &[u8], fields: &[u8]) -> IndexKey {
    let length = u16::try_from(stream.len()).unwrap().to_be_bytes();
    let mut bytes = *sha256_parts(&[
        b"plainsight/",
        what.as_bytes(),
        b"/v1\n",
        &length,
        stream,
        fields,
    ])
    .as_bytes();
    bytes[0] |= 0x80;
    IndexKey::from_bytes(bytes)
}

#[test]
fn indexes_in_insertion_order() {
    let stream = b"release\npkg:generic/example/messenger\nstable\narm64";
    let indexes = |body: Body| {
        Statement::parse(&draft(body).sign(&[&secret(1)]))
            .unwrap()
            .indexes()
    };
    let seq = formula("seq", stream, &[0, 0, 0, 7]);
    let (a, b) = (sha256(b"a.bin"), sha256(b"b.bin"));
    assert_eq!(
        indexes(release()),
        [
            seq,
            formula("version", stream, b"\x00\x051.2.0"),
            formula("digest", stream, a.as_bytes()),
            artifact_index(&a),
            formula("digest", stream, b.as_bytes()),
            artifact_index(&b),
        ]
    );
    assert_eq!(
        indexes(yank()),
        [seq, formula("yank", stream, b"\x00\x051.2.0")]
    );
    for body in [protection(), canary(), publisher_keys()] {
        let stream = body.stream();
        assert_eq!(
            indexes(body),
            [formula("seq", stream.as_bytes(), &[0, 0, 0, 7])]
        );
    }
}

#[test]
fn an_artifact_index_has_neither_stream_nor_length() {
    let digest = sha256(b"a.bin");
    let mut bytes = *sha256_parts(&[b"plainsight/artifact/v1\n", digest.as_bytes()]).as_bytes();
    bytes[0] |= 0x80;
    assert_eq!(artifact_index(&digest).as_bytes(), &bytes);
}

#[test]
fn seq_ends_at_32_bits() {
    assert_eq!(Seq::ZERO.next(), Some(Seq::new(1)));
    assert_eq!(Seq::ZERO.previous(), None);
    assert_eq!(Seq::new(u32::MAX).next(), None);
}

proptest! {
    #[test]
    fn never_panics(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Statement::parse(&payload);
        let _ = Statement::parse(&Envelope::assemble(PAYLOAD_TYPE, &payload, &[[0; 64]]));
    }

    #[test]
    fn a_changed_byte_never_panics(kind in 0..5usize, at: prop::sample::Index, byte: u8) {
        let mut payload = draft(bodies()[kind].clone()).payload();
        let at = at.index(payload.len());
        payload[at] = byte;
        let _ = Statement::parse(&Envelope::assemble(PAYLOAD_TYPE, &payload, &[[0; 64]]));
    }

    #[test]
    fn every_release_parses_back(
        purl in "pkg:[a-z][a-z0-9.+-]{0,5}(/([A-Za-z0-9._~+-]|%(25|2F|40|C3)){1,9}){1,3}",
        version in "[!-~]{1,128}",
        channel in "[a-z0-9][a-z0-9._-]{0,63}",
        reason in ".{1,200}",
        sizes in proptest::collection::vec(0..=crate::json::MAX_INTEGER, 1..9),
        seq: u32,
        emergency: bool,
    ) {
        let product = Product {
            purl: Purl::parse(&purl).unwrap(),
            channel: Name::parse(&channel).unwrap(),
            arch: Name::parse(&channel).unwrap(),
        };
        let version = ReleaseVersion::parse(&version).unwrap();
        let artifacts: Vec<_> = sizes
            .iter()
            .enumerate()
            .map(|(n, size)| Artifact {
                name: None,
                digest: sha256(&n.to_be_bytes()),
                size: *size,
            })
            .collect();
        let yank = Body::Yank(Yank {
            product: product.clone(),
            version: version.clone(),
            reason: Reason::parse(&reason).unwrap(),
            published: time(),
            digests: artifacts.iter().map(|file| file.digest).collect(),
        });
        let release = Body::Release(Release {
            product,
            version,
            audience: Audience::Cohort(Name::parse(&channel).unwrap()),
            emergency,
            published: time(),
            references: vec![],
            artifacts,
        });
        for body in [release, yank] {
            let draft = StatementDraft { seq: Seq::new(seq), prev: Some(Hash::ZERO), body };
            let statement = Statement::parse(&draft.sign(&[&secret(1)])).unwrap();
            prop_assert_eq!(statement.seq(), draft.seq);
            prop_assert_eq!(statement.body(), &draft.body);
        }
    }
}
