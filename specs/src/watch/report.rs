//! What an auditor says about a watch, signed.

use std::fmt::Write as _;

use crate::checkpoint::Origin;
use crate::hash::Hash;
use crate::index::IndexKey;
use crate::merkle::{LeafIndex, TreeHead};
use crate::note::{NoteError, Signer, UnverifiedNote, VerifierKey};
use crate::time::Timestamp;

use super::text::{Lines, position};
use super::{WatchError, WatchedIndexes};

const TITLE: &str = "plainsight/watch/v1";

/// A report on a watch, at one head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The log.
    pub origin: Origin,
    /// The head up to which the auditor has looked.
    pub head: TreeHead,
    /// The watch.
    pub id: Hash,
    /// When it was signed.
    pub time: Timestamp,
    /// The indexes that were inserted, ascending; none is `absent`.
    pub hits: Vec<Hit>,
}

/// An index that was inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub index: IndexKey,
    /// By the entry at this position.
    pub position: LeafIndex,
    /// Whether it was announced, with that entry's commitment.
    pub announced: bool,
}

impl Report {
    /// From the text of a note.
    pub fn parse_text(text: &str) -> Result<Self, WatchError> {
        let mut lines = Lines::of(text, TITLE)?;
        let mut report = Self {
            origin: lines.origin()?,
            head: lines.head()?,
            id: Hash::from_hex(lines.next()?)?,
            time: lines.time()?,
            hits: Vec::new(),
        };
        loop {
            match lines.next()? {
                "absent" if report.hits.is_empty() && lines.is_empty() => return Ok(report),
                line => report.hits.push(hit(line)?),
            }
            if lines.is_empty() {
                break;
            }
        }
        // SPEC(WATCH-6)
        let ascends = report.hits.is_sorted_by(|one, next| one.index < next.index);
        let size = report.head.size.get();
        if !ascends || report.hits.iter().any(|hit| hit.position.get() >= size) {
            return Err(WatchError::Text(
                "its hits do not ascend or lie beyond its size",
            ));
        }
        Ok(report)
    }

    /// The text; [`Self::parse_text`] gives the same report back.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{TITLE}\n{}\n{}\n{}\n{}\n{}\n",
            self.origin,
            self.head.size,
            self.head.root.to_base64(),
            self.id.to_hex(),
            self.time.seconds()
        );
        if self.hits.is_empty() {
            text.push_str("absent\n");
        }
        for hit in &self.hits {
            let announced = if hit.announced {
                "announced"
            } else {
                "unannounced"
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "hit {} {} {announced}", hit.index, hit.position);
        }
        text
    }

    /// The note.
    pub fn sign(&self, signer: &Signer) -> Result<Vec<u8>, NoteError> {
        let text = self.text();
        let line = signer.sign(&text)?;
        Ok(UnverifiedNote::new(&text, vec![line])?.to_bytes())
    }

    /// From a note that the watch key signed, about this watch and no other.
    pub fn verify(
        note: &[u8],
        key: &VerifierKey,
        origin: &Origin,
        id: &Hash,
        indexes: &WatchedIndexes,
    ) -> Result<Self, WatchError> {
        // SPEC(WATCH-8)
        let note = UnverifiedNote::parse(note)?;
        note.verify(std::slice::from_ref(key))?;
        let report = Self::parse_text(note.text())?;
        if report.origin != *origin {
            return Err(WatchError::Other("log"));
        }
        if report.id != *id {
            return Err(WatchError::Other("watch"));
        }
        if !report.hits.iter().all(|hit| indexes.contains(&hit.index)) {
            return Err(WatchError::NotWatched);
        }
        Ok(report)
    }

    /// Refuses a report that covers less than `seen` did.
    pub fn refuse_back(&self, seen: &TreeHead) -> Result<(), WatchError> {
        if self.head.size < seen.size {
            return Err(WatchError::Back {
                seen: seen.size.get(),
                shown: self.head.size.get(),
            });
        }
        if self.head.size == seen.size && self.head.root != seen.root {
            return Err(WatchError::Other("head of the same size"));
        }
        Ok(())
    }

    /// Whether this report says that nothing was inserted at `index` though it covers `position`: then
    /// it contradicts whoever shows that the index was inserted there.
    pub fn denies(&self, index: &IndexKey, position: LeafIndex) -> bool {
        position.get() < self.head.size.get() && self.hits.iter().all(|hit| hit.index != *index)
    }
}

fn hit(line: &str) -> Result<Hit, WatchError> {
    let mut words = line.split(' ');
    let mut word = || words.next().ok_or(WatchError::Text("a hit ends early"));
    if word()? != "hit" {
        return Err(WatchError::Text("a line is neither `absent` nor a hit"));
    }
    let hit = Hit {
        index: IndexKey::from_hex(word()?)?,
        position: position(word()?)?,
        announced: match word()? {
            "announced" => true,
            "unannounced" => false,
            _ => {
                return Err(WatchError::Text(
                    "a hit is neither announced nor unannounced",
                ));
            }
        },
    };
    if words.next().is_some() {
        return Err(WatchError::Text("a hit has too many words"));
    }
    Ok(hit)
}
