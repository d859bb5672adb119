//! Protections, streams, the log's status and handing a head in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod reading;
mod tiny_log;

use plainsight_client::failure::Verdict;
use plainsight_client::http::BaseUrl;
use plainsight_client::protection::{self, ProtectionFound, refusal};
use plainsight_client::reader::{Memory, Purpose, Reader};
use plainsight_client::report::{Report as _, StreamReport};
use plainsight_client::status::{self, AuditorVerdict};
use plainsight_client::streams::{self, Listed, Place};
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::sha256;
use plainsight_specs::head::Step;
use plainsight_specs::label::Label;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::{Name, ProtectionState, Region, Seq};
use tiny_log::{Served, TinyLog, product, serve};

use reading::{SERDE, http, log, now, source, trust};

async fn protection(served: &Served, region: &str) -> ProtectionFound {
    let (source, trust) = (source(served), trust(served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let (feature, region) = (
        Name::parse("e2e-backup").unwrap(),
        Region::parse(region).unwrap(),
    );
    protection::status(&mut reader, feature, region)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_withdrawn_protection_is_reported_for_its_region_only() {
    let served = log();
    assert_eq!(protection(&served, "GB").await.verdict(), Verdict::NotFound);
    served
        .log()
        .protect("e2e-backup", None, ProtectionState::Offered);
    served
        .log()
        .protect("e2e-backup", Some("GB"), ProtectionState::Offered);
    served
        .log()
        .protect("e2e-backup", Some("GB"), ProtectionState::Withdrawn);
    let found = protection(&served, "GB").await;
    assert_eq!(
        found.verdict(),
        Verdict::Verified,
        "reported, and no accusation"
    );
    assert_eq!(
        found.said().unwrap().protection.state,
        ProtectionState::Withdrawn
    );
    assert!(
        found.lines()[0].starts_with("WITHDRAWN: e2e-backup in GB"),
        "{:?}",
        found.lines()
    );
    let found = protection(&served, "NO").await;
    assert_eq!(
        found.said().unwrap().protection.state,
        ProtectionState::Offered
    );
}

#[tokio::test]
async fn the_status_is_consistent_with_the_head_seen_last() {
    let served = log();
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    served
        .log()
        .release(&product(SERDE), "1.2.0", &[b"serde three"]);
    let first = reader.memory().head;
    let status = status::status(&mut reader).await.unwrap();
    assert!(status.head.head.size > first.size);
    assert_eq!(reader.memory().head, status.head.head);
    // A log that tells another story from here on, and one with another genesis.
    let mut other = TinyLog::new(now());
    for n in 0..9 {
        other.log_next(&Label::opaque(&[n]).unwrap(), "phone", true);
    }
    let remembered = Some(reader.memory().clone());
    let split = serve(other);
    let source = self::source(&split);
    let mut reader = Reader::open(&source, &trust, remembered, now())
        .await
        .unwrap();
    let refused = status::status(&mut reader).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
    assert_eq!(refused.step(), Some(Step::Consistency));
}

#[tokio::test]
async fn another_genesis_than_the_remembered_one_is_refuted() {
    let served = log();
    let (source, trust) = (source(&served), trust(&served));
    let reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let mut other = serde_json::to_value(
        String::from_utf8(reader.memory().genesis.to_bytes()[1..].to_vec()).unwrap(),
    )
    .unwrap();
    other = other
        .as_str()
        .unwrap()
        .replace("\"heartbeat_s\":60", "\"heartbeat_s\":61")
        .into();
    let mut entry = vec![0];
    entry.extend_from_slice(other.as_str().unwrap().as_bytes());
    let Ok(plainsight_specs::entry::Entry::Genesis(genesis)) =
        plainsight_specs::entry::Entry::parse(&entry)
    else {
        panic!("not a genesis")
    };
    let remembered = Memory {
        genesis: *genesis,
        head: reader.memory().head,
        checkpoint: None,
    };
    let mut reader = Reader::open(&source, &trust, Some(remembered), now())
        .await
        .unwrap();
    let refused = status::status(&mut reader).await.unwrap_err();
    assert!(refused.to_string().contains("another genesis"), "{refused}");
    assert_eq!(refused.verdict(), Verdict::Refuted);
}

#[tokio::test]
async fn a_head_that_is_handed_in_comes_back_with_a_verdict_and_checked_evidence() {
    let served = log();
    let auditor = BaseUrl::parse(&served.url).unwrap();
    let head = served.log().heads.last().unwrap().head;
    let shown = served.log().checkpoint(head);
    served.log().verdict = Some(r#"{"verdict":"same","detail":"the very same"}"#.into());
    let answer = status::submit(&http(), &auditor, &shown).await.unwrap();
    assert_eq!(answer.verdict, AuditorVerdict::Same);
    assert_eq!(
        plainsight_client::report::Report::verdict(&answer),
        Verdict::Verified
    );
    // Two heads of one size, both signed.
    let mut forked = head;
    forked.root = sha256(b"another tree");
    let log_key = trust(&served).policy().logs()[0].key.clone();
    let second = served.log().checkpoint(forked);
    let proof = Proof::Fork {
        first: shown.clone(),
        second,
    };
    let evidence = Evidence {
        rule: Rule::Fork,
        log_key,
        proof,
    };
    let (id, bytes) = (evidence.id().to_hex(), evidence.to_json());
    served.log().evidence.insert(id.clone(), bytes);
    served.log().verdict = Some(format!(
        r#"{{"verdict":"fork","evidence":"{id}","detail":"two roots"}}"#
    ));
    let answer = status::submit(&http(), &auditor, &shown).await.unwrap();
    assert_eq!(
        plainsight_client::report::Report::verdict(&answer),
        Verdict::Refuted
    );
    assert_eq!(answer.evidence.unwrap().finding.rule, Rule::Fork);
    // Evidence that does not hold is not passed on as such.
    served.log().evidence.insert(id, b"{}".to_vec());
    let answer = status::submit(&http(), &auditor, &shown).await.unwrap();
    assert_eq!(answer.evidence, None);
    served.log().verdict = Some(r#"{"verdict":"guilty"}"#.into());
    let refused = status::submit(&http(), &auditor, &shown).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Undecided);
}

#[tokio::test]
async fn a_stream_is_listed_backwards_and_watched_from_where_it_was() {
    let served = log();
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let stream = product(SERDE).stream();
    let mut list = async |limit, after| {
        streams::list(&mut reader, &stream, Purpose::Releases, limit, after).await
    };
    let seqs = |listed: &Listed| -> Vec<u32> {
        let statements = listed.statements.iter();
        statements.map(|statement| statement.seq().get()).collect()
    };
    let all = list(10, None).await.unwrap();
    assert_eq!(seqs(&all), [1, 0]);
    assert_eq!(seqs(&list(1, None).await.unwrap()), [1]);
    assert!(seqs(&list(10, all.latest).await.unwrap()).is_empty());
    served.log().yank(&product(SERDE), "1.0.0", b"serde one");
    let new = list(10, all.latest).await.unwrap();
    assert_eq!(seqs(&new), [2]);
    let report = StreamReport {
        name: "serde".into(),
        listed: new,
        watched: true,
    };
    assert_eq!(report.verdict(), Verdict::Refuted);
    let text = report.lines().join("\n");
    assert!(
        text.contains("version 1.0.0 was taken back: it eats data"),
        "{text}"
    );
    // What was proved once does not go away.
    let ahead = Place {
        seq: Seq::new(9),
        leaf: sha256(b"anything"),
    };
    let refused = list(10, Some(ahead)).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
}

#[tokio::test]
async fn who_was_refused_what_is_offered_has_a_file_to_show() {
    let served = log();
    served
        .log()
        .protect("e2e-backup", None, ProtectionState::Offered);
    let found = protection(&served, "GB").await;
    let bytes = found.refusal().unwrap();
    let (source, trust) = (source(&served), trust(&served));
    let reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let genesis = &reader.memory().genesis;
    assert!(refusal::is_refusal(&bytes));
    let shown = refusal::check(&trust, genesis, &bytes).unwrap();
    assert_eq!(shown.protection.state, ProtectionState::Offered);
    assert_eq!(shown.refused, now());
    let text = String::from_utf8(bytes).unwrap();
    let broken = text.replacen("\"answer\":\"eyJ", "\"answer\":\"eyK", 1);
    assert_ne!(broken, text);
    assert!(refusal::check(&trust, genesis, broken.as_bytes()).is_err());
    let nobody = TrustPolicy::parse(
        &TinyLog::policy(&served.url).replace("2 w0 w1 w2", "3 w0 w1 w2"),
        None,
    )
    .unwrap();
    assert!(
        refusal::check(&nobody, genesis, text.as_bytes()).is_ok(),
        "all three cosigned"
    );
    served
        .log()
        .protect("e2e-backup", Some("GB"), ProtectionState::Withdrawn);
    assert!(protection(&served, "GB").await.refusal().is_none());
}
