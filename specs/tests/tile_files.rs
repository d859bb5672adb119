//! The names and bytes of tiles and bundles.

#![allow(clippy::unwrap_used)]

use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{
    MAX_BUNDLE_BYTES, TileError, TileKind, TilePath, bundle_to_bytes, parse_bundle,
    paths_for_entries,
};
use proptest::prelude::*;

fn size(leaves: u64) -> TreeSize {
    TreeSize::new(leaves).unwrap()
}

fn names(paths: impl IntoIterator<Item = TilePath>) -> Vec<String> {
    paths.into_iter().map(|path| path.to_string()).collect()
}

#[test]
fn paths_have_one_spelling() {
    let hashes = |level, index, width| TilePath::hashes(level, index, width).unwrap();
    let entries = |index, width| TilePath::entries(index, width).unwrap();
    for (text, path) in [
        ("tile/0/000", hashes(0, 0, 256)),
        ("tile/0/005.p/1", hashes(0, 5, 1)),
        ("tile/63/x001/x234/067", hashes(63, 1_234_067, 256)),
        ("tile/2/x001/000.p/255", hashes(2, 1000, 255)),
        ("tile/entries/999", entries(999, 256)),
        ("tile/entries/x123/456.p/12", entries(123_456, 12)),
        (
            "tile/0/x009/x223/x372/x036/x854/x775/807",
            hashes(0, i64::MAX as u64, 256),
        ),
    ] {
        assert_eq!(TilePath::parse(text), Ok(path));
        assert_eq!(path.to_string(), text);
    }
}

#[test]
fn refuses_every_other_spelling() {
    for bad in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001/0002",
        "tile/0/x001/02",
        "tile/0/x001/x002",
        "tile/0/x001//002",
        "tile/0/xx01/002",
        "tile/0/X001/002",
        "tile/0/x1/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/65792",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/data/000",
        "tile/Entries/000",
        "tile/entries/00a",
        "tile/0/ 000",
        "tile/0/000 ",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/8/0/000",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
    ] {
        assert_eq!(TilePath::parse(bad), Err(TileError::Path), "{bad:?}");
    }
    assert_eq!(TilePath::hashes(64, 0, 1), None);
    assert_eq!(TilePath::hashes(0, 0, 0), None);
    assert_eq!(TilePath::hashes(0, 0, 257), None);
    assert_eq!(TilePath::entries(1 << 63, 1), None);
}

proptest! {
    #[test]
    fn what_parses_prints_back(text in "tile/(0|1|63|64|entries)/(x?[0-9]{3}/){0,3}[0-9]{2,4}(.p/[0-9]{1,3})?") {
        if let Ok(path) = TilePath::parse(&text) {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_prints_parses_back(level in 0..64u8, index in 0..1u64 << 63, width in 1..=256u16) {
        for path in [TilePath::hashes(level, index, width), TilePath::entries(index, width)] {
            prop_assert_eq!(TilePath::parse(&path.unwrap().to_string()), Ok(path.unwrap()));
        }
    }
}

#[test]
fn the_right_edge_of_the_chapter() {
    assert_eq!(
        names(TilePath::right_edge(size(70_000))),
        ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    assert_eq!(names(TilePath::right_edge(size(256))), ["tile/1/000.p/1"]);
    assert!(names(TilePath::right_edge(size(0))).is_empty());
    let last = TilePath::right_edge(size(i64::MAX as u64)).last().unwrap();
    assert_eq!(last.kind(), TileKind::Hashes { level: 7 });
    assert_eq!((last.index(), last.width()), (0, 127));
}

#[test]
fn a_tile_without_hashes_does_not_exist() {
    let at = |level, index, leaves| TilePath::hashes_at(level, index, size(leaves));
    assert_eq!(at(0, 0, 0), None);
    assert_eq!(at(0, 1, 256), None);
    assert_eq!(at(1, 0, 255), None);
    assert_eq!(at(9, 0, i64::MAX as u64), None);
    assert_eq!(at(63, 0, i64::MAX as u64), None);
    assert_eq!(at(0, u64::MAX, 256), None);
    assert_eq!(at(1, 0, 256), TilePath::hashes(1, 0, 1));
    assert_eq!(at(0, 0, 70_000), TilePath::hashes(0, 0, 256));
    assert_eq!(
        TilePath::entries_at(273, size(70_000)),
        TilePath::entries(273, 112)
    );
}

#[test]
fn bundles_that_hold_a_range_of_entries() {
    assert_eq!(
        names(paths_for_entries(255..513, size(600))),
        [
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/88"
        ]
    );
    assert_eq!(
        names(paths_for_entries(0..256, size(256))),
        ["tile/entries/000"]
    );
    assert_eq!(
        names(paths_for_entries(0..u64::MAX, size(3))),
        ["tile/entries/000.p/3"]
    );
    for empty in [0..0, 5..5, 600..700, 700..900] {
        assert!(paths_for_entries(empty, size(600)).is_empty());
    }
}

#[test]
fn bundles_parse_back_and_hold_exactly_their_width() {
    let entries: Vec<Vec<u8>> = (0..256).map(|i| vec![7; i * 3]).collect();
    let bytes = bundle_to_bytes(&entries).unwrap();
    assert_eq!(parse_bundle(&bytes, 256).unwrap(), entries);
    assert!(matches!(
        parse_bundle(&bytes, 255),
        Err(TileError::Bundle(_))
    ));
    assert!(matches!(
        parse_bundle(&bytes[..bytes.len() - 1], 256),
        Err(TileError::Bundle(_))
    ));
    assert!(matches!(
        parse_bundle(&[&bytes[..], &[0]].concat(), 256),
        Err(TileError::Bundle(_))
    ));
    assert_eq!(parse_bundle(&bytes, 0), Err(TileError::Width { got: 0 }));
    assert_eq!(
        parse_bundle(&bytes, 257),
        Err(TileError::Width { got: 257 })
    );
    assert_eq!(
        parse_bundle(&[0, 2, 65, 66, 0, 0], 2).unwrap(),
        [&b"AB"[..], b""]
    );
}

#[test]
fn bundles_of_the_longest_entries_are_the_bound() {
    let longest = vec![1; 65_535];
    let bytes = bundle_to_bytes(&vec![&longest; 256]).unwrap();
    assert_eq!(bytes.len(), MAX_BUNDLE_BYTES);
    assert_eq!(parse_bundle(&bytes, 256).unwrap(), vec![&longest; 256]);
    assert_eq!(
        bundle_to_bytes(&[vec![1; 65_536]]),
        Err(TileError::EntryTooLong { got: 65_536 })
    );
    assert_eq!(
        bundle_to_bytes::<&[u8]>(&[]),
        Err(TileError::Width { got: 0 })
    );
    assert_eq!(
        bundle_to_bytes(&vec![b""; 257]),
        Err(TileError::Width { got: 257 })
    );
}
