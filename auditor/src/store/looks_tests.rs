//! What is looked for among the entries, who may write, and that each question is one that both engines
//! understand.

use plainsight_specs::entry::{Entry, Epoch};
use plainsight_specs::hash::sha256;
use plainsight_specs::index::IndexKey;
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::rules::Rule;

use super::fresh::{Fresh, on_both_engines, origin};
use super::tests::{chunk, head};
use super::*;
use crate::alert::{Alert, Severity};
use crate::audit::{Break, State};

on_both_engines! {
    one_process_audits_from_a_database
    who_was_replaced_signs_and_writes_nothing_any_more
    what_is_watched_is_found_once_and_told_unless_it_was_announced
    the_index_of_buckets_gives_what_the_entries_give
    entries_are_marked_and_found_by_kind_stream_and_time
    every_other_question_is_understood
}

fn inserting(index: &[u8], commitment: &[u8]) -> (IndexKey, Vec<u8>) {
    let index = IndexKey::private(sha256(index));
    let commitment = sha256(commitment);
    let parts = [&[2u8][..], index.as_bytes(), commitment.as_bytes()];
    (index, parts.concat())
}

async fn one_process_audits_from_a_database(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let claim = store.claim().await.unwrap();
    let other = fresh.open().await;
    let refused = other.claim().await.unwrap_err();
    assert!(matches!(refused, StoreError::Claimed { .. }), "{refused}");
    assert_eq!(refused.blame(), Blame::Misuse);
    // What an operator decides comes from another process, and is kept.
    let found = Break {
        at: 3,
        rule: Rule::Seq,
    };
    other
        .keep_break(row.id, &found, Err("why"), 1)
        .await
        .unwrap();
    assert!(other.acknowledge(row.id, &found, "why", 2).await.unwrap());
    drop(claim);
    other.claim().await.unwrap();
}

async fn who_was_replaced_signs_and_writes_nothing_any_more(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let (five, nothing) = (head(5, b"five"), State::nothing_signed());
    // Its lock is gone, and it does not know.
    drop(store.claim().await.unwrap());
    let readers = store.apart().await.unwrap();
    let other = fresh.open().await;
    let _claim = other.claim().await.unwrap();
    store.add_witnessed("foreign").await.unwrap();
    for replaced in [&store, &readers] {
        let signed = replaced.swap_signed(row.id, nothing, five, b"note", 1);
        assert!(matches!(signed.await, Err(StoreError::Replaced)));
        let signed = replaced.swap_witnessed("foreign", nothing, five, b"note", 1);
        assert!(matches!(signed.await, Err(StoreError::Replaced)));
        let one = chunk(&[b"a"], &row.frontier);
        let kept = replaced.keep_chunk(row.id, &one).await;
        assert!(matches!(kept, Err(StoreError::Replaced)));
    }
    other
        .swap_signed(row.id, nothing, five, b"note", 1)
        .await
        .unwrap();
}

async fn what_is_watched_is_found_once_and_told_unless_it_was_announced(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let (one, first) = inserting(b"one", b"c1");
    let (two, second) = inserting(b"two", b"c2");
    let (three, third) = inserting(b"three", b"c3");
    let (late, _) = inserting(b"late", b"");
    let token = sha256(b"token");
    let new = NewWatch {
        log: row.id,
        token,
        name: sha256(b"name"),
        indexes: &[one, two, three, late],
        since: 0,
        expires: 100,
        now: 1,
        total: 1,
    };
    assert!(store.add_watch(&new).await.unwrap());
    assert!(!store.add_watch(&new).await.unwrap(), "one too many");
    assert_eq!(store.watch_count().await.unwrap(), 1);
    let watch = store.watch(&token, 1).await.unwrap().unwrap();
    assert_eq!(store.watch(&token, 100).await.unwrap(), None);
    for (index, commitment) in [(&one, b"c1"), (&two, b"xx")] {
        let kept = store.announce(&watch, index, &sha256(commitment)).await;
        assert_eq!(kept.unwrap(), Announced::Kept);
    }
    let entries: [&[u8]; 4] = [b"no key", &first, &second, &third];
    let kept = chunk(&entries, &row.frontier);
    store.keep_chunk(row.id, &kept).await.unwrap();
    for _ in 0..2 {
        store.scan(row.id, 4, 7).await.unwrap();
    }
    let mut hits = store.hits(&watch, 4).await.unwrap();
    hits.sort_by_key(|hit| hit.position);
    let found: Vec<_> = hits
        .iter()
        .map(|hit| (hit.index, hit.position.get(), hit.announced))
        .collect();
    assert_eq!(found, [(one, 1, true), (two, 2, false), (three, 3, false)]);
    assert_eq!(store.alerts(9).await.unwrap().len(), 2, "once each");
    let announced = store.announce(&watch, &one, &token).await.unwrap();
    assert_eq!(announced, Announced::Late);
    let (unknown, _) = inserting(b"unknown", b"");
    let announced = store.announce(&watch, &unknown, &token).await.unwrap();
    assert_eq!(announced, Announced::NotWatched);
    for expires in [200, 150] {
        store.renew_watch(&watch, expires).await.unwrap();
    }
    let watch = store.watch(&token, 1).await.unwrap().unwrap();
    assert_eq!(watch.expires, 200, "it is never nearer");
    assert_eq!(store.forget_expired(199).await.unwrap(), 0);
    assert_eq!(store.forget_expired(200).await.unwrap(), 1);
    // What was looked through before is looked through again for who comes later.
    assert!(store.add_watch(&new).await.unwrap());
    let watch = store.watch(&token, 1).await.unwrap().unwrap();
    assert_eq!(store.hits(&watch, 4).await.unwrap().len(), 3);
    store.cancel_watch(&watch).await.unwrap();
    assert_eq!(store.watch_count().await.unwrap(), 0);
}

async fn the_index_of_buckets_gives_what_the_entries_give(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let made: Vec<_> = (0..200u16)
        .map(|n| inserting(&n.to_be_bytes(), b"c"))
        .collect();
    let mut entries: Vec<&[u8]> = made.iter().map(|(_, entry)| entry.as_slice()).collect();
    entries.push(b"\x02 too short to be one");
    let kept = chunk(&entries, &row.frontier);
    store.keep_chunk(row.id, &kept).await.unwrap();
    let void = Break {
        at: 0,
        rule: Rule::DuplicateIndex,
    };
    store
        .keep_break(row.id, &void, Err("why"), 1)
        .await
        .unwrap();
    let first_bytes = |index: &IndexKey| [index.as_bytes()[0], index.as_bytes()[1]];
    let all = [[0; 2], [0xff; 2]];
    for _ in 0..2 {
        let found = store.inserted(row.id, all, 0..300, 1000).await.unwrap();
        let positions: Vec<_> = found.iter().map(|one| one.position.get()).collect();
        assert_eq!(
            positions,
            (1..200).collect::<Vec<_>>(),
            "a void one is none"
        );
        assert_eq!(found[4].index, made[5].0);
        let found = store.inserted(row.id, all, 10..20, 5).await.unwrap();
        assert_eq!((found.len(), found[0].position.get()), (5, 10));
        let low = first_bytes(&made[7].0);
        let found = store.inserted(row.id, [low; 2], 0..300, 9).await.unwrap();
        assert!(
            found
                .iter()
                .any(|one| one.position == LeafIndex::new(7).unwrap())
        );
        assert!(found.iter().all(|one| first_bytes(&one.index) == low));
        // The same again by the index.
        store.index_buckets().await.unwrap();
    }
}

async fn entries_are_marked_and_found_by_kind_stream_and_time(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let epoch = |time_ms| {
        let epoch = Epoch {
            time_ms,
            index_size: 0,
            index_root: sha256(b"root"),
        };
        let bytes = epoch.to_bytes().to_vec();
        assert!(matches!(Entry::parse(&bytes), Ok(Entry::Epoch(_))));
        bytes
    };
    let (_, key) = inserting(b"one", b"c1");
    let (early, late) = (epoch(1000), epoch(2000));
    let kept = chunk(&[b"\xff junk", &key, &early, &key, &late], &row.frontier);
    store.keep_chunk(row.id, &kept).await.unwrap();
    let (marks, more) = store.mark_some(row.id).await.unwrap();
    assert_eq!((marks.len(), more), (1, false));
    assert_eq!(
        (marks[0].kind.as_str(), marks[0].void),
        ("malformed", false)
    );
    assert_eq!(store.marked(row.id).await.unwrap(), 5);
    let kinds = ["malformed", "genesis"];
    let marked = store.marked_of(row.id, kinds, 9).await.unwrap();
    assert_eq!(marked[0].body, b"\xff junk");
    let kinds = store.marked_kinds(row.id).await.unwrap();
    assert_eq!(kinds, [("malformed".to_owned(), 1)]);
    assert_eq!(store.logged_at(row.id, 3).await.unwrap(), Some(2000));
    let times = store.epoch_times(row.id).await.unwrap();
    assert_eq!(times, Some((1000, 2000)));
    assert_eq!(store.size_at(row.id, 1999).await.unwrap(), 3);
    assert_eq!(store.bytes_of(row.id, 0..2).await.unwrap(), 6 + 65);

    // Streams, however long, are found by their name and by a part of it.
    let long = format!("release\nlong{}", "\u{1f50d}".repeat(10_000));
    let streams = ["release\nPkg:B", "release\npkg:a", &long, "other\nPkg:c"];
    for (position, stream) in streams.iter().enumerate() {
        let mark = Mark {
            position: 100 + position as u64,
            kind: "release".into(),
            stream: (*stream).into(),
            seq: Some(1),
            void: false,
        };
        store.insert_mark(row.id, &mark).await.unwrap();
    }
    let names = async |after: &str, part: &str| {
        let rows = store.streams(row.id, "release\n", after, part, 9).await;
        let rows = rows.unwrap().into_iter();
        rows.map(|row| row.stream).collect::<Vec<_>>()
    };
    assert_eq!(names("", "").await, [streams[0], long.as_str(), streams[1]]);
    assert_eq!(names("", "pKG").await, [streams[0], streams[1]]);
    assert_eq!(names(streams[0], "pkg").await, [streams[1]]);
    assert_eq!(names("", "'; --").await, Vec::<String>::new());
    let found = store.stream_entries(row.id, &long, 9).await.unwrap();
    assert_eq!(found.len(), 0, "no entry stands there");
}

#[allow(
    clippy::too_many_lines,
    reason = "one question after another, each on its own"
)]
async fn every_other_question_is_understood(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let log = row.id;
    assert_eq!(store.known_log(origin().as_str()).await.unwrap(), log);
    assert!(store.known_log("unknown").await.is_err());
    assert_eq!(store.quick_check().await.unwrap(), None);
    store.keep_target(log, b"target").await.unwrap();
    store.keep_mirrored(log, b"mirrored").await.unwrap();
    let size = |size| TreeSize::new(size).unwrap();
    store.keep_rolled_back(log, size(9)).await.unwrap();
    let row = store.log(&origin(), &[super::fresh::key(1)]).await.unwrap();
    assert_eq!(row.target.as_deref(), Some(b"target".as_slice()));
    assert_eq!(row.mirrored.as_deref(), Some(b"mirrored".as_slice()));
    assert_eq!(row.rolled_back, Some(size(9)));

    let found = Break {
        at: 3,
        rule: Rule::Seq,
    };
    for begun in 0..2 {
        assert_eq!(store.begin_proof(log, &found).await.unwrap(), begun);
    }
    store.end_proof(log, &found).await.unwrap();
    assert_eq!(store.begin_proof(log, &found).await.unwrap(), 0);
    store
        .keep_break(log, &found, Ok("evidence"), 1)
        .await
        .unwrap();
    let fork = Break {
        at: 7,
        rule: Rule::Fork,
    };
    store.keep_break(log, &fork, Err("why"), 2).await.unwrap();
    assert_eq!(
        store.conviction(log).await.unwrap().unwrap().found,
        fork,
        "a break of an entry convicts of nothing about heads"
    );
    assert!(!store.is_void(log, 7).await.unwrap());
    assert!(store.kept_break(log, &found).await.unwrap().is_some());
    let between = store.breaks_between(log, size(0), size(4)).await.unwrap();
    assert_eq!(between, [found]);
    let without = store.breaks_without_evidence(log, size(9), 9).await;
    assert_eq!(without.unwrap(), []);
    let evidence = store.evidence_of(log).await.unwrap();
    assert_eq!(evidence.len(), 1);
    assert_eq!(store.breaks_at(log, 3).await.unwrap().len(), 1);
    assert_eq!(store.newest_evidence(log, 9).await.unwrap().len(), 1);
    let about = store.break_of_evidence("evidence").await.unwrap();
    assert_eq!(about.unwrap().0, "log.example");
    store
        .acknowledge_fact(log, "rule-broken", "seq 3", "why", 3)
        .await
        .unwrap();
    let open = store.open_alerts().await.unwrap();
    assert_eq!(open, [("tamper".to_owned(), 1)]);
    assert!(store.lasts(log, "rule-broken").await.unwrap());
    let alerts = store.alerts_before(u64::MAX, 9).await.unwrap();
    assert_eq!(alerts.len(), 2);
    assert!(store.alert(&alerts[0].id).await.unwrap().is_some());

    let five = head(5, b"five");
    for time in 1..=600 {
        let from = if time == 1 {
            State::nothing_signed()
        } else {
            five
        };
        store
            .swap_signed(log, from, five, b"note", time)
            .await
            .unwrap();
    }
    assert_eq!(store.cosigned(log, 1).await.unwrap()[0].time, 600);

    store.add_witnessed("foreign").await.unwrap();
    for (root, kept) in [(b"one", Kept::There), (b"two", Kept::NoRoom)] {
        let given = store.keep_witnessed_head("foreign", head(5, root), b"note", 1, 1);
        assert_eq!(given.await.unwrap(), kept);
    }
    assert_eq!(store.witnessed_unexplained("foreign").await.unwrap(), 1);
    let rival = store.witnessed_rival("foreign", head(5, b"two")).await;
    assert_eq!(rival.unwrap().as_deref(), Some(b"note".as_slice()));
    let heads = store.witnessed_heads("foreign", size(5), 9).await.unwrap();
    assert_eq!(heads.len(), 1);
    store
        .forget_witnessed_head("foreign", head(5, b"one"))
        .await
        .unwrap();
    store
        .forget_witnessed_heads("foreign", size(9))
        .await
        .unwrap();
    let alert = Alert {
        severity: Severity::Own,
        code: "rolled-back",
        subject: "foreign".into(),
        text: "why".into(),
    };
    store
        .roll_back_witnessed("foreign", &alert, 1)
        .await
        .unwrap();
    assert!(store.witnessed("foreign").await.unwrap().rolled_back);

    let rebuilders = sha256(b"rebuilders");
    for place in [4, 6] {
        store
            .keep_rebuild_list_read("peer", &rebuilders, place)
            .await
            .unwrap();
    }
    let read = store.rebuild_list_read("peer", &rebuilders).await.unwrap();
    assert_eq!(read, 6);
    let other = store.rebuild_list_read("peer", &sha256(b"x")).await;
    assert_eq!(other.unwrap(), 0);
    assert_eq!(store.waiting_mismatches(9, 1).await.unwrap(), []);
    let file = sha256(b"file");
    assert_eq!(store.rebuilds_of(&file).await.unwrap(), []);
    let told = WaitingMismatch {
        rebuilder: [1; 32],
        file,
        built: None,
    };
    store.mismatch_told(&told).await.unwrap();
    assert_eq!(store.delivery_counts().await.unwrap(), []);
    store.close().await;
}
