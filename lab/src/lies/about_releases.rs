//! Lies about what was released, to people who ask for more than that it is logged: a build for one
//! device, a name that looks like another one, and what rebuilders found.
//!
//! Two organisations' rebuilds are asked for. Both auditors that the readers ask carry what they please;
//! the real ones are lied to by whoever hands results in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::State;
use plainsight_auditor::config::Rebuilder;
use plainsight_client::http::BaseUrl;
use plainsight_specs::codec::to_base64;
use plainsight_specs::dsse::Envelope;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::sha256;
use plainsight_specs::rebuild::{Outcome, RebuildClaim, RebuildList};
use plainsight_specs::statement::{Audience, Body, PAYLOAD_TYPE, Product, Purl, Release};
use plainsight_specs::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use super::by_clients::refusal;
use super::observe::Seen;
use super::table::Section;
use super::theatre::{FILES, Quorum, Theatre, release};
use super::{Caught, Told};
use crate::clock;
use crate::network::{base_url, free_address};
use crate::story::Plainsight;

/// A rebuilder: its name, who runs it, and the seed of its key.
type Builder = (&'static str, &'static str, u8);
/// Those on the readers' list and the auditors'. The last two are one organisation's.
const BUILDERS: [Builder; 3] = [
    ("university", "Example University", 81),
    ("newspaper", "Example Newspaper", 82),
    ("newspaper-2", "Example Newspaper", 83),
];
/// On nobody's list.
const NOBODY: Builder = ("nobody", "nobody", 84);
const DAY_S: u64 = 86_400;

fn key(builder: Builder) -> SecretKey {
    SecretKey::from_seed(&[builder.2; 32])
}

/// Whose results the auditors carry.
pub(super) fn listed() -> Vec<Rebuilder> {
    let listed = BUILDERS.into_iter().map(|builder| Rebuilder {
        name: builder.0.to_owned(),
        key: key(builder).public(),
    });
    listed.collect()
}

/// What the readers note beside their policy.
fn notes() -> String {
    use std::fmt::Write as _;
    let mut notes = "[release]\nrebuilds = 2\n".to_owned();
    for builder in BUILDERS {
        let (name, organisation, _) = builder;
        let key = to_base64(key(builder).public().as_bytes());
        // Writing to a string does not fail.
        let _ = writeln!(
            notes,
            "[[rebuilder]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nkey = \"{key}\""
        );
    }
    notes
}

fn at(seconds: u64) -> Result<Timestamp> {
    Timestamp::from_seconds(seconds).context("another time")
}

/// What somebody signs about a file.
fn claim(file: &str, outcome: Outcome, time: Timestamp) -> RebuildClaim {
    RebuildClaim {
        file: sha256(file.as_bytes()),
        outcome,
        time,
        references: Vec::new(),
    }
}

fn mismatch() -> Outcome {
    Outcome::Mismatch {
        built: sha256(b"what the source gives"),
    }
}

/// An auditor that shows these results, whatever it is asked.
struct Shelf {
    url: BaseUrl,
    results: Arc<RwLock<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Shelf {
    async fn open() -> Result<Self> {
        let listener = TcpListener::bind(free_address()?).await?;
        let url = base_url(listener.local_addr()?)?;
        let results = Arc::new(RwLock::new(Vec::new()));
        let router = Router::new().fallback(show).with_state(results.clone());
        let task = tokio::spawn(async move {
            // It ends with the lies, and has nobody to tell of an error.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { url, results, task })
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn show(State(results): State<Arc<RwLock<Vec<Vec<u8>>>>>) -> Vec<u8> {
    let results = results.read().await.clone();
    let next = None;
    RebuildList { next, results }.to_json()
}

/// What the results are made from.
struct Results {
    first: Vec<u8>,
    second: Vec<u8>,
    of_nobody: Vec<u8>,
    altered: Vec<u8>,
    same_organisation: Vec<u8>,
    about_another: Vec<u8>,
    ahead: Vec<u8>,
    contradicted: Vec<u8>,
    corrected: Vec<u8>,
    of_a_third: Vec<u8>,
}

impl Results {
    fn new() -> Result<Self> {
        let now = clock::now()?;
        let (first, second, third) = (key(BUILDERS[0]), key(BUILDERS[1]), key(BUILDERS[2]));
        let file = FILES[0].1;
        let found = claim(file, Outcome::Match, now);
        let other = claim(FILES[2].1, Outcome::Match, now);
        let ahead = claim(file, Outcome::Match, at(now.seconds() + 2 * DAY_S)?);
        let mismatched = claim(file, mismatch(), now);
        let corrected = claim(file, mismatch(), at(now.seconds() + 60)?);
        // A true signature, over something else.
        let signed = other.sign(&[&second]);
        let altered = String::from_utf8(signed)?
            .replace(&to_base64(&other.payload()), &to_base64(&found.payload()));
        ensure!(
            Envelope::parse(altered.as_bytes())?.payload_type() == PAYLOAD_TYPE,
            "what is altered is still an envelope"
        );
        Ok(Self {
            first: found.sign(&[&first]),
            second: found.sign(&[&second]),
            of_nobody: found.sign(&[&key(NOBODY)]),
            altered: altered.into_bytes(),
            same_organisation: found.sign(&[&third]),
            about_another: other.sign(&[&second]),
            ahead: ahead.sign(&[&second]),
            contradicted: mismatched.sign(&[&second]),
            corrected: corrected.sign(&[&second]),
            of_a_third: mismatched.sign(&[&third]),
        })
    }
}

pub(super) async fn tell(section: &Section, plainsight: &Plainsight, dir: &Path) -> Result<Told> {
    let theatre = Theatre::open(plainsight, dir, "releases").await?;
    let results = Results::new()?;
    let mut told = Told::new();
    to_installers(&theatre, &results, &mut told).await?;
    theatre.write_policy(Quorum::WithColluders, None)?;
    to_auditors(&theatre, &results, section, &mut told).await?;
    by_releases(&theatre, section, &mut told).await?;
    theatre.end().await;
    Ok(told)
}

/// Both auditors show what they please to somebody whose policy asks for two organisations.
async fn to_installers(theatre: &Theatre, results: &Results, told: &mut Told) -> Result<()> {
    let shelves = [Shelf::open().await?, Shelf::open().await?];
    theatre.ask_instead(&[&shelves[0].url, &shelves[1].url], &notes())?;
    let Results { first, second, .. } = results;
    let party = "careful installer";
    let honest = [vec![first], vec![second]];
    let same = |shown: &[&Vec<u8>]| [shown.to_vec(), shown.to_vec()].map(owned);
    for (shelf, shown) in shelves.iter().zip(honest.map(owned)) {
        *shelf.results.write().await = shown;
    }
    let ran = theatre.ask(party).await?;
    ensure!(ran.code == 0, "two rebuilt it: {}{}", ran.said, ran.noted);
    let lies = [
        ("rebuilt-by-nobody", same(&[first, &results.of_nobody])),
        (
            "rebuilt-under-another-name",
            same(&[first, &results.altered]),
        ),
        (
            "one-rebuilder-as-two",
            same(&[second, &results.same_organisation]),
        ),
        (
            "another-file-rebuilt",
            same(&[first, &results.about_another]),
        ),
        ("rebuilt-tomorrow", same(&[first, &results.ahead])),
        ("holds-a-match-back", same(&[first])),
        (
            "contradicts-its-own-rebuild",
            [vec![&results.contradicted], vec![first, second]].map(owned),
        ),
        (
            "shows-an-older-rebuild",
            [vec![&results.corrected], vec![first, second]].map(owned),
        ),
        (
            "holds-a-mismatch-back",
            [vec![first, second], vec![&results.of_a_third]].map(owned),
        ),
    ];
    for (name, shown) in lies {
        for (shelf, shown) in shelves.iter().zip(shown) {
            *shelf.results.write().await = shown;
        }
        let noticed = super::homes::noticed(party, &theatre.ask(party).await?);
        told.insert(name.to_owned(), noticed.with_context(|| name)?);
    }
    Ok(())
}

fn owned(shown: Vec<&Vec<u8>>) -> Vec<Vec<u8>> {
    shown.into_iter().cloned().collect()
}

/// Whoever hands results to the real auditors.
async fn to_auditors(
    theatre: &Theatre,
    results: &Results,
    section: &Section,
    told: &mut Told,
) -> Result<()> {
    let seen = theatre.seen()?;
    let auditor = seen.first().context("no auditor")?;
    let hand_in = async |auditor: &Seen, result: &[u8]| -> Result<Option<Caught>> {
        let (status, body) = auditor.post("v1/rebuilds", result).await?;
        let refused = (status != 200).then(|| refusal("auditor", status, &body));
        refused.transpose()
    };
    for (name, result) in [
        ("rebuilt-by-nobody", &results.of_nobody),
        ("rebuilt-under-another-name", &results.altered),
        ("rebuilt-tomorrow", &results.ahead),
    ] {
        let caught = hand_in(auditor, result).await?;
        told.entry(name.into()).or_default().extend(caught);
    }
    // The second says that it is the same, and that it is another one; then the first again.
    let name = "contradicts-its-own-rebuild";
    for auditor in &seen {
        for result in [&results.second, &results.contradicted] {
            let refused = hand_in(auditor, result).await?;
            ensure!(refused.is_none(), "{name}: {refused:?}");
        }
    }
    let again = hand_in(auditor, &results.second).await?;
    told.entry("shows-an-older-rebuild".into())
        .or_default()
        .extend(again);
    let noticed = theatre.notice(section, name, &seen).await?;
    told.entry(name.into()).or_default().extend(noticed);
    Ok(())
}

fn for_one() -> Result<Body> {
    let Body::Release(release) = release("1.3.0", FILES[3].1)? else {
        anyhow::bail!("no release")
    };
    Ok(Body::Release(Release {
        audience: Audience::parse("cohort:device-7f3a")?,
        ..release
    }))
}

fn alike() -> Result<Body> {
    let Body::Release(release) = release("1.0.0", "the build of an impostor")? else {
        anyhow::bail!("no release")
    };
    Ok(Body::Release(Release {
        product: Product {
            purl: Purl::parse("pkg:cargo/Messenger")?,
            ..release.product.clone()
        },
        ..release
    }))
}

/// The provider logs what it should not, and keeps every rule.
async fn by_releases(theatre: &Theatre, section: &Section, told: &mut Told) -> Result<()> {
    let seen = theatre.seen()?;
    let impostor = theatre.file("impostor");
    std::fs::write(&impostor, "the build of an impostor")?;
    let lies: [(&str, Body, &[&str]); 2] = [
        ("builds-for-one-device", for_one()?, &["singled out"]),
        ("a-name-that-looks-alike", alike()?, &["deluded"]),
    ];
    for (name, body, parties) in lies {
        {
            let mut liar = theatre.log.liar().await;
            liar.push_statement(body)?;
            liar.push_epoch()?;
        }
        theatre.publish().await?;
        let mut noticed: BTreeSet<Caught> = theatre.notice(section, name, &seen).await?;
        for party in parties {
            noticed.extend(super::homes::noticed(party, &theatre.ask(party).await?)?);
        }
        told.insert(name.to_owned(), noticed);
    }
    Ok(())
}
