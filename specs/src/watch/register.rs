//! Registering a watch: asked, answered, and verified from nothing but the answer and the keys.

use serde_json::{Value, json};

use crate::checkpoint::Origin;
use crate::hash::Hash;
use crate::head::{Head, HeadBlock, Trust};
use crate::index::{IndexKey, IndexProof};
use crate::json;
use crate::note::VerifierKey;

use super::{MAX_WATCHED, Report, ReportAnswer, WatchError, WatchToken, WatchedIndexes, watch_id};

/// The request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterRequest {
    /// The log.
    pub origin: Origin,
    /// What is to be watched.
    pub indexes: WatchedIndexes,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct RegisterAnswer {
    /// A head that the auditor has cosigned.
    pub head: HeadBlock,
    /// For the indexes, in order.
    pub index: IndexProof,
    /// What was registered, if all are absent.
    pub registered: Option<Registered>,
}

/// A registration as answered.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The watch's token.
    pub token: WatchToken,
    /// The first report.
    pub report: ReportAnswer,
}

/// What a registration came to, verified.
#[derive(Debug, Clone)]
pub enum Registration {
    /// The indexes are watched from this head on.
    Watched {
        /// The head.
        head: Box<Head>,
        /// The watch's token.
        token: WatchToken,
        /// The first report.
        report: Report,
    },
    /// These are in the index already, with the leaf hashes of their entries: nothing is watched.
    Present {
        /// The head.
        head: Box<Head>,
        /// Which.
        present: Vec<(IndexKey, Hash)>,
    },
}

impl RegisterRequest {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, WatchError> {
        let mut request = json::parse_object(body)?;
        let origin = Origin::parse(&request.string("origin")?).map_err(|_| WatchError::Origin)?;
        let listed = request.array("indexes", MAX_WATCHED)?;
        request.finish()?;
        let mut indexes = Vec::with_capacity(listed.len());
        for index in listed {
            indexes.push(IndexKey::from_hex(&index.into_string("indexes")?)?);
        }
        Ok(Self {
            origin,
            indexes: WatchedIndexes::new(indexes)?,
        })
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        let indexes: Vec<String> = self
            .indexes
            .as_slice()
            .iter()
            .map(IndexKey::to_hex)
            .collect();
        json!({ "origin": self.origin.as_str(), "indexes": indexes })
            .to_string()
            .into_bytes()
    }
}

impl RegisterAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, WatchError> {
        let mut answer = json::parse_object(body)?;
        let head = HeadBlock::take(&mut answer)?;
        let index =
            IndexProof::from_json(answer.required("index")?).map_err(WatchError::IndexForm)?;
        let registered = match answer.take("token") {
            None => None,
            Some(token) => {
                let token = crate::codec::base64_array(&token.into_string("token")?)?;
                Some(Registered {
                    token: WatchToken::from_bytes(token),
                    report: ReportAnswer::take(&mut answer)?,
                })
            }
        };
        answer.finish()?;
        Ok(Self {
            head,
            index,
            registered,
        })
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = self.head.members();
        members.insert("index".into(), self.index.to_json());
        if let Some(registered) = &self.registered {
            members.insert("token".into(), json!(registered.token.to_base64()));
            registered.report.add_to(&mut members);
        }
        Value::Object(members).to_string().into_bytes()
    }

    /// Verifies the answer: `trust` has a policy of the log and this auditor alone.
    pub fn verify(
        &self,
        trust: &Trust<'_>,
        request: &RegisterRequest,
        watch_key: &VerifierKey,
    ) -> Result<Registration, WatchError> {
        // SPEC(WATCH-4)
        let head = self.head.verify(trust)?;
        if head.checkpoint().origin() != &request.origin {
            return Err(WatchError::Other("log"));
        }
        let searched = request.indexes.as_slice();
        let values = self
            .index
            .verify(&head.epoch().index_root, searched)
            .map_err(WatchError::Index)?;
        let present: Vec<_> = searched
            .iter()
            .zip(values)
            .filter_map(|(index, value)| Some((*index, value?)))
            .collect();
        match &self.registered {
            None if !present.is_empty() => Ok(Registration::Present {
                head: Box::new(head),
                present,
            }),
            Some(registered) if present.is_empty() => {
                let id = watch_id(&request.origin, &request.indexes, &registered.token);
                let report = Report::verify(
                    &registered.report.note,
                    watch_key,
                    &request.origin,
                    &id,
                    &request.indexes,
                )?;
                if report.head != head.tree_head() {
                    return Err(WatchError::Other("head"));
                }
                if !report.hits.is_empty() {
                    return Err(WatchError::Other("state than the proof shows"));
                }
                Ok(Registration::Watched {
                    head: Box::new(head),
                    token: registered.token.clone(),
                    report,
                })
            }
            _ => Err(WatchError::Halfway),
        }
    }
}
