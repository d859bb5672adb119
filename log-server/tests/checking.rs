//! What `plainsight-log check` finds, and what it repairs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use plainsight_log_server::check::{self, Options, Report};
use plainsight_log_server::gc;
use plainsight_log_server::objects::{Objects, ObjectsAddress};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::publish::Wait;
use sqlx::Connection as _;
use support::{Client, Made, key_item, key_set, make, publisher, release};

/// A log of a few publications and more than two full bundles.
async fn published() -> Made {
    let made = make().await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let mut name = 0;
    for entries in [1, 80, 90, 100, 120, 60, 70, 3] {
        let items = (name..name + entries).map(|i| {
            let key_set = key_set(&format!("{i}@example.org"), 0, None, 7);
            key_item(&key_set, 7)
        });
        let items = items.collect();
        let results = client
            .publish(&made.tokens.keys, items, Wait::Published)
            .await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        name += entries;
    }
    let release = plainsight_specs::publish::PublishItem::Statement {
        envelope: release("1.0", 0, None, &publisher()),
    };
    client
        .publish_one(&made.tokens.releases, release)
        .await
        .unwrap();
    server.shutdown().await;
    made.check().await;
    made
}

fn file(made: &Made, name: &str) -> PathBuf {
    made.config.objects.folder().unwrap().join(name)
}

/// Every file that a static server would show.
fn files(made: &Made) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![made.config.objects.folder().unwrap().to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

async fn report(made: &Made) -> Report {
    plainsight_log_server::check(&made.config).await.unwrap()
}

fn flip(path: &PathBuf) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Runs a statement on the database behind the log's back.
async fn sql(made: &Made, statement: &'static str) {
    let url = format!(
        "sqlite://{}",
        made.config.database.file().unwrap().display()
    );
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let done = sqlx::query(statement).execute(&mut connection).await;
    assert!(done.unwrap().rows_affected() > 0, "{statement}");
    connection.close().await.unwrap();
}

/// The partial bundle and the highest partial tile of the newest size.
fn newest_partials(made: &Made) -> Vec<String> {
    let note = std::fs::read(file(made, "checkpoint")).unwrap();
    let head = plainsight_specs::checkpoint::UnverifiedCheckpoint::parse(&note)
        .unwrap()
        .head();
    let size = head.size.get();
    vec![
        format!("tile/entries/{:03}.p/{}", size / 256, size % 256),
        format!("tile/1/000.p/{}", size / 256),
    ]
}

#[tokio::test]
async fn what_is_missing_is_found_and_written_again_and_nothing_else_is_touched() {
    let made = published().await;
    let whole = files(&made);
    let mut gone = vec!["tile/0/000".to_owned(), "tile/entries/001".to_owned()];
    gone.extend(newest_partials(&made));
    for name in &gone {
        std::fs::remove_file(file(&made, name)).unwrap();
    }
    let found = report(&made).await;
    assert_eq!(found.missing, gone.len() as u64, "{found}");
    assert!(found.is_proven);
    for name in &gone {
        let fault = format!("{name} is missing");
        assert!(found.faults.contains(&fault), "{found}");
    }
    assert!(found.to_string().contains("check --repair"), "{found}");

    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = std::sync::Arc::clone(&told);
    let options = Options {
        progress: Some(std::sync::Arc::new(move |done, of| {
            sink.lock().unwrap().push((done, of));
        })),
    };
    let repaired = check::repair(&made.config, &options).await.unwrap();
    assert_eq!(repaired.rewritten, gone.len() as u64);
    assert!(repaired.is_well(), "{repaired}");
    assert_eq!(files(&made), whole);
    let told = told.lock().unwrap();
    assert!(
        told.last()
            .is_some_and(|(done, of)| done == of && *of > 512)
    );
}

#[tokio::test]
async fn other_bytes_are_found_and_never_repaired() {
    let made = published().await;
    let cases = [
        ("tile/0/001", "other bytes than the log's"),
        ("tile/entries/000", "other bytes than the database"),
        (
            &*newest_partials(&made)[0].clone(),
            "other bytes than the log's",
        ),
        ("checkpoint", "checkpoint"),
    ];
    for (name, why) in cases {
        let path = file(&made, name);
        let right = std::fs::read(&path).unwrap();
        flip(&path);
        let wrong = std::fs::read(&path).unwrap();
        let found = check::repair(&made.config, &Options::default())
            .await
            .unwrap();
        assert!(
            found.faults.iter().any(|fault| fault.contains(why)),
            "{name}: {found}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), wrong, "{name} was edited");
        // Cut short, too long, empty.
        for length in [0, right.len() - 1] {
            std::fs::write(&path, &right[..length]).unwrap();
            assert!(!report(&made).await.is_well(), "{name} with {length} bytes");
        }
        std::fs::write(&path, [&right[..], b"x"].concat()).unwrap();
        assert!(!report(&made).await.is_well(), "{name} with a byte more");
        std::fs::write(&path, right).unwrap();
    }
    made.check().await;
}

#[tokio::test]
async fn orphans_leftovers_and_partials_of_the_wrong_width_are_listed() {
    let made = published().await;
    let full = std::fs::read(file(&made, "tile/0/000")).unwrap();
    // Right bytes, of a size that was never signed.
    std::fs::create_dir_all(file(&made, "tile/0/000.p")).unwrap();
    std::fs::write(file(&made, "tile/0/000.p/77"), &full[..77 * 32]).unwrap();
    std::fs::create_dir_all(file(&made, "#tmp")).unwrap();
    std::fs::write(file(&made, "#tmp/1"), b"half").unwrap();
    let found = report(&made).await;
    assert!(found.is_well(), "{found}");
    assert_eq!((found.early, found.leftovers), (1, 1), "{found}");
    assert!(found.to_string().contains("tile/0/000.p/77"), "{found}");
    assert!(found.to_string().contains("#tmp/1"), "{found}");

    // Bytes of another width than the name says; other bytes; other names; beyond the log.
    for (name, bytes) in [
        ("tile/0/000.p/76", &full[..77 * 32]),
        ("tile/0/000.p/78", &full[32..79 * 32]),
        ("tile/0/000.p/079", &full[..79 * 32]),
        ("tile/0/00", &full),
        ("tile/0/009", &full),
        ("index.html", b"<html>"),
    ] {
        std::fs::write(file(&made, name), bytes).unwrap();
        let found = report(&made).await;
        assert_eq!(found.faults.len(), 1, "{name}: {found}");
        assert!(found.faults[0].contains(name), "{name}: {found}");
        std::fs::remove_file(file(&made, name)).unwrap();
    }
}

#[tokio::test]
async fn every_private_row_is_compared_with_its_entry() {
    for (statement, why) in [
        ("DELETE FROM key_version WHERE position = 7", "key entry 7"),
        (
            "UPDATE key_version SET opening = zeroblob(16) WHERE position = 9",
            "key entry 9",
        ),
        (
            "UPDATE key_version SET label_hash = zeroblob(32) WHERE position = 11",
            "key entry 11",
        ),
        (
            "UPDATE key_version SET key_set = (SELECT key_set FROM key_version WHERE position = 14) \
             WHERE position = 15",
            "key entry 15",
        ),
        ("DELETE FROM statement", "statement"),
        (
            "UPDATE key_version SET position = 0 WHERE position = 20",
            "belongs to no entry",
        ),
    ] {
        let made = published().await;
        sql(&made, statement).await;
        let found = report(&made).await;
        assert!(
            found.faults.iter().any(|fault| fault.contains(why)),
            "{statement}: {found}"
        );
        assert!(found.is_proven, "the public log is as it was");
    }
}

/// H6: what was pruned is in the bundles alone, and a check reads it there.
#[tokio::test]
async fn h6_bundles_are_the_only_copy_after_segments_were_pruned() {
    let made = published().await;
    sql(&made, "DELETE FROM segment WHERE start + entries <= 300").await;
    let found = report(&made).await;
    assert!(found.is_well(), "{found}");
    assert!(
        found.pruned >= 256 && found.pruned < found.entries,
        "{found}"
    );

    flip(&file(&made, "tile/entries/000"));
    let found = report(&made).await;
    assert!(!found.is_proven, "{found}");
    std::fs::remove_file(file(&made, "tile/entries/000")).unwrap();
    let found = check::repair(&made.config, &Options::default())
        .await
        .unwrap();
    assert!(found.faults[0].contains("neither"), "{found}");
    assert_eq!(found.rewritten, 0);
}

/// Nothing is made again from entries that are not what was signed.
#[tokio::test]
async fn h9_nothing_is_repaired_before_everything_is_proven() {
    let made = published().await;
    std::fs::remove_file(file(&made, "tile/entries/000")).unwrap();
    std::fs::remove_file(file(&made, "tile/0/000")).unwrap();
    sql(
        &made,
        "UPDATE segment SET body = CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB) \
         WHERE start = (SELECT max(start) FROM segment WHERE start < 200)",
    )
    .await;
    let before = files(&made);
    let found = check::repair(&made.config, &Options::default())
        .await
        .unwrap();
    assert!(!found.is_proven && found.missing == 2, "{found}");
    assert_eq!(files(&made), before);
    assert!(found.to_string().contains("restore a backup"), "{found}");
}

/// H8: partial objects are few, and go; what is left is little more than the entries.
#[tokio::test]
async fn h8_a_log_without_its_old_partials_still_checks() {
    let made = published().await;
    let before = report(&made).await;
    let objects = Objects::open(&made.config.objects).unwrap();
    let size = TreeSize::new(before.published).unwrap();
    let now = SystemTime::now();
    let none = gc::collect(&objects, size, Duration::from_hours(1), now)
        .await
        .unwrap();
    assert_eq!(none.removed, 0);
    assert!(none.young > 0);
    let some = gc::collect(&objects, size, Duration::ZERO, now)
        .await
        .unwrap();
    assert_eq!((some.removed, some.kept.len()), (none.young, 0));
    let after = report(&made).await;
    assert!(after.is_well(), "{after}");
    assert_eq!(after.missing, 0);
    assert_eq!(after.object_bytes, before.object_bytes - some.removed_bytes);
    for name in newest_partials(&made) {
        assert!(file(&made, &name).exists(), "{name}");
    }
    // A server starts on it and goes on.
    let server = made.start().await;
    assert_eq!(server.read_only(), None);
    server.shutdown().await;
    made.check().await;
}

#[tokio::test]
async fn an_unsafe_partial_is_kept() {
    let made = published().await;
    let objects = Objects::open(&made.config.objects).unwrap();
    let size = TreeSize::new(report(&made).await.published).unwrap();
    let partial = files(&made)
        .into_iter()
        .map(|(path, _)| path)
        .find(|path| path.to_string_lossy().contains("tile/entries/000.p/"))
        .unwrap();
    flip(&partial);
    std::fs::remove_file(file(&made, "tile/0/000")).unwrap();
    let collected = gc::collect(&objects, size, Duration::ZERO, SystemTime::now())
        .await
        .unwrap();
    assert!(partial.exists(), "evidence was removed");
    assert!(
        collected
            .kept
            .iter()
            .any(|name| name.contains("entries/000.p/"))
    );
    assert!(
        collected
            .kept
            .iter()
            .any(|name| name.contains("tile/0/000.p/"))
    );
    assert!(collected.to_string().contains("plainsight-log check"));
}

#[test]
fn an_address_of_objects_is_part_of_a_configuration() {
    let folder: ObjectsAddress = "public".parse().unwrap();
    assert!(folder.folder().is_some());
    assert!("https://example.org".parse::<ObjectsAddress>().is_err());
}

/// The database's files, whole while no server runs.
fn database_files(made: &Made) -> Vec<PathBuf> {
    let file = made.config.database.file().unwrap();
    ["", "-wal", "-shm"]
        .map(|end| PathBuf::from(format!("{}{end}", file.display())))
        .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_is_told_from_a_forged_checkpoint() {
    let made = published().await;
    let before: Vec<_> = database_files(&made)
        .into_iter()
        .map(|path| (std::fs::read(&path).ok(), path))
        .collect();
    let server = made.start().await;
    let client = Client::new(&server.url());
    let item = key_item(&key_set("later@example.org", 0, None, 7), 7);
    client.publish_one(&made.tokens.keys, item).await.unwrap();
    server.shutdown().await;
    made.check().await;
    for (bytes, path) in &before {
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => {
                let _ = std::fs::remove_file(path);
            }
        }
    }
    let report = check::check(&made.config).await.unwrap();
    let told = |word: &str| report.faults.iter().any(|fault| fault.contains(word));
    assert!(told("this database is older than the objects"), "{report}");
    assert!(!told("not signed by the log's key"), "{report}");

    // A checkpoint that somebody else made is another matter.
    let checkpoint = file(&made, "checkpoint");
    let note = std::fs::read_to_string(&checkpoint).unwrap();
    let other = support::make().await;
    let server = other.start().await;
    server.until_published(TreeSize::new(2).unwrap()).await;
    server.shutdown().await;
    let forged = std::fs::read_to_string(file(&other, "checkpoint")).unwrap();
    assert_ne!(note, forged);
    std::fs::write(&checkpoint, forged).unwrap();
    let report = check::check(&made.config).await.unwrap();
    let told = |word: &str| report.faults.iter().any(|fault| fault.contains(word));
    assert!(told("is not signed by the log's key"), "{report}");
}
