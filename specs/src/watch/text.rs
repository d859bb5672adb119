//! The lines that the texts of both notes have in common.

use crate::checkpoint::Origin;
use crate::codec;
use crate::hash::Hash;
use crate::merkle::{LeafIndex, TreeHead, TreeSize};
use crate::time::Timestamp;

use super::WatchError;

/// Takes the lines of a text one by one.
pub(super) struct Lines<'t> {
    rest: &'t str,
}

impl<'t> Lines<'t> {
    /// A text whose first line is `title`.
    pub(super) fn of(text: &'t str, title: &str) -> Result<Self, WatchError> {
        let mut lines = Self { rest: text };
        if lines.next()? != title {
            return Err(WatchError::Text("it has another title"));
        }
        Ok(lines)
    }

    pub(super) fn next(&mut self) -> Result<&'t str, WatchError> {
        let (line, rest) = self
            .rest
            .split_once('\n')
            .ok_or(WatchError::Text("it ends early"))?;
        self.rest = rest;
        Ok(line)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn origin(&mut self) -> Result<Origin, WatchError> {
        Origin::parse(self.next()?).map_err(|_| WatchError::Origin)
    }

    pub(super) fn head(&mut self) -> Result<TreeHead, WatchError> {
        Ok(TreeHead {
            size: size(self.next()?)?,
            root: Hash::from_base64(self.next()?)?,
        })
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, WatchError> {
        let seconds = codec::decimal(self.next()?)?;
        Timestamp::from_seconds(seconds).ok_or(WatchError::Text("its time is out of range"))
    }
}

pub(super) fn size(text: &str) -> Result<TreeSize, WatchError> {
    TreeSize::new(codec::decimal(text)?).ok_or(WatchError::Text("a size is out of range"))
}

pub(super) fn position(text: &str) -> Result<LeafIndex, WatchError> {
    LeafIndex::new(codec::decimal(text)?).ok_or(WatchError::Text("a position is out of range"))
}
