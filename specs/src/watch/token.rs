//! What is asked with a watch's token.

use serde_json::{Map, Value, json};

use crate::codec::to_base64;
use crate::hash::Hash;
use crate::index::IndexKey;
use crate::json::{self, JsonError, Object};
use crate::note::MAX_NOTE_BYTES;
use crate::time::Timestamp;

use super::WatchError;

/// 32 random bytes: whoever has them owns the watch.
#[derive(Clone, PartialEq, Eq)]
pub struct WatchToken([u8; Self::LEN]);

impl WatchToken {
    /// Bytes of a token.
    pub const LEN: usize = 32;

    /// Wraps random bytes.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// As JSON has it.
    pub fn to_base64(&self) -> String {
        to_base64(&self.0)
    }

    pub(super) fn take(object: &mut Object) -> Result<Self, JsonError> {
        object.base64_array("token").map(Self)
    }
}

impl std::fmt::Debug for WatchToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatchToken")
    }
}

/// The body of a report or cancel request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Which watch.
    pub token: WatchToken,
}

impl TokenRequest {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, WatchError> {
        let mut request = json::parse_object(body)?;
        let token = WatchToken::take(&mut request)?;
        request.finish()?;
        Ok(Self { token })
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        json!({ "token": self.token.to_base64() })
            .to_string()
            .into_bytes()
    }
}

/// The body of an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Which watch.
    pub token: WatchToken,
    /// Where the owner is going to publish.
    pub index: IndexKey,
    /// With which commitment.
    pub commitment: Hash,
}

impl Announcement {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, WatchError> {
        let mut request = json::parse_object(body)?;
        let parsed = Self {
            token: WatchToken::take(&mut request)?,
            index: IndexKey::from_bytes(*request.hex_hash("index")?.as_bytes()),
            commitment: request.hex_hash("commitment")?,
        };
        request.finish()?;
        Ok(parsed)
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        json!({
            "token": self.token.to_base64(),
            "index": self.index.to_hex(),
            "commitment": self.commitment.to_hex(),
        })
        .to_string()
        .into_bytes()
    }
}

/// The answer to a report request or an announcement. The note is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportAnswer {
    /// The report, as signed.
    pub note: Vec<u8>,
    /// When the watch is forgotten unless somebody asks.
    pub expires: Timestamp,
}

impl ReportAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, WatchError> {
        let mut answer = json::parse_object(body)?;
        let parsed = Self::take(&mut answer)?;
        answer.finish()?;
        Ok(parsed)
    }

    pub(super) fn take(answer: &mut Object) -> Result<Self, JsonError> {
        let note = answer.string("note")?.into_bytes();
        if note.len() > MAX_NOTE_BYTES {
            return Err(JsonError::Wrong {
                member: "note".into(),
                expected: "a note within its bound",
            });
        }
        Ok(Self {
            note,
            expires: answer.time("expires")?,
        })
    }

    pub(super) fn add_to(&self, members: &mut Map<String, Value>) {
        let note = String::from_utf8_lossy(&self.note).into_owned();
        members.insert("note".into(), json!(note));
        members.insert("expires".into(), json!(self.expires.to_string()));
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = Map::new();
        self.add_to(&mut members);
        Value::Object(members).to_string().into_bytes()
    }
}
