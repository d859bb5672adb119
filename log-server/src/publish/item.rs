//! An item of a request, by itself: its form, its signatures, and the entry that it would be.

use plainsight_specs::Blame;
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::{KeyEntry, RoleName, StatementEntry};
use plainsight_specs::hash::Hash;
use plainsight_specs::keyset::KeySet;
use plainsight_specs::publish::{PublishError, PublishItem};
use plainsight_specs::vrf;
use rayon::prelude::*;

use crate::source::label_hash;
use crate::store::TokenRole;

/// An item whose form and signature hold.
pub(super) enum Item {
    Key(Box<KeyItem>),
    Statement(Box<StatementEntry>),
    /// A key set that the token may not publish.
    Forbidden,
}

/// A key set, and the entry that logs it.
pub(super) struct KeyItem {
    pub(super) key_set: KeySet,
    pub(super) opening: Opening,
    pub(super) label_hash: Hash,
    pub(super) entry: KeyEntry,
}

impl Item {
    pub(super) fn role(&self) -> TokenRole {
        match self {
            Self::Key(_) | Self::Forbidden => TokenRole::Keys,
            Self::Statement(entry) => match entry.statement().role() {
                RoleName::Root => TokenRole::Root,
                RoleName::Releases => TokenRole::Releases,
                RoleName::Protections => TokenRole::Protections,
            },
        }
    }
}

/// Parses the items on all cores. Indexes are computed for whoever may publish key sets.
pub(super) fn parse_all(
    items: Vec<PublishItem>,
    role: TokenRole,
    vrf: &vrf::SecretKey,
) -> Vec<Result<Item, PublishError>> {
    let parse = |item| parse(item, role, vrf);
    // For one, another thread is not worth waking.
    if items.len() == 1 {
        return items.into_iter().map(parse).collect();
    }
    items.into_par_iter().map(parse).collect()
}

fn parse(item: PublishItem, role: TokenRole, vrf: &vrf::SecretKey) -> Result<Item, PublishError> {
    match item {
        PublishItem::KeySet { key_set, opening } => {
            let key_set = KeySet::parse(&key_set).map_err(|e| refusal(e.blame(), &e))?;
            // SPEC(PUB-3): no curve is climbed for a token that may not publish key sets.
            if role != TokenRole::Keys {
                return Ok(Item::Forbidden);
            }
            let (label, version) = (key_set.label(), key_set.version());
            let output = vrf.evaluate(&label.vrf_input(version));
            let entry = KeyEntry {
                index: output.index_key(),
                commitment: commit(&opening, label, version, key_set.bytes()),
            };
            Ok(Item::Key(Box::new(KeyItem {
                label_hash: label_hash(label),
                key_set,
                opening,
                entry,
            })))
        }
        PublishItem::Statement { envelope } => {
            let entry =
                StatementEntry::from_envelope(&envelope).map_err(|e| refusal(e.blame(), &e))?;
            Ok(Item::Statement(Box::new(entry)))
        }
    }
}

fn refusal(blame: Blame, why: &dyn std::error::Error) -> PublishError {
    let code = match blame {
        Blame::Unproven => "signature",
        _ => "malformed",
    };
    error(code, &why.to_string())
}

pub(super) fn error(code: &str, message: &str) -> PublishError {
    PublishError {
        code: code.into(),
        message: message.into(),
        rule: None,
        position: None,
    }
}
