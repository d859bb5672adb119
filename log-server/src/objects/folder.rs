//! Objects in a folder.
//!
//! A batch is written under temporary names first, each file made durable; then every file gets
//! its final name, which is never taken from another file; then each directory that was touched
//! is made durable, once. So a final name never holds half an object, and when a batch is done
//! all of it is durable. Nothing here is asynchronous: callers use a thread that may block.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use plainsight_specs::note::MAX_NOTE_BYTES;
use plainsight_specs::tile::{MAX_BUNDLE_BYTES, TilePath};

use super::disk::{Disk, Item};
use super::error::file_error;
use super::rules::{CHECKPOINT, Fate, Note, fate, may_replace};
use super::{Found, Listed, ObjectError, Written};

/// The directory of files that have no final name yet. No final name has a `#`.
const TEMPORARY: &str = "#tmp";
/// Directories whose own names are known to be durable, remembered.
const KNOWN_DIRECTORIES: usize = 4_096;

/// The folder of one log.
pub(super) struct Folder<D> {
    disk: D,
    root: PathBuf,
    /// Threads that write the files of a batch.
    threads: usize,
    /// Begins the temporary names of this process.
    nonce: String,
    next: AtomicU64,
    /// The disk did not confirm a write: nothing is written any more.
    stopped: AtomicBool,
    /// Directories that are durable up to the root.
    known: Mutex<HashSet<PathBuf>>,
}

/// What stands ready for a final name.
struct Ready {
    place: PathBuf,
    kind: Kind,
}

enum Kind {
    /// A durable file under a temporary name, and whether it takes the name of a torn one.
    File { temporary: PathBuf, fate: Fate },
    /// The object is there already, and its bytes were made durable.
    There,
}

impl<D: Disk> Folder<D> {
    /// The folder at `root`, which must exist.
    pub(super) fn new(disk: D, root: &Path, nonce: u64, threads: usize) -> Self {
        Self {
            disk,
            root: root.to_owned(),
            threads: threads.max(1),
            nonce: format!("{nonce:016x}"),
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            known: Mutex::new(HashSet::new()),
        }
    }

    /// Writes objects that are durable when this returns. What is there must be equal, unless it
    /// is torn and above `published`.
    pub(super) fn put(
        &self,
        objects: &[(TilePath, Bytes)],
        published: u64,
    ) -> Result<Written, ObjectError> {
        self.guard()?;
        let put = self.put_batch(objects, published);
        if put.is_err() {
            // A directory may have been removed by others: look at all of them again.
            self.forget();
        }
        put
    }

    fn put_batch(
        &self,
        objects: &[(TilePath, Bytes)],
        published: u64,
    ) -> Result<Written, ObjectError> {
        self.make_temporary()?;
        let (ready, failed) = self.prepare_all(objects, published);
        let named = match failed {
            None => self.name_all(&ready, objects, published),
            Some(error) => Err(error),
        };
        for ready in &ready {
            if let Kind::File { temporary, .. } = &ready.kind {
                // A file that took a torn one's name is gone from here.
                let _ = self.disk.remove(temporary);
            }
        }
        let (written, directories) = named?;
        for directory in &directories {
            self.sync_directory(directory)?;
        }
        self.remember(&ready);
        Ok(written)
    }

    /// Every object as a durable file that has no final name yet, on several threads.
    fn prepare_all(
        &self,
        objects: &[(TilePath, Bytes)],
        published: u64,
    ) -> (Vec<Ready>, Option<ObjectError>) {
        let part = objects.len().div_ceil(self.threads).max(1);
        let prepare = |part: &[(TilePath, Bytes)]| {
            let mut ready = Vec::with_capacity(part.len());
            for (path, bytes) in part {
                match self.prepare(path, bytes, published) {
                    Ok(one) => ready.push(one),
                    Err(error) => return (ready, Some(error)),
                }
            }
            (ready, None)
        };
        if objects.len() <= part {
            return prepare(objects);
        }
        let parts = std::thread::scope(|scope| {
            let running: Vec<_> = objects
                .chunks(part)
                .map(|part| scope.spawn(move || prepare(part)))
                .collect();
            running
                .into_iter()
                .map(|thread| {
                    let failed = |_| (Vec::new(), Some(ObjectError::Cancelled));
                    thread.join().unwrap_or_else(failed)
                })
                .collect::<Vec<_>>()
        });
        let (mut all, mut first) = (Vec::with_capacity(objects.len()), None);
        for (ready, failed) in parts {
            all.extend(ready);
            first = first.or(failed);
        }
        (all, first)
    }

    fn prepare(
        &self,
        path: &TilePath,
        bytes: &Bytes,
        published: u64,
    ) -> Result<Ready, ObjectError> {
        let place = self.root.join(path.to_string());
        let fate = self.fate(&place, path, bytes, published)?;
        let kind = if fate == Fate::There {
            // An earlier run, or another program, may have ended before it was durable.
            let file = self.disk.open(&place).map_err(file_error(&place))?;
            self.confirm(&place, self.disk.sync(&file))?;
            Kind::There
        } else {
            let temporary = self.write_temporary(bytes)?;
            Kind::File { temporary, fate }
        };
        Ok(Ready { place, kind })
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

    /// A durable file under a temporary name.
    fn write_temporary(&self, bytes: &[u8]) -> Result<PathBuf, ObjectError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .root
            .join(TEMPORARY)
            .join(format!("{}-{number}", self.nonce));
        let written = match self.disk.write_new(&temporary, bytes) {
            Ok(file) => self.confirm(&temporary, self.disk.sync(&file)),
            Err(error) => Err(file_error(&temporary)(error)),
        };
        if written.is_err() {
            let _ = self.disk.remove(&temporary);
        }
        written.map(|()| temporary)
    }

    /// Gives every file its final name; the directories that must be made durable for that.
    fn name_all(
        &self,
        ready: &[Ready],
        objects: &[(TilePath, Bytes)],
        published: u64,
    ) -> Result<(Written, BTreeSet<PathBuf>), ObjectError> {
        let mut directories = BTreeSet::new();
        let mut written = Written::default();
        for (ready, (path, bytes)) in ready.iter().zip(objects) {
            let parent = ready.place.parent().unwrap_or(&self.root);
            self.make_directories(parent, &mut directories)?;
            directories.insert(parent.to_owned());
            match &ready.kind {
                Kind::There => written.there += 1,
                Kind::File {
                    temporary,
                    fate: Fate::Torn,
                } => {
                    self.replace(temporary, &ready.place)?;
                    written.replaced += 1;
                }
                Kind::File { temporary, .. } => match self.disk.link(temporary, &ready.place) {
                    Ok(()) => written.new += 1,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        // Another writer was faster since we looked.
                        match self.fate(&ready.place, path, bytes, published)? {
                            Fate::There => {
                                let file = self.disk.open(&ready.place);
                                let file = file.map_err(file_error(&ready.place))?;
                                self.confirm(&ready.place, self.disk.sync(&file))?;
                                written.there += 1;
                            }
                            Fate::Torn => {
                                self.replace(temporary, &ready.place)?;
                                written.replaced += 1;
                            }
                            Fate::New => {
                                return Err(ObjectError::Unsteady {
                                    path: path.to_string(),
                                });
                            }
                        }
                    }
                    Err(error) => return Err(file_error(&ready.place)(error)),
                },
            }
        }
        Ok((written, directories))
    }

    fn replace(&self, temporary: &Path, place: &Path) -> Result<(), ObjectError> {
        tracing::warn!(path = %place.display(), "a file that was cut short is written again");
        let renamed = self.disk.rename(temporary, place);
        renamed.map_err(file_error(place))
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

    fn make_temporary(&self) -> Result<(), ObjectError> {
        let directory = self.root.join(TEMPORARY);
        match self.disk.make_directory(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(file_error(&directory)(error))
            }
            _ => Ok(()),
        }
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
        self.make_temporary()?;
        let temporary = self.write_temporary(new.bytes())?;
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
        self.make_temporary()?;
        let (one, other) = (self.write_temporary(b"one")?, self.write_temporary(b"two")?);
        let linked = self.disk.link(&one, &other);
        for file in [&one, &other] {
            self.disk.remove(file).map_err(file_error(file))?;
        }
        self.sync_directory(&self.root.join(TEMPORARY))?;
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

    fn remember(&self, ready: &[Ready]) {
        let mut known = self.known();
        if known.len() > KNOWN_DIRECTORIES {
            known.clear();
        }
        for ready in ready {
            let above = ready.place.ancestors().skip(1);
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
