//! Where the auditor's database is. A password is no part of what is ever shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A file for `SQLite`, or the URL of a `PostgreSQL` database.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseAddress {
    /// A file.
    Sqlite(PathBuf),
    /// `postgres://user@host/database`.
    Postgres {
        /// As it was written. A password may stand in it, or in `PGPASSWORD`.
        url: String,
        /// The file with the password, if it stands there.
        password_file: Option<PathBuf>,
    },
}

/// Why a text names no database. It shows nothing of the text but the scheme.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Another kind of URL.
    #[error("a database is a file, or a URL that begins with postgres://; {0}:// is neither")]
    Scheme(String),
    /// There is no name of a user to which a password could belong.
    #[error(
        "a password file needs a URL with a user and without a password: postgres://user@host/…"
    )]
    Password,
}

impl DatabaseAddress {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres { .. } => None,
        }
    }

    /// Whether it is there, as far as that can be seen without a connection.
    pub fn is_there(&self) -> bool {
        self.file().is_none_or(Path::exists)
    }

    /// The same address, with the path of a file taken from `folder` if it is relative.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(folder.join(path)),
            postgres @ Self::Postgres { .. } => postgres,
        }
    }

    /// The same database, its password read from a file when it is opened.
    pub fn with_password_file(self, path: PathBuf) -> Result<Self, AddressError> {
        match self {
            Self::Postgres { url, .. } if user_only(&url) => Ok(Self::Postgres {
                url,
                password_file: Some(path),
            }),
            _ => Err(AddressError::Password),
        }
    }

    /// Whether whoever reads the address reads a password.
    pub fn shows_password(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres { url, .. } => {
                let user = user_of(url).is_some_and(|user| user.contains(':'));
                user || url.contains("password=")
            }
        }
    }
}

/// What stands before the last `@` of the URL's authority.
fn user_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let rest = rest.split(['?', '#']).next()?;
    Some(rest.rsplit_once('@')?.0)
}

fn user_only(url: &str) -> bool {
    user_of(url).is_some_and(|user| !user.is_empty() && !user.contains(':'))
}

/// The URL with this password behind its user, every byte that has a meaning in a URL escaped.
pub(super) fn with_password(url: &str, password: &str) -> Result<String, AddressError> {
    let place = user_of(url).filter(|_| user_only(url));
    let (scheme, rest) = url.split_once("://").ok_or(AddressError::Password)?;
    let user = place.ok_or(AddressError::Password)?;
    let host = rest.get(user.len()..).ok_or(AddressError::Password)?;
    Ok(format!(
        "{scheme}://{user}:{}{host}",
        escaped(password.as_bytes(), b"-_.~")
    ))
}

/// Letters, digits and what is `plain`; all else as `%XX`.
pub(super) fn escaped(bytes: &[u8], plain: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || plain.contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

impl FromStr for DatabaseAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once("://") {
            None => Ok(Self::Sqlite(text.into())),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres {
                url: text.to_owned(),
                password_file: None,
            }),
            Some((scheme, _)) => Err(AddressError::Scheme(scheme.to_owned())),
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
            Self::Postgres { url, .. } => url,
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

    fn parse(text: &str) -> DatabaseAddress {
        text.parse().unwrap()
    }

    #[test]
    fn names_an_engine() {
        let file = parse("auditor.sqlite3");
        assert_eq!(
            file.in_folder(Path::new("/a")).file(),
            Some(Path::new("/a/auditor.sqlite3"))
        );
        assert_eq!(parse("postgres://h/d").file(), None);
        assert!("mysql://h/d".parse::<DatabaseAddress>().is_err());
    }

    #[test]
    fn never_shows_a_password_and_knows_that_there_is_one() {
        for url in [
            "postgres://a:hunter2@db.example:5432/a",
            "postgres://a:hun@ter2@db.example:5432/a",
            "postgres://a@db.example:5432/a?password=hunter2",
        ] {
            let shown = format!("{0} {0:?}", parse(url));
            assert!(!shown.contains("ter2"), "{shown}");
            assert!(shown.contains("a@db.example:5432/a"), "{shown}");
            assert!(parse(url).shows_password());
        }
        assert!(!parse("postgres://a@db.example/a").shows_password());
        assert!(!parse("a:b@c").shows_password());
    }

    #[test]
    fn a_password_from_a_file_goes_behind_the_user_and_breaks_out_of_nothing() {
        let url = with_password("postgres://a@h/d?x=y", "p@s:/%\"?").unwrap();
        assert_eq!(url, "postgres://a:p%40s%3A%2F%25%22%3F@h/d?x=y");
        for none in ["postgres://h/d", "postgres://a:b@h/d", "postgres://@h/d"] {
            assert!(
                parse(none).with_password_file("p".into()).is_err(),
                "{none}"
            );
        }
        assert!(parse("a.db").with_password_file("p".into()).is_err());
    }
}
