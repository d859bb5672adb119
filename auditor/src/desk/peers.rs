//! Asks the other auditors for their newest head of this log, and holds it against ours.
//!
//! Everything goes out from here, so that an auditor behind a firewall compares as well as any.
//! Each peer is asked beside the desk and beside the others, within its time: a slow one holds up
//! nobody. What a peer says is only ever its signed bytes; a conflict is stated with evidence about
//! the log, and of the peer nothing is believed.

use std::time::Duration;

use plainsight_client::http::{BaseUrl, Http};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use serde_json::Value;
use tokio::task::JoinError;

use super::outages::{OTHER_KEY, UNREACHABLE};
use super::{Desk, Ear};
use crate::alert::{Alert, Severity};
use crate::audit::{Event, Memory, State};
use crate::compare::{Comparison, Known};
use crate::evidence::AccuseError;
use crate::follow::Fatal;
use crate::mirror::MirrorError;
use crate::peers::{HeadVerdict, Peer, PeerView, ShownHead};

/// How long one look at one peer may take, the reading of tiles included.
const PATIENCE: Duration = Duration::from_mins(1);
/// Looks that fail in a row before anybody is told.
const FAILURES: u32 = 3;
/// An earlier head cosigned longer ago than this, in seconds, is stale: C2SP lets a witness show a
/// head that is about an hour old.
const STALE_S: u64 = 3600 + 600;
/// Files of evidence about one log that are read in one look, and the bound of one: those about two
/// heads are short.
const FILES: usize = 4;
const MAX_FILE: usize = 1024 * 1024;
/// Bound of a peer's page of heads.
const MAX_HEADS_PAGE: usize = 4 * 1024 * 1024;

/// What came of a look at a peer.
#[derive(Debug)]
pub(super) struct Look {
    /// Which of the peers.
    peer: usize,
    seen: Seen,
    /// Heads that bear our own cosignature, from what the peer remembers of us; `None` if it did
    /// not say.
    own: Option<Vec<SignedCheckpoint>>,
    /// What it has against the log that convinces, and the size of the newer head.
    evidence: Option<(Box<Evidence>, TreeSize)>,
}

#[derive(Debug)]
enum Seen {
    /// It has cosigned nothing of this log.
    Nothing,
    /// No answer.
    Unreachable(String),
    /// An answer that is no head of this log cosigned by the peer.
    Unusable(String),
    /// A head cosigned under the peer's name by another key than the one that is configured.
    OtherKey(String),
    /// Our own database failed.
    Failed(MirrorError),
    /// A head that the log signed and the peer cosigned.
    Head {
        checkpoint: Box<SignedCheckpoint>,
        cosignature: Box<Cosignature>,
        found: Result<Comparison, AccuseError>,
    },
}

/// What is remembered of a peer between looks.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any of them may hold"
)]
pub(super) struct Watched {
    pub(super) view: PeerView,
    failures: u32,
    /// Whether it answered since this desk was opened or since it failed, so that no alert is left.
    is_clear: bool,
    /// Whether it is being asked.
    is_busy: bool,
    /// Whether it was asked, answer or not.
    was_asked: bool,
    /// Whether it said what it remembers of us.
    told_own: bool,
}

impl Watched {
    pub(super) fn new(peer: Peer, shown: Option<ShownHead>) -> Self {
        Self {
            view: PeerView::new(peer, shown),
            failures: 0,
            is_clear: false,
            is_busy: false,
            was_asked: false,
            told_own: false,
        }
    }
}

impl Desk {
    /// Begins to ask all peers that are not being asked.
    pub(super) fn begin_looks(&mut self) {
        let own_key = self.shared.signer.verifier_key();
        // Who remembered nothing of us may have looked since.
        let forgotten = self.state.memory == Memory::Missing;
        for (index, watched) in self.peers.iter_mut().enumerate() {
            if watched.is_busy {
                continue;
            }
            watched.is_busy = true;
            let question = Question {
                index,
                peer: watched.view.peer.clone(),
                known: self.known.clone(),
                ear: Ear {
                    mirror: self.known.mirror.clone(),
                    clock: self.shared.clock.clone(),
                },
                http: self.shared.peer_http.clone(),
                own_key: (forgotten || !watched.told_own).then(|| own_key.clone()),
                convicted: self.convicted,
            };
            self.looks.spawn(question.ask());
        }
    }

    pub(super) async fn end_look(&mut self, look: Result<Look, JoinError>) -> Result<(), Fatal> {
        let look = look.map_err(|_| Fatal::Task)?;
        let Some(watched) = self.peers.get_mut(look.peer) else {
            return Ok(());
        };
        watched.is_busy = false;
        watched.was_asked = true;
        watched.told_own |= look.own.is_some();
        if let Some((evidence, size)) = look.evidence {
            self.convict(&evidence, size.get()).await?;
        }
        for own in look.own.unwrap_or_default() {
            self.hear(&own).await?;
            self.happen(Event::OwnFound(own)).await?;
        }
        match look.seen {
            Seen::Nothing => {
                self.peer_answers(look.peer).await?;
                let detail = "it has cosigned nothing of this log";
                self.judge_peer(look.peer, HeadVerdict::Unproven, detail.into());
            }
            Seen::Failed(error) => return Err(error.into()),
            Seen::Unreachable(why) | Seen::Unusable(why) => {
                self.peer_fails(look.peer, UNREACHABLE, &why).await?;
                self.judge_peer(look.peer, HeadVerdict::Unproven, why);
            }
            Seen::OtherKey(why) => {
                self.peer_fails(look.peer, OTHER_KEY, &why).await?;
                self.judge_peer(look.peer, HeadVerdict::Unproven, why);
            }
            Seen::Head {
                checkpoint,
                cosignature,
                found,
            } => {
                self.peer_answers(look.peer).await?;
                if self.is_cosigned(&checkpoint) {
                    self.happen(Event::OwnFound((*checkpoint).clone())).await?;
                }
                let opinion = self.weigh(&checkpoint).await?;
                let convicts = opinion.and_then(|opinion| opinion.evidence);
                self.place_peer(look.peer, *checkpoint, &cosignature, found, convicts)
                    .await?;
            }
        }
        if !self.state.peers_asked && self.peers.iter().all(|watched| watched.was_asked) {
            self.happen(Event::PeersAsked).await?;
        }
        self.tell_of_memory().await?;
        self.take_deferred().await
    }

    fn judge_peer(&mut self, index: usize, verdict: HeadVerdict, detail: String) {
        if let Some(watched) = self.peers.get_mut(index) {
            watched.view.verdict = verdict;
            watched.view.detail = detail;
        }
    }

    async fn place_peer(
        &mut self,
        index: usize,
        checkpoint: SignedCheckpoint,
        cosignature: &Cosignature,
        found: Result<Comparison, AccuseError>,
        convicts: Option<String>,
    ) -> Result<(), Fatal> {
        let now = self.shared.clock.now_s();
        let age = now.saturating_sub(cosignature.time.seconds());
        let mut evidence = None;
        // SPEC(WIT-10)
        let (verdict, detail) = match found {
            _ if convicts.is_some() => {
                evidence = convicts;
                (
                    HeadVerdict::Conflict,
                    "the log signed a head that contradicts it".into(),
                )
            }
            Ok(Comparison::Same) => (HeadVerdict::Same, "the newest head held here".into()),
            Ok(Comparison::Ahead) => {
                self.happen(Event::Shown(checkpoint.clone())).await?;
                let detail = "it extends what is held here, and is followed now";
                (HeadVerdict::Consistent, detail.into())
            }
            Ok(Comparison::Consistent) if age > STALE_S && !self.is_own_clock_off().await => (
                HeadVerdict::Stale,
                format!("an earlier head, which it cosigned {age} s ago"),
            ),
            Ok(Comparison::Consistent) => {
                let detail = "an earlier head of the tree held here";
                (HeadVerdict::Consistent, detail.into())
            }
            Ok(Comparison::Contradicts(found)) => {
                evidence = Some(self.convict(&found, checkpoint.head().size.get()).await?);
                (HeadVerdict::Conflict, found.rule.meaning().into())
            }
            Ok(Comparison::Unproven(reason)) => (HeadVerdict::Unproven, reason),
            Err(error) => (HeadVerdict::Unproven, error.to_string()),
        };
        let Some(watched) = self.peers.get_mut(index) else {
            return Ok(());
        };
        let before = watched.view.shown.take();
        let newest = before.as_ref().map_or(0, |before| before.head.size.get());
        if checkpoint.head().size.get() < newest {
            // What is remembered of it is what shows it, one day, that it is an old copy of itself.
            watched.view.shown = before;
            let size = checkpoint.head().size;
            let detail = format!("it shows size {size}, and had shown size {newest} before");
            self.judge_peer(index, HeadVerdict::Stale, detail);
            return Ok(());
        }
        let own = self.known.mirrored.as_ref();
        let shown = ShownHead {
            source: watched.view.peer.key.to_string(),
            head: checkpoint.head(),
            note: checkpoint.to_bytes_with(std::slice::from_ref(&cosignature.line)),
            verdict,
            detail: detail.clone(),
            evidence,
            own: own.map_or_else(State::nothing_signed, SignedCheckpoint::head),
            time: now,
        };
        let is_news = before.is_none_or(|before| {
            before.head != shown.head
                || before.verdict != shown.verdict
                || before.evidence != shown.evidence
        });
        if is_news {
            let (store, log) = (&self.shared.store, self.known.mirror.log);
            store.keep_shown(log, &shown).await?;
        }
        watched.view.shown = Some(shown);
        self.judge_peer(index, verdict, detail);
        Ok(())
    }

    async fn peer_answers(&mut self, index: usize) -> Result<(), Fatal> {
        let Some(watched) = self.peers.get_mut(index) else {
            return Ok(());
        };
        watched.failures = 0;
        if std::mem::replace(&mut watched.is_clear, true) {
            return Ok(());
        }
        let name = watched.view.peer.key.name().to_string();
        self.say_of_peer(&name, None).await
    }

    async fn peer_fails(
        &mut self,
        index: usize,
        code: &'static str,
        why: &str,
    ) -> Result<(), Fatal> {
        let Some(watched) = self.peers.get_mut(index) else {
            return Ok(());
        };
        watched.failures = watched.failures.saturating_add(1);
        if watched.failures < FAILURES {
            return Ok(());
        }
        watched.is_clear = false;
        let name = watched.view.peer.key.name().to_string();
        self.say_of_peer(&name, Some(code)).await?;
        let alert = Alert {
            severity: Severity::Availability,
            code,
            text: format!("heads cannot be compared with the auditor {name}: {why}"),
            subject: name,
        };
        // It is about the peer, whichever log it was asked about.
        let (store, now) = (&self.shared.store, self.shared.clock.now_s());
        if store.raise(None, &alert, now).await? {
            tracing::warn!(code = alert.code, "{}", alert.text);
        }
        Ok(())
    }

    /// Ends what no log's desk says of a peer any more.
    async fn say_of_peer(&self, name: &str, wrong: Option<&'static str>) -> Result<(), Fatal> {
        let (store, now) = (&self.shared.store, self.shared.clock.now_s());
        for code in self.shared.outages.say(name, &self.log.origin, wrong) {
            store.resolve_own(code, name, now).await?;
        }
        if wrong.is_none() {
            // As they were kept before there was one for all logs.
            let log = Some(self.known.mirror.log);
            store.resolve_subject(log, UNREACHABLE, name, now).await?;
        }
        Ok(())
    }
}

/// A look at one peer, before it is answered.
struct Question {
    index: usize,
    peer: Peer,
    known: Known,
    ear: Ear,
    http: Http,
    /// Whether the log is convicted here already.
    convicted: bool,
    /// Our key, while the peer is to say what it remembers of us.
    own_key: Option<VerifierKey>,
}

impl Question {
    async fn ask(self) -> Look {
        let peer = self.index;
        // Dropped at the end of its time, so that nothing goes on behind.
        tokio::time::timeout(PATIENCE, self.ask_patiently())
            .await
            .unwrap_or_else(|_| Look {
                peer,
                seen: Seen::Unreachable("it takes too long".into()),
                own: None,
                evidence: None,
            })
    }

    async fn ask_patiently(self) -> Look {
        let own = match &self.own_key {
            Some(key) => self.remembered(key).await,
            None => None,
        };
        let evidence = if self.convicted {
            None
        } else {
            self.evidence().await
        };
        Look {
            peer: self.index,
            seen: self.newest().await,
            own,
            evidence,
        }
    }

    /// Evidence of the peer's that the log signed two heads that contradict each other. Who convicts a
    /// log cosigns nothing more of it, so that nobody learns it from what is cosigned.
    async fn evidence(&self) -> Option<(Box<Evidence>, TreeSize)> {
        let page = self.peer.url.join("v1/evidence");
        let page = self.http.read(&page, MAX_HEADS_PAGE).await.ok()?;
        let page: Value = serde_json::from_slice(&page).ok()?;
        let listed = page.as_array()?.iter().filter(|listed| {
            let is = |member: &str| listed.get(member).and_then(Value::as_str);
            is("origin") == Some(self.known.origin.as_str())
                && matches!(is("rule"), Some("fork" | "extension"))
        });
        for listed in listed.take(FILES) {
            let id = listed.get("id").and_then(Value::as_str);
            let Some(id) = id.and_then(|id| Hash::from_hex(id).ok()) else {
                continue;
            };
            let file = self.peer.url.join(&format!("v1/evidence/{}", id.to_hex()));
            if let Ok(file) = self.http.read(&file, MAX_FILE).await
                && let Some(found) = self.convinces(&file)
            {
                return Some(found);
            }
        }
        None
    }

    /// Whether a file shows anybody that the log, by one of its keys that are known here, signed two
    /// heads that contradict each other.
    fn convinces(&self, file: &[u8]) -> Option<(Box<Evidence>, TreeSize)> {
        // SPEC(WIT-15)
        let evidence = Evidence::parse(file).ok()?;
        evidence.verify().ok()?;
        let newer = match &evidence.proof {
            Proof::Fork { second, .. } => second,
            Proof::Extension { newer, .. } => newer,
            Proof::End { .. } | Proof::Interval(_) => return None,
        };
        let is_known = self.known.keys.contains(&evidence.log_key);
        let size = self.known.signed(newer).filter(|_| is_known)?.head().size;
        Some((Box::new(evidence), size))
    }

    fn mirrored(&self) -> TreeHead {
        let mirrored = self.known.mirrored.as_ref();
        mirrored.map_or_else(State::nothing_signed, SignedCheckpoint::head)
    }

    async fn newest(&self) -> Seen {
        let base = match BaseUrl::parse(&self.peer.url.join(&self.known.origin.origin_hash())) {
            Ok(base) => base,
            Err(error) => return Seen::Unusable(error.to_string()),
        };
        let mirror = Source::new(self.http.clone(), base);
        let note = match mirror.checkpoint().await {
            Ok(note) => note,
            Err(error) if error.is_not_found() => return Seen::Nothing,
            Err(error) => return Seen::Unreachable(error.to_string()),
        };
        let signed = UnverifiedCheckpoint::parse(&note)
            .and_then(|checkpoint| checkpoint.verify_log(&self.known.keys));
        let checkpoint = match signed {
            Ok(checkpoint) => Box::new(checkpoint),
            Err(error) => return Seen::Unusable(error.to_string()),
        };
        let Some(cosignature) = cosigned(&checkpoint, &self.peer.key) else {
            return self.without_cosignature(&checkpoint);
        };
        // Kept before anything more is asked of anybody.
        if let Err(error) = self.ear.hear(&checkpoint, self.mirrored()).await {
            return Seen::Failed(error);
        }
        let found = self.known.compare_with_peer(&checkpoint, &mirror).await;
        Seen::Head {
            checkpoint,
            cosignature: Box::new(cosignature),
            found,
        }
    }

    /// Why a head does not bear the peer's cosignature.
    fn without_cosignature(&self, checkpoint: &SignedCheckpoint) -> Seen {
        let (name, id) = (self.peer.key.name(), self.peer.key.id());
        let mut lines = checkpoint.other_lines().iter();
        match lines.find(|line| line.name == *name && line.id != id) {
            Some(other) => Seen::OtherKey(format!(
                "it signs with another key ({}) than the one configured ({id})",
                other.id
            )),
            None => Seen::Unusable("it shows a head without its own cosignature".into()),
        }
    }

    /// The heads that bear our cosignature on the peer's page of heads. `None` if there is no
    /// such page to be had: not every witness keeps one.
    async fn remembered(&self, own_key: &VerifierKey) -> Option<Vec<SignedCheckpoint>> {
        let page = self.peer.url.join("v1/heads");
        let page = match self.http.read(&page, MAX_HEADS_PAGE).await {
            Ok(page) => page,
            Err(error) if error.is_not_found() => return Some(Vec::new()),
            Err(_) => return None,
        };
        let page: Value = serde_json::from_slice(&page).ok()?;
        let own = own_key.to_string();
        let logs = page.as_array()?.iter();
        let notes = logs
            .filter_map(|log| log.get("peers")?.as_array())
            .flatten()
            .filter(|peer| peer.get("vkey").and_then(Value::as_str) == Some(&own))
            .filter_map(|peer| peer.get("head")?.get("checkpoint")?.as_str());
        let heads = notes.filter_map(|note| self.known.signed(note.as_bytes()));
        Some(
            heads
                .filter(|head| cosigned(head, own_key).is_some())
                .collect(),
        )
    }
}

/// The cosignature by `key`, if it is there and holds.
fn cosigned(checkpoint: &SignedCheckpoint, key: &VerifierKey) -> Option<Cosignature> {
    let mut lines = checkpoint.other_lines().iter();
    lines.find_map(|line| Cosignature::verify(line, checkpoint.text(), key).ok())
}
