//! What auditors may answer to add-checkpoint, and what the log makes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::time::Duration;

use plainsight_specs::merkle::TreeSize;
use plainsight_specs::policy::Policy;
use support::auditor::{FakeAuditor, Trick};
use support::{Client, Made, key_item, key_set, make};

/// A log, its auditors, and a policy that wants `threshold` of them.
async fn with_auditors(names: &[&str], threshold: usize) -> (Made, Vec<FakeAuditor>, Policy) {
    let mut made = make().await;
    let mut auditors = Vec::new();
    let mut text = format!("log {}\n", made.vkey);
    for (seed, name) in (20..).zip(names) {
        let auditor = FakeAuditor::start(name, seed, &made.vkey).await;
        text.push_str(&auditor.policy_line());
        auditors.push(auditor);
    }
    let names = names.join(" ");
    let text = format!("{text}group all {threshold} {names}\nquorum all\n");
    made.set_policy(&text);
    (made, auditors, Policy::parse(&text).unwrap())
}

fn size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap()
}

async fn until_published(server: &plainsight_log_server::Server, at: u64) {
    tokio::time::timeout(Duration::from_secs(15), server.until_published(size(at)))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_again_after_each_answer_that_is_no_cosignature() {
    let (made, auditors, policy) = with_auditors(&["a"], 1).await;
    let tricks = [
        Trick::Behind,
        Trick::Status(503, "later"),
        Trick::Status(429, "later"),
        Trick::Status(422, "rule epoch-root 1\n"),
        Trick::Status(403, "who?"),
        Trick::Status(404, "what?"),
        Trick::Status(400, "how?"),
        Trick::Status(409, "a conflict, but of another kind"),
        Trick::Garbage(b"no signature line\n".to_vec()),
        Trick::Garbage(Vec::new()),
        Trick::Garbage(vec![0xff; 100]),
        Trick::Huge,
        Trick::WrongKey,
        Trick::WrongSignature,
        Trick::Redirect,
        Trick::AtSize(7_000_000),
        Trick::AtSize(1),
        Trick::AtSize(0),
    ];
    auditors[0].play(tricks);
    let server = made.start().await;
    until_published(&server, 2).await;
    assert_eq!(auditors[0].tricks_left(), 0);
    let checkpoint = Client::new(&server.url()).checkpoint().await;
    assert_eq!(policy.verify(checkpoint).unwrap().cosignatures().len(), 1);
    server.shutdown().await;
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_auditor_does_not_hold_up_a_quorum_without_it() {
    let (made, auditors, policy) = with_auditors(&["a", "b", "c"], 2).await;
    auditors[2].play(vec![Trick::Slow(Duration::from_mins(1)); 100]);
    let server = made.start().await;
    let client = Client::new(&server.url());
    let started = std::time::Instant::now();
    let item = key_item(&key_set("anna@example.org", 0, None, 1), 1);
    client.publish_one(&made.tokens.keys, item).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(8));
    let cosigned = policy.verify(client.checkpoint().await).unwrap();
    assert_eq!(cosigned.cosignatures().len(), 2);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_the_last_good_checkpoint_stays_and_sequencing_goes_on() {
    let (made, auditors, _policy) = with_auditors(&["a", "b"], 2).await;
    let server = made.start().await;
    until_published(&server, 2).await;
    let client = Client::new(&server.url());
    let before = client.checkpoint().await.head();
    auditors[1].play(vec![Trick::Status(422, "rule seq 3\n"); 20]);
    for n in 0..10u8 {
        let item = key_item(&key_set(&format!("{n}@example.org"), 0, None, 1), n);
        let wait = plainsight_specs::publish::Wait::Sequenced;
        client
            .publish(&made.tokens.keys, vec![item], wait)
            .await
            .remove(0)
            .unwrap();
        assert_eq!(client.checkpoint().await.head(), before);
    }
    until_published(&server, 13).await;
    assert_eq!(auditors[1].tricks_left(), 0);
    server.shutdown().await;
    for auditor in auditors {
        assert_eq!(auditor.contradictions(), Vec::<String>::new());
    }
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_was_signed_is_published_first_after_a_restart() {
    let (made, auditors, _policy) = with_auditors(&["a"], 1).await;
    auditors[0].play(vec![Trick::Status(500, "down"); 100]);
    let server = made.start().await;
    let client = Client::new(&server.url());
    let item = key_item(&key_set("anna@example.org", 0, None, 1), 1);
    let wait = plainsight_specs::publish::Wait::Sequenced;
    client
        .publish(&made.tokens.keys, vec![item], wait)
        .await
        .remove(0)
        .unwrap();
    assert_eq!(server.published_size(), TreeSize::ZERO);
    // Until there is a signed note that nobody has cosigned.
    while auditors[0].requests() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.kill().await;
    auditors[0].relent();
    let server = made.start().await;
    until_published(&server, 4).await;
    server.shutdown().await;
    assert_eq!(auditors[0].contradictions(), Vec::<String>::new());
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_that_lost_its_state_is_brought_up_again() {
    let (made, auditors, _policy) = with_auditors(&["a"], 1).await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    for n in 0..3u8 {
        auditors[0].forget();
        let item = key_item(&key_set(&format!("{n}@example.org"), 0, None, 1), n);
        client.publish_one(&made.tokens.keys, item).await.unwrap();
    }
    server.shutdown().await;
    assert_eq!(auditors[0].contradictions(), Vec::<String>::new());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// Puts a log's database and objects back to what they were before its last publication.
async fn put_back(made: &Made) {
    let server = made.start().await;
    until_published(&server, 2).await;
    server.shutdown().await;
    let dir = made.dir.path();
    // Not by another process, which would share the locks of other tests' logs until it has begun.
    let copied = |from: &str, to: &str| {
        let _ = std::fs::remove_dir_all(dir.join(to));
        copy(&dir.join(from), &dir.join(to));
    };
    copied("log", "yesterday");
    let server = made.start().await;
    let client = Client::new(&server.url());
    let item = key_item(&key_set("x@example.org", 0, None, 1), 1);
    client.publish_one(&made.tokens.keys, item).await.unwrap();
    server.shutdown().await;
    copied("yesterday", "log");
}

/// Database and objects of yesterday: only the auditors know better.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_log_that_was_put_back_signs_nothing() {
    let (made, auditors, _) = with_auditors(&["a"], 1).await;
    put_back(&made).await;
    let seen = auditors[0].seen();
    let server = made.start().await;
    let why = server.read_only().unwrap();
    assert!(why.contains("a shows a checkpoint of size"), "{why}");
    server.shutdown().await;
    assert_eq!(auditors[0].seen(), seen);
    made.check().await;
}

/// The same while the auditors cannot be asked: entries are taken, and nothing is signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_put_back_waits_with_its_signature_for_its_auditors() {
    let (made, auditors, _) = with_auditors(&["a"], 1).await;
    put_back(&made).await;
    let (seen, requests) = (auditors[0].seen(), auditors[0].requests());
    auditors[0].mute(true);
    let asked = auditors[0].asked();
    let server = made.start().await;
    assert_eq!(server.read_only(), None);
    let client = Client::new(&server.url());
    let item = key_item(&key_set("y@example.org", 0, None, 1), 1);
    let wait = plainsight_specs::publish::Wait::Sequenced;
    client
        .publish(&made.tokens.keys, vec![item], wait)
        .await
        .remove(0)
        .unwrap();
    // Once at the start of the term, and then for the signature, again and again.
    while auditors[0].asked() < asked + 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        auditors[0].requests(),
        requests,
        "nothing was signed to ask for"
    );
    auditors[0].mute(false);
    while server.read_only().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.shutdown().await;
    assert_eq!(auditors[0].seen(), seen);
}
