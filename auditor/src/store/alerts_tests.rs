//! One alert for each fact, told once, lost never.

use super::fresh::{Fresh, on_both_engines};
use super::*;
use crate::alert::{Alert, Severity};

on_both_engines! {
    what_flickers_is_told_once_and_its_end_only_when_it_lasts
    a_fact_about_the_auditor_itself_is_one_too
    a_flood_is_one_more_alert_and_no_more
    an_acknowledged_alert_is_not_open_and_not_told_again
    channels_hear_what_they_want_and_a_failing_one_does_not_hear_of_itself
    a_delivery_waits_is_given_up_and_goes_with_its_channel
    what_no_engine_keeps_is_kept_by_its_hash
}

async fn log(fresh: &Fresh) -> (Store, LogId) {
    let (store, row) = fresh.log().await;
    (store, row.id)
}

fn alert(code: &'static str, subject: &str) -> Alert {
    Alert {
        severity: Severity::Availability,
        code,
        subject: subject.into(),
        text: "it is gone".into(),
    }
}

async fn told(store: &Store, channel: &str, now: u64) -> Vec<(Event, String)> {
    let mut told = Vec::new();
    while let Some(waiting) = store.next_delivery(channel, now).await.unwrap() {
        store.delivered(waiting.row, now).await.unwrap();
        told.push((waiting.event, waiting.alert.code));
    }
    told
}

async fn what_flickers_is_told_once_and_its_end_only_when_it_lasts(fresh: Fresh) {
    let (store, log) = log(&fresh).await;
    let chat = [("chat".to_owned(), Vec::new())];
    store.set_channels(&chat, 0).await.unwrap();
    let gone = alert("unreachable", "");
    assert!(store.raise(Some(log), &gone, 1).await.unwrap());
    for minute in 1..60 {
        let now = minute * 60;
        store.resolve(log, "unreachable", now).await.unwrap();
        store.queue_ends(now).await.unwrap();
        assert!(!store.raise(Some(log), &gone, now + 30).await.unwrap());
    }
    let kept = store.alerts(10).await.unwrap();
    assert_eq!((kept.len(), kept[0].again, kept[0].resolved), (1, 59, None));
    assert_eq!(
        told(&store, "chat", 4000).await,
        [(Event::Raised, "unreachable".into())]
    );
    store.resolve(log, "unreachable", 5000).await.unwrap();
    store.queue_ends(5000 + QUIET_S - 1).await.unwrap();
    assert_eq!(told(&store, "chat", 9000).await, []);
    store.queue_ends(5000 + QUIET_S).await.unwrap();
    store.queue_ends(9000).await.unwrap();
    assert_eq!(
        told(&store, "chat", 9000).await,
        [(Event::Ended, "unreachable".into())]
    );
    // After its end was told it is another alert, under another name.
    assert!(store.raise(Some(log), &gone, 9001).await.unwrap());
    let kept = store.alerts(10).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert_ne!(kept[0].id, kept[1].id);
}

async fn a_fact_about_the_auditor_itself_is_one_too(fresh: Fresh) {
    let (store, _) = log(&fresh).await;
    let full = alert("disk-full", "");
    assert!(store.raise(None, &full, 1).await.unwrap());
    assert!(!store.raise(None, &full, 2).await.unwrap());
    store.resolve_own("disk-full", "", 3).await.unwrap();
    assert!(store.alerts(10).await.unwrap()[0].resolved.is_some());
}

#[tokio::test]
async fn a_fact_has_the_same_name_in_every_database() {
    let engines = [
        Some(Fresh::sqlite()),
        Fresh::postgres(),
        Some(Fresh::sqlite()),
    ];
    let mut names = Vec::new();
    for fresh in engines.into_iter().flatten() {
        let (store, log) = log(&fresh).await;
        store.raise(None, &alert("other", ""), 1).await.unwrap();
        let time = names.len() as u64 + 5;
        store
            .raise(Some(log), &alert("stale", "7"), time)
            .await
            .unwrap();
        names.push(store.alerts(1).await.unwrap()[0].id.clone());
    }
    assert_eq!(names[0], names[1]);
    assert_eq!(names[0].len(), 32);
}

async fn a_flood_is_one_more_alert_and_no_more(fresh: Fresh) {
    let (store, log) = log(&fresh).await;
    for n in 0..u64::from(MAX_OPEN_OF_CODE) + 50 {
        let alert = alert("rule-broken", &n.to_string());
        store.raise(Some(log), &alert, n).await.unwrap();
    }
    let kept = store.alerts(1000).await.unwrap();
    assert_eq!(kept.len(), MAX_OPEN_OF_CODE as usize + 1);
    assert_eq!(
        (kept[0].code.as_str(), kept[0].subject.as_str()),
        (FLOOD, "rule-broken")
    );
}

async fn an_acknowledged_alert_is_not_open_and_not_told_again(fresh: Fresh) {
    let (store, log) = log(&fresh).await;
    store
        .set_channels(&[("chat".to_owned(), Vec::new())], 0)
        .await
        .unwrap();
    let broken = alert("rule-broken", "seq 5");
    store.raise(Some(log), &broken, 1).await.unwrap();
    let id = store.alerts(1).await.unwrap()[0].id.clone();
    assert!(store.acknowledge_alert(&id, "known", 2).await.unwrap());
    assert!(!store.acknowledge_alert(&id, "again", 3).await.unwrap());
    assert!(!store.acknowledge_alert("none", "why", 3).await.unwrap());
    assert!(!store.raise(Some(log), &broken, 4).await.unwrap());
    assert_eq!(store.open_alerts().await.unwrap(), []);
    let events: Vec<_> = told(&store, "chat", 9)
        .await
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    assert_eq!(events, [Event::Raised, Event::Acknowledged]);
}

async fn channels_hear_what_they_want_and_a_failing_one_does_not_hear_of_itself(fresh: Fresh) {
    let (store, log) = log(&fresh).await;
    let channels = [
        ("all".to_owned(), Vec::new()),
        ("own".to_owned(), vec![Severity::Own, Severity::Tamper]),
    ];
    store.set_channels(&channels, 0).await.unwrap();
    store
        .raise(Some(log), &alert("stale", ""), 1)
        .await
        .unwrap();
    let failing = Alert {
        severity: Severity::Own,
        ..alert("channel-failing", "all")
    };
    store.raise(None, &failing, 2).await.unwrap();
    assert_eq!(
        told(&store, "all", 9).await,
        [(Event::Raised, "stale".into())]
    );
    assert_eq!(
        told(&store, "own", 9).await,
        [(Event::Raised, "channel-failing".into())]
    );
    assert_eq!(
        store.delivery_counts().await.unwrap(),
        [("all".into(), [1, 0, 0]), ("own".into(), [1, 0, 0])]
    );
}

async fn a_delivery_waits_is_given_up_and_goes_with_its_channel(fresh: Fresh) {
    let (store, log) = log(&fresh).await;
    store
        .set_channels(&[("chat".to_owned(), Vec::new())], 0)
        .await
        .unwrap();
    for subject in ["1", "2", "3"] {
        store
            .raise(Some(log), &alert("stale", subject), 1)
            .await
            .unwrap();
    }
    let first = store.next_delivery("chat", 5).await.unwrap().unwrap();
    store
        .not_delivered(first.row, Some(100), "down")
        .await
        .unwrap();
    // The next one does not wait for it.
    let second = store.next_delivery("chat", 5).await.unwrap().unwrap();
    assert_ne!(second.row, first.row);
    store
        .not_delivered(second.row, None, "never")
        .await
        .unwrap();
    let again = store.next_delivery("chat", 100).await.unwrap().unwrap();
    assert_eq!((again.row, again.tries), (first.row, 1));
    store.set_channels(&[], 200).await.unwrap();
    assert_eq!(store.next_delivery("chat", 300).await.unwrap(), None);
    let counts = store.delivery_counts().await.unwrap();
    assert_eq!(counts, [("chat".into(), [0, 0, 3])]);
}

async fn what_no_engine_keeps_is_kept_by_its_hash(fresh: Fresh) {
    let (store, log) = log(&fresh).await;
    // A log chooses the words: too long for an index, or with a character that PostgreSQL refuses.
    let long = "\u{1f50d}".repeat(20_000);
    let other = format!("{long}x");
    for subject in ["a\0b", &long, &other] {
        let told = Alert {
            text: format!("text\0 {subject}"),
            ..alert("unreachable", subject)
        };
        assert!(store.raise(Some(log), &told, 1).await.unwrap());
        assert!(!store.raise(Some(log), &told, 2).await.unwrap(), "one fact");
    }
    assert_eq!(store.alerts(9).await.unwrap().len(), 3);
    store
        .resolve_subject(Some(log), "unreachable", &long, 3)
        .await
        .unwrap();
    let open = store.open_alert_list(9).await.unwrap();
    assert_eq!(open.len(), 2, "the other one ended");
    assert!(open.iter().all(|kept| !kept.text.contains('\0')));
}
