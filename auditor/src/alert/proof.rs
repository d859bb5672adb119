//! The evidence behind an alert, and what may be done about the rule that it names.

use plainsight_specs::rules::Rule;

use super::{RULE_BROKEN, Severity, Words, words};
use crate::audit::Break;
use crate::store::{KeptAlert, Store, StoreError};

/// The code of the alert that a log which is plainly witnessed contradicted itself.
pub const WITNESSED_FORK: &str = "witnessed-fork";

/// The id of the evidence behind an alert, if there is any. It may come a moment after the alert.
pub async fn evidence_of(store: &Store, alert: &KeptAlert) -> Result<Option<String>, StoreError> {
    if alert.code == WITNESSED_FORK {
        return Ok(store.witnessed(&alert.subject).await?.evidence);
    }
    let (Some(origin), Some(found)) = (&alert.origin, broken_rule(alert)) else {
        return Ok(None);
    };
    let log = store.known_log(origin).await?;
    let kept = store.kept_break(log, &found).await?;
    Ok(kept.and_then(|kept| kept.evidence))
}

/// Where an auditor shows a file of evidence.
pub fn evidence_path(id: &str) -> String {
    format!("/v1/evidence/{id}")
}

/// The sentences for an alert: nothing is offered that the rule does not allow.
pub fn words_of(alert: &KeptAlert) -> Words {
    let severity = Severity::parse(&alert.severity).unwrap_or(Severity::Own);
    let words = words(severity, &alert.code);
    match broken_rule(alert) {
        Some(found) if !found.can_be_acknowledged() => Words {
            next: "Read the evidence, ask the provider in public, tell the other auditors. Cosigning of \
                   this log has stopped for good: nothing that follows can be trusted, and no \
                   acknowledgement changes that.",
            ..words
        },
        _ => words,
    }
}

fn broken_rule(alert: &KeptAlert) -> Option<Break> {
    if alert.code != RULE_BROKEN {
        return None;
    }
    let (rule, at) = alert.subject.split_once(' ')?;
    Some(Break {
        at: at.parse().ok()?,
        rule: Rule::parse(rule)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(rule: &str) -> KeptAlert {
        KeptAlert {
            row: 1,
            id: "aa".into(),
            origin: Some("log.example".into()),
            severity: "tamper".into(),
            code: RULE_BROKEN.into(),
            subject: format!("{rule} 7"),
            text: String::new(),
            time: 0,
            again: 0,
            resolved: None,
            acknowledged: None,
        }
    }

    #[test]
    fn an_acknowledgement_is_offered_only_where_the_rule_allows_it() {
        for rule in Rule::ALL {
            let alert = broken(rule.as_str());
            let found = broken_rule(&alert).unwrap();
            assert_eq!(found.rule, rule);
            assert_eq!(
                words_of(&alert)
                    .next
                    .contains("`plainsight-auditor acknowledge`"),
                found.can_be_acknowledged(),
                "{rule}"
            );
        }
    }
}
