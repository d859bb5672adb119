use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::checkpoint::tests::{head, log, signed};
use crate::hash::{Hash, leaf_hash, node_hash};
use crate::merkle::{TreeHead, TreeSize};
use crate::note::tests::{ml_dsa_key, signer};
use crate::note::{SignatureLine, Signer};

fn witness(n: u8) -> Signer {
    signer(&format!("w{n}.example"), Algorithm::CosignatureV1, 100 + n)
}

/// A log, witnesses `w0` to `w<n-1>`, and `rest`.
fn file(witnesses: u8, rest: &str) -> String {
    let mut text = format!("log {} https://log.example/\n", log().verifier_key());
    for n in 0..witnesses {
        writeln!(text, "witness w{n} {}", witness(n).verifier_key()).unwrap();
    }
    text + rest
}

fn policy(witnesses: u8, rest: &str) -> Policy {
    Policy::parse(&file(witnesses, rest)).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn line(n: u8, seconds: u64) -> SignatureLine {
    let cosignature = Cosignature::sign(&signed(head(3, 7)), &witness(n), at(seconds));
    cosignature.unwrap().line
}

fn verify(policy: &Policy, lines: &[SignatureLine]) -> Result<Checkpoint, PolicyError> {
    let bytes = signed(head(3, 7)).to_bytes_with(lines);
    policy.verify(UnverifiedCheckpoint::parse(&bytes).unwrap())
}

fn refusal(text: &str) -> PolicyError {
    match Policy::parse(text).unwrap_err() {
        PolicyError::Line { source, .. } => *source,
        other => other,
    }
}

#[test]
fn reads_a_file_with_comments_and_white_space() {
    let rest =
        "\n# comment\n \t # another\n\t group \t g 2  w0 w1 w2 \t\nquorum g\n log-less # no\n";
    assert_eq!(refusal(&file(3, rest)), PolicyError::Form);
    let rest = rest.replace(" log-less # no\n", "");
    let policy = policy(3, &rest);
    assert_eq!(
        policy.logs()[0].url.as_deref(),
        Some("https://log.example/")
    );
    assert_eq!(policy.witnesses()[2].name, "w2");
    assert_eq!(policy.quorum(), Some(Member::Group(0)));
    let members = [0, 1, 2].map(Member::Witness).to_vec();
    assert_eq!(
        policy.groups(),
        [Group {
            name: "g".into(),
            threshold: 2,
            members
        }]
    );
    assert_eq!(policy.text(), file(3, &rest));
}

#[test]
fn lines_may_follow_the_quorum() {
    let late = format!("quorum w0\nwitness late {}\n", witness(9).verifier_key());
    assert_eq!(policy(1, &late).witnesses().len(), 2);
}

/// Each file is refused for its reason, and that is the reader's own doing.
fn assert_refused(cases: &[(String, PolicyError)]) {
    for (bad, why) in cases {
        let error = refusal(bad);
        assert_eq!(error, *why, "{bad:?}");
        assert_eq!(error.blame(), Blame::Misuse);
    }
}

#[test]
fn refuses_malformed_lines() {
    let (key, w0) = (log().verifier_key(), witness(0).verifier_key());
    assert_refused(
        &[
            ("", PolicyError::NoQuorum),
            ("quorum none", PolicyError::LastLine),
            ("# \u{c}\nquorum none\n", PolicyError::ControlCharacter),
            ("# \r\nquorum none\n", PolicyError::ControlCharacter),
            ("# \u{7f}\nquorum none\n", PolicyError::ControlCharacter),
            ("quorum none\nquorum none\n", PolicyError::QuorumTwice),
            ("quorum w0\n", PolicyError::Undefined("w0".into())),
            ("quorum\n", PolicyError::Form),
            ("quorum none # comment\n", PolicyError::Form),
            ("log\n", PolicyError::Form),
            ("Quorum none\n", PolicyError::Form),
            ("quorum\u{a0}none\n", PolicyError::Form),
            (&format!("log {key} url more\n"), PolicyError::Form),
            (&format!("witness w {w0} url #comment\n"), PolicyError::Form),
        ]
        .map(|(bad, why)| (bad.to_owned(), why)),
    );
}

#[test]
fn refuses_keys_that_do_not_serve_or_stand_twice() {
    let (key, w0) = (log().verifier_key(), witness(0).verifier_key());
    let renamed = signer("other.example", Algorithm::CosignatureV1, 100).verifier_key();
    let same_log = signer("other.example", Algorithm::Ed25519, 1).verifier_key();
    let not_supported = PolicyError::Key(NoteError::NotSupported(0x02));
    assert_refused(&[
        (
            format!("log {key}\nlog {same_log}\n"),
            PolicyError::DuplicateKey,
        ),
        (
            file(1, &format!("witness x {renamed}\n")),
            PolicyError::DuplicateKey,
        ),
        (
            format!("log {w0}\n"),
            PolicyError::KeyType(Algorithm::CosignatureV1),
        ),
        (
            format!("witness w {key}\n"),
            PolicyError::KeyType(Algorithm::Ed25519),
        ),
        ("log a+00000000+AjBZ\n".into(), not_supported),
    ]);
}

#[test]
fn refuses_names_and_groups_that_do_not_fit() {
    let taken = |name: &str| PolicyError::NameTaken(name.into());
    let undefined = |name: &str| PolicyError::Undefined(name.into());
    let w2 = witness(2).verifier_key();
    assert_refused(
        &[
            ("group g 2 w0 w1\n", PolicyError::NoQuorum),
            (&format!("witness w0 {w2}\n"), taken("w0")),
            (&format!("witness none {w2}\n"), taken("none")),
            ("group none 1 w0\n", taken("none")),
            ("group w0 1 w0\n", taken("w0")),
            ("group g any none\n", undefined("none")),
            ("group g any w2\n", undefined("w2")),
            ("group g any g\n", undefined("g")),
            ("group g 1 w0 w1 w0\n", PolicyError::MemberTwice),
            (
                "group g 1 w0 w1\ngroup h any w1\n",
                PolicyError::MemberTwice,
            ),
            ("group g 0 w0 w1\n", PolicyError::Threshold),
            ("group g 3 w0 w1\n", PolicyError::Threshold),
            ("group g 01 w0 w1\n", PolicyError::Threshold),
            ("group g +1 w0 w1\n", PolicyError::Threshold),
            ("group g most w0 w1\n", PolicyError::Threshold),
            ("group g all\n", PolicyError::Threshold),
            ("group g any\n", PolicyError::Threshold),
        ]
        .map(|(rest, why)| (file(2, rest), why)),
    );
}

#[test]
fn bounds_hold() {
    let long = format!("#{}\nquorum none\n", "x".repeat(MAX_POLICY_BYTES));
    assert!(matches!(refusal(&long), PolicyError::TooLong { .. }));
    let mut many = String::new();
    for n in 0..=MAX_OF_EACH {
        let fill = u8::try_from(n % 256).unwrap();
        let algorithm = Algorithm::CosignatureV1;
        let mut seed = [fill; 32];
        seed[0] = u8::try_from(n / 256).unwrap();
        let secret = crate::ed25519::SecretKey::from_seed(&seed);
        let name = crate::note::KeyName::parse("w").unwrap();
        let key = VerifierKey::new(name, algorithm, secret.public()).unwrap();
        writeln!(many, "witness w{n} {key}").unwrap();
    }
    assert!(matches!(refusal(&many), PolicyError::TooMany { .. }));
}

#[test]
fn one_key_may_be_log_and_witness() {
    let both = signer("log.example/a", Algorithm::CosignatureV1, 1).verifier_key();
    assert!(Policy::parse(&file(0, &format!("witness w {both}\nquorum w\n"))).is_ok());
}

#[test]
fn names_are_opaque_bytes() {
    let text = format!(
        "witness K {}\nwitness \u{212a} {}\ngroup é all K \u{212a}\nquorum é\n",
        witness(0).verifier_key(),
        witness(1).verifier_key()
    );
    assert_eq!(Policy::parse(&text).unwrap().groups()[0].members.len(), 2);
}

#[test]
fn a_quorum_of_cosignatures_makes_a_checkpoint() {
    let policy = policy(3, "group g 2 w0 w1 w2\nquorum g\n");
    let lines = [line(0, 100), line(2, 300)];
    let checkpoint = verify(&policy, &lines).unwrap();
    assert_eq!(checkpoint.head(), head(3, 7));
    assert_eq!(checkpoint.cosignatures().len(), 2);
    assert_eq!(
        checkpoint.to_bytes(),
        signed(head(3, 7)).to_bytes_with(&lines)
    );
    let error = verify(&policy, &lines[..1]).unwrap_err();
    assert_eq!(
        error,
        PolicyError::Quorum {
            signed: vec!["w0".into()]
        }
    );
    assert_eq!(error.blame(), Blame::Unproven);
    // The same witness twice is one witness.
    assert!(verify(&policy, &[line(0, 100), line(0, 200)]).is_err());
}

#[test]
fn a_log_that_is_not_listed_is_refused() {
    let other = format!(
        "log {}\nquorum none\n",
        signer("b", Algorithm::Ed25519, 1).verifier_key()
    );
    let error = verify(&Policy::parse(&other).unwrap(), &[]).unwrap_err();
    assert!(matches!(error, PolicyError::UnknownLog(_)));
    // Same origin, other key.
    let other = signer("log.example/a", Algorithm::Ed25519, 66).verifier_key();
    let other = format!("log {other}\nquorum none\n");
    let error = verify(&Policy::parse(&other).unwrap(), &[]).unwrap_err();
    assert!(matches!(error, PolicyError::Checkpoint(_)));
    assert_eq!(error.blame(), Blame::Unproven);
    // A log known otherwise.
    let nobody = Policy::parse("quorum none\n").unwrap();
    assert!(nobody.verify_signed(signed(head(3, 7))).is_ok());
}

#[test]
fn a_failing_line_of_a_known_witness_sinks_the_checkpoint() {
    let policy = policy(2, "group g any w0 w1\nquorum g\n");
    let mut bad = line(1, 100);
    bad.body[0] ^= 1;
    let mut short = line(1, 100);
    short.body.pop();
    for bad in [bad, short] {
        let error = verify(&policy, &[line(0, 100), bad]).unwrap_err();
        assert!(matches!(error, PolicyError::Cosignature(_)));
        assert_eq!(error.blame(), Blame::Unproven);
    }
    let mut second = line(0, 200);
    second.body[70] ^= 1;
    assert!(verify(&policy, &[line(0, 100), second]).is_err());
}

#[test]
fn lines_of_strangers_are_ignored_and_not_sent_on() {
    let policy = policy(1, "quorum w0\n");
    let mut stranger = line(1, 100);
    stranger.body[20] ^= 1;
    let checkpoint = verify(&policy, &[stranger, line(0, 100)]).unwrap();
    assert_eq!(
        checkpoint.to_bytes(),
        signed(head(3, 7)).to_bytes_with(&[line(0, 100)])
    );
    assert_eq!(checkpoint.signed().other_lines().len(), 2);
}

#[test]
fn ml_dsa_witnesses_neither_count_nor_sink() {
    let post_quantum = ml_dsa_key("pq.example", 3);
    let key = VerifierKey::parse(&post_quantum).unwrap();
    let line_pq = SignatureLine {
        name: key.name().clone(),
        id: key.id(),
        body: vec![0; 2428],
    };
    let one = policy(
        1,
        &format!("witness pq {post_quantum}\ngroup g any w0 pq\nquorum g\n"),
    );
    assert!(verify(&one, &[line_pq.clone(), line(0, 100)]).is_ok());
    assert!(matches!(
        verify(&one, &[line_pq]),
        Err(PolicyError::Quorum { .. })
    ));
}

#[test]
fn freshness_is_the_time_a_quorum_reached() {
    let lines = [line(0, 200), line(1, 100), line(2, 300)];
    for (k, t) in [(1, 300), (2, 200), (3, 100)] {
        let policy = policy(3, &format!("group g {k} w0 w1 w2\nquorum g\n"));
        let checkpoint = verify(&policy, &lines).unwrap();
        assert_eq!(checkpoint.freshest(), Some(at(t)), "{k} of 3");
    }
    // Groups: w0 alone is not enough, however late.
    let nested = policy(3, "group g any w1 w2\ngroup h all w0 g\nquorum h\n");
    assert_eq!(verify(&nested, &lines).unwrap().freshest(), Some(at(200)));
    let none = policy(3, "quorum none\n");
    let checkpoint = verify(&none, &lines).unwrap();
    assert_eq!(checkpoint.freshest(), None);
    assert_eq!(
        checkpoint.check_fresh(at(300), u64::MAX, 0),
        Err(StaleError::NoQuorum)
    );
    assert_eq!(checkpoint.check_epoch_time(0, 0), Err(StaleError::NoQuorum));
}

#[test]
fn the_newest_line_of_a_witness_counts_in_any_order() {
    let policy = policy(1, "quorum w0\n");
    for lines in [[line(0, 100), line(0, 200)], [line(0, 200), line(0, 100)]] {
        let checkpoint = verify(&policy, &lines).unwrap();
        assert_eq!(checkpoint.freshest(), Some(at(200)));
        assert_eq!(checkpoint.cosignatures().len(), 1);
    }
}

#[test]
fn fresh_within_age_and_skew() {
    let checkpoint = verify(&policy(1, "quorum w0\n"), &[line(0, 1000)]).unwrap();
    let check = |now| checkpoint.check_fresh(at(now), 60, 5);
    assert_eq!(check(1060), Ok(at(1000)));
    assert!(matches!(
        check(1061),
        Err(StaleError::TooOld { age: 61, .. })
    ));
    assert_eq!(check(995), Ok(at(1000)));
    let error = check(994).unwrap_err();
    assert!(matches!(error, StaleError::Future { .. }));
    assert_eq!(error.blame(), Blame::Unavailable);
    assert_eq!(checkpoint.check_epoch_time(1_000_500, 500), Ok(()));
    let error = checkpoint.check_epoch_time(1_000_501, 500).unwrap_err();
    assert!(matches!(error, StaleError::EpochAhead { .. }));
}

#[test]
fn moves_only_along_one_log_and_by_proof() {
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let checkpoint = |name: &str, size, root| {
        let log = signer(name, Algorithm::Ed25519, 1);
        let size = TreeSize::new(size).unwrap();
        let origin = Origin::parse(name).unwrap();
        let signed = SignedCheckpoint::sign(&origin, TreeHead { size, root }, &log).unwrap();
        Policy::parse("quorum none\n")
            .unwrap()
            .verify_signed(signed)
            .unwrap()
    };
    let older = checkpoint("x", 1, a);
    let newer = checkpoint("x", 2, node_hash(&a, &b));
    assert_eq!(older.extend(newer.clone(), &[b]), Ok(newer.clone()));
    assert_eq!(older.extend(older.clone(), &[]), Ok(older.clone()));
    assert!(matches!(
        older.extend(newer.clone(), &[a]),
        Err(ExtendError::Proof(_))
    ));
    assert!(older.extend(newer.clone(), &[]).is_err());
    assert!(newer.extend(older.clone(), &[b]).is_err());
    assert!(older.extend(checkpoint("x", 1, Hash::ZERO), &[]).is_err());
    let elsewhere = checkpoint("y", 2, node_hash(&a, &b));
    let error = older.extend(elsewhere, &[b]).unwrap_err();
    assert!(matches!(error, ExtendError::OtherOrigin { .. }));
}

#[test]
fn a_split_takes_two_k_minus_n_liars() {
    for (k, liars) in [(1, 0), (2, 0), (3, 1), (4, 3), (5, 5)] {
        let policy = policy(5, &format!("group g {k} w0 w1 w2 w3 w4\nquorum g\n"));
        assert_eq!(policy.liars_for_a_split(), Some(liars), "{k} of 5");
    }
    let both = "group a 2 w0 w1 w2\ngroup b 2 w3 w4 w5\ngroup ab all a b\nquorum ab\n";
    assert_eq!(policy(6, both).liars_for_a_split(), Some(2));
    assert_eq!(policy(1, "quorum w0\n").liars_for_a_split(), Some(1));
    assert_eq!(policy(1, "quorum none\n").liars_for_a_split(), Some(0));
    let post_quantum = format!("witness pq {}\n", ml_dsa_key("pq.example", 3));
    let all = format!("{post_quantum}group g all w0 pq\nquorum g\n");
    assert_eq!(policy(1, &all).liars_for_a_split(), None);
    // Two of w0, w1 and one that never signs: both have to lie.
    let two = format!("{post_quantum}group g 2 w0 w1 pq\nquorum g\n");
    assert_eq!(policy(2, &two).liars_for_a_split(), Some(2));
}

/// Random trees over six witnesses: each takes the last few free names.
fn trees() -> impl Strategy<Value = String> {
    prop::collection::vec((1usize..4, 0usize..4), 1..5).prop_map(|shapes| {
        let mut free: Vec<String> = (0..6).map(|n| format!("w{n}")).collect();
        let mut text = String::new();
        let mut last = String::from("w0");
        for (place, (members, k)) in shapes.iter().enumerate() {
            let members: Vec<String> = free.drain(..(*members).min(free.len())).collect();
            last = format!("g{place}");
            let k = 1 + k % members.len();
            writeln!(text, "group {last} {k} {}", members.join(" ")).unwrap();
            free.push(last.clone());
        }
        text + &format!("quorum {last}\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn liars_are_those_of_the_cheapest_pair_of_quorums(tree in trees()) {
        let policy = policy(6, &tree);
        let sets: Vec<u32> = (0u32..64).filter(|set| {
            policy.satisfied(|name| {
                let n: u32 = name[1..].parse().unwrap();
                set >> n & 1 == 1
            })
        }).collect();
        let naive = sets.iter().flat_map(|a| sets.iter().map(move |b| (a & b).count_ones())).min();
        prop_assert_eq!(policy.liars_for_a_split(), naive.map(|n| n as usize));
    }

    #[test]
    fn beside_some_who_lie_anyway_the_others_are_counted(tree in trees(), lying in 0u32..64) {
        let policy = policy(6, &tree);
        let list = |set: u32| (0..6).map(|n| set >> n & 1 == 1).collect::<Vec<_>>();
        let sets: Vec<u32> = (0u32..64).filter(|set| policy.satisfied_by(&list(*set))).collect();
        let by_name: Vec<u32> = (0u32..64).filter(|set| {
            policy.satisfied(|name| set >> name[1..].parse::<u32>().unwrap() & 1 == 1)
        }).collect();
        prop_assert_eq!(&sets, &by_name);
        let others = |set: u32| (set & !lying).count_ones() as usize;
        let forgers = sets.iter().map(|set| others(*set)).min();
        prop_assert_eq!(policy.forgers_beside(&list(lying)), forgers);
        let pairs = sets.iter().flat_map(|a| sets.iter().map(move |b| others(a & b)));
        prop_assert_eq!(policy.liars_for_a_split_beside(&list(lying)), pairs.min());
    }

    #[test]
    fn the_fewest_parties_are_the_fewest(tree in trees(), owners in prop::collection::vec(0usize..4, 6)) {
        let policy = policy(6, &tree);
        let parties: Vec<Vec<usize>> = (0..4)
            .map(|party| (0..6).filter(|witness| owners[*witness] == party).collect())
            .collect();
        let holds = |have: &[bool]| policy.satisfied_by(have);
        let together = |choice: u32| {
            (0..6).map(|witness| choice >> owners[witness] & 1 == 1).collect::<Vec<_>>()
        };
        let naive = (0u32..16).filter(|choice| holds(&together(*choice))).map(u32::count_ones).min();
        match fewest_parties(&parties, 6, holds) {
            Fewest::Parties(chosen) => {
                prop_assert_eq!(u32::try_from(chosen.len()).ok(), naive);
                let chosen = chosen.iter().fold(0, |choice, party| choice | 1 << party);
                prop_assert!(holds(&together(chosen)));
            }
            other => prop_assert_eq!((other, naive), (Fewest::NotEvenAll, None)),
        }
        let many = vec![Vec::new(); MAX_PARTIES + 1];
        prop_assert_eq!(fewest_parties(&many, 6, holds), Fewest::TooMany);
    }

    #[test]
    fn more_cosignatures_never_unsatisfy(tree in trees(), set in 0u32..64, more in 0u32..64) {
        let policy = policy(6, &tree);
        let satisfied = |set: u32| policy.satisfied(|name| {
            let n: u32 = name[1..].parse().unwrap();
            set >> n & 1 == 1
        });
        prop_assert!(!satisfied(set) || satisfied(set | more));
    }
}
