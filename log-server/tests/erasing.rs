//! What a person asks to be forgotten is gone from every answer and from the database's file, and
//! the log still holds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use plainsight_specs::label::Label;
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};
use support::postgres;
use support::{Client, Made, key_item, key_set, make_on};

const NAME: &str = "anna@example.org";

async fn answer(client: &Client, name: &str) -> LookupAnswer {
    let request = LookupRequest {
        label: Label::email(name).unwrap(),
        since: None,
        logged: false,
    };
    let (status, body) = client.post("/v1/lookup", request.to_json()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    LookupAnswer::parse(&body).unwrap()
}

fn forget(made: &Made, typed: &str, which: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plainsight-log"))
        .arg("forget")
        .arg("--config")
        .arg(made.dir.path().join("log/plainsight-log.toml"))
        .args(which)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{typed}").unwrap();
    child.wait_with_output().unwrap()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|part| part == needle)
}

async fn forgotten_on(made: &Made) {
    let dir = made.dir.path().join("log");
    let toml = made.config.to_toml(&dir).unwrap();
    std::fs::write(dir.join("plainsight-log.toml"), toml).unwrap();
    let server = made.start().await;
    let client = Client::new(&server.url());
    let first = key_set(NAME, 0, None, 1);
    let second = key_set(NAME, 1, Some(&first), 1);
    let other = key_set("bert@example.org", 0, None, 2);
    for (key_set, seed) in [(&first, 1), (&second, 1), (&other, 2)] {
        let item = key_item(key_set, seed);
        client.publish_one(&made.tokens.keys, item).await.unwrap();
    }
    let shown = answer(&client, NAME).await.found.unwrap();
    assert_eq!(shown.key_set.as_ref(), Some(&second));

    for (typed, which, why) in [
        ("carl@example.org", "--all", "no such label"),
        ("not a label", "--all", "not a label"),
    ] {
        let output = forget(made, typed, &[which]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
    assert!(!forget(made, NAME, &["--version", "2"]).status.success());
    let output = forget(made, NAME, &["--all"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("version 1: erased"), "{said}");
    assert!(said.contains("backups"), "{said}");

    // An answer that was given before is not given again for longer than this.
    let mut tries = 0;
    loop {
        let found = answer(&client, NAME).await.found.unwrap();
        if found.key_set.is_none() {
            assert!(found.opening.is_none());
            assert_eq!(found.entry, shown.entry);
            break;
        }
        tries += 1;
        assert!(tries < 300, "it is still shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let found = answer(&client, "bert@example.org").await.found.unwrap();
    assert_eq!(found.key_set.as_ref(), Some(&other));
    server.shutdown().await;
    made.check().await;
    let Some(file) = made.config.database.file() else {
        return;
    };
    let wal = file.with_extension("db-wal");
    for file in [file, &wal] {
        let bytes = std::fs::read(file).unwrap_or_default();
        // The beginning is like that of any other; the end is a signature.
        for gone in [&first, &second] {
            assert!(
                !holds(&bytes, &gone[gone.len() - 64..]),
                "{}",
                file.display()
            );
        }
    }
    assert!(holds(
        &std::fs::read(file).unwrap(),
        &other[other.len() - 64..]
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_gone_from_answers_and_from_the_file() {
    forgotten_on(&make_on(None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_gone_from_answers_on_postgres() {
    let Some(cluster) = postgres::shared() else {
        return;
    };
    forgotten_on(&make_on(Some(cluster.database().parse().unwrap())).await).await;
}
