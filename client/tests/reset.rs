//! The owner who has lost the home: beginning anew, what contacts see of it, and what is still a
//! ghost afterwards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod person;
mod reading;
mod tiny_log;

use std::io::Write as _;
use std::process::Stdio;

use person::{Person, clock, printed};
use plainsight_client::contact::{self, Change, Contact, Pinned, Standing};
use plainsight_client::failure::Verdict;
use plainsight_client::home::pins::{AcceptError, Anyway, Pin};
use plainsight_client::monitor::{Alarm, Monitored, monitor};
use plainsight_client::own::reset::{LoggedBefore, Strangers, look};
use plainsight_client::own::{DeviceChange, OwnError, OwnKeys};
use plainsight_client::publish::publish;
use plainsight_client::reader::Reader;
use plainsight_client::report::Report as _;
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::keyset::{Continuity, ResetReason};
use plainsight_specs::label::Version;
use plainsight_specs::time::Timestamp;
use reading::{label, now, source, trust};
use tiny_log::{Lie, Served, TOKEN, TinyLog, serve};

const ME: &str = "me@example.org";
const HOUR: u64 = 3600;

fn devices() -> Vec<String> {
    vec!["laptop".into()]
}

/// A log, and a reader of it whose clock is the log's.
struct World {
    served: Served,
    source: Source,
    trust: TrustPolicy,
}

impl World {
    /// A log in which a home that is lost has published `versions` versions.
    async fn with_lost_home(versions: usize) -> (Self, OwnKeys) {
        let served = serve(TinyLog::new(now()));
        let (source, trust) = (source(&served), trust(&served));
        let world = Self {
            served,
            source,
            trust,
        };
        let mut lost = OwnKeys::create(label(), &["phone".into()], now()).unwrap();
        world.publish(&mut lost).await;
        for _ in 1..versions {
            world.rotate(&mut lost).await;
        }
        (world, lost)
    }

    fn now(&self) -> Timestamp {
        self.served.log().now
    }

    async fn reader(&self) -> Reader<'_> {
        Reader::open(&self.source, &self.trust, None, self.now())
            .await
            .unwrap()
    }

    async fn publish(&self, own: &mut OwnKeys) {
        publish(&self.source, own, Some(TOKEN)).await.unwrap();
    }

    async fn rotate(&self, own: &mut OwnKeys) {
        own.rotate(&DeviceChange::default(), self.now()).unwrap();
        self.publish(own).await;
    }

    async fn before(&self) -> LoggedBefore {
        look(&mut self.reader().await, &label())
            .await
            .unwrap()
            .unwrap()
    }

    /// A new home that has begun by a reset.
    async fn begun(&self) -> OwnKeys {
        let mut own = OwnKeys::none(label());
        own.reset(
            &self.before().await,
            &devices(),
            Strangers::Unsaid,
            self.now(),
        )
        .unwrap();
        self.publish(&mut own).await;
        own
    }

    async fn monitor(&self, own: &mut OwnKeys) -> Monitored {
        monitor(&mut self.reader().await, own).await.unwrap()
    }

    async fn contact(&self, pin: Option<&Pin>) -> Contact {
        let pinned: Option<Pinned> = pin.map(Pin::pinned);
        contact::verify(&mut self.reader().await, &label(), pinned.as_ref())
            .await
            .unwrap()
    }

    /// The log's clock and everybody's go on, and the log shows a new head.
    fn wait(&self, seconds: u64) {
        let mut log = self.served.log();
        log.now = log.now.plus(seconds);
        log.publish();
    }
}

#[tokio::test]
async fn a_reset_follows_the_latest_version_and_no_key_of_before_signs_it() {
    for versions in [1, 4] {
        let (world, lost) = World::with_lost_home(versions).await;
        let own = world.begun().await;
        let reset = &own.newest().unwrap().key_set;
        let before = &lost.newest().unwrap().key_set;
        assert_eq!(Some(reset.version()), before.version().next());
        assert_eq!(reset.prev(), Some(before.hash()));
        assert_eq!(
            reset.continuity(Some(before)),
            Continuity::Reset(ResetReason::NotSignedByPrevious)
        );
        assert_eq!(own.began(), Some(reset.version()));
    }
}

#[tokio::test]
async fn what_was_logged_before_is_no_ghost_and_what_comes_after_is() {
    let (world, _) = World::with_lost_home(3).await;
    let mut own = world.begun().await;
    let seen = world.monitor(&mut own).await;
    assert_eq!(seen.verdict(), Verdict::Verified, "{:?}", seen.alarms);
    assert_eq!((seen.before.len(), seen.confirmed), (3, 1));
    let text = seen.lines().join("\n");
    assert!(text.starts_with("VERIFIED: every version of"), "{text}");
    assert!(text.contains("from 3 to 3 is your own"), "{text}");
    assert!(text.contains("is not judged: version 0 at"), "{text}");
    assert!(!text.contains("Ghost"), "{text}");
    // A rotation is signed by the reset's key, and found to be one's own.
    world.rotate(&mut own).await;
    let seen = world.monitor(&mut own).await;
    assert_eq!(seen.verdict(), Verdict::Verified, "{:?}", seen.alarms);
    assert_eq!(seen.latest, Some(Version::new(4)));
    // From then on a stranger's version is a ghost, as ever.
    world.served.log().log_next(&label(), "ghost", false);
    let seen = world.monitor(&mut own).await;
    assert_eq!(seen.verdict(), Verdict::Refuted);
    assert!(
        matches!(seen.alarms[..], [Alarm::Ghost { version, .. }] if version == Version::new(5)),
        "{:?}",
        seen.alarms
    );
    let text = seen.lines().join("\n");
    assert!(text.contains(&format!("keys reset {ME}")), "{text}");
    assert!(!text.contains("keys rotate"), "{text}");
}

#[tokio::test]
async fn a_hole_or_what_is_not_opened_before_the_reset_is_not_judged() {
    for lie in [Lie::Hole, Lie::Withhold] {
        let (world, _) = World::with_lost_home(3).await;
        world.served.log().lie = lie;
        let before = world.before().await;
        let mut own = OwnKeys::none(label());
        own.reset(&before, &devices(), Strangers::Unsaid, now())
            .unwrap();
        let prev = own.pending().unwrap().key_set.prev();
        assert_eq!(prev.is_none(), lie == Lie::Withhold, "{lie:?}");
        world.publish(&mut own).await;
        world.served.log().lie = Lie::None;
        assert_eq!(world.monitor(&mut own).await.alarms, [], "{lie:?}");
    }
    let (world, _) = World::with_lost_home(3).await;
    let mut own = world.begun().await;
    world.served.log().lie = Lie::Hole;
    assert_eq!(world.monitor(&mut own).await.alarms, []);
}

#[tokio::test]
async fn a_version_that_took_the_place_meanwhile_is_a_ghost_and_can_be_gone_over() {
    let (world, _) = World::with_lost_home(1).await;
    let mut own = OwnKeys::none(label());
    own.reset(&world.before().await, &devices(), Strangers::Unsaid, now())
        .unwrap();
    world.served.log().log_next(&label(), "ghost", false);
    let refused = publish(&world.source, &mut own, Some(TOKEN))
        .await
        .unwrap_err();
    assert!(refused.next_step().contains("keys reset"), "{refused}");
    let seen = world.monitor(&mut own).await;
    assert!(
        matches!(seen.alarms[..], [Alarm::Ghost { version, .. }] if version == Version::new(1)),
        "{:?}",
        seen.alarms
    );
    let refused = own.reset(&world.before().await, &devices(), Strangers::Unsaid, now());
    let whose = OwnError::WhoseAreThey {
        newest: None,
        latest: Version::new(1),
    };
    assert_eq!(refused, Err(whose), "it was an alarm");
    own.reset(&world.before().await, &devices(), Strangers::NotMine, now())
        .unwrap();
    assert_eq!(own.secrets().len(), 2, "those of what was dropped are gone");
    world.publish(&mut own).await;
    let seen = world.monitor(&mut own).await;
    assert!(
        matches!(seen.alarms[..], [Alarm::Ghost { version, .. }] if version == Version::new(1)),
        "it stays one: {:?}",
        seen.alarms
    );
    assert_eq!(seen.latest, Some(Version::new(2)));
    assert_eq!(seen.confirmed, 1);
}

#[tokio::test]
async fn an_old_backup_and_an_owner_after_a_ghost_begin_anew_over_it() {
    let (world, mut own) = World::with_lost_home(2).await;
    world.monitor(&mut own).await;
    // The keys are here: there is nothing to reset.
    let before = world.before().await;
    let refused = own.reset(&before, &devices(), Strangers::Unsaid, now());
    assert_eq!(refused, Err(OwnError::NotLost(Version::new(1))));
    world.served.log().log_next(&label(), "stranger", false);
    assert_eq!(world.monitor(&mut own).await.alarms.len(), 1);
    let before = world.before().await;
    let unsaid = own.reset(&before, &devices(), Strangers::Unsaid, now());
    let whose = OwnError::WhoseAreThey {
        newest: Some(Version::new(1)),
        latest: Version::new(2),
    };
    assert_eq!(unsaid, Err(whose));
    own.reset(&before, &devices(), Strangers::Mine, now())
        .unwrap();
    world.publish(&mut own).await;
    let seen = world.monitor(&mut own).await;
    assert_eq!(seen.alarms, []);
    let before: Vec<_> = seen.before.iter().map(|listed| listed.version).collect();
    assert_eq!(before, [Version::new(2)], "one's own are still one's own");
    world.rotate(&mut own).await;
    assert_eq!(world.monitor(&mut own).await.alarms, []);
}

#[tokio::test]
async fn a_ghost_that_is_gone_over_stays_an_alarm() {
    let (world, mut own) = World::with_lost_home(2).await;
    world.monitor(&mut own).await;
    world.served.log().log_next(&label(), "ghost", false);
    let before = world.before().await;
    own.reset(&before, &devices(), Strangers::NotMine, now())
        .unwrap();
    assert_eq!(own.waiting_reset(), Some(Version::new(3)));
    world.publish(&mut own).await;
    for _ in 0..2 {
        let seen = world.monitor(&mut own).await;
        assert_eq!(seen.verdict(), Verdict::Refuted);
        assert!(
            matches!(seen.alarms[..], [Alarm::Ghost { version, .. }] if version == Version::new(2)),
            "{:?}",
            seen.alarms
        );
        assert!(seen.before.is_empty());
        world.rotate(&mut own).await;
        assert_eq!(own.waiting_reset(), None);
    }
    let mut none = OwnKeys::none(label());
    let said = none.reset(&before, &devices(), Strangers::Mine, now());
    assert_eq!(said, Err(OwnError::NothingKnown));
}

#[tokio::test]
async fn a_version_that_can_still_be_published_is_not_dropped() {
    let (world, mut own) = World::with_lost_home(1).await;
    own.rotate(&DeviceChange::default(), now()).unwrap();
    world.served.log().lie = Lie::None;
    let mut before = world.before().await;
    let refused = own.reset(&before, &devices(), Strangers::Unsaid, now());
    assert_eq!(refused, Err(OwnError::NotLost(Version::FIRST)));
    let mut other = OwnKeys::none(label());
    other
        .reset(&before, &devices(), Strangers::Unsaid, now())
        .unwrap();
    let waiting = other.reset(&before, &devices(), Strangers::Unsaid, now());
    assert_eq!(waiting, Err(OwnError::StillPending(Version::new(1))));
    assert_eq!(other.waiting_reset(), Some(Version::new(1)));
    before.latest = Version::new(u32::MAX);
    let last = OwnKeys::none(label()).reset(&before, &devices(), Strangers::Unsaid, now());
    assert_eq!(last, Err(OwnError::LastVersion));
}

#[tokio::test]
async fn a_contact_waits_or_accepts_and_after_the_delay_relies_on_it() {
    let (world, _) = World::with_lost_home(2).await;
    let pin = Pin::after(None, &world.contact(None).await, world.now()).unwrap();
    world.wait(HOUR);
    let mut own = world.begun().await;
    // Who knew the keys before: a change, which the owner of before did not sign.
    let changed = world.contact(Some(&pin)).await;
    assert_eq!(changed.verdict(), Verdict::PinChanged);
    let reset = Change::Reset {
        version: Version::new(2),
        reason: ResetReason::NotSignedByPrevious,
    };
    assert_eq!(changed.standing, Standing::Changed(reset));
    let pin = Pin::after(Some(pin), &changed, world.now()).unwrap();
    let until = world.now().plus(72 * HOUR);
    assert_eq!(
        pin.clone().accept(world.now(), Anyway::No),
        Err(AcceptError::Unconfirmed(until))
    );
    let taken = pin.clone().accept(world.now(), Anyway::Yes).unwrap();
    let contact = world.contact(Some(&taken)).await;
    assert_eq!(contact.standing, Standing::Unchanged);
    assert_eq!(contact.verdict(), Verdict::Verified);
    // Who did not know them: unconfirmed, until three days are over.
    let stranger = world.contact(None).await;
    assert_eq!(stranger.verdict(), Verdict::Undecided);
    assert!(stranger.relied_on().is_none());
    assert_eq!(Pin::after(None, &stranger, world.now()), None);
    // A rotation meanwhile does not hide it.
    world.rotate(&mut own).await;
    world.wait(72 * HOUR - 1);
    assert_eq!(world.contact(None).await.verdict(), Verdict::Undecided);
    world.wait(1);
    let settled = world.contact(None).await;
    assert_eq!(settled.verdict(), Verdict::Verified);
    assert!(settled.relied_on().is_some());
    let later = pin.accept(world.now(), Anyway::No);
    assert!(later.is_ok(), "{later:?}");
}

/// Runs a command with something on its standard input.
fn with_input(person: &Person, args: &[&str], input: &str) -> (i32, String) {
    let mut child = person
        .command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    to.write_all(input.as_bytes()).unwrap();
    drop(to);
    printed(&child.wait_with_output().unwrap())
}

/// A person at a log where a home of theirs that is lost has published three versions.
fn bereft() -> Person {
    let mut log = TinyLog::new(clock());
    for device in ["phone", "tablet", "watch"] {
        log.log_next(&label(), device, true);
    }
    Person::at(log)
}

fn with_token<'a>(token: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--token-file", token]].concat()
}

const RESET: [&str; 5] = ["keys", "reset", ME, "--device", "laptop"];

#[test]
fn the_way_out_is_named_where_the_owner_stands_and_leads_out() {
    let person = bereft();
    let token = person.path("token").display().to_string();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    let (code, text) = person.run(&with_token(&token, &["keys", "publish", ME]));
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("plainsight keys reset"), "{text}");
    let (code, text) = person.run(&["keys", "monitor", ME]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("has never published"), "{text}");
    assert!(
        text.contains(&format!("keys reset {ME} --device")),
        "{text}"
    );
    // Anything but the word leaves all as it is.
    for answer in ["", "yes\n", "no\n"] {
        let (code, text) = with_input(&person, &with_token(&token, &RESET), answer);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("For 72 hours"), "{text}");
        assert!(text.contains("nothing was published"), "{text}");
    }
    assert_eq!(person.served.log().keys[&label()].len(), 3);
    let (code, text) = person.run(&["keys", "show", ME]);
    assert!(code == 0 && text.contains("Version 0 waits"), "{text}");
    let (code, text) = with_input(&person, &with_token(&token, &RESET), "reset\n");
    assert_eq!(code, 0, "{text}");
    for said in [
        "RESET of e-mail me@example.org. Read this first; nothing is published yet.",
        "Version 2, at position",
        "What will be published: version 3, all of it new keys: identity-3 (identity), laptop (device).",
        "VERIFIED: every version of e-mail me@example.org from 3 to 3 is your own (1 opened).",
        "The log took version 3 at position",
        "Version 3 is a reset: contacts do not rely on it until",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let (code, text) = person.run(&with_token(&token, &["keys", "rotate", ME]));
    assert_eq!(code, 0, "{text}");
    for verb in ["monitor", "history", "show"] {
        for form in [&[][..], &["--json"]] {
            let (code, text) = person.run(&[&["keys", verb, ME], form].concat());
            assert_eq!(code, 0, "{verb}: {text}");
        }
    }
    let (_, text) = person.run(&["keys", "history", ME]);
    assert!(
        text.contains("Version 3 is a reset with which this home began"),
        "{text}"
    );
    // Now that the keys are here, there is nothing to reset.
    let (code, text) = person.run(&with_token(&token, &[&RESET[..], &["--yes"]].concat()));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("Nothing is lost"), "{text}");
}

#[test]
fn a_reset_is_agreed_to_beforehand_and_goes_on_where_it_was_cut_off() {
    let person = bereft();
    let token = person.path("token").display().to_string();
    let yes = [&RESET[..], &["--yes", "--json"]].concat();
    // Without the token nothing is published, and the reset waits.
    let (code, text) = person.run(&yes);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("\"waiting\":3"), "{text}");
    let (code, text) = person.run(&[&yes[..], &["--token-file", &token]].concat());
    assert_eq!(code, 0, "{text}");
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(line["published"], 3);
    assert_eq!(line["reset"]["version"], 3);
    assert_eq!(line["before"].as_array().unwrap().len(), 3);
    assert_eq!(person.served.log().keys[&label()].len(), 4);
}

#[test]
fn a_contact_accepts_a_reset_upon_themselves() {
    let owner = bereft();
    let token = owner.path("token").display().to_string();
    let contact = Person {
        dir: tempfile::tempdir().unwrap(),
        served: owner.served.clone(),
    };
    for name in ["policy", "policy.toml"] {
        std::fs::copy(owner.path(name), contact.path(name)).unwrap();
    }
    assert_eq!(contact.run(&["contact", "verify", ME]).0, 0);
    let yes = [&RESET[..], &["--yes", "--token-file", &token]].concat();
    let (code, text) = owner.run(&yes);
    assert_eq!(code, 0, "{text}");
    let (code, text) = contact.run(&["contact", "verify", ME]);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("did not sign version 3"), "{text}");
    assert!(
        text.contains(&format!("contact accept {ME} --unconfirmed")),
        "{text}"
    );
    // One line says it, too.
    let (code, text) = contact.run(&["contact", "verify", ME, "--quiet"]);
    assert_eq!(code, 5, "{text}");
    assert!(
        text.contains("a reset that the keys before did not sign"),
        "{text}"
    );
    let (code, text) = contact.run(&["contact", "accept", ME]);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("Blame: nobody yet; nothing was accepted"),
        "{text}"
    );
    assert!(!text.contains("this side"), "{text}");
    let (code, text) = contact.run(&["contact", "accept", ME, "--json"]);
    assert_eq!(code, 3, "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["verdict"], &line["blame"]),
        (&"undecided".into(), &"unavailable".into())
    );
    let (_, help) = contact.run(&["contact", "accept", "--help"]);
    assert!(help.contains("exit code 3 while a reset"), "{help}");
    let (code, text) = contact.run(&["contact", "accept", ME, "--unconfirmed"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = contact.run(&["contact", "verify", ME]);
    assert_eq!(code, 0, "{text}");
    // Or the code settles it at once.
    let (_, code) = owner.run(&["keys", "code", ME]);
    let code = code
        .split_whitespace()
        .find(|word| word.starts_with("psk1"));
    let other = Person {
        dir: tempfile::tempdir().unwrap(),
        served: owner.served.clone(),
    };
    std::fs::copy(owner.path("policy"), other.path("policy")).unwrap();
    assert_eq!(other.run(&["contact", "verify", ME]).0, 3);
    let (exit, text) = other.run(&["contact", "verify", ME, "--code", code.unwrap()]);
    assert_eq!(exit, 0, "{text}");
}

#[test]
fn without_anything_logged_there_is_nothing_to_reset() {
    let person = Person::new();
    let (code, text) = person.run(&[&RESET[..], &["--yes"]].concat());
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("keys new"), "{text}");
}

#[test]
fn a_home_that_is_not_lost_is_told_so_and_asked_whose_the_others_are() {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    let publish = with_token(&token, &["keys", "publish", ME]);
    assert_eq!(person.run(&publish).0, 0);
    person.served.log().log_next(&label(), "ghost", false);
    assert_eq!(person.run(&["keys", "monitor"]).0, 1);
    let reset = [&RESET[..], &["--yes"]].concat();
    let (code, text) = person.run(&with_token(&token, &reset));
    assert_eq!(code, 2, "{text}");
    for said in [
        "this home is not lost: it has the keys of version 0",
        "--not-mine",
        "--mine",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("does not have its keys"), "{text}");
    assert_eq!(person.served.log().keys[&label()].len(), 2);
    let over = [&reset[..], &["--not-mine"]].concat();
    let (code, text) = person.run(&with_token(&token, &over));
    assert_eq!(code, 1, "the ghost is there: {text}");
    for said in [
        "This home is not lost: it has the keys of version 0. The latest version in the log is 1 (proved)",
        "Version 0, at position 2, made in this home",
        "NOT made in this home",
        "stay alarms, for ever",
        "Ghost: version 1 is not yours",
        "The log took version 2 at position",
        "Version 2 is a reset",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("stays lost"), "{text}");
    let (code, text) = person.run(&["keys", "monitor"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Ghost: version 1 is not yours"), "{text}");
    // A second reset in a row is none: the keys of the latest version are here.
    let (code, text) = person.run(&with_token(&token, &over));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("Nothing is lost"), "{text}");
}

#[test]
fn a_reset_that_still_waits_is_taken_as_it_is_and_that_is_said() {
    let person = bereft();
    let token = person.path("token").display().to_string();
    let yes = [&RESET[..], &["--yes"]].concat();
    assert_eq!(person.run(&yes).0, 2, "without the token");
    let (code, text) = person.run(&with_token(&token, &yes));
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("A reset that you agreed to before still waits"),
        "{text}"
    );
    assert!(text.contains("version 3, all of it new keys"), "{text}");
}
