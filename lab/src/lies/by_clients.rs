//! Lies of clients, to a real log server with real auditors: what a stolen token and a flood come to.
//! The log judges by the auditors' own rules before it logs anything, so that no publisher can stop
//! its auditors.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use plainsight_client::http::{Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::codec::to_base64;
use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::Label;
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};
use plainsight_specs::publish::{PublishAnswer, PublishItem, PublishRequest, Wait};
use plainsight_specs::statement::{
    Artifact, Audience, Body, Reason, Release, ReleaseVersion, Seq, StatementDraft, Yank,
};
use serde_json::{Value, json};

use super::observe::{Seen, settle};
use super::{Caught, Told, homes};
use crate::accounts;
use crate::clock;
use crate::crates::product;
use crate::network::{Network, ORIGIN};
use crate::provider::{Publisher, random, sign};
use crate::story::{Person, Plainsight, forged};

const ALICE: &str = "alice@mail.example";
const MAX_ANSWER: usize = 1 << 20;
/// More registrations than an auditor takes of one address in an hour.
const FLOOD: usize = 70;

/// A network with somebody's keys and a release, and whoever lies to it.
struct Lied<'a> {
    network: &'a Network,
    log: Source,
    last: (Seq, Hash),
}

fn release(version: &str, file: &[u8]) -> Result<Body> {
    Ok(Body::Release(Release {
        product: product("messenger")?,
        version: ReleaseVersion::parse(version)?,
        audience: Audience::All,
        emergency: false,
        published: clock::now()?,
        references: Vec::new(),
        artifacts: vec![Artifact {
            name: None,
            digest: sha256(file),
            size: file.len() as u64,
        }],
    }))
}

impl Lied<'_> {
    /// Publishes one item; why it was refused.
    async fn publish(&self, token: &str, item: PublishItem) -> Result<Caught> {
        let items = vec![item];
        let wait = Wait::Sequenced;
        let request = PublishRequest { items, wait }.to_json();
        let answer = self
            .log
            .send("v1/publish", &request, Some(token), MAX_ANSWER)
            .await?;
        if answer.status != 200 {
            return refusal("log", answer.status, &answer.body);
        }
        let answer = PublishAnswer::parse(&answer.body)?;
        let result = answer.results.into_iter().next().context("no result")?;
        Ok(match result {
            Ok(logged) => Caught::new("nobody", "nothing", logged.position.to_string()),
            Err(error) => {
                let by = match error.rule {
                    Some(rule) => format!("rule {rule}"),
                    None => format!("refusal {}", error.code),
                };
                Caught::new("log", by, "not logged")
            }
        })
    }

    async fn statement(
        &self,
        change: impl FnOnce(&mut StatementDraft),
        body: Body,
    ) -> Result<Caught> {
        self.signed(change, body, &self.network.roles().releases)
            .await
    }

    async fn signed(
        &self,
        change: impl FnOnce(&mut StatementDraft),
        body: Body,
        key: &SecretKey,
    ) -> Result<Caught> {
        let (seq, leaf) = self.last;
        let mut draft = StatementDraft {
            seq: seq.next().context("the stream is full")?,
            prev: Some(leaf),
            body,
        };
        change(&mut draft);
        let envelope = draft.sign(&[key]);
        let token = &self.network.tokens().releases;
        self.publish(token, PublishItem::Statement { envelope })
            .await
    }
}

/// A problem document's code.
pub(super) fn refusal(party: &str, status: u16, body: &[u8]) -> Result<Caught> {
    let problem: Value = serde_json::from_slice(body).context("not a problem document")?;
    let code = problem["type"]
        .as_str()
        .and_then(|name| name.rsplit(':').next());
    let code = code.context("no code")?;
    Ok(Caught::new(
        party,
        format!("refusal {code}"),
        format!("status {status}"),
    ))
}

pub(super) async fn tell(plainsight: &Plainsight, dir: &Path) -> Result<Told> {
    let network = Network::start(&dir.join("network"), 0).await?;
    let mut told = Told::new();
    let (owner, contact) = (
        person(plainsight, &network, "alice")?,
        person(plainsight, &network, "bob")?,
    );
    for args in [
        vec!["keys", "new", ALICE, "--device", "phone"],
        vec!["keys", "publish", ALICE],
    ] {
        let ran = owner.run(&args).await?;
        ensure!(ran.code == 0, "{}{}", ran.said, ran.noted);
    }
    let ran = contact.run(&["contact", "verify", ALICE]).await?;
    ensure!(ran.code == 0, "{}{}", ran.said, ran.noted);
    let first = sign(release("1.0.0", b"one")?, None, &network.roles().releases)?;
    let publisher = Publisher::new(network.log_url(), &network.tokens().releases)?;
    publisher.statement(first.envelope).await?;
    let lied = Lied {
        log: Source::new(Http::new(Patience::default())?, network.log_url().clone()),
        network: &network,
        last: (Seq::ZERO, first.leaf),
    };
    with_statements(&lied, &mut told).await?;
    with_keys(&lied, &mut told, &owner, &contact).await?;
    floods(&lied, &mut told).await?;
    // Whatever they tried, no auditor has anything to say about the log.
    let seen = network.auditors().iter();
    let seen: Vec<_> = seen
        .map(|running| Seen::at(&running.url))
        .collect::<Result<_>>()?;
    let noticed = settle(&seen, ORIGIN, &BTreeSet::new(), dir).await?;
    ensure!(noticed.is_empty(), "{noticed:?}");
    network.shutdown().await;
    Ok(told)
}

fn person(plainsight: &Plainsight, network: &Network, name: &str) -> Result<Person> {
    let home = network.dir().join("people").join(name);
    let token = &network.tokens().keys;
    Person::new(plainsight, home, network.log_url(), network.policy(), token)
}

async fn with_statements(lied: &Lied<'_>, told: &mut Told) -> Result<()> {
    let stranger = SecretKey::from_seed(&random()?);
    let next = || release("1.1.0", b"two");
    let yank = Body::Yank(Yank {
        product: product("messenger")?,
        version: ReleaseVersion::parse("9.9.9")?,
        reason: Reason::parse("it never was")?,
        published: clock::now()?,
        digests: vec![sha256(b"one")],
    });
    let refused = [
        (
            "publishes-without-the-role-key",
            lied.signed(|_| {}, next()?, &stranger).await?,
        ),
        (
            "publishes-out-of-order",
            lied.statement(|draft| draft.seq = Seq::new(7), next()?)
                .await?,
        ),
        (
            "publishes-another-past",
            lied.statement(|draft| draft.prev = Some(Hash::ZERO), next()?)
                .await?,
        ),
        (
            "publishes-a-second-build",
            lied.statement(|_| {}, release("1.0.0", b"special")?)
                .await?,
        ),
        ("takes-back-nothing", lied.statement(|_| {}, yank).await?),
    ];
    for (name, caught) in refused {
        told.insert(name.into(), BTreeSet::from([caught]));
    }
    let envelope = b"{}".to_vec();
    let token = &lied.network.tokens().releases;
    let caught = lied
        .publish(token, PublishItem::Statement { envelope })
        .await?;
    told.insert("publishes-nonsense".into(), BTreeSet::from([caught]));
    Ok(())
}

async fn with_keys(
    lied: &Lied<'_>,
    told: &mut Told,
    owner: &Person,
    contact: &Person,
) -> Result<()> {
    let tokens = lied.network.tokens();
    let key_set = |key_set| -> Result<PublishItem> {
        Ok(PublishItem::KeySet {
            key_set,
            opening: Opening::from_bytes(random()?),
        })
    };
    let alice = Label::email(ALICE)?;
    let caught = lied
        .publish(&tokens.keys, key_set(accounts::first_key_set(&alice)?)?)
        .await?;
    told.insert("publishes-a-version-again".into(), BTreeSet::from([caught]));
    let current = shown(&lied.log, &alice).await?;
    let caught = lied
        .publish(&tokens.releases, key_set(forged(&current, &["ghost"])?)?)
        .await?;
    told.insert(
        "publishes-beyond-its-token".into(),
        BTreeSet::from([caught]),
    );
    let caught = lied
        .publish("guessed", key_set(forged(&current, &["ghost"])?)?)
        .await?;
    told.insert("guesses-a-token".into(), BTreeSet::from([caught]));
    let publisher = Publisher::new(lied.network.log_url(), &tokens.keys)?;
    publisher
        .key_set(forged(&current, &["ghost-device"])?, random()?)
        .await?;
    let mut noticed = homes::noticed(
        "owner",
        &owner.run(&["--json", "keys", "monitor", ALICE]).await?,
    )?;
    let ran = contact.run(&["--json", "contact", "verify", ALICE]).await?;
    noticed.extend(homes::noticed("returning", &ran)?);
    told.insert("publishes-for-another".into(), noticed);
    Ok(())
}

/// What the log shows for a label.
async fn shown(log: &Source, label: &Label) -> Result<KeySet> {
    let request = LookupRequest {
        label: label.clone(),
        since: None,
        logged: false,
    };
    let body = log.ask("v1/lookup", &request.to_json(), 2 << 20).await?;
    let found = LookupAnswer::parse(&body)?.found.context("no keys")?;
    Ok(KeySet::parse(&found.key_set.context("withheld")?)?)
}

async fn floods(lied: &Lied<'_>, told: &mut Told) -> Result<()> {
    let auditor = lied.network.auditors().first().context("no auditor")?;
    let auditor = Source::new(Http::new(Patience::default())?, auditor.url.clone());
    let mut noticed = BTreeSet::new();
    for n in 0..FLOOD {
        let index = sha256(&n.to_be_bytes());
        let index = plainsight_specs::index::IndexKey::private(index).to_hex();
        let question = json!({ "origin": ORIGIN, "indexes": [index] }).to_string();
        let answer = auditor
            .send("v1/watch", question.as_bytes(), None, MAX_ANSWER)
            .await?;
        if answer.status != 200 {
            noticed.insert(refusal("auditor", answer.status, &answer.body)?);
        }
    }
    told.insert("floods-watches".into(), noticed);
    let mut limits = plainsight_log_server::config::Limits {
        token_items_per_s: 1,
        token_burst: 3,
        ..Default::default()
    };
    lied.network.server().reload(limits.clone());
    let mut noticed = BTreeSet::new();
    for n in 0..FLOOD {
        let label = Label::email(&format!("flood{n}@mail.example"))?;
        let item = PublishItem::KeySet {
            key_set: accounts::first_key_set(&label)?,
            opening: Opening::from_bytes(random()?),
        };
        let caught = lied.publish(&lied.network.tokens().keys, item).await?;
        if caught.party != "nobody" {
            noticed.insert(caught);
        }
    }
    told.insert("floods-the-log".into(), noticed);
    limits.token_items_per_s = 0;
    lied.network.server().reload(limits);
    let mut noticed = BTreeSet::new();
    let body = format!("{{\"label\":\"{}\"}}", to_base64(&vec![0; 64 << 10]));
    let answer = lied
        .log
        .send("v1/lookup", body.as_bytes(), None, MAX_ANSWER)
        .await?;
    noticed.insert(refusal("log", answer.status, &answer.body)?);
    told.insert("asks-at-great-length".into(), noticed);
    Ok(())
}
