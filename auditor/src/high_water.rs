//! The newest head that was cosigned of each log, in a file outside the database: a database that is
//! restored from an old copy does not know what was signed since, and this does.
//!
//! One file a log, written anew before a cosignature leaves: a line that says which file it is, then
//! the note with the own line, or nothing if nothing was signed yet. A file that was copied is another
//! file and says so: whoever restores or moves a whole folder has put back no memory of what was signed
//! after the copy. Out of scope: a disk that is put back to an earlier day as a whole, files and what
//! the system says of them alike; of that only others can tell.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use plainsight_specs::checkpoint::{Origin, SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;

use crate::audit::Memory;

/// The folder of these files in an auditor's folder.
pub const FOLDER: &str = "high-water";
/// How a file's first line begins.
const PREFIX: &[u8] = b"signed last ";
/// A file that is longer than this is none of ours.
const MAX_FILE: u64 = 1 << 20;

/// What the file about a log says.
#[derive(Debug)]
pub enum Mark {
    /// There is none.
    None,
    /// It is one of ours.
    Kept {
        /// What was signed last; `None` if nothing was.
        signed: Option<Box<SignedCheckpoint>>,
        /// Whether the file is a copy of the one that was written.
        copied: bool,
    },
    /// It cannot be read, or is not one of this key's.
    Unreadable,
}

/// What a database that signed up to some head is told by a [`Mark`].
#[derive(Debug)]
pub enum Recalled {
    /// So much is remembered.
    As(Memory),
    /// This was signed, and the database does not know of it.
    Ahead(Box<SignedCheckpoint>),
}

/// Where the files of one key are.
#[derive(Debug, Clone)]
pub struct HighWater {
    dir: PathBuf,
    prefix: &'static str,
}

impl HighWater {
    /// Those of an auditor's key, in its folder.
    pub fn of_auditor(dir: &Path) -> std::io::Result<Self> {
        Self::open(dir, "audited-")
    }

    /// Those of its plain witness's.
    pub fn of_witness(dir: &Path) -> std::io::Result<Self> {
        Self::open(dir, "")
    }

    fn open(dir: &Path, prefix: &'static str) -> std::io::Result<Self> {
        let own = dir.join(FOLDER);
        std::fs::create_dir_all(&own)?;
        File::open(dir)?.sync_all()?;
        Ok(Self { dir: own, prefix })
    }

    fn path(&self, origin: &Origin) -> PathBuf {
        let hash = origin.origin_hash();
        self.dir.join(format!("{}{hash}", self.prefix))
    }

    /// What the file says of a log that signs with `keys`.
    pub fn read(&self, origin: &Origin, keys: &[VerifierKey], own: &VerifierKey) -> Mark {
        let path = self.path(origin);
        let place = match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Mark::None,
            Ok(file) if file.len() <= MAX_FILE => place(&file),
            _ => return Mark::Unreadable,
        };
        let Ok(file) = std::fs::read(&path) else {
            return Mark::Unreadable;
        };
        let Some(rest) = file.strip_prefix(PREFIX) else {
            return Mark::Unreadable;
        };
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return Mark::Unreadable;
        };
        let (named, note) = rest.split_at(end);
        let note = note.strip_prefix(b"\n").unwrap_or(note);
        let copied = named != place.as_bytes();
        if note.is_empty() {
            let signed = None;
            return Mark::Kept { signed, copied };
        }
        let signed = UnverifiedCheckpoint::parse(note)
            .and_then(|note| note.verify_log_of(origin, keys))
            .ok()
            .filter(|signed| {
                let mut lines = signed.other_lines().iter();
                lines.any(|line| Cosignature::verify(line, signed.text(), own).is_ok())
            });
        match signed {
            Some(signed) => Mark::Kept {
                signed: Some(Box::new(signed)),
                copied,
            },
            None => Mark::Unreadable,
        }
    }

    /// Writes what is signed; an empty note for nothing. It is durable when this returns, and there
    /// whole or not at all.
    pub fn write(&self, origin: &Origin, note: &[u8]) -> std::io::Result<()> {
        let path = self.path(origin);
        let fresh = path.with_extension("new");
        // Another file each time: what it is called by the system is written into it.
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::create_new(&fresh)?;
        let place = place(&file.metadata()?);
        file.write_all(&[PREFIX, place.as_bytes(), b"\n", note].concat())?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        File::open(&self.dir)?.sync_all()
    }
}

impl Mark {
    /// Holds it against what a database says was signed last.
    pub fn recall(self, signed: TreeHead) -> Recalled {
        match self {
            Self::Unreadable => Recalled::As(Memory::Unreadable),
            Self::Kept {
                signed: Some(kept), ..
            } if is_behind(signed, kept.head()) => Recalled::Ahead(kept),
            Self::Kept { copied: false, .. } => Recalled::As(Memory::Fits),
            // Nothing was ever signed, as far as anything here knows.
            Self::None | Self::Kept { .. } if signed.size == TreeSize::ZERO => {
                Recalled::As(Memory::Fits)
            }
            Self::None | Self::Kept { .. } => Recalled::As(Memory::Missing),
        }
    }
}

/// Whether a database that signed `signed` last does not know of `head`.
fn is_behind(signed: TreeHead, head: TreeHead) -> bool {
    head.size > signed.size || (head.size == signed.size && head.root != signed.root)
}

/// Which file it is: no copy has both its number and the moment of its making.
fn place(file: &Metadata) -> String {
    let made = file.created().ok();
    let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| made.as_nanos());
    format!("{} {made}", number(file))
}

#[cfg(unix)]
fn number(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}
