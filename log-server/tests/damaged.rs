//! A log that does not find what it left: whatever was changed meanwhile, it signs nothing, and says
//! why. And one that cannot publish takes only so much.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::publish::Wait;
use sqlx::Connection as _;
use support::{Client, Made, key_item, key_set, make, problem};

/// A log with two heads that were published, stopped.
async fn stopped() -> Made {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    for n in 0..2u8 {
        let item = key_item(&key_set(&format!("{n}@example.org"), 0, None, 1), n);
        client.publish_one(&made.tokens.keys, item).await.unwrap();
    }
    server.shutdown().await;
    made
}

async fn change(made: &Made, sql: &'static str) {
    let file = made.config.database.file().unwrap();
    let url = format!("sqlite://{}", file.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
    connection.close().await.unwrap();
}

/// Starts it again, which must end in this reason for writing nothing.
async fn refuses(made: &Made, why: &str, what: &str) {
    let before = std::fs::read(made.config.objects.folder().unwrap().join("checkpoint")).unwrap();
    let server = made.start().await;
    let said = server.read_only();
    assert!(
        said.as_deref().is_some_and(|said| said.contains(why)),
        "{what}: {said:?}"
    );
    let item = key_item(&key_set("x@example.org", 0, None, 1), 1);
    let client = Client::new(&server.url());
    let answer = client.send(&made.tokens.keys, vec![item], Wait::Sequenced);
    assert_eq!(answer.await.unwrap().0, 503, "{what}");
    server.shutdown().await;
    let after = std::fs::read(made.config.objects.folder().unwrap().join("checkpoint")).unwrap();
    assert_eq!(before, after, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_beside_what_does_not_fit() {
    let cases = [
        (
            "UPDATE log SET vrf_key = zeroblob(32)",
            "the VRF key is not the one",
        ),
        (
            "UPDATE head SET last_ms = last_ms + 36000000",
            "the clock is before",
        ),
        (
            "UPDATE head SET root = zeroblob(32)",
            "do not hash to the head's root",
        ),
        (
            "UPDATE checkpoint SET root = zeroblob(32) WHERE size = (SELECT min(size) FROM checkpoint)",
            "what was signed at size",
        ),
        (
            "UPDATE checkpoint SET root = zeroblob(32) WHERE size = (SELECT max(size) FROM checkpoint)",
            "what was signed at size",
        ),
        (
            "INSERT INTO checkpoint (size, root, note, term, signed_at)
             SELECT size + 1000, root, note, term, signed_at FROM checkpoint LIMIT 1",
            "a larger size was signed",
        ),
    ];
    for (sql, why) in cases {
        let made = stopped().await;
        change(&made, sql).await;
        refuses(&made, why, sql).await;
    }
}

/// Gives the first key entry that is stored a kind that there is not.
async fn break_an_entry(made: &Made) {
    let file = made.config.database.file().unwrap();
    let url = format!("sqlite://{}", file.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT start, body FROM segment ORDER BY start")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    // Its length, and the kind of a key entry.
    let key = [0, 65, 2];
    let found = rows.into_iter().find_map(|(start, body)| {
        let at = body.windows(key.len()).position(|window| window == key)?;
        Some((start, body, at + 2))
    });
    let (start, mut body, kind) = found.unwrap();
    body[kind] = 7;
    sqlx::query("UPDATE segment SET body = ? WHERE start = ?")
        .bind(body)
        .bind(start)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_behind_an_entry_that_breaks_a_rule() {
    let made = stopped().await;
    break_an_entry(&made).await;
    refuses(&made, "breaks the rule malformed", "another kind").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_beside_another_public_head() {
    let made = stopped().await;
    let file = made.config.objects.folder().unwrap().join("checkpoint");
    let note = std::fs::read_to_string(&file).unwrap();
    let root = note.lines().nth(2).unwrap();
    let other = plainsight_specs::hash::sha256(b"another tree").to_base64();
    std::fs::write(&file, note.replace(root, &other)).unwrap();
    refuses(&made, "what was signed at size", "another root").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_is_taken_up_to_a_bound() {
    let mut made = make().await;
    let name = KeyName::parse("gone.example").unwrap();
    let key = SecretKey::from_seed(&[5; 32]);
    let gone = Signer::new(name, Algorithm::CosignatureV1, key).unwrap();
    made.set_policy(&format!(
        "log {}\nwitness gone {} http://127.0.0.1:1\nquorum gone\n",
        made.vkey,
        gone.verifier_key()
    ));
    made.config.limits.unpublished_entries = 10;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let mut taken = 0;
    for n in 0..40u8 {
        let item = key_item(&key_set(&format!("{n}@example.org"), 0, None, 1), n);
        let sent = client.send(&made.tokens.keys, vec![item], Wait::Sequenced);
        let (status, body) = sent.await.unwrap();
        if status != 200 {
            assert_eq!((status, problem(&body).as_str()), (503, "busy"));
            break;
        }
        taken += 1;
    }
    assert!((5..40).contains(&taken), "{taken} were taken");
    server.shutdown().await;
}
