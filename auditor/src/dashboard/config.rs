//! `[dashboard]` in `auditor.toml`.

use std::path::{Path, PathBuf};

use plainsight_client::trust::{MAX_ANNOTATIONS, TrustPolicy};
use plainsight_specs::policy::MAX_POLICY_BYTES;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// Who sees the pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serve {
    /// Whoever reaches the auditor.
    #[default]
    Public,
    /// Whoever reaches `admin_listen`.
    Admin,
    /// Nobody.
    Off,
}

/// The pages, as written in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DashboardConfig {
    /// Who sees them.
    pub serve: Serve,
    /// A policy file whose quorum is shown, with `<file>.toml` beside it for who runs which auditor;
    /// relative to the folder. Without it a majority of the peers is shown in its place.
    pub policy: Option<PathBuf>,
    /// A file, readable by its owner only, with the token by which the operator is known; relative to
    /// the folder. Without it nothing can be done from the pages.
    pub token_file: Option<PathBuf>,
}

impl DashboardConfig {
    /// The policy to show, read from its files.
    pub(crate) fn trust(&self, dir: &Path) -> Result<Option<TrustPolicy>, ConfigError> {
        let Some(file) = &self.policy else {
            return Ok(None);
        };
        let path = dir.join(file);
        let refused = |reason: String| ConfigError::Member {
            member: "dashboard.policy".into(),
            reason: format!("{}: {reason}", path.display()),
        };
        let policy =
            read(&path, MAX_POLICY_BYTES)?.ok_or_else(|| refused("no such file".into()))?;
        let mut beside = path.clone().into_os_string();
        beside.push(".toml");
        let annotations = read(Path::new(&beside), MAX_ANNOTATIONS)?;
        TrustPolicy::parse(&policy, annotations.as_deref())
            .map(Some)
            .map_err(|error| refused(error.to_string()))
    }
}

fn read(path: &Path, limit: usize) -> Result<Option<String>, ConfigError> {
    let file = |source| ConfigError::File {
        path: path.into(),
        source,
    };
    let length = match std::fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file(error)),
    };
    if length > limit as u64 {
        return Err(file(std::io::ErrorKind::FileTooLarge.into()));
    }
    std::fs::read_to_string(path).map(Some).map_err(file)
}
