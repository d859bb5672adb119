//! What rebuilders found about a file, as the auditors carry it: asked of all of them, put together, and
//! held against the reader's own list. Chapter [`plainsight_specs::rebuild`].
//!
//! Out of scope: building anything, and whether the file is logged ([`crate::release`]).

use std::collections::{BTreeMap, BTreeSet};

use plainsight_specs::codec;
use plainsight_specs::ed25519::{PUBLIC_KEY_LEN, PublicKey};
use plainsight_specs::hash::Hash;
use plainsight_specs::rebuild::{
    MAX_REBUILDERS, Outcome, RebuildClaim, RebuildList, UnverifiedRebuild,
};
use plainsight_specs::time::Timestamp;
use serde::Deserialize;

use crate::failure::Failure;
use crate::http::BaseUrl;
use crate::source::Source;
use crate::trust::TrustPolicy;

/// Results dated further ahead than this, in seconds, are dropped.
const MAX_AHEAD_S: u64 = 86_400;

/// A rebuilder, in the reader's own words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuilderNote {
    /// What the reader calls it.
    pub name: String,
    /// Who runs it: keys of one organisation count once.
    pub organisation: String,
    /// Its Ed25519 public key, 32 bytes in base64.
    pub key: String,
}

impl RebuilderNote {
    /// The bytes of its key, if they are one.
    pub(crate) fn key_bytes(&self) -> Option<Vec<u8>> {
        Some(self.public_key()?.as_bytes().to_vec())
    }

    fn public_key(&self) -> Option<PublicKey> {
        let bytes = codec::base64_array::<PUBLIC_KEY_LEN>(&self.key).ok()?;
        PublicKey::from_bytes(&bytes).ok()
    }
}

/// What one rebuilder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the reader calls it.
    pub name: String,
    /// Who runs it.
    pub organisation: String,
    /// The result that counts.
    pub claim: RebuildClaim,
}

/// What the rebuilders on the reader's list found about a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilds {
    /// One for each that has found anything, in the order of the list.
    pub found: Vec<Found>,
    /// The auditors that gave an answer.
    pub asked: Vec<String>,
    /// Those that gave none, each with why.
    pub silent: Vec<(String, String)>,
}

impl Rebuilds {
    /// The organisations that got the same file.
    pub fn matching(&self) -> BTreeSet<&str> {
        let matching = self.found.iter();
        let matching = matching.filter(|found| found.claim.outcome == Outcome::Match);
        matching.map(|found| found.organisation.as_str()).collect()
    }

    /// The rebuilders that got another file.
    pub fn mismatching(&self) -> impl Iterator<Item = &Found> {
        let found = self.found.iter();
        found.filter(|found| matches!(found.claim.outcome, Outcome::Mismatch { .. }))
    }

    /// What keeps a rule that asks for `organisations` from being met.
    pub fn unmet(&self, organisations: u32) -> Option<RebuildsUnmet> {
        // SPEC(REB-12)
        if self.mismatching().next().is_some() {
            return Some(RebuildsUnmet::Mismatch);
        }
        let found = u32::try_from(self.matching().len()).unwrap_or(u32::MAX);
        (found < organisations).then_some(RebuildsUnmet::TooFew {
            wanted: organisations,
            found,
        })
    }
}

/// Why a rule about rebuilds is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildsUnmet {
    /// A rebuilder on the reader's list got another file.
    Mismatch,
    /// Fewer organisations than the reader asks for got the same file.
    TooFew {
        /// How many are asked for.
        wanted: u32,
        /// How many there are.
        found: u32,
    },
    /// Nobody was asked.
    NotAsked {
        /// How many are asked for.
        wanted: u32,
    },
}

/// Asks every auditor of the policy that the reader has an address of.
pub async fn ask(
    log: &Source,
    trust: &TrustPolicy,
    file: &Hash,
    now: Timestamp,
) -> Result<Rebuilds, Failure> {
    let notes = &trust.annotations().rebuilders;
    let keys: Vec<PublicKey> = notes.iter().filter_map(RebuilderNote::public_key).collect();
    let mut rebuilds = Rebuilds::default();
    let mut counts: BTreeMap<PublicKey, RebuildClaim> = BTreeMap::new();
    // SPEC(REB-11)
    for (name, url) in trust.auditor_urls() {
        let auditor = log.elsewhere(BaseUrl::parse(&url)?);
        let path = format!("v1/rebuilds/{}", file.to_hex());
        let answer = auditor.read(&path, RebuildList::MAX_BYTES).await;
        let list = answer.map_err(|error| error.to_string()).and_then(|bytes| {
            RebuildList::parse(&bytes)
                .map_err(|error| format!("its answer does not parse: {error}"))
        });
        let list = match list {
            Ok(list) => list,
            Err(why) => {
                rebuilds.silent.push((name, why));
                continue;
            }
        };
        rebuilds.asked.push(name);
        for result in list.results {
            count(&mut counts, &result, file, &keys, now);
        }
    }
    for note in notes {
        let claim = note.public_key().and_then(|key| counts.remove(&key));
        rebuilds.found.extend(claim.map(|claim| Found {
            name: note.name.clone(),
            organisation: note.organisation.clone(),
            claim,
        }));
    }
    Ok(rebuilds)
}

/// Takes one result, of which anything may be: it came from an auditor that need not be honest.
fn count(
    counts: &mut BTreeMap<PublicKey, RebuildClaim>,
    result: &[u8],
    file: &Hash,
    keys: &[PublicKey],
    now: Timestamp,
) {
    let Ok(rebuild) = UnverifiedRebuild::parse(result).and_then(|parsed| parsed.verify(keys))
    else {
        return;
    };
    let claim = rebuild.claim();
    if claim.file != *file || claim.time.since(now) > MAX_AHEAD_S {
        return;
    }
    for key in rebuild.by() {
        let counted = counts.get(key);
        if counted.is_none_or(|counted| claim.supersedes(counted)) {
            counts.insert(*key, claim.clone());
        }
    }
}

/// Whether a list of rebuilders can be used, and by how many organisations.
pub(crate) fn check(notes: &[RebuilderNote], wanted: u32) -> Result<(), String> {
    if notes.len() > MAX_REBUILDERS {
        return Err(format!("there are more than {MAX_REBUILDERS} rebuilders"));
    }
    let mut keys = BTreeSet::new();
    for note in notes {
        let key = note.public_key().ok_or_else(|| {
            format!(
                "the key of the rebuilder {:?} is not an Ed25519 public key in base64",
                note.name
            )
        })?;
        if !keys.insert(key) {
            return Err(format!(
                "the key of the rebuilder {:?} is listed twice",
                note.name
            ));
        }
    }
    let organisations: BTreeSet<_> = notes.iter().map(|note| &note.organisation).collect();
    if usize::try_from(wanted).unwrap_or(usize::MAX) > organisations.len() {
        return Err(format!(
            "release.rebuilds asks for {wanted} organisations, and the rebuilders listed are of {}",
            organisations.len()
        ));
    }
    Ok(())
}
