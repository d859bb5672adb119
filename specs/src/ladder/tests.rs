use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::label::Version;

/// Climbs over a set of present numbers: the look-ups with their answers, and the result.
fn climb(present: &BTreeSet<u32>) -> (Vec<(u32, bool)>, Option<u32>) {
    let mut ladder = Ladder::new();
    let mut looked = Vec::new();
    loop {
        match ladder.next() {
            LadderStep::Found(latest) => return (looked, latest),
            LadderStep::Look(rung) => {
                looked.push((rung, present.contains(&rung)));
                ladder.answer(present.contains(&rung));
            }
        }
    }
}

/// The look-ups of the ladder whose answer is `latest`.
fn results(latest: Option<u32>) -> Vec<(u32, bool)> {
    rungs_for(latest)
        .into_iter()
        .map(|rung| (rung, Some(rung) <= latest))
        .collect()
}

/// The binary ladder of KEYTRANS, appendix B: each rung up to the first absent one, then halves.
fn keytrans(n: u64) -> Vec<u32> {
    let mut rungs: Vec<u64> = vec![0];
    while rungs[rungs.len() - 1] <= n {
        rungs.push((1 << rungs.len()) - 1);
    }
    if let [.., low, high] = rungs[..] {
        let (mut low, mut high) = (low, high);
        while low + 1 < high {
            let middle = u64::midpoint(low, high);
            rungs.push(middle);
            if middle <= n {
                low = middle;
            } else {
                high = middle;
            }
        }
    }
    rungs.into_iter().flat_map(u32::try_from).collect()
}

/// Numbers near the edges, and the number of rungs that the formula gives them.
fn edges() -> Vec<u32> {
    let mut edges: Vec<u32> = (0..40).collect();
    for k in 5..32 {
        let power = 1u32 << k;
        edges.extend([power - 2, power - 1, power, power + 1, power + power / 2]);
    }
    edges.extend([u32::MAX - 2, u32::MAX - 1]);
    edges
}

#[test]
fn rungs_of_the_first_eleven_versions() {
    let table: [(Option<u32>, &[u32], &[u32]); 12] = [
        (None, &[0], &[0]),
        (Some(0), &[0, 1], &[1]),
        (Some(1), &[0, 1, 3, 2], &[3, 2]),
        (Some(2), &[0, 1, 3, 2], &[3]),
        (Some(3), &[0, 1, 3, 7, 5, 4], &[7, 5, 4]),
        (Some(4), &[0, 1, 3, 7, 5, 4], &[7, 5]),
        (Some(5), &[0, 1, 3, 7, 5, 6], &[7, 6]),
        (Some(6), &[0, 1, 3, 7, 5, 6], &[7]),
        (Some(7), &[0, 1, 3, 7, 15, 11, 9, 8], &[15, 11, 9, 8]),
        (Some(8), &[0, 1, 3, 7, 15, 11, 9, 8], &[15, 11, 9]),
        (Some(9), &[0, 1, 3, 7, 15, 11, 9, 10], &[15, 11, 10]),
        (Some(10), &[0, 1, 3, 7, 15, 11, 9, 10], &[15, 11]),
    ];
    for (latest, rungs, absent) in table {
        assert_eq!(rungs_for(latest), rungs, "{latest:?}");
        if let Some(latest) = latest {
            assert_eq!(absent_rungs(latest), absent, "{latest}");
        }
        assert_eq!(verify(&results(latest)), Ok(latest));
    }
}

#[test]
fn agrees_with_the_ladder_of_keytrans() {
    for n in edges().into_iter().chain([u32::MAX]) {
        assert_eq!(rungs_for(Some(n)), keytrans(n.into()), "{n}");
    }
    for n in 0..2000 {
        assert_eq!(rungs_for(Some(n)), keytrans(n.into()), "{n}");
    }
}

#[test]
fn length_is_twice_the_logarithm() {
    for n in edges() {
        let logarithm = (u64::from(n) + 1).ilog2() as usize;
        assert_eq!(rungs_for(Some(n)).len(), 2 * logarithm + 2, "{n}");
    }
    assert_eq!(rungs_for::<u32>(None).len(), 1);
}

#[test]
fn numbers_from_2_to_the_32_are_absent_without_a_look_up() {
    let rungs = rungs_for(Some(u32::MAX));
    let powers: Vec<u32> = (0..=32u32)
        .map(|k| u32::try_from((1u64 << k) - 1).unwrap())
        .collect();
    assert_eq!(rungs, powers);
    assert!(absent_rungs(u32::MAX).is_empty());
    assert_eq!(verify(&results(Some(u32::MAX))), Ok(Some(u32::MAX)));
    assert_eq!(
        verify(&[results(Some(u32::MAX)), vec![(0, true)]].concat()),
        Err(LadderError::SurplusRung { found: 0 })
    );

    let half = rungs_for(Some(1 << 31));
    assert_eq!(half.len(), 64);
    assert_eq!(
        half[31..35],
        [(1 << 31) - 1, u32::MAX, 3_221_225_471, 2_684_354_559]
    );
    assert_eq!(verify(&results(Some(1 << 31))), Ok(Some(1 << 31)));
    assert_eq!(absent_rungs(u32::MAX - 1), [u32::MAX]);
}

#[test]
fn serves_newtypes() {
    let rungs: Vec<Version> = rungs_for(Some(Version::FIRST));
    assert_eq!(rungs, [Version::FIRST, Version::new(1)]);
    assert_eq!(
        verify(&[(Version::FIRST, true), (Version::new(1), false)]),
        Ok(Some(Version::FIRST))
    );
    assert_eq!(verify(&[(Version::FIRST, false)]), Ok(None));
}

#[test]
fn refuses_a_rung_less() {
    assert_eq!(
        verify::<u32>(&[]),
        Err(LadderError::MissingRung { expected: 0 })
    );
    for latest in (0..200).map(Some).chain([None]) {
        let whole = results(latest);
        for length in 0..whole.len() {
            assert_eq!(
                verify(&whole[..length]),
                Err(LadderError::MissingRung {
                    expected: whole[length].0
                })
            );
        }
    }
}

#[test]
fn refuses_a_rung_more() {
    for latest in (0..200).map(Some).chain([None]) {
        for found in 0..20 {
            for present in [false, true] {
                let long = [results(latest), vec![(found, present)]].concat();
                assert_eq!(verify(&long), Err(LadderError::SurplusRung { found }));
            }
        }
    }
}

#[test]
fn refuses_rungs_out_of_order_left_out_or_twice() {
    for latest in (1..100).map(Some) {
        let whole = results(latest);
        for at in 0..whole.len() {
            let mut without = whole.clone();
            without.remove(at);
            assert!(verify(&without).is_err(), "{latest:?} without {at}");
            let mut twice = whole.clone();
            twice.insert(at, whole[at]);
            assert!(verify(&twice).is_err(), "{latest:?} twice {at}");
            for other in 0..at {
                let mut swapped = whole.clone();
                swapped.swap(at, other);
                assert!(verify(&swapped).is_err(), "{latest:?} swap {at} {other}");
            }
        }
    }
    assert_eq!(
        verify(&[(1u32, true), (0, true)]),
        Err(LadderError::WrongRung {
            expected: 0,
            found: 1
        })
    );
}

#[test]
fn an_answer_changed_changes_the_result_or_is_refused() {
    for latest in (0..200).map(Some) {
        let whole = results(latest);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at].1 = !changed[at].1;
            assert_ne!(verify(&changed), Ok(latest), "{latest:?} {at}");
        }
    }
}

#[test]
fn a_finished_ladder_takes_no_answer() {
    let mut ladder = Ladder::<u32>::default();
    ladder.answer(false);
    assert_eq!(ladder.next(), LadderStep::Found(None));
    ladder.answer(true);
    assert_eq!(ladder.next(), LadderStep::Found(None));
}

/// Watching the absent rungs of `n` alone misses a version planted for the next rotation.
#[test]
fn a_planted_version_surfaces_unless_both_rung_sets_are_watched() {
    assert_eq!(absent_rungs(0u32), [1]);
    assert_eq!(climb(&BTreeSet::from([0, 3])).1, Some(0));
    assert_eq!(climb(&BTreeSet::from([0, 1, 3])).1, Some(3));
    assert_eq!(watched_rungs(0u32), [1, 2, 3]);
    for n in 0..60u32 {
        let watched = watched_rungs(n);
        for planted in (n + 2..200).filter(|planted| !watched.contains(planted)) {
            let mut present: BTreeSet<u32> = (0..=n).collect();
            present.insert(planted);
            assert_eq!(climb(&present).1, Some(n), "{n} {planted}");
            present.insert(n + 1);
            assert_eq!(climb(&present).1, Some(n + 1), "{n} {planted}");
        }
    }
}

#[test]
fn watched_rungs_lie_above_and_ascend() {
    for n in edges() {
        let watched = watched_rungs(n);
        assert!(watched.is_sorted_by(|a, b| a < b));
        assert!(watched.iter().all(|rung| *rung > n));
    }
    assert_eq!(watched_rungs(u32::MAX - 1), [u32::MAX]);
    assert!(watched_rungs(u32::MAX).is_empty());
}

#[test]
fn a_bad_ladder_is_no_evidence() {
    let error = verify::<u32>(&[]).unwrap_err();
    assert_eq!(error.blame(), Blame::Unproven);
}

fn numbers() -> impl Strategy<Value = BTreeSet<u32>> {
    let number = prop_oneof![
        0..40u32,
        any::<u32>(),
        u32::MAX - 3..=u32::MAX,
        (0..=32u32).prop_map(|k| u32::try_from((1u64 << k) - 1).unwrap())
    ];
    prop::collection::btree_set(number, 0..50)
}

proptest! {
    #[test]
    fn any_set_has_one_answer_that_is_itself_present(present in numbers()) {
        let (looked, latest) = climb(&present);
        match latest {
            Some(latest) => prop_assert!(present.contains(&latest)),
            None => prop_assert!(!present.contains(&0)),
        }
        prop_assert_eq!(verify(&looked), Ok(latest));
        let rungs: Vec<u32> = looked.iter().map(|(rung, _)| *rung).collect();
        prop_assert_eq!(rungs, rungs_for(latest));
    }

    #[test]
    fn inserting_a_number_never_lowers_the_answer(present in numbers(), more in numbers()) {
        let before = climb(&present).1;
        let after = climb(&present.union(&more).copied().collect()).1;
        prop_assert!(before <= after);
    }

    #[test]
    fn dense_numbers_answer_with_the_largest(n: u32) {
        prop_assert_eq!(verify(&results(Some(n))), Ok(Some(n)));
        prop_assert_eq!(rungs_for(Some(n)), keytrans(n.into()));
    }

    #[test]
    fn the_answer_stays_while_its_absent_rungs_stay_absent(n in 0..5000u32, more in numbers()) {
        let absent = absent_rungs(n);
        let mut present: BTreeSet<u32> = (0..=n).collect();
        present.extend(more.into_iter().filter(|number| !absent.contains(number)));
        prop_assert_eq!(climb(&present).1, Some(n));
    }
}
