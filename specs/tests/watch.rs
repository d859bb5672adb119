//! What an owner is shown and told, at a log that plants versions.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod tiny_log;

use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::policy::Policy;
use plainsight_specs::watch::{
    RegisterAnswer, RegisterRequest, Registered, Registration, Report, ReportAnswer, RungsAnswer,
    RungsRequest, WatchError, WatchToken, WatchedIndexes, WatchedRungs, watch_id,
};
use tiny_log::{TinyLog, label, now, secret, trust};

fn me() -> Label {
    label("me@example.org")
}

fn log() -> TinyLog {
    let mut log = TinyLog::new();
    log.push_key_set(&me(), 0);
    log.epoch();
    log
}

fn rungs(log: &TinyLog, request: &RungsRequest) -> RungsAnswer {
    let proved: Vec<_> = request
        .rungs()
        .into_iter()
        .map(|rung| log.vrf.prove(&request.label.vrf_input(rung)))
        .collect();
    let searched: Vec<_> = proved
        .iter()
        .map(|(_, output)| output.index_key())
        .collect();
    RungsAnswer {
        head: log.head_block(None),
        vrf: proved.into_iter().map(|(proof, _)| proof).collect(),
        index: log.replay.index().prove(&searched),
    }
}

fn look(log: &TinyLog, latest: u32) -> WatchedRungs {
    let request = RungsRequest {
        label: me(),
        latest: Version::new(latest),
        since: None,
    };
    let answer = RungsAnswer::parse(&rungs(log, &request).to_json()).unwrap();
    let (policy, genesis) = (log.policy(), log.genesis());
    answer
        .verify(&trust(&policy, &genesis, None), &request)
        .unwrap()
}

fn watch_signer() -> Signer {
    let name = KeyName::parse("auditor.example/watch").unwrap();
    Signer::new(name, Algorithm::Ed25519, secret(20)).unwrap()
}

fn request(log: &TinyLog, latest: u32) -> RegisterRequest {
    let seen = look(log, latest);
    let mut indexes: Vec<_> = seen.rungs().iter().map(|rung| rung.index).collect();
    indexes.sort_unstable();
    RegisterRequest {
        origin: log.origin.clone(),
        indexes: WatchedIndexes::new(indexes).unwrap(),
    }
}

/// The auditor's answer, with a report about what the test says.
fn answer(log: &TinyLog, request: &RegisterRequest) -> RegisterAnswer {
    let token = WatchToken::from_bytes([7; 32]);
    let report = Report {
        origin: log.origin.clone(),
        head: log.head(),
        id: watch_id(&request.origin, &request.indexes, &token),
        time: now(),
        hits: Vec::new(),
    };
    RegisterAnswer {
        head: log.head_block(None),
        index: log.replay.index().prove(request.indexes.as_slice()),
        registered: Some(Registered {
            token,
            report: ReportAnswer {
                note: report.sign(&watch_signer()).unwrap(),
                expires: now().plus(1000),
            },
        }),
    }
}

fn verify(
    log: &TinyLog,
    request: &RegisterRequest,
    answer: &RegisterAnswer,
) -> Result<Registration, WatchError> {
    let (policy, genesis) = (log.policy(), log.genesis());
    let answer = RegisterAnswer::parse(&answer.to_json()).unwrap();
    let key = watch_signer().verifier_key();
    answer.verify(&trust(&policy, &genesis, None), request, &key)
}

#[test]
fn the_rungs_of_two_ladders_are_shown_absent() {
    let seen = look(&log(), 0);
    let versions: Vec<_> = seen.rungs().iter().map(|rung| rung.version.get()).collect();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(seen.planted().count(), 0);
}

#[test]
fn a_version_planted_before_is_seen_though_the_ladder_does_not_show_it() {
    let mut log = log();
    let planted = log.push_key_set(&me(), 2);
    log.epoch();
    let climbed = ladder::rungs_for(Some(Version::new(0)));
    assert!(
        climbed.iter().all(|rung| rung.get() != 2),
        "the ladder for 0 does not look there"
    );
    let seen = look(&log, 0);
    let found: Vec<_> = seen
        .planted()
        .map(|rung| (rung.version.get(), rung.value))
        .collect();
    assert_eq!(found, [(2, Some(planted.leaf))]);
}

#[test]
fn proofs_of_another_label_or_too_few_are_refused() {
    let log = log();
    let request = RungsRequest {
        label: me(),
        latest: Version::new(0),
        since: None,
    };
    let (policy, genesis) = (log.policy(), log.genesis());
    let trust = trust(&policy, &genesis, None);
    let mut other = rungs(
        &log,
        &RungsRequest {
            label: label("you@example.org"),
            ..request.clone()
        },
    );
    assert!(matches!(
        other.verify(&trust, &request),
        Err(WatchError::Vrf { .. })
    ));
    other = rungs(&log, &request);
    other.vrf.pop();
    assert!(matches!(
        other.verify(&trust, &request),
        Err(WatchError::RungCount {
            got: 2,
            expected: 3
        })
    ));
    let mut swapped = rungs(&log, &request);
    swapped.vrf.swap(0, 1);
    assert!(matches!(
        swapped.verify(&trust, &request),
        Err(WatchError::Vrf { .. })
    ));
}

#[test]
fn a_registration_proves_absence_at_the_head_of_its_first_report() {
    let log = log();
    let asked = request(&log, 0);
    let Registration::Watched { head, report, .. } =
        verify(&log, &asked, &answer(&log, &asked)).unwrap()
    else {
        panic!("nothing is present")
    };
    assert_eq!(head.tree_head(), report.head);
}

#[test]
fn a_registration_of_what_is_present_is_a_proof_and_no_watch() {
    let mut log = log();
    let asked = request(&log, 0);
    let planted = log.push_key_set(&me(), 3);
    log.epoch();
    let mut said = answer(&log, &asked);
    assert!(
        matches!(verify(&log, &asked, &said), Err(WatchError::Halfway)),
        "a token although one is present"
    );
    said.registered = None;
    let Registration::Present { present, .. } = verify(&log, &asked, &said).unwrap() else {
        panic!("one is present")
    };
    assert_eq!(present.len(), 1);
    assert_eq!(present[0].1, planted.leaf);
}

#[test]
fn a_registration_without_watch_or_present_index_is_refused() {
    let log = log();
    let asked = request(&log, 0);
    let mut said = answer(&log, &asked);
    said.registered = None;
    assert!(matches!(
        verify(&log, &asked, &said),
        Err(WatchError::Halfway)
    ));
}

#[test]
fn the_first_report_is_of_the_head_that_was_proved() {
    let mut log = log();
    let asked = request(&log, 0);
    let before = answer(&log, &asked);
    log.push_key_set(&label("you@example.org"), 0);
    log.epoch();
    let mut said = answer(&log, &asked);
    said.registered = before.registered;
    assert!(matches!(
        verify(&log, &asked, &said),
        Err(WatchError::Other("head"))
    ));
}

#[test]
fn the_first_report_says_what_the_proof_shows() {
    let log = log();
    let asked = request(&log, 0);
    let mut said = answer(&log, &asked);
    let registered = said.registered.as_mut().unwrap();
    let hit = plainsight_specs::watch::Hit {
        index: asked.indexes.as_slice()[0],
        position: plainsight_specs::merkle::LeafIndex::default(),
        announced: false,
    };
    let report = Report {
        origin: log.origin.clone(),
        head: log.head(),
        id: watch_id(&asked.origin, &asked.indexes, &registered.token),
        time: now(),
        hits: vec![hit],
    };
    registered.report.note = report.sign(&watch_signer()).unwrap();
    assert!(matches!(
        verify(&log, &asked, &said),
        Err(WatchError::Other("state than the proof shows"))
    ));
}

#[test]
fn a_head_that_this_auditor_has_not_cosigned_is_refused() {
    let log = log();
    let asked = request(&log, 0);
    let other = Signer::new(
        KeyName::parse("other.example").unwrap(),
        Algorithm::CosignatureV1,
        secret(21),
    )
    .unwrap();
    let policy = format!(
        "log {}\nwitness a {}\nquorum a\n",
        log.log_key(),
        other.verifier_key()
    );
    let (policy, genesis) = (Policy::parse(&policy).unwrap(), log.genesis());
    let refused = answer(&log, &asked)
        .verify(
            &trust(&policy, &genesis, None),
            &asked,
            &watch_signer().verifier_key(),
        )
        .unwrap_err();
    assert!(matches!(refused, WatchError::Head(_)), "{refused}");
}

#[test]
fn no_plant_among_the_first_versions_escapes_the_two_ladders() {
    // For every latest version and every set of plants below 12 that the watched rungs miss, the
    // owner's next version is the one that all contacts see.
    for latest in 0u32..8 {
        let watched: Vec<u32> = ladder::watched_rungs(Version::new(latest))
            .into_iter()
            .map(Version::get)
            .collect();
        let free: Vec<u32> = (latest + 2..14).filter(|n| !watched.contains(n)).collect();
        for plants in 0u32..(1 << free.len()) {
            let planted = |n: u32| {
                free.iter()
                    .position(|free| *free == n)
                    .is_some_and(|at| plants >> at & 1 == 1)
            };
            let mut climber = ladder::Ladder::<Version>::new();
            let found = loop {
                match climber.next() {
                    ladder::LadderStep::Look(rung) => {
                        let n = rung.get();
                        climber.answer(n <= latest + 1 || planted(n));
                    }
                    ladder::LadderStep::Found(found) => break found,
                }
            };
            assert_eq!(
                found.map(Version::get),
                Some(latest + 1),
                "{latest} {plants:b}"
            );
        }
    }
}
