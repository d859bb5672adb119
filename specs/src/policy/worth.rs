//! What a quorum is worth when some of its witnesses are known to lie, one by one or all that
//! answer to the same organisation or the same law.

use super::{Group, Policy};

/// How many parties [`fewest_parties`] tries all choices of: 2^20 of them.
pub const MAX_PARTIES: usize = 20;

/// The smallest choice of parties for which something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fewest {
    /// These, by their places; no smaller choice does.
    Parties(Vec<usize>),
    /// Not even all of them together.
    NotEvenAll,
    /// More than [`MAX_PARTIES`]: not computed.
    TooMany,
}

impl Policy {
    /// Whether the witnesses with `true` at their places satisfy the quorum. With `quorum none`
    /// nobody has to.
    pub fn satisfied_by(&self, cosigning: &[bool]) -> bool {
        self.forgers_beside(cosigning) == Some(0)
    }

    /// How many witnesses beside those that lie anyway (`true` at their places) must cosign, so
    /// that a head which nobody honest has seen satisfies the quorum. `None` if the quorum cannot
    /// be satisfied at all.
    ///
    /// Exact for any policy, since groups are trees: a group costs its `k` cheapest members.
    pub fn forgers_beside(&self, lying: &[bool]) -> Option<usize> {
        self.cost(lying, |group, costs| costs.len().min(group.threshold))
    }

    /// How many witnesses beside those that lie anyway must cosign two heads that contradict each
    /// other, so that each satisfies the quorum. `None` if the quorum cannot be satisfied at all.
    /// With nobody lying anyway it is [`Policy::liars_for_a_split`].
    pub fn liars_for_a_split_beside(&self, lying: &[bool]) -> Option<usize> {
        self.cost(lying, |group, costs| {
            (2 * group.threshold).saturating_sub(costs.len())
        })
    }

    /// The cost of the quorum, where a witness costs 1 and one that lies anyway nothing, and a
    /// group as many of its cheapest members as `taken` says of it and of all their costs.
    fn cost(&self, lying: &[bool], taken: impl Fn(&Group, &[usize]) -> usize) -> Option<usize> {
        let Some(quorum) = self.quorum() else {
            return Some(0);
        };
        let witnesses: Vec<Option<usize>> = self
            .witnesses()
            .iter()
            .enumerate()
            .map(|(place, witness)| {
                let lies = lying.get(place).copied().unwrap_or(false);
                witness.key.ed25519().map(|_| usize::from(!lies))
            })
            .collect();
        let groups = self.fold_groups(&witnesses, |group, members| {
            let mut costs: Vec<usize> = members.iter().filter_map(|cost| **cost).collect();
            if costs.len() < group.threshold {
                return None;
            }
            costs.sort_unstable();
            Some(costs.iter().take(taken(group, &costs)).sum())
        });
        super::quorum::value_of(quorum, &witnesses, &groups)
            .copied()
            .flatten()
    }
}

/// The fewest of these parties, each given by the places of its witnesses, that make `holds` true
/// of the witnesses they have together, of `witnesses` in all. All choices of one party are tried,
/// then all of two, and so on; so `holds` must stay true when witnesses are added.
pub fn fewest_parties(
    parties: &[Vec<usize>],
    witnesses: usize,
    holds: impl Fn(&[bool]) -> bool,
) -> Fewest {
    if parties.len() > MAX_PARTIES {
        return Fewest::TooMany;
    }
    let together = |chosen: u32| {
        let mut have = vec![false; witnesses];
        let members = parties.iter().enumerate();
        let chosen = members.filter(|(place, _)| chosen >> place & 1 == 1);
        for place in chosen.flat_map(|(_, party)| party) {
            if let Some(have) = have.get_mut(*place) {
                *have = true;
            }
        }
        have
    };
    let all: u32 = (1 << parties.len()) - 1;
    if !holds(&together(all)) {
        return Fewest::NotEvenAll;
    }
    let found = (0..=all.count_ones())
        .flat_map(|size| (0..=all).filter(move |chosen| chosen.count_ones() == size))
        .find(|chosen| holds(&together(*chosen)))
        .unwrap_or(all);
    let places = (0..parties.len()).filter(|place| found >> place & 1 == 1);
    Fewest::Parties(places.collect())
}
