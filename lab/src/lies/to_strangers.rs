//! Lies in evidence: somebody accuses an honest log, or says more than a file proves.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use serde_json::{Value, json};

use super::{Told, homes};
use crate::liar::Liar;
use crate::provider::random;
use crate::story::Plainsight;

fn text(checkpoint: &SignedCheckpoint) -> Value {
    json!(String::from_utf8_lossy(&checkpoint.to_bytes()))
}

fn with(file: &Value, member: &str, value: Value) -> Value {
    let mut file = file.clone();
    if let Some(members) = file.as_object_mut() {
        members.insert(member.into(), value);
    }
    file
}

pub(super) async fn tell(plainsight: &Plainsight, dir: &Path) -> Result<Told> {
    let mut liar = Liar::new("log.honest.example/strangers")?;
    liar.push_padding()?;
    liar.push_epoch()?;
    let (older, position) = (liar.sign()?, LeafIndex::new(1).unwrap_or_default());
    let twin = liar.rewritten(position)?;
    let mut rewritten = twin.clone();
    rewritten.push_epoch()?;
    let before = older.head().size;
    liar.push_epoch()?;
    let (newer, key) = (liar.sign()?, liar.vkey()?);
    // What a log that forked, and one that was rewritten, are rightly accused of.
    let fork = Evidence::of_heads(&key, &older, &twin.sign()?, twin.head().root, Vec::new())?;
    let real = (twin.head().root, rewritten.consistency(before)?);
    let extension = Evidence::of_heads(&key, &older, &rewritten.sign()?, real.0, real.1)?;
    let [fork, extension]: [Value; 2] = [
        serde_json::from_slice(&fork.to_json())?,
        serde_json::from_slice(&extension.to_json())?,
    ];
    let name = KeyName::parse("log.honest.example/strangers")?;
    let other = Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&random()?))?;
    let origin = liar.replay().origin().clone();
    let forged = SignedCheckpoint::sign(&origin, twin.head(), &other)?;
    let honest_proof: Vec<Value> = liar
        .consistency(before)?
        .iter()
        .map(|hash| json!(hash.to_base64()))
        .collect();
    let growth = with(
        &with(&extension, "newer", text(&newer)),
        "consistency",
        json!(honest_proof),
    );
    let files = [
        (
            "a-fork-by-another-key",
            with(&fork, "second", text(&forged)),
        ),
        ("a-fork-of-one-head", with(&fork, "second", text(&older))),
        (
            "under-another-rule",
            with(&fork, "rule", json!("extension")),
        ),
        ("two-sizes", with(&fork, "second", text(&newer))),
        (
            "honest-growth",
            with(&growth, "root", json!(older.head().root.to_base64())),
        ),
        (
            "a-proof-that-fails",
            with(&growth, "root", json!(Hash::ZERO.to_base64())),
        ),
        (
            "more-than-was-signed",
            with(&fork, "note", json!("the provider was ordered to")),
        ),
    ];
    for (name, file) in [("fork", &fork), ("extension", &extension)] {
        let ran = verify(plainsight, &dir.join("evidence"), name, file).await?;
        ensure!(ran.code == 0, "{name}: {}{}", ran.said, ran.noted);
    }
    let mut told = Told::new();
    for (name, file) in files {
        let ran = verify(plainsight, dir, name, &file).await?;
        let noticed = homes::noticed("stranger", &ran).with_context(|| name)?;
        told.insert(name.to_owned(), noticed);
    }
    Ok(told)
}

async fn verify(
    plainsight: &Plainsight,
    dir: &Path,
    name: &str,
    file: &Value,
) -> Result<crate::story::Ran> {
    let path = dir.join(format!("{name}.json"));
    std::fs::write(&path, file.to_string())?;
    let path = path.to_str().context("the path is not text")?;
    plainsight
        .run(&["--json", "evidence", "verify", path])
        .await
}
