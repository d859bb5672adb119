//! The feed of inserted indexes by their first bits.

use std::fmt::Write as _;

use crate::checkpoint::Origin;
use crate::index::IndexKey;
use crate::merkle::{LeafIndex, TreeHead, TreeSize};
use crate::note::{NoteError, Signer, UnverifiedNote, VerifierKey};
use crate::time::Timestamp;

use super::WatchError;
use super::text::{Lines, position, size};

const TITLE: &str = "plainsight/inserted/v1";
/// Indexes in one answer.
pub const MAX_INSERTIONS: usize = 4096;

/// The first 4, 8, 12 or 16 bits of private indexes, in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(String);

impl Bucket {
    /// From 1 to 4 hex digits of the private namespace.
    pub fn parse(text: &str) -> Result<Self, WatchError> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let private = text.bytes().next().is_some_and(|byte| byte < b'8');
        if !(1..=4).contains(&text.len()) || !text.bytes().all(digit) || !private {
            return Err(WatchError::Text(
                "a bucket is not 1 to 4 hex digits, the first below 8",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The bucket of `digits` hex digits, 1 to 4, that an index is in.
    pub fn of(index: &IndexKey, digits: usize) -> Result<Self, WatchError> {
        let text: String = index.to_hex().chars().take(digits).collect();
        Self::parse(&text)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an index is in it.
    pub fn contains(&self, index: &IndexKey) -> bool {
        index.to_hex().starts_with(&self.0)
    }
}

/// An index that an entry inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insertion {
    /// The index.
    pub index: IndexKey,
    /// The entry's position.
    pub position: LeafIndex,
}

/// What was inserted in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted {
    /// The log.
    pub origin: Origin,
    /// The head at which it is said.
    pub head: TreeHead,
    /// The bucket.
    pub bucket: Bucket,
    /// The first position that is covered.
    pub since: TreeSize,
    /// The first that is not.
    pub through: TreeSize,
    /// When it was signed.
    pub time: Timestamp,
    /// In the order of positions.
    pub insertions: Vec<Insertion>,
}

impl Inserted {
    /// From the text of a note.
    pub fn parse_text(text: &str) -> Result<Self, WatchError> {
        let mut lines = Lines::of(text, TITLE)?;
        let mut parsed = Self {
            origin: lines.origin()?,
            head: lines.head()?,
            bucket: Bucket::parse(lines.next()?)?,
            since: size(lines.next()?)?,
            through: size(lines.next()?)?,
            time: lines.time()?,
            insertions: Vec::new(),
        };
        while !lines.is_empty() {
            if parsed.insertions.len() == MAX_INSERTIONS {
                return Err(WatchError::Text("it has too many lines"));
            }
            let (index, at) = lines
                .next()?
                .split_once(' ')
                .ok_or(WatchError::Text("a line is not an index and a position"))?;
            parsed.insertions.push(Insertion {
                index: IndexKey::from_hex(index)?,
                position: position(at)?,
            });
        }
        // SPEC(WATCH-15)
        let ordered = parsed
            .insertions
            .is_sorted_by(|one, next| one.position < next.position);
        let covered = parsed.since.get()..parsed.through.get();
        let fits = |insertion: &Insertion| {
            parsed.bucket.contains(&insertion.index) && covered.contains(&insertion.position.get())
        };
        if parsed.since > parsed.through
            || parsed.through > parsed.head.size
            || !ordered
            || !parsed.insertions.iter().all(fits)
        {
            return Err(WatchError::Text(
                "its lines are not those of its bucket and range",
            ));
        }
        Ok(parsed)
    }

    /// The text; [`Self::parse_text`] gives the same back.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{TITLE}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            self.origin,
            self.head.size,
            self.head.root.to_base64(),
            self.bucket.0,
            self.since,
            self.through,
            self.time.seconds()
        );
        for insertion in &self.insertions {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {}", insertion.index, insertion.position);
        }
        text
    }

    /// The note.
    pub fn sign(&self, signer: &Signer) -> Result<Vec<u8>, NoteError> {
        let text = self.text();
        let line = signer.sign(&text)?;
        Ok(UnverifiedNote::new(&text, vec![line])?.to_bytes())
    }

    /// From a note that the watch key signed, about what was asked for.
    pub fn verify(
        note: &[u8],
        key: &VerifierKey,
        origin: &Origin,
        bucket: &Bucket,
        since: TreeSize,
    ) -> Result<Self, WatchError> {
        // SPEC(WATCH-16)
        let note = UnverifiedNote::parse(note)?;
        note.verify(std::slice::from_ref(key))?;
        let parsed = Self::parse_text(note.text())?;
        if parsed.origin != *origin {
            return Err(WatchError::Other("log"));
        }
        if parsed.bucket != *bucket || parsed.since != since {
            return Err(WatchError::Other("bucket or range"));
        }
        Ok(parsed)
    }
}
