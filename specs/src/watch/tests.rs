//! The texts and their one spelling.

use crate::checkpoint::Origin;
use crate::ed25519::SecretKey;
use crate::hash::{Hash, sha256};
use crate::index::IndexKey;
use crate::merkle::{LeafIndex, TreeHead, TreeSize};
use crate::note::{Algorithm, KeyName, Signer};
use crate::time::Timestamp;

use super::*;

fn origin() -> Origin {
    Origin::parse("log.example/w").unwrap()
}

fn index(n: u8) -> IndexKey {
    IndexKey::from_bytes([n; 32])
}

fn indexes() -> WatchedIndexes {
    WatchedIndexes::new(vec![index(1), index(2), index(3)]).unwrap()
}

fn token() -> WatchToken {
    WatchToken::from_bytes([9; 32])
}

fn signer() -> Signer {
    let name = KeyName::parse("audit.example/watch").unwrap();
    Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&[5; 32])).unwrap()
}

fn report(hits: Vec<Hit>) -> Report {
    Report {
        origin: origin(),
        head: TreeHead {
            size: TreeSize::new(12).unwrap(),
            root: sha256(b"root"),
        },
        id: watch_id(&origin(), &indexes(), &token()),
        time: Timestamp::from_seconds(1_800_000_000).unwrap(),
        hits,
    }
}

fn hit(n: u8, position: u64, announced: bool) -> Hit {
    Hit {
        index: index(n),
        position: LeafIndex::new(position).unwrap(),
        announced,
    }
}

fn inserted() -> Inserted {
    Inserted {
        origin: origin(),
        head: report(Vec::new()).head,
        bucket: Bucket::parse("01").unwrap(),
        since: TreeSize::new(3).unwrap(),
        through: TreeSize::new(12).unwrap(),
        time: Timestamp::from_seconds(5).unwrap(),
        insertions: vec![
            Insertion {
                index: index(1),
                position: LeafIndex::new(3).unwrap(),
            },
            Insertion {
                index: index(1),
                position: LeafIndex::new(11).unwrap(),
            },
        ],
    }
}

#[test]
fn an_absent_report_is_this_text() {
    let text = report(Vec::new()).text();
    let root = sha256(b"root").to_base64();
    let id = watch_id(&origin(), &indexes(), &token()).to_hex();
    assert_eq!(
        text,
        format!("plainsight/watch/v1\nlog.example/w\n12\n{root}\n{id}\n1800000000\nabsent\n")
    );
}

#[test]
fn the_watch_id_is_over_origin_indexes_and_token() {
    let mut bytes = b"plainsight/watch/v1\nlog.example/w\n".to_vec();
    for n in [1u8, 2, 3] {
        bytes.extend_from_slice(&[n; 32]);
    }
    bytes.extend_from_slice(&[9; 32]);
    assert_eq!(watch_id(&origin(), &indexes(), &token()), sha256(&bytes));
}

#[test]
fn texts_print_to_themselves() {
    for hits in [
        Vec::new(),
        vec![hit(2, 11, false)],
        vec![hit(1, 11, true), hit(3, 5, false)],
    ] {
        let report = report(hits);
        assert_eq!(Report::parse_text(&report.text()).unwrap(), report);
    }
    let inserted = inserted();
    assert_eq!(Inserted::parse_text(&inserted.text()).unwrap(), inserted);
}

#[test]
fn refuses_every_other_spelling_of_a_report() {
    let one = report(vec![hit(1, 11, true), hit(3, 5, false)]).text();
    let none = report(Vec::new()).text();
    let other = |from: &str, to: &str| one.replacen(from, to, 1);
    for (name, text) in [
        ("empty", String::new()),
        ("no last LF", one.trim_end().to_owned()),
        ("another title", other("watch/v1", "watch/v2")),
        ("leading zero", other("\n12\n", "\n012\n")),
        ("a plus", other("\n12\n", "\n+12\n")),
        (
            "upper-case hex",
            other(&index(3).to_hex(), &"0A".repeat(32)),
        ),
        ("beyond the size", other(" 11 ", " 12 ")),
        ("neither word", other("unannounced", "Announced")),
        ("a word more", other("unannounced", "unannounced x")),
        ("two spaces", other(" 11 ", "  11 ")),
        (
            "absent and a hit",
            none.clone() + &format!("hit {} 5 announced\n", index(1)),
        ),
        ("a hit and absent", one.clone() + "absent\n"),
        ("absent twice", none.clone() + "absent\n"),
        ("nothing found or absent", none.replace("absent\n", "")),
        ("an empty line", none.clone() + "\n"),
        (
            "a hit twice",
            one.clone() + &format!("hit {} 6 announced\n", index(3)),
        ),
        (
            "descending",
            one.clone() + &format!("hit {} 6 announced\n", index(2)),
        ),
        ("an empty root", other(&sha256(b"root").to_base64(), "")),
    ] {
        assert!(Report::parse_text(&text).is_err(), "{name}");
    }
}

#[test]
fn refuses_every_other_spelling_of_the_feed() {
    let text = inserted().text();
    for (name, from, to) in [
        ("below since", " 3\n", " 2\n"),
        ("at through", " 11\n", " 12\n"),
        ("another bucket", "\n01\n", "\n02\n"),
        ("through beyond the size", "\n3\n12\n5\n", "\n3\n13\n5\n"),
        ("since beyond through", "\n3\n12\n5\n", "\n12\n11\n5\n"),
        ("a public bucket", "\n01\n", "\n81\n"),
        ("out of order", " 3\n", " 11\n"),
    ] {
        assert!(
            Inserted::parse_text(&text.replacen(from, to, 1)).is_err(),
            "{name}"
        );
    }
    for bad in ["", "8", "f0", "0A", "01234", "0g", " 0"] {
        assert!(Bucket::parse(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Bucket::of(&index(0x7f), 3).unwrap().as_str(), "7f7");
    assert!(Bucket::of(&index(0x80), 2).is_err());
}

#[test]
fn watched_indexes_are_few_ascending_and_private() {
    let refused = |list: Vec<IndexKey>| WatchedIndexes::new(list).unwrap_err();
    assert_eq!(refused(Vec::new()), WatchError::IndexCount(0));
    assert_eq!(refused(vec![index(1), index(1)]), WatchError::Indexes);
    assert_eq!(refused(vec![index(2), index(1)]), WatchError::Indexes);
    assert_eq!(refused(vec![index(1), index(0x80)]), WatchError::Indexes);
    let many: Vec<_> = (0..65).map(index).collect();
    assert_eq!(refused(many.clone()), WatchError::IndexCount(65));
    WatchedIndexes::new(many[..64].to_vec()).unwrap();
}

#[test]
fn a_report_is_taken_for_its_own_watch_from_its_own_key_only() {
    let report = report(vec![hit(1, 11, false)]);
    let note = report.sign(&signer()).unwrap();
    let key = signer().verifier_key();
    let verify = |note: &[u8], id: &Hash, indexes: &WatchedIndexes| {
        Report::verify(note, &key, &origin(), id, indexes)
    };
    assert_eq!(verify(&note, &report.id, &indexes()), Ok(report.clone()));
    let other = WatchedIndexes::new(vec![index(2)]).unwrap();
    assert_eq!(
        verify(&note, &report.id, &other),
        Err(WatchError::NotWatched)
    );
    assert_eq!(
        verify(&note, &Hash::ZERO, &indexes()),
        Err(WatchError::Other("watch"))
    );
    let elsewhere = Origin::parse("log.example/other").unwrap();
    assert_eq!(
        Report::verify(&note, &key, &elsewhere, &report.id, &indexes()),
        Err(WatchError::Other("log"))
    );
    let changed = String::from_utf8(note).unwrap().replace(" 11 ", " 10 ");
    let refused = verify(changed.as_bytes(), &report.id, &indexes()).unwrap_err();
    assert_eq!(refused.blame(), crate::Blame::Unproven);
}

#[test]
fn a_report_that_goes_back_or_denies_is_seen() {
    let absent = report(Vec::new());
    let seen = |size, root: &[u8]| TreeHead {
        size: TreeSize::new(size).unwrap(),
        root: sha256(root),
    };
    assert_eq!(absent.refuse_back(&seen(12, b"root")), Ok(()));
    assert_eq!(absent.refuse_back(&seen(11, b"x")), Ok(()));
    assert!(absent.refuse_back(&seen(12, b"x")).is_err());
    assert!(absent.refuse_back(&seen(13, b"root")).is_err());
    let at = |position| LeafIndex::new(position).unwrap();
    assert!(absent.denies(&index(1), at(11)));
    assert!(!absent.denies(&index(1), at(12)), "it does not cover that");
    assert!(!report(vec![hit(1, 11, true)]).denies(&index(1), at(11)));
}

#[test]
fn requests_print_to_themselves_and_take_no_further_members() {
    let register = RegisterRequest {
        origin: origin(),
        indexes: indexes(),
    };
    let json = register.to_json();
    assert_eq!(RegisterRequest::parse(&json).unwrap(), register);
    let text = String::from_utf8(json).unwrap();
    let more = text.replacen('{', "{\"label\":\"x\",", 1);
    assert!(RegisterRequest::parse(more.as_bytes()).is_err());
    let twice = text.replace(&index(2).to_hex(), &index(1).to_hex());
    assert!(RegisterRequest::parse(twice.as_bytes()).is_err());
    let announcement = Announcement {
        token: token(),
        index: index(2),
        commitment: sha256(b"commitment"),
    };
    let json = announcement.to_json();
    assert_eq!(Announcement::parse(&json).unwrap(), announcement);
    assert!(TokenRequest::parse(&json).is_err());
    assert!(TokenRequest::parse(br#"{"token":"AAAA"}"#).is_err());
    let request = TokenRequest { token: token() };
    assert_eq!(TokenRequest::parse(&request.to_json()).unwrap(), request);
    assert_eq!(format!("{request:?}"), "TokenRequest { token: WatchToken }");
}
