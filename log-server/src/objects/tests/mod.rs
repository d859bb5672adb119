//! Tests of the objects: one suite for every kind of store, and what may go wrong with each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod conformance;
mod faults;
mod full_disk;
mod powercut;
#[path = "../../../tests/support/s3.rs"]
mod s3;

use std::time::Duration;

use bytes::Bytes;
use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::tile::{Edge, TilePath, bundle_to_bytes};

use super::*;
use crate::signer::log_signer;

/// The objects that come with the entries from `from` to before `to`, and the head afterwards.
fn batch(from: u64, to: u64) -> (Vec<(TilePath, Bytes)>, TreeHead) {
    let entry = |i: u64| format!("entry number {i}").into_bytes();
    let leaves = |range: std::ops::Range<u64>| -> Vec<Hash> {
        range.map(|i| leaf_hash(&entry(i))).collect()
    };
    let mut edge = Edge::new();
    edge.append(&leaves(0..from)).unwrap();
    let mut objects = edge.append(&leaves(from..to)).unwrap();
    for index in from / 256..=(to - 1) / 256 {
        let entries: Vec<_> = (index * 256..to.min(index * 256 + 256))
            .map(entry)
            .collect();
        let width = u16::try_from(entries.len()).unwrap();
        let path = TilePath::entries(index, width).unwrap();
        objects.push((path, bundle_to_bytes(&entries).unwrap()));
    }
    let size = TreeSize::new(to).unwrap();
    let head = TreeHead {
        size,
        root: edge.root(),
    };
    let whole = objects
        .into_iter()
        .map(|(path, bytes)| (path, bytes.into()));
    (whole.collect(), head)
}

/// A signed note of a head.
fn note(head: &TreeHead) -> Vec<u8> {
    let origin = Origin::parse("log.test/objects").unwrap();
    let signer = log_signer(&origin, &[3; 32]).unwrap();
    SignedCheckpoint::sign(&origin, *head, &signer)
        .unwrap()
        .to_bytes()
}

/// A client of a test server, before it is built.
fn builder(s3: &s3::S3) -> object_store::aws::AmazonS3Builder {
    let mut builder = object_store::aws::AmazonS3Builder::new().with_bucket_name(s3::BUCKET);
    for (key, value) in s3.environment() {
        builder = builder.with_config(key.to_ascii_lowercase().parse().unwrap(), value);
    }
    builder
}

/// Objects under a prefix of a test server's bucket.
fn in_bucket(s3: &s3::S3, prefix: &str) -> Objects {
    let store = builder(s3).build().unwrap();
    let store = object_store::prefix::PrefixStore::new(store, prefix);
    let bucket = bucket::Bucket::new(Arc::new(store), Duration::from_secs(20));
    let address = format!("s3://{}/{prefix}", s3::BUCKET).parse().unwrap();
    Objects::over(Engine::Bucket(bucket), address)
}

/// xorshift64*: what goes wrong follows from the seed.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound.max(1)
    }
}
