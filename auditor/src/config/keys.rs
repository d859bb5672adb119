//! The key files: made once, for their owner only, never overwritten, and each for one name.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use plainsight_specs::codec;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::note::{Algorithm, KeyName, Signer, VerifierKey};
use zeroize::Zeroizing;

use super::{Config, ConfigError, KEY_FILE, WATCH_KEY_FILE, WitnessConfig, read_secret};
use crate::plain::WITNESS_KEY_FILE;

/// What the watch key's name ends in, after the auditor's.
pub(super) const WATCH: &str = "/watch";
const KEY_PREFIX: &str = "PRIVATE+KEY+";

impl Config {
    /// The signer in the folder's key file.
    pub fn signer(&self) -> Result<Signer, ConfigError> {
        self.key_file(KEY_FILE, &self.identity.name, Algorithm::CosignatureV1)
    }

    /// The plain witness's signer, which has a key of its own.
    pub fn witness_signer(&self, witness: &WitnessConfig) -> Result<Signer, ConfigError> {
        let signer = self.key_file(WITNESS_KEY_FILE, &witness.name, Algorithm::CosignatureV1)?;
        if signer.verifier_key().ed25519() == self.signer()?.verifier_key().ed25519() {
            return Err(ConfigError::WitnessKey);
        }
        Ok(signer)
    }

    fn key_file(
        &self,
        file: &str,
        name: &str,
        algorithm: Algorithm,
    ) -> Result<Signer, ConfigError> {
        let path = self.dir.join(file);
        let text = read_secret(&path)?;
        let name = key_name(name)?;
        parse_key(text.trim_end(), &name, algorithm).ok_or(ConfigError::KeyFile { path, name })
    }

    /// The signer of the answers of watches, under a name of its own. Its file is made at the first
    /// use if `init` did not make it.
    pub fn watch_signer(&self) -> Result<Signer, ConfigError> {
        let name = format!("{}{WATCH}", self.identity.name);
        let path = self.dir.join(WATCH_KEY_FILE);
        if !path.exists() {
            new_key(&path, &name, Algorithm::Ed25519)?;
        }
        self.key_file(WATCH_KEY_FILE, &name, Algorithm::Ed25519)
    }
}

/// Makes a key file, and gives the verifier key to hand out.
pub(crate) fn new_key(
    path: &Path,
    name: &str,
    algorithm: Algorithm,
) -> Result<VerifierKey, ConfigError> {
    let name = key_name(name)?;
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|_| ConfigError::Randomness)?;
    let key = signer(&name, algorithm, &seed)?.verifier_key();
    let mut bytes = Zeroizing::new(vec![algorithm.type_byte()]);
    bytes.extend_from_slice(seed.as_slice());
    let secret = Zeroizing::new(codec::to_base64(&bytes));
    let secret = Zeroizing::new(format!("{KEY_PREFIX}{name}+{}+{}\n", key.id(), *secret));
    write_new(path, secret.as_bytes(), 0o600)?;
    Ok(key)
}

pub(super) fn key_name(name: &str) -> Result<KeyName, ConfigError> {
    KeyName::parse(name).map_err(|source| ConfigError::Key {
        what: format!("name {name:?}"),
        source,
    })
}

fn signer(name: &KeyName, algorithm: Algorithm, seed: &[u8; 32]) -> Result<Signer, ConfigError> {
    Signer::new(name.clone(), algorithm, SecretKey::from_seed(seed)).map_err(|source| {
        ConfigError::Key {
            what: format!("name {name}"),
            source,
        }
    })
}

fn parse_key(text: &str, name: &KeyName, algorithm: Algorithm) -> Option<Signer> {
    let rest = text
        .strip_prefix(KEY_PREFIX)?
        .strip_prefix(name.as_str())?
        .strip_prefix('+')?;
    let (id, secret) = rest.split_once('+')?;
    let bytes = Zeroizing::new(codec::base64_array::<33>(secret).ok()?);
    let (kind, seed) = bytes.split_first_chunk::<1>()?;
    if *kind != [algorithm.type_byte()] {
        return None;
    }
    let signer = signer(name, algorithm, seed.try_into().ok()?).ok()?;
    // The id is over name and key: a key file that was renamed is noticed.
    (signer.verifier_key().id().to_string() == id).then_some(signer)
}

/// Writes a secret to a file that is not there yet, for its owner only.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    write_new(path, bytes, 0o600)
}

pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ConfigError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.into() },
        _ => ConfigError::File {
            path: path.into(),
            source,
        },
    })
}
