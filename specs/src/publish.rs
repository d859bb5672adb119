#![doc = include_str!("../publish.md")]

use serde_json::{Map, Value, json};

use crate::codec::{CodecError, to_base64};
use crate::commitment::Opening;
use crate::json::{self, Json, JsonError, Object};
use crate::lookup::{MAX_KEY_SET, take_position};
use crate::merkle::LeafIndex;
use crate::rules::Rule;

/// How many items a request has at the most.
pub const MAX_ITEMS: usize = 1000;
/// The longest statement envelope, in bytes: an entry less its kind byte.
pub const MAX_STATEMENT: usize = 65_534;

/// What to publish, and what to wait for.
#[derive(Debug)]
pub struct PublishRequest {
    /// In the order in which they are to be logged.
    pub items: Vec<PublishItem>,
    /// When to answer.
    pub wait: Wait,
}

/// One thing to publish.
#[derive(Debug)]
pub enum PublishItem {
    /// A key set and the opening that its publisher chose.
    KeySet {
        /// The DSSE envelope.
        key_set: Vec<u8>,
        /// What to commit with.
        opening: Opening,
    },
    /// A statement.
    Statement {
        /// The DSSE envelope.
        envelope: Vec<u8>,
    },
}

/// When a publisher is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// When the items are durable and have their positions.
    #[default]
    Sequenced,
    /// When a published checkpoint covers them.
    Published,
}

/// What became of the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishAnswer {
    /// One for each item, in order.
    pub results: Vec<Result<Logged, PublishError>>,
}

/// Where an item is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// Its position.
    pub position: LeafIndex,
    /// Whether it is a key set that does not continue the one before it: every reader will say so.
    pub reset: bool,
}

impl Logged {
    /// An item that is no reset.
    pub fn at(position: LeafIndex) -> Self {
        Self {
            position,
            reset: false,
        }
    }
}

/// Why an item was not logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PublishError {
    /// A stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// The rule that it would have broken.
    pub rule: Option<Rule>,
    /// Where the one stands that was logged instead.
    pub position: Option<LeafIndex>,
}

impl PublishRequest {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut request = json::parse_object(body)?;
        let items = request
            .array("items", MAX_ITEMS)?
            .into_iter()
            .map(|item| PublishItem::take(item.into_object("items")?))
            .collect::<Result<Vec<_>, _>>()?;
        if items.is_empty() {
            return Err(wrong("items", "an array with at least one item"));
        }
        let wait = match request.optional_string("wait")?.as_deref() {
            None | Some("sequenced") => Wait::Sequenced,
            Some("published") => Wait::Published,
            Some(_) => return Err(wrong("wait", "\"sequenced\" or \"published\"")),
        };
        request.finish()?;
        Ok(Self { items, wait })
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        let items: Value = self.items.iter().map(PublishItem::to_value).collect();
        let wait = match self.wait {
            Wait::Sequenced => "sequenced",
            Wait::Published => "published",
        };
        json!({ "items": items, "wait": wait })
            .to_string()
            .into_bytes()
    }
}

impl PublishItem {
    fn take(mut item: Object) -> Result<Self, JsonError> {
        let parsed = if let Some(statement) = item.take("statement") {
            let text = statement.into_string("statement")?;
            let envelope = crate::codec::base64_bytes(&text, MAX_STATEMENT)
                .map_err(|source| codec("statement", source))?;
            Self::Statement { envelope }
        } else {
            Self::KeySet {
                key_set: item.base64("key_set", MAX_KEY_SET)?,
                opening: Opening::from_bytes(item.base64_array("opening")?),
            }
        };
        item.finish()?;
        Ok(parsed)
    }

    fn to_value(&self) -> Value {
        match self {
            Self::KeySet { key_set, opening } => {
                json!({ "key_set": to_base64(key_set), "opening": to_base64(opening.as_bytes()) })
            }
            Self::Statement { envelope } => json!({ "statement": to_base64(envelope) }),
        }
    }
}

impl PublishAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut answer = json::parse_object(body)?;
        let results = answer
            .array("results", MAX_ITEMS)?
            .into_iter()
            .map(take_result)
            .collect::<Result<_, _>>()?;
        answer.finish()?;
        Ok(Self { results })
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let results: Value = self
            .results
            .iter()
            .map(|result| match result {
                Ok(Logged {
                    position,
                    reset: false,
                }) => json!({ "position": position.get() }),
                Ok(Logged {
                    position,
                    reset: true,
                }) => json!({ "position": position.get(), "reset": true }),
                Err(error) => json!({ "error": error.to_value() }),
            })
            .collect();
        json!({ "results": results }).to_string().into_bytes()
    }
}

fn take_result(result: Json) -> Result<Result<Logged, PublishError>, JsonError> {
    let mut result = result.into_object("results")?;
    let taken = match result.take("error") {
        None => Ok(Logged {
            position: take_position(&mut result, "position")?,
            // SPEC(PUB-10)
            reset: match result.take("reset") {
                None => false,
                Some(Json::Bool(true)) => true,
                Some(_) => return Err(wrong("reset", "true, or absent")),
            },
        }),
        Some(error) => Err(PublishError::take(error.into_object("error")?)?),
    };
    result.finish()?;
    Ok(taken)
}

impl PublishError {
    fn take(mut error: Object) -> Result<Self, JsonError> {
        let rule = match error.optional_string("rule")? {
            None => None,
            Some(id) => Some(Rule::parse(&id).ok_or_else(|| wrong("rule", "the id of a rule"))?),
        };
        let position = error.optional_integer("position")?.and_then(LeafIndex::new);
        let parsed = Self {
            code: error.string("code")?,
            message: error.string("message")?,
            rule,
            position,
        };
        error.finish()?;
        Ok(parsed)
    }

    fn to_value(&self) -> Value {
        let mut members = Map::new();
        members.insert("code".into(), json!(self.code));
        members.insert("message".into(), json!(self.message));
        if let Some(rule) = self.rule {
            members.insert("rule".into(), json!(rule.as_str()));
        }
        if let Some(position) = self.position {
            members.insert("position".into(), json!(position.get()));
        }
        Value::Object(members)
    }
}

fn wrong(member: &str, expected: &'static str) -> JsonError {
    JsonError::Wrong {
        member: member.into(),
        expected,
    }
}

fn codec(member: &str, source: CodecError) -> JsonError {
    JsonError::Codec {
        member: member.into(),
        source,
    }
}
