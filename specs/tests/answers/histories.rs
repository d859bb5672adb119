//! Histories.

use super::*;

fn history(log: &TinyLog, from: u32, latest: u32, listed: &[u32]) -> HistoryAnswer {
    let mut lookup = log.lookup(&alice(), Some(latest), None);
    let mut keys: Vec<IndexKey> = ladder::rungs_for(Some(Version::new(latest)))
        .into_iter()
        .map(|version: Version| log.index_of(&alice(), version.get()))
        .collect();
    keys.extend(
        listed
            .iter()
            .map(|version| log.index_of(&alice(), *version)),
    );
    lookup.index = log.replay.index().prove(&keys);
    assert!(from <= latest);
    let versions = listed
        .iter()
        .map(|version| {
            let position = log.position_of(&log.index_of(&alice(), *version));
            let version = Version::new(*version);
            let (opening, key_set) = log.opening(&alice(), version);
            VersionAnswer {
                version,
                vrf: log.vrf.prove(&alice().vrf_input(version)).0,
                entry: log.entries[position].clone(),
                opening: Some(opening),
                key_set: Some(key_set),
                position: LeafIndex::new(position as u64).unwrap(),
                inclusion: log.inclusion(position),
            }
        })
        .collect();
    HistoryAnswer { lookup, versions }
}

fn verify_history(
    log: &TinyLog,
    answer: &HistoryAnswer,
    from: u32,
) -> Result<plainsight_specs::history::History, LookupError> {
    let (policy, genesis) = (log.policy(), log.genesis());
    let request = HistoryRequest {
        label: alice(),
        from: Version::new(from),
        since: None,
    };
    assert_eq!(HistoryRequest::parse(&request.to_json()).unwrap(), request);
    let answer = HistoryAnswer::parse(&answer.to_json())?;
    answer.verify(&trust(&policy, &genesis, None), &request)
}

#[test]
fn an_honest_history_opens_every_version() {
    let log = with_alice();
    let history = verify_history(&log, &history(&log, 0, 2, &[0, 1, 2]), 0).unwrap();
    assert_eq!(history.latest(), Some(Version::new(2)));
    assert_eq!(history.versions().len(), 3);
    assert!(
        history
            .versions()
            .iter()
            .all(|version| version.key_set.is_some())
    );
    assert_eq!(history.holes(), []);
}

#[test]
fn a_version_that_is_not_listed_is_a_hole() {
    // SPEC(HISTORY-3)
    let log = with_alice();
    let history = verify_history(&log, &history(&log, 0, 2, &[0, 2]), 0).unwrap();
    assert_eq!(history.holes(), [Version::new(1)]);
}

#[test]
fn a_withheld_opening_leaves_the_version_unread() {
    let log = with_alice();
    let mut answer = history(&log, 1, 2, &[1, 2]);
    answer.versions[0].opening = None;
    let history = verify_history(&log, &answer, 1).unwrap();
    assert!(history.versions()[0].key_set.is_none());
    assert!(history.versions()[1].key_set.is_some());
}

#[test]
fn a_decoy_at_another_index_proves_nothing() {
    // SPEC(HISTORY-1)
    let mut log = with_alice();
    let harmless = key_set(&alice(), 1, 40);
    log.push_key_set_at(IndexKey::private(sha256(b"decoy")), &alice(), 1, harmless);
    let decoy = log.entries.len() - 1;
    log.epoch();
    let mut answer = history(&log, 0, 2, &[0, 1, 2]);
    answer.versions[1].entry = log.entries[decoy].clone();
    answer.versions[1].position = LeafIndex::new(decoy as u64).unwrap();
    answer.versions[1].inclusion = log.inclusion(decoy);
    let error = verify_history(&log, &answer, 0).unwrap_err();
    assert_eq!(
        error,
        LookupError::Decoy {
            version: Version::new(1)
        }
    );
}

#[test]
fn versions_out_of_place_are_refused() {
    let log = with_alice();
    for (from, listed) in [
        (1, vec![0, 1, 2]),
        (0, vec![1, 0, 2]),
        (0, vec![0, 0, 1, 2]),
    ] {
        let answer = history(&log, 0, 2, &listed);
        let error = verify_history(&log, &answer, from).unwrap_err();
        assert!(
            matches!(error, LookupError::VersionOrder { .. }),
            "{listed:?}"
        );
    }
    // SPEC(HISTORY-2)
    let mut answer = history(&log, 0, 2, &[0, 1, 2]);
    answer.versions[1].position = LeafIndex::new(1).unwrap();
    assert_eq!(
        verify_history(&log, &answer, 0).unwrap_err().step(),
        Step::Logged
    );
}
