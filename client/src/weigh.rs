//! What a policy withstands: how many auditors, organisations or jurisdictions must lie before
//! its quorum says nothing any more, and what is odd about it.
//!
//! The arithmetic over the quorum is in [`plainsight_specs::policy`]; who belongs to whom is the
//! reader's own notes in [`crate::trust`]. Auditors about which nothing is noted count as one party,
//! since they may be one.

use plainsight_specs::policy::{Fewest, Member, Policy, fewest_parties};

use crate::trust::TrustPolicy;

/// A policy, weighed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// The quorum as a tree; `None` for `quorum none`.
    pub quorum: Option<Seat>,
    /// How many auditors stand in the quorum and can cosign.
    pub auditors: usize,
    /// How many auditors must lie to have a head accepted that nobody honest has seen.
    pub to_forge: Option<usize>,
    /// How many must lie to have two heads accepted that contradict each other.
    pub to_split: Option<usize>,
    /// What each organisation could do.
    pub organisations: Vec<Party>,
    /// What each jurisdiction could do.
    pub jurisdictions: Vec<Party>,
    /// The fewest organisations that together can show two histories.
    pub organisations_to_split: Fewest,
    /// The fewest jurisdictions that together can show two histories.
    pub jurisdictions_to_split: Fewest,
    /// What is odd, the worst first.
    pub warnings: Vec<Warning>,
}

/// A group or an auditor in the quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// So many of these.
    Group {
        /// Its name in the policy.
        name: String,
        /// How many members it takes.
        threshold: usize,
        /// Its members.
        members: Vec<Seat>,
    },
    /// An auditor.
    Auditor {
        /// Its name in the policy.
        name: String,
        /// Who runs it, if noted.
        organisation: Option<String>,
        /// Under whose law, if noted.
        jurisdiction: Option<String>,
        /// Whether its cosignatures can be verified by this program.
        verifiable: bool,
    },
}

/// Auditors that answer to the same organisation or law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its name; `None` for the auditors about which nothing is noted.
    pub name: Option<String>,
    /// Its auditors in the quorum, by name.
    pub auditors: Vec<String>,
    /// How many others must lie beside it to have a head accepted that nobody honest has seen;
    /// `Some(0)` if it can do that alone.
    pub more_to_forge: Option<usize>,
    /// How many others must lie beside it to have two histories accepted.
    pub more_to_split: Option<usize>,
    /// Whether the quorum can be met without it. If not, it can stop everything.
    pub dispensable: bool,
}

/// Something odd about a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// `quorum none`: nobody vouches for anything.
    NoQuorum,
    /// The quorum cannot be met.
    Unsatisfiable,
    /// Two sets that each meet the quorum can have nobody in common.
    Disjoint,
    /// One auditor alone can show two histories.
    OneLiar,
    /// A jurisdiction can meet the quorum alone.
    JurisdictionForges(String),
    /// A jurisdiction alone can show two histories.
    JurisdictionSplits(String),
    /// An organisation can meet the quorum alone.
    OrganisationForges(String),
    /// An organisation alone can show two histories.
    OrganisationSplits(String),
    /// Without this jurisdiction the quorum cannot be met.
    JurisdictionBlocks(String),
    /// Nothing is noted about an auditor's organisation or jurisdiction.
    NotNoted(Vec<String>),
    /// Notes about auditors that are not in the policy: a misspelling, perhaps.
    NotInPolicy(Vec<String>),
    /// Too many parties to try all choices of.
    NotComputed,
}

/// Which of the reader's notes makes a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Organisation,
    Jurisdiction,
}

impl Weighed {
    /// Weighs a policy.
    pub fn of(trust: &TrustPolicy) -> Self {
        let policy = trust.policy();
        let counting = counting(policy);
        let organisations = parties(trust, &counting, Note::Organisation);
        let jurisdictions = parties(trust, &counting, Note::Jurisdiction);
        let split = |parties: &[(Party, Vec<usize>)]| {
            let places: Vec<_> = parties.iter().map(|(_, places)| places.clone()).collect();
            fewest_parties(&places, policy.witnesses().len(), |lying| {
                policy.liars_for_a_split_beside(lying) == Some(0)
            })
        };
        let mut weighed = Self {
            quorum: policy.quorum().map(|member| seat(trust, member)),
            auditors: counting.len(),
            to_forge: policy.forgers_beside(&[]),
            to_split: policy.liars_for_a_split(),
            organisations_to_split: split(&organisations),
            jurisdictions_to_split: split(&jurisdictions),
            organisations: organisations.into_iter().map(|(party, _)| party).collect(),
            jurisdictions: jurisdictions.into_iter().map(|(party, _)| party).collect(),
            warnings: Vec::new(),
        };
        weighed.warnings = weighed.odd(trust, &counting);
        weighed
    }

    /// How many lying auditors it withstands, whoever they are: with so many, no two histories are
    /// accepted by readers of this policy.
    pub fn withstands(&self) -> Option<usize> {
        self.to_split.map(|liars| liars.saturating_sub(1))
    }

    /// The party of that name among the jurisdictions.
    pub fn jurisdiction(&self, name: &str) -> Option<&Party> {
        find(&self.jurisdictions, name)
    }

    /// The party of that name among the organisations.
    pub fn organisation(&self, name: &str) -> Option<&Party> {
        find(&self.organisations, name)
    }

    fn odd(&self, trust: &TrustPolicy, counting: &[usize]) -> Vec<Warning> {
        if self.quorum.is_none() {
            return vec![Warning::NoQuorum];
        }
        let mut odd = Vec::new();
        match self.to_split {
            None => odd.push(Warning::Unsatisfiable),
            Some(0) => odd.push(Warning::Disjoint),
            Some(1) => odd.push(Warning::OneLiar),
            Some(_) => {}
        }
        // That one auditor is enough says it of every party already that has only one.
        let implied = |party: &Party| self.to_split == Some(1) && party.auditors.len() == 1;
        for party in &self.jurisdictions {
            let Some(name) = party.name.clone() else {
                continue;
            };
            if party.more_to_forge == Some(0) {
                odd.push(Warning::JurisdictionForges(name.clone()));
            } else if party.more_to_split == Some(0) && self.to_split != Some(0) && !implied(party)
            {
                odd.push(Warning::JurisdictionSplits(name.clone()));
            }
            if !party.dispensable {
                odd.push(Warning::JurisdictionBlocks(name));
            }
        }
        for party in &self.organisations {
            let Some(name) = party.name.clone() else {
                continue;
            };
            if party.more_to_forge == Some(0) {
                odd.push(Warning::OrganisationForges(name));
            } else if party.more_to_split == Some(0) && self.to_split != Some(0) && !implied(party)
            {
                odd.push(Warning::OrganisationSplits(name));
            }
        }
        odd.extend(unnoted(trust, counting));
        let fewest = [&self.organisations_to_split, &self.jurisdictions_to_split];
        if fewest.contains(&&Fewest::TooMany) {
            odd.push(Warning::NotComputed);
        }
        odd
    }
}

fn find<'p>(parties: &'p [Party], name: &str) -> Option<&'p Party> {
    let named = |party: &&Party| {
        let own = party.name.as_deref();
        own.is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    parties.iter().find(named)
}

/// The places of the auditors that stand in the quorum and can cosign.
fn counting(policy: &Policy) -> Vec<usize> {
    let mut found = Vec::new();
    let mut open: Vec<Member> = policy.quorum().into_iter().collect();
    while let Some(member) = open.pop() {
        match member {
            Member::Witness(place) => found.push(place),
            Member::Group(place) => {
                let group = policy.groups().get(place);
                open.extend(group.into_iter().flat_map(|group| group.members.clone()));
            }
        }
    }
    let verifiable = |place: &usize| {
        let witness = policy.witnesses().get(*place);
        witness.is_some_and(|witness| witness.key.ed25519().is_some())
    };
    found.retain(verifiable);
    found.sort_unstable();
    found
}

fn seat(trust: &TrustPolicy, member: Member) -> Seat {
    let policy = trust.policy();
    match member {
        Member::Witness(place) => {
            let witness = policy.witnesses().get(place);
            let note = witness.and_then(|witness| trust.note(witness));
            Seat::Auditor {
                name: witness.map_or_else(String::new, |witness| witness.name.clone()),
                organisation: note.and_then(|note| note.organisation.clone()),
                jurisdiction: note.and_then(|note| note.jurisdiction.clone()),
                verifiable: witness.is_some_and(|witness| witness.key.ed25519().is_some()),
            }
        }
        Member::Group(place) => {
            let group = policy.groups().get(place);
            let members = group.map_or(&[][..], |group| &group.members);
            Seat::Group {
                name: group.map_or_else(String::new, |group| group.name.clone()),
                threshold: group.map_or(0, |group| group.threshold),
                members: members.iter().map(|member| seat(trust, *member)).collect(),
            }
        }
    }
}

/// The parties of the counting auditors, by name, each with the places of its auditors.
fn parties(trust: &TrustPolicy, counting: &[usize], note: Note) -> Vec<(Party, Vec<usize>)> {
    let policy = trust.policy();
    let mut found: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    for place in counting {
        let noted = policy.witnesses().get(*place);
        let noted = noted.and_then(|witness| trust.note(witness));
        let name = noted.and_then(|noted| match note {
            Note::Organisation => noted.organisation.clone(),
            Note::Jurisdiction => noted.jurisdiction.clone(),
        });
        match found.iter_mut().find(|(other, _)| *other == name) {
            Some((_, places)) => places.push(*place),
            None => found.push((name, vec![*place])),
        }
    }
    found.sort();
    let weighed = found.into_iter().map(|(name, places)| {
        let flags = |inside: bool| -> Vec<bool> {
            (0..policy.witnesses().len())
                .map(|place| places.contains(&place) == inside)
                .collect()
        };
        let (lying, others) = (flags(true), flags(false));
        let named = |place: &usize| {
            let witness = policy.witnesses().get(*place);
            witness.map(|witness| witness.name.clone())
        };
        let party = Party {
            name,
            auditors: places.iter().filter_map(named).collect(),
            more_to_forge: policy.forgers_beside(&lying),
            more_to_split: policy.liars_for_a_split_beside(&lying),
            dispensable: policy.satisfied_by(&others),
        };
        (party, places)
    });
    weighed.collect()
}

fn unnoted(trust: &TrustPolicy, counting: &[usize]) -> Vec<Warning> {
    let witnesses = trust.policy().witnesses();
    let blank = counting
        .iter()
        .filter_map(|place| witnesses.get(*place))
        .filter(|witness| {
            let note = trust.note(witness);
            note.is_none_or(|note| note.organisation.is_none() || note.jurisdiction.is_none())
        });
    let blank: Vec<_> = blank.map(|witness| witness.name.clone()).collect();
    let strange = trust
        .annotations()
        .auditors
        .iter()
        .filter(|auditor| !witnesses.iter().any(|witness| auditor.is_about(witness)));
    let strange: Vec<_> = strange.map(|auditor| auditor.name.clone()).collect();
    let mut odd = Vec::new();
    if !blank.is_empty() {
        odd.push(Warning::NotNoted(blank));
    }
    if !strange.is_empty() {
        odd.push(Warning::NotInPolicy(strange));
    }
    odd
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use plainsight_specs::ed25519::SecretKey;
    use plainsight_specs::note::{Algorithm, KeyName, VerifierKey};

    use super::*;

    /// Auditors, each with organisation and jurisdiction in the reader's notes, and a quorum.
    fn weighed(auditors: &[(&str, &str)], quorum: &str) -> Weighed {
        let (mut policy, mut notes) = (String::new(), String::new());
        for (n, (organisation, jurisdiction)) in auditors.iter().enumerate() {
            let secret = SecretKey::from_seed(&[u8::try_from(n).unwrap() + 1; 32]);
            let name = KeyName::parse(&format!("a{n}.example")).unwrap();
            let key = VerifierKey::new(name, Algorithm::CosignatureV1, secret.public()).unwrap();
            writeln!(policy, "witness a{n} {key}").unwrap();
            if !organisation.is_empty() {
                writeln!(
                    notes,
                    "[[auditor]]\nname = \"a{n}\"\norganisation = \"{organisation}\"\njurisdiction = \"{jurisdiction}\""
                )
                .unwrap();
            }
        }
        policy.push_str(quorum);
        Weighed::of(&TrustPolicy::parse(&policy, Some(&notes)).unwrap())
    }

    #[test]
    fn two_of_three_under_three_laws_withstands_no_liar() {
        let weighed = weighed(
            &[("Uni", "CH"), ("Paper", "DE"), ("Fund", "IS")],
            "group g 2 a0 a1 a2\nquorum g\n",
        );
        assert_eq!((weighed.to_forge, weighed.to_split), (Some(2), Some(1)));
        assert_eq!(weighed.withstands(), Some(0));
        assert_eq!(weighed.warnings[0], Warning::OneLiar);
        let swiss = weighed.jurisdiction("ch").unwrap();
        assert_eq!(
            (swiss.more_to_forge, swiss.more_to_split),
            (Some(1), Some(0))
        );
        assert!(swiss.dispensable);
    }

    #[test]
    fn two_groups_of_three_withstand_one_liar_but_not_one_law() {
        let auditors = [
            ("A", "DE"),
            ("B", "DE"),
            ("C", "DE"),
            ("D", "CH"),
            ("E", "CH"),
            ("E", "CH"),
        ];
        let weighed = weighed(
            &auditors,
            "group de 2 a0 a1 a2\ngroup ch 2 a3 a4 a5\ngroup both all de ch\nquorum both\n",
        );
        assert_eq!(weighed.withstands(), Some(1));
        assert_eq!(weighed.jurisdictions_to_split, Fewest::Parties(vec![0, 1]));
        assert_eq!(weighed.organisations_to_split, Fewest::Parties(vec![0, 3]));
        assert_eq!(
            weighed.warnings,
            [
                Warning::JurisdictionBlocks("CH".into()),
                Warning::JurisdictionBlocks("DE".into())
            ]
        );
        let organisation = weighed.organisation("E").unwrap();
        assert_eq!(organisation.auditors, ["a4", "a5"]);
        assert_eq!(organisation.more_to_forge, Some(2));
        assert!(!organisation.dispensable);
    }

    #[test]
    fn what_is_odd_is_named() {
        let one_law = weighed(
            &[("A", "DE"), ("B", "DE"), ("", "")],
            "group g 2 a0 a1 a2\nquorum g\n",
        );
        assert!(
            one_law
                .warnings
                .contains(&Warning::JurisdictionForges("DE".into()))
        );
        assert!(
            one_law
                .warnings
                .contains(&Warning::NotNoted(vec!["a2".into()]))
        );
        let any = weighed(&[("A", "DE"), ("B", "CH")], "group g any a0 a1\nquorum g\n");
        assert_eq!(any.warnings[0], Warning::Disjoint);
        let none = weighed(&[("A", "DE")], "quorum none\n");
        assert_eq!(none.warnings, [Warning::NoQuorum]);
        assert!(none.quorum.is_none());
    }
}
