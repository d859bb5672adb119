//! Where public objects are kept, as a configuration writes it.
//!
//! A folder (`public`, `/srv/log` or `file:///srv/log`) or a bucket (`s3://bucket/prefix`). An
//! address never holds a credential: those of a bucket come from the environment.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest prefix inside a bucket, in bytes.
const MAX_PREFIX_BYTES: usize = 512;

/// Where the public objects of one log are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ObjectsAddress {
    /// A folder that any static server can serve.
    Folder(PathBuf),
    /// A bucket of an S3-compatible store.
    Bucket {
        /// Its name.
        bucket: String,
        /// What every name begins with, without slashes at the ends; may be empty.
        prefix: String,
    },
}

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing.
    #[error("an address of objects is a folder or s3://bucket/prefix, not nothing")]
    Empty,
    /// A scheme of another kind of store.
    #[error("{scheme}:// is no store of objects that this program knows; use a folder or s3://")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// A `file://` address that is more than a path.
    #[error("a file:// address is file:// and an absolute path, with nothing escaped")]
    File,
    /// The name of the bucket.
    #[error(
        "the name of a bucket is 3 to 63 small letters, digits, dots and hyphens, \
         and never holds a credential: those come from the environment"
    )]
    Bucket,
    /// The prefix inside the bucket.
    #[error(
        "a prefix in a bucket is at most {MAX_PREFIX_BYTES} bytes of letters, digits, \
         dots, hyphens and underscores, in parts between slashes"
    )]
    Prefix,
}

impl ObjectsAddress {
    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket { .. } => None,
        }
    }

    /// A relative folder, below `dir`; anything else as it is.
    #[must_use]
    pub fn below(&self, dir: &Path) -> Self {
        match self {
            Self::Folder(path) => Self::Folder(dir.join(path)),
            Self::Bucket { .. } => self.clone(),
        }
    }

    /// A folder inside `dir`, relative to it; anything else as it is.
    #[must_use]
    pub fn relative_to(&self, dir: &Path) -> Self {
        match self.folder().and_then(|path| path.strip_prefix(dir).ok()) {
            Some(inside) => Self::Folder(inside.to_owned()),
            None => self.clone(),
        }
    }
}

impl From<PathBuf> for ObjectsAddress {
    fn from(path: PathBuf) -> Self {
        Self::Folder(path)
    }
}

impl FromStr for ObjectsAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(AddressError::Empty),
                path => Ok(Self::Folder(path.into())),
            };
        };
        match scheme {
            "file" if rest.starts_with('/') && !rest.contains(['%', '?', '#']) => {
                Ok(Self::Folder(rest.into()))
            }
            "file" => Err(AddressError::File),
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if !is_bucket(bucket) {
                    return Err(AddressError::Bucket);
                }
                if !prefix.is_empty() && !is_prefix(prefix.strip_suffix('/').unwrap_or(prefix)) {
                    return Err(AddressError::Prefix);
                }
                let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
                Ok(Self::Bucket {
                    bucket: bucket.to_owned(),
                    prefix: prefix.to_owned(),
                })
            }
            _ => Err(AddressError::Scheme {
                scheme: scheme.chars().take(16).collect(),
            }),
        }
    }
}

fn is_bucket(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().last()];
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| is_plain(b) || b == b'.' || b == b'-')
        && ends.into_iter().flatten().all(is_plain)
}

fn is_prefix(prefix: &str) -> bool {
    let is_part = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        !matches!(part, "" | "." | "..") && part.bytes().all(known)
    };
    prefix.len() <= MAX_PREFIX_BYTES && prefix.split('/').all(is_part)
}

impl TryFrom<String> for ObjectsAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<ObjectsAddress> for String {
    fn from(address: ObjectsAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for ObjectsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_as_it_was_read() {
        for text in [
            "public",
            "/srv/a log",
            "s3://log-of-2026",
            "s3://abc/logs/example.org_1",
        ] {
            assert_eq!(text.parse::<ObjectsAddress>().unwrap().to_string(), text);
        }
        let folder = "file:///srv/log".parse::<ObjectsAddress>().unwrap();
        assert_eq!(folder, ObjectsAddress::Folder("/srv/log".into()));
        let bucket = "s3://abc/x/".parse::<ObjectsAddress>().unwrap();
        assert_eq!(bucket.to_string(), "s3://abc/x");
    }

    #[test]
    fn refuses_what_is_no_address_and_what_may_hold_a_credential() {
        let bucket = |text: &str| text.parse::<ObjectsAddress>().unwrap_err();
        assert_eq!(bucket(""), AddressError::Empty);
        assert_eq!(bucket("file://host/path"), AddressError::File);
        assert_eq!(bucket("file:///a%20b"), AddressError::File);
        for text in ["s3://", "s3://ab", "s3://Upper", "s3://key:secret@bucket/x"] {
            assert_eq!(bucket(text), AddressError::Bucket);
        }
        for text in ["s3://abc//", "s3://abc/../x", "s3://abc/x?secret=y"] {
            assert_eq!(bucket(text), AddressError::Prefix);
        }
        assert!(matches!(bucket("gs://abc"), AddressError::Scheme { .. }));
    }

    #[test]
    fn a_relative_folder_moves_with_its_configuration() {
        let address: ObjectsAddress = "public".parse().unwrap();
        let there = address.below(Path::new("/srv/log"));
        assert_eq!(there.folder(), Some(Path::new("/srv/log/public")));
        assert_eq!(there.relative_to(Path::new("/srv/log")), address);
        let bucket: ObjectsAddress = "s3://abc".parse().unwrap();
        assert_eq!(bucket.below(Path::new("/srv")), bucket);
    }
}
