//! `config.toml`: what need not be said with every command.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{HomeError, file};
use crate::http::Patience;

/// The longest configuration, in bytes.
const MAX_CONFIG: usize = 1 << 20;

/// What `patience_s` may be.
const PATIENCE_S: std::ops::RangeInclusive<u64> = 1..=600;

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
    /// How long one answer may take from the first byte asked to the last one read, in seconds;
    /// [`Patience::default`] if it is not given.
    pub patience_s: Option<u64>,
}

impl Config {
    /// The name of the file in the home.
    pub const FILE: &str = "config.toml";

    /// How long to wait, and how often to try.
    pub fn patience(&self) -> Patience {
        let mut patience = Patience::default();
        if let Some(seconds) = self.patience_s {
            patience.answer = Duration::from_secs(seconds);
            patience.connect = patience.connect.min(patience.answer);
        }
        patience
    }

    /// Reads it; without one nothing is configured.
    pub fn load(home: &Path) -> Result<Self, HomeError> {
        let path = home.join(Self::FILE);
        let Some(bytes) = file::read(&path, MAX_CONFIG)? else {
            return Ok(Self::default());
        };
        let file = &path;
        let text = String::from_utf8(bytes).map_err(|error| HomeError::damaged(file, error))?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| HomeError::damaged(file, error))?;
        for path in [&mut config.policy, &mut config.token_file]
            .into_iter()
            .flatten()
        {
            *path = home.join(&*path);
        }
        if config.patience_s.is_some_and(|s| !PATIENCE_S.contains(&s)) {
            let (least, most) = (PATIENCE_S.start(), PATIENCE_S.end());
            let reason = format!("patience_s must be from {least} to {most}");
            return Err(HomeError::damaged(file, reason));
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
        assert_eq!(Config::default().patience(), Patience::default());
        std::fs::write(&path, "patience_s = 2\n").unwrap();
        let patience = Config::load(dir.path()).unwrap().patience();
        assert_eq!(patience.answer, Duration::from_secs(2));
        assert_eq!(patience.connect, Duration::from_secs(2));
        for refused in ["patience_s = 0\n", "patience_s = 601\n"] {
            std::fs::write(&path, refused).unwrap();
            assert!(Config::load(dir.path()).is_err(), "{refused}");
        }
        std::fs::write(&path, "polcy = \"p\"\n").unwrap();
        assert!(matches!(
            Config::load(dir.path()),
            Err(HomeError::Damaged { .. })
        ));
    }
}
