//! Holds a head that the log signed against those known, and finds out whether they fit.
//!
//! A contradiction is only ever stated with evidence that a stranger can check. Everything else,
//! above all a proof that does not hold, is "unproven".

use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{Origin, SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::evidence::Evidence;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;

use crate::clock::Clock;
use crate::evidence::AccuseError;
use crate::fetch;
use crate::mirror::Mirror;
use crate::progress::Progress;

/// How a head fits those known.
#[derive(Debug)]
pub enum Comparison {
    /// It is the newest known.
    Same,
    /// It is an earlier head of the same tree.
    Consistent,
    /// It is larger, and extends what is known.
    Ahead,
    /// It contradicts a known head.
    Contradicts(Box<Evidence>),
    /// It could not be found out.
    Unproven(String),
}

/// What a head is held against.
#[derive(Debug, Clone)]
pub struct Known {
    /// What is held of the log.
    pub mirror: Mirror,
    /// The log.
    pub origin: Origin,
    /// The log's keys.
    pub keys: Vec<VerifierKey>,
    /// Where the log is read.
    pub source: Source,
    /// The newest signed head of which everything is held.
    pub mirrored: Option<SignedCheckpoint>,
    /// A signed head that is being followed.
    pub target: Option<SignedCheckpoint>,
    /// For what is kept with a time.
    pub clock: Clock,
    /// Where long work is shown.
    pub progress: Progress,
}

impl Known {
    /// A stored note, which was verified before it was stored, verified again.
    pub fn signed(&self, note: &[u8]) -> Option<SignedCheckpoint> {
        UnverifiedCheckpoint::parse(note)
            .and_then(|checkpoint| checkpoint.verify_log(&self.keys))
            .ok()
    }

    /// The key by which all these checkpoints are signed; evidence names one.
    pub fn key_of(&self, checkpoints: &[&SignedCheckpoint]) -> Option<&VerifierKey> {
        self.keys.iter().find(|key| {
            checkpoints.iter().all(|checkpoint| {
                let mut lines = checkpoint.log_lines().iter();
                lines.any(|line| key.is_named_by(line))
            })
        })
    }

    /// Compares. Reads the log's tiles where the own mirror does not suffice.
    pub async fn compare(&self, shown: &SignedCheckpoint) -> Result<Comparison, AccuseError> {
        self.compare_by(shown, std::slice::from_ref(&self.source))
            .await
    }

    /// Compares with what a peer shows. A log that tells two stories does not serve one's tiles to
    /// the other, but the peer does: what it mirrored is as good, as it hashes to the signed head.
    pub async fn compare_with_peer(
        &self,
        shown: &SignedCheckpoint,
        mirror: &Source,
    ) -> Result<Comparison, AccuseError> {
        let sources = [self.source.clone(), mirror.clone()];
        self.compare_by(shown, &sources).await
    }

    async fn compare_by(
        &self,
        shown: &SignedCheckpoint,
        sources: &[Source],
    ) -> Result<Comparison, AccuseError> {
        let mut best = Comparison::Unproven("nothing of this log is held yet".into());
        for known in [&self.mirrored, &self.target].into_iter().flatten() {
            let found = self.compare_heads(known, shown, sources).await?;
            match found {
                Comparison::Contradicts(_) => return Ok(found),
                // The mirror, which comes first, is the better witness.
                _ if matches!(best, Comparison::Unproven(_)) => best = found,
                _ => {}
            }
        }
        Ok(best)
    }

    /// Compares with a known head from what is held alone, asking nobody.
    pub async fn compare_held(
        &self,
        known: &SignedCheckpoint,
        shown: &SignedCheckpoint,
    ) -> Result<Comparison, AccuseError> {
        self.compare_heads(known, shown, &[]).await
    }

    async fn compare_heads(
        &self,
        known: &SignedCheckpoint,
        shown: &SignedCheckpoint,
        sources: &[Source],
    ) -> Result<Comparison, AccuseError> {
        let (ours, theirs) = (known.head(), shown.head());
        if ours == theirs {
            return Ok(Comparison::Same);
        }
        if theirs.size == TreeSize::ZERO || ours.size == TreeSize::ZERO {
            return Ok(if theirs.size == TreeSize::ZERO {
                Comparison::Consistent
            } else {
                Comparison::Ahead
            });
        }
        let (older, newer) = if theirs.size > ours.size {
            (known, shown)
        } else {
            (shown, known)
        };
        let (real, consistency) = if ours.size == theirs.size {
            (ours, Vec::new())
        } else {
            match self.real_root(older.head().size, newer, sources).await? {
                Ok(found) => (found.head, found.consistency),
                Err(reason) => return Ok(Comparison::Unproven(reason)),
            }
        };
        if older.head().root == real.root && ours.size != theirs.size {
            return Ok(if theirs.size > ours.size {
                Comparison::Ahead
            } else {
                Comparison::Consistent
            });
        }
        let Some(key) = self.key_of(&[older, newer]) else {
            return Ok(Comparison::Unproven(
                "the two heads contradict each other, and no one key signed both, as a file that \
                 proves it would need"
                    .into(),
            ));
        };
        let evidence = Evidence::of_heads(key, older, newer, real.root, consistency)?;
        Ok(Comparison::Contradicts(Box::new(evidence)))
    }

    /// The root of `older` in the tree of `newer`: from the mirror if it holds that tree, else
    /// from the first of `sources` that shows it.
    async fn real_root(
        &self,
        older: TreeSize,
        newer: &SignedCheckpoint,
        sources: &[Source],
    ) -> Result<Result<fetch::RealRoot, String>, AccuseError> {
        let is_held = self
            .mirrored
            .as_ref()
            .is_some_and(|mirrored| mirrored.head() == newer.head());
        if is_held {
            let head = TreeHead {
                size: older,
                root: self.mirror.root(older).await?,
            };
            let consistency = self.mirror.consistency(older, newer.head().size).await?;
            return Ok(Ok(fetch::RealRoot { head, consistency }));
        }
        let mut reasons = Vec::new();
        for source in sources {
            match fetch::real_root(source, older, newer.head()).await {
                Ok(found) => return Ok(Ok(found)),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Ok(Err(reasons.join("; ")))
    }
}
