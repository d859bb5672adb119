//! A record: what a log answered about a label's versions, in one file. It is no evidence, for a log
//! breaks no rule by logging a key set; but whoever has the log in their policy can check, without
//! asking anybody, that the log committed to these key sets for this label.

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::codec::to_base64;
use plainsight_specs::entry::Genesis;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::head::{HeadError, Trust};
use plainsight_specs::history::{History, HistoryAnswer, HistoryRequest};
use plainsight_specs::json::{self, JsonError};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::LookupError;
use plainsight_specs::policy::StaleError;
use serde_json::json;

use crate::contact::MAX_HISTORY;
use crate::failure::{Failure, Refusal};
use crate::reader::{HeadSeen, Reader};
use crate::trust::TrustPolicy;

/// What the file calls itself.
pub const FORMAT: &str = "plainsight-record/v1";
/// The longest record that is read: an answer in base64, with room for the rest.
pub const MAX_RECORD: usize = MAX_HISTORY / 3 * 4 + (1 << 16);

/// A record, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// SHA-256 of the file.
    pub id: Hash,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a record shows.
#[derive(Debug)]
pub struct RecordShown {
    /// SHA-256 of the file.
    pub id: Hash,
    /// Whose key sets.
    pub label: Label,
    /// The head of the answer, its age not judged.
    pub head: HeadSeen,
    /// The versions.
    pub history: History,
}

impl Record {
    /// Of an answer that was verified. The consistency proof from the reader's own head is left
    /// out: it is of no use to others, and tells when the reader looked last.
    pub(crate) fn of(
        reader: &Reader<'_>,
        label: &Label,
        from: Version,
        answer: &[u8],
    ) -> Option<Self> {
        let mut answer = HistoryAnswer::parse(answer).ok()?;
        answer.lookup.head.consistency = None;
        let bytes = json!({
            "format": FORMAT,
            "origin": reader.memory().genesis.origin().as_str(),
            "label": to_base64(label.as_bytes()),
            "from": from.get(),
            "answer": to_base64(&answer.to_json()),
        })
        .to_string()
        .into_bytes();
        Some(Self {
            id: sha256(&bytes),
            bytes,
        })
    }
}

/// Whether a file says that it is a record.
pub fn is_record(bytes: &[u8]) -> bool {
    let format = json::parse_object(bytes).and_then(|mut file| file.string("format"));
    format.is_ok_and(|format| format == FORMAT)
}

/// Checks a record by one's own policy and the log's genesis. How old it is does not matter.
pub fn check(trust: &TrustPolicy, genesis: &Genesis, bytes: &[u8]) -> Result<RecordShown, Failure> {
    let (request, answer) = parse(bytes).map_err(Failure::refused)?;
    let refused = |error: HeadError| Failure::refused(error);
    let checkpoint = &answer.lookup.head.checkpoint;
    let unverified = UnverifiedCheckpoint::parse(checkpoint)
        .map_err(|error| refused(HeadError::Checkpoint(error)))?;
    let cosigned = trust.policy().verify(unverified);
    let cosigned = cosigned.map_err(|error| refused(error.into()))?;
    let time = cosigned.freshest();
    let now = time.ok_or_else(|| refused(StaleError::NoQuorum.into()))?;
    let history = answer
        .verify(
            &Trust {
                policy: trust.policy(),
                genesis,
                remembered: None,
                now,
                max_age_s: 0,
            },
            &request,
        )
        .map_err(Failure::refused)?;
    Ok(RecordShown {
        id: sha256(bytes),
        label: request.label,
        head: HeadSeen::of(trust, history.head(), now),
        history,
    })
}

fn parse(bytes: &[u8]) -> Result<(HistoryRequest, HistoryAnswer), Refusal> {
    let mut file = json::parse_object(bytes)?;
    if file.string("format")? != FORMAT {
        return Err(Refusal::Json(JsonError::Wrong {
            member: "format".into(),
            expected: "a record",
        }));
    }
    // The answer's own checkpoint says it again, signed.
    let _origin = file.string("origin")?;
    let label = Label::parse(&file.base64("label", 255)?).map_err(LookupError::Label)?;
    let from = file.u32("from")?;
    let answer = file.base64("answer", MAX_HISTORY)?;
    file.finish()?;
    let request = HistoryRequest {
        label,
        from: Version::new(from),
        since: None,
    };
    Ok((request, HistoryAnswer::parse(&answer)?))
}
