//! Whom a reader trusts: a C2SP policy file, and what the reader itself knows about the auditors
//! in it. The second file is never filled from what an auditor or a log says about itself.

use plainsight_specs::Blame;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::{Checkpoint, Member, Policy, PolicyError, Witness};
use plainsight_specs::time::Timestamp;
use serde::Deserialize;

use crate::rebuilds::{self, RebuilderNote};

/// The longest annotations file, in bytes.
pub const MAX_ANNOTATIONS: usize = 1 << 20;

/// A policy with the reader's own annotations.
#[derive(Debug, Clone)]
pub struct TrustPolicy {
    policy: Policy,
    annotations: Annotations,
}

/// The file beside a policy, `<policy file>.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Annotations {
    /// The oldest quorum accepted for keys and protections, in seconds.
    pub max_age_contacts_s: u64,
    /// The oldest quorum accepted for releases, in seconds.
    pub max_age_releases_s: u64,
    /// How long a contact's reset stays unconfirmed after it was logged, in seconds.
    pub reset_delay_s: u64,
    /// What a release has to be, to be installed.
    pub release: ReleaseRules,
    /// What the reader knows about the auditors.
    #[serde(rename = "auditor")]
    pub auditors: Vec<Auditor>,
    /// Whose rebuilds count.
    #[serde(rename = "rebuilder")]
    pub rebuilders: Vec<RebuilderNote>,
}

/// What a release has to be, beside logged and not yanked. A file that is not is never "verified
/// with a warning".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReleaseRules {
    /// For whom it has to be.
    pub audience: AudienceRule,
    /// How long ago it has to have been logged at the least, in seconds, so that others have had
    /// time to look at it.
    pub min_age_s: u64,
    /// How many organisations have to have built the same file again from its source; 0 for none.
    pub rebuilds: u32,
}

/// For whom a release has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceRule {
    /// For everybody.
    #[default]
    All,
    /// For anybody, a region or a cohort included.
    Any,
}

/// One auditor, in the reader's own words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auditor {
    /// The witness's name in the policy, or the name of its key.
    pub name: String,
    /// Who runs it.
    #[serde(default)]
    pub organisation: Option<String>,
    /// Under whose law.
    #[serde(default)]
    pub jurisdiction: Option<String>,
    /// Where it answers.
    #[serde(default)]
    pub url: Option<String>,
    /// The verifier key of its reports on watches.
    #[serde(default)]
    pub watch_key: Option<String>,
}

/// An auditor whose cosignature on a head was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    /// Its name in the policy.
    pub name: String,
    /// Who runs it, if the reader has noted it.
    pub organisation: Option<String>,
    /// Under whose law, if the reader has noted it.
    pub jurisdiction: Option<String>,
    /// When it cosigned.
    pub time: Timestamp,
}

/// Why a trust policy cannot be used. Always the reader's own files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The policy file.
    #[error("the policy does not parse: {0}")]
    Policy(#[from] PolicyError),
    /// The annotations file.
    #[error("the annotations do not parse: {reason}")]
    Annotations {
        /// The parser's own words.
        reason: String,
    },
    /// The log's own key stands for somebody who is to look after the log.
    #[error("the key of {who} is the log's own: nobody vouches for himself")]
    OwnKey {
        /// Whose key it is said to be.
        who: String,
    },
    /// The policy lists no log.
    #[error("the policy lists no log")]
    NoLog,
    /// Which of several logs is meant cannot be told from the address.
    #[error("the policy lists several logs, and none of its log lines has the address {url}")]
    WhichLog {
        /// The address given.
        url: String,
    },
}

impl TrustError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        Blame::Misuse
    }
}

impl Auditor {
    /// Whether this note is about that witness.
    pub fn is_about(&self, witness: &Witness) -> bool {
        self.name == witness.name || self.name == witness.key.name().as_str()
    }
}

impl Default for Annotations {
    fn default() -> Self {
        Self {
            max_age_contacts_s: 24 * 3600,
            max_age_releases_s: 7 * 24 * 3600,
            reset_delay_s: 72 * 3600,
            release: ReleaseRules::default(),
            auditors: Vec::new(),
            rebuilders: Vec::new(),
        }
    }
}

impl TrustPolicy {
    /// From the texts of the two files; without annotations the defaults hold.
    pub fn parse(policy: &str, annotations: Option<&str>) -> Result<Self, TrustError> {
        let annotations: Annotations = match annotations {
            None => Annotations::default(),
            Some(text) => toml::from_str(text).map_err(|error| TrustError::Annotations {
                reason: error.to_string().trim_end().into(),
            })?,
        };
        rebuilds::check(&annotations.rebuilders, annotations.release.rebuilds)
            .map_err(|reason| TrustError::Annotations { reason })?;
        let trust = Self {
            policy: Policy::parse(policy)?,
            annotations,
        };
        trust.check_apart()?;
        Ok(trust)
    }

    /// Whether everybody who is to look after a log has another key than the log. By C2SP one key may
    /// be in both lists.
    fn check_apart(&self) -> Result<(), TrustError> {
        let logs = self.policy.logs().iter();
        let logs: Vec<&[u8]> = logs.map(|log| log.key.public_bytes()).collect();
        let witnesses = self.policy.witnesses().iter();
        let witnesses = witnesses.map(|one| (&one.name, one.key.public_bytes().to_vec()));
        let watching = self.annotations.auditors.iter().filter_map(|one| {
            let key = VerifierKey::parse(one.watch_key.as_deref()?).ok()?;
            Some((&one.name, key.public_bytes().to_vec()))
        });
        let rebuilders = self.annotations.rebuilders.iter();
        let rebuilders = rebuilders.filter_map(|one| Some((&one.name, one.key_bytes()?)));
        let mut all = witnesses.chain(watching).chain(rebuilders);
        // SPEC(POL-21)
        match all.find(|(_, key)| logs.contains(&key.as_slice())) {
            Some((who, _)) => Err(TrustError::OwnKey { who: who.clone() }),
            None => Ok(()),
        }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The annotations.
    pub fn annotations(&self) -> &Annotations {
        &self.annotations
    }

    /// The origin of the log at `url`: the only one listed, or the one whose line has that address.
    pub fn origin_at(&self, url: &str) -> Result<Origin, TrustError> {
        let logs = self.policy.logs();
        let origins: Vec<&str> = logs.iter().map(|log| log.key.name().as_str()).collect();
        let origin = match origins.as_slice() {
            [] => return Err(TrustError::NoLog),
            [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
            _ => logs
                .iter()
                .find(|log| {
                    log.url
                        .as_deref()
                        .is_some_and(|listed| same_address(listed, url))
                })
                .map(|log| log.key.name().as_str())
                .ok_or_else(|| TrustError::WhichLog { url: url.into() })?,
        };
        Origin::parse(origin).map_err(|error| TrustError::Policy(error.into()))
    }

    /// The address on the line of the only log listed.
    pub fn log_url(&self) -> Option<&str> {
        match self.policy.logs() {
            [log] => log.url.as_deref(),
            _ => None,
        }
    }

    /// The auditors that vouch for a head, in the policy's order.
    pub fn vouchers(&self, checkpoint: &Checkpoint) -> Vec<Voucher> {
        let cosignatures = checkpoint.cosignatures();
        self.policy
            .witnesses()
            .iter()
            .filter_map(|witness| {
                let cosigned = cosignatures
                    .iter()
                    .find(|cosignature| witness.key.is_named_by(&cosignature.line))?;
                Some(self.voucher(witness, cosigned.time))
            })
            .collect()
    }

    /// The witnesses of the policy that have not cosigned a head.
    pub fn silent(&self, vouchers: &[Voucher]) -> Vec<String> {
        let has_cosigned = |name: &str| vouchers.iter().any(|voucher| voucher.name == name);
        let witnesses = self.policy.witnesses().iter();
        witnesses
            .filter(|witness| !has_cosigned(&witness.name))
            .map(|witness| witness.name.clone())
            .collect()
    }

    /// The addresses noted for the policy's auditors, with their names.
    pub fn auditor_urls(&self) -> Vec<(String, String)> {
        let witnesses = self.policy.witnesses().iter();
        let noted = witnesses.filter_map(|witness| {
            let url = self.note(witness).and_then(|note| note.url.clone());
            Some((witness.name.clone(), url.or_else(|| witness.url.clone())?))
        });
        noted.collect()
    }

    /// What the reader has noted about a witness.
    pub fn note(&self, witness: &Witness) -> Option<&Auditor> {
        let mut notes = self.annotations.auditors.iter();
        notes.find(|auditor| auditor.is_about(witness))
    }

    /// Everything that trust rests on, a line each: what comments, white space and addresses leave
    /// as it is. Two policies with the same lines trust the same.
    pub fn essence(&self) -> Vec<String> {
        let policy = &self.policy;
        let member = |member: &Member| match member {
            Member::Witness(place) => policy.witnesses().get(*place).map(|one| &one.name),
            Member::Group(place) => policy.groups().get(*place).map(|one| &one.name),
        };
        let logs = policy.logs().iter().map(|log| format!("log {}", log.key));
        let witnesses = policy.witnesses().iter();
        let witnesses = witnesses.map(|one| format!("witness {} {}", one.name, one.key));
        let groups = policy.groups().iter().map(|group| {
            let members: Vec<_> = group.members.iter().filter_map(member).cloned().collect();
            format!(
                "group {} {} {}",
                group.name,
                group.threshold,
                members.join(" ")
            )
        });
        let quorum = policy.quorum();
        let quorum = quorum.as_ref().and_then(member).cloned();
        let quorum = format!("quorum {}", quorum.as_deref().unwrap_or("none"));
        let mut lines: Vec<String> = logs.chain(witnesses).chain(groups).collect();
        lines.push(quorum);
        let notes = &self.annotations;
        lines.push(format!("max_age_contacts_s {}", notes.max_age_contacts_s));
        lines.push(format!("max_age_releases_s {}", notes.max_age_releases_s));
        lines.push(format!("reset_delay_s {}", notes.reset_delay_s));
        let ReleaseRules {
            audience,
            min_age_s,
            rebuilds,
        } = notes.release;
        lines.push(match audience {
            AudienceRule::All => "release.audience all".into(),
            AudienceRule::Any => "release.audience any".into(),
        });
        lines.push(format!("release.min_age_s {min_age_s}"));
        // Only if it is asked for: a policy that does not ask for it says what it always said.
        if rebuilds > 0 {
            lines.push(format!("release.rebuilds {rebuilds}"));
        }
        lines.extend(notes.rebuilders.iter().map(|rebuilder| {
            format!(
                "rebuilder {}: {}, {}",
                rebuilder.name, rebuilder.organisation, rebuilder.key
            )
        }));
        lines.extend(notes.auditors.iter().map(|auditor| {
            let or_not = |note: &Option<String>| note.clone().unwrap_or_else(|| "not noted".into());
            let (organisation, law) =
                (or_not(&auditor.organisation), or_not(&auditor.jurisdiction));
            format!("auditor {}: {organisation}, {law}", auditor.name)
        }));
        // Whoever changes it speaks in that auditor's name to an owner.
        lines.extend(notes.auditors.iter().filter_map(|auditor| {
            let key = auditor.watch_key.as_ref()?;
            Some(format!("reports of {}: {key}", auditor.name))
        }));
        lines
    }

    fn voucher(&self, witness: &Witness, time: Timestamp) -> Voucher {
        let known = self.note(witness);
        Voucher {
            name: witness.name.clone(),
            organisation: known.and_then(|auditor| auditor.organisation.clone()),
            jurisdiction: known.and_then(|auditor| auditor.jurisdiction.clone()),
            time,
        }
    }
}

fn same_address(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "log one.example/log+2ac5dbbe+Adma2M/nCdVL1YV3TTTMlFoCmAVtpvbwWy9H97mvUIoW";

    #[test]
    fn annotations_are_strict_and_have_defaults() {
        let trust = TrustPolicy::parse("quorum none\n", None).unwrap();
        assert_eq!(trust.annotations().max_age_contacts_s, 86_400);
        assert_eq!(trust.annotations().max_age_releases_s, 604_800);
        let some = "max_age_contacts_s = 60\n[[auditor]]\nname = \"a\"\njurisdiction = \"NO\"\n";
        let trust = TrustPolicy::parse("quorum none\n", Some(some)).unwrap();
        assert_eq!(trust.annotations().max_age_contacts_s, 60);
        assert_eq!(trust.annotations().auditors.len(), 1);
        let misspelt = "max_age_contact_s = 60\n";
        let refused = TrustPolicy::parse("quorum none\n", Some(misspelt)).unwrap_err();
        assert_eq!(refused.blame(), Blame::Misuse);
        assert!(matches!(refused, TrustError::Annotations { .. }));
    }

    #[test]
    fn nobody_vouches_for_himself() {
        use plainsight_specs::codec::to_base64;
        use plainsight_specs::ed25519::SecretKey;
        use plainsight_specs::note::{Algorithm, KeyName, Signer};
        let signer = |name: &str, algorithm, seed: u8| {
            let key = SecretKey::from_seed(&[seed; 32]);
            Signer::new(KeyName::parse(name).unwrap(), algorithm, key).unwrap()
        };
        let key = |seed: u8| SecretKey::from_seed(&[seed; 32]).public();
        let log = signer("log.example", Algorithm::Ed25519, 1).verifier_key();
        let parse = |auditor: u8, watch: u8, rebuilder: u8| {
            let witness = signer("a.example", Algorithm::CosignatureV1, auditor).verifier_key();
            let watch = signer("a.example", Algorithm::Ed25519, watch).verifier_key();
            TrustPolicy::parse(
                &format!("log {log}\nwitness a {witness}\nquorum a\n"),
                Some(&format!(
                    "[[auditor]]\nname = \"a\"\nwatch_key = \"{watch}\"\n[[rebuilder]]\nname = \"r\"\n\
                     organisation = \"o\"\nkey = \"{}\"\n",
                    to_base64(key(rebuilder).as_bytes())
                )),
            )
        };
        let essence = |watch| {
            parse(2, watch, 4)
                .map(|trust| trust.essence())
                .unwrap_or_default()
        };
        assert!(!essence(3).is_empty());
        assert_ne!(
            essence(3),
            essence(5),
            "who speaks for an auditor is trusted"
        );
        for (refused, whose) in [
            (parse(1, 3, 4), "a"),
            (parse(2, 1, 4), "a"),
            (parse(2, 3, 1), "r"),
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused, TrustError::OwnKey { who: whose.into() });
            assert_eq!(refused.blame(), Blame::Misuse);
        }
    }

    #[test]
    fn a_policy_without_a_log_names_none() {
        let trust = TrustPolicy::parse("quorum none\n", None).unwrap();
        assert_eq!(trust.origin_at("http://x"), Err(TrustError::NoLog));
        assert_eq!(trust.log_url(), None);
        assert!(Policy::parse(LOG).is_err(), "the constant is only a shape");
    }
}
