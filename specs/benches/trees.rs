//! How fast the trees are: `cargo bench -p plainsight-specs --bench trees`.

#![allow(clippy::expect_used, missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::merkle::build::{Frontier, inclusion_proof};
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::tile::{Edge, TileSet};

const MILLION: u64 = 1_000_000;

/// Sorted indexes that look random, each with its value.
fn batch(first: u64, count: u64) -> Vec<(IndexKey, Hash)> {
    let mut batch: Vec<_> = (first..first + count)
        .map(|number| {
            let hash = sha256(&number.to_be_bytes());
            (IndexKey::from_bytes(*hash.as_bytes()), hash)
        })
        .collect();
    batch.sort_unstable();
    batch
}

fn index(c: &mut Criterion) {
    let mut tree = Tree::new();
    for first in (0..MILLION).step_by(10_000) {
        tree.insert_batch(&batch(first, 10_000))
            .expect("new indexes");
    }
    let mut group = c.benchmark_group("index of a million");
    group.sample_size(20);
    for count in [1_000, 10_000] {
        // The tree grows while it is measured, as it does in use; copying it for each sample would
        // leave it in the cache.
        let mut growing = tree.clone();
        let mut next = MILLION;
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("insert {count}"), |b| {
            b.iter_batched(
                || {
                    next += count;
                    batch(next, count)
                },
                |batch| growing.insert_batch(&batch).expect("new indexes"),
                BatchSize::PerIteration,
            );
        });
    }
    for (name, start, count) in [("absent", MILLION, 8), ("present", 0, 8)] {
        let searched: Vec<IndexKey> = batch(start, count)
            .into_iter()
            .map(|(index, _)| index)
            .collect();
        let proof = tree.prove(&searched);
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("prove {count} {name}"), |b| {
            b.iter(|| tree.prove(black_box(&searched)));
        });
        group.bench_function(format!("verify {count} {name}"), |b| {
            b.iter(|| {
                proof
                    .verify(&tree.root(), black_box(&searched))
                    .expect("holds")
            });
        });
    }
    for count in [1_000, 10_000] {
        let new = batch(MILLION, count);
        let searched: Vec<IndexKey> = new.iter().map(|(index, _)| *index).collect();
        let proof = tree.prove_insertion(&new).expect("new indexes");
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("prove the insertion of {count}"), |b| {
            b.iter(|| tree.prove_insertion(black_box(&new)).expect("new indexes"));
        });
        group.bench_function(format!("verify the insertion of {count}"), |b| {
            b.iter(|| {
                proof
                    .verify(&tree.root(), black_box(&searched))
                    .expect("holds")
            });
        });
    }
    group.finish();
}

fn log(c: &mut Criterion) {
    let leaves: Vec<Hash> = (0..65_536u64)
        .map(|i| leaf_hash(&i.to_be_bytes()))
        .collect();
    let mut group = c.benchmark_group("log");
    group.sample_size(20);
    group.throughput(Throughput::Elements(65_536));
    group.bench_function("append 65536 to an edge", |b| {
        b.iter(|| Edge::new().append(black_box(&leaves)).expect("room"));
    });
    group.bench_function("append 65536 to a frontier", |b| {
        b.iter(|| {
            let mut frontier = Frontier::new();
            for leaf in black_box(&leaves) {
                frontier.append(leaf);
            }
            frontier.root()
        });
    });
    let mut tiles = TileSet::new();
    for (path, bytes) in Edge::new().append(&leaves).expect("room") {
        tiles.insert(path, &bytes).expect("a tile of ours");
    }
    let (index, size) = (LeafIndex::new(12_345), TreeSize::new(65_536));
    let (index, size) = (index.expect("small"), size.expect("small"));
    group.throughput(Throughput::Elements(1));
    group.bench_function("prove inclusion in 65536", |b| {
        b.iter(|| inclusion_proof(index, size, black_box(&tiles)).expect("all tiles"));
    });
    group.finish();
}

criterion_group!(benches, index, log);
criterion_main!(benches);
