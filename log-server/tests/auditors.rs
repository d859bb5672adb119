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
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// Copies a folder of the log's parent over another. Not by another process, which would share the
/// locks of other tests' logs until it has begun.
fn copied(made: &Made, from: &str, to: &str) {
    let dir = made.dir.path();
    let _ = std::fs::remove_dir_all(dir.join(to));
    copy(&dir.join(from), &dir.join(to));
}

/// A log of which a copy was put back after it went on: what the auditors know, it does not.
async fn put_back(names: &[&str], threshold: usize) -> (Made, Vec<FakeAuditor>) {
    let (made, auditors, _) = with_auditors(names, threshold).await;
    let server = made.start().await;
    until_published(&server, 2).await;
    server.shutdown().await;
    copied(&made, "log", "yesterday");
    let server = made.start().await;
    let client = Client::new(&server.url());
    let item = key_item(&key_set("x@example.org", 0, None, 1), 1);
    client.publish_one(&made.tokens.keys, item).await.unwrap();
    server.shutdown().await;
    copied(&made, "yesterday", "log");
    (made, auditors)
}

/// Waits until the server says why it does not write.
async fn until_read_only(server: &plainsight_log_server::Server) -> String {
    for _ in 0..1_000 {
        if let Some(why) = server.read_only() {
            return why;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it still writes");
}

/// Database and objects of yesterday: only the auditors know better.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_log_that_was_put_back_signs_nothing() {
    let (made, auditors) = put_back(&["a"], 1).await;
    let seen = auditors[0].seen();
    let server = made.start().await;
    let why = server.read_only().unwrap();
    assert!(why.contains("a shows a checkpoint of size"), "{why}");
    server.shutdown().await;
    assert_eq!(auditors[0].seen(), seen);
    made.check().await;
}

/// The same while the auditors are away: what is published then waits for what they remember, and
/// no second story is signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_put_back_while_the_auditors_are_away_signs_nothing() {
    let (made, auditors) = put_back(&["a", "b", "c"], 2).await;
    let seen = auditors.iter().map(FakeAuditor::seen).collect::<Vec<_>>();
    for auditor in &auditors {
        auditor.away(true);
    }
    let server = made.start().await;
    assert_eq!(server.read_only(), None);
    let client = Client::new(&server.url());
    let item = key_item(&key_set("y@example.org", 0, None, 2), 2);
    let wait = plainsight_specs::publish::Wait::Sequenced;
    let taken = client.publish(&made.tokens.keys, vec![item], wait).await;
    assert!(taken[0].is_ok(), "{taken:?}");
    // One alone is no quorum, and its not knowing proves nothing.
    auditors[1].forget_all();
    auditors[1].away(false);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.read_only(), None);
    auditors[2].away(false);
    let why = until_read_only(&server).await;
    assert!(why.contains("c shows a checkpoint of size"), "{why}");
    auditors[0].away(false);
    server.shutdown().await;
    let now = auditors.iter().map(FakeAuditor::seen).collect::<Vec<_>>();
    assert_eq!(now[0], seen[0]);
    assert_eq!(now[2], seen[2]);
    assert_eq!(now[1], std::collections::BTreeMap::new());
}

/// The auditors that the writer asks may read from any replica.
#[tokio::test(flavor = "multi_thread")]
async fn every_replica_shows_what_the_writer_has_signed() {
    let Some(cluster) = support::postgres::shared() else {
        return;
    };
    let mut made = support::make_on(Some(cluster.database().parse().unwrap())).await;
    let auditor = FakeAuditor::start("a", 20, &made.vkey).await;
    made.set_policy(&format!(
        "log {}\n{}quorum a\n",
        made.vkey,
        auditor.policy_line()
    ));
    let writer = made.start().await;
    until_published(&writer, 2).await;
    let other = made.start().await;
    // It signs, and is not cosigned.
    auditor.play(vec![Trick::Status(500, "down"); 10_000]);
    let item = key_item(&key_set("y@example.org", 0, None, 2), 2);
    let wait = plainsight_specs::publish::Wait::Sequenced;
    let client = Client::new(&writer.url());
    let taken = client.publish(&made.tokens.keys, vec![item], wait).await;
    assert!(taken[0].is_ok(), "{taken:?}");
    let signed = loop {
        let seen = auditor.seen();
        if let Some((signed, _)) = seen.last_key_value().filter(|(signed, _)| signed.get() > 2) {
            break *signed;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for path in ["0/000", "entries/000"] {
        let path = format!("/tile/{path}.p/{signed}");
        let (status, body) = Client::new(&other.url()).get(&path).await;
        assert_eq!((status, body), client.get(&path).await);
        assert_eq!(status, 200, "{path}");
    }
    let beyond = format!("/tile/0/000.p/{}", signed.get() + 1);
    assert_eq!(Client::new(&other.url()).get(&beyond).await.0, 404);
    auditor.relent();
    until_published(&other, signed.get()).await;
    other.shutdown().await;
    writer.shutdown().await;
}
