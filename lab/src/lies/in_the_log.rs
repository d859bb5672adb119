//! Lies that the log signs, and failures of a log that are none: one dishonest log for each, all
//! followed by the same two auditors.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use plainsight_auditor::{Identity, LogConfig, Node};
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{Close, KeyEntry, LogKey, RoleKeys, StatementEntry};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::statement::{
    Artifact, Audience, Body, Canary, Name, Place, Product, ProtectionState, Reason, Region,
    Release, ReleaseVersion, Seq, StatementDraft, Yank,
};
use plainsight_specs::time::Timestamp;
use plainsight_specs::vrf;

use super::Told;
use super::observe::{Seen, settle};
use super::table::Section;
use crate::accounts;
use crate::clock;
use crate::crates::product;
use crate::liar::{Liar, Served};
use crate::network::{AUDITORS, base_url, free_address};
use crate::populate::protection;

/// Auditors look this often, in milliseconds.
const POLL_MS: u64 = 250;
/// Epochs are ahead of the clock by this, in milliseconds, where they are.
const AHEAD_MS: u64 = 7_200_000;

/// In seconds.
const MONTH_S: u64 = 30 * 86_400;

/// What the log does once the lie is in place.
#[derive(Clone, Copy)]
enum Then {
    /// It goes on with an epoch, and signs and shows the head.
    Epoch,
    /// It signs and shows the head as it is.
    Head,
    /// It shows nothing more.
    Nothing,
    /// It signs and shows the head as it is; a reader was shown another, and hands it to the auditors.
    HandOver(fn(&Liar) -> Result<Vec<u8>>),
}

/// One lie: its name in the table, how the log begins, and what it does.
struct Lie {
    name: &'static str,
    begin: fn(&str) -> Result<Liar>,
    tell: fn(&mut Liar) -> Result<()>,
    then: Then,
}

fn lie(name: &'static str, tell: fn(&mut Liar) -> Result<()>) -> Lie {
    Lie {
        name,
        begin: busy,
        tell,
        then: Then::Epoch,
    }
}

impl Lie {
    fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    fn begin(self, begin: fn(&str) -> Result<Liar>) -> Self {
        Self { begin, ..self }
    }
}

/// A log with somebody's keys and two releases.
fn busy(origin: &str) -> Result<Liar> {
    let mut liar = Liar::new(origin)?;
    fill(&mut liar)?;
    Ok(liar)
}

fn fill(liar: &mut Liar) -> Result<()> {
    let alice = alice()?;
    liar.push_key_set(&alice, Version::FIRST, accounts::first_key_set(&alice)?)?;
    liar.push_padding()?;
    liar.push_statement(release("1.0.0", b"one")?)?;
    liar.push_statement(release("1.1.0", b"two")?)?;
    liar.push_epoch()?;
    Ok(())
}

fn alice() -> Result<Label> {
    Ok(Label::email("alice@mail.example")?)
}

fn release_of(product: Product, version: &str, file: &[u8]) -> Result<Release> {
    Ok(Release {
        product,
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
    })
}

fn release(version: &str, file: &[u8]) -> Result<Body> {
    Ok(Body::Release(release_of(
        product("messenger")?,
        version,
        file,
    )?))
}

fn yank(version: &str, file: &[u8]) -> Result<Body> {
    Ok(Body::Yank(Yank {
        product: product("messenger")?,
        version: ReleaseVersion::parse(version)?,
        reason: Reason::parse("it is broken")?,
        published: clock::now()?,
        digests: vec![sha256(file)],
    }))
}

fn close(origin: &str) -> Result<Vec<u8>> {
    let name = KeyName::parse(origin)?;
    let signer = Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&[60; 32]))?;
    let log = LogKey::new(Origin::parse(origin)?, signer.verifier_key())?;
    let vrf = vrf::SecretKey::from_seed(&[61; 32]).public();
    Ok(Close::build(log, vrf).to_bytes())
}

fn canary(published: Timestamp, until_s: u64) -> Result<Body> {
    Ok(Body::Canary(Canary {
        name: Name::parse("no-secret-orders")?,
        valid_until: Timestamp::from_seconds(until_s).context("too late")?,
        published,
        text: sha256(b"We were ordered nothing."),
    }))
}

fn key_entry(index: IndexKey) -> Vec<u8> {
    let commitment = sha256(b"a commitment");
    KeyEntry { index, commitment }.to_bytes().to_vec()
}

/// Logs the next statement of its stream, changed, signed by `key`.
fn push_draft(
    liar: &mut Liar,
    body: Body,
    key: &SecretKey,
    change: impl FnOnce(&mut StatementDraft),
) -> Result<()> {
    let last = liar.replay().last_of(&body.stream());
    let mut draft = StatementDraft {
        seq: match last {
            None => Seq::ZERO,
            Some((seq, _)) => seq.next().context("the stream is full")?,
        },
        prev: last.map(|(_, leaf)| leaf),
        body,
    };
    change(&mut draft);
    let entry = StatementEntry::from_envelope(&draft.sign(&[key]))?;
    liar.push(entry.to_bytes())?;
    Ok(())
}

fn with_role_key(
    liar: &mut Liar,
    body: Body,
    change: impl FnOnce(&mut StatementDraft),
) -> Result<()> {
    let key = liar.role_key();
    push_draft(liar, body, &key, change)
}

/// A history by the same keys with another second entry.
fn another_history(liar: &Liar) -> Result<Liar> {
    liar.rewritten(LeafIndex::new(2).unwrap_or_default())
}

fn of_entries() -> Vec<Lie> {
    vec![
        lie("no-such-entry", |log| log.push(vec![0x07, 1, 2]).map(drop)),
        lie("closes-into-itself", |log| {
            let origin = log.replay().origin().to_string();
            log.push(close(&origin)?).map(drop)
        }),
        lie("not-its-own-genesis", |_| Ok(())).begin(|origin| {
            let mut liar = Liar::beginning(origin, |draft| {
                draft.origin = Origin::parse("log.liar.example/another")?;
                Ok(())
            })?;
            liar.push_epoch()?;
            Ok(liar)
        }),
        lie("a-second-genesis", |log| {
            let genesis = log.entry(LeafIndex::default())?;
            log.push(genesis).map(drop)
        }),
        lie("goes-on-after-close", |log| {
            log.push(close("log.liar.example/next")?)?;
            log.push_padding().map(drop)
        }),
        lie("two-epochs-after-close", |log| {
            log.push(close("log.liar.example/next")?)?;
            log.push_epoch().map(drop)
        }),
        lie("a-key-among-statements", |log| {
            log.push(key_entry(IndexKey::public(sha256(b"hidden"))))
                .map(drop)
        }),
        lie("a-version-twice", |log| {
            let index = log.index_of(&alice()?, Version::FIRST);
            log.push(key_entry(index)).map(drop)
        }),
        lie("miscounts", |log| {
            log.push_padding()?;
            log.push_wrong_epoch(|epoch| epoch.index_size += 1)
                .map(drop)
        }),
        lie("another-index", |log| {
            let root = sha256(b"an index with something else in it");
            log.push_wrong_epoch(|epoch| epoch.index_root = root)
                .map(drop)
        }),
        lie("ends-in-a-void-epoch", |log| {
            log.push_wrong_epoch(|epoch| epoch.index_root = Hash::ZERO)
                .map(drop)
        })
        .then(Then::Head),
        lie("turns-the-clock-back", |log| {
            log.push_wrong_epoch(|epoch| epoch.time_ms = 1).map(drop)
        }),
        lie("signed-by-nobody", |log| {
            let key = SecretKey::from_seed(&[9; 32]);
            push_draft(log, release("1.2.0", b"three")?, &key, |_| {})
        }),
        lie("leaves-a-gap", |log| {
            with_role_key(log, release("1.2.0", b"three")?, |draft| {
                draft.seq = Seq::new(9);
            })
        }),
        lie("forks-a-stream", |log| {
            with_role_key(log, release("1.2.0", b"three")?, |draft| {
                draft.seq = Seq::ZERO;
                draft.prev = None;
            })
        }),
        lie("another-past", |log| {
            with_role_key(log, release("1.2.0", b"three")?, |draft| {
                draft.prev = Some(sha256(b"another"));
            })
        }),
        lie("a-special-build", |log| {
            log.push_statement(release("1.0.0", b"special")?).map(drop)
        }),
        lie("closes-twice", |log| {
            log.push(close("log.liar.example/next")?)?;
            log.push(close("log.liar.example/another")?).map(drop)
        }),
        lie("takes-back-what-never-was", |log| {
            log.push_statement(yank("9.9.9", b"one")?).map(drop)
        }),
    ]
}

fn of_canaries() -> Vec<Lie> {
    vec![
        lie("repeats-a-canary", |log| {
            let now = clock::now()?;
            let body = canary(now, now.seconds() + MONTH_S)?;
            let judged = log.push_statement(body)?;
            let again = log.entry(judged.position)?;
            log.push(again).map(drop)
        }),
        lie("a-canary-by-the-release-key", |log| {
            let now = clock::now()?;
            let body = canary(now, now.seconds() + MONTH_S)?;
            log.push_statement(body).map(drop)
        })
        .begin(|origin| {
            let mut liar = Liar::beginning(origin, |draft| {
                let others = SecretKey::from_seed(&[62; 32]).public();
                draft.roles.protections = RoleKeys::new(1, vec![others])?;
                Ok(())
            })?;
            fill(&mut liar)?;
            Ok(liar)
        }),
    ]
}

fn of_heads() -> Vec<Lie> {
    vec![
        lie("signs-twice", |log| {
            *log = another_history(log)?;
            Ok(())
        })
        .then(Then::Head),
        lie("rewrites", |log| {
            *log = another_history(log)?;
            Ok(())
        }),
        lie("shows-one-another-head", |_| Ok(())).then(Then::HandOver(|log| {
            Ok(another_history(log)?.sign()?.to_bytes())
        })),
        lie("shows-one-a-head-beyond", |_| Ok(())).then(Then::HandOver(|log| {
            let mut twin = another_history(log)?;
            twin.push_epoch()?;
            Ok(twin.sign()?.to_bytes())
        })),
        lie("signs-one-entry", |log| {
            let one = log.rewound(1)?;
            log.script.checkpoint = Some(one.sign()?.to_bytes());
            Ok(())
        })
        .then(Then::Nothing),
        lie("ends-without-an-epoch", |log| log.push_padding().map(drop)).then(Then::Head),
        lie("hides-entries", |log| {
            log.push_padding()?;
            log.script.hides_tiles = true;
            Ok(())
        }),
        lie("signs-with-another-key", |log| {
            let name = KeyName::parse(log.replay().origin().as_str())?;
            let signer = Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&[8; 32]))?;
            let origin = log.replay().origin().clone();
            let signed =
                plainsight_specs::checkpoint::SignedCheckpoint::sign(&origin, log.head(), &signer)?;
            log.script.checkpoint = Some(signed.to_bytes());
            Ok(())
        })
        .then(Then::Nothing),
        lie("falls-silent", |log| {
            log.script.is_down = true;
            Ok(())
        })
        .then(Then::Nothing),
        lie("stands-still", |_| Ok(()))
            .begin(|origin| {
                let mut liar = Liar::beginning(origin, |draft| {
                    draft.heartbeat_s = 1;
                    Ok(())
                })?;
                fill(&mut liar)?;
                Ok(liar)
            })
            .then(Then::Nothing),
        lie("from-the-future", |log| {
            log.push_wrong_epoch(|epoch| epoch.time_ms += AHEAD_MS)
                .map(drop)
        })
        .then(Then::Head),
    ]
}

fn of_policies() -> Vec<Lie> {
    fn withdraws(log: &mut Liar, state: ProtectionState) -> Result<()> {
        let gb = Place::Region(Region::parse("GB")?);
        log.push_statement(protection(ProtectionState::Offered, gb, clock::now()?)?)?;
        let gb = Place::Region(Region::parse("GB")?);
        log.push_statement(protection(state, gb, clock::now()?)?)
            .map(drop)
    }
    vec![
        lie("withdraws-a-protection", |log| {
            withdraws(log, ProtectionState::Withdrawn)
        }),
        lie("weakens-a-protection", |log| {
            withdraws(log, ProtectionState::Weakened)
        }),
        lie("lets-a-canary-lapse", |log| {
            let now = clock::now()?;
            let before = Timestamp::from_seconds(now.seconds() - 60).context("before")?;
            log.push_statement(canary(before, now.seconds())?).map(drop)
        }),
        lie("dates-a-canary-back", |log| {
            let now = clock::now()?;
            let before = Timestamp::from_seconds(now.seconds() - MONTH_S).context("before")?;
            log.push_statement(canary(before, now.seconds() + MONTH_S)?)
                .map(drop)
        }),
        lie("a-canary-without-an-end", |log| {
            let now = clock::now()?;
            log.push_statement(canary(now, now.seconds() + 100 * MONTH_S)?)
                .map(drop)
        }),
        lie("builds-for-a-few", |log| {
            let mut few = release_of(product("messenger")?, "1.2.0", b"three")?;
            few.audience = Audience::parse("region:GB")?;
            log.push_statement(Body::Release(few)).map(drop)
        }),
        lie("takes-anothers-look", |log| {
            let impostor = release_of(product("Messenger")?, "1.2.0", b"three")?;
            log.push_statement(Body::Release(impostor)).map(drop)
        }),
        lie("cries-emergency", |log| {
            let mut rushed = release_of(product("messenger")?, "1.2.0", b"three")?;
            rushed.emergency = true;
            log.push_statement(Body::Release(rushed)).map(drop)
        }),
        lie("opens-a-stream-for-one", |log| {
            let mut other = product("messenger")?;
            other.channel = Name::parse("special")?;
            let only = release_of(other, "1.2.0", b"special")?;
            log.push_statement(Body::Release(only)).map(drop)
        }),
        lie("leaves-some-behind", |log| {
            let mut other = product("messenger")?;
            other.arch = Name::parse("riscv64")?;
            for (n, version) in (0u8..).zip(["2.0.0", "2.0.1", "2.0.2"]) {
                let build = release_of(other.clone(), version, &[n])?;
                log.push_statement(Body::Release(build))?;
            }
            Ok(())
        }),
    ]
}

/// Two auditors that follow all of these logs.
struct Auditors {
    nodes: Vec<Node>,
    seen: Vec<Seen>,
}

impl Auditors {
    async fn start(dir: &Path, logs: &[(Lie, Served)]) -> Result<Self> {
        let (mut nodes, mut seen) = (Vec::new(), Vec::new());
        for auditor in AUDITORS.into_iter().take(2) {
            let dir = dir.join(auditor.name);
            plainsight_auditor::init(&dir, &Identity::from(auditor))?;
            let mut config = None;
            for (_, log) in logs {
                let vkey = log.liar().await.vkey()?.to_string();
                let follow = LogConfig::new(&vkey, log.url()?.to_string());
                config = Some(plainsight_auditor::add_log(&dir, &follow)?);
            }
            let mut config = config.context("no log to follow")?;
            config.listen = free_address()?;
            config.poll_interval_ms = POLL_MS;
            let node = Node::start(config).await?;
            seen.push(Seen::at(&base_url(node.local_addr)?)?);
            nodes.push(node);
        }
        Ok(Self { nodes, seen })
    }
}

pub(super) async fn tell(section: &Section, dir: &Path) -> Result<Told> {
    let evidence = dir.join("evidence");
    let mut logs = Vec::new();
    for lie in of_entries()
        .into_iter()
        .chain(of_canaries())
        .chain(of_heads())
        .chain(of_policies())
    {
        let liar = (lie.begin)(&format!("log.liar.example/{}", lie.name))?;
        logs.push((lie, Served::start(liar).await?));
    }
    let auditors = Auditors::start(dir, &logs).await?;
    let mut origins = Vec::new();
    for (lie, log) in &logs {
        let mut liar = log.liar().await;
        liar.auditors = auditors
            .nodes
            .iter()
            .map(|node| base_url(node.local_addr))
            .collect::<Result<_>>()?;
        origins.push(liar.replay().origin().to_string());
        let begins_honestly = liar.broken().is_empty();
        drop(liar);
        let answers = log.publish().await?;
        let cosigned = answers.iter().all(|answer| answer.status == 200);
        ensure!(cosigned == begins_honestly, "{}: {answers:?}", lie.name);
    }
    for (lie, log) in &logs {
        misbehave(lie, log, &auditors.seen)
            .await
            .with_context(|| lie.name)?;
    }
    let mut told = Told::new();
    for ((lie, _), origin) in logs.iter().zip(&origins) {
        let expected = section.lies.get(lie.name).cloned().unwrap_or_default();
        let noticed = settle(&auditors.seen, origin, &expected, &evidence).await;
        told.insert(lie.name.to_owned(), noticed.with_context(|| lie.name)?);
    }
    for node in auditors.nodes {
        node.shutdown().await;
    }
    Ok(told)
}

async fn misbehave(lie: &Lie, log: &Served, auditors: &[Seen]) -> Result<()> {
    {
        let mut liar = log.liar().await;
        (lie.tell)(&mut liar)?;
        if let Then::Epoch = lie.then {
            liar.push_epoch()?;
        }
        // Each lie breaks one rule, so that nothing but that rule catches it.
        ensure!(liar.broken().len() <= 1, "it breaks {:?}", liar.broken());
    }
    match lie.then {
        Then::Nothing => {}
        Then::Epoch | Then::Head => {
            let answers = log.publish().await?;
            if answers.iter().any(|answer| answer.status != 200) {
                log.publish_alone().await?;
            }
        }
        Then::HandOver(head) => {
            let note = head(&*log.liar().await)?;
            for auditor in auditors {
                let (status, body) = auditor.post("v1/checkpoint", &note).await?;
                ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&body));
            }
        }
    }
    Ok(())
}
