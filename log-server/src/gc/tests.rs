//! Which objects are removed, and what is left of a log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt as _;
use plainsight_specs::hash::leaf_hash;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::merkle::build::tiles_for_root;
use plainsight_specs::tile::{Edge, TilePath, bundle_to_bytes};

use super::collect;
use crate::objects::Objects;
use crate::objects::tests::{batch, in_memory};
use crate::source;

fn size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap()
}

async fn names(objects: &Objects) -> BTreeSet<String> {
    let names = objects.list().map_ok(|listed| listed.name);
    names.try_collect().await.unwrap()
}

/// Writes what each of these sizes needs.
async fn publish(objects: &Objects, sizes: &[u64]) {
    let mut from = 0;
    for to in sizes {
        objects.put(batch(from, *to).0).await.unwrap();
        from = *to;
    }
}

#[tokio::test]
async fn only_partials_of_full_published_tiles_go() {
    let objects = in_memory();
    publish(&objects, &[2, 100, 256, 300, 511, 600]).await;
    let before = names(&objects).await;
    let now = SystemTime::now() + Duration::from_secs(10);
    // Size 300 is published, and 511 and 600 are not: the second tile is not full for readers.
    let collected = collect(&objects, size(300), Duration::ZERO, now)
        .await
        .unwrap();
    let gone: BTreeSet<_> = before.difference(&names(&objects).await).cloned().collect();
    let expected = ["tile/0/000.p/2", "tile/0/000.p/100"];
    let expected = expected
        .into_iter()
        .flat_map(|hashes| [hashes.to_owned(), hashes.replace("/0/", "/entries/")]);
    assert_eq!(gone, expected.collect());
    assert_eq!(collected.removed, gone.len() as u64);
    // Size 600: also those of the second tile, and none of the third or of level 1.
    collect(&objects, size(600), Duration::ZERO, now)
        .await
        .unwrap();
    let left = names(&objects).await;
    let partial: Vec<_> = left.iter().filter(|name| name.contains(".p/")).collect();
    assert_eq!(
        partial,
        [
            "tile/0/002.p/88",
            "tile/1/000.p/1",
            "tile/1/000.p/2",
            "tile/entries/002.p/88"
        ]
    );
}

#[tokio::test]
async fn a_partial_stays_for_its_time_of_grace_and_when_clocks_go_back() {
    let objects = in_memory();
    publish(&objects, &[100, 300]).await;
    let grace = Duration::from_hours(1);
    let now = SystemTime::now();
    for now in [now, now + grace / 2, now - grace * 2] {
        let collected = collect(&objects, size(300), grace, now).await.unwrap();
        assert_eq!((collected.removed, collected.young), (0, 2));
    }
    let later = now + grace + Duration::from_secs(10);
    let collected = collect(&objects, size(300), grace, later).await.unwrap();
    assert_eq!((collected.removed, collected.young), (2, 0));
}

#[tokio::test]
async fn readers_of_an_old_checkpoint_take_the_full_tile() {
    let objects = in_memory();
    publish(&objects, &[100, 300, 70_000]).await;
    let now = SystemTime::now() + Duration::from_secs(10);
    collect(&objects, size(70_000), Duration::ZERO, now)
        .await
        .unwrap();
    for old in [100, 300] {
        let tiles = source::gather(&objects, tiles_for_root(size(old)))
            .await
            .unwrap();
        let edge = Edge::from_tiles(size(old), &tiles).unwrap();
        assert_eq!(edge.root(), batch(0, old).1.root);
    }
}

/// H8: a peer's shard held 33 times its data. Many small publications of entries of 1 KiB, and
/// what is left after a collection.
#[tokio::test]
async fn h8_objects_are_little_more_than_the_entries() {
    let objects = in_memory();
    let (mut edge, mut bundle, mut payload) = (Edge::new(), Vec::new(), 0u64);
    let mut number = 0u64;
    for _ in 0..700 {
        let mut put: Vec<(TilePath, Bytes)> = Vec::new();
        let mut leaves = Vec::new();
        for _ in 0..20 {
            let mut entry = vec![7; 1_024];
            entry[..8].copy_from_slice(&number.to_be_bytes());
            payload += entry.len() as u64;
            leaves.push(leaf_hash(&entry));
            bundle.push(entry);
            number += 1;
            if bundle.len() == 256 {
                let path = TilePath::entries(number / 256 - 1, 256).unwrap();
                put.push((path, bundle_to_bytes(&bundle).unwrap().into()));
                bundle.clear();
            }
        }
        if !bundle.is_empty() {
            let path = TilePath::entries_at(number / 256, size(number)).unwrap();
            put.push((path, bundle_to_bytes(&bundle).unwrap().into()));
        }
        let tiles = edge.append(&leaves).unwrap();
        put.extend(tiles.into_iter().map(|(path, bytes)| (path, bytes.into())));
        objects.put(put).await.unwrap();
    }
    let now = SystemTime::now() + Duration::from_secs(10);
    let collected = collect(&objects, size(number), Duration::ZERO, now)
        .await
        .unwrap();
    let left = collected.bytes - collected.removed_bytes;
    assert!(collected.bytes > payload * 5, "{collected}");
    assert!(left * 100 <= payload * 110, "{left} bytes for {payload}");
}
