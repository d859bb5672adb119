//! Members of answers and requests that several formats have.

use super::MAX_KEY_SET;
use crate::codec;
use crate::commitment::Opening;
use crate::json::{self, JsonError, Object};
use crate::label::Version;
use crate::merkle::{LeafIndex, TreeSize};
use crate::vrf::Proof;

pub(crate) fn take_size(object: &mut Object, member: &str) -> Result<Option<TreeSize>, JsonError> {
    let size = object.optional_integer(member)?;
    // Integers in JSON are below 2^53, so every one of them is a size.
    Ok(size.and_then(TreeSize::new))
}

pub(crate) fn take_position(object: &mut Object, member: &str) -> Result<LeafIndex, JsonError> {
    LeafIndex::new(object.integer(member)?).ok_or_else(|| JsonError::Wrong {
        member: member.into(),
        expected: "a position",
    })
}

pub(crate) fn take_version(value: json::Json, member: &str) -> Result<Version, JsonError> {
    let number = value.into_integer(member)?;
    u32::try_from(number)
        .map(Version::new)
        .map_err(|_| JsonError::Wrong {
            member: member.into(),
            expected: "a version below 2^32",
        })
}

pub(crate) fn take_vrf(value: json::Json, member: &str) -> Result<Proof, JsonError> {
    let text = value.into_string(member)?;
    let bytes = codec::base64_array(&text).map_err(|source| JsonError::Codec {
        member: member.into(),
        source,
    })?;
    Proof::from_bytes(&bytes).map_err(|_| JsonError::Wrong {
        member: member.into(),
        expected: "a VRF proof",
    })
}

pub(crate) fn take_opening(object: &mut Object) -> Result<Option<Opening>, JsonError> {
    let Some(text) = object.optional_string("opening")? else {
        return Ok(None);
    };
    let bytes = codec::base64_array(&text).map_err(|source| JsonError::Codec {
        member: "opening".into(),
        source,
    })?;
    Ok(Some(Opening::from_bytes(bytes)))
}

pub(crate) fn take_key_set(object: &mut Object) -> Result<Option<Vec<u8>>, JsonError> {
    let Some(text) = object.optional_string("key_set")? else {
        return Ok(None);
    };
    codec::base64_bytes(&text, MAX_KEY_SET)
        .map(Some)
        .map_err(|source| JsonError::Codec {
            member: "key_set".into(),
            source,
        })
}
