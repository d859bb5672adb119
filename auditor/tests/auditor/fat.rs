//! A log that signs more than anybody reads: the evidence about it is bounded before it is made, and
//! what ends the program once does not end it at each start.

use plainsight_specs::codec::base64_bytes;
use plainsight_specs::dsse::Envelope;
use plainsight_specs::entry::StatementEntry;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::StatementDraft;
use serde_json::{Value, json};

use crate::support::{Auditor, Site, busy, database, epoch, folder};
use crate::tiny_log::{RELEASES, TinyLog, release, secret};

/// The entry of a statement with a member that nobody reads.
fn padded(draft: &StatementDraft, signer: u8, pad: usize) -> Vec<u8> {
    let signers = [&secret(signer)];
    let envelope: Value = serde_json::from_slice(&draft.sign(&signers)).unwrap();
    let text = |name: &str| envelope[name].as_str().unwrap().to_owned();
    let payload = base64_bytes(&text("payload"), 1 << 16).unwrap();
    let mut payload: Value = serde_json::from_slice(&payload).unwrap();
    payload["pad"] = json!("x".repeat(pad));
    let payload = payload.to_string();
    let bytes = Envelope::build(&text("payloadType"), payload.as_bytes(), &signers);
    StatementEntry::from_envelope(&bytes).unwrap().to_bytes()
}

/// The first break, once it is said whether there is evidence.
async fn settled(auditor: &Auditor) -> Value {
    let log = auditor
        .wait("the first break to be settled", |log| {
            let first = &log["breaks"][0];
            first["evidence"].is_string() || first["unproven"].is_string()
        })
        .await;
    log["breaks"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_that_no_file_holds_is_a_break_without_evidence() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    epoch(&mut log);
    for n in 0..800 {
        let draft = log.next(release(&format!("1.{n}"), &[b"one"]));
        let entry = padded(&draft, RELEASES, 48_000);
        assert!(entry.len() > 60_000);
        assert!(!log.push(entry).is_void());
    }
    log.push(vec![0x07]);
    let at = log.size().get() - 1;
    epoch(&mut log);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    let first = settled(&auditor).await;
    assert_eq!(
        (&first["rule"], &first["position"]),
        (&json!("malformed"), &json!(at))
    );
    let why = first["unproven"].as_str().unwrap();
    assert!(why.contains("bytes"), "{why}");
    let stopped = auditor.log().await;
    assert_eq!(stopped["verdict"], "stopped");
    assert_eq!(stopped["evidence"], json!([]));
    auditor.stop().await;
    assert_eq!(std::fs::read_dir(config.evidence()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_ended_the_program_is_given_up() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = busy();
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
    log.push(vec![0x07]);
    let at = log.size().get() - 1;
    log.push(vec![0x07, 1]);
    epoch(&mut log);
    // As it is found after the third time that putting it together ended the program.
    let begun = format!("INSERT INTO proofs_begun VALUES (1, {at}, 'malformed', 3)");
    database::sql(&config, &begun, &begun).await;
    site.publish(&log);
    let auditor = Auditor::start(&config).await;
    auditor.wait_stopped("malformed").await;
    let first = settled(&auditor).await;
    let why = first["unproven"].as_str().unwrap();
    assert!(why.contains("3 times"), "{why}");
    // The next one is not worse for it.
    assert_eq!(auditor.finding().await.rule, Rule::Malformed);
    auditor.stop().await;
    let begun = database::count(&config, "proofs_begun").await;
    assert_eq!(begun, 0, "what ended well is not counted");
}
