//! Strict JSON: what [`serde_json`] reads, less everything that two parsers could read
//! differently. Rules in the chapter [encodings](crate::codec).
//!
//! A value is parsed whole into [`Json`] before any member is looked at, so that the rules hold
//! for ignored members too. Out of scope: canonical JSON; SPEC(ENC-13): what is hashed or signed
//! is always the bytes received.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::codec::{self, CodecError};
use crate::hash::Hash;
use crate::time::Timestamp;

/// How many brackets may be open at once.
pub const MAX_DEPTH: usize = 16;
/// The largest integer: 2^53 - 1, which every JSON parser holds exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A JSON value that broke no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`, which is a value and never stands for an absent member.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// 0 to 2^53 - 1.
    Integer(u64),
    /// Unicode without lone surrogates.
    String(String),
    /// In order.
    Array(Vec<Json>),
    /// Names are distinct.
    Object(BTreeMap<String, Json>),
}

/// Why JSON was refused. Always [`crate::Blame::Malformed`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or JSON outside the protocol's rules; the parser's own words.
    #[error("not acceptable JSON: {0}")]
    Syntax(String),
    /// A member that must be there is not.
    #[error("member {0:?} is missing")]
    Missing(String),
    /// A member that this object does not have.
    #[error("member {0:?} is unknown")]
    Unknown(String),
    /// A member's value has another type or is out of its bounds.
    #[error("member {member:?} is not {expected}")]
    Wrong {
        /// The member's name.
        member: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A member does not decode.
    #[error("member {member:?}: {source}")]
    Codec {
        /// The member's name.
        member: String,
        /// Why.
        source: CodecError,
    },
}

/// Parses one JSON value that fills `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Json, JsonError> {
    // SPEC(ENC-10): the brackets are counted outside strings, before the parser recurses.
    refuse_deep(bytes)?;
    // SPEC(ENC-6, ENC-7): the library refuses what is not RFC 8259 and lone surrogates.
    // SPEC(ENC-11): the whole value is visited, whoever ignores members later.
    serde_json::from_slice(bytes).map_err(|error| JsonError::Syntax(error.to_string()))
}

/// Parses one JSON object that fills `bytes`.
pub fn parse_object(bytes: &[u8]) -> Result<Object, JsonError> {
    parse(bytes)?.into_object("the document")
}

fn refuse_deep(bytes: &[u8]) -> Result<(), JsonError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(JsonError::Syntax(format!(
                "more than {MAX_DEPTH} brackets open at once"
            )));
        }
    }
    Ok(())
}

impl Json {
    /// The object, or an error that names `member` as the wrong one.
    pub fn into_object(self, member: &str) -> Result<Object, JsonError> {
        match self {
            Self::Object(members) => Ok(Object { members }),
            _ => Err(JsonError::Wrong {
                member: member.into(),
                expected: "an object",
            }),
        }
    }

    /// The string, or an error that names `member` as the wrong one.
    pub fn into_string(self, member: &str) -> Result<String, JsonError> {
        match self {
            Self::String(text) => Ok(text),
            _ => Err(JsonError::Wrong {
                member: member.into(),
                expected: "a string",
            }),
        }
    }

    /// The integer, or an error that names `member` as the wrong one.
    pub fn into_integer(self, member: &str) -> Result<u64, JsonError> {
        match self {
            Self::Integer(number) => Ok(number),
            _ => Err(JsonError::Wrong {
                member: member.into(),
                expected: "an integer",
            }),
        }
    }
}

/// An object whose members are taken out one by one. [`Object::finish`] refuses what is left, for
/// the formats that are ours; DSSE and in-toto objects are dropped with their unknown members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    members: BTreeMap<String, Json>,
}

impl Object {
    /// Takes a member out, if it is there.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        self.members.remove(name)
    }

    /// Takes a member that must be there.
    pub fn required(&mut self, name: &str) -> Result<Json, JsonError> {
        self.take(name)
            .ok_or_else(|| JsonError::Missing(name.into()))
    }

    /// Takes a string.
    pub fn string(&mut self, name: &str) -> Result<String, JsonError> {
        self.required(name)?.into_string(name)
    }

    /// Takes a string, if the member is there.
    pub fn optional_string(&mut self, name: &str) -> Result<Option<String>, JsonError> {
        self.take(name)
            .map(|value| value.into_string(name))
            .transpose()
    }

    /// Takes an integer, 0 to 2^53 - 1.
    pub fn integer(&mut self, name: &str) -> Result<u64, JsonError> {
        self.required(name)?.into_integer(name)
    }

    /// Takes an integer, if the member is there.
    pub fn optional_integer(&mut self, name: &str) -> Result<Option<u64>, JsonError> {
        self.take(name)
            .map(|value| value.into_integer(name))
            .transpose()
    }

    /// Takes an integer of 32 bits.
    pub fn u32(&mut self, name: &str) -> Result<u32, JsonError> {
        self.integer(name)?
            .try_into()
            .map_err(|_| JsonError::Wrong {
                member: name.into(),
                expected: "an integer below 2^32",
            })
    }

    /// Takes a boolean.
    pub fn bool(&mut self, name: &str) -> Result<bool, JsonError> {
        match self.required(name)? {
            Json::Bool(value) => Ok(value),
            _ => Err(JsonError::Wrong {
                member: name.into(),
                expected: "true or false",
            }),
        }
    }

    /// Takes an object.
    pub fn object(&mut self, name: &str) -> Result<Self, JsonError> {
        self.required(name)?.into_object(name)
    }

    /// Takes an array of at most `limit` values.
    pub fn array(&mut self, name: &str, limit: usize) -> Result<Vec<Json>, JsonError> {
        array(self.required(name)?, name, limit)
    }

    /// Takes base64 of at most `limit` bytes.
    pub fn base64(&mut self, name: &str, limit: usize) -> Result<Vec<u8>, JsonError> {
        let text = self.string(name)?;
        codec::base64_bytes(&text, limit).map_err(|source| codec_error(name, source))
    }

    /// Takes base64 of exactly `N` bytes.
    pub fn base64_array<const N: usize>(&mut self, name: &str) -> Result<[u8; N], JsonError> {
        let text = self.string(name)?;
        codec::base64_array(&text).map_err(|source| codec_error(name, source))
    }

    /// Takes a hash in base64.
    pub fn base64_hash(&mut self, name: &str) -> Result<Hash, JsonError> {
        self.base64_array(name).map(Hash::from_bytes)
    }

    /// Takes an array of at most `limit` hashes in base64.
    pub fn base64_hashes(&mut self, name: &str, limit: usize) -> Result<Vec<Hash>, JsonError> {
        base64_hashes(self.required(name)?, name, limit)
    }

    /// Takes a hash in lower-case hex.
    pub fn hex_hash(&mut self, name: &str) -> Result<Hash, JsonError> {
        let text = self.string(name)?;
        Hash::from_hex(&text).map_err(|source| codec_error(name, source))
    }

    /// Takes a hash in lower-case hex, if the member is there.
    pub fn optional_hex_hash(&mut self, name: &str) -> Result<Option<Hash>, JsonError> {
        if self.members.contains_key(name) {
            self.hex_hash(name).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Takes a time.
    pub fn time(&mut self, name: &str) -> Result<Timestamp, JsonError> {
        Timestamp::parse(&self.string(name)?).map_err(|_| JsonError::Wrong {
            member: name.into(),
            expected: "a time of the form YYYY-MM-DDTHH:MM:SSZ",
        })
    }

    /// Ends an object of our own: a member that was not taken is an error.
    pub fn finish(self) -> Result<(), JsonError> {
        // SPEC(ENC-12)
        match self.members.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(JsonError::Unknown(name)),
        }
    }
}

/// The values of an array of at most `limit`.
pub fn array(value: Json, member: &str, limit: usize) -> Result<Vec<Json>, JsonError> {
    match value {
        Json::Array(values) if values.len() <= limit => Ok(values),
        Json::Array(_) => Err(JsonError::Wrong {
            member: member.into(),
            expected: "an array within its bound",
        }),
        _ => Err(JsonError::Wrong {
            member: member.into(),
            expected: "an array",
        }),
    }
}

/// The hashes of an array of at most `limit` in base64.
pub fn base64_hashes(value: Json, member: &str, limit: usize) -> Result<Vec<Hash>, JsonError> {
    array(value, member, limit)?
        .into_iter()
        .map(|hash| {
            Hash::from_base64(&hash.into_string(member)?)
                .map_err(|source| codec_error(member, source))
        })
        .collect()
}

fn codec_error(member: &str, source: CodecError) -> JsonError {
    JsonError::Codec {
        member: member.into(),
        source,
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON with integers from 0 to 2^53 - 1 only")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    // Negative and fractional numbers arrive at other visits, whose defaults refuse them.
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Json, E> {
        // SPEC(ENC-8)
        if value > MAX_INTEGER {
            return Err(E::custom("an integer above 2^53 - 1"));
        }
        Ok(Json::Integer(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<String, Json>()? {
            // SPEC(ENC-9): names are compared after unescaping.
            if members.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format_args!("member {name:?} twice")));
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_json() {
        let value = parse(br#" {"a":[0,9007199254740991,true,null,"\ud83d\ude00"]} "#);
        let list = vec![
            Json::Integer(0),
            Json::Integer(MAX_INTEGER),
            Json::Bool(true),
            Json::Null,
            Json::String("\u{1f600}".into()),
        ];
        assert_eq!(
            value,
            Ok(Json::Object(BTreeMap::from([(
                "a".into(),
                Json::Array(list)
            )])))
        );
    }

    #[test]
    fn refuses_what_two_parsers_could_read_differently() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"x":{"b":1,"b":1}}]"#,
            "1.0",
            "1e2",
            "-1",
            "-0",
            "01",
            "+1",
            "9007199254740992",
            "18446744073709551616",
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            "\u{feff}1",
            "1 2",
            "{} x",
            "[1,]",
            "{'a':1}",
            "NaN",
            "",
            " ",
            "\"\n\"",
            "tru",
            r#"{"a":1,}"#,
            "/**/1",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(b"\"\xed\xa0\x80\"").is_err());
    }

    #[test]
    fn sixteen_brackets_are_the_limit() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(16).as_bytes()).is_ok());
        assert!(parse(nested(17).as_bytes()).is_err());
        assert!(parse(format!("\"{}\"", "[".repeat(40)).as_bytes()).is_ok());
        assert!(parse(format!("\"\\\"{}\"", "[".repeat(40)).as_bytes()).is_ok());
        assert!(parse(format!("[{}]", vec!["[]"; 40].join(",")).as_bytes()).is_ok());
    }

    #[test]
    fn own_objects_refuse_unknown_members() {
        let mut object = parse_object(br#"{"a":1,"b":2}"#).unwrap();
        assert_eq!(object.u32("a"), Ok(1));
        assert_eq!(object.string("c"), Err(JsonError::Missing("c".into())));
        assert_eq!(object.finish(), Err(JsonError::Unknown("b".into())));
    }
}
