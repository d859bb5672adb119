//! Offline bundles.

use super::streams::{held, version, with_releases};
use super::*;

fn bundle(log: &TinyLog, of: &str, latest: Option<Seq>) -> UnverifiedBundle {
    let stream = product().stream();
    let entry = held(log, &stream.version_index(&version(of))).unwrap();
    let plainsight_specs::entry::Entry::Statement(statement) =
        plainsight_specs::entry::Entry::parse(&entry).unwrap()
    else {
        panic!("a statement")
    };
    let mut keys = searched(statement.statement()).unwrap();
    let rungs = latest
        .map(|latest| ladder::rungs_for(Some(latest)))
        .unwrap_or_default();
    keys.extend(rungs.into_iter().map(|seq| stream.seq_index(seq)));
    let head = log.head_block(None);
    let proof = TlogProof {
        extra: None,
        index: log.size().last().unwrap(),
        inclusion: head.epoch_proof.clone(),
        checkpoint: plainsight_specs::checkpoint::UnverifiedCheckpoint::parse(&head.checkpoint)
            .unwrap(),
    };
    UnverifiedBundle::new(proof, head.epoch, entry, log.replay.index().prove(&keys))
}

#[test]
fn a_bundle_verifies_without_a_network() {
    let log = with_releases();
    let (policy, genesis) = (log.policy(), log.genesis());
    let check = |bundle: &UnverifiedBundle, now: u64| {
        let mut trust = trust(&policy, &genesis, Some(log.head()));
        trust.now = Timestamp::from_seconds(now).unwrap();
        let bundle = UnverifiedBundle::parse(&bundle.to_json())?.verify(&trust)?;
        Ok::<_, BundleError>((bundle.release.seq(), bundle.latest))
    };
    let third = Seq::new(3);
    assert_eq!(
        check(&bundle(&log, "1.1", None), NOW),
        Ok((Seq::new(1), None))
    );
    assert_eq!(
        check(&bundle(&log, "1.1", Some(third)), NOW),
        Ok((Seq::new(1), Some(third)))
    );
    assert_eq!(
        check(&bundle(&log, "1.2", None), NOW),
        Err(BundleError::Yanked)
    );
    let error = check(&bundle(&log, "1.1", Some(Seq::new(0))), NOW).unwrap_err();
    assert!(
        matches!(error, BundleError::Ladder(_) | BundleError::Surplus),
        "{error}"
    );
    let stale = check(&bundle(&log, "1.1", None), NOW + 2 * DAY).unwrap_err();
    assert!(
        matches!(stale, BundleError::Head(HeadError::Stale(_))),
        "{stale}"
    );
    // The entry of another log under this head.
    let mut elsewhere = TinyLog::new();
    elsewhere.push_statement(&elsewhere.next(release("1.1", &[b"evil"])), RELEASES);
    elsewhere.epoch();
    let evil = bundle(&elsewhere, "1.1", None).to_json();
    let honest = bundle(&log, "1.1", None).to_json();
    let (evil, honest): (serde_json::Value, serde_json::Value) = (
        serde_json::from_slice(&evil).unwrap(),
        serde_json::from_slice(&honest).unwrap(),
    );
    for member in ["entry", "index", "epoch", "proof"] {
        let mut mixed = honest.clone();
        mixed[member] = evil[member].clone();
        let mixed = UnverifiedBundle::parse(mixed.to_string().as_bytes()).unwrap();
        assert!(check(&mixed, NOW).is_err(), "{member}");
    }
}
