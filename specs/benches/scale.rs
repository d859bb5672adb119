//! What an index entry costs in a tree of the size that matters, in CPU time of the one thread
//! that does it, so that what else the machine does matters little:
//! `cargo bench -p plainsight-specs --bench scale -- 1000000`, with `index` or `replay` after the
//! size for one of the two.
//!
//! Each line is the best of the rounds; the tree grows from round to round, as it does in use.

#![allow(
    clippy::expect_used,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    missing_docs
)]

use std::hint::black_box;
use std::time::Instant;

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::entry::KeyEntry;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::{IndexKey, Tree, node};
use plainsight_specs::rules::Replay;

const BATCHES: [u64; 2] = [1_000, 10_000];
const ROUNDS: u64 = 10;

/// CPU time of this thread in nanoseconds, or the time of day where the system does not tell.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> u64 {
        // The system's count is brought up to date when a thread gives way.
        std::thread::yield_now();
        std::fs::read_to_string("/proc/thread-self/schedstat")
            .ok()
            .and_then(|text| text.split(' ').next()?.parse().ok())
            .unwrap_or_else(|| u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The least time for each of `count` that one of the rounds takes, in nanoseconds.
    fn best<T>(&self, count: u64, mut prepare: impl FnMut() -> T, mut run: impl FnMut(T)) -> f64 {
        let mut best = u64::MAX;
        for _ in 0..ROUNDS {
            let prepared = prepare();
            let start = self.now();
            run(prepared);
            best = best.min(self.now() - start);
        }
        best as f64 / count as f64
    }
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

fn index_of(number: u64) -> IndexKey {
    IndexKey::private(sha256(&number.to_be_bytes()))
}

fn batch(first: u64, count: u64) -> Vec<(IndexKey, Hash)> {
    let mut batch: Vec<_> = (first..first + count)
        .map(|number| (index_of(number), sha256(&number.to_le_bytes())))
        .collect();
    batch.sort_unstable();
    batch
}

fn entries(first: u64, count: u64) -> Vec<[u8; KeyEntry::LEN]> {
    (first..first + count)
        .map(|number| {
            let (index, commitment) = (index_of(number), Hash::ZERO);
            KeyEntry { index, commitment }.to_bytes()
        })
        .collect()
}

fn print(what: &str, ns: f64) {
    println!("{what:<44} {ns:>9.0} ns {:>12.0} a second", 1e9 / ns);
}

fn main() {
    let size = std::env::args()
        .find_map(|argument| argument.parse::<u64>().ok())
        .unwrap_or(1_000_000);
    let clock = Clock(Instant::now());
    let chained = |mut hash| {
        for _ in 0..100_000 {
            hash = node::parent(&hash, &hash);
        }
        black_box(hash);
    };
    print(
        "hash of a node",
        clock.best(100_000, || Hash::ZERO, chained),
    );

    let only = |what: &str| {
        let mut named = std::env::args().filter(|argument| !argument.starts_with("--"));
        named.all(|argument| argument != what)
    };
    if only("replay") {
        index(&clock, size);
    }
    if only("index") {
        replay(&clock, size);
    }
}

fn index(clock: &Clock, size: u64) {
    let before = resident_bytes();
    let mut tree = Tree::new();
    let start = clock.now();
    for first in (0..size).step_by(10_000) {
        tree.insert_batch(&batch(first, 10_000)).expect("new");
    }
    let built = (clock.now() - start) as f64 / size as f64;
    print("built from nothing, indexes made and sorted", built);
    let bytes = (resident_bytes() - before) as f64 / tree.len() as f64;
    println!(
        "{:<44} {bytes:>9.1} bytes",
        "memory for each of an index's entries"
    );
    let mut next = tree.len();
    for count in BATCHES {
        let prepare = || {
            next += count;
            batch(next, count)
        };
        let insert = |batch: Vec<_>| tree.insert_batch(&batch).expect("new");
        let ns = clock.best(count, prepare, insert);
        print(&format!("insert {count}, sorted"), ns);
    }
    for (what, first) in [("present", 0), ("absent", u64::MAX / 2)] {
        let prepare = || batch(first, 1_000);
        let ns = clock.best(1_000, prepare, |batch| {
            for (index, _) in batch {
                black_box(tree.prove(&[index]));
            }
        });
        print(&format!("prove one, {what}"), ns);
    }
}

fn replay(clock: &Clock, size: u64) {
    let mut replay = Replay::new(Origin::parse("log.example/scale").expect("an origin"));
    let step = |replay: &mut Replay, entries: Vec<[u8; KeyEntry::LEN]>| {
        for bundle in entries.chunks(256) {
            let judged = replay.step_all(bundle);
            assert!(judged.iter().all(|judged| !judged.is_void()));
        }
        let epoch = replay.next_epoch(0).to_bytes();
        assert!(!replay.step(&epoch).is_void());
    };
    // The first position is the genesis's; without one, key entries count all the same.
    let _ = replay.step(&[0x00]);
    for first in (0..size).step_by(10_000) {
        step(&mut replay, entries(first, 10_000));
    }
    let mut next = size;
    for count in BATCHES {
        let prepare = || {
            next += count;
            entries(next, count)
        };
        let ns = clock.best(count, prepare, |entries| step(&mut replay, entries));
        print(&format!("replay {count} key entries and an epoch"), ns);
    }
    let ns = clock.best(1, || (), |()| drop(black_box(replay.clone())));
    print("copy of a whole replay, and its end", ns);
}
