//! The newest head that the plain witness cosigned of each log, in a file outside the database: a
//! database that is restored from an old copy does not know what was signed since, and this does.
//!
//! One file a log, the note with the witness's own line, written anew before the signature leaves.
//! Out of scope: a whole folder that is restored, files and database alike; of that only the log,
//! where it has an address, can tell.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use plainsight_specs::checkpoint::{Origin, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::note::VerifierKey;

use super::PlainLog;

/// The folder of these files in an auditor's folder.
const FOLDER: &str = "high-water";
/// A file that is longer than this is none of ours.
const MAX_FILE: u64 = 1 << 20;

/// What the file about a log says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing was ever signed, as far as it knows.
    None,
    /// This head was signed.
    Head(TreeHead),
    /// It cannot be read, or is not one of this witness's.
    Unreadable,
}

/// Where the files are.
#[derive(Debug, Clone)]
pub struct HighWater {
    dir: PathBuf,
}

impl HighWater {
    /// In an auditor's folder.
    pub fn open(dir: &Path) -> std::io::Result<Self> {
        let dir = dir.join(FOLDER);
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    fn path(&self, origin: &Origin) -> PathBuf {
        self.dir.join(origin.origin_hash())
    }

    pub(super) fn read(&self, log: &PlainLog, own: &VerifierKey) -> Mark {
        let path = self.path(&log.origin);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Mark::None,
            Ok(file) if file.len() <= MAX_FILE => {}
            _ => return Mark::Unreadable,
        }
        let signed = std::fs::read(&path).ok().and_then(|note| {
            let note = UnverifiedCheckpoint::parse(&note).ok()?;
            note.verify_log_of(&log.origin, &log.keys).ok()
        });
        let Some(signed) = signed else {
            return Mark::Unreadable;
        };
        let mut lines = signed.other_lines().iter();
        if lines.any(|line| Cosignature::verify(line, signed.text(), own).is_ok()) {
            Mark::Head(signed.head())
        } else {
            Mark::Unreadable
        }
    }

    /// Writes what is signed. It is durable when this returns, and there whole or not at all.
    pub(super) fn write(&self, origin: &Origin, note: &[u8]) -> std::io::Result<()> {
        let path = self.path(origin);
        let fresh = path.with_extension("new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(note)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        std::fs::File::open(&self.dir)?.sync_all()
    }
}
