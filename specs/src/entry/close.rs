//! The entry that ends a log and names the next one.

use super::genesis::{take_origin, take_vrf_key};
use super::{EntryError, EntryKind, entry_bytes};
use crate::checkpoint::Origin;
use crate::codec::to_base64;
use crate::json::{self, Object};
use crate::note::{Algorithm, VerifierKey};
use crate::vrf;

/// Another log and the key it signs with. The key's name is the log's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    origin: Origin,
    key: VerifierKey,
}

impl LogKey {
    /// A key of type 0x01 whose name is `origin`.
    pub fn new(origin: Origin, key: VerifierKey) -> Result<Self, EntryError> {
        // SPEC(ENTRY-17)
        if key.algorithm() != Algorithm::Ed25519 || key.name().as_str() != origin.as_str() {
            return Err(EntryError::LogKey);
        }
        Ok(Self { origin, key })
    }

    /// The log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The key of its checkpoints.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Takes `origin` and `log_key` out of `object`.
    pub(super) fn take(object: &mut Object) -> Result<Self, EntryError> {
        let origin = take_origin(object)?;
        let key = VerifierKey::parse(&object.string("log_key")?).map_err(|_| EntryError::LogKey)?;
        Self::new(origin, key)
    }
}

/// The next log of this provider, with the bytes it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    log: LogKey,
    vrf_key: vrf::PublicKey,
    json: Vec<u8>,
}

impl Close {
    /// Names `log` as the next one and prints the entry's JSON.
    pub fn build(log: LogKey, vrf_key: vrf::PublicKey) -> Self {
        let json = serde_json::json!({
            "origin": log.origin().as_str(),
            "log_key": log.key().to_string(),
            "vrf_key": to_base64(vrf_key.as_bytes()),
        });
        Self {
            log,
            vrf_key,
            json: json.to_string().into_bytes(),
        }
    }

    /// Parses the body of a close entry.
    pub(super) fn parse(body: &[u8]) -> Result<Self, EntryError> {
        // SPEC(ENTRY-18)
        let mut object = json::parse_object(body)?;
        let log = LogKey::take(&mut object)?;
        let vrf_key = take_vrf_key(&mut object)?;
        object.finish()?;
        Ok(Self {
            log,
            vrf_key,
            json: body.to_vec(),
        })
    }

    /// Checks that a log does not name itself as the next one. `origin` is that of the log which
    /// holds this entry; the entry alone does not tell.
    pub fn check_origin(&self, origin: &Origin) -> Result<(), EntryError> {
        // SPEC(ENTRY-19)
        if self.log.origin() == origin {
            return Err(EntryError::OwnOrigin);
        }
        Ok(())
    }

    /// The next log.
    pub fn log(&self) -> &LogKey {
        &self.log
    }

    /// The next log's VRF key.
    pub fn vrf_key(&self) -> &vrf::PublicKey {
        &self.vrf_key
    }

    /// The entry, byte for byte as it was parsed or built.
    pub fn to_bytes(&self) -> Vec<u8> {
        entry_bytes(EntryKind::Close, &self.json)
    }
}
