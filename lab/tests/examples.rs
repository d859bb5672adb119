//! The client's examples, as they stand, against a real log and its auditors.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../client/examples/updater.rs"]
#[allow(dead_code, reason = "the test has its own main")]
mod updater;

use plainsight_client::verifier::{MemoryStore, Verifier};
use plainsight_lab::accounts::first_key_set;
use plainsight_lab::clock;
use plainsight_lab::crates::product;
use plainsight_lab::network::Network;
use plainsight_lab::provider::{Publisher, sign};
use plainsight_specs::hash::sha256;
use plainsight_specs::keyset::{KeySet, Role};
use plainsight_specs::label::Label;
use plainsight_specs::statement::{Artifact, Audience, Body, Region, Release, ReleaseVersion};
use updater::messenger;

const ALICE: &str = "alice@mail.example";

fn release(version: &str, audience: Audience, file: &[u8]) -> Body {
    Body::Release(Release {
        product: product("messenger").unwrap(),
        version: ReleaseVersion::parse(version).unwrap(),
        audience,
        emergency: false,
        published: clock::now().unwrap(),
        references: Vec::new(),
        artifacts: vec![Artifact {
            name: None,
            digest: sha256(file),
            size: file.len() as u64,
        }],
    })
}

fn verifier(network: &Network) -> Verifier<MemoryStore> {
    let policy = std::fs::read_to_string(network.policy()).unwrap();
    let notes = network.policy().with_extension("toml");
    let notes = std::fs::read_to_string(notes).ok();
    messenger::verifier(&policy, notes.as_deref()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_do_what_they_say_at_a_real_log() {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::start(&dir.path().join("network"), 0)
        .await
        .unwrap();
    let label = Label::from_typed(ALICE).unwrap();
    let key_set = first_key_set(&label).unwrap();
    let keys = Publisher::new(network.log_url(), &network.tokens().keys).unwrap();
    keys.key_set(key_set.clone(), [3; 16]).await.unwrap();
    let releases = Publisher::new(network.log_url(), &network.tokens().releases).unwrap();
    let key = &network.roles().releases;
    let first = sign(release("1.0.0", Audience::All, b"for all"), None, key).unwrap();
    let gb = Audience::Region(Region::parse("GB").unwrap());
    let last = Some((0u32.into(), first.leaf));
    let second = sign(release("1.1.0", gb, b"for some"), last, key).unwrap();
    for signed in [first, second] {
        releases.statement(signed.envelope).await.unwrap();
    }

    // The messenger encrypts to every key of the set that reads, and to no ghost's.
    let mut verifier = verifier(&network);
    let now = clock::now().unwrap();
    let reads: Vec<Vec<u8>> = KeySet::parse(&key_set)
        .unwrap()
        .keys()
        .iter()
        .filter(|key| key.role != Role::Identity)
        .map(|key| key.key.clone())
        .collect();
    let to = messenger::recipients(&mut verifier, ALICE, Some(&reads), now)
        .await
        .unwrap();
    assert_eq!(to.len(), reads.len());
    let ghost = [vec![7; 32]];
    let refused = messenger::recipients(&mut verifier, ALICE, Some(&ghost), now).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("outside of the key set"), "{refused}");

    // The updater installs what everybody gets, and nothing else.
    let stream = product("messenger").unwrap();
    let installed = updater::installable(&mut verifier, &stream, b"for all", now)
        .await
        .unwrap();
    assert_eq!(installed.version.as_str(), "1.0.0");
    for (file, why) in [
        (&b"for some"[..], "it is for region:GB only"),
        (b"for you", "never shipped in the stream"),
    ] {
        let refused = updater::installable(&mut verifier, &stream, file, now).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    network.shutdown().await;
}
