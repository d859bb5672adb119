//! Lies of auditors: to other auditors, in the heads that they show, and to owners, in what they
//! report about watches.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use plainsight_auditor::peers::{Peer, PeerConfig};
use plainsight_auditor::{Identity, LogConfig, Node};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::Hash;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::time::Timestamp;

use super::front::{BendWord, Lying, Voice, Word};
use super::observe::{Seen, settle};
use super::table::Section;
use super::theatre::{ALICE, Quorum, Theatre, YESTERDAY_S, cosigned};
use super::{Caught, Told};
use crate::clock;
use crate::liar::{Liar, Script, Served};
use crate::network::{AUDITORS, base_url, free_address};
use crate::provider::random;
use crate::story::Plainsight;

/// Entries of others, so many that each bucket of a list has some.
const PADDING: usize = 64;

pub(super) async fn tell(section: &Section, plainsight: &Plainsight, dir: &Path) -> Result<Told> {
    let mut told = Told::new();
    for (name, shows) in SHOWN {
        let expected = section.lies.get(name).cloned().unwrap_or_default();
        let noticed = to_an_auditor(dir, name, shows, &expected).await;
        told.insert(name.to_owned(), noticed.with_context(|| name)?);
    }
    to_owners(plainsight, dir, &mut told).await?;
    Ok(told)
}

/// The head that a lying auditor shows of an honest log, with the time of its cosignature.
type Shows = fn(&Liar) -> Result<(Liar, u64)>;

const SHOWN: [(&str, Shows); 3] = [
    ("cosigns-a-fork", |log| {
        Ok((log.rewritten(LeafIndex::new(1).unwrap_or_default())?, 0))
    }),
    ("cosigns-what-it-cannot-show", |log| {
        let mut twin = log.rewritten(LeafIndex::new(1).unwrap_or_default())?;
        twin.push_epoch()?;
        twin.script.hides_tiles = true;
        Ok((twin, 0))
    }),
    ("shows-an-old-head", |log| {
        Ok((log.rewound(3)?, YESTERDAY_S))
    }),
];

/// An honest log, an honest auditor, and a peer of it that lies.
async fn to_an_auditor(
    dir: &Path,
    name: &str,
    shows: Shows,
    expected: &BTreeSet<Caught>,
) -> Result<BTreeSet<Caught>> {
    let mut liar = Liar::new(&format!("log.honest.example/{name}"))?;
    liar.push_padding()?;
    liar.push_epoch()?;
    liar.push_padding()?;
    liar.push_epoch()?;
    let origin = liar.replay().origin().to_string();
    let (mut twin, ago_s) = shows(&liar)?;
    let peer = KeyName::parse("auditor.liar.example")?;
    let key = SecretKey::from_seed(&random()?);
    let peer = Arc::new(vec![Signer::new(peer, Algorithm::CosignatureV1, key)?]);
    let time = Timestamp::from_seconds(clock::now()?.seconds() - ago_s).context("long ago")?;
    let note = cosigned(&twin.sign()?, &peer, time)?;
    twin.show(note).await?;
    let shown = Served::start_below(
        twin,
        &plainsight_specs::hash::sha256(origin.as_bytes()).to_hex(),
    )
    .await?;
    let log = Served::start(liar).await?;
    let auditor = AUDITORS.first().context("no auditor")?;
    let dir_of_it = dir.join(name);
    plainsight_auditor::init(&dir_of_it, &Identity::from(*auditor))?;
    let vkey = log.liar().await.vkey()?.to_string();
    let mut config =
        plainsight_auditor::add_log(&dir_of_it, &LogConfig::new(&vkey, log.url()?.to_string()))?;
    config.listen = free_address()?;
    config.poll_interval_ms = 100;
    config.peers.push(Peer::new(&PeerConfig {
        vkey: peer.first().context("no peer")?.verifier_key().to_string(),
        url: shown.url()?.to_string(),
    })?);
    let node = Node::start(config).await?;
    let url = base_url(node.local_addr)?;
    log.liar().await.auditors = vec![url.clone()];
    // The fork may be noticed before the first cosignature: then the log stays without one.
    log.publish_alone().await?;
    let _answers = log.publish().await?;
    let noticed = settle(&[Seen::at(&url)?], &origin, expected, &dir.join("evidence")).await;
    node.shutdown().await;
    noticed
}

async fn to_owners(plainsight: &Plainsight, dir: &Path, told: &mut Told) -> Result<()> {
    let theatre = Theatre::open(plainsight, dir, "watches").await?;
    let day = |seconds| Timestamp::from_seconds(seconds).context("another day");
    let yesterday = day(clock::now()?.seconds() - YESTERDAY_S)?;
    let tomorrow = day(clock::now()?.seconds() + YESTERDAY_S)?;
    let began = theatre.log.liar().await.head();
    let ghost = crate::story::forged(&theatre.alices().await?, &["ghost-device"])?;
    // The reports and lists are about more than what the watches began with.
    for _ in 0..PADDING {
        theatre.log.liar().await.push_padding()?;
    }
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    let both = ["watcher", "feeder"];
    let honest: [(&str, BendWord); 7] = [
        ("forges-a-heartbeat", Arc::new(|_| Ok(Voice::Stranger))),
        (
            "repeats-yesterdays-report",
            Arc::new(move |word| {
                *word.time() = yesterday;
                Ok(Voice::Own)
            }),
        ),
        (
            "signs-tomorrows-report",
            Arc::new(move |word| {
                *word.time() = tomorrow;
                Ok(Voice::Own)
            }),
        ),
        (
            "answers-somebody-else",
            Arc::new(|word| {
                word.answer_another()?;
                Ok(Voice::Own)
            }),
        ),
        (
            "speaks-of-another-log",
            Arc::new(|word| {
                word.of_another_log()?;
                Ok(Voice::Own)
            }),
        ),
        ("does-not-answer", Arc::new(|_| Ok(Voice::Nobody))),
        (
            "looked-at-another-log",
            Arc::new(|word| {
                word.head().root = Hash::ZERO;
                Ok(Voice::Own)
            }),
        ),
    ];
    for (name, bend) in honest {
        lie_to_owners(&theatre, told, name, &both, bend).await?;
    }
    let bend: BendWord = Arc::new(move |word| {
        word.end_at(began);
        Ok(Voice::Own)
    });
    let late = ["late watcher", "late feeder"];
    lie_to_owners(&theatre, told, "looks-no-further", &late, bend).await?;
    let earlier = theatre.log.liar().await.rewound(2)?.head();
    let bend: BendWord = Arc::new(move |word| {
        word.end_at(earlier);
        Ok(Voice::Own)
    });
    lie_to_owners(&theatre, told, "goes-back", &["watcher"], bend).await?;
    let bend: BendWord = Arc::new(|word| {
        if let Word::List(list) = word {
            list.insertions.pop();
        }
        Ok(Voice::Own)
    });
    lie_to_owners(&theatre, told, "leaves-somebody-out", &["feeder"], bend).await?;
    let before = theatre.log.liar().await.clone();
    {
        let mut liar = theatre.log.liar().await;
        liar.push_key_set(&Label::email(ALICE)?, Version::new(3), ghost)?;
        liar.push_epoch()?;
    }
    theatre.publish().await?;
    let bend: BendWord = Arc::new(|word| {
        word.deny();
        Ok(Voice::Own)
    });
    lie_to_owners(&theatre, told, "denies-a-hit", &both, bend.clone()).await?;
    // The log shows the owner what was there before.
    let script = Script {
        twin: Some(Arc::new(before)),
        ..Script::default()
    };
    let name = "denies-a-hit-beside-the-log";
    lie_with(&theatre, told, name, &both, bend, script).await?;
    theatre.end().await;
    Ok(())
}

async fn lie_to_owners(
    theatre: &Theatre,
    told: &mut Told,
    name: &str,
    parties: &[&str],
    bend: BendWord,
) -> Result<()> {
    lie_with(theatre, told, name, parties, bend, Script::default()).await
}

/// The same while the log lies as well.
async fn lie_with(
    theatre: &Theatre,
    told: &mut Told,
    name: &str,
    parties: &[&str],
    bend: BendWord,
    script: Script,
) -> Result<()> {
    let second = theatre.auditors.get(1).context("no second auditor")?;
    let lying = Lying::start(&second.url, &second.config, bend).await?;
    theatre.write_policy(Quorum::WithColluders, Some(lying.url.as_str()))?;
    let noticed = theatre.lie(script, parties).await;
    theatre.write_policy(Quorum::WithColluders, None)?;
    told.insert(name.to_owned(), noticed.with_context(|| name.to_owned())?);
    Ok(())
}
