//! `config.toml`: what need not be said with every command.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{HomeError, file};

/// The longest configuration, in bytes.
const MAX_CONFIG: usize = 1 << 20;

/// The configuration of a home. Paths are relative to the home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The log's address.
    pub log: Option<String>,
    /// The policy file.
    pub policy: Option<PathBuf>,
    /// A file with the token for publishing key sets.
    pub token_file: Option<PathBuf>,
    /// The address of an auditor that is handed each verified head, after the answer is given.
    pub submit_heads: Option<String>,
}

impl Config {
    /// The name of the file in the home.
    pub const FILE: &str = "config.toml";

    /// Reads it; without one nothing is configured.
    pub fn load(home: &Path) -> Result<Self, HomeError> {
        let path = home.join(Self::FILE);
        let Some(bytes) = file::read(&path, MAX_CONFIG)? else {
            return Ok(Self::default());
        };
        let text = String::from_utf8(bytes).map_err(|error| HomeError::damaged(&path, error))?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| HomeError::damaged(&path, error))?;
        for path in [&mut config.policy, &mut config.token_file]
            .into_iter()
            .flatten()
        {
            *path = home.join(&*path);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_home_and_misspelt_members_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(dir.path()).unwrap(), Config::default());
        let path = dir.path().join(Config::FILE);
        std::fs::write(
            &path,
            "log = \"http://x\"\npolicy = \"p\"\ntoken_file = \"/t\"\n",
        )
        .unwrap();
        let config = Config::load(dir.path()).unwrap();
        assert_eq!(config.policy.unwrap(), dir.path().join("p"));
        assert_eq!(config.token_file.unwrap(), Path::new("/t"));
        std::fs::write(&path, "polcy = \"p\"\n").unwrap();
        assert!(matches!(
            Config::load(dir.path()),
            Err(HomeError::Damaged { .. })
        ));
    }
}
