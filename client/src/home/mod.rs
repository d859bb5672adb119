//! The folder in which a person's side is kept: configuration, what is remembered of each log,
//! pins, one's own keys and their secrets. One process at a time, files for their owner only,
//! each replaced whole or not at all.

pub mod address_book;
pub mod config;
pub mod feeds;
pub mod file;
pub mod heads;
pub mod memory;
pub mod own_keys;
pub mod pins;
pub mod policies;
pub mod refused;
pub mod streams;
pub mod watched;
pub mod watches;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plainsight_specs::Blame;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::hash::sha256;
use plainsight_specs::label::Label;

/// How long to wait for another process that uses the same home.
const PATIENCE: Duration = Duration::from_mins(1);

/// A home, locked for this process until dropped. The lock goes with the process, however it ends.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
    _lock: File,
}

/// Why the home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither given nor to be found.
    #[error("no home folder: neither --home, XDG_DATA_HOME nor HOME is set")]
    NoPlace,
    /// Reading or writing.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A file that this program did not leave like that.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Longer than anything that belongs there.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// The bound.
        limit: usize,
    },
    /// A file with secrets that others than its owner can use.
    #[error(
        "{} can be used by others than its owner: chmod 600, and if others were on this machine, \
         take what is in it for known to them",
        path.display()
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// Another process uses it.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// Which folder.
        path: PathBuf,
    },
    /// What is to be stored is older than what is there.
    #[error("a head of size {given} would replace one of size {kept}")]
    OlderHead {
        /// In the file.
        kept: u64,
        /// To be stored.
        given: u64,
    },
}

impl HomeError {
    /// Who is to blame: this machine.
    pub fn blame(&self) -> Blame {
        Blame::Misuse
    }

    pub(crate) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Damaged {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}

/// `$XDG_DATA_HOME/plainsight`, or `~/.local/share/plainsight`.
pub fn default_dir(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, HomeError> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|base| base.join("plainsight"))
        .ok_or(HomeError::NoPlace)
}

impl Home {
    /// Opens a home, which is made if it is not there, and waits for its lock.
    pub fn open(dir: &Path) -> Result<Self, HomeError> {
        Self::open_within(dir, PATIENCE)
    }

    fn open_within(dir: &Path, patience: Duration) -> Result<Self, HomeError> {
        file::create_dir(dir)?;
        let path = dir.join("lock");
        let lock = file::open_private(&path)?;
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        dir: dir.into(),
                        _lock: lock,
                    });
                }
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(HomeError::InUse { path: dir.into() });
                }
                Err(TryLockError::Error(source)) => return Err(HomeError::Io { path, source }),
            }
        }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of one log.
    pub fn log_dir(&self, origin: &Origin) -> PathBuf {
        self.dir.join("logs").join(origin.origin_hash())
    }
}

/// The name of a label's file: no label is ever in a file name.
fn label_file(label: &Label) -> String {
    format!("{}.json", sha256(label.as_bytes()).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_xdg_then_home() {
        let with = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| PathBuf::from(value))
        };
        let dir = default_dir(with("XDG_DATA_HOME", "/data")).unwrap();
        assert_eq!(dir, Path::new("/data/plainsight"));
        let dir = default_dir(with("HOME", "/home/a")).unwrap();
        assert_eq!(dir, Path::new("/home/a/.local/share/plainsight"));
        assert!(matches!(
            default_dir(with("HOME", "a")),
            Err(HomeError::NoPlace)
        ));
    }

    #[test]
    fn a_second_process_waits_and_then_gives_up() {
        let dir = tempfile::tempdir().unwrap();
        let first = Home::open(dir.path()).unwrap();
        let refused = Home::open_within(dir.path(), Duration::from_millis(60));
        assert!(matches!(refused, Err(HomeError::InUse { .. })));
        drop(first);
        Home::open_within(dir.path(), Duration::ZERO).unwrap();
    }
}
