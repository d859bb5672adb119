//! Where the database is, and who can read its password.

use std::path::Path;

use super::secret::is_exposed;
use super::{CONFIG_FILE, ConfigError, ENVIRONMENT, File};
use crate::store::{AddressError, DatabaseAddress};

/// The database of a folder that names none.
const DEFAULT: &str = "auditor.sqlite3";

/// The database's address: of the environment, the file, or the folder.
pub(super) fn checked(
    dir: &Path,
    file: &File,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<DatabaseAddress, ConfigError> {
    let [.., name] = ENVIRONMENT;
    let given = variable(name);
    let (member, text) = match (&given, &file.database) {
        (Some(given), _) => (name, given.as_str()),
        (None, written) => ("database", written.as_deref().unwrap_or(DEFAULT)),
    };
    let address = parse(member, text)?.in_folder(dir);
    if given.is_none() && address.shows_password() {
        let path = dir.join(CONFIG_FILE);
        if is_exposed(&path) {
            return Err(ConfigError::Exposed { path });
        }
    }
    match &file.database_password {
        Some(path) => address
            .with_password_file(dir.join(path))
            .map_err(|error| wrong("database_password_file", &error)),
        None => Ok(address),
    }
}

pub(super) fn parse(member: &str, text: &str) -> Result<DatabaseAddress, ConfigError> {
    text.parse().map_err(|error| wrong(member, &error))
}

fn wrong(member: &str, error: &AddressError) -> ConfigError {
    ConfigError::Member {
        member: member.into(),
        reason: error.to_string(),
    }
}
