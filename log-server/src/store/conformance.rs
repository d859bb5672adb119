//! What every store must keep, whatever database it is.

use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::merkle::{Frontier, LeafIndex, TreeHead, TreeSize};

use super::{
    Batch, Head, NewKey, NewLog, NewStatement, Segment, Store, StoreError, TokenRole, Writer,
    WriterLock,
};

struct Fresh {
    _dir: tempfile::TempDir,
    store: Store,
    lock: WriterLock,
}

const GENESIS: &[u8] = b"\x00genesis";

fn new_log() -> NewLog<'static> {
    NewLog {
        origin: "log.test/1",
        vkey: "vkey",
        vrf_key: b"vrf",
        genesis: GENESIS,
    }
}

async fn fresh() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let lock = WriterLock::take(&path).unwrap();
    Store::create(&path, &new_log(), &lock).await.unwrap();
    let store = Store::open(&path, 2).await.unwrap();
    Fresh {
        _dir: dir,
        store,
        lock,
    }
}

impl Fresh {
    async fn writer(&self) -> Writer {
        self.store.take_over(&self.lock, 1).await.unwrap()
    }
}

fn size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap()
}

fn head(size_: u64, root: Hash) -> Head {
    Head {
        tree: TreeHead {
            size: size(size_),
            root,
        },
        epoch_size: size(0),
        last_ms: 7,
    }
}

/// A batch of one-byte entries after `old`.
fn batch(old: u64, entries: &[u8]) -> Batch {
    let mut body = Vec::new();
    for entry in entries {
        body.extend_from_slice(&[0, 1, *entry]);
    }
    let count = entries.len() as u64;
    Batch {
        old_size: size(old),
        head: head(old + count, sha256(entries)),
        segment: Segment {
            start: old,
            count,
            body,
        },
        keys: Vec::new(),
        statements: Vec::new(),
    }
}

fn key(position: u64, label: &[u8], version: u32) -> NewKey {
    NewKey {
        position: LeafIndex::new(position).unwrap(),
        label_hash: sha256(label),
        version,
        opening: [3; 16],
        key_set: b"key set".to_vec(),
    }
}

#[tokio::test]
async fn a_new_log_holds_its_genesis_and_nothing_else() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let mut frontier = Frontier::new();
    frontier.append(&leaf_hash(GENESIS));
    let head = store.head().await.unwrap();
    assert_eq!(head.tree.root, frontier.root());
    assert_eq!(head.tree.size, size(1));
    let segment = store.segment_at(0).await.unwrap().unwrap();
    assert_eq!(segment.entries().unwrap(), [GENESIS]);
    assert_eq!(store.segment_at(1).await.unwrap(), None);
    assert_eq!(store.newest_checkpoint().await.unwrap(), None);
    assert_eq!(store.log().await.unwrap().origin, "log.test/1");
}

#[tokio::test]
async fn a_log_is_made_once_and_never_by_opening_it() {
    let fresh = fresh().await;
    let again = Store::create(fresh.store.path(), &new_log(), &fresh.lock).await;
    assert!(matches!(again, Err(StoreError::File { .. })));
    let nowhere = fresh.store.path().with_file_name("other.db");
    assert!(matches!(
        Store::open(&nowhere, 1).await,
        Err(StoreError::Missing)
    ));
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn a_second_writer_is_locked_out() {
    let fresh = fresh().await;
    let second = WriterLock::take(fresh.store.path());
    assert!(matches!(second, Err(StoreError::Locked { .. })));
    let path = fresh.store.path().to_owned();
    drop(fresh.lock);
    WriterLock::take(&path).unwrap();
}

#[tokio::test]
async fn refuses_a_schema_that_it_does_not_know() {
    let fresh = fresh().await;
    let mut connection = super::connect(fresh.store.path()).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'newer', 1, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let opened = Store::open(fresh.store.path(), 1).await;
    assert!(matches!(opened, Err(StoreError::Schema(_))));
}

#[tokio::test]
async fn a_commit_is_all_or_nothing() {
    let fresh = fresh().await;
    let mut writer = fresh.writer().await;
    let mut first = batch(1, b"ab");
    first.keys = vec![key(1, b"anna", 0), key(2, b"bert", 0)];
    writer.commit(&first).await.unwrap();
    let found = fresh.store.key_version(&sha256(b"bert"), 0).await.unwrap();
    assert_eq!(found.unwrap().position, LeafIndex::new(2).unwrap());

    // The same label and version twice: neither head nor segment nor the other row stays.
    let mut second = batch(3, b"cd");
    second.keys = vec![key(3, b"carl", 0), key(4, b"anna", 0)];
    assert!(writer.commit(&second).await.is_err());
    assert_eq!(fresh.store.head().await.unwrap(), first.head);
    assert_eq!(fresh.store.segment_at(3).await.unwrap(), None);
    let carl = fresh.store.latest_key(&sha256(b"carl")).await.unwrap();
    assert!(carl.is_none());
}

#[tokio::test]
async fn a_stream_has_one_statement_for_each_seq() {
    let fresh = fresh().await;
    let statement = |position, seq, leaf: &[u8]| NewStatement {
        position: LeafIndex::new(position).unwrap(),
        leaf: sha256(leaf),
        stream: b"canary\nx".to_vec(),
        seq,
    };
    let mut writer = fresh.writer().await;
    let mut first = batch(1, b"a");
    first.statements = vec![statement(1, 0, b"a")];
    writer.commit(&first).await.unwrap();
    let row = fresh.store.statement(b"canary\nx", 0).await.unwrap();
    assert_eq!(
        row,
        fresh
            .store
            .statement_with_leaf(&sha256(b"a"))
            .await
            .unwrap()
    );
    assert!(row.is_some());
    let mut second = batch(2, b"b");
    second.statements = vec![statement(2, 0, b"b")];
    assert!(writer.commit(&second).await.is_err());
}

#[tokio::test]
async fn a_commit_on_another_head_changes_nothing() {
    let fresh = fresh().await;
    let mut writer = fresh.writer().await;
    for old in [0, 2] {
        let refused = writer.commit(&batch(old, b"a")).await;
        assert!(matches!(refused, Err(StoreError::Fenced { .. })));
    }
    assert_eq!(fresh.store.head().await.unwrap().tree.size, size(1));
}

#[tokio::test]
async fn a_writer_that_was_replaced_can_change_nothing() {
    let fresh = fresh().await;
    let mut old = fresh.writer().await;
    old.signed(&head(1, sha256(b"1")).tree, b"note", 1)
        .await
        .unwrap();
    let new = fresh.writer().await;
    assert!(new.term() > old.term());
    let before = fresh.store.head().await.unwrap();
    let tree = head(2, sha256(b"2")).tree;
    assert!(old.commit(&batch(1, b"a")).await.is_err());
    assert!(old.materialised(size(1)).await.is_err());
    assert!(old.signed(&tree, b"note", 1).await.is_err());
    assert!(old.cosigned(size(1), b"note").await.is_err());
    assert!(old.published(size(1), 1).await.is_err());
    assert!(old.auditor_at("vkey", size(1)).await.is_err());
    assert!(old.freeze("because").await.is_err());
    assert_eq!(fresh.store.head().await.unwrap(), before);
    let newest = fresh.store.newest_checkpoint().await.unwrap().unwrap();
    assert_eq!(
        (newest.tree.size, newest.cosigned, newest.published),
        (size(1), None, false)
    );
    assert_eq!(fresh.store.log().await.unwrap().frozen, None);
}

#[tokio::test]
async fn one_root_is_signed_for_a_size_and_sizes_only_grow() {
    let fresh = fresh().await;
    let mut writer = fresh.writer().await;
    writer
        .signed(&head(4, sha256(b"4")).tree, b"note 4", 1)
        .await
        .unwrap();
    for (at, root) in [(4, b"other"), (3, b"three"), (2, b"twooo")] {
        let refused = writer
            .signed(&head(at, sha256(root)).tree, b"note", 1)
            .await;
        assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{at}");
    }
    writer
        .signed(&head(5, sha256(b"5")).tree, b"note 5", 1)
        .await
        .unwrap();
    let above = fresh.store.checkpoints_above(size(4), 10).await.unwrap();
    assert_eq!(above.len(), 1);
    assert_eq!(above[0].note, b"note 5");
}

#[tokio::test]
async fn progress_never_goes_back() {
    let fresh = fresh().await;
    let mut writer = fresh.writer().await;
    for at in [2, 4] {
        writer
            .signed(&head(at, sha256(b"x")).tree, b"note", 1)
            .await
            .unwrap();
    }
    writer.materialised(size(4)).await.unwrap();
    assert!(writer.materialised(size(3)).await.is_err());
    writer.published(size(4), 1).await.unwrap();
    assert!(writer.published(size(2), 1).await.is_err());
    // A size that was never signed is not published.
    assert!(writer.published(size(5), 1).await.is_err());
    let progress = fresh.store.progress().await.unwrap();
    assert_eq!(
        (progress.materialised, progress.published),
        (size(4), size(4))
    );
    let published = fresh.store.published_checkpoint().await.unwrap().unwrap();
    assert_eq!(published.tree.size, size(4));
}

#[tokio::test]
async fn readers_cannot_write() {
    let fresh = fresh().await;
    let written = sqlx::query("UPDATE head SET size = 99")
        .execute(&fresh.store.pool)
        .await;
    assert!(written.is_err());
}

#[tokio::test]
async fn tokens_are_found_by_hash_and_names_are_used_once() {
    let fresh = fresh().await;
    let store = &fresh.store;
    store
        .add_token(&sha256(b"one"), "ci", TokenRole::Releases, 1)
        .await
        .unwrap();
    let again = store
        .add_token(&sha256(b"two"), "ci", TokenRole::Keys, 1)
        .await;
    assert!(again.is_err());
    let tokens = store.tokens().await.unwrap();
    assert_eq!(tokens, [(sha256(b"one"), TokenRole::Releases)]);
}
