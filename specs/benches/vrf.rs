//! What a log pays for each index, and a reader for each rung.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::vrf::{Proof, SecretKey};

fn vrf(criterion: &mut Criterion) {
    let secret = SecretKey::from_seed(&[7; 32]);
    let key = secret.public();
    let alpha = Label::email("alice@example.org").map(|label| label.vrf_input(Version::FIRST));
    let alpha = alpha.unwrap_or_default();
    let (proof, _) = secret.prove(&alpha);
    let mut group = criterion.benchmark_group("vrf");
    group.bench_function("evaluate", |bencher| {
        bencher.iter(|| secret.evaluate(black_box(&alpha)));
    });
    group.bench_function("prove", |bencher| {
        bencher.iter(|| secret.prove(black_box(&alpha)));
    });
    group.bench_function("decode and verify", |bencher| {
        bencher.iter(|| {
            Proof::from_bytes(black_box(proof.as_bytes()))
                .and_then(|proof| key.verify(black_box(&alpha), &proof))
        });
    });
    group.finish();
}

criterion_group!(benches, vrf);
criterion_main!(benches);
