//! Answers to readers: look-ups, histories, streams, artifacts and the genesis, each at one
//! published head.
//!
//! [`Directory`] borrows the index at that head, the head's own parts, the VRF key and a source of
//! rows and tiles, and knows of neither HTTP nor SQL. It answers what it is asked at exactly that
//! head, never at what is sequenced beyond it.

mod rungs;

use plainsight_specs::entry::Entry;
use plainsight_specs::hash::Hash;
use plainsight_specs::head::{GenesisAnswer, HeadBlock};
use plainsight_specs::history::{HistoryAnswer, HistoryRequest, MAX_VERSIONS, VersionAnswer};
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder::{Ladder, LadderStep};
use plainsight_specs::lookup::{FoundAnswer, LoggedAnswer, LookupAnswer, LookupRequest};
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::query::{ArtifactAnswer, LatestAnswer, StreamAnswer, StreamRequest};
use plainsight_specs::statement::{Body, ReleaseVersion, Seq, artifact_index};
use plainsight_specs::vrf;

use crate::source::{self, Rows, SourceError, Tiles};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The reader has seen a larger head than is published here.
    #[error("the size {since} is above the published size {size}")]
    SizeAhead {
        /// The reader's size.
        since: TreeSize,
        /// The published size.
        size: TreeSize,
    },
    /// A part could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The private rows lack what the index holds.
    #[error("the index holds {0}, which the private rows lack")]
    Inconsistent(&'static str),
}

/// A published head: what every answer begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedHead {
    /// The checkpoint with its cosignatures.
    pub note: Vec<u8>,
    /// Its size and root.
    pub tree: TreeHead,
    /// The last entry, an epoch.
    pub epoch: Vec<u8>,
    /// Its inclusion as the last leaf.
    pub epoch_proof: Vec<Hash>,
}

impl PublishedHead {
    /// Gathers the parts of the head that `note` publishes.
    pub async fn gather<T: Tiles>(
        note: Vec<u8>,
        tree: TreeHead,
        tiles: &T,
    ) -> Result<Self, SourceError> {
        let last = tree
            .size
            .last()
            .ok_or_else(|| SourceError::Missing("the epoch of an empty log".into()))?;
        Ok(Self {
            note,
            tree,
            epoch: source::entry(tiles, last, tree.size).await?,
            epoch_proof: source::inclusion(tiles, last, tree.size).await?,
        })
    }
}

/// Answers at one published head.
#[derive(Debug)]
pub struct Directory<'a, R> {
    /// The head.
    pub head: &'a PublishedHead,
    /// The index at the head's epoch.
    pub index: &'a Tree,
    /// The key that turns labels into indexes.
    pub vrf: &'a vrf::SecretKey,
    /// Rows and tiles.
    pub rows: &'a R,
}

/// What the ladder of a label showed.
struct Climbed {
    proofs: Vec<vrf::Proof>,
    searched: Vec<IndexKey>,
    latest: Option<Version>,
}

impl<R: Rows> Directory<'_, R> {
    /// The answer to `GET /v1/genesis`.
    pub async fn genesis(&self, since: Option<TreeSize>) -> Result<GenesisAnswer, DirectoryError> {
        let first = LeafIndex::default();
        Ok(GenesisAnswer {
            head: self.head_block(since).await?,
            entry: self.entry(first).await?,
            inclusion: self.inclusion(first).await?,
        })
    }

    /// The answer to `POST /v1/lookup`.
    pub async fn lookup(&self, request: &LookupRequest) -> Result<LookupAnswer, DirectoryError> {
        let head = self.head_block(request.since).await?;
        let climbed = self.climb(&request.label);
        let found = self
            .found(&request.label, climbed.latest, request.logged)
            .await?;
        Ok(LookupAnswer {
            head,
            vrf: climbed.proofs,
            index: self.index.prove(&climbed.searched),
            found,
        })
    }

    /// The answer to `POST /v1/history`.
    pub async fn history(&self, request: &HistoryRequest) -> Result<HistoryAnswer, DirectoryError> {
        let head = self.head_block(request.since).await?;
        let label = &request.label;
        let mut climbed = self.climb(label);
        let mut versions = Vec::new();
        let mut next = Some(request.from).filter(|from| Some(*from) <= climbed.latest);
        while let Some(version) = next {
            let (vrf, output) = self.vrf.prove(&label.vrf_input(version));
            climbed.searched.push(output.index_key());
            let key = self.open(label, version).await?;
            versions.push(VersionAnswer {
                version,
                vrf,
                entry: self.entry(key.position).await?,
                opening: key.opening,
                key_set: key.key_set,
                position: key.position,
                inclusion: self.inclusion(key.position).await?,
            });
            next = version
                .next()
                .filter(|next| Some(*next) <= climbed.latest && versions.len() < MAX_VERSIONS);
        }
        let found = self.found(label, climbed.latest, false).await?;
        let lookup = LookupAnswer {
            head,
            vrf: climbed.proofs,
            index: self.index.prove(&climbed.searched),
            found,
        };
        Ok(HistoryAnswer { lookup, versions })
    }

    /// The answer to `POST /v1/stream`.
    pub async fn stream(&self, request: &StreamRequest) -> Result<StreamAnswer, DirectoryError> {
        let head = self.head_block(request.since).await?;
        let stream = &request.stream;
        // The version asked for, or that of the first release that shipped the file.
        let (version, entry) = if let Some(version) = &request.version {
            let entry = self.statement(&stream.version_index(version)).await?;
            (Some(version.clone()), entry)
        } else if let Some(digest) = &request.digest {
            let entry = self.statement(&stream.digest_index(digest)).await?;
            (entry.as_deref().and_then(release_version), entry)
        } else {
            (None, None)
        };
        let yank = match &version {
            Some(version) => self.statement(&stream.yank_index(version)).await?,
            None => None,
        };
        let latest_seq = climb(|seq: Seq| self.index.value(&stream.seq_index(seq)).is_some());
        let latest = match latest_seq {
            None => None,
            Some(seq) => Some(LatestAnswer {
                seq,
                entry: self
                    .statement(&stream.seq_index(seq))
                    .await?
                    .ok_or(DirectoryError::Inconsistent("a statement"))?,
            }),
        };
        let searched = request.searched(version.as_ref(), latest_seq);
        Ok(StreamAnswer {
            head,
            index: self.index.prove(&searched),
            entry,
            yank,
            latest,
        })
    }

    /// The answer to `GET /v1/artifact/<digest>`.
    pub async fn artifact(
        &self,
        digest: &Hash,
        since: Option<TreeSize>,
    ) -> Result<ArtifactAnswer, DirectoryError> {
        let searched = artifact_index(digest);
        Ok(ArtifactAnswer {
            head: self.head_block(since).await?,
            index: self.index.prove(&[searched]),
            entry: self.statement(&searched).await?,
        })
    }

    /// The head, with a consistency proof if the reader remembers one.
    pub async fn head_block(&self, since: Option<TreeSize>) -> Result<HeadBlock, DirectoryError> {
        let size = self.head.tree.size;
        let consistency = match since {
            None => None,
            Some(since) if since > size => {
                return Err(DirectoryError::SizeAhead { since, size });
            }
            Some(since) => Some(source::consistency(self.rows, since, size).await?),
        };
        Ok(HeadBlock {
            checkpoint: self.head.note.clone(),
            consistency,
            epoch: self.head.epoch.clone(),
            epoch_proof: self.head.epoch_proof.clone(),
        })
    }

    fn climb(&self, label: &Label) -> Climbed {
        let (mut proofs, mut searched) = (Vec::new(), Vec::new());
        let latest = climb(|version: Version| {
            let (proof, output) = self.vrf.prove(&label.vrf_input(version));
            let index = output.index_key();
            proofs.push(proof);
            searched.push(index);
            self.index.value(&index).is_some()
        });
        Climbed {
            proofs,
            searched,
            latest,
        }
    }

    async fn found(
        &self,
        label: &Label,
        latest: Option<Version>,
        with_position: bool,
    ) -> Result<Option<FoundAnswer>, DirectoryError> {
        let Some(version) = latest else {
            return Ok(None);
        };
        let key = self.open(label, version).await?;
        let logged = if with_position {
            Some(self.logged(key.position).await?)
        } else {
            None
        };
        Ok(Some(FoundAnswer {
            version,
            entry: self.entry(key.position).await?,
            opening: key.opening,
            key_set: key.key_set,
            logged,
        }))
    }

    async fn logged(&self, position: LeafIndex) -> Result<LoggedAnswer, DirectoryError> {
        let last = self.head.tree.size.last();
        let epoch_position = self
            .rows
            .epoch_after(position)
            .await?
            .filter(|epoch| Some(*epoch) <= last)
            .or(last)
            .ok_or(DirectoryError::Inconsistent("an epoch"))?;
        Ok(LoggedAnswer {
            position,
            inclusion: self.inclusion(position).await?,
            epoch: self.entry(epoch_position).await?,
            epoch_position,
            epoch_inclusion: self.inclusion(epoch_position).await?,
        })
    }

    async fn open(
        &self,
        label: &Label,
        version: Version,
    ) -> Result<source::OpenKey, DirectoryError> {
        let key = self.rows.key(label, version).await?;
        key.ok_or(DirectoryError::Inconsistent("a key entry"))
    }

    /// The statement entry that the index holds at `index`.
    async fn statement(&self, index: &IndexKey) -> Result<Option<Vec<u8>>, DirectoryError> {
        let Some(leaf) = self.index.value(index) else {
            return Ok(None);
        };
        let position = self.rows.statement(&leaf).await?;
        let position = position.ok_or(DirectoryError::Inconsistent("a statement"))?;
        Ok(Some(self.entry(position).await?))
    }

    async fn entry(&self, position: LeafIndex) -> Result<Vec<u8>, DirectoryError> {
        Ok(source::entry(self.rows, position, self.head.tree.size).await?)
    }

    async fn inclusion(&self, position: LeafIndex) -> Result<Vec<Hash>, DirectoryError> {
        Ok(source::inclusion(self.rows, position, self.head.tree.size).await?)
    }
}

/// Climbs a ladder over what is present.
fn climb<N: plainsight_specs::ladder::Rung>(mut present: impl FnMut(N) -> bool) -> Option<N> {
    let mut ladder = Ladder::new();
    loop {
        match ladder.next() {
            LadderStep::Look(rung) => ladder.answer(present(rung)),
            LadderStep::Found(latest) => return latest,
        }
    }
}

fn release_version(entry: &[u8]) -> Option<ReleaseVersion> {
    match Entry::parse(entry) {
        Ok(Entry::Statement(entry)) => match entry.statement().body() {
            Body::Release(release) => Some(release.version.clone()),
            _ => None,
        },
        _ => None,
    }
}
