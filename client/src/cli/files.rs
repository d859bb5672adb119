//! Files that are named on the command line: read within bounds, and written where a folder is.
//!
//! A pipe or a device is refused, since reading it may never end: `-` reads standard input.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use super::stop::Stop;

/// Whether standard input is meant.
pub(crate) fn is_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file that was named and must be there, to be read; `-` is standard input.
pub(crate) fn opened(path: &Path) -> Result<Box<dyn Read>, Stop> {
    if is_input(path) {
        return Ok(Box::new(stdin()));
    }
    refuse_special(path)?;
    let file = File::open(path).map_err(|error| failed(path, error.to_string()))?;
    Ok(Box::new(file))
}

/// Refuses what is there and is no regular file: opening a pipe waits for somebody to write to it.
pub(crate) fn refuse_special(path: &Path) -> Result<(), Stop> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(failed(path, "that is a folder".into())),
        Ok(found) if !found.is_file() => Err(failed(
            path,
            "that is no regular file; to read what a command writes, give - and pipe it in".into(),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(failed(path, "there is no such file".into()))
        }
        // What cannot be looked at cannot be opened either, and that says why.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The bytes of a file that was named and must be there.
pub(crate) fn read_named(path: &Path, limit: usize) -> Result<Vec<u8>, Stop> {
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = opened(path)?.take(bound).read_to_end(&mut bytes);
    read.map_err(|error| failed(path, error.to_string()))?;
    if bytes.len() > limit {
        return Err(failed(path, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Where a file is to be written, whatever the working folder becomes. Its folder must be there: a
/// mistyped one is not made.
pub(crate) fn to_write(path: &Path) -> Result<PathBuf, Stop> {
    let target = absolute(path)?;
    if target.is_dir() {
        return Err(failed(path, "that is a folder; name a file in it".into()));
    }
    match target.parent() {
        Some(dir) if dir.is_dir() => Ok(target),
        _ => Err(failed(
            path,
            "its folder is not there; make it first, or name another".into(),
        )),
    }
}

/// A path, whatever the working folder becomes.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Stop> {
    std::path::absolute(path).map_err(|error| failed(path, error.to_string()))
}

fn failed(path: &Path, reason: String) -> Stop {
    Stop::File {
        path: path.into(),
        reason,
    }
}
