//! `policy show`, `policy check` and `policy accept`.

use std::path::PathBuf;

use plainsight_specs::policy::Fewest;
use plainsight_specs::time::Timestamp;
use serde_json::{Value, json};

use super::{Report, plain};
use crate::failure::Verdict;
use crate::home::policies::PolicyChange;
use crate::weigh::{Party, Seat, Warning, Weighed};

/// A policy, drawn and weighed.
#[derive(Debug)]
pub struct PolicyShown {
    /// The file.
    pub path: PathBuf,
    /// Since when it is pinned.
    pub since: Timestamp,
    /// The policy.
    pub weighed: Weighed,
    /// Parties that the reader asks about, each with the word for what is supposed of it.
    pub suppose: Vec<(Supposition, Party)>,
}

/// What is supposed of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supposition {
    /// A jurisdiction compels everybody under its law.
    Compelled,
    /// An organisation lies.
    Lies,
}

/// The warnings about a policy.
#[derive(Debug)]
pub struct PolicyChecked {
    /// The file.
    pub path: PathBuf,
    /// The policy.
    pub weighed: Weighed,
}

/// A changed policy that a person has accepted.
#[derive(Debug)]
pub struct PolicyAccepted {
    /// The file.
    pub path: PathBuf,
    /// What changed; `None` if nothing did.
    pub change: Option<PolicyChange>,
    /// The policy that is relied on now.
    pub weighed: Weighed,
}

impl Report for PolicyShown {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let weighed = &self.weighed;
        let mut lines = vec![format!(
            "POLICY: {}, pinned since {}.",
            plain(&self.path.display().to_string()),
            self.since
        )];
        match &weighed.quorum {
            None => lines.push("quorum none: nobody has to vouch for anything".into()),
            Some(quorum) => draw(quorum, "", "", &mut lines),
        }
        lines.extend(worth_lines(weighed));
        if self.suppose.is_empty() {
            let all = weighed.jurisdictions.iter();
            let jurisdictions = all.map(|party| (Supposition::Compelled, party));
            let all = weighed.organisations.iter();
            let organisations = all.map(|party| (Supposition::Lies, party));
            let suppose = jurisdictions.chain(organisations);
            lines.extend(suppose.map(|(word, party)| what_if(word, party)));
        } else {
            let suppose = self.suppose.iter();
            lines.extend(suppose.map(|(word, party)| what_if(*word, party)));
        }
        if !weighed.warnings.is_empty() {
            lines.push(match weighed.warnings.len() {
                1 => "There is 1 warning: plainsight policy check".into(),
                many => format!("There are {many} warnings: plainsight policy check"),
            });
        }
        lines
    }

    fn json(&self) -> Value {
        let mut json = weighed_json(&self.weighed);
        if let Some(members) = json.as_object_mut() {
            members.insert("verdict".into(), json!(self.verdict().as_str()));
            members.insert("policy".into(), json!(self.path.display().to_string()));
            members.insert("pinned_since".into(), json!(self.since.to_string()));
            let quorum = self.weighed.quorum.as_ref().map(seat_json);
            members.insert("quorum".into(), json!(quorum));
            let suppose = self.suppose.iter();
            let suppose: Vec<_> = suppose
                .map(
                    |(word, party)| json!({ "suppose": word.as_str(), "party": party_json(party) }),
                )
                .collect();
            members.insert("suppose".into(), json!(suppose));
        }
        json
    }
}

impl Supposition {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compelled => "compelled",
            Self::Lies => "lies",
        }
    }
}

impl Report for PolicyChecked {
    fn verdict(&self) -> Verdict {
        if self.weighed.warnings.is_empty() {
            Verdict::Verified
        } else {
            Verdict::Refuted
        }
    }

    fn lines(&self) -> Vec<String> {
        let path = plain(&self.path.display().to_string());
        let warnings = &self.weighed.warnings;
        let mut lines = match warnings.len() {
            0 => vec![format!("VERIFIED: nothing is odd about {path}.")],
            1 => vec![format!("WARNING: one thing is odd about {path}.")],
            many => vec![format!("WARNING: {many} things are odd about {path}.")],
        };
        lines.extend(
            warnings
                .iter()
                .map(|warning| format!("- {}", warning_words(warning))),
        );
        lines.extend(worth_lines(&self.weighed));
        lines
    }

    fn json(&self) -> Value {
        let mut json = weighed_json(&self.weighed);
        if let Some(members) = json.as_object_mut() {
            members.insert("verdict".into(), json!(self.verdict().as_str()));
            members.insert("policy".into(), json!(self.path.display().to_string()));
        }
        json
    }
}

impl Report for PolicyAccepted {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let path = plain(&self.path.display().to_string());
        let mut lines = match &self.change {
            None => vec![format!(
                "ACCEPTED: {path} says what was pinned; nothing changed."
            )],
            Some(_) => vec![format!("ACCEPTED: {path} is pinned now, by your word.")],
        };
        lines.extend(self.change.iter().flat_map(change_lines));
        lines.extend(worth_lines(&self.weighed));
        lines
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "policy": self.path.display().to_string(),
            "change": self.change.as_ref().map(change_json),
        })
    }
}

/// The lines of a policy that went and came.
pub(crate) fn change_lines(change: &PolicyChange) -> Vec<String> {
    let removed = change
        .removed
        .iter()
        .map(|line| format!("- {}", plain(line)));
    let added = change.added.iter().map(|line| format!("+ {}", plain(line)));
    removed.chain(added).collect()
}

pub(crate) fn change_json(change: &PolicyChange) -> Value {
    json!({
        "pinned_since": change.since.to_string(),
        "removed": change.removed,
        "added": change.added,
    })
}

fn draw(seat: &Seat, first: &str, rest: &str, lines: &mut Vec<String>) {
    match seat {
        Seat::Auditor {
            name,
            organisation,
            jurisdiction,
            verifiable,
        } => {
            let notes: Vec<_> = [organisation, jurisdiction].into_iter().flatten().collect();
            let notes: Vec<_> = notes.into_iter().map(|note| plain(note)).collect();
            let notes = if notes.is_empty() {
                "nothing noted about it".into()
            } else {
                notes.join(", ")
            };
            let key = if *verifiable {
                ""
            } else {
                "; its key cannot be verified by this program and counts as silent"
            };
            lines.push(format!("{first}{name} ({notes}){key}"));
        }
        Seat::Group {
            name,
            threshold,
            members,
        } => {
            lines.push(format!("{first}{name}: {threshold} of {}", members.len()));
            for (place, member) in members.iter().enumerate() {
                let (branch, below) = if place + 1 == members.len() {
                    ("└─ ", "   ")
                } else {
                    ("├─ ", "│  ")
                };
                draw(
                    member,
                    &format!("{rest}{branch}"),
                    &format!("{rest}{below}"),
                    lines,
                );
            }
        }
    }
}

fn auditors(count: usize) -> String {
    match count {
        1 => "1 auditor".into(),
        many => format!("{many} auditors"),
    }
}

fn worth_lines(weighed: &Weighed) -> Vec<String> {
    let (Some(forge), Some(split), true) =
        (weighed.to_forge, weighed.to_split, weighed.quorum.is_some())
    else {
        return Vec::new();
    };
    let withstands = weighed.withstands().unwrap_or_default();
    let mut lines = vec![format!(
        "It withstands {} of {}: two histories take {split}, and a history that no \
         honest auditor has seen takes {forge}.",
        match withstands {
            0 => "no lying auditor".into(),
            1 => "1 lying auditor".into(),
            some => format!("{some} lying auditors"),
        },
        weighed.auditors
    )];
    let fewest = |fewest: &Fewest, parties: &[Party], what: &str| {
        let Fewest::Parties(places) = fewest else {
            return None;
        };
        let chosen = places.iter().filter_map(|place| parties.get(*place));
        let names: Vec<_> = chosen.map(party_name).collect();
        (!names.is_empty()).then(|| {
            format!(
                "Fewest {what} that can show two histories: {}.",
                names.join(" and ")
            )
        })
    };
    let organisations = &weighed.organisations;
    lines.extend(fewest(
        &weighed.organisations_to_split,
        organisations,
        "organisations",
    ));
    let jurisdictions = &weighed.jurisdictions;
    lines.extend(fewest(
        &weighed.jurisdictions_to_split,
        jurisdictions,
        "jurisdictions",
    ));
    lines
}

fn party_name(party: &Party) -> String {
    match &party.name {
        Some(name) => plain(name),
        None => format!(
            "those of which nothing is noted ({})",
            party.auditors.join(", ")
        ),
    }
}

fn what_if(supposition: Supposition, party: &Party) -> String {
    let count = auditors(party.auditors.len());
    let unnoted = party.auditors.join(", ");
    let supposed = match (supposition, party.name.as_deref().map(plain)) {
        (Supposition::Compelled, Some(name)) => format!("If {name} compels {count}"),
        (Supposition::Lies, Some(name)) => format!("If {name} lies ({count})"),
        (Supposition::Compelled, None) => format!(
            "If one law rules {unnoted}, whose jurisdiction you have not noted, and compels {count}"
        ),
        (Supposition::Lies, None) => format!(
            "If one organisation runs {unnoted}, whose organisation you have not noted, and lies ({count})"
        ),
    };
    let forge = match party.more_to_forge {
        None => "nothing can be accepted anyway".into(),
        Some(0) => "it can vouch for anything alone".into(),
        Some(more) => format!("it takes {more} more to vouch for what nobody honest has seen"),
    };
    let split = match party.more_to_split {
        None => String::new(),
        Some(0) => ", it can show two histories alone".into(),
        Some(more) => format!(", {more} more to show two histories"),
    };
    let stop = if party.dispensable {
        "; it can stop nothing"
    } else {
        "; it can stop everything by silence"
    };
    format!("{supposed}: {forge}{split}{stop}.")
}

fn warning_words(warning: &Warning) -> String {
    let name = |name: &String| plain(name);
    match warning {
        Warning::NoQuorum => {
            "There is no quorum: nobody vouches for anything, and nothing is fresh.".into()
        }
        Warning::Unsatisfiable => {
            "The quorum cannot be met with the keys that this program verifies.".into()
        }
        Warning::Disjoint => {
            "Two sets of auditors with nobody in common can each meet the quorum: \
             two histories can be shown without a single liar."
                .into()
        }
        Warning::OneLiar => {
            "One auditor that lies is enough, whichever it is, to show you another history than others \
             see: ask for more of them, or for more auditors, such as 3 of 4."
                .into()
        }
        Warning::JurisdictionForges(law) => {
            format!(
                "{} can meet the quorum alone: one order is enough.",
                name(law)
            )
        }
        Warning::JurisdictionSplits(law) => format!(
            "{} can show two histories alone: one order is enough.",
            name(law)
        ),
        Warning::OrganisationForges(who) => format!("{} can meet the quorum alone.", name(who)),
        Warning::OrganisationSplits(who) => {
            format!("{} can show two histories alone.", name(who))
        }
        Warning::JurisdictionBlocks(law) => format!(
            "Without {} the quorum cannot be met: it can stop everything by silence.",
            name(law)
        ),
        Warning::NotNoted(who) => format!(
            "Organisation or jurisdiction of {} are not noted beside the policy.",
            who.join(", ")
        ),
        Warning::NotInPolicy(who) => format!(
            "There are notes about {}, not in the policy: a misspelling?",
            plain(&who.join(", "))
        ),
        Warning::NotComputed => {
            "There are too many parties to try all choices of them; the fewest are not computed."
                .into()
        }
    }
}

fn weighed_json(weighed: &Weighed) -> Value {
    let fewest = |fewest: &Fewest, parties: &[Party]| match fewest {
        Fewest::Parties(places) => {
            let chosen = places.iter().filter_map(|place| parties.get(*place));
            json!(chosen.map(|party| party.name.clone()).collect::<Vec<_>>())
        }
        Fewest::NotEvenAll | Fewest::TooMany => Value::Null,
    };
    let parties = |parties: &[Party]| parties.iter().map(party_json).collect::<Value>();
    let warnings: Vec<_> = weighed.warnings.iter().map(warning_words).collect();
    json!({
        "auditors": weighed.auditors,
        "withstands": weighed.withstands(),
        "to_forge": weighed.to_forge,
        "to_split": weighed.to_split,
        "organisations": parties(&weighed.organisations),
        "jurisdictions": parties(&weighed.jurisdictions),
        "organisations_to_split": fewest(&weighed.organisations_to_split, &weighed.organisations),
        "jurisdictions_to_split": fewest(&weighed.jurisdictions_to_split, &weighed.jurisdictions),
        "warnings": warnings,
    })
}

fn party_json(party: &Party) -> Value {
    json!({
        "name": party.name,
        "auditors": party.auditors,
        "more_to_forge": party.more_to_forge,
        "more_to_split": party.more_to_split,
        "dispensable": party.dispensable,
    })
}

fn seat_json(seat: &Seat) -> Value {
    match seat {
        Seat::Group {
            name,
            threshold,
            members,
        } => json!({
            "group": name,
            "threshold": threshold,
            "members": members.iter().map(seat_json).collect::<Value>(),
        }),
        Seat::Auditor {
            name,
            organisation,
            jurisdiction,
            verifiable,
        } => json!({
            "auditor": name,
            "organisation": organisation,
            "jurisdiction": jurisdiction,
            "verifiable": verifiable,
        }),
    }
}
