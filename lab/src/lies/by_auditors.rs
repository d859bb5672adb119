//! Lies of auditors: to other auditors, in the heads that they show, and to owners, in what they
//! report about watches.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use plainsight_auditor::peers::{Peer, PeerConfig};
use plainsight_auditor::{Config, Identity, LogConfig, Node};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::Hash;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::note::{Algorithm, KeyName, Signer, UnverifiedNote};
use plainsight_specs::time::Timestamp;
use plainsight_specs::watch::{Report, ReportAnswer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::observe::{Seen, settle};
use super::table::Section;
use super::theatre::{ALICE, Quorum, Theatre, cosigned};
use super::{Caught, Told};
use crate::clock;
use crate::liar::{Liar, Script, Served};
use crate::network::{AUDITORS, base_url, free_address};
use crate::provider::random;
use crate::story::Plainsight;

/// Longer ago than C2SP lets a witness lag, and than an owner is patient, in seconds.
const YESTERDAY_S: u64 = 86_400;

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

/// Changes a report on its way to the owner; `None` is no answer.
type BendReport = Arc<dyn Fn(Report) -> Option<(Report, bool)> + Send + Sync>;

/// Stands in front of an honest auditor and speaks with its keys.
struct Lying {
    url: BaseUrl,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Front {
    upstream: Source,
    signer: Arc<Signer>,
    stranger: Arc<Signer>,
    bend: BendReport,
}

impl Lying {
    async fn start(upstream: &BaseUrl, config: &Config, bend: BendReport) -> Result<Self> {
        let listener = TcpListener::bind(free_address()?).await?;
        let url = base_url(listener.local_addr()?)?;
        let signer = config.watch_signer()?;
        let name = signer.verifier_key().name().clone();
        let stranger = Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&random()?))?;
        let front = Front {
            upstream: Source::new(Http::new(Patience::default())?, upstream.clone()),
            signer: Arc::new(signer),
            stranger: Arc::new(stranger),
            bend,
        };
        let router = Router::new().fallback(forward).with_state(front);
        let task = tokio::spawn(async move {
            // It ends with the lie, and has nobody to tell of an error.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { url, task })
    }
}

impl Drop for Lying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    State(front): State<Front>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Result<(StatusCode, Vec<u8>), StatusCode> {
    let path = uri.path().trim_start_matches('/');
    let away = |_| StatusCode::BAD_GATEWAY;
    if method == Method::GET {
        let bytes = front.upstream.read(path, 1 << 26).await.map_err(away)?;
        return Ok((StatusCode::OK, bytes));
    }
    let answer = front.upstream.send(path, &body, None, 1 << 26).await;
    let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let status = StatusCode::from_u16(answer.status).map_err(|_| StatusCode::BAD_GATEWAY)?;
    if path != "v1/watch/report" {
        return Ok((status, answer.body));
    }
    let bent = front
        .bent(&answer.body)
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok((status, bent))
}

impl Front {
    fn bent(&self, body: &[u8]) -> Result<Vec<u8>> {
        let answer = ReportAnswer::parse(body)?;
        let note = UnverifiedNote::parse(&answer.note)?;
        let report = Report::parse_text(note.text())?;
        let (report, is_own) = (self.bend)(report).context("it says nothing")?;
        let signer = if is_own { &self.signer } else { &self.stranger };
        let note = report.sign(signer)?;
        Ok(ReportAnswer { note, ..answer }.to_json())
    }
}

async fn to_owners(plainsight: &Plainsight, dir: &Path, told: &mut Told) -> Result<()> {
    let theatre = Theatre::open(plainsight, dir, "watches").await?;
    let yesterday =
        Timestamp::from_seconds(clock::now()?.seconds() - YESTERDAY_S).context("yesterday")?;
    let honest: [(&str, BendReport); 4] = [
        (
            "forges-a-heartbeat",
            Arc::new(|report| Some((report, false))),
        ),
        (
            "repeats-yesterdays-report",
            Arc::new(move |report| {
                Some((
                    Report {
                        time: yesterday,
                        ..report
                    },
                    true,
                ))
            }),
        ),
        ("does-not-answer", Arc::new(|_| None)),
        (
            "looked-at-another-log",
            Arc::new(|mut report| {
                report.head.root = Hash::ZERO;
                Some((report, true))
            }),
        ),
    ];
    // The reports are about more than what the watches began with.
    theatre.log.liar().await.push_padding()?;
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    for (name, bend) in honest {
        lie_about_a_watch(&theatre, told, name, bend).await?;
    }
    let ghost = crate::story::forged(&theatre.alices().await?, &["ghost-device"])?;
    {
        let mut liar = theatre.log.liar().await;
        liar.push_key_set(&Label::email(ALICE)?, Version::new(3), ghost)?;
        liar.push_epoch()?;
    }
    theatre.publish().await?;
    let bend: BendReport = Arc::new(|report| {
        let hits = Vec::new();
        Some((Report { hits, ..report }, true))
    });
    lie_about_a_watch(&theatre, told, "denies-a-hit", bend).await?;
    theatre.end().await;
    Ok(())
}

async fn lie_about_a_watch(
    theatre: &Theatre,
    told: &mut Told,
    name: &str,
    bend: BendReport,
) -> Result<()> {
    let second = theatre.auditors.get(1).context("no second auditor")?;
    let lying = Lying::start(&second.url, &second.config, bend).await?;
    theatre.write_policy(Quorum::WithColluders, Some(lying.url.as_str()))?;
    let noticed = theatre.lie(Script::default(), &["watcher"]).await;
    theatre.write_policy(Quorum::WithColluders, None)?;
    told.insert(name.to_owned(), noticed.with_context(|| name.to_owned())?);
    Ok(())
}
