#![doc = include_str!("../bundle.md")]

use serde_json::json;

use crate::Blame;
use crate::codec::to_base64;
use crate::entry::Entry;
use crate::hash::{Hash, leaf_hash};
use crate::head::{HeadBlock, HeadError, MAX_ENTRY, Trust};
use crate::index::{IndexError, IndexKey, IndexProof, SearchResult};
use crate::json::{self, JsonError};
use crate::ladder::{self, Ladder, LadderError, LadderStep};
use crate::statement::{Body, Seq, Statement};
use crate::tlog_proof::{TlogProof, TlogProofError};

/// The value of `format`.
pub const FORMAT: &str = "plainsight-bundle/v1";
/// The longest bundle that is read, in bytes.
pub const MAX_BUNDLE: usize = 1024 * 1024;

/// A bundle as received.
#[derive(Debug, Clone)]
pub struct UnverifiedBundle {
    proof: TlogProof,
    epoch: Vec<u8>,
    entry: Vec<u8>,
    index: IndexProof,
}

/// A release, proved to be logged.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The head it was proved at.
    pub head: crate::head::Head,
    /// The release statement.
    pub release: Statement,
    /// The latest `seq` of its stream at that head, if the bundle shows it.
    pub latest: Option<Seq>,
}

/// Why a bundle is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Longer than any bundle.
    #[error("a bundle has at most {MAX_BUNDLE} bytes")]
    TooLong,
    /// Not the JSON it should be.
    #[error("the bundle does not parse: {0}")]
    Json(#[from] JsonError),
    /// Another format.
    #[error("not a {FORMAT} file")]
    Format,
    /// The tlog-proof does not parse, or has an `extra` line.
    #[error("the bundle's proof does not parse: {0}")]
    Proof(TlogProofError),
    /// The tlog-proof has an `extra` line, which nothing signs.
    #[error("the bundle's proof has an extra line")]
    Extra,
    /// The head is not accepted.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The proof is of another leaf than the last.
    #[error("the bundle's proof is not of the last entry")]
    NotLast,
    /// The entry is not a release.
    #[error("the bundle's entry is not a release")]
    NotARelease,
    /// The index proof does not parse.
    #[error("the index proof does not parse: {0}")]
    IndexForm(IndexError),
    /// The index proof does not hold.
    #[error("the index proof does not hold: {0}")]
    Index(IndexError),
    /// The index holds another entry at the version, or none.
    #[error("the index does not hold this entry at its version")]
    OtherEntry,
    /// A digest that the entry lists is not in the index.
    #[error("the index does not hold a file that the entry lists")]
    MissingDigest,
    /// The release was yanked.
    #[error("the release was yanked")]
    Yanked,
    /// More results than the ladder has rungs.
    #[error("the index proof goes on after the end of the ladder")]
    Surplus,
    /// The ladder is not one.
    #[error("the bundle does not show which statement is the latest: {0}")]
    Ladder(LadderError),
    /// The ladder leads to a statement before this one.
    #[error("the latest statement shown is before this release")]
    LatestBefore,
}

impl BundleError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Head(error) => error.blame(),
            Self::TooLong | Self::Json(_) | Self::Format | Self::Proof(_) | Self::Extra => {
                Blame::Malformed
            }
            Self::NotARelease | Self::IndexForm(_) => Blame::Malformed,
            _ => Blame::Unproven,
        }
    }
}

/// The indexes that a bundle's proof covers before the ladder, in order.
pub fn searched(release: &Statement) -> Option<Vec<IndexKey>> {
    let Body::Release(body) = release.body() else {
        return None;
    };
    let stream = release.stream();
    let mut searched = vec![stream.version_index(&body.version)];
    searched.extend(
        body.artifacts
            .iter()
            .map(|file| stream.digest_index(&file.digest)),
    );
    searched.push(stream.yank_index(&body.version));
    Some(searched)
}

impl UnverifiedBundle {
    /// Puts a bundle together, as a log or a client does that has the parts.
    pub fn new(proof: TlogProof, epoch: Vec<u8>, entry: Vec<u8>, index: IndexProof) -> Self {
        Self {
            proof,
            epoch,
            entry,
            index,
        }
    }

    /// From the bytes of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE {
            return Err(BundleError::TooLong);
        }
        let mut bundle = json::parse_object(bytes)?;
        if bundle.string("format")? != FORMAT {
            return Err(BundleError::Format);
        }
        let proof =
            TlogProof::parse(bundle.string("proof")?.as_bytes()).map_err(BundleError::Proof)?;
        let parsed = Self {
            proof,
            epoch: bundle.base64("epoch", MAX_ENTRY)?,
            entry: bundle.base64("entry", MAX_ENTRY)?,
            index: IndexProof::from_json(bundle.required("index")?)
                .map_err(BundleError::IndexForm)?,
        };
        bundle.finish()?;
        if parsed.proof.extra.is_some() {
            return Err(BundleError::Extra);
        }
        Ok(parsed)
    }

    /// The bytes of a file.
    pub fn to_json(&self) -> Vec<u8> {
        json!({
            "format": FORMAT,
            "proof": String::from_utf8_lossy(&self.proof.to_bytes()),
            "epoch": to_base64(&self.epoch),
            "entry": to_base64(&self.entry),
            "index": self.index.to_json(),
        })
        .to_string()
        .into_bytes()
    }

    /// Verifies every step. The reader's remembered head plays no part: a bundle is older.
    pub fn verify(&self, trust: &Trust<'_>) -> Result<Bundle, BundleError> {
        // SPEC(BUNDLE-1)
        let block = HeadBlock {
            checkpoint: self.proof.checkpoint.to_bytes(),
            consistency: None,
            epoch: self.epoch.clone(),
            epoch_proof: self.proof.inclusion.clone(),
        };
        let head = block.verify(&Trust {
            remembered: None,
            ..*trust
        })?;
        if head.tree_head().size.last() != Some(self.proof.index) {
            return Err(BundleError::NotLast);
        }
        // SPEC(BUNDLE-2)
        let Ok(Entry::Statement(entry)) = Entry::parse(&self.entry) else {
            return Err(BundleError::NotARelease);
        };
        let release = entry.statement().clone();
        let mut keys = searched(&release).ok_or(BundleError::NotARelease)?;
        let stream = release.stream();
        let fixed = keys.len();
        let ladder = self.ladder_after(fixed)?;
        keys.extend(ladder.iter().map(|seq| stream.seq_index(*seq)));
        let values = self
            .index
            .verify(&head.epoch().index_root, &keys)
            .map_err(BundleError::Index)?;
        let (at_version, rest) = values.split_first().ok_or(BundleError::OtherEntry)?;
        if *at_version != Some(leaf_hash(&self.entry)) {
            return Err(BundleError::OtherEntry);
        }
        let digests: &[Option<Hash>] = rest.get(..fixed.saturating_sub(2)).unwrap_or_default();
        if digests.iter().any(Option::is_none) {
            return Err(BundleError::MissingDigest);
        }
        if rest.get(digests.len()).is_none_or(Option::is_some) {
            return Err(BundleError::Yanked);
        }
        // SPEC(BUNDLE-3)
        let results: Vec<_> = ladder
            .iter()
            .copied()
            .zip(rest.iter().skip(digests.len() + 1).map(Option::is_some))
            .collect();
        let latest = if results.is_empty() {
            None
        } else {
            ladder::verify(&results).map_err(BundleError::Ladder)?
        };
        if latest.is_some_and(|latest| latest < release.seq()) {
            return Err(BundleError::LatestBefore);
        }
        Ok(Bundle {
            head,
            release,
            latest,
        })
    }

    /// The rungs that the results after the first `fixed` ones are for: the ladder walked with
    /// the presence that the proof claims, which verification of the proof then has to bear out.
    fn ladder_after(&self, fixed: usize) -> Result<Vec<Seq>, BundleError> {
        let mut ladder = Ladder::<Seq>::new();
        let mut walked = Vec::new();
        for result in self.index.results().iter().skip(fixed) {
            let LadderStep::Look(seq) = ladder.next() else {
                return Err(BundleError::Surplus);
            };
            walked.push(seq);
            ladder.answer(matches!(result, SearchResult::Inclusion { .. }));
        }
        Ok(walked)
    }
}
