//! Why an auditor's folder cannot be used.

use std::path::PathBuf;

use plainsight_client::http::HttpError;
use plainsight_specs::note::{KeyName, NoteError};

/// Why an auditor's folder cannot be used. Always [`plainsight_specs::Blame::Misuse`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is there already and is not overwritten.
    #[error("{} exists already; it is never overwritten", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// Others than its owner can use a file with a secret.
    #[error(
        "{} can be used by others than its owner: chmod 600, and if others were on this machine, \
         retire the key",
        path.display()
    )]
    Exposed {
        /// Which.
        path: PathBuf,
    },
    /// Not the TOML that is expected.
    #[error("{}: {reason}", path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// The parser's words.
        reason: String,
    },
    /// A name or a verifier key is wrong.
    #[error("{what}: {source}")]
    Key {
        /// Whose.
        what: String,
        /// Why.
        source: NoteError,
    },
    /// A log is not one that can be followed.
    #[error("log {name}: {reason}")]
    Log {
        /// The name of its key.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A peer is not one that can be asked.
    #[error("peer {name}: {reason}")]
    Peer {
        /// The name of its key.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// The plain witness has the auditor's name.
    #[error(
        "the plain witness needs a name of its own: who trusts the auditor must not take it for that"
    )]
    WitnessName,
    /// The plain witness has the auditor's key.
    #[error(
        "the plain witness has the auditor's key; each needs its own, as a cosignature does not name its signer"
    )]
    WitnessKey,
    /// An address.
    #[error(transparent)]
    Address(#[from] HttpError),
    /// The key file is not one.
    #[error("{} is not the key file of {name}", path.display())]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Who it should be for.
        name: KeyName,
    },
    /// A member, or the environment variable that replaces it, has no sense.
    #[error("{member}: {reason}")]
    Member {
        /// Which.
        member: String,
        /// Why.
        reason: String,
    },
    /// No randomness for a key.
    #[error("the system gives no random bytes")]
    Randomness,
}
