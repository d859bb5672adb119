//! Where readers are lied to: a dishonest log with somebody's keys, releases and a protection, two
//! honest auditors, and two that cosign whatever the log wants.
//!
//! The readers want two of three: an honest auditor and the two colluders. So the policy survives
//! one of them; where a lie needs the quorum, both lie.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use plainsight_auditor::LogConfig;
use plainsight_client::http::BaseUrl;
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::sha256;
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::out_of_band::ContactCode;
use plainsight_specs::statement::{
    Artifact, Audience, Body, Place, ProtectionState, Reason, Region, Release, ReleaseVersion, Yank,
};
use plainsight_specs::time::Timestamp;

use super::Caught;
use super::homes::noticed;
use super::observe::{Seen, settle};
use super::table::Section;
use crate::accounts;
use crate::clock;
use crate::crates::product;
use crate::folder::copy;
use crate::liar::{Liar, Script, Served};
use crate::network::{AUDITORS, Member, RunningAuditor, free_address, start_carrying};
use crate::populate::{FEATURE, protection};
use crate::provider::random;
use crate::story::{Person, Plainsight, Ran};

/// Whose keys are looked up.
pub(super) const ALICE: &str = "alice@mail.example";
/// Whose entry commits to somebody else's keys.
pub(super) const CAROL: &str = "carol@mail.example";
/// Whose first key set continues one of before this log, which names no log before it.
pub(super) const ERIN: &str = "erin@mail.example";
/// The files that were released, and one that was not.
pub(super) const FILES: [(&str, &str); 4] = [
    ("1.0.0", "the first build"),
    ("1.1.0", "the second build, which was taken back"),
    ("1.2.0", "the third build"),
    ("special", "the build for one person"),
];

/// Longer ago than C2SP lets a witness lag, and than an owner is patient, in seconds.
pub(super) const YESTERDAY_S: u64 = 86_400;

/// The stage, set.
pub(super) struct Theatre {
    plainsight: Plainsight,
    pub(super) dir: PathBuf,
    pub(super) log: Served,
    pub(super) auditors: Vec<RunningAuditor>,
    pub(super) colluders: std::sync::Arc<Vec<Signer>>,
    policy: PathBuf,
    turn: std::sync::atomic::AtomicUsize,
    /// What the auditors have to say before any lie.
    before: std::sync::OnceLock<BTreeSet<Caught>>,
    /// The same and what was noticed since, where that is asked for with [`Self::notice`].
    noticed: tokio::sync::Mutex<BTreeSet<Caught>>,
    /// Alice's contact code, as she gives it to people herself.
    code: std::sync::OnceLock<String>,
}

/// Whose word the readers want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quorum {
    /// Two of an honest auditor and two colluders.
    WithColluders,
    /// Both honest auditors.
    OfAuditors,
}

/// A witness that cosigns what it is told.
fn colluder(name: &str) -> Result<Signer> {
    let key = SecretKey::from_seed(&random()?);
    Ok(Signer::new(
        KeyName::parse(name)?,
        Algorithm::CosignatureV1,
        key,
    )?)
}

/// What a home keeps of the one log.
fn of_log(home: &Path) -> Result<PathBuf> {
    let log = std::fs::read_dir(home.join("logs"))?.next();
    Ok(log.context("no log was ever read")??.path())
}

/// In a home that nobody looked at since yesterday: whoever watches had last covered more then.
fn grew_yesterday(home: &Path, kept: &str) -> Result<()> {
    let yesterday = clock::now()?.seconds() - YESTERDAY_S;
    let yesterday = Timestamp::from_seconds(yesterday).context("yesterday")?;
    for file in std::fs::read_dir(of_log(home)?.join(kept))? {
        let path = file?.path();
        let mut lists: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&path)?)?;
        ensure!(!lists.is_empty(), "nobody watches");
        for list in &mut lists {
            ensure!(list["grew"].is_string(), "it is not known when it grew");
            list["grew"] = yesterday.to_string().into();
        }
        std::fs::write(path, serde_json::to_vec(&lists)?)?;
    }
    Ok(())
}

/// A head under the log's signature and those of `signers`, made at `time`.
pub(super) fn cosigned(
    signed: &SignedCheckpoint,
    signers: &[Signer],
    time: Timestamp,
) -> Result<Vec<u8>> {
    let lines = signers
        .iter()
        .map(|signer| Ok(Cosignature::sign(signed, signer, time)?.line))
        .collect::<Result<Vec<_>>>()?;
    Ok(signed.to_bytes_with(&lines))
}

/// A release of one file.
pub(super) fn release(version: &str, file: &str) -> Result<Body> {
    Ok(Body::Release(Release {
        product: product("messenger")?,
        version: ReleaseVersion::parse(version)?,
        audience: Audience::All,
        emergency: false,
        published: clock::now()?,
        references: Vec::new(),
        artifacts: vec![Artifact {
            name: None,
            digest: sha256(file.as_bytes()),
            size: file.len() as u64,
        }],
    }))
}

pub(super) fn gb() -> Result<Place> {
    Ok(Place::Region(Region::parse("GB")?))
}

impl Theatre {
    /// Sets the stage in `dir`, and lets everybody look at it once.
    pub(super) async fn open(plainsight: &Plainsight, dir: &Path, name: &str) -> Result<Self> {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir)?;
        let liar = Liar::new(&format!("log.liar.example/{name}"))?;
        let vkey = liar.vkey()?.to_string();
        let log = Served::start(liar).await?;
        let follow = LogConfig::new(&vkey, log.url()?.to_string());
        let mut auditors = Vec::new();
        for auditor in AUDITORS.into_iter().take(2) {
            let dir = dir.join(auditor.name);
            auditors.push(
                start_carrying(
                    &dir,
                    auditor,
                    free_address()?,
                    &follow,
                    super::about_releases::listed(),
                )
                .await?,
            );
        }
        let colluders = ["colluder.one.example", "colluder.two.example"].map(colluder);
        let colluders = std::sync::Arc::new(colluders.into_iter().collect::<Result<Vec<_>>>()?);
        let theatre = Self {
            plainsight: plainsight.clone(),
            policy: dir.join("policy"),
            dir,
            log,
            auditors,
            colluders,
            turn: std::sync::atomic::AtomicUsize::new(0),
            before: std::sync::OnceLock::new(),
            noticed: tokio::sync::Mutex::default(),
            code: std::sync::OnceLock::new(),
        };
        theatre.write_policy(Quorum::WithColluders, None)?;
        theatre.play().await?;
        Ok(theatre)
    }

    /// The readers' policy. `second_guard` is where the second auditor is asked about watches, if not
    /// at its own address.
    pub(super) fn write_policy(&self, quorum: Quorum, second_guard: Option<&str>) -> Result<()> {
        let members: Vec<Member> = self.auditors.iter().map(RunningAuditor::member).collect();
        let mut policy = format!("log {}\n", self.vkey()?);
        let mut sidecar = String::new();
        for (place, member) in members.iter().enumerate() {
            let url = match second_guard {
                Some(url) if place == 1 => url.to_owned(),
                _ => member.url.to_string(),
            };
            let name = member.auditor.name;
            writeln!(policy, "witness {name} {} {url}", member.vkey)?;
            let watch_key = member.watch_key.as_deref().unwrap_or_default();
            writeln!(
                sidecar,
                "[[auditor]]\nname = \"{name}\"\nurl = \"{url}\"\nwatch_key = \"{watch_key}\""
            )?;
        }
        let mut names = vec![
            members
                .first()
                .context("no auditor")?
                .auditor
                .name
                .to_owned(),
        ];
        for signer in self.colluders.iter() {
            let key = signer.verifier_key();
            writeln!(policy, "witness {} {key}", key.name())?;
            names.push(key.name().to_string());
        }
        if quorum == Quorum::OfAuditors {
            names = members
                .iter()
                .map(|member| member.auditor.name.to_owned())
                .collect();
        }
        writeln!(
            policy,
            "group auditors 2 {}\nquorum auditors",
            names.join(" ")
        )?;
        std::fs::write(&self.policy, policy)?;
        let mut path = self.policy.as_os_str().to_owned();
        path.push(".toml");
        std::fs::write(path, sidecar)?;
        Ok(())
    }

    /// Lets readers ask these in place of the auditors, and note this beside their policy.
    pub(super) fn ask_instead(&self, urls: &[&BaseUrl], notes: &str) -> Result<()> {
        self.write_policy(Quorum::WithColluders, None)?;
        let mut sidecar = self.policy.as_os_str().to_owned();
        sidecar.push(".toml");
        let sidecar = PathBuf::from(sidecar);
        for path in [&self.policy, &sidecar] {
            let mut text = std::fs::read_to_string(path)?;
            for (running, url) in self.auditors.iter().zip(urls) {
                text = text.replace(running.url.as_str(), url.as_str());
            }
            if *path == sidecar {
                text.push_str(notes);
            }
            std::fs::write(path, text)?;
        }
        Ok(())
    }

    /// The auditors as strangers see them.
    pub(super) fn seen(&self) -> Result<Vec<Seen>> {
        let seen = self.auditors.iter();
        seen.map(|running| Seen::at(&running.url)).collect()
    }

    /// Waits until each of `seen` has noticed what is to be noticed of a lie beside what it had to say
    /// already, and gives what is new.
    pub(super) async fn notice(
        &self,
        section: &Section,
        name: &str,
        seen: &[Seen],
    ) -> Result<BTreeSet<Caught>> {
        let origin = self.log.liar().await.replay().origin().to_string();
        let before = self.noticed.lock().await.clone();
        let mut expected = section.lies.get(name).cloned().unwrap_or_default();
        expected.extend(before.iter().cloned());
        let all = settle(seen, &origin, &expected, &self.dir).await?;
        let new: BTreeSet<Caught> = all.difference(&before).cloned().collect();
        self.noticed.lock().await.extend(new.iter().cloned());
        Ok(new)
    }

    fn vkey(&self) -> Result<String> {
        // The lock is free: nobody writes while the stage is set.
        let liar = self.log.try_liar().context("the log is busy")?;
        Ok(liar.vkey()?.to_string())
    }

    /// What everybody looks at before any lie.
    async fn play(&self) -> Result<()> {
        {
            let mut liar = self.log.liar().await;
            liar.auditors = self
                .auditors
                .iter()
                .map(|running| running.url.clone())
                .collect();
            liar.colluders = self.colluders.clone();
            liar.push_padding()?;
            liar.push_padding()?;
            liar.push_epoch()?;
        }
        self.publish().await?;
        let owner = self.person("alice-at-home")?;
        Self::content(
            &owner
                .run(&["keys", "new", ALICE, "--device", "phone"])
                .await?,
        )?;
        Self::content(&owner.run(&["keys", "publish", ALICE]).await?)?;
        for device in ["tablet", "laptop"] {
            Self::content(
                &owner
                    .run(&["keys", "rotate", ALICE, "--add-device", device])
                    .await?,
            )?;
        }
        {
            let mut liar = self.log.liar().await;
            let (carol, dave) = (Label::email(CAROL)?, Label::email("dave@mail.example")?);
            liar.push_key_set(&carol, Version::FIRST, accounts::first_key_set(&dave)?)?;
            let erin = Label::email(ERIN)?;
            let prev = sha256(b"her keys in a log that never was");
            liar.push_key_set(
                &erin,
                Version::FIRST,
                accounts::continued_key_set(&erin, prev)?,
            )?;
            for (version, file) in FILES.into_iter().take(3) {
                liar.push_statement(release(version, file)?)?;
            }
            liar.push_statement(Body::Yank(Yank {
                product: product("messenger")?,
                version: ReleaseVersion::parse("1.1.0")?,
                reason: Reason::parse("it loses messages")?,
                published: clock::now()?,
                digests: vec![sha256(FILES[1].1.as_bytes())],
            }))?;
            for state in [ProtectionState::Offered, ProtectionState::Withdrawn] {
                liar.push_statement(protection(state, gb()?, clock::now()?)?)?;
            }
            liar.push_epoch()?;
        }
        self.publish().await?;
        for (name, file) in FILES {
            std::fs::write(self.file(name), file)?;
        }
        for party in ["contact", "installer", "finder", "reader"] {
            let ran = self.ask_in("reader-at-home", party).await?;
            Self::content(&ran)?;
        }
        for how in [
            &["keys", "watch", ALICE][..],
            &["keys", "watch", ALICE, "--feed"],
        ] {
            Self::content(&owner.run(how).await?)?;
        }
        let origin = self.log.liar().await.replay().origin().clone();
        let code = ContactCode::of(&origin, &self.alices().await?).to_string();
        // The stage is set once.
        let _ = self.code.set(code);
        // The protection was withdrawn in the open, which auditors tell, once they are done.
        let seen = self.seen()?;
        let withdrawn = Caught::new("auditors", "alert protection-withdrawn", "policy alert");
        let expected = BTreeSet::from([withdrawn]);
        let before = settle(&seen, origin.as_str(), &expected, &self.dir).await?;
        ensure!(before == expected, "before any lie: {before:?}");
        self.noticed.lock().await.clone_from(&before);
        let _ = self.before.set(before);
        Ok(())
    }

    fn content(ran: &Ran) -> Result<()> {
        ensure!(ran.code == 0, "{}: {}{}", ran.code, ran.said, ran.noted);
        Ok(())
    }

    /// Publishes the present tree honestly.
    pub(super) async fn publish(&self) -> Result<()> {
        let answers = self.log.publish().await?;
        let refused = answers.iter().find(|answer| answer.status != 200);
        ensure!(refused.is_none(), "an honest head was refused: {refused:?}");
        Ok(())
    }

    /// The path of a released file.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("messenger-{name}"))
    }

    fn person(&self, home: &str) -> Result<Person> {
        let (url, home) = (self.log.url()?, self.dir.join("homes").join(home));
        Person::new(&self.plainsight, home, &url, &self.policy, "any token")
    }

    async fn ask_in(&self, home: &str, party: &str) -> Result<Ran> {
        let (version, name) = match party {
            "deceived" => ("1.1.0", "1.1.0"),
            "victim" => ("1.0.0", "special"),
            "singled out" => ("1.3.0", "special"),
            "deluded" => ("1.0.0", "impostor"),
            _ => ("1.0.0", "1.0.0"),
        };
        let file = self.file(name);
        let file = file.to_str().context("the path is not text")?;
        let purl = format!("pkg:cargo/messenger@{version}");
        let code = self.code.get().cloned().unwrap_or_default();
        let args: Vec<&str> = match party {
            "contact" | "returning" => vec!["contact", "verify", ALICE],
            "comparer" => vec!["contact", "verify", ALICE, "--code", code.as_str()],
            "friend of carol" => vec!["contact", "verify", CAROL],
            "friend of erin" => vec!["contact", "verify", ERIN],
            "owner" => vec!["keys", "monitor", ALICE],
            "rotator" => vec!["keys", "rotate", ALICE, "--add-device", "watch"],
            "watcher" | "late watcher" | "new watcher" => vec!["keys", "watch", ALICE],
            "feeder" | "late feeder" => vec!["keys", "watch", ALICE, "--feed"],
            "installer" | "careful installer" | "deceived" | "victim" | "singled out"
            | "deluded" => vec![
                "release",
                "verify",
                file,
                "--stream",
                &purl,
                "--channel",
                "stable",
                "--arch",
                "any",
            ],
            "finder" => vec!["release", "verify", file],
            "reader" => vec!["protection", "status", FEATURE, "--region", "GB"],
            other => anyhow::bail!("who is {other:?}?"),
        };
        let args: Vec<&str> = ["--json"].into_iter().chain(args).collect();
        self.person(home)?.run(&args).await
    }

    /// Runs what somebody would run, in a copy of the home that is theirs.
    pub(super) async fn ask(&self, party: &str) -> Result<Ran> {
        let turn = self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let home = format!("{turn}");
        let kept = match party {
            "contact" | "comparer" | "friend of carol" | "friend of erin" => None,
            "owner" | "rotator" | "watcher" | "late watcher" | "new watcher" | "feeder"
            | "late feeder" => Some("alice-at-home"),
            _ => Some("reader-at-home"),
        };
        let homes = self.dir.join("homes");
        if let Some(kept) = kept {
            copy(&homes.join(kept), &homes.join(&home))?;
            match party {
                "late watcher" => grew_yesterday(&homes.join(&home), "watches")?,
                "late feeder" => grew_yesterday(&homes.join(&home), "feeds")?,
                "new watcher" => {
                    std::fs::remove_dir_all(of_log(&homes.join(&home))?.join("watches"))?;
                }
                _ => {}
            }
            // Whoever changed the policy relies on it; without a change nothing happens.
            self.person(&home)?.run(&["policy", "accept"]).await?;
        }
        self.ask_in(&home, party).await
    }

    /// Verifies a released file by a bundle, without the log.
    pub(super) async fn open_bundle(&self, version: &str, bundle: &[u8]) -> Result<Ran> {
        let (file, path) = (self.file(version), self.dir.join("bundle"));
        std::fs::write(&path, bundle)?;
        let file = file.to_str().context("the path is not text")?;
        let path = path.to_str().context("the path is not text")?;
        let args = ["--json", "release", "verify", file, "--bundle", path];
        self.person("reader-at-home")?.run(&args).await
    }

    /// Lies to each of `parties`, and gives all that was noticed: by them, and by the auditors, to whom
    /// nothing wrong was shown.
    pub(super) async fn lie(&self, script: Script, parties: &[&str]) -> Result<BTreeSet<Caught>> {
        self.log.liar().await.script = script;
        let mut all = BTreeSet::new();
        for party in parties {
            let ran = self.ask(party).await?;
            let noticed = noticed(party, &ran)?;
            if noticed.is_empty() {
                all.insert(Caught::new(party, "nothing", ran.said.trim()));
            }
            all.extend(noticed);
        }
        self.log.liar().await.script = Script::default();
        let origin = self.log.liar().await.replay().origin().to_string();
        for running in &self.auditors {
            let seen = Seen::at(&running.url)?;
            let noticed = seen.of("auditors", &origin, &self.dir).await?;
            let before = self.before.get().cloned().unwrap_or_default();
            all.extend(noticed.difference(&before).cloned());
        }
        Ok(all)
    }

    /// The latest key set of Alice.
    pub(super) async fn alices(&self) -> Result<KeySet> {
        let liar = self.log.liar().await;
        let opened = liar.opened(&Label::email(ALICE)?, Version::new(2));
        Ok(KeySet::parse(
            &opened.context("Alice has no keys")?.key_set,
        )?)
    }

    /// Ends it.
    pub(super) async fn end(self) {
        for auditor in self.auditors {
            auditor.shutdown().await;
        }
    }
}
