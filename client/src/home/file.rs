//! Files that are read within a bound and replaced whole: written beside, synced, renamed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::HomeError;

/// Bound of every file that this program keeps.
pub const MAX_FILE: usize = 64 * 1024 * 1024;

/// Makes a folder, and those above it, for the owner only.
pub fn create_dir(dir: &Path) -> Result<(), HomeError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| HomeError::Io {
        path: dir.into(),
        source,
    })
}

/// Opens a file for writing, made for the owner only, as it is.
pub fn open_private(path: &Path) -> Result<File, HomeError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| HomeError::Io {
        path: path.into(),
        source,
    })
}

/// The bytes of a file of at most `limit`; `None` if there is no such file.
pub fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, HomeError> {
    let io = |source| HomeError::Io {
        path: path.into(),
        source,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(io)?,
    };
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > limit {
        return Err(HomeError::TooLong {
            path: path.into(),
            limit,
        });
    }
    Ok(Some(bytes))
}

/// The same of a file that holds secrets: it is refused if others than its owner can use it.
pub fn read_secret(path: &Path, limit: usize) -> Result<Option<Zeroizing<Vec<u8>>>, HomeError> {
    if path.exists() && is_exposed(path) {
        return Err(HomeError::Exposed { path: path.into() });
    }
    Ok(read(path, limit)?.map(Zeroizing::new))
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    // What cannot be looked at cannot be read either, and reading says why. A pipe or a terminal is
    // nothing that stays.
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_path: &Path) -> bool {
    false
}

/// Replaces a file: after a crash at any point, the old bytes or the new ones are there, whole.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let io = |source| HomeError::Io {
        path: path.into(),
        source,
    };
    let Some(dir) = path.parent() else {
        return Err(io(ErrorKind::InvalidInput.into()));
    };
    create_dir(dir)?;
    // One name is enough, since the home is locked. What a crash left there goes, so that neither
    // its bytes nor its permissions are taken over.
    let Some(beside) = beside(path) else {
        return Err(io(ErrorKind::InvalidInput.into()));
    };
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let mut file = open_private(&beside)?;
    file.write_all(bytes).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&beside, path).map_err(io)?;
    // The rename is durable only when the folder is.
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)
}

/// The name under which a file is written first: one that is nobody else's.
fn beside(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(".plainsight-tmp");
    Some(path.with_file_name(name))
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<(), HomeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(HomeError::Io {
            path: path.into(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// The files of JSON in a folder, in no order; none if there is no such folder.
pub(crate) fn json_files(dir: &Path) -> Result<Vec<PathBuf>, HomeError> {
    let io = |source| HomeError::Io {
        path: dir.into(),
        source,
    };
    let files = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(io)?,
    };
    let mut found = Vec::new();
    for file in files {
        let path = file.map_err(io)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// Reads a file of JSON that this program wrote.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HomeError> {
    let Some(bytes) = read(path, MAX_FILE)?.map(Zeroizing::new) else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| HomeError::damaged(path, error))
}

/// The same of a file that holds secrets.
pub(crate) fn read_secret_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HomeError> {
    let Some(bytes) = read_secret(path, MAX_FILE)? else {
        return Ok(None);
    };
    // The parser's words may quote what it read.
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|_| HomeError::damaged(path, "not what this program writes"))
}

/// Replaces a file of JSON.
pub(crate) fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), HomeError> {
    let bytes = serde_json::to_vec_pretty(value).map(Zeroizing::new);
    replace(
        path,
        &bytes.map_err(|error| HomeError::damaged(path, error))?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.json");
        assert!(read(&path, 10).unwrap().is_none());
        replace(&path, b"first").unwrap();
        // What a crash before the rename leaves behind is neither read nor in the way.
        fs::write(beside(&path).unwrap(), b"half a longer fi").unwrap();
        fs::write(path.with_extension("tmp"), b"somebody else's").unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"first");
        replace(&path, b"2nd").unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"2nd");
        assert!(!beside(&path).unwrap().exists());
        let other = fs::read(path.with_extension("tmp")).unwrap();
        assert_eq!(other, b"somebody else's");
        assert!(matches!(
            read(&path, 2),
            Err(HomeError::TooLong { limit: 2, .. })
        ));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let mode = fs::metadata(path.parent().unwrap())
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.json");
        assert!(read_secret(&path, 10).unwrap().is_none());
        replace(&path, b"[1]").unwrap();
        assert_eq!(*read_secret(&path, 10).unwrap().unwrap(), b"[1]");
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(
                read_secret_json::<Vec<u8>>(&path),
                Err(HomeError::Exposed { .. })
            ));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read_secret_json::<Vec<u8>>(&path).unwrap(), Some(vec![1]));
    }

    #[test]
    fn a_damaged_secret_is_named_and_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        replace(&path, br#""c2VjcmV0""#).unwrap();
        let refused = read_secret_json::<Vec<u8>>(&path).unwrap_err().to_string();
        assert!(refused.contains("x.json is damaged"), "{refused}");
        assert!(!refused.contains("c2VjcmV0"), "{refused}");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        replace(&path, b"{").unwrap();
        let refused = read_json::<Vec<u8>>(&path).unwrap_err();
        assert!(
            refused.to_string().contains("x.json is damaged"),
            "{refused}"
        );
    }
}
