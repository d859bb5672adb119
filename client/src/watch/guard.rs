//! Which auditors can be asked to watch: those whose address and watch key the reader has noted.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::note::{Algorithm, VerifierKey};
use plainsight_specs::policy::Policy;
use plainsight_specs::watch::KEY_SUFFIX;

use crate::failure::Failure;
use crate::http::{BaseUrl, Http};
use crate::source::Source;
use crate::trust::TrustPolicy;

/// With fewer, one gagged auditor is all of them.
pub const MIN_GUARDS: usize = 2;

/// An auditor that can watch.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Its name in the policy.
    pub name: String,
    /// Where it answers.
    pub source: Source,
    /// What it cosigns with.
    pub key: VerifierKey,
    /// What it signs its reports with.
    pub watch_key: VerifierKey,
}

impl Guard {
    /// The policy of somebody who asks this auditor alone.
    pub fn policy(&self, trust: &TrustPolicy, origin: &Origin) -> Result<Policy, Failure> {
        use std::fmt::Write as _;

        let mut text = String::new();
        for key in trust.policy().log_keys(origin) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "log {key}");
        }
        let _ = write!(text, "witness guard {}\nquorum guard\n", self.key);
        Policy::parse(&text).map_err(|error| Failure::Question(error.to_string()))
    }
}

/// The auditors of a policy that can watch: `url` and `watch_key` are in the annotations.
pub fn guards(trust: &TrustPolicy, http: &Http) -> Result<Vec<Guard>, Failure> {
    let mut guards = Vec::new();
    for witness in trust.policy().witnesses() {
        let known = trust.annotations().auditors.iter().find(|auditor| {
            auditor.name == witness.name || auditor.name == witness.key.name().as_str()
        });
        let Some((url, watch_key)) =
            known.and_then(|known| known.url.as_ref().zip(known.watch_key.as_ref()))
        else {
            continue;
        };
        let wrong = |why: String| {
            Failure::Question(format!("the watch key noted for {}: {why}", witness.name))
        };
        let watch_key = VerifierKey::parse(watch_key).map_err(|error| wrong(error.to_string()))?;
        let expected = format!("{}{KEY_SUFFIX}", witness.key.name());
        if watch_key.name().as_str() != expected || watch_key.algorithm() != Algorithm::Ed25519 {
            return Err(wrong(format!(
                "it is not a key of type 0x01 named {expected}"
            )));
        }
        guards.push(Guard {
            name: witness.name.clone(),
            source: Source::new(http.clone(), BaseUrl::parse(url)?),
            key: witness.key.clone(),
            watch_key,
        });
    }
    Ok(guards)
}
