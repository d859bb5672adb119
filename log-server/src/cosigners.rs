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
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use tokio::time::Instant;

use crate::config::Publication;
use crate::metrics::{AuditorAnswer, Metrics};
use crate::source::{self, SourceError, Tiles};
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

/// What one round brought.
#[derive(Debug)]
pub struct Round {
    /// The cosignatures, by the names of their auditors in the policy.
    pub cosigned: BTreeMap<String, Cosignature>,
    /// Whether an auditor says that it has cosigned a larger size. Nothing proves that it has:
    /// [`Auditors::shown`] may.
    pub says_larger: bool,
}

/// Why an auditor did not cosign.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("it says that it has cosigned a larger size, {0}")]
    Larger(TreeSize),
    #[error("{0}")]
    Refused(String),
}

/// The auditors to ask.
#[derive(Debug)]
pub struct Auditors {
    client: reqwest::Client,
    list: Vec<Auditor>,
    metrics: Option<Arc<Metrics>>,
    words: Words,
}

impl Auditors {
    /// The witnesses of a policy that have a URL.
    pub fn new(policy: &Policy, timeout: Duration) -> Result<Self, reqwest::Error> {
        let auditors = policy
            .witnesses()
            .iter()
            .filter_map(|witness| {
                Some(Auditor {
                    name: witness.name.clone(),
                    key: witness.key.clone(),
                    url: witness.url.as_deref()?.trim_end_matches('/').to_owned(),
                })
            })
            .collect();
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            list: auditors,
            metrics: None,
            words: Words::default(),
        })
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
    /// `sizes` is what each last cosigned, by its key, and is brought up to date.
    pub async fn round<T: Tiles>(
        &self,
        signed: &SignedCheckpoint,
        tiles: &T,
        sizes: &mut BTreeMap<String, TreeSize>,
        limits: &Publication,
        is_enough: impl Fn(&BTreeMap<String, Cosignature>) -> bool,
    ) -> Round {
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
        let mut says_larger = false;
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
                    says_larger |= matches!(why, Silence::Larger(_));
                    self.tell(auditor, &why.to_string());
                }
            }
        }
        Round {
            cosigned,
            says_larger,
        }
    }

    /// What each auditor shows of this log, by its monitoring address: heads that the log's own key
    /// signed. Whoever does not answer in time, or shows something else, is left out.
    pub async fn shown(
        &self,
        origin: &Origin,
        log: &VerifierKey,
        within: Duration,
    ) -> Vec<(String, TreeHead)> {
        let asked = self.list.iter().map(async |auditor| {
            let url = format!("{}/{}/checkpoint", auditor.url, origin.origin_hash());
            let answer = tokio::time::timeout(within, self.client.get(url).send()).await;
            let answer = answer.ok()?.ok()?;
            if answer.status() != StatusCode::OK {
                return None;
            }
            let body = tokio::time::timeout(within, bounded_body(answer, MAX_NOTE_BYTES)).await;
            let note = UnverifiedCheckpoint::parse(&body.ok()??).ok()?;
            let signed = note.verify_log(std::slice::from_ref(log)).ok()?;
            (signed.origin() == origin).then(|| (auditor.name.clone(), signed.head()))
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
    ) -> (&'a Auditor, Result<Cosignature, Silence>) {
        let size = signed.head().size;
        let mut corrections = 0;
        loop {
            let answer = match self.ask(auditor, signed, tiles, old.min(size)).await {
                Ok(answer) => answer,
                Err(error) => return (auditor, Err(Silence::Refused(error.to_string()))),
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
                    return (auditor, Err(Silence::Larger(at)));
                }
                Answer::AtSize(_) if corrections == MAX_CORRECTIONS => {
                    return (
                        auditor,
                        Err(Silence::Refused("it does not settle on a size".into())),
                    );
                }
                Answer::AtSize(at) => {
                    corrections += 1;
                    old = at;
                }
                Answer::Later(pause, why) => {
                    self.tell(auditor, &why);
                    tokio::time::sleep(pause).await;
                }
                Answer::Refused(why) => return (auditor, Err(Silence::Refused(why))),
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
        let request = self
            .client
            .post(format!("{}/add-checkpoint", auditor.url))
            .body(body.to_bytes());
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let why = format!("it cannot be reached: {}", innermost(&error));
                return Ok(Answer::Later(PAUSE, why));
            }
        };
        let status = response.status();
        let header = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (media_type, retry_after) = (header(CONTENT_TYPE), header(RETRY_AFTER));
        let Some(body) = bounded_body(response, MAX_ANSWER_BYTES).await else {
            return Ok(Answer::Refused(
                "its answer is cut short or too long".into(),
            ));
        };
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

/// The cause that says something, which has no address in it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The whole body, unless it is longer than any answer.
async fn bounded_body(mut response: reqwest::Response, most: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > most {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
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
