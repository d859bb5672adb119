//! Answers to readers: look-ups, histories, streams, artifacts and the genesis, each at one
//! published head.
//!
//! [`Directory`] borrows the index with its head, the VRF key and a source of rows and tiles, and
//! knows of neither HTTP nor SQL. All that an answer takes from the index it takes at one moment;
//! rows and tiles of what is published never change, and are read afterwards.

mod rungs;

use std::sync::Arc;

use plainsight_specs::commitment::commit;
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::head::{GenesisAnswer, HeadBlock};
use plainsight_specs::history::{HistoryAnswer, HistoryRequest, MAX_VERSIONS, VersionAnswer};
use plainsight_specs::index::{IndexKey, IndexProof, Tree};
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
    /// There is no head yet.
    #[error("nothing is published yet")]
    NothingPublished,
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

/// An index and the head that it belongs to, which change only together.
pub trait Published: Sync {
    /// Reads both as they are at one moment. `work` computes and does not wait.
    fn read<T>(
        &self,
        work: impl FnOnce(&Tree, &Arc<PublishedHead>) -> T,
    ) -> Result<T, DirectoryError>;
}

/// Turns labels into indexes, with proofs.
pub trait Prover: Sync {
    /// The index of a version of a label, and the proof that it is.
    fn prove(&self, label: &Label, version: Version) -> (vrf::Proof, IndexKey);
}

impl Prover for vrf::SecretKey {
    fn prove(&self, label: &Label, version: Version) -> (vrf::Proof, IndexKey) {
        let (proof, output) = Self::prove(self, &label.vrf_input(version));
        (proof, output.index_key())
    }
}

/// Answers at the newest published head: each answer at one, whatever is published meanwhile.
#[derive(Debug)]
pub struct Directory<'a, P, V, R> {
    /// The index and its head.
    pub published: &'a P,
    /// The key that turns labels into indexes.
    pub vrf: &'a V,
    /// Rows and tiles.
    pub rows: &'a R,
}

/// What the ladder of a label showed.
struct Climbed {
    proofs: Vec<vrf::Proof>,
    searched: Vec<IndexKey>,
    latest: Option<Version>,
    /// Index and value of the latest version.
    at: Option<(IndexKey, Hash)>,
}

/// What the index says about a stream.
struct StreamFound {
    head: Arc<PublishedHead>,
    index: IndexProof,
    entry: Option<Hash>,
    yank: Option<Hash>,
    latest: Option<(Seq, Option<Hash>)>,
}

impl<P: Published, V: Prover, R: Rows> Directory<'_, P, V, R> {
    /// The answer to `GET /v1/genesis`.
    pub async fn genesis(&self, since: Option<TreeSize>) -> Result<GenesisAnswer, DirectoryError> {
        let head = self.head()?;
        let first = LeafIndex::default();
        Ok(GenesisAnswer {
            entry: self.entry(&head, first).await?,
            inclusion: self.inclusion(&head, first).await?,
            head: self.head_block(&head, since).await?,
        })
    }

    /// The answer to `POST /v1/lookup`.
    pub async fn lookup(&self, request: &LookupRequest) -> Result<LookupAnswer, DirectoryError> {
        let (head, climbed, index) = self.published.read(|index, head| {
            let climbed = self.climb(index, &request.label);
            let proof = index.prove(&climbed.searched);
            (Arc::clone(head), climbed, proof)
        })?;
        let found = self.found(&head, &request.label, climbed.found(), request.logged);
        Ok(LookupAnswer {
            found: found.await?,
            head: self.head_block(&head, request.since).await?,
            vrf: climbed.proofs,
            index,
        })
    }

    /// The answer to `POST /v1/history`.
    pub async fn history(&self, request: &HistoryRequest) -> Result<HistoryAnswer, DirectoryError> {
        let label = &request.label;
        let (head, climbed, proved, index) = self.published.read(|index, head| {
            let mut climbed = self.climb(index, label);
            let mut proved = Vec::new();
            let mut next = Some(request.from).filter(|from| Some(*from) <= climbed.latest);
            while let Some(version) = next {
                let (proof, key) = self.vrf.prove(label, version);
                climbed.searched.push(key);
                proved.push((version, proof));
                next = version
                    .next()
                    .filter(|next| Some(*next) <= climbed.latest && proved.len() < MAX_VERSIONS);
            }
            let index = index.prove(&climbed.searched);
            (Arc::clone(head), climbed, proved, index)
        })?;
        let mut versions = Vec::with_capacity(proved.len());
        for (version, vrf) in proved {
            let key = self.open(label, version).await?;
            versions.push(VersionAnswer {
                version,
                vrf,
                entry: self.entry(&head, key.position).await?,
                opening: key.opening,
                key_set: key.key_set,
                position: key.position,
                inclusion: self.inclusion(&head, key.position).await?,
            });
        }
        let found = self.found(&head, label, climbed.found(), false).await?;
        let lookup = LookupAnswer {
            head: self.head_block(&head, request.since).await?,
            vrf: climbed.proofs,
            index,
            found,
        };
        Ok(HistoryAnswer { lookup, versions })
    }

    /// The answer to `POST /v1/stream`.
    pub async fn stream(&self, request: &StreamRequest) -> Result<StreamAnswer, DirectoryError> {
        let stream = &request.stream;
        let found = loop {
            // The version asked for, or that of the first release that shipped the file. The
            // index keeps a digest's first entry, so this goes round twice at the most.
            let (version, shipped) = if let Some(version) = &request.version {
                (Some(version.clone()), None)
            } else if let Some(digest) = &request.digest {
                let searched = stream.digest_index(digest);
                let leaf = self.published.read(|index, _| index.value(&searched))?;
                let version = match leaf {
                    None => None,
                    Some(leaf) => {
                        let head = self.head()?;
                        release_version(&self.statement(&head, &leaf).await?)
                    }
                };
                (version, Some((searched, leaf)))
            } else {
                (None, None)
            };
            let found = self.published.read(|index, head| {
                let entry = match (&shipped, &version) {
                    (Some((searched, leaf)), _) if index.value(searched) == *leaf => *leaf,
                    (Some(_), _) => return None,
                    (None, Some(version)) => index.value(&stream.version_index(version)),
                    (None, None) => None,
                };
                let yank = version
                    .as_ref()
                    .and_then(|v| index.value(&stream.yank_index(v)));
                let seq = climb(|seq: Seq| index.value(&stream.seq_index(seq)).is_some());
                Some(StreamFound {
                    head: Arc::clone(head),
                    index: index.prove(&request.searched(version.as_ref(), seq)),
                    entry,
                    yank,
                    latest: seq.map(|seq| (seq, index.value(&stream.seq_index(seq)))),
                })
            })?;
            if let Some(found) = found {
                break found;
            }
        };
        let head = &found.head;
        let latest = match found.latest {
            None => None,
            Some((_, None)) => return Err(DirectoryError::Inconsistent("a statement")),
            Some((seq, Some(leaf))) => Some(LatestAnswer {
                seq,
                entry: self.statement(head, &leaf).await?,
            }),
        };
        Ok(StreamAnswer {
            head: self.head_block(head, request.since).await?,
            index: found.index,
            entry: self.statement_if_any(head, found.entry).await?,
            yank: self.statement_if_any(head, found.yank).await?,
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
        let (head, leaf, index) = self.published.read(|index, head| {
            let leaf = index.value(&searched);
            (Arc::clone(head), leaf, index.prove(&[searched]))
        })?;
        Ok(ArtifactAnswer {
            head: self.head_block(&head, since).await?,
            index,
            entry: self.statement_if_any(&head, leaf).await?,
        })
    }

    fn head(&self) -> Result<Arc<PublishedHead>, DirectoryError> {
        self.published.read(|_, head| Arc::clone(head))
    }

    /// The head, with a consistency proof if the reader remembers one.
    pub async fn head_block(
        &self,
        head: &PublishedHead,
        since: Option<TreeSize>,
    ) -> Result<HeadBlock, DirectoryError> {
        let size = head.tree.size;
        let consistency = match since {
            None => None,
            Some(since) if since > size => {
                return Err(DirectoryError::SizeAhead { since, size });
            }
            Some(since) => Some(source::consistency(self.rows, since, size).await?),
        };
        Ok(HeadBlock {
            checkpoint: head.note.clone(),
            consistency,
            epoch: head.epoch.clone(),
            epoch_proof: head.epoch_proof.clone(),
        })
    }

    fn climb(&self, index: &Tree, label: &Label) -> Climbed {
        let (mut proofs, mut searched) = (Vec::new(), Vec::new());
        let mut seen = Vec::new();
        let latest = climb(|version: Version| {
            let (proof, key) = self.vrf.prove(label, version);
            proofs.push(proof);
            searched.push(key);
            let value = index.value(&key);
            seen.extend(value.map(|value| (version, (key, value))));
            value.is_some()
        });
        let at = seen
            .into_iter()
            .find(|(version, _)| Some(*version) == latest);
        Climbed {
            proofs,
            searched,
            latest,
            at: at.map(|(_, at)| at),
        }
    }

    async fn found(
        &self,
        head: &PublishedHead,
        label: &Label,
        latest: Option<(Version, Option<(IndexKey, Hash)>)>,
        with_position: bool,
    ) -> Result<Option<FoundAnswer>, DirectoryError> {
        let Some((version, at)) = latest else {
            return Ok(None);
        };
        let key = self.open(label, version).await?;
        // What the index holds says whether the entry that the row makes is the one that is logged.
        let made = at.and_then(|(index, leaf)| made_entry(index, &key, label, version, &leaf));
        let entry = match made {
            Some(entry) => entry,
            None => self.entry(head, key.position).await?,
        };
        let logged = if with_position {
            Some(self.logged(head, key.position).await?)
        } else {
            None
        };
        Ok(Some(FoundAnswer {
            version,
            entry,
            opening: key.opening,
            key_set: key.key_set,
            logged,
        }))
    }

    async fn logged(
        &self,
        head: &PublishedHead,
        position: LeafIndex,
    ) -> Result<LoggedAnswer, DirectoryError> {
        let last = head.tree.size.last();
        let epoch_position = self
            .rows
            .epoch_after(position)
            .await?
            .filter(|epoch| Some(*epoch) <= last)
            .or(last)
            .ok_or(DirectoryError::Inconsistent("an epoch"))?;
        Ok(LoggedAnswer {
            position,
            inclusion: self.inclusion(head, position).await?,
            epoch: self.entry(head, epoch_position).await?,
            epoch_position,
            epoch_inclusion: self.inclusion(head, epoch_position).await?,
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

    /// The statement entry with this leaf hash.
    async fn statement(
        &self,
        head: &PublishedHead,
        leaf: &Hash,
    ) -> Result<Vec<u8>, DirectoryError> {
        let position = self.rows.statement(leaf).await?;
        let position = position.ok_or(DirectoryError::Inconsistent("a statement"))?;
        self.entry(head, position).await
    }

    async fn statement_if_any(
        &self,
        head: &PublishedHead,
        leaf: Option<Hash>,
    ) -> Result<Option<Vec<u8>>, DirectoryError> {
        match leaf {
            None => Ok(None),
            Some(leaf) => Ok(Some(self.statement(head, &leaf).await?)),
        }
    }

    async fn entry(
        &self,
        head: &PublishedHead,
        position: LeafIndex,
    ) -> Result<Vec<u8>, DirectoryError> {
        Ok(source::entry(self.rows, position, head.tree.size).await?)
    }

    async fn inclusion(
        &self,
        head: &PublishedHead,
        position: LeafIndex,
    ) -> Result<Vec<Hash>, DirectoryError> {
        Ok(source::inclusion(self.rows, position, head.tree.size).await?)
    }
}

impl Climbed {
    fn found(&self) -> Option<(Version, Option<(IndexKey, Hash)>)> {
        self.latest.map(|latest| (latest, self.at))
    }
}

/// The key entry that a row was made for, if nothing of it was erased and it is the one that is
/// logged: no bundle is read for it.
fn made_entry(
    index: IndexKey,
    key: &source::OpenKey,
    label: &Label,
    version: Version,
    leaf: &Hash,
) -> Option<Vec<u8>> {
    let commitment = commit(
        key.opening.as_ref()?,
        label,
        version,
        key.key_set.as_deref()?,
    );
    let entry = KeyEntry { index, commitment }.to_bytes().to_vec();
    (leaf_hash(&entry) == *leaf).then_some(entry)
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
