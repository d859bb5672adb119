//! Objects in a folder.
//!
//! Each object is written under a temporary name first and made durable; then it gets its final
//! name, which is never taken from another file; at the end of a batch each directory that was
//! touched is made durable, once. So a final name never holds half an object, and when a batch is
//! done all of it is durable. Nothing here is asynchronous: callers use a thread that may block.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use plainsight_specs::note::MAX_NOTE_BYTES;
use plainsight_specs::tile::{MAX_BUNDLE_BYTES, TilePath};

use super::disk::{Disk, Item};
use super::error::file_error;
use super::rules::{CHECKPOINT, Fate, Note, fate, may_replace};
use super::{Found, Listed, ObjectError, Written};

/// Directories whose own names are known to be durable, remembered.
const KNOWN_DIRECTORIES: usize = 4_096;

/// The folder of one log.
pub(super) struct Folder<D> {
    disk: D,
    root: PathBuf,
    /// Begins the temporary names of this process.
    nonce: String,
    next: AtomicU64,
    /// The disk did not confirm a write: nothing is written any more.
    stopped: AtomicBool,
    /// Directories that are durable up to the root.
    known: Mutex<HashSet<PathBuf>>,
}

/// Objects that become durable together.
pub(super) struct Batch {
    objects: Vec<(TilePath, Bytes)>,
    /// Their files.
    places: Vec<PathBuf>,
    published: u64,
    /// What must be made durable at the end.
    directories: BTreeSet<PathBuf>,
    /// The next object to write.
    next: AtomicUsize,
    /// The next directory to make durable.
    next_directory: AtomicUsize,
}

impl Batch {
    /// How many objects there are.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// How many directories are to be made durable.
    pub(super) fn directories(&self) -> usize {
        self.directories.len()
    }
}

impl<D: Disk> Folder<D> {
    /// The folder at `root`, which must exist.
    pub(super) fn new(disk: D, root: &Path, nonce: u64) -> Self {
        Self {
            disk,
            root: root.to_owned(),
            nonce: format!("{nonce:016x}"),
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            known: Mutex::new(HashSet::new()),
        }
    }

    /// Begins a batch: makes the directories that it needs. What is there must be equal, unless it
    /// is torn and above `published`.
    pub(super) fn begin(
        &self,
        objects: Vec<(TilePath, Bytes)>,
        published: u64,
    ) -> Result<Batch, ObjectError> {
        self.guard()?;
        let place = |(path, _): &(TilePath, Bytes)| self.root.join(path.to_string());
        let mut batch = Batch {
            places: objects.iter().map(place).collect(),
            objects,
            published,
            directories: BTreeSet::new(),
            next: AtomicUsize::new(0),
            next_directory: AtomicUsize::new(0),
        };
        for place in &batch.places {
            let parent = place.parent().unwrap_or(&self.root);
            let made = self.make_directories(parent, &mut batch.directories);
            self.forget_if_failed(made)?;
            batch.directories.insert(parent.to_owned());
        }
        Ok(batch)
    }

    /// Writes objects of a batch until none is left; several threads may do it at once, since each
    /// waits for the disk, which confirms what waits together.
    pub(super) fn work(&self, batch: &Batch) -> Result<Written, ObjectError> {
        let mut written = Written::default();
        loop {
            let number = batch.next.fetch_add(1, Ordering::Relaxed);
            let (Some(place), Some((path, bytes))) =
                (batch.places.get(number), batch.objects.get(number))
            else {
                return Ok(written);
            };
            let one = self.put_one(place, path, bytes, batch.published);
            if one.is_err() {
                // The others end too.
                batch.next.store(batch.objects.len(), Ordering::Relaxed);
            }
            written = written + self.forget_if_failed(one)?;
        }
    }

    /// Ends a batch whose objects are all written, when every thread that does it is through:
    /// makes directories durable until none is left.
    pub(super) fn finish(&self, batch: &Batch) -> Result<(), ObjectError> {
        loop {
            let number = batch.next_directory.fetch_add(1, Ordering::Relaxed);
            let Some(directory) = batch.directories.iter().nth(number) else {
                return Ok(());
            };
            self.sync_directory(directory)?;
        }
    }

    /// After a failure a directory may have been removed by others: all are looked at again.
    fn forget_if_failed<T>(&self, result: Result<T, ObjectError>) -> Result<T, ObjectError> {
        result.inspect_err(|_| self.forget())
    }

    /// One object, whole and durable, under a name that is not durable yet.
    fn put_one(
        &self,
        place: &Path,
        path: &TilePath,
        bytes: &Bytes,
        published: u64,
    ) -> Result<Written, ObjectError> {
        if let Fate::There = self.fate(place, path, bytes, published)? {
            return self.keep(place);
        }
        let temporary = self.write_temporary(place, bytes)?;
        let named = self.name(&temporary, place, path, bytes, published);
        // A file that took a torn one's name is gone from here.
        let _ = self.disk.remove(&temporary);
        named
    }

    /// Gives a durable file its final name.
    fn name(
        &self,
        temporary: &Path,
        place: &Path,
        path: &TilePath,
        bytes: &Bytes,
        published: u64,
    ) -> Result<Written, ObjectError> {
        match self.disk.link(temporary, place) {
            Ok(()) => Ok(Written::NEW),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match self.fate(place, path, bytes, published)? {
                    // Another writer was faster.
                    Fate::There => self.keep(place),
                    Fate::Torn => {
                        let path = place.display();
                        tracing::warn!(%path, "a file that was cut short is written again");
                        let renamed = self.disk.rename(temporary, place);
                        renamed.map_err(file_error(place))?;
                        Ok(Written::REPLACED)
                    }
                    Fate::New => Err(ObjectError::Unsteady {
                        path: path.to_string(),
                    }),
                }
            }
            Err(error) => Err(file_error(place)(error)),
        }
    }

    /// An object that is there: an earlier run, or another program, may have ended before it was
    /// durable.
    fn keep(&self, place: &Path) -> Result<Written, ObjectError> {
        let file = self.disk.open(place).map_err(file_error(place))?;
        self.confirm(place, self.disk.sync(&file))?;
        Ok(Written::THERE)
    }

    /// What a final name holds and what is to be done about it.
    fn fate(
        &self,
        place: &Path,
        path: &TilePath,
        bytes: &[u8],
        published: u64,
    ) -> Result<Fate, ObjectError> {
        match self.disk.read(place, bytes.len() as u64) {
            Ok((found, _)) => fate(path, Some(&found), bytes, published),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fate(path, None, bytes, published)
            }
            Err(error) => Err(file_error(place)(error)),
        }
    }

    /// A durable file under a temporary name beside its final one: in a directory for all of them
    /// they would wait for each other. No final name has a `#`.
    fn write_temporary(&self, place: &Path, bytes: &[u8]) -> Result<PathBuf, ObjectError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut temporary = place.as_os_str().to_owned();
        temporary.push(format!("#{}-{number}", self.nonce));
        let temporary = PathBuf::from(temporary);
        let written = match self.disk.write_new(&temporary, bytes) {
            Ok(file) => self.confirm(&temporary, self.disk.sync(&file)),
            Err(error) => Err(file_error(&temporary)(error)),
        };
        if written.is_err() {
            let _ = self.disk.remove(&temporary);
        }
        written.map(|()| temporary)
    }

    /// Makes a directory and those above it; adds what must be made durable so that its name is.
    fn make_directories(
        &self,
        directory: &Path,
        touched: &mut BTreeSet<PathBuf>,
    ) -> Result<(), ObjectError> {
        if directory == self.root || self.known().contains(directory) {
            return Ok(());
        }
        let Some(parent) = directory.parent() else {
            return Ok(());
        };
        self.make_directories(parent, touched)?;
        match self.disk.make_directory(directory) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(file_error(directory)(error)),
        }
        touched.insert(parent.to_owned());
        Ok(())
    }

    /// Reads an object.
    pub(super) fn get(&self, path: &TilePath) -> Result<Option<Found>, ObjectError> {
        let place = self.root.join(path.to_string());
        match self.disk.read(&place, MAX_BUNDLE_BYTES as u64) {
            Ok((bytes, _)) if bytes.len() > MAX_BUNDLE_BYTES => Err(ObjectError::TooLong {
                path: path.to_string(),
            }),
            Ok((bytes, modified)) => Ok(Some(Found {
                bytes: bytes.into(),
                modified,
            })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(file_error(&place)(error)),
        }
    }

    /// The published checkpoint, if there is one.
    pub(super) fn checkpoint(&self) -> Result<Option<Note>, ObjectError> {
        let place = self.root.join(CHECKPOINT);
        match self.disk.read(&place, MAX_NOTE_BYTES as u64) {
            Ok((bytes, _)) => Note::parse(bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error(&place)(error)),
        }
    }

    /// Replaces the published checkpoint, under a lock that every writer of this folder takes.
    pub(super) fn publish(&self, new: &Note) -> Result<(), ObjectError> {
        self.guard()?;
        let place = self.root.join(CHECKPOINT);
        let locked = self.disk.lock(&self.root);
        let _lock = locked.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => ObjectError::Locked {
                path: self.root.clone(),
            },
            _ => file_error(&self.root)(error),
        })?;
        if let Some(old) = self.checkpoint()? {
            may_replace(&old, new)?;
            if old.bytes() == new.bytes() {
                // An earlier try may have ended before it was durable.
                let file = self.disk.open(&place).map_err(file_error(&place))?;
                self.confirm(&place, self.disk.sync(&file))?;
                return self.sync_directory(&self.root);
            }
        }
        let temporary = self.write_temporary(&place, new.bytes())?;
        let renamed = self.disk.rename(&temporary, &place);
        if let Err(error) = renamed {
            let _ = self.disk.remove(&temporary);
            return Err(file_error(&place)(error));
        }
        self.sync_directory(&self.root)
    }

    /// Calls `each` for every file, in no order, until it says to stop.
    pub(super) fn list(
        &self,
        mut each: impl FnMut(Result<Listed, ObjectError>) -> bool,
    ) -> Result<(), ObjectError> {
        let mut directories = vec![self.root.clone()];
        while let Some(directory) = directories.pop() {
            let items = match self.disk.list(&directory) {
                Ok(items) => items,
                // Removed since its name was read.
                Err(error) if is_absent(&error) && directory != self.root => continue,
                Err(error) => return Err(file_error(&directory)(error)),
            };
            for item in items {
                if item.is_directory {
                    directories.push(item.path);
                } else if !each(Ok(self.listed(&item))) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn listed(&self, item: &Item) -> Listed {
        let name = item.path.strip_prefix(&self.root).unwrap_or(&item.path);
        Listed {
            name: name.to_string_lossy().into_owned(),
            bytes: item.bytes,
            modified: item.modified,
        }
    }

    /// Removes a file by its name in the folder, and its directory if it was the last one there.
    pub(super) fn remove(&self, name: &str) -> Result<(), ObjectError> {
        self.guard()?;
        let place = self.root.join(name);
        match self.disk.remove(&place) {
            Err(error) if !is_absent(&error) => return Err(file_error(&place)(error)),
            _ => {}
        }
        if let Some(parent) = place.parent().filter(|parent| *parent != self.root)
            && self.disk.remove_directory(parent).is_ok()
        {
            self.forget();
        }
        Ok(())
    }

    /// Shows that names are not taken from other files here, and that the disk confirms.
    pub(super) fn probe(&self) -> Result<bool, ObjectError> {
        self.guard()?;
        let place = self.root.join("probe");
        let one = self.write_temporary(&place, b"one")?;
        let other = self.write_temporary(&place, b"two")?;
        let linked = self.disk.link(&one, &other);
        for file in [&one, &other] {
            self.disk.remove(file).map_err(file_error(file))?;
        }
        self.sync_directory(&self.root)?;
        match linked {
            Ok(()) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
            Err(error) => Err(file_error(&other)(error)),
        }
    }

    fn guard(&self) -> Result<(), ObjectError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(ObjectError::Stopped);
        }
        Ok(())
    }

    /// A disk that does not confirm is never asked again: it would answer from memory.
    fn confirm(&self, path: &Path, synced: io::Result<()>) -> Result<(), ObjectError> {
        synced.map_err(|source| {
            self.stopped.store(true, Ordering::Release);
            ObjectError::Unconfirmed {
                path: path.to_owned(),
                source,
            }
        })
    }

    fn sync_directory(&self, path: &Path) -> Result<(), ObjectError> {
        self.guard()?;
        self.confirm(path, self.disk.sync_directory(path))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // A set of names has no half-done state that a panic could leave.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self) {
        self.known().clear();
    }

    /// Remembers the directories of a batch that was finished.
    pub(super) fn remember(&self, batch: &Batch) {
        let mut known = self.known();
        if known.len() > KNOWN_DIRECTORIES {
            known.clear();
        }
        for place in &batch.places {
            let above = place.ancestors().skip(1);
            for directory in above.take_while(|directory| *directory != self.root) {
                if !known.insert(directory.to_owned()) {
                    break;
                }
            }
        }
    }
}

/// A name that is not there, or whose directory is something else.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
impl<D> Folder<D> {
    pub(super) fn into_disk(self) -> D {
        self.disk
    }
}
