//! Where a log's database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A file for `SQLite`, or the URL of a `PostgreSQL` database (or of one that speaks its protocol).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatabaseAddress {
    /// A file.
    Sqlite(PathBuf),
    /// `postgres://user@host/database`. A password may stand in it, or in `PGPASSWORD`.
    Postgres(String),
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
#[error("a database is a file, or a URL that begins with postgres://; {scheme}:// is neither")]
pub struct AddressError {
    scheme: String,
}

impl DatabaseAddress {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// The same address, with the path of a file taken from `folder` if it is relative.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(folder.join(path)),
            postgres @ Self::Postgres(_) => postgres,
        }
    }

    /// The same address, with the path of a file relative to `folder` if it is below it.
    #[must_use]
    pub fn relative_to(&self, folder: &Path) -> Self {
        match self {
            Self::Sqlite(path) => {
                Self::Sqlite(path.strip_prefix(folder).unwrap_or(path).to_owned())
            }
            postgres @ Self::Postgres(_) => postgres.clone(),
        }
    }
}

impl FromStr for DatabaseAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once("://") {
            None => Ok(Self::Sqlite(text.into())),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            Some((scheme, _)) => Err(AddressError {
                scheme: scheme.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for DatabaseAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<DatabaseAddress> for String {
    /// With the password, if it has one: for the configuration file that it came from.
    fn from(address: DatabaseAddress) -> Self {
        match address {
            DatabaseAddress::Sqlite(path) => path.to_string_lossy().into_owned(),
            DatabaseAddress::Postgres(url) => url,
        }
    }
}

impl From<PathBuf> for DatabaseAddress {
    fn from(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }
}

/// Without the password.
impl fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match self {
            Self::Sqlite(path) => return path.display().fmt(f),
            Self::Postgres(url) => url,
        };
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", ""));
        // Parameters may hold a password too.
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        match rest.rsplit_once('@') {
            None => write!(f, "{scheme}://{rest}"),
            Some((user, place)) => {
                let user = user.split(':').next().unwrap_or_default();
                write!(f, "{scheme}://{user}@{place}")
            }
        }
    }
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_an_engine() {
        let parse = |text: &str| text.parse::<DatabaseAddress>().unwrap();
        assert_eq!(parse("log.db"), DatabaseAddress::Sqlite("log.db".into()));
        assert_eq!(
            parse("sqlite:///a/b"),
            DatabaseAddress::Sqlite("/a/b".into())
        );
        assert!(matches!(
            parse("postgres://h/d"),
            DatabaseAddress::Postgres(_)
        ));
        assert!("mysql://h/d".parse::<DatabaseAddress>().is_err());
    }

    #[test]
    fn never_shows_a_password() {
        for url in [
            "postgres://log:hunter2@db.example:5432/log",
            "postgres://log:hun@ter2@db.example:5432/log",
            "postgres://log@db.example:5432/log?password=hunter2",
        ] {
            let shown = format!("{0} {0:?}", url.parse::<DatabaseAddress>().unwrap());
            assert!(!shown.contains("ter2"), "{shown}");
            assert!(shown.contains("log@db.example:5432/log"), "{shown}");
        }
    }

    #[test]
    fn a_relative_file_is_in_its_folder() {
        let address = DatabaseAddress::Sqlite("log.db".into()).in_folder(Path::new("/a"));
        assert_eq!(address, DatabaseAddress::Sqlite("/a/log.db".into()));
        assert_eq!(address.relative_to(Path::new("/a")).to_string(), "log.db");
    }
}
