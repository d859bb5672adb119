//! On the honest log of the network: what people do every day, and the lies that a provider can
//! tell with nothing but his own right to publish.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::keyset::{KeyRecord, KeySet, KeySetDraft, Role};
use plainsight_specs::label::Label;
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};
use plainsight_specs::query::{StreamAnswer, StreamRequest};
use plainsight_specs::statement::{Body, Place, ProtectionState, Region};
use serde_json::Value;

use super::{Kind, Person, Plainsight, Step, Telling};
use crate::clock;
use crate::crates;
use crate::network::Network;
use crate::populate::{FEATURE, protection, publish_releases};
use crate::provider::{Publisher, random, sign};

pub(super) async fn tell(
    telling: &mut Telling,
    plainsight: &Plainsight,
    network: &Network,
) -> Result<()> {
    keys(telling, plainsight, network).await?;
    ghost(telling, plainsight, network).await?;
    flash_ghost(telling, plainsight, network).await?;
    releases(telling, plainsight, network).await?;
    withdrawal(telling, plainsight, network).await
}

fn person(plainsight: &Plainsight, network: &Network, name: &str) -> Result<Person> {
    let home = network.dir().join("people").join(name);
    let token = &network.tokens().keys;
    Person::new(plainsight, home, network.log_url(), network.policy(), token)
}

async fn keys(telling: &mut Telling, plainsight: &Plainsight, network: &Network) -> Result<()> {
    use Kind::Honest;
    let alice = person(plainsight, network, "alice")?;
    let bob = person(plainsight, network, "bob")?;
    let label = "alice@mail.example";
    let ran = alice.run(&["log", "status"]).await?;
    telling.command(
        Honest,
        "Alice looks at the log: three auditors vouch for it",
        &ran,
        0,
        &[],
    );
    let ran = bob.run(&["contact", "verify", label]).await?;
    telling.command(
        Honest,
        "Bob looks Alice up before she is there: proved absent",
        &ran,
        6,
        &[],
    );
    alice
        .run(&[
            "keys", "new", label, "--device", "phone", "--device", "laptop",
        ])
        .await?;
    let ran = alice.run(&["keys", "publish", label]).await?;
    telling.command(
        Honest,
        "Alice publishes her keys, of two devices",
        &ran,
        0,
        &[],
    );
    let ran = bob.run(&["contact", "verify", label]).await?;
    let words = ["phone", "laptop"];
    telling.command(
        Honest,
        "Bob verifies Alice's keys and pins them",
        &ran,
        0,
        &words,
    );
    let ran = alice
        .run(&["keys", "rotate", label, "--add-device", "tablet"])
        .await?;
    telling.command(Honest, "Alice adds a device", &ran, 0, &[]);
    let ran = alice.run(&["keys", "monitor", label]).await?;
    telling.command(
        Honest,
        "Alice sees nothing in the log but her own versions",
        &ran,
        0,
        &[],
    );
    let ran = bob.run(&["contact", "verify", label]).await?;
    telling.command(
        Honest,
        "Bob is told that Alice's keys changed, signed by her",
        &ran,
        5,
        &[],
    );
    bob.run(&["contact", "accept", label]).await?;
    let ran = bob.run(&["contact", "verify", label]).await?;
    telling.command(
        Honest,
        "Bob accepts, and the keys verify",
        &ran,
        0,
        &["tablet"],
    );
    Ok(())
}

/// What the log shows for a label, as the provider knows it anyway.
async fn shown(log: &BaseUrl, label: &Label) -> Result<KeySet> {
    let source = Source::new(Http::new(Patience::default())?, log.clone());
    let request = LookupRequest {
        label: label.clone(),
        since: None,
        logged: false,
    };
    let body = source.ask("v1/lookup", &request.to_json(), 2 << 20).await?;
    let found = LookupAnswer::parse(&body)?
        .found
        .context("the label has no keys")?;
    Ok(KeySet::parse(
        &found.key_set.context("the key set is withheld")?,
    )?)
}

/// The next key set after `current`, as the provider would make it: with an identity key of his
/// own, since he has none of the owner's, and these devices beside the owner's.
pub fn forged(current: &KeySet, ghosts: &[&str]) -> Result<Vec<u8>> {
    let provider = SecretKey::from_seed(&random()?);
    let mut keys: Vec<_> = current.keys().to_vec();
    keys.push(KeyRecord {
        id: "identity-renewed".into(),
        role: Role::Identity,
        alg: "ed25519".into(),
        key: provider.public().as_bytes().to_vec(),
    });
    for ghost in ghosts {
        keys.push(KeyRecord {
            id: (*ghost).to_owned(),
            role: Role::Device,
            alg: "x25519".into(),
            key: random::<32>()?.to_vec(),
        });
    }
    let draft = KeySetDraft {
        label: current.label().clone(),
        version: current.version().next().context("no version is left")?,
        prev: Some(current.hash()),
        created: clock::now()?,
        keys,
    };
    Ok(draft.sign(&[&provider]))
}

async fn ghost(telling: &mut Telling, plainsight: &Plainsight, network: &Network) -> Result<()> {
    let (alice, bob) = (
        person(plainsight, network, "alice")?,
        person(plainsight, network, "bob")?,
    );
    let label = "alice@mail.example";
    let publisher = Publisher::new(network.log_url(), &network.tokens().keys)?;
    let current = shown(network.log_url(), &Label::email(label)?).await?;
    publisher
        .key_set(forged(&current, &["ghost-device"])?, random()?)
        .await?;
    let ran = alice.run(&["keys", "monitor", label]).await?;
    let title = "A ghost device is added to Alice's keys: her monitor names it";
    telling.command(Kind::Lie, title, &ran, 1, &["ghost-device"]);
    let ran = bob.run(&["contact", "verify", label]).await?;
    let title = "Bob is not handed the ghost as if nothing had happened: a changed pin is an error";
    telling.command(Kind::Lie, title, &ran, 5, &["ghost-device"]);
    Ok(())
}

async fn flash_ghost(
    telling: &mut Telling,
    plainsight: &Plainsight,
    network: &Network,
) -> Result<()> {
    let dora = person(plainsight, network, "dora")?;
    let label = "dora@mail.example";
    dora.run(&["keys", "new", label, "--device", "phone"])
        .await?;
    let ran = dora.run(&["keys", "publish", label]).await?;
    telling.command(
        Kind::Honest,
        "Dora publishes her keys and goes offline",
        &ran,
        0,
        &[],
    );
    let publisher = Publisher::new(network.log_url(), &network.tokens().keys)?;
    let own = shown(network.log_url(), &Label::email(label)?).await?;
    let with_ghost = forged(&own, &["flash-ghost"])?;
    publisher.key_set(with_ghost.clone(), random()?).await?;
    // Put back: the ghost is gone again in the version after.
    let put_back = KeySet::parse(&with_ghost)?;
    let mut keys = put_back.keys().to_vec();
    keys.retain(|key| key.id != "flash-ghost" && key.id != "identity-renewed");
    let provider = SecretKey::from_seed(&random()?);
    keys.push(KeyRecord {
        id: "identity-renewed".into(),
        role: Role::Identity,
        alg: "ed25519".into(),
        key: provider.public().as_bytes().to_vec(),
    });
    let draft = KeySetDraft {
        label: put_back.label().clone(),
        version: put_back.version().next().context("no version is left")?,
        prev: Some(put_back.hash()),
        created: clock::now()?,
        keys,
    };
    publisher
        .key_set(draft.sign(&[&provider]), random()?)
        .await?;
    let ran = dora.run(&["keys", "monitor", label]).await?;
    let title = "A ghost was added and put back while Dora was away: every version is opened";
    telling.command(Kind::Lie, title, &ran, 1, &["flash-ghost"]);
    Ok(())
}

async fn releases(telling: &mut Telling, plainsight: &Plainsight, network: &Network) -> Result<()> {
    let carol = person(plainsight, network, "carol")?;
    let files = tokio::task::spawn_blocking(crates::downloaded).await??;
    let files: Vec<_> = files
        .found
        .into_iter()
        .filter(|file| file.package.name == "serde_json")
        .collect();
    let file = files
        .first()
        .context("Cargo has not downloaded serde_json")?;
    publish_releases(network, &files, clock::now()?).await?;
    let path = file.path.to_str().context("the path is not text")?;
    let ran = carol.run(&["release", "verify", path]).await?;
    let title = "Carol verifies a file that Cargo downloaded, byte for byte";
    telling.command(Kind::Honest, title, &ran, 0, &["serde_json"]);
    let tampered = network.dir().join("tampered.crate");
    let mut bytes = std::fs::read(&file.path)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    std::fs::write(&tampered, bytes)?;
    verify_unlogged(telling, &carol, &tampered).await
}

async fn verify_unlogged(telling: &mut Telling, carol: &Person, file: &Path) -> Result<()> {
    let path = file.to_str().context("the path is not text")?;
    let ran = carol.run(&["release", "verify", path]).await?;
    let title = "Carol is given a file that was never logged: proved absent";
    telling.command(Kind::Lie, title, &ran, 6, &[]);
    let pinned = [
        "--stream",
        "pkg:cargo/serde_json",
        "--channel",
        "stable",
        "--arch",
        "any",
    ];
    let args: Vec<_> = ["release", "verify", path]
        .into_iter()
        .chain(pinned)
        .collect();
    let ran = carol.run(&args).await?;
    let title = "The same file under the name of a package that is logged: refused";
    let refused = if ran.code == 1 { 1 } else { 6 };
    telling.command(Kind::Lie, title, &ran, refused, &[]);
    Ok(())
}

async fn withdrawal(
    telling: &mut Telling,
    plainsight: &Plainsight,
    network: &Network,
) -> Result<()> {
    let erin = person(plainsight, network, "erin")?;
    let gb = || Ok::<_, anyhow::Error>(Place::Region(Region::parse("GB")?));
    let publisher = Publisher::new(network.log_url(), &network.tokens().protections)?;
    let key = &network.roles().protections;
    let offered = protection(ProtectionState::Offered, gb()?, clock::now()?)?;
    publisher
        .statement(sign(offered, None, key)?.envelope)
        .await?;
    let status = ["protection", "status", FEATURE, "--region", "GB"];
    let ran = erin.run(&status).await?;
    let title = "Erin reads that end-to-end encrypted backup is offered in GB";
    telling.command(Kind::Honest, title, &ran, 0, &["OFFERED"]);
    let withdrawn = protection(ProtectionState::Withdrawn, gb()?, clock::now()?)?;
    let last = last_of(network, &withdrawn).await?;
    publisher
        .statement(sign(withdrawn, Some(last), key)?.envelope)
        .await?;
    let ran = erin.run(&status).await?;
    let title = "The provider withdraws it in GB: Erin reads so";
    telling.command(Kind::Lie, title, &ran, 0, &["WITHDRAWN"]);
    for running in network.auditors() {
        let (alerts, evidence) = alerts(&running.url).await?;
        let told = alerts.iter().any(|alert| alert.contains("withdrawn"));
        telling.step(Step {
            kind: Kind::Lie,
            title: format!(
                "{} alerts, and accuses nobody",
                running.auditor.organisation
            ),
            expected: "a policy alert about the withdrawal, and no evidence".into(),
            seen: alerts.first().cloned().unwrap_or_else(|| "no alert".into()),
            held: told && evidence == 0,
            evidence: None,
        });
    }
    Ok(())
}

/// Seq and leaf hash of the last statement of a stream.
async fn last_of(
    network: &Network,
    body: &Body,
) -> Result<(
    plainsight_specs::statement::Seq,
    plainsight_specs::hash::Hash,
)> {
    let source = Source::new(Http::new(Patience::default())?, network.log_url().clone());
    let request = StreamRequest {
        stream: body.stream(),
        since: None,
        version: None,
        digest: None,
    };
    let answer = source.ask("v1/stream", &request.to_json(), 2 << 20).await?;
    let latest = StreamAnswer::parse(&answer)?
        .latest
        .context("the stream is empty")?;
    Ok((latest.seq, plainsight_specs::hash::leaf_hash(&latest.entry)))
}

/// The texts of an auditor's alerts as soon as there is one, and how much evidence it has.
async fn alerts(auditor: &BaseUrl) -> Result<(Vec<String>, usize)> {
    let source = Source::new(Http::new(Patience::default())?, auditor.clone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let alerts: Vec<Value> = serde_json::from_slice(&source.read("v1/alerts", 1 << 20).await?)?;
        let texts: Vec<_> = alerts
            .iter()
            .filter(|alert| alert["severity"] == "policy")
            .filter_map(|alert| alert["text"].as_str().map(str::to_owned))
            .collect();
        if !texts.is_empty() || tokio::time::Instant::now() > deadline {
            let evidence: Vec<Value> =
                serde_json::from_slice(&source.read("v1/evidence", 1 << 20).await?)?;
            return Ok((texts, evidence.len()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
