//! The log itself: its newest head, and handing a head in to an auditor of one's own choice.

use plainsight_specs::evidence::{Evidence, Finding, MAX_EVIDENCE};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::head::GenesisAnswer;
use plainsight_specs::json::{self, JsonError};
use plainsight_specs::merkle::TreeSize;

use crate::failure::{Failure, Refusal};
use crate::http::{BaseUrl, Http, HttpError, Post};
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};

/// Bound of an auditor's verdict.
const MAX_VERDICT: usize = 64 * 1024;

/// What a log shows of itself.
#[derive(Debug, Clone)]
pub struct LogStatus {
    /// Its newest head.
    pub head: HeadSeen,
    /// The size of the head seen before, which it was shown to extend; `None` at a first contact.
    pub since: Option<TreeSize>,
    /// How many indexes it holds.
    pub index_size: u64,
    /// The longest time between two epochs, in seconds.
    pub heartbeat_s: u64,
}

/// Reads the newest head, shows that it extends the one seen last, and that the genesis is the
/// one remembered.
pub async fn status(reader: &mut Reader<'_>) -> Result<LogStatus, Failure> {
    let since = reader.since();
    let body = reader
        .log()
        .read(&format!("v1/genesis?since={since}"), MAX_ANSWER)
        .await?;
    let answer = GenesisAnswer::parse(&body).map_err(Failure::refused)?;
    let refuse = |why: Refusal| reader.refuse(why, &answer.head.checkpoint);
    // Keys need the freshest head, so that is what a status is held to.
    let head = answer
        .head
        .verify(&reader.trust(Purpose::Contacts))
        .map_err(|error| refuse(error.into()))?;
    if answer.entry != reader.memory().genesis.to_bytes() {
        return Err(refuse(Refusal::OtherGenesis));
    }
    let index_size = head.epoch().index_size;
    let heartbeat_s = reader.memory().genesis.heartbeat_s();
    Ok(LogStatus {
        since: (!reader.is_first()).then_some(since),
        head: reader.accept(&head),
        index_size,
        heartbeat_s,
    })
}

/// What an auditor says about a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Which auditor.
    pub auditor: String,
    /// Its verdict.
    pub verdict: AuditorVerdict,
    /// In its own words.
    pub detail: String,
    /// Evidence that it gave, checked here.
    pub evidence: Option<CheckedEvidence>,
}

/// An auditor's verdict on a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditorVerdict {
    /// The very head it has.
    Same,
    /// An older head of the same tree.
    Consistent,
    /// Newer than what it has followed.
    Ahead,
    /// Another history than the one it has.
    Fork,
    /// It cannot tell.
    Unproven,
    /// A log that it does not follow.
    UnknownLog,
}

/// An evidence file that proves something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedEvidence {
    /// SHA-256 of the file.
    pub id: Hash,
    /// The file.
    pub bytes: Vec<u8>,
    /// What it proves.
    pub finding: Finding,
}

impl AuditorVerdict {
    /// The six verdicts.
    pub const ALL: [Self; 6] = [
        Self::Same,
        Self::Consistent,
        Self::Ahead,
        Self::Fork,
        Self::Unproven,
        Self::UnknownLog,
    ];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Consistent => "consistent",
            Self::Ahead => "ahead",
            Self::Fork => "fork",
            Self::Unproven => "unproven",
            Self::UnknownLog => "unknown-log",
        }
    }
}

/// Hands a checkpoint to an auditor. Evidence that it offers is fetched and checked.
pub async fn submit(
    http: &Http,
    auditor: &BaseUrl,
    checkpoint: &[u8],
) -> Result<Submitted, Failure> {
    let body = http
        .ask(Post {
            url: &auditor.join("v1/checkpoint"),
            content_type: "text/plain; charset=utf-8",
            body: checkpoint,
            bearer: None,
            limit: MAX_VERDICT,
        })
        .await
        .map_err(not_taken)?;
    let (verdict, detail, id) = parse_verdict(&body).map_err(Failure::refused)?;
    let evidence = match id {
        None => None,
        Some(id) => fetch_evidence(http, auditor, &id).await?,
    };
    Ok(Submitted {
        auditor: auditor.to_string(),
        verdict,
        detail,
        evidence,
    })
}

/// An auditor that refuses what it was handed says something about the file.
fn not_taken(error: HttpError) -> Failure {
    match error {
        HttpError::Status {
            status: 400 | 403 | 422,
            detail,
            ..
        } => Failure::Question(format!(
            "the auditor does not take this checkpoint: {detail}"
        )),
        error => error.into(),
    }
}

fn parse_verdict(body: &[u8]) -> Result<(AuditorVerdict, String, Option<Hash>), JsonError> {
    let mut answer = json::parse_object(body)?;
    let word = answer.string("verdict")?;
    let verdict = AuditorVerdict::ALL
        .into_iter()
        .find(|verdict| verdict.as_str() == word);
    let verdict = verdict.ok_or(JsonError::Wrong {
        member: "verdict".into(),
        expected: "same, consistent, ahead, fork, unproven or unknown-log",
    })?;
    let detail = answer.optional_string("detail")?.unwrap_or_default();
    let evidence = match answer.take("evidence") {
        None => None,
        Some(id) => {
            let id = id.into_string("evidence")?;
            Some(Hash::from_hex(&id).map_err(|source| JsonError::Codec {
                member: "evidence".into(),
                source,
            })?)
        }
    };
    answer.finish()?;
    Ok((verdict, detail, evidence))
}

/// Evidence that does not hold is dropped: the auditor's word is shown without it.
async fn fetch_evidence(
    http: &Http,
    auditor: &BaseUrl,
    id: &Hash,
) -> Result<Option<CheckedEvidence>, Failure> {
    let url = auditor.join(&format!("v1/evidence/{}", id.to_hex()));
    let bytes = http.read(&url, MAX_EVIDENCE).await?;
    if sha256(&bytes) != *id {
        return Ok(None);
    }
    let finding = Evidence::parse(&bytes).and_then(|evidence| evidence.verify());
    Ok(finding.ok().map(|finding| CheckedEvidence {
        id: *id,
        bytes,
        finding,
    }))
}
