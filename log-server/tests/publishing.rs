//! A log from end to end: made, served, published to, cosigned, looked up, stopped, restarted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use plainsight_log_server::store::Store;
use plainsight_specs::hash::sha256;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::policy::Policy;
use plainsight_specs::publish::Wait;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::Seq;
use support::auditor::FakeAuditor;
use support::{Client, Made, Reader, key_item, key_set, make, problem, publisher, release};

/// A log with one auditor and the policy of its readers.
async fn cosigned() -> (Made, FakeAuditor, Policy) {
    let mut made = make().await;
    let auditor = FakeAuditor::start("auditor.test/a", 9, &made.vkey).await;
    let text = format!(
        "log {}\n{}quorum auditor.test/a\n",
        made.vkey,
        auditor.policy_line()
    );
    made.set_policy(&text);
    (made, auditor, Policy::parse(&text).unwrap())
}

/// The genesis and its epoch are shown.
async fn until_begun(server: &plainsight_log_server::Server) {
    let begun = server.until_published(plainsight_specs::merkle::TreeSize::new(2).unwrap());
    tokio::time::timeout(std::time::Duration::from_secs(15), begun)
        .await
        .unwrap();
}

fn statement(envelope: &[u8]) -> plainsight_specs::publish::PublishItem {
    plainsight_specs::publish::PublishItem::Statement {
        envelope: envelope.to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_proved_to_readers() {
    let (made, _auditor, policy) = cosigned().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    server
        .until_published(plainsight_specs::merkle::TreeSize::new(2).unwrap())
        .await;
    let mut reader = Reader::meet(&client, &policy).await;
    assert!(reader.look_up("anna@example.org").await.found().is_none());

    let first = key_set("anna@example.org", 0, None, 1);
    let position = client
        .publish_one(&made.tokens.keys, key_item(&first, 1))
        .await
        .unwrap();
    let lookup = reader.look_up("anna@example.org").await;
    let found = lookup.found().unwrap();
    assert_eq!(found.key_set().bytes(), first);
    assert_eq!(found.logged().unwrap().position, position);

    let second = key_set("anna@example.org", 1, Some(&first), 1);
    let reset = key_set("anna@example.org", 2, None, 2);
    for (item, seed) in [(&second, 2), (&reset, 3)] {
        client
            .publish_one(&made.tokens.keys, key_item(item, seed))
            .await
            .unwrap();
    }
    let lookup = reader.look_up("anna@example.org").await;
    assert_eq!(lookup.found().unwrap().key_set().version(), Version::new(2));
    let history = reader.history("anna@example.org", 0).await;
    let listed: Vec<_> = history
        .versions()
        .iter()
        .map(|version| version.key_set.as_ref().unwrap().bytes().to_vec())
        .collect();
    assert_eq!(listed, [first, second, reset]);
    assert!(reader.look_up("bert@example.org").await.found().is_none());

    let v1 = release("1.0", 0, None, &publisher());
    client
        .publish_one(&made.tokens.releases, statement(&v1))
        .await
        .unwrap();
    let state = reader.stream(Some("1.0"), None).await;
    assert!(state.may_install(&sha256(b"1.0")));
    assert!(!state.may_install(&sha256(b"1.1")));
    assert_eq!(state.latest().unwrap().seq, Seq::ZERO);
    let v2 = release("1.1", 1, Some(state.latest().unwrap().leaf), &publisher());
    client
        .publish_one(&made.tokens.releases, statement(&v2))
        .await
        .unwrap();
    let by_digest = reader.stream(None, Some(sha256(b"1.1"))).await;
    assert_eq!(by_digest.latest().unwrap().seq, Seq::new(1));
    assert!(by_digest.shipped().is_some());
    assert!(reader.stream(Some("9.9"), None).await.release().is_none());

    server.shutdown().await;
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_publishes_statements_of_its_own_role_and_no_others() {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let envelope = release("1.0", 0, None, &publisher());
    let item = || vec![statement(&envelope)];
    // Rightly signed, and not this token's to publish.
    for token in [
        &made.tokens.keys,
        &made.tokens.protections,
        &made.tokens.root,
    ] {
        let sent = client.send(token, item(), Wait::Sequenced).await;
        let (status, body) = sent.unwrap();
        assert_eq!((status, problem(&body).as_str()), (403, "forbidden"));
    }
    let sent = client.send(&made.tokens.releases, item(), Wait::Sequenced);
    assert_eq!(sent.await.unwrap().0, 200);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_key_sets_that_cannot_be_logged() {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let keys = &made.tokens.keys;
    let first = key_set("anna@example.org", 0, None, 1);

    let (status, body) = client
        .send(
            "no token of ours",
            vec![key_item(&first, 1)],
            Wait::Sequenced,
        )
        .await
        .unwrap();
    assert_eq!((status, problem(&body).as_str()), (401, "unauthorized"));
    for token in [
        &made.tokens.releases,
        &made.tokens.protections,
        &made.tokens.root,
    ] {
        let (status, body) = client
            .send(token, vec![key_item(&first, 1)], Wait::Sequenced)
            .await
            .unwrap();
        assert_eq!((status, problem(&body).as_str()), (403, "forbidden"));
    }
    let (status, body) = client.post("/v1/lookup", b"{}".to_vec()).await;
    assert_eq!((status, problem(&body).as_str()), (400, "malformed"));
    let (status, body) = client.post("/v1/lookup", vec![b' '; 20_000]).await;
    assert_eq!((status, problem(&body).as_str()), (413, "too-large"));

    // Too early, at once, again, again with another opening, another key set.
    let later = key_set("anna@example.org", 1, Some(&first), 1);
    let refused = client
        .publish_one(keys, key_item(&later, 1))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "version");
    let position = client.publish_one(keys, key_item(&first, 1)).await.unwrap();
    assert_eq!(
        client.publish_one(keys, key_item(&first, 1)).await,
        Ok(position)
    );
    let other = key_set("anna@example.org", 0, None, 2);
    for item in [key_item(&first, 2), key_item(&other, 1)] {
        let refused = client.publish_one(keys, item).await.unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.position),
            ("exists", Some(position))
        );
    }

    // A label that is not canonical, and a signature that does not hold.
    let text = String::from_utf8(first.clone()).unwrap();
    let mut broken = text.clone().into_bytes();
    let at = text.find("\"sig\"").unwrap() + 10;
    broken[at] = if broken[at] == b'A' { b'B' } else { b'A' };
    let refused = client
        .publish_one(keys, key_item(&broken, 1))
        .await
        .unwrap_err();
    assert!(["signature", "malformed"].contains(&refused.code.as_str()));
    let refused = client
        .publish_one(keys, key_item(b"{}", 1))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "malformed");

    // Of one request, each item has its own result.
    let bert = key_set("bert@example.org", 0, None, 3);
    let items = vec![
        key_item(&later, 1),
        key_item(b"{}", 1),
        key_item(&bert, 1),
        key_item(&bert, 2),
    ];
    let results = client.publish(keys, items, Wait::Published).await;
    let codes: Vec<_> = results
        .iter()
        .map(|result| {
            result
                .as_ref()
                .map_or_else(|error| error.code.as_str(), |_| "ok")
        })
        .collect();
    assert_eq!(codes, ["ok", "malformed", "ok", "version"]);

    server.shutdown().await;
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_the_rule_that_a_statement_would_break() {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let stranger = plainsight_specs::ed25519::SecretKey::from_seed(&[5; 32]);
    let releases = &made.tokens.releases;
    for (envelope, rule) in [
        (release("1.0", 0, None, &stranger), Rule::Signature),
        (release("1.0", 1, None, &publisher()), Rule::Seq),
        (
            release("1.0", 0, Some(sha256(b"x")), &publisher()),
            Rule::Prev,
        ),
    ] {
        let refused = client
            .publish_one(releases, statement(&envelope))
            .await
            .unwrap_err();
        assert_eq!((refused.code.as_str(), refused.rule), ("rule", Some(rule)));
    }
    let good = release("1.0", 0, None, &publisher());
    let position = client
        .publish_one(releases, statement(&good))
        .await
        .unwrap();
    assert_eq!(
        client.publish_one(releases, statement(&good)).await,
        Ok(position)
    );
    let other = release("2.0", 0, None, &publisher());
    let refused = client
        .publish_one(releases, statement(&other))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.position),
        ("exists", Some(position))
    );

    server.shutdown().await;
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h7_one_entry_sent_many_times_is_logged_once_and_answered_each_time() {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let first = key_set("anna@example.org", 0, None, 1);
    let requests = (0..50).map(|_| client.publish_one(&made.tokens.keys, key_item(&first, 1)));
    let results = futures::future::join_all(requests).await;
    let position = results[0].clone().unwrap();
    assert!(results.iter().all(|result| *result == Ok(position)));
    server.shutdown().await;
    made.check().await;
}

/// No timer gathers entries: a lone one is a commit of its own, and a crowd shares few.
#[tokio::test(flavor = "multi_thread")]
async fn h10_a_commit_takes_what_queued_during_the_last_one() {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let keys = &made.tokens.keys;
    let commits = async || {
        let store = Store::open_read_only(&made.config.database).await.unwrap();
        let (mut next, mut starts) = (0, Vec::new());
        while let Some(segment) = store.segment_at(next).await.unwrap() {
            next = segment.start + segment.count;
            starts.push(segment.start);
        }
        store.close().await;
        starts
    };
    let lone = key_set("lone@example.org", 0, None, 1);
    let sent = client
        .publish(keys, vec![key_item(&lone, 1)], Wait::Sequenced)
        .await;
    let position = sent[0].clone().unwrap().position.get();
    let before = commits().await;
    assert!(
        before.contains(&position),
        "it waited for another: {before:?}"
    );
    let crowd: Vec<_> = (0..200)
        .map(|n| key_set(&format!("crowd-{n}@example.org"), 0, None, 1))
        .collect();
    let requests = crowd
        .iter()
        .map(|one| client.publish(keys, vec![key_item(one, 1)], Wait::Sequenced));
    for result in futures::future::join_all(requests).await {
        assert!(result[0].is_ok());
    }
    let commits = commits().await.len() - before.len();
    assert!(commits < 200, "each entry had a commit of its own");
    server.shutdown().await;
}

/// A key set that is not signed by the identity key before it is logged, and its publisher is told,
/// each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_logged_and_said_to_be_one() {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let keys = &made.tokens.keys;
    let first = key_set("anna@example.org", 0, None, 1);
    let lost = key_set("anna@example.org", 1, Some(&first), 2);
    let publish = async |key_set: &[u8]| {
        let sent = client
            .publish(keys, vec![key_item(key_set, 1)], Wait::Sequenced)
            .await;
        sent[0].clone().unwrap()
    };
    assert!(!publish(&first).await.reset);
    let reset = publish(&lost).await;
    assert!(reset.reset);
    assert_eq!(publish(&lost).await, reset);
    assert!(!publish(&first).await.reset);
    let next = key_set("anna@example.org", 2, Some(&lost), 2);
    assert!(!publish(&next).await.reset);
    server.shutdown().await;
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_the_log_was() {
    let (made, auditor, policy) = cosigned().await;
    let mut seen = None;
    for round in 0..3u8 {
        let server = made.start().await;
        assert_eq!(server.read_only(), None);
        let client = Client::new(&server.url());
        for n in 0..40u8 {
            let name = format!("{round}-{n}@example.org");
            client
                .publish(
                    &made.tokens.keys,
                    vec![key_item(&key_set(&name, 0, None, n + 1), n)],
                    Wait::Sequenced,
                )
                .await
                .remove(0)
                .unwrap();
        }
        server.shutdown().await;
        made.check().await;
        let server = made.start().await;
        let client = Client::new(&server.url());
        let mut reader = Reader::meet(&client, &policy).await;
        if let Some(seen) = seen {
            reader.seen = seen;
        }
        let lookup = reader.look_up(&format!("{round}-39@example.org")).await;
        assert!(lookup.found().is_some());
        seen = Some(reader.seen);
        server.shutdown().await;
    }
    assert_eq!(auditor.contradictions(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_does_not_start_on_the_same_log() {
    let made = make().await;
    let server = made.start().await;
    assert!(
        plainsight_log_server::Server::start(made.config.clone())
            .await
            .is_err()
    );
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_beside_newer_objects_is_not_written() {
    let made = make().await;
    let server = made.start().await;
    // What the copy will show.
    until_begun(&server).await;
    server.shutdown().await;
    let backup = std::fs::read(made.config.database.file().unwrap()).unwrap();
    let server = made.start().await;
    let client = Client::new(&server.url());
    client
        .publish_one(
            &made.tokens.keys,
            key_item(&key_set("anna@example.org", 0, None, 1), 1),
        )
        .await
        .unwrap();
    server.shutdown().await;
    // New files: a connection that is still closing writes into the old ones.
    for name in ["log.db", "log.db-wal", "log.db-shm"] {
        let _ = std::fs::remove_file(made.config.database.file().unwrap().with_file_name(name));
    }
    std::fs::write(made.config.database.file().unwrap(), backup).unwrap();
    let server = made.start().await;
    assert!(server.read_only().unwrap().contains("larger checkpoint"));
    let client = Client::new(&server.url());
    let (status, body) = client
        .send(
            &made.tokens.keys,
            vec![key_item(&key_set("b@example.org", 0, None, 1), 1)],
            Wait::Sequenced,
        )
        .await
        .unwrap();
    assert_eq!((status, problem(&body).as_str()), (503, "read-only"));
    // Nobody is proved that there is nothing where the log has shown something.
    let lookup = LookupRequest {
        label: Label::email("anna@example.org").unwrap(),
        since: None,
        logged: false,
    };
    let (status, body) = client.post("/v1/lookup", lookup.to_json()).await;
    assert_eq!((status, problem(&body).as_str()), (503, "unavailable"));
    // What is public can be had.
    until_begun(&server).await;
    assert_eq!(client.get("/checkpoint").await.0, 200);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_objects_beside_the_database_are_written_again() {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    for n in 0..5u8 {
        let item = key_item(&key_set(&format!("{n}@example.org"), 0, None, 1), n);
        client.publish_one(&made.tokens.keys, item).await.unwrap();
    }
    server.shutdown().await;
    std::fs::remove_dir_all(made.config.objects.folder().unwrap()).unwrap();
    std::fs::create_dir(made.config.objects.folder().unwrap()).unwrap();
    let server = made.start().await;
    assert_eq!(server.read_only(), None);
    let client = Client::new(&server.url());
    let item = key_item(&key_set("x@example.org", 0, None, 1), 1);
    client.publish_one(&made.tokens.keys, item).await.unwrap();
    server.shutdown().await;
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_under_a_final_name_freeze_the_log_for_good() {
    let made = make().await;
    let entries = made
        .config
        .objects
        .folder()
        .unwrap()
        .join("tile/entries/000.p");
    std::fs::create_dir_all(&entries).unwrap();
    std::fs::write(entries.join("2"), b"not the log's").unwrap();
    for _ in 0..2 {
        let server = made.start().await;
        let frozen = async {
            while server.read_only().is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), frozen)
            .await
            .unwrap();
        assert_eq!(server.published_size().get(), 0);
        server.shutdown().await;
        // The first time it is found, the second time it is remembered.
        let _ = std::fs::remove_file(entries.join("2"));
    }
}
