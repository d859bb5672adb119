//! Checkpoints that a log signed and that were refused all the same: to be handed to an auditor.

use std::path::PathBuf;

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::hash::{Hash, sha256};

use super::{Home, HomeError, file};

/// How many are kept of one log; a log that signs more has shown what it is.
const MAX_KEPT: usize = 64;

impl Home {
    /// Keeps a refused checkpoint; `None` if there are too many already.
    pub fn keep_refused(
        &self,
        origin: &Origin,
        checkpoint: &[u8],
    ) -> Result<Option<PathBuf>, HomeError> {
        let dir = self.log_dir(origin).join("refused");
        file::create_dir(&dir)?;
        let path = dir.join(format!("{}.checkpoint", sha256(checkpoint).to_hex()));
        let kept = std::fs::read_dir(&dir)
            .map_err(|source| HomeError::Io {
                path: dir.clone(),
                source,
            })?
            .count();
        if kept >= MAX_KEPT && !path.exists() {
            return Ok(None);
        }
        file::replace(&path, checkpoint)?;
        Ok(Some(path))
    }

    /// Keeps an evidence file that was checked, under its address.
    pub fn keep_evidence(&self, id: &Hash, bytes: &[u8]) -> Result<PathBuf, HomeError> {
        let path = self
            .dir()
            .join("evidence")
            .join(format!("{}.json", id.to_hex()));
        file::replace(&path, bytes)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_heads_are_kept_once_each_and_not_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let origin = Origin::parse("log.example").unwrap();
        for n in 0..MAX_KEPT {
            let kept = home
                .keep_refused(&origin, n.to_string().as_bytes())
                .unwrap();
            assert_eq!(
                std::fs::read(kept.unwrap()).unwrap(),
                n.to_string().as_bytes()
            );
        }
        assert_eq!(home.keep_refused(&origin, b"one more").unwrap(), None);
        assert!(
            home.keep_refused(&origin, b"0").unwrap().is_some(),
            "it is there already"
        );
    }
}
