//! The JSON of the API as types, for its document alone.
//!
//! What is parsed and written is `plainsight_specs`, which knows nothing of documents; a test holds
//! real answers against these. They are never made at run time.

#![allow(
    dead_code,
    reason = "only the document and the test that compares it with real answers use them"
)]

use serde::Deserialize;
use utoipa::ToSchema;

/// Canonical base64 (RFC 4648, section 4) with padding.
#[derive(Deserialize, ToSchema)]
#[schema(content_encoding = "base64", pattern = "^[A-Za-z0-9+/]*={0,2}$")]
pub(super) struct Base64(String);

/// 32 bytes in lower-case hex.
#[derive(Deserialize, ToSchema)]
#[schema(pattern = "^[0-9a-f]{64}$")]
pub(super) struct Hex(String);

/// A position, a size or a number of the log: at most 2^53 - 1.
#[derive(Deserialize, ToSchema)]
#[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
pub(super) struct Number(u64);

/// Why a request failed (RFC 9457).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Problem {
    /// `urn:plainsight:error:` and a stable code.
    #[serde(rename = "type")]
    #[schema(
        pattern = "^urn:plainsight:error:[a-z-]+$",
        example = "urn:plainsight:error:busy"
    )]
    kind: String,
    /// What the code means.
    title: String,
    /// The HTTP status.
    status: u16,
    /// For people.
    detail: String,
}

/// What to publish, and what to wait for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishRequest {
    /// In the order in which they are to be logged.
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<PublishItem>,
    /// When to answer; "sequenced" if absent.
    #[schema(nullable = false)]
    wait: Option<Wait>,
}

/// One thing to publish.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum PublishItem {
    /// A key set.
    KeySet(KeySetItem),
    /// A statement.
    Statement(StatementItem),
}

/// A key set and the opening that its publisher chose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySetItem {
    /// The DSSE envelope.
    key_set: Base64,
    /// 16 random bytes.
    opening: Base64,
}

/// A statement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementItem {
    /// The DSSE envelope.
    statement: Base64,
}

/// When a publisher is answered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wait {
    /// When the items are durable and have their positions.
    Sequenced,
    /// When a published checkpoint covers them.
    Published,
}

/// What became of the items.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishAnswer {
    /// One for each item, in order.
    #[schema(min_items = 1, max_items = 1000)]
    results: Vec<PublishResult>,
}

/// What became of one item.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum PublishResult {
    /// It is logged.
    Logged(LoggedItem),
    /// It is not.
    Refused(RefusedItem),
}

/// An item that is logged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoggedItem {
    /// Where.
    position: Number,
    /// There and true if it is a key set that does not continue the one before it.
    #[schema(nullable = false)]
    reset: Option<bool>,
}

/// An item that is not logged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefusedItem {
    /// Why.
    error: ItemError,
}

/// Why an item is not logged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemError {
    /// A stable code.
    code: ItemCode,
    /// For people.
    message: String,
    /// The id of the rule that it would have broken.
    #[schema(nullable = false)]
    rule: Option<String>,
    /// Where the one stands that was logged instead.
    #[schema(nullable = false)]
    position: Option<Number>,
}

/// Why an item is not logged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ItemCode {
    /// It does not parse, or its label is not canonical.
    Malformed,
    /// A signature does not hold.
    Signature,
    /// Not the next version, or a second one of its label.
    Version,
    /// Another one was logged in this place.
    Exists,
    /// It would break a rule.
    Rule,
}

/// Whose key set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LookupRequest {
    /// The label: type byte and canonical bytes.
    label: Base64,
    /// The reader's last size, for a consistency proof.
    #[schema(nullable = false)]
    since: Option<Number>,
    /// `true` to be shown when it was logged; otherwise absent.
    #[schema(nullable = false)]
    logged: Option<bool>,
}

/// Whose rungs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RungsRequest {
    /// The label: type byte and canonical bytes.
    label: Base64,
    /// The version that is the latest, for the reader.
    latest: Number,
    /// The reader's last size, for a consistency proof.
    #[schema(nullable = false)]
    since: Option<Number>,
}

/// Whose key sets, and from which version on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryRequest {
    /// The label: type byte and canonical bytes.
    label: Base64,
    /// The first version.
    from: Number,
    /// The reader's last size, for a consistency proof.
    #[schema(nullable = false)]
    since: Option<Number>,
}

/// Which stream, and what of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamRequest {
    /// The stream's bytes.
    stream: Base64,
    /// The reader's last size, for a consistency proof.
    #[schema(nullable = false)]
    since: Option<Number>,
    /// A version of a release stream.
    #[schema(nullable = false)]
    version: Option<String>,
    /// The SHA-256 of a file.
    #[schema(nullable = false)]
    digest: Option<Hex>,
}

/// An index proof for several searches, in order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexProof {
    /// One for each search.
    results: Vec<SearchResult>,
    /// Siblings from left to right, shared ones once.
    elements: Vec<Base64>,
}

/// Where a search ended.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum SearchResult {
    /// At the index itself.
    Inclusion {
        /// How deep.
        depth: u16,
        /// The leaf hash of the entry that inserted it.
        value: Base64,
    },
    /// At another index.
    Leaf {
        /// How deep.
        depth: u16,
        /// What is there.
        leaf: IndexLeaf,
    },
    /// At a missing child.
    Empty {
        /// How deep.
        depth: u16,
    },
}

/// A leaf of the index.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexLeaf {
    /// Its index.
    index: Base64,
    /// Its value.
    value: Base64,
}

/// Where an entry stands, and an epoch after it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logged {
    /// The entry's position.
    position: Number,
    /// Its inclusion.
    inclusion: Vec<Base64>,
    /// An epoch entry.
    epoch: Base64,
    /// Its position.
    epoch_position: Number,
    /// Its inclusion.
    epoch_inclusion: Vec<Base64>,
}

/// One version of a history.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListedVersion {
    /// Which.
    version: Number,
    /// The VRF proof of its index.
    vrf: Base64,
    /// The key entry.
    entry: Base64,
    /// What it was committed with; absent if withheld.
    #[schema(nullable = false)]
    opening: Option<Base64>,
    /// What it commits to; absent if withheld.
    #[schema(nullable = false)]
    key_set: Option<Base64>,
    /// Its position.
    position: Number,
    /// Its inclusion.
    inclusion: Vec<Base64>,
}

/// The latest statement of a stream.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LatestStatement {
    /// Its place in the stream.
    seq: Number,
    /// The entry.
    entry: Base64,
}

/// An answer begins with the head that it is given at.
macro_rules! answer {
    ($(#[$doc:meta])* $name:ident { $($members:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// The newest published checkpoint with its cosignatures.
            checkpoint: String,
            /// From the reader's last size; there if and only if it gave one.
            #[schema(nullable = false)]
            consistency: Option<Vec<Base64>>,
            /// The last entry, an epoch.
            epoch: Base64,
            /// Its inclusion as the last leaf.
            epoch_proof: Vec<Base64>,
            $($members)*
        }
    };
}

answer! {
    /// The genesis, proved.
    GenesisAnswer {
        /// The entry.
        entry: Base64,
        /// Its inclusion.
        inclusion: Vec<Base64>,
    }
}

answer! {
    /// The latest key set of a label, or the proof that there is none.
    LookupAnswer {
        /// A VRF proof for each rung of the ladder.
        vrf: Vec<Base64>,
        /// For all rungs.
        index: IndexProof,
        /// The latest version; absent, with all that follows, if there is none.
        #[schema(nullable = false)]
        version: Option<Number>,
        /// The key entry.
        #[schema(nullable = false)]
        entry: Option<Base64>,
        /// What it was committed with.
        #[schema(nullable = false)]
        opening: Option<Base64>,
        /// What it commits to: the DSSE envelope of the key set.
        #[schema(nullable = false)]
        key_set: Option<Base64>,
        /// When it was logged, if asked for.
        #[schema(nullable = false)]
        logged: Option<Logged>,
    }
}

answer! {
    /// The rungs that an owner has watched.
    RungsAnswer {
        /// A VRF proof for each rung, ascending.
        vrf: Vec<Base64>,
        /// For all rungs.
        index: IndexProof,
    }
}

answer! {
    /// Every key set of a label from a version on.
    HistoryAnswer {
        /// A VRF proof for each rung of the ladder.
        vrf: Vec<Base64>,
        /// For all rungs, then for the versions listed.
        index: IndexProof,
        /// The latest version; absent if there is none.
        #[schema(nullable = false)]
        version: Option<Number>,
        /// Its key entry.
        #[schema(nullable = false)]
        entry: Option<Base64>,
        /// What it was committed with; absent if withheld.
        #[schema(nullable = false)]
        opening: Option<Base64>,
        /// What it commits to; absent if withheld.
        #[schema(nullable = false)]
        key_set: Option<Base64>,
        /// Ascending.
        #[schema(max_items = 1000)]
        versions: Vec<ListedVersion>,
    }
}

answer! {
    /// What a stream holds.
    StreamAnswer {
        /// For everything searched.
        index: IndexProof,
        /// The release entry of the version.
        #[schema(nullable = false)]
        entry: Option<Base64>,
        /// Its yank entry.
        #[schema(nullable = false)]
        yank: Option<Base64>,
        /// The latest statement; absent for an empty stream.
        #[schema(nullable = false)]
        latest: Option<LatestStatement>,
    }
}

answer! {
    /// The first entry that listed a file.
    ArtifactAnswer {
        /// For the artifact's index.
        index: IndexProof,
        /// The entry; absent if there is none.
        #[schema(nullable = false)]
        entry: Option<Base64>,
    }
}
