//! What only moves forward, and who loses a race.

use plainsight_specs::hash::{leaf_hash, sha256};
use plainsight_specs::rules::Rule;
use plainsight_specs::tile::Edge;

use super::fresh::{Fresh, key, on_both_engines};
use super::*;
use crate::audit::{Break, State};

on_both_engines! {
    of_two_that_swap_the_signed_head_one_loses
    the_signed_head_never_shrinks_and_never_changes_its_root
    a_chunk_follows_what_is_held_or_is_not_kept_at_all
    a_log_gains_keys_and_loses_none
    the_first_evidence_of_a_break_stays_and_an_acknowledgement_is_once
    one_head_of_a_peer_is_kept_and_of_the_others_all_until_there_is_no_room
    a_witnessed_head_is_swapped_and_a_broken_log_no_more
    a_rebuilder_fills_its_own_share_and_no_other_and_what_is_kept_stays
}

pub(super) fn head(size: u64, root: &[u8]) -> TreeHead {
    TreeHead {
        size: TreeSize::new(size).unwrap(),
        root: sha256(root),
    }
}

pub(super) fn chunk(entries: &[&[u8]], after: &Frontier) -> Chunk {
    let mut frontier = after.clone();
    let mut edge = Edge::new();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    for leaf in &leaves {
        frontier.append(leaf);
    }
    Chunk {
        first: after.size(),
        entries: entries.iter().map(|entry| entry.to_vec()).collect(),
        tiles: edge.append(&leaves).unwrap(),
        frontier,
        breaks: Vec::new(),
        alerts: Vec::new(),
        time: 1,
    }
}

async fn of_two_that_swap_the_signed_head_one_loses(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let other = fresh.open().await;
    let nothing = State::nothing_signed();
    assert_eq!(row.signed, nothing);
    let (mine, theirs) = (head(5, b"mine"), head(5, b"theirs"));
    let (one, two) = tokio::join!(
        store.swap_signed(row.id, nothing, mine, b"mine", 1),
        other.swap_signed(row.id, nothing, theirs, b"theirs", 1),
    );
    assert!(one.is_ok() != two.is_ok());
    let origin = Origin::parse("log.example").unwrap();
    let kept = store.log(&origin, &[key(1)]).await.unwrap();
    let (signed, note) = if one.is_ok() {
        (mine, b"mine".as_slice())
    } else {
        (theirs, b"theirs".as_slice())
    };
    assert_eq!(
        (kept.signed, kept.signed_note.as_deref()),
        (signed, Some(note))
    );
}

async fn the_signed_head_never_shrinks_and_never_changes_its_root(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let swap = |from, to| store.swap_signed(row.id, from, to, b"note", 1);
    let five = head(5, b"five");
    swap(State::nothing_signed(), five).await.unwrap();
    swap(five, five).await.unwrap();
    for wrong in [head(4, b"four"), head(5, b"other"), State::nothing_signed()] {
        assert!(matches!(swap(five, wrong).await, Err(StoreError::Lost(_))));
    }
    assert!(matches!(
        swap(head(5, b"other"), head(6, b"six")).await,
        Err(StoreError::Lost(_))
    ));
    swap(five, head(6, b"six")).await.unwrap();
    assert!(matches!(
        swap(five, head(7, b"seven")).await,
        Err(StoreError::Lost(_))
    ));
}

async fn a_chunk_follows_what_is_held_or_is_not_kept_at_all(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let first = chunk(&[b"a", b"b"], &row.frontier);
    store.keep_chunk(row.id, &first).await.unwrap();
    assert!(matches!(
        store.keep_chunk(row.id, &first).await,
        Err(StoreError::Lost(_))
    ));
    let mut gap = first.frontier.clone();
    gap.append(&sha256(b"missing"));
    let gap = chunk(&[b"d"], &gap);
    assert!(matches!(
        store.keep_chunk(row.id, &gap).await,
        Err(StoreError::Lost(_))
    ));
    assert_eq!(store.entries(row.id, 0..10).await.unwrap(), [b"a", b"b"]);
}

async fn a_log_gains_keys_and_loses_none(fresh: Fresh) {
    let (store, _) = fresh.log().await;
    let origin = Origin::parse("log.example").unwrap();
    store.log(&origin, &[key(2), key(1)]).await.unwrap();
    let other = store.log(&origin, &[key(2)]).await.unwrap_err();
    assert!(matches!(other, StoreError::OtherKey { .. }));
    assert_eq!(other.blame(), Blame::Misuse);
}

async fn the_first_evidence_of_a_break_stays_and_an_acknowledgement_is_once(fresh: Fresh) {
    let (store, row) = fresh.log().await;
    let found = Break {
        at: 3,
        rule: Rule::Seq,
    };
    store
        .keep_break(row.id, &found, Err("too long"), 1)
        .await
        .unwrap();
    store.keep_break(row.id, &found, Ok("aa"), 2).await.unwrap();
    store.keep_break(row.id, &found, Ok("bb"), 3).await.unwrap();
    store
        .keep_break(row.id, &found, Err("again"), 4)
        .await
        .unwrap();
    let kept = store.breaks(row.id, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].seen, kept[0].evidence.as_deref()), (1, Some("aa")));
    assert_eq!(kept[0].unproven, None);
    assert_eq!(store.open_break(row.id).await.unwrap(), Some(found));
    assert!(store.is_void(row.id, 3).await.unwrap());
    assert!(store.acknowledge(row.id, &found, "why", 5).await.unwrap());
    assert!(!store.acknowledge(row.id, &found, "other", 6).await.unwrap());
    assert_eq!(store.open_break(row.id).await.unwrap(), None);
    // An acknowledged entry is void for ever.
    assert!(store.is_void(row.id, 3).await.unwrap());
    store.keep_break(row.id, &found, Ok("cc"), 7).await.unwrap();
    assert_eq!(store.open_break(row.id).await.unwrap(), None);
}

async fn one_head_of_a_peer_is_kept_and_of_the_others_all_until_there_is_no_room(fresh: Fresh) {
    use crate::peers::{HeadVerdict, ShownHead};

    let (store, row) = fresh.log().await;
    let shown = |source: &str, size: u64| ShownHead {
        source: source.into(),
        head: head(size, b"root"),
        note: b"note".to_vec(),
        verdict: HeadVerdict::Unproven,
        detail: "why".into(),
        evidence: None,
        own: head(1, b"own"),
        time: size,
    };
    for size in 1..=200 {
        store
            .keep_shown(row.id, &shown("peer", size))
            .await
            .unwrap();
        let kept = keep(&store, row.id, head(size, b"root"), size).await;
        assert_eq!(kept, Kept::There);
    }
    // The same one again takes no second place, and one too many none of another's.
    assert_eq!(
        keep(&store, row.id, head(150, b"root"), 500).await,
        Kept::There
    );
    assert_eq!(
        keep(&store, row.id, head(150, b"other"), 500).await,
        Kept::NoRoom
    );
    assert_eq!(store.unexplained(row.id).await.unwrap(), 200);
    assert_eq!(store.any_rival(row.id).await.unwrap(), None);
    let kept = store.shown(row.id).await.unwrap();
    assert_eq!(kept[0], shown("peer", 200));
    assert_eq!(kept.len(), 1 + 64, "the newest are listed");
    assert_eq!(kept[1].head, head(200, b"root"));
    // Those that can be explained are there once as much is held.
    let held = |size| TreeSize::new(size).unwrap();
    assert_eq!(store.explicable(row.id, held(0), 9).await.unwrap(), []);
    let found = store.explicable(row.id, held(7), 9).await.unwrap();
    assert_eq!(found.len(), 7);
    let heads: Vec<_> = found[1..].iter().map(|kept| kept.head).collect();
    store.forget_explained(row.id, &heads).await.unwrap();
    // What could not be found out is looked at again once more is held.
    let judged = ShownHead {
        own: head(7, b"own"),
        ..found[0].clone()
    };
    store.judge_unexplained(row.id, &judged).await.unwrap();
    assert_eq!(store.explicable(row.id, held(7), 9).await.unwrap(), []);
    let again = store.explicable(row.id, held(8), 9).await.unwrap();
    assert_eq!((again.len(), &again[0]), (2, &judged));
    let above = store.unexplained_above(row.id, held(1)).await.unwrap();
    assert_eq!(above.unwrap().head, head(8, b"root"));
    // There is room again.
    let rival = head(150, b"other");
    assert_eq!(keep(&store, row.id, rival, 500).await, Kept::There);
    let found = store.rival(row.id, rival).await.unwrap().unwrap();
    assert_eq!(found.head, head(150, b"root"));
    assert_eq!(
        store.any_rival(row.id).await.unwrap().unwrap().head.size,
        held(150)
    );
}

async fn keep(store: &Store, log: LogId, head: TreeHead, time: u64) -> Kept {
    let kept = store.keep_unexplained(log, head, b"note", 200, time).await;
    kept.unwrap()
}

async fn a_witnessed_head_is_swapped_and_a_broken_log_no_more(fresh: Fresh) {
    let (store, _) = fresh.log().await;
    store.add_witnessed("foreign").await.unwrap();
    store.add_witnessed("foreign").await.unwrap();
    let swap = |from, to| store.swap_witnessed("foreign", from, to, b"note", 1);
    let (five, six) = (head(5, b"five"), head(6, b"six"));
    swap(State::nothing_signed(), five).await.unwrap();
    for (from, to) in [
        (State::nothing_signed(), six),
        (five, head(5, b"other")),
        (five, head(4, b"four")),
        (head(5, b"other"), six),
    ] {
        assert!(matches!(swap(from, to).await, Err(StoreError::Lost(_))));
    }
    swap(five, five).await.unwrap();
    swap(five, six).await.unwrap();
    let alert = crate::alert::Alert {
        severity: crate::alert::Severity::Tamper,
        code: "witnessed-fork",
        subject: "foreign".into(),
        text: "why".into(),
    };
    for time in [7, 8] {
        store
            .break_witnessed("foreign", Some("id"), &alert, time)
            .await
            .unwrap();
    }
    assert_eq!(store.alerts(10).await.unwrap().len(), 1);
    let kept = store.witnessed("foreign").await.unwrap();
    assert_eq!((kept.head, kept.broken), (six, Some(7)));
    assert!(matches!(swap(six, six).await, Err(StoreError::Lost(_))));
    assert!(store.witnessed("unknown").await.is_err());
}

async fn a_rebuilder_fills_its_own_share_and_no_other_and_what_is_kept_stays(fresh: Fresh) {
    use plainsight_specs::ed25519::SecretKey;
    use plainsight_specs::rebuild::{Outcome, RebuildClaim};

    let (store, _) = fresh.log().await;
    let secret = |seed| SecretKey::from_seed(&[seed; 32]);
    let keep = async |seed: u8, file: &[u8], seconds: u64| {
        let claim = RebuildClaim {
            file: sha256(file),
            outcome: Outcome::Match,
            time: plainsight_specs::time::Timestamp::from_seconds(seconds).unwrap(),
            references: Vec::new(),
        };
        let (key, body) = (secret(seed), claim.sign(&[&secret(seed)]));
        let kept = store.keep_rebuild(&key.public(), &claim, &body, 2).await;
        kept.unwrap()
    };
    assert_eq!(keep(1, b"a", 5).await, KeptResult::New);
    assert_eq!(keep(1, b"b", 5).await, KeptResult::New);
    assert_eq!(keep(1, b"c", 5).await, KeptResult::TooMany);
    assert_eq!(keep(2, b"c", 5).await, KeptResult::New, "another's share");
    assert_eq!(keep(1, b"a", 5).await, KeptResult::Known);
    assert_eq!(keep(1, b"a", 4).await, KeptResult::Outdated);
    assert_eq!(store.last_rebuild().await.unwrap(), 3);
    assert_eq!(keep(1, b"a", 6).await, KeptResult::New, "in its own place");
    assert_eq!(store.last_rebuild().await.unwrap(), 4);
    assert_eq!(store.rebuilds_after(0, 9).await.unwrap().len(), 3);
}
