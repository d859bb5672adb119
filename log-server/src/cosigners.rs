//! Asks the auditors of the policy for their cosignatures, by C2SP add-checkpoint.
//!
//! All are asked at once, each within its time, with bounded bodies and without redirects. What
//! they answer is theirs to say: a wrong answer costs its auditor this round, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use plainsight_specs::checkpoint::{Origin, SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::{MAX_NOTE_BYTES, VerifierKey};
use plainsight_specs::policy::Policy;
use plainsight_specs::witness::{
    AddCheckpoint, MAX_ANSWER_BYTES, SIZE_MEDIA_TYPE, parse_cosignature_lines, parse_size,
};
use reqwest::StatusCode;
use tokio::time::Instant;

use crate::config::Publication;
use crate::metrics::{AuditorAnswer, Metrics};
use crate::source::{self, SourceError, Tiles};
use crate::wire::{HttpWire, Wire};
use crate::words::Words;

/// The pause before an auditor that is behind, or fails, is asked again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the others are waited for once the quorum is met.
const GRACE: Duration = Duration::from_millis(100);
/// How often an auditor may correct the log about its size in one round.
const MAX_CORRECTIONS: usize = 3;

/// An auditor, as the policy has it.
#[derive(Debug, Clone)]
pub struct Auditor {
    /// Its name in the policy.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Its submission prefix, without a slash at the end.
    pub url: String,
}

/// What one question was answered.
#[derive(Debug)]
pub enum Answer {
    /// It cosigned.
    Cosigned(Cosignature),
    /// It last cosigned this size.
    AtSize(TreeSize),
    /// It cannot yet: when to ask again, and why.
    Later(Duration, String),
    /// It does not: why.
    Refused(String),
}

/// The auditors to ask.
#[derive(Debug, Clone)]
pub struct Auditors {
    wire: Arc<dyn Wire>,
    list: Vec<Auditor>,
    metrics: Option<Arc<Metrics>>,
    words: Words,
}

impl Auditors {
    /// The witnesses of a policy that have a URL, asked over HTTP.
    pub fn new(policy: &Policy, timeout: Duration) -> Result<Self, reqwest::Error> {
        let wire = Arc::new(HttpWire::new(timeout)?);
        Ok(Self::over(Some(policy), wire))
    }

    /// The same over any wire; none without a policy.
    pub fn over(policy: Option<&Policy>, wire: Arc<dyn Wire>) -> Self {
        let witnesses = policy.map(Policy::witnesses).unwrap_or_default();
        let list = witnesses.iter().filter_map(|witness| {
            Some(Auditor {
                name: witness.name.clone(),
                key: witness.key.clone(),
                url: witness.url.as_deref()?.trim_end_matches('/').to_owned(),
            })
        });
        Self {
            wire,
            list: list.collect(),
            metrics: None,
            words: Words::default(),
        }
    }

    /// The same, and what they answer is counted.
    #[must_use]
    pub fn measured(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    fn count(&self, auditor: &Auditor, answer: AuditorAnswer) {
        if let Some(metrics) = &self.metrics {
            metrics.auditor(&auditor.name, answer);
        }
    }

    /// Says why an auditor does not cosign, unless it was said a short while ago.
    fn tell(&self, auditor: &Auditor, why: &str) {
        if self.words.are_due(&auditor.name, why, Instant::now()) {
            let Auditor { name, url, .. } = auditor;
            tracing::warn!(auditor = name, url, why, "no cosignature; asked again");
        }
    }

    /// The same of the quorum as a whole.
    pub(crate) fn tell_missing(&self, size: TreeSize, cosigned: &BTreeMap<String, Cosignature>) {
        let silent = self.list.iter().map(|auditor| auditor.name.as_str());
        let silent: Vec<_> = silent
            .filter(|name| !cosigned.contains_key(*name))
            .collect();
        let silent = silent.join(", ");
        if self.words.are_due("", &silent, Instant::now()) {
            let size = size.get();
            tracing::warn!(size, silent, "the quorum is not met; asking again");
        }
    }

    /// The auditors, in the order of the policy.
    pub fn list(&self) -> &[Auditor] {
        &self.list
    }

    /// Asks all until `is_enough` of the names that cosigned, or until the round is over.
    /// `sizes` is what each last cosigned, by its key, and is brought up to date. The
    /// cosignatures, by the names of their auditors in the policy.
    pub async fn round<T: Tiles>(
        &self,
        signed: &SignedCheckpoint,
        tiles: &T,
        sizes: &mut BTreeMap<String, TreeSize>,
        limits: &Publication,
        is_enough: impl Fn(&BTreeMap<String, Cosignature>) -> bool,
    ) -> BTreeMap<String, Cosignature> {
        let mut deadline = Instant::now() + limits.round();
        let mut asked: FuturesUnordered<_> = self
            .list
            .iter()
            .map(|auditor| {
                let old = sizes.get(&auditor.key.to_string()).copied();
                self.persuade(auditor, signed, tiles, old.unwrap_or_default())
            })
            .collect();
        let mut cosigned = BTreeMap::new();
        while let Ok(Some((auditor, answer))) =
            tokio::time::timeout_at(deadline, asked.next()).await
        {
            match answer {
                Ok(cosignature) => {
                    sizes.insert(auditor.key.to_string(), signed.head().size);
                    self.words.forget(&auditor.name);
                    cosigned.insert(auditor.name.clone(), cosignature);
                    if is_enough(&cosigned) {
                        deadline = deadline.min(Instant::now() + GRACE);
                    }
                }
                Err(why) => {
                    self.tell(auditor, &why);
                }
            }
        }
        cosigned
    }

    /// What each auditor shows of this log, by its monitoring address: a head that the log's own key
    /// signed, or none. Whoever does not answer in time, or shows anything else, is left out.
    pub async fn shown(
        &self,
        origin: &Origin,
        log: &VerifierKey,
        within: Duration,
    ) -> Vec<(String, Option<TreeHead>)> {
        let asked = self.list.iter().map(async |auditor| {
            let url = format!("{}/{}/checkpoint", auditor.url, origin.origin_hash());
            let asked = self.wire.carry(url, None, MAX_NOTE_BYTES);
            let answer = tokio::time::timeout(within, asked).await.ok()?.ok()?;
            let head = match answer.status {
                404 => None,
                200 => {
                    let note = UnverifiedCheckpoint::parse(&answer.body?).ok()?;
                    let signed = note.verify_log(std::slice::from_ref(log)).ok()?;
                    Some((signed.origin() == origin).then(|| signed.head())?)
                }
                _ => return None,
            };
            Some((auditor.name.clone(), head))
        });
        let shown = futures::future::join_all(asked).await;
        shown.into_iter().flatten().collect()
    }

    /// Asks one auditor again and again until it cosigns or refuses. The caller bounds the time.
    async fn persuade<'a, T: Tiles>(
        &self,
        auditor: &'a Auditor,
        signed: &SignedCheckpoint,
        tiles: &T,
        mut old: TreeSize,
    ) -> (&'a Auditor, Result<Cosignature, String>) {
        let size = signed.head().size;
        let mut corrections = 0;
        loop {
            let answer = match self.ask(auditor, signed, tiles, old.min(size)).await {
                Ok(answer) => answer,
                Err(error) => return (auditor, Err(error.to_string())),
            };
            self.count(
                auditor,
                match &answer {
                    Answer::Cosigned(_) => AuditorAnswer::Cosigned,
                    Answer::AtSize(_) => AuditorAnswer::OtherSize,
                    Answer::Later(..) => AuditorAnswer::Later,
                    Answer::Refused(_) => AuditorAnswer::Refused,
                },
            );
            match answer {
                Answer::Cosigned(cosignature) => return (auditor, Ok(cosignature)),
                Answer::AtSize(at) if at > size => {
                    let why = format!("it says that it has cosigned a larger size, {at}");
                    return (auditor, Err(why));
                }
                Answer::AtSize(_) if corrections == MAX_CORRECTIONS => {
                    return (auditor, Err("it does not settle on a size".into()));
                }
                Answer::AtSize(at) => {
                    corrections += 1;
                    old = at;
                }
                Answer::Later(pause, why) => {
                    self.tell(auditor, &why);
                    tokio::time::sleep(pause).await;
                }
                Answer::Refused(why) => return (auditor, Err(why)),
            }
        }
    }

    /// Asks one auditor once. Only a proof that cannot be built is an error.
    pub async fn ask<T: Tiles>(
        &self,
        auditor: &Auditor,
        signed: &SignedCheckpoint,
        tiles: &T,
        old: TreeSize,
    ) -> Result<Answer, SourceError> {
        let proof = source::consistency(tiles, old, signed.head().size).await?;
        let Ok(checkpoint) = UnverifiedCheckpoint::parse(&signed.to_bytes()) else {
            return Ok(Answer::Refused("the checkpoint does not parse".into()));
        };
        let body = AddCheckpoint {
            old,
            proof,
            checkpoint,
        };
        let url = format!("{}/add-checkpoint", auditor.url);
        let asked = self
            .wire
            .carry(url, Some(body.to_bytes()), MAX_ANSWER_BYTES);
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(why) => {
                return Ok(Answer::Later(PAUSE, format!("it cannot be reached: {why}")));
            }
        };
        let Ok(status) = StatusCode::from_u16(answer.status) else {
            return Ok(Answer::Refused("its answer has no status".into()));
        };
        let Some(body) = answer.body else {
            return Ok(Answer::Refused(
                "its answer is cut short or too long".into(),
            ));
        };
        let (media_type, retry_after) = (answer.media_type, answer.retry_after);
        Ok(match status {
            StatusCode::OK => cosignature(auditor, signed, &body),
            StatusCode::CONFLICT if media_type.as_deref() == Some(SIZE_MEDIA_TYPE) => {
                match parse_size(&body) {
                    Ok(size) => Answer::AtSize(size),
                    Err(error) => Answer::Refused(error.to_string()),
                }
            }
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                let seconds = retry_after.and_then(|text| text.parse::<u64>().ok());
                let pause = seconds.map_or(PAUSE, |s| Duration::from_secs(s.min(60)).max(PAUSE));
                Answer::Later(pause, format!("{status} {}", first_line(&body)))
            }
            status => Answer::Refused(format!("{status} {}", first_line(&body))),
        })
    }
}

/// The auditor's own line among those of a 200, verified.
fn cosignature(auditor: &Auditor, signed: &SignedCheckpoint, body: &[u8]) -> Answer {
    let lines = match parse_cosignature_lines(body) {
        Ok(lines) => lines,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    match lines.iter().find(|line| auditor.key.is_named_by(line)) {
        None => Answer::Refused(format!(
            "its answer has no line of the key that the policy has for it, {}",
            auditor.key
        )),
        Some(line) => match Cosignature::verify(line, signed.text(), &auditor.key) {
            Ok(cosignature) => Answer::Cosigned(cosignature),
            Err(error) => Answer::Refused(error.to_string()),
        },
    }
}

/// The first line of what an auditor says, for the operator: printable and short.
fn first_line(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect()
}
