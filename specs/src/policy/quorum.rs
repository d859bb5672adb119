//! What satisfies a quorum, and what it would take to satisfy it twice.

use super::{Group, Member, Policy};

impl Policy {
    /// Whether the witnesses for whose names `signed` holds satisfy the quorum. With `quorum
    /// none` nobody has to.
    pub fn satisfied(&self, signed: impl Fn(&str) -> bool) -> bool {
        let Some(quorum) = self.quorum() else {
            return true;
        };
        let witnesses: Vec<bool> = self
            .witnesses()
            .iter()
            .map(|witness| signed(&witness.name))
            .collect();
        // SPEC(POL-13): a group's members stand before it, so one pass is enough.
        let groups = self.fold_groups(&witnesses, |group, members| {
            members.iter().filter(|member| ***member).count() >= group.threshold
        });
        value_of(quorum, &witnesses, &groups).is_some_and(|satisfied| *satisfied)
    }

    /// How many witnesses must lie, by cosigning both, so that two heads that contradict each
    /// other each satisfy the quorum: `2k - n` for a k-of-n, or 0 if none need. `None` if the
    /// quorum cannot be satisfied at all, since it needs keys that cannot be verified here.
    ///
    /// Exact for any policy: a witness is member of one group at most, so groups are a tree. A
    /// group of `n` members that can be satisfied, each for one head for nothing, is satisfied
    /// for both once `2k - n` of them are satisfied for both; the cheapest are taken.
    pub fn liars_for_a_split(&self) -> Option<usize> {
        self.liars_for_a_split_beside(&[])
    }

    /// A value for each group, from those of its members, in the order of the file.
    pub(super) fn fold_groups<T>(
        &self,
        witnesses: &[T],
        value: impl Fn(&Group, &[&T]) -> T,
    ) -> Vec<T> {
        let mut groups: Vec<T> = Vec::new();
        for group in self.groups() {
            let members: Vec<&T> = group
                .members
                .iter()
                .filter_map(|member| value_of(*member, witnesses, &groups))
                .collect();
            let found = value(group, &members);
            groups.push(found);
        }
        groups
    }
}

pub(super) fn value_of<'v, T>(
    member: Member,
    witnesses: &'v [T],
    groups: &'v [T],
) -> Option<&'v T> {
    match member {
        Member::Witness(place) => witnesses.get(place),
        Member::Group(place) => groups.get(place),
    }
}
