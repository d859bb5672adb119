//! The entry at position 0: the terms of a log, fixed for its life.

use super::{EntryError, EntryKind, LogKey, Roles, entry_bytes};
use crate::checkpoint::Origin;
use crate::codec::to_base64;
use crate::json::{self, JsonError, Object};
use crate::merkle::{TreeHead, TreeSize};
use crate::vrf;

/// The value of `format`.
pub const FORMAT: &str = "plainsight/v1";
/// The largest `max_clock_skew_ms`: an hour.
pub const MAX_CLOCK_SKEW_MS: u64 = 3_600_000;
/// The largest `heartbeat_s`: a week.
pub const MAX_HEARTBEAT_S: u64 = 604_800;

/// The log that this one continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predecessor {
    /// Its origin and key.
    pub log: LogKey,
    /// Its final head.
    pub head: TreeHead,
}

/// What a genesis states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisDraft {
    /// This log.
    pub origin: Origin,
    /// The key behind every index in the private namespace.
    pub vrf_key: vrf::PublicKey,
    /// How far an epoch's time may be ahead of a reader's clock, in milliseconds.
    pub max_clock_skew_ms: u64,
    /// The longest time between two epochs, in seconds.
    pub heartbeat_s: u64,
    /// The first keys of every role.
    pub roles: Roles,
    /// The log that this one continues, if any.
    pub predecessor: Option<Predecessor>,
}

impl GenesisDraft {
    /// Checks what the types cannot, and prints the entry's JSON.
    pub fn build(self) -> Result<Genesis, EntryError> {
        let mut json = serde_json::json!({
            "format": FORMAT,
            "origin": self.origin.as_str(),
            "vrf_key": to_base64(self.vrf_key.as_bytes()),
            "max_clock_skew_ms": self.max_clock_skew_ms,
            "heartbeat_s": self.heartbeat_s,
            "roles": self.roles.to_json(),
        });
        if let (Some(members), Some(predecessor)) = (json.as_object_mut(), &self.predecessor) {
            members.insert("predecessor".into(), predecessor.to_json());
        }
        Genesis::parse(json.to_string().as_bytes())
    }
}

/// A genesis that parsed, with the bytes it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    terms: GenesisDraft,
    json: Vec<u8>,
}

impl Genesis {
    /// Parses the body of a genesis entry.
    pub(super) fn parse(body: &[u8]) -> Result<Self, EntryError> {
        let mut object = json::parse_object(body)?;
        // SPEC(ENTRY-6)
        if object.string("format")? != FORMAT {
            return Err(EntryError::Format);
        }
        let origin = take_origin(&mut object)?;
        let vrf_key = take_vrf_key(&mut object)?;
        // SPEC(ENTRY-9)
        let max_clock_skew_ms = object.integer("max_clock_skew_ms")?;
        if max_clock_skew_ms > MAX_CLOCK_SKEW_MS {
            return Err(EntryError::ClockSkew(max_clock_skew_ms));
        }
        // SPEC(ENTRY-10)
        let heartbeat_s = object.integer("heartbeat_s")?;
        if !(1..=MAX_HEARTBEAT_S).contains(&heartbeat_s) {
            return Err(EntryError::Heartbeat(heartbeat_s));
        }
        let roles = Roles::parse(object.object("roles")?)?;
        let predecessor = object
            .take("predecessor")
            .map(|value| Predecessor::parse(value.into_object("predecessor")?))
            .transpose()?;
        object.finish()?;
        // SPEC(ENTRY-15)
        if predecessor
            .as_ref()
            .is_some_and(|found| *found.log.origin() == origin)
        {
            return Err(EntryError::OwnOrigin);
        }
        Ok(Self {
            terms: GenesisDraft {
                origin,
                vrf_key,
                max_clock_skew_ms,
                heartbeat_s,
                roles,
                predecessor,
            },
            json: body.to_vec(),
        })
    }

    /// This log.
    pub fn origin(&self) -> &Origin {
        &self.terms.origin
    }

    /// The key behind every index in the private namespace.
    pub fn vrf_key(&self) -> &vrf::PublicKey {
        &self.terms.vrf_key
    }

    /// How far an epoch's time may be ahead of a reader's clock: 0 to 3,600,000 milliseconds.
    pub fn max_clock_skew_ms(&self) -> u64 {
        self.terms.max_clock_skew_ms
    }

    /// The longest time between two epochs: 1 to 604,800 seconds.
    pub fn heartbeat_s(&self) -> u64 {
        self.terms.heartbeat_s
    }

    /// The first keys of every role.
    pub fn roles(&self) -> &Roles {
        &self.terms.roles
    }

    /// The log that this one continues, if any.
    pub fn predecessor(&self) -> Option<&Predecessor> {
        self.terms.predecessor.as_ref()
    }

    /// The entry, byte for byte as it was parsed or built.
    pub fn to_bytes(&self) -> Vec<u8> {
        entry_bytes(EntryKind::Genesis, &self.json)
    }
}

impl Predecessor {
    fn parse(mut object: Object) -> Result<Self, EntryError> {
        // SPEC(ENTRY-16)
        let log = LogKey::take(&mut object)?;
        let size = TreeSize::new(object.integer("size")?).ok_or_else(|| JsonError::Wrong {
            member: "size".into(),
            expected: "a tree size",
        })?;
        let root = object.hex_hash("root")?;
        object.finish()?;
        Ok(Self {
            log,
            head: TreeHead { size, root },
        })
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "origin": self.log.origin().as_str(),
            "log_key": self.log.key().to_string(),
            "size": self.head.size.get(),
            "root": self.head.root.to_hex(),
        })
    }
}

/// Takes `origin` out of `object`.
pub(super) fn take_origin(object: &mut Object) -> Result<Origin, EntryError> {
    // SPEC(ENTRY-7)
    Origin::parse(&object.string("origin")?).map_err(|_| EntryError::Origin)
}

/// Takes `vrf_key` out of `object`.
pub(super) fn take_vrf_key(object: &mut Object) -> Result<vrf::PublicKey, EntryError> {
    // SPEC(ENTRY-8)
    vrf::PublicKey::from_bytes(&object.base64_array("vrf_key")?).map_err(|_| EntryError::VrfKey)
}
