//! What every store must keep, whatever database it is.

use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::merkle::{Frontier, LeafIndex, TreeHead, TreeSize};
use sqlx::Row as _;

use super::fault::Fault;
use super::{
    Batch, DatabaseAddress, Head, KeptAnswer, NewAnswer, NewKey, NewLog, NewStatement, Segment,
    Store, StoreError, TokenRole, TokenRow, Writer, WriterLock,
};

macro_rules! on_both_engines {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Fresh::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(fresh) = super::Fresh::postgres().await {
                    super::$test(fresh).await;
                }
            })*
        }
    };
}

on_both_engines! {
    a_new_log_holds_its_genesis_and_nothing_else
    refuses_a_schema_that_it_does_not_know
    a_commit_is_all_or_nothing
    a_stream_has_one_statement_for_each_seq
    a_commit_on_another_head_changes_nothing
    a_writer_that_was_replaced_can_change_nothing
    one_root_is_signed_for_a_size_and_sizes_only_grow
    progress_never_goes_back
    readers_cannot_write
    tokens_are_found_by_hash_and_names_are_used_once
    an_answer_is_kept_with_its_commit_and_the_first_one_stays
    of_many_that_take_over_one_succeeds
    a_holder_that_moved_is_not_taken_over
    a_holder_that_lets_go_leaves_no_name
    what_was_erased_is_absent_and_its_row_stays
    the_latest_versions_of_many_labels_in_one_question
    segments_are_deleted_whole_and_from_the_oldest
    a_write_that_failed_is_known_for_what_it_was_in_the_next_term
    h12_labels_are_told_apart_by_their_whole_hash
}

struct Fresh {
    dir: tempfile::TempDir,
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

impl Fresh {
    async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = dir.path().join("log.db").into();
        Self::at(dir, address).await
    }

    async fn postgres() -> Option<Self> {
        let address: DatabaseAddress = crate::support::postgres::shared()?
            .database()
            .parse()
            .unwrap();
        Some(Self::at(tempfile::tempdir().unwrap(), address).await)
    }

    async fn at(dir: tempfile::TempDir, address: DatabaseAddress) -> Self {
        let lock = WriterLock::take(&address).unwrap();
        Store::create(&address, &new_log(), &lock).await.unwrap();
        let store = Store::open(&address, 2).await.unwrap();
        Self { dir, store, lock }
    }

    async fn writer(&self) -> Writer {
        let seen = self.store.lease().await.unwrap();
        let taken = self.store.take_over(&self.lock, &seen, "http://a", 1).await;
        taken.unwrap().unwrap()
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
        answers: Vec::new(),
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

async fn a_new_log_holds_its_genesis_and_nothing_else(fresh: Fresh) {
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
    let fresh = Fresh::sqlite().await;
    let again = Store::create(fresh.store.address(), &new_log(), &fresh.lock).await;
    assert!(matches!(again, Err(StoreError::File { .. })));
    let nowhere = fresh.dir.path().join("other.db");
    let opened = Store::open(&nowhere.clone().into(), 1).await;
    assert!(matches!(opened, Err(StoreError::Missing)));
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn a_second_writer_is_locked_out() {
    let fresh = Fresh::sqlite().await;
    let second = WriterLock::take(fresh.store.address());
    assert!(matches!(second, Err(StoreError::Locked { .. })));
    let address = fresh.store.address().clone();
    drop(fresh.lock);
    WriterLock::take(&address).unwrap();
}

async fn refuses_a_schema_that_it_does_not_know(fresh: Fresh) {
    let mut connection = fresh.store.address().connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'newer', TRUE, $1, 0)",
    )
    .bind(b"checksum".as_slice())
    .execute(&mut connection)
    .await
    .unwrap();
    let opened = Store::open(fresh.store.address(), 1).await;
    assert!(matches!(opened, Err(StoreError::Schema(_))));
}

async fn a_commit_is_all_or_nothing(fresh: Fresh) {
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

async fn a_stream_has_one_statement_for_each_seq(fresh: Fresh) {
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

async fn a_commit_on_another_head_changes_nothing(fresh: Fresh) {
    let mut writer = fresh.writer().await;
    for old in [0, 2] {
        let refused = writer.commit(&batch(old, b"a")).await;
        assert!(matches!(refused, Err(StoreError::Fenced { .. })));
    }
    assert_eq!(fresh.store.head().await.unwrap().tree.size, size(1));
}

async fn a_writer_that_was_replaced_can_change_nothing(fresh: Fresh) {
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

async fn one_root_is_signed_for_a_size_and_sizes_only_grow(fresh: Fresh) {
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

async fn progress_never_goes_back(fresh: Fresh) {
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

async fn readers_cannot_write(fresh: Fresh) {
    let written = sqlx::query("UPDATE head SET size = 99")
        .execute(&fresh.store.pool)
        .await;
    assert!(written.is_err());
}

async fn tokens_are_found_by_hash_and_names_are_used_once(fresh: Fresh) {
    let store = &fresh.store;
    let token = |token: &[u8], name: &str, created| TokenRow {
        hash: sha256(token),
        name: name.into(),
        role: TokenRole::Releases,
        created,
        expires: Some(9),
        revoked: None,
        items_per_s: None,
    };
    let (one, two) = (token(b"one", "ci", 1), token(b"two", "people", 2));
    store.insert_token(&one).await.unwrap();
    store.insert_token(&two).await.unwrap();
    assert!(store.insert_token(&token(b"three", "ci", 3)).await.is_err());
    assert_eq!(store.tokens().await.unwrap(), [one.clone(), two.clone()]);
    assert!(store.revoke_token("ci", 5).await.unwrap());
    assert!(!store.revoke_token("ci", 6).await.unwrap());
    assert!(!store.revoke_token("nobody", 6).await.unwrap());
    let revoked = TokenRow {
        revoked: Some(5),
        ..one
    };
    assert_eq!(store.tokens().await.unwrap(), [revoked, two]);
}

async fn an_answer_is_kept_with_its_commit_and_the_first_one_stays(fresh: Fresh) {
    let answer = |answer: &[u8], created| NewAnswer {
        token: sha256(b"token"),
        key: "key".into(),
        request: sha256(b"request"),
        answer: answer.to_vec(),
        created,
    };
    let store = &fresh.store;
    let mut writer = fresh.writer().await;
    let stale = Batch {
        answers: vec![answer(b"never", 1)],
        ..batch(5, b"x")
    };
    assert!(writer.commit(&stale).await.is_err());
    let token = sha256(b"token");
    assert_eq!(store.kept_answer(&token, "key").await.unwrap(), None);
    let mut writer = fresh.writer().await;
    let first = Batch {
        answers: vec![answer(b"first", 2), answer(b"second", 3)],
        ..batch(1, b"x")
    };
    writer.commit(&first).await.unwrap();
    store.keep_answer(&answer(b"third", 4)).await.unwrap();
    let kept = KeptAnswer {
        request: sha256(b"request"),
        answer: b"first".to_vec(),
    };
    assert_eq!(store.kept_answer(&token, "key").await.unwrap(), Some(kept));
    let other = store.kept_answer(&sha256(b"other"), "key").await.unwrap();
    assert_eq!(other, None);
    assert_eq!(store.forget_answers(2).await.unwrap(), 0);
    assert_eq!(store.forget_answers(3).await.unwrap(), 1);
    assert_eq!(store.kept_answer(&token, "key").await.unwrap(), None);
}

async fn of_many_that_take_over_one_succeeds(fresh: Fresh) {
    let seen = fresh.store.lease().await.unwrap();
    let takers = ["http://a", "http://b", "http://c", "http://d"];
    let taken = futures::future::join_all(
        takers.map(|holder| fresh.store.take_over(&fresh.lock, &seen, holder, 1)),
    );
    let mut writers = Vec::new();
    for taken in taken.await {
        writers.extend(taken.unwrap());
    }
    assert_eq!(writers.len(), 1);
    let lease = fresh.store.lease().await.unwrap();
    assert_eq!(lease.term, seen.term + 1);
    assert!(takers.contains(&lease.holder.as_str()));
}

async fn a_holder_that_moved_is_not_taken_over(fresh: Fresh) {
    let mut writer = fresh.writer().await;
    let seen = fresh.store.lease().await.unwrap();
    writer.beat().await.unwrap();
    let taken = fresh
        .store
        .take_over(&fresh.lock, &seen, "http://b", 1)
        .await;
    assert!(taken.unwrap().is_none());
    writer.commit(&batch(1, b"a")).await.unwrap();
    assert!(fresh.store.lease().await.unwrap().beat > seen.beat + 1);
}

async fn a_holder_that_lets_go_leaves_no_name(fresh: Fresh) {
    let writer = fresh.writer().await;
    assert_eq!(fresh.store.lease().await.unwrap().holder, "http://a");
    writer.release().await.unwrap();
    assert_eq!(fresh.store.lease().await.unwrap().holder, "");
}

async fn what_was_erased_is_absent_and_its_row_stays(fresh: Fresh) {
    let mut writer = fresh.writer().await;
    let mut first = batch(1, b"ab");
    first.keys = vec![key(1, b"anna", 0), key(2, b"anna", 1)];
    writer.commit(&first).await.unwrap();
    assert!(fresh.store.forget(&sha256(b"anna"), 0).await.unwrap());
    assert!(!fresh.store.forget(&sha256(b"anna"), 2).await.unwrap());
    let erased = fresh.store.key_version(&sha256(b"anna"), 0).await.unwrap();
    let erased = erased.unwrap();
    assert_eq!((erased.opening, erased.key_set), (None, None));
    let kept = fresh.store.key_version(&sha256(b"anna"), 1).await.unwrap();
    assert_eq!(kept.unwrap().opening, Some(vec![3; 16]));
}

async fn the_latest_versions_of_many_labels_in_one_question(fresh: Fresh) {
    let mut writer = fresh.writer().await;
    let mut first = batch(1, b"abc");
    first.keys = vec![key(1, b"anna", 0), key(2, b"anna", 1), key(3, b"bert", 0)];
    writer.commit(&first).await.unwrap();
    let labels = [b"anna", b"bert", b"carl"].map(|label| sha256(label));
    let found = fresh.store.latest_versions(&labels).await.unwrap();
    assert_eq!(found, [(labels[0], 1), (labels[1], 0)].into());
}

async fn segments_are_deleted_whole_and_from_the_oldest(fresh: Fresh) {
    let mut writer = fresh.writer().await;
    writer.commit(&batch(1, b"ab")).await.unwrap();
    writer.commit(&batch(3, b"cd")).await.unwrap();
    assert_eq!(writer.delete_segments(size(4), 10).await.unwrap(), 2);
    assert_eq!(fresh.store.segment_at(2).await.unwrap(), None);
    let kept = fresh.store.segment_at(3).await.unwrap().unwrap();
    assert_eq!((kept.start, kept.count), (3, 2));
}

async fn a_write_that_failed_is_known_for_what_it_was_in_the_next_term(fresh: Fresh) {
    for (fault, expected) in [(Fault::Failed, 1), (Fault::FailedButPersisted, 2)] {
        let mut writer = fresh.writer().await;
        fresh.store.faults.plan("commit", fault);
        assert!(writer.commit(&batch(1, b"a")).await.is_err());
        assert!(fresh.store.faults.are_over());
        let next = fresh.writer().await;
        assert!(next.term() > writer.term());
        assert_eq!(fresh.store.head().await.unwrap().tree.size, size(expected));
    }
}

/// With less than this a power cut takes back what was signed.
#[tokio::test]
async fn h11_a_connection_that_writes_is_durable_or_refused() {
    let fresh = Fresh::sqlite().await;
    let mut connection = fresh.store.address().connect().await.unwrap();
    let mut setting = async |name: &'static str| -> String {
        let row = sqlx::query(name).fetch_one(&mut connection).await.unwrap();
        row.try_get::<String, _>(0)
            .unwrap_or_else(|_| row.get::<i64, _>(0).to_string())
    };
    assert_eq!(setting("PRAGMA journal_mode").await, "wal");
    assert_eq!(setting("PRAGMA synchronous").await, "2");

    let Some(cluster) = crate::support::postgres::Cluster::start_with(&["-c", "fsync=off"]) else {
        return;
    };
    let address: DatabaseAddress = cluster.database().parse().unwrap();
    let refused = address.connect().await;
    assert!(matches!(
        refused,
        Err(StoreError::Setting {
            setting: "fsync",
            ..
        })
    ));
}

/// Labels that differ in the last byte of their hash alone would still be two.
async fn h12_labels_are_told_apart_by_their_whole_hash(fresh: Fresh) {
    let mut writer = fresh.writer().await;
    let mut near = *sha256(b"anna").as_bytes();
    near[31] ^= 1;
    let mut first = batch(1, b"ab");
    first.keys = vec![key(1, b"anna", 0), key(2, b"anna", 0)];
    first.keys[1].label_hash = Hash::from_bytes(near);
    writer.commit(&first).await.unwrap();
    let found = fresh
        .store
        .key_version(&Hash::from_bytes(near), 0)
        .await
        .unwrap();
    assert_eq!(found.unwrap().position, LeafIndex::new(2).unwrap());
}
