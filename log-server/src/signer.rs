//! The log's keys: seed files and what is made from them.
//!
//! A seed file is 64 lower-case hex digits and a line feed, readable by its owner alone, and is
//! never overwritten. Out of scope: keys held by an agent or a module.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::codec::{self, CodecError};
use plainsight_specs::ed25519;
use plainsight_specs::note::{Algorithm, KeyName, NoteError, Signer};
use plainsight_specs::vrf;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::store::private_file;

/// Why a key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a seed.
    #[error("{path} is not 64 hex digits on one line: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CodecError,
    },
    /// Others than the owner can read the file.
    #[error("{path} can be read by others than its owner")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// No random bytes could be had.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The origin cannot be the name of a key.
    #[error(transparent)]
    Name(#[from] NoteError),
}

/// The keys that the server holds. Neither cloned nor printed.
#[derive(Debug)]
pub struct Keys {
    /// Signs checkpoints.
    pub signer: Signer,
    /// Turns labels into indexes.
    pub vrf: vrf::SecretKey,
}

impl Keys {
    /// Reads the key files of a configuration.
    pub fn load(config: &Config, origin: &Origin) -> Result<Self, KeyError> {
        let (log, vrf) = (read_seed(&config.log_key)?, read_seed(&config.vrf_key)?);
        Ok(Self {
            signer: log_signer(origin, &log)?,
            vrf: vrf::SecretKey::from_seed(&vrf),
        })
    }
}

/// The signer of a log's checkpoints; its name is the origin.
pub fn log_signer(origin: &Origin, seed: &[u8; 32]) -> Result<Signer, KeyError> {
    let name = KeyName::parse(origin.as_str())?;
    let secret = ed25519::SecretKey::from_seed(seed);
    Ok(Signer::new(name, Algorithm::Ed25519, secret)?)
}

/// Makes a new random seed and its file.
pub fn create_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(KeyError::Randomness)?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(*seed)));
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = private_file(OpenOptions::new().create_new(true), path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(seed)
}

/// Reads a seed file.
pub fn read_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    refuse_exposed(path)?;
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })?;
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    codec::hex_array(digits)
        .map(Zeroizing::new)
        .map_err(|source| KeyError::Form {
            path: path.to_owned(),
            source,
        })
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & forbidden(path) == 0 => Ok(()),
        Ok(_) => Err(KeyError::Exposed {
            path: path.to_owned(),
        }),
        Err(source) => Err(KeyError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// What the mode of a key file must not have: anything for group and others. A credential of the
/// service manager is root's, and the group bits are then the mask of an access list that names
/// this service alone.
#[cfg(unix)]
fn forbidden(path: &Path) -> u32 {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    match credentials {
        Some(folder) if path.parent() == Some(&folder) => 0o037,
        _ => 0o077,
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reads_back_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        let seed = create_seed(&path).unwrap();
        assert_eq!(read_seed(&path).unwrap(), seed);
        assert!(matches!(create_seed(&path), Err(KeyError::File { .. })));
        assert_eq!(read_seed(&path).unwrap(), seed);
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_seed_that_others_can_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        create_seed(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_seed(&path), Err(KeyError::Exposed { .. })));
    }

    #[test]
    fn refuses_what_is_not_a_seed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        let mut file = private_file(OpenOptions::new().create_new(true), &path).unwrap();
        file.write_all(b"00ff\n").unwrap();
        assert!(matches!(read_seed(&path), Err(KeyError::Form { .. })));
    }
}
