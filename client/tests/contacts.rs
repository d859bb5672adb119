//! Contacts, at a log that is honest and at one that is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod tiny_log;

use std::time::Duration;

use plainsight_client::contact::{self, Change, Contact, Pinned, Standing};
use plainsight_client::failure::{Failure, Verdict};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::reader::{Memory, Reader};
use plainsight_client::report::Report as _;
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::Blame;
use plainsight_specs::head::Step;
use plainsight_specs::keyset::ResetReason;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::time::Timestamp;
use tiny_log::{Lie, Served, TinyLog, serve};

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

fn alice() -> Label {
    Label::email("alice@example.org").unwrap()
}

fn source(url: &str) -> Source {
    let patience = Patience {
        connect: Duration::from_millis(500),
        answer: Duration::from_secs(2),
        attempts: 1,
        pause: Duration::from_millis(1),
    };
    Source::new(Http::new(patience).unwrap(), BaseUrl::parse(url).unwrap())
}

/// A log in which Alice has `versions` key sets, each signed by the one before.
fn log_of(versions: usize) -> Served {
    let mut log = TinyLog::new(now());
    for n in 0..versions {
        log.log_next(&alice(), &format!("phone{n}"), true);
    }
    serve(log)
}

fn trust(served: &Served) -> TrustPolicy {
    TrustPolicy::parse(&TinyLog::policy(&served.url), Some(TinyLog::annotations())).unwrap()
}

/// One visit of a reader, who remembers something and has pinned something.
async fn visit(
    served: &Served,
    memory: Option<Memory>,
    pinned: Option<&Pinned>,
) -> Result<(Contact, Memory), Failure> {
    let (source, trust) = (source(&served.url), trust(served));
    let mut reader = Reader::open(&source, &trust, memory, now()).await?;
    let contact = contact::verify(&mut reader, &alice(), pinned).await?;
    Ok((contact, reader.memory().clone()))
}

fn pin(contact: &Contact) -> Pinned {
    let key_set = contact.found.as_ref().unwrap().key_set.clone();
    Pinned {
        key_set,
        from_log: true,
    }
}

/// What a lie ends in: told after a first honest visit.
async fn refused_after_first_visit(lie: Lie) -> Failure {
    let served = log_of(3);
    let (first, memory) = visit(&served, None, None).await.unwrap();
    served.log().lie = lie;
    visit(&served, Some(memory), Some(&pin(&first)))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_first_look_says_what_was_verified_and_who_vouches() {
    let served = log_of(3);
    let (contact, memory) = visit(&served, None, None).await.unwrap();
    assert_eq!(contact.verdict(), Verdict::Verified);
    assert_eq!(contact.standing, Standing::New);
    let found = contact.found.as_ref().unwrap();
    assert_eq!(found.key_set.version(), Version::new(2));
    assert_eq!(found.logged.no_later_than_ms, now().seconds() * 1000);
    assert_eq!(memory.head, contact.head.head);
    let names: Vec<_> = contact
        .head
        .vouchers
        .iter()
        .map(|voucher| &*voucher.name)
        .collect();
    assert_eq!(names, ["w0", "w1", "w2"]);
    let text = contact.lines().join("\n");
    assert!(text.contains("w0 (Northern Watch, NO)"), "{text}");
    assert!(text.contains("w1 (Civic Lab, CH)"), "{text}");
    assert!(
        text.contains("w2 (you have noted nothing about it)"),
        "{text}"
    );
    assert!(text.contains("Not checked: who holds these keys"), "{text}");
    assert_eq!(contact.json()["verdict"], "verified");
}

#[tokio::test]
async fn no_label_is_ever_in_a_url() {
    let served = log_of(1);
    visit(&served, None, None).await.unwrap();
    assert_eq!(served.asked(), ["/v1/genesis", "/v1/lookup"]);
}

#[tokio::test]
async fn an_unlogged_label_is_proved_absent() {
    let served = log_of(0);
    let (contact, _) = visit(&served, None, None).await.unwrap();
    assert!(contact.found.is_none());
    assert_eq!(contact.verdict(), Verdict::NotFound);
}

#[tokio::test]
async fn a_change_signed_by_the_previous_key_is_told_from_a_reset() {
    let served = log_of(2);
    let (first, memory) = visit(&served, None, None).await.unwrap();
    served.log().log_next(&alice(), "tablet", true);
    served.log().log_next(&alice(), "watch", true);
    let (contact, memory) = visit(&served, Some(memory), Some(&pin(&first)))
        .await
        .unwrap();
    assert_eq!(contact.standing, Standing::Changed(Change::Signed));
    assert_eq!(contact.verdict(), Verdict::PinChanged);
    let second = pin(&contact);
    served.log().log_next(&alice(), "ghost", false);
    served.log().log_next(&alice(), "watch", true);
    let (contact, _) = visit(&served, Some(memory), Some(&second)).await.unwrap();
    let reset = Change::Reset {
        version: Version::new(4),
        reason: ResetReason::NotSignedByPrevious,
    };
    assert_eq!(contact.standing, Standing::Changed(reset));
}

#[tokio::test]
async fn a_hole_or_a_withheld_version_on_the_way_is_a_reset() {
    for lie in [Lie::Hole, Lie::Withhold] {
        let served = log_of(1);
        let (first, memory) = visit(&served, None, None).await.unwrap();
        served.log().log_next(&alice(), "tablet", true);
        served.log().log_next(&alice(), "watch", true);
        served.log().lie = lie;
        let outcome = visit(&served, Some(memory), Some(&pin(&first))).await;
        match lie {
            Lie::Hole => {
                let standing = outcome.unwrap().0.standing;
                assert!(matches!(standing, Standing::Changed(Change::Reset { .. })));
            }
            // The latest itself is not opened, so that there is nothing to compare with.
            _ => assert_eq!(outcome.unwrap_err().verdict(), Verdict::Undecided),
        }
    }
}

#[tokio::test]
async fn an_unchanged_pin_stays_and_a_seen_one_is_compared() {
    let served = log_of(2);
    let (first, memory) = visit(&served, None, None).await.unwrap();
    let (again, _) = visit(&served, Some(memory.clone()), Some(&pin(&first)))
        .await
        .unwrap();
    assert_eq!(again.standing, Standing::Unchanged);
    let elsewhere = log_of(1);
    let other = visit(&elsewhere, None, None).await.unwrap().0;
    let seen = Pinned {
        from_log: false,
        ..pin(&other)
    };
    let (changed, _) = visit(&served, Some(memory), Some(&seen)).await.unwrap();
    assert_eq!(changed.standing, Standing::Changed(Change::NotFromLog));
}

/// A log of the same name and keys with another past: what a quorum that lies shows to somebody who
/// remembers no head, and has a pin.
#[tokio::test]
async fn a_pin_outlives_the_head_that_it_came_from() {
    let served = log_of(2);
    let mut other = TinyLog::new(now());
    for n in 0..2 {
        other.log_next(&alice(), &format!("tablet{n}"), true);
    }
    let other = serve(other);
    let (first, _) = visit(&served, None, None).await.unwrap();
    let refused = visit(&other, None, Some(&pin(&first))).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
    assert!(
        refused.to_string().contains("second key set"),
        "another key set of the pinned version: {refused}"
    );
    let shorter = log_of(1);
    let refused = visit(&shorter, None, Some(&pin(&first))).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
    assert!(
        refused.to_string().contains("version"),
        "a version before the pinned one: {refused}"
    );
}

#[tokio::test]
async fn a_missing_quorum_does_not_meet_the_policy() {
    let served = log_of(1);
    let (_, memory) = visit(&served, None, None).await.unwrap();
    served.log().cosigning = 1;
    let refused = visit(&served, Some(memory), None).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::PolicyNotMet);
    assert_eq!(refused.step(), Some(Step::Quorum));
    assert!(
        refused.shown().is_some(),
        "the head bears the log's signature"
    );
    let first = visit(&served, None, None).await.unwrap_err();
    assert_eq!(
        first.verdict(),
        Verdict::PolicyNotMet,
        "at the first contact too"
    );
}

#[tokio::test]
async fn a_stale_head_decides_nothing() {
    let yesterday = Timestamp::from_seconds(now().seconds() - 86_400).unwrap();
    let mut log = TinyLog::new(yesterday);
    log.log_next(&alice(), "phone", true);
    let served = serve(log);
    let contact = visit(&served, None, None).await.unwrap_err();
    assert_eq!(contact.verdict(), Verdict::Undecided);
    assert_eq!(contact.step(), Some(Step::Freshness));
    assert_eq!(contact.blame(), Blame::Unavailable);
}

#[tokio::test]
async fn a_smaller_head_decides_nothing_and_is_not_remembered() {
    for lie in [Lie::OldHead, Lie::SizeAhead] {
        let refused = refused_after_first_visit(lie).await;
        assert_eq!(refused.verdict(), Verdict::Undecided, "{lie:?}: {refused}");
        assert_eq!(refused.blame(), Blame::Unavailable);
    }
}

#[tokio::test]
async fn a_fork_against_the_remembered_head_is_refuted_and_kept() {
    let served = log_of(2);
    let (_, memory) = visit(&served, None, None).await.unwrap();
    // The same log with another history, and longer.
    let mut other = TinyLog::new(now());
    other.log_next(&Label::email("mallory@example.org").unwrap(), "phone", true);
    for n in 0..3 {
        other.log_next(&alice(), &format!("ghost{n}"), true);
    }
    let split = serve(other);
    let refused = visit(&split, Some(memory), None).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
    assert_eq!(refused.step(), Some(Step::Consistency));
    let shown = String::from_utf8(refused.shown().unwrap().to_vec()).unwrap();
    assert!(shown.starts_with(tiny_log::ORIGIN));
}

#[tokio::test]
async fn lies_about_the_label_are_refuted_at_their_step() {
    let expected = [
        (Lie::Decoy, Step::Index),
        (Lie::OldVersion, Step::Ladder),
        (Lie::BrokenProof, Step::Index),
        (Lie::FalseCosignature, Step::LogSignature),
    ];
    for (lie, step) in expected {
        let refused = refused_after_first_visit(lie).await;
        assert_eq!(refused.step(), Some(step), "{lie:?}: {refused}");
        assert_eq!(refused.verdict(), Verdict::Refuted, "{lie:?}: {refused}");
        assert_eq!(refused.blame(), Blame::Unproven);
    }
}

#[tokio::test]
async fn a_withheld_key_set_decides_nothing() {
    let refused = refused_after_first_visit(Lie::Withhold).await;
    assert_eq!(refused.verdict(), Verdict::Undecided);
    assert_eq!(refused.step(), Some(Step::Commitment));
}

#[tokio::test]
async fn bad_answers_decide_nothing_and_are_bounded() {
    for lie in [Lie::Malformed, Lie::Huge, Lie::Slow] {
        let refused = refused_after_first_visit(lie).await;
        assert_eq!(refused.verdict(), Verdict::Undecided, "{lie:?}: {refused}");
        assert!(refused.shown().is_none());
    }
    let nobody = Served::clone(&log_of(0));
    let (source, trust) = (source("http://127.0.0.1:9"), trust(&nobody));
    let refused = Reader::open(&source, &trust, None, now())
        .await
        .unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Undecided);
    assert_eq!(refused.blame(), Blame::Unavailable);
}

const DAY: u64 = 86_400;

/// A log in which Alice's keys were reset `age_s` seconds before now, and rotated since.
fn log_with_reset(age_s: u64) -> Served {
    let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
    let mut log = TinyLog::new(at(now().seconds() - 30 * DAY));
    log.log_next(&alice(), "phone", true);
    log.now = at(now().seconds() - age_s);
    log.log_next(&alice(), "other", false);
    log.now = now();
    log.log_next(&alice(), "tablet", true);
    serve(log)
}

#[tokio::test]
async fn a_young_reset_is_unconfirmed_even_if_a_rotation_hides_it() {
    let (contact, _) = visit(&log_with_reset(3 * DAY - 60), None, None)
        .await
        .unwrap();
    assert_eq!(contact.standing, Standing::New);
    assert_eq!(contact.verdict(), Verdict::Undecided);
    assert!(contact.relied_on().is_none());
    let reset = contact.reset.as_ref().unwrap();
    assert_eq!(reset.version, Version::new(1));
    assert_eq!(reset.unconfirmed_until, Some(now().plus(60)));
    let text = contact.lines().join("\n");
    assert!(text.starts_with("UNCONFIRMED: version 2"), "{text}");
}

#[tokio::test]
async fn an_old_reset_is_told_and_verifies() {
    let (contact, _) = visit(&log_with_reset(3 * DAY), None, None).await.unwrap();
    assert_eq!(contact.verdict(), Verdict::Verified);
    assert!(contact.relied_on().is_some());
    assert_eq!(contact.reset.as_ref().unwrap().unconfirmed_until, None);
    let text = contact.lines().join("\n");
    assert!(text.contains("Version 1 was a reset too"), "{text}");
    let signed = visit(&log_of(3), None, None).await.unwrap().0;
    assert_eq!(signed.reset, None);
}

#[tokio::test]
async fn the_delay_is_the_readers_own() {
    let served = log_with_reset(3 * DAY);
    let notes = format!("reset_delay_s = {}\n", 4 * DAY);
    let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(&notes)).unwrap();
    let source = source(&served.url);
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let contact = contact::verify(&mut reader, &alice(), None).await.unwrap();
    assert!(contact.is_unconfirmed());
}

#[tokio::test]
async fn a_log_whose_clock_lags_gains_nothing() {
    // The reset's epoch claims to be three days old, and so does the newest one.
    let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
    let mut log = TinyLog::new(at(now().seconds() - 30 * DAY));
    log.log_next(&alice(), "phone", true);
    log.now = at(now().seconds() - 3 * DAY);
    log.log_next(&alice(), "other", false);
    // Its auditors cosign at the true time.
    log.now = now();
    let served = serve(log);
    let (contact, _) = visit(&served, None, None).await.unwrap();
    assert_eq!(contact.head.epoch_ms, (now().seconds() - 3 * DAY) * 1000);
    assert_eq!(contact.verdict(), Verdict::Undecided);
}
