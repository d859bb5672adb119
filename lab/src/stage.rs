//! `plainsight-lab stage`: what the dashboard's end-to-end tests play on. An honest log, six logs that
//! lie when told to (`lies`), one that nobody follows yet, somebody who builds releases again, and three
//! auditors that follow the rest and compare themselves with each other.
//!
//! It prints one line of JSON when all stands, reads one word a line from standard input, and prints
//! one line of JSON when that is done; it ends with its input. What each lie should come to is the
//! `story`'s matter.

mod lies;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use plainsight_auditor::LogConfig;
use plainsight_auditor::config::Rebuilder;
use plainsight_client::http::{Http, Patience, Post};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::publish::{PublishItem, Wait};
use plainsight_specs::rebuild::{Outcome, RebuildClaim};
use plainsight_specs::statement::{
    Artifact, Audience, Body, Canary, Name, Place, ProtectionState, Region, Release,
    ReleaseVersion, Seq,
};
use serde_json::{Value, json};

use crate::accounts::Account;
use crate::clock;
use crate::crates::product;
use crate::liar::{Liar, Served};
use crate::network::{Network, Staged};
use crate::populate::protection;
use crate::provider::{Publisher, sign};

use lies::LIARS;

/// Up to which number accounts have keys at the honest log.
const PEOPLE: usize = 32;
/// A log that no auditor follows from the start.
const NEWCOMER: &str = "log.newcomer.example";
/// By what the operators of the auditors are known.
const TOKEN: &str = "the token of the stage";
/// The one who builds releases again.
const REBUILDER: [u8; 32] = [7; 32];
/// Whose keys a lying log holds.
const VICTIM: &str = "mallory@mail.example";

/// What `stage` can be told.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// Keep everything here; the folder must not hold a network yet
    #[arg(long)]
    dir: PathBuf,
}

/// Sets the stage, and plays what standard input says until it ends.
pub async fn run(args: StageArgs) -> Result<()> {
    let StageArgs { dir } = args;
    let mut stage = Stage::set(&dir).await?;
    println!("{}", stage.description().await?);
    while let Some(line) = tokio::task::spawn_blocking(next_line).await?? {
        let done = stage.play(line.trim()).await;
        println!(
            "{}",
            match done {
                Ok(()) => json!({ "done": line.trim() }),
                Err(error) => json!({ "failed": line.trim(), "why": format!("{error:#}") }),
            }
        );
    }
    stage.network.shutdown().await;
    Ok(())
}

fn next_line() -> std::io::Result<Option<String>> {
    std::io::stdin().lines().next().transpose()
}

/// The last statement of a stream.
type Last = Option<(Seq, Hash)>;

struct Stage {
    network: Network,
    liars: Vec<(&'static str, Served)>,
    newcomer: Served,
    /// What people type to find them, and who they are.
    people: Vec<(String, Account)>,
    releases: Last,
    protections: Last,
    files: PathBuf,
}

impl Stage {
    async fn set(dir: &Path) -> Result<Self> {
        let mut liars = Vec::new();
        let mut also = Vec::new();
        for name in LIARS {
            let liar = Liar::new(&format!("log.liar.example/{name}"))?;
            let vkey = liar.vkey()?.to_string();
            let served = Served::start(liar).await?;
            also.push(LogConfig::new(&vkey, served.url()?.to_string()));
            liars.push((name, served));
        }
        let staged = Staged {
            also,
            token: Some(TOKEN.into()),
            rebuilders: vec![Rebuilder {
                name: "rebuilder.example".into(),
                key: SecretKey::from_seed(&REBUILDER).public(),
            }],
        };
        let network = Network::start_staged(dir, 0, &staged).await?;
        let newcomer = Served::start(Liar::new(NEWCOMER)?).await?;
        newcomer.liar().await.push_epoch()?;
        newcomer.publish_alone().await?;
        network.write_home(&network.dir().join("home"))?;
        let files = network.dir().join("files");
        std::fs::create_dir_all(&files)?;
        // Of four accounts the last has no address that a person would type.
        let numbers = (0..PEOPLE).filter(|number| number % 4 != 3);
        let people = numbers
            .map(|number| {
                let text = format!("person{number:04}@mail.example");
                Ok((text, Account::new(number)?))
            })
            .collect::<Result<_>>()?;
        let mut stage = Self {
            network,
            liars,
            newcomer,
            people,
            releases: None,
            protections: None,
            files,
        };
        stage.populate().await?;
        for (name, served) in &stage.liars {
            stage.begin(name, served).await?;
        }
        Ok(stage)
    }

    async fn description(&self) -> Result<Value> {
        let auditors = self.network.auditors().iter();
        let auditors: Vec<_> = auditors
            .map(|running| json!({ "name": running.auditor.name, "url": running.url.to_string() }))
            .collect();
        let liars = self
            .liars
            .iter()
            .map(|(name, served)| Ok(json!({ "name": name, "url": served.url()?.to_string() })))
            .collect::<Result<Vec<_>>>()?;
        Ok(json!({
            "log": self.network.log_url().to_string(),
            "auditors": auditors,
            "liars": liars,
            "home": self.network.dir().join("home"),
            "files": self.files,
            "people": self.people.iter().map(|(text, _)| text).collect::<Vec<_>>(),
            "victim": VICTIM,
            "newcomer": {
                "vkey": self.newcomer.liar().await.vkey()?.to_string(),
                "url": self.newcomer.url()?.to_string(),
            },
            "token": TOKEN,
        }))
    }

    /// What stands at the honest log from the start.
    async fn populate(&mut self) -> Result<()> {
        self.protect(ProtectionState::Offered).await?;
        let text = b"We have not been ordered to weaken anything in secret.";
        let canary = Body::Canary(Canary {
            name: Name::parse("no-secret-orders")?,
            valid_until: clock::now()?.plus(30 * 86_400),
            published: clock::now()?,
            text: sha256(text),
        });
        let key = &self.network.roles().protections;
        let envelope = sign(canary, None, key)?.envelope;
        let publisher = Publisher::new(self.network.log_url(), &self.network.tokens().protections)?;
        publisher.statement(envelope).await?;
        self.release("1.0.0").await?;
        let now = clock::now()?;
        let people = self.people.iter_mut();
        let items = people
            .map(|(_, account)| account.next(now))
            .collect::<Result<Vec<_>>>()?;
        self.publish_keys(items).await
    }

    async fn publish_keys(&self, items: Vec<PublishItem>) -> Result<()> {
        let publisher = Publisher::new(self.network.log_url(), &self.network.tokens().keys)?;
        publisher.publish(items, Wait::Published).await?;
        Ok(())
    }

    async fn protect(&mut self, state: ProtectionState) -> Result<()> {
        let place = Place::Region(Region::parse("GB")?);
        let body = protection(state, place, clock::now()?)?;
        let signed = sign(body, self.protections, &self.network.roles().protections)?;
        let publisher = Publisher::new(self.network.log_url(), &self.network.tokens().protections)?;
        publisher.statement(signed.envelope).await?;
        self.protections = Some((next(self.protections)?, signed.leaf));
        Ok(())
    }

    async fn release(&mut self, version: &str) -> Result<()> {
        let file = format!("the messenger {version} that everybody has").into_bytes();
        std::fs::write(self.files.join(format!("messenger-{version}")), &file)?;
        let signed = sign(
            build(version, &file)?,
            self.releases,
            &self.network.roles().releases,
        )?;
        let publisher = Publisher::new(self.network.log_url(), &self.network.tokens().releases)?;
        publisher.statement(signed.envelope).await?;
        self.releases = Some((next(self.releases)?, signed.leaf));
        Ok(())
    }

    async fn play(&mut self, words: &str) -> Result<()> {
        match words.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["release", version] => self.release(version).await,
            ["withdraw"] => self.protect(ProtectionState::Withdrawn).await,
            ["rotate", label] => self.rotate(label).await,
            ["rebuild", version, outcome] => self.rebuild(version, outcome).await,
            [lie] => {
                let found = self.liars.iter().find(|(name, _)| name == lie);
                let (name, served) = found.context("no such lie")?;
                self.tell(name, served).await
            }
            _ => bail!(
                "release VERSION, withdraw, rotate LABEL, rebuild VERSION same|other, or a lie: {LIARS:?}"
            ),
        }
    }

    /// Somebody builds a release again, and tells every auditor what came out.
    async fn rebuild(&self, version: &str, outcome: &str) -> Result<()> {
        let file = std::fs::read(self.files.join(format!("messenger-{version}")))?;
        let claim = RebuildClaim {
            file: sha256(&file),
            outcome: match outcome {
                "same" => Outcome::Match,
                "other" => Outcome::Mismatch {
                    built: sha256(b"what the source gives"),
                },
                _ => bail!("same or other"),
            },
            time: clock::now()?,
            references: Vec::new(),
        };
        let body = claim.sign(&[&SecretKey::from_seed(&REBUILDER)]);
        let http = Http::new(Patience::default())?;
        for running in self.network.auditors() {
            let post = Post {
                url: &running.url.join("v1/rebuilds"),
                body: &body,
                content_type: "application/json",
                bearer: None,
                limit: 1 << 16,
            };
            http.ask(post).await?;
        }
        Ok(())
    }

    /// A new version of somebody's keys, by whoever may publish it.
    async fn rotate(&mut self, label: &str) -> Result<()> {
        let mut people = self.people.iter_mut();
        let found = people.find(|(text, _)| text == label);
        let (_, account) = found.context("nobody has this label")?;
        let item = account.next(clock::now()?)?;
        self.publish_keys(vec![item]).await
    }
}

fn next(last: Last) -> Result<Seq> {
    match last {
        None => Ok(Seq::ZERO),
        Some((seq, _)) => seq.next().context("the stream is full"),
    }
}

fn build(version: &str, file: &[u8]) -> Result<Body> {
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
