//! What rebuilders found about a version, in words. Whose results are carried is the operator's
//! choice; whose count is each reader's, so that nothing here is called proof.

use plainsight_specs::rebuild::Outcome;
use serde::Serialize;

use crate::dashboard::view::{Badge, Digest, Tone, When, counted};
use crate::rebuilds::NamedResult;

/// What one rebuilder found about one file.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// Who, as the operator calls it.
    pub(super) by: String,
    /// `match`, `mismatch` or `unbuildable`.
    outcome: &'static str,
    /// The same in words.
    pub(super) badge: Badge,
    /// The digest that came out in its place.
    pub(super) built: Option<Digest>,
    /// When it says that it found so.
    pub(super) time: When,
}

impl Finding {
    /// Of a result.
    pub(super) fn of(result: &NamedResult, now: u64) -> Self {
        let (badge, built) = match &result.claim.outcome {
            Outcome::Match => (Badge::new(Tone::Good, "Built the same file"), None),
            Outcome::Mismatch { built } => (
                Badge::new(Tone::Warn, "Built another file"),
                Some(Digest::hash(built)),
            ),
            Outcome::Unbuildable => (Badge::new(Tone::Unknown, "Could not build it"), None),
        };
        Self {
            by: result.by.clone(),
            outcome: result.claim.outcome.as_str(),
            badge,
            built,
            time: When::new(result.claim.time.seconds(), now),
        }
    }

    fn is(&self, outcome: &str) -> bool {
        self.outcome == outcome
    }
}

/// What all of them say of a version together.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Rebuilt {
    /// In a few words.
    pub(super) badge: Badge,
    /// In one sentence.
    pub(super) sentence: String,
}

impl Default for Rebuilt {
    fn default() -> Self {
        Self::of(&[], 0, 0)
    }
}

impl Rebuilt {
    /// Of what was found about each file that is shown, beside so many that are not, by this many
    /// rebuilders.
    pub(super) fn of(files: &[&[Finding]], further: usize, rebuilders: usize) -> Self {
        let (badge, sentence) = Self::words(files, further, rebuilders);
        Self { badge, sentence }
    }

    fn words(files: &[&[Finding]], further: usize, rebuilders: usize) -> (Badge, String) {
        let all: Vec<&Finding> = files.iter().copied().flatten().collect();
        let who = |outcome: &str| {
            let found = all.iter().filter(|finding| finding.is(outcome));
            let mut names: Vec<&str> = found.map(|finding| finding.by.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names.join(", ")
        };
        if rebuilders == 0 {
            return (
                Badge::new(Tone::Quiet, "Rebuilds not known here"),
                "This auditor listens to nobody who builds releases again. Another one may.".into(),
            );
        }
        if all.iter().any(|finding| finding.is("mismatch")) {
            return (
                Badge::new(Tone::Warn, "Somebody built another file"),
                format!(
                    "{} built it from the published source and got other bytes. That may be harmless, such \
                     as a date inside the file, or something that the source does not have: ask the \
                     publisher, and wait with it if you can.",
                    who("mismatch")
                ),
            );
        }
        let alike = |file: &&&[Finding]| file.iter().any(|finding| finding.is("match"));
        let confirmed = files.iter().filter(alike).count();
        let whole = files.len() + further;
        if confirmed == whole && whole > 0 {
            return (
                Badge::new(Tone::Good, "Rebuilt, and the same"),
                format!(
                    "{} built it from the published source and got the same file, byte for byte.",
                    who("match")
                ),
            );
        }
        if confirmed > 0 {
            return (
                Badge::new(Tone::Unknown, "Rebuilt in part"),
                format!(
                    "{} got the same bytes for {confirmed} of its {}; nobody has told of the others.",
                    who("match"),
                    counted(whole as u64, "file", "files")
                ),
            );
        }
        if !all.is_empty() {
            return (
                Badge::new(Tone::Unknown, "Could not be rebuilt"),
                format!(
                    "{} tried and could not build it, so nobody has compared it with its source.",
                    who("unbuildable")
                ),
            );
        }
        (
            Badge::new(Tone::Unknown, "Not rebuilt"),
            format!(
                "None of the {} that this auditor listens to has told a result yet. That says nothing \
                 against it.",
                counted(rebuilders as u64, "rebuilder", "rebuilders")
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainsight_specs::hash::sha256;
    use plainsight_specs::rebuild::RebuildClaim;
    use plainsight_specs::time::Timestamp;

    fn found(by: &str, outcome: Outcome) -> Finding {
        let claim = RebuildClaim {
            file: sha256(b"file"),
            outcome,
            time: Timestamp::from_seconds(1_795_495_058).unwrap(),
            references: Vec::new(),
        };
        let by = by.into();
        Finding::of(&NamedResult { by, claim }, 1_795_495_060)
    }

    #[test]
    fn one_who_got_other_bytes_outweighs_all_who_did_not() {
        let built = sha256(b"other");
        let (one, two) = (
            found("one", Outcome::Match),
            found("two", Outcome::Mismatch { built }),
        );
        let said = |files: &[&[Finding]], further, rebuilders| {
            let rebuilt = Rebuilt::of(files, further, rebuilders);
            (rebuilt.badge.tone, rebuilt.sentence)
        };
        let file = [one.clone(), two];
        let (tone, sentence) = said(&[&file], 0, 2);
        assert_eq!(tone, Tone::Warn);
        assert!(sentence.starts_with("two built it"), "{sentence}");
        assert_eq!(said(&[std::slice::from_ref(&one)], 0, 2).0, Tone::Good);
        let (tone, sentence) = said(&[std::slice::from_ref(&one), &[]], 0, 2);
        assert_eq!(tone, Tone::Unknown);
        assert!(sentence.contains("1 of its 2 files"), "{sentence}");
        // Files that a page does not name were not looked at.
        assert_eq!(said(&[&[one]], 1, 2).0, Tone::Unknown);
        let (tone, sentence) = said(&[&[found("one", Outcome::Unbuildable)]], 0, 1);
        assert_eq!(tone, Tone::Unknown);
        assert!(sentence.contains("could not build"), "{sentence}");
        let (_, sentence) = said(&[&[]], 0, 3);
        assert!(sentence.contains("3 rebuilders"), "{sentence}");
        let (tone, sentence) = said(&[&[]], 0, 0);
        assert_eq!(tone, Tone::Quiet);
        assert!(sentence.contains("listens to nobody"), "{sentence}");
    }
}
