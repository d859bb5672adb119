//! The few operations on files that the folder of objects is made of.
//!
//! [`Disk`] says what each of them promises when the power goes; [`RealDisk`] is the operating
//! system, and the tests have one that forgets what was not made durable.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a lock is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// The pause between two tries to lock.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// One thing in a directory.
pub(super) struct Item {
    pub(super) path: PathBuf,
    pub(super) is_directory: bool,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// A disk. Neither the bytes of a file nor the entry of a name in its directory survive a power
/// cut before the one, or the other, was synchronised.
pub(super) trait Disk: Send + Sync + 'static {
    /// A file that is open for writing.
    type File;
    /// Held while nobody else has the same lock.
    type Lock;

    /// Makes a file that is not there and writes it whole. Not durable.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<Self::File>;
    /// Opens a file that is there, to synchronise it.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// Makes the bytes of a file durable, not its name.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file a second name; fails with `AlreadyExists` if the name is in use.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Moves a name over another one, at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes the name of a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory; fails with `AlreadyExists` if it is there.
    fn make_directory(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory; fails if it is not empty.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes the entries of a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Reads a file and when it was changed; at most one byte beyond `limit`.
    fn read(&self, path: &Path, limit: u64) -> io::Result<(Vec<u8>, SystemTime)>;
    /// What is in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<Item>>;
    /// Locks a directory against others that lock it; `WouldBlock` if that takes too long.
    fn lock(&self, path: &Path) -> io::Result<Self::Lock>;
}

/// The operating system's.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    type File = File;
    type Lock = File;

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<File> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        Ok(file)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<(Vec<u8>, SystemTime)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = Vec::new();
        // What is written here never changes its length; what others put here is bounded.
        bytes.reserve_exact(usize::try_from(metadata.len().min(limit)).unwrap_or(0));
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok((bytes, metadata.modified()?))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Item>> {
        let mut items = Vec::new();
        for item in std::fs::read_dir(path)? {
            let item = item?;
            let metadata = match item.metadata() {
                Ok(metadata) => metadata,
                // Removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            items.push(Item {
                path: item.path(),
                is_directory: metadata.is_dir(),
                bytes: metadata.len(),
                modified: metadata.modified()?,
            });
        }
        Ok(items)
    }

    fn lock(&self, path: &Path) -> io::Result<File> {
        let directory = File::open(path)?;
        let mut waited = Duration::ZERO;
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(directory),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if waited >= LOCK_WAIT => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(LOCK_PAUSE);
                    waited = waited.saturating_add(LOCK_PAUSE);
                }
            }
        }
    }
}
