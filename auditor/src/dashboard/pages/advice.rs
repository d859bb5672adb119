//! What people do who use a log that broke a rule, and whom that concerns. Each rule has its own, since
//! what protects against a second build does nothing against a hidden key. What the operator of the
//! auditor does is said elsewhere.

use plainsight_specs::rules::Rule;

/// Where more than one log is concerned.
pub(super) const CAREFUL: &str = "Install no update from them, and confirm keys in person or by telephone, \
                                  until this is explained. Each log below says what it is about.";

/// Who is concerned, where nothing more is known than the rule.
pub(super) fn concerned(rule: Rule) -> &'static str {
    match rule {
        Rule::VersionConflict | Rule::Yank | Rule::Signature | Rule::Seq | Rule::Prev => {
            "Everybody who installs or relies on what this provider publishes"
        }
        Rule::Namespace | Rule::DuplicateIndex | Rule::EpochSize | Rule::EpochRoot => {
            "Everybody whose keys are in this log, and whoever writes to them"
        }
        Rule::Fork | Rule::Extension => {
            "Everybody who uses this provider: some were shown another log than others"
        }
        Rule::Malformed | Rule::Genesis | Rule::AfterClose | Rule::Time | Rule::End => {
            "Everybody who uses this provider"
        }
    }
}

/// What they do.
pub(super) fn steps(rule: Rule) -> &'static str {
    match rule {
        Rule::VersionConflict => {
            "Do not install this version. If you have it, hold your file against the two builds, on the \
             product's page: if it is the second one, keep it, do not run it, and show it to somebody who \
             can look into it."
        }
        Rule::Yank => {
            "Do not take back or replace anything because of this statement; ask the publisher over \
             another way what was meant."
        }
        Rule::Signature => {
            "Believe nothing of this statement: others than the publisher may have written it. Install \
             no update that rests on it."
        }
        Rule::Seq | Rule::Prev => {
            "Hold back updates of this product: something was left out of what was published, or there \
             are two versions of it. Ask the publisher which statement is missing."
        }
        Rule::Namespace | Rule::DuplicateIndex => {
            "Take no new key from this log: compare safety numbers in person or by telephone before you \
             write anything that matters. If your own keys are there, look at your own history."
        }
        Rule::EpochSize | Rule::EpochRoot => {
            "Trust no look-up in this log: what it says about who has which keys does not follow from \
             what it logged. Compare safety numbers in person or by telephone before you write anything \
             that matters."
        }
        Rule::Fork => {
            "Take no new key and no update from this log. Compare with somebody in another place: hand \
             the head that you were shown to an auditor, and compare safety numbers in person."
        }
        Rule::Extension => {
            "What you saw there earlier may be gone now: keep what your own programs remember, take no \
             new key and no update from this log, and compare safety numbers in person."
        }
        Rule::Malformed | Rule::Genesis | Rule::AfterClose | Rule::Time | Rule::End => {
            "Install no update from it, and confirm keys in person or by telephone, until this is \
             explained."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lies_have_steps_of_their_own() {
        let told = [
            Rule::VersionConflict,
            Rule::EpochRoot,
            Rule::Extension,
            Rule::Fork,
        ]
        .map(steps);
        for (n, one) in told.iter().enumerate() {
            assert!(!told[..n].contains(one), "{one}");
        }
        for rule in Rule::ALL {
            assert!(!concerned(rule).ends_with('.'), "{rule}");
        }
    }
}
