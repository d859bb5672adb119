//! What the page of a stream says about rebuilds.

use plainsight_auditor::config::Rebuilder;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::sha256;
use plainsight_specs::rebuild::{Outcome, RebuildClaim};
use plainsight_specs::time::Timestamp;
use serde_json::Value;

use crate::dashboard::Stage;
use crate::support::now_ms;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

async fn hand_in(stage: &Stage, seed: u8, file: &[u8], outcome: Outcome) {
    let claim = RebuildClaim {
        file: sha256(file),
        outcome,
        time: Timestamp::from_seconds(now_ms() / 1000).unwrap(),
        references: Vec::new(),
    };
    let answer = stage
        .auditor
        .post("v1/rebuilds", &claim.sign(&[&key(seed)]))
        .await;
    assert_eq!(answer.status, 200);
}

/// The page of the log's one stream, once its entries were looked through.
async fn stream(stage: &Stage) -> String {
    let last = |page: &Value| page["logs"][0]["streams"][0]["version"] == "1.2.0";
    let list = stage.wait("/releases.json", last).await;
    list["logs"][0]["streams"][0]["path"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The version of the stream's page that shipped this one file.
fn version_of(page: &Value, file: &[u8]) -> Value {
    let digest = sha256(file).to_hex();
    let versions = page["versions"].as_array().unwrap();
    let found = versions.iter().find(|version| {
        let files = version["files"].as_array().unwrap();
        files.len() == 1 && files[0]["sha256"] == digest
    });
    found
        .unwrap_or_else(|| panic!("{digest} in {page:#}"))
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_says_who_built_it_again_and_what_came_out() {
    let stage = Stage::with(|config| {
        config.rebuilders = [1, 2]
            .map(|seed| Rebuilder {
                name: format!("rebuilder <{seed}>"),
                key: key(seed).public(),
            })
            .into();
    })
    .await;
    let path = stream(&stage).await;
    let twin = path.replacen('?', ".json?", 1);
    let file = b"three";
    let before = version_of(&stage.json(&twin).await, file);
    assert_eq!(before["rebuilt"]["badge"]["word"], "Not rebuilt");
    assert_eq!(before["files"][0]["rebuilds"].as_array().unwrap().len(), 0);

    hand_in(&stage, 1, file, Outcome::Match).await;
    let same = version_of(&stage.json(&twin).await, file);
    assert_eq!(same["rebuilt"]["badge"]["tone"], "good");
    assert_eq!(same["files"][0]["rebuilds"][0]["outcome"], "match");

    let built = sha256(b"what the source gives");
    hand_in(&stage, 2, file, Outcome::Mismatch { built }).await;
    let other = version_of(&stage.json(&twin).await, file);
    assert_eq!(other["rebuilt"]["badge"]["tone"], "warn");
    let found = other["files"][0]["rebuilds"].as_array().unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1]["by"], "rebuilder <2>");
    assert_eq!(found[1]["built"], built.to_hex());
    let html = stage.text(&path).await;
    assert!(
        html.contains("rebuilder &#60;2&#62; built it from the published source"),
        "{html}"
    );
    assert!(html.contains("Built another file") && html.contains("Built the same file"));
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_to_no_rebuilder_says_so() {
    let stage = Stage::open().await;
    let path = stream(&stage).await;
    let page = stage.json(&path.replacen('?', ".json?", 1)).await;
    let said = version_of(&page, b"three")["rebuilt"].clone();
    assert_eq!(said["badge"]["tone"], "quiet");
    assert!(
        stage
            .text(&path)
            .await
            .contains("listens to nobody who builds releases again")
    );
    stage.auditor.stop().await;
}
