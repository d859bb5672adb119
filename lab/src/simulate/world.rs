//! The whole of a simulated network, and what must hold after each thing that happens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use plainsight_client::failure::Verdict;
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_client::verifier::{AskError, MemoryStore, Verifier};
use plainsight_log_server::Config;
use plainsight_log_server::objects::Objects;
use plainsight_log_server::signer::read_seed;
use plainsight_log_server::stepwise::{Clock, Replica};
use plainsight_log_server::store::WriterLock;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::Hash;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, Signer, VerifierKey};
use plainsight_specs::time::Timestamp;

use super::auditor::SimAuditor;
use super::net::{Door, Net, Party, Way};
use super::op::{AUDITORS, Dice, Op, PEOPLE, REPLICAS};
use super::person::Person;
use super::tally::Tally;
use super::template::{self, ORIGIN};

mod log;

/// Rounds without faults after which everything must be well again, or a lie found.
pub const BOUND: u8 = 4;
/// When every simulation begins, in POSIX milliseconds.
const BEGIN_MS: u64 = 1_800_000_000_000;
/// The place of the log among the clocks.
const LOG_CLOCK: u8 = AUDITORS;

/// What did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {detail}")]
pub struct Violation {
    /// Which of the things that must hold.
    pub what: &'static str,
    /// What was found.
    pub detail: String,
}

pub(super) fn violated<T>(what: &'static str, detail: impl Into<String>) -> Result<T> {
    let detail = detail.into();
    Err(Violation { what, detail }.into())
}

/// One network.
pub(super) struct World {
    pub(super) tally: Tally,
    dir: PathBuf,
    config: Config,
    pub(super) vkey: VerifierKey,
    pub(super) net: Arc<Net>,
    pub(super) time_ms: Arc<AtomicU64>,
    pub(super) skews: Vec<Arc<AtomicI64>>,
    lock: Option<WriterLock>,
    replicas: Vec<Option<Replica>>,
    pub(super) auditors: Vec<Door>,
    keys: Vec<VerifierKey>,
    pub(super) people: Vec<Person>,
    pub(super) verifiers: Vec<Verifier<MemoryStore>>,
    /// Every head that left the log under its signature, by size.
    pub(super) signed: BTreeMap<u64, Hash>,
    pub(super) published: TreeSize,
    /// Whether the log's files are an old copy.
    pub(super) is_old_copy: bool,
    /// The newest head that the log has signed, whether it left or not.
    newest_signed: TreeSize,
    /// The newest one that was signed when they were copied.
    copied_at: TreeSize,
    pub(super) lied_to: Option<u8>,
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    crate::folder::copy(from, to)
}

impl World {
    /// A fresh network in `dir`, from the template.
    pub(super) async fn begin(template: &Path, dir: &Path, seed: u64) -> Result<Self> {
        copy(template, dir)?;
        let net = Arc::new(Net::default());
        let time_ms = Arc::new(AtomicU64::new(BEGIN_MS));
        let skews: Vec<_> = (0..=AUDITORS)
            .map(|_| Arc::new(AtomicI64::new(0)))
            .collect();
        let config = template::config(dir)?;
        let vkey = VerifierKey::parse(&std::fs::read_to_string(dir.join("vkey"))?)?;
        let mut world = Self {
            tally: Tally::default(),
            dir: dir.to_owned(),
            vkey,
            lock: Some(WriterLock::take(&config.database)?),
            config,
            net,
            time_ms,
            skews,
            replicas: (0..REPLICAS).map(|_| None).collect(),
            auditors: Vec::new(),
            keys: Vec::new(),
            people: Vec::new(),
            verifiers: Vec::new(),
            signed: BTreeMap::new(),
            published: TreeSize::ZERO,
            is_old_copy: false,
            newest_signed: TreeSize::ZERO,
            copied_at: TreeSize::ZERO,
            lied_to: None,
        };
        world.net.publish_at(Objects::open(&world.config.objects)?);
        for number in 0..AUDITORS {
            let clock = world.clock(number);
            let clock = plainsight_auditor::Clock::from_fn(move || clock.now_ms());
            let window = super::auditor::Window::default();
            let dir = dir.join(template::auditor(number));
            let auditor = SimAuditor::new(&dir, number, &world.net, clock, window.clone())?;
            world.keys.push(auditor.key()?);
            world.auditors.push(Door {
                auditor: Arc::new(tokio::sync::Mutex::new(auditor)),
                shown: window,
            });
        }
        world.net.open_doors(world.auditors.clone());
        let policy = std::fs::read_to_string(dir.join("policy"))?;
        let mut dice = Dice::new(seed ^ 0x0070_656f_706c_6500);
        for number in 0..PEOPLE {
            world.people.push(Person::new(number, &mut dice)?);
            let way = Way {
                net: Arc::clone(&world.net),
                party: Party::Person,
            };
            let patience = Patience {
                attempts: 1,
                ..Patience::default()
            };
            let log = BaseUrl::parse("http://log.sim")?;
            let source = Source::new(Http::over(Arc::new(way), patience), log);
            let trust = TrustPolicy::parse(&policy, None)?;
            let verifier = Verifier::new(source, trust, MemoryStore::default());
            world.verifiers.push(verifier);
        }
        for replica in 0..REPLICAS {
            world.open_replica(replica).await?;
        }
        Ok(world)
    }

    fn clock(&self, party: u8) -> Clock {
        let time = Arc::clone(&self.time_ms);
        let skew = self
            .skews
            .get(usize::from(party))
            .cloned()
            .unwrap_or_default();
        Clock::from_fn(move || {
            let time = time.load(Ordering::Relaxed);
            time.saturating_add_signed(skew.load(Ordering::Relaxed))
        })
    }

    pub(super) fn now(&self) -> Result<Timestamp> {
        let seconds = self.time_ms.load(Ordering::Relaxed) / 1000;
        Timestamp::from_seconds(seconds).context("the clock")
    }

    async fn open_replica(&mut self, number: u8) -> Result<()> {
        let way = Way {
            net: Arc::clone(&self.net),
            party: Party::Log,
        };
        let replica =
            Replica::open(self.config.clone(), Arc::new(way), self.clock(LOG_CLOCK)).await?;
        if let Some(place) = self.replicas.get_mut(usize::from(number)) {
            *place = Some(replica);
        }
        self.tell_readers();
        Ok(())
    }

    fn tell_readers(&self) {
        let replicas = self.replicas.iter().flatten();
        self.net.answer_by(replicas.map(Replica::reader).collect());
    }

    /// The replica, started if it is not running.
    async fn replica(&mut self, number: u8) -> Result<&mut Replica> {
        let place = usize::from(number);
        if self.replicas.get(place).is_some_and(Option::is_none) {
            self.open_replica(number).await?;
        }
        let replica = self.replicas.get_mut(place).and_then(Option::as_mut);
        replica.context("no such replica")
    }

    /// Carries out one operation, then looks whether all holds.
    pub(super) async fn step(&mut self, op: Op) -> Result<()> {
        self.happen(op).await?;
        self.check().await
    }

    async fn happen(&mut self, op: Op) -> Result<()> {
        match op {
            Op::TakeOver(number) => self.take_over(number).await,
            Op::Publish {
                person,
                replica,
                epoch,
                lost,
            } => self.publish(person, replica, epoch, lost).await,
            Op::Epoch(number) => {
                let done = self.replica(number).await?.epoch().await;
                self.honest(done)
            }
            Op::Sign(number) => self.sign(number).await.map(drop),
            Op::Ask {
                replica,
                auditor,
                lost,
            } => self.ask(replica, auditor, lost).await,
            Op::Finish(number) => {
                let done = self.replica(number).await?.finish().await;
                self.honest(done)
            }
            Op::Round(number) => self.round(number).await,
            Op::CrashReplica(number) => {
                self.crash(number).await;
                Ok(())
            }
            Op::Poll(number) => {
                let door = self.door(number)?;
                door.auditor.lock().await.poll().await
            }
            Op::Look { auditor, peer } => self.look(auditor, peer).await,
            Op::CrashAuditor { auditor, effects } => {
                self.door(auditor)?.auditor.lock().await.dies_after = Some(effects);
                Ok(())
            }
            Op::BackUpAuditor(number) => {
                let door = self.door(number)?;
                let mut auditor = door.auditor.lock().await;
                auditor.die().await;
                copy(&auditor.dir, &self.dir.join(format!("copy-a{number}")))
            }
            Op::RestoreAuditor(number) => {
                let kept = self.dir.join(format!("copy-a{number}"));
                if !kept.exists() || self.is_old_copy {
                    return Ok(());
                }
                // Whoever is cut off then: without anybody's memory it signs nothing.
                let door = self.door(number)?;
                let mut auditor = door.auditor.lock().await;
                auditor.die().await;
                auditor.is_restored = true;
                copy(&kept, &auditor.dir)
            }
            Op::BackUpLog => self.back_up_log().await,
            Op::RestoreLog => self.restore_log().await,
            Op::PutBackLog => self.put_back_log().await,
            Op::LookUp { person, about } => self.look_up(person, about).await,
            Op::CutLog(auditor) => {
                self.net.weather().cut(Party::Log, Party::Auditor(auditor));
                Ok(())
            }
            Op::CutAuditors(one, other) => {
                self.net
                    .weather()
                    .cut(Party::Auditor(one), Party::Auditor(other));
                Ok(())
            }
            Op::Heal => {
                self.net.weather().heal();
                Ok(())
            }
            Op::FailAfter(requests) => {
                self.net.weather().fail_after(requests);
                Ok(())
            }
            Op::Wait(seconds) => {
                self.time_ms
                    .fetch_add(u64::from(seconds) * 1000, Ordering::Relaxed);
                Ok(())
            }
            Op::Skew { party, seconds } => {
                if let Some(skew) = self.skews.get(usize::from(party)) {
                    skew.store(i64::from(seconds) * 1000, Ordering::Relaxed);
                }
                Ok(())
            }
            Op::Lie(auditor) => self.lie(auditor).await,
        }
    }

    pub(super) fn door(&self, number: u8) -> Result<Door> {
        self.auditors
            .get(usize::from(number))
            .cloned()
            .context("no such auditor")
    }

    async fn look(&mut self, auditor: u8, peer: u8) -> Result<()> {
        let key = self
            .keys
            .get(usize::from(peer))
            .context("no such peer")?
            .clone();
        let door = self.door(auditor)?;
        door.auditor.lock().await.look(peer, &key).await
    }

    async fn look_up(&mut self, person: u8, about: u8) -> Result<()> {
        let label = self
            .people
            .get(usize::from(about))
            .context("nobody")?
            .label()
            .clone();
        let now = self.now()?;
        let verifier = self
            .verifiers
            .get_mut(usize::from(person))
            .context("nobody")?;
        let contact = match verifier.contact(&label, now).await {
            Ok(contact) => contact,
            Err(AskError::Failure(failure)) if failure.verdict() == Verdict::Undecided => {
                return Ok(());
            }
            Err(error) => return violated("an honest log is not refuted", error.to_string()),
        };
        self.tally.verified += 1;
        let version = contact.found.as_ref().map(|found| found.key_set.version());
        let about = self.people.get(usize::from(about)).context("nobody")?;
        if self.is_old_copy {
            return Ok(());
        }
        about.is_shown(
            version,
            contact.found.as_ref().map(|found| found.key_set.bytes()),
            contact.head.head.size,
        )
    }

    /// A head left the log.
    pub(super) fn left(&mut self, head: TreeHead) -> Result<()> {
        let known = self.signed.entry(head.size.get()).or_insert(head.root);
        if *known != head.root {
            return violated(
                "no two signed heads conflict",
                format!("size {}", head.size),
            );
        }
        Ok(())
    }

    /// The log signs a second story of the newest size, and shows it to one auditor.
    async fn lie(&mut self, auditor: u8) -> Result<()> {
        let Some(note) = self.published_note().await? else {
            return Ok(());
        };
        let seed = read_seed(&self.config.log_key)?;
        let signer = Signer::new(
            KeyName::parse(ORIGIN)?,
            Algorithm::Ed25519,
            SecretKey::from_seed(&seed),
        )?;
        let head = TreeHead {
            size: note.head().size,
            root: plainsight_specs::hash::sha256(b"another story"),
        };
        let lie = SignedCheckpoint::sign(note.origin(), head, &signer)?;
        self.net.weather().lie = Some((auditor, lie.to_bytes()));
        self.lied_to = Some(auditor);
        Ok(())
    }

    pub(super) async fn published_note(&self) -> Result<Option<UnverifiedCheckpoint>> {
        let objects = self.net.objects().context("no objects")?;
        Ok(objects.checkpoint().await?)
    }

    /// Closes everything; what happened.
    pub(super) async fn close(mut self) -> Tally {
        for door in &self.auditors {
            let mut auditor = door.auditor.lock().await;
            self.tally.rolled_back += u64::from(auditor.is_rolled_back());
            self.tally.found += u64::from(auditor.given.accused.is_some());
            self.tally.cosigned += auditor.given.heads.len() as u64;
            auditor.die().await;
        }
        self.close_log().await;
        self.tally
    }
}

/// The label of somebody.
pub(super) fn label(number: u8) -> Result<Label> {
    Ok(Label::email(&format!("person{number}@mail.example"))?)
}

pub(super) fn not_shown<T>(detail: String) -> Result<T> {
    violated("nothing acknowledged is lost", detail)
}

/// Whether two versions are one.
pub(super) fn is_at_least(shown: Option<Version>, acknowledged: Version) -> bool {
    shown.is_some_and(|shown| shown >= acknowledged)
}
