//! Blind watches through the programs themselves: a real log, three auditors, the command line.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::path::Path;
use std::process::Command;

use plainsight_client::http::{Http, Patience};
use plainsight_client::source::Source;
use plainsight_lab::network::{Network, write_home};
use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::keyset::{KeyRecord, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::publish::{PublishAnswer, PublishItem, PublishRequest, Wait};
use plainsight_specs::time::Timestamp;
use serde_json::Value;

const ME: &str = "me@mail.example";

fn plainsight(home: &Path, args: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_plainsight-lab"))
        .args(["plainsight", "--json", "--home"])
        .arg(home)
        .args(args)
        .output()
        .unwrap();
    let said = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), said)
}

/// The provider logs a version of its own making.
async fn ghost(network: &Network, version: u32) {
    let key = SecretKey::from_seed(&[66; 32]);
    let key_set = KeySetDraft {
        label: Label::from_typed(ME).unwrap(),
        version: Version::new(version),
        prev: Some(plainsight_specs::hash::Hash::ZERO),
        created: Timestamp::from_seconds(1_800_000_000).unwrap(),
        keys: vec![KeyRecord {
            id: "identity".into(),
            role: Role::Identity,
            alg: "ed25519".into(),
            key: key.public().as_bytes().to_vec(),
        }],
    };
    let request = PublishRequest {
        items: vec![PublishItem::KeySet {
            key_set: key_set.sign(&[&key]),
            opening: Opening::from_bytes([6; 16]),
        }],
        wait: Wait::Published,
    };
    let http = Http::new(Patience::default()).unwrap();
    let log = Source::new(http, network.log_url().clone());
    let token = Some(network.tokens().keys.as_str());
    let answer = log
        .send("v1/publish", &request.to_json(), token, 1 << 16)
        .await
        .unwrap();
    let answer = PublishAnswer::parse(&answer.body).unwrap();
    assert!(answer.results[0].is_ok(), "{:?}", answer.results);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_watches_rotates_and_is_warned_of_a_ghost() {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::start(&dir.path().join("network"), 0)
        .await
        .unwrap();
    let home = dir.path().join("home");
    let policy = network.policy().to_owned();
    write_home(&home, network.log_url(), &policy, &network.tokens().keys).unwrap();
    assert_eq!(
        plainsight(&home, &["keys", "new", ME, "--device", "phone"]).0,
        0
    );
    assert_eq!(
        plainsight(&home, &["keys", "watch", ME]).0,
        2,
        "nothing is published"
    );
    assert_eq!(plainsight(&home, &["keys", "publish", ME]).0, 0);

    let (code, said) = plainsight(&home, &["keys", "watch", ME]);
    assert_eq!(code, 0, "{said:#}");
    assert_eq!(said["auditors"].as_array().unwrap().len(), 3);
    assert_eq!(said["auditors"][0]["watched"], 3);
    for version in 1..=2u32 {
        // Announced, published, and watched anew: nothing to be warned of.
        let (code, said) = plainsight(&home, &["keys", "rotate", ME]);
        assert_eq!(code, 0, "{said:#}");
        let (code, said) = plainsight(&home, &["keys", "watch", ME]);
        assert_eq!(code, 0, "{said:#}");
        assert_eq!(
            (&said["latest"], &said["alarms"]),
            (&version.into(), &Value::Array(Vec::new()))
        );
    }
    ghost(&network, 3).await;
    let mut said = Value::Null;
    for _ in 0..100 {
        // The log has published it; each auditor sees it with its next look.
        let code;
        (code, said) = plainsight(&home, &["keys", "watch", ME]);
        assert_ne!(code, 0, "the log itself shows it at once: {said:#}");
        let hits = said["alarms"].as_array().unwrap().iter();
        if hits.filter(|alarm| alarm["kind"] == "hit").count() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let hit = |alarm: &&Value| {
        alarm["kind"] == "hit" && alarm["version"] == 3 && alarm["announced"] == false
    };
    assert_eq!(
        said["alarms"]
            .as_array()
            .unwrap()
            .iter()
            .filter(hit)
            .count(),
        3,
        "{said:#}"
    );
    assert_eq!(said["verdict"], "refuted");
    network.shutdown().await;
}
